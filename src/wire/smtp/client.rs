//! SMTP and LMTP seen from the client: what we say to a next hop, and what its answers mean. RFC 5321 section 3, RFC 2033, RFC 4954;
//! XCLIENT as Postfix defines it (XCLIENT_README). Without sockets.

use crate::{
    base::{hidden::Hidden, limits},
    mail::{Address, BodyType, Domain, Envelope, Peer, Recipient, Return, ReversePath},
};
use data_encoding::BASE64;
use std::net::IpAddr;

/// One reply of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerReply {
    /// Three digits.
    pub code: u16,
    /// The lines without code, separator and CRLF; not trusted, cut to a bound.
    pub lines: Vec<String>,
}

impl ServerReply {
    /// 2xx.
    pub fn is_yes(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// 5xx.
    pub fn is_no(&self) -> bool {
        (500..600).contains(&self.code)
    }

    /// The enhanced code at the start of the text, RFC 2034 section 3, if its class agrees with the basic code.
    pub fn enhanced(&self) -> Option<&str> {
        let word = self.lines.first()?.split(' ').next()?;
        let mut numbers = word.split('.');
        let class = numbers.next()?;
        let (subject, detail) = (numbers.next()?, numbers.next()?);
        let number = |text: &str| {
            (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let agrees = class.len() == 1 && self.code.to_string().starts_with(class);
        (agrees && number(subject) && number(detail) && numbers.next().is_none()).then_some(word)
    }

    /// One line for logs: printable, without line ends.
    pub fn one_line(&self) -> String {
        let text = self.lines.join(" / ");
        let clean: String = text
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .take(300)
            .collect();
        format!("{} {clean}", self.code)
    }
}

/// Why bytes are no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an SMTP reply: {0:?}")]
pub struct NotAReply(pub String);

/// Takes one reply off the front of a buffer: the reply and how many bytes it took; none while it is incomplete.
pub fn take_reply(buffer: &[u8]) -> Result<Option<(ServerReply, usize)>, NotAReply> {
    let mut lines = Vec::new();
    let mut at = 0;
    loop {
        let rest = buffer.get(at..).unwrap_or_default();
        let Some(lf) = memchr::memchr(b'\n', rest) else {
            return match rest.len() > limits::REPLY_LINE_BYTES_MAX {
                true => Err(NotAReply("a line that does not end".to_string())),
                false => Ok(None),
            };
        };
        let line = rest.get(..lf).unwrap_or_default().trim_ascii_end();
        let text = String::from_utf8_lossy(
            line.get(..line.len().min(limits::REPLY_LINE_BYTES_MAX)).unwrap_or_default(),
        );
        let wrong =
            || NotAReply(text.chars().filter(|letter| !letter.is_control()).take(60).collect());
        let (digits, after) = text.split_at_checked(3).ok_or_else(wrong)?;
        let code: u16 =
            digits.parse().ok().filter(|code| (200..600).contains(code)).ok_or_else(wrong)?;
        lines.push(after.get(1..).unwrap_or_default().to_string());
        at += lf + 1;
        match after.chars().next() {
            Some('-') if lines.len() < limits::REPLY_LINES_MAX => (),
            None | Some(' ') => return Ok(Some((ServerReply { code, lines }, at))),
            Some(_) => return Err(wrong()),
        }
    }
}

/// What a server announced after EHLO.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// PIPELINING, RFC 2920.
    pub pipelining: bool,
    /// STARTTLS.
    pub starttls: bool,
    /// 8BITMIME.
    pub eight_bit: bool,
    /// SMTPUTF8.
    pub smtputf8: bool,
    /// DSN.
    pub dsn: bool,
    /// REQUIRETLS.
    pub requiretls: bool,
    /// SIZE: the largest message; 0 when it named none.
    pub size: Option<u64>,
    /// AUTH PLAIN, RFC 4616.
    pub auth_plain: bool,
    /// AUTH LOGIN, which no RFC defines and every server knows.
    pub auth_login: bool,
    /// XCLIENT: what it wants to be told of a client.
    pub xclient: Vec<ClientAttribute>,
}

/// What a server may be told of a client, in the words of XCLIENT. LOGIN is never sent: whoever logged in with us did not log in there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAttribute {
    /// Its name by reverse look-up.
    Name,
    /// Its address.
    Addr,
    /// The port it came from.
    Port,
    /// SMTP or ESMTP.
    Proto,
    /// What it said after HELO or EHLO.
    Helo,
}

impl Capabilities {
    /// Reads the reply to EHLO.
    pub fn read(reply: &ServerReply) -> Capabilities {
        let mut found = Capabilities::default();
        for line in reply.lines.iter().skip(1) {
            let (keyword, value) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            match keyword.to_ascii_uppercase().as_str() {
                "PIPELINING" => found.pipelining = true,
                "STARTTLS" => found.starttls = true,
                "8BITMIME" => found.eight_bit = true,
                "SMTPUTF8" => found.smtputf8 = true,
                "DSN" => found.dsn = true,
                "REQUIRETLS" => found.requiretls = true,
                "SIZE" => found.size = Some(value.trim().parse().unwrap_or(0)),
                "AUTH" => {
                    let has =
                        |name: &str| value.split(' ').any(|one| one.eq_ignore_ascii_case(name));
                    (found.auth_plain, found.auth_login) = (has("PLAIN"), has("LOGIN"));
                }
                "XCLIENT" => {
                    found.xclient =
                        value.split(' ').filter_map(ClientAttribute::from_word).collect();
                }
                _ => (),
            }
        }
        found
    }

    /// Is a message of this size too big for the server, by its own word?
    pub fn refuses_size(&self, bytes: u64) -> bool {
        self.size.is_some_and(|max| max > 0 && bytes > max)
    }
}

/// EHLO, with CRLF.
pub fn ehlo(name: &str) -> String {
    format!("EHLO {name}\r\n")
}

/// LHLO, with CRLF: the EHLO of LMTP, RFC 2033 section 4.1.
pub fn lhlo(name: &str) -> String {
    format!("LHLO {name}\r\n")
}

impl ClientAttribute {
    fn from_word(word: &str) -> Option<ClientAttribute> {
        let all = [
            ClientAttribute::Name,
            ClientAttribute::Addr,
            ClientAttribute::Port,
            ClientAttribute::Proto,
            ClientAttribute::Helo,
        ];
        all.into_iter().find(|attribute| attribute.word().eq_ignore_ascii_case(word))
    }

    fn word(self) -> &'static str {
        match self {
            ClientAttribute::Name => "NAME",
            ClientAttribute::Addr => "ADDR",
            ClientAttribute::Port => "PORT",
            ClientAttribute::Proto => "PROTO",
            ClientAttribute::Helo => "HELO",
        }
    }

    /// What is said of this client. Nothing known is said too: what was said of another one before must not stay.
    fn value(self, peer: &Peer) -> String {
        const UNKNOWN: &str = "[UNAVAILABLE]";
        match self {
            // Nobody has looked it up.
            ClientAttribute::Name => UNKNOWN.to_string(),
            ClientAttribute::Addr => match peer.address {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("IPV6:{address}"),
            },
            ClientAttribute::Port => {
                peer.port.map_or_else(|| UNKNOWN.to_string(), |port| port.to_string())
            }
            ClientAttribute::Proto if peer.extended => "ESMTP".to_string(),
            ClientAttribute::Proto => "SMTP".to_string(),
            ClientAttribute::Helo if peer.helo.is_empty() => UNKNOWN.to_string(),
            ClientAttribute::Helo => xtext(&peer.helo),
        }
    }
}

/// XCLIENT with all that the server wants to know of a client, each with CRLF; several where one would be too long.
pub fn xclient(peer: &Peer, wanted: &[ClientAttribute]) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for attribute in wanted {
        let text = format!(" {}={}", attribute.word(), attribute.value(peer));
        match commands.last_mut() {
            Some(last) if last.len() + text.len() + 2 <= limits::XCLIENT_LINE_BYTES_MAX => {
                last.push_str(&text);
            }
            Some(_) | None => commands.push(format!("XCLIENT{text}")),
        }
    }
    commands.iter_mut().for_each(|command| command.push_str("\r\n"));
    commands
}

/// The name for the EHLO after XCLIENT: the client's, as if it had come itself (the server takes HELO from there), if it is a name
/// at all; else ours.
pub fn hello_of(peer: &Peer, ours: &str) -> String {
    let literal = peer.helo.starts_with('[')
        && peer.helo.bytes().all(|byte| byte.is_ascii_hexdigit() || b"[]:.IPViv".contains(&byte));
    match literal || Domain::parse(&peer.helo).is_ok() {
        true => peer.helo.clone(),
        false => ours.to_string(),
    }
}

/// RFC 3461 section 4: printable ASCII but `+` and `=` stands for itself, every other byte is `+` and two hex digits.
fn xtext(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if byte != b'+' && byte != b'=' => written.push(char::from(byte)),
            other => written.push_str(&format!("+{other:02X}")),
        }
    }
    written
}

/// Whom we are at a server that wants to know.
#[derive(Debug, Clone)]
pub struct Login {
    /// Our name there.
    pub user: String,
    /// What proves it.
    pub password: Hidden<String>,
}

/// AUTH PLAIN with its initial response, RFC 4616 section 2 and RFC 4954 section 4, with CRLF.
pub fn auth_plain(login: &Login) -> Hidden<String> {
    let whole = Hidden::new("password", format!("\0{}\0{}", login.user, login.password.expose()));
    Hidden::new("password", format!("AUTH PLAIN {}\r\n", BASE64.encode(whole.expose().as_bytes())))
}

/// The lines of AUTH LOGIN: the command, the name, the password; each but the last is answered by 334.
pub fn auth_login(login: &Login) -> [Hidden<String>; 3] {
    let line =
        |text: &str| Hidden::new("password", format!("{}\r\n", BASE64.encode(text.as_bytes())));
    let command = Hidden::new("password", "AUTH LOGIN\r\n".to_string());
    [command, line(&login.user), line(login.password.expose())]
}

/// HELO, for servers that do not know EHLO.
pub fn helo(name: &str) -> String {
    format!("HELO {name}\r\n")
}

/// MAIL FROM with the parameters the server understands, with CRLF.
pub fn mail_from(envelope: &Envelope, size: u64, server: &Capabilities) -> String {
    let mut line = format!("MAIL FROM:<{}>", envelope.sender);
    if server.size.is_some() {
        line.push_str(&format!(" SIZE={size}"));
    }
    // 8-bit content passes unconverted even where 8BITMIME is not offered: every server in use takes it.
    if server.eight_bit && envelope.body == BodyType::EightBit {
        line.push_str(" BODY=8BITMIME");
    }
    if server.smtputf8 && envelope.smtputf8 {
        line.push_str(" SMTPUTF8");
    }
    if server.requiretls && envelope.require_tls {
        line.push_str(" REQUIRETLS");
    }
    if server.dsn {
        match envelope.dsn.ret {
            Some(Return::Full) => line.push_str(" RET=FULL"),
            Some(Return::Headers) => line.push_str(" RET=HDRS"),
            None => (),
        }
        if let Some(id) = &envelope.dsn.envelope_id {
            line.push_str(&format!(" ENVID={id}"));
        }
    }
    line + "\r\n"
}

/// RCPT TO with the parameters the server understands, with CRLF.
pub fn rcpt_to(recipient: &Recipient, server: &Capabilities) -> String {
    let mut line = format!("RCPT TO:<{}>", recipient.address);
    if server.dsn {
        if let Some(notify) = recipient.notify.to_wire() {
            line.push_str(&format!(" NOTIFY={notify}"));
        }
        if let Some(original) = &recipient.original {
            line.push_str(&format!(" ORCPT={original}"));
        }
    }
    line + "\r\n"
}

/// The callout: would this address be taken? RFC 5321 section 3.6.3 lets a gateway ask.
pub fn probe(address: &Address) -> [String; 2] {
    [format!("MAIL FROM:<{}>\r\n", ReversePath::Null), format!("RCPT TO:<{address}>\r\n")]
}

/// DATA, with CRLF.
pub const DATA: &str = "DATA\r\n";
/// RSET, with CRLF.
pub const RSET: &str = "RSET\r\n";
/// QUIT, with CRLF.
pub const QUIT: &str = "QUIT\r\n";
/// STARTTLS, with CRLF.
pub const STARTTLS: &str = "STARTTLS\r\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{DsnRequest, Notify};

    #[test]
    fn replies_are_taken_whole() {
        let reply = |code, lines: &[&str]| ServerReply {
            code,
            lines: lines.iter().map(|line| line.to_string()).collect(),
        };
        for (buffer, want) in [
            ("250 2.0.0 ok\r\n250", Ok(Some((reply(250, &["2.0.0 ok"]), 14)))),
            ("250-a\r\n250-b\r\n250 c\r\n", Ok(Some((reply(250, &["a", "b", "c"]), 21)))),
            ("250\r\n", Ok(Some((reply(250, &[""]), 5)))),
            ("250 ok\n", Ok(Some((reply(250, &["ok"]), 7)))),
            ("250-a\r\n25", Ok(None)),
            ("", Ok(None)),
            ("HTTP/1.1 400\r\n", Err(())),
            ("99 x\r\n", Err(())),
            ("777 x\r\n", Err(())),
            ("250x\r\n", Err(())),
        ] {
            assert_eq!(take_reply(buffer.as_bytes()).map_err(|_| ()), want, "{buffer:?}");
        }
        assert_eq!(reply(550, &["5.1.1 no"]).enhanced(), Some("5.1.1"));
        assert_eq!(reply(550, &["4.1.1 no"]).enhanced(), None);
        assert_eq!(reply(550, &["no such user"]).enhanced(), None);
    }

    #[test]
    fn parameters_go_only_where_they_are_understood() {
        let mut envelope = Envelope::from(ReversePath::Null);
        envelope.body = BodyType::EightBit;
        envelope.dsn = DsnRequest { ret: Some(Return::Full), envelope_id: Some("x".to_string()) };
        let mut recipient = Recipient::plain(Address::parse("b@ours.example").unwrap());
        recipient.notify = Notify::NEVER;
        let all = Capabilities::read(&ServerReply {
            code: 250,
            lines: ["mx", "size 100", "8BITMIME", "DSN", "PIPELINING"].map(String::from).to_vec(),
        });
        assert_eq!(
            mail_from(&envelope, 7, &all),
            "MAIL FROM:<> SIZE=7 BODY=8BITMIME RET=FULL ENVID=x\r\n"
        );
        assert_eq!(rcpt_to(&recipient, &all), "RCPT TO:<b@ours.example> NOTIFY=NEVER\r\n");
        assert!(all.refuses_size(101) && all.pipelining);
        let none = Capabilities::default();
        assert_eq!(mail_from(&envelope, 7, &none), "MAIL FROM:<>\r\n");
        assert_eq!(rcpt_to(&recipient, &none), "RCPT TO:<b@ours.example>\r\n");
    }

    #[test]
    fn a_server_is_told_of_a_client_what_it_asks_for() {
        let offers = |line: &str| {
            Capabilities::read(&ServerReply {
                code: 250,
                lines: vec!["mx".to_string(), line.to_string()],
            })
            .xclient
        };
        let mut peer = Peer::at("192.0.2.7".parse().unwrap());
        let all = offers("XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT");
        for (helo, port, wanted, want) in [
            (
                "mail.far.example",
                Some(40_000),
                &all,
                "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.7 PROTO=SMTP HELO=mail.far.example PORT=40000\r\n",
            ),
            (
                "",
                None,
                &offers("XCLIENT addr Port helo"),
                "XCLIENT ADDR=192.0.2.7 PORT=[UNAVAILABLE] HELO=[UNAVAILABLE]\r\n",
            ),
            (
                "a b+c=d\u{e4}",
                None,
                &offers("XCLIENT HELO"),
                "XCLIENT HELO=a+20b+2Bc+3Dd+C3+A4\r\n",
            ),
            ("x", None, &offers("XCLIENT LOGIN"), ""),
        ] {
            (peer.helo, peer.port) = (helo.to_string(), port);
            assert_eq!(xclient(&peer, wanted).concat(), want, "{helo}");
        }
        peer = Peer { helo: "x".repeat(495), ..Peer::at("2001:db8::7".parse().unwrap()) };
        let commands = xclient(&peer, &all);
        assert_eq!(commands.len(), 3, "{commands:?}");
        assert!(commands.iter().all(|command| command.len() <= limits::XCLIENT_LINE_BYTES_MAX));
        assert!(commands.concat().contains("ADDR=IPV6:2001:db8::7 PROTO=SMTP\r\n"), "{commands:?}");
        for (helo, want) in [
            ("mail.far.example", "mail.far.example"),
            ("[IPv6:2001:db8::7]", "[IPv6:2001:db8::7]"),
            ("[192.0.2.7]", "[192.0.2.7]"),
            ("", "us"),
            ("a b", "us"),
            ("[192.0.2.7] x", "us"),
        ] {
            peer.helo = helo.to_string();
            assert_eq!(hello_of(&peer, "us"), want, "{helo}");
        }
    }

    #[test]
    fn logging_in_is_written_as_servers_read_it() {
        let login =
            Login { user: "us".to_string(), password: Hidden::new("password", "p w".to_string()) };
        assert_eq!(auth_plain(&login).expose(), "AUTH PLAIN AHVzAHAgdw==\r\n");
        let lines = auth_login(&login);
        let lines: Vec<&str> = lines.iter().map(|line| line.expose().as_str()).collect();
        assert_eq!(lines, ["AUTH LOGIN\r\n", "dXM=\r\n", "cCB3\r\n"]);
        assert!(!format!("{login:?}").contains("p w"));
        let server = Capabilities::read(&ServerReply {
            code: 250,
            lines: vec!["mx".to_string(), "AUTH CRAM-MD5 login".to_string()],
        });
        assert!(server.auth_login && !server.auth_plain);
    }
}

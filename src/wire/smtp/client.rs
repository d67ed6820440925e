//! SMTP seen from the client: what we say to a next hop, and what its answers mean. RFC 5321 section 3, without sockets.

use crate::{
    base::limits,
    mail::{Address, BodyType, Envelope, Recipient, Return, ReversePath},
};

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
    /// SIZE: the largest message; 0 when it named none.
    pub size: Option<u64>,
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
                "SIZE" => found.size = Some(value.trim().parse().unwrap_or(0)),
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
}

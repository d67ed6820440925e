//! One command line to a value, RFC 5321 section 4.1, with the parameters of RFC 1870, 3030, 3461, 4954, 6152 and 6531.
//!
//! Our own reader, because a gateway must see what a lenient one repairs: the crates' readers drop source routes,
//! undo quotes in local parts before anybody can look at them and end a line at a bare LF.
//! Here such a line is an error with its reply; nothing is guessed.

use crate::{
    base::{hidden::Hidden, limits},
    mail::{Address, BodyType, DsnRequest, Notify, Recipient, Return, ReversePath},
    wire::smtp::{
        replies::{self, Reply},
        session::Offers,
    },
};

/// What a client may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// EHLO with a name.
    Ehlo(String),
    /// HELO with a name.
    Helo(String),
    /// MAIL FROM with its parameters.
    Mail(MailFrom),
    /// RCPT TO with its parameters.
    Rcpt(Recipient),
    /// DATA.
    Data,
    /// BDAT, RFC 3030 section 2.
    Bdat {
        /// Bytes that follow the line.
        bytes: u64,
        /// The last chunk.
        last: bool,
    },
    /// STARTTLS, RFC 3207.
    StartTls,
    /// AUTH, RFC 4954 section 4.
    Auth {
        /// How.
        mechanism: Mechanism,
        /// The initial response, still in base64.
        initial: Option<Hidden<String>>,
    },
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// QUIT.
    Quit,
    /// HELP.
    Help,
    /// VRFY.
    Vrfy,
    /// EXPN, ETRN and others that exist and are not offered here.
    NotOffered,
}

/// How a client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// Name and password in one message, RFC 4616.
    Plain,
    /// Name and password asked one after the other: never standardised, and what many programs still speak.
    Login,
}

/// MAIL FROM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailFrom {
    /// The reverse path.
    pub sender: ReversePath,
    /// SIZE=, bytes.
    pub size: Option<u64>,
    /// BODY=.
    pub body: BodyType,
    /// SMTPUTF8.
    pub smtputf8: bool,
    /// RET= and ENVID=.
    pub dsn: DsnRequest,
    /// REQUIRETLS, RFC 8689.
    pub require_tls: bool,
}

/// Reads one line without its CRLF. The error is what the client hears.
pub fn parse(line: &[u8], offers: &Offers) -> Result<Command, Reply> {
    let line = std::str::from_utf8(line).map_err(|_| replies::NOT_UNDERSTOOD)?;
    if line.chars().any(char::is_control) {
        return Err(replies::CONTROL_CHARACTERS);
    }
    let line = line.trim_end_matches(' ');
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let verb = verb.to_ascii_uppercase();
    match verb.as_str() {
        "EHLO" => helo_name(rest).map(Command::Ehlo),
        "HELO" => helo_name(rest).map(Command::Helo),
        "MAIL" => mail_from(rest, offers),
        "RCPT" => rcpt_to(rest, offers),
        "DATA" => alone(rest, Command::Data),
        "BDAT" => chunk(rest),
        "STARTTLS" => alone(rest, Command::StartTls),
        "RSET" => alone(rest, Command::Rset),
        "QUIT" => alone(rest, Command::Quit),
        // RFC 5321 section 4.1.1.9: NOOP may carry anything.
        "NOOP" => Ok(Command::Noop),
        "HELP" => Ok(Command::Help),
        "VRFY" => Ok(Command::Vrfy),
        "AUTH" if offers.auth => auth(rest),
        "EXPN" | "ETRN" | "AUTH" | "SEND" | "SOML" | "SAML" | "TURN" | "ATRN" | "BURL" => {
            Ok(Command::NotOffered)
        }
        _ => Err(replies::NOT_UNDERSTOOD),
    }
}

fn alone(rest: &str, command: Command) -> Result<Command, Reply> {
    match rest {
        "" => Ok(command),
        _ => Err(replies::NO_ARGUMENT),
    }
}

fn helo_name(rest: &str) -> Result<String, Reply> {
    let name = rest.trim();
    // RFC 5321 section 4.1.4: a name that does not check out is no reason to refuse, so only its form is looked at here.
    if (1..=limits::HELO_NAME_BYTES_MAX).contains(&name.len()) && !name.contains(' ') {
        return Ok(name.to_string());
    }
    Err(replies::BAD_HELO)
}

fn auth(rest: &str) -> Result<Command, Reply> {
    let (mechanism, initial) = match rest.split_once(' ') {
        Some((mechanism, initial)) => (mechanism, Some(initial)),
        None => (rest, None),
    };
    let mechanism = match mechanism.to_ascii_uppercase().as_str() {
        "PLAIN" => Mechanism::Plain,
        "LOGIN" => Mechanism::Login,
        "" => return Err(replies::BAD_AUTH),
        _ => return Err(replies::NO_SUCH_MECHANISM),
    };
    if initial.is_some_and(|initial| initial.is_empty() || initial.contains(' ')) {
        return Err(replies::BAD_AUTH);
    }
    Ok(Command::Auth {
        mechanism,
        initial: initial.map(|initial| Hidden::new("log-in", initial.to_string())),
    })
}

fn chunk(rest: &str) -> Result<Command, Reply> {
    let (size, last) = match rest.split_once(' ') {
        Some((size, word)) if word.trim().eq_ignore_ascii_case("LAST") => (size, true),
        Some(_) => return Err(replies::BAD_CHUNK),
        None => (rest, false),
    };
    // Digits only: parse() alone would take a sign.
    if !size.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(replies::BAD_CHUNK);
    }
    size.parse().map(|bytes| Command::Bdat { bytes, last }).map_err(|_| replies::BAD_CHUNK)
}

fn mail_from(rest: &str, offers: &Offers) -> Result<Command, Reply> {
    let (path, parameters) = path(rest, "FROM:")?;
    let mut mail = MailFrom {
        sender: ReversePath::parse(path).map_err(|_| replies::BAD_SENDER)?,
        size: None,
        body: BodyType::SevenBit,
        smtputf8: false,
        dsn: DsnRequest::default(),
        require_tls: false,
    };
    for (keyword, value) in parameters {
        match (keyword.to_ascii_uppercase().as_str(), value) {
            // RFC 1870 section 5: up to 20 digits.
            ("SIZE", Some(value))
                if value.bytes().all(|byte| byte.is_ascii_digit()) && value.len() <= 20 =>
            {
                mail.size = Some(value.parse().unwrap_or(u64::MAX));
            }
            ("BODY", Some(value)) if value.eq_ignore_ascii_case("7BIT") => {
                mail.body = BodyType::SevenBit
            }
            ("BODY", Some(value)) if value.eq_ignore_ascii_case("8BITMIME") => {
                mail.body = BodyType::EightBit
            }
            ("BODY", Some(_)) => return Err(replies::BAD_PARAMETER),
            ("SMTPUTF8", None) if offers.smtputf8 => mail.smtputf8 = true,
            ("REQUIRETLS", None) if offers.requiretls => mail.require_tls = true,
            ("REQUIRETLS", Some(_)) if offers.requiretls => return Err(replies::BAD_VALUE),
            ("RET", Some(value)) if offers.dsn && value.eq_ignore_ascii_case("FULL") => {
                mail.dsn.ret = Some(Return::Full)
            }
            ("RET", Some(value)) if offers.dsn && value.eq_ignore_ascii_case("HDRS") => {
                mail.dsn.ret = Some(Return::Headers)
            }
            // RFC 3461 section 4.4: at most 100 characters of xtext.
            ("ENVID", Some(value)) if offers.dsn && is_xtext(value, 100) => {
                mail.dsn.envelope_id = Some(value.to_string())
            }
            // RFC 4954 section 5: whose mail a trusted client says it is. We trust none, so it is as if <> stood there.
            ("AUTH", Some(value)) if offers.auth && is_xtext(value, 500) => (),
            ("AUTH", _) if offers.auth => return Err(replies::BAD_VALUE),
            ("SIZE", _) => return Err(replies::BAD_VALUE),
            ("RET" | "ENVID", _) if offers.dsn => return Err(replies::BAD_VALUE),
            _ => return Err(replies::BAD_PARAMETER),
        }
    }
    if !mail.smtputf8 && mail.sender.address().is_some_and(Address::is_unicode) {
        return Err(replies::NEEDS_SMTPUTF8);
    }
    Ok(Command::Mail(mail))
}

fn rcpt_to(rest: &str, offers: &Offers) -> Result<Command, Reply> {
    let (path, parameters) = path(rest, "TO:")?;
    let address = Address::parse(path).map_err(|_| replies::BAD_RECIPIENT)?;
    let mut recipient = Recipient::plain(address);
    for (keyword, value) in parameters {
        match (keyword.to_ascii_uppercase().as_str(), value) {
            ("NOTIFY", Some(value)) if offers.dsn => {
                recipient.notify = notify(value).ok_or(replies::BAD_VALUE)?
            }
            // RFC 3461 section 4.2: type;xtext, at most 500 characters.
            ("ORCPT", Some(value)) if offers.dsn => match value.split_once(';') {
                Some((kind, address)) if !kind.is_empty() && is_xtext(address, 500) => {
                    recipient.original = Some(value.to_string())
                }
                _ => return Err(replies::BAD_VALUE),
            },
            _ => return Err(replies::BAD_PARAMETER),
        }
    }
    Ok(Command::Rcpt(recipient))
}

/// A parameter's keyword and, behind `=`, its value.
type Parameter<'a> = (&'a str, Option<&'a str>);

/// The path and the parameters behind it. RFC 5321 section 3.3 has no space after the colon; many clients send one.
fn path<'a>(rest: &'a str, keyword: &str) -> Result<(&'a str, Vec<Parameter<'a>>), Reply> {
    let (head, tail) = rest.split_at_checked(keyword.len()).ok_or(replies::BAD_PATH)?;
    if !head.eq_ignore_ascii_case(keyword) {
        return Err(replies::BAD_PATH);
    }
    let inner = tail.trim_start_matches(' ').strip_prefix('<').ok_or(replies::BAD_PATH)?;
    let end = closing_bracket(inner).ok_or(replies::BAD_PATH)?;
    let (path, after) = inner.split_at_checked(end).ok_or(replies::BAD_PATH)?;
    if path.len() > limits::PATH_BYTES_MAX {
        return Err(replies::BAD_PATH);
    }
    let after = after.get(1..).unwrap_or_default();
    if !after.is_empty() && !after.starts_with(' ') {
        return Err(replies::BAD_PATH);
    }
    let parameters = after.split(' ').filter(|word| !word.is_empty());
    let pairs = parameters
        .map(|word| word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value))));
    Ok((path, pairs.collect()))
}

/// The `>` that ends the path: one inside quotes does not.
fn closing_bracket(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at),
            _ => (),
        }
    }
    None
}

/// RFC 3461 section 4.1: NEVER alone, or a list of the others.
fn notify(value: &str) -> Option<Notify> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(Notify::NEVER);
    }
    let mut notify = Notify::NEVER;
    for word in value.split(',') {
        match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => notify.success = true,
            "FAILURE" => notify.failure = true,
            "DELAY" => notify.delay = true,
            _ => return None,
        }
    }
    Some(notify)
}

/// RFC 3461 section 4: printable ASCII without `=`, `+` only before two upper-case hex digits.
fn is_xtext(text: &str, bytes_max: usize) -> bool {
    let mut bytes = text.bytes();
    let mut good = (1..=bytes_max).contains(&text.len());
    while let Some(byte) = bytes.next() {
        good &= match byte {
            b'+' => {
                let hex = |byte: Option<u8>| {
                    byte.is_some_and(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
                };
                hex(bytes.next()) && hex(bytes.next())
            }
            other => other.is_ascii_graphic() && other != b'=',
        };
    }
    good
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Offers = Offers {
        size_max: 1_000,
        starttls: true,
        smtputf8: true,
        dsn: true,
        auth: true,
        requiretls: true,
    };
    const FEW: Offers = Offers {
        size_max: 1_000,
        starttls: false,
        smtputf8: false,
        dsn: false,
        auth: false,
        requiretls: false,
    };

    #[test]
    fn commands_that_are_refused() {
        for (line, code) in [
            ("", 500),
            ("FOO", 500),
            ("MAIL FROM:", 501),
            ("MAIL FROM:a@example", 501),
            ("MAIL FROM:<a@example", 501),
            ("MAIL FROM:<a@example>x", 501),
            ("MAIL FROM:<a@example> SIZE=x", 501),
            ("MAIL FROM:<a@example> SIZE=-1", 501),
            ("MAIL FROM:<a@example> BODY=BINARYMIME", 555),
            ("MAIL FROM:<a@example> REQUIRETLS=1", 501),
            ("MAIL FROM:<a@example> RET=ALL", 501),
            ("MAIL FROM:<åsa@example>", 553),
            ("RCPT TO:<>", 501),
            ("RCPT TO:<@relay.example:b@ours.example>", 501),
            ("RCPT TO:<b%elsewhere.example@ours.example>", 501),
            ("RCPT TO:<elsewhere.example!b@ours.example>", 501),
            ("RCPT TO:<b@elsewhere.example@ours.example>", 501),
            ("RCPT TO:<\"b@elsewhere.example\"@ours.example>", 501),
            ("RCPT TO:<b@ours.example> NOTIFY=NEVER,SUCCESS", 501),
            ("RCPT TO:<b@ours.example> ORCPT=rfc822", 501),
            ("RCPT TO:<b@ours.example> FOO=1", 555),
            ("DATA now", 501),
            ("BDAT", 501),
            ("BDAT +5", 501),
            ("BDAT 5 FIRST", 501),
            ("AUTH", 501),
            ("AUTH ", 501),
            ("AUTH PLAIN  =", 501),
            ("AUTH PLAIN dGVzdA== x", 501),
            ("AUTH CRAM-MD5", 504),
            ("AUTH PLAINER", 504),
            ("MAIL FROM:<a@example> AUTH", 501),
            ("MAIL FROM:<a@example> AUTH=a=b", 501),
            ("EHLO", 501),
            ("EHLO a b", 501),
            ("NOOP a\0b", 500),
            ("MAIL FROM:<a@example>\rRCPT TO:<b@example>", 500),
        ] {
            assert_eq!(
                parse(line.as_bytes(), &ALL).map_err(|reply| reply.code),
                Err(code),
                "{line:?}"
            );
        }
        assert_eq!(parse(b"\xff\xfe", &ALL).map_err(|reply| reply.code), Err(500));
        assert_eq!(
            parse(b"MAIL FROM:<a@example> SMTPUTF8", &FEW).map_err(|reply| reply.code),
            Err(555)
        );
        assert_eq!(
            parse(b"MAIL FROM:<a@example> RET=HDRS", &FEW).map_err(|reply| reply.code),
            Err(555)
        );
        assert_eq!(
            parse(b"MAIL FROM:<a@example> REQUIRETLS", &FEW).map_err(|reply| reply.code),
            Err(555)
        );
        assert_eq!(parse(b"AUTH PLAIN", &FEW), Ok(Command::NotOffered));
        assert_eq!(
            parse(b"MAIL FROM:<a@example> AUTH=<>", &FEW).map_err(|reply| reply.code),
            Err(555)
        );
        let long = format!("EHLO {}", "x".repeat(256));
        assert_eq!(parse(long.as_bytes(), &ALL).map_err(|reply| reply.code), Err(501));
    }

    #[test]
    fn parameters_are_kept() {
        let Ok(Command::Mail(mail)) = parse(
            b"mail from: <> size=12 body=8bitmime smtputf8 requiretls ret=hdrs envid=a+2Bb",
            &ALL,
        ) else {
            panic!("not understood");
        };
        assert_eq!(mail.sender, ReversePath::Null);
        assert_eq!((mail.size, mail.body, mail.smtputf8), (Some(12), BodyType::EightBit, true));
        assert!(mail.require_tls);
        assert_eq!(
            mail.dsn,
            DsnRequest { ret: Some(Return::Headers), envelope_id: Some("a+2Bb".to_string()) }
        );
        let Ok(Command::Rcpt(recipient)) = parse(
            b"RCPT TO:<b@ours.example> NOTIFY=success,FAILURE ORCPT=rfc822;B@ours.example",
            &ALL,
        ) else {
            panic!("not understood");
        };
        assert_eq!(recipient.notify.to_wire().as_deref(), Some("SUCCESS,FAILURE"));
        assert_eq!(recipient.original.as_deref(), Some("rfc822;B@ours.example"));
        let Ok(Command::Rcpt(quoted)) = parse(b"RCPT TO:<\"a > b\"@ours.example>", &ALL) else {
            panic!("not understood");
        };
        assert_eq!(quoted.address.local(), "a > b");
        assert!(matches!(
            parse(b"MAIL FROM:<a@example> AUTH=e+3Dmc2@example.com", &ALL),
            Ok(Command::Mail(_))
        ));
        let shown = format!("{:?}", parse(b"auth plain AGEAc2VjcmV0", &ALL));
        assert!(shown.contains("Plain") && !shown.contains("AGEAc2VjcmV0"), "{shown}");
        assert_eq!(parse(b"BDAT 5 last", &ALL), Ok(Command::Bdat { bytes: 5, last: true }));
    }
}

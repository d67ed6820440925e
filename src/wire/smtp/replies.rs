//! Everything we ever say to a client, in one place.
//!
//! Rules: the enhanced code is true (RFC 3463); the words help the person who reads the bounce; nothing of our configuration,
//! software version, scores or rule names is revealed; after MAIL the transaction id stands in every reply, so that
//! helpdesk, log and bounce speak of the same thing.

use crate::{base::ids::Id, wire::smtp::session::Offers};
use std::{borrow::Cow, fmt::Write};

/// One reply: basic code, enhanced code (RFC 3463; empty where none belongs), text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Three digits, RFC 5321 section 4.2.
    pub code: u16,
    /// "5.7.1", or empty for greeting, EHLO and 3xx (RFC 2034 section 4).
    pub enhanced: Cow<'static, str>,
    /// The words; line breaks make a multi-line reply.
    pub text: Cow<'static, str>,
    /// The transaction it belongs to.
    pub id: Option<Id>,
}

impl Reply {
    const fn fixed(code: u16, enhanced: &'static str, text: &'static str) -> Reply {
        Reply { code, enhanced: Cow::Borrowed(enhanced), text: Cow::Borrowed(text), id: None }
    }

    fn made(code: u16, enhanced: impl Into<Cow<'static, str>>, text: String) -> Reply {
        Reply { code, enhanced: enhanced.into(), text: Cow::Owned(text), id: None }
    }

    /// The same reply, naming its transaction.
    pub fn about(self, id: Option<Id>) -> Reply {
        Reply { id: id.or(self.id), ..self }
    }

    /// 2xx or 3xx.
    pub fn is_yes(&self) -> bool {
        self.code < 400
    }

    /// 4xx.
    pub fn is_later(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// 5xx.
    pub fn is_no(&self) -> bool {
        self.code >= 500
    }

    /// As it goes on the wire, CRLF and all. RFC 5321 section 4.2.1.
    pub fn to_wire(&self) -> String {
        let mut lines = self.text.lines().peekable();
        let mut wire = String::with_capacity(self.text.len() + 48);
        let mut line = lines.next().unwrap_or("");
        loop {
            let last = lines.peek().is_none();
            let _infallible = write!(wire, "{}{}", self.code, if last { ' ' } else { '-' });
            if !self.enhanced.is_empty() {
                let _infallible = write!(wire, "{} ", self.enhanced);
            }
            wire.push_str(line);
            if let (true, Some(id)) = (last, self.id) {
                let _infallible = write!(wire, " (id {id})");
            }
            wire.push_str("\r\n");
            match lines.next() {
                Some(next) => line = next,
                None => return wire,
            }
        }
    }

    /// One line for logs and JSON, without CRLF.
    pub fn one_line(&self) -> String {
        self.to_wire().trim_end().replace("\r\n", " / ")
    }
}

// --- Session ------------------------------------------------------------------------------------------------------

/// The greeting. RFC 5321 section 4.2 wants our name first; software and version are nobody's business.
pub fn greeting(hostname: &str) -> Reply {
    Reply::made(220, "", format!("{hostname} ESMTP"))
}

/// The reply to HELO.
pub fn helo(hostname: &str) -> Reply {
    Reply::made(250, "", hostname.to_string())
}

/// The reply to EHLO with what this session offers, RFC 5321 section 4.1.1.1.
pub fn ehlo(hostname: &str, offers: &Offers, in_tls: bool) -> Reply {
    let mut text = hostname.to_string();
    let _infallible = write!(text, "\nPIPELINING\nSIZE {}", offers.size_max);
    for (offered, keyword) in [
        (true, "8BITMIME"),
        (offers.starttls && !in_tls, "STARTTLS"),
        // RFC 4954 section 4: a password in clear is everybody's, so it is not even asked for there.
        (offers.auth && in_tls, "AUTH PLAIN LOGIN"),
        (true, "ENHANCEDSTATUSCODES"),
        (true, "CHUNKING"),
        (offers.smtputf8, "SMTPUTF8"),
        (offers.dsn, "DSN"),
        // RFC 8689 section 2: what came in clear cannot be kept from having been read.
        (offers.requiretls && in_tls, "REQUIRETLS"),
    ] {
        if offered {
            text.push('\n');
            text.push_str(keyword);
        }
    }
    Reply::made(250, "", text)
}

/// QUIT.
pub const GOODBYE: Reply = Reply::fixed(221, "2.0.0", "goodbye");
/// RSET.
pub const FORGOTTEN: Reply = Reply::fixed(250, "2.0.0", "forgotten");
/// NOOP.
pub const STILL_HERE: Reply = Reply::fixed(250, "2.0.0", "still here");
/// HELP, RFC 5321 section 4.1.1.8.
pub const HELP: Reply =
    Reply::fixed(214, "2.0.0", "EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT STARTTLS");
/// VRFY: RFC 5321 section 3.5.3 lets us not say who exists.
pub const VRFY: Reply = Reply::fixed(252, "2.5.0", "send mail and see");
/// EXPN and ETRN.
pub const NOT_OFFERED: Reply = Reply::fixed(502, "5.5.1", "not offered here");
/// STARTTLS accepted.
pub const START_TLS: Reply = Reply::fixed(220, "2.0.0", "ready for TLS");
/// STARTTLS where TLS is on already, or is not offered.
pub const NO_TLS_NOW: Reply = Reply::fixed(503, "5.5.1", "TLS is not available now");
/// A TLS listener without a working certificate, RFC 3207 section 4.
pub const TLS_UNAVAILABLE: Reply =
    Reply::fixed(454, "4.7.0", "TLS not available for a temporary reason");
/// Bytes came behind STARTTLS before the handshake: somebody injects commands (RFC 3207 section 5).
pub const INJECTED: Reply = Reply::fixed(554, "5.5.1", "commands behind STARTTLS are not accepted");
/// TLS is demanded of who sends for a partner's domain, and not on.
pub const PARTNER_IN_CLEAR: Reply =
    Reply::fixed(530, "5.7.0", "mail from this domain is taken over TLS only: say STARTTLS first");
/// TLS is demanded and not on, RFC 3207 section 4.
pub const TLS_FIRST: Reply = Reply::fixed(530, "5.7.0", "say STARTTLS first");
/// PLAIN without an initial response: an empty challenge, RFC 4954 section 4.
pub const SAY_IT: Reply = Reply::fixed(334, "", "");
/// LOGIN asks for the name: "Username:" in base64, the only words its clients know.
pub const SAY_NAME: Reply = Reply::fixed(334, "", "VXNlcm5hbWU6");
/// LOGIN asks for the password: "Password:".
pub const SAY_PASSWORD: Reply = Reply::fixed(334, "", "UGFzc3dvcmQ6");
/// The log-in is good, RFC 4954 section 6.
pub const LOGGED_IN: Reply = Reply::fixed(235, "2.7.0", "logged in");
/// Wrong name, wrong password or a disabled account: which, is nobody's business. RFC 4954 section 6.
pub const LOG_IN_FAILED: Reply = Reply::fixed(535, "5.7.8", "user name or password is wrong");
/// The third wrong one in a connection.
pub const TOO_MANY_LOG_INS: Reply = Reply::fixed(421, "4.7.0", "too many failed log-ins, closing");
/// Too many wrong ones from this address or for this name: the password is not looked at. RFC 4954 section 4 has 454 for what passes.
pub const LOG_IN_TOO_OFTEN: Reply = Reply::fixed(
    421,
    "4.7.0",
    "too many failed log-ins just now, come back in a quarter of an hour",
);
/// The accounts could not be asked, RFC 4954 section 6.
pub const LOG_IN_LATER: Reply =
    Reply::fixed(454, "4.7.0", "log-ins cannot be checked just now, come back in a few minutes");
/// The client ended the exchange with `*`, RFC 4954 section 4.
pub const LOG_IN_CANCELLED: Reply = Reply::fixed(501, "5.7.0", "log-in cancelled");
/// Not base64, or not what the mechanism has inside.
pub const BAD_LOG_IN: Reply = Reply::fixed(501, "5.5.2", "the response is not understood");
/// A line of the exchange over every bound, RFC 4954 section 6.
pub const LOG_IN_TOO_LONG: Reply = Reply::fixed(500, "5.5.6", "the response is too long");
/// AUTH with something else than a mechanism and a response.
pub const BAD_AUTH: Reply =
    Reply::fixed(501, "5.5.4", "AUTH takes a mechanism and perhaps a response");
/// A mechanism that is not offered, RFC 4954 section 4.
pub const NO_SUCH_MECHANISM: Reply = Reply::fixed(504, "5.5.4", "only PLAIN and LOGIN are offered");
/// AUTH in clear, RFC 4954 section 6.
pub const LOG_IN_NEEDS_TLS: Reply =
    Reply::fixed(538, "5.7.11", "log-in needs TLS, say STARTTLS first");
/// AUTH twice, RFC 4954 section 4.
pub const LOGGED_IN_ALREADY: Reply = Reply::fixed(503, "5.5.1", "you are logged in already");
/// DATA.
pub const GO_AHEAD: Reply = Reply::fixed(354, "", "end with a line that has only a dot");
/// A command we do not know.
pub const NOT_UNDERSTOOD: Reply = Reply::fixed(500, "5.5.2", "command not understood");
/// Over 4,096 bytes.
pub const LINE_TOO_LONG: Reply = Reply::fixed(500, "5.5.2", "line too long");
/// NUL, bare CR or LF, other control characters.
pub const CONTROL_CHARACTERS: Reply =
    Reply::fixed(500, "5.5.2", "control characters are not accepted, and lines end with CR LF");
/// An argument where none belongs.
pub const NO_ARGUMENT: Reply = Reply::fixed(501, "5.5.4", "this command takes no argument");
/// EHLO without a usable name.
pub const BAD_HELO: Reply =
    Reply::fixed(501, "5.5.4", "a host name of 1 to 255 characters is expected");
/// The order of commands is wrong.
pub const BAD_SEQUENCE: Reply = Reply::fixed(503, "5.5.1", "this command does not belong here now");
/// A parameter we did not announce, RFC 5321 section 4.1.1.11.
pub const BAD_PARAMETER: Reply =
    Reply::fixed(555, "5.5.4", "parameter not recognised or not offered");
/// A parameter with a value that makes no sense.
pub const BAD_VALUE: Reply = Reply::fixed(501, "5.5.4", "the value of a parameter is not valid");
/// No angle brackets, or nothing understood between them.
pub const BAD_PATH: Reply = Reply::fixed(501, "5.5.2", "a path in angle brackets is expected");
/// The sender's address is none.
pub const BAD_SENDER: Reply = Reply::fixed(501, "5.1.7", "the sender address is not valid");
/// The recipient's address is none, or hides a route.
pub const BAD_RECIPIENT: Reply =
    Reply::fixed(501, "5.1.3", "the recipient address is not valid, or asks for a route");
/// An address outside ASCII without SMTPUTF8, RFC 6531 section 3.5.
pub const NEEDS_SMTPUTF8: Reply = Reply::fixed(553, "5.6.7", "this address needs SMTPUTF8");
/// SMTPUTF8 to a domain whose server has none.
pub const NO_SMTPUTF8_THERE: Reply =
    Reply::fixed(550, "5.6.7", "internationalised mail is not taken for this recipient");
/// A recipient whose server cannot keep what REQUIRETLS asks, RFC 8689 section 4.2.1.
pub const NO_REQUIRETLS_THERE: Reply =
    Reply::fixed(550, "5.7.30", "REQUIRETLS cannot be kept on the way to this recipient");
/// The argument of BDAT.
pub const BAD_CHUNK: Reply = Reply::fixed(501, "5.5.4", "BDAT takes a size and perhaps LAST");

// --- Limits -------------------------------------------------------------------------------------------------------

/// Twenty mistakes.
pub const TOO_MANY_ERRORS: Reply = Reply::fixed(421, "4.7.0", "too many errors, closing");
/// Nothing came for too long.
pub const TOO_SLOW: Reply = Reply::fixed(421, "4.4.2", "nothing came for too long, closing");
/// The session has lasted for hours.
pub const TOO_LONG: Reply = Reply::fixed(421, "4.4.2", "this session has lasted too long, closing");
/// SIGTERM.
pub const SHUTTING_DOWN: Reply = Reply::fixed(421, "4.3.2", "shutting down, come back soon");
/// Too many connections in all, or memory runs low.
pub const BUSY: Reply = Reply::fixed(421, "4.3.2", "too busy, come back in a few minutes");
/// Too many from this client or its network.
pub const TOO_MANY_CONNECTIONS: Reply =
    Reply::fixed(421, "4.7.0", "too many connections from your network");
/// Too many transactions a minute.
pub const TOO_OFTEN: Reply =
    Reply::fixed(450, "4.7.0", "too many messages from you just now, come back in a minute");
/// The line before the scanners is long.
pub const SCANNERS_BUSY: Reply =
    Reply::fixed(451, "4.3.2", "too busy to look at more mail, come back in a few minutes");
/// RFC 5321 section 4.5.3.1.10: too many recipients is 452, so that the rest is sent next time.
pub const TOO_MANY_RECIPIENTS: Reply =
    Reply::fixed(452, "4.5.3", "too many recipients, send the rest in another message");
/// The disk is nearly full.
pub const DISK_FULL: Reply = Reply::fixed(452, "4.3.1", "no room for more mail just now");
/// Over the size limit, told in MAIL or seen at the dot. RFC 1870 section 6.
pub const TOO_BIG: Reply = Reply::fixed(552, "5.3.4", "the message is too big");

/// After too much of what servers do not do. Later, not never: the address may have another owner tomorrow, and if it was a mistake the
/// mail comes again.
pub const BANNED: Reply = Reply::fixed(
    421,
    "4.7.0",
    "connections from your address are refused for a while, for what came from it",
);
/// Whoever talks before the greeting reads nothing of what we say (RFC 5321 section 4.3.1: the client waits for it).
pub const TALKED_FIRST: Reply = Reply::fixed(554, "5.5.1", "you talked before the greeting");
/// Another protocol's words, or code for another program.
pub const NOT_MAIL: Reply = Reply::fixed(554, "5.5.1", "this is a mail server, closing");
/// So many recipients that do not exist.
pub const TOO_MANY_UNKNOWN: Reply =
    Reply::fixed(421, "4.7.0", "too many recipients that do not exist, closing");

// --- Admission ----------------------------------------------------------------------------------------------------

/// A client that may not use an outbound listener.
pub const NOT_A_CLIENT: Reply = Reply::fixed(550, "5.7.1", "your address may not send mail here");
/// The same where log-ins are offered, RFC 4954 section 6.
pub const LOG_IN_FIRST: Reply = Reply::fixed(530, "5.7.0", "log in before you send mail here");
/// Not a domain of ours.
pub const NO_RELAY: Reply = Reply::fixed(550, "5.7.1", "mail for this domain is not taken here");
/// On a list of the recipient's organisation or of the site.
pub const BLOCKED: Reply =
    Reply::fixed(550, "5.7.1", "mail from this sender is not taken for this recipient");
/// SPF failed and local policy refuses that, RFC 7372 section 3.2.
pub const SPF_FAILED: Reply =
    Reply::fixed(550, "5.7.23", "the sender's domain does not let this server send for it (SPF)");
/// The client's address is on a list that the operator lets refuse.
pub const LISTED: Reply = Reply::fixed(
    550,
    "5.7.1",
    "your mail server's address is on a public block list; whoever runs that server can have it removed",
);
/// HELO with our own name, RFC 5321 section 4.1.1.1 asks for the client's.
pub const HELO_OURS: Reply =
    Reply::fixed(550, "5.7.1", "your server introduced itself with a name or address that is ours");
/// The sender's domain does not exist or has no mail host, RFC 3463 section 3.2 (X.1.8).
pub const SENDER_NOWHERE: Reply =
    Reply::fixed(550, "5.1.8", "the sender's domain has no mail server, so nobody could answer");
/// The sender's domain has a null MX, RFC 7505 section 4.2.
pub const SENDER_TAKES_NONE: Reply =
    Reply::fixed(550, "5.7.27", "the sender's domain says that it takes no mail");
/// An organisation without a domain cannot pass on a stranger's mail: no bounce would find its way back.
pub const NO_FORWARDING: Reply =
    Reply::fixed(550, "5.7.1", "mail with this sender is not taken from you");
/// Too many forwarded mails of one organisation.
pub const TOO_MANY_FORWARDS: Reply =
    Reply::fixed(450, "4.7.1", "too many forwarded messages in this hour, come back later");
/// The envelope sender is the organisation's, From is a stranger's.
pub const NOT_YOUR_FROM: Reply =
    Reply::fixed(550, "5.7.1", "the From address is not one that you may write as");
/// A rewritten sender that we did not make, or too long ago.
pub const NOT_REWRITTEN_HERE: Reply =
    Reply::fixed(550, "5.1.1", "this return address is not known here, or is too old");
/// A mail with a sender to a rewritten one: only notices come back that way.
pub const ONLY_NOTICES: Reply =
    Reply::fixed(550, "5.7.1", "only delivery notices are taken for this address");
/// The next hop, or the list, does not know the recipient.
pub const NO_SUCH_RECIPIENT: Reply = Reply::fixed(550, "5.1.1", "no such recipient here");
/// The next hop could not be asked.
pub const RECIPIENT_UNKNOWN_NOW: Reply =
    Reply::fixed(451, "4.4.3", "the recipient could not be checked, come back in a few minutes");
/// The next hop said 4xx for this recipient.
pub const RECIPIENT_LATER: Reply =
    Reply::fixed(450, "4.2.0", "this recipient cannot take mail just now");
/// The sender may begin.
pub const SENDER_OK: Reply = Reply::fixed(250, "2.1.0", "sender ok");
/// The recipient is taken.
pub const RECIPIENT_OK: Reply = Reply::fixed(250, "2.1.5", "recipient ok");

// --- After the message --------------------------------------------------------------------------------------------

/// A chunk was taken.
pub const CHUNK_OK: Reply = Reply::fixed(250, "2.0.0", "chunk received");
/// Bare CR or LF: RFC 5321 section 2.3.8 forbids them, and servers that disagree about them can be smuggled through.
pub const BARE_LINE_END: Reply =
    Reply::fixed(550, "5.6.11", "bare CR or LF in the message, closing");
/// A hundred Received, or our own mark again.
pub const LOOP: Reply = Reply::fixed(554, "5.4.6", "this message goes in a circle");
/// Header section out of bounds.
pub const BAD_HEADER: Reply = Reply::fixed(554, "5.6.0", "the header section is too large");
/// In the spool.
pub const QUEUED: Reply = Reply::fixed(250, "2.0.0", "queued");
/// Taken by the next hop while the client waited.
pub const DELIVERED: Reply = Reply::fixed(250, "2.0.0", "delivered");
/// Something of ours failed; the sender keeps the mail.
pub const OUR_FAULT: Reply = Reply::fixed(451, "4.3.0", "we could not handle the message just now");
/// The 120 seconds are over.
pub const OUT_OF_TIME: Reply =
    Reply::fixed(451, "4.3.2", "we were too slow with this message, please send it again");
/// The next hop is away and configuration says the sender shall wait.
pub const NEXT_HOP_AWAY: Reply =
    Reply::fixed(451, "4.4.1", "the mail server behind us does not answer just now");
/// No rules loaded yet.
pub const NOT_READY: Reply = Reply::fixed(451, "4.3.5", "not ready to take mail yet");
/// Every recipient's verdict is defer.
pub const DEFERRED: Reply =
    Reply::fixed(451, "4.7.1", "please send this message again in a few minutes");

/// Deferred because we do not know who sends it (greylisting): whoever tries again is heard.
pub const GREYLISTED: Reply = Reply::fixed(
    451,
    "4.7.1",
    "we do not know your server yet, please send this message again in a few minutes",
);

/// Refused for what is in it; `sentence` is the plain reason, made by us, never text of the mail.
pub fn refused(sentence: &str) -> Reply {
    Reply::made(550, "5.7.1", format!("refused: {sentence}"))
}

/// The same where a copy is kept: `code` is what the sender may ask with, `page` the address of the public page.
/// RFC 5321 section 4.5.3.1.5: a line has at most 512 octets; what would be longer has a second one.
pub fn refused_and_kept(sentence: &str, code: &str, page: Option<&str>) -> Reply {
    let why = format!("refused: {}", sentence.trim_end_matches('.'));
    let ask = match page {
        Some(page) => format!("if that is a mistake, ask with {page}/r/{code}"),
        None => format!("if that is a mistake, tell the recipient the code {code}"),
    };
    let joint = if why.len() + ask.len() > REFUSAL_BYTES_MAX { "\n" } else { "; " };
    Reply::made(550, "5.7.1", format!("{why}{joint}{ask}"))
}

/// What is left of a line for words, when the codes and the transaction's id stand in it.
const REFUSAL_BYTES_MAX: usize = 460;

/// The next hop's answer, carried over: its class and enhanced code, our words.
/// What it said itself may name its software and is in the log, not here.
pub fn next_hop_said(code: u16, enhanced: Option<&str>) -> Reply {
    let enhanced = enhanced.map(str::to_string);
    match code {
        500.. => Reply::made(
            550,
            enhanced.unwrap_or_else(|| "5.0.0".to_string()),
            "the mail server behind us refuses the message".to_string(),
        ),
        400..500 => Reply::made(
            451,
            enhanced.unwrap_or_else(|| "4.0.0".to_string()),
            "the mail server behind us cannot take the message now".to_string(),
        ),
        _ => DELIVERED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;

    #[test]
    fn replies_on_the_wire() {
        let id = Id::new(UnixMs(0), [0; 10]);
        assert_eq!(QUEUED.about(Some(id)).to_wire(), format!("250 2.0.0 queued (id {id})\r\n"));
        let offers = Offers {
            size_max: 9,
            starttls: true,
            smtputf8: false,
            dsn: true,
            auth: true,
            requiretls: false,
        };
        assert_eq!(
            ehlo("mx.example", &offers, false).to_wire(),
            "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 9\r\n250-8BITMIME\r\n250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250 DSN\r\n"
        );
        let inside = ehlo("mx.example", &offers, true).to_wire();
        assert!(!inside.contains("REQUIRETLS"));
        let keeps = Offers { requiretls: true, ..offers };
        assert!(ehlo("mx.example", &keeps, true).to_wire().ends_with("250 REQUIRETLS\r\n"));
        assert!(!ehlo("mx.example", &keeps, false).to_wire().contains("REQUIRETLS"));
        assert!(!inside.contains("STARTTLS") && inside.contains("\r\n250-AUTH PLAIN LOGIN\r\n"));
        let page = format!("https://{}.example", "x".repeat(188));
        for (sentence, page, lines) in [
            ("This mail was refused as spam", None, 1),
            ("This mail was refused as spam", Some(page.as_str()), 1),
            (&"long ".repeat(60), Some(page.as_str()), 2),
        ] {
            let wire = refused_and_kept(sentence, "0123456789", page).about(Some(id)).to_wire();
            assert!(wire.lines().all(|line| line.len() <= 510), "{wire}");
            assert_eq!((wire.lines().count(), wire.matches("0123456789").count()), (lines, 1));
            assert!(wire.starts_with("550") && wire.ends_with(&format!(" (id {id})\r\n")));
        }
        assert_eq!(SAY_IT.to_wire(), "334 \r\n");
        assert_eq!(next_hop_said(552, Some("5.2.2")).code, 550);
        assert_eq!(
            next_hop_said(452, None).one_line(),
            "451 4.0.0 the mail server behind us cannot take the message now"
        );
    }
}

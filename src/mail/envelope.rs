//! The SMTP side of a mail: who sent it, who shall have it, and what the sender asked of delivery notices.

use crate::mail::{Address, Organisation, ReversePath};
use serde::{Deserialize, Serialize};

/// Sender and recipients as given in SMTP, RFC 5321 section 2.3.1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// MAIL FROM.
    pub sender: ReversePath,
    /// RCPT TO, in order; at least one once the message is received.
    pub recipients: Vec<Recipient>,
    /// BODY=, RFC 6152.
    pub body: BodyType,
    /// SMTPUTF8 was asked for, RFC 6531 section 3.4.
    pub smtputf8: bool,
    /// What the sender said of notices, RFC 3461 section 4.
    pub dsn: DsnRequest,
    /// REQUIRETLS was asked for, RFC 8689 section 4.1: over verified TLS to servers that keep that up, or not at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_tls: bool,
}

impl Envelope {
    /// An envelope from this sender to nobody yet.
    pub fn from(sender: ReversePath) -> Envelope {
        Envelope {
            sender,
            recipients: Vec::new(),
            body: BodyType::SevenBit,
            smtputf8: false,
            dsn: DsnRequest::default(),
            require_tls: false,
        }
    }
}

/// One RCPT TO.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Where it goes.
    pub address: Address,
    /// When a notice is wanted, RFC 3461 section 4.1.
    pub notify: Notify,
    /// ORCPT as given, decoded by nobody: it is only handed on, RFC 3461 section 4.2.
    pub original: Option<String>,
    /// Whose recipient it is: the owner of its domain, or for the world the organisation that sends. Admission sets it.
    #[serde(default)]
    pub organisation: Organisation,
}

impl Recipient {
    /// A recipient of whom nothing special was said.
    pub fn plain(address: Address) -> Recipient {
        Recipient {
            address,
            notify: Notify::default(),
            original: None,
            organisation: Organisation::implied(),
        }
    }
}

/// RFC 6152 section 3; BINARYMIME is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum BodyType {
    /// Seven bits promised.
    #[default]
    SevenBit,
    /// Eight bits announced.
    EightBit,
}

/// The sender's wishes for the whole mail.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DsnRequest {
    /// RET=.
    pub ret: Option<Return>,
    /// ENVID=, as given (xtext).
    pub envelope_id: Option<String>,
}

/// How much of the mail comes back in a notice, RFC 3461 section 4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Return {
    /// All of it.
    Full,
    /// The header section.
    Headers,
}

/// RFC 3461 section 4.1. Default: failures and delays, as if nothing was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// NOTIFY was given at all; then it is handed on as it was.
    pub given: bool,
    /// Tell of delivery.
    pub success: bool,
    /// Tell of failure.
    pub failure: bool,
    /// Tell of delay.
    pub delay: bool,
}

impl Notify {
    /// NOTIFY=NEVER.
    pub const NEVER: Notify = Notify { given: true, success: false, failure: false, delay: false };

    /// The parameter's value as it goes on the wire; none if the client gave none.
    pub fn to_wire(self) -> Option<String> {
        if !self.given {
            return None;
        }
        let words: Vec<&str> =
            [(self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")]
                .into_iter()
                .filter_map(|(on, word)| on.then_some(word))
                .collect();
        Some(if words.is_empty() { "NEVER".to_string() } else { words.join(",") })
    }
}

impl Default for Notify {
    fn default() -> Notify {
        Notify { given: false, success: false, failure: true, delay: true }
    }
}

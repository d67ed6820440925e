//! What a month of mail looks like: few write much and many write little, words come often or once, and some mails have very many recipients.

use sluss::{
    base::{clock::UnixMs, ids::Id},
    config::policy::{Action, Category},
    learn::likeness::Likeness,
    mail::{Address, Direction, Envelope, Organisation, Recipient, ReversePath},
    store::{
        held::{Attachment, Held, HeldState},
        trace::{About, Decision, Took, TraceRecipient, TraceRow},
    },
};

pub(crate) const ORGANISATIONS: u64 = 12;
/// One mail in so many has this word in its subject.
pub(crate) const RARE_EVERY: u64 = 1_000;
pub(crate) const RARE: &str = "kumquat";
/// A tenth of all have this one.
pub(crate) const COMMON: &str = "invoice";
/// A finding of one mail in [`RARE_EVERY`].
pub(crate) const RARE_FINDING: &str = "yara.eicar_test_file";
/// One mail in so many goes to very many.
const TO_ALL_EVERY: u64 = 5_000;

pub(crate) fn organisation(number: u64) -> String {
    format!("customer-{number}")
}

/// One number of a mail, as if by chance, the same at every run.
pub(crate) fn chance(number: u64, salt: u64) -> u64 {
    let mut state = number.wrapping_mul(31).wrapping_add(salt);
    crate::common::chance(&mut state)
}

/// A number below `end`, small ones far more often.
fn skewed(number: u64, salt: u64, end: u64) -> u64 {
    let part = (chance(number, salt) >> 40) as f64 / (1_u64 << 24) as f64;
    ((part * part * part) * end as f64) as u64
}

/// Mail `number` of the month.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mail {
    pub(crate) number: u64,
    pub(crate) at: UnixMs,
    /// It was held.
    pub(crate) held: bool,
}

impl Mail {
    pub(crate) fn id(self) -> Id {
        let mut random = [7; 10];
        random[2..].copy_from_slice(&chance(self.number, 1).to_be_bytes());
        Id::new(self.at, random)
    }

    pub(crate) fn organisation(self) -> Organisation {
        Organisation::named(&organisation(skewed(self.number, 2, ORGANISATIONS)))
    }

    pub(crate) fn recipient(self) -> String {
        format!("user{}@{}.example", skewed(self.number, 3, 800), self.organisation().name())
    }

    fn recipients(self) -> Vec<String> {
        let others = match self.number {
            number if number % TO_ALL_EVERY == 17 => 300,
            number if chance(number, 4).is_multiple_of(30) => 4,
            _ => 0,
        };
        let mut all = vec![self.recipient()];
        let house = self.organisation();
        all.extend((0..others).map(|one| format!("group{one}@{}.example", house.name())));
        all
    }

    fn shop(self) -> u64 {
        skewed(self.number, 5, 20_000)
    }

    pub(crate) fn sender(self) -> String {
        format!("news{}@shop{}.example", skewed(self.number, 6, 40), self.shop())
    }

    pub(crate) fn message_id(self) -> String {
        format!("m{}.{}@shop{}.example", self.number, chance(self.number, 7) % 1_000, self.shop())
    }

    pub(crate) fn subject(self) -> String {
        let word = |salt| format!("word{}", skewed(self.number, salt, 30_000));
        let common = if chance(self.number, 8).is_multiple_of(10) { COMMON } else { "about" };
        // Not all of them are held, and not all that are held are of them.
        let rare = if self.number % RARE_EVERY < 1 { RARE } else { "the" };
        format!("{common} {} {} {rare} {}", word(9), word(10), self.number)
    }

    fn findings(self) -> Vec<(String, Category)> {
        const SIDES: [&str; 6] = ["spf", "dkim", "link", "phrase", "header", "peer"];
        let mut all: Vec<(String, Category)> = (0..2 + chance(self.number, 11) % 6)
            .map(|one| {
                let kind = skewed(self.number, 12 + one, 60);
                let side = SIDES[(kind % 6) as usize];
                let category = if side == "link" { Category::Phish } else { Category::Spam };
                (format!("{side}.thing_{kind}"), category)
            })
            .collect();
        if self.number.is_multiple_of(RARE_EVERY) {
            all.push((RARE_FINDING.to_string(), Category::Virus));
        }
        all.sort();
        all.dedup();
        all
    }

    fn findings_json(self) -> serde_json::Value {
        let one = |(id, category): (String, Category)| {
            serde_json::json!({ "id": id, "category": category.word(), "weight": 1.5, "demands": null, "part": "1", "path": "",
                "because": "seen in the second part, by its form and by its words" })
        };
        self.findings().into_iter().map(one).collect()
    }

    /// A tenth is refused before DATA.
    fn unjudged(self) -> bool {
        !self.held && self.number % 10 == 3
    }

    fn outbound(self) -> bool {
        !self.held && self.number % 10 == 7
    }

    pub(crate) fn trace(self) -> TraceRow {
        let (unjudged, id) = (self.unjudged(), self.id());
        let (action, ground, status) = match chance(self.number, 30) % 20 {
            _ if unjudged => ("", "", "refused"),
            _ if self.held => ("quarantine", "quarantine = 8.0", "held"),
            0..2 => ("reject", "reject = 15.0", "refused"),
            2..4 => ("mark", "mark = 5.0", "delivered"),
            _ => ("deliver", "", "delivered"),
        };
        let decider = self.findings()[0].0.clone();
        let decides = !matches!(action, "" | "deliver");
        let text = |text: &str| text.to_string();
        let to = |recipient: String| TraceRecipient {
            recipient,
            at: self.at,
            status: text(status),
            next_hop: text("mx.backend.example [192.0.2.9]:25"),
            said: match status {
                "delivered" => format!("250 2.0.0 Ok: queued as 4F{:08}", self.number),
                _ => String::new(),
            },
            delay_ms: 100,
            would: String::new(),
            action: text(action),
            tls: text("TLSv1.3 TLS_AES_256_GCM_SHA384"),
            channel: None,
            blocked_by: None,
        };
        TraceRow {
            id,
            organisation: self.organisation(),
            at: self.at,
            direction: if self.outbound() { "outbound" } else { "inbound" },
            listener: text("in"),
            peer: self.client(),
            helo: format!("mail.shop{}.example", self.shop()),
            tls: text("TLSv1.3 TLS_AES_256_GCM_SHA384"),
            sender: if self.outbound() { self.recipient() } else { self.sender() },
            bytes: if unjudged { 0 } else { 20_000 },
            about: if unjudged { About::default() } else { self.about() },
            decision: Decision {
                action: text(action),
                score: 6.5,
                reason: text("This mail looks unwanted and was held"),
                decided_by: if decides { decider } else { String::new() },
                findings: if unjudged { text("[]") } else { self.findings_json().to_string() },
                policy: text("default"),
                ground: text(ground),
                ..Decision::default()
            },
            reply: format!("250 2.0.0 delivered (id {id})"),
            took: Took { dot_ms: chance(self.number, 31) % 2_000, ..Took::default() },
            recipients: self.recipients().into_iter().map(to).collect(),
        }
    }

    /// Of the block for measuring, RFC 2544.
    pub(crate) fn client(self) -> String {
        let number = skewed(self.number, 32, 1 << 17);
        format!("198.{}.{}.{}", 18 + (number >> 16), (number >> 8) & 255, number & 255)
    }

    fn about(self) -> About {
        About {
            subject: self.subject(),
            from: format!("Shop {} <{}>", self.shop(), self.sender()),
            message_id: format!("<{}>", self.message_id()),
            peer_name: format!("mail.shop{}.example", self.shop()),
            campaign: None,
            unsuspected: false,
        }
    }

    pub(crate) fn held(self, expires: UnixMs) -> Held {
        let recipient = Address::parse(&self.recipient()).unwrap();
        let sender = ReversePath::parse(&self.sender()).unwrap();
        let mut envelope = Envelope::from(sender.clone());
        envelope.recipients.push(Recipient::plain(recipient.clone()));
        let named = Attachment {
            name: format!("invoice-{}.pdf", self.number),
            kind: "pdf".to_string(),
            bytes: 30_000,
            sha256: String::new(),
            blake3: "b".repeat(64),
        };
        let (findings, about) = (self.findings(), self.about());
        let mut categories: Vec<Category> = findings.iter().map(|one| one.1).collect();
        categories.dedup();
        Held {
            id: self.id(),
            transaction: self.id(),
            organisation: self.organisation(),
            held_at: self.at,
            expires,
            direction: Direction::Inbound,
            sender,
            from: about.from,
            recipient,
            subject: about.subject,
            action: Action::Quarantine,
            why: findings[0].0.clone(),
            reason: "This mail looks like advertising or spam".to_string(),
            categories,
            score: 9.5,
            bytes: 1_200,
            in_digest: true,
            state: HeldState::Held,
            released_at: UnixMs(0),
            envelope,
            findings: self.findings_json(),
            attachments: if self.number % 5 == 1 { vec![named] } else { Vec::new() },
            message_id: self.message_id(),
            from_address: self.sender(),
            authenticated: None,
            likeness: Likeness(skewed(self.number, 33, 4_000) + 1),
            policy: "default: quarantine = 8".to_string(),
            content_hash: String::new(),
            code_hash: String::new(),
            act: None,
            asks: sluss::wire::tls::Asks::default(),
            asked: None,
            learned: None,
        }
    }

    pub(crate) fn content(self) -> String {
        format!(
            "From: {}\r\nTo: {}\r\nSubject: {}\r\nMessage-ID: <{}>\r\n\r\n{}\r\n",
            self.sender(),
            self.recipient(),
            self.subject(),
            self.message_id(),
            "You have won. Click here, before it is too late.\r\n".repeat(20)
        )
    }
}

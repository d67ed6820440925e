//! Letters about mail in the portal: to its recipient, with the link; to its sender, with the code and with what became of it.
//!
//! The two never stand in one letter: who reads the one on its way cannot open anything with it.

use crate::{
    base::{clock::UnixMs, hidden::Hidden, ids::Id},
    mail::{Address, Domain},
    wire::{
        report::{
            Language,
            frame::{Head, clean, in_field},
            personal::Found,
        },
        words::Words,
    },
};

/// The letter to the recipient.
pub struct Invitation<'a> {
    /// Our name.
    pub hostname: &'a Domain,
    /// Its own id.
    pub id: Id,
    /// Who sent the mail; the letter is in his name, for it is his mail.
    pub sender: &'a Address,
    /// What people call the sender's organisation.
    pub organisation: &'a str,
    /// Who reads it.
    pub recipient: &'a Address,
    /// In what language; if that is not English, in English too.
    pub language: Language,
    /// Now.
    pub now: UnixMs,
    /// Where the link leads.
    pub link: Hidden<String>,
    /// What the link begins with.
    pub url: &'a str,
    /// The last day, as each language writes it.
    pub until: &'a dyn Fn(Language) -> String,
    /// A program sends the code.
    pub by_command: bool,
}

impl std::fmt::Debug for Invitation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Invitation<'_> {
    /// A whole message with CRLF line ends.
    pub fn write(&self) -> Vec<u8> {
        let words = Words::of(self.language);
        let sender = self.sender.to_string();
        let subject = words.say("portal.invite-subject", &[("sender", &sender)]);
        let mut text = String::with_capacity(2_048);
        let name = display_name(self.organisation);
        let head = Head {
            hostname: self.hostname,
            id: self.id,
            from: &name,
            to: self.recipient,
            language: self.language,
            subject: &subject,
            now: self.now,
            auto: "auto-generated",
        };
        head.write_from(&mut text, &sender);
        let mut body = self.body(self.language);
        if self.language != Language::En {
            body.push_str("\n----\n\n");
            body.push_str(&self.body(Language::En));
        }
        text.push_str(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
        );
        for line in body.lines() {
            text.push_str(line);
            text.push_str("\r\n");
        }
        text.into_bytes()
    }

    fn body(&self, language: Language) -> String {
        let words = Words::of(language);
        let (sender, organisation) = (self.sender.to_string(), clean(self.organisation));
        let what = words
            .say("portal.invite-what", &[("sender", &sender), ("organisation", &organisation)]);
        let how = match self.by_command {
            true => words.say("portal.invite-command", &[]),
            false => words.say("portal.invite-sender", &[("sender", &sender)]),
        };
        let until = words.say("portal.invite-until", &[("date", &(self.until)(language))]);
        let doubt = words.say("portal.invite-doubt", &[("url", self.url)]);
        format!("{what}\n\n    {}\n\n{how}\n\n{until}\n\n{doubt}\n", self.link.expose())
    }
}

/// A name in front of an address, RFC 5322 section 3.4: quoted, or in encoded words.
fn display_name(name: &str) -> String {
    let name = clean(name);
    match name.is_ascii() {
        true => format!("\"{}\"", name.replace(['"', '\\'], "")),
        false => in_field(&name),
    }
}

/// What a letter to the sender tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// For whom the mail is.
    pub recipient: String,
    /// What became of it.
    pub stage: Stage,
    /// When it was sent: a day.
    pub sent: String,
    /// The moment or the day that the stage is about.
    pub when: String,
    /// What was found in it, where the letter says that it waits.
    pub found: Vec<Found>,
}

/// What became of a mail in the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It waits. With the code that opens it, unless a program sends that.
    Put(Option<Hidden<String>>),
    /// It was opened for the first time.
    Opened,
    /// Its time is over soon, and nobody has opened it.
    EndsSoon,
    /// Its time was over, and nobody had opened it.
    Ended,
    /// It closed after too many wrong codes.
    Closed,
}

impl Stage {
    /// One word, for bounds and logs.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Stage::Put(_) => "parcel-put",
            Stage::Opened => "parcel-opened",
            Stage::EndsSoon => "parcel-ends-soon",
            Stage::Ended => "parcel-ended",
            Stage::Closed => "parcel-closed",
        }
    }
}

/// Subject and text.
pub(super) fn words(told: &Told, language: Language) -> (String, String) {
    let words = Words::of(language);
    let recipient = clean(&told.recipient);
    let values = [
        ("recipient", recipient.as_str()),
        ("date", told.sent.as_str()),
        ("when", told.when.as_str()),
        ("until", told.when.as_str()),
    ];
    let say = |key: &str| words.say(key, &values);
    match &told.stage {
        Stage::Put(code) => {
            let mut text = format!("{}\n\n", say("portal.put-what"));
            match code {
                Some(code) => {
                    text.push_str(&format!(
                        "{}\n\n    {}\n\n",
                        say("portal.put-code"),
                        code.expose()
                    ));
                }
                None => text.push_str(&format!("{}\n\n", say("portal.put-command"))),
            }
            let until = words.say("portal.put-until", &[("date", &told.when)]);
            text.push_str(&format!("{until}\n"));
            if !told.found.is_empty() {
                text.push_str(&format!("\n{}\n\n", super::personal::found_head(language)));
                told.found.iter().for_each(|one| text.push_str(&one.line(language)));
            }
            (say("portal.put-subject"), text)
        }
        Stage::Opened => (say("portal.opened-subject"), say("portal.opened-what")),
        Stage::EndsSoon => (say("portal.soon-subject"), say("portal.soon-what")),
        Stage::Ended => (say("portal.ended-subject"), say("portal.ended-what")),
        Stage::Closed => (say("portal.closed-subject"), say("portal.closed-what")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_and_code_stand_in_letters_of_their_own_and_all_values_are_filled() {
        let sender = Address::parse("anna@ours.example").unwrap();
        let recipient = Address::parse("bo@far.example").unwrap();
        let hostname = Domain::parse("mx.ours.example").unwrap();
        for language in Language::ALL {
            let invitation = Invitation {
                hostname: &hostname,
                id: Id::new(UnixMs(5), [1; 10]),
                sender: &sender,
                organisation: "Årsta, \"förening\"",
                recipient: &recipient,
                language,
                now: UnixMs(1_000),
                link: Hidden::new("link", "https://post.ours.example/p/abc".to_string()),
                url: "https://post.ours.example/",
                until: &|language| format!("{} 30", language.code()),
                by_command: false,
            };
            let text = String::from_utf8(invitation.write()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.is_ascii() && head.contains("<anna@ours.example>"), "{head}");
            for part in ["/p/abc\r\n", "anna@ours.example", &format!("{} 30", language.code())] {
                assert!(body.contains(part), "{part}: {body}");
            }
            assert!(!body.contains('{'), "{body}");
            let code = Some(Hidden::new("code", "4829 1306".to_string()));
            for stage in [
                Stage::Put(code.clone()),
                Stage::Put(None),
                Stage::Opened,
                Stage::EndsSoon,
                Stage::Ended,
                Stage::Closed,
            ] {
                let has_code = stage == Stage::Put(code.clone());
                let told = Told {
                    recipient: "bo@far.example".to_string(),
                    stage,
                    sent: "27.11.".to_string(),
                    when: "30.12.".to_string(),
                    found: Vec::new(),
                };
                let (subject, text) = words(&told, language);
                assert!(subject.contains("bo@far.example") && !text.contains('{'), "{text}");
                assert_eq!(text.contains("4829 1306"), has_code, "{text}");
                assert!(!text.contains("/p/"), "{text}");
            }
        }
        assert_eq!(display_name("Acme, \"Inc\""), "\"Acme, Inc\"");
    }
}

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
    /// What the link is for.
    pub to_what: ToWhat,
}

/// What a link in a letter to somebody in the world is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToWhat {
    /// To open a mail, with a code that its sender tells.
    OpenWithCode,
    /// To open a mail, with a code that a program sends.
    OpenWithCodeBySms,
    /// To open a mail, with the password that the two agreed on.
    OpenWithPassword,
    /// To send files, once.
    SendFiles,
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
        let subject = match self.to_what {
            ToWhat::SendFiles => words.say("portal.guest-subject", &[("sender", &sender)]),
            ToWhat::OpenWithCode | ToWhat::OpenWithCodeBySms | ToWhat::OpenWithPassword => {
                words.say("portal.invite-subject", &[("sender", &sender)])
            }
        };
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
        let values = [("sender", sender.as_str()), ("organisation", organisation.as_str())];
        let date = (self.until)(language);
        let to_open = |how: String| {
            let until = words.say("portal.invite-until", &[("date", &date)]);
            (words.say("portal.invite-what", &values), how, until)
        };
        let (what, how, until) = match self.to_what {
            ToWhat::OpenWithCode => to_open(words.say("portal.invite-sender", &values)),
            ToWhat::OpenWithCodeBySms => to_open(words.say("portal.invite-command", &values)),
            ToWhat::OpenWithPassword => to_open(words.say("portal.invite-password", &values)),
            ToWhat::SendFiles => (
                words.say("portal.guest-what", &values),
                words.say("portal.guest-how", &values),
                words.say("portal.guest-until", &[("date", &date)]),
            ),
        };
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
    /// It waits, and this opens it.
    Put(Opens),
    /// It was opened for the first time.
    Opened,
    /// Its time is over soon, and nobody has opened it.
    EndsSoon,
    /// Its time was over, and nobody had opened it.
    Ended,
    /// It closed after too many wrong codes.
    Closed,
    /// To a reader of ours: files wait for him.
    Left {
        /// Where.
        link: Hidden<String>,
        /// Their names and sizes.
        files: Vec<String>,
        /// How far it is known who sent them: a sentence.
        says: String,
    },
    /// To a reader of ours: files for him are held, and why.
    LeftHeld(String),
    /// To a reader of ours: files that he has not fetched are deleted soon.
    LeftEndsSoon,
}

/// What opens a mail in the portal, as its sender is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opens {
    /// A code that the sender has to tell.
    Code(Hidden<String>),
    /// A code that a program sends.
    CodeBySms,
    /// The password that the two agreed on.
    Password,
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
            Stage::Left { .. } => "files-left",
            Stage::LeftHeld(_) => "files-held",
            Stage::LeftEndsSoon => "files-end-soon",
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
        Stage::Put(opens) => {
            let mut text = format!("{}\n\n", say("portal.put-what"));
            match opens {
                Opens::Code(code) => {
                    text.push_str(&format!(
                        "{}\n\n    {}\n\n",
                        say("portal.put-code"),
                        code.expose()
                    ));
                }
                Opens::CodeBySms => text.push_str(&format!("{}\n\n", say("portal.put-command"))),
                Opens::Password => text.push_str(&format!("{}\n\n", say("portal.put-password"))),
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
        Stage::Left { link, files, says } => {
            let mut text = format!("{}\n\n    {}\n\n", say("portal.files-what"), link.expose());
            files.iter().for_each(|file| text.push_str(&format!("  - {}\n", clean(file))));
            text.push_str(&format!("\n{}\n\n{}\n", say("portal.files-until"), clean(says)));
            (say("portal.files-subject"), text)
        }
        Stage::LeftHeld(why) => {
            let text = format!(
                "{}\n\n    {}\n\n{}\n",
                say("portal.files-held-what"),
                clean(why),
                say("portal.files-held-ask")
            );
            (say("portal.files-held-subject"), text)
        }
        Stage::LeftEndsSoon => (say("portal.files-soon-subject"), say("portal.files-soon-what")),
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
            let invitation = |to_what| Invitation {
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
                to_what,
            };
            for to_what in [ToWhat::OpenWithPassword, ToWhat::SendFiles] {
                let text = String::from_utf8(invitation(to_what).write()).unwrap();
                assert!(text.contains("/p/abc\r\n") && !text.contains('{'), "{text}");
            }
            let text = String::from_utf8(invitation(ToWhat::OpenWithCode).write()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.is_ascii() && head.contains("<anna@ours.example>"), "{head}");
            for part in ["/p/abc\r\n", "anna@ours.example", &format!("{} 30", language.code())] {
                assert!(body.contains(part), "{part}: {body}");
            }
            assert!(!body.contains('{'), "{body}");
            let code = Opens::Code(Hidden::new("code", "4829 1306".to_string()));
            for stage in [
                Stage::Put(code.clone()),
                Stage::Put(Opens::CodeBySms),
                Stage::Put(Opens::Password),
                Stage::Opened,
                Stage::EndsSoon,
                Stage::Ended,
                Stage::Closed,
                Stage::LeftHeld("a virus was found".to_string()),
                Stage::LeftEndsSoon,
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

//! Our own user says that a mail is to go the safe way: by a word in the subject, as people do by hand, or by a header field, as programs do.
//!
//! It asks for more protection and never for less, so nothing proves who wrote it. Mail from the world is not ours to send.

use super::{Case, Check, Finding};
use crate::{config::policy::Category, mail::Direction};

/// The finding.
pub const WISH: &str = "send.securely";

pub(super) const CHECK: Check = Check {
    ids: &[WISH],
    about: "The sender asks that this mail goes the safe way: #secure and its like in the subject, or the field X-Sluss-Send: securely.",
    plain: "Its sender asks that this mail goes the safe way.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    if case.mail.direction != Direction::Outbound {
        return;
    }
    let header = case.mail.header;
    let by_field = || {
        let value = header.value("X-Sluss-Send")?;
        value.trim().eq_ignore_ascii_case("securely").then_some("the field X-Sluss-Send")
    };
    let by_subject = || {
        let subject = header.text("Subject")?.to_lowercase();
        let mut words =
            subject.split(|letter: char| letter.is_whitespace() || "[]():,;.!".contains(letter));
        words.find_map(|word| TAGS.iter().find(|tag| **tag == word).copied())
    };
    let Some(how) = by_field().or_else(by_subject) else { return };
    findings.push(Finding::new(WISH, Category::Privacy, 0.0, how));
}

/// As one writes it in Swedish, without its dots, in English, Norwegian and Danish, Finnish.
const TAGS: &[&str] = &["#säkert", "#sakert", "#secure", "#sikkert", "#turvallisesti", "#suojattu"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        let mut setting = Setting { direction: Direction::Outbound, ..Setting::default() };
        for (head, want) in [
            ("Subject: Hej", &[][..]),
            ("Subject: Journal #SECURE", &[WISH]),
            ("Subject: =?utf-8?q?Sv:_#s=C3=A4kert_Journal?=", &[WISH]),
            ("Subject: [#sikkert] Journal", &[WISH]),
            ("Subject: #securely not", &[]),
            ("Subject: a secure one", &[]),
            ("X-Sluss-Send: Securely", &[WISH]),
            ("X-Sluss-Send: maybe", &[]),
        ] {
            let mail = format!("From: a@ours.example\r\n{head}\r\n\r\nhi\r\n");
            expect(&CHECK, &setting, &mail, want);
        }
        setting.direction = Direction::Inbound;
        expect(&CHECK, &setting, "From: a@x.example\r\nSubject: #secure\r\n\r\nhi\r\n", &[]);
    }
}

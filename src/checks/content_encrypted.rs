//! S/MIME or OpenPGP: the content is for the recipient alone. Informational: it is how careful people write, and we cannot look inside.

use super::{Case, Check, Finding};
use crate::{config::policy::Category, examine::Encryption};

pub(super) const CHECK: Check = Check {
    ids: &["content.smime", "content.openpgp", "content.partly_encrypted"],
    about: "The content is encrypted end to end and was therefore not looked into.",
    plain: "The mail is encrypted for its recipient.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let (id, because) = match case.contents.encryption {
        Encryption::None => return,
        Encryption::Smime => ("content.smime", "S/MIME enveloped data"),
        Encryption::Openpgp => ("content.openpgp", "OpenPGP"),
        Encryption::Partial => {
            ("content.partly_encrypted", "some parts are encrypted, some are not")
        }
    };
    findings.push(Finding::new(id, Category::Transport, 0.0, because));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::testing::expect_in, examine::Contents};

    #[test]
    fn finds() {
        for (encryption, want) in [
            (Encryption::None, &[][..]),
            (Encryption::Smime, &["content.smime"]),
            (Encryption::Openpgp, &["content.openpgp"]),
            (Encryption::Partial, &["content.partly_encrypted"]),
        ] {
            expect_in(&CHECK, Contents { encryption, ..Contents::default() }, want);
        }
    }
}

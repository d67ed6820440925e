//! What is encrypted, and what only looks so: each mail in `sealed/` was made by the program that people use for it (OpenSSL, GnuPG, Info-ZIP, pyzipper, pypdf,
//! msoffcrypto), around one number that nobody has. Names say what they are: `fake-*` can be read by anybody on the way.

use super::{acts, examiner};
use sluss::examine::{Encryption, Examiner, UnscannedReason};
use std::{fs, path::Path};

/// The mail, what it is, whether the number is found in clear, and whether something in it needs a password.
const MAILS: &[(&str, Encryption, bool, bool)] = &[
    ("smime-enveloped", Encryption::Smime, false, false),
    ("smime-auth-enveloped", Encryption::Smime, false, false),
    // A subject is never encrypted.
    ("smime-subject", Encryption::Smime, true, false),
    ("fake-smime-signed-data", Encryption::None, true, false),
    ("fake-smime-detached", Encryption::None, true, false),
    ("pgp-mime", Encryption::Openpgp, false, false),
    ("pgp-mime-symmetric", Encryption::Openpgp, false, false),
    ("pgp-inline", Encryption::Openpgp, false, false),
    ("partial-pgp-inline", Encryption::Partial, true, false),
    ("fake-pgp-mime-plain", Encryption::None, true, false),
    ("fake-pgp-mime-literal", Encryption::None, true, false),
    ("fake-pgp-clearsigned", Encryption::None, true, false),
    ("zip-aes", Encryption::Partial, false, true),
    ("zip-zipcrypto", Encryption::Partial, false, true),
    ("zip-mixed", Encryption::Partial, true, true),
    ("fake-zip-named", Encryption::None, true, false),
    ("fake-zip-password-beside", Encryption::None, true, false),
    ("pdf-aes256", Encryption::Partial, false, true),
    ("pdf-rc4", Encryption::Partial, false, true),
    ("fake-pdf-empty-password", Encryption::None, true, false),
    ("fake-pdf-word", Encryption::None, true, false),
    ("office-agile", Encryption::Partial, false, true),
    ("fake-office-default", Encryption::None, true, false),
    ("fake-office-plain", Encryption::None, true, false),
];

#[test]
fn what_is_encrypted_and_what_only_looks_so_are_told_apart() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/persons/sealed");
    let files = fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, MAILS.len(), "each mail has its line");
    let examiner = examiner();
    for (name, encryption, found, locked) in MAILS {
        let mail = fs::read(folder.join(format!("{name}.eml"))).unwrap();
        let contents = examiner.examine(&mail);
        let told = (
            contents.encryption,
            contents.personal.iter().any(|one| one.kind == "se.personnummer" && acts(one)),
            contents.unscanned.iter().any(|one| one.reason == UnscannedReason::Encrypted),
        );
        assert_eq!(told, (*encryption, *found, *locked), "{name}");
        let is_weak = contents.signs.iter().any(|sign| sign.id == "archive.weakly_encrypted");
        assert_eq!(is_weak, ["zip-zipcrypto", "zip-mixed"].contains(name), "{name}");
    }
}

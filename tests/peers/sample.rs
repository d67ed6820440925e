//! Mails to send, and the comparison of what arrived with what was sent.

/// An ordinary mail with CRLF line ends.
pub fn mail(from: &str, to: &str, subject: &str, body: &str) -> Vec<u8> {
    format!(
        "From: {from}\nTo: {to}\nSubject: {subject}\nDate: Fri, 20 Nov 2026 09:00:00 +0100\n\
         Message-ID: <{subject}@client.elsewhere.example>\n\n{body}\n"
    )
    .replace('\n', "\r\n")
    .into_bytes()
}

/// With LF line ends, as a Maildir has it.
pub fn as_stored(mail: &[u8]) -> Vec<u8> {
    let text: Vec<u8> = mail.iter().copied().filter(|byte| *byte != b'\r').collect();
    text
}

/// What stands in front of `sent` in `delivered`; fails unless everything else is the same, byte for byte,
/// and in front are only fields that the two servers on the way write.
#[track_caller]
pub fn prefix_of(what: &str, delivered: &[u8], sent: &[u8]) -> String {
    let want = as_stored(sent);
    let show =
        |bytes: &[u8]| String::from_utf8_lossy(bytes.get(..3_000).unwrap_or(bytes)).into_owned();
    let Some(prefix) = delivered.strip_suffix(want.as_slice()) else {
        panic!("{what}: altered.\n--- sent\n{}\n--- delivered\n{}", show(&want), show(delivered));
    };
    let prefix = String::from_utf8(prefix.to_vec()).unwrap();
    for line in prefix.lines().filter(|line| !line.starts_with([' ', '\t'])) {
        let name = line.split(':').next().unwrap_or_default();
        assert!(ADDED.contains(&name), "{what}: {line:?} stands in front");
    }
    prefix
}

/// Finds the mail with this subject among many.
#[track_caller]
pub fn with_subject<'a>(mails: &'a [Vec<u8>], subject: &str) -> &'a [u8] {
    let line = format!("\nSubject: {subject}\n");
    mails
        .iter()
        .find(|mail| mail.windows(line.len()).any(|window| window == line.as_bytes()))
        .unwrap_or_else(|| panic!("no mail with subject {subject:?} among {}", mails.len()))
}

const ADDED: &[&str] = &[
    "Return-Path",
    "X-Original-To",
    "Delivered-To",
    "Received",
    "Authentication-Results",
    "X-Sluss-Verdict",
    "X-Sluss-Reason",
    "X-Spam-Flag",
];

/// The industry's test file for virus scanners (eicar.org), in two halves so that no scanner stops at this source.
pub fn eicar() -> String {
    let halves = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"];
    halves.concat()
}

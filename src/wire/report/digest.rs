//! The digest: what of a person's mail is held, as text and as a page that mail programs show well. And the short answer to an answer.
//!
//! Names, subjects and addresses are strangers' words: they are cut, lose what could steer a reader's eye or make a link of them, and are
//! escaped for the page. Nothing is loaded from anywhere, nothing acts by being opened, and no score is told.

use crate::{
    base::{clock::UnixMs, ids::Id, letters, limits, local::Zone},
    mail::{Address, Domain},
    wire::{date, report::frame::in_field, words::Words},
};
use std::fmt::Write;

/// Everything a digest is made of.
#[derive(Debug, Clone, Copy)]
pub struct Digest<'a> {
    /// Its own id.
    pub id: Id,
    /// In whose language.
    pub words: &'a Words,
    /// On whose clock.
    pub zone: &'a Zone,
    /// Now.
    pub now: UnixMs,
    /// Who writes.
    pub from: &'a Address,
    /// What people call the organisation.
    pub organisation: &'a str,
    /// Where an answer goes.
    pub reply_to: &'a str,
    /// Who reads.
    pub to: &'a Address,
    /// Whose mail it is about.
    pub mailbox: &'a str,
    /// The reader looks after that mailbox, and is not its only one.
    pub is_owner: bool,
    /// The mails shown.
    pub rows: &'a [Row],
    /// How many of these are probably wanted.
    pub likely: usize,
    /// Mails that are only counted: certain spam.
    pub folded: usize,
    /// Mails that did not fit.
    pub rest: usize,
    /// Mails that an earlier digest told of.
    pub earlier: usize,
}

/// One mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number, for an answer.
    pub line: u32,
    /// The name that the sender gives itself.
    pub name: String,
    /// The sender's address as it stands in From.
    pub address: String,
    /// The subject.
    pub subject: String,
    /// The names of what is attached.
    pub attachments: Vec<String>,
    /// When it came.
    pub came: UnixMs,
    /// When it is deleted.
    pub deleted: UnixMs,
    /// Why it is held: a key of the catalogue.
    pub reason: &'static str,
    /// Its buttons, the first being the one most people want; none where no page is reached from outside.
    pub buttons: Vec<Button>,
}

/// A button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// What stands on it.
    pub kind: ButtonKind,
    /// Where it leads: a page that asks.
    pub link: String,
}

/// What a button is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ButtonKind {
    /// Deliver the mail.
    Deliver,
    /// Look at it.
    Show,
    /// Block its sender.
    Block,
    /// Ask staff to look at it.
    Review,
}

impl ButtonKind {
    fn said(self, words: &Words) -> String {
        match self {
            ButtonKind::Deliver => words.say("digest.deliver", &[]),
            ButtonKind::Show => words.say("digest.show", &[]),
            ButtonKind::Block => words.say("digest.block", &[]),
            ButtonKind::Review => words.say("digest.review", &[]),
        }
    }
}

/// A digest as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What stands in its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
    /// Its page.
    pub page: String,
    /// The whole message with CRLF line ends, to be sent from the null sender.
    pub message: Vec<u8>,
}

/// Writes it.
pub fn write(digest: &Digest) -> Written {
    let subject = subject(digest);
    let (text, page) = (text(digest), page(digest, &subject));
    let mut message = head(&Head {
        id: digest.id,
        words: digest.words,
        now: digest.now,
        from: digest.from,
        organisation: digest.organisation,
        reply_to: Some(digest.reply_to),
        to: digest.to,
        subject: &subject,
        auto: "auto-generated",
    });
    let boundary = format!("=_{}", digest.id);
    let _infallible =
        write!(message, "Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n");
    for (kind, body) in [("plain", &text), ("html", &page)] {
        let _infallible = write!(
            message,
            "--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}\r\n",
            with_crlf(body)
        );
    }
    let _infallible = write!(message, "--{boundary}--\r\n");
    Written { subject, text, page, message: message.into_bytes() }
}

/// A short letter to somebody who reads digests, or the own page.
#[derive(Debug, Clone, Copy)]
pub struct Note<'a> {
    /// Its own id.
    pub id: Id,
    /// In whose language.
    pub words: &'a Words,
    /// Now.
    pub now: UnixMs,
    /// Who writes.
    pub from: &'a Address,
    /// What people call the organisation.
    pub organisation: &'a str,
    /// Who reads.
    pub to: &'a Address,
    /// What about.
    pub subject: &'a str,
    /// The text, a sentence a line.
    pub lines: &'a [String],
}

/// Writes it: a whole message with CRLF line ends, to be sent from the null sender.
pub fn write_note(note: &Note) -> Vec<u8> {
    let mut message = head(&Head {
        id: note.id,
        words: note.words,
        now: note.now,
        from: note.from,
        organisation: note.organisation,
        reply_to: None,
        to: note.to,
        subject: note.subject,
        auto: "auto-replied",
    });
    message.push_str(
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
    );
    for line in note.lines {
        let _infallible = write!(message, "{line}\r\n\r\n");
    }
    let organisation = tame(note.organisation);
    let footer = note.words.say("digest.footer", &[("organisation", &organisation)]);
    let _infallible = write!(message, "-- \r\n{footer}\r\n");
    message.into_bytes()
}

/// `3 mejl väntar (1 troligen viktigt)`: what is shown and what did not fit; certain spam is not worth a glance.
fn subject(digest: &Digest) -> String {
    let words = digest.words;
    let waiting = match digest.rows.len() + digest.rest {
        0 => digest.folded,
        some => some,
    };
    let count = words.count("digest.subject", waiting, &[]);
    match digest.likely {
        0 => count,
        likely => format!("{count} {}", words.count("digest.likely", likely, &[])),
    }
}

struct Head<'a> {
    id: Id,
    words: &'a Words,
    now: UnixMs,
    from: &'a Address,
    organisation: &'a str,
    reply_to: Option<&'a str>,
    to: &'a Address,
    subject: &'a str,
    auto: &'a str,
}

/// The fields up to MIME-Version.
fn head(head: &Head) -> String {
    let domain = head.from.domain().map_or("localhost", Domain::as_str);
    let reply_to = head.reply_to.map(|to| format!("Reply-To: {to}\r\n")).unwrap_or_default();
    let organisation = tame(head.organisation);
    let name = match organisation.is_ascii() {
        // RFC 5322 section 3.2.4.
        true => format!("\"{}\"", organisation.replace('\\', "\\\\").replace('"', "\\\"")),
        false => in_field(&organisation),
    };
    format!(
        "From: {name} <{}>\r\n{reply_to}To: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{}@{domain}>\r\n\
         Auto-Submitted: {}\r\nContent-Language: {}\r\nMIME-Version: 1.0\r\n",
        head.from,
        head.to,
        in_field(head.subject),
        date::write(head.now),
        head.id,
        head.auto,
        head.words.language().code(),
    )
}

fn with_crlf(text: &str) -> String {
    text.lines().map(|line| format!("{line}\r\n")).collect()
}

/// The sentences below the rows.
fn closing(digest: &Digest) -> Vec<String> {
    let words = digest.words;
    let mut lines = Vec::new();
    if digest.folded > 0 {
        lines.push(words.count("digest.folded", digest.folded, &[]));
    }
    if digest.rest > 0 {
        lines.push(words.count("digest.rest", digest.rest, &[]));
    }
    if digest.earlier > 0 {
        lines.push(words.count("digest.earlier", digest.earlier, &[]));
    }
    if digest.rows.iter().any(|row| !row.buttons.is_empty()) {
        lines.push(words.say("digest.press", &[]));
    }
    if !digest.rows.is_empty() {
        lines.push(words.say("digest.reply", &[]));
    }
    lines
}

fn footer(digest: &Digest) -> Vec<String> {
    let words = digest.words;
    let mailbox = tame(digest.mailbox);
    let owner = digest.is_owner.then(|| words.say("digest.owner", &[("mailbox", &mailbox)]));
    let organisation = tame(digest.organisation);
    owner
        .into_iter()
        .chain([words.say("digest.footer", &[("organisation", &organisation)])])
        .collect()
}

/// A row in the reader's words, each piece fit to be seen but not escaped.
struct Seen {
    name: String,
    address: String,
    subject: String,
    attached: Option<String>,
    came: String,
    reason: String,
    deleted: String,
}

impl Seen {
    fn of(digest: &Digest, row: &Row) -> Seen {
        let words = digest.words;
        let or = |text: String, otherwise: String| if text.is_empty() { otherwise } else { text };
        let names: Vec<String> =
            row.attachments.iter().take(limits::DIGEST_NAMES_MAX).map(|name| shown(name)).collect();
        let more = if row.attachments.len() > names.len() { ", …" } else { "" };
        let names = names.join(", ") + more;
        Seen {
            name: shown(&row.name),
            address: or(real_address(&row.address), words.say("digest.no-sender", &[])),
            subject: or(shown(&row.subject), words.say("digest.no-subject", &[])),
            attached: (!row.attachments.is_empty())
                .then(|| words.say("digest.attached", &[("names", &names)])),
            came: words.say("digest.came", &[("when", &words.moment(row.came, digest.zone))]),
            reason: words.say(row.reason, &[]),
            deleted: words
                .say("digest.deleted", &[("date", &words.date(row.deleted, digest.zone))]),
        }
    }
}

fn text(digest: &Digest) -> String {
    let mut text = String::with_capacity(4_096);
    let mailbox = tame(digest.mailbox);
    let opening = digest.words.say("digest.opening", &[("mailbox", &mailbox)]);
    let _infallible = write!(text, "{opening}\n\n");
    for row in digest.rows {
        let seen = Seen::of(digest, row);
        let name = if seen.name.is_empty() { String::new() } else { format!("{} ", seen.name) };
        let _infallible =
            write!(text, "{}.  {name}<{}>\n    {}\n", row.line, seen.address, seen.subject);
        if let Some(attached) = &seen.attached {
            let _infallible = writeln!(text, "    {attached}");
        }
        let _infallible = write!(text, "    {} {}\n    {}\n", seen.came, seen.reason, seen.deleted);
        for button in &row.buttons {
            let _infallible =
                writeln!(text, "    {}: {}", button.kind.said(digest.words), button.link);
        }
        text.push('\n');
    }
    for line in closing(digest) {
        let _infallible = writeln!(text, "{line}");
    }
    text.push_str("\n-- \n");
    for line in footer(digest) {
        let _infallible = writeln!(text, "{line}");
    }
    text
}

/// Tables and inline styles for the programs that know nothing newer; one style sheet for the dark, which the others leave out.
fn page(digest: &Digest, subject: &str) -> String {
    let mut page = String::with_capacity(16_384);
    let language = digest.words.language().code();
    let _infallible = writeln!(
        page,
        "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"supported-color-schemes\" content=\"light dark\">\n\
         <meta name=\"format-detection\" content=\"telephone=no, date=no, address=no, email=no, url=no\">\n\
         <title>{}</title>\n<style>{DARK}</style>\n</head>\n\
         <body class=\"ground\" style=\"margin:0;padding:0;background:#ffffff;color:#1b1f24;{FONT}\">\n\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">\n\
         <tr><td align=\"center\" style=\"padding:16px 12px\">\n\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"max-width:600px;text-align:left\">",
        escaped(subject)
    );
    let mailbox = tame(digest.mailbox);
    let opening = digest.words.say("digest.opening", &[("mailbox", &mailbox)]);
    let _infallible = writeln!(
        page,
        "<tr><td style=\"padding:0 0 16px 0;{FONT}\">{}</td></tr>",
        escaped(&opening)
    );
    for row in digest.rows {
        page_row(digest, row, &mut page);
    }
    for (lines, class, colour) in
        [(closing(digest), "", "#1b1f24"), (footer(digest), "faint", "#57606a")]
    {
        for line in lines {
            let _infallible = writeln!(
                page,
                "<tr><td class=\"{class}\" style=\"padding:4px 0;color:{colour};{FONT}\">{}</td></tr>",
                escaped(&line)
            );
        }
    }
    page.push_str("</table>\n</td></tr>\n</table>\n</body>\n</html>\n");
    page
}

fn page_row(digest: &Digest, row: &Row, page: &mut String) {
    let seen = Seen::of(digest, row);
    let _infallible = writeln!(
        page,
        "<tr><td class=\"card\" style=\"padding:14px 0 6px 0;border-top:1px solid #d9dde3;{FONT}\">\n\
         <div style=\"font-weight:bold;overflow-wrap:anywhere;word-break:break-word\">{}.&nbsp; {}</div>\n\
         <div style=\"overflow-wrap:anywhere;word-break:break-word\">{}</div>\n\
         <div class=\"faint\" style=\"color:#57606a;overflow-wrap:anywhere;word-break:break-all\">&lt;{}&gt;</div>",
        row.line,
        escaped(&seen.subject),
        escaped(&seen.name),
        escaped(&seen.address),
    );
    if let Some(attached) = &seen.attached {
        let _infallible = writeln!(
            page,
            "<div style=\"overflow-wrap:anywhere;word-break:break-word\">{}</div>",
            escaped(attached)
        );
    }
    let _infallible = writeln!(
        page,
        "<div>{}</div>\n<div class=\"faint\" style=\"color:#57606a\">{} &middot; {}</div>",
        escaped(&seen.reason),
        escaped(&seen.came),
        escaped(&seen.deleted)
    );
    page.push_str("<div style=\"padding:10px 0 0 0\">\n");
    for (place, button) in row.buttons.iter().enumerate() {
        let (class, ground, ink) = match place {
            0 => ("first", "#0b57d0", "#ffffff"),
            _ => ("other", "#e9edf2", "#1b1f24"),
        };
        // The border is the button's body: Outlook draws borders of a link where it leaves out padding. 12 + 20 + 12 = 44 pixels.
        let _infallible = writeln!(
            page,
            "<a class=\"{class}\" href=\"{}\" style=\"display:inline-block;background:{ground};color:{ink};border-style:solid;\
             border-color:{ground};border-width:12px 18px;border-radius:8px;margin:0 6px 8px 0;min-width:44px;text-align:center;\
             text-decoration:none;font-weight:bold;font-size:16px;line-height:20px\">{}</a>",
            escaped(&button.link),
            escaped(&button.kind.said(digest.words))
        );
    }
    page.push_str("</div>\n</td></tr>\n");
}

const FONT: &str = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:24px";

const DARK: &str = ":root{color-scheme:light dark;supported-color-schemes:light dark}\
@media (prefers-color-scheme:dark){.ground{background:#15181c!important;color:#e8eaed!important}.ground td{color:#e8eaed!important}\
.card{border-color:#3a414b!important}.ground .faint{color:#a9b1bb!important}\
.first{background:#8ab4f8!important;border-color:#8ab4f8!important;color:#10151c!important}\
.other{background:#2d333b!important;border-color:#2d333b!important;color:#e8eaed!important}}";

/// Words of a stranger as a person may see them: one line, nothing that turns or hides letters, at most so many, and nothing that a mail
/// program would make a link of.
pub fn shown(text: &str) -> String {
    let mut unlinked = String::new();
    for letter in tame(text).chars() {
        // A word joiner: nobody sees it, and a web address with one in it is none.
        if matches!(letter, '.' | ':' | '@') && !unlinked.is_empty() && !unlinked.ends_with(' ') {
            unlinked.push(JOINER);
        }
        unlinked.push(letter);
    }
    unlinked
}

/// The same for what may be a link to write to: an address.
fn tame(text: &str) -> String {
    letters::one_line(text, limits::DIGEST_TEXT_LETTERS_MAX)
}

const JOINER: char = '\u{2060}';

/// An address with the domain that it really has: letters beyond ASCII may be others than they seem, so the form that the network knows
/// stands beside them.
fn real_address(address: &str) -> String {
    let known = address
        .rsplit_once('@')
        .and_then(|(local, domain)| Some((local, Domain::parse(domain).ok()?)));
    // What is no address is not shown as one.
    let Some((local, domain)) = known else { return shown(address) };
    match domain.to_unicode() {
        shown if shown == domain.as_str() => tame(&format!("{local}@{domain}")),
        shown => tame(&format!("{local}@{shown} ({domain})")),
    }
}

/// For text and attribute values of a page.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mail::Header, wire::report::Language};

    fn row(line: u32, subject: &str) -> Row {
        Row {
            line,
            name: "Karin Berg".to_string(),
            address: "karin@far.example".to_string(),
            subject: subject.to_string(),
            attachments: vec!["bill.pdf".to_string()],
            came: UnixMs(1_795_780_800_000),
            deleted: UnixMs(1_798_372_800_000),
            reason: "reason.spam",
            buttons: [ButtonKind::Deliver, ButtonKind::Show, ButtonKind::Block]
                .map(|kind| Button { kind, link: "https://post.ours.example/m/abc".to_string() })
                .to_vec(),
        }
    }

    fn written(language: Language, rows: &[Row]) -> Written {
        let address = |text: &str| Address::parse(text).unwrap();
        write(&Digest {
            id: Id::new(UnixMs(5), [1; 10]),
            words: Words::of(language),
            zone: &Zone::parse("Europe/Stockholm").unwrap(),
            now: UnixMs(1_795_780_800_000),
            from: &address("quarantine@ours.example"),
            organisation: "Föreningen \"Vi\"",
            reply_to: "quarantine+n@ours.example",
            to: &address("anna@ours.example"),
            mailbox: "anna@ours.example",
            is_owner: false,
            rows,
            likely: 1,
            folded: 27,
            rest: 0,
            earlier: 2,
        })
    }

    #[test]
    fn it_is_well_formed_in_every_language() {
        for language in Language::ALL {
            let rows = [row(1, "Möte"), row(2, "Lunch"), row(3, "Hej")];
            let Written { message, text, page, .. } = written(language, &rows);
            let whole = String::from_utf8(message.clone()).unwrap();
            assert!(!whole.replace("\r\n", "").contains(['\r', '\n']), "line ends are CRLF");
            assert!(whole.split("\r\n").all(|line| line.len() <= 998), "RFC 5322 section 2.1.1");
            let header = Header::read(&message).unwrap();
            assert_eq!(header.mailboxes("From")[0].address, "quarantine@ours.example");
            assert_eq!(header.mailboxes("From")[0].name, "Föreningen \"Vi\"");
            assert_eq!(header.value("Auto-Submitted").unwrap(), "auto-generated");
            assert!(header.text("Subject").unwrap().starts_with("3 "));
            for part in [&text, &page] {
                assert!(part.contains("27") && part.contains("Karin Berg"), "{part}");
                assert!(!part.contains("digest.") && !part.contains("reason."), "a key is missing");
            }
            assert_eq!(text.matches("https://post.ours.example/m/abc").count(), 9);
            assert_eq!(page.matches("href=\"https://post.ours.example/m/abc\"").count(), 9);
            for remote in ["<img", "src=", "url(", "<script", "<form", "<link", "http-equiv"] {
                assert!(!page.contains(remote), "{remote}");
            }
        }
    }

    #[test]
    fn subject_and_hour_are_as_the_reader_writes_them() {
        let swedish = written(Language::Sv, &[row(1, "a"), row(2, "b"), row(3, "c")]);
        assert_eq!(swedish.subject, "3 mejl väntar (1 troligen viktigt)");
        assert!(swedish.text.contains("Kom 27 november kl. 13.00"));
        let finnish = written(Language::Fi, &[row(1, "a")]);
        assert_eq!(finnish.subject, "1 viesti odottaa (1 luultavasti tärkeä)");
    }

    #[test]
    fn strangers_words_stay_words() {
        let nasty = "\"><img src=x onerror=alert(1)>\r\nBcc: x@evil.example\u{202e}gpj.exe see www.evil.example";
        let rows = [Row {
            name: nasty.into(),
            address: nasty.into(),
            attachments: vec![nasty.into()],
            ..row(1, nasty)
        }];
        let Written { message, text, page, .. } = written(Language::En, &rows);
        assert!(!page.contains("<img") && !page.contains("\"><"), "{page}");
        for seen in [&text, &page] {
            assert!(!seen.contains('\u{202e}') && !seen.contains("www.evil.example"));
            assert!(!seen.contains("\nBcc:") && !seen.contains("\rBcc"));
        }
        assert_eq!(Header::read(&message).unwrap().count("Bcc"), 0);
    }

    #[test]
    fn what_is_shown_is_bounded_and_plain() {
        let long = "x".repeat(500);
        for (text, want) in [
            ("Hej  Anna\t!\n", "Hej Anna !".to_string()),
            ("a\u{200b}b\u{2066}c\u{e0041}", "abc".to_string()),
            ("se far.example", "se far\u{2060}.example".to_string()),
            ("Hi there.", "Hi there\u{2060}.".to_string()),
            ("\u{202e}", String::new()),
            (long.as_str(), "x".repeat(limits::DIGEST_TEXT_LETTERS_MAX) + "…"),
        ] {
            assert_eq!(shown(text), want, "{text}");
        }
        for (address, want) in [
            ("karin@far.example", "karin@far.example"),
            (
                "karin@XN--RKSMRGS-5WAO1O.example",
                "karin@räksmörgås.example (xn--rksmrgs-5wao1o.example)",
            ),
            ("nobody", "nobody"),
        ] {
            assert_eq!(real_address(address), want);
        }
    }
}

//! The digest: what of a person's mail is held, as text and as a page that mail programs show well. And the short answer to an answer.
//!
//! Names, subjects and addresses are strangers' words: they are cut, lose what could steer a reader's eye or make a link of them, and are
//! escaped for the page. Nothing is loaded from anywhere, nothing acts by being opened, and no score is told.

use crate::{
    base::{clock::UnixMs, ids::Id, letters, limits, local::Zone},
    mail::{Address, Domain, legible},
    wire::{
        date,
        report::{digest_page, frame::in_field},
        words::Words,
    },
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
    /// How it looks, and whom its people ask.
    pub look: Look<'a>,
    /// Where an answer goes.
    pub reply_to: &'a str,
    /// Who reads.
    pub to: &'a Address,
    /// Whose mail it is about.
    pub mailbox: &'a str,
    /// The reader looks after that mailbox, and is not its only one.
    pub is_owner: bool,
    /// What staff asks; these stand first and have the first numbers.
    pub questions: &'a [Question],
    /// Questions, the same of senders among them, that did not fit.
    pub more_questions: usize,
    /// The mails shown; first those whose senders ask for them.
    pub rows: &'a [Row],
    /// How many of these are probably wanted.
    pub likely: usize,
    /// Mails that are only counted: certain spam.
    pub folded: usize,
    /// Mails that did not fit.
    pub rest: usize,
    /// Mails that an earlier digest told of.
    pub earlier: usize,
    /// The door of the own page, which knows nobody yet; none where no page is reached from outside.
    pub own_page: Option<&'a str>,
}

/// How an organisation looks to its people. There is no picture in it: many programs show none before they are asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look<'a> {
    /// The colour of buttons on light grounds and on dark ones, as six hexadecimal digits behind a `#`; ours if it has none.
    pub colours: Option<(&'a str, &'a str)>,
    /// Whom people ask: as they read it, and where it leads.
    pub contact: Option<(&'a str, &'a str)>,
    /// Where people read more.
    pub help: Option<&'a str>,
}

/// Somebody of the staff asks to open a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its number, for the page that asks for it.
    pub line: u32,
    /// Who asks, and what he does here.
    pub who: String,
    /// Why.
    pub why: String,
    /// The name that the mail's sender gives itself.
    pub name: String,
    /// The sender's address.
    pub address: String,
    /// The mail's subject.
    pub subject: String,
    /// When it came.
    pub came: UnixMs,
    /// Where it is answered; none where no page is reached from outside.
    pub link: Option<String>,
}

impl Question {
    pub(super) fn why_shown(&self) -> String {
        unlinked(&letters::one_line(&self.why, limits::NOTE_LETTERS_MAX))
    }

    /// Its number is no number to answer the mail with, so it does not stand where those of mails do.
    pub(super) fn number_said(&self, words: &Words) -> String {
        words.say("digest.question-number", &[("number", &self.line.to_string())])
    }

    pub(super) fn subject_shown(&self, words: &Words) -> String {
        subject_of(words, &self.subject)
    }
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
    /// Why it is held, in the reader's words.
    pub reason: String,
    /// It was refused, and its sender asks for it.
    pub refused: bool,
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
    pub(super) fn said(self, words: &Words) -> String {
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
    let (text, page) = (text(digest), digest_page::write(digest, &subject));
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
    let Sections { asked, waiting } = Sections::of(digest);
    let parts: Vec<String> = waiting.into_iter().chain(asked).collect();
    match parts.is_empty() {
        true => digest.words.count("digest.subject", 0, &[]),
        false => parts.join(", "),
    }
}

/// The parts of a digest that has them, as their headings say it.
pub(super) struct Sections {
    /// What is asked.
    pub(super) asked: Option<String>,
    /// What waits.
    pub(super) waiting: Option<String>,
}

impl Sections {
    pub(super) fn of(digest: &Digest) -> Sections {
        let words = digest.words;
        let refused = digest.rows.iter().filter(|row| row.refused).count();
        let waiting = match digest.rows.len() - refused + digest.rest {
            0 => digest.folded,
            some => some,
        };
        let waits = || match digest.likely {
            0 => words.count("digest.subject", waiting, &[]),
            likely => format!(
                "{} {}",
                words.count("digest.subject", waiting, &[]),
                words.count("digest.likely", likely, &[])
            ),
        };
        let asked = digest.questions.len() + digest.more_questions + refused;
        Sections {
            asked: (asked > 0).then(|| words.count("digest.asked", asked, &[])),
            waiting: (waiting > 0).then(waits),
        }
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

/// With the line ends of the network. RFC 5322 section 2.1.1: a line has at most 998 octets; a long one goes on in the next at a space, which
/// neither a reader nor a page tells from a space.
fn with_crlf(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + 1_024);
    for mut line in text.lines() {
        while line.len() > LINE_BYTES_MAX {
            let fits = line.get(..line.floor_char_boundary(LINE_BYTES_MAX)).unwrap_or(line);
            let Some((before, _)) = fits.trim_start().rsplit_once(' ') else { break };
            let indent = fits.len() - fits.trim_start().len();
            let end = indent + before.len();
            let _infallible = write!(lines, "{}\r\n", line.get(..end).unwrap_or(line));
            line = line.get(end + 1..).unwrap_or("");
        }
        let _infallible = write!(lines, "{line}\r\n");
    }
    lines
}

/// Of the 998 octets, with room for a last word without spaces.
const LINE_BYTES_MAX: usize = 600;

/// What stands above all.
pub(super) fn opening(digest: &Digest) -> String {
    let (words, mailbox) = (digest.words, tame(&legible(digest.mailbox)));
    match Sections::of(digest).waiting {
        Some(_) => words.say("digest.opening", &[("mailbox", &mailbox)]),
        None => words.say("digest.asked-opening", &[("mailbox", &mailbox)]),
    }
}

/// The sentences below the rows.
pub(super) fn closing(digest: &Digest) -> Vec<String> {
    let words = digest.words;
    let mut lines = Vec::new();
    if digest.more_questions > 0 {
        lines.push(words.count("digest.more-asked", digest.more_questions, &[]));
    }
    if digest.folded > 0 {
        lines.push(words.count("digest.folded", digest.folded, &[]));
    }
    if digest.rest > 0 {
        lines.push(words.count("digest.rest", digest.rest, &[]));
    }
    if digest.earlier > 0 {
        lines.push(words.count("digest.earlier", digest.earlier, &[]));
    }
    let linked = digest.questions.iter().any(|question| question.link.is_some());
    if linked || digest.rows.iter().any(|row| !row.buttons.is_empty()) {
        lines.push(words.say("digest.press", &[]));
    }
    if !digest.rows.is_empty() {
        lines.push(words.say("digest.reply", &[]));
    }
    lines
}

pub(super) fn footer(digest: &Digest) -> Vec<String> {
    let words = digest.words;
    let mailbox = tame(&legible(digest.mailbox));
    let owner = digest.is_owner.then(|| words.say("digest.owner", &[("mailbox", &mailbox)]));
    let organisation = tame(digest.organisation);
    owner
        .into_iter()
        .chain([words.say("digest.footer", &[("organisation", &organisation)])])
        .collect()
}

/// A row in the reader's words, each piece fit to be seen but not escaped.
pub(super) struct Seen {
    /// What is to be said of it before all else.
    pub(super) remark: Option<String>,
    pub(super) name: String,
    pub(super) address: String,
    pub(super) subject: String,
    pub(super) attached: Option<String>,
    pub(super) came: String,
    pub(super) reason: String,
    pub(super) deleted: String,
}

impl Seen {
    pub(super) fn of(digest: &Digest, row: &Row) -> Seen {
        let words = digest.words;
        let names: Vec<String> =
            row.attachments.iter().take(limits::DIGEST_NAMES_MAX).map(|name| shown(name)).collect();
        let more = if row.attachments.len() > names.len() { ", …" } else { "" };
        let names = names.join(", ") + more;
        Seen {
            remark: row.refused.then(|| words.say("digest.sender-asks", &[])),
            name: shown(&row.name),
            address: address_of(words, &row.address),
            subject: subject_of(words, &row.subject),
            attached: (!row.attachments.is_empty())
                .then(|| words.say("digest.attached", &[("names", &names)])),
            came: words.say("digest.came", &[("when", &words.moment(row.came, digest.zone))]),
            // Our sentence, or one of the house: nothing of a stranger that a mail program could make a link of.
            reason: letters::one_line(&row.reason, limits::DIGEST_TEXT_LETTERS_MAX),
            deleted: words
                .say("digest.deleted", &[("date", &words.date(row.deleted, digest.zone))]),
        }
    }
}

/// An address, or that there is none.
pub(super) fn address_of(words: &Words, address: &str) -> String {
    match real_address(address) {
        none if none.is_empty() => words.say("digest.no-sender", &[]),
        address => address,
    }
}

fn subject_of(words: &Words, subject: &str) -> String {
    match shown(subject) {
        none if none.is_empty() => words.say("digest.no-subject", &[]),
        subject => subject,
    }
}

fn text(digest: &Digest) -> String {
    let mut text = String::with_capacity(4_096);
    let Sections { asked, waiting } = Sections::of(digest);
    // A heading over the only section says nothing that the subject did not.
    let both = asked.is_some() && waiting.is_some();
    let heading = |words: Option<String>| match words {
        Some(words) if both => format!("* {words}\n\n"),
        Some(_) | None => String::new(),
    };
    let _infallible = write!(text, "{}\n\n{}", opening(digest), heading(asked));
    for question in digest.questions {
        text_question(digest, question, &mut text);
    }
    for row in digest.rows.iter().filter(|row| row.refused) {
        text_row(digest, row, &mut text);
    }
    text.push_str(&heading(waiting));
    for row in digest.rows.iter().filter(|row| !row.refused) {
        text_row(digest, row, &mut text);
    }
    for line in closing(digest) {
        let _infallible = writeln!(text, "{line}");
    }
    if let Some(own_page) = digest.own_page {
        let _infallible = writeln!(text, "{}: {own_page}", digest.words.say("tap.own-page", &[]));
    }
    text.push_str("\n-- \n");
    for line in footer(digest) {
        let _infallible = writeln!(text, "{line}");
    }
    if let Some((contact, _)) = digest.look.contact {
        let _infallible = writeln!(text, "{} {contact}", digest.words.say("brand.ask", &[]));
    }
    if let Some(help) = digest.look.help {
        let _infallible = writeln!(text, "{}: {help}", digest.words.say("brand.help", &[]));
    }
    text
}

fn text_question(digest: &Digest, question: &Question, text: &mut String) {
    let words = digest.words;
    let (who, why) = (shown(&question.who), question.why_shown());
    let came = words.say("digest.came", &[("when", &words.moment(question.came, digest.zone))]);
    let _infallible = write!(
        text,
        "{}\n    {}\n    {}\n    {}\n    {came}.\n",
        words.say("digest.asks", &[("who", &who)]),
        words.say("digest.asks-why", &[("why", &why)]),
        question.subject_shown(words),
        sender(&shown(&question.name), &address_of(words, &question.address)),
    );
    if let Some(link) = &question.link {
        let _infallible = writeln!(text, "    {}: {link}", words.say("digest.answer", &[]));
        let _infallible = writeln!(text, "    {}", question.number_said(words));
    }
    text.push('\n');
}

fn text_row(digest: &Digest, row: &Row, text: &mut String) {
    let seen = Seen::of(digest, row);
    let _infallible = writeln!(text, "{}.  {}", row.line, sender(&seen.name, &seen.address));
    let _infallible = writeln!(text, "    {}", seen.subject);
    for more in [&seen.remark, &seen.attached, &Some(seen.reason)].into_iter().flatten() {
        let _infallible = writeln!(text, "    {more}");
    }
    let _infallible = writeln!(text, "    {}. {}.", seen.came, seen.deleted);
    for button in &row.buttons {
        let _infallible = writeln!(text, "    {}: {}", button.kind.said(digest.words), button.link);
    }
    text.push('\n');
}

fn sender(name: &str, address: &str) -> String {
    match name {
        "" => format!("<{address}>"),
        name => format!("{name} <{address}>"),
    }
}

/// Words of a stranger as a person may see them: one line, nothing that turns or hides letters, at most so many, and nothing that a mail
/// program would make a link of.
pub fn shown(text: &str) -> String {
    unlinked(&tame(text))
}

fn unlinked(text: &str) -> String {
    let mut unlinked = String::new();
    for letter in text.chars() {
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

/// An address as people read it. What is no address is not shown as one.
fn real_address(address: &str) -> String {
    match address.rsplit_once('@').is_some_and(|(_, domain)| Domain::parse(domain).is_ok()) {
        true => tame(&legible(address)),
        false => shown(address),
    }
}

/// For text and attribute values of a page.
pub(super) fn escaped(text: &str) -> String {
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
            reason: "It looks odd.".to_string(),
            refused: false,
            buttons: [ButtonKind::Deliver, ButtonKind::Show, ButtonKind::Block]
                .map(|kind| Button { kind, link: "https://post.ours.example/m/abc".to_string() })
                .to_vec(),
        }
    }

    fn written(language: Language, rows: &[Row]) -> Written {
        written_with(language, &[], rows)
    }

    fn question(line: u32) -> Question {
        Question {
            line,
            who: "eva (auditor)".to_string(),
            why: "Anna has called: is the <b>bill</b> in it? See evil.example".to_string(),
            name: "Karin Berg".to_string(),
            address: "karin@far.example".to_string(),
            subject: "The bill".to_string(),
            came: UnixMs(1_795_780_800_000),
            link: Some("https://post.ours.example/m/asked".to_string()),
        }
    }

    fn written_with(language: Language, questions: &[Question], rows: &[Row]) -> Written {
        let address = |text: &str| Address::parse(text).unwrap();
        write(&Digest {
            id: Id::new(UnixMs(5), [1; 10]),
            words: Words::of(language),
            zone: &Zone::parse("Europe/Stockholm").unwrap(),
            now: UnixMs(1_795_780_800_000),
            from: &address("quarantine@ours.example"),
            organisation: "Föreningen \"Vi\"",
            look: Look {
                colours: Some(("#7a1f5c", "#e0a0c8")),
                contact: Some(("+46 8 1234", "tel:+4681234")),
                help: Some("https://intra.ours.example/mail"),
            },
            reply_to: "quarantine+n@ours.example",
            to: &address("anna@ours.example"),
            mailbox: "anna@ours.example",
            is_owner: false,
            questions,
            more_questions: 0,
            rows,
            likely: usize::from(!rows.is_empty()),
            folded: if rows.is_empty() { 0 } else { 27 },
            rest: 0,
            earlier: 2,
            own_page: Some("https://post.ours.example/me"),
        })
    }

    #[test]
    fn questions_stand_first_and_say_who_asks_why_about_what() {
        let refused = Row { refused: true, ..row(2, "Lunch") };
        for language in Language::ALL {
            let both = written_with(language, &[question(1)], &[refused.clone(), row(3, "Hej")]);
            let words = Words::of(language);
            let asked = words.count("digest.asked", 2, &[]);
            assert!(both.subject.ends_with(&format!(", {asked}")), "{}", both.subject);
            for part in [&both.text, &both.page] {
                let place =
                    |what: &str| part.find(what).unwrap_or_else(|| panic!("{what}: {part}"));
                assert!(place("eva (auditor)") < place("Lunch") && place("Lunch") < place("Hej"));
                for once in
                    ["/m/asked", "The bill", "is the", &words.say("digest.sender-asks", &[])]
                {
                    assert_eq!(part.matches(once).count(), 1, "{once}: {part}");
                }
                assert!(!part.contains("evil.example") && !part.contains("digest."), "{part}");
            }
            assert!(both.text.contains(&question(1).number_said(words)));
            assert!(!both.text.contains("1.  ") && both.text.contains("2.  "), "{}", both.text);
            assert!(
                both.page.contains("&lt;b&gt;bill")
                    && both.page.contains("<h2")
                    && both.page.contains("<h3")
            );
            let alone = written_with(language, &[question(1)], &[]);
            assert_eq!(alone.subject, words.count("digest.asked", 1, &[]));
            let opening = words.say("digest.asked-opening", &[("mailbox", "anna@ours.example")]);
            assert!(alone.text.starts_with(&opening) && !alone.page.contains("<h3"));
            assert!(!alone.text.contains(&words.say("digest.reply", &[])), "no number answers it");
        }
    }

    #[test]
    fn no_line_is_longer_than_the_network_takes() {
        let why = "'\u{1f600} ".repeat(limits::NOTE_LETTERS_MAX);
        let names = vec!["\u{1f600}".repeat(200); 9];
        let long = Row { attachments: names, ..row(2, &"'".repeat(500)) };
        let asked = Question { why, who: "'".repeat(500), ..question(1) };
        let message = written_with(Language::Fi, &[asked], &[long]).message;
        let whole = String::from_utf8(message).unwrap();
        let longest = whole.split("\r\n").map(str::len).max();
        assert!(longest <= Some(998), "{longest:?}");
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
            let own = Words::of(language).say("tap.own-page", &[]);
            assert!(text.contains(&format!("\n{own}: https://post.ours.example/me\n")), "{text}");
            assert!(page.contains("href=\"https://post.ours.example/me\"") && page.contains(&own));
            assert!(page.contains("background:#7a1f5c") && page.contains("#e0a0c8!important"));
            assert!(page.contains("href=\"tel:+4681234\"") && text.contains(" +46 8 1234\n"));
            assert!(page.contains("href=\"https://intra.ours.example/mail\""));
            assert!(text.ends_with(": https://intra.ours.example/mail\n"), "{text}");
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
        assert!(!page.contains("<img"), "{page}");
        assert_eq!(page.matches("&quot;&gt;&lt;img src=x").count(), 4, "{page}");
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
            ("karin@XN--RKSMRGS-5WAO1O.example", "karin@räksmörgås.example"),
            ("nobody", "nobody"),
        ] {
            assert_eq!(real_address(address), want);
        }
    }
}

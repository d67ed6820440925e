//! Checks: one file each, pure functions from a mail, its contents and its facts to findings.
//!
//! To add one: copy `subject_missing.rs`, add its two lines here, run the tests.

pub mod house;
pub mod phrases;

mod known;
mod read;
mod sealed;

mod archive_only_program;
mod attachment_container;
mod attachment_disguised;
mod attachment_macro;
mod attachment_name;
mod attachment_page;
mod attachment_runs;
mod brand_said;
mod auto_reply;
mod bounce;
mod bank_account;
mod bulk_signs;
mod campaign;
mod clamd;
mod content_encrypted;
mod date_odd;
mod departure;
mod dmarc;
mod dns_list;
mod from_brand;
mod from_doubtful;
mod from_impostor;
mod from_missing;
mod from_name;
mod header_malformed;
mod header_repeated;
mod header_urgent;
mod helo;
mod history;
mod inside_signs;
mod iprev;
mod link_address;
mod link_lookalike;
mod link_odd;
mod link_text;
mod link_user_info;
mod listed;
mod lookalike_domain;
mod mailer_bulk;
mod message_id;
mod mime_odd;
mod mime_version_missing;
mod money_asked;
mod names_recipient;
mod newsletter;
mod page_active;
mod page_alone;
mod page_hidden;
mod page_picture_only;
mod personal_found;
mod received_forged;
mod reply_to_elsewhere;
mod signatures;
mod sought;
mod spf;
mod subject_empty;
mod subject_encoded;
mod subject_missing;
mod subject_reply;
mod subject_shouting;
mod subject_tail;
mod text_alternatives;
mod text_lookalike;
mod text_needless_base64;
mod text_only_link;
mod text_shouting;
mod text_split_words;
mod to_odd;
mod transport_clear;
mod unauthenticated;
mod unscanned;
mod wish_secure;
mod wording;

pub use house::House;
pub(crate) use known::hosts::is_freemail as is_everybodys;
pub use personal_found::{came_in_clear, is_surely_personal};
pub use phrases::{PhraseNote, Phrases, verify};
pub use sealed::{read as read_sealed, without_quotes};
pub use wish_secure::WISH;

use crate::{
    base::hidden::Hidden,
    config::{
        Authentication,
        policy::{Action, Category},
    },
    examine::Contents,
    facts::{Facts, Known, history::is_authenticated},
    mail::{Direction, Domain, Mail, Mailbox},
    wire::auth::{Arc, Iprev, Spf, arc::Sealer},
};
use std::borrow::Cow;

/// Everything a check may look at.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// How it came, and its header section.
    pub mail: &'a Mail<'a>,
    /// What is inside.
    pub contents: &'a Contents,
    /// What the world said.
    pub facts: &'a Facts,
    /// What follows from who the sender could show to be.
    pub rules: Rules<'a>,
    /// Whom it comes to: each organisation's own domains and people, and what it wants watched.
    pub houses: &'a [&'a House],
}

/// The operator's word on who may speak for whom.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// `[authentication]`.
    pub authentication: &'a Authentication,
    /// A domain in From is one of ours, and the client is none of ours.
    pub author_is_ours: bool,
}

/// A thing a check saw. Readable back from the trace, so that yesterday's mail can be decided about anew; the sentence for users is not kept.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// Dotted, stable, documented; never reused for another meaning.
    pub id: Cow<'static, str>,
    /// What kind of trouble.
    pub category: Category,
    /// How much it weighs toward spam; negative speaks for the sender.
    #[serde(serialize_with = "crate::base::number::write")]
    pub weight: f32,
    /// What must happen whatever else speaks for the mail.
    pub demands: Option<Demand>,
    /// Its weight refuses no mail that would not be refused without it: the answer would tell the sender what he must not learn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untold: bool,
    /// The part it was seen in; empty for the whole mail.
    pub part: String,
    /// The part's path inside archives.
    pub path: String,
    /// What was seen, safe to store and to show to whoever may know that there is such a mail: no content, no personal value.
    pub because: String,
    /// What the mail itself says there, cut to a line. It is never stored and shown only to who has the mail in hand.
    #[serde(skip)]
    pub quote: Option<Hidden<String>>,
    /// The plain ASCII sentence for a user; [`run`] fills in the check's own where it is empty.
    #[serde(skip)]
    pub plain: Cow<'static, str>,
}

/// What a finding insists on. Never offset by anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// Whatever policy says of its category.
    Category,
    /// Whatever policy says of parts that could not be opened.
    Unscanned,
    /// What the policy does at the usual score for holding, and never more than hold: the finding weighs nothing beside others.
    AsSuspect,
    /// At least this.
    AtLeast(Action),
    /// At least this, whatever the policy's mode: the scanner failed, so there is nothing that a milder mode could let through on trust.
    NotLookedInto(Action),
}

impl Finding {
    /// A finding about the whole mail, without a demand.
    pub fn new(
        id: impl Into<Cow<'static, str>>,
        category: Category,
        weight: f32,
        because: impl Into<String>,
    ) -> Finding {
        Finding {
            id: id.into(),
            category,
            weight,
            demands: None,
            untold: false,
            part: String::new(),
            path: String::new(),
            because: because.into(),
            quote: None,
            plain: Cow::Borrowed(""),
        }
    }

    /// The same, insisting.
    pub fn demanding(self, demand: Demand) -> Finding {
        Finding { demands: Some(demand), ..self }
    }

    /// The same, of which the answer to the sender says nothing.
    pub fn untold(self) -> Finding {
        Finding { untold: true, ..self }
    }

    /// The same, about one part.
    pub fn in_part(self, part: &str, path: &str) -> Finding {
        Finding { part: part.to_string(), path: path.to_string(), ..self }
    }

    /// The same, with a sentence of its own for the user where the check's would not fit. ASCII.
    pub fn telling(self, plain: &'static str) -> Finding {
        Finding { plain: Cow::Borrowed(plain), ..self }
    }
}

impl Case<'_> {
    /// Does it come from the world? What a client of our own leaves to us (RFC 6409 section 8) is no sign then.
    pub fn is_inbound(&self) -> bool {
        self.mail.direction == Direction::Inbound
    }

    /// Does it say that it came through a mailing list? Anybody can say so: this may ease a small weight, never a demand.
    pub fn is_list(&self) -> bool {
        let header = self.mail.header;
        ["List-Id", "List-Post", "Mailing-List", "X-Mailing-List"]
            .iter()
            .any(|name| header.count(name) > 0)
            || header.value("Precedence").is_some_and(|value| value.eq_ignore_ascii_case("list"))
    }

    /// The mailbox in From that a person is shown. `Öberg, Åsa <asa@firm.example>` without quotes is, strictly, two mailboxes; mail programs
    /// show one, and so do we: everything before the first address is its name.
    pub fn from(&self) -> Option<Mailbox> {
        let header = self.mail.header;
        let mailboxes = header.mailboxes("From");
        let place =
            mailboxes.iter().position(|mailbox| mailbox.address.contains('@')).unwrap_or_default();
        let mailbox = mailboxes.into_iter().nth(place)?;
        if place == 0 {
            return Some(mailbox);
        }
        let text = header.text("From").unwrap_or_default();
        let name =
            text.rsplit_once('<').map(|(name, _)| name.trim().to_string()).unwrap_or_default();
        Some(Mailbox { name, ..mailbox })
    }

    /// Did somebody who passed speak for the domain in From: by DMARC, or without its record by SPF or DKIM of the same owner?
    pub fn is_authenticated(&self) -> bool {
        let Facts { dmarc, spf, dkim, .. } = self.facts;
        let domain = self.from().and_then(|from| from.domain());
        domain.is_some_and(|domain| is_authenticated(&domain, dmarc, spf, dkim))
    }

    /// Is it known that nobody here and the sender have written to each other before? Where nobody remembers, it is not.
    pub fn is_first_contact(&self) -> bool {
        match &self.facts.history {
            Known::Yes(history) => history.is_first_contact(),
            Known::No(_) | Known::NotAsked => false,
        }
    }

    /// Who, trusted to do so, has passed on a mail in the name of this domain: its checks are broken by that, and nobody is to be blamed.
    pub fn forwarder(&self, author: &Domain) -> Option<String> {
        let rules = self.rules.authentication;
        if rules.forwards_from(self.mail.peer.address) {
            return Some(format!("the forwarder {}", self.mail.peer.address));
        }
        let called = match &self.facts.iprev {
            Known::Yes(fact) if fact.result == Iprev::Pass => fact.name.as_deref(),
            Known::Yes(_) | Known::No(_) | Known::NotAsked => None,
        };
        let sends_for = match &self.facts.spf {
            Known::Yes(fact) if fact.result == Spf::Pass => Some(fact.domain.as_str()),
            Known::Yes(_) | Known::No(_) | Known::NotAsked => None,
        };
        let mut names = called.into_iter().chain(sends_for);
        let named = names.find(|name| Domain::parse(name).is_ok_and(|name| rules.forwards(&name)));
        named.map(|name| format!("the forwarder {name}")).or_else(|| self.sealer(author))
    }

    /// The trusted sealer who found that DMARC passed for this domain. All who sealed after it are to be trusted as well: each of them could
    /// have written what it liked.
    fn sealer(&self, author: &Domain) -> Option<String> {
        let Known::Yes(chain) = &self.facts.arc else { return None };
        if chain.result != Arc::Pass {
            return None;
        }
        let trusted = &self.rules.authentication.trusted_sealers;
        let trusts = |sealer: &&Sealer| {
            let domain = Domain::parse(&sealer.domain);
            domain.is_ok_and(|domain| trusted.iter().any(|name| domain.is_within(name)))
        };
        let mut sealers = chain.sealers.iter().rev().take_while(trusts);
        let found = sealers.find(|one| one.dmarc_passed_for.as_deref() == Some(author.as_str()))?;
        Some(format!("{}, whose seal is trusted", found.domain))
    }

    /// The domain under which From's domain was registered.
    pub fn from_owner(&self) -> Option<String> {
        self.from()?.domain().map(|domain| domain.registered().to_string())
    }

    /// The mail holds nothing that was meant to be saved.
    pub fn has_no_attachment(&self) -> bool {
        self.contents.parts.iter().all(|part| !part.attachment)
    }
}

/// For `because`: how many more there are of what the finding is about. A check says each thing once, however often it is there.
fn and_more(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        more => format!(", {more} of them"),
    }
}

/// A check and the words an admin reads about it.
#[derive(Debug)]
pub struct Check {
    /// Every finding id it can make; `sluss rules list` prints them. One that ends in `.*` stands for all ids that begin so:
    /// signature rules and kinds of personal data have names of their own.
    pub ids: &'static [&'static str],
    /// One sentence for the admin page.
    pub about: &'static str,
    /// One plain sentence for the user, ASCII: why the mail was stopped or marked, if this finding decided it.
    pub plain: &'static str,
    /// The work.
    pub run: fn(&Case, &mut Vec<Finding>),
}

impl Check {
    /// Can this finding id come from this check?
    pub fn makes(&self, id: &str) -> bool {
        self.ids.iter().any(|own| match own.strip_suffix('*') {
            Some(begin) => id.strip_prefix(begin).is_some_and(|rest| !rest.is_empty()),
            None => *own == id,
        })
    }
}

/// All checks, in the order they run.
pub const ALL: &[&Check] = &[
    // What the examiner found inside.
    &signatures::CHECK,
    &clamd::CHECK,
    &listed::CHECK,
    &unscanned::CHECK,
    &mime_odd::CHECK,
    &inside_signs::CHECK,
    &personal_found::CHECK,
    &content_encrypted::CHECK,
    // Attachments.
    &attachment_runs::CHECK,
    &archive_only_program::CHECK,
    &attachment_name::CHECK,
    &attachment_disguised::CHECK,
    &attachment_macro::CHECK,
    &attachment_page::CHECK,
    &attachment_container::CHECK,
    // How it came and its header section.
    &helo::CHECK,
    &iprev::CHECK,
    &spf::CHECK,
    &departure::CHECK,
    &dmarc::CHECK,
    &unauthenticated::CHECK,
    &history::CHECK,
    &dns_list::CHECK,
    &received_forged::CHECK,
    &header_malformed::CHECK,
    &header_repeated::CHECK,
    &mime_version_missing::CHECK,
    &header_urgent::CHECK,
    &from_missing::CHECK,
    &from_name::CHECK,
    &from_brand::CHECK,
    &from_impostor::CHECK,
    &lookalike_domain::CHECK,
    &from_doubtful::CHECK,
    &reply_to_elsewhere::CHECK,
    &to_odd::CHECK,
    &transport_clear::CHECK,
    &date_odd::CHECK,
    &message_id::CHECK,
    &bank_account::CHECK,
    // Subject, and what the mail says of its maker.
    &subject_missing::CHECK,
    &subject_empty::CHECK,
    &subject_shouting::CHECK,
    &subject_tail::CHECK,
    &subject_reply::CHECK,
    &subject_encoded::CHECK,
    &names_recipient::CHECK,
    &mailer_bulk::CHECK,
    &bulk_signs::CHECK,
    &newsletter::CHECK,
    &auto_reply::CHECK,
    &bounce::CHECK,
    &sought::CHECK,
    // Links.
    &link_text::CHECK,
    &link_address::CHECK,
    &link_user_info::CHECK,
    &link_lookalike::CHECK,
    &link_odd::CHECK,
    // Pages.
    &page_active::CHECK,
    &page_alone::CHECK,
    &page_hidden::CHECK,
    &page_picture_only::CHECK,
    // Texts.
    &text_split_words::CHECK,
    &text_lookalike::CHECK,
    &text_shouting::CHECK,
    &text_alternatives::CHECK,
    &text_needless_base64::CHECK,
    &text_only_link::CHECK,
    &wish_secure::CHECK,
    &wording::CHECK,
    &campaign::CHECK,
    // Last, after the phrase rules: what the findings mean together.
    &brand_said::CHECK,
    &money_asked::CHECK,
];

/// How many checks at the end of [`ALL`] look at what the others and the phrase rules found.
const LAST: usize = 2;

/// Runs the checks, then the phrase rules over what a reader sees, then the checks that look at what both found.
pub fn run(case: &Case, phrases: &Phrases) -> Vec<Finding> {
    let (checks, last) = ALL.split_at(ALL.len().saturating_sub(LAST));
    let mut findings = Vec::new();
    run_each(checks, case, &mut findings);
    let subject = case.mail.header.text("Subject").unwrap_or_default();
    let texts = phrases::Normalised::of_mail(&subject, &case.contents.texts);
    findings.extend(phrases.find(&texts).iter().map(phrases::PhraseHit::finding));
    run_each(last, case, &mut findings);
    findings
}

fn run_each(checks: &[&Check], case: &Case, findings: &mut Vec<Finding>) {
    for check in checks {
        let before = findings.len();
        (check.run)(case, findings);
        for finding in findings.iter_mut().skip(before).filter(|finding| finding.plain.is_empty()) {
            finding.plain = Cow::Borrowed(check.plain);
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::{
        base::clock::UnixMs,
        examine::{Link, Part, PartKind, Text, TextSource},
        mail::{Address, Envelope, Header, Peer, Recipient, ReversePath},
    };

    /// A case to change in a test: an inbound mail as text, everything else plain and unremarkable.
    pub(crate) struct Setting {
        pub(crate) direction: Direction,
        pub(crate) peer: Peer,
        pub(crate) envelope: Envelope,
        pub(crate) contents: Contents,
        pub(crate) facts: Facts,
        pub(crate) authentication: Authentication,
        pub(crate) author_is_ours: bool,
        pub(crate) house: House,
        /// Saturday 21 November 2026, 12:00 UTC.
        pub(crate) received: UnixMs,
    }

    impl Default for Setting {
        fn default() -> Setting {
            let mut envelope = Envelope::from(ReversePath::parse("a@example.org").unwrap());
            envelope.recipients.push(Recipient::plain(Address::parse("b@ours.example").unwrap()));
            let mut peer = Peer::at("192.0.2.1".parse().unwrap());
            peer.helo = "mail.example.org".to_string();
            peer.extended = true;
            Setting {
                direction: Direction::Inbound,
                peer,
                envelope,
                contents: Contents::default(),
                facts: Facts::default(),
                authentication: Authentication::default(),
                author_is_ours: false,
                house: House::default(),
                received: UnixMs(1_795_262_400_000),
            }
        }
    }

    impl Setting {
        /// An unremarkable inbound mail with this inside.
        pub(crate) fn holding(contents: Contents) -> Setting {
            Setting { contents, ..Setting::default() }
        }

        /// The same, from our own users to the world.
        pub(crate) fn outbound(self) -> Setting {
            Setting { direction: Direction::Outbound, ..self }
        }
    }

    /// An attachment, or a member of an archive if `path` has a `/`.
    pub(crate) fn part(kind: PartKind, declared: &str, path: &str) -> Part {
        Part {
            id: "2".to_string(),
            path: path.to_string(),
            declared: declared.to_string(),
            kind,
            name: path.rsplit('/').next().map(str::to_string),
            attachment: true,
            bytes: 1_000,
            digests: None,
            hash: String::new(),
            scanned: true,
            encrypted: false,
        }
    }

    /// What a plain part says.
    pub(crate) fn text(shown: &str) -> Text {
        Text {
            part: "1".to_string(),
            source: TextSource::Plain,
            shown: shown.to_string(),
            hidden: String::new(),
        }
    }

    /// A link that a reader can press; `shown` is empty in plain text.
    pub(crate) fn link(target: &str, shown: &str) -> Link {
        let (scheme, rest) = target.split_once(':').unwrap_or(("", target));
        let host = rest.strip_prefix("//").unwrap_or("").split(['/', '?']).next().unwrap_or("");
        let host = host.rsplit('@').next().unwrap_or(host).to_lowercase();
        let host = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                name.to_string()
            }
            _ => host,
        };
        Link {
            part: "1".to_string(),
            target: target.to_string(),
            host,
            scheme: scheme.to_lowercase(),
            shown: shown.to_string(),
            fetched: false,
        }
    }

    /// Contents with these links.
    pub(crate) fn links(links: &[(&str, &str)]) -> Contents {
        let links = links.iter().map(|(target, shown)| link(target, shown)).collect();
        Contents { links, ..Contents::default() }
    }

    /// Contents with these attachments: kind, declared type, path.
    pub(crate) fn parts(parts: &[(PartKind, &str, &str)]) -> Contents {
        let parts =
            parts.iter().map(|(kind, declared, path)| part(*kind, declared, path)).collect();
        Contents { parts, ..Contents::default() }
    }

    /// A header section that no check has anything to say about, with two fields to fill in.
    pub(crate) fn mail(from: &str, subject: &str) -> String {
        format!(
            "From: {from}\nTo: b@ours.example\nSubject: {subject}\nDate: Sat, 21 Nov 2026 11:59:00 +0000\n\
             Message-ID: <1@example.org>\nMIME-Version: 1.0\n\nhi"
        )
    }

    /// What one check finds in a mail written as text.
    pub(crate) fn found(check: &Check, setting: &Setting, text: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        setting.with_case(text, |case| (check.run)(case, &mut findings));
        findings
    }

    impl Setting {
        /// Hands the case that a mail written as text makes in this setting.
        pub(crate) fn with_case(&self, text: &str, act: impl FnOnce(&Case)) {
            let header = Header::read(text.as_bytes()).unwrap();
            let mail = Mail {
                direction: self.direction,
                peer: &self.peer,
                envelope: &self.envelope,
                header: &header,
                bytes: text.as_bytes(),
                received: self.received,
            };
            let (contents, facts, houses) = (&self.contents, &self.facts, &[&self.house][..]);
            let author_is_ours = self.author_is_ours;
            let rules = Rules { authentication: &self.authentication, author_is_ours };
            act(&Case { mail: &mail, contents, facts, rules, houses });
        }
    }

    /// Runs one check over a mail written as text and compares the finding ids.
    #[track_caller]
    pub(crate) fn expect(check: &Check, setting: &Setting, text: &str, want: &[&str]) {
        let findings = found(check, setting, text);
        let got: Vec<&str> = findings.iter().map(|finding| finding.id.as_ref()).collect();
        assert_eq!(got, want, "{text}");
        for finding in &findings {
            assert!(check.makes(&finding.id), "{} is not in the check's list", finding.id);
            assert!(finding.plain.is_ascii(), "{}", finding.plain);
        }
    }

    /// Runs one check over an unremarkable mail with this inside.
    #[track_caller]
    pub(crate) fn expect_in(check: &Check, contents: Contents, want: &[&str]) {
        expect(check, &Setting::holding(contents), &mail("A <a@example.org>", "hi"), want);
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::*, *};
    use crate::examine::PartKind;
    use std::collections::BTreeSet;

    #[test]
    fn every_id_is_well_formed_and_has_one_check() {
        let mut seen = BTreeSet::new();
        for id in ALL.iter().flat_map(|check| check.ids) {
            assert!(seen.insert(id), "{id} stands in two checks");
            let (thing, property) = id.split_once('.').unwrap_or_default();
            let word = |text: &str| {
                !text.is_empty()
                    && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
            };
            assert!(
                word(thing) && (word(property) || property == "*"),
                "{id} is no thing.property"
            );
        }
        // What stands for many ids must not swallow another check's.
        for open in ALL.iter().filter(|check| check.ids.iter().any(|id| id.ends_with('*'))) {
            for other in ALL.iter().filter(|other| !std::ptr::eq(**other, *open)) {
                assert!(
                    !other.ids.iter().any(|id| open.makes(id)),
                    "{:?} and {:?}",
                    open.ids,
                    other.ids
                );
            }
        }
    }

    #[test]
    fn every_check_is_explained() {
        for check in ALL {
            for words in [check.about, check.plain] {
                assert!(
                    words.is_ascii() && words.ends_with('.') && words.len() > 15,
                    "{:?}: {words}",
                    check.ids
                );
            }
        }
    }

    #[test]
    fn a_thing_is_said_once_however_often_it_is_there() {
        let many = |n: usize| {
            let path = format!("a.zip/{n}.pdf.exe");
            (
                part(PartKind::Executable, "", &path),
                link(&format!("http://192.0.2.{n}/"), "www.bank.se"),
            )
        };
        let (parts, links) = (0..200).map(many).unzip();
        let contents = Contents { parts, links, texts: vec![text("hi")], ..Contents::default() };
        Setting::holding(contents).with_case("From: Nordea <a@example.org>\n\nhi", |case| {
            let found = run(case, &Phrases::default());
            let ids: BTreeSet<&str> = found.iter().map(|finding| finding.id.as_ref()).collect();
            assert_eq!(ids.len(), found.len(), "{found:?}");
            assert!(
                ids.len() < 20
                    && ids.contains("attachment.program")
                    && ids.contains("link.text_differs")
            );
            for finding in &found {
                assert!(!finding.plain.is_empty() && finding.plain.is_ascii(), "{finding:?}");
                assert!(finding.weight <= 4.0, "no sign alone marks a mail: {finding:?}");
            }
        });
    }

    #[test]
    fn ordinary_nordic_mail_finds_nothing() {
        for (from, subject, body) in [
            (
                "Åsa Öberg <asa@förening.example>",
                "Sv: Årsmötet på lördag – kallelse och dagordning",
                "Hej alla!\n\nVälkomna till årsmötet på lördag kl. 14. Anmäl dig till mig.\n\nHälsningar\nÅsa",
            ),
            (
                "Päivi Mäkelä <paivi@kunta.example>",
                "VS: Kokouspöytäkirja",
                "Hei,\n\nLiitteenä pyydetty pöytäkirja. Palataan asiaan ensi viikolla.\n\nTerveisin Päivi",
            ),
            (
                "Bjørn Ødegård <bjorn@bedrift.example>",
                "SV: Tilbud på varmepumpe",
                "Hei!\n\nTakk for henvendelsen. Vi kommer på befaring på tirsdag.\n\nMvh Bjørn",
            ),
            (
                "Søren Kjær <soren@firma.example>",
                "FAKTURA 2026-118",
                "Kære kunde\n\nHermed faktura for november. Betalingsfrist 8 dage.\n\nVenlig hilsen\nSøren",
            ),
            (
                "Försäkringsbolaget <info@bolag.example>",
                "=?utf-8?Q?Din_f=C3=B6rs=C3=A4kring_f=C3=B6rnyas?=",
                "Din försäkring förnyas. Läs mer på https://www.bolag.example/minasidor",
            ),
        ] {
            let contents = Contents {
                texts: vec![text(body)],
                links: body
                    .find("https://")
                    .map(|at| link(body.get(at..).unwrap(), ""))
                    .into_iter()
                    .collect(),
                ..Contents::default()
            };
            let source = mail(from, subject).replace("\n\n", "\nIn-Reply-To: <0@ours.example>\n\n");
            Setting::holding(contents).with_case(&source, |case| {
                let found = run(case, &Phrases::default());
                assert!(found.is_empty(), "{subject}: {found:?}");
            });
        }
    }
}

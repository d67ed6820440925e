//! Held mails as pages show them: words of strangers made tame, findings told.

use super::{
    site::Site,
    words::{Moment, plain},
};
use crate::{
    base::units,
    checks,
    checks::phrases::Phrases,
    pipeline::{digest::is_dangerous, judge, own_lists},
    store::held::{Attachment, Held, HeldState, Learned},
    verdict::{care, rules, second_try},
};
use serde_json::Value;

/// A held mail in a list.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: String,
    /// The name in From, or its address.
    pub(super) name: String,
    /// The address in From; where there is none, the envelope sender.
    pub(super) address: String,
    pub(super) subject: String,
    pub(super) recipient: String,
    pub(super) organisation: String,
    pub(super) at: Moment,
    pub(super) reason: String,
    /// What speaks against it: a word and a class.
    pub(super) tags: Vec<(&'static str, &'static str)>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) score: String,
    pub(super) bytes: String,
    pub(super) dangerous: bool,
    pub(super) waits: bool,
    /// "held", or what was done, by whom.
    pub(super) state: String,
    /// "spam" or "wanted", where somebody has said so; and that sentence.
    pub(super) learned: Option<(&'static str, String)>,
    pub(super) direction: &'static str,
}

impl Row {
    pub(super) fn of(site: &Site, held: &Held) -> Row {
        let address = match held.from_address.is_empty() {
            true => held.sender.to_string(),
            false => held.from_address.clone(),
        };
        let name = held.from.replace(&format!("<{}>", held.from_address), "");
        let name = plain(name.trim().trim_matches('"'));
        let subject = plain(held.subject.trim());
        let dangerous = is_dangerous(held);
        let tag = |category: &crate::config::policy::Category| {
            (category.word(), if category.is_dangerous() { "bad" } else { "mind" })
        };
        Row {
            id: held.id.to_string(),
            name: if name.is_empty() { plain(&address) } else { name },
            address: plain(&address),
            subject: if subject.is_empty() { "(no subject)".to_string() } else { subject },
            recipient: plain(&held.recipient.to_string()),
            organisation: held.organisation.to_string(),
            at: Moment::of(&site.wall(), held.held_at),
            reason: held.reason.clone(),
            tags: held.categories.iter().map(tag).collect(),
            attachments: held
                .attachments
                .iter()
                .map(|one| Attachment { name: plain(&one.name), ..one.clone() })
                .collect(),
            score: format!("{:.1}", held.score),
            bytes: units::roughly_bytes(held.bytes),
            dangerous,
            waits: held.state.waits(),
            state: state(site, held),
            learned: held.learned.as_ref().map(|said| (said.opinion.said(), learned(site, said))),
            direction: held.direction.word(),
        }
    }
}

/// Where it stands, in words.
fn state(site: &Site, held: &Held) -> String {
    let by = held.act.as_ref().map(|act| {
        format!(" by {}, {}", plain(&act.by.to_string()), Moment::of(&site.wall(), act.at).shown)
    });
    let by = by.unwrap_or_default();
    match held.state {
        HeldState::Held => "held".to_string(),
        HeldState::Rejected => "refused when it came; a copy is kept".to_string(),
        HeldState::Released => format!("delivered{by}"),
        HeldState::Seen => format!("seen{by}"),
        HeldState::Deleted => format!("deleted{by}"),
        HeldState::Portal => "waits in the portal for its recipient".to_string(),
        HeldState::Files => "files that wait in the portal for their reader".to_string(),
    }
}

/// What somebody said that it is.
fn learned(site: &Site, said: &Learned) -> String {
    let (by, at) = (plain(&said.by.to_string()), Moment::of(&site.wall(), said.at).shown);
    format!("learned as {} by {by}, {at}", said.opinion.said())
}

/// A finding with what it means.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) weight: String,
    pub(super) demands: bool,
    /// What such a finding is.
    pub(super) about: String,
    /// What was seen.
    pub(super) because: String,
    /// Part and path inside it.
    pub(super) place: String,
    /// 0 to 100, of the heaviest in the list.
    pub(super) share: u32,
    pub(super) speaks_for: bool,
}

/// The findings as they were stored, the heaviest first; what demands comes before what weighs.
pub(super) fn findings(stored: &Value, phrases: &Phrases) -> Vec<Found> {
    let all = stored.as_array().map(Vec::as_slice).unwrap_or_default();
    let weight = |one: &Value| one.get("weight").and_then(Value::as_f64).unwrap_or(0.0);
    let most = all.iter().map(|one| weight(one).abs()).fold(1.0, f64::max);
    let text =
        |one: &Value, name: &str| plain(one.get(name).and_then(Value::as_str).unwrap_or_default());
    let mut found: Vec<(f64, Found)> = all
        .iter()
        .map(|one| {
            let (id, own) = (text(one, "id"), weight(one));
            let place = [text(one, "part"), text(one, "path")];
            let demands = !one.get("demands").is_none_or(Value::is_null);
            let percent = format!("{:.0}", own.abs() / most * 100.0);
            let shown = Found {
                about: about(&id, phrases),
                weight: format!("{own:+.1}"),
                demands,
                because: text(one, "because"),
                place: place
                    .into_iter()
                    .filter(|text| !text.is_empty())
                    .collect::<Vec<_>>()
                    .join(" "),
                share: percent.parse().unwrap_or(0),
                speaks_for: own < 0.0,
                id,
            };
            (own + if demands { 1_000.0 } else { 0.0 }, shown)
        })
        .collect();
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    found.into_iter().map(|(_, found)| found).collect()
}

/// What a finding with this id is.
pub(super) fn about(id: &str, phrases: &Phrases) -> String {
    let check = checks::ALL.iter().find(|check| check.makes(id)).map(|check| check.about);
    let phrase = || phrases.notes().find(|note| note.id == id).map(|note| note.about.as_str());
    let rule = || rules::name_of(id).map(|_| rules::ABOUT);
    let way = || care::ABOUT.iter().find(|(own, _)| *own == id).map(|(_, about)| *about);
    let other = || OTHERS.iter().find(|(own, _)| *own == id).map(|(_, about)| *about);
    let known = check.or_else(phrase).or_else(rule).or_else(way).or_else(other);
    known.unwrap_or("No check or rule of today makes this finding; one of before did.").to_string()
}

/// Findings that no check makes.
const OTHERS: [(&str, &str); 5] = [
    (own_lists::BLOCKED, "The recipient's own list blocks this sender."),
    (own_lists::ALLOWED, "The recipient's own list allows this sender, who has proved who he is."),
    (
        second_try::ID,
        "A first try from a network that is not known here, of a mail that is not above suspicion.",
    ),
    (judge::RELAY_UNKNOWN, "A trusted relay does not say who brought the mail to it."),
    (judge::BARE_LF, "Lines of the mail ended in a bare CR or LF."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_demands_stands_before_what_weighs() {
        let stored = serde_json::json!([
            { "id": "a.b", "weight": 1.0, "because": "x\ny" },
            { "id": "c.d", "weight": -2.0, "because": "" },
            { "id": "e.f", "weight": 0.0, "demands": "category", "part": "2", "path": "z.zip/a.exe" },
            { "id": "g.h", "weight": 4.0 },
        ]);
        let found = findings(&stored, &Phrases::default());
        let ids: Vec<&str> = found.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["e.f", "g.h", "a.b", "c.d"]);
        assert_eq!((found[0].place.as_str(), found[2].because.as_str()), ("2 z.zip/a.exe", "x·y"));
        assert_eq!((found[1].share, found[3].share, found[3].speaks_for), (100, 50, true));
        assert!(findings(&Value::Null, &Phrases::default()).is_empty());
    }
}

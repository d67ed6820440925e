//! The union of what mail programs see in one message: the usual reading, and beside it one walk for each way in which programs differ
//! about this very message.
//!
//! A mail in order is walked once. The number of walks is bounded by the kinds of doubt, not by their combinations; a few that combine
//! are made because senders combine. What two walks see alike is given once. Where they differ about what is more than text, that is said:
//! `mime.views_disagree`.

use super::{
    Doubt, Leaf, Oddities, Split,
    fields::{Choice, Fields},
    rewritten, second,
    section::Manner,
    transfer::Transfer,
    walk::{self, Delimiters, Nesting, Parts, Policy, Walked},
};
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped},
        opened::Member,
    },
    mail::Header,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::Range,
};

/// One message in every way that programs read it.
#[derive(Debug, Default)]
pub struct Views {
    /// The usual reading.
    pub split: Split,
    /// Leaves that only some programs see; each with all its transfers. Not taken from the budget.
    pub others: Vec<Leaf>,
    /// The message as programs see it that end lines elsewhere, that decode what has parts, or that take its bytes for other letters;
    /// each a MIME entity to be read as a message of its own. Their bytes are taken from the budget.
    pub entities: Vec<Member>,
    /// Why mail-parser's reading is missing from the others, if it should be there.
    pub unread: Option<Stopped>,
}

/// Reads one message in every way. `within` is the section number of the part that holds it, empty for the mail itself.
pub fn views(message: &[u8], within: &str, budget: &mut Budget) -> Views {
    let Walked { mut split, came, encoded } =
        walk::walk(message, within, &Policy::default(), budget);
    let mut entities = rewritten::charsets(message);
    let odd_lines = rewritten::odd_line_ends(message);
    let runs_on = an_attached_message_runs_on(message, &split.leaves);
    if !runs_on
        && split.oddities.is_empty()
        && split.oddities.doubts.is_empty()
        && entities.is_empty()
        && odd_lines.is_empty()
    {
        return Views { split, ..Views::default() };
    }
    let rewritten = news(message, &split, rewritten::line_ends(message, &odd_lines), budget);
    if !rewritten.is_empty() {
        split.oddities.note(
            "mime.line_ends",
            "a byte that ends a line to some programs only stands where a line may end".to_string(),
        );
        split.oddities.doubt(Doubt::LineEnds);
    }
    entities.extend(rewritten);
    let mut seen = Seen::of(message, &split.leaves);
    let mut others = Vec::new();
    let usual = more_than_text(message, &split.leaves);
    let mut disagree = runs_on
        || split.leaves.iter().any(|leaf| {
            is_stray(leaf) && !leaf.body.is_empty() && is_more_than_text(message, leaf)
        });
    for policy in policies(&split.oddities.doubts) {
        if let Err(limit) = budget.check_time() {
            split.stopped.push((within.to_string(), limit));
            break;
        }
        let beside = walk::walk_knowing(message, within, &policy, &came, budget);
        // What combines several ways of reading is no program: it widens the net and says nothing about programs.
        disagree |= !policy.combined && more_than_text(message, &beside.split.leaves) != usual;
        // What one program would be shown and we did not come to is said once for each bound.
        for (id, limit) in beside.split.stopped {
            let known = split.stopped.iter().any(|(_, known)| *known == limit);
            if !known && !policy.combined {
                split.stopped.push((id, limit));
            }
        }
        for mut leaf in beside.split.leaves {
            if others.len() > limits::PARTS_MAX {
                break;
            }
            if seen.is_new(message, &leaf) {
                leaf.id = walk::section_number(within, 0);
                others.push(leaf);
            }
        }
    }
    let mut unread = None;
    if runs_on || !split.oddities.is_empty() {
        match second::second_reading(message, within) {
            Ok(leaves) => {
                others.extend(leaves.into_iter().filter(|leaf| seen.is_new(message, leaf)))
            }
            Err(stopped) => unread = Some(stopped),
        }
    }
    for multipart in encoded {
        let decoded = rewritten::decoded(message, multipart);
        entities.extend(news(message, &split, decoded, budget));
    }
    for entity in &mut entities {
        let leaves = walk::walk(&entity.bytes, within, &BESIDE, budget).split.leaves;
        disagree |= more_than_text(&entity.bytes, &leaves) != usual;
        entity.stopped = budget.take_bytes(entity.bytes.len()).err().map(Stopped::Limit);
    }
    if disagree {
        let shown = if within.is_empty() { "the mail" } else { within };
        split
            .oddities
            .note("mime.views_disagree", format!("programs find different parts in {shown}"));
    }
    Views { split, others, entities, unread }
}

/// Does an attached message declare parts that go on behind it? To us the delimiter around it ends it; programs that read it as they come
/// to it look for its own boundary only, and save what stands on both sides of that delimiter as one file.
fn an_attached_message_runs_on(message: &[u8], leaves: &[Leaf]) -> bool {
    let mut unended: HashMap<Vec<u8>, usize> = HashMap::new();
    for leaf in leaves.iter().filter(|leaf| leaf.fields.is_message()) {
        let body = message.get(leaf.body.clone()).unwrap_or_default();
        let Ok(header) = Header::read(body) else { continue };
        let fields = Fields::read(&header, "", &mut Oddities::default());
        for boundary in fields.boundaries.into_iter().filter(|boundary| !boundary.text.is_empty()) {
            let end = [b"--".as_slice(), &boundary.text, b"--"].concat();
            if memchr::memmem::find(body, &end).is_none() {
                unended.entry(boundary.text).or_insert(leaf.body.end);
            }
        }
    }
    if unended.is_empty() {
        return false;
    }
    memchr::memmem::find_iter(message, b"\n--").any(|at| {
        let behind = message.get(at + 3..).unwrap_or_default();
        let line = behind.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let text = line.trim_ascii_end();
        let ended = unended.get(text).or_else(|| unended.get(text.strip_suffix(b"--")?));
        ended.is_some_and(|end| at >= *end)
    })
}

/// A walk beside the usual one that differs in nothing yet.
const BESIDE: Policy = Policy {
    fields: Choice::All,
    manner: Manner::Strict,
    boundary: None,
    delimiters: Delimiters::Exact,
    nesting: Nesting::Innermost,
    parts: Parts::Declared,
    beside: true,
    combined: false,
};

/// Those entities that hold something which the usual reading does not have, apart from white space.
fn news(message: &[u8], split: &Split, entities: Vec<Member>, budget: &mut Budget) -> Vec<Member> {
    let contents = |message: &[u8], leaves: &[Leaf]| -> HashSet<[u8; 32]> {
        let contents = leaves.iter().map(|leaf| {
            let body = message.get(leaf.body.clone()).unwrap_or_default();
            let transfer = leaf.fields.transfers.first().copied().unwrap_or(Transfer::Identity);
            let mut hasher = blake3::Hasher::new();
            for word in transfer
                .decode(body)
                .bytes
                .split(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
            {
                hasher.update(word);
            }
            hasher.update(leaf.fields.media_type.as_bytes());
            *hasher.finalize().as_bytes()
        });
        contents.collect()
    };
    if entities.is_empty() {
        return entities;
    }
    let usual = contents(message, &split.leaves);
    let mut news = entities;
    news.retain(|entity| {
        let leaves = walk::walk(&entity.bytes, "", &BESIDE, budget).split.leaves;
        !contents(&entity.bytes, &leaves).is_subset(&usual)
    });
    news
}

/// The walks to make beside the usual one.
fn policies(doubts: &[Doubt]) -> Vec<Policy> {
    let beside = BESIDE;
    let mut policies = Vec::new();
    for doubt in doubts {
        match doubt {
            Doubt::Fields => policies.extend([
                Policy { fields: Choice::First, ..beside },
                Policy { fields: Choice::Last, ..beside },
            ]),
            Doubt::Types => policies.push(Policy { parts: Parts::ByBoundary, ..beside }),
            Doubt::Boundaries => policies.extend(
                (0..BOUNDARIES_ALONE_MAX).map(|nth| Policy { boundary: Some(nth), ..beside }),
            ),
            Doubt::Sections => policies.extend([
                Policy { manner: Manner::Skips, ..beside },
                Policy { manner: Manner::BlankEnds, ..beside },
            ]),
            Doubt::Trailing => {
                policies.push(Policy { delimiters: Delimiters::Prefix, ..beside });
            }
            Doubt::Elsewhere => {
                policies.push(Policy { delimiters: Delimiters::Anywhere, ..beside });
            }
            Doubt::Nesting => policies.extend([
                Policy { nesting: Nesting::Outermost, ..beside },
                Policy { nesting: Nesting::InnermostOnly, ..beside },
            ]),
            Doubt::LineEnds => (),
        }
    }
    // Senders put one trick on top of another.
    if doubts.len() > 1 {
        let lenient =
            Policy { manner: Manner::Skips, parts: Parts::ByBoundary, combined: true, ..beside };
        policies.extend([
            lenient,
            Policy { delimiters: Delimiters::Anywhere, ..lenient },
            Policy { fields: Choice::First, ..lenient },
            Policy { fields: Choice::Last, ..lenient },
            Policy { boundary: Some(0), fields: Choice::First, ..lenient },
            Policy { boundary: Some(1), fields: Choice::Last, ..lenient },
        ]);
    }
    policies.dedup();
    policies
}

/// Leaves that were seen in one of the readings.
struct Seen(HashSet<Sight>);

/// A leaf as it is seen: its body, its type, its transfers, its names.
type Sight = (Range<usize>, String, Vec<Transfer>, Vec<String>);

impl Seen {
    fn of(message: &[u8], leaves: &[Leaf]) -> Seen {
        let mut seen = Seen(HashSet::new());
        for leaf in leaves {
            seen.is_new(message, leaf);
        }
        seen
    }

    fn is_new(&mut self, message: &[u8], leaf: &Leaf) -> bool {
        let Fields { media_type, transfers, names, .. } = &leaf.fields;
        let body = trimmed(message, &leaf.body);
        self.0.insert((body, media_type.clone(), transfers.clone(), names.clone()))
    }
}

/// A range without the white space at its ends: programs that differ in a line end do not differ.
fn trimmed(message: &[u8], range: &Range<usize>) -> Range<usize> {
    let text = message.get(range.clone()).unwrap_or_default();
    let start = range.start + (text.len() - text.trim_ascii_start().len());
    start..(range.start + text.trim_ascii_end().len()).max(start)
}

/// What of the parts is more than text, decoded: what programs that read differently would show or save.
fn more_than_text(message: &[u8], leaves: &[Leaf]) -> BTreeSet<[u8; 32]> {
    let decoded = |leaf: &Leaf, transfer: Transfer| {
        let body = message.get(leaf.body.clone()).unwrap_or_default();
        *blake3::hash(transfer.decode(body).bytes.trim_ascii()).as_bytes()
    };
    leaves
        .iter()
        .filter(|leaf| is_more_than_text(message, leaf))
        .flat_map(|leaf| leaf.fields.transfers.iter().map(move |transfer| decoded(leaf, *transfer)))
        .collect()
}

fn is_stray(leaf: &Leaf) -> bool {
    leaf.id == "0" || leaf.id.ends_with(".0")
}

/// Has it a name, a type other than text, or an encoding that hides what it is?
fn is_more_than_text(message: &[u8], leaf: &Leaf) -> bool {
    let Fields { media_type, names, transfers, .. } = &leaf.fields;
    let is_text = media_type.is_empty() || media_type.starts_with("text/");
    let body = message.get(leaf.body.clone()).unwrap_or_default();
    !body.trim_ascii().is_empty()
        && (!is_text
            || !names.is_empty()
            || transfers.contains(&Transfer::Base64)
            || transfers.contains(&Transfer::Uuencode))
}

/// Boundaries of one multipart that are tried alone.
const BOUNDARIES_ALONE_MAX: usize = 4;

#[cfg(test)]
mod tests;

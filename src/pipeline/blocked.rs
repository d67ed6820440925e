//! Which line of which list of ours keeps a sender out, for whoever asks why. Looked up when somebody was refused, never to refuse.

use crate::{
    base::{clock::UnixMs, limits},
    config::lists::Entry,
    mail::{Address, Peer, Recipient, ReversePath},
    pipeline::{
        Gateway, outside,
        own_lists::{self, OwnWords},
        settings::Settings,
    },
    store::trace::{BlockList, BlockedBy},
    verdict::Verdict,
    wire::date,
};
use serde::Deserialize;
use serde_json::Value;

/// The line that this sender is refused for when it writes to this recipient. It follows the order of admission: the lists of the
/// recipient's organisation, the site's, those in files.
pub fn at_rcpt(
    gateway: &Gateway,
    peer: &Peer,
    sender: &ReversePath,
    recipient: &Address,
) -> Option<BlockedBy> {
    let settings = gateway.settings.load();
    let hosted = &settings.own_domain(recipient)?.organisation;
    match settings.blocking(hosted, sender, peer.address) {
        Some((entry, true)) => {
            Some(line(BlockList::Organisation, hosted.name().name().to_string(), &entry))
        }
        Some((entry, false)) => Some(line(BlockList::Site, String::new(), &entry)),
        None => in_files(&settings, peer, sender),
    }
}

fn in_files(settings: &Settings, peer: &Peer, sender: &ReversePath) -> Option<BlockedBy> {
    let stranger = Some(peer).filter(|peer| !settings.relays.holds(peer.address));
    let found = outside::blocking(&settings.lists, stranger, sender)?;
    let at = line(BlockList::File, found.list, &found.entry);
    Some(BlockedBy { line: found.line, ..at })
}

/// The line of the recipient's own list that a mail is held for, where nothing else decided.
pub fn at_verdict(
    own_words: &OwnWords,
    recipient: &Recipient,
    verdict: &Verdict,
) -> Option<BlockedBy> {
    let own = own_words.of(recipient).filter(|_| verdict.decided_by == own_lists::BLOCKED)?;
    Some(BlockedBy {
        list: BlockList::Own,
        name: recipient.address.to_string(),
        entry: own.sender.clone(),
        by: own.by.clone(),
        since_ms: own.since.0,
        ..BlockedBy::default()
    })
}

fn line(list: BlockList, name: String, entry: &Entry) -> BlockedBy {
    BlockedBy { list, name, entry: entry.to_string(), ..BlockedBy::default() }
}

/// What a story of the trace names lines of block lists for, each of them in words, once.
pub fn lines_of(story: &Value) -> Vec<String> {
    let rows = story.get("recipients").and_then(Value::as_array).into_iter().flatten();
    let mut told = Vec::new();
    for line in rows.filter_map(|row| BlockedBy::deserialize(row.get("blocked_by")?).ok()) {
        let line = in_words(&line);
        if !told.ends_with(&line) {
            told.extend(line);
        }
        if told.len() >= limits::LIST_ROWS_DEFAULT {
            break;
        }
    }
    told
}

/// A line for whoever looks after this gateway: where it stands, who put it there, and what to do.
pub fn in_words(line: &BlockedBy) -> Vec<String> {
    let BlockedBy { entry, name, .. } = line;
    let mut said = vec![match line.list {
        BlockList::Site => format!("{entry} is on the block list of the whole site (lists.block)"),
        BlockList::Organisation => {
            format!("{entry} is on the block list of {name} (organisation.{name}.lists.block)")
        }
        BlockList::File => format!("{entry} is on the hash list {name}, line {}", line.line),
        BlockList::Own => format!("{entry} is on the own list of {name}"),
    }];
    let day: String = date::write_iso(UnixMs(line.since_ms)).chars().take(10).collect();
    let place = match line.place.as_str() {
        "" => String::new(),
        place => format!(" in {place}"),
    };
    match (line.since_ms, line.by.as_str()) {
        (0, _) if place.is_empty() => (),
        (0, _) => said.push(format!("it stands{place}")),
        (_, "") => said.push(format!("there since {day}{place}")),
        (_, by) => said.push(format!("put there by {by} on {day}{place}")),
    }
    said.push(mend(line).to_string());
    said
}

fn mend(line: &BlockedBy) -> &'static str {
    match (line.gone, line.list) {
        (true, BlockList::Own) => "it has been taken out since: what comes now is not held for it",
        (true, _) => "it has been taken out since: the sender can send again",
        (false, BlockList::Site | BlockList::Organisation) => {
            "to let this sender in, take the line out, or put the sender on the allow list of the organisation, which wins"
        }
        (false, BlockList::File) => {
            "to let this sender in, take the line out of the list's source and compile it anew, or put the sender on an allow list, which wins"
        }
        (false, BlockList::Own) => {
            "to let this sender in, its owner takes the line out on the own page; this mail can be let go from the quarantine"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_with_its_place_and_its_mend() {
        let line = BlockedBy { entry: "bad.example".to_string(), ..BlockedBy::default() };
        assert_eq!(in_words(&line).len(), 2, "nothing is made up: {:?}", in_words(&line));
        let stored = BlockedBy {
            list: BlockList::Organisation,
            name: "acme".to_string(),
            by: "eva".to_string(),
            since_ms: 1_800_000_000_000,
            place: "version 7 of the configuration".to_string(),
            ..line.clone()
        };
        let told = in_words(&stored);
        assert_eq!(
            told[0],
            "bad.example is on the block list of acme (organisation.acme.lists.block)"
        );
        assert_eq!(told[1], "put there by eva on 2027-01-15 in version 7 of the configuration");
        assert!(told[2].contains("allow list of the organisation"), "{told:?}");
        let gone = in_words(&BlockedBy { gone: true, place: String::new(), ..stored });
        assert!(gone[2].contains("can send again"), "{gone:?}");
        let file = BlockedBy { place: "the configuration file".to_string(), ..line };
        assert_eq!(in_words(&file)[1], "it stands in the configuration file");
    }
}

//! What others say of the inside of a mail: ClamAV, where there is one, and lists of known-bad attachments and hosts.
//!
//! Asked once the mail is open. The whole mail goes to ClamAV while it is being opened here, and then the blobs that only our views found.
//! No answer is a fact like any other.

use crate::{
    base::limits,
    config::{
        dns_list::{Ask, Means},
        lists::{Entry, Word},
        policy::Category,
    },
    examine::{Contents, PartDigests},
    facts::{
        Known,
        clamd::{Clamd, Scan, Scanned},
        listed::Listed,
    },
    learn::listed::{Digest, Key, Kind, sender},
    mail::{Address, Domain, Header, Peer, ReversePath},
    store::hash_list::HashList,
};
use std::{collections::BTreeSet, io, sync::Arc};

/// A list in force.
#[derive(Debug, Clone)]
pub struct ListInForce {
    /// Its name in the configuration.
    pub name: String,
    /// What it lists.
    pub kind: Kind,
    /// Against a mail or for it.
    pub means: Means,
    /// What a hit is.
    pub category: Category,
    /// What a hit weighs; none: it demands.
    pub weight: Option<f32>,
    /// The list.
    pub list: Arc<HashList>,
}

/// Asks ClamAV about the mail as it came.
pub async fn whole(clamd: &Clamd, message: &[u8]) -> Known<Scan> {
    let mut answers = clamd.scan_bytes(&[message]).await.into_iter();
    answers.next().unwrap_or_else(|| Known::No("no answer".to_string()))
}

/// Asks ClamAV about the blobs that only our views found, and puts its answers together.
pub async fn all(clamd: &Clamd, whole: Known<Scan>, contents: &Contents) -> Known<Scanned> {
    let mut scanned = Scanned { required: clamd.is_required(), ..Scanned::default() };
    scanned.add("", "", whole);
    let blobs: Vec<&[u8]> = contents.blobs.iter().map(|blob| blob.bytes.as_slice()).collect();
    if !blobs.is_empty() {
        let answers = clamd.scan_bytes(&blobs).await;
        for (blob, answer) in contents.blobs.iter().zip(answers) {
            scanned.add(&blob.part, &blob.path, answer);
        }
    }
    Known::Yes(scanned)
}

/// A mail as it lies open.
#[derive(Debug, Clone, Copy)]
pub struct Opened<'a> {
    /// Its header section.
    pub header: &'a Header,
    /// What is inside.
    pub contents: &'a Contents,
    /// Who brought it to a relay of ours; none where that host was looked up at RCPT.
    pub before_relay: Option<&'a Peer>,
}

/// What lists of senders say at RCPT, of the client, the sender and the name in HELO; allowing wins. A name in HELO lets nobody in.
/// Reads at most a block of the disk for each list that seems to hold one of them.
pub fn say(lists: &[ListInForce], peer: Option<&Peer>, sender: &ReversePath) -> Option<Word> {
    let lists: Vec<&ListInForce> = lists.iter().filter(|list| list.kind == Kind::Sender).collect();
    if lists.is_empty() {
        return None;
    }
    let client = peer.map(|peer| sender::of_client(peer.address)).unwrap_or_default();
    let address = sender.address().map(sender::of_address).unwrap_or_default();
    let helo = peer.and_then(|peer| Domain::parse(&peer.helo).ok());
    let helo = helo.map(|helo| sender::of_domain(&helo)).unwrap_or_default();
    let holds = |list: &ListInForce, keys: &[Key]| match list.list.holds_sender(keys) {
        Ok(entry) => entry.is_some(),
        Err(error) => {
            tracing::error!(list = list.name, %error, "a hash list cannot be read");
            false
        }
    };
    let named = [client, address].concat();
    let any =
        |means, keys: &[Key]| lists.iter().any(|list| list.means == means && holds(list, keys));
    if any(Means::Allow, &named) {
        return Some(Word::Allow);
    }
    let all = [named, helo].concat();
    any(Means::Block, &all).then_some(Word::Block)
}

/// A line of a list of senders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockingLine {
    /// The list's name in the configuration.
    pub list: String,
    /// The line of its source, from 1.
    pub line: u64,
    /// What stands there.
    pub entry: Entry,
}

/// The line that keeps somebody out of whom [`say`] says that he is blocked. Reads from the disk.
pub fn blocking(
    lists: &[ListInForce],
    peer: Option<&Peer>,
    sender: &ReversePath,
) -> Option<BlockingLine> {
    let helo = peer.and_then(|peer| Domain::parse(&peer.helo).ok());
    let client = peer.map(|peer| sender::entries_of_client(peer.address)).unwrap_or_default();
    let address = sender.address().map(sender::entries_of_address).unwrap_or_default();
    let helo = helo.map(|helo| sender::entries_of_domain(&helo)).unwrap_or_default();
    let entries = [client, address, helo].concat();
    let against =
        lists.iter().filter(|list| list.kind == Kind::Sender && list.means == Means::Block);
    for list in against {
        for entry in &entries {
            // A list that cannot be read has been logged by whoever refused.
            if let Ok(Some(found)) = list.list.holds_sender(&[Key::of_sender(entry)]) {
                let (list, line) = (list.name.clone(), found.line);
                return Some(BlockingLine { list, line, entry: entry.clone() });
            }
        }
    }
    None
}

/// Looks everything in the mail up that may be on a list. Reads from the disk.
pub fn listed(lists: &[ListInForce], opened: &Opened) -> Known<Vec<Listed>> {
    if lists.is_empty() {
        return Known::NotAsked;
    }
    let mut found = Vec::new();
    let contents = opened.contents;
    for list in lists {
        let looked_up = match list.kind {
            Kind::Sender => senders(list, opened, &mut found),
            Kind::Attachment => attachments(list, contents, &mut found),
            Kind::Domain => hosts(list, contents, &mut found),
        };
        if let Err(error) = looked_up {
            tracing::error!(list = list.name, %error, "a hash list cannot be read");
            return Known::No(format!("{}: {error}", list.name));
        }
    }
    Known::Yes(found)
}

/// The mailboxes of From, and of mail that came by a relay the host before it.
fn senders(list: &ListInForce, opened: &Opened, found: &mut Vec<Listed>) -> io::Result<()> {
    let mailboxes =
        opened.header.mailboxes("From").into_iter().take(limits::DNS_LIST_MAILBOXES_MAX);
    let addresses = mailboxes.filter_map(|mailbox| Address::parse(&mailbox.address).ok());
    let from = addresses.filter_map(|address| {
        let domain = address.domain()?.to_string();
        Some((Ask::From, domain, sender::of_address(&address)))
    });
    let client = opened
        .before_relay
        .map(|peer| (Ask::Client, peer.address.to_string(), sender::of_client(peer.address)));
    for (ask, host, keys) in from.chain(client) {
        if let Some(entry) = list.list.holds_sender(&keys)? {
            found.push(Listed { ask: Some(ask), line: entry.line, ..list.hit(host) });
        }
    }
    Ok(())
}

fn attachments(list: &ListInForce, contents: &Contents, found: &mut Vec<Listed>) -> io::Result<()> {
    for part in &contents.parts {
        let Some(PartDigests { sha256, sha1, md5 }) = &part.digests else { continue };
        for hex in [sha256, sha1, md5] {
            let Some(digest) = Digest::parse_hex(hex.as_bytes()) else { continue };
            if let Some(entry) = list.list.holds(&digest)? {
                found.push(Listed {
                    threat: entry.threat,
                    line: entry.line,
                    part: part.id.clone(),
                    path: part.path.clone(),
                    ..list.hit(String::new())
                });
                break;
            }
        }
    }
    Ok(())
}

fn hosts(list: &ListInForce, contents: &Contents, found: &mut Vec<Listed>) -> io::Result<()> {
    let links = contents.links.iter().filter(|link| !link.host.is_empty());
    let hosts: BTreeSet<(&str, &str)> = links
        .map(|link| (link.host.as_str(), link.part.as_str()))
        .take(limits::LINKS_MAX)
        .collect();
    for (host, part) in hosts {
        if let Some(listed) = list.list.holds_host(host)? {
            found.push(Listed {
                threat: listed.entry.threat,
                line: listed.entry.line,
                part: part.to_string(),
                ..list.hit(listed.name)
            });
        }
    }
    Ok(())
}

impl ListInForce {
    fn hit(&self, host: String) -> Listed {
        Listed {
            list: self.name.clone(),
            kind: self.kind,
            means: self.means,
            ask: None,
            category: self.category,
            weight: self.weight,
            threat: None,
            line: 0,
            host,
            part: String::new(),
            path: String::new(),
        }
    }
}

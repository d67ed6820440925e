//! What others say of the inside of a mail: ClamAV, where there is one, and lists of known-bad attachments and hosts.
//!
//! Asked once the mail is open. The whole mail goes to ClamAV while it is being opened here, and then the blobs that only our views found.
//! No answer is a fact like any other.

use crate::{
    base::limits,
    config::policy::Category,
    examine::{Contents, PartDigests},
    facts::{
        Known,
        clamd::{Clamd, Scan, Scanned},
        listed::Listed,
    },
    learn::listed::{Digest, Kind},
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

/// Looks everything in the mail up that may be on a list. Reads from the disk.
pub fn listed(lists: &[ListInForce], contents: &Contents) -> Known<Vec<Listed>> {
    if lists.is_empty() {
        return Known::NotAsked;
    }
    let mut found = Vec::new();
    for list in lists {
        let looked_up = match list.kind {
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

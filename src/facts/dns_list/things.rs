//! What of a mail DNS lists are asked about, and the name that stands for it in a zone. Pure.
//!
//! Nothing inside a network is asked about, nor anything of ours: who our users are and what they link to at home is nobody's business.

use crate::{
    base::limits,
    config::dns_list::{Ask, Depth, DnsListConfig, HashForm},
    examine::{Contents, Link, PartDigests},
    facts::{Known, auth::iprev::IprevFact},
    mail::{Domain, Header, Peer, ReversePath},
    wire::auth::{Dkim, Iprev, Signature},
};
use data_encoding::{BASE32_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use sha2::Digest;
use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// What is known of a mail. Before the dot there is no header section and nothing inside.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Who brought it to us or to our relay; none if nobody says who that was.
    pub peer: Option<&'a Peer>,
    /// The envelope sender.
    pub sender: &'a ReversePath,
    /// The header section.
    pub header: Option<&'a Header>,
    /// What is inside.
    pub contents: Option<&'a Contents>,
    /// What the client is called.
    pub iprev: &'a Known<IprevFact>,
    /// Who signed it.
    pub dkim: &'a Known<Vec<Signature>>,
}

/// What is ours and therefore never asked about.
pub trait Ours {
    /// An address of our own clients or relays.
    fn has_address(&self, address: IpAddr) -> bool;
    /// A domain of ours.
    fn has_domain(&self, domain: &Domain) -> bool;
}

/// A thing that lists may know.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Thing {
    /// What it is in the mail.
    pub ask: Ask,
    /// The thing.
    pub subject: Subject,
    /// The part it is in; empty for the whole mail.
    pub part: String,
    /// The part's path inside archives.
    pub path: String,
}

/// What is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An address.
    Address(IpAddr),
    /// A domain.
    Domain(Domain),
    /// What is hashed.
    Text(String),
    /// Hashes that are known already, hex: SHA-256, SHA-1, MD5.
    Digests([String; 3]),
}

impl Thing {
    fn new(ask: Ask, subject: Subject) -> Thing {
        Thing { ask, subject, part: String::new(), path: String::new() }
    }

    /// What an admin may read of it: an address or a domain. What is only known by its hash may be somebody's mail address.
    pub fn shown(&self) -> String {
        match &self.subject {
            Subject::Address(address) => address.to_string(),
            Subject::Domain(domain) => domain.to_string(),
            Subject::Text(_) | Subject::Digests(_) => String::new(),
        }
    }

    /// The name that stands for it in the zone of this list. None if there is no such name.
    pub fn name_in(&self, list: &DnsListConfig) -> Option<String> {
        let zone = &list.zone;
        let name = match &self.subject {
            Subject::Address(address) => format!("{}.{zone}", backwards(*address)),
            Subject::Domain(domain) => {
                let whole = format!("{domain}.{zone}");
                match list.names {
                    Depth::Whole if whole.len() <= NAME_BYTES_MAX => whole,
                    Depth::Whole | Depth::Registered => format!("{}.{zone}", domain.registered()),
                }
            }
            Subject::Text(text) => format!("{}.{zone}", hashed(text.as_bytes(), list.hash)),
            Subject::Digests([sha256, sha1, md5]) => {
                let written = match list.hash {
                    HashForm::Sha256Base32 => base32(sha256)?,
                    HashForm::Sha1Base32 => base32(sha1)?,
                    HashForm::Sha1Hex => sha1.clone(),
                    HashForm::Md5Hex => md5.clone(),
                };
                format!("{written}.{zone}")
            }
        };
        (name.len() <= NAME_BYTES_MAX).then_some(name)
    }
}

/// RFC 1035 section 2.3.4, without the final dot.
const NAME_BYTES_MAX: usize = 253;

/// RFC 5782 section 2.1: the numbers of an IPv4 address in reverse; section 2.4: the hex digits of an IPv6 address in reverse.
pub fn backwards(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}")
        }
        IpAddr::V6(address) => digits_backwards(address),
    }
}

/// The same of any IPv6 address, one that is IPv4 inside too: the test entries of RFC 5782 section 5 are such.
pub fn digits_backwards(address: Ipv6Addr) -> String {
    let digits = address.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
    let digits: Vec<String> = digits.map(|digit| format!("{digit:x}")).collect();
    digits.join(".")
}

fn hashed(bytes: &[u8], form: HashForm) -> String {
    match form {
        HashForm::Sha256Base32 => lower_base32(&sha2::Sha256::digest(bytes)),
        HashForm::Sha1Base32 => lower_base32(&sha1::Sha1::digest(bytes)),
        HashForm::Sha1Hex => HEXLOWER.encode(&sha1::Sha1::digest(bytes)),
        HashForm::Md5Hex => HEXLOWER.encode(&md5::Md5::digest(bytes)),
    }
}

/// RFC 4648 section 6, without padding and in lower case: names have no case.
fn lower_base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

fn base32(hex: &str) -> Option<String> {
    HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok().map(|bytes| lower_base32(&bytes))
}

/// Everything in a mail that lists may be asked about, without doubles: first who sent it, then what a reader may press, then the rest.
pub fn things(seen: &Seen, ours: &impl Ours) -> Vec<Thing> {
    let mut things = Vec::new();
    who_sent_it(seen, &mut things);
    if let Some(contents) = seen.contents {
        links(contents, &mut things);
        attachments(contents, &mut things);
    }
    let mut known = HashSet::new();
    things.retain(|thing| {
        may_leave(&thing.subject, ours) && known.insert((thing.ask, thing.subject.clone()))
    });
    things
}

/// May anybody be asked about it?
fn may_leave(subject: &Subject, ours: &impl Ours) -> bool {
    match subject {
        Subject::Address(address) => !is_inside(*address) && !ours.has_address(*address),
        Subject::Domain(domain) => is_public(domain) && !is_ours(domain, ours),
        // The hash of a thing tells whoever guesses it as much as the thing.
        Subject::Text(text) => host_of(text).is_some_and(|host| may_leave(&host, ours)),
        Subject::Digests(_) => true,
    }
}

/// The domain of a mail address, or the host of a link without its scheme.
fn host_of(text: &str) -> Option<Subject> {
    let end = text.find(['/', '?']).unwrap_or(text.len());
    let authority = text.get(..end)?;
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match place.rsplit_once(':') {
        Some((host, number)) if port(number) => host_named(host),
        Some(_) | None => host_named(place),
    }
}

fn who_sent_it(seen: &Seen, things: &mut Vec<Thing>) {
    if let Some(peer) = seen.peer {
        things.push(Thing::new(Ask::Client, Subject::Address(peer.address.to_canonical())));
    }
    let mut add = |ask, domain: Option<Domain>| {
        things.extend(domain.map(|domain| Thing::new(ask, Subject::Domain(domain))));
    };
    if let Known::Yes(IprevFact { result: Iprev::Pass, name: Some(name), .. }) = seen.iprev {
        add(Ask::ClientName, Domain::parse(name).ok());
    }
    add(Ask::Helo, seen.peer.and_then(|peer| Domain::parse(&peer.helo).ok()));
    add(Ask::Sender, seen.sender.address().and_then(|address| address.domain().cloned()));
    let mailboxes = |field: &str| {
        let all = seen.header.map(|header| header.mailboxes(field)).unwrap_or_default();
        all.into_iter().take(limits::DNS_LIST_MAILBOXES_MAX)
    };
    for mailbox in mailboxes("From") {
        add(Ask::From, mailbox.domain());
    }
    if let Known::Yes(signatures) = seen.dkim {
        // One that does not fit may name anybody.
        let passed = signatures.iter().filter(|one| one.result == Dkim::Pass);
        for one in passed.take(limits::SIGNATURES_MAX) {
            add(Ask::Signer, Domain::parse(&one.domain).ok());
        }
    }
    let envelope = seen.sender.address().map(ToString::to_string);
    let written = ["From", "Reply-To"].into_iter().flat_map(mailboxes);
    let addresses = envelope.into_iter().chain(written.map(|mailbox| mailbox.address));
    let addresses = addresses.filter(|address| address.contains('@'));
    things.extend(
        addresses.map(|text| Thing::new(Ask::AddressHash, Subject::Text(text.to_lowercase()))),
    );
}

fn links(contents: &Contents, things: &mut Vec<Thing>) {
    // What a reader may press comes before what is only fetched: there may be more than is asked about.
    let pressed = contents.links.iter().filter(|link| !link.fetched);
    let fetched = contents.links.iter().filter(|link| link.fetched);
    for link in pressed.chain(fetched).take(limits::LINKS_MAX) {
        let place = |thing: Thing| Thing { part: link.part.clone(), ..thing };
        if let Some(subject) = host_named(&link.host) {
            let ask = match subject {
                Subject::Address(_) => Ask::LinkAddress,
                Subject::Domain(_) | Subject::Text(_) | Subject::Digests(_) => Ask::Link,
            };
            things.push(place(Thing::new(ask, subject)));
        }
        let hashed = match link.scheme.as_str() {
            "http" | "https" => bare(link).map(|text| (Ask::LinkHash, text)),
            "mailto" => written_to(link).map(|text| (Ask::AddressHash, text)),
            _ => None,
        };
        things.extend(hashed.map(|(ask, text)| place(Thing::new(ask, Subject::Text(text)))));
    }
}

fn host_named(text: &str) -> Option<Subject> {
    let text = text.trim_start_matches('[').trim_end_matches(']');
    match text.parse::<IpAddr>() {
        Ok(address) => Some(Subject::Address(address.to_canonical())),
        Err(_) => Domain::parse(text).ok().map(Subject::Domain),
    }
}

/// A link without scheme and fragment, its host in lower case.
fn bare(link: &Link) -> Option<String> {
    let (_, rest) = link.target.split_once("://")?;
    let rest = rest.split('#').next().unwrap_or(rest);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    Some(format!("{}{path}", authority.to_lowercase()))
}

fn written_to(link: &Link) -> Option<String> {
    let (_, rest) = link.target.split_once(':')?;
    let address = rest.split('?').next().unwrap_or(rest).trim().to_lowercase();
    address.contains('@').then_some(address)
}

fn attachments(contents: &Contents, things: &mut Vec<Thing>) {
    for part in contents.parts.iter().filter(|part| part.attachment) {
        if let Some(PartDigests { sha256, sha1, md5 }) = &part.digests {
            let subject = Subject::Digests([sha256.clone(), sha1.clone(), md5.clone()]);
            let thing = Thing::new(Ask::AttachmentHash, subject);
            things.push(Thing { part: part.id.clone(), path: part.path.clone(), ..thing });
        }
    }
}

/// Is it an address that means something only inside a network, or that no host of the world has?
fn is_inside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            // RFC 6598 section 7: shared by providers' customers.
            let shared = Ipv4Addr::new(100, 64, 0, 0).to_bits() >> 22 == v4.to_bits() >> 22;
            shared
                || v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
        }
    }
}

/// Could anybody have registered it? Names without a dot and those that mean something only at home are not asked about.
fn is_public(domain: &Domain) -> bool {
    let top = domain.as_str().rsplit_once('.').map(|(_, top)| top);
    top.is_some_and(|top| !HOME.contains(&top)) && !domain.as_str().ends_with(".home.arpa")
}

const HOME: &[&str] =
    &["corp", "home", "internal", "invalid", "lan", "local", "localdomain", "localhost", "onion"];

/// Ours, or below one of ours.
fn is_ours(domain: &Domain, ours: &impl Ours) -> bool {
    let name = domain.as_str();
    let above = name.match_indices('.').filter_map(|(dot, _)| name.get(dot.saturating_add(1)..));
    let mut names = std::iter::once(name).chain(above);
    names.any(|name| Domain::parse(name).is_ok_and(|name| ours.has_domain(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::dns_list::DnsListConfig,
        examine::{Part, PartKind},
    };

    struct House;

    impl Ours for House {
        fn has_address(&self, address: IpAddr) -> bool {
            address == IpAddr::from([198, 51, 100, 1])
        }

        fn has_domain(&self, domain: &Domain) -> bool {
            domain.as_str() == "ours.example"
        }
    }

    fn list(more: &str) -> DnsListConfig {
        toml::from_str(&format!("name = \"bl\"\nzone = \"bl.example\"\n{more}")).unwrap()
    }

    fn link(target: &str, host: &str, fetched: bool) -> Link {
        Link {
            part: "1".to_string(),
            target: target.to_string(),
            host: host.to_string(),
            scheme: target.split(':').next().unwrap().to_lowercase(),
            shown: String::new(),
            fetched,
        }
    }

    fn peer(address: &str, helo: &str) -> Peer {
        Peer { helo: helo.to_string(), ..Peer::at(address.parse().unwrap()) }
    }

    fn told(things: &[Thing]) -> Vec<String> {
        things.iter().map(|thing| format!("{:?} {}", thing.ask, thing.shown())).collect()
    }

    #[test]
    fn names_in_a_zone() {
        let plain = list("asks = [\"client\"]");
        let whole = list("asks = [\"link\"]\nnames = \"whole\"");
        let address = |text: &str| Subject::Address(text.parse().unwrap());
        let domain = |text: &str| Subject::Domain(Domain::parse(text).unwrap());
        let text = |text: &str| Subject::Text(text.to_string());
        let long = format!("{}example.org", "a.".repeat(118));
        let hash = |form: &str| list(&format!("asks = [\"link-hash\"]\nhash = \"{form}\""));
        for (list, subject, want) in [
            (&plain, address("192.0.2.99"), "99.2.0.192.bl.example"),
            (
                &plain,
                address("2001:db8:1:2:3:4:567:89ab"),
                "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.example",
            ),
            (&plain, address("::ffff:192.0.2.99"), "99.2.0.192.bl.example"),
            (&plain, domain("www.shop.co.uk"), "shop.co.uk.bl.example"),
            (&whole, domain("www.shop.co.uk"), "www.shop.co.uk.bl.example"),
            // What would be too long a name is asked for by its owner.
            (&whole, domain(&long), "example.org.bl.example"),
            (&hash("md5-hex"), text("a"), "0cc175b9c0f1b6a831c399e269772661.bl.example"),
            (&hash("sha1-hex"), text("a"), "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8.bl.example"),
            (&hash("sha1-base32"), text("a"), "q336in72uwt7zyk5dxolt2xk5i3xmz5y.bl.example"),
            (
                &hash("sha256-base32"),
                text("a"),
                "zklycewkdo64v6wcggzzui64jwtyn37ycr6e44vzqb3yll7ojc5q.bl.example",
            ),
        ] {
            assert_eq!(Thing::new(Ask::Link, subject).name_in(list).as_deref(), Some(want));
        }
    }

    #[test]
    fn who_sent_a_mail() {
        let header = Header::read(b"From: a@from.example\r\nReply-To: B@reply.example\r\n\r\n");
        let header = header.unwrap();
        let sender = ReversePath::parse("x@sender.example").unwrap();
        let client = peer("192.0.2.9", "helo.example");
        let one = |domain: &str, result| Signature {
            result,
            domain: domain.to_string(),
            selector: "s".to_string(),
            because: String::new(),
        };
        let named = |result, name: &str| {
            let client = client.address;
            Known::Yes(IprevFact { result, client, name: Some(name.to_string()) })
        };
        let dkim =
            Known::Yes(vec![one("signer.example", Dkim::Pass), one("x.example", Dkim::Fail)]);
        let seen = |peer, iprev| {
            let contents = None;
            let header = Some(&header);
            told(&things(
                &Seen { peer, sender: &sender, header, contents, iprev, dkim: &dkim },
                &House,
            ))
        };
        let always = ["Sender sender.example", "From from.example", "Signer signer.example"];
        let hashes = ["AddressHash "; 3];
        let (pass, fail) = (named(Iprev::Pass, "rev.example"), named(Iprev::Fail, "rev.example"));
        let (address, name, helo) =
            ("Client 192.0.2.9", "ClientName rev.example", "Helo helo.example");
        for (peer, iprev, before) in [
            (Some(&client), &pass, &[address, name, helo][..]),
            // A name that does not lead back is anybody's.
            (Some(&client), &fail, &[address, helo]),
            (None, &fail, &[]),
        ] {
            let want: Vec<&str> = [before, &always, &hashes].concat();
            assert_eq!(seen(peer, iprev), want);
        }
    }

    #[test]
    fn nothing_of_ours_and_nothing_inside_is_asked_about() {
        let nobody = Seen {
            peer: None,
            sender: &ReversePath::Null,
            header: None,
            contents: None,
            iprev: &Known::NotAsked,
            dkim: &Known::NotAsked,
        };
        for (address, helo, want) in [
            ("192.0.2.9", "far.example", 2),
            ("192.0.2.9", "ours.example", 1),
            ("192.0.2.9", "mx.deep.ours.example", 1),
            ("192.0.2.9", "notours.example", 2),
            ("192.0.2.9", "localhost", 1),
            ("192.0.2.9", "pc.lan", 1),
            ("198.51.100.1", "far.example", 1),
            ("127.0.0.1", "far.example", 1),
            ("10.1.2.3", "far.example", 1),
            ("172.20.0.1", "far.example", 1),
            ("192.168.0.1", "far.example", 1),
            ("169.254.1.1", "far.example", 1),
            ("100.127.255.255", "far.example", 1),
            ("100.128.0.1", "far.example", 2),
            ("::1", "far.example", 1),
            ("::ffff:10.0.0.1", "far.example", 1),
            ("fd00::1", "far.example", 1),
            ("fe80::1", "far.example", 1),
            ("2001:db8::1", "far.example", 2),
        ] {
            let peer = peer(address, helo);
            let seen = Seen { peer: Some(&peer), ..nobody };
            assert_eq!(things(&seen, &House).len(), want, "{address} {helo}");
        }
    }

    #[test]
    fn what_is_inside() {
        let digests = |text: &str| {
            let written = |form| hashed(text.as_bytes(), form);
            let (sha1, md5) = (written(HashForm::Sha1Hex), written(HashForm::Md5Hex));
            let sha256 = HEXLOWER.encode(&sha2::Sha256::digest(text.as_bytes()));
            Some(PartDigests { sha256, sha1, md5 })
        };
        let part = Part {
            id: "2".to_string(),
            path: "a.zip/b.exe".to_string(),
            declared: String::new(),
            kind: PartKind::Text,
            name: None,
            attachment: true,
            bytes: 1,
            hash: String::new(),
            digests: digests("a"),
            scanned: true,
            encrypted: false,
        };
        let contents = Contents {
            links: vec![
                link("http://pixel.example/1.gif", "pixel.example", true),
                link("HTTPS://Evil.Example:81/Path?q#frag", "evil.example", false),
                link("https://www.ours.example/", "www.ours.example", false),
                link("http://192.0.2.1/", "192.0.2.1", false),
                link("mailto:A@b.example?subject=x", "", false),
                link("mailto:anna@ours.example", "", false),
                link("http://evil.example/", "evil.example", false),
            ],
            parts: vec![Part { attachment: false, ..part.clone() }, part],
            ..Contents::default()
        };
        let contents = Some(&contents);
        let (iprev, dkim) = (&Known::NotAsked, &Known::NotAsked);
        let sender = &ReversePath::Null;
        let found =
            things(&Seen { peer: None, sender, header: None, contents, iprev, dkim }, &House);
        let of = |ask| found.iter().filter(move |thing| thing.ask == ask);
        let hosts: Vec<String> = of(Ask::Link).map(Thing::shown).collect();
        assert_eq!(hosts, ["evil.example", "pixel.example"]);
        assert_eq!(of(Ask::LinkAddress).map(Thing::shown).collect::<Vec<_>>(), ["192.0.2.1"]);
        let addresses: Vec<&Subject> = of(Ask::AddressHash).map(|thing| &thing.subject).collect();
        assert_eq!(addresses, [&Subject::Text("a@b.example".to_string())]);
        let texts: Vec<&Subject> = of(Ask::LinkHash).map(|thing| &thing.subject).collect();
        let text = |text: &str| Subject::Text(text.to_string());
        let want = ["evil.example:81/Path?q", "192.0.2.1/", "evil.example/", "pixel.example/1.gif"];
        assert_eq!(texts, want.map(text).iter().collect::<Vec<_>>());
        let attached: Vec<&Thing> = of(Ask::AttachmentHash).collect();
        assert_eq!((attached.len(), attached[0].path.as_str()), (1, "a.zip/b.exe"));
        let hashes = list("asks = [\"attachment-hash\"]");
        let text = Thing::new(Ask::LinkHash, Subject::Text("a".to_string()));
        assert_eq!(attached[0].name_in(&hashes), text.name_in(&hashes));
    }
}

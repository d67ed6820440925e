//! Lists compiled and asked in a folder of their own.

use super::*;
use crate::{
    base::limits,
    learn::listed::{Columns, Kind, sender},
    mail::{Address, Domain},
};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

const NOW: UnixMs = UnixMs(1_700_000_000_000);

fn digest(number: u64) -> Digest {
    Digest::Sha256(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

fn hex(number: u64) -> String {
    let Digest::Sha256(bytes) = digest(number) else { unreachable!() };
    data_encoding::HEXLOWER.encode(&bytes)
}

struct Place(TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn source(&self, name: &str, kind: Kind, text: &str) -> Source {
        let file = self.0.path().join(name);
        fs::write(&file, text).unwrap();
        Source { name: name.to_string(), file, kind, columns: Columns::default() }
    }

    fn out(&self) -> PathBuf {
        self.0.path().join("all.list")
    }

    fn compile(&self, sources: &[Source]) -> Result<Report, CompileError> {
        HashList::compile(sources, &self.out(), 0, NOW)
    }

    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn what_was_listed_is_found_and_nothing_else() {
    let place = Place::new();
    // More than one run of the smallest memory, more than one block, an incomplete last one; some lines twice.
    let runs = u64::try_from(limits::HASH_LIST_SORT_BYTES_MIN / 32).unwrap() * 2 + 77;
    let text: String = (0..runs).map(|number| hex(number % (runs - 10)) + "\n").collect();
    let report = place.compile(&[place.source("bad", Kind::Attachment, &text)]).unwrap();
    assert_eq!((report.entries, report.doubles), (runs - 10, 10));
    let list = HashList::open(&place.out()).unwrap();
    assert_eq!(
        (list.len(), list.made(), list.sources()),
        (runs - 10, NOW, &["bad".to_string()][..])
    );
    assert_eq!(report.file_bytes, fs::metadata(place.out()).unwrap().len());
    list.verify().unwrap();
    for number in 0..runs - 10 {
        let entry = list.holds(&digest(number)).unwrap().unwrap();
        assert_eq!((entry.line, entry.threat), (number + 1, None));
    }
    for number in runs..runs + 20_000 {
        assert_eq!(list.holds(&digest(number)).unwrap(), None);
    }
    assert!(list.memory_bytes() < 400_000);
    assert_eq!(place.files(), ["all.list", "bad"], "nothing is left behind");
}

#[test]
fn the_finding_can_name_list_threat_and_line() {
    let place = Place::new();
    let first = format!("sha256,signature\n{},Emotet\n{},\n", hex(1), hex(2));
    let second = format!("{},Other\n{},Qakbot\n", hex(1), hex(3));
    let hosts = "# hosts\nEvil.Example\nshop.test.co.uk\nhttp://a.example/x\n???\n";
    let report = place
        .compile(&[
            place.source("first", Kind::Attachment, &first),
            place.source("second", Kind::Attachment, &second),
            place.source("hosts", Kind::Domain, hosts),
        ])
        .unwrap();
    assert_eq!((report.entries, report.doubles), (5, 1));
    assert_eq!((report.sources[2].addresses, report.sources[2].not_understood), (1, 1));
    let list = HashList::open(&place.out()).unwrap();
    let entry = |list: &str, threat: Option<&str>, line| Entry {
        list: list.to_string(),
        threat: threat.map(str::to_string),
        line,
    };
    for (number, want) in [
        (1, entry("first", Some("Emotet"), 2)),
        (2, entry("first", None, 3)),
        (3, entry("second", Some("Qakbot"), 2)),
    ] {
        assert_eq!(list.holds(&digest(number)).unwrap(), Some(want));
    }
    for (host, want) in [
        ("www.EVIL.example", Some("evil.example")),
        ("evil.example", Some("evil.example")),
        ("a.b.shop.test.co.uk", Some("shop.test.co.uk")),
        ("test.co.uk", None),
        ("notevil.example", None),
        ("not a host", None),
        ("a.example", None),
    ] {
        let found = list.holds_host(host).unwrap();
        assert_eq!(found.map(|listed| listed.name).as_deref(), want, "{host}");
    }
    assert!(list.has(DigestKind::Sha256) && !list.has(DigestKind::Md5));
}

#[test]
fn a_bad_source_leaves_the_old_list() {
    let place = Place::new();
    let good = place.source("good", Kind::Attachment, &hex(1));
    place.compile(std::slice::from_ref(&good)).unwrap();
    let page = place.source("page", Kind::Attachment, "<html>\n<p>404</p>\n");
    let error = place.compile(&[good.clone(), page]).unwrap_err();
    assert_eq!(error.to_string(), "page has no entry in 2 lines: is it the right file and column?");
    let gone = Source { file: place.0.path().join("gone"), ..good.clone() };
    assert!(place.compile(&[gone]).unwrap_err().to_string().contains("gone"));
    assert_eq!(HashList::open(&place.out()).unwrap().len(), 1);
    assert_eq!(place.files(), ["all.list", "good", "page"]);
    let nowhere = HashList::compile(&[good], Path::new("/nowhere/at/all"), 0, NOW);
    assert!(matches!(nowhere, Err(CompileError::Write { .. })));
}

#[test]
fn a_line_without_end_is_passed_over() {
    let place = Place::new();
    let long = "a".repeat(3 * limits::HASH_LIST_LINE_BYTES_MAX);
    let text = format!("{long}\n{}\n{long}", hex(1));
    let report = place.compile(&[place.source("long", Kind::Attachment, &text)]).unwrap();
    assert_eq!((report.sources[0].lines, report.sources[0].not_understood), (3, 2));
    let list = HashList::open(&place.out()).unwrap();
    assert_eq!(list.holds(&digest(1)).unwrap().unwrap().line, 2);
}

#[test]
fn damage_is_refused_and_the_old_list_stays() {
    let place = Place::new();
    let text: String =
        (0..500).map(|number| format!("{},Threat {number}\n", hex(number))).collect();
    place.compile(&[place.source("bad", Kind::Attachment, &text)]).unwrap();
    let whole = fs::read(place.out()).unwrap();
    let bent = place.0.path().join("bent.list");
    let opens = |bytes: &[u8]| {
        fs::write(&bent, bytes).unwrap();
        HashList::open(&bent)
    };
    for end in (0..whole.len()).step_by(61).chain([whole.len() - 1]) {
        assert!(opens(&whole[..end]).is_err(), "{end}");
    }
    assert!(opens(&[&whole[..], b"x"].concat()).is_err());
    let blocks = HEADER_BYTES..HEADER_BYTES + 3 * 4_096;
    for at in (0..whole.len()).step_by(37) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        match opens(&bytes) {
            Err(error) => assert!(!blocks.contains(&at), "{at}: {error}"),
            // A block is checked when it is read.
            Ok(list) => {
                assert!(blocks.contains(&at), "{at}");
                assert!(list.verify().is_err());
                let results = (0..500).map(|number| list.holds(&digest(number)));
                assert!(results.filter(Result::is_err).count() >= 100);
            }
        }
    }
    let list = HashList::open(&place.out()).unwrap();
    assert_eq!(list.holds(&digest(7)).unwrap().unwrap().threat.as_deref(), Some("Threat 7"));
}

#[test]
fn a_list_is_replaced_under_those_who_ask() {
    let place = Place::new();
    place.compile(&[place.source("a", Kind::Attachment, &hex(1))]).unwrap();
    let old = HashList::open(&place.out()).unwrap();
    place.compile(&[place.source("a", Kind::Attachment, &hex(2))]).unwrap();
    assert!(old.holds(&digest(1)).unwrap().is_some(), "it still reads its own file");
    let new = HashList::open(&place.out()).unwrap();
    assert!(new.holds(&digest(1)).unwrap().is_none());
}

#[test]
fn many_senders_take_little_memory_and_a_slip_names_its_line() {
    const MANY: u32 = 100_000;
    let place = Place::new();
    let mut text = String::from("# networks, then domains, then people\n");
    for number in 0..MANY {
        // Every second /29 from 192.0.0.0 on.
        let network = std::net::Ipv4Addr::from_bits(0xC000_0000 + number * 16);
        text.push_str(&format!("{network}/29\n.d{number}.example # spam\nu{number}@far.example\n"));
    }
    let report = place.compile(&[place.source("bad", Kind::Sender, &text)]).unwrap();
    assert_eq!(report.entries, u64::from(MANY) * 3);
    let list = HashList::open(&place.out()).unwrap();
    assert!(list.memory_bytes() < 1 << 20, "{}", list.memory_bytes());
    let client = |bits: u32| sender::of_client(std::net::Ipv4Addr::from_bits(bits).into());
    let line = |keys: &[Key]| list.holds_sender(keys).unwrap().map(|entry| entry.line);
    for number in (0..MANY).step_by(97) {
        let first = u64::from(number) * 3 + 2;
        let network = 0xC000_0000 + number * 16;
        assert_eq!(line(&client(network + 7)), Some(first));
        assert_eq!(line(&client(network + 8)), None);
        let host = Domain::parse(&format!("mail.d{number}.example")).unwrap();
        assert_eq!(line(&sender::of_domain(&host)), Some(first + 1));
        let user = Address::parse(&format!("U{number}@far.example")).unwrap();
        assert_eq!(line(&sender::of_address(&user)), Some(first + 2));
    }
    assert_eq!(list.holds_host("d1.example").unwrap(), None, "it is no list of hosts");
    // The slip is said with its line and its mend; what was compiled before stays.
    text.push_str("far.example\nanna at far.example\n");
    let error = place.compile(&[place.source("bad", Kind::Sender, &text)]).unwrap_err();
    let said = error.to_string();
    let at = format!("bad:{}: this is no sender: write an address", u64::from(MANY) * 3 + 3);
    assert!(said.contains(&at), "{said}");
    assert_eq!(HashList::open(&place.out()).unwrap().len(), u64::from(MANY) * 3);
}

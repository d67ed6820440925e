//! Names of people, laid out so that a name in From finds whose it is by a few look-ups.
//!
//! A name is the set of its words: case, accents, look-alike letters, order ("Andersson, Anna"), titles and roles make no difference.
//! An initial for the first name, or a name between the two, is a weaker likeness.

use crate::{base::limits, checks::read::letters};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

/// People whose names strangers may not use.
#[derive(Debug, Default)]
pub struct People {
    vips: HashMap<String, (usize, Closeness)>,
    /// Addresses outside the house that each of them writes from, lower case.
    addresses: Vec<HashSet<String>>,
    /// Hashes of the names of everybody else: there may be tens of thousands.
    colleagues: HashSet<u64>,
    /// Words that name the house: they say nothing about who it is.
    house: HashSet<String>,
    hasher: RandomState,
}

/// How near a name is to that of somebody here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closeness {
    /// First and last name.
    Same,
    /// The last name and an initial, or another name between.
    Near,
}

/// Whose name it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namesake {
    /// A configured person's.
    Vip(Closeness),
    /// That of somebody who has a mailbox here.
    Colleague,
}

impl People {
    /// The house's own words, which are left out of every name: the labels of its domains.
    pub fn in_house(labels: impl IntoIterator<Item = String>) -> People {
        let house = labels.into_iter().map(|label| letters::drawn(&label)).collect();
        People { house, ..People::default() }
    }

    /// Adds a person by name, and the addresses elsewhere that are his own.
    pub fn add_vip(&mut self, name: &str, addresses: impl IntoIterator<Item = String>) {
        let words = words(name);
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
        if words.len() < 2 {
            return;
        }
        let number = self.addresses.len();
        let initial: String = first.chars().take(1).collect();
        for (key, closeness) in [
            (key(&words), Closeness::Same),
            (key(&[first.clone(), last.clone()]), Closeness::Same),
            (words.concat(), Closeness::Same),
            ([last.as_str(), first.as_str()].concat(), Closeness::Same),
            (key(&[initial, last.clone()]), Closeness::Near),
        ] {
            // Of two people with one name the first stands for both; his addresses do not.
            self.vips.entry(key).or_insert((number, closeness));
        }
        self.addresses.push(addresses.into_iter().map(|address| address.to_lowercase()).collect());
    }

    /// Adds whoever an address such as `anna.andersson@` names; an address that names no person adds nothing.
    pub fn add_mailbox(&mut self, local: &str) {
        if self.colleagues.len() >= limits::COLLEAGUES_MAX {
            return;
        }
        let words = words(local);
        let named = words.len() == 2 && words.iter().all(|word| is_name(word));
        if named && !words.iter().any(|word| MAILBOXES.contains(&word.as_str())) {
            self.colleagues.insert(self.hasher.hash_one(key(&words)));
        }
    }

    /// Whose name is this, though it comes from that address elsewhere?
    pub fn namesake(&self, name: &str, address: &str) -> Option<Namesake> {
        if self.vips.is_empty() && self.colleagues.is_empty() {
            return None;
        }
        let said = words(name);
        let outside: Vec<String> =
            said.iter().filter(|word| !self.house.contains(*word)).cloned().collect();
        // A founder may be called like the firm, so its name is left out second.
        match self.find(&said, address) {
            Some(Namesake::Vip(Closeness::Same)) => Some(Namesake::Vip(Closeness::Same)),
            found => self.find(&outside, address).or(found),
        }
    }

    fn find(&self, said: &[String], address: &str) -> Option<Namesake> {
        let whole: Vec<String> =
            said.iter().filter(|word| word.chars().count() > 1).cloned().collect();
        if let Some((number, closeness)) = self.vip(said, &whole) {
            let own = self.addresses.get(number);
            let own = own.is_some_and(|own| own.contains(&address.to_lowercase()));
            return (!own).then_some(Namesake::Vip(closeness));
        }
        let known = whole.len() > 1 && self.colleagues.contains(&self.hasher.hash_one(key(&whole)));
        known.then_some(Namesake::Colleague)
    }

    fn vip(&self, said: &[String], whole: &[String]) -> Option<(usize, Closeness)> {
        let same = |words: &[String]| self.vips.get(&key(words)).copied();
        if let Some(found) = same(whole).filter(|_| !whole.is_empty()) {
            return Some(found);
        }
        let (first, last) = (whole.first()?, whole.last()?);
        let between = match whole.len() {
            // "A. Andersson", "Andersson A".
            1 => same(said),
            2 => None,
            // Last name first, or last.
            _ => same(&[first.clone(), last.clone()])
                .or_else(|| same(&[first.clone(), whole.get(1)?.clone()])),
        };
        between.map(|(number, _)| (number, Closeness::Near))
    }
}

/// The words of a name that say who it is.
fn words(name: &str) -> Vec<String> {
    let plain = letters::drawn(name);
    let words = plain.split(|letter: char| !letter.is_alphanumeric());
    let telling = words.filter(|word| !word.is_empty() && !ROLES.contains(*word));
    telling.take(NAME_WORDS_MAX).map(str::to_string).collect()
}

/// The words in the order of the alphabet.
fn key(words: &[String]) -> String {
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.sort_unstable();
    words.join(" ")
}

fn is_name(word: &str) -> bool {
    word.chars().count() > 1 && word.chars().all(char::is_alphabetic)
}

/// Longer names are sentences.
const NAME_WORDS_MAX: usize = 10;

/// First or second words of mailboxes that are no people.
const MAILBOXES: &[&str] = &[
    "info",
    "mail",
    "post",
    "support",
    "service",
    "no",
    "reply",
    "noreply",
    "faktura",
    "invoice",
    "kontakt",
    "contact",
    "sales",
    "test",
    "system",
    "order",
    "orders",
    "team",
    "web",
    "webmaster",
    "kund",
    "lasku",
    "postmaster",
    "abuse",
    "hr",
    "it",
    "jobb",
    "nyhetsbrev",
    "news",
];

static ROLES: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| ROLE_WORDS.iter().map(|word| letters::drawn(word)).collect());

/// Titles, roles and forms of companies that people, and those who pretend to be them, write beside a name.
const ROLE_WORDS: &[&str] = &[
    "ab",
    "adm",
    "administrerende",
    "aps",
    "as",
    "asa",
    "board",
    "ceo",
    "cfo",
    "chair",
    "chairman",
    "chef",
    "chief",
    "coo",
    "cto",
    "daglig",
    "dir",
    "direct",
    "director",
    "direkt",
    "direktör",
    "direktør",
    "dr",
    "ekonomiansvarig",
    "ekonomichef",
    "executive",
    "external",
    "finance",
    "formand",
    "from",
    "fru",
    "group",
    "head",
    "herr",
    "hr",
    "inc",
    "iphone",
    "johtaja",
    "kassör",
    "koncernchef",
    "konsernsjef",
    "kontor",
    "leder",
    "ltd",
    "manager",
    "managing",
    "mobile",
    "mr",
    "mrs",
    "ms",
    "of",
    "office",
    "officer",
    "ordförande",
    "oy",
    "oyj",
    "personal",
    "president",
    "privat",
    "private",
    "prof",
    "puheenjohtaja",
    "rehtori",
    "rektor",
    "styreleder",
    "talousjohtaja",
    "the",
    "tj",
    "toimitusjohtaja",
    "treasurer",
    "vd",
    "verkställande",
    "via",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ours() {
        let mut people = People::in_house(["firm".to_string()]);
        people.add_vip("Anna Andersson", ["Anna@Home.example".to_string()]);
        people.add_vip("Göran Åke Sjöström", []);
        people.add_vip("Berit Firm", []);
        people.add_vip("Madonna", []);
        people.add_mailbox("paivi.makela");
        people.add_mailbox("info.stockholm");
        people.add_mailbox("b2.svensson");
        people.add_mailbox("lager");
        let same = Some(Namesake::Vip(Closeness::Same));
        let near = Some(Namesake::Vip(Closeness::Near));
        for (name, want) in [
            ("Anna Andersson", same),
            ("ANDERSSON, ANNA", same),
            ("Anna.Andersson", same),
            ("AnnaAndersson", same),
            ("Änna Anderssön", same),
            ("\u{410}nna Anders\u{455}on", same),
            ("Anna\u{200b} Andersson", same),
            ("Anna Andersson (VD)", same),
            ("Anna Andersson, CEO Firm", same),
            ("Anna Andersson | Firm AB", same),
            ("Anna K Andersson", same),
            ("Berit Firm", same),
            ("Goran Sjostrom", same),
            ("Åke Göran Sjöström", same),
            ("A. Andersson", near),
            ("Andersson A", near),
            ("Anna Maria Andersson", near),
            ("Anna", None),
            ("Andersson", None),
            ("Anna Berg", None),
            ("B. Andersson", None),
            ("Madonna", None),
            ("Päivi Mäkelä", Some(Namesake::Colleague)),
            ("Makela Paivi", Some(Namesake::Colleague)),
            ("Stockholm Info", None),
            ("Lager", None),
            ("", None),
        ] {
            assert_eq!(people.namesake(name, "x@gmail.com"), want, "{name}");
        }
        assert_eq!(people.namesake("Anna Andersson", "anna@home.example"), None);
        assert_eq!(People::default().namesake("Anna Andersson", "x@gmail.com"), None);
    }
}

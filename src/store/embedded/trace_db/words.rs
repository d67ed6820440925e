//! The words under which a transaction is found: the same function makes them of what is stored and of what is looked for.
//!
//! Accents and case are taken off, so that "Ostra" finds "Östra": whoever asks on the telephone spells as they like.

use crate::base::limits;
use ipnet::IpNet;
use std::net::IpAddr;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// A text as it is compared.
pub(super) fn fold(text: &str) -> String {
    // Nearly all of it: addresses, names of machines, replies. Every search folds some thousand of them.
    if text.is_ascii() {
        let end = text.len().min(limits::TRACE_WORDS_CHARS_MAX);
        return text.get(..end).unwrap_or_default().to_ascii_lowercase();
    }
    let plain = text.chars().take(limits::TRACE_WORDS_CHARS_MAX);
    plain.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase).collect()
}

/// The words of a folded text.
pub(super) fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// A folded text as the index takes it: nothing but words.
pub(super) fn spaced(folded: &str) -> String {
    words(folded).collect::<Vec<_>>().join(" ")
}

/// What is looked for as a part of a text, beginning where a word does.
#[derive(Debug, Clone)]
pub(super) struct Part {
    folded: String,
}

impl Part {
    /// None: there is no word in it, so nothing has it.
    pub(super) fn new(text: &str) -> Option<Part> {
        let folded = fold(text.trim());
        let begin = folded.find(char::is_alphanumeric)?;
        Some(Part { folded: folded.get(begin..)?.to_string() })
    }

    /// The question to the index, within these columns.
    pub(super) fn question(&self, columns: &str) -> String {
        let open = self.is_open();
        let all: Vec<&str> = words(&self.folded).collect();
        let last = all.len().saturating_sub(1);
        let asked = all.iter().enumerate().map(|(at, word)| match at == last && open {
            true => format!("\"{word}\"*"),
            false => format!("\"{word}\""),
        });
        format!("{{{columns}}} : ({})", asked.collect::<Vec<_>>().join(" AND "))
    }

    /// May the last word go on? One of few letters has too many words that begin so: it stands for itself.
    fn is_open(&self) -> bool {
        let ends_within = self.folded.ends_with(char::is_alphanumeric);
        let last = words(&self.folded).last().unwrap_or_default();
        ends_within && last.chars().count() >= limits::TRACE_OPEN_WORD_LETTERS_MIN
    }

    /// Is it in this folded text, as it stands?
    pub(super) fn is_in(&self, folded: &str) -> bool {
        let closes = !self.is_open() && self.folded.ends_with(char::is_alphanumeric);
        folded.match_indices(self.folded.as_str()).any(|(at, found)| {
            let before = folded.get(..at).and_then(|text| text.chars().next_back());
            let after = folded.get(at + found.len()..).and_then(|text| text.chars().next());
            let begins_within = before.is_some_and(char::is_alphanumeric);
            let goes_on = closes && after.is_some_and(char::is_alphanumeric);
            !(begins_within || goes_on)
        })
    }

    /// Is each of its words somewhere among these, the last perhaps only begun?
    pub(super) fn all_in(&self, there: &[&str]) -> bool {
        let open = self.is_open();
        let all: Vec<&str> = words(&self.folded).collect();
        let last = all.len().saturating_sub(1);
        all.iter().enumerate().all(|(at, word)| match at == last && open {
            true => there.iter().any(|one| one.starts_with(word)),
            false => there.contains(word),
        })
    }
}

/// A word that stands for a value of which equality alone is asked.
pub(super) fn mark(kind: char, value: &str) -> String {
    let hash = blake3::hash(value.as_bytes());
    let hex = hash.to_hex();
    format!("{kind}{}", hex.get(..16).unwrap_or_default())
}

/// A finding's id as a word that its beginning is the beginning of.
pub(super) fn finding_mark(id: &str) -> String {
    let letters =
        id.chars().filter(char::is_ascii_alphanumeric).map(|one| one.to_ascii_lowercase());
    std::iter::once('f').chain(letters).collect()
}

/// The words for a client: its address, and the networks round it that are asked for most.
pub(super) fn client_marks(client: IpAddr) -> impl Iterator<Item = String> {
    let bits = network_bits(client);
    bits.into_iter().filter_map(move |bits| Some(network_mark(IpNet::new(client, bits).ok()?)))
}

/// The word for the smallest such network that has all of this one in it; none when it is too large for any.
pub(super) fn mark_around(network: IpNet) -> Option<String> {
    let bits =
        network_bits(network.addr()).into_iter().find(|bits| *bits <= network.prefix_len())?;
    Some(network_mark(IpNet::new(network.addr(), bits).ok()?))
}

fn network_bits(address: IpAddr) -> [u8; 4] {
    match address {
        IpAddr::V4(_) => [32, 24, 16, 8],
        IpAddr::V6(_) => [128, 64, 48, 32],
    }
}

fn network_mark(network: IpNet) -> String {
    mark('i', &network.trunc().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_where_a_word_begins() {
        for (part, text, want) in [
            ("berg@ours", "Anna.Berg@ours.example", true),
            ("anna", "Anna.Berg@ours.example", true),
            ("annab", "Anna.Berg@ours.example", false),
            ("erg@ours", "Anna.Berg@ours.example", false),
            ("berg@our", "Anna.Berg@ours.example", true),
            ("a1@", "a1@example.org", true),
            ("a1@", "a10@example.org", false),
            ("a1", "a10@example.org", false),
            ("OSTRA", "Möte på Östra hamnen", true),
            ("östra ham", "Möte på Ostra  hamnen", false),
            ("<b@x>", "b@x>", true),
        ] {
            assert_eq!(Part::new(part).unwrap().is_in(&fold(text)), want, "{part} in {text}");
        }
        assert!(Part::new("%").is_none() && Part::new("").is_none());
        let part = Part::new("östra ham").unwrap();
        let folded = fold("Hamnen, Östra");
        assert!(part.all_in(&words(&folded).collect::<Vec<_>>()));
        assert_eq!(part.question("subject"), "{subject} : (\"ostra\" AND \"ham\"*)");
        assert_eq!(Part::new("a1@").unwrap().question("sender"), "{sender} : (\"a1\")");
    }

    #[test]
    fn a_network_is_found_by_the_next_one_around_it() {
        let client: IpAddr = "192.0.2.7".parse().unwrap();
        let marks: Vec<String> = client_marks(client).collect();
        for (network, want) in
            [("192.0.2.7/32", Some(0)), ("192.0.2.0/28", Some(1)), ("192.0.0.0/12", Some(3))]
        {
            let mark = mark_around(network.parse().unwrap());
            assert_eq!(mark.as_ref(), want.map(|at| &marks[at]), "{network}");
        }
        assert!(mark_around("0.0.0.0/0".parse().unwrap()).is_none());
        let six = mark_around("2001:db8:0:7::/64".parse().unwrap()).unwrap();
        assert!(client_marks("2001:db8:0:7::9".parse().unwrap()).any(|mark| mark == six));
    }
}

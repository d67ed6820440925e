//! Member lists of those whose members are told of something by being members: a union, a party, a congregation, an association of patients.
//!
//! No row of such a register says so, the name of the list and of its body do: in a heading, a file name, a subject, a line before the table, or next to each
//! other in the text of the mail. A club's list has no such body, and a newsletter about a union has no list. The words are data, under `[members]` in
//! `rules/personal/*.toml`.

use super::{
    Confidence,
    fold::{self, Folded},
    lexicon::Lexicon,
    special::Special,
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// What a word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is a list of members.
    List,
    /// Of a body whose members belong to this category.
    Body(Special),
    /// What stands on its two sides has nothing to do with each other: the list goes *to* the union.
    Apart,
}

/// The words of a language, by heading: `lists`, `apart`, or a category of which the body makes its members.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Words(BTreeMap<String, Vec<String>>);

impl Words {
    /// The headings that there may be.
    pub(super) fn headings() -> Vec<&'static str> {
        let categories = Special::ALL.map(|one| one.word().trim_start_matches("special."));
        [LISTS, APART].into_iter().chain(categories).collect()
    }

    /// What each word says; or the heading that says nothing.
    pub(super) fn all(self) -> Result<Vec<(Meaning, String)>, String> {
        let mut all = Vec::new();
        for (heading, words) in self.0 {
            let meaning = match heading.as_str() {
                LISTS => Meaning::List,
                APART => Meaning::Apart,
                _ => Special::of_heading(&heading).map(Meaning::Body).ok_or(heading)?,
            };
            all.extend(words.into_iter().map(|word| (meaning, word)));
        }
        Ok(all)
    }
}

const LISTS: &str = "lists";
const APART: &str = "apart";

/// Finds the words.
pub(super) struct Finder {
    lexicon: Lexicon,
    /// What each says, and whether any ending will do.
    words: Vec<(Meaning, bool)>,
}

/// What a text says of a register.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// It is a list of members.
    list: bool,
    /// Bodies that are named.
    bodies: BTreeSet<Special>,
    /// Bodies that are named next to a list.
    of_list: BTreeSet<Special>,
}

impl Said {
    /// The same of a row of headings: a body alone is what a column holds, as where somebody lives.
    pub(super) fn of_a_row(self) -> Said {
        Said { bodies: BTreeSet::new(), ..self }
    }

    /// Both.
    pub(super) fn and(mut self, other: Said) -> Said {
        self.list |= other.list;
        self.bodies.extend(other.bodies);
        self.of_list.extend(other.of_list);
        self
    }
}

impl Finder {
    /// Of folded words.
    pub(super) fn new(words: Vec<(Meaning, String, bool)>) -> Finder {
        let lexicon = Lexicon::of(words.iter().map(|(_, word, _)| word.as_str()));
        Finder { lexicon, words: words.into_iter().map(|(says, _, stem)| (says, stem)).collect() }
    }

    /// What a text says.
    pub(super) fn read(&self, text: &str) -> Said {
        let folded = Folded::of(text, 0..text.len());
        let words = self.find(folded.text());
        let mut said = Said::default();
        for (at, (meaning, place)) in words.iter().enumerate() {
            match meaning {
                Meaning::List => said.list = true,
                Meaning::Body(of) => {
                    said.bodies.insert(*of);
                }
                Meaning::Apart => (),
            }
            // Each with those that follow it, up to the next word that parts them.
            for (other, there) in words.iter().skip(at + 1) {
                let gap = folded.text().get(place.end..there.start).unwrap_or_default();
                if *other == Meaning::Apart || !is_near(gap) {
                    break;
                }
                if let (Meaning::List, Meaning::Body(of)) | (Meaning::Body(of), Meaning::List) =
                    (meaning, other)
                {
                    said.of_list.insert(*of);
                }
            }
        }
        said
    }

    /// In the order of the text.
    fn find(&self, folded: &[u8]) -> Vec<(Meaning, Range<usize>)> {
        let is_word = |at: Option<usize>| {
            at.and_then(|at| folded.get(at)).is_some_and(|byte| fold::is_word(*byte))
        };
        let mut found = Vec::new();
        self.lexicon.find(folded, |id, place| {
            let Some((meaning, stem)) = self.words.get(id) else { return };
            if !is_word(place.start.checked_sub(1)) && (*stem || !is_word(Some(place.end))) {
                found.push((*meaning, place));
            }
        });
        found
    }
}

/// In one sentence, and a few words away? Two words of one place have no gap.
fn is_near(gap: &[u8]) -> bool {
    let ends = gap.windows(2).any(|pair| matches!(pair, [b'.' | b'!' | b'?' | b';' | b',', b' ']));
    gap.len() <= NEAR_BYTES && !gap.contains(&b'\n') && !ends
}

/// What titles (of the register, its file and the mail) and the text of the mail make of a register's members, and how sure.
pub(super) fn specials(titles: &[&Said], texts: &Said) -> BTreeMap<Special, Confidence> {
    let mut all = BTreeMap::new();
    let mut add = |of: &BTreeSet<Special>, confidence: Confidence| {
        for special in of {
            all.entry(*special).or_insert(confidence);
        }
    };
    for title in titles {
        add(&title.of_list, Confidence::High);
    }
    if titles.iter().any(|title| title.list) {
        // The subject names the body, and the file is the list.
        titles.iter().for_each(|title| add(&title.bodies, Confidence::Medium));
    }
    add(&texts.of_list, Confidence::Medium);
    all
}

/// From the word for the list to its body: "medlemsregister 2026 för Fackklubben".
const NEAR_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use crate::personal::{Date, Piece, PieceIs, Scope, read, words};
    use std::sync::LazyLock;

    const IDS: &str = "Anna Ek;900102-9819\nBo Al;900101-9802\nCia Bo;900103-9800\n";

    /// What a mail says of a category, with this subject, text and file.
    fn told(subject: &str, text: &str, file: &str, table: &str) -> Vec<String> {
        static WORDS: LazyLock<words::Words> = LazyLock::new(|| words::Words::shipped().unwrap());
        let scope = Scope::new(&WORDS, Date::new(2026, 11, 21).unwrap());
        let pieces = [
            Piece { part: "header", text: subject, is: PieceIs::Name },
            Piece { part: "2", text: file, is: PieceIs::Name },
            Piece { part: "1", text, is: PieceIs::Text },
            Piece { part: "2", text: table, is: PieceIs::Text },
        ];
        let report = read(&pieces, &scope);
        assert!(report.persons >= 3, "no register: {table}");
        let special = report.lines.iter().filter(|line| line.sum.kind.starts_with("special."));
        special.map(|line| format!("{} {}", line.sum.kind, line.sum.confidence.word())).collect()
    }

    fn with_ids(heading: &str) -> String {
        format!("{heading}\n{IDS}")
    }

    #[test]
    fn a_list_and_its_body_say_what_no_row_does() {
        for (heading, title, want) in [
            ("Namn;Personnummer", "Medlemsregister Fackklubben Exempelverken", "special.union"),
            ("Namn;Personnummer", "Kommunal avdelning 5: medlemsförteckning", "special.union"),
            ("Namn;Personnummer", "medlemslista_partiforening_norr.csv", "special.politics"),
            ("Namn;Personnummer", "medlemslista_partiförening_norr.csv", "special.politics"),
            ("Namn;Personnummer", "Norra församlingens medlemsmatrikel 2026", "special.religion"),
            (
                "Namn;Personnummer",
                "Medlemsregister Diabetesföreningen i Exempelstad",
                "special.health",
            ),
            ("Nimi;Ruotsalainen henkilötunnus", "Ammattiosaston 12 jäsenluettelo", "special.union"),
            (
                "Nimi;Ruotsalainen henkilötunnus",
                "jäsenrekisteri-puolueosasto.csv",
                "special.politics",
            ),
            ("Nimi;Ruotsalainen henkilötunnus", "Seurakunnan jäsenluettelo", "special.religion"),
            ("Navn;Svensk personnummer", "Medlemsliste for Fagforeningen", "special.union"),
            ("Navn;Svensk personnummer", "Medlemsregister for partiet", "special.politics"),
            ("Namn;Svensk personnummer", "Medlemsliste for menigheten", "special.religion"),
            ("Navn;Svensk personnummer", "Fagforeningens medlemskartotek", "special.union"),
            ("Navn;Svensk personnummer", "medlemsliste-vælgerforening.csv", "special.politics"),
            ("Navn;Svensk personnummer", "Medlemsliste for Valgmenigheden", "special.religion"),
            ("Name;Swedish personal number", "Trade union: membership register", "special.union"),
            (
                "Name;Swedish personal number",
                "Member list of the political party",
                "special.politics",
            ),
            ("Name;Swedish personal number", "Members list, congregation", ""),
            (
                "Name;Swedish personal number",
                "Members list (congregation of Exempelstad)",
                "special.religion",
            ),
            ("Nafn;Sænsk kennitala, personnummer", "Félagaskrá stéttarfélagsins", "special.union"),
            ("Name;Schwedische Personnummer", "Mitgliederliste der Gewerkschaft", "special.union"),
            ("Name;Schwedische Personnummer", "Mitgliederliste der Gemeinde", "special.religion"),
        ] {
            // Two words of which a comma parts one from the other are no name of a list, but a file and its subject are.
            let want: Vec<String> = match want {
                "" => vec!["special.religion medium".to_string()],
                want => vec![format!("{want} high")],
            };
            let table = with_ids(heading);
            assert_eq!(told(title, "Hej", "x.csv", &table), want, "subject {title}");
            assert_eq!(told("Hej", "Hej", title, &table), want, "file {title}");
            assert_eq!(
                told("Hej", "", "x.csv", &format!("{title}\n\n{table}")),
                want,
                "above {title}"
            );
        }
    }

    #[test]
    fn list_and_body_may_stand_apart_and_in_the_text() {
        let table = with_ids("Namn;Personnummer");
        for (subject, text, file) in [
            ("Underlag från fackklubben", "Hej", "medlemslista.csv"),
            ("Medlemsregister", "Hej", "fackklubb.csv"),
            ("Hej", "Här är medlemsregistret för Fackklubben vid Exempelverken.", "lista.csv"),
            ("Hej", "Fackklubbens medlemslista bifogas.", "lista.csv"),
            ("Hei", "Ohessa ammattiosaston jäsenluettelo.", "lista.csv"),
            ("Hei", "Her er medlemslisten til oss.\nMedlemsliste fagforeningen 2026", "liste.csv"),
            ("Hi", "Attached is the trade union's membership list.", "list.csv"),
        ] {
            assert_eq!(
                told(subject, text, file, &table),
                ["special.union medium"],
                "{subject} {text} {file}"
            );
        }
        // As sure as the register is one.
        let contacts = format!("Namn;E-post\n{}", "Anna Ek;anna@example.org\n".repeat(10));
        let title = "Medlemsregister Fackklubben";
        assert_eq!(told(title, "Hej", "x.csv", &contacts), ["special.union medium"]);
    }

    #[test]
    fn lists_of_others_and_talk_of_bodies_are_none() {
        let table = with_ids("Namn;Personnummer");
        for (subject, text, file) in [
            ("Medlemsregister Exempelby IF 2026", "Hej", "medlemslista.csv"),
            ("Medlemsregister Partille fotbollsklubb", "Hej", "medlemmar.csv"),
            ("Medlemslista Bostadsrättsföreningen Eken", "Hej", "brf.csv"),
            ("Jäsenrekisteri, Esimerkin Urheiluseura", "Hei", "jäsenluettelo.csv"),
            ("Jäsenluettelo taloyhtiö", "Hei", "jäsenet.csv"),
            ("Medlemsliste idrettslaget", "Hei", "medlemmer.csv"),
            ("Medlemsliste for grundejerforeningen", "Hej", "medlemmer.csv"),
            ("Membership list of the golf club", "Hi", "members.csv"),
            ("Mitgliederliste Sportverein", "Hallo", "mitglieder.csv"),
            // A body and no list.
            ("Möte med facket", "Facket kommer på fredag.", "deltagare.csv"),
            ("Kunder", "Ammattiosasto kokoontuu.", "asiakkaat.csv"),
            ("Church concert", "The congregation sings.", "tickets.csv"),
            // A list, and a body that has nothing to do with it.
            (
                "Medlemslista till tryckeriet",
                "Klubbens lista bifogas. Facket har möte i morgon.",
                "lista.csv",
            ),
            ("Klubben", "Medlemslistan ska inte till facket.", "lista.csv"),
            ("Klubben", "Medlemslistan bifogas, och jag hälsar från kyrkan.", "lista.csv"),
            ("Club", "Please send the member list to the workers' union.", "list.csv"),
        ] {
            // The shipped terms have words of their own; these texts hold none.
            assert_eq!(told(subject, text, file, &table), [""; 0], "{subject} {text} {file}");
        }
    }

    #[test]
    fn a_column_is_no_body() {
        for heading in ["Namn;Personnummer;Församling", "Name;Personnummer;Gemeinde"] {
            let table = with_ids(heading);
            for subject in ["Medlemsregister Exempelby IF", "Mitgliederliste Sportverein"] {
                assert_eq!(told(subject, "Hej", "x.csv", &table), [""; 0], "{subject} {heading}");
            }
        }
    }

    #[test]
    fn without_a_register_it_is_a_newsletter() {
        let words = words::Words::shipped().unwrap();
        let scope = Scope::new(&words, Date::new(2026, 11, 21).unwrap());
        let text = "Fackklubbens medlemsregister flyttas till ett nytt system i höst.\nAnna; Bo; Cia\nläs mer; på; sidan\n";
        let report = read(&[Piece { part: "1", text, is: PieceIs::Text }], &scope);
        assert_eq!((report.lines.len(), report.persons), (0, 0));
    }

    #[test]
    fn a_file_names_what_is_in_it_and_nothing_beside_it() {
        let words = words::Words::shipped().unwrap();
        let scope = Scope::new(&words, Date::new(2026, 11, 21).unwrap());
        let table = with_ids("Namn;Personnummer");
        for (part, want) in [("2", true), ("2.1", true), ("21", false), ("3", false)] {
            let pieces = [
                Piece { part: "2", text: "medlemsregister fackklubben.zip", is: PieceIs::Name },
                Piece { part, text: &table, is: PieceIs::Text },
            ];
            let report = read(&pieces, &scope);
            let found = report.lines.iter().any(|line| line.sum.kind == "special.union");
            assert_eq!(found, want, "{part}");
        }
    }
}

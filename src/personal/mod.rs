//! Personal identifiers in text: national identity numbers, found by form, date, check digit and the words around them.
//!
//! A check digit alone is no proof: one in a hundred and forty random ten-digit numbers passes for a Swedish
//! personnummer. So each number is read as it is written, each country says what that way of writing is worth, and label
//! words for and against (`rules/personal/*.toml`) and the other numbers of the same text decide.
//!
//! To add a country or a kind: one file like `fi.rs` (forms, check, what each form is worth), its kinds in [`Kind`],
//! one line in `ALL` below, its label words in the language files.
//!
//! Invariants: a value leaves only in [`Hidden`](crate::base::hidden::Hidden) or masked; one place in the text gives at
//! most one finding; nothing here knows the time of day, a date is handed in; spans are byte offsets into the text as given.

pub mod accounts;

mod baltic;
mod bank;
mod birth;
mod bits;
mod card;
mod checksum;
mod context;
mod date;
mod de;
mod dk;
mod es;
mod fi;
mod fold;
mod fr;
mod gb;
mod is;
mod it;
mod kind;
mod language;
mod lexicon;
mod mail;
mod members;
mod ehic;
mod mrz;
mod nl;
mod no;
mod pl;
mod scan;
mod scope;
mod se;
mod secrets;
mod special;
mod summary;
mod tables;
mod us;
mod words;
mod written;

pub use date::Date;
pub use kind::{Confidence, Kind};
pub use mail::{Line, Piece, PieceIs, Report, digits_of, read};
pub use scan::{Found, mask_all, scan};
pub use scope::Scope;
pub use summary::{Summary, mask, summarise};
pub use words::{BadWords, Words};

use written::{Answer, Run};

/// One family of numbers and how it is read.
///
/// Also numbers of firms: they take a place in the text that would otherwise be read as somebody's.
struct Recogniser {
    /// Reads the number that begins at the first group of the run, if one does.
    read: fn(&Run<'_>, Date) -> Answer,
    /// What that first group may begin with: it is asked about no others.
    begins: Begins,
    /// How many characters that group may have; empty: any number.
    first: &'static [usize],
}

/// What the first group of a number begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begins {
    Digit,
    Letter,
    Either,
}

use Begins::{Digit, Either, Letter};

/// Every family, in the order a tie is decided.
static ALL: &[Recogniser] = &[
    Recogniser { read: se::identity_number, begins: Either, first: &[2, 4, 6, 8, 10, 12, 14] },
    Recogniser { read: se::organisation_number, begins: Either, first: &[6, 10, 12, 14] },
    Recogniser { read: fi::henkilotunnus, begins: Digit, first: &[6, 10, 11] },
    Recogniser { read: fi::y_tunnus, begins: Either, first: &[7, 10] },
    Recogniser { read: no::fodselsnummer, begins: Digit, first: &[2, 6, 11] },
    Recogniser { read: no::h_nummer, begins: Digit, first: &[2, 6, 11] },
    Recogniser { read: dk::cpr, begins: Digit, first: &[2, 6, 10] },
    Recogniser { read: is::kennitala, begins: Digit, first: &[6, 10] },
    Recogniser { read: baltic::isikukood, begins: Digit, first: &[11] },
    Recogniser { read: baltic::asmens_kodas, begins: Digit, first: &[11] },
    Recogniser { read: baltic::personas_kods, begins: Digit, first: &[6, 11] },
    Recogniser { read: pl::pesel, begins: Digit, first: &[11] },
    Recogniser { read: de::steuer_id, begins: Digit, first: &[2, 11] },
    Recogniser { read: nl::bsn, begins: Digit, first: &[3, 4, 9] },
    Recogniser { read: es::dni, begins: Either, first: &[8, 9] },
    Recogniser { read: it::codice_fiscale, begins: Letter, first: &[16] },
    Recogniser { read: fr::nir, begins: Digit, first: &[1, 13, 15] },
    Recogniser { read: gb::nino, begins: Either, first: &[2, 9] },
    Recogniser { read: gb::nhs, begins: Digit, first: &[3, 10] },
    Recogniser { read: us::ssn, begins: Digit, first: &[3, 9] },
    Recogniser { read: card::card, begins: Digit, first: &[4, 12, 13, 14, 15, 16, 17, 18, 19] },
    Recogniser { read: ehic::ehic, begins: Digit, first: &[4, 10, 20] },
    Recogniser { read: mrz::mrz, begins: Either, first: &[] },
    Recogniser { read: bank::iban, begins: Letter, first: &[] },
];

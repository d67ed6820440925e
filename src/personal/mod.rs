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
mod mail;
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
pub use mail::{Line, Piece, PieceIs, Report, read};
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
}

/// Every family, in the order a tie is decided.
const ALL: &[Recogniser] = &[
    Recogniser { read: se::identity_number },
    Recogniser { read: se::organisation_number },
    Recogniser { read: fi::henkilotunnus },
    Recogniser { read: fi::y_tunnus },
    Recogniser { read: no::fodselsnummer },
    Recogniser { read: no::h_nummer },
    Recogniser { read: dk::cpr },
    Recogniser { read: is::kennitala },
    Recogniser { read: baltic::isikukood },
    Recogniser { read: baltic::asmens_kodas },
    Recogniser { read: baltic::personas_kods },
    Recogniser { read: pl::pesel },
    Recogniser { read: de::steuer_id },
    Recogniser { read: nl::bsn },
    Recogniser { read: es::dni },
    Recogniser { read: it::codice_fiscale },
    Recogniser { read: fr::nir },
    Recogniser { read: gb::nino },
    Recogniser { read: gb::nhs },
    Recogniser { read: us::ssn },
    Recogniser { read: card::card },
    Recogniser { read: mrz::mrz },
    Recogniser { read: bank::iban },
];

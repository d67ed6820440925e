//! What was said of mails, for the learners: who said what of which mail, and what of it counts.
//!
//! Lessons are the truth and the learned model follows from them, so that one can be taken back, and a person forgotten, as if it had never been.

use crate::{
    base::{clock::UnixMs, ids::Id},
    learn::classifier::{Label, Sureness, Views},
    mail::Organisation,
};
use serde::{Deserialize, Serialize};

/// Who or what says what a mail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Teacher {
    /// The operator, with `sluss learn`.
    Command,
    /// Staff, in the quarantine.
    Staff,
    /// Its recipient, in digest, own page or by an answer.
    Reader,
    /// Its recipient, by moving it to or from the junk folder or passing it on to the address for reports.
    Reported,
    /// A scanner or a list of malware.
    Malware,
    /// Phish that is proved: what no other finding offsets.
    Phish,
    /// It was sent to an address that no person has.
    Trap,
    /// One of our people wrote it.
    Sent,
    /// It came from somebody to whom its recipient has written.
    Correspondent,
    /// Whoever sent it asked for more addresses that do not exist than for others.
    Guessing,
}

impl Teacher {
    /// All of them, the surest first.
    pub const ALL: [Teacher; 10] = [
        Teacher::Command,
        Teacher::Staff,
        Teacher::Malware,
        Teacher::Phish,
        Teacher::Trap,
        Teacher::Reader,
        Teacher::Reported,
        Teacher::Sent,
        Teacher::Correspondent,
        Teacher::Guessing,
    ];

    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Teacher::Command => "command",
            Teacher::Staff => "staff",
            Teacher::Reader => "reader",
            Teacher::Reported => "reported",
            Teacher::Malware => "malware",
            Teacher::Phish => "phish",
            Teacher::Trap => "trap",
            Teacher::Sent => "sent",
            Teacher::Correspondent => "correspondent",
            Teacher::Guessing => "guessing",
        }
    }

    /// From [`Teacher::word`].
    pub fn from_word(word: &str) -> Option<Teacher> {
        Teacher::ALL.into_iter().find(|teacher| teacher.word() == word)
    }

    /// For people.
    pub fn said(self) -> &'static str {
        match self {
            Teacher::Command => "the operator, by command",
            Teacher::Staff => "staff, in the quarantine",
            Teacher::Reader => "recipients, in digest and own page",
            Teacher::Reported => "recipients, by junk folder or report",
            Teacher::Malware => "malware that was found",
            Teacher::Phish => "phish that was proved",
            Teacher::Trap => "mail to spam traps",
            Teacher::Sent => "mail that our people wrote",
            Teacher::Correspondent => "mail from people ours have written to",
            Teacher::Guessing => "mail from who guesses addresses",
        }
    }

    /// Whose word stands when two say different things of one mail: the higher.
    pub fn rank(self) -> u8 {
        match self {
            Teacher::Command | Teacher::Staff => 4,
            Teacher::Malware | Teacher::Phish | Teacher::Trap => 3,
            Teacher::Reader | Teacher::Reported => 2,
            // Who sends to a list of last year guesses too.
            Teacher::Sent | Teacher::Correspondent | Teacher::Guessing => 1,
        }
    }

    /// How it is learned.
    pub fn sureness(self) -> Sureness {
        match self {
            Teacher::Command | Teacher::Staff => Sureness::Confirmed,
            // What is found may have been sent to be found.
            Teacher::Malware
            | Teacher::Phish
            | Teacher::Trap
            | Teacher::Reader
            | Teacher::Reported
            | Teacher::Sent
            | Teacher::Correspondent
            | Teacher::Guessing => Sureness::Said,
        }
    }

    /// One of many who may err, or wish to harm: bounded for each person.
    pub fn is_one_of_many(self) -> bool {
        matches!(self, Teacher::Reader | Teacher::Reported)
    }

    /// Said by the gateway itself, of any number of mails.
    pub fn is_automatic(self) -> bool {
        self.is_of_strangers() || matches!(self, Teacher::Sent | Teacher::Correspondent)
    }

    /// Said by the gateway of what a stranger sent, who must not teach by sending: bounded for each network.
    pub fn is_of_strangers(self) -> bool {
        matches!(self, Teacher::Malware | Teacher::Phish | Teacher::Trap | Teacher::Guessing)
    }
}

/// What all lessons about one mail share: its transaction's id, or for a mail that did not come through here a hash of its sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MailMark(pub [u8; 16]);

impl From<Id> for MailMark {
    fn from(id: Id) -> MailMark {
        MailMark(id.to_bytes())
    }
}

impl MailMark {
    /// Of a mail that is known by its sketch alone.
    pub fn of_sketch(sketch: &[u8]) -> MailMark {
        let mut mark = [0; 16];
        let hash = blake3::hash(sketch);
        mark.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        MailMark(mark)
    }
}

/// Something that is said of a mail.
#[derive(Debug, Clone, PartialEq)]
pub struct NewLesson {
    /// Whose mail it is.
    pub organisation: Organisation,
    /// Which.
    pub mail: MailMark,
    /// Who says so.
    pub teacher: Teacher,
    /// Which person, or for what a stranger sent which network brought it; kept as a keyed hash.
    pub by: Option<String>,
    /// What it is.
    pub label: Label,
    /// What of it is learned.
    pub views: Views,
    /// What the learners see of it, as bytes.
    pub sketch: Vec<u8>,
    /// Whose mail it is, so that it can be found when one of them is to be forgotten.
    pub people: People,
}

/// Something that was not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// Whose mail it is.
    pub organisation: Organisation,
    /// Which.
    pub mail: MailMark,
    /// Who said something of it.
    pub teacher: Teacher,
    /// Which person, where it is one.
    pub by: Option<String>,
}

/// A change of what was said.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Something is said.
    Add(NewLesson),
    /// Something was not meant.
    TakeBack(TakenBack),
}

/// Which lessons these are, and how often something of them was taken back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Generation {
    /// A number drawn when the database was made.
    pub lineage: [u8; 16],
    /// How often.
    pub number: u64,
}

/// Some lessons that count.
#[derive(Debug, Clone, PartialEq)]
pub struct After {
    /// Of which generation they are.
    pub generation: Generation,
    /// The number of the last one that was read.
    pub until: u64,
    /// Those that can be read.
    pub taught: Vec<Taught>,
}

/// Sender and recipients of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum People {
    /// As addresses; kept as keyed hashes.
    Named(Vec<String>),
    /// As they were kept when it came.
    Hashed(Vec<u8>),
}

/// What becomes of a lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It is learned.
    Counts,
    /// Somebody said the same of this mail before.
    Agreed,
    /// Somebody whose word weighs more says the opposite.
    Overruled,
    /// Somebody whose word weighs the same says the opposite: neither counts.
    Disputed,
    /// The person, or the kind of evidence, has said enough for this day.
    Enough,
    /// Most of what this person says is contradicted by others.
    Doubted,
}

impl Standing {
    /// All of them.
    pub const ALL: [Standing; 6] = [
        Standing::Counts,
        Standing::Agreed,
        Standing::Overruled,
        Standing::Disputed,
        Standing::Enough,
        Standing::Doubted,
    ];

    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Counts => "counts",
            Standing::Agreed => "agreed",
            Standing::Overruled => "overruled",
            Standing::Disputed => "disputed",
            Standing::Enough => "enough",
            Standing::Doubted => "doubted",
        }
    }

    /// From [`Standing::word`].
    pub fn from_word(word: &str) -> Option<Standing> {
        Standing::ALL.into_iter().find(|standing| standing.word() == word)
    }

    /// For people.
    pub fn said(self) -> &'static str {
        match self {
            Standing::Counts => "learned",
            Standing::Agreed => "said before, by somebody else",
            Standing::Overruled => "overruled: somebody whose word weighs more says the opposite",
            Standing::Disputed => "disputed: another says the opposite, neither is learned",
            Standing::Enough => "beyond what one person or kind of evidence teaches a day",
            Standing::Doubted => "not learned: others contradict most of what this person says",
        }
    }
}

/// A mail that may be labelled later.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// Whose.
    pub organisation: Organisation,
    /// Which.
    pub mail: MailMark,
    /// Its Message-ID, kept as a keyed hash; empty if it has none.
    pub message_id: String,
    /// What of it can be learned.
    pub views: Views,
    /// What the learners see of it, as bytes.
    pub sketch: Vec<u8>,
    /// Sender and recipients, kept as keyed hashes.
    pub people: Vec<String>,
}

/// A remembered mail.
#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    /// Which.
    pub mail: MailMark,
    /// What of it can be learned.
    pub views: Views,
    /// What the learners see of it, as bytes.
    pub sketch: Vec<u8>,
    /// Hashes of its people, as they are stored.
    pub people: Vec<u8>,
}

/// A lesson that counts, as the learners need it.
#[derive(Debug, Clone, PartialEq)]
pub struct Taught {
    /// Its number; later ones have higher ones.
    pub number: u64,
    /// Whose mail it is about.
    pub organisation: Organisation,
    /// What was said.
    pub lesson: crate::learn::classifier::Lesson,
    /// Of what, as bytes.
    pub sketch: Vec<u8>,
}

/// How many there are of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Said by whom.
    pub teacher: Teacher,
    /// What.
    pub label: Label,
    /// What became of it.
    pub standing: Standing,
    /// How many.
    pub lessons: u64,
}

/// One of those that are not learned, for who wants to know why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlearned {
    /// When it was said.
    pub at: UnixMs,
    /// Whose mail.
    pub organisation: String,
    /// Its transaction, where it came through here.
    pub mail: Id,
    /// Who said so.
    pub teacher: Teacher,
    /// What.
    pub label: Label,
    /// Why it is not learned.
    pub standing: Standing,
}

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forget {
    /// Every mail from or to this address, and everything that its owner said.
    Person(String),
    /// What was said before this moment.
    Before(UnixMs),
    /// One mail.
    Mail(Id),
    /// All of it.
    All,
}

//! What an opener gives: what was inside, what it noticed, and why it stopped if it did.
//!
//! One shape for every format that is opened whole, so that the examination needs one arm for all of them. What was read before
//! a fault is always given; a fault is never an empty list.

use super::budget::Stopped;
use crate::base::limits;

/// What was found inside one blob.
#[derive(Debug, Default)]
pub struct Opened {
    /// Everything that has bytes of its own, in the order met.
    pub members: Vec<Member>,
    /// What the format itself gives away: a macro that starts by itself, a link that loads a template.
    pub signs: Vec<Sign>,
    /// Links a reader could follow or a program would load, as written.
    pub links: Vec<String>,
    /// Its sheets and tables: a row a line, cells parted by tabs, an empty line between two. Only who looks for registers wants them.
    pub tables: String,
    /// Why there is no more, if not because it was all.
    pub stopped: Option<Stopped>,
}

/// One thing inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name with folders, as a person would see it.
    pub name: Option<String>,
    /// Its bytes, as far as they go.
    pub bytes: Vec<u8>,
    /// What it is to the reader of the mail.
    pub role: Role,
    /// Why there are no more bytes, if there should be.
    pub stopped: Option<Stopped>,
}

/// The name of a member that is the text around it in the letters that somebody sees: given to the signatures and opened no further.
pub const LETTERS: &str = "script-letters";

/// What a member is to whoever reads the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A file that can be saved or started: a member of an archive, an attachment of a document.
    File,
    /// A MIME entity: what a signature was put around, a message in a mailbox.
    Entity,
    /// Program text that the document carries: a macro, a script. UTF-8.
    Code,
    /// Text that a person reads when it is opened. UTF-8.
    Text,
    /// A piece of a document that nobody sees as a file: given to the signatures and opened further, no more.
    Inside,
}

/// Something the format gives away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// The finding's id, such as `office.auto_run`.
    pub id: &'static str,
    /// Where and what, in words for an admin; no text from the mail but names, cut to a line.
    pub because: String,
}

impl Opened {
    /// Nothing but a reason.
    pub fn stopped(why: Stopped) -> Opened {
        Opened { stopped: Some(why), ..Opened::default() }
    }

    /// Keeps a member. False: there are as many as one mail may have, and one more, so that the bound is met by whoever takes them.
    pub fn push(&mut self, member: Member) -> bool {
        if self.members.len() <= limits::PARTS_MAX {
            self.members.push(member);
        }
        self.members.len() <= limits::PARTS_MAX
    }

    /// Keeps a sign, each id and sentence once, within the bound.
    pub fn sign(&mut self, id: &'static str, because: impl Into<String>) {
        let sign = Sign { id, because: because.into() };
        if self.signs.len() < limits::ODDITIES_MAX && !self.signs.contains(&sign) {
            self.signs.push(sign);
        }
    }
}

impl Member {
    /// A whole member.
    pub fn new(name: Option<String>, bytes: Vec<u8>, role: Role) -> Member {
        Member { name, bytes, role, stopped: None }
    }
}

//! `[portal]`: where recipients in the world pick up mail that may not travel to them as it is.

use crate::{base::limits, config::Size};
use serde::{Deserialize, Serialize};

/// The portal. It takes `[web] public-url`, where its links lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Portal {
    /// Mail that asks for more protection than its channel has goes by the portal: its recipient gets a link by mail, and a code by another way.
    /// Without it such mail is held. Default false.
    pub enabled: bool,
    /// Days a mail waits there before its key is destroyed, unless its organisation says otherwise. Default 30.
    pub days: u64,
    /// Anybody can send files and a message to an address of ours at `public-url/send/ADDRESS`, and to an organisation that has a
    /// `portal-inbox` at `public-url/send/ORGANISATION`. Default false.
    pub upload: bool,
    /// How much anybody may leave at once. What is larger than a mail may be waits here and its reader gets a letter with a link; the rest comes as a
    /// mail. Default "2 GiB", at most "3 GiB".
    pub upload_bytes: Size,
    /// How often it can be opened with its code. Default 20.
    pub openings: u32,
    /// Who brings the code to the recipient: "sender" (default) has it by letter and tells the recipient by phone or text message; "command" runs
    /// `code-command`.
    pub code_by: CodeBy,
    /// The program that sends a code, as by text message, with the recipient's address and the language ("sv") as its two arguments and the
    /// code on its standard input; 0 as exit code says that it is on its way. Where it fails, the sender has the code by letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_command: Option<std::path::PathBuf>,
}

/// Who brings the code to the recipient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CodeBy {
    /// Whoever sent the mail.
    #[default]
    Sender,
    /// A program of the house.
    Command,
}

impl Portal {
    /// Nothing is said about it.
    pub fn is_default(&self) -> bool {
        *self == Portal::default()
    }
}

impl Default for Portal {
    fn default() -> Portal {
        Portal {
            enabled: false,
            upload: false,
            upload_bytes: Size(limits::PORTAL_UPLOAD_BYTES),
            days: limits::PARCEL_DAYS,
            openings: limits::PARCEL_OPENINGS,
            code_by: CodeBy::default(),
            code_command: None,
        }
    }
}

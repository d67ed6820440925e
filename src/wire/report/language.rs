//! The languages we write in.

use serde::{Deserialize, Serialize};

/// A language that the mails we write ourselves have words in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English, which every postmaster reads.
    #[default]
    En,
    /// Swedish.
    Sv,
    /// Finnish.
    Fi,
    /// Norwegian (Bokmål).
    Nb,
    /// Danish.
    Da,
}

impl Language {
    /// By its ISO 639 code; `no` and `nn` readers get Bokmål. None: we have no words in it.
    pub fn parse(code: &str) -> Option<Language> {
        match code.to_ascii_lowercase().as_str() {
            "en" => Some(Language::En),
            "sv" => Some(Language::Sv),
            "fi" => Some(Language::Fi),
            "nb" | "nn" | "no" => Some(Language::Nb),
            "da" => Some(Language::Da),
            _ => None,
        }
    }

    /// Its ISO 639 code.
    pub fn code(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Sv => "sv",
            Language::Fi => "fi",
            Language::Nb => "nb",
            Language::Da => "da",
        }
    }

    /// All of them.
    pub const ALL: [Language; 5] =
        [Language::En, Language::Sv, Language::Fi, Language::Nb, Language::Da];
}

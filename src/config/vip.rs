//! `[[organisation]] vips`: people in whose name fraudsters write.

use crate::mail::Address;
use serde::{Deserialize, Serialize};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vip {
    /// First and last name, as people write it: "Anna Andersson". Case, accents, order, initials and look-alike letters make no difference.
    pub name: String,
    /// Addresses outside the organisation's own domains from which this person does write: a private mailbox, another firm's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
}

impl Vip {
    /// A name of one word is that of too many people to be guarded.
    pub fn has_two_names(&self) -> bool {
        let words = self.name.split(|letter: char| !letter.is_alphanumeric());
        words.filter(|word| word.chars().count() > 1).count() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_names() {
        for (name, want) in [
            ("Anna Andersson", true),
            ("Andersson, Anna", true),
            ("Madonna", false),
            ("A. Andersson", false),
            ("", false),
        ] {
            let vip = Vip { name: name.to_string(), addresses: Vec::new() };
            assert_eq!(vip.has_two_names(), want, "{name}");
        }
    }
}

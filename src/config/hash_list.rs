//! `[[hash-list]]`: lists of known-bad attachments and domains, and of senders, in files of any length.

use crate::config::{dns_list::Means, policy::Category};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One list. It is compiled with `sluss lists compile` and at reload when its file is newer than what was compiled from it;
/// a file that does not compile leaves the compiled list in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", try_from = "Written")]
pub struct HashListConfig {
    /// Its name in findings, logs and file names: letters, digits, hyphens and underscores.
    pub name: String,
    /// Text or CSV, one entry a line; lines that begin with #, ;, ! or // are comments. ClamAV's .hdb and .hsb, `sha256sum`'s output,
    /// hosts files and block lists of the form ||name^ are read as well.
    pub file: PathBuf,
    /// "attachment": MD5, SHA-1 or SHA-256 in hex. "domain": domains and addresses of hosts, each with all below it.
    /// A web address with a path does not list its host, which may be a shared one.
    /// "sender": who may write, in the forms of `[lists]`: "anna@far.example", "far.example", ".far.example", "192.0.2.0/24". Client, sender
    /// and name in HELO are looked up at RCPT, after `[lists]` and before any other list; the mailbox in From after the dot. A line that is
    /// none of these is an error.
    pub kind: Kind,
    /// "block" (default) or "allow", the latter of senders only: they are let in at RCPT, and what they write weighs less where From is
    /// authenticated (DMARC). An allow list wins over a block list.
    #[serde(default, skip_serializing_if = "Means::is_block")]
    pub means: Means,
    /// The column with the entry, by number from 1 or by its name in the header line. Default: the first that looks like one,
    /// the longest digest of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<Column>,
    /// The column with the threat's name. Default: "signature", "threat", "malware" or "family" if the header has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threat_column: Option<Column>,
    /// "virus", "phish" or "spam": what a hit is. Default: virus for attachments, phish for domains, spam for senders in From.
    pub category: Category,
    /// What a hit weighs, above 0 to 8. Without it a hit demands what policy says of its category.
    /// A list that anybody may add to should have a weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "crate::base::number::write_any")]
    pub weight: Option<f32>,
}

/// What a list lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Digests of attachments.
    Attachment,
    /// Domains and addresses of hosts.
    Domain,
    /// Mail addresses, domains and networks that mail comes from.
    Sender,
}

impl Kind {
    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Attachment => "attachment",
            Kind::Domain => "domain",
            Kind::Sender => "sender",
        }
    }
}

/// A column of a CSV file, by its number from 1 or by its name in the header line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Column {
    /// The nth.
    Number(usize),
    /// The one with this name, whatever its case.
    Named(String),
}

/// Which columns are read. What is not said is found: the first that looks like an entry, the longest digest of several;
/// and the threat under one of the usual names, or in what is left of a line with two columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// The digest or the host.
    pub entry: Option<Column>,
    /// The threat's name.
    pub threat: Option<Column>,
}

impl HashListConfig {
    /// Where in a line the entry and its threat are.
    pub fn columns(&self) -> Columns {
        Columns { entry: self.column.clone(), threat: self.threat_column.clone() }
    }
}

/// As it is written, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    name: String,
    file: PathBuf,
    kind: Kind,
    #[serde(default)]
    means: Means,
    column: Option<Column>,
    threat_column: Option<Column>,
    category: Option<Category>,
    weight: Option<f32>,
}

/// Why a section makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
enum NotAHashList {
    #[error("the hash list's name {0:?} is not 1 to 40 letters, digits, hyphens and underscores")]
    Name(String),
    #[error("hash list {name}: columns are counted from 1")]
    Column { name: String },
    #[error(
        "hash list {name}: a hit can be \"virus\", \"phish\" or \"spam\", not \"{}\"",
        category.word()
    )]
    Category { name: String, category: Category },
    #[error("hash list {name}: only a list of senders can allow: write kind = \"sender\"")]
    Allows { name: String },
    #[error("hash list {name}: the weight {weight} is not above 0 and at most 8")]
    Weight { name: String, weight: f32 },
}

impl TryFrom<Written> for HashListConfig {
    type Error = NotAHashList;

    fn try_from(written: Written) -> Result<HashListConfig, NotAHashList> {
        let Written { name, file, kind, means, column, threat_column, category, weight } = written;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=40).contains(&name.len()) || !name.bytes().all(fits) {
            return Err(NotAHashList::Name(name));
        }
        if [&column, &threat_column]
            .into_iter()
            .flatten()
            .any(|column| *column == Column::Number(0))
        {
            return Err(NotAHashList::Column { name });
        }
        if means == Means::Allow && kind != Kind::Sender {
            return Err(NotAHashList::Allows { name });
        }
        let category = category.unwrap_or(match (means, kind) {
            (Means::Allow, _) => Category::Trust,
            (Means::Block, Kind::Attachment) => Category::Virus,
            (Means::Block, Kind::Domain) => Category::Phish,
            (Means::Block, Kind::Sender) => Category::Spam,
        });
        let fits = match means {
            Means::Block => matches!(category, Category::Virus | Category::Phish | Category::Spam),
            Means::Allow => category == Category::Trust,
        };
        if !fits {
            return Err(NotAHashList::Category { name, category });
        }
        match weight {
            Some(weight) if !(weight > 0.0 && weight <= 8.0) => {
                Err(NotAHashList::Weight { name, weight })
            }
            Some(_) | None => Ok(HashListConfig {
                name,
                file,
                kind,
                means,
                column,
                threat_column,
                category,
                weight,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> Result<HashListConfig, String> {
        let text = format!("name = \"bazaar\"\nfile = \"/a.csv\"\nkind = \"attachment\"\n{more}");
        toml::from_str(&text).map_err(|error: toml::de::Error| error.message().to_string())
    }

    #[test]
    fn sections() {
        let list = read("").unwrap();
        assert_eq!((list.category, list.weight), (Category::Virus, None));
        let list =
            read("column = 2\nthreat-column = \"signature\"\nweight = 4\ncategory = \"spam\"")
                .unwrap();
        assert_eq!(list.columns().entry, Some(Column::Number(2)));
        assert_eq!(list.columns().threat, Some(Column::Named("signature".to_string())));
        assert_eq!(list.weight, Some(4.0));
        for (more, want) in [
            ("weight = 0", "the weight 0 is not above 0"),
            ("weight = 9", "at most 8"),
            ("column = 0", "counted from 1"),
            ("category = \"trust\"", "not \"trust\""),
            ("colum = 1", "unknown field"),
            ("means = \"allow\"", "only a list of senders can allow"),
        ] {
            let error = read(more).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
    }
}

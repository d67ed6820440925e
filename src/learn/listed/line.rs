//! What a line of a list says: plain text, CSV, ClamAV's `.hdb` and `.hsb`, `sha256sum` output, hosts files.
//!
//! Lists come from strangers: a line is never trusted to be short, to have the columns of the one before, or to be text.

use super::key::{Digest, HOST_BIT, Key, SENDER_BIT, host_name};
use crate::{
    base::limits,
    config::{
        hash_list::{Column, Columns, Kind},
        lists::Entry,
    },
};

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A thing is listed.
    Entry {
        /// Its key.
        key: Key,
        /// What it is, as a bit of [`super::DigestKind::bit`] or [`HOST_BIT`].
        bit: u32,
        /// What it is called, cleaned and cut; empty if the list does not say.
        threat: String,
    },
    /// A comment, a header, an empty line.
    Nothing,
    /// A web address with a path: the host may be a shared one, so it is not listed for this.
    Address,
    /// Nothing that is listed.
    NotUnderstood,
}

/// Reads the lines of one list, in order.
#[derive(Debug)]
pub struct LineReader {
    kind: Kind,
    columns: Columns,
    /// Where the named columns are, once a header line has said so; from 0.
    entry_at: Option<usize>,
    threat_at: Option<usize>,
    /// Entries follow; no header does.
    begun: bool,
}

/// Header names of columns with a threat's name.
pub const THREAT_NAMES: &[&str] =
    &["signature", "threat", "malware", "malware_printable", "family", "threat_name", "detection"];

/// Words that stand in headers over entries.
const HEADER_WORDS: &[&str] =
    &["md5", "sha1", "sha256", "hash", "domain", "host", "hostname", "url"];

impl LineReader {
    /// For a list of this kind.
    pub fn new(kind: Kind, columns: &Columns) -> LineReader {
        let at = |column: &Option<Column>| match column {
            Some(Column::Number(number)) => number.checked_sub(1),
            Some(Column::Named(_)) | None => None,
        };
        LineReader {
            entry_at: at(&columns.entry),
            threat_at: at(&columns.threat),
            columns: columns.clone(),
            kind,
            begun: false,
        }
    }

    /// Reads a line without its end.
    pub fn read(&mut self, line: &[u8]) -> Line {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
        if line.is_empty() {
            return Line::Nothing;
        }
        if let Some(comment) = comment(line) {
            self.look_for_header(comment);
            return Line::Nothing;
        }
        // Most lists are nothing but digests.
        let may_be_bare = self.kind == Kind::Attachment && self.entry_at.is_none_or(|at| at == 0);
        if let Some(digest) = Digest::parse_hex(line).filter(|_| may_be_bare) {
            self.begun = true;
            return listed(&digest, String::new());
        }
        let fields = match (self.kind, self.entry_at) {
            // Whatever follows is somebody's remark, with as many commas as he likes.
            (Kind::Sender, None) => {
                let end = line.iter().position(|byte| b" \t,;#".contains(byte));
                vec![line.get(..end.unwrap_or(line.len())).unwrap_or_default()]
            }
            (Kind::Sender, Some(_)) | (Kind::Attachment | Kind::Domain, _) => {
                fields(line, self.kind)
            }
        };
        let got = self.entry(&fields);
        match got {
            Line::NotUnderstood if !self.begun && self.look_for_header(line) => Line::Nothing,
            Line::Entry { .. } | Line::Address => {
                self.begun = true;
                got
            }
            Line::NotUnderstood | Line::Nothing => got,
        }
    }

    fn entry(&self, fields: &[&[u8]]) -> Line {
        if matches!(self.columns.entry, Some(Column::Named(_))) && self.entry_at.is_none() {
            return Line::NotUnderstood;
        }
        let picked: Vec<(usize, &[u8])> = match self.entry_at {
            Some(at) => fields.get(at).map(|field| (at, *field)).into_iter().collect(),
            None => fields.iter().copied().enumerate().collect(),
        };
        match self.kind {
            Kind::Attachment => self.digest(fields, &picked),
            Kind::Domain => self.host(fields, &picked),
            Kind::Sender => self.sender(fields, &picked),
        }
    }

    fn sender(&self, fields: &[&[u8]], picked: &[(usize, &[u8])]) -> Line {
        let entry = picked.first().and_then(|(at, field)| {
            let entry = Entry::try_from(String::from_utf8(field.to_vec()).ok()?).ok()?;
            super::sender::is_meant(&entry).then_some((at, entry))
        });
        match entry {
            Some((at, entry)) => Line::Entry {
                key: Key::of_sender(&entry),
                bit: SENDER_BIT,
                threat: self.threat(fields, *at),
            },
            None => Line::NotUnderstood,
        }
    }

    fn digest(&self, fields: &[&[u8]], picked: &[(usize, &[u8])]) -> Line {
        let digests = picked.iter().filter_map(|(at, field)| Some((at, Digest::parse_hex(field)?)));
        match digests.max_by_key(|(_, digest)| digest.kind().bit()) {
            Some((at, digest)) => listed(&digest, self.threat(fields, *at)),
            None => Line::NotUnderstood,
        }
    }

    fn host(&self, fields: &[&[u8]], picked: &[(usize, &[u8])]) -> Line {
        for (at, field) in picked {
            let Some(text) = std::str::from_utf8(field).ok().map(unwrapped) else { continue };
            // The first column of a hosts file.
            let points_nowhere = matches!(text, "0.0.0.0" | "127.0.0.1" | "::1" | "::");
            if points_nowhere || !text.contains(['.', ':']) {
                continue;
            }
            match host_of(text) {
                Host::Name(name) => {
                    let key = Key::of_host(&name);
                    return Line::Entry { key, bit: HOST_BIT, threat: self.threat(fields, *at) };
                }
                Host::WithPath => return Line::Address,
                Host::None => (),
            }
        }
        Line::NotUnderstood
    }

    fn threat(&self, fields: &[&[u8]], entry_at: usize) -> String {
        // ClamAV's own lists are digest:size:name, and perhaps a version.
        let left = match fields {
            [_, size, _] | [_, size, _, _] if is_size(size) => Some(2),
            [_, _] if self.kind == Kind::Attachment => 1_usize.checked_sub(entry_at),
            _ => None,
        };
        let at = self.threat_at.or(left).filter(|at| *at != entry_at);
        let field = at.and_then(|at| fields.get(at)).copied().unwrap_or_default();
        threat_name(field)
    }

    /// True if it was one.
    fn look_for_header(&mut self, line: &[u8]) -> bool {
        if self.begun {
            return false;
        }
        let names: Vec<String> = fields(line, self.kind)
            .iter()
            .map(|field| String::from_utf8_lossy(field).trim().to_ascii_lowercase())
            .collect();
        let find = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
        let entry = match &self.columns.entry {
            Some(Column::Named(name)) => find(name),
            Some(Column::Number(_)) | None => None,
        };
        let threat = match &self.columns.threat {
            Some(Column::Named(name)) => find(name),
            Some(Column::Number(_)) => None,
            None if names.len() > 1 => THREAT_NAMES.iter().find_map(|name| find(name)),
            None => None,
        };
        let says_kind = |name: &String| {
            name.split(|letter: char| !letter.is_ascii_alphanumeric())
                .any(|word| HEADER_WORDS.contains(&word))
        };
        let is_header = names.iter().any(says_kind);
        if entry.is_some() || is_header {
            self.entry_at = entry.or(self.entry_at);
            self.threat_at = threat.or(self.threat_at);
        }
        entry.is_some() || is_header
    }
}

/// "*" where ClamAV does not know it.
fn is_size(field: &[u8]) -> bool {
    field == b"*" || !field.is_empty() && field.iter().all(u8::is_ascii_digit)
}

fn listed(digest: &Digest, threat: String) -> Line {
    Line::Entry { key: Key::of_digest(digest), bit: digest.kind().bit(), threat }
}

fn comment(line: &[u8]) -> Option<&[u8]> {
    [&b"#"[..], b"//", b"!", b";"].iter().find_map(|begin| line.strip_prefix(*begin))
}

/// The columns of a line: by commas, semicolons or tabs if there are any, for digests also by colons, else by spaces.
fn fields(line: &[u8], kind: Kind) -> Vec<&[u8]> {
    let has = |byte: u8| memchr::memchr(byte, line).is_some();
    let by = match () {
        () if has(b',') => b',',
        () if has(b';') => b';',
        () if has(b'\t') => b'\t',
        () if has(b':') && kind == Kind::Attachment => b':',
        () => b' ',
    };
    let mut fields = Vec::new();
    let mut rest = line;
    while fields.len() < limits::HASH_LIST_COLUMNS_MAX {
        rest = rest.trim_ascii_start();
        let quoted = rest.strip_prefix(b"\"").and_then(|inside| {
            let end = memchr::memchr(b'"', inside)?;
            Some((inside.get(..end)?, inside.get(end..)?))
        });
        let (field, after) = quoted.unwrap_or((rest, rest));
        let end = memchr::memchr(by, after);
        let field = match (quoted, end) {
            (Some(_), _) | (None, None) => field,
            (None, Some(end)) => field.get(..end).unwrap_or_default(),
        };
        fields.push(field.trim_ascii());
        match end.and_then(|end| after.get(end.saturating_add(1)..)) {
            Some(next) => rest = next,
            None => break,
        }
    }
    fields
}

/// Without what block lists for browsers and name servers put around a name.
fn unwrapped(text: &str) -> &str {
    let text = text.trim_start_matches("||").trim_end_matches('^');
    let text = text.strip_prefix("*.").unwrap_or(text);
    text.strip_prefix('.').unwrap_or(text)
}

enum Host {
    Name(String),
    WithPath,
    None,
}

/// The host of a web address or the host itself.
fn host_of(text: &str) -> Host {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    if !matches!(path, "" | "/") {
        return Host::WithPath;
    }
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    // A port, unless the colons are those of an address.
    let bare = match place.rsplit_once(':') {
        Some((host, port))
            if port.bytes().all(|byte| byte.is_ascii_digit())
                && (host.ends_with(']') || !host.contains(':')) =>
        {
            host
        }
        _ => place,
    };
    host_name(bare).map_or(Host::None, Host::Name)
}

fn threat_name(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(field);
    let text = text.trim();
    if matches!(text.to_ascii_lowercase().as_str(), "n/a" | "null" | "none" | "-") {
        return String::new();
    }
    let clean =
        |letter: char| if letter.is_ascii_graphic() || letter == ' ' { letter } else { '?' };
    text.chars().take(limits::HASH_LIST_THREAT_CHARS_MAX).map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "44d88612fea8a8f36de82e1278abb02f";
    const SHA1: &str = "3395856ce81f2b7382dee72602f798b642f14140";
    const SHA256: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

    fn hash(text: &str, threat: &str) -> Line {
        listed(&Digest::parse_hex(text.as_bytes()).unwrap(), threat.to_string())
    }

    fn host(name: &str, threat: &str) -> Line {
        Line::Entry { key: Key::of_host(name), bit: HOST_BIT, threat: threat.to_string() }
    }

    #[test]
    fn digests_in_every_form() {
        for (line, want) in [
            (SHA256.to_string(), hash(SHA256, "")),
            (format!("  {}\r", MD5.to_uppercase()), hash(MD5, "")),
            (format!("{SHA1},Trojan X"), hash(SHA1, "Trojan X")),
            (format!("Trojan;{SHA1}"), hash(SHA1, "Trojan")),
            (format!("{MD5}:68:Eicar-Test"), hash(MD5, "Eicar-Test")),
            (format!("{SHA256}:*:Eicar:73"), hash(SHA256, "Eicar")),
            (format!("{SHA256}  eicar.com"), hash(SHA256, "eicar.com")),
            (format!("\"2020-01-01\", \"{SHA256}\", \"{MD5}\", \"a, b\""), hash(SHA256, "")),
            (format!("{MD5}\t{SHA256}"), hash(SHA256, MD5)),
            ("# comment".to_string(), Line::Nothing),
            ("".to_string(), Line::Nothing),
            ("<html>".to_string(), Line::NotUnderstood),
            (MD5[..31].to_string(), Line::NotUnderstood),
            (format!("{SHA1},a\u{1b}b\u{202e}"), hash(SHA1, "a?b?")),
        ] {
            assert_eq!(
                LineReader::new(Kind::Attachment, &Columns::default()).read(line.as_bytes()),
                want,
                "{line}"
            );
        }
    }

    #[test]
    fn columns_by_name_and_number() {
        let named = |name: &str| Some(Column::Named(name.to_string()));
        let row = format!("\"x\", \"{SHA256}\", \"{MD5}\", \"Emotet\"");
        let header = "# \"first_seen\", \"sha256_hash\", \"md5_hash\", \"signature\"";
        for (header, columns, want) in [
            (header, Columns::default(), hash(SHA256, "Emotet")),
            (&header[2..], Columns::default(), hash(SHA256, "Emotet")),
            (
                header,
                Columns { entry: named("MD5_hash"), threat: named("first_seen") },
                hash(MD5, "x"),
            ),
            (
                "",
                Columns { entry: Some(Column::Number(3)), threat: Some(Column::Number(4)) },
                hash(MD5, "Emotet"),
            ),
            ("", Columns { entry: Some(Column::Number(1)), threat: None }, Line::NotUnderstood),
            ("", Columns { entry: named("md5_hash"), threat: None }, Line::NotUnderstood),
            ("", Columns { entry: Some(Column::Number(99)), threat: None }, Line::NotUnderstood),
        ] {
            let mut reader = LineReader::new(Kind::Attachment, &columns);
            assert_eq!(reader.read(header.as_bytes()), Line::Nothing);
            assert_eq!(reader.read(row.as_bytes()), want, "{header} {columns:?}");
        }
    }

    #[test]
    fn hosts_in_every_form() {
        for (line, want) in [
            ("Evil.Example", host("evil.example", "")),
            ("*.evil.example", host("evil.example", "")),
            (".evil.example", host("evil.example", "")),
            ("||evil.example^", host("evil.example", "")),
            ("0.0.0.0 evil.example # why", host("evil.example", "")),
            ("127.0.0.1\tevil.example", host("evil.example", "")),
            ("http://evil.example/", host("evil.example", "")),
            ("https://u:p@evil.example:8443", host("evil.example", "")),
            ("http://[2001:db8::1]:80/", host("2001:db8::1", "")),
            ("192.0.2.7", host("192.0.2.7", "")),
            ("http://shared.example/~evil", Line::Address),
            ("17,2020-01-01,http://192.0.2.7:81,online", host("192.0.2.7", "")),
            ("http://evil.example/a,b", Line::Address),
            ("localhost", Line::NotUnderstood),
            ("a b c", Line::NotUnderstood),
            ("! adblock", Line::Nothing),
        ] {
            let mut reader = LineReader::new(Kind::Domain, &Columns::default());
            assert_eq!(reader.read(line.as_bytes()), want, "{line}");
        }
    }

    #[test]
    fn senders_in_every_form() {
        let entry = |text: &str| Line::Entry {
            key: Key::of_sender(&Entry::try_from(text.to_string()).unwrap()),
            bit: SENDER_BIT,
            threat: String::new(),
        };
        for (line, want) in [
            ("Anna@Far.Example", entry("anna@far.example")),
            ("far.example # since spring, by Bo", entry("far.example")),
            (".far.example", entry(".far.example")),
            ("192.0.2.0/24\tprovider", entry("192.0.2.0/24")),
            ("192.0.2.77/24", entry("192.0.2.0/24")),
            ("192.0.2.7;x", entry("192.0.2.7/32")),
            ("::ffff:192.0.2.0/120", entry("192.0.2.0/24")),
            ("2001:db8::/32", entry("2001:db8::/32")),
            ("# remark", Line::Nothing),
            // One line that holds half the world is a slip.
            ("0.0.0.0/0", Line::NotUnderstood),
            ("192.0.2.0/33", Line::NotUnderstood),
            ("@far.example", Line::NotUnderstood),
            ("anna far.example", Line::NotUnderstood),
        ] {
            let mut reader = LineReader::new(Kind::Sender, &Columns::default());
            reader.begun = true;
            assert_eq!(reader.read(line.as_bytes()), want, "{line}");
        }
        let third = Columns { entry: Some(Column::Number(3)), threat: None };
        let mut reader = LineReader::new(Kind::Sender, &third);
        assert_eq!(reader.read(b"1,2020-01-01,far.example"), entry("far.example"));
    }

    #[test]
    fn any_bytes_are_only_not_understood() {
        for kind in [Kind::Attachment, Kind::Domain, Kind::Sender] {
            for line in
                [&[0xff; 300][..], b"\"", b"\"\"\"", b",,,,", &[b','; 5_000], b"[", b"://", b"@:1"]
            {
                let got = LineReader::new(kind, &Columns::default()).read(line);
                assert!(matches!(got, Line::NotUnderstood | Line::Address), "{got:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_too_odd(line: Vec<u8>, text: String) {
            for kind in [Kind::Attachment, Kind::Domain, Kind::Sender] {
                let mut reader = LineReader::new(kind, &Columns::default());
                let _any = (reader.read(&line), reader.read(text.as_bytes()));
            }
        }
    }
}

//! The signatures we ship, run over the examples that stand beside them in `rules/yara/examples`.
//!
//! An example is a table under its rule's name: `hit` and `miss` are lists of blobs. A blob's `bytes` are pieces that are joined:
//! plain text, or with a prefix `hex:`, `wide:` (UTF-16LE), `base64:` (of the text that follows) or `fill:` (so many spaces).
//! Pieces also keep the whole of a test virus out of every file, so that scanners leave the repository alone.

use std::collections::BTreeMap;

use rust_embed::RustEmbed;
use serde::Deserialize;

use super::*;

#[derive(RustEmbed)]
#[folder = "rules/yara"]
struct Folder;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Examples {
    hit: Vec<Blob>,
    miss: Vec<Blob>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Blob {
    bytes: Vec<String>,
    /// The file's name, if the rule asks for it.
    #[serde(default)]
    name: String,
    /// The word of a [`PartKind`], if the rule asks for it.
    #[serde(default = "unknown")]
    kind: PartKind,
}

fn unknown() -> PartKind {
    PartKind::Unknown
}

impl Blob {
    fn joined(&self) -> Vec<u8> {
        self.bytes.iter().flat_map(|piece| bytes(piece)).collect()
    }

    fn matched(&self, engine: &YaraEngine) -> Vec<String> {
        let extension = self.name.rsplit_once('.').map_or("", |(_, after)| after);
        let facts = BlobFacts { filename: &self.name, extension, kind: self.kind };
        let found = engine.scan(&self.joined(), &facts, YARA_TIME_MAX);
        found.unwrap().into_iter().map(|m| m.rule).collect()
    }
}

fn bytes(piece: &str) -> Vec<u8> {
    match piece.split_once(':') {
        Some(("hex", digits)) => {
            let digits: String = digits.split_whitespace().collect();
            let decoded = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes());
            decoded.unwrap_or_else(|error| panic!("{piece}: {error}"))
        }
        Some(("wide", text)) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Some(("base64", text)) => data_encoding::BASE64.encode(text.as_bytes()).into_bytes(),
        Some(("fill", count)) => vec![b' '; count.parse().unwrap()],
        Some(_) | None => piece.as_bytes().to_vec(),
    }
}

fn text_of(path: &str) -> String {
    String::from_utf8(Folder::get(path).unwrap().data.into_owned()).unwrap()
}

fn compiled() -> Compiled {
    let files: Vec<RuleFile> = Folder::iter()
        .filter(|path| path.ends_with(".yar"))
        .map(|path| RuleFile { name: path.to_string(), text: text_of(&path) })
        .collect();
    compile(&files)
}

fn examples() -> BTreeMap<String, Examples> {
    let mut all = BTreeMap::new();
    for path in Folder::iter().filter(|path| path.ends_with(".toml")) {
        let of_file: BTreeMap<String, Examples> =
            toml::from_str(&text_of(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        for (rule, examples) in of_file {
            assert!(all.insert(rule.clone(), examples).is_none(), "{rule} has examples twice");
        }
    }
    all
}

#[test]
fn they_compile_without_a_word() {
    let compiled = compiled();
    assert_eq!(compiled.errors, []);
    assert_eq!(compiled.warnings, []);
    assert_eq!(compiled.rules.len(), compiled.engine.rules_count());
    let different: HashSet<&String> = compiled.rules.iter().map(|rule| &rule.name).collect();
    assert_eq!(different.len(), compiled.rules.len(), "a name stands twice");
}

#[test]
fn every_rule_hits_its_hits_and_misses_its_misses() {
    let compiled = compiled();
    let examples = examples();
    let mut wrong = Vec::new();
    for (rule, examples) in &examples {
        for (number, blob) in examples.hit.iter().enumerate() {
            let matched = blob.matched(&compiled.engine);
            if !matched.contains(rule) {
                wrong.push(format!("{rule}: hit {number} is missed, got {matched:?}"));
            }
        }
        for (number, blob) in examples.miss.iter().enumerate() {
            if blob.matched(&compiled.engine).contains(rule) {
                wrong.push(format!("{rule}: miss {number} is hit"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_rule_has_examples_and_says_what_it_is() {
    let compiled = compiled();
    let mut examples = examples();
    for rule in &compiled.rules {
        let examples = examples.remove(&rule.name);
        let enough = examples.is_some_and(|e| !e.hit.is_empty() && !e.miss.is_empty());
        assert!(enough, "{} lacks a hit or a miss", rule.name);
        assert!(!rule.about.is_empty(), "{} has no description", rule.name);
    }
    let left: Vec<&String> = examples.keys().collect();
    assert!(left.is_empty(), "examples of no rule: {left:?}");
    for rule in compiled.engine.scanner.rules().filter(|rule| !rule.is_private) {
        let names: Vec<&str> = rule
            .metadatas
            .iter()
            .map(|metadata| compiled.engine.scanner.get_string_symbol(metadata.name))
            .collect();
        for needed in ["author", "description", "severity", "reference"] {
            assert!(names.contains(&needed), "{} has no {needed}", rule.name);
        }
    }
}

/// Whatever else the rules say, plain things are clean.
#[test]
fn ordinary_text_is_hit_by_nothing() {
    let compiled = compiled();
    for text in
        ["", "MZ", "Hej,\r\nbifogat finner du fakturan.\r\n", "<html><body>Hello</body></html>"]
    {
        let found = compiled.engine.scan(
            text.as_bytes(),
            &BlobFacts { filename: "", extension: "", kind: PartKind::Text },
            YARA_TIME_MAX,
        );
        assert_eq!(found, Ok(Vec::new()), "{text}");
    }
}

/// The first bytes boreal looks for decide how fast a rule is: three or fewer are met everywhere.
#[test]
fn every_string_has_four_bytes_to_look_for() {
    let mut short = Vec::new();
    for path in Folder::iter().filter(|path| path.ends_with(".yar")) {
        let status = new_compiler().add_rules_str_in_namespace(text_of(&path), "").unwrap();
        for rule in status.statistics() {
            for string in &rule.strings {
                if string.atoms.iter().any(|atom| atom.len() < 4) {
                    short.push(format!("{} ${}: {:?}", rule.name, string.name, string.atoms));
                }
            }
        }
    }
    assert!(short.is_empty(), "{short:#?}");
}

//! What signatures cost: each file of rules over a sample of what mails hold, in milliseconds of processor time for a megabyte.
//!
//! Files that cost much are named with the rules in them that do, hopeless ones are refused by `sluss rules check`: one of them would take a
//! mail's whole time. A rule that needs others of its file cannot be measured alone and is not named.

use crate::{
    base::{clock::Clock, limits},
    examine::{self, BlobFacts, PartKind, RuleFile, Signatures},
};
use std::{fmt, time::Duration};

/// What a file of rules costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// The file.
    pub file: String,
    /// Milliseconds for a megabyte.
    pub ms_per_mb: f64,
    /// It did not get through in the time there is.
    pub hopeless: bool,
    /// Its rules that are slow by themselves, with what each costs, the worst first; a few at most.
    pub rules: Vec<(String, f64)>,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:.0} ms for a megabyte of mail", self.file, self.ms_per_mb)?;
        for (number, (rule, ms)) in self.rules.iter().enumerate() {
            let before = if number == 0 { ", by" } else { "," };
            write!(f, "{before} {rule} ({ms:.0} ms)")?;
        }
        Ok(())
    }
}

/// The files that cost more than [`limits::RULE_MS_PER_MB_SLOW`], the worst first.
pub fn slow(files: &[RuleFile]) -> Vec<Cost> {
    let samples = [sample(0), sample(1)];
    let clock = Clock::of_this_thread();
    let mut slow: Vec<Cost> = files
        .iter()
        .map(|file| (file, cost(file, &samples, &clock)))
        .filter(|(_, cost)| cost.is_slow())
        .map(|(file, cost)| Cost { rules: slow_rules(file, &samples, &clock), ..cost })
        .collect();
    slow.sort_by(|a, b| b.ms_per_mb.total_cmp(&a.ms_per_mb));
    slow
}

impl Cost {
    fn is_slow(&self) -> bool {
        self.hopeless || self.ms_per_mb > limits::RULE_MS_PER_MB_SLOW
    }
}

fn slow_rules(file: &RuleFile, samples: &[Vec<u8>], clock: &Clock) -> Vec<(String, f64)> {
    let alone = alone(&file.text).take(limits::RULES_MEASURED_ALONE_MAX);
    let mut slow: Vec<(String, f64)> = alone
        .map(|(name, text)| {
            (name.to_string(), cost(&RuleFile { name: String::new(), text }, samples, clock))
        })
        .filter(|(_, cost)| cost.is_slow())
        .map(|(name, cost)| (name, cost.ms_per_mb))
        .collect();
    slow.sort_by(|a, b| b.1.total_cmp(&a.1));
    slow.truncate(SLOW_RULES_NAMED_MAX);
    slow
}

/// Each rule of a file with what stands before the first, as a file of its own. Rules begin lines, as every formatter puts them; one that
/// does not is part of the rule before it.
fn alone(text: &str) -> impl Iterator<Item = (&str, String)> {
    let starts: Vec<(usize, &str)> = text
        .split_inclusive('\n')
        .scan(0, |at, line| {
            let start = *at;
            *at += line.len();
            Some((start, line))
        })
        .filter_map(|(start, line)| Some((start, rule_name(line)?)))
        .collect();
    let head = starts.first().map_or(text, |(start, _)| text.get(..*start).unwrap_or_default());
    let ends: Vec<usize> =
        starts.iter().skip(1).map(|(start, _)| *start).chain([text.len()]).collect();
    starts.into_iter().zip(ends).map(move |((start, name), end)| {
        (name, format!("{head}{}", text.get(start..end).unwrap_or_default()))
    })
}

/// The name of the rule that begins on this line.
fn rule_name(line: &str) -> Option<&str> {
    let mut words =
        line.split_whitespace().skip_while(|word| matches!(*word, "private" | "global"));
    (words.next() == Some("rule")).then_some(())?;
    let name = words.next()?;
    Some(name.split([':', '{']).next().unwrap_or(name))
}

fn cost(file: &RuleFile, samples: &[Vec<u8>], clock: &Clock) -> Cost {
    let compiled = examine::compile(std::slice::from_ref(file));
    let facts = BlobFacts { filename: "sample.doc", extension: "doc", kind: PartKind::Unknown };
    let before = clock.tick();
    let mut hopeless = false;
    for sample in samples {
        hopeless |= compiled.engine.scan(sample, &facts, limits::YARA_TIME_MAX).is_err();
    }
    let spent = clock.tick().since(before);
    let bytes: usize = samples.iter().map(Vec::len).sum();
    let ms_per_mb = per_megabyte(spent, bytes);
    let hopeless = hopeless || ms_per_mb > limits::RULE_MS_PER_MB_HOPELESS;
    Cost { file: file.name.clone(), ms_per_mb, hopeless, rules: Vec::new() }
}

fn per_megabyte(spent: Duration, bytes: usize) -> f64 {
    let megabytes = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / f64::from(1_u32 << 20);
    spent.as_secs_f64() * 1_000.0 / megabytes.max(0.001)
}

/// Half a megabyte of what mails hold: words, pages and base64, or the bytes of a program. The same each time.
fn sample(kind: u64) -> Vec<u8> {
    let mut state = 0x5EED_u64 ^ kind;
    let mut bytes = Vec::with_capacity(SAMPLE_BYTES + 256);
    if kind == 1 {
        bytes.extend_from_slice(b"MZ\x90\0");
    }
    while bytes.len() < SAMPLE_BYTES {
        let chance = next(&mut state);
        match (kind, chance % 4) {
            (1, _) => bytes.extend_from_slice(&chance.to_le_bytes()),
            (_, 0) => bytes
                .extend_from_slice(b"<td style=\"color:#333\"><a href=\"https://www.example.org/"),
            (_, 1) => bytes
                .extend_from_slice(data_encoding::BASE64.encode(&chance.to_le_bytes()).as_bytes()),
            (_, _) => {
                let at = usize::try_from(chance >> 8).unwrap_or(0) % WORDS.len();
                bytes.extend_from_slice(WORDS.get(at).unwrap_or(&"and").as_bytes());
                bytes.push(b' ');
            }
        }
    }
    bytes
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Rules of one file that are named.
const SLOW_RULES_NAMED_MAX: usize = 3;
const SAMPLE_BYTES: usize = 512 << 10;
const WORDS: &[&str] = &[
    "and",
    "the",
    "faktura",
    "invoice",
    "powershell",
    "function",
    "password",
    "http",
    "kernel32",
    "document",
    "Anna",
    "att",
    "och",
    "cmd",
    "update",
    "account",
    "\r\n",
    "var",
    "eval(",
    "CreateObject",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> RuleFile {
        RuleFile { name: name.to_string(), text: text.to_string() }
    }

    #[test]
    fn a_rule_that_costs_much_is_named() {
        let calm = file("calm.yar", "rule calm { strings: $a = \"harbour\" condition: $a }");
        let heavy = file(
            "heavy.yar",
            "import \"hash\"\nrule light { strings: $a = \"pier\" condition: $a }\n\
             private rule heavy: tag {\ncondition: for all i in (0..filesize) : (for all j in (0..9) : (uint8(i + j) != 256)) }\n\
             rule needs_another { condition: heavy }\n",
        );
        let found = slow(&[calm, heavy]);
        assert_eq!(found.iter().map(|cost| cost.file.as_str()).collect::<Vec<_>>(), ["heavy.yar"]);
        let named: Vec<&str> = found[0].rules.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(named, ["heavy"]);
        let said = found[0].to_string();
        assert!(said.starts_with("heavy.yar: ") && said.contains(", by heavy ("), "{said}");
    }
}

//! Rules to one automaton of literals and many expressions; what cannot be compiled is refused rule by rule.

use super::{Group, Phrase, Phrases, expressions::Expressions, literals, normal::Normalised};
use crate::{
    base::limits,
    config::rules::phrases::{PhraseRule, Place, Written},
};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex_syntax::hir::{Hir, HirKind};
use std::collections::{BTreeMap, BTreeSet};

/// Gathers rules into a [`Phrases`].
#[derive(Default)]
pub(super) struct Compiling {
    rules: Vec<Phrase>,
    ids: BTreeSet<String>,
    expressions: Expressions,
    literals: BTreeMap<Vec<u8>, Vec<usize>>,
    slow: usize,
}

/// A group on its way in: its expression's text, and its literals if every pattern of it has some.
struct GroupText {
    line: usize,
    source: String,
    literals: Option<Vec<Vec<u8>>>,
}

/// The line, what is wrong, the mend.
pub(super) type Refusal = (usize, String, &'static str);

impl Compiling {
    pub(super) fn add(&mut self, rule: &PhraseRule) -> Result<(), Refusal> {
        if self.ids.contains(&rule.id) {
            return Err((rule.line, "the id is taken by an earlier rule".to_string(), "rename it"));
        }
        if self.rules.len() >= limits::PHRASE_RULES_MAX {
            return Err((rule.line, "more phrase rules than we take".to_string(), "take some out"));
        }
        let texts: Result<Vec<GroupText>, Refusal> =
            rule.groups.iter().map(|patterns| GroupText::of(rule.line, patterns)).collect();
        let texts = texts?;
        let slow = texts.iter().all(|text| text.literals.is_none());
        if slow && self.slow >= limits::PHRASE_SLOW_RULES_MAX {
            let what = "no group has a literal of 4 bytes, and there are 20 such rules already";
            return Err((rule.line, what.to_string(), "write out a word in each pattern"));
        }
        let mut groups = Vec::with_capacity(texts.len());
        for text in texts {
            // An expression whose rule is then refused stays behind unused, which harms nobody.
            let number = self.expressions.add(text.source);
            let number =
                number.map_err(|error| (text.line, error.to_string(), "make it smaller"))?;
            groups.push(Group { number, always: text.literals.is_none() });
            for literal in text.literals.into_iter().flatten() {
                self.literals.entry(literal).or_default().push(number);
            }
        }
        self.slow += usize::from(slow);
        self.ids.insert(rule.id.clone());
        self.rules.push(Phrase::new(rule, groups));
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Phrases, aho_corasick::BuildError> {
        // A contiguous NFA is a tenth of a DFA's size at half its speed, and normalising costs more than either.
        let literals = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(self.literals.keys())?;
        let waiting = self.literals.into_values().collect();
        let literals = Some(literals);
        Ok(Phrases { rules: self.rules, expressions: self.expressions, literals, waiting })
    }
}

impl GroupText {
    fn of(rule_line: usize, patterns: &[Written]) -> Result<GroupText, Refusal> {
        let mut literals = Some(Vec::new());
        for pattern in patterns {
            let refuse = |(what, mend)| (pattern.line, what, mend);
            let hir = regex_syntax::parse(&pattern.text)
                .map_err(|error| refuse((error.to_string(), "mend the regular expression")))?;
            normal_only(&hir).map_err(refuse)?;
            // One pattern without a literal, and the group can hit anywhere.
            literals =
                literals.zip(literals::required(&hir)).map(|(all, more)| [all, more].concat());
        }
        let source: Vec<String> =
            patterns.iter().map(|pattern| format!("(?:{})", pattern.text)).collect();
        let line = patterns.first().map_or(rule_line, |pattern| pattern.line);
        Ok(GroupText { line, source: source.join("|"), literals })
    }
}

/// Refuses literals that normalised text never holds: the rule would be silent for ever.
fn normal_only(hir: &Hir) -> Result<(), (String, &'static str)> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let literal = String::from_utf8_lossy(&literal.0);
            let normal = Normalised::only(Place::Body, &literal);
            let normal = normal.text(Place::Body);
            if literal.trim_matches(' ') != normal || literal.contains("  ") {
                let mend = "write lower case, no accents but on å ä ö, plain quotes and dashes, single spaces";
                return Err((
                    format!("looks for {literal:?}, but the text then says {normal:?}"),
                    mend,
                ));
            }
            Ok(())
        }
        HirKind::Repetition(repetition) => normal_only(&repetition.sub),
        HirKind::Capture(capture) => normal_only(&capture.sub),
        HirKind::Concat(members) | HirKind::Alternation(members) => {
            members.iter().try_for_each(normal_only)
        }
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::phrases::testing::rules;

    #[test]
    fn a_bad_rule_is_left_out_and_told() {
        let mut bad = rules(&[
            ("a", "[\"body\"]", 1.0, &["paket"]),
            ("a", "[\"body\"]", 1.0, &["paket"]),
            ("upper", "[\"body\"]", 1.0, &["Paket"]),
            ("accent", "[\"body\"]", 1.0, &["x", "(idé|b)"]),
            ("spaces", "[\"body\"]", 1.0, &["a  b"]),
            ("large", "[\"body\"]", 1.0, &[r"(\w{100}){100}"]),
            ("b", "[\"body\"]", 1.0, &["brev"]),
        ]);
        bad[6].file = "other.toml".to_string();
        let (phrases, errors) = Phrases::compile(bad);
        let kept: Vec<&str> = phrases.notes().map(|note| note.id.as_str()).collect();
        assert_eq!(kept, ["phrase.a", "phrase.b"]);
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 5, "{told:?}");
        for (error, said) in told.iter().zip(["taken", "Paket", "ide", "a b", "size"]) {
            assert!(error.starts_with("test.toml:") && error.contains(said), "{error}");
        }
    }

    #[test]
    fn the_slow_lane_is_bounded() {
        let names: Vec<String> = (0..30).map(|number| format!("n{number}")).collect();
        let lines: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), "[\"body\"]", 1.0, &["[0-9]{4}"][..]))
            .collect();
        let (phrases, errors) = Phrases::compile(rules(&lines));
        assert_eq!(phrases.count(), limits::PHRASE_SLOW_RULES_MAX);
        assert_eq!(errors.len(), 30 - limits::PHRASE_SLOW_RULES_MAX);
    }
}

//! Phrase rules: turns of phrase that speak against a mail, one `rules/phrases/<topic>.toml` for each topic.
//!
//! Invariants of a [`PhraseRule`]: every pattern is a regular expression that parses, the weight is above zero and at most
//! [`WEIGHT_MAX`], every group has a pattern, and there are examples both ways. Whether the examples tell the truth is asked
//! by `checks::phrases::verify`, which can run the rule.
//!
//! A rule, with every field:
//! ```toml
//! [[rule]]
//! id = "phrase.parcel_fee_en"           # phrase.<what>_<language>; of one <what> only the heaviest language counts
//! about = "A parcel waits for a small payment."                          # for the admin
//! plain = "The mail asks for a small payment to release a parcel."       # for the user, ASCII
//! category = "phish"                    # spam, phish, bulk or policy
//! languages = ["en"]                    # ISO 639; "mul" for any
//! weight = 2.5                          # above 0, at most 5; mail is marked at 5 and held at 8
//! in = ["subject", "body"]              # also "hidden": what a page holds but does not show. This is the default.
//! within = 800                          # bytes of normalised text in which all groups stand; 2000 unless written
//! patterns = ['\b(parcel|package)\b']   # any one of them hits
//! all = [['\b(customs|handling) fee'], ['\bpay now']]                    # and one of each of these groups
//! references = ["https://www.example/warning"]                           # optional
//! examples.hit = ["Your package is held. Pay now the customs fee of 2 EUR.", "…"]     # "Subject: …" may be the first line
//! examples.miss = ["Your package is at the shop.", "…"]
//! ```
//! Patterns meet text as `checks::phrases::Normalised` leaves it: lower case, no accents but å ä ö ø æ, plain quotes and dashes,
//! one space between words. Write `[0-9]` rather than `\d` and `[a-zåäö]*` rather than `\w*`: those know all scripts and cost more.

use super::RuleError;
use crate::{base::limits, config::policy::Category};
use serde::Deserialize;
use toml::Spanned;

/// Most one rule may weigh: at most a mark, never a hold, by itself.
pub const WEIGHT_MAX: f32 = 5.0;

/// Every id begins with this, so that a rule never takes the name of a check's finding.
pub const ID_PREFIX: &str = "phrase.";

/// The categories that words alone can speak for.
const CATEGORIES: [Category; 4] =
    [Category::Spam, Category::Phish, Category::Bulk, Category::Policy];

/// One rule, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct PhraseRule {
    /// `phrase.<what>_<language>`.
    pub id: String,
    /// One sentence for the admin.
    pub about: String,
    /// One ASCII sentence for the user: why the mail was marked or stopped.
    pub plain: String,
    /// What kind of trouble.
    pub category: Category,
    /// ISO 639 codes of the languages it reads.
    pub languages: Vec<String>,
    /// Above zero, at most [`WEIGHT_MAX`].
    pub weight: f32,
    /// The texts it looks at, each once.
    pub places: Vec<Place>,
    /// All groups hit within so many bytes of normalised text, or in the subject.
    pub within_bytes: usize,
    /// Every group must hit; a group hits when any one of its patterns does. `patterns` is the first group.
    pub groups: Vec<Vec<Written>>,
    /// Texts that the rule must hit.
    pub hit: Vec<Written>,
    /// Texts that look alike and that the rule must leave alone.
    pub miss: Vec<Written>,
    /// Where to read about it.
    pub references: Vec<String>,
    /// The file it came from.
    pub file: String,
    /// The line its table starts on.
    pub line: usize,
}

/// A string of a rule file, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The string.
    pub text: String,
    /// Its line, counted from 1.
    pub line: usize,
}

/// A text of a mail that a phrase rule can look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The Subject field.
    Subject,
    /// What a reader is shown.
    Body,
    /// What a page holds but does not show.
    Hidden,
}

impl Place {
    /// All of them.
    pub const ALL: [Place; 3] = [Place::Subject, Place::Body, Place::Hidden];

    /// The word in rule files and findings.
    pub fn word(self) -> &'static str {
        match self {
            Place::Subject => "subject",
            Place::Body => "body",
            Place::Hidden => "hidden",
        }
    }
}

impl PhraseRule {
    /// The id without its language: `phrase.parcel_fee_sv` and `phrase.parcel_fee_nb` say the same of a mail,
    /// and Norwegian and Danish are often one text.
    pub fn family(&self) -> &str {
        match self.id.rsplit_once('_') {
            Some((family, end)) if self.languages.iter().any(|language| language == end) => family,
            _ => &self.id,
        }
    }
}

/// Reads one rule file. `file` is the name to give in errors.
///
/// Either all its rules are right, or they are left out and every mistake is told; a mistake in the TOML itself
/// or in the shape of a table hides those after it.
pub fn parse(file: &str, text: &str) -> Result<Vec<PhraseRule>, Vec<RuleError>> {
    let source = Source { file, text };
    let written: FileAsWritten = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        vec![source.error(at, one_line(error.message()), SHAPE_MEND)]
    })?;
    let mut errors = Vec::new();
    if written.rule.is_empty() {
        errors.push(source.error(0, "no [[rule]] in the file", "write one or remove the file"));
    }
    let mut rules = Vec::with_capacity(written.rule.len());
    for rule in written.rule {
        source.judge(&rule, &mut errors);
        rules.push(source.rule(rule));
    }
    if errors.is_empty() { Ok(rules) } else { Err(errors) }
}

const SHAPE_MEND: &str = "a [[rule]] has id, about, plain, category, languages, weight, patterns or all, \
     examples.hit, examples.miss, and if you like in, within, references";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileAsWritten {
    #[serde(default)]
    rule: Vec<Spanned<RuleAsWritten>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleAsWritten {
    id: Spanned<String>,
    about: Spanned<String>,
    plain: Spanned<String>,
    category: Spanned<Category>,
    languages: Spanned<Vec<String>>,
    weight: Spanned<f32>,
    #[serde(rename = "in")]
    places: Option<Spanned<Vec<Place>>>,
    within: Option<Spanned<usize>>,
    #[serde(default)]
    patterns: Vec<Spanned<String>>,
    #[serde(default)]
    all: Vec<Spanned<Vec<Spanned<String>>>>,
    examples: Spanned<ExamplesAsWritten>,
    #[serde(default)]
    references: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExamplesAsWritten {
    hit: Vec<Spanned<String>>,
    miss: Vec<Spanned<String>>,
}

/// The file being read, for line numbers.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count()
    }

    fn error(&self, at: usize, what: impl Into<String>, mend: impl Into<String>) -> RuleError {
        let (file, line) = (self.file.to_string(), self.line(at));
        RuleError { file, line, what: what.into(), mend: mend.into() }
    }

    /// Every mistake of one rule.
    fn judge(&self, written: &Spanned<RuleAsWritten>, errors: &mut Vec<RuleError>) {
        let rule = written.get_ref();
        let id = rule.id.get_ref().as_str();
        let mut wrong = |at: usize, what: String, mend: &str| {
            errors.push(self.error(at, format!("{id}: {what}"), mend));
        };
        if !is_id(id) {
            let mend = "write phrase.<what>_<language> in a-z, 0-9 and _, at most 64 letters";
            wrong(rule.id.span().start, "not a rule id".to_string(), mend);
        }
        for (name, sentence) in [("about", &rule.about), ("plain", &rule.plain)] {
            if let Some((what, mend)) = not_a_sentence(sentence.get_ref(), name == "plain") {
                wrong(sentence.span().start, format!("{name} {what}"), mend);
            }
        }
        if !CATEGORIES.contains(rule.category.get_ref()) {
            let what = format!("words alone are no {}", rule.category.get_ref().word());
            wrong(rule.category.span().start, what, "write spam, phish, bulk or policy");
        }
        let languages = rule.languages.get_ref();
        if languages.is_empty() || !languages.iter().all(|language| is_language(language)) {
            let mend = "write ISO 639 codes as in [\"sv\", \"fi\"], or [\"mul\"] for any language";
            wrong(rule.languages.span().start, "languages are not ISO 639 codes".to_string(), mend);
        }
        let weight = *rule.weight.get_ref();
        if !(0.0 < weight && weight <= WEIGHT_MAX) {
            let mend = "write more than 0 and at most 5";
            wrong(rule.weight.span().start, format!("weight {weight}"), mend);
        }
        if let Some(places) = &rule.places
            && !is_set(places.get_ref())
        {
            let mend =
                "write each of \"subject\", \"body\", \"hidden\" at most once, and one of them";
            wrong(places.span().start, "in is empty or repeats itself".to_string(), mend);
        }
        if let Some(within) = &rule.within
            && !(1..=limits::TEXT_BYTES_MAX).contains(within.get_ref())
        {
            let what = format!("within {}", within.get_ref());
            wrong(
                within.span().start,
                what,
                "write the bytes in which all groups must stand, at least 1",
            );
        }
        for (at, what, mend) in rule.pattern_mistakes(written.span().start) {
            wrong(at, what, mend);
        }
        let examples = rule.examples.get_ref();
        for (name, list) in [("hit", &examples.hit), ("miss", &examples.miss)] {
            if list.is_empty() {
                let what = format!("examples.{name} is empty");
                wrong(rule.examples.span().start, what, "give at least one text, better two");
            }
        }
    }

    fn rule(&self, written: Spanned<RuleAsWritten>) -> PhraseRule {
        let line = self.line(written.span().start);
        let rule = written.into_inner();
        let groups = std::iter::once(rule.patterns)
            .filter(|first| !first.is_empty())
            .chain(rule.all.into_iter().map(Spanned::into_inner));
        let groups = groups.map(|group| self.located(group)).collect();
        let examples = rule.examples.into_inner();
        PhraseRule {
            id: rule.id.into_inner(),
            about: rule.about.into_inner(),
            plain: rule.plain.into_inner(),
            category: rule.category.into_inner(),
            languages: rule.languages.into_inner(),
            weight: rule.weight.into_inner(),
            places: rule
                .places
                .map_or_else(|| vec![Place::Subject, Place::Body], Spanned::into_inner),
            within_bytes: rule
                .within
                .map_or(limits::PHRASE_WITHIN_BYTES_DEFAULT, Spanned::into_inner),
            groups,
            hit: self.located(examples.hit),
            miss: self.located(examples.miss),
            references: rule.references,
            file: self.file.to_string(),
            line,
        }
    }

    fn located(&self, strings: Vec<Spanned<String>>) -> Vec<Written> {
        let located = |string: Spanned<String>| {
            let line = self.line(string.span().start);
            Written { text: string.into_inner(), line }
        };
        strings.into_iter().map(located).collect()
    }
}

impl RuleAsWritten {
    /// Offset, what and mend of everything wrong with `patterns` and `all`.
    fn pattern_mistakes(&self, start: usize) -> Vec<(usize, String, &'static str)> {
        let mut found = Vec::new();
        let groups = self.all.len() + usize::from(!self.patterns.is_empty());
        if groups == 0 {
            found.push((
                start,
                "no patterns".to_string(),
                "write patterns = ['…'] or all = [['…']]",
            ));
        }
        if groups > limits::PHRASE_GROUPS_MAX {
            let what = format!("{groups} groups of patterns");
            found.push((start, what, "a rule that needs more than 8 is two rules"));
        }
        for group in &self.all {
            if group.get_ref().is_empty() {
                found.push((group.span().start, "an empty group in all".to_string(), "remove it"));
            }
        }
        let patterns = self.all.iter().flat_map(|group| group.get_ref()).chain(&self.patterns);
        for pattern in patterns {
            let (at, text) = (pattern.span().start, pattern.get_ref());
            if text.len() > limits::PHRASE_PATTERN_BYTES_MAX {
                found.push((at, "a pattern over 1000 bytes".to_string(), "split it in several"));
            } else if let Err(error) = regex_syntax::parse(text) {
                let what = format!("the pattern {text:?} does not parse: {}", reason(&error));
                found.push((at, what, "mend the regular expression"));
            }
        }
        found
    }
}

/// `phrase.` and then lower-case words.
fn is_id(id: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    id.len() <= limits::RULE_ID_BYTES_MAX
        && id
            .strip_prefix(ID_PREFIX)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(letter))
}

fn is_language(code: &str) -> bool {
    (2..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn is_set(places: &[Place]) -> bool {
    !places.is_empty()
        && Place::ALL.iter().all(|place| places.iter().filter(|other| *other == place).count() < 2)
}

/// What is wrong with a sentence and how to mend it. A plain one stands in a header field, so it is short ASCII.
fn not_a_sentence(sentence: &str, plain: bool) -> Option<(&'static str, &'static str)> {
    if !sentence.ends_with('.') || sentence.contains(['\n', '\r']) {
        return Some(("is not a sentence on one line", "end it with a full stop"));
    }
    if sentence.len() > limits::RULE_SENTENCE_BYTES_MAX {
        return Some(("is over 300 bytes", "say it shorter"));
    }
    (plain && !sentence.is_ascii())
        .then_some(("is not ASCII", "it goes into a header field: write plain letters"))
}

/// The reason alone: the crate's own words draw the pattern over several lines.
fn reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        // The crate may add kinds.
        other => one_line(&other.to_string()),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[rule]]
id = "phrase.parcel_fee_sv"
about = "A parcel waits for a payment."
plain = "The mail asks for money to release a parcel."
category = "phish"
languages = ["sv"]
weight = 2
patterns = ['\bpaket']
all = [['\bavgift'], ['\bbetala nu', '\bbetala inom']]
examples.hit = ["Ditt paket: betala nu en avgift"]
examples.miss = ["Ditt paket är framme"]
"#;

    #[test]
    fn a_good_rule_becomes_values() {
        let rules = parse("parcel.toml", GOOD).unwrap();
        let rule = &rules[0];
        assert_eq!((rule.id.as_str(), rule.line), ("phrase.parcel_fee_sv", 2));
        assert_eq!(rule.family(), "phrase.parcel_fee");
        assert_eq!(rule.groups.len(), 3);
        assert_eq!(rule.groups[1][0], Written { text: r"\bavgift".to_string(), line: 10 });
        assert_eq!(rule.places, [Place::Subject, Place::Body]);
        assert_eq!(rule.within_bytes, limits::PHRASE_WITHIN_BYTES_DEFAULT);
    }

    #[test]
    fn a_mistake_is_told_with_its_line_and_mend() {
        for (from, to, line, said) in [
            ("weight = 2", "weight = 7", 8, "weight 7; write more than 0 and at most 5"),
            ("weight = 2", "weight = nan", 8, "weight NaN"),
            ("weight = 2", "waight = 2", 8, "unknown field `waight`"),
            ("weight = 2", "weight = \"2\"", 8, "invalid type: string"),
            ("weight = 2", "weight = ", 8, "a [[rule]] has id, about"),
            ("weight = 2\n", "", 2, "missing field `weight`"),
            ("phrase.parcel_fee_sv", "parcel", 3, "not a rule id"),
            ("to release a parcel.", "to release a parcel", 5, "plain is not a sentence"),
            ("release a parcel.", "släppa ett paket.", 5, "plain is not ASCII"),
            ("\"phish\"", "\"virus\"", 6, "words alone are no virus"),
            ("\"phish\"", "\"fish\"", 6, "unknown variant `fish`"),
            ("[\"sv\"]", "[\"Swedish\"]", 7, "not ISO 639"),
            ("weight = 2", "weight = 2\nin = []", 9, "in is empty"),
            ("weight = 2", "weight = 2\nin = [\"footer\"]", 9, "unknown variant `footer`"),
            ("weight = 2", "weight = 2\nwithin = 0", 9, "within 0"),
            (r"'\bavgift'", r"'\bavgift('", 10, "unclosed group; mend the regular expression"),
            (r"['\bavgift']", "[]", 10, "an empty group"),
            ("[\"Ditt paket är framme\"]", "[]", 11, "examples.miss is empty"),
        ] {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD, "{from}");
            let errors = parse("parcel.toml", &text).unwrap_err();
            assert_eq!(errors.len(), 1, "{errors:?}");
            let shown = errors[0].to_string();
            assert!(shown.starts_with(&format!("parcel.toml:{line}: ")), "{to}: {shown}");
            assert!(shown.contains(said), "{to}: {shown}");
            assert!(!shown.contains('\n'), "{shown}");
        }
    }

    #[test]
    fn all_mistakes_of_a_file_are_told_at_once() {
        let bad = GOOD.replace("weight = 2", "weight = 0").replace("[\"sv\"]", "[]");
        assert_eq!(parse("x.toml", &format!("{bad}{bad}")).unwrap_err().len(), 4);
        assert_eq!(parse("x.toml", "").unwrap_err().len(), 1);
    }

    #[test]
    fn a_language_that_is_not_the_rules_own_is_no_family() {
        let mut rule = parse("x.toml", GOOD).unwrap().remove(0);
        for (id, family) in [
            ("phrase.parcel_fee_sv", "phrase.parcel_fee"),
            ("phrase.parcel_fee_fi", "phrase.parcel_fee_fi"),
            ("phrase.sv", "phrase.sv"),
        ] {
            rule.id = id.to_string();
            assert_eq!(rule.family(), family);
        }
    }
}

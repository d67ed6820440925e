//! Whether a rule's examples tell the truth: `sluss rules check` and the tests ask it of every rule.

use super::{Normalised, Phrases};
use crate::config::rules::{
    RuleError,
    phrases::{PhraseRule, Place, Written},
};

/// Everything wrong with one rule by itself: it does not compile, an example that should hit does not, or the other way round.
pub fn verify(rule: &PhraseRule) -> Vec<RuleError> {
    let (phrases, mut errors) = Phrases::compile(vec![rule.clone()]);
    let Some(phrase) = phrases.rules.first() else { return errors };
    let mut wrong = |example: &Written, what: String, mend: &str| {
        let what = format!("{}: {what}", rule.id);
        let (file, line, mend) = (rule.file.clone(), example.line, mend.to_string());
        errors.push(RuleError { file, line, what, mend });
    };
    for example in &rule.hit {
        let texts = as_mail(rule, &example.text);
        if phrases.find(&texts).is_empty() {
            let what = match phrase.unmet(&texts, &phrases.expressions).as_slice() {
                [] => "the example is not hit: its groups stand too far apart".to_string(),
                unmet => format!("the example is not hit by group {unmet:?}"),
            };
            wrong(example, what, "correct the patterns or the example");
        }
    }
    for example in &rule.miss {
        if let Some(hit) = phrases.find(&as_mail(rule, &example.text)).first() {
            let what = format!("the example that should be left alone is hit, at {:?}", hit.quote);
            wrong(example, what, "make the patterns narrower");
        }
    }
    errors
}

/// An example as a mail: a first line "Subject: …" is the subject, the rest the body, or the hidden text if the rule reads only that.
fn as_mail(rule: &PhraseRule, example: &str) -> Normalised {
    let only = match rule.places.as_slice() {
        [place] => *place,
        _ => Place::Body,
    };
    let Some(rest) = example.strip_prefix("Subject: ") else {
        return Normalised::only(only, example);
    };
    let (subject, body) = rest.split_once('\n').unwrap_or((rest, ""));
    let place = if only == Place::Hidden { Place::Hidden } else { Place::Body };
    Normalised::only(place, body).with_subject(subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::rules::phrases::parse;

    fn rule(places: &str, hit: &str, miss: &str) -> PhraseRule {
        let text = format!(
            "[[rule]]\nid = 'phrase.a'\nabout = 'A.'\nplain = 'P.'\ncategory = 'spam'\nlanguages = ['sv']\nweight = 1.0\n\
             in = {places}\nwithin = 40\npatterns = ['paket']\nall = [['avgift']]\n\
             examples.hit = [{hit:?}]\nexamples.miss = [{miss:?}]\n"
        );
        parse("t.toml", &text).unwrap().remove(0)
    }

    #[test]
    fn examples_must_tell_the_truth() {
        let far = format!("paket {} avgift", "x".repeat(50));
        for (places, hit, miss, said) in [
            ("['body']", "Paket: avgift", "paket", ""),
            ("['body', 'subject']", "Subject: Paket\navgift", "Subject: Paket\nhej", ""),
            ("['subject']", "Paket: avgift", "Subject: Paket\navgift", ""),
            ("['hidden']", "Paket: avgift", "Subject: Paket\navgift", ""),
            (
                "['body']",
                "Paket",
                "hej",
                "t.toml:12: phrase.a: the example is not hit by group [2]",
            ),
            ("['body']", &far, "hej", "t.toml:12: phrase.a: the example is not hit: its groups"),
            ("['body']", "paket avgift", "avgift: paket", "t.toml:13: phrase.a: the example that"),
        ] {
            let errors = verify(&rule(places, hit, miss));
            let shown = errors.first().map_or(String::new(), ToString::to_string);
            assert!(errors.len() <= 1 && shown.starts_with(said), "{shown}");
            assert_eq!(errors.is_empty(), said.is_empty(), "{shown}");
        }
    }
}

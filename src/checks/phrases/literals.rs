//! The literals that every match of an expression must contain at least one of: what the prefilter looks for.

use crate::base::limits;
use regex_syntax::hir::{Hir, HirKind, literal::Extractor};
use std::cmp::Reverse;

/// Byte strings; in every text that `hir` matches at least one of them stands. `None` if there is no such set whose members
/// are long enough and few enough to be worth looking for.
pub(super) fn required(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let mut sets: Vec<Vec<Vec<u8>>> = prefixes(hir).into_iter().collect();
    match hir.kind() {
        // A match of a sequence begins somewhere inside itself at each of its members.
        HirKind::Concat(members) => {
            for (index, member) in members.iter().enumerate() {
                let rest = members.get(index..).unwrap_or_default();
                sets.extend(prefixes(&Hir::concat(rest.to_vec())));
                sets.extend(required(member));
            }
        }
        HirKind::Alternation(members) => {
            let each: Option<Vec<_>> = members.iter().map(required).collect();
            sets.extend(each.map(|each| each.into_iter().flatten().collect()));
        }
        HirKind::Capture(capture) => sets.extend(required(&capture.sub)),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            sets.extend(required(&repetition.sub));
        }
        HirKind::Repetition(_)
        | HirKind::Empty
        | HirKind::Literal(_)
        | HirKind::Class(_)
        | HirKind::Look(_) => (),
    }
    let sets = sets.into_iter().map(without_longer_twins).filter(|set| is_worth_it(set));
    sets.max_by_key(|set| (shortest(set).min(GOOD_ENOUGH_BYTES), Reverse(set.len())))
}

/// A literal this long is rare already; then fewer literals are better than longer ones.
const GOOD_ENOUGH_BYTES: usize = 8;

/// What a match can begin with, if that is few.
fn prefixes(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let mut extractor = Extractor::new();
    extractor.limit_total(limits::PHRASE_LITERALS_MAX);
    let literals = extractor.extract(hir);
    let literals = literals.literals()?.iter().map(|literal| literal.as_bytes().to_vec());
    Some(literals.collect())
}

/// Where `bank` is looked for, `bankid` need not be.
fn without_longer_twins(mut set: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    set.sort_by_key(Vec::len);
    let mut kept: Vec<Vec<u8>> = Vec::with_capacity(set.len());
    for literal in set {
        let covered = kept.iter().any(|short| {
            short.is_empty() || literal.windows(short.len()).any(|window| window == short)
        });
        if !covered {
            kept.push(literal);
        }
    }
    kept
}

fn is_worth_it(set: &[Vec<u8>]) -> bool {
    (1..=limits::PHRASE_LITERALS_MAX).contains(&set.len())
        && shortest(set) >= limits::PHRASE_LITERAL_BYTES_MIN
}

fn shortest(set: &[Vec<u8>]) -> usize {
    set.iter().map(Vec::len).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str) -> Option<Vec<String>> {
        let found = required(&regex_syntax::parse(pattern).unwrap())?;
        Some(found.into_iter().map(|literal| String::from_utf8(literal).unwrap()).collect())
    }

    #[test]
    fn finds_the_best_place_to_look() {
        for (pattern, want) in [
            (r"\bpaket", Some(&["paket"][..])),
            (r"[a-z]+faktura", Some(&["faktura"])),
            (
                r"\b(ditt|din) (paket|pakke)",
                Some(&["ditt paket", "ditt pakke", "din paket", "din pakke"]),
            ),
            (r"a.{0,40}kontot.{0,9}b", Some(&["kontot"])),
            (r"(abcd|[0-9]+efgh)", Some(&["abcd", "efgh"])),
            (r"(verify)?.{0,20}account", Some(&["account"])),
            (r"(?:bank|bankid)s", Some(&["banks", "bankids"])),
            (r"\bbank.{0,3}|bankid", Some(&["bank"])),
            (r"(nordea)+", Some(&["nordea"])),
            (r"\bå är", Some(&["å är"])),
            (r"\bbtc\b", None),
            (r"[0-9]{4}", None),
            (r"(abcd|[0-9])", None),
            (r".*", None),
            ("", None),
        ] {
            let mut got = of(pattern);
            let mut want =
                want.map(|want| want.iter().map(ToString::to_string).collect::<Vec<_>>());
            got.iter_mut().for_each(|got| got.sort());
            want.iter_mut().for_each(|want| want.sort());
            assert_eq!(got, want, "{pattern}");
        }
    }
}

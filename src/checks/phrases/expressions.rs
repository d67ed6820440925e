//! Regular expressions that are built when first needed and forgotten when there are too many.
//!
//! Four hundred of them built would take 50 MB; a mail needs a handful, and an organisation's mails need the same ones.

use crate::base::limits;
use regex::{Regex, RegexBuilder};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

/// Expressions by number. Shared between threads.
#[derive(Debug, Default)]
pub(super) struct Expressions {
    sources: Vec<String>,
    built: RwLock<BTreeMap<usize, Arc<Regex>>>,
}

impl Expressions {
    /// Takes one in and gives its number, after building it once to see that it can be built within our limits.
    pub(super) fn add(&mut self, source: String) -> Result<usize, regex::Error> {
        build(&source)?;
        self.sources.push(source);
        Ok(self.sources.len() - 1)
    }

    /// How many there are, built or not.
    pub(super) fn count(&self) -> usize {
        self.sources.len()
    }

    /// One of them, built. `None` only for a number that [`Expressions::add`] did not give.
    pub(super) fn get(&self, number: usize) -> Option<Arc<Regex>> {
        // A panic elsewhere leaves the map whole: each of its changes is one call.
        let built = self.built.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(regex) = built.get(&number) {
            return Some(Arc::clone(regex));
        }
        drop(built);
        let regex = Arc::new(build(self.sources.get(number)?).ok()?);
        let mut built = self.built.write().unwrap_or_else(PoisonError::into_inner);
        if built.len() >= limits::PHRASE_EXPRESSIONS_BUILT_MAX {
            built.clear();
        }
        built.insert(number, Arc::clone(&regex));
        Some(regex)
    }
}

fn build(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source)
        .size_limit(limits::REGEX_BYTES_MAX)
        .dfa_size_limit(limits::PHRASE_DFA_BYTES_MAX)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_are_kept_built() {
        let mut expressions = Expressions::default();
        for number in 0..2 * limits::PHRASE_EXPRESSIONS_BUILT_MAX + 1 {
            assert_eq!(expressions.add(format!("ord{number}$")), Ok(number));
            assert!(expressions.built.read().unwrap().is_empty());
        }
        for number in (0..expressions.count()).chain(0..expressions.count()) {
            assert!(expressions.get(number).unwrap().is_match(&format!("ord{number}")));
            let built = expressions.built.read().unwrap().len();
            assert!((1..=limits::PHRASE_EXPRESSIONS_BUILT_MAX).contains(&built));
        }
        assert!(expressions.get(expressions.count()).is_none());
        assert!(expressions.add("(".to_string()).is_err());
    }
}

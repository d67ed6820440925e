//! What is other in a new configuration than in the one before, in one line for the log. Names and paths, never values.

use super::{all_domains, origin::flat};
use crate::config::{DomainEntry, file::Config};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

/// What a reload changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Domains that were not there before.
    pub domains_added: usize,
    /// Domains that are gone.
    pub domains_removed: usize,
    /// Domains that are kept otherwise.
    pub domains_changed: usize,
    /// Paths of other values that differ, are new or are gone.
    pub paths: Vec<String>,
}

/// Compares two configurations.
pub fn difference(old: &Config, new: &Config) -> Difference {
    let mut difference = Difference { paths: differing_paths(old, new), ..Difference::default() };
    let (mut before, mut after) = (all_domains(old).peekable(), all_domains(new).peekable());
    // Few different ways of keeping, many domains: each pair of ways is compared once.
    let mut alike: HashMap<(usize, usize), bool> = HashMap::new();
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return difference,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(was), Some(is)) => was.name.cmp(is.name),
        };
        let was = if order.is_le() { before.next() } else { None };
        let is = if order.is_ge() { after.next() } else { None };
        match (was, is) {
            (Some(was), Some(is)) => {
                let ways = (was.kept, is.kept);
                let pair = (std::ptr::from_ref(ways.0).addr(), std::ptr::from_ref(ways.1).addr());
                let same = alike.entry(pair).or_insert_with(|| kept_alike(ways.0, ways.1));
                difference.domains_changed += usize::from(!*same);
            }
            (Some(_), None) => difference.domains_removed += 1,
            (None, _) => difference.domains_added += 1,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.domains_added, "added"),
            (self.domains_removed, "removed"),
            (self.domains_changed, "changed"),
        ];
        let mut words: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| match count {
                1 => format!("1 domain {what}"),
                count => format!("{count} domains {what}"),
            })
            .collect();
        words.extend(self.paths.iter().take(PATHS_SHOWN).cloned());
        if self.paths.len() > PATHS_SHOWN {
            words.push(format!("{} more", self.paths.len() - PATHS_SHOWN));
        }
        match words.is_empty() {
            true => f.write_str("nothing changed"),
            false => f.write_str(&words.join(", ")),
        }
    }
}

/// The same but for the name.
fn kept_alike(a: &DomainEntry, b: &DomainEntry) -> bool {
    *a == DomainEntry { name: a.name.clone(), ..b.clone() }
}

/// Values by their paths, those of domains left out; of the others those that are wanted.
pub(in crate::config) fn paths_but_domains(
    config: &Config,
    is_wanted: impl Fn(&str) -> bool,
) -> BTreeMap<String, toml::Value> {
    let without_domains = Config { domains: Vec::new(), ..config.clone() };
    let values = flat(&without_domains).into_iter().map(|(path, _, value)| (path, value));
    values.filter(|(path, _)| is_wanted(path)).collect()
}

fn differing_paths(old: &Config, new: &Config) -> Vec<String> {
    let values = |config: &Config| paths_but_domains(config, |_| true);
    let (old, new) = (values(old), values(new));
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    paths.into_iter().filter(|path| old.get(*path) != new.get(*path)).cloned().collect()
}

/// A line of the log is read by people.
const PATHS_SHOWN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::{DomainsFile, Kind, Stored, Written, merge};
    use std::path::Path;

    fn config(text: &str, domains: &str, stored: &[&str]) -> Config {
        let text = format!(
            "hostname = \"mx.example\"\ndomains-file = \"d\"\n[domain-defaults]\nnext-hop = \"smtp://h\"\n{text}"
        );
        let written = Written::parse(Path::new("sluss.toml"), text).unwrap();
        let files = vec![DomainsFile { file: "d".into(), text: domains.to_string() }];
        let mut layer = Stored::default();
        for name in stored {
            layer.add(Kind::Domain, name, "{}", 1);
        }
        merge(written.with_domains(files), &layer).unwrap().config
    }

    #[test]
    fn a_reload_says_what_is_other() {
        let entry = |name: &str| format!("[[domain]]\nname = \"{name}\"\n");
        let old = config(&entry("m.example"), "a.example\nb.example\n", &["s.example"]);
        for (new, want) in [
            (
                config(&entry("m.example"), "b.example\na.example", &["s.example"]),
                "nothing changed",
            ),
            // From one place to another, kept as it was.
            (
                config(&entry("a.example"), "m.example\ns.example", &["b.example"]),
                "nothing changed",
            ),
            (
                config(
                    "",
                    "a.example\nb.example\nc.example\nz.example mx recipients=any",
                    &["s.example"],
                ),
                "2 domains added, 1 domain removed",
            ),
            (
                config(&entry("m.example"), "a.example smtp://other\nb.example", &["s.example"]),
                "1 domain changed",
            ),
            (
                config(
                    &format!(
                        "{}[limits]\nconnections = 3\n[[policy]]\nname = \"p\"\nmark = 3.0\n",
                        entry("m.example")
                    ),
                    "a.example\nb.example",
                    &["s.example"],
                ),
                "limits.connections, policy.p.mark, policy.p.name",
            ),
        ] {
            assert_eq!(difference(&old, &new).to_string(), want);
        }
        let many = Difference {
            paths: (0..12).map(|n| format!("p{n}")).collect(),
            ..Difference::default()
        };
        assert!(many.to_string().ends_with("p9, 2 more"));
    }
}

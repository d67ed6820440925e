//! When a changed value takes effect: with the next reload, or only when the process begins anew. The one place that knows.
//!
//! What opens the stores, the name servers and the web's ports is read once, before root is given away. All else a reload puts in force.

use super::{file::Config, layers};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// When a changed value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// With a reload, which every change that is stored brings with it.
    Reload,
    /// When the gateway is started again.
    Restart,
}

impl Effect {
    /// Of the value under a path, as commands name it.
    pub fn of(path: &str) -> Effect {
        let is_in = |outer: &&str| {
            path.strip_prefix(*outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let is_read_once = AT_START.iter().any(is_in);
        match is_read_once && !LIVE.iter().any(is_in) {
            true => Effect::Restart,
            false => Effect::Reload,
        }
    }

    /// The word for it, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Effect::Reload => "reload",
            Effect::Restart => "restart",
        }
    }
}

/// Values, and sections of them, that are read when the process begins.
const AT_START: &[&str] = &[
    "allow-root",
    "data-dir",
    "dns.servers",
    "dns.trust-anchors",
    "reports.days",
    "store",
    "tls.acme.http",
    "user",
    "web.admin",
    "web.admin-tls",
    "web.public",
    "web.public-tls",
];

/// What in these sections is read anew each time all the same.
const LIVE: &[&str] = &["store.rejected-days"];

/// The values with which a process began, and that it does not read again.
#[derive(Debug, Clone, PartialEq)]
pub struct AtStart(BTreeMap<String, toml::Value>);

impl AtStart {
    /// Those of the configuration that it began with.
    pub fn of(config: &Config) -> AtStart {
        AtStart(layers::paths_but_domains(config, |path| Effect::of(path) == Effect::Restart))
    }

    /// Paths of values that are other in a configuration: they wait for a restart.
    pub fn other_in(&self, config: &Config) -> Vec<String> {
        let AtStart(now) = AtStart::of(config);
        let paths: BTreeSet<&String> = self.0.keys().chain(now.keys()).collect();
        paths.into_iter().filter(|path| self.0.get(*path) != now.get(*path)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_is_read_once_waits_for_a_restart() {
        for (path, want) in [
            ("dns.servers", Effect::Restart),
            ("dns.trust-anchors", Effect::Restart),
            ("dns.sender-domains", Effect::Reload),
            ("store.trace-days", Effect::Restart),
            ("store.rejected-days", Effect::Reload),
            ("tls.acme.http", Effect::Restart),
            ("tls.acme.names", Effect::Reload),
            ("web.admin", Effect::Restart),
            ("web.admin-name", Effect::Reload),
            ("web.public-url", Effect::Reload),
            ("user", Effect::Restart),
            ("limits.user-transactions-per-minute", Effect::Reload),
            ("policy.store.mark", Effect::Reload),
        ] {
            assert_eq!(Effect::of(path), want, "{path}");
        }
    }

    #[test]
    fn what_waits_is_what_differs_from_the_start() {
        let config = |more: &str| {
            let text = format!(
                "hostname = \"mx.example\"\n[dns]\nservers = [\"192.0.2.1:53\"]\n{more}[[domain]]\nname = \"a.example\"\nnext-hop = \"smtp://h\"\nrecipients = \"any\"\n"
            );
            Config::parse(Path::new("sluss.toml"), &text).unwrap()
        };
        let began = AtStart::of(&config(""));
        for (more, want) in [
            ("", &[][..]),
            ("sender-domains = false\n[limits]\nconnections = 7\n", &[]),
            (
                "[store]\ntrace-days = 5\nrejected-days = 3\n[web]\nadmin = \"127.0.0.1:1\"\n",
                &["store.trace-days", "web.admin"],
            ),
        ] {
            assert_eq!(began.other_in(&config(more)), want, "{more}");
        }
    }
}

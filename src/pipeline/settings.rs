//! One configuration in force: the file's values, compiled so that a mail finds what concerns it by one look-up.
//!
//! A reload builds a new one beside the old and swaps it whole; a mail in flight keeps the one it began with.

use crate::{
    checks::Phrases,
    config::{Config, DomainEntry, NextHop, Recipients, WhenAway, policy::Policy},
    examine::Examiner,
    mail::{Address, Domain},
    personal::Words,
    pipeline::courier::Route,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

/// A configuration in force.
pub struct Settings {
    /// The file's values.
    pub config: Config,
    /// What opens and scans a mail.
    pub examiner: Arc<dyn Examiner>,
    /// The phrase rules.
    pub phrases: Arc<Phrases>,
    /// Words that make a number a personal one.
    pub words: Arc<Words>,
    /// Signatures and phrases loaded, for `status`.
    pub rules_loaded: usize,
    /// There is at least one signature, or configuration says that none is needed.
    pub may_judge: bool,
    domains: HashMap<Domain, Arc<OwnDomain>>,
    first_domain: Option<Arc<OwnDomain>>,
    own_routes: Vec<Route>,
    outbound_policy: Arc<Policy>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("config", &self.config).finish_non_exhaustive()
    }
}

/// One of our domains.
#[derive(Debug)]
pub struct OwnDomain {
    /// As configured.
    pub entry: DomainEntry,
    /// Where its mail goes.
    pub route: Route,
    /// What is done with it.
    pub policy: Arc<Policy>,
    /// Who exists.
    pub known: KnownRecipients,
}

/// How one of our domains knows its recipients.
#[derive(Debug)]
pub enum KnownRecipients {
    /// Ask the next hop.
    Callout,
    /// Everybody.
    Any,
    /// These, as [`Address::key`].
    Listed(HashSet<String>),
}

/// What the loader read beside the configuration file.
pub struct Loaded {
    /// What opens and scans a mail.
    pub examiner: Arc<dyn Examiner>,
    /// The phrase rules.
    pub phrases: Phrases,
    /// Words that make a number a personal one.
    pub words: Arc<Words>,
    /// How many signatures there are.
    pub signatures: usize,
    /// Signatures and phrases together.
    pub rules: usize,
    /// Recipients by domain, for those with a file.
    pub recipients: HashMap<Domain, HashSet<String>>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Settings {
    /// Compiles. The configuration was checked when it was parsed, so there is nothing left to refuse.
    pub fn new(config: Config, mut loaded: Loaded) -> Settings {
        let policies: HashMap<String, Arc<Policy>> = config
            .policies
            .compile()
            .unwrap_or_default()
            .into_iter()
            .map(|(name, policy)| (name, Arc::new(policy)))
            .collect();
        let policy = |name: &str| policies.get(name).cloned().unwrap_or_default();
        let own = |entry: &DomainEntry| {
            let route = Route {
                hops: entry.next_hop.0.clone(),
                tls: entry.next_hop_tls.into(),
                // Only `mx` asks by the domain; without it all domains of one server share its connections.
                domain: entry.next_hop.0.contains(&NextHop::Mx).then(|| entry.name.clone()),
            };
            let known = match &entry.recipients {
                Recipients::Callout => KnownRecipients::Callout,
                Recipients::Any => KnownRecipients::Any,
                Recipients::File(_) => KnownRecipients::Listed(
                    loaded.recipients.remove(&entry.name).unwrap_or_default(),
                ),
            };
            Arc::new(OwnDomain {
                entry: entry.clone(),
                route,
                policy: policy(&entry.policy),
                known,
            })
        };
        let list: Vec<Arc<OwnDomain>> = config.domains.iter().map(own).collect();
        let own_routes: BTreeSet<Route> = list.iter().map(|own| own.route.clone()).collect();
        Settings {
            own_routes: own_routes.into_iter().collect(),
            examiner: loaded.examiner,
            phrases: Arc::new(loaded.phrases),
            words: loaded.words,
            rules_loaded: loaded.rules,
            may_judge: loaded.signatures > 0 || !config.rules.required,
            first_domain: list.first().cloned(),
            domains: list.into_iter().map(|domain| (domain.entry.name.clone(), domain)).collect(),
            outbound_policy: policy(&config.outbound.policy),
            config,
        }
    }

    /// The domain of ours an address is in. A bare `postmaster` is the first domain's (RFC 5321 section 4.1.1.3).
    pub fn own_domain(&self, address: &Address) -> Option<&Arc<OwnDomain>> {
        match address.domain() {
            Some(domain) => self.domains.get(domain),
            None if address.is_bare() => self.first_domain.as_ref(),
            // An address literal is none of ours.
            None => None,
        }
    }

    /// The different ways to our domains: a thousand domains on one server are one.
    pub fn own_routes(&self) -> &[Route] {
        &self.own_routes
    }

    /// All domains of ours.
    pub fn own_domains(&self) -> impl Iterator<Item = &Arc<OwnDomain>> {
        self.domains.values()
    }

    /// Where a recipient's mail goes, which policy it meets, and whether a next hop that is away makes it wait here.
    pub fn way_to(&self, address: &Address) -> Way {
        if let Some(own) = self.own_domain(address) {
            return Way {
                route: own.route.clone(),
                policy: own.policy.clone(),
                when_away: own.entry.when_away,
                own: true,
            };
        }
        let outbound = &self.config.outbound;
        let hops =
            outbound.smarthost.as_ref().map_or_else(|| vec![NextHop::Mx], |hops| hops.0.clone());
        let domain = hops.contains(&NextHop::Mx).then(|| address.domain().cloned()).flatten();
        Way {
            route: Route { hops, tls: outbound.tls.into(), domain },
            policy: self.outbound_policy.clone(),
            when_away: WhenAway::Spool,
            own: false,
        }
    }

    /// The policy for mail that our own networks send.
    pub fn outbound_policy(&self) -> &Arc<Policy> {
        &self.outbound_policy
    }
}

/// Where one recipient's mail goes.
#[derive(Debug, Clone)]
pub struct Way {
    /// The next hops.
    pub route: Route,
    /// What is done with it.
    pub policy: Arc<Policy>,
    /// While the next hop is away.
    pub when_away: WhenAway,
    /// The recipient is in a domain of ours.
    pub own: bool,
}

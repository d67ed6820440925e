//! What holds for the domains that a visitor may see, and which layer says so: read anew from the layers for each page of the section
//! Policy, so that it is what the next reload would read.

use super::{
    configuration::{is_a_name, is_whole, told},
    operate::can,
};
use crate::{
    base::limits,
    config::{
        layers::{AnyDomain, Kind, Merged, Origin, Target, Value, all_domains, domain_value},
        policy::{self, Mode, Policy},
    },
    edge::{
        http::{
            frame::{Frame, Section},
            rights::Right,
            site::Site,
            visit::Visitor,
            words::plain,
        },
        origins,
    },
    mail::{Domain, Organisation},
    store::{
        embedded::{ConfigDb, EntryNames},
        scope::Scope,
    },
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// All layers, as one visitor sees them.
pub(in crate::edge::http) struct Holds {
    pub(in crate::edge::http) merged: Merged,
    /// The newest stored version: what was stored later, the page does not show.
    pub(in crate::edge::http) version: u32,
    /// All values but those of long lists, flattened once: pages ask for those of one entry after the other. Each of a policy knows the
    /// version that said it last.
    values: Vec<Value>,
    policies: HashMap<String, Policy>,
    scope: Scope,
    only: Option<Organisation>,
}

/// Where a value is from, in the words of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct From {
    /// "locked", "stored" or "default"; "file" of an entry that stands there, though not all of its values do.
    pub(super) layer: &'static str,
    /// The file and line, or the version.
    pub(super) place: String,
}

impl Holds {
    /// Reads them. Never on a thread that others wait for.
    pub(in crate::edge::http) async fn read(
        site: &Site,
        visitor: &Visitor,
    ) -> Result<Holds, String> {
        let (layers, scope) = (site.layers().clone(), visitor.scope.clone());
        let folder = site.gateway().settings.load().config.data_dir.clone();
        let read = move || -> Result<Holds, String> {
            // The version first: a change between the two is then newer than what the page has seen.
            let db = ConfigDb::open_if_there(&folder).map_err(told)?;
            let newest = db.as_ref().map_or(Ok(Vec::new()), |db| db.versions(None, 1));
            let newest = newest.map_err(told)?;
            let merged = layers.source.read_layers(layers.data_dir());
            let merged = merged.map_err(|error| error.to_string())?;
            let mut values = merged.values();
            if let Some(db) = &db {
                // A policy is small; an organisation's lists are not, and their page shows a list as one value.
                origins::settle_of(db, &mut values, &[Kind::Policy]).map_err(told)?;
            }
            Ok(Holds {
                policies: merged.config.policies.compile().unwrap_or_default(),
                only: merged.config.only_organisation(),
                version: newest.first().map_or(0, |one| one.version),
                values,
                scope,
                merged,
            })
        };
        let read = tokio::task::spawn_blocking(read).await;
        read.map_err(|error| error.to_string())?.map_err(|why| plain(&why))
    }

    fn flat(&self) -> &[Value] {
        &self.values
    }

    /// The domains that the visitor may see, by name.
    pub(in crate::edge::http) fn domains(&self) -> impl Iterator<Item = AnyDomain<'_>> {
        all_domains(&self.merged.config).filter(|domain| self.covers(domain))
    }

    /// One of them.
    pub(in crate::edge::http) fn domain(&self, name: &str) -> Option<AnyDomain<'_>> {
        let name = Domain::parse(name).ok()?;
        self.domains().find(|domain| domain.name == name.as_str())
    }

    fn covers(&self, domain: &AnyDomain<'_>) -> bool {
        match &self.scope {
            Scope::Everything => true,
            Scope::Organisation(own) => self.owner(domain) == Some(own),
            Scope::Domains(own, domains) => {
                self.owner(domain) == Some(own)
                    && domains.iter().any(|one| one.as_str() == domain.name)
            }
            Scope::Mailbox(..) => false,
        }
    }

    /// Whose a domain is.
    pub(in crate::edge::http) fn owner<'a>(
        &'a self,
        domain: &AnyDomain<'a>,
    ) -> Option<&'a Organisation> {
        domain.kept.organisation.as_ref().or(self.only.as_ref())
    }

    /// The policy that a domain has which names none.
    pub(super) fn policy_of_owner<'a>(&'a self, domain: &AnyDomain<'a>) -> &'a str {
        self.said_by_owner(domain).unwrap_or(policy::DEFAULT_NAME)
    }

    fn said_by_owner<'a>(&'a self, domain: &AnyDomain<'a>) -> Option<&'a str> {
        let owner = self.owner(domain).and_then(|owner| self.organisation(owner));
        owner.and_then(|owner| owner.policy.as_deref())
    }

    /// The policies that the visitor's domains of this one's organisation have, and the one that they have which name none.
    pub(super) fn policies_of_owner<'a>(&'a self, domain: &AnyDomain<'a>) -> BTreeSet<&'a str> {
        let owner = self.owner(domain);
        // What a domain of others has is nothing to choose: who looks after those would lose it.
        let all = self.domains().filter(|one| self.owner(one) == owner);
        let mut found: BTreeSet<&str> = all.map(|one| self.policy_of(&one).0).collect();
        found.insert(self.policy_of_owner(domain));
        found
    }

    /// The policy of a domain, and who says that it is this one.
    pub(in crate::edge::http) fn policy_of<'a>(
        &'a self,
        domain: &AnyDomain<'a>,
    ) -> (&'a str, &'static str) {
        match (domain.kept.policy.as_deref(), self.said_by_owner(domain)) {
            (Some(own), _) => (own, "the domain says so"),
            (None, Some(owners)) => (owners, "its organisation says so"),
            (None, None) => (policy::DEFAULT_NAME, "nobody says otherwise"),
        }
    }

    /// How far it acts on a domain's mail, and who says so.
    pub(super) fn mode_of(&self, domain: &AnyDomain<'_>) -> (Mode, &'static str) {
        let own = self.policies.get(self.policy_of(domain).0).and_then(|policy| policy.mode);
        let owner = self.owner(domain).and_then(|owner| self.organisation(owner));
        match (own, owner.and_then(|owner| owner.mode)) {
            (Some(own), _) => (own, "its policy says so"),
            (None, Some(owners)) => (owners, "its organisation says so"),
            (None, None) => (Mode::default(), "nobody says otherwise"),
        }
    }

    fn organisation(&self, name: &Organisation) -> Option<&crate::config::OrganisationEntry> {
        self.merged.config.organisations.iter().find(|one| one.name == *name)
    }

    /// The policies that the visitor may see, and how many of its domains have each: all of them, or those of its own domains.
    pub(super) fn policies(&self) -> BTreeMap<&str, usize> {
        let mut found: BTreeMap<&str, usize> = match self.scope {
            Scope::Everything => self.policies.keys().map(|name| (name.as_str(), 0)).collect(),
            Scope::Organisation(_) | Scope::Domains(..) | Scope::Mailbox(..) => BTreeMap::new(),
        };
        for domain in self.domains() {
            *found.entry(self.policy_of(&domain).0).or_default() += 1;
        }
        found
    }

    /// One of them.
    pub(super) fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.get(name).filter(|_| self.policies().contains_key(name))
    }

    /// Is there a policy of this name, whoever has it?
    pub(super) fn knows_policy(&self, name: &str) -> bool {
        self.policies.contains_key(name)
    }

    /// The organisations that the visitor sees as a whole.
    pub(super) fn organisations(&self) -> Vec<&Organisation> {
        let entries = self.merged.config.organisations.iter().map(|one| &one.name);
        match &self.scope {
            Scope::Everything => entries.collect(),
            Scope::Organisation(own) => entries.filter(|name| *name == own).collect(),
            Scope::Domains(..) | Scope::Mailbox(..) => Vec::new(),
        }
    }

    /// The values of an entry: what stands behind its path.
    pub(in crate::edge::http) fn values(&self, kind: Kind, name: &str) -> Vec<Value> {
        let start = format!("{kind}.{name}.");
        let of_table = || {
            let name = Domain::parse(name).ok().filter(|_| kind == Kind::Domain)?;
            self.merged.config.domain_table.find(&name)
        };
        let mut values: Vec<Value> = match of_table() {
            Some(domain) => self.merged.domain_values(domain),
            None => {
                let all = self.flat().iter();
                all.filter(|value| value.path.starts_with(&start)).cloned().collect()
            }
        };
        values.retain_mut(|value| {
            let is_other = self.is_of_longer(kind, name, &value.path);
            let Some(rest) = value.path.strip_prefix(&start) else { return false };
            let own = rest != "name" && !is_other;
            value.path = rest.to_string();
            own
        });
        values
    }

    /// Does this value of an entry hold?
    pub(super) fn says(&self, target: &Target, value: &toml::Value) -> bool {
        let key = target.keys.join(".");
        let kept = match target.kind {
            Kind::Domain => domain_value(&key, value).unwrap_or_else(|_| value.clone()),
            Kind::Organisation | Kind::Policy | Kind::Setting => value.clone(),
        };
        let values = self.values(target.kind, &target.name);
        values.iter().any(|own| own.path == key && own.value == kept)
    }

    /// Is a path that begins with an entry's name one of another, whose name goes on: `policy.a.b.mark` beside a policy `a`?
    fn is_of_longer(&self, kind: Kind, name: &str, path: &str) -> bool {
        let longer = |other: &str| {
            other.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
                && path.starts_with(&format!("{kind}.{other}."))
        };
        match kind {
            // A domain's keys have no dots, and the name of another domain has.
            Kind::Domain => {
                path.strip_prefix(&format!("{kind}.{name}.")).is_some_and(|rest| rest.contains('.'))
            }
            Kind::Policy => self.policies.keys().any(|other| longer(other)),
            Kind::Organisation => {
                self.merged.config.organisations.iter().any(|one| longer(one.name.name()))
            }
            Kind::Setting => false,
        }
    }

    /// Is a policy one of the visitor's domains alone? Each domain that has it is theirs, and no other organisation's mail is judged by it.
    pub(in crate::edge::http) fn is_own(&self, name: &str) -> bool {
        let own = match &self.scope {
            Scope::Everything => return true,
            Scope::Organisation(own) => Some(own),
            Scope::Domains(..) => None,
            Scope::Mailbox(..) => return false,
        };
        // An organisation's policy is that of all its domains, and of what it sends.
        let named = self.merged.config.organisations.iter();
        let mut named = named.filter(|one| one.policy.as_deref() == Some(name));
        let mut having = all_domains(&self.merged.config)
            .filter(|domain| self.policy_of(domain).0 == name)
            .peekable();
        name != policy::DEFAULT_NAME
            && having.peek().is_some()
            && having.all(|domain| self.covers(&domain))
            && named.all(|one| Some(&one.name) == own)
    }

    /// May this visitor store that value, by whatever page or program?
    pub(in crate::edge::http) fn may_store(&self, visitor: &Visitor, target: &Target) -> bool {
        let keys: Vec<&str> = target.keys.iter().map(String::as_str).collect();
        can(visitor, Right::Policy)
            && match (&self.scope, target.kind) {
                (Scope::Everything, _) => true,
                (_, Kind::Policy) => !keys.is_empty() && self.is_own(&target.name),
                (Scope::Organisation(own), Kind::Organisation) => {
                    let is_theirs = matches!(
                        keys.as_slice(),
                        ["lists", "allow" | "block"] | ["protected-domains"] | ["partners"]
                    );
                    is_theirs && own.name() == target.name && self.organisations().contains(&own)
                }
                (_, Kind::Organisation | Kind::Domain | Kind::Setting) => false,
            }
    }

    /// May the visitor see what is stored of this entry?
    pub(in crate::edge::http) fn sees(&self, kind: Kind, name: &str) -> bool {
        self.scope == Scope::Everything
            || match kind {
                Kind::Policy => self.policies().contains_key(name),
                Kind::Organisation => self.organisations().iter().any(|one| one.name() == name),
                Kind::Domain => self.domain(name).is_some(),
                Kind::Setting => false,
            }
    }

    /// The entries that are the visitor's: whoever else has none of them is told nothing of their history.
    pub(super) fn own_entries(&self) -> EntryNames {
        let names = |kind: Kind| -> BTreeSet<String> {
            match kind {
                Kind::Policy => {
                    let all = self.policies().into_keys();
                    all.filter(|name| self.is_own(name)).map(str::to_string).collect()
                }
                Kind::Organisation => {
                    self.organisations().iter().map(ToString::to_string).collect()
                }
                Kind::Domain => self.domains().map(|domain| domain.name.to_string()).collect(),
                Kind::Setting => BTreeSet::new(),
            }
        };
        EntryNames {
            policies: names(Kind::Policy),
            organisations: names(Kind::Organisation),
            domains: names(Kind::Domain),
        }
    }

    /// All values that the visitor may see. Domains of long lists are among them only where they are the ones that are looked for, or the
    /// visitor's first ones.
    pub(in crate::edge::http) fn all_values(&self, under: &str) -> Vec<Value> {
        let target = Target::parse(under).ok().filter(|target| target.kind == Kind::Domain);
        let meant = target.and_then(|target| Domain::parse(&target.name).ok());
        let table = &self.merged.config.domain_table;
        let mut values = self.flat().to_vec();
        if self.scope == Scope::Everything {
            let found = meant.and_then(|name| table.find(&name));
            values.extend(found.into_iter().flat_map(|domain| self.merged.domain_values(domain)));
        } else {
            let policies = self.policies().into_keys().map(|name| (Kind::Policy, name.to_string()));
            let organisations = self.organisations().into_iter();
            let organisations = organisations.map(|one| (Kind::Organisation, one.to_string()));
            let mut entries: Vec<(Kind, String)> = policies.chain(organisations).collect();
            let is_meant = |domain: &AnyDomain<'_>| {
                meant.as_ref().is_none_or(|name| name.as_str() == domain.name)
            };
            let own: Vec<Domain> = self
                .domains()
                .filter(is_meant)
                .take(limits::WEB_PAGE_ROWS)
                .filter_map(|domain| Domain::parse(domain.name).ok())
                .collect();
            entries.extend(own.iter().map(|name| (Kind::Domain, name.to_string())));
            values.retain(|value| {
                entries.iter().any(|(kind, name)| {
                    value.path.starts_with(&format!("{kind}.{name}."))
                        && !self.is_of_longer(*kind, name, &value.path)
                })
            });
            let found = own.iter().filter_map(|name| table.find(name));
            values.extend(found.flat_map(|domain| self.merged.domain_values(domain)));
        }
        values.retain(|value| !is_a_name(&value.path));
        values
    }

    /// Where an entry is from.
    pub(super) fn from(&self, kind: Kind, name: &str) -> From {
        if let Some(place) = self.merged.stands(kind, name) {
            return From::of_entry(&place);
        }
        let path = format!("{kind}.{name}.name");
        let own = self.flat().iter().find(|value| value.path == path);
        own.map_or_else(|| From::of(&Origin::Default), |value| From::of(&value.origin))
    }
}

impl Holds {
    /// Where one value of an entry is from.
    pub(super) fn value_from(&self, target: &Target) -> From {
        if let Some(lock) = self.merged.lock(target) {
            return From::of(&lock);
        }
        let key = target.keys.join(".");
        let values = self.values(target.kind, &target.name);
        let own = values.iter().find(|value| value.path == key);
        own.map_or_else(|| From::of(&Origin::Default), |value| From::of(&value.origin))
    }

    /// Where a setting is from.
    pub(super) fn setting(&self, path: &str) -> From {
        let target = Target { kind: Kind::Setting, name: path.to_string(), keys: Vec::new() };
        if let Some(lock) = self.merged.lock(&target) {
            return From::of(&lock);
        }
        let is_it = |value: &&Value| {
            let rest = value.path.strip_prefix(path);
            // A list of tables has no value of its own.
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let own = self.flat().iter().find(is_it);
        own.map_or_else(|| From::of(&Origin::Default), |value| From::of(&value.origin))
    }
}

impl From {
    /// The place of a whole entry.
    pub(super) fn of_entry(origin: &Origin) -> From {
        match From::of(origin) {
            From { layer: "locked", place } => From { layer: "file", place },
            from => from,
        }
    }

    /// The place that locks it; empty: it may be changed here.
    pub(super) fn lock(&self) -> String {
        if self.layer == "locked" { self.place.clone() } else { String::new() }
    }

    pub(super) fn of(origin: &Origin) -> From {
        match origin {
            Origin::Default => From { layer: "default", place: String::new() },
            Origin::Stored { version } => {
                From { layer: "stored", place: format!("version {version}") }
            }
            Origin::File { .. } | Origin::CommandLine | Origin::Trial => {
                From { layer: "locked", place: plain(&origin.to_string()) }
            }
        }
    }
}

/// May this visitor change what is the whole site's?
pub(super) fn may_change(visitor: &Visitor) -> bool {
    is_whole(visitor) && super::operate::can(visitor, Right::Policy)
}

/// The frame of a page of the section, and the line of links to the others.
pub(super) fn frame(
    site: &Site,
    visitor: &Visitor,
    title: &str,
    place: &str,
) -> (Frame, Vec<Section>) {
    let section =
        |(path, name): &(&'static str, &'static str)| Section { path, name, here: *path == place };
    let pages = PAGES.iter().map(section).collect();
    (Frame::new(site, visitor, title, "/policy"), pages)
}

/// The pages of the section.
const PAGES: &[(&str, &str)] = &[
    ("/policy", "Policies"),
    ("/policy/lists", "Lists"),
    ("/policy/domains", "Domains"),
    ("/policy/partners", "Partners"),
    ("/policy/rules", "Findings"),
];

/// One value of a query or a path, so that it can stand in an address.
pub(super) fn in_address(text: &str) -> String {
    // A plus is a space behind the question mark only.
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A list that a page shows: at most one page of it, and how many more there are.
pub(super) fn first_rows<T>(mut rows: Vec<T>) -> (Vec<T>, usize) {
    let more = rows.len().saturating_sub(limits::WEB_PAGE_ROWS);
    rows.truncate(limits::WEB_PAGE_ROWS);
    (rows, more)
}

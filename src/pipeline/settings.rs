//! One configuration in force: the values of all layers, compiled so that a mail finds what concerns it by one look-up.
//!
//! A reload builds a new one beside the old and swaps it whole; a mail in flight keeps the one it began with.

use crate::{
    base::{limits, networks::Networks},
    checks::{House, Phrases},
    config::{
        Config, DomainEntry, NextHop, NextHopTls, OrganisationEntry, Recipients, WhenAway,
        lists::{Entry, Senders, Word},
        organisation::Code,
        partner::{self, Partners},
        policy::{self, Mode, Policy},
    },
    examine::Examiner,
    facts::{clamd::Clamd, dns_list::DnsLists},
    learn::classifier::Label,
    mail::{Address, Domain, Organisation, Peer, ReversePath},
    personal::Words,
    pipeline::{
        answer,
        bearing::Bearing,
        brands::Brands,
        courier::{Route, Towards},
        houses::Houses,
        judge::Came,
        outside::ListInForce,
        reported,
    },
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    net::IpAddr,
    path::PathBuf,
    sync::Arc,
};

/// A configuration in force.
pub struct Settings {
    /// The merged values of all layers.
    pub config: Config,
    /// What opens and scans a mail.
    pub examiner: Arc<dyn Examiner>,
    /// The phrase rules.
    pub phrases: Arc<Phrases>,
    /// Words that make a number a personal one.
    pub words: Arc<Words>,
    /// ClamAV, where there is one.
    pub clamd: Option<Arc<Clamd>>,
    /// Lists that are asked by the DNS.
    pub dns_lists: DnsLists,
    /// Lists of known-bad things.
    pub lists: Vec<ListInForce>,
    /// Signatures and phrases loaded, for `status`.
    pub rules_loaded: usize,
    /// There is at least one signature, or configuration says that none is needed.
    pub may_judge: bool,
    /// What destinations bear.
    pub bearing: Bearing,
    /// What is agreed with partners.
    pub partners: Partners,
    /// The relays in front of us, of all listeners.
    pub relays: Networks<()>,
    /// How each organisation looks to its people.
    pub brands: Brands,
    organisations: BTreeMap<Organisation, Arc<Hosted>>,
    /// What checks know of each organisation.
    houses: Houses,
    /// Those with a `[[domain]]`, and those of the domain table that are alike to no other.
    domains: HashMap<Domain, Arc<OwnDomain>>,
    /// What the domains of the table share, by [`crate::config::TableDomain::number`].
    shared: Vec<Option<Arc<OwnDomain>>>,
    /// Who may write as a domain, beside those that receive for it.
    writers: HashMap<Domain, Arc<Hosted>>,
    forward_domains: HashMap<Domain, Arc<Hosted>>,
    clients: Networks<Client>,
    shared_owner: Option<Arc<Hosted>>,
    senders: Senders,
    first_domain: Option<(Domain, Arc<OwnDomain>)>,
    /// Addresses whose mail we read ourselves, by [`reading_key`].
    readers: HashMap<String, Reader>,
    /// Spam traps, by [`Address::key`].
    traps: HashSet<String>,
    /// Where answers to digests go, of each organisation: to ourselves.
    answered: BTreeMap<Organisation, Arc<OwnDomain>>,
    own_routes: Vec<Route>,
}

/// An address whose mail we read ourselves.
#[derive(Debug)]
struct Reader {
    reading: Reading,
    own: Arc<OwnDomain>,
}

/// What is read in such a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// What others report about our mail.
    Reports,
    /// Mails of which whoever passes them on says that they are this.
    Marked(Label),
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("config", &self.config).finish_non_exhaustive()
    }
}

/// An organisation in force.
#[derive(Debug)]
pub struct Hosted {
    /// As configured.
    pub entry: OrganisationEntry,
    /// The policy of its domains that name none.
    pub policy: Arc<Policy>,
    /// The policy of what it sends.
    pub outbound_policy: Arc<Policy>,
    /// The domain of its rewritten senders; none while it has no domain at all.
    pub forward: Option<Domain>,
    /// Where its mail to the world goes.
    hops: Vec<NextHop>,
    senders: Senders,
}

impl Hosted {
    /// Its name.
    pub fn name(&self) -> &Organisation {
        &self.entry.name
    }
}

/// Who uses an outbound listener.
#[derive(Debug, Clone)]
pub enum Client {
    /// This organisation and no other.
    Of(Arc<Hosted>),
    /// A server that several share: the sender tells whose a mail is.
    Shared,
}

/// How domains of ours are kept: one value for all that are kept alike, so that a hundred thousand cost little more than their names.
#[derive(Debug)]
pub struct OwnDomain {
    /// Whose they are.
    pub organisation: Arc<Hosted>,
    /// While the next hop is away.
    pub when_away: WhenAway,
    /// Where their mail goes.
    pub route: Route,
    /// What is done with it.
    pub policy: Arc<Policy>,
    /// Who exists.
    pub known: KnownRecipients,
}

impl OwnDomain {
    /// The same for an address in it whose mail we read ourselves.
    fn read_by_us(&self) -> OwnDomain {
        OwnDomain {
            organisation: self.organisation.clone(),
            when_away: self.when_away,
            route: Route {
                hops: vec![NextHop::Internal],
                tls: NextHopTls::Off.into(),
                domain: None,
                towards: Towards::Own,
            },
            policy: self.policy.clone(),
            known: KnownRecipients::Any,
        }
    }
}

/// How one of our domains knows its recipients.
#[derive(Debug)]
pub enum KnownRecipients {
    /// Ask the next hop.
    Callout,
    /// Everybody.
    Any,
    /// These.
    Listed(Arc<Listed>),
    /// Those that we read mail for.
    Internal,
}

/// The addresses of a recipients file; several domains may name the same one.
#[derive(Debug, Default)]
pub struct Listed {
    /// Whole addresses, as [`Address::key`].
    pub addresses: HashSet<String>,
    /// Local parts in lower case, which exist in every domain that names the file.
    pub locals: HashSet<String>,
}

impl Listed {
    /// Does it stand there?
    pub fn contains(&self, address: &Address) -> bool {
        let key = address.key();
        let local = key.rsplit_once('@').map_or(key.as_str(), |(local, _)| local);
        self.locals.contains(local) || self.addresses.contains(&key)
    }
}

/// What the loader read beside the configuration file.
pub struct Loaded {
    /// What opens and scans a mail.
    pub examiner: Arc<dyn Examiner>,
    /// The phrase rules.
    pub phrases: Arc<Phrases>,
    /// Words that make a number a personal one.
    pub words: Arc<Words>,
    /// ClamAV, where there is one.
    pub clamd: Option<Arc<Clamd>>,
    /// Lists that are asked by the DNS.
    pub dns_lists: DnsLists,
    /// Lists of known-bad things.
    pub lists: Vec<ListInForce>,
    /// How many signatures there are.
    pub signatures: usize,
    /// Signatures and phrases together.
    pub rules: usize,
    /// Recipients by the file they stand in.
    pub recipients: HashMap<PathBuf, Arc<Listed>>,
}

#[cfg(test)]
impl Loaded {
    /// For tests: mail is opened by this, and nothing else is loaded.
    pub(super) fn only(examiner: Arc<dyn Examiner>, clock: &crate::base::clock::Clock) -> Loaded {
        Loaded {
            examiner,
            phrases: Arc::new(Phrases::default()),
            words: Arc::new(Words::shipped().unwrap()),
            clamd: None,
            dns_lists: DnsLists::new(&[], None, clock),
            lists: Vec::new(),
            signatures: 1,
            rules: 1,
            recipients: HashMap::new(),
        }
    }
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Settings {
    /// Compiles. The configuration was checked when it was parsed, so there is nothing left to refuse. As long as the structure that it
    /// fills: a value for each field, in the order in which they need each other.
    pub fn new(config: Config, loaded: Loaded) -> Settings {
        let policies: HashMap<String, Arc<Policy>> = config
            .policies
            .compile()
            .unwrap_or_default()
            .into_iter()
            .map(|(name, policy)| (name, Arc::new(policy)))
            .collect();
        let policy = |names: &[Option<&String>], owner: &OrganisationEntry| {
            let name = names.iter().flatten().next();
            let name = name.map_or(policy::DEFAULT_NAME, |name| name.as_str());
            let policy = policies.get(name).cloned().unwrap_or_default();
            // Only an organisation with a mode or a country of its own has policies of its own.
            let has_a_mode = policy.mode.is_none() && owner.mode.is_some();
            match has_a_mode || owner.country.is_some() {
                true => {
                    Arc::new(policy.within(owner.mode, owner.country.as_ref().map(Code::as_str)))
                }
                false => policy,
            }
        };
        let organisations = organisations(&config, policy);
        let owner = |named: Option<&Organisation>| {
            let only = || organisations.values().next().filter(|_| organisations.len() == 1);
            // The check has seen to it that there is one.
            named.map_or_else(only, |name| organisations.get(name)).cloned()
        };
        let mut alike: HashMap<Alike, Arc<OwnDomain>> = HashMap::new();
        let mut own = |entry: &DomainEntry| {
            let key = Alike::of(entry);
            if let Some(known) = key.as_ref().and_then(|key| alike.get(key)) {
                return Some((entry.name.clone(), known.clone()));
            }
            let organisation = owner(entry.organisation.as_ref())?;
            let route = Route {
                hops: entry.next_hop.0.clone(),
                tls: entry.next_hop_tls.into(),
                // Only `mx` asks by the domain; without it all domains of one server share its connections.
                domain: entry.next_hop.0.contains(&NextHop::Mx).then(|| entry.name.clone()),
                towards: match entry.next_hop_xclient {
                    true => Towards::OwnToldOfClient,
                    false => Towards::Own,
                },
            };
            let known = match &entry.recipients {
                _ if route.is_internal() => KnownRecipients::Internal,
                Recipients::Callout => KnownRecipients::Callout,
                Recipients::Any => KnownRecipients::Any,
                Recipients::File(file) => KnownRecipients::Listed(
                    loaded.recipients.get(file).cloned().unwrap_or_default(),
                ),
            };
            let names = [entry.policy.as_ref(), organisation.entry.policy.as_ref()];
            let policy = policy(&names, &organisation.entry);
            let when_away = entry.when_away;
            let made = Arc::new(OwnDomain { organisation, when_away, route, policy, known });
            if let Some(key) = key {
                alike.insert(key, made.clone());
            }
            Some((entry.name.clone(), made))
        };
        let table = &config.domain_table;
        let mut list: Vec<(Domain, Arc<OwnDomain>)> =
            config.domains.iter().filter_map(&mut own).collect();
        let shared: Vec<Option<Arc<OwnDomain>>> =
            table.kept().iter().map(|kept| own(kept).map(|(_, own)| own)).collect();
        let unlike = table.iter().filter(|domain| domain.kept.next_hop.0.contains(&NextHop::Mx));
        list.extend(unlike.filter_map(|domain| {
            let name = Domain::parse(domain.name).ok()?;
            own(&DomainEntry { name, ..domain.kept.clone() })
        }));
        let own_routes: BTreeSet<Route> = list
            .iter()
            .map(|(_, own)| own)
            .chain(shared.iter().flatten())
            .map(|own| own.route.clone())
            .collect();
        let first_of_table = || {
            let first = table.iter().next()?;
            Some((Domain::parse(first.name).ok()?, shared.get(first.number)?.clone()?))
        };
        let mut clients = Networks::default();
        for network in &config.outbound.networks {
            let client = match organisations.len() {
                1 => organisations.values().next().cloned().map_or(Client::Shared, Client::Of),
                _ => Client::Shared,
            };
            clients.insert(*network, client);
        }
        for hosted in organisations.values() {
            for network in &hosted.entry.networks {
                clients.insert(*network, Client::Of(hosted.clone()));
            }
        }
        let all = || organisations.values();
        let mut houses = Houses::of(all());
        for (domain, own) in &list {
            houses.add(domain, own);
        }
        for listed in table.iter() {
            if let (Ok(domain), Some(Some(own))) =
                (Domain::parse(listed.name), shared.get(listed.number))
            {
                houses.add(&domain, own);
            }
        }
        let domains: HashMap<Domain, Arc<OwnDomain>> = list.iter().cloned().collect();
        let learning = &config.learning;
        let marked = |label| move |address| (address, Reading::Marked(label));
        let read = config.reports.addresses.iter().map(|address| (address, Reading::Reports));
        let read = read
            .chain(learning.spam_reports.iter().map(marked(Label::Spam)))
            .chain(learning.ham_reports.iter().map(marked(Label::Ham)));
        let readers = read.filter_map(|(address, reading)| {
            let domain = address.domain()?;
            let of_table = || shared.get(table.find(domain)?.number)?.as_ref();
            let own = domains.get(domain).or_else(of_table)?;
            Some((reading_key(address), Reader { reading, own: Arc::new(own.read_by_us()) }))
        });
        let answered = list.iter().map(|(_, own)| own).chain(shared.iter().flatten());
        let answered = answered
            .map(|own| (own.organisation.name().clone(), Arc::new(own.read_by_us())))
            .collect();
        Settings {
            answered,
            houses: houses.built(),
            readers: readers.collect(),
            traps: learning.traps.iter().map(Address::key).collect(),
            relays: config
                .listeners
                .iter()
                .flat_map(|listener| listener.trusted_relays.iter().copied())
                .collect(),
            writers: all()
                .flat_map(|one| one.entry.send_as.iter().map(|name| (name.clone(), one.clone())))
                .collect(),
            forward_domains: all()
                .filter_map(|one| Some((one.forward.clone()?, one.clone())))
                .collect(),
            clients,
            senders: Senders::new(&config.lists),
            shared_owner: owner(config.outbound.organisation.as_ref()),
            own_routes: own_routes.into_iter().collect(),
            examiner: loaded.examiner,
            phrases: loaded.phrases,
            words: loaded.words,
            clamd: loaded.clamd,
            dns_lists: loaded.dns_lists,
            lists: loaded.lists,
            rules_loaded: loaded.rules,
            may_judge: loaded.signatures > 0 || !config.rules.required,
            first_domain: list.first().cloned().or_else(first_of_table),
            domains,
            shared,
            organisations,
            bearing: Bearing::of(&config),
            partners: Partners::new(&partner::all_of(&config)),
            brands: Brands::of(&config, &HashMap::new()),
            config,
        }
    }

    /// The same, with logos, by the file that each stands in.
    pub fn with_logos(self, logos: &HashMap<PathBuf, Bytes>) -> Settings {
        Settings { brands: Brands::of(&self.config, logos), ..self }
    }

    /// Is anybody outside asked about the inside of a mail?
    pub fn asks_others(&self) -> bool {
        self.clamd.is_some() || !self.lists.is_empty()
    }

    /// What is read here in the mail to a configured address; none: nobody configured it.
    pub fn reading(&self, address: &Address) -> Option<Reading> {
        Some(self.reader(address)?.reading)
    }

    fn reader(&self, address: &Address) -> Option<&Reader> {
        if self.readers.is_empty() {
            return None;
        }
        self.readers.get(&reading_key(address))
    }

    /// What people say of the mails that they pass on to this address; none: they say nothing by that.
    pub fn marks(&self, address: &Address) -> Option<Label> {
        match self.reading(address) {
            Some(Reading::Marked(label)) => Some(label),
            Some(Reading::Reports) => None,
            None => {
                let own = self.named(address.domain()?)?;
                own.route.is_internal().then(|| reported::label_of(address)).flatten()
            }
        }
    }

    /// Has nobody this address, so that what comes to it is spam?
    pub fn is_trap(&self, address: &Address) -> bool {
        !self.traps.is_empty() && self.traps.contains(&address.key())
    }

    /// How the domain of ours that an address is in is kept; an address whose mail we read is kept as if it were a domain of its own.
    /// A bare `postmaster` is the first domain's (RFC 5321 section 4.1.1.3).
    pub fn own_domain(&self, address: &Address) -> Option<&Arc<OwnDomain>> {
        if let Some(reader) = self.reader(address) {
            return Some(&reader.own);
        }
        match address.domain() {
            Some(domain) if answer::nonce(address).is_some() => {
                self.answered.get(self.named(domain)?.organisation.name())
            }
            Some(domain) => self.named(domain),
            None if address.is_bare() => self.first_domain.as_ref().map(|(_, own)| own),
            // An address literal is none of ours.
            None => None,
        }
    }

    fn named(&self, domain: &Domain) -> Option<&Arc<OwnDomain>> {
        self.domains.get(domain).or_else(|| {
            let number = self.config.domain_table.find(domain)?.number;
            self.shared.get(number)?.as_ref()
        })
    }

    /// Is it a domain of ours that takes mail?
    pub fn receives(&self, domain: &Domain) -> bool {
        self.named(domain).is_some()
    }

    /// The different ways to our domains: a thousand domains on one server are one.
    pub fn own_routes(&self) -> &[Route] {
        &self.own_routes
    }

    /// How many domains are ours.
    pub fn domain_count(&self) -> usize {
        self.config.domains.len() + self.config.domain_table.len()
    }

    /// How many of them have a policy in this mode.
    pub fn domains_in(&self, mode: Mode) -> usize {
        self.domains.values().filter(|own| own.policy.mode() == mode).count()
    }

    /// The organisations, by name.
    pub fn organisations(&self) -> impl Iterator<Item = &Arc<Hosted>> {
        self.organisations.values()
    }

    /// An organisation that is here.
    pub fn organisation(&self, name: &Organisation) -> Option<&Arc<Hosted>> {
        self.organisations.get(name)
    }

    /// What checks know of an organisation; nothing of one that is gone.
    pub fn house(&self, name: &Organisation) -> &House {
        self.houses.house(name)
    }

    /// What checks know of the organisations that a mail is for, each once.
    pub fn houses_of(&self, came: &Came) -> Vec<&House> {
        let recipients = came.envelope.recipients.iter().map(|recipient| &recipient.organisation);
        let names: BTreeSet<&Organisation> = recipients.chain([&came.organisation]).collect();
        names.into_iter().take(limits::HOUSES_OF_MAIL_MAX).map(|name| self.house(name)).collect()
    }

    /// The organisation that may write as this domain.
    pub fn writer(&self, domain: &Domain) -> Option<&Arc<Hosted>> {
        let receives = self.named(domain).map(|own| &own.organisation);
        receives.or_else(|| self.writers.get(domain)).or_else(|| self.forward_domains.get(domain))
    }

    /// The organisation whose rewritten senders (SRS) are in this domain.
    pub fn forwarder(&self, domain: &Domain) -> Option<&Arc<Hosted>> {
        self.forward_domains.get(domain)
    }

    /// Who is on an outbound listener: the account wins over the address. None: a stranger.
    pub fn client(&self, peer: &Peer) -> Option<Client> {
        match &peer.user {
            Some(user) => self.organisations.get(&user.organisation).cloned().map(Client::Of),
            None => self.clients.get(peer.address).cloned(),
        }
    }

    /// Is it the address of a client or of a relay of ours?
    pub fn is_own_address(&self, address: IpAddr) -> bool {
        self.clients.holds(address) || self.relays.holds(address)
    }

    /// What the lists say of a sender to this organisation: its own first, then the site's.
    pub fn listed(
        &self,
        organisation: &Hosted,
        sender: &ReversePath,
        client: IpAddr,
    ) -> Option<Word> {
        let own = organisation.senders.say(sender, client);
        own.or_else(|| self.senders.say(sender, client))
    }

    /// The line that keeps a sender out, and whether it is the organisation's; none where [`Settings::listed`] does not say so.
    pub fn blocking(
        &self,
        organisation: &Hosted,
        sender: &ReversePath,
        client: IpAddr,
    ) -> Option<(Entry, bool)> {
        match organisation.senders.say(sender, client) {
            Some(_) => Some((organisation.senders.blocking(sender, client)?, true)),
            None => Some((self.senders.blocking(sender, client)?, false)),
        }
    }

    /// Whose the mail of a shared server is when its sender tells nothing.
    pub fn shared_owner(&self) -> Option<&Arc<Hosted>> {
        self.shared_owner.as_ref()
    }

    /// Where a recipient's mail goes, which policy it meets, and whether a next hop that is away makes it wait here.
    /// To the world it goes the way of `organisation`.
    pub fn way_to(&self, address: &Address, organisation: &Organisation) -> Way {
        if let Some(own) = self.own_domain(address) {
            return Way {
                route: own.route.clone(),
                policy: own.policy.clone(),
                when_away: own.when_away,
                own: true,
            };
        }
        let outbound = &self.config.outbound;
        let hosted = self.organisations.get(organisation);
        let hops = match hosted {
            // What a smarthost does with a mail nobody can prove.
            _ if self.is_bound(address, organisation) => vec![NextHop::Mx],
            Some(hosted) => hosted.hops.clone(),
            // An organisation that is gone still has mail in the spool; it goes the common way.
            None => common_hops(&self.config),
        };
        let domain = hops.contains(&NextHop::Mx).then(|| address.domain().cloned()).flatten();
        Way {
            route: Route {
                tls: outbound.tls.into(),
                domain,
                towards: match hops.as_slice() {
                    [NextHop::Mx] => Towards::World,
                    _ => Towards::Smarthost,
                },
                hops,
            },
            policy: hosted.map(|hosted| hosted.policy.clone()).unwrap_or_default(),
            when_away: WhenAway::Spool,
            own: false,
        }
    }

    /// Does all mail to the world go to the recipients' own mail hosts?
    pub fn sends_straight(&self) -> bool {
        self.organisations.values().all(|hosted| hosted.hops == [NextHop::Mx])
    }

    /// Is mail of this organisation to this address bound to what was agreed with a partner?
    pub fn is_bound(&self, address: &Address, organisation: &Organisation) -> bool {
        address.domain().is_some_and(|domain| self.partners.binds(domain, organisation))
    }

    /// Does mail of an organisation go by the portal where that is the way that is left?
    pub fn has_portal(&self, organisation: &Organisation) -> bool {
        self.config.portal.enabled && self.portal_days(organisation) > 0
    }

    /// Countries far from here whose people an organisation has to do with.
    pub fn abroad(&self, organisation: &Organisation) -> &[String] {
        let hosted = self.organisation(organisation);
        hosted.map_or(&[], |hosted| hosted.entry.personal_data_countries.as_slice())
    }

    /// Is it marked who stands in its mail?
    pub fn marks_persons(&self, organisation: &Organisation) -> bool {
        let hosted = self.organisation(organisation);
        hosted.is_some_and(|hosted| hosted.entry.personal_data_same_person)
    }

    /// How many days its mail waits there.
    pub fn portal_days(&self, organisation: &Organisation) -> u64 {
        let own = self.organisation(organisation).and_then(|hosted| hosted.entry.portal_days);
        own.unwrap_or(self.config.portal.days)
    }

    /// The policy for what an organisation sends.
    pub fn outbound_policy(&self, organisation: &Organisation) -> Arc<Policy> {
        let hosted = self.organisations.get(organisation);
        hosted.map(|hosted| hosted.outbound_policy.clone()).unwrap_or_default()
    }
}

/// An address without what stands behind a `+`, in one case.
fn reading_key(address: &Address) -> String {
    let key = address.key().to_lowercase();
    match key.rsplit_once('@') {
        Some((local, domain)) => {
            let plain = local.split_once('+').map_or(local, |(plain, _)| plain);
            format!("{plain}@{domain}")
        }
        None => key,
    }
}

/// What makes two domains alike. None where a domain is alike to no other: `mx` asks for its own.
#[derive(PartialEq, Eq, Hash)]
struct Alike {
    organisation: Option<Organisation>,
    policy: Option<String>,
    hops: Vec<NextHop>,
    tls: NextHopTls,
    xclient: bool,
    recipients: Recipients,
    when_away: WhenAway,
}

impl Alike {
    fn of(entry: &DomainEntry) -> Option<Alike> {
        (!entry.next_hop.0.contains(&NextHop::Mx)).then(|| Alike {
            organisation: entry.organisation.clone(),
            policy: entry.policy.clone(),
            hops: entry.next_hop.0.clone(),
            tls: entry.next_hop_tls,
            xclient: entry.next_hop_xclient,
            recipients: entry.recipients.clone(),
            when_away: entry.when_away,
        })
    }
}

fn common_hops(config: &Config) -> Vec<NextHop> {
    config.outbound.smarthost.as_ref().map_or_else(|| vec![NextHop::Mx], |hops| hops.0.clone())
}

/// The organisations as configured, or the implied one.
fn organisations(
    config: &Config,
    policy: impl Fn(&[Option<&String>], &OrganisationEntry) -> Arc<Policy>,
) -> BTreeMap<Organisation, Arc<Hosted>> {
    let implied = [OrganisationEntry::named(Organisation::implied())];
    let entries = match config.organisations.as_slice() {
        [] => implied.as_slice(),
        written => written,
    };
    let only = config.only_organisation();
    let mut first_domains: HashMap<&Organisation, &Domain> = HashMap::new();
    // Of those kept alike the table names the first.
    for domain in config.domains.iter().chain(config.domain_table.kept()) {
        if let Some(owner) = domain.organisation.as_ref().or(only.as_ref()) {
            first_domains.entry(owner).or_insert(&domain.name);
        }
    }
    let hosted = |entry: &OrganisationEntry| Hosted {
        policy: policy(&[entry.policy.as_ref()], entry),
        outbound_policy: policy(&[entry.policy.as_ref(), config.outbound.policy.as_ref()], entry),
        forward: entry
            .forward_domain
            .clone()
            .or_else(|| first_domains.get(&entry.name).map(|domain| (*domain).clone())),
        hops: entry.smarthost.as_ref().map_or_else(|| common_hops(config), |hops| hops.0.clone()),
        senders: Senders::new(&entry.lists),
        entry: entry.clone(),
    };
    entries.iter().map(|entry| (entry.name.clone(), Arc::new(hosted(entry)))).collect()
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

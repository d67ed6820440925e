//! What no single value of a configuration shows: names that are used but not made, doubles, and values that read well but make no sense.

use crate::{
    base::{limits, networks, units},
    config::{
        acme,
        branding::Ground,
        control,
        destination::{self, Authorities},
        error::Step::{self, At, Key},
        file::{Config, CourseEntry, DomainEntry, Limits, NextHops, PolicyEntry, Recipients},
        next_hop::NextHop,
        organisation::OrganisationEntry,
        own_sts::OwnStsMode,
        partner,
        policy_rule::Rule,
        portal::CodeBy,
        reports::TlsReports,
    },
    mail::{Address, Direction, Domain, Organisation},
};
use ipnet::IpNet;
use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    time::Duration,
};

/// What is wrong: where, in words, and the mend.
pub(super) struct Mistake {
    /// The way to the value.
    pub place: Vec<Step>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub mend: String,
}

/// The first mistake in a configuration, by topic.
pub(super) fn check(config: &Config) -> Result<(), Mistake> {
    policies(config)?;
    organisations(config)?;
    domains(config)?;
    outbound(config)?;
    if let Err((place, message, mend)) =
        destination::check(config).and_then(|()| partner::check(config))
    {
        return wrong(&place, message, mend);
    }
    listeners(config)?;
    if let Err((place, message, mend)) = acme::check(config) {
        return wrong(&place, message, mend);
    }
    dns_lists(config)?;
    admission(config)?;
    bounds(&config.limits)?;
    reports(config)?;
    campaign(config)?;
    learning(config)?;
    digest(config)?;
    portal(config)?;
    audit(config)?;
    if let Err((place, message, mend)) = control::check(config) {
        return wrong(&place, message, mend);
    }
    own_sts(config)?;
    store(config)
}

fn dns_lists(config: &Config) -> Result<(), Mistake> {
    if config.dns_lists.len() > limits::DNS_LISTS_MAX {
        let message = format!("there are {} DNS lists", config.dns_lists.len());
        let place = [Key("dns-list"), At(limits::DNS_LISTS_MAX)];
        return wrong(&place, message, "keep to 50: all of them are asked about each mail");
    }
    let mut names = HashSet::new();
    for (number, list) in config.dns_lists.iter().enumerate() {
        if !names.insert(&list.name) {
            return wrong(
                &[Key("dns-list"), At(number), Key("name")],
                format!("two DNS lists are called {:?}", list.name),
                "give each [[dns-list]] its own name",
            );
        }
    }
    Ok(())
}

fn wrong(place: &[Step], message: String, mend: &str) -> Result<(), Mistake> {
    Err(Mistake { place: place.to_vec(), message, mend: mend.to_string() })
}

fn policies(config: &Config) -> Result<(), Mistake> {
    let mut names = HashSet::new();
    for (number, entry) in config.policies.entries().iter().enumerate() {
        let name = &entry.name;
        let here = [Key("policy"), At(number)];
        if !names.insert(name) {
            let message = format!("two policies are called {name:?}");
            return wrong(
                &[&here[..], &[Key("name")]].concat(),
                message,
                "give each [[policy]] its own name; without one it is \"default\"",
            );
        }
        if let Some(score) = entry.greylist
            && !(score.is_finite() && score >= 0.0)
        {
            return wrong(
                &[&here[..], &[Key("greylist")]].concat(),
                format!("greylist = {score} is no score"),
                "write a number from zero, such as 2.0, or leave the line out",
            );
        }
        rules(&here, entry)?;
        scores(&here, &entry.both)?;
        let courses = [(Key("inbound"), &entry.inbound), (Key("outbound"), &entry.outbound)];
        for (step, course) in courses {
            if let Some(course) = course {
                scores(&[&here[..], &[step]].concat(), course)?;
            }
        }
        if let Err(why) = entry.compile() {
            return wrong(&here, format!("policy {name:?}: {why}"), "let the scores rise");
        }
    }
    Ok(())
}

/// Each mail is held against all rules of its policies.
fn rules(policy_at: &[Step], entry: &PolicyEntry) -> Result<(), Mistake> {
    let place = [policy_at, &[Key("rules")]].concat();
    let (rules_max, words_max) = (limits::RULES_OF_POLICY_MAX, limits::RULE_WORDS_OF_POLICY_MAX);
    if entry.rules.len() > rules_max {
        let message =
            format!("there are {} rules, at most {rules_max} are read", entry.rules.len());
        return wrong(&place, message, "keep to those that are needed; phrases may be files");
    }
    let words: usize = entry.rules.values().map(Rule::words).sum();
    if words > words_max {
        let message = format!("its rules look for {words} words, at most {words_max} are read");
        return wrong(&place, message, "keep to those that are needed; phrases may be files");
    }
    Ok(())
}

fn scores(course_at: &[Step], course: &CourseEntry) -> Result<(), Mistake> {
    let scores = [
        ("mark", course.mark),
        ("quarantine", course.quarantine),
        ("reject", course.reject),
        ("phish", course.phish),
    ];
    for (key, score) in scores {
        if let Some(score) = score
            && !(score.is_finite() && score > 0.0)
        {
            return wrong(
                &[course_at, &[Key(key)]].concat(),
                format!("{key} = {score} is no score"),
                "write a number above zero; one that is never reached, such as 1000, turns it off",
            );
        }
    }
    Ok(())
}

fn organisations(config: &Config) -> Result<(), Mistake> {
    let owned: HashMap<&Domain, &Organisation> = config
        .domains
        .iter()
        .filter_map(|domain| Some((&domain.name, domain.organisation.as_ref()?)))
        .collect();
    let (mut names, mut networks) = (HashSet::new(), HashSet::new());
    networks.extend(config.outbound.networks.iter().map(|network| networks::canonical(*network)));
    for (number, entry) in config.organisations.iter().enumerate() {
        let place = |key| [Key("organisation"), At(number), Key(key)];
        let name = &entry.name;
        if !names.insert(name) {
            let message = format!("two organisations are called {name}");
            return wrong(&place("name"), message, "give each [[organisation]] its own name");
        }
        if let Some(policy) = &entry.policy {
            policy_is_there(config, policy, &place("policy"))?;
        }
        for (at, network) in entry.networks.iter().enumerate() {
            let place = [&place("networks")[..], &[At(at)]].concat();
            not_too_wide(*network, &place)?;
            if !networks.insert(networks::canonical(*network)) {
                return wrong(
                    &place,
                    format!(
                        "{network} stands here twice, so whose mail comes from it cannot be said"
                    ),
                    "let it stand with one organisation, or in [outbound] networks if several share it",
                );
            }
        }
        let forward = entry.forward_domain.iter().map(|domain| ("forward-domain", domain));
        let send_as = entry.send_as.iter().map(|domain| ("send-as", domain));
        for (key, domain) in forward.chain(send_as) {
            let of_table = || {
                config.domain_table.find(domain).and_then(|found| found.kept.organisation.as_ref())
            };
            if let Some(owner) = owned.get(domain).copied().or_else(of_table)
                && owner != name
            {
                return wrong(
                    &place(key),
                    format!("{domain} belongs to {owner}, so {name} cannot write as {domain}"),
                    "name a domain of this organisation, or one that nobody here receives for",
                );
            }
        }
        imitated(entry, number)?;
        branding(entry, number)?;
        if matches!(&entry.smarthost, Some(NextHops(hops)) if hops.is_empty()) {
            return wrong(
                &place("smarthost"),
                "smarthost is an empty list".to_string(),
                "write smarthost = \"smtp://HOST:PORT\", or leave the line out",
            );
        }
        if entry.quarantine_days == Some(0) {
            let message = "quarantine-days = 0 would throw everything away at once".to_string();
            return wrong(&place("quarantine-days"), message, "write at least 1");
        }
        if let Some(strange) =
            entry.personal_data_countries.iter().find(|one| !ABROAD.contains(&one.as_str()))
        {
            let message = format!("{strange:?} is no country whose numbers are known from afar");
            let mend = "write some of \"de\", \"es\", \"fr\", \"gb\", \"it\", \"nl\", \"pl\", \"us\"; the north is always looked for";
            return wrong(&place("personal-data-countries"), message, mend);
        }
        if entry.portal_days.is_some_and(|days| days > limits::PARCEL_DAYS_MAX) {
            let message = "portal-days is longer than a year".to_string();
            return wrong(&place("portal-days"), message, "write 0 to 365");
        }
    }
    Ok(())
}

/// Countries whose people's numbers are looked for where they are named, or where an organisation says so.
const ABROAD: [&str; 8] = ["de", "es", "fr", "gb", "it", "nl", "pl", "us"];

/// What people are to read must be readable.
fn branding(entry: &OrganisationEntry, number: usize) -> Result<(), Mistake> {
    let Some(branding) = &entry.branding else { return Ok(()) };
    let place = |key| [Key("organisation"), At(number), Key("branding"), Key(key)];
    let colours = [
        ("colour", branding.colour, Ground::Light, "on white and light grounds", "darker"),
        ("colour-dark", branding.colour_dark, Ground::Dark, "on dark grounds", "lighter"),
    ];
    for (key, colour, ground, where_to, mend) in colours {
        let Some(colour) = colour.filter(|colour| !colour.is_readable(ground)) else { continue };
        // Cut and not rounded: what is a hair under the bound must not look as if it reached it.
        let contrast = (colour.contrast_on(ground) * 10.0).floor() / 10.0;
        let message = format!(
            "{colour} cannot be read {where_to}: its contrast is {contrast:.1} to 1, and words need 4.5 to 1"
        );
        let better = colour.made_readable(ground);
        let mend = format!("write a {mend} one; the nearest of its kind is {key} = \"{better}\"");
        return wrong(&place(key), message, &mend);
    }
    if branding.colour_dark.is_some() && branding.colour.is_none() {
        let message = "colour-dark has no colour beside it".to_string();
        return wrong(&place("colour-dark"), message, "write colour as well, for light grounds");
    }
    let name = branding.name.as_deref().unwrap_or("-");
    let letters = name.chars().count();
    if name.trim().is_empty()
        || letters > limits::BRAND_NAME_LETTERS_MAX
        || name.chars().any(char::is_control)
    {
        let most = limits::BRAND_NAME_LETTERS_MAX;
        let message = format!("the name has {letters} letters, or lines");
        return wrong(&place("name"), message, &format!("write 1 to {most} letters in one line"));
    }
    Ok(())
}

/// The people and domains that are guarded against imitation.
fn imitated(entry: &OrganisationEntry, number: usize) -> Result<(), Mistake> {
    let place = |key| [Key("organisation"), At(number), Key(key)];
    if entry.vips.len() > limits::VIPS_MAX {
        let message = format!("more than {} vips", limits::VIPS_MAX);
        return wrong(&place("vips"), message, "name those in whose name money is asked for");
    }
    if let Some(at) = entry.vips.iter().position(|vip| !vip.has_two_names()) {
        return wrong(
            &[&place("vips")[..], &[At(at), Key("name")]].concat(),
            format!(
                "{:?} is the name of too many people",
                entry.vips.get(at).map_or("", |vip| vip.name.as_str())
            ),
            "write first and last name",
        );
    }
    if entry.protected_domains.len() > limits::PROTECTED_DOMAINS_MAX {
        let message = format!("more than {} protected-domains", limits::PROTECTED_DOMAINS_MAX);
        return wrong(&place("protected-domains"), message, "name those that are imitated");
    }
    Ok(())
}

/// Who owns what names no owner? Only while there is one to choose from does that need no words.
fn owner_is_there(
    config: &Config,
    named: Option<&Organisation>,
    what: &str,
    place: &[Step],
) -> Result<(), Mistake> {
    let known = |name: &Organisation| {
        config.organisations.iter().any(|entry| entry.name == *name)
            || (config.organisations.is_empty() && *name == Organisation::implied())
    };
    match named {
        Some(name) if !known(name) => {
            let message = format!("there is no organisation called {name}");
            wrong(place, message, &format!("write an [[organisation]] with name = \"{name}\""))
        }
        None if config.only_organisation().is_none() => wrong(
            place,
            format!("there are several organisations, and {what} belongs to none"),
            "write organisation = \"NAME\"",
        ),
        Some(_) | None => Ok(()),
    }
}

fn domains(config: &Config) -> Result<(), Mistake> {
    let mut names = HashSet::new();
    for (number, domain) in config.domains.iter().enumerate() {
        let place = |key| [Key("domain"), At(number), Key(key)];
        let name = &domain.name;
        if !names.insert(name) {
            let message = format!("the domain {name} stands here twice");
            return wrong(&place("name"), message, "remove one [[domain]]");
        }
        if domain.next_hop.0.is_empty() {
            let message = format!("the domain {name} has no next hop");
            return wrong(&place("next-hop"), message, "write next-hop = \"smtp://HOST:PORT\"");
        }
        let what = format!("the domain {name}");
        owner_is_there(config, domain.organisation.as_ref(), &what, &place("organisation"))?;
        if let Some(policy) = &domain.policy {
            policy_is_there(config, policy, &place("policy"))?;
        }
        somebody_can_be_asked(domain, &place("recipients"))?;
    }
    Ok(())
}

/// A folder and the MX of a domain would say yes to everybody, and every address would seem to exist.
fn somebody_can_be_asked(domain: &DomainEntry, place: &[Step]) -> Result<(), Mistake> {
    let mute = domain.next_hop.0.iter().find(|hop| !hop.can_be_asked());
    // We know ourselves whom we read mail for.
    let mute = mute.filter(|hop| **hop != NextHop::Internal);
    match (&domain.recipients, mute) {
        (Recipients::Callout, Some(hop)) => wrong(
            place,
            format!(
                "recipients = \"callout\" asks the next hop of {}, and \"{hop}\" cannot be asked",
                domain.name
            ),
            "write recipients = \"any\", or the path of a file with one address a line",
        ),
        (Recipients::Callout | Recipients::Any | Recipients::File(_), _) => Ok(()),
    }
}

fn policy_is_there(config: &Config, name: &str, place: &[Step]) -> Result<(), Mistake> {
    if config.policies.has(name) {
        return Ok(());
    }
    let message = format!("there is no policy called {name:?}");
    wrong(place, message, &format!("write a [[policy]] with name = {name:?}"))
}

fn outbound(config: &Config) -> Result<(), Mistake> {
    let outbound = &config.outbound;
    if let Some(policy) = &outbound.policy {
        policy_is_there(config, policy, &[Key("outbound"), Key("policy")])?;
    }
    if outbound.organisation.is_some() || !outbound.networks.is_empty() {
        let place = [Key("outbound"), Key("organisation")];
        let what = "what shared networks send without a sender of their own";
        owner_is_there(config, outbound.organisation.as_ref(), what, &place)?;
    }
    if matches!(&config.outbound.smarthost, Some(NextHops(hops)) if hops.is_empty()) {
        return wrong(
            &[Key("outbound"), Key("smarthost")],
            "smarthost is an empty list".to_string(),
            "write smarthost = \"smtp://HOST:PORT\", or leave the line out to send to the MX of each domain",
        );
    }
    if outbound.mta_sts_authorities == Authorities::Any {
        return wrong(
            &[Key("outbound"), Key("mta-sts-authorities")],
            "anybody may vouch for policies: whoever is in between could write them".to_string(),
            "write \"system\", or the path of a PEM file",
        );
    }
    for (number, network) in outbound.networks.iter().enumerate() {
        not_too_wide(*network, &[Key("outbound"), Key("networks"), At(number)])?;
    }
    Ok(())
}

fn not_too_wide(network: IpNet, place: &[Step]) -> Result<(), Mistake> {
    let (prefix_min, of) = match networks::canonical(network) {
        IpNet::V4(_) => (limits::OUTBOUND_PREFIX_MIN_V4, "IPv4"),
        IpNet::V6(_) => (limits::OUTBOUND_PREFIX_MIN_V6, "IPv6"),
    };
    if networks::canonical(network).prefix_len() >= prefix_min {
        return Ok(());
    }
    wrong(
        place,
        format!("{network} lets strangers send through us: an open relay"),
        &format!("write your own networks; for {of} none may be wider than /{prefix_min}"),
    )
}

fn listeners(config: &Config) -> Result<(), Mistake> {
    let (mut names, mut bound) = (HashSet::new(), HashSet::new());
    for (number, listener) in config.listeners.iter().enumerate() {
        let place = |key| [Key("listener"), At(number), Key(key)];
        port_is_there(&listener.bind, &place("bind"))?;
        if !bound.insert(listener.bind) {
            let message = format!("two listeners want {}", listener.bind);
            return wrong(&place("bind"), message, "give each its own port");
        }
        if listener.direction == Direction::Outbound && !listener.trusted_relays.is_empty() {
            let message = format!("listener {:?} takes mail from our own clients", listener.name);
            let mend = "write trusted-relays on an inbound listener";
            return wrong(&place("trusted-relays"), message, mend);
        }
        for network in &listener.trusted_relays {
            not_too_wide(*network, &place("trusted-relays"))?;
        }
        if !names.insert(&listener.name) {
            let message = format!("two listeners are called {:?}", listener.name);
            return wrong(&place("name"), message, "give each its own name");
        }
        if listener.auth == Some(true) && !listener.could_offer_auth() {
            let message = format!("listener {:?} cannot offer auth", listener.name);
            return wrong(
                &place("auth"),
                message,
                "users log in on listeners with direction = \"outbound\" and TLS; leave the line out on others",
            );
        }
        for (entry, network) in listener.proxy_protocol_from.iter().enumerate() {
            let prefix_min = match network {
                IpNet::V4(_) => limits::OUTBOUND_PREFIX_MIN_V4,
                IpNet::V6(_) => limits::OUTBOUND_PREFIX_MIN_V6,
            };
            if network.prefix_len() < prefix_min {
                return wrong(
                    &[&place("proxy-protocol-from")[..], &[At(entry)]].concat(),
                    format!("{network} lets strangers pretend to be anybody"),
                    "write the addresses of your balancers",
                );
            }
        }
    }
    let challenges = config.tls.acme.as_ref().and_then(|acme| acme.http);
    for (place, address) in [
        (&[Key("web"), Key("public")][..], config.web.public),
        (&[Key("web"), Key("admin")], config.web.admin),
        (&[Key("tls"), Key("acme"), Key("http")], challenges),
    ] {
        let Some(address) = address else { continue };
        port_is_there(&address, place)?;
        if !bound.insert(address) {
            let message = format!("{address} is wanted twice");
            return wrong(place, message, "give each its own port");
        }
    }
    for (number, server) in config.dns.servers.iter().enumerate() {
        port_is_there(server, &[Key("dns"), Key("servers"), At(number)])?;
    }
    Ok(())
}

fn port_is_there(address: &SocketAddr, place: &[Step]) -> Result<(), Mistake> {
    if address.port() != 0 {
        return Ok(());
    }
    wrong(place, format!("{address} has port 0, which is none"), "write a port from 1 to 65535")
}

fn admission(config: &Config) -> Result<(), Mistake> {
    let wait = config.admission.early_talker_wait.0;
    if wait <= limits::EARLY_TALKER_WAIT_MAX {
        return Ok(());
    }
    let message = format!("early-talker-wait = \"{}\" is too long", units::show_span(wait));
    let mend = format!("write at most \"{}\"", units::show_span(limits::EARLY_TALKER_WAIT_MAX));
    wrong(&[Key("admission"), Key("early-talker-wait")], message, &mend)
}

fn bounds(bounds: &Limits) -> Result<(), Mistake> {
    let nothing = [
        ("message-bytes", bounds.message_bytes.0 == 0),
        ("connections", bounds.connections == 0),
        ("connections-per-address", bounds.connections_per_address == 0),
        ("connections-per-network", bounds.connections_per_network == 0),
        ("transactions-per-minute", bounds.transactions_per_minute == 0),
        ("user-transactions-per-minute", bounds.user_transactions_per_minute == Some(0)),
        ("log-in-failures-per-address", bounds.log_in_failures_per_address == 0),
        ("log-in-failures-per-user", bounds.log_in_failures_per_user == 0),
        ("new-account-recipients-per-hour", bounds.new_account_recipients_per_hour == 0),
        ("resident-bytes", bounds.resident_bytes.0 == 0),
        ("connections-per-destination", bounds.connections_per_destination == 0),
        ("connections-per-next-hop", bounds.connections_per_next_hop == 0),
        ("mails-per-connection", bounds.mails_per_connection == 0),
    ];
    if let Some((key, _)) = nothing.iter().find(|(_, zero)| *zero) {
        let message = format!("with {key} at zero no mail would be taken or carried at all");
        return wrong(&[Key("limits"), Key(key)], message, "write more, or leave the line out");
    }
    let spans = [
        ("queue-lifetime", bounds.queue_lifetime.0, limits::QUEUE_LIFETIME_MIN),
        ("retry-first", bounds.retry_first.0, limits::RETRY_FIRST_MIN),
        ("dot-time", bounds.dot_time.0, Duration::from_millis(1)),
    ];
    for (key, span, min) in spans {
        if span < min {
            let message = format!("{key} = \"{}\" is too short", units::show_span(span));
            let mend = format!("write at least \"{}\"", units::show_span(min));
            return wrong(&[Key("limits"), Key(key)], message, &mend);
        }
    }
    Ok(())
}

fn reports(config: &Config) -> Result<(), Mistake> {
    let reports = &config.reports;
    for (number, address) in reports.addresses.iter().enumerate() {
        read_by_us(config, address, &[Key("reports"), Key("addresses"), At(number)], "dmarc@")?;
    }
    if reports.days == 0 {
        let message = "days = 0 would throw every report away at once".to_string();
        return wrong(&[Key("reports"), Key("days")], message, "write at least 1");
    }
    if reports.tls == Some(TlsReports::Send) && reports.addresses.is_empty() {
        let message = "tls = \"send\" needs an address to write from".to_string();
        let mend = "name one in [reports] addresses, in a domain of yours with a DKIM key";
        return wrong(&[Key("reports"), Key("tls")], message, mend);
    }
    Ok(())
}

fn own_sts(config: &Config) -> Result<(), Mistake> {
    let own = &config.own_sts;
    let place = |key| [Key("mta-sts"), Key(key)];
    if own.mode != OwnStsMode::Off && config.web.public.is_none() {
        let message = "a policy is promised, and no [web] public serves it".to_string();
        return wrong(&place("mode"), message, "set [web] public, or mode = \"off\"");
    }
    if own.max_age.0 < limits::OWN_STS_MAX_AGE_MIN || own.max_age.0 > limits::STS_MAX_AGE_MAX {
        let shown = units::show_span(own.max_age.0);
        let message = format!("max-age = \"{shown}\" is not from a day to a year");
        return wrong(&place("max-age"), message, "write \"7 days\"");
    }
    if own.mx.len() > limits::STS_HOSTS_MAX {
        let message = format!("mx has more than {} mail hosts", limits::STS_HOSTS_MAX);
        return wrong(&place("mx"), message, "name those below one domain as \"*.ours.example\"");
    }
    Ok(())
}

fn audit(config: &Config) -> Result<(), Mistake> {
    let audit = &config.audit;
    if audit.authorities == Authorities::Any {
        let message =
            "authorities = \"any\" would send the audit log to whoever answers".to_string();
        let mend = "name a file with the certificates that may vouch, or write fingerprint";
        return wrong(&[Key("audit"), Key("authorities")], message, mend);
    }
    if let Authorities::File(file) = &audit.authorities
        && !file.is_absolute()
    {
        let message =
            format!("authorities = {:?} depends on where the gateway was started", file.display());
        let mend = "write the file's absolute path";
        return wrong(&[Key("audit"), Key("authorities")], message, mend);
    }
    if audit.fingerprint.is_some()
        && (audit.authorities != Authorities::System || audit.name.is_some())
    {
        let message =
            "fingerprint names one certificate, so authorities and name are not looked at";
        let mend = "leave these out, or fingerprint";
        return wrong(&[Key("audit"), Key("fingerprint")], message.to_string(), mend);
    }
    if audit.syslog.is_none() && !audit.is_default() {
        let message = "this section names no log server".to_string();
        let mend = "write syslog = \"tls://log.example:6514\"";
        return wrong(&[Key("audit")], message, mend);
    }
    if audit.broken_max.0 < limits::LOG_LINK_REST_MAX {
        let message =
            format!("broken-max = \"{}\" is shorter than one try", String::from(audit.broken_max));
        let mend = "write a minute or more: \"10 minutes\"";
        return wrong(&[Key("audit"), Key("broken-max")], message, mend);
    }
    Ok(())
}

fn campaign(config: &Config) -> Result<(), Mistake> {
    match &config.campaign.hook {
        Some(hook) if !hook.is_absolute() => {
            let message =
                format!("hook = {:?} depends on where the gateway was started", hook.display());
            let mend = "write the program's absolute path";
            wrong(&[Key("campaign"), Key("hook")], message, mend)
        }
        Some(_) | None => Ok(()),
    }
}

/// An address whose mail is taken here and passed on to nobody.
fn read_by_us(
    config: &Config,
    address: &Address,
    place: &[Step],
    example: &str,
) -> Result<(), Mistake> {
    if address.is_role() {
        let message = format!("people write to {address}, so it cannot be read by a program");
        let mend = format!("name an address of its own, such as {example} that domain");
        return wrong(place, message, &mend);
    }
    let ours = address.domain().is_some_and(|domain| {
        config.domains.iter().any(|own| own.name == *domain)
            || config.domain_table.find(domain).is_some()
    });
    if !ours {
        let message = format!("{address} is in no domain of ours, so its mail never comes here");
        return wrong(place, message, "name an address in a [[domain]]");
    }
    Ok(())
}

/// Each address is read for one purpose.
fn learning(config: &Config) -> Result<(), Mistake> {
    let learning = &config.learning;
    if learning.traps.len() > limits::TRAPS_MAX {
        let message = format!("there are {} spam traps", learning.traps.len());
        let place = [Key("learning"), Key("traps"), At(limits::TRAPS_MAX)];
        return wrong(
            &place,
            message,
            "keep to 10,000: a few hundred see all that there is to see",
        );
    }
    let of_reports = config.reports.addresses.iter().map(|one| (one.key(), "[reports] addresses"));
    let mut known: HashMap<String, &str> = of_reports.collect();
    for (key, addresses, example) in [
        ("spam-reports", &learning.spam_reports, "spam@"),
        ("ham-reports", &learning.ham_reports, "not-spam@"),
        ("traps", &learning.traps, "old.box@"),
    ] {
        for (number, address) in addresses.iter().enumerate() {
            let place = [Key("learning"), Key(key), At(number)];
            read_by_us(config, address, &place, example)?;
            if let Some(other) = known.insert(address.key(), key) {
                let message = format!("{address} stands in {other} too");
                return wrong(&place, message, "let it stand in one of them");
            }
        }
    }
    let contacts = config.organisations.iter().flat_map(|one| one.contacts.values());
    let trapped = |address: &&Address| known.get(&address.key()) == Some(&"traps");
    if let Some(contact) = contacts.chain(&config.digest.sender).find(trapped) {
        let message =
            format!("{contact} is written to, or from, by this gateway, and is a spam trap");
        return wrong(&[Key("learning"), Key("traps")], message, "take it out");
    }
    Ok(())
}

fn portal(config: &Config) -> Result<(), Mistake> {
    let portal = &config.portal;
    let place = |key| [Key("portal"), Key(key)];
    if portal.enabled && config.web.public_url.is_none() {
        let message = "the portal has no address that its links could lead to".to_string();
        let mend = "write [web] public-url = \"https://post.ours.example\"";
        return wrong(&place("enabled"), message, mend);
    }
    if !(1..=limits::PARCEL_DAYS_MAX).contains(&portal.days) {
        let message = format!("days = {} is not possible", portal.days);
        return wrong(&place("days"), message, "write 1 to 365");
    }
    if portal.openings == 0 {
        let message = "openings = 0 would let nobody open anything".to_string();
        return wrong(&place("openings"), message, "write at least 1");
    }
    if !(1..=limits::PORTAL_UPLOAD_BYTES_MAX).contains(&portal.upload_bytes.0) {
        let message = "upload-bytes is not possible".to_string();
        return wrong(&place("upload-bytes"), message, "write up to \"3 GiB\"");
    }
    let command = portal.code_command.as_ref();
    if portal.code_by == CodeBy::Command && command.is_none_or(|program| !program.is_absolute()) {
        let message = "code-by = \"command\" needs a program that sends codes".to_string();
        let mend = "write code-command = \"/usr/local/bin/send-code\", with its whole path";
        return wrong(&place("code-command"), message, mend);
    }
    Ok(())
}

fn digest(config: &Config) -> Result<(), Mistake> {
    let digest = &config.digest;
    let at = |key| [Key("digest"), Key(key)];
    if digest.enabled == Some(true) && config.web.public_url.is_none() {
        let message = "a digest has buttons, and nothing says where they lead".to_string();
        let mend = "set [web] public-url, or leave enabled out";
        return wrong(&at("enabled"), message, mend);
    }
    for (key, empty) in [("times", digest.times.is_empty()), ("days", digest.days.is_empty())] {
        if empty {
            let message = format!("without {key} no digest would ever go out");
            return wrong(&at(key), message, "write one, or enabled = false");
        }
    }
    if digest.times.len() > limits::DIGEST_TIMES_MAX {
        let message = format!("{} digests a day are more than anybody reads", digest.times.len());
        return wrong(&at("times"), message, "keep to 12");
    }
    if !(1..=limits::DIGEST_ROWS_MAX).contains(&digest.rows_max) {
        let message = format!("rows-max = {} is out of bounds", digest.rows_max);
        return wrong(&at("rows-max"), message, "write 1 to 200");
    }
    if !(1..=limits::DIGEST_TOKEN_DAYS_MAX).contains(&digest.token_days) {
        let message = format!("token-days = {} is out of bounds", digest.token_days);
        return wrong(&at("token-days"), message, "write 1 to 90");
    }
    if !digest.fold_above.is_finite() || digest.fold_above <= 0.0 {
        let message = format!("fold-above = {} would fold everything", digest.fold_above);
        return wrong(&at("fold-above"), message, "write a score above zero");
    }
    if let Some(sender) = &digest.sender
        && (sender.is_role() || sender.domain().is_none())
    {
        let message =
            format!("{sender} cannot write digests: people answer it, and others read its mail");
        return wrong(
            &at("sender"),
            message,
            "name an address of its own, such as quarantine@ that domain",
        );
    }
    Ok(())
}

fn store(config: &Config) -> Result<(), Mistake> {
    let days = [
        ("quarantine-days", config.store.quarantine_days),
        ("trace-days", config.store.trace_days),
    ];
    for (key, days) in days {
        if days == 0 {
            return wrong(
                &[Key("store"), Key(key)],
                format!("{key} = 0 would throw everything away at once"),
                "write at least 1",
            );
        }
    }
    let (kept, largest) = (config.store.quarantine_bytes.0, config.limits.message_bytes.0);
    if kept < largest {
        // The value that somebody wrote is the one to point at.
        let place = match kept == limits::QUARANTINE_BYTES_MAX {
            true => [Key("limits"), Key("message-bytes")],
            false => [Key("store"), Key("quarantine-bytes")],
        };
        return wrong(
            &place,
            format!(
                "quarantine-bytes is {}, and the largest mail ({}) would not fit in",
                units::show_bytes(kept),
                units::show_bytes(largest)
            ),
            "let quarantine-bytes be larger than message-bytes in [limits]",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn about(text: &str) -> Result<Config, String> {
        let text = format!("hostname = \"mx.example\"\n{text}");
        Config::parse(Path::new("sluss.toml"), &text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_place_and_mend() {
        let listener = |name: &str, port: u16| {
            format!(
                "[[listener]]\nname = \"{name}\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n"
            )
        };
        let domain =
            |more: &str| format!("# 2\n[[domain]]\nname = \"ours.example\"\nnext-hop = {more}\n");
        let partner = |more: &str| format!("# 2\n[[partner]]\n{more}\n");
        let acme =
            |more: &str| format!("[tls.acme]\ndirectory = \"https://ca.example/dir\"\n{more}\n");
        const AGREED: &str = "terms-agreed = true";
        const HTTP: &str = "http = \"127.0.0.1:80\"\n";
        let control = |more: &str| {
            format!("[[control]]\nname = \"one\"\nowner = \"eva@ours.example\"\n{more}\n")
        };
        let two = |more: &str| {
            format!("[[organisation]]\nname = \"a\"\n[[organisation]]\nname = \"b\"\n{more}\n")
        };
        for (text, place, parts) in [
            (
                "[store]\nquarantine-days = 0".to_string(),
                "3:1",
                &["quarantine-days", "at least 1"][..],
            ),
            ("[store]\ntrace-days = 0".to_string(), "3:1", &["trace-days"]),
            ("[web]\npublic-url = \"mail.example\"".to_string(), "3:14", &["no scheme"]),
            ("[web]\npublic-url = \"https://a b\"".to_string(), "3:14", &["host"]),
            (
                "[store]\n# quarantine-bytes\nquarantine-bytes = \"49 MiB\"".to_string(),
                "4:1",
                &["49 MiB", "50 MiB", "message-bytes"],
            ),
            ("[limits]\nmessage-bytes = \"21 GiB\"".to_string(), "3:1", &["quarantine-bytes"]),
            ("[limits]\nmessage-bytes = \"0\"".to_string(), "3:1", &["message-bytes at zero"]),
            (
                "[limits]\nconnections-per-address = 3\nconnections = 0".to_string(),
                "4:1",
                &["connections at"],
            ),
            ("[limits]\nconnections-per-address = 0".to_string(), "3:1", &["no mail"]),
            ("[limits]\nconnections-per-network = 0".to_string(), "3:1", &["no mail"]),
            ("[limits]\ntransactions-per-minute = 0".to_string(), "3:1", &["no mail"]),
            ("[limits]\nuser-transactions-per-minute = 0".to_string(), "3:1", &["no mail"]),
            ("[limits]\nresident-bytes = \"0\"".to_string(), "3:1", &["no mail"]),
            ("[limits]\nretry-first = \"99 ms\"".to_string(), "3:1", &["99 ms", "100 ms"]),
            ("[limits]\nqueue-lifetime = \"59 s\"".to_string(), "3:1", &["59 s", "1 minute"]),
            ("[admission]\nearly-talker-wait = \"1 minute\"".to_string(), "3:1", &["20 seconds"]),
            ("[limits]\ndot-time = \"0 s\"".to_string(), "3:1", &["too short"]),
            ("[policy]\nphish = 0.0".to_string(), "3:1", &["phish = 0", "above zero"]),
            ("[policy]\ngreylist = -1.0".to_string(), "3:1", &["greylist = -1", "from zero"]),
            ("[policy]\nphish = nan".to_string(), "3:1", &["phish = NaN"]),
            ("[policy]\nreject = inf".to_string(), "3:1", &["reject = inf"]),
            ("[policy]\n[policy.outbound]\nmark = -1.0".to_string(), "4:1", &["mark = -1"]),
            (
                "[[policy]]\nname = \"a\"\n[[policy]]\nname = \"b\"\nmark = 9.0".to_string(),
                "4:1",
                &["\"b\"", "rise"],
            ),
            (
                "[[policy]]\nname = \"a\"\n[[policy]]\nname = \"a\"".to_string(),
                "5:1",
                &["two policies are called \"a\"", "own name"],
            ),
            ("[[policy]]\n[[policy]]\nname = \"default\"".to_string(), "4:1", &["\"default\""]),
            ("[outbound]\nsmarthost = []".to_string(), "3:1", &["empty", "smtp://"]),
            ("[outbound]\npolicy = \"p\"".to_string(), "3:1", &["no policy called"]),
            (
                "[outbound]\nnetworks = [\"10.0.0.0/8\", \"0.0.0.0/0\"]".to_string(),
                "3:27",
                &["0.0.0.0/0", "open relay", "/8"],
            ),
            ("[outbound]\nnetworks = [\"10.0.0.0/7\"]".to_string(), "3:13", &["open relay"]),
            ("[outbound]\nnetworks = [\"::/0\"]".to_string(), "3:13", &["::/0", "IPv6", "/16"]),
            ("[outbound]\nnetworks = [\"2000::/15\"]".to_string(), "3:13", &["open relay"]),
            (listener("a", 25) + &listener("b", 25), "8:1", &["two listeners want"]),
            (listener("a", 25) + &listener("a", 26), "7:1", &["two listeners are called \"a\""]),
            (listener("a", 25) + "auth = true\n", "6:1", &["cannot offer auth", "outbound"]),
            (
                listener("a", 25) + "proxy-protocol-from = [\"10.0.0.0/24\", \"0.0.0.0/0\"]\n",
                "6:39",
                &["0.0.0.0/0", "pretend"],
            ),
            ("[limits]\nlog-in-failures-per-user = 0".to_string(), "3:1", &["no mail"]),
            (listener("a", 0), "4:1", &["port 0", "65535"]),
            (
                "[[organisation]]\nname = \"a b\"".to_string(),
                "3:8",
                &["cannot name an organisation"],
            ),
            (
                two("") + "[[organisation]]\nname = \"b\"",
                "8:1",
                &["two organisations are called b"],
            ),
            (two("networks = [\"10.0.0.0/7\"]"), "6:13", &["open relay"]),
            (two("networks = [\"10.0.0.0/9\", \"10.0.0.1/9\"]"), "6:27", &["twice"]),
            (two("policy = \"p\""), "6:1", &["no policy called"]),
            (two("smarthost = []"), "6:1", &["empty"]),
            (two("quarantine-days = 0"), "6:1", &["at least 1"]),
            (two("vips = [{ name = \"Anna\" }]"), "6:11", &["too many people", "last name"]),
            (two("country = \"Sweden\""), "6:11", &["two letters"]),
            (two("") + &domain("\"smtp://10.0.0.5\""), "8:1", &["belongs to none"]),
            (
                two("") + &domain("\"smtp://10.0.0.5\"\norganisation = \"c\""),
                "11:1",
                &["no organisation called c"],
            ),
            (
                two("send-as = [\"ours.example\"]")
                    + &domain("\"smtp://10.0.0.5\"\norganisation = \"a\""),
                "6:1",
                &["ours.example belongs to a"],
            ),
            (
                two("") + "[outbound]\nnetworks = [\"10.0.0.0/8\"]",
                "7:2",
                &["several organisations", "organisation = "],
            ),
            (listener("a", 25) + "trusted-relays = [\"0.0.0.0/0\"]", "6:1", &["open relay"]),
            ("[web]\nadmin = \"127.0.0.1:0\"".to_string(), "3:1", &["port 0"]),
            ("[web]\npublic = \"127.0.0.1:0\"".to_string(), "3:1", &["port 0"]),
            (
                "[web]\npublic = \"127.0.0.1:80\"\nadmin = \"127.0.0.1:80\"".to_string(),
                "4:1",
                &["wanted twice"],
            ),
            ("[dns]\nservers = [\"192.0.2.53:0\"]".to_string(), "3:12", &["port 0"]),
            ("[tls]\ncertificate = \"a.pem\"".to_string(), "2:2", &["belong together"]),
            (acme("") + "[tls]\ncertificate = \"a.pem\"\nkey = \"b.pem\"", "5:2", &["are two"]),
            (acme("terms-agreed = false"), "4:1", &["nobody has agreed", "https://ca.example"]),
            (acme(AGREED), "2:6", &["port 80", "[web] public"]),
            (acme(AGREED) + "http = \"127.0.0.1:0\"", "5:1", &["port 0"]),
            (acme(AGREED) + HTTP + "names = [\"mx\"]", "6:10", &["no authority knows"]),
            (acme(AGREED) + HTTP + "names = [\"*.a.example\"]", "6:9", &["label", "*"]),
            (acme(AGREED) + HTTP + "authorities = \"any\"", "6:1", &["whoever answers"]),
            (
                acme(AGREED) + HTTP + "external-account = { id = \"\", key-file = \"k\" }",
                "6:22",
                &["empty id"],
            ),
            (
                "[tls.acme]\ndirectory = \"http://ca.example\"".to_string(),
                "3:13",
                &["https", "no ACME directory"],
            ),
            (
                "[outbound]\nsmarthost-user = \"us\"".to_string(),
                "3:1",
                &["no password", "smarthost-password-file"],
            ),
            (
                "[outbound]\nsmarthost-password-file = \"p\"".to_string(),
                "3:1",
                &["nobody it belongs to"],
            ),
            (
                "[outbound]\nsmarthost-user = \"us\"\nsmarthost-password-file = \"p\"".to_string(),
                "3:1",
                &["no smarthost"],
            ),
            (
                "[outbound]\nsmarthost = \"smtp://10.0.0.5\"\ntls = \"off\"\nsmarthost-user = \"us\"\nsmarthost-password-env = \"P\""
                    .to_string(),
                "4:1",
                &["in clear", "required"],
            ),
            (
                "[outbound]\nmta-sts-authorities = \"any\"".to_string(),
                "3:1",
                &["anybody may vouch", "\"system\""],
            ),
            (
                "[outbound]\nsource-addresses = [\"192.0.2.5\", \"192.0.2.6\"]".to_string(),
                "3:34",
                &["second address", "[[destination]]"],
            ),
            (
                "[outbound]\naddress-family = \"ipv4\"\nsource-addresses = [\"2001:db8::5\"]".to_string(),
                "4:21",
                &["never used"],
            ),
            ("[[destination]]\nname = \"mx\"".to_string(), "3:8", &["no next hop"]),
            (
                "[[destination]]\nname = \"far.example\"\nconnections = 0".to_string(),
                "4:1",
                &["no mail would go there"],
            ),
            (
                "[[destination]]\nname = \"a.example\"\n[[destination]]\nname = \"a.example\"".to_string(),
                "5:1",
                &["twice"],
            ),
            (
                partner("domain = \"a.example\"\ninbound = \"required\"\n[[partner]]\ndomain = \"a.example\"\ninbound = \"required\""),
                "7:1",
                &["twice"],
            ),
            (partner("domain = \"a.example\"\ninbound = \"yes\""), "5:11", &["required"]),
            (partner("domain = \"a.example\""), "4:1", &["nothing is asked", "verified"]),
            (
                partner("domain = \"a.example\"\ntls = \"encrypted\"\nminimum-version = \"1.3\""),
                "5:1",
                &["without proof", "verified"],
            ),
            (
                partner("domain = \"a.example\"\ntls = \"verified\"\nauthorities = \"any\""),
                "6:1",
                &["proves nothing", "encrypted"],
            ),
            (
                partner("domain = \"a.example\"\ntls = \"verified\"\ncertificate = [\"sha1:ab\"]"),
                "6:15",
                &["sha256:", "64 hex digits"],
            ),
            (
                partner("domain = \"a.example\"\ntls = \"verified\"\nhosts = [\"*\"]"),
                "6:9",
                &["no mail host", "*.example.org"],
            ),
            (
                partner("domain = \"a.example\"\norganisation = \"gone\"\ntls = \"verified\""),
                "5:1",
                &["no organisation called gone"],
            ),
            (
                domain("\"smtp://10.0.0.5\"") + "[[partner]]\ndomain = \"ours.example\"\ninbound = \"required\"",
                "7:1",
                &["a domain of ours", "listener"],
            ),
            (control("measure = \"backup\""), "5:11", &["backup-age", "queue-age"]),
            (control("measure = \"backup-age\""), "5:1", &["absolute path", "file = "]),
            (
                control("measure = \"backup-age\"\nfile = \"done\""),
                "5:1",
                &["absolute path"],
            ),
            (
                control("measure = \"backup-age\"\nfile = \"/done\"\nlimit = 25"),
                "7:1",
                &["25 has no unit", "25 hours"],
            ),
            (
                control("measure = \"backup-age\"\nfile = \"/done\"\nlimit = \"10 ms\""),
                "7:1",
                &["below a second"],
            ),
            (
                control("measure = \"backup-age\"\nfile = \"/done\"\nlimit = \"soon\""),
                "7:9",
                &["not understood", "5 days"],
            ),
            (
                control("measure = \"queue-age\"\nfile = \"/done\""),
                "6:1",
                &["file means nothing", "queue-age"],
            ),
            (
                control("measure = \"certificate-days-left\"\nlimit = \"14 days\""),
                "6:1",
                &["a number, no span"],
            ),
            (control("measure = \"certificate-days-left\"\nlimit = -1"), "6:9", &["below zero"]),
            (control("measure = \"partner-tls\""), "5:1", &["needs the partner's domain"]),
            (
                control("measure = \"partner-tls\"\ndomain = \"a.example\"\nversion = \"1.1\""),
                "7:11",
                &["1.2"],
            ),
            (
                control("measure = \"partner-tls\"\ndomain = \"a.example\"\nwithin = \"32 days\""),
                "7:1",
                &["31 days"],
            ),
            (
                control("measure = \"partner-tls\"\ndomain = \"a.example\"\nwithin = \"5 days\"\n[store]\ntrace-days = 4"),
                "7:1",
                &["longer than the trace is kept", "trace-days"],
            ),
            (
                control("measure = \"partner-tls\"\ndomain = \"ours.example\"") + &domain("\"smtp://10.0.0.5\""),
                "6:1",
                &["a domain of ours"],
            ),
            (
                control("measure = \"personal-data-in-clear\"\ndomain = \"far.example\""),
                "6:1",
                &["no domain of ours"],
            ),
            (control("measure = \"signatures-age\""), "5:1", &["neither [clamd] nor"]),
            (
                control("measure = \"signatures-age\"\nof = [\"clamav\"]"),
                "6:1",
                &["no [clamd]", "hash-lists"],
            ),
            (control("measure = \"audit-link\""), "5:1", &["sent nowhere", "syslog"]),
            (
                control("measure = \"queue-age\"\norganisation = \"acme\""),
                "6:1",
                &["no organisation called acme"],
            ),
            (control("measure = \"queue-age\"\nremind = \"5 minutes\""), "6:1", &["1 hour"]),
            (control("measure = \"queue-age\"\nsteady = \"5 hours\""), "6:1", &["4 hours"]),
            (
                control("measure = \"queue-age\"\nescalate-after = \"1 day\""),
                "6:1",
                &["nobody is named", "escalate-to"],
            ),
            (
                control("measure = \"queue-age\"\nescalate-to = \"c@ours.example\"\nescalate-after = \"1 s\""),
                "7:1",
                &["1 minute"],
            ),
            (
                control("measure = \"queue-age\"") + &control("measure = \"queue-age\""),
                "7:1",
                &["two controls", "its own name"],
            ),
            (
                "[[control]]\nname = \"one\"\nowner = \"eva\"\nmeasure = \"queue-age\"".to_string(),
                "4:9",
                &["no mail address"],
            ),
            (
                "[[control]]\nname = \"one\"\nowner = []\nmeasure = \"queue-age\"".to_string(),
                "4:1",
                &["nobody answers"],
            ),
            (
                "[[control]]\nname = \" \"\nowner = \"eva@ours.example\"\nmeasure = \"queue-age\"".to_string(),
                "3:1",
                &["no name", "60 letters"],
            ),
            (domain("[\"internal:\", \"mx\"]\nrecipients = \"any\""), "5:1", &["stands alone"]),
            (domain("[]"), "5:1", &["no next hop"]),
            (domain("\"mx\""), "3:1", &["\"mx\" cannot be asked", "recipients = \"any\""]),
            (
                domain("[\"smtp://10.0.0.5\", \"maildir:/m\"]\nrecipients = \"callout\""),
                "6:1",
                &["\"maildir:/m\" cannot be asked"],
            ),
            (domain("\"mx\"\nrecipients = \"any\"") + &domain("\"mx\""), "9:1", &["twice"]),
            (
                "[reports]\naddresses = [\"dmarc@else.example\"]".to_string(),
                "3:14",
                &["no domain of ours"],
            ),
            (
                "[reports]\naddresses = [\"abuse@ours.example\"]".to_string(),
                "3:14",
                &["people write to"],
            ),
            ("[reports]\ndays = 0".to_string(), "3:1", &["throw every report away"]),
            (
                "[mta-sts]\nmode = \"testing\"".to_string(),
                "3:1",
                &["no [web] public serves it", "set [web] public"],
            ),
            (
                "[web]\npublic = \"127.0.0.1:8026\"\n[mta-sts]\nmode = \"none\"\nmax-age = \"1 h\"".to_string(),
                "6:1",
                &["not from a day to a year", "7 days"],
            ),
            (
                "[reports]\ntls = \"send\"".to_string(),
                "3:1",
                &["needs an address to write from", "with a DKIM key"],
            ),
            ("[campaign]\nhook = \"pull.sh\"".to_string(), "3:1", &["absolute path"]),
            (
                "[learning]\ntraps = [\"old@else.example\"]".to_string(),
                "3:10",
                &["no domain of ours"],
            ),
            (
                "[learning]\nspam-reports = [\"abuse@ours.example\"]".to_string(),
                "3:17",
                &["people write to", "such as spam@"],
            ),
            (
                domain("\"mx\"\nrecipients = \"any\"")
                    + "[learning]\nham-reports = [\"a@ours.example\"]\ntraps = [\"A@ours.example\"]",
                "9:10",
                &["stands in ham-reports too", "one of them"],
            ),
            ("[audit]\nname = \"log.example\"".to_string(), "2:2", &["no log server", "tls://"]),
            ("[audit]\nsyslog = \"udp://log.example\"".to_string(), "3:10", &["without TLS"]),
            (
                "[audit]\nsyslog = \"tls://log.example\"\nauthorities = \"any\"".to_string(),
                "4:1",
                &["whoever answers"],
            ),
            (
                "[audit]\nsyslog = \"tls://log.example\"\nauthorities = \"ca.pem\"".to_string(),
                "4:1",
                &["absolute path"],
            ),
            (
                "[audit]\nsyslog = \"tls://log.example\"\nfingerprint = \"ab\"".to_string(),
                "4:15",
                &["SHA-256", "openssl"],
            ),
            (
                format!(
                    "[audit]\nsyslog = \"tls://log.example\"\nname = \"log.example\"\nfingerprint = \"{}\"",
                    "ab".repeat(32)
                ),
                "5:1",
                &["one certificate"],
            ),
            (
                "[audit]\nsyslog = \"tls://log.example\"\nbroken-max = \"1 s\"".to_string(),
                "4:1",
                &["shorter than one try"],
            ),
            ("[digest]\nenabled = true".to_string(), "3:1", &["buttons", "public-url"]),
            ("[digest]\ntimes = []".to_string(), "3:1", &["no digest", "enabled = false"]),
            ("[digest]\ndays = []".to_string(), "3:1", &["no digest"]),
            ("[digest]\nrows-max = 0".to_string(), "3:1", &["rows-max = 0"]),
            ("[digest]\ntoken-days = 91".to_string(), "3:1", &["token-days = 91"]),
            ("[digest]\nfold-above = 0.0".to_string(), "3:1", &["fold everything"]),
            ("[digest]\nsender = \"abuse@ours.example\"".to_string(), "3:1", &["cannot write"]),
            ("[digest]\ntimes = [\"7\"]".to_string(), "3:9", &["no time of day", "07:30"]),
            ("[digest]\nzone = \"Mars\"".to_string(), "3:8", &["no time zone", "Europe/Stockholm"]),
            ("[web]\npublic-url = \"http://a.example\"".to_string(), "3:14", &["encryption"]),
            (
                "[[organisation]]\nname = \"a\"\nbranding.colour = \"#ffd400\"".to_string(),
                "4:10",
                &["#ffd400 cannot be read on white", "4.5 to 1", "colour = \"#"],
            ),
            (
                "[[organisation]]\nname = \"a\"\n[organisation.branding]\ncolour = \"#0b57d0\"\ncolour-dark = \"#0b57d0\"".to_string(),
                "6:1",
                &["on dark grounds", "lighter", "colour-dark = \"#"],
            ),
            (
                "[[organisation]]\nname = \"a\"\nbranding.colour-dark = \"#ffffff\"".to_string(),
                "4:10",
                &["no colour beside it"],
            ),
            (
                "[[organisation]]\nname = \"a\"\nbranding.name = \" \"".to_string(),
                "4:10",
                &["1 to 80 letters"],
            ),
            (
                "[[organisation]]\nname = \"a\"\nbranding.colour = \"blue\"".to_string(),
                "4:19",
                &["no colour", "#0b57d0"],
            ),
            (
                "[[organisation]]\nname = \"a\"\nbranding.help-url = \"http://a.example\"".to_string(),
                "4:21",
                &["cannot be linked", "https://"],
            ),
            (
                "[[organisation]]\nname = \"a\"\nbranding.contact = \"Eva\"".to_string(),
                "4:20",
                &["neither a mail address"],
            ),
        ] {
            let Err(error) = about(&text) else { panic!("{text} was taken") };
            assert!(error.starts_with(&format!("sluss.toml:{place}: ")), "{text}: {error}");
            for part in parts {
                assert!(error.contains(part), "{text}: {part:?} is missing in {error}");
            }
        }
    }

    #[test]
    fn what_makes_sense_is_taken() {
        for text in [
            "[outbound]\nnetworks = [\"10.0.0.0/8\", \"2001::/16\", \"::1/128\"]",
            "[limits]\nretry-first = \"100 ms\"\nqueue-lifetime = \"1 minute\"\ndisk-free-bytes = \"0\"",
            "[store]\nquarantine-bytes = \"50 MiB\"",
            "[digest]\nenabled = true\ntimes = [\"08:00\"]\ndays = [\"monday\"]\nzone = \"Europe/Oslo\"\nconfirm = \"number\"\n[web]\npublic-url = \"https://a.example/\"",
            "[[policy]]\nmark = 1.0\n[[policy]]\nname = \"b\"",
            "[audit]\nsyslog = \"tls://log.example\"\nauthorities = \"/etc/ssl/log.pem\"\nname = \"log.example\"",
            "[[control]]\nname = \"all of it\"\nmeasure = \"partner-tls\"\ndomain = \"a.example\"\nsubdomains = true\nversion = \"1.3\"\nproven = true\nlimit = 3\nwithin = \"7 days\"\nowner = [\"a@ours.example\", \"b@ours.example\"]\nescalate-to = \"c@ours.example\"\nescalate-after = \"2 days\"\nremind = \"12 hours\"\nsteady = \"10 minutes\"",
            "[outbound]\nsmarthost = \"smtps://10.0.0.5\"\ntls = \"off\"\nsmarthost-user = \"us\"\nsmarthost-password-env = \"P\"",
            "[outbound]\nsource-addresses = [\"192.0.2.5\", \"2001:db8::5\"]\nhelo = \"out.ours.example\"",
            "[[destination]]\nname = \"far.example\"\nconnections = 2\n[[destination]]\nname = \"smtp://10.0.0.5:25\"\nretry-first = \"1 minute\"",
            "[[domain]]\nname = \"reports.example\"\nnext-hop = \"internal:\"",
            "[reports]\naddresses = [\"dmarc@ours.example\"]\n[[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://10.0.0.5\"",
            "[[domain]]\nname = \"ours.example\"\nnext-hop = \"mx\"\nrecipients = \"./list\"",
            "[learning]\nspam-reports = [\"spam@ours.example\"]\ntraps = [\"old@ours.example\"]\n[[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://10.0.0.5\"",
        ] {
            about(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        assert!(check(&Config::trial(Path::new("/tmp/x"))).is_ok());
    }
}

//! Partners: domains of others with which mail goes over a channel that somebody vouches for, or not at all.

use crate::{
    base::limits,
    config::{
        destination::Authorities,
        error::Step::{self, At, Key},
        file::Config,
    },
    mail::{Domain, Organisation},
    wire::tls::{Terms, Trust, Version, mta_sts::Pattern},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    fmt,
};

/// What is agreed with the owner of a domain about the way of mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PartnerEntry {
    /// The domain in addresses: exactly this one.
    pub domain: Domain,
    /// What is below the domain, too. Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub subdomains: bool,
    /// Whose partner it is. Default: everybody's of the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Organisation>,
    /// What its servers have to show before mail goes to them. Default "opportunistic".
    #[serde(default, skip_serializing_if = "is_default")]
    pub tls: PartnerTls,
    /// The oldest version of TLS that will do: "1.2" (default) or "1.3".
    #[serde(default, skip_serializing_if = "is_default")]
    pub minimum_version: TlsVersion,
    /// Who may vouch for its certificates: "system" (default), or the path of a PEM file.
    #[serde(default, skip_serializing_if = "is_default")]
    pub authorities: Authorities,
    /// Keys that its servers may have instead of a certificate from an authority: "sha256:" and 64 hex digits, the SHA-256 of the
    /// certificate's public key information (what a TLSA record 3 1 1 holds). Write the next one beside it before it is changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificate: Vec<Pin>,
    /// Its mail hosts, where they are not below the domain itself: "mx.provider.example", "*.provider.example". Without DNSSEC nothing else
    /// says that a mail host is the partner's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Pattern>,
    /// What comes in from its senders: "required" refuses a sender of the domain that does not come over TLS. Default "optional".
    #[serde(default, skip_serializing_if = "is_default")]
    pub inbound: PartnerInbound,
}

/// What a partner's servers have to show.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum PartnerTls {
    /// Nothing: TLS where it is offered, and DANE and MTA-STS as for everybody.
    #[default]
    Opportunistic,
    /// TLS, to whoever answers: it keeps out those who only listen, and proves nothing.
    Encrypted,
    /// A certificate for its name from an authority, or one of the pinned keys.
    Verified,
}

/// Is TLS demanded of who sends for the domain?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartnerInbound {
    /// It is recorded.
    #[default]
    Optional,
    /// MAIL in clear is refused.
    Required,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum TlsVersion {
    /// 1.2.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

/// A pinned key: the SHA-256 of a certificate's public key information.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pin(pub [u8; 32]);

/// Not such a pin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no pinned key: \"sha256:\" and 64 hex digits are expected")]
pub struct NotAPin(String);

impl TryFrom<String> for Pin {
    type Error = NotAPin;

    fn try_from(text: String) -> Result<Pin, NotAPin> {
        let digits = text.strip_prefix("sha256:").map(|digits| digits.replace(':', ""));
        let bytes = digits
            .and_then(|digits| data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok());
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Pin).ok_or(NotAPin(text))
    }
}

impl From<Pin> for String {
    fn from(pin: Pin) -> String {
        pin.to_string()
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", data_encoding::HEXLOWER.encode(&self.0))
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl From<TlsVersion> for Version {
    fn from(version: TlsVersion) -> Version {
        match version {
            TlsVersion::Tls12 => Version::Tls12,
            TlsVersion::Tls13 => Version::Tls13,
        }
    }
}

impl PartnerEntry {
    /// Does whatever this one takes for enough satisfy the other as well?
    fn is_as_strict_as(&self, other: &PartnerEntry) -> bool {
        if self.tls != PartnerTls::Verified || other.tls != PartnerTls::Verified {
            return self.tls >= other.tls;
        }
        let keys = match (self.certificate.as_slice(), other.certificate.as_slice()) {
            ([], []) => self.authorities == other.authorities && self.hosts == other.hosts,
            // An agreed key says more than any authority that the other trusts, whoever has signed it.
            (_, []) => true,
            ([], _) => false,
            (own, others) => own.iter().all(|pin| others.contains(pin)),
        };
        keys && self.minimum_version >= other.minimum_version
    }

    /// May DANE stand in for its terms? They ask for a certificate that any authority vouches for, and DNSSEC says more than that.
    pub fn takes_dane(&self) -> bool {
        self.certificate.is_empty()
            && self.authorities == Authorities::System
            && self.minimum_version == TlsVersion::default()
    }

    /// What a mail host has to show, where the entry demands proof. `mx_is_signed`: DNSSEC says that it is the domain's mail host.
    pub fn terms(&self, domain: &Domain, host: &Domain, mx_is_signed: bool) -> Option<Terms> {
        let by = match self.certificate.as_slice() {
            [] => Trust::Authorities,
            pins => Trust::Pins(pins.iter().map(|pin| pin.0).collect()),
        };
        let host_is_known = mx_is_signed
            || host.is_within(domain)
            || self.hosts.iter().any(|pattern| pattern.names(host));
        (self.tls == PartnerTls::Verified).then(|| Terms {
            version_min: self.minimum_version.into(),
            by,
            host_is_known,
        })
    }
}

/// Every entry: the site's, and those of organisations with their names in them.
pub fn all_of(config: &Config) -> Vec<PartnerEntry> {
    let own = config.organisations.iter().flat_map(|owner| {
        owner
            .partners
            .iter()
            .map(|one| PartnerEntry { organisation: Some(owner.name.clone()), ..one.clone() })
    });
    config.partners.iter().cloned().chain(own).collect()
}

/// Partners by their domain.
#[derive(Debug, Clone, Default)]
pub struct Partners(HashMap<Domain, Vec<PartnerEntry>>);

impl Partners {
    /// Of these.
    pub fn new(entries: &[PartnerEntry]) -> Partners {
        let mut all: HashMap<Domain, Vec<PartnerEntry>> = HashMap::new();
        for entry in entries {
            all.entry(entry.domain.clone()).or_default().push(entry.clone());
        }
        Partners(all)
    }

    /// What mail of this organisation to this domain is bound to: the nearest entry of its own, or the site's where that asks for more.
    pub fn of(&self, domain: &Domain, organisation: &Organisation) -> Option<&PartnerEntry> {
        let all = self.nearest(domain);
        let own = all.get(&Some(organisation)).copied();
        let site = all.get(&None).copied();
        match (own, site) {
            (Some(own), Some(site)) if !own.is_as_strict_as(site) => Some(site),
            (own, site) => own.or(site),
        }
    }

    /// Is mail of this organisation to this domain bound to anything?
    pub fn binds(&self, domain: &Domain, organisation: &Organisation) -> bool {
        self.of(domain, organisation).is_some_and(|one| one.tls != PartnerTls::Opportunistic)
    }

    /// Must who sends for this domain come over TLS? Before a recipient is named nobody knows whose mail it is: whoever demands it, it holds.
    pub fn demands_inbound(&self, domain: &Domain) -> bool {
        self.nearest(domain).values().any(|one| one.inbound == PartnerInbound::Required)
    }

    /// Each one's nearest entry for a domain: that of the domain itself, or of one above it that says so of what is below.
    fn nearest(&self, domain: &Domain) -> HashMap<Option<&Organisation>, &PartnerEntry> {
        let mut found: HashMap<Option<&Organisation>, &PartnerEntry> = HashMap::new();
        if self.0.is_empty() {
            return found;
        }
        let mut add = |name: &Domain, is_above: bool| {
            let entries = self.0.get(name).map_or(&[][..], Vec::as_slice);
            for entry in entries.iter().filter(|one| !is_above || one.subdomains) {
                found.entry(entry.organisation.as_ref()).or_insert(entry);
            }
        };
        add(domain, false);
        let mut rest = domain.as_str();
        while let Some((_, above)) = rest.split_once('.') {
            if let Ok(name) = Domain::parse(above) {
                add(&name, true);
            }
            rest = above;
        }
        found
    }
}

/// What is wrong, and the mend.
type Wrong = (Vec<Step>, String, &'static str);

/// The first mistake in what is agreed with partners.
pub(super) fn check(config: &Config) -> Result<(), Wrong> {
    let of_site = config.partners.iter().enumerate();
    let of_site = of_site.map(|(number, one)| (vec![Key("partner"), At(number)], one, None));
    let of_others = config.organisations.iter().enumerate().flat_map(|(at, owner)| {
        let place = move |number| vec![Key("organisation"), At(at), Key("partners"), At(number)];
        let entries = owner.partners.iter().enumerate();
        entries.map(move |(number, one)| (place(number), one, Some(&owner.name)))
    });
    let mut seen = HashSet::new();
    let mut counts: HashMap<Option<&Organisation>, usize> = HashMap::new();
    for (mut place, entry, owner) in of_site.chain(of_others) {
        let count = counts.entry(owner).or_default();
        *count += 1;
        // Nobody uses up another's room.
        let most = match owner {
            None => limits::PARTNERS_MAX,
            Some(_) => limits::PARTNERS_OF_ONE_MAX,
        };
        if *count > most {
            let message = format!("there are more than {most} partners");
            let mend = "subdomains = true covers what is below one";
            return Err((place, message, mend));
        }
        let twice = !seen.insert((&entry.domain, owner.or(entry.organisation.as_ref())));
        let wrong = match twice {
            true => Some((
                "domain",
                format!("the partner {} stands here twice", entry.domain),
                "remove one of the two",
            )),
            false => {
                let whose = match owner {
                    Some(_) => not_its_own(entry),
                    None => whose(config, entry),
                };
                whose.or_else(|| asked(entry))
            }
        };
        if let Some((key, message, mend)) = wrong {
            place.push(Key(key));
            return Err((place, message, mend));
        }
    }
    Ok(())
}

/// What an organisation's own list may not say.
fn not_its_own(entry: &PartnerEntry) -> Option<Fault> {
    match (&entry.organisation, &entry.authorities) {
        (Some(_), _) => Some((
            "organisation",
            "these are this organisation's partners".to_string(),
            "leave the line out, or write a [[partner]]",
        )),
        (None, Authorities::File(_)) => Some((
            "authorities",
            "a file is the site's to name".to_string(),
            "write certificate, or a [[partner]] with organisation in the configuration file",
        )),
        (None, Authorities::System | Authorities::Any)
            if entry.inbound == PartnerInbound::Required =>
        {
            Some((
                "inbound",
                "at MAIL nobody knows whose mail it is: this would refuse mail for all".to_string(),
                "leave it out; the site demands it in a [[partner]] of the configuration file",
            ))
        }
        (None, Authorities::System | Authorities::Any) if entry.domain.is_public_suffix() => {
            Some((
                "domain",
                format!("{} is a public suffix, and nobody's domain", entry.domain),
                "write a domain below it",
            ))
        }
        (None, Authorities::System | Authorities::Any) => None,
    }
}

/// The key, the message and the mend.
type Fault = (&'static str, String, &'static str);

fn whose(config: &Config, entry: &PartnerEntry) -> Option<Fault> {
    if config.domains.iter().any(|own| own.name == entry.domain) {
        return Some((
            "domain",
            format!("{} is a domain of ours, no partner's", entry.domain),
            "how mail goes to our own server is said by next-hop-tls in its [[domain]], and what comes in by tls at its listener",
        ));
    }
    let name = entry.organisation.as_ref()?;
    (!config.organisations.iter().any(|one| one.name == *name)).then(|| {
        (
            "organisation",
            format!("there is no organisation called {name}"),
            "name one that has an [[organisation]], or leave the line out for all of them",
        )
    })
}

fn asked(entry: &PartnerEntry) -> Option<Fault> {
    let names_proof = !entry.certificate.is_empty()
        || !entry.hosts.is_empty()
        || entry.authorities != Authorities::System
        || entry.minimum_version != TlsVersion::default();
    match entry.tls {
        PartnerTls::Opportunistic if !names_proof && entry.inbound == PartnerInbound::Optional => {
            Some((
                "domain",
                format!("nothing is asked of the partner {}", entry.domain),
                "write tls = \"verified\", tls = \"encrypted\" or inbound = \"required\"",
            ))
        }
        PartnerTls::Opportunistic | PartnerTls::Encrypted if names_proof => Some((
            "tls",
            "authorities, certificate, hosts and minimum-version mean nothing without proof"
                .to_string(),
            "write tls = \"verified\", or leave them out",
        )),
        PartnerTls::Verified if entry.authorities == Authorities::Any => Some((
            "authorities",
            "\"any\" authority proves nothing".to_string(),
            "write tls = \"encrypted\" if it need not be proven who answers",
        )),
        PartnerTls::Verified
            if !entry.certificate.is_empty() && entry.authorities != Authorities::System =>
        {
            Some((
                "authorities",
                "where a key is pinned, no authority is asked".to_string(),
                "leave out certificate or authorities",
            ))
        }
        PartnerTls::Opportunistic | PartnerTls::Encrypted | PartnerTls::Verified => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> PartnerEntry {
        toml::from_str(text).unwrap()
    }

    fn domain(name: &str) -> Domain {
        Domain::parse(name).unwrap()
    }

    #[test]
    fn the_nearest_entry_holds_and_nobody_can_lower_the_sites() {
        let partners = Partners::new(&[
            entry("domain = \"region.example\"\nsubdomains = true\ntls = \"verified\""),
            entry("domain = \"lab.region.example\"\ntls = \"encrypted\""),
            entry(
                "domain = \"region.example\"\norganisation = \"acme\"\ntls = \"verified\"\nminimum-version = \"1.3\"",
            ),
            entry("domain = \"region.example\"\norganisation = \"lax\"\ninbound = \"required\""),
            entry(&format!(
                "domain = \"pinned.example\"\ntls = \"verified\"\nminimum-version = \"1.3\"\ncertificate = [\"sha256:{}\", \"sha256:{}\"]",
                "aa".repeat(32),
                "bb".repeat(32)
            )),
            entry(
                "domain = \"pinned.example\"\norganisation = \"lax\"\ntls = \"verified\"\nhosts = [\"*.anybody.example\"]",
            ),
            entry(&format!(
                "domain = \"pinned.example\"\norganisation = \"acme\"\ntls = \"verified\"\nminimum-version = \"1.3\"\ncertificate = [\"sha256:{}\"]",
                "aa".repeat(32)
            )),
        ]);
        let [acme, berg, lax] = ["acme", "berg", "lax"].map(Organisation::named);
        let of = |name: &str, whose| partners.of(&domain(name), whose);
        assert_eq!(of("region.example", &berg).unwrap().minimum_version, TlsVersion::Tls12);
        assert_eq!(of("region.example", &acme).unwrap().minimum_version, TlsVersion::Tls13);
        assert_eq!(of("region.example", &lax).unwrap().tls, PartnerTls::Verified);
        // Other hosts, an older version or another authority's word are less than the agreed keys; one of these keys is not.
        assert_eq!(of("pinned.example", &lax).unwrap().organisation, None);
        assert_eq!(of("pinned.example", &acme).unwrap().certificate.len(), 1);
        // Acme's entry says nothing of what is below; the site's does.
        let below = of("hospital.region.example", &acme).unwrap();
        assert_eq!((below.organisation.clone(), below.subdomains), (None, true));
        assert_eq!(of("lab.region.example", &acme).unwrap().tls, PartnerTls::Encrypted);
        assert_eq!(of("other.example", &acme), None);
        assert!(!partners.binds(&domain("otherregion.example"), &acme));
    }

    #[test]
    fn whoever_demands_tls_of_a_sender_gets_it() {
        let partners = Partners::new(&[
            entry("domain = \"region.example\"\nsubdomains = true\ninbound = \"required\""),
            entry("domain = \"lab.region.example\"\ntls = \"encrypted\""),
            entry("domain = \"x.example\"\norganisation = \"acme\"\ninbound = \"required\""),
            entry("domain = \"x.example\"\ntls = \"encrypted\""),
        ]);
        for (name, want) in [
            ("region.example", true),
            ("a.hospital.region.example", true),
            ("lab.region.example", false),
            // What is below the lab is below the region, too.
            ("x.lab.region.example", true),
            ("x.example", true),
            ("y.x.example", false),
            ("otherregion.example", false),
        ] {
            assert_eq!(partners.demands_inbound(&domain(name)), want, "{name}");
        }
    }

    #[test]
    fn a_mail_host_is_the_partners_by_its_name_by_agreement_or_by_signature() {
        let near = entry("domain = \"region.example\"\ntls = \"verified\"");
        let far = entry(
            "domain = \"region.example\"\ntls = \"verified\"\nhosts = [\"*.provider.example\", \"mx.other.example\"]",
        );
        for (entry, host, signed, want) in [
            (&near, "region.example", false, true),
            (&near, "mx.region.example", false, true),
            (&near, "mx.otherregion.example", false, false),
            (&near, "mx.provider.example", false, false),
            (&near, "mx.provider.example", true, true),
            (&far, "mx.provider.example", false, true),
            (&far, "a.mx.provider.example", false, false),
            (&far, "mx.other.example", false, true),
        ] {
            let terms = entry.terms(&domain("region.example"), &domain(host), signed).unwrap();
            assert_eq!(terms.host_is_known, want, "{host}");
        }
        let lax = entry("domain = \"region.example\"\ntls = \"encrypted\"");
        assert_eq!(lax.terms(&domain("region.example"), &domain("region.example"), true), None);
    }

    #[test]
    fn pins_are_read_as_programs_print_them() {
        let digits = "ab".repeat(32);
        let pairs = vec!["AB"; 32].join(":");
        for text in [format!("sha256:{digits}"), format!("sha256:{pairs}")] {
            assert_eq!(Pin::try_from(text).unwrap().to_string(), format!("sha256:{digits}"));
        }
        for bad in ["sha256:ab", &digits, "sha1:ab", ""] {
            assert!(Pin::try_from(bad.to_string()).is_err(), "{bad}");
        }
    }
}

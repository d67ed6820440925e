//! `sluss.toml` to values. The doc comments here are the manual: unit, default, why.
//!
//! Unknown keys are errors that name the nearest known one; every error names file, line and column.
//! A configuration that exists makes sense as a whole: listeners have addresses, policies that are named are there.

use crate::{
    base::{limits, units},
    config::{
        acme::Acme,
        admission::AdmissionConfig,
        audit::AuditConfig,
        authentication::Authentication,
        campaign::CampaignConfig,
        care::{Care, CareByClass, PersonalData, Tell},
        clamd::ClamdConfig,
        control::ControlEntry,
        destination::{AddressFamily, Authorities, DestinationEntry},
        digest::Digest,
        dns_list::DnsListConfig,
        domain_table::DomainTable,
        error::ConfigError,
        hash_list::HashListConfig,
        layers,
        learning::Learning,
        lists::Lists,
        next_hop::NextHop,
        organisation::{OrganisationEntry, Role},
        own_sts::OwnSts,
        partner::PartnerEntry,
        policy::{
            self, Action, Category, Course, CrossedThresholds, FindingName, KeepRejected, Leaves,
            Mode, Policy, Thresholds,
        },
        policy_rule::{Rule, RuleName},
        portal::Portal,
        public_url::PublicUrl,
        reports::Reports,
    },
    mail::{Direction, Domain, Organisation},
    wire::report::Language,
};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The name we greet with, put in `Received` and in notices. It should resolve to us and back.
    pub hostname: Domain,
    /// Our name in `Authentication-Results`, the same on all nodes. Default: the hostname.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authserv_id: Option<Domain>,
    /// Where spool, quarantine and trace live. The spool's promises are those of this file system.
    #[serde(default = "default_data_dir")]
    pub data_dir: PathBuf,
    /// Whom to become when started as root, after the ports are bound and the certificate's and the master key are read: "sluss".
    /// Absent: started as root, the gateway refuses, since it opens what strangers send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Stay root when started as root without `user`: for containers whose root is nobody outside. Default false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_root: bool,
    /// Ports we listen on.
    #[serde(default, rename = "listener", skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<Listener>,
    /// Our certificate.
    #[serde(default)]
    pub tls: Tls,
    /// Those whose mail this is. None written: one is implied and owns everything.
    #[serde(default, rename = "organisation", skip_serializing_if = "Vec::is_empty")]
    pub organisations: Vec<OrganisationEntry>,
    /// Domains we take mail for.
    #[serde(default, rename = "domain", skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<DomainEntry>,
    /// Long lists of domains: the path of a file, or several, with a domain a line: `name [next-hop] [key=value …]`, the keys
    /// being those of `[[domain]]`. Read again at reload. For three hundred thousand domains this is a matter of a second.
    #[serde(
        default,
        rename = "domains-file",
        deserialize_with = "one_or_many_paths",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub domains_files: Vec<PathBuf>,
    /// What a domain has that does not say otherwise, wherever it stands: any key of `[[domain]]` but its name.
    /// Usually `next-hop`, so that a domains-file is nothing but names.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub domain_defaults: toml::Table,
    /// The domains of the domains-files and of the stored layer.
    #[serde(skip)]
    pub domain_table: Arc<DomainTable>,
    /// Who may send through us, and where it goes.
    #[serde(default)]
    pub outbound: Outbound,
    /// What single destinations bear.
    #[serde(default, rename = "destination", skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<DestinationEntry>,
    /// What is agreed with the owners of other domains about the way of mail.
    #[serde(default, rename = "partner", skip_serializing_if = "Vec::is_empty")]
    pub partners: Vec<PartnerEntry>,
    /// Name servers.
    #[serde(default)]
    pub dns: Dns,
    /// Senders that are allowed or blocked for everybody here.
    #[serde(default, skip_serializing_if = "Lists::is_empty")]
    pub lists: Lists,
    /// What follows from who a sender could show to be.
    #[serde(default, skip_serializing_if = "Authentication::is_default")]
    pub authentication: Authentication,
    /// What is done with what is found: `[policy]` for the default, or several `[[policy]]` with names.
    #[serde(default, rename = "policy", skip_serializing_if = "Policies::is_empty")]
    pub policies: Policies,
    /// Signatures and phrases of your own.
    #[serde(default)]
    pub rules: Rules,
    /// The processes in which mail is opened.
    #[serde(default)]
    pub examiners: Examiners,
    /// ClamAV's daemon, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clamd: Option<ClamdConfig>,
    /// Reports of others that are read here.
    #[serde(default)]
    pub reports: Reports,
    /// What others hold the mail hosts of our domains to.
    #[serde(default, rename = "mta-sts", skip_serializing_if = "OwnSts::is_default")]
    pub own_sts: OwnSts,
    /// The same mail to many: what is done when what was delivered is found to be bad.
    #[serde(default, skip_serializing_if = "CampaignConfig::is_default")]
    pub campaign: CampaignConfig,
    /// Addresses by whose mail the classifier learns.
    #[serde(default, skip_serializing_if = "Learning::is_default")]
    pub learning: Learning,
    /// The mail that tells people what of theirs is held.
    #[serde(default, skip_serializing_if = "Digest::is_default")]
    pub digest: Digest,
    /// Where recipients in the world pick up mail that may not travel to them as it is.
    #[serde(default, skip_serializing_if = "Portal::is_default")]
    pub portal: Portal,
    /// Block and allow lists that are asked by the DNS.
    #[serde(default, rename = "dns-list", skip_serializing_if = "Vec::is_empty")]
    pub dns_lists: Vec<DnsListConfig>,
    /// Lists of known-bad attachments and domains.
    #[serde(default, rename = "hash-list", skip_serializing_if = "Vec::is_empty")]
    pub hash_lists: Vec<HashListConfig>,
    /// Where a copy of the audit log goes.
    #[serde(default, skip_serializing_if = "AuditConfig::is_default")]
    pub audit: AuditConfig,
    /// What must hold, who answers for it, and who is told when it does not.
    #[serde(default, rename = "control", skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<ControlEntry>,
    /// How long and how much is kept, and the key it is kept under.
    #[serde(default)]
    pub store: Store,
    /// The web listeners.
    #[serde(default)]
    pub web: Web,
    /// How strangers are met.
    #[serde(default)]
    pub admission: AdmissionConfig,
    /// Bounds that an operator may move.
    #[serde(default)]
    pub limits: Limits,
}

/// One port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Listener {
    /// A word for logs and metrics.
    pub name: String,
    /// Address and port: "[::]:25" is IPv6 and, unless another listener has that port on an IPv4 address, IPv4 as well; "0.0.0.0:25" is IPv4 alone.
    /// A socket of the same name or address that systemd hands over is used instead of binding one.
    pub bind: SocketAddr,
    /// "inbound" takes mail for our domains from anybody; "outbound" takes mail for anybody from our networks.
    pub direction: Direction,
    /// "off", "opportunistic" (STARTTLS offered; default), "required" (nothing before STARTTLS), "implicit" (port 465).
    #[serde(default)]
    pub tls: ListenerTls,
    /// Offer DSN (RFC 3461) on an inbound listener too. Default false: strangers have no business knowing our insides.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dsn: bool,
    /// Relays of ours in front of an inbound listener: a second MX, a filter in the cloud, a forwarder. Networks, "203.0.113.5/32" for one host.
    /// Who sent a mail is then read from the `Received` lines that they wrote; they are held to no rate, and what would be refused
    /// for its content is held instead, since their bounce would go to somebody who sent nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted_relays: Vec<IpNet>,
    /// Offer log-ins (AUTH) inside TLS, so that users outside `[outbound] networks` may send; accounts are made with `sluss user add`.
    /// Default true on outbound listeners with TLS, false on all others, where it cannot be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<bool>,
    /// Networks of balancers that speak the PROXY protocol (version 1 or 2): connections from them must begin with its header,
    /// and the client that it announces is the one that counts. Nobody else's header is believed. Default none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proxy_protocol_from: Vec<IpNet>,
}

impl Listener {
    /// Are log-ins offered, inside TLS?
    pub fn offers_auth(&self) -> bool {
        self.could_offer_auth() && self.auth.unwrap_or(true)
    }

    pub(super) fn could_offer_auth(&self) -> bool {
        self.direction == Direction::Outbound && self.tls != ListenerTls::Off
    }

    /// Is this a balancer, whose connections begin with a PROXY header?
    pub fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxy_protocol_from.iter().any(|network| network.contains(&address.to_canonical()))
    }
}

/// How a listener speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListenerTls {
    /// Never.
    Off,
    /// STARTTLS is offered.
    #[default]
    Opportunistic,
    /// No mail before STARTTLS. On a public inbound port this turns real senders away (RFC 3207 section 4).
    Required,
    /// TLS from the first byte.
    Implicit,
}

/// Our certificate: in files, or by ACME. With neither one is made at start: good for trials, and for senders that check nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tls {
    /// PEM file with the certificate and its chain. Read again at reload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Or one that the gateway gets from an authority, and renews, by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acme: Option<Acme>,
}

/// A domain of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DomainEntry {
    /// The domain; exactly this one, not those below it.
    pub name: Domain,
    /// Where its mail goes: "smtp://10.0.0.5:25", "lmtp://10.0.0.5:24", "lmtp:/run/dovecot/lmtp" (a socket), "smtps://10.0.0.5:465",
    /// "mx", "maildir:/path"; several are tried in order. "internal:" for a domain whose mail we read ourselves (reports).
    /// With LMTP a mail for several recipients is made safe here before it goes on: each of them gets its own answer.
    /// Here or in `[domain-defaults]`.
    #[serde(default)]
    pub next_hop: NextHops,
    /// "off", "opportunistic" (default) or "required": TLS to the next hop.
    #[serde(default)]
    pub next_hop_tls: NextHopTls,
    /// Tell the next hop who brought the mail, by XCLIENT, where it offers that (Postfix: `smtpd_authorized_xclient_hosts`),
    /// so that its log and its own rules see the client and not us. Default false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub next_hop_xclient: bool,
    /// Who exists: "callout" (ask the next hop; default), "any", or the path of a file with one address a line.
    /// A folder and "mx" cannot be asked: with them, "any" or a file.
    #[serde(default)]
    pub recipients: Recipients,
    /// While the next hop is away: "spool" (take the mail and try again; default) or "defer" (the sender keeps it).
    #[serde(default)]
    pub when_away: WhenAway,
    /// Whose it is: the name of an `[[organisation]]`. Needed as soon as there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Organisation>,
    /// The name of a `[[policy]]`. Default: its organisation's, else "default".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// One next hop or several in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct NextHops(pub Vec<NextHop>);

/// TLS to a next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NextHopTls {
    /// Never: a next hop on the same machine.
    Off,
    /// When offered; any certificate; recorded.
    #[default]
    Opportunistic,
    /// Or the mail waits.
    Required,
}

/// How recipients are known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, Serialize)]
#[serde(into = "String")]
pub enum Recipients {
    /// The next hop is asked before DATA.
    #[default]
    Callout,
    /// Everybody is taken. Mail to nobody then comes back as a bounce, or is lost in a catch-all.
    Any,
    /// Those in a file, read again at reload.
    File(PathBuf),
}

/// While a next hop is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenAway {
    /// Take the mail, keep it safe, try again.
    #[default]
    Spool,
    /// Answer 451.
    Defer,
}

/// Mail to the world.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Outbound {
    /// Networks that may use outbound listeners: "192.0.2.0/24", "2001:db8::/48"; none wider than /8 or, for IPv6, /16. None: nobody may.
    /// With several organisations these are the networks of servers that they share: a mail is then that organisation's whose domain
    /// its sender has. A network of one organisation alone stands in its `[[organisation]]`.
    #[serde(default)]
    pub networks: Vec<IpNet>,
    /// Whose the mail of shared networks is when its sender tells nothing: bounces and forwards. Needed as soon as there are several organisations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Organisation>,
    /// Where it all goes; absent: to the MX of each domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smarthost: Option<NextHops>,
    /// TLS to the smarthost or the MX. With `smarthost-user` it is "required" in any case.
    #[serde(default)]
    pub tls: NextHopTls,
    /// Whom we log in as at the smarthost (AUTH PLAIN or LOGIN), only inside TLS. Absent: we do not log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smarthost_user: Option<String>,
    /// A file whose first line is the password, readable for `user`. Read at start and at reload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smarthost_password_file: Option<PathBuf>,
    /// The environment variable that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smarthost_password_env: Option<String>,
    /// Who may vouch for the smarthost before it gets the password: "system" (default), "any" (nobody needs to; only for a
    /// smarthost on your own wire), or the path of a PEM file.
    #[serde(default, skip_serializing_if = "Authorities::is_system")]
    pub smarthost_ca: Authorities,
    /// Ask DNS, proven by DNSSEC, how the mail hosts of other domains are to be recognised (DANE, RFC 7672), and keep mail that would go to
    /// anybody else: "on" (default) or "off". It needs name servers that hand DNSSEC signatures on; where they do not, all mail to MX hosts waits.
    #[serde(default, skip_serializing_if = "Dane::is_default")]
    pub dane: Dane,
    /// The port of other domains' mail hosts, 1 to 65535. Default 25; another one is for tests, and for networks whose way out listens elsewhere.
    #[serde(default, skip_serializing_if = "PortOr::is_default")]
    pub mx_port: PortOr<25>,
    /// Ask other domains by HTTPS which mail hosts are theirs (MTA-STS, RFC 8461), keep what they say as long as they say, and keep mail that would
    /// go to anybody else: "on" (default) or "off".
    #[serde(default, skip_serializing_if = "MtaSts::is_default")]
    pub mta_sts: MtaSts,
    /// Who may vouch for the web servers that policies come from, and for mail hosts: "system" (default), or the path of a PEM file in place of the
    /// system's list. Read at start and at reload.
    #[serde(default, skip_serializing_if = "Authorities::is_system")]
    pub mta_sts_authorities: Authorities,
    /// The port of the web servers that policies come from, 1 to 65535. Default 443; another one is for tests, and for networks whose way out listens
    /// elsewhere.
    #[serde(default, skip_serializing_if = "PortOr::is_default")]
    pub mta_sts_port: PortOr<443>,
    /// Networks that are not the world's in which such web servers may be all the same: for split DNS, and for tests. None by default: whoever
    /// points the name of his web server at an address inside is not followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mta_sts_networks: Vec<IpNet>,
    /// Addresses of this machine that mail to the world leaves from, at most one IPv4 and one IPv6. Absent: the system chooses.
    /// They should resolve to `helo` and back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_addresses: Vec<std::net::IpAddr>,
    /// The name we give after EHLO to the world. Default: the hostname.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helo: Option<Domain>,
    /// "both" (IPv6 first, then IPv4; default), "ipv4" or "ipv6": what we connect to in the world. A machine without IPv6 says "ipv4".
    #[serde(default, skip_serializing_if = "is_both")]
    pub address_family: AddressFamily,
    /// Mail of an own domain that we do not sign, that no other signature speaks for and that leaves from no address its SPF record allows,
    /// while its DMARC record asks for refusal or quarantine: "refuse" (default), so that its writer hears of it at once instead of from
    /// the receivers, or "send".
    #[serde(default, skip_serializing_if = "WhenUnauthenticated::is_default")]
    pub when_unauthenticated: WhenUnauthenticated,
    /// The language of what we write to senders of organisations that name none: "en" (default), "sv", "fi", "nb" or "da".
    #[serde(default, skip_serializing_if = "is_english")]
    pub notice_language: Language,
    /// The name of a `[[policy]]`, for organisations that name none. Default: "default".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// Is DNS asked how mail hosts are to be recognised?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dane {
    /// For every domain whose MX we look up.
    #[default]
    On,
    /// Nobody asks.
    Off,
}

impl Dane {
    fn is_default(&self) -> bool {
        *self == Dane::On
    }
}

/// Are domains asked for their MTA-STS policy?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MtaSts {
    /// Every domain whose MX we look up.
    #[default]
    On,
    /// Nobody asks.
    Off,
}

impl MtaSts {
    fn is_default(&self) -> bool {
        *self == MtaSts::On
    }
}

/// A port that is nearly always the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PortOr<const USUAL: u16>(NonZeroU16);

impl<const USUAL: u16> PortOr<USUAL> {
    /// As a number.
    pub fn number(self) -> u16 {
        self.0.get()
    }

    fn is_default(&self) -> bool {
        *self == PortOr::default()
    }
}

impl<const USUAL: u16> Default for PortOr<USUAL> {
    fn default() -> PortOr<USUAL> {
        PortOr(NonZeroU16::new(USUAL).unwrap_or(NonZeroU16::MIN))
    }
}

/// Own mail that would fail where it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenUnauthenticated {
    /// 550 at the dot.
    #[default]
    Refuse,
    /// Nobody asks.
    Send,
}

impl WhenUnauthenticated {
    fn is_default(&self) -> bool {
        *self == WhenUnauthenticated::Refuse
    }
}

/// Name servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dns {
    /// Addresses with ports: "192.0.2.53:53". None: those of the system.
    #[serde(default)]
    pub servers: Vec<SocketAddr>,
    /// A file of DNSKEY records, in the form of zone files, that DNSSEC proofs begin from in place of the root's keys. For split DNS, whose inner
    /// zones are signed by keys that the world does not know; the root's keys have to be in it too, if the world's zones are to be proven.
    /// Read at start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_anchors: Option<PathBuf>,
    /// Refuse strangers whose envelope sender nobody could answer: no such domain, or one that takes no mail. A name server that does
    /// not answer refuses nobody, nor does a policy in mode "shadow" or "tag". Clients on loopback are not asked about. Default true.
    #[serde(default = "yes")]
    pub sender_domains: bool,
}

impl Default for Dns {
    fn default() -> Dns {
        Dns { servers: Vec::new(), trust_anchors: None, sender_domains: true }
    }
}

/// One `[policy]` or many.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Policies(Vec<PolicyEntry>);

/// A policy as written: what is absent is as in the default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "PolicyTable")]
pub struct PolicyEntry {
    /// Its name, for `policy = "…"` in a domain.
    pub name: String,
    /// How far it acts on what it finds, in both directions. Every mode judges alike, and writes down what "protect" would have done.
    /// "shadow" delivers everything unaltered but for header fields: to see what would happen (`sluss status --shadow 7`) before it does.
    /// "tag" also marks what would have been marked or worse, and holds malware. "protect" acts.
    /// In every mode malformed mail, relaying, unknown recipients and blocked senders are refused, and a mail over which the scanner failed is deferred,
    /// and held when it comes again. Default: the mode of the organisation, else "protect".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Greylisting: the score from which a mail of a sender that nobody speaks for, from a network that has brought no good mail yet, is
    /// answered 451 at its first try. A server that tries again is known for 36 days. Only in "protect", and never for what is held or
    /// refused anyway. 2.0 spares nearly all good mail; 0.0 greylists every such stranger. Default: none, no greylisting.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "crate::base::number::write_any")]
    pub greylist: Option<f32>,
    /// Which mails from the world a copy is kept of when they are refused for what is in them, for `[store] rejected-days`: "not-malware",
    /// "all" or "nothing". Malware that was wanted after all is rare, and what is not kept cannot be let out. Default "not-malware".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_rejected: Option<KeepRejected>,
    /// What the channel must show that mail of the organisation leaves by to the world: "anyhow" (default), "encrypted" (TLS, to whoever
    /// answers) or "proven" (somebody vouches for the server: `[[partner]]`, DANE, an enforced MTA-STS policy). What finds no such channel
    /// waits. Only in "protect".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<Leaves>,
    /// What is asked of mail to the world with personal data in clear (of confidence medium or high), in every class that has no line of
    /// its own below: "anyhow", "encrypted", "proven" (as in `transport`), "protected" (the content is S/MIME or OpenPGP, or it goes by the portal),
    /// "approved" (held until somebody says yes) or "refused". What finds no such way goes by the portal, or is held after a quarter of an
    /// hour, and its sender told. Default: by the `country` of the organisation; SE: "proven", "protected" and "approved" for the three classes; DK, NO
    /// and FI: "proven", "proven" and "approved"; others "anyhow".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_data: Option<Care>,
    /// The same for the class confidential: one to nine persons, or a password or key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_data_confidential: Option<Care>,
    /// The same for the class sensitive: health, union, religion, politics, sexual life, origin or crime (GDPR articles 9 and 10), with a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_data_sensitive: Option<Care>,
    /// The same for the class bulk: ten persons or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_data_bulk: Option<Care>,
    /// Only writes down, as a finding, what would be asked of such mail: to see it before it is. Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_data_simulate: Option<bool>,
    /// When the sender of such mail hears of it: "nobody" (never), "when-stopped" (it was held or took another way) or "always". Default
    /// "when-stopped".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_data_tell: Option<Tell>,
    /// Who is asked by letter about what is held for it, by the organisation's `contacts`: "privacy" (default), "security", "postmaster" or
    /// "abuse". Where nobody has that contact, the first of the others in this order that somebody has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_data_approver: Option<Role>,
    /// Whoever sent what waits for approval may say yes himself, on his own page; whose contact is asked hears of it all the same. Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_data_own_yes: Option<bool>,
    /// Whoever sent a mail may say on his own page, with a reason, that what was found in it is no personal data; not of ten persons and more, nor of
    /// special categories. Whose contact is asked hears of it. Default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_data_override: Option<bool>,
    /// Both directions.
    #[serde(flatten)]
    pub both: CourseEntry,
    /// What differs for mail from the world.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbound: Option<CourseEntry>,
    /// What differs for mail to the world.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound: Option<CourseEntry>,
    /// Rules of who, what and when, each a table with a name: `[policy.rules.night]`. See [`Rule`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<RuleName, Rule>,
}

/// A [`PolicyEntry`] as its table is read, every key by name: behind `flatten` an unknown key is not noticed,
/// or noticed without the known ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PolicyTable {
    #[serde(default = "default_policy_name")]
    name: String,
    mode: Option<Mode>,
    greylist: Option<f32>,
    keep_rejected: Option<KeepRejected>,
    transport: Option<Leaves>,
    personal_data: Option<Care>,
    personal_data_confidential: Option<Care>,
    personal_data_sensitive: Option<Care>,
    personal_data_bulk: Option<Care>,
    personal_data_simulate: Option<bool>,
    personal_data_tell: Option<Tell>,
    personal_data_approver: Option<Role>,
    personal_data_own_yes: Option<bool>,
    personal_data_override: Option<bool>,
    mark: Option<f32>,
    quarantine: Option<f32>,
    reject: Option<f32>,
    phish: Option<f32>,
    unscanned: Option<Action>,
    spam_at_most: Option<Action>,
    #[serde(default)]
    actions: BTreeMap<Category, Action>,
    #[serde(default)]
    findings: BTreeMap<FindingName, Action>,
    inbound: Option<CourseEntry>,
    outbound: Option<CourseEntry>,
    #[serde(default)]
    rules: BTreeMap<RuleName, Rule>,
}

impl From<PolicyTable> for PolicyEntry {
    fn from(table: PolicyTable) -> PolicyEntry {
        PolicyEntry {
            name: table.name,
            mode: table.mode,
            greylist: table.greylist,
            keep_rejected: table.keep_rejected,
            transport: table.transport,
            personal_data: table.personal_data,
            personal_data_confidential: table.personal_data_confidential,
            personal_data_sensitive: table.personal_data_sensitive,
            personal_data_bulk: table.personal_data_bulk,
            personal_data_simulate: table.personal_data_simulate,
            personal_data_tell: table.personal_data_tell,
            personal_data_approver: table.personal_data_approver,
            personal_data_own_yes: table.personal_data_own_yes,
            personal_data_override: table.personal_data_override,
            both: CourseEntry {
                mark: table.mark,
                quarantine: table.quarantine,
                reject: table.reject,
                phish: table.phish,
                unscanned: table.unscanned,
                spam_at_most: table.spam_at_most,
                actions: table.actions,
                findings: table.findings,
            },
            inbound: table.inbound,
            outbound: table.outbound,
            rules: table.rules,
        }
    }
}

/// Scores and actions as written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CourseEntry {
    /// Score at which a mail is marked. Default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "crate::base::number::write_any")]
    pub mark: Option<f32>,
    /// Score at which it is held. Default 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "crate::base::number::write_any")]
    pub quarantine: Option<f32>,
    /// Score at which it is refused. Default 15.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "crate::base::number::write_any")]
    pub reject: Option<f32>,
    /// Weight of phish findings at which the phish action is taken. Default 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "crate::base::number::write_any")]
    pub phish: Option<f32>,
    /// What a part leads to that could not be opened. Default "quarantine".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unscanned: Option<Action>,
    /// The most that a spam score leads to. Default "reject" inbound, "quarantine" outbound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spam_at_most: Option<Action>,
    /// What a demanding finding leads to, by category: `virus = "reject"`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<Category, Action>,
    /// What a single finding leads to at least, whatever it weighs: `"attachment.macro" = "quarantine"`, `"attachment.*" = "mark"`; of
    /// several names the longest counts. Ids: `sluss rules list`. It makes nothing milder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub findings: BTreeMap<FindingName, Action>,
}

/// Rules of your own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rules {
    /// Folders with `*.yar` and `*.toml` files beside the shipped ones. Read again at reload.
    #[serde(default)]
    pub folders: Vec<PathBuf>,
    /// Refuse to take mail (451) when no signature at all could be loaded. Default true.
    #[serde(default = "yes")]
    pub required: bool,
}

/// The processes in which mail is opened.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Examiners {
    /// What to do where an examiner cannot be locked in (an old kernel, a container that forbids seccomp): `"required"` takes no mail,
    /// `"best-effort"` opens mail without the walls that are missing and says so in the log. Default `"required"`.
    #[serde(default)]
    pub isolation: Isolation,
}

/// How well examiners must be locked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// Wholly, or no mail is taken.
    #[default]
    Required,
    /// As well as this machine can.
    BestEffort,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Store {
    /// A file outside the data folder, best on another file system, with the master key: 64 hex digits. Absent: the systemd credential
    /// `sluss.master-key` (`LoadCredential=sluss.master-key:/etc/sluss/master.key`) if there is one, else a key is made beside the data
    /// (good for trials, and it says so). What is held, and what waits in the spool, is encrypted under keys that this one wraps:
    /// keep a copy of it elsewhere, and not with the backups of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_key: Option<PathBuf>,
    /// Days a held mail is kept. Default 30.
    #[serde(default = "default_quarantine_days")]
    pub quarantine_days: u64,
    /// Bytes all held mails may take together, at least the largest mail; the oldest go first. Default 20 GiB.
    #[serde(default = "default_quarantine_bytes")]
    pub quarantine_bytes: Size,
    /// Days a copy is kept, encrypted as what is held, of a mail from the world that was refused for what is in it; somebody may still want
    /// it. 0: none is kept. Which ones: `keep-rejected` in a policy. Default 7.
    #[serde(default = "default_rejected_days")]
    pub rejected_days: u64,
    /// Bytes all these copies may take together; the oldest go first, and never for what is held. Default 2 GiB.
    #[serde(default = "default_rejected_bytes")]
    pub rejected_bytes: Size,
    /// Days the bank accounts that a correspondent wrote are remembered (as keyed hashes) after they were last seen; 0 remembers none, and
    /// then nobody is warned of a changed one. Default 730.
    #[serde(default = "default_bank_account_days")]
    pub bank_account_days: u64,
    /// Days a proof of the way of a mail is kept: who took it over what channel. It holds envelope addresses. 0: none is made. Default 400.
    #[serde(default = "default_proof_days")]
    pub proof_days: u64,
    /// Bytes all proofs may take together; the oldest go first. Default 10 GiB, which is some five million.
    #[serde(default = "default_proof_bytes")]
    pub proof_bytes: Size,
    /// Days that what was said of a mail (spam, not spam) is kept and learned from, as numbers that cannot be read back into the mail. Default 400.
    #[serde(default = "default_lesson_days")]
    pub lesson_days: u64,
    /// Days after which somebody can still say what a mail is: so long the learners' view of it is kept, sealed. Default 30.
    #[serde(default = "default_label_days")]
    pub label_days: u64,
    /// Days the trace is kept. Default 90.
    #[serde(default = "default_trace_days")]
    pub trace_days: u64,
    /// Bytes the trace may take; the oldest rows go first. Default 20 GiB.
    #[serde(default = "default_trace_bytes")]
    pub trace_bytes: Size,
}

/// The web listeners.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Web {
    /// What the world may see: a page that says what this is and whom to ask. Put a TLS proxy in front. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<SocketAddr>,
    /// The pages of those who look after mail, and the API; `/metrics`, `/healthz` and `/readyz`, for which nobody is asked who they are.
    /// Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<SocketAddr>,
    /// The public listener speaks TLS with the certificate of `[tls]`. Default false: put a TLS proxy in front.
    #[serde(default)]
    pub public_tls: bool,
    /// The admin listener speaks TLS with the certificate of `[tls]`. Default false: loopback, or a TLS proxy in front.
    #[serde(default)]
    pub admin_tls: bool,
    /// The name, or the address, under which browsers reach the admin listener through a proxy; by an address, by localhost and by
    /// the hostname they always may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_name: Option<Domain>,
    /// Addresses and networks of TLS proxies in front: what they say in `X-Forwarded-For` of whom they speak for is believed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proxies: Vec<IpNet>,
    /// The address under which people reach `public` from outside: "https://post.ours.example", without a path. Links in digests begin
    /// with it. Only https, but for hosts of this machine alone. Absent: no links, and no digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<PublicUrl>,
}

/// Bounds that an operator may move; the others stand in `base/limits.rs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Limits {
    /// Largest mail. Default 50 MiB.
    pub message_bytes: Size,
    /// Connections in all. Default 500.
    pub connections: usize,
    /// Connections of one client address (IPv6: /64). Default 20.
    pub connections_per_address: usize,
    /// Connections of one client network (/24, IPv6 /48). Default 50.
    pub connections_per_network: usize,
    /// Transactions in any minute of one client address (IPv6: /64); more hear 450. `[outbound] networks` have no such bound. Default 100.
    pub transactions_per_minute: u32,
    /// Transactions in any minute of one authenticated user, from wherever. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_transactions_per_minute: Option<u32>,
    /// Networks that no limit on clients is for: monitoring, your own backup MX. They count among the connections in all. Default: none.
    pub exempt_networks: Vec<IpNet>,
    /// Failed log-ins of one client address (IPv6: /64) in 15 minutes before its passwords are looked at no more. Default 30.
    pub log_in_failures_per_address: u32,
    /// The same for one user name from everywhere but where it has logged in before. Default 60.
    pub log_in_failures_per_user: u32,
    /// Slow and hold accounts of yours that send far more than they ever do, or what nobody takes, or malware. Default true.
    /// `exempt-networks` have no accounts: a newsletter machine may be one.
    pub hold_accounts: bool,
    /// Recipients in an hour at which the mail of a new account is slowed; at twice as many it is held. One that has sent on five
    /// days is measured by itself. On an organisation's first day here it is for users that log in alone: to us all senders are new then.
    /// Default 200.
    pub new_account_recipients_per_hour: u32,
    /// Own memory at which new connections hear 421. Default 1 GiB.
    pub resident_bytes: Size,
    /// Free disk under which MAIL hears 452. Default 512 MiB.
    pub disk_free_bytes: Size,
    /// Memory for what organisations learned beyond the site, each up to 2 MiB; the others wait in files. Default 64 MiB.
    pub own_sets_bytes: Size,
    /// How long a mail is tried before it goes back. Default 5 days, at least 1 minute.
    pub queue_lifetime: Span,
    /// First wait after a failed try; doubles up to 4 hours. Default 5 minutes, at least 100 ms.
    pub retry_first: Span,
    /// From the final dot to our reply. Default 2 minutes.
    pub dot_time: Span,
    /// Connections from the queue to one destination (the MX of a domain, or a next hop) at a time. Default 5.
    /// Fewer after failures, one while it is away.
    pub connections_per_destination: usize,
    /// Connections to one next hop on which a sender waits for our answer, callouts among them. Default 20.
    /// When all are busy a mail waits for half its time, then in the queue.
    pub connections_per_next_hop: usize,
    /// First rest of a destination that could not be reached or took no mail at all: its queue waits, then one mail goes to see. Doubles
    /// up to 1 hour, and ends as soon as another mail gets through. Default 1 minute; "0 s": each mail finds out for itself.
    pub rest_first: Span,
    /// Mails over one connection to a next hop. Default 500.
    pub mails_per_connection: u32,
    /// Age at which the sender of outbound mail that still waits is told. Default 4 hours; "0 s": never.
    pub delay_notice: Span,
    /// Age at which mail is held that may leave over a proven channel only and finds none, and its sender told. Default 15 minutes.
    pub unproven_hold_after: Span,
    /// Greet each next hop of our domains at start and once a day, to learn what it takes (SMTPUTF8, SIZE). Default true;
    /// without it that is learned from the first mail.
    pub probe_next_hops: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message_bytes: Size(limits::MESSAGE_BYTES_MAX),
            connections: limits::CONNECTIONS_MAX,
            connections_per_address: limits::CONNECTIONS_PER_ADDRESS_MAX,
            connections_per_network: limits::CONNECTIONS_PER_NETWORK_MAX,
            transactions_per_minute: limits::TRANSACTIONS_PER_MINUTE_MAX,
            user_transactions_per_minute: None,
            exempt_networks: Vec::new(),
            log_in_failures_per_address: limits::LOG_IN_FAILURES_PER_ADDRESS_MAX,
            log_in_failures_per_user: limits::LOG_IN_FAILURES_PER_USER_MAX,
            hold_accounts: true,
            new_account_recipients_per_hour: limits::NEW_ACCOUNT_RECIPIENTS_PER_HOUR,
            resident_bytes: Size(limits::RESIDENT_BYTES_MAX),
            disk_free_bytes: Size(limits::DISK_FREE_BYTES_MIN),
            own_sets_bytes: Size(limits::OWN_SETS_BYTES),
            queue_lifetime: Span(limits::QUEUE_LIFETIME),
            retry_first: Span(limits::RETRY_FIRST),
            dot_time: Span(limits::DOT_TIME_MAX),
            connections_per_destination: limits::CONNECTIONS_PER_DESTINATION_MAX,
            connections_per_next_hop: limits::CONNECTIONS_PER_NEXT_HOP_MAX,
            rest_first: Span(limits::REST_FIRST),
            mails_per_connection: limits::MAILS_PER_CONNECTION_MAX,
            delay_notice: Span(limits::DELAY_NOTICE_AFTER),
            unproven_hold_after: Span(limits::UNPROVEN_HOLD_AFTER),
            probe_next_hops: true,
        }
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { folders: Vec::new(), required: true }
    }
}

impl Default for Store {
    fn default() -> Store {
        Store {
            master_key: None,
            quarantine_days: limits::QUARANTINE_DAYS,
            quarantine_bytes: Size(limits::QUARANTINE_BYTES_MAX),
            rejected_days: limits::REJECTED_DAYS,
            rejected_bytes: Size(limits::REJECTED_BYTES_MAX),
            bank_account_days: limits::BANK_ACCOUNT_DAYS,
            proof_days: default_proof_days(),
            proof_bytes: default_proof_bytes(),
            lesson_days: default_lesson_days(),
            label_days: default_label_days(),
            trace_days: limits::TRACE_DAYS,
            trace_bytes: Size(limits::TRACE_BYTES_MAX),
        }
    }
}

/// Bytes, written "25 MiB".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(pub u64);

/// A span, written "5 days".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

impl Config {
    /// Reads a whole file's text, without the other layers. `file` is only for messages.
    pub fn parse(file: &Path, text: &str) -> Result<Config, ConfigError> {
        layers::alone(file, text)
    }

    /// The organisation that owns whatever names none: the only one, or the implied one. None when there are several to choose from.
    pub fn only_organisation(&self) -> Option<Organisation> {
        match self.organisations.as_slice() {
            [] => Some(Organisation::implied()),
            [only] => Some(only.name.clone()),
            [_, _, ..] => None,
        }
    }

    /// Our name in Authentication-Results.
    pub fn authserv_id(&self) -> &Domain {
        self.authserv_id.as_ref().unwrap_or(&self.hostname)
    }

    /// The whole configuration in the file's own form, a line for each value. Domains of long lists and of the store are left out.
    pub fn to_toml(&self) -> String {
        // Every type here serialises; an error would be a bug that a test sees.
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}\n"))
    }

    /// Only what differs from a configuration that sets nothing.
    pub fn to_toml_diff(&self) -> String {
        let plain = Config { hostname: self.hostname.clone(), ..Config::nothing() };
        let table = |config: &Config| config.to_toml().parse::<toml::Table>().unwrap_or_default();
        let mut differing = table(self);
        let base = table(&plain);
        subtract(&mut differing, &base);
        differing.insert("hostname".to_string(), toml::Value::String(self.hostname.to_string()));
        toml::to_string(&differing).unwrap_or_default()
    }

    fn nothing() -> Config {
        Config {
            // A constant that parses; the fallback cannot be reached.
            hostname: Domain::parse("localhost")
                .unwrap_or_else(|_| unreachable!("localhost is a domain")),
            authserv_id: None,
            data_dir: default_data_dir(),
            user: None,
            allow_root: false,
            listeners: Vec::new(),
            tls: Tls::default(),
            organisations: Vec::new(),
            domains: Vec::new(),
            domains_files: Vec::new(),
            domain_defaults: toml::Table::new(),
            domain_table: Arc::default(),
            outbound: Outbound::default(),
            destinations: Vec::new(),
            partners: Vec::new(),
            dns: Dns::default(),
            lists: Lists::default(),
            authentication: Authentication::default(),
            policies: Policies::default(),
            rules: Rules::default(),
            examiners: Examiners::default(),
            clamd: None,
            reports: Reports::default(),
            own_sts: OwnSts::default(),
            campaign: CampaignConfig::default(),
            audit: AuditConfig::default(),
            controls: Vec::new(),
            learning: Learning::default(),
            digest: Digest::default(),
            portal: Portal::default(),
            dns_lists: Vec::new(),
            hash_lists: Vec::new(),
            store: Store::default(),
            web: Web::default(),
            admission: AdmissionConfig::default(),
            limits: Limits::default(),
        }
    }

    /// Trial mode: loopback only, everything ends in Maildirs under the data folder.
    pub fn trial(data_dir: &Path) -> Config {
        let maildir = |name: &str| NextHops(vec![NextHop::Maildir(data_dir.join(name))]);
        let listener = |name: &str, port: u16, direction| Listener {
            name: name.to_string(),
            bind: SocketAddr::from(([127, 0, 0, 1], port)),
            direction,
            tls: ListenerTls::Opportunistic,
            dsn: false,
            trusted_relays: Vec::new(),
            auth: None,
            proxy_protocol_from: Vec::new(),
        };
        let domain = |name: &str| {
            Domain::parse(name).ok().map(|name| DomainEntry {
                name,
                next_hop: maildir("maildir"),
                next_hop_tls: NextHopTls::Off,
                next_hop_xclient: false,
                recipients: Recipients::Any,
                when_away: WhenAway::Spool,
                organisation: None,
                policy: None,
            })
        };
        Config {
            data_dir: data_dir.to_path_buf(),
            listeners: vec![
                listener("inbound", 2525, Direction::Inbound),
                listener("outbound", 2587, Direction::Outbound),
            ],
            domains: ["ours.example", "localhost"].into_iter().filter_map(domain).collect(),
            outbound: Outbound {
                networks: vec![
                    IpNet::from(std::net::IpAddr::from([127, 0, 0, 0])),
                    IpNet::from(std::net::IpAddr::from(std::net::Ipv6Addr::LOCALHOST)),
                ]
                .into_iter()
                .map(|net| match net {
                    IpNet::V4(v4) => {
                        ipnet::Ipv4Net::new(v4.addr(), 8).map(IpNet::V4).unwrap_or(net)
                    }
                    IpNet::V6(_) => net,
                })
                .collect(),
                organisation: None,
                smarthost: Some(maildir("maildir-outbound")),
                tls: NextHopTls::Off,
                ..Outbound::default()
            },
            web: Web {
                public: Some(SocketAddr::from(([127, 0, 0, 1], 8026))),
                admin: Some(SocketAddr::from(([127, 0, 0, 1], 8025))),
                public_url: PublicUrl::parse("http://127.0.0.1:8026").ok(),
                ..Web::default()
            },
            // A trial writes one when it is asked to, not by the clock.
            digest: Digest { enabled: Some(false), ..Digest::default() },
            ..Config::nothing()
        }
    }
}

fn subtract(table: &mut toml::Table, base: &toml::Table) {
    table.retain(|key, value| match (value, base.get(key)) {
        (toml::Value::Table(inner), Some(toml::Value::Table(base))) => {
            subtract(inner, base);
            !inner.is_empty()
        }
        (value, Some(base)) => value != base,
        (_, None) => true,
    });
}

impl Policies {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        name == DEFAULT || self.0.iter().any(|entry| entry.name == name)
    }

    /// Has any of them a rule?
    pub fn have_rules(&self) -> bool {
        self.0.iter().any(|entry| !entry.rules.is_empty())
    }

    /// As written, in order.
    /// What is written of one, as a table without its name; an empty one where it is as by default.
    pub fn table_of(&self, name: &str) -> toml::Table {
        let entry = self.0.iter().find(|entry| entry.name == name);
        let mut table =
            entry.and_then(|entry| toml::Table::try_from(entry).ok()).unwrap_or_default();
        table.remove("name");
        table
    }

    pub(super) fn entries(&self) -> &[PolicyEntry] {
        &self.0
    }

    /// All policies by name, the default always among them. The error names the policy.
    pub fn compile(&self) -> Result<HashMap<String, Policy>, (String, String)> {
        let mut policies = HashMap::from([(DEFAULT.to_string(), Policy::default())]);
        for entry in &self.0 {
            let policy = entry.compile().map_err(|why| (entry.name.clone(), why.to_string()))?;
            policies.insert(entry.name.clone(), policy);
        }
        Ok(policies)
    }
}

impl PolicyEntry {
    /// The policy, with the default where nothing is written.
    pub(super) fn compile(&self) -> Result<Policy, CrossedThresholds> {
        let mut policy = Policy {
            name: self.name.clone(),
            mode: self.mode,
            greylist: self.greylist,
            keep_rejected: self.keep_rejected.unwrap_or_default(),
            transport: self.transport.unwrap_or_default(),
            personal_data: PersonalData {
                all: self.personal_data,
                confidential: self.personal_data_confidential,
                sensitive: self.personal_data_sensitive,
                bulk: self.personal_data_bulk,
                simulate: self.personal_data_simulate.unwrap_or_default(),
                tell: self.personal_data_tell.unwrap_or_default(),
                approver: self.personal_data_approver.unwrap_or_default(),
                own_yes: self.personal_data_own_yes.unwrap_or_default(),
                may_override: self.personal_data_override.unwrap_or(true),
                of_country: CareByClass::default(),
            },
            rules: self.rules.clone(),
            ..Policy::default()
        };
        for (course, own) in
            [(&mut policy.inbound, &self.inbound), (&mut policy.outbound, &self.outbound)]
        {
            for layer in [Some(&self.both), own.as_ref()].into_iter().flatten() {
                layer.apply(course)?;
            }
        }
        Ok(policy)
    }
}

impl CourseEntry {
    fn apply(&self, course: &mut Course) -> Result<(), CrossedThresholds> {
        let old = course.thresholds;
        course.thresholds = Thresholds::new(
            self.mark.unwrap_or(old.mark()),
            self.quarantine.unwrap_or(old.quarantine()),
            self.reject.unwrap_or(old.reject()),
        )?;
        course.phish_at = self.phish.unwrap_or(course.phish_at);
        course.unscanned = self.unscanned.unwrap_or(course.unscanned);
        course.spam_at_most = self.spam_at_most.unwrap_or(course.spam_at_most);
        course.actions.extend(self.actions.iter().map(|(category, action)| (*category, *action)));
        course.findings.extend(self.findings.iter().map(|(name, action)| (name.clone(), *action)));
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Policies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Policies, D::Error> {
        struct OneOrMany;
        impl<'de> de::Visitor<'de> for OneOrMany {
            type Value = Policies;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[policy] or several [[policy]]")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Policies, A::Error> {
                PolicyEntry::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(|one| Policies(vec![one]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Policies, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(Policies)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

impl<'de> Deserialize<'de> for NextHops {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NextHops, D::Error> {
        struct OneOrMany;
        impl<'de> de::Visitor<'de> for OneOrMany {
            type Value = NextHops;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a next hop such as \"smtp://10.0.0.5:25\", or a list of them")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<NextHops, E> {
                NextHop::parse(text).map(|one| NextHops(vec![one])).map_err(E::custom)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<NextHops, A::Error> {
                let mut hops = Vec::new();
                while let Some(text) = seq.next_element::<String>()? {
                    hops.push(NextHop::parse(&text).map_err(de::Error::custom)?);
                }
                Ok(NextHops(hops))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

fn one_or_many_paths<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    struct OneOrMany;
    impl<'de> de::Visitor<'de> for OneOrMany {
        type Value = Vec<PathBuf>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the path of a file, or a list of them")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<PathBuf>, E> {
            Ok(vec![PathBuf::from(text)])
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Vec<PathBuf>, A::Error> {
            Vec::deserialize(de::value::SeqAccessDeserializer::new(seq))
        }
    }
    deserializer.deserialize_any(OneOrMany)
}

impl<'de> Deserialize<'de> for Recipients {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Recipients, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.as_str() {
            "callout" => Recipients::Callout,
            "any" => Recipients::Any,
            path if path.contains('/') => Recipients::File(PathBuf::from(path)),
            other => {
                return Err(de::Error::custom(format!(
                    "{other:?} is neither \"callout\" nor \"any\" nor the path of a file (write ./{other} for a file here)"
                )));
            }
        })
    }
}

impl From<Recipients> for String {
    fn from(recipients: Recipients) -> String {
        match recipients {
            Recipients::Callout => "callout".to_string(),
            Recipients::Any => "any".to_string(),
            Recipients::File(path) => path.display().to_string(),
        }
    }
}

impl TryFrom<String> for Size {
    type Error = units::NotAQuantity;

    fn try_from(text: String) -> Result<Size, units::NotAQuantity> {
        units::parse_bytes(&text).map(Size)
    }
}

impl From<Size> for String {
    fn from(size: Size) -> String {
        units::show_bytes(size.0)
    }
}

impl TryFrom<String> for Span {
    type Error = units::NotAQuantity;

    fn try_from(text: String) -> Result<Span, units::NotAQuantity> {
        units::parse_span(&text).map(Span)
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        units::show_span(span.0)
    }
}

const DEFAULT: &str = policy::DEFAULT_NAME;

fn default_policy_name() -> String {
    DEFAULT.to_string()
}

fn default_data_dir() -> PathBuf {
    PathBuf::from("/var/lib/sluss")
}

fn default_quarantine_days() -> u64 {
    limits::QUARANTINE_DAYS
}

fn default_quarantine_bytes() -> Size {
    Size(limits::QUARANTINE_BYTES_MAX)
}

fn default_rejected_days() -> u64 {
    limits::REJECTED_DAYS
}

fn default_rejected_bytes() -> Size {
    Size(limits::REJECTED_BYTES_MAX)
}

fn default_trace_bytes() -> Size {
    Size(limits::TRACE_BYTES_MAX)
}

fn default_proof_bytes() -> Size {
    Size(limits::PROOF_BYTES_MAX)
}

fn default_proof_days() -> u64 {
    limits::PROOF_DAYS
}

fn default_lesson_days() -> u64 {
    limits::LESSON_DAYS
}

fn default_label_days() -> u64 {
    limits::LABEL_DAYS
}

fn default_bank_account_days() -> u64 {
    limits::BANK_ACCOUNT_DAYS
}

fn default_trace_days() -> u64 {
    limits::TRACE_DAYS
}

fn yes() -> bool {
    true
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_english(value: &Language) -> bool {
    *value == Language::En
}

fn is_both(value: &AddressFamily) -> bool {
    *value == AddressFamily::Both
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("sluss.toml"), text)
    }

    const SMALL: &str = r#"
hostname = "mx.ours.example"

[[listener]]
name = "in"
bind = "0.0.0.0:25"
direction = "inbound"

[[domain]]
name = "ours.example"
next-hop = ["smtp://10.0.0.5:25", "smtp://10.0.0.6"]
policy = "strict"

[[policy]]
name = "strict"
quarantine = 6.0
[policy.outbound]
reject = 12.0
[policy.actions]
phish = "reject"
"#;

    /// Every key of a policy.
    const FULL: &str = r#"
hostname = "mx.ours.example"

[policy]
mark = 4.0
quarantine = 6.0
reject = 12.0
phish = 5.0
unscanned = "mark"
spam-at-most = "mark"
[policy.actions]
phish = "reject"
[policy.inbound]
mark = 3.0
quarantine = 7.0
reject = 13.0
phish = 4.0
unscanned = "reject"
spam-at-most = "reject"
[policy.inbound.actions]
phish = "mark"
[policy.outbound.actions]
virus = "quarantine"
[policy.findings]
"attachment.*" = "mark"
[policy.inbound.findings]
"attachment.macro" = "quarantine"
"#;

    #[test]
    fn what_is_printed_is_read_again() {
        let (full, small) = (parse(FULL).unwrap(), parse(SMALL).unwrap());
        for config in [full, small, Config::trial(Path::new("/tmp/x"))] {
            assert_eq!(parse(&config.to_toml()).unwrap(), config, "{}", config.to_toml());
            let diff = parse(&config.to_toml_diff()).unwrap();
            assert_eq!(diff, config, "{}", config.to_toml_diff());
        }
        assert!(!parse(SMALL).unwrap().to_toml_diff().contains("trace-days"));
    }

    #[test]
    fn policies_start_from_the_default() {
        let policies = parse(SMALL).unwrap().policies.compile().unwrap();
        let strict = &policies["strict"];
        assert_eq!(strict.inbound.thresholds, Thresholds::new(5.0, 6.0, 15.0).unwrap());
        assert_eq!(strict.outbound.thresholds, Thresholds::new(5.0, 6.0, 12.0).unwrap());
        assert_eq!(strict.inbound.actions[&Category::Phish], Action::Reject);
        assert_eq!(strict.inbound.actions[&Category::Virus], Action::Reject);
        assert_eq!(policies["default"], Policy::default());
    }

    #[test]
    fn mistakes_name_the_place_and_the_mend() {
        for (text, line, parts) in [
            ("hostname = \"a b\"", 1, &["label"][..]),
            ("hostnam = \"mx.example\"", 1, &["hostnam", "hostname"]),
            ("hostname = \"mx.example\"\n[limits]\nmessage-bytes = \"25 MIB/s\"", 3, &["25 MiB"]),
            (
                "hostname = \"mx.example\"\n[limits]\nconections = 3",
                3,
                &["did you mean \"connections\""],
            ),
            (
                "hostname = \"mx.example\"\n[[listener]]\nname = \"a\"\nbind = \"25\"\ndirection = \"inbound\"",
                4,
                &["socket address"],
            ),
            (
                "hostname = \"mx.example\"\n[[domain]]\nname = \"ours.example\"\nnext-hop = \"ftp://x\"",
                4,
                &["smtp://"],
            ),
            (
                "hostname = \"mx.example\"\n[[domain]]\nname = \"ours.example\"\nnext-hop = \"mx\"\npolicy = \"p\"",
                5,
                &["no policy called", "[[policy]]"],
            ),
            (
                "hostname = \"mx.example\"\n[policy]\nquarantin = 6.0",
                3,
                &["quarantin", "did you mean \"quarantine\""],
            ),
            (
                "hostname = \"mx.example\"\n[[policy]]\nname = \"a\"\n[policy.outbound]\nquarantin = 6.0",
                5,
                &["quarantin", "did you mean \"quarantine\""],
            ),
            (
                "hostname = \"mx.example\"\n[policy.findings]\nmacro = \"mark\"",
                3,
                &["is no finding", "attachment.macro"],
            ),
            (
                "hostname = \"mx.example\"\n[policy.inbound]\nname = \"a\"",
                3,
                &["unknown field `name`"],
            ),
            ("hostname = \"mx.example\"\n[policy]\nmark = 9.0", 2, &["rise"]),
            ("hostname = \"mx.example\"\n[tls]\nkey = \"k\"", 2, &["belong together"]),
            ("hostname = ", 1, &[]),
            ("[web]", 1, &["hostname"]),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text}: {error}");
            for part in parts {
                assert!(error.to_string().contains(part), "{text}: {part:?} is missing in {error}");
            }
            assert!(error.to_string().starts_with("sluss.toml:"), "{error}");
        }
    }
}

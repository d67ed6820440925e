//! What the configuration says of how we come to a server: name, address, TLS, login, bounds. Compiled once for each configuration.

use super::{
    bond::{Bond, Way},
    connection::{Encrypt, Place},
};
use crate::{
    base::hidden::Hidden,
    config::{
        AddressFamily, Authorities, Config, Dane, DestinationEntry, DestinationName, MtaSts,
        NextHop, NextHops, PartnerEntry, Partners, partner,
    },
    edge::{
        fetch::{Fetcher, Reach},
        showing::Onlooker,
        tls,
    },
    mail::Domain,
    pipeline::courier::{Route, Tls, Towards},
    wire::{smtp::client::Login, tls::Demand},
};
use rustls::ClientConfig;
use std::{collections::HashMap, env, fs, net::IpAddr, path::PathBuf, sync::Arc};

/// All of it.
#[derive(Debug)]
pub(super) struct Manners {
    /// Our name: an MX of this name is ourselves.
    pub(super) hostname: Domain,
    /// Connections to one next hop on which somebody waits.
    pub(super) waiting_max: usize,
    /// Who looks at certificates.
    onlooker: Onlooker,
    /// Who looks at those of partners that name their authorities.
    onlookers: HashMap<PathBuf, Onlooker>,
    partners: Partners,
    /// The port of mail hosts.
    pub(super) mx_port: u16,
    /// Are mail hosts asked for what DANE says of them?
    pub(super) dane: bool,
    /// Are domains asked for their MTA-STS policy?
    pub(super) sts: StsManner,
    /// Who speaks to web servers; nobody where nobody can vouch for one.
    pub(super) web: Option<Arc<Fetcher>>,
    /// Are sessions counted, to tell of them?
    pub(super) tls_reports: bool,
    /// The number of this configuration.
    pub(super) generation: u64,
    /// A next hop that did not answer is left alone for a while.
    pub(super) rests: bool,
    own: Manner,
    world: Manner,
    special: HashMap<DestinationName, Manner>,
    login: Option<Login>,
    /// Where the login belongs: an organisation may have a smarthost of its own, which is nobody we gave a password to.
    login_at: Vec<NextHop>,
    any_certificate: Arc<ClientConfig>,
    /// The same, each session whole.
    fresh: Arc<ClientConfig>,
    vouched_for: Arc<ClientConfig>,
}

/// How domains are asked for their MTA-STS policy.
#[derive(Debug)]
pub(super) enum StsManner {
    /// They are not.
    Off,
    /// By this; where nobody can vouch for a web server only what is kept counts.
    On(Option<Arc<Fetcher>>),
}

/// How we come to one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manner {
    /// The name we give.
    pub(super) hello: Domain,
    /// Mails over one connection.
    pub(super) mails_max: u32,
    sources: Vec<IpAddr>,
    family: AddressFamily,
}

impl Manners {
    /// From the configuration; reads the smarthost's password and the list of authorities, if they are needed.
    pub(super) fn new(config: &Config) -> Result<Manners, String> {
        let own = Manner {
            hello: config.hostname.clone(),
            mails_max: config.limits.mails_per_connection,
            sources: Vec::new(),
            family: AddressFamily::Both,
        };
        let outbound = &config.outbound;
        let world = Manner {
            hello: outbound.helo.clone().unwrap_or_else(|| config.hostname.clone()),
            sources: outbound.source_addresses.clone(),
            family: outbound.address_family,
            ..own.clone()
        };
        let smarthosts = outbound.smarthost.as_ref().map_or(&[][..], |NextHops(hops)| hops);
        let special = config.destinations.iter().map(|entry| {
            let base = match &entry.name {
                DestinationName::Domain(_) => &world,
                DestinationName::Hop(hop) if smarthosts.contains(hop) => &world,
                DestinationName::Hop(_) => &own,
            };
            (entry.name.clone(), base.with(entry))
        });
        let login = login(config)?;
        let any_certificate = tls::opportunistic_client().map_err(|error| error.to_string())?;
        let vouched_for = match &login {
            Some(_) => tls::verifying_client(&outbound.smarthost_ca)
                .map_err(|error| format!("the authorities for the smarthost: {error}"))?,
            None => any_certificate.clone(),
        };
        let (onlooker, client) = tls::vouching(&outbound.mta_sts_authorities)
            .map_err(|error| format!("[outbound] mta-sts-authorities: {error}"))?;
        let reach = Reach {
            port: outbound.mta_sts_port.number(),
            inside: outbound.mta_sts_networks.iter().copied().collect(),
            family: outbound.address_family,
        };
        let web = client.map(|client| Arc::new(Fetcher::new(&client, reach)));
        Ok(Manners {
            sts: match outbound.mta_sts {
                MtaSts::Off => StsManner::Off,
                MtaSts::On => StsManner::On(web.clone()),
            },
            web,
            tls_reports: config.reports.sends_tls().is_some(),
            hostname: config.hostname.clone(),
            waiting_max: config.limits.connections_per_next_hop,
            rests: !config.limits.rest_first.0.is_zero(),
            special: special.collect(),
            own,
            world,
            login,
            login_at: smarthosts.to_vec(),
            any_certificate,
            fresh: tls::fresh_client().map_err(|error| error.to_string())?,
            onlooker,
            onlookers: onlookers(config)?,
            partners: Partners::new(&partner::all_of(config)),
            mx_port: outbound.mx_port.number(),
            dane: outbound.dane == Dane::On,
            generation: 0,
            vouched_for,
        })
    }

    /// How we come to this hop of this route.
    pub(super) fn of(&self, route: &Route, hop: &NextHop) -> &Manner {
        let name = match (hop, &route.domain) {
            (NextHop::Mx, Some(domain)) => DestinationName::Domain(domain.clone()),
            (hop, _) => DestinationName::Hop(hop.clone()),
        };
        let to_world =
            *hop == NextHop::Mx || matches!(route.towards, Towards::World | Towards::Smarthost);
        let plain = if to_world { &self.world } else { &self.own };
        self.special.get(&name).unwrap_or(plain)
    }

    /// What is agreed with whoever has the domain.
    pub(super) fn partner(&self, way: Way<'_>) -> Option<&PartnerEntry> {
        self.partners.of(way.route.domain.as_ref()?, way.whose)
    }

    /// Who looks at the certificates of a server under this.
    pub(super) fn onlooker(&self, bond: &Bond) -> &Onlooker {
        match &bond.authorities {
            Authorities::File(file) => self.onlookers.get(file).unwrap_or(&self.onlooker),
            Authorities::System | Authorities::Any => &self.onlooker,
        }
    }

    /// Whom we log in as there.
    pub(super) fn login(&self, route: &Route) -> Option<&Login> {
        match route.towards {
            Towards::Smarthost if route.hops == self.login_at => self.login.as_ref(),
            Towards::Smarthost
            | Towards::Own
            | Towards::OwnToldOfClient
            | Towards::World
            | Towards::Portal => None,
        }
    }

    /// TLS to this hop. Where we log in it is demanded, whatever the route says, and the certificate must be good.
    /// What holds for the channel, and the mail itself, may ask for more than the route.
    pub(super) fn encrypt(
        &self,
        way: Way<'_>,
        hop: &NextHop,
        place: &Place,
        bond: &Bond,
    ) -> Encrypt<'_> {
        let route = way.route;
        let demand = bond.policy.demand().max(way.asks.demand);
        let config = match (self.login(route), bond.policy.demand()) {
            (Some(_), _) => &self.vouched_for,
            (None, Demand::Proven) => &self.fresh,
            (None, Demand::Nothing | Demand::Encrypted) => &self.any_certificate,
        };
        if let (Place::Net { .. }, Demand::Proven | Demand::Encrypted) = (place, demand)
            && !matches!(hop, NextHop::Smtps(..))
        {
            return Encrypt::Always(config);
        }
        match (place, hop, route.tls, self.login(route)) {
            (Place::Socket(_), _, _, _) => Encrypt::Never,
            (Place::Net { .. }, NextHop::Smtps(..), _, _) => Encrypt::AtOnce(config),
            (Place::Net { .. }, _, _, Some(_)) => Encrypt::Always(config),
            (Place::Net { .. }, _, Tls::Off, None) => Encrypt::Never,
            (Place::Net { .. }, _, Tls::Opportunistic, None) => Encrypt::WhenOffered(config),
            (Place::Net { .. }, _, Tls::Required, None) => Encrypt::Always(config),
        }
    }
}

impl Manner {
    fn with(&self, entry: &DestinationEntry) -> Manner {
        Manner {
            hello: entry.helo.clone().unwrap_or_else(|| self.hello.clone()),
            mails_max: entry.mails_per_connection.unwrap_or(self.mails_max),
            sources: match entry.source_addresses.is_empty() {
                true => self.sources.clone(),
                false => entry.source_addresses.clone(),
            },
            family: entry.address_family.unwrap_or(self.family),
        }
    }

    /// Those that we may connect to, IPv6 first; within a family the order stays.
    pub(super) fn in_order(&self, addresses: &[IpAddr]) -> Vec<IpAddr> {
        let mut usable: Vec<IpAddr> =
            addresses.iter().copied().filter(|address| self.family.has(*address)).collect();
        usable.sort_by_key(IpAddr::is_ipv4);
        usable
    }

    /// The address we come from to this one.
    pub(super) fn source_for(&self, target: IpAddr) -> Option<IpAddr> {
        self.sources.iter().copied().find(|source| source.is_ipv4() == target.is_ipv4())
    }
}

fn onlookers(config: &Config) -> Result<HashMap<PathBuf, Onlooker>, String> {
    let mut all = HashMap::new();
    for partner in partner::all_of(config) {
        if let Authorities::File(file) = partner.authorities
            && !all.contains_key(&file)
        {
            let onlooker = tls::onlooker_of(&file).map_err(|error| {
                format!("the authorities of the partner {}: {error}", partner.domain)
            })?;
            all.insert(file, onlooker);
        }
    }
    Ok(all)
}

fn login(config: &Config) -> Result<Option<Login>, String> {
    let outbound = &config.outbound;
    let Some(user) = &outbound.smarthost_user else { return Ok(None) };
    let text = match (&outbound.smarthost_password_file, &outbound.smarthost_password_env) {
        (Some(file), _) => fs::read_to_string(file).map_err(|error| {
            format!("the smarthost's password cannot be read from {}: {error}", file.display())
        })?,
        (None, Some(name)) => env::var(name)
            .map_err(|_| format!("the environment has no {name} with the smarthost's password"))?,
        (None, None) => return Ok(None),
    };
    let text = Hidden::new("password", text);
    let first = text.expose().lines().next().unwrap_or_default();
    if first.is_empty() {
        return Err("the smarthost's password is empty".to_string());
    }
    let password = Hidden::new("password", first.to_string());
    Ok(Some(Login { user: user.clone(), password }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mail::Organisation, wire::tls::Asks};
    use std::path::Path;

    fn manners(text: &str) -> Manners {
        let text = format!("hostname = \"mx.ours.example\"\n{text}");
        Manners::new(&Config::parse(Path::new("sluss.toml"), &text).unwrap()).unwrap()
    }

    fn route(hop: &str, domain: Option<&str>, towards: Towards) -> Route {
        Route {
            hops: vec![NextHop::parse(hop).unwrap()],
            tls: Tls::Opportunistic,
            domain: domain.map(|name| Domain::parse(name).unwrap()),
            towards,
        }
    }

    #[test]
    fn name_and_address_are_those_of_the_destination() {
        let manners = manners(
            r#"
[outbound]
source-addresses = ["192.0.2.5", "2001:db8::5"]
helo = "out.ours.example"
[[destination]]
name = "four.example"
address-family = "ipv4"
source-addresses = ["192.0.2.9"]
mails-per-connection = 3
[[destination]]
name = "smtp://10.0.0.5:25"
helo = "inside.ours.example"
"#,
        );
        let both: Vec<IpAddr> =
            ["192.0.2.77", "2001:db8::77"].map(|text| text.parse().unwrap()).into();
        for (hop, domain, towards, want) in [
            (
                "mx",
                Some("far.example"),
                Towards::World,
                "out.ours.example 500 2001:db8::77<2001:db8::5 192.0.2.77<192.0.2.5",
            ),
            ("mx", Some("four.example"), Towards::World, "out.ours.example 3 192.0.2.77<192.0.2.9"),
            (
                "smtp://10.0.0.6",
                None,
                Towards::Smarthost,
                "out.ours.example 500 2001:db8::77<2001:db8::5 192.0.2.77<192.0.2.5",
            ),
            (
                "mx",
                Some("ours.example"),
                Towards::Own,
                "out.ours.example 500 2001:db8::77<2001:db8::5 192.0.2.77<192.0.2.5",
            ),
            (
                "smtp://10.0.0.6",
                None,
                Towards::Own,
                "mx.ours.example 500 2001:db8::77< 192.0.2.77<",
            ),
            (
                "smtp://10.0.0.5",
                None,
                Towards::OwnToldOfClient,
                "inside.ours.example 500 2001:db8::77< 192.0.2.77<",
            ),
        ] {
            let route = route(hop, domain, towards);
            let manner = manners.of(&route, &route.hops[0]);
            let mut shown = format!("{} {}", manner.hello, manner.mails_max);
            for address in manner.in_order(&both) {
                let source = manner.source_for(address).map(|from| from.to_string());
                shown.push_str(&format!(" {address}<{}", source.unwrap_or_default()));
            }
            assert_eq!(shown, want, "{hop} {domain:?} {towards:?}");
        }
    }

    #[test]
    fn a_password_goes_to_the_smarthost_alone_and_inside_tls() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        fs::write(&file, "open sesame\n").unwrap();
        let manners = manners(&format!(
            "[outbound]\nsmarthost = \"smtp://10.0.0.6:587\"\nsmarthost-user = \"us\"\nsmarthost-password-file = {file:?}\nsmarthost-ca = \"any\""
        ));
        let smarthost = route("smtp://10.0.0.6:587", None, Towards::Smarthost);
        let same_server = route("smtp://10.0.0.6:587", None, Towards::Own);
        assert_eq!(manners.login(&smarthost).unwrap().password.expose(), "open sesame");
        assert!(manners.login(&same_server).is_none());
        let another = route("smtp://10.0.0.7:587", None, Towards::Smarthost);
        assert!(manners.login(&another).is_none(), "an organisation's own smarthost");
        let place =
            Place::Net { name: "10.0.0.6".to_string(), at: "10.0.0.6:587".parse().unwrap() };
        let hop = &smarthost.hops[0];
        let whose = Organisation::implied();
        let encrypt = |route: &Route| {
            let way = Way { route, whose: &whose, asks: Asks::default() };
            manners.encrypt(way, hop, &place, &Bond::of_route(route, &place))
        };
        assert!(matches!(encrypt(&smarthost), Encrypt::Always(_)));
        assert!(matches!(encrypt(&same_server), Encrypt::WhenOffered(_)));
        let required = Route { tls: Tls::Required, ..same_server.clone() };
        assert!(matches!(encrypt(&required), Encrypt::Always(_)));
        assert!(!format!("{manners:?}").contains("sesame"));
    }
}

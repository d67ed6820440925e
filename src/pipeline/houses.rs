//! What checks know of each organisation: compiled once, when a configuration comes into force.

use crate::{
    checks::{
        House,
        house::{Foundation, People},
    },
    mail::{Domain, Organisation},
    pipeline::settings::{Hosted, KnownRecipients, Listed, OwnDomain},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, LazyLock},
};

/// The houses in force, by organisation.
pub struct Houses(HashMap<Organisation, House>);

impl Houses {
    /// Begins with what the organisations' own tables say.
    pub fn of<'a>(organisations: impl Iterator<Item = &'a Arc<Hosted>>) -> Building {
        let begun = |hosted: &Arc<Hosted>| {
            let mut foundation = Foundation::default();
            hosted.entry.send_as.iter().for_each(|domain| foundation.own(domain));
            let site = Site { hosted: hosted.clone(), foundation, lists: Vec::new() };
            (hosted.name().clone(), site)
        };
        Building { sites: organisations.map(begun).collect(), seen: HashSet::new() }
    }

    /// That of an organisation; an empty one if there is none such.
    pub fn house(&self, name: &Organisation) -> &House {
        static EMPTY: LazyLock<House> = LazyLock::new(House::default);
        self.0.get(name).unwrap_or(&EMPTY)
    }
}

/// Houses while their domains come in.
pub struct Building {
    sites: BTreeMap<Organisation, Site>,
    /// Lists of recipients that were met, by organisation and place: thousands of domains may name the same one.
    seen: HashSet<(Organisation, *const Listed)>,
}

/// What one house is made of.
struct Site {
    hosted: Arc<Hosted>,
    foundation: Foundation,
    /// Who has a mailbox, where that is written down.
    lists: Vec<Arc<Listed>>,
}

impl Building {
    /// Adds a domain that mail is received for.
    pub fn add(&mut self, domain: &Domain, own: &OwnDomain) {
        let name = own.organisation.name();
        let Some(site) = self.sites.get_mut(name) else { return };
        site.foundation.own(domain);
        match &own.known {
            KnownRecipients::Listed(list) => {
                if self.seen.insert((name.clone(), Arc::as_ptr(list))) {
                    site.lists.push(list.clone());
                }
            }
            KnownRecipients::Callout | KnownRecipients::Any | KnownRecipients::Internal => (),
        }
    }

    /// All domains are in.
    pub fn built(self) -> Houses {
        Houses(self.sites.into_iter().map(|(name, site)| (name, site.house())).collect())
    }
}

impl Site {
    fn house(self) -> House {
        let people = self.people();
        self.foundation.house(&self.hosted.entry.protected_domains, people)
    }

    fn people(&self) -> People {
        let label = |domain: &Domain| {
            let name = domain.to_unicode();
            name.split('.').next().unwrap_or_default().to_string()
        };
        let domains = self.foundation.first().take(HOUSE_WORDS_MAX);
        let mut people = People::in_house(domains.map(label));
        for vip in &self.hosted.entry.vips {
            people.add_vip(&vip.name, vip.addresses.iter().map(ToString::to_string));
        }
        for list in &self.lists {
            let whole = list.addresses.iter().map(String::as_str);
            let local = |address: &'_ str| {
                address.rsplit_once('@').map_or(address.len(), |(local, _)| local.len())
            };
            for address in whole.chain(list.locals.iter().map(String::as_str)) {
                people.add_mailbox(address.get(..local(address)).unwrap_or_default());
            }
        }
        people
    }
}

/// Names of domains that count as the house's own word in a person's name: a firm has a few.
const HOUSE_WORDS_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::{Clock, UnixMs},
        checks::house::{Closeness, Namesake},
        config::Config,
        examine::{Contents, Examiner},
        pipeline::settings::{Loaded, Settings},
    };
    use std::path::{Path, PathBuf};

    struct Nothing;

    impl Examiner for Nothing {
        fn examine_for(&self, _message: &[u8], _abroad: &[String]) -> Contents {
            Contents::default()
        }
    }

    #[test]
    fn each_organisation_has_its_own() {
        let text = "hostname = \"mx.host.example\"\n\
             [[organisation]]\nname = \"a\"\nsend-as = [\"a-news.example\"]\nprotected-domains = [\"partner.example\"]\n\
             vips = [{ name = \"Anna Andersson\", addresses = [\"anna@home.example\"] }]\n\
             [[organisation]]\nname = \"b\"\n\
             [[domain]]\nname = \"firm.example\"\norganisation = \"a\"\nnext-hop = \"smtp://192.0.2.5:25\"\nrecipients = \"./people.txt\"\n\
             [[domain]]\nname = \"other.example\"\norganisation = \"b\"\nnext-hop = \"smtp://192.0.2.5:25\"\n";
        let config = Config::parse(Path::new("sluss.toml"), text).unwrap();
        let people = Listed {
            addresses: ["paivi.makela@firm.example".to_string()].into(),
            locals: ["bo.berg".to_string()].into(),
        };
        let file = config.domains.iter().find_map(|domain| match &domain.recipients {
            crate::config::Recipients::File(file) => Some(file.clone()),
            crate::config::Recipients::Callout | crate::config::Recipients::Any => None,
        });
        let recipients: HashMap<PathBuf, Arc<Listed>> = [(file.unwrap(), Arc::new(people))].into();
        let nothing = Loaded::only(Arc::new(Nothing), &Clock::by_hand(UnixMs(0)));
        let loaded = Loaded { recipients, ..nothing };
        let settings = Settings::new(config, loaded);
        let house = |name: &str| settings.house(&Organisation::named(name));
        let names = |name: &str, claimed: &str| house(name).namesake(claimed, "x@gmail.com");
        assert_eq!(names("a", "Andersson, Anna"), Some(Namesake::Vip(Closeness::Same)));
        assert_eq!(names("a", "Päivi Mäkelä"), Some(Namesake::Colleague));
        assert_eq!(names("a", "Bo Berg"), Some(Namesake::Colleague));
        assert_eq!(names("b", "Bo Berg"), None);
        assert_eq!(house("a").namesake("Anna Andersson", "anna@home.example"), None);
        for (organisation, owner, want) in [
            ("a", "firm.example", true),
            ("a", "a-news.example", true),
            ("a", "partner.example", false),
            ("a", "other.example", false),
            ("b", "other.example", true),
            ("gone", "other.example", false),
        ] {
            assert_eq!(house(organisation).owns(owner), want, "{organisation} {owner}");
        }
        let watched = house("a").watched_for([].into_iter());
        for (host, want) in
            [("partner.test", true), ("partner.example", false), ("other.test", false)]
        {
            assert_eq!(watched.likeness(host).is_some(), want, "{host}");
        }
    }
}

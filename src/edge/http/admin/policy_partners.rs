//! Partners: the domains of others of which more is known than of strangers. Which are guarded against imitation, whose mail somebody must
//! speak for, what is done when DMARC fails for them, who passes mail on, whose seals are believed, what mail to them is bound to; and which
//! layer says so.

use super::{
    holds::{From, Holds, first_rows, frame, may_change},
    operate::sentence,
    policy::{Wrong, store_line},
    policy_form::comment,
};
use crate::{
    config::{
        PartnerEntry, PartnerTls, Pin, TlsVersion,
        layers::{Kind, Target},
        lists::Entry,
        policy::Action,
    },
    edge::{
        http::{
            Needs, Place, Route,
            frame::{Again, Frame, Section, render},
            rights::Right,
            visit::{Fields, Query, Visitor},
            words::plain,
        },
        proposal::{Act, Proposal, Wanted},
    },
    mail::{Domain, Organisation},
    wire::tls::mta_sts::Pattern,
};
use askama::Template;
use axum::{
    extract::State,
    response::Response,
    routing::{get, post},
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page(PATH, "what is known of partners", Needs::Right(Right::Look), || get(partners)),
    Route::act(
        "/policy/partners/change",
        "say something of a partner, or take it back",
        Needs::Right(Right::Policy),
        || post(change),
    ),
];

const PATH: &str = "/policy/partners";

/// What can be said of a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trait {
    Guarded,
    MustAuthenticate,
    DmarcFails,
    Forwarder,
    Sealer,
    /// Has a form of its own.
    Bound,
}

impl Trait {
    /// Those that one form says.
    const ALL: [Trait; 5] = [
        Trait::Guarded,
        Trait::MustAuthenticate,
        Trait::DmarcFails,
        Trait::Forwarder,
        Trait::Sealer,
    ];

    /// The key in the configuration, and the word in the form.
    fn key(self) -> &'static str {
        match self {
            Trait::Guarded => "protected-domains",
            Trait::MustAuthenticate => "must-authenticate",
            Trait::DmarcFails => "domain",
            Trait::Forwarder => "forwarders",
            Trait::Sealer => "trusted-sealers",
            Trait::Bound => "partners",
        }
    }

    fn from_key(key: &str) -> Option<Trait> {
        Trait::ALL.into_iter().chain([Trait::Bound]).find(|one| one.key() == key)
    }

    /// What it means.
    fn about(self) -> &'static str {
        match self {
            Trait::Guarded => "is imitated to deceive us: names that look like it are suspect",
            Trait::MustAuthenticate => "is held unless somebody who passed speaks for it",
            Trait::DmarcFails => "when DMARC fails",
            Trait::Forwarder => "passes mail on to us: DMARC and SPF are eased",
            Trait::Sealer => "its ARC seals are believed",
            Trait::Bound => "mail to it goes over",
        }
    }

    /// Where it stands; of an organisation, or of the whole site.
    fn target(self, owner: &str) -> Target {
        match self {
            Trait::Guarded | Trait::Bound => Target {
                kind: Kind::Organisation,
                name: owner.to_string(),
                keys: vec![self.key().to_string()],
            },
            Trait::MustAuthenticate | Trait::DmarcFails | Trait::Forwarder | Trait::Sealer => {
                Target {
                    kind: Kind::Setting,
                    name: format!("authentication.{}", self.key()),
                    keys: Vec::new(),
                }
            }
        }
    }
}

#[derive(Template)]
#[template(path = "policy_partners.html")]
struct PartnersPage {
    frame: Frame,
    pages: Vec<Section>,
    q: String,
    rows: Vec<Row>,
    more: usize,
    may_change: bool,
    seen: u32,
    /// What was typed before and failed.
    again: Again,
    traits: Vec<(&'static str, &'static str)>,
    actions: Vec<&'static str>,
    /// Whose partners can be guarded.
    owners: Vec<String>,
    /// Whose partners mail can be bound to.
    binders: Vec<String>,
    /// What was typed before into the form that binds, or where the visitor came from.
    bind: Again,
    bind_domain: String,
    bind_owner: String,
    /// What stands in the file: what it is, and where.
    locked: Vec<(&'static str, From)>,
    trouble: String,
}

struct Row {
    partner: String,
    key: &'static str,
    what: String,
    owner: String,
    from: From,
}

async fn partners(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (frame, pages) = frame(&site, &visitor, "Partners", PATH);
    let q = query.get("q").trim().to_lowercase();
    let typed =
        |word: &str| frame.again("/policy/partners/change").filter(|form| form.typed("do") == word);
    let (again, bind) = (typed("add"), typed("bind").unwrap_or_default());
    let mut page = PartnersPage {
        again: again.unwrap_or_default(),
        frame,
        pages,
        rows: Vec::new(),
        more: 0,
        may_change: false,
        seen: 0,
        traits: Trait::ALL.map(|one| (one.key(), one.about())).to_vec(),
        actions: ACTIONS.map(Action::word).to_vec(),
        owners: Vec::new(),
        binders: Vec::new(),
        bind_domain: typed_or(&bind, "partner", query.get("bind")),
        bind_owner: typed_or(&bind, "owner", query.get("owner")),
        bind,
        locked: Vec::new(),
        trouble: String::new(),
        q: plain(&q),
    };
    match Holds::read(&site, &visitor).await {
        Err(why) => page.trouble = sentence(&why),
        Ok(holds) => {
            let is_whole = super::configuration::is_whole(&visitor);
            let rows = rows(&holds, is_whole).into_iter().filter(|row| row.partner.contains(&q));
            (page.rows, page.more) = first_rows(rows.collect());
            page.seen = holds.version;
            page.owners = owners(&holds, is_whole, Trait::Guarded);
            page.binders = owners(&holds, is_whole, Trait::Bound);
            page.binders.retain(|one| holds.may_store(&visitor, &Trait::Bound.target(one)));
            page.may_change = may_say(&visitor, &holds, is_whole, &page.owners);
            if !is_whole {
                page.traits.retain(|(key, _)| *key == Trait::Guarded.key());
            }
            if is_whole {
                let site_wide = Trait::ALL.into_iter().filter(|one| *one != Trait::Guarded);
                let places =
                    site_wide.map(|one| (one.about(), holds.setting(&one.target("").name)));
                page.locked = places.filter(|(_, from)| from.layer == "locked").collect();
            }
        }
    }
    render(&page)
}

/// What was typed before, or else what the address of the page says.
fn typed_or(form: &Again, field: &str, otherwise: &str) -> String {
    Some(form.typed(field))
        .filter(|typed| !typed.is_empty())
        .unwrap_or_else(|| plain(otherwise.trim()))
}

/// Organisations whose partners this visitor can see guarded, and whose entries are not in the file.
fn owners(holds: &Holds, is_whole: bool, which: Trait) -> Vec<String> {
    let named = holds.organisations();
    let open =
        named.iter().filter(|one| holds.value_from(&which.target(one.name())).layer != "locked");
    let mut found: Vec<String> = open.map(|one| one.name().to_string()).collect();
    // Nobody wrote one: the implied one is written with the first thing that is said of it.
    if holds.merged.config.organisations.is_empty() && is_whole {
        found.push(Organisation::implied().name().to_string());
    }
    found
}

/// May this visitor say something of a partner: of the whole site's, or one that an own organisation guards?
fn may_say(visitor: &Visitor, holds: &Holds, is_whole: bool, owners: &[String]) -> bool {
    let any = || owners.iter().any(|one| holds.may_store(visitor, &Trait::Guarded.target(one)));
    if is_whole { may_change(visitor) } else { any() }
}

/// All that is said; of the whole site only for whoever sees that.
fn rows(holds: &Holds, is_whole: bool) -> Vec<Row> {
    let config = &holds.merged.config;
    let row = |one: Trait, partner: String, owner: String, from: From| Row {
        partner: plain(&partner),
        key: one.key(),
        what: one.about().to_string(),
        owner,
        from,
    };
    let mut found = Vec::new();
    let seen = holds.organisations();
    for entry in config.organisations.iter().filter(|entry| seen.contains(&&entry.name)) {
        let from = holds.value_from(&Trait::Guarded.target(entry.name.name()));
        found.extend(entry.protected_domains.iter().map(|partner| {
            row(Trait::Guarded, partner.to_string(), entry.name.to_string(), from.clone())
        }));
        let from = holds.value_from(&Trait::Bound.target(entry.name.name()));
        let bound = |partner: &PartnerEntry| Row {
            what: format!("{} {}", Trait::Bound.about(), terms(partner)),
            ..row(Trait::Bound, partner.domain.to_string(), entry.name.to_string(), from.clone())
        };
        found.extend(entry.partners.iter().map(bound));
    }
    // What stands in the file is shown to whom it concerns.
    let concerns = |one: &&PartnerEntry| match &one.organisation {
        Some(owner) => seen.contains(&owner),
        None => is_whole,
    };
    for entry in config.partners.iter().filter(concerns) {
        let owner = entry.organisation.as_ref().map(ToString::to_string).unwrap_or_default();
        let from = From { layer: "locked", ..holds.setting("partner") };
        found.push(Row {
            what: format!("{} {}", Trait::Bound.about(), terms(entry)),
            ..row(Trait::Bound, entry.domain.to_string(), owner, from)
        });
    }
    if is_whole {
        let rules = &config.authentication;
        let texts = |one: Trait| -> Vec<String> {
            match one {
                Trait::MustAuthenticate => {
                    rules.must_authenticate.iter().map(ToString::to_string).collect()
                }
                Trait::Forwarder => rules.forwarders.iter().map(ToString::to_string).collect(),
                Trait::Sealer => rules.trusted_sealers.iter().map(ToString::to_string).collect(),
                Trait::Guarded | Trait::DmarcFails | Trait::Bound => Vec::new(),
            }
        };
        for one in Trait::ALL {
            let from = holds.setting(&one.target("").name);
            let said = texts(one).into_iter();
            found.extend(said.map(|text| row(one, text, String::new(), from.clone())));
        }
        let one = Trait::DmarcFails;
        let from = holds.setting(&one.target("").name);
        found.extend(rules.domains.iter().map(|rule| Row {
            what: format!("{}: {}", one.about(), rule.dmarc_fail.word()),
            ..row(one, rule.name.to_string(), String::new(), from.clone())
        }));
    }
    found.sort_by(|one, other| one.partner.cmp(&other.partner));
    found
}

async fn change(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    store_line(&site, &visitor, ("partner", PATH), |holds| {
        let rules = holds.merged.config.authentication.domains.iter();
        let rules: Vec<(String, Action)> =
            rules.map(|rule| (rule.name.to_string(), rule.dmarc_fail)).collect();
        let owner = fields.get("owner").trim();
        let own = holds.merged.config.organisations.iter().find(|one| one.name.name() == owner);
        let bound = own.map(|one| one.partners.as_slice()).unwrap_or_default();
        match Trait::from_key(fields.get("what")) {
            Some(Trait::Bound) => binding(&fields, bound, holds.version),
            Some(_) | None => proposal(&fields, &rules, holds.version),
        }
    })
    .await
}

/// What a form proposes; `rules` is what is done now when DMARC fails, `version` the newest that a form can have seen.
fn proposal(fields: &Fields, rules: &[(String, Action)], version: u32) -> Result<Proposal, Wrong> {
    let no_trait = || ("what", "say what is known of the partner".to_string());
    let one = Trait::from_key(fields.get("what")).ok_or_else(no_trait)?;
    let no_partner = |why: String| ("partner", why);
    let text = fields.get("partner").trim().to_lowercase();
    let partner = match one {
        Trait::Forwarder => {
            Entry::try_from(text).map_err(|why| no_partner(why.to_string()))?.to_string()
        }
        Trait::Guarded
        | Trait::MustAuthenticate
        | Trait::DmarcFails
        | Trait::Sealer
        | Trait::Bound => {
            let read = Domain::parse(&text)
                .map_err(|why| no_partner(format!("{text:?} is no domain: {why}")))?;
            if read.is_public_suffix() && fields.get("do") == "add" {
                return Err(no_partner(format!(
                    "{read} is a public suffix, and nobody's domain: write a domain below it"
                )));
            }
            read.to_string()
        }
    };
    let owner = fields.get("owner").trim();
    if one == Trait::Guarded && owner.is_empty() {
        return Err((
            "owner",
            "say whose partner it is: each organisation guards its own".to_string(),
        ));
    }
    let is_added = match fields.get("do") {
        "add" => true,
        "remove" => false,
        _ => return Err(("", "say what to do".to_string())),
    };
    let act = match (one, is_added) {
        (Trait::DmarcFails, _) => rules_with(fields, &partner, is_added, rules)?,
        (_, true) => Act::Add(partner.clone()),
        (_, false) => Act::TakeOut(partner.clone()),
    };
    let said = if is_added { "" } else { "no longer: " };
    Ok(Proposal {
        what: format!("{said}{partner} {}", one.about()),
        comment: comment(fields),
        seen: fields.get("seen").parse().unwrap_or(0).min(version),
        values: vec![Wanted { target: one.target(owner), act }],
    })
}

/// What mail to a partner is bound to, in a few words.
fn terms(entry: &PartnerEntry) -> String {
    let mut words = match entry.tls {
        PartnerTls::Opportunistic => "TLS where it is offered".to_string(),
        PartnerTls::Encrypted => "TLS, whoever answers".to_string(),
        PartnerTls::Verified if entry.certificate.is_empty() => {
            "TLS to a server with a good certificate for its name".to_string()
        }
        PartnerTls::Verified => "TLS to a server with an agreed key".to_string(),
    };
    if entry.minimum_version == TlsVersion::Tls13 {
        words.push_str(", 1.3 at least");
    }
    if !entry.hosts.is_empty() {
        let hosts: Vec<String> = entry.hosts.iter().map(ToString::to_string).collect();
        words.push_str(&format!("; its mail hosts: {}", hosts.join(", ")));
    }
    if entry.subdomains {
        words.push_str("; with what is below it");
    }
    words
}

/// What the form proposes that binds mail to a partner, or lets it go again. It is one list, so what is said of others stays in it.
fn binding(fields: &Fields, bound: &[PartnerEntry], version: u32) -> Result<Proposal, Wrong> {
    let text = fields.get("partner").trim().to_lowercase();
    let domain =
        Domain::parse(&text).map_err(|why| ("partner", format!("{text:?} is no domain: {why}")))?;
    let owner = fields.get("owner").trim();
    if owner.is_empty() {
        return Err((
            "owner",
            "say whose mail is bound; for all of them, write a [[partner]] in the file".to_string(),
        ));
    }
    let mut all: Vec<PartnerEntry> =
        bound.iter().filter(|one| one.domain != domain).cloned().collect();
    let said = match fields.get("do") {
        "bind" => {
            let before = bound.iter().find(|one| one.domain == domain);
            let entry = entry(fields, domain, before)?;
            let said = format!("mail to {} goes over {}", entry.domain, terms(&entry));
            all.push(entry);
            said
        }
        "remove" if all.len() == bound.len() => {
            return Err(("partner", format!("nothing is said of {text}")));
        }
        "remove" => format!("no longer: mail to {text} is bound"),
        _ => return Err(("", "say what to do".to_string())),
    };
    all.sort_by(|one, other| one.domain.cmp(&other.domain));
    let act = match all.is_empty() {
        true => Act::Forget,
        false => {
            let list = toml::Value::try_from(&all);
            Act::Set(list.map_err(|error| ("", error.to_string()))?)
        }
    };
    Ok(Proposal {
        what: said,
        comment: comment(fields),
        seen: fields.get("seen").parse().unwrap_or(0).min(version),
        values: vec![Wanted { target: Trait::Bound.target(owner), act }],
    })
}

/// The entry of a form; what the form does not ask for stays as it was.
fn entry(
    fields: &Fields,
    domain: Domain,
    before: Option<&PartnerEntry>,
) -> Result<PartnerEntry, Wrong> {
    let words = |key: &str| -> Vec<String> {
        let parts = fields.get(key).split(|sign: char| sign == ',' || sign.is_whitespace());
        parts.filter(|part| !part.is_empty()).map(str::to_lowercase).collect()
    };
    let tls = match fields.get("tls") {
        "verified" => PartnerTls::Verified,
        "encrypted" => PartnerTls::Encrypted,
        _ => return Err(("tls", "say what its servers have to show".to_string())),
    };
    let is_verified = tls == PartnerTls::Verified;
    let hosts = words("hosts").into_iter().filter(|_| is_verified).map(Pattern::try_from);
    let pins = words("certificate").into_iter().filter(|_| is_verified).map(Pin::try_from);
    Ok(PartnerEntry {
        domain,
        subdomains: fields.get("subdomains") == "yes",
        organisation: None,
        tls,
        minimum_version: match fields.get("version") {
            "1.3" if is_verified => TlsVersion::Tls13,
            _ => TlsVersion::Tls12,
        },
        authorities: Default::default(),
        certificate: pins
            .collect::<Result<_, _>>()
            .map_err(|why| ("certificate", why.to_string()))?,
        hosts: hosts.collect::<Result<_, _>>().map_err(|why| ("hosts", why.to_string()))?,
        inbound: before.map(|one| one.inbound).unwrap_or_default(),
    })
}

/// The list of what is done when DMARC fails, with or without this partner: it is one value.
fn rules_with(
    fields: &Fields,
    partner: &str,
    is_added: bool,
    rules: &[(String, Action)],
) -> Result<Act, Wrong> {
    let mut others: Vec<(String, Action)> =
        rules.iter().filter(|(name, _)| name != partner).cloned().collect();
    let no_action = || ("action", "say what is done when DMARC fails".to_string());
    if is_added {
        let action = ACTIONS.into_iter().find(|one| one.word() == fields.get("action"));
        others.push((partner.to_string(), action.ok_or_else(no_action)?));
    } else if others.len() == rules.len() {
        return Err(("partner", format!("nothing is said of {partner}")));
    }
    if others.is_empty() {
        return Ok(Act::Forget);
    }
    let table = |(name, action): (String, Action)| {
        let text = |text: &str| toml::Value::String(text.to_string());
        let pairs = [("name", text(&name)), ("dmarc-fail", text(action.word()))];
        toml::Value::Table(pairs.map(|(key, value)| (key.to_string(), value)).into_iter().collect())
    };
    Ok(Act::Set(toml::Value::Array(others.into_iter().map(table).collect())))
}

/// What can be done when DMARC fails: a mail cannot be put off for it.
const ACTIONS: [Action; 4] = [Action::Deliver, Action::Mark, Action::Quarantine, Action::Reject];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partner_is_bound_in_the_list_of_its_organisation() {
        let other: PartnerEntry =
            toml::from_str("domain = \"other.example\"\ntls = \"encrypted\"").unwrap();
        let bound = [other];
        let read = |text: &str| binding(&Fields::read(text.as_bytes()), &bound, 7);
        let form = "do=bind&what=partners&partner=Region.example&owner=acme&tls=verified&version=1.3&subdomains=yes&hosts=*.provider.example%2C+mx.region.example";
        let one = read(form).unwrap();
        assert_eq!(one.values[0].target.name, "acme");
        let Act::Set(list) = &one.values[0].act else { panic!("{one:?}") };
        let list: Vec<PartnerEntry> = list.clone().try_into().unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!(
            one.what,
            "mail to region.example goes over TLS to a server with a good certificate for its name, 1.3 at least; its mail hosts: *.provider.example, mx.region.example; with what is below it"
        );
        let gone = read("do=remove&what=partners&partner=other.example&owner=acme").unwrap();
        assert_eq!(gone.values[0].act, Act::Forget);
        for (bad, key, part) in [
            ("do=bind&partner=a+b&owner=acme&tls=verified", "partner", "is no domain"),
            ("do=bind&partner=a.example&tls=verified", "owner", "whose mail"),
            ("do=bind&partner=a.example&owner=acme", "tls", "have to show"),
            ("do=bind&partner=a.example&owner=acme&tls=verified&hosts=*", "hosts", "no mail host"),
            (
                "do=bind&partner=a.example&owner=acme&tls=verified&certificate=x",
                "certificate",
                "sha256:",
            ),
            ("do=remove&partner=a.example&owner=acme", "partner", "nothing is said"),
            ("partner=a.example&owner=acme", "", "what to do"),
        ] {
            let (field, why) = read(bad).unwrap_err();
            assert_eq!(field, key, "{bad}");
            assert!(why.contains(part), "{bad}: {why}");
        }
    }

    #[test]
    fn what_is_said_of_a_partner_is_proposed_as_it_will_be_read() {
        let rules = [("firm.example".to_string(), Action::Reject)];
        let read = |text: &str| proposal(&Fields::read(text.as_bytes()), &rules, 7);
        let one = read("do=add&what=protected-domains&partner=+Bank.example&owner=acme").unwrap();
        assert_eq!(one.values[0].target.keys, ["protected-domains"]);
        assert_eq!(one.values[0].act, Act::Add("bank.example".to_string()));
        let one = read("do=remove&what=forwarders&partner=192.0.2.1&seen=99").unwrap();
        assert_eq!(
            (one.values[0].target.name.as_str(), one.seen),
            ("authentication.forwarders", 7)
        );
        assert_eq!(one.values[0].act, Act::TakeOut("192.0.2.1/32".to_string()));
        // One list, so what is said of others stays in it.
        let one = read("do=add&what=domain&partner=new.example&action=mark").unwrap();
        let Act::Set(toml::Value::Array(list)) = &one.values[0].act else { panic!("{one:?}") };
        assert_eq!(list.len(), 2);
        assert_eq!(
            read("do=remove&what=domain&partner=firm.example").unwrap().values[0].act,
            Act::Forget
        );
        for (bad, part) in [
            ("do=add&what=protected-domains&partner=a.example", "whose partner"),
            ("do=add&what=must-authenticate&partner=a+b", "is no domain"),
            ("do=add&what=trusted-sealers&partner=co.uk", "is a public suffix"),
            ("do=add&what=domain&partner=a.example&action=defer", "when DMARC fails"),
            ("do=remove&what=domain&partner=a.example", "nothing is said"),
            ("do=add&what=x&partner=a.example", "what is known"),
            ("what=forwarders&partner=a.example", "what to do"),
        ] {
            let (_, why) = read(bad).unwrap_err();
            assert!(why.contains(part), "{bad}: {why}");
        }
    }
}

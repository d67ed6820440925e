//! How mail went and came: per domain and month the shares in clear, encrypted and proven, with personal data apart; and what would have waited
//! if a partner had been bound to more.

use super::operate::{Whole, days_ago, frame};
use crate::base::clock::UnixMs;
use crate::{
    base::limits,
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Note, Section, render},
        picture::Bar,
        rights::Right,
        site::store_is_away,
        visit::{Fields, Query, Visitor},
        words::{grouped, percent, plain},
    },
    mail::{Direction, Domain, Organisation},
    store::{
        scope::Scope,
        transport::{ChannelFilter, DomainChannels, Terms, WouldBreak},
    },
    wire::date::{self, Civil},
};
use askama::Template;
use axum::{extract::State, response::Response, routing::get};

pub(in crate::edge::http) const ROUTES: &[Route] = &[Route::page(
    "/transport",
    "how mail went and came: in clear, encrypted, proven",
    Needs::Right(Right::Look),
    || get(transport),
)];

/// Months to choose from.
const MONTHS: u64 = 14;

#[derive(Template)]
#[template(path = "transport.html")]
struct TransportPage {
    frame: Frame,
    pages: Vec<Section>,
    months: Vec<(String, bool)>,
    month: String,
    outbound: bool,
    organisation: String,
    organisations: Vec<String>,
    not_whole: bool,
    mails: String,
    bar: Bar,
    personal: String,
    personal_bar: Bar,
    rows: Vec<DomainRow>,
    tried: Option<Tried>,
    /// Mails that a smarthost took.
    smarthost: String,
    any_smarthost: bool,
}

struct DomainRow {
    domain: String,
    mails: String,
    encrypted: u64,
    proven: u64,
    good: u64,
    tls13: u64,
    personal: String,
    personal_proven: String,
    smarthost: String,
    /// Some of what had personal data went in clear.
    personal_in_clear: bool,
    address: String,
}

struct Tried {
    domain: String,
    encrypted: bool,
    tls13: bool,
    subdomains: bool,
    mails: String,
    waiting: String,
    would_wait: bool,
    parts: Vec<(&'static str, String)>,
    entry: String,
}

/// Whose mail was asked for: none, where the visitor does not see a whole organisation.
pub(in crate::edge::http) fn whose(scope: &Scope, asked: &str) -> Option<Option<Organisation>> {
    match Whole::of(scope) {
        Whole::Everything => Some(Organisation::parse(asked).ok()),
        Whole::Of(own) => Some(Some(own)),
        Whole::Nothing => None,
    }
}

/// The months up to now, the newest first, as `2026-11`.
fn months(now: UnixMs) -> Vec<(String, UnixMs, UnixMs)> {
    let civil = Civil::from(now);
    let count = civil.year * 12 + civil.month - 1;
    let one = |back: u64| {
        let at = count - back;
        let (year, month) = (at / 12, at % 12 + 1);
        let name = format!("{year:04}-{month:02}");
        (name, date::month_begins(year, month), date::month_begins(year, month + 1))
    };
    (0..MONTHS).map(one).collect()
}

async fn transport(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (mut frame, pages) = frame(&site, &visitor, "Transport", "/transport");
    let all = months(site.now());
    let asked = query.get("month");
    let chosen = all.iter().find(|(name, ..)| name == asked).or(all.first());
    let Some((month, since, until)) = chosen.cloned() else { return render(&empty(frame, pages)) };
    let direction = match query.get("direction") {
        "inbound" => Direction::Inbound,
        _ => Direction::Outbound,
    };
    let whose = whose(&visitor.scope, query.get("organisation"));
    let stored = &site.gateway().stores.proofs;
    let found = match &whose {
        Some(organisation) => {
            let filter = ChannelFilter {
                since,
                until,
                organisation: organisation.clone(),
                direction,
                domain: None,
                rows: limits::TRANSPORT_ROWS_MAX,
            };
            stored.channels(filter).await
        }
        None => Ok(Vec::new()),
    };
    let mut lines = found.unwrap_or_else(|error| {
        frame.note = Some(Note::failed(store_is_away(&error)));
        Vec::new()
    });
    let tried = match (&whose, terms(&query)) {
        (Some(organisation), Some((domain, terms))) => {
            let since = days_ago(site.now(), DAYS_TRIED);
            let tried =
                stored.would_break(Some(domain.clone()), organisation.clone(), terms, since);
            match tried.await {
                Ok(would) => Some(shown(&domain, organisation.as_ref(), terms, would)),
                Err(error) => {
                    frame.note = Some(Note::failed(store_is_away(&error)));
                    None
                }
            }
        }
        (Some(_) | None, _) => None,
    };
    let sum = |of: fn(&DomainChannels) -> u64| lines.iter().map(of).sum::<u64>();
    let (mails, encrypted, proven) =
        (sum(|one| one.mails), sum(|one| one.encrypted), sum(|one| one.proven));
    let through = sum(|one| one.through_smarthost);
    let (personal, personal_encrypted, personal_proven) = (
        sum(|one| one.personal),
        sum(|one| one.personal_encrypted),
        sum(|one| one.personal_proven),
    );
    // The weakest first: what went in clear with personal data, then what went in clear at all, then what nobody vouched for.
    lines.sort_by_key(|one| {
        std::cmp::Reverse((
            one.personal.saturating_sub(one.personal_encrypted),
            one.personal.saturating_sub(one.personal_proven),
            one.mails.saturating_sub(one.encrypted),
            one.mails.saturating_sub(one.proven),
        ))
    });
    let settings = site.gateway().settings.load();
    let organisations = match Whole::of(&visitor.scope) {
        Whole::Everything => settings.organisations().map(|one| one.name().to_string()).collect(),
        Whole::Of(_) | Whole::Nothing => Vec::new(),
    };
    let months = all.iter().map(|(name, ..)| (name.clone(), *name == month)).collect();
    let organisation = query.get("organisation").to_string();
    let address = |domain: &str| {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("month", &month)
            .append_pair("organisation", &organisation)
            .append_pair("try", domain)
            .finish()
    };
    render(&TransportPage {
        frame,
        pages,
        months,
        outbound: direction == Direction::Outbound,
        organisations,
        not_whole: whose.is_none(),
        mails: grouped(mails),
        bar: bar(mails, encrypted, proven),
        personal: grouped(personal),
        personal_bar: bar(personal, personal_encrypted, personal_proven),
        rows: lines.iter().map(|line| row(line, address(&line.domain))).collect(),
        tried,
        smarthost: grouped(through),
        any_smarthost: through > 0,
        month: month.clone(),
        organisation: organisation.clone(),
    })
}

fn empty(frame: Frame, pages: Vec<Section>) -> TransportPage {
    TransportPage {
        frame,
        pages,
        months: Vec::new(),
        month: String::new(),
        outbound: true,
        organisation: String::new(),
        organisations: Vec::new(),
        not_whole: false,
        mails: grouped(0),
        bar: Bar::default(),
        personal: grouped(0),
        personal_bar: Bar::default(),
        rows: Vec::new(),
        tried: None,
        smarthost: grouped(0),
        any_smarthost: false,
    }
}

fn bar(all: u64, encrypted: u64, proven: u64) -> Bar {
    Bar::of(&[
        ("good", "proven", proven),
        ("mind", "encrypted, not proven", encrypted.saturating_sub(proven)),
        ("bad", "in clear", all.saturating_sub(encrypted)),
    ])
}

fn row(line: &DomainChannels, address: String) -> DomainRow {
    DomainRow {
        domain: if line.domain.is_empty() { "<>".to_string() } else { plain(&line.domain) },
        mails: grouped(line.mails),
        encrypted: percent(line.encrypted, line.mails),
        proven: percent(line.proven, line.mails),
        good: percent(line.good_certificate, line.mails),
        tls13: percent(line.tls13, line.mails),
        personal: grouped(line.personal),
        personal_proven: grouped(line.personal_proven),
        smarthost: grouped(line.through_smarthost),
        personal_in_clear: line.personal > line.personal_encrypted,
        address: if line.domain.is_empty() { String::new() } else { address },
    }
}

/// What is to be tried, where the page was asked for that.
fn terms(query: &Fields) -> Option<(Domain, Terms)> {
    let domain = Domain::parse(query.get("try").trim()).ok()?;
    let terms = Terms {
        encrypted_is_enough: query.get("tls") == "encrypted",
        tls13: query.get("version") == "1.3",
        subdomains: query.get("subdomains") == "yes",
    };
    Some((domain, terms))
}

fn shown(
    domain: &Domain,
    organisation: Option<&Organisation>,
    terms: Terms,
    would: WouldBreak,
) -> Tried {
    let tls = if terms.encrypted_is_enough { "encrypted" } else { "verified" };
    let mut entry = format!("[[partner]]\ndomain = \"{domain}\"\ntls = \"{tls}\"\n");
    if let Some(organisation) = organisation {
        entry.push_str(&format!("organisation = \"{organisation}\"\n"));
    }
    if terms.subdomains {
        entry.push_str("subdomains = true\n");
    }
    if terms.tls13 && !terms.encrypted_is_enough {
        entry.push_str("minimum-version = \"1.3\"\n");
    }
    let parts = vec![
        ("went in clear", grouped(would.in_clear)),
        ("over an older TLS", grouped(would.too_old)),
        (
            "to a server whose certificate is not good, or bears another name",
            grouped(would.not_vouched_for),
        ),
        (
            "to a server with a good certificate that only unsigned DNS names: write it into hosts",
            grouped(would.host_not_known),
        ),
        ("were proven anyway", grouped(would.proven)),
        (
            "went through a smarthost, and would go straight to servers that nobody has seen",
            grouped(would.through_smarthost),
        ),
    ];
    Tried {
        domain: domain.to_string(),
        encrypted: terms.encrypted_is_enough,
        tls13: terms.tls13,
        subdomains: terms.subdomains,
        mails: grouped(would.mails),
        waiting: grouped(would.waiting()),
        would_wait: would.waiting() > 0 || would.through_smarthost > 0,
        parts,
        entry,
    }
}

/// Days whose mail terms are tried on.
pub(in crate::edge::http) const DAYS_TRIED: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_go_back_over_the_turn_of_the_year() {
        let all = months(UnixMs(1_769_000_000_000));
        let names: Vec<&str> = all.iter().map(|(name, ..)| name.as_str()).take(3).collect();
        assert_eq!(names, ["2026-01", "2025-12", "2025-11"]);
        assert!(all.windows(2).all(|two| two[1].2 == two[0].1), "without gaps");
    }
}

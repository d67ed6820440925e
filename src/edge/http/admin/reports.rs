//! What others report of our domains: who sends in their names (DMARC), who complains (ARF), what was not delivered (DSN), how TLS with their
//! mail hosts went (TLS-RPT).
//!
//! A visitor sees the reports of its own domains. Whoever sees some domains of an organisation is answered for each of them; notices of
//! non-delivery carry the recipient's domain and not ours, so they are for whoever sees the whole organisation.

use super::operate::{Whole, days, days_ago, frame};
use crate::{
    base::limits,
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Note, Section, render},
        picture::Bar,
        rights::Right,
        site::{Site, store_is_away},
        visit::{Fields, Query, Visitor},
        words::{Moment, Wall, grouped, of_many, percent, plain, short},
    },
    mail::Domain,
    store::{
        StoreError,
        reports::{
            ComplaintLine, DeliveryLine, DomainLine, ReportFilter, SourceLine, TlsFailureLine,
            TlsLine,
        },
        scope::Scope,
    },
};
use askama::Template;
use axum::{extract::State, response::Response, routing::get};
use std::{cmp::Reverse, future::Future};

const LOOK: Needs = Needs::Right(Right::Look);

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page("/reports", "who sends in our domains' names", LOOK, || get(dmarc)),
    Route::page("/reports/complaints", "who complains", LOOK, || get(complaints)),
    Route::page("/reports/undelivered", "what was not delivered", LOOK, || get(undelivered)),
    Route::page("/reports/tls", "how TLS with our mail hosts went", LOOK, || get(tls)),
];

/// How far back a list goes.
const DAYS: [u64; 4] = [7, 30, 90, 365];
/// Days of which a page tells unless asked for others.
const DAYS_SHOWN: u64 = 30;

/// What a page was asked for.
struct Asked {
    days: u64,
    domain: String,
    failing: bool,
    skip: usize,
    filter: ReportFilter,
}

impl Asked {
    fn read(query: &Fields, now: crate::base::clock::UnixMs) -> Asked {
        let days = days(query.get("days"), &DAYS, DAYS_SHOWN);
        let domain = query.get("domain").trim();
        let domain = Domain::parse(domain).map(|domain| domain.to_string());
        let failing = query.get("failing") == "yes";
        let skip = query.get("skip").parse().unwrap_or(0).min(SKIP_MAX);
        let filter = ReportFilter {
            domain: domain.as_ref().ok().cloned(),
            organisation: None,
            only_failing: failing,
            since: days_ago(now, days),
            rows: limits::WEB_PAGE_ROWS + 1,
            skip,
        };
        Asked { days, domain: domain.unwrap_or_default(), failing, skip, filter }
    }

    /// The address of the page after this one.
    fn next(&self, path: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("days", &self.days.to_string()).append_pair("domain", &self.domain);
        if self.failing {
            query.append_pair("failing", "yes");
        }
        query.append_pair("skip", &(self.skip + limits::WEB_PAGE_ROWS).to_string());
        format!("{path}?{}", query.finish())
    }
}

/// So far a list can be leafed through; then a filter is the way.
const SKIP_MAX: usize = 200 * limits::WEB_PAGE_ROWS;

/// The questions to the store that a visitor may ask in place of this one.
pub(in crate::edge::http) fn within(scope: &Scope, filter: ReportFilter) -> Vec<ReportFilter> {
    let own = |organisation: &crate::mail::Organisation, domain: Option<String>| ReportFilter {
        organisation: Some(organisation.clone()),
        domain,
        ..filter.clone()
    };
    match scope {
        Scope::Everything => vec![filter],
        Scope::Organisation(organisation) => vec![own(organisation, filter.domain.clone())],
        Scope::Domains(organisation, domains) => domains
            .iter()
            .map(Domain::to_string)
            .filter(|domain| filter.domain.as_ref().is_none_or(|asked| asked == domain))
            .map(|domain| own(organisation, Some(domain)))
            .collect(),
        Scope::Mailbox(..) => Vec::new(),
    }
}

/// Several answers as one list: each was asked from its beginning, and what earlier pages showed is left out of all of them together.
pub(in crate::edge::http) async fn gathered<T, K: Ord, F>(
    filters: Vec<ReportFilter>,
    ask: impl Fn(ReportFilter) -> F,
    order: impl Fn(&T) -> K,
) -> Result<Vec<T>, StoreError>
where
    F: Future<Output = Result<Vec<T>, StoreError>>,
{
    if let [one] = filters.as_slice() {
        return ask(one.clone()).await;
    }
    let (skip, rows) = filters.first().map_or((0, 0), |one| (one.skip, one.rows));
    let mut all = Vec::new();
    for filter in filters {
        let rows = filter.rows.saturating_add(skip);
        all.extend(ask(ReportFilter { skip: 0, rows, ..filter }).await?);
    }
    all.sort_by_key(order);
    Ok(all.into_iter().skip(skip).take(rows).collect())
}

#[derive(Template)]
#[template(path = "reports.html")]
struct DmarcPage {
    frame: Frame,
    pages: Vec<Section>,
    days: u64,
    domain: String,
    failing: bool,
    domains: Vec<DomainRow>,
    rows: Vec<SourceRow>,
    next: String,
}

struct DomainRow {
    domain: String,
    organisation: String,
    policy: String,
    mails: String,
    passed: u64,
    /// How many a policy of reject would have had refused.
    would_refuse: String,
    quarantined: String,
    rejected: String,
    sources: String,
    reporters: String,
    bar: Bar,
}

struct SourceRow {
    domain: String,
    source: String,
    header_from: String,
    envelope_from: String,
    signed_by: String,
    mails: String,
    share: u64,
    dkim: String,
    spf: String,
    passed: String,
    failed: String,
    last: Moment,
}

async fn dmarc(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (mut frame, pages) = frame(&site, &visitor, "Reports", "/reports");
    let asked = Asked::read(&query, site.now());
    let stored = &site.gateway().stores.reports;
    let whole = ReportFilter { rows: limits::WEB_PAGE_ROWS, skip: 0, ..asked.filter.clone() };
    let domains = gathered(
        within(&visitor.scope, whole),
        |filter| stored.domains(filter),
        |line: &DomainLine| Reverse(line.mails),
    );
    let sources = gathered(
        within(&visitor.scope, asked.filter.clone()),
        |filter| stored.sources(filter),
        |line: &SourceLine| (line.domain.clone(), Reverse(line.mails)),
    );
    let (domains, mut sources) = match (domains.await, sources.await) {
        (Ok(domains), Ok(sources)) => (domains, sources),
        (Err(error), _) | (_, Err(error)) => {
            frame.note = Some(Note::failed(store_is_away(&error)));
            (Vec::new(), Vec::new())
        }
    };
    let more = sources.len() > limits::WEB_PAGE_ROWS;
    sources.truncate(limits::WEB_PAGE_ROWS);
    render(&DmarcPage {
        frame,
        pages,
        next: if more { asked.next("/reports") } else { String::new() },
        days: asked.days,
        domain: asked.domain,
        failing: asked.failing,
        domains: domains.iter().map(domain_row).collect(),
        rows: sources.iter().map(|line| source_row(line, &site.wall())).collect(),
    })
}

fn domain_row(line: &DomainLine) -> DomainRow {
    let failed = line.mails.saturating_sub(line.passed);
    DomainRow {
        domain: plain(&line.domain),
        organisation: line.organisation.to_string(),
        policy: plain(&line.policy),
        mails: grouped(line.mails),
        passed: percent(line.passed, line.mails),
        would_refuse: grouped(failed),
        quarantined: grouped(line.quarantined),
        rejected: grouped(line.rejected),
        sources: many(line.sources, "source", "sources"),
        reporters: many(line.reporters, "receiver", "receivers"),
        bar: Bar::of(&[("good", "passed", line.passed), ("bad", "failed", failed)]),
    }
}

fn many(count: u64, one: &str, more: &str) -> String {
    of_many(usize::try_from(count).unwrap_or(usize::MAX), one, more)
}

fn source_row(line: &SourceLine, wall: &Wall) -> SourceRow {
    SourceRow {
        domain: plain(&line.domain),
        source: plain(&line.source),
        header_from: plain(&line.header_from),
        envelope_from: plain(&line.envelope_from),
        signed_by: plain(&line.signed_by),
        mails: grouped(line.mails),
        share: percent(line.passed, line.mails),
        dkim: grouped(line.dkim),
        spf: grouped(line.spf),
        passed: grouped(line.passed),
        failed: grouped(line.mails.saturating_sub(line.passed)),
        last: Moment::of(wall, line.last),
    }
}

#[derive(Template)]
#[template(path = "reports_complaints.html")]
struct ComplaintsPage {
    frame: Frame,
    pages: Vec<Section>,
    days: u64,
    domain: String,
    rows: Vec<ComplaintRow>,
    next: String,
}

struct ComplaintRow {
    came: Moment,
    kind: String,
    domain: String,
    source: String,
    mail_from: String,
    auth_failure: String,
    incidents: String,
    original_id: String,
    reporter: String,
}

async fn complaints(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (mut frame, pages) = frame(&site, &visitor, "Complaints", "/reports");
    let asked = Asked::read(&query, site.now());
    let stored = &site.gateway().stores.reports;
    let found = gathered(
        within(&visitor.scope, asked.filter.clone()),
        |filter| stored.complaints(filter),
        |line: &ComplaintLine| Reverse(line.came),
    );
    let mut lines = found.await.unwrap_or_else(|error| {
        frame.note = Some(Note::failed(store_is_away(&error)));
        Vec::new()
    });
    let more = lines.len() > limits::WEB_PAGE_ROWS;
    lines.truncate(limits::WEB_PAGE_ROWS);
    render(&ComplaintsPage {
        frame,
        pages,
        next: if more { asked.next("/reports/complaints") } else { String::new() },
        days: asked.days,
        domain: asked.domain,
        rows: lines.iter().map(|line| complaint_row(line, &site.wall())).collect(),
    })
}

fn complaint_row(line: &ComplaintLine, wall: &Wall) -> ComplaintRow {
    ComplaintRow {
        came: Moment::of(wall, line.came),
        kind: plain(&line.kind),
        domain: plain(&line.domain),
        source: plain(&line.source),
        mail_from: short(&line.mail_from),
        auth_failure: plain(&line.auth_failure),
        incidents: grouped(line.incidents),
        original_id: short(&line.original_id),
        reporter: short(&line.reporter),
    }
}

#[derive(Template)]
#[template(path = "reports_undelivered.html")]
struct UndeliveredPage {
    frame: Frame,
    pages: Vec<Section>,
    days: u64,
    domain: String,
    rows: Vec<DeliveryRow>,
    next: String,
    /// The visitor sees a part of an organisation.
    not_whole: bool,
}

struct DeliveryRow {
    came: Moment,
    action: String,
    status: String,
    recipient: String,
    diagnostic: String,
    reporter: String,
}

async fn undelivered(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (mut frame, pages) = frame(&site, &visitor, "Not delivered", "/reports");
    let asked = Asked::read(&query, site.now());
    let found = notices(&site, &visitor, asked.filter.clone()).await;
    let not_whole = found.is_none();
    let mut lines = found.unwrap_or(Ok(Vec::new())).unwrap_or_else(|error| {
        frame.note = Some(Note::failed(store_is_away(&error)));
        Vec::new()
    });
    let more = lines.len() > limits::WEB_PAGE_ROWS;
    lines.truncate(limits::WEB_PAGE_ROWS);
    render(&UndeliveredPage {
        frame,
        pages,
        next: if more { asked.next("/reports/undelivered") } else { String::new() },
        days: asked.days,
        domain: asked.domain,
        rows: lines.iter().map(|line| delivery_row(line, &site.wall())).collect(),
        not_whole,
    })
}

/// Notices of non-delivery; none for whoever sees a part of an organisation.
pub(in crate::edge::http) async fn notices(
    site: &Site,
    visitor: &Visitor,
    filter: ReportFilter,
) -> Option<Result<Vec<DeliveryLine>, StoreError>> {
    let organisation = match Whole::of(&visitor.scope) {
        Whole::Everything => None,
        Whole::Of(organisation) => Some(organisation),
        Whole::Nothing => return None,
    };
    let filter = ReportFilter { organisation, ..filter };
    Some(site.gateway().stores.reports.deliveries(filter).await)
}

fn delivery_row(line: &DeliveryLine, wall: &Wall) -> DeliveryRow {
    DeliveryRow {
        came: Moment::of(wall, line.came),
        action: plain(&line.action),
        status: plain(&line.status),
        recipient: short(&line.recipient),
        diagnostic: short(&line.diagnostic),
        reporter: short(&line.reporter),
    }
}

#[derive(Template)]
#[template(path = "reports_tls.html")]
struct TlsPage {
    frame: Frame,
    pages: Vec<Section>,
    days: u64,
    domain: String,
    failing: bool,
    rows: Vec<TlsRow>,
    next: String,
}

struct TlsRow {
    begins: Moment,
    domain: String,
    reporter: String,
    contact: String,
    policy: String,
    good: String,
    failed: String,
    all_well: bool,
    failures: Vec<String>,
}

async fn tls(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (mut frame, pages) = frame(&site, &visitor, "TLS", "/reports");
    let asked = Asked::read(&query, site.now());
    let stored = &site.gateway().stores.reports;
    let found = gathered(
        within(&visitor.scope, asked.filter.clone()),
        |filter| stored.tls(filter),
        |line: &TlsLine| Reverse(line.begins),
    );
    let mut lines = found.await.unwrap_or_else(|error| {
        frame.note = Some(Note::failed(store_is_away(&error)));
        Vec::new()
    });
    let more = lines.len() > limits::WEB_PAGE_ROWS;
    lines.truncate(limits::WEB_PAGE_ROWS);
    render(&TlsPage {
        frame,
        pages,
        next: if more { asked.next("/reports/tls") } else { String::new() },
        days: asked.days,
        domain: asked.domain,
        failing: asked.failing,
        rows: lines.iter().map(|line| tls_row(line, &site.wall())).collect(),
    })
}

fn tls_row(line: &TlsLine, wall: &Wall) -> TlsRow {
    TlsRow {
        begins: Moment::of(wall, line.begins),
        domain: plain(&line.domain),
        reporter: short(&line.reporter),
        contact: short(&line.contact),
        policy: plain(&line.policy),
        good: grouped(line.good),
        failed: grouped(line.failed),
        all_well: line.failed == 0,
        failures: line.failures.iter().map(tls_failure).collect(),
    }
}

fn tls_failure(line: &TlsFailureLine) -> String {
    let mut words = format!("{} times {}", grouped(line.sessions), plain(&line.result));
    for (before, what) in
        [("at", &line.host), ("", &line.to), ("from", &line.from), ("–", &line.reason)]
    {
        if !what.is_empty() {
            words.push_str(&format!(" {before} {}", short(what)).replace("  ", " "));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Address, Organisation};

    #[test]
    fn nobody_asks_for_more_than_is_theirs() {
        let acme = Organisation::named("acme");
        let domain = |text: &str| Domain::parse(text).unwrap();
        let two = vec![domain("a.example"), domain("b.example")];
        let mailbox = Address::parse("anna@a.example").unwrap();
        for (scope, asked, want) in [
            (Scope::Everything, Some("c.example"), vec![(None, Some("c.example"))]),
            (Scope::Organisation(acme.clone()), None, vec![(Some("acme"), None)]),
            (
                Scope::Organisation(acme.clone()),
                Some("c.example"),
                vec![(Some("acme"), Some("c.example"))],
            ),
            (
                Scope::Domains(acme.clone(), two.clone()),
                None,
                vec![(Some("acme"), Some("a.example")), (Some("acme"), Some("b.example"))],
            ),
            (
                Scope::Domains(acme.clone(), two.clone()),
                Some("b.example"),
                vec![(Some("acme"), Some("b.example"))],
            ),
            (Scope::Domains(acme.clone(), two), Some("c.example"), vec![]),
            (Scope::Mailbox(acme, mailbox), None, vec![]),
        ] {
            let filter =
                ReportFilter { domain: asked.map(str::to_string), ..ReportFilter::default() };
            let filters = within(&scope, filter);
            let got: Vec<(Option<&str>, Option<&str>)> = filters
                .iter()
                .map(|one| (one.organisation.as_ref().map(|it| it.name()), one.domain.as_deref()))
                .collect();
            assert_eq!(got, want, "{scope:?} {asked:?}");
        }
    }
}

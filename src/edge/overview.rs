//! The gateway at a glance: how it does, what differs from what should be, who has sent what, what waits and for whom.
//!
//! Gathering it walks the queue and counts the trace, so it is kept for a few seconds: looking often costs mail nothing.

use crate::{
    base::{
        clock::{Tick, UnixMs},
        limits,
        units::{self, grouped},
    },
    config::Config,
    edge::{
        connections::resident_bytes,
        control::{Desk, LimitLine},
        http::Readiness,
        log_link, serve,
        tls::{Certificate, CertificateSource, ServerTls},
    },
    pipeline::queue::NextHopLine,
    store::{
        deviations::{self, Evidence},
        embedded::DowngradeSeen,
    },
    wire::report::Language,
};
use metrics_exporter_prometheus::PrometheusHandle;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::{Mutex, watch};

/// The gateway at a glance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overview {
    /// The name we greet with.
    pub hostname: String,
    /// "3 d 4 h".
    pub up: String,
    /// What an operator should know of, the gravest first.
    pub deviations: Vec<Deviation>,
    /// Figures of this moment.
    pub figures: Vec<Figure>,
    /// What is used of what is allowed.
    pub bounds: Vec<Bound>,
    /// Transactions of the last 24 hours by what became of them.
    pub day: Vec<Share>,
    /// The same for each organisation; the busiest first.
    pub organisations: Vec<OrganisationRow>,
    /// How many more there are than are shown.
    pub organisations_more: usize,
    /// Who is at a limit, or was refused for one of late; the most often refused first.
    pub limited: Vec<LimitedRow>,
    /// What waits, by next hop; the longest line first.
    pub destinations: Vec<DestinationRow>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Deviation {
    /// Mail is hurt by it now or soon.
    pub grave: bool,
    /// What it is and what to do, one sentence.
    pub text: String,
}

/// A number and what it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// What.
    pub what: &'static str,
    /// How many.
    pub value: String,
}

/// How much of a bound is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Of what.
    pub what: &'static str,
    /// In words.
    pub value: String,
    /// 0 to 100.
    pub percent: u64,
}

/// One outcome of the day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// "deliver", "refused before DATA", …
    pub what: String,
    /// How many.
    pub value: String,
    /// Of all, 0 to 100.
    pub percent: u64,
}

/// One organisation's day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrganisationRow {
    /// Its name.
    pub name: String,
    /// All transactions.
    pub all: String,
    /// As [`OUTCOMES`]: the heading and how many.
    pub outcomes: Vec<(&'static str, String)>,
    count: u64,
}

/// Somebody who met a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitedRow {
    /// An address, a network, a user, or "everybody".
    pub who: String,
    /// As in `[limits]`.
    pub limit: String,
    /// "20 of 20".
    pub count: String,
    /// Refusals of late.
    pub refused: String,
}

/// What waits for one next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationRow {
    /// The next hop.
    pub next_hop: String,
    /// How many deliveries wait.
    pub waiting: String,
    /// How many are being made.
    pub under_way: u64,
    /// How many an operator holds back.
    pub on_hold: u64,
    /// How long the oldest has waited.
    pub oldest: String,
    /// What was said last.
    pub said: String,
}

/// What was seen while opening and reloading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Rules with a mistake in them.
    pub rules_left_out: usize,
    /// The master key lies beside what it protects.
    pub key_beside_data: bool,
    /// We are root.
    pub root: bool,
    /// A reload that failed: the configuration in force is not the one that is written.
    pub reload_failed: Option<String>,
    /// Paths of values that were changed, and wait for a restart.
    pub after_restart: Vec<String>,
}

/// Columns of the organisations' table: the action's word, and the heading.
pub const OUTCOMES: [(&str, &str); 6] = [
    ("deliver", "let through"),
    ("mark", "marked"),
    ("quarantine", "held"),
    ("reject", "refused"),
    ("defer", "deferred"),
    ("", "refused before DATA"),
];

/// Looks at a gateway for the pages.
pub struct Lookout {
    /// Whom it asks.
    pub desk: Arc<Desk>,
    /// Our certificate.
    pub tls: Arc<ServerTls>,
    /// Figures for Prometheus.
    pub metrics: PrometheusHandle,
    /// Becomes true when we are to end.
    pub ending: watch::Receiver<bool>,
    /// What was seen last.
    pub last: Mutex<Option<(Tick, Arc<Overview>)>>,
}

impl Lookout {
    /// Figures for Prometheus.
    pub fn metrics(&self) -> String {
        let gateway = &self.desk.gateway;
        let float = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        metrics::gauge!("sluss_queue_mails").set(float(gateway.queue.len()));
        metrics::gauge!("sluss_connections").set(float(self.desk.connections.count()));
        metrics::gauge!("sluss_examiners_waiting").set(float(gateway.waiting()));
        let remembered = gateway.client_limits.transactions.remembered();
        metrics::gauge!("sluss_limits_addresses_remembered").set(float(remembered));
        if let Some(left) = self.tls.certificate().left(gateway.clock.now()) {
            let days = u32::try_from(left.as_secs() / DAY).unwrap_or(u32::MAX);
            metrics::gauge!("sluss_certificate_days_left").set(f64::from(days));
        }
        if let Some(link) = gateway.stores.audit.link() {
            let waited = link.oldest_ms.map_or(0, |at| gateway.clock.now().since(at).as_secs());
            let whole = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
            metrics::gauge!("sluss_audit_link_up").set(f64::from(u8::from(link.up)));
            metrics::gauge!("sluss_audit_unsent_records").set(whole(link.unsent));
            metrics::gauge!("sluss_audit_unsent_seconds").set(whole(waited));
        }
        self.metrics.render()
    }

    /// Is mail being taken?
    pub fn readiness(&self) -> Readiness {
        match (*self.ending.borrow(), self.desk.gateway.settings.load().may_judge) {
            (true, _) => Readiness::Ending,
            (false, true) => Readiness::Ready,
            (false, false) => Readiness::NoRules,
        }
    }

    /// The gateway at a glance, as of a few seconds ago.
    pub async fn look(&self) -> Arc<Overview> {
        let now = self.desk.gateway.clock.tick();
        // Held while looking: of many who ask at once, one looks and the others get what it saw.
        let mut last = self.last.lock().await;
        if let Some((at, seen)) = last.as_ref()
            && now.since(*at) < limits::OVERVIEW_AGE_MAX
        {
            return seen.clone();
        }
        let seen = Arc::new(self.gather().await);
        *last = Some((now, seen.clone()));
        seen
    }

    async fn gather(&self) -> Overview {
        let gateway = &self.desk.gateway;
        let now = gateway.clock.now();
        let since = now.minus(Duration::from_secs(DAY)).0;
        let settings = gateway.settings.load_full();
        let config = &settings.config;
        let here: Vec<&str> = settings.organisations().map(|one| one.name().name()).collect();
        let counts = gateway.stores.trace.counts_by_organisation(since).await.unwrap_or_default();
        let (held, held_bytes) = gateway.stores.quarantine.totals().await.unwrap_or_default();
        let free_disk = gateway.stores.spool.free_bytes().ok();
        let certificate = self.tls.certificate();
        let mut organisations = organisations(&counts, &here);
        let organisations_more = organisations.len().saturating_sub(limits::OVERVIEW_ROWS_MAX);
        organisations.truncate(limits::OVERVIEW_ROWS_MAX);
        Overview {
            hostname: config.hostname.to_string(),
            up: units::roughly(now.since(self.desk.started)),
            deviations: self.desk.deviations(),
            figures: [
                figure("mails in the queue", gateway.queue.len()),
                figure("being delivered", gateway.queue.under_way()),
                figure("held in quarantine", usize::try_from(held).unwrap_or(usize::MAX)),
                figure("waiting for an examiner", gateway.waiting()),
                figure("rules in force", settings.rules_loaded),
                figure("domains", settings.domain_count()),
            ]
            .into_iter()
            .chain(days_left(certificate, now))
            .chain(gateway.stores.audit.link().map(|link| Figure {
                what: "audit records to be sent",
                value: log_link::waiting(&link, now),
            }))
            .collect(),
            bounds: bounds(config, self.desk.connections.count(), held_bytes, free_disk),
            day: shares(&counts),
            organisations,
            organisations_more,
            limited: self.desk.limits().map(|shown| limited(shown.lines)).unwrap_or_default(),
            destinations: gateway
                .queue
                .by_next_hop(limits::OVERVIEW_ROWS_MAX)
                .into_iter()
                .map(|line| destination(line, now))
                .collect(),
        }
    }
}

impl Desk {
    /// What is not as it should be, the gravest first.
    pub fn deviations(&self) -> Vec<Deviation> {
        let gateway = &self.gateway;
        let certificate = self.certificates.as_ref().map(|tls| tls.certificate());
        let not_got = self.certificates.as_ref().and_then(|tls| tls.not_got());
        let settings = gateway.settings.load();
        let observed = self.observed.load();
        let mut found = Vec::new();
        let mut grave = |text: String| found.push(Deviation { grave: true, text });
        if !settings.may_judge {
            grave("no signature is loaded: mail hears 451 until there is one, or [rules] required = false".to_string());
        }
        if let Some(error) = &observed.reload_failed {
            grave(format!(
                "the last reload failed and the configuration before it is in force: {error}"
            ));
        }
        if let Ok(free) = gateway.stores.spool.free_bytes()
            && free < settings.config.limits.disk_free_bytes.0
        {
            grave(format!("the disk is full ({} free): MAIL hears 452", show_bytes(free)));
        }
        if gateway.stores.trace.dropped() > 0 {
            grave(format!(
                "{} rows of the trace were lost, the disk being too slow or full",
                grouped(gateway.stores.trace.dropped())
            ));
        }
        if let Some(trouble) = gateway.stores.audit.trouble() {
            grave(format!(
                "the audit log's chain is broken in {trouble}. sluss audit verify names each place; stop the gateway, move the folder audit away and keep it, and a new chain begins"
            ));
        }
        if let Some(why) = gateway.stores.audit.unsigned() {
            grave(format!(
                "the audit log is not signed, so nobody can prove what is new in it: {why}"
            ));
        }
        if let Some(trouble) = gateway.stores.audit.link().and_then(|link| {
            log_link::trouble(&link, settings.config.audit.broken_max.0, gateway.clock.now())
        }) {
            grave(trouble);
        }
        gateway.courier.troubles().into_iter().for_each(&mut grave);
        if let Some(text) = certificate.and_then(|one| ends_soon(one, gateway.clock.now())) {
            grave(text);
        }
        let no_certificate = not_got.map(|why| format!("no new certificate by ACME: {why}"));
        let is_ours = |one: Certificate| one.from == CertificateSource::Ourselves;
        // One that others vouch for is good for weeks when a renewal fails first.
        let has_another = certificate.is_some_and(|one| !is_ours(one));
        if let Some(text) = no_certificate.clone().filter(|_| !has_another) {
            grave(text);
        }
        let mut light = |text: String| found.push(Deviation { grave: false, text });
        if !observed.after_restart.is_empty() {
            light(format!(
                "changed, but in force only after a restart: {}",
                observed.after_restart.join(", ")
            ));
        }
        if observed.rules_left_out > 0 {
            light(format!(
                "{} rules are left out for mistakes in them: sluss rules check names them",
                observed.rules_left_out
            ));
        }
        if observed.key_beside_data {
            light("the master key lies beside the data, good for trials only: set [store] master-key to a file elsewhere".to_string());
        }
        if let Some(text) = no_certificate.clone().filter(|_| has_another) {
            light(text);
        }
        if certificate.is_some_and(is_ours) && no_certificate.is_none() {
            let text = match settings.config.tls.acme {
                None => {
                    "the certificate is made by ourselves: set [tls] certificate and key, or [tls.acme], for senders that check"
                }
                Some(_) => {
                    "the certificate is made by ourselves until the authority in [tls.acme] has made one"
                }
            };
            light(text.to_string());
        }
        if observed.root {
            light("the gateway runs as root: set user".to_string());
        }
        for (list, aside) in settings.dns_lists.standings() {
            if let Some(why) = aside {
                light(format!("the DNS list {} is put aside and not asked: {why}", list.name));
            }
        }
        let on_hold = gateway.queue.on_hold();
        if on_hold > 0 {
            light(format!(
                "{} deliveries are on hold until sluss queue release",
                grouped(u64::try_from(on_hold).unwrap_or(u64::MAX))
            ));
        }
        for one in gateway.stores.deviations.open_now().iter() {
            light(broken(one, gateway.clock.now()));
        }
        for warning in serve::warnings(&settings.config) {
            light(warning);
        }
        let seen = gateway.stores.transport.downgrades_lately();
        found.extend(downgrades(&seen));
        // Each kind in its order.
        found.sort_by_key(|deviation| !deviation.grave);
        found
    }
}

/// What is worse than before on the way to other domains: where mail waits for it, and where it went all the same.
fn downgrades(seen: &[DowngradeSeen]) -> Vec<Deviation> {
    let of = |grave: bool| {
        let mut places: Vec<String> = Vec::new();
        for one in seen.iter().rev().filter(|one| (one.held > 0) == grave) {
            let place = format!("{} ({})", one.domain, one.kind.words());
            if !places.contains(&place) {
                places.push(place);
            }
        }
        let more = places.len().saturating_sub(limits::DOWNGRADES_NAMED_MAX);
        places.truncate(limits::DOWNGRADES_NAMED_MAX);
        let mut named = places.join(", ");
        if more > 0 {
            named.push_str(&format!(" and {more} more in the log"));
        }
        let (what, mend) = match grave {
            true => (
                "mail waits, since the channel is worse than before and policy demands more",
                "somebody may be in between, or its owner has changed something: ask there by another way",
            ),
            false => (
                "mail went within a day over a channel that is worse than before",
                "DANE or MTA-STS at that domain, or tls = \"required\" here, would keep it from going so",
            ),
        };
        (!named.is_empty()).then(|| Deviation { grave, text: format!("{what}: {named}; {mend}") })
    };
    [true, false].into_iter().filter_map(of).collect()
}

/// What a broken control is called where people look.
pub fn broken(one: &deviations::Deviation, now: UnixMs) -> String {
    let Evidence { value, limit, note } = &one.evidence;
    let measured = match value.as_str() {
        "?" => format!("it cannot be measured ({note})"),
        value => {
            let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
            format!("{}: {value}, limit {limit}{note}", one.measure.about(Language::En))
        }
    };
    let lasted = units::roughly(now.since(one.opened));
    match one.good_since {
        None => format!("the control {:?} is broken for {lasted}: {measured}", one.control),
        Some(_) => format!(
            "the control {:?} broke {lasted} ago and seems to be well again; it is watched for a while",
            one.control
        ),
    }
}

fn figure(what: &'static str, count: usize) -> Figure {
    Figure { what, value: grouped(u64::try_from(count).unwrap_or(u64::MAX)) }
}

/// Nobody renews a certificate that we made ourselves.
fn days_left(certificate: Certificate, now: UnixMs) -> Option<Figure> {
    let left =
        certificate.left(now).filter(|_| certificate.from != CertificateSource::Ourselves)?;
    Some(Figure { what: "certificate days left", value: grouped(left.as_secs() / DAY) })
}

/// One that should have been renewed, and what to do.
fn ends_soon(certificate: Certificate, now: UnixMs) -> Option<String> {
    let days = certificate.left(now)?.as_secs() / DAY;
    let mend = match certificate.from {
        CertificateSource::Acme => "sluss tls renew tells why it is not renewed",
        CertificateSource::Files | CertificateSource::Ourselves => "renew it, then reload",
    };
    match days {
        0 => Some(format!("the certificate ends within a day or has ended: {mend}")),
        days if days < certificate.days_left_min() => {
            Some(format!("the certificate ends in {days} days: {mend}"))
        }
        _ => None,
    }
}

fn bounds(
    config: &Config,
    connections: usize,
    held_bytes: u64,
    free_disk: Option<u64>,
) -> Vec<Bound> {
    let limits = &config.limits;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let bound = |what, used: u64, max: u64, show: fn(u64) -> String| Bound {
        what,
        value: format!("{} of {}", show(used), show(max)),
        percent: percent(used, max),
    };
    let mut bounds = vec![
        bound("connections", count(connections), count(limits.connections), grouped),
        bound("memory", resident_bytes(), limits.resident_bytes.0, show_bytes),
        bound("quarantine", held_bytes, config.store.quarantine_bytes.0, show_bytes),
    ];
    if let Some(free) = free_disk {
        bounds.push(Bound {
            what: "free disk",
            value: format!(
                "{}, at least {}",
                show_bytes(free),
                show_bytes(limits.disk_free_bytes.0)
            ),
            percent: percent(limits.disk_free_bytes.0, free),
        });
    }
    bounds
}

type Counts = [(String, String, u64)];

fn shares(counts: &Counts) -> Vec<Share> {
    let all: u64 = counts.iter().map(|(_, _, count)| count).sum();
    let mut by_outcome: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, action, count) in counts {
        *by_outcome.entry(action).or_default() += count;
    }
    let known = OUTCOMES.iter().filter_map(|(action, word)| {
        let count = by_outcome.remove(action)?;
        Some(Share { what: word.to_string(), value: grouped(count), percent: percent(count, all) })
    });
    known.collect()
}

/// A row for each organisation that is here, mail or not, and for one that is gone and had some.
fn organisations(counts: &Counts, here: &[&str]) -> Vec<OrganisationRow> {
    let mut rows: BTreeMap<&str, BTreeMap<&str, u64>> =
        here.iter().map(|name| (*name, BTreeMap::new())).collect();
    for (organisation, action, count) in counts {
        *rows.entry(organisation).or_default().entry(action).or_default() += count;
    }
    let mut rows: Vec<OrganisationRow> = rows
        .into_iter()
        .map(|(name, outcomes)| {
            let of = |action: &str| outcomes.get(action).copied().unwrap_or(0);
            let count = outcomes.values().sum();
            OrganisationRow {
                name: name.to_string(),
                all: grouped(count),
                outcomes: OUTCOMES.map(|(action, word)| (word, grouped(of(action)))).to_vec(),
                count,
            }
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    rows
}

fn limited(lines: Vec<LimitLine>) -> Vec<LimitedRow> {
    let met = lines
        .into_iter()
        .filter(|line| line.refused > 0 || line.bound.is_some_and(|bound| line.count >= bound));
    met.take(limits::OVERVIEW_ROWS_MAX)
        .map(|line| LimitedRow {
            count: match line.bound {
                Some(bound) => format!("{} of {}", grouped(line.count), grouped(bound)),
                None => grouped(line.count),
            },
            who: line.who,
            limit: line.limit,
            refused: grouped(line.refused),
        })
        .collect()
}

fn destination(line: NextHopLine, now: UnixMs) -> DestinationRow {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    DestinationRow {
        next_hop: line.next_hop,
        waiting: grouped(count(line.waiting)),
        under_way: count(line.under_way),
        on_hold: count(line.on_hold),
        oldest: units::roughly(now.since(line.oldest)),
        said: line.said,
    }
}

fn percent(used: u64, max: u64) -> u64 {
    used.saturating_mul(100).checked_div(max).unwrap_or(100).min(100)
}

/// A size as a person says it: the largest unit that leaves a whole number, with one decimal from a gibibyte on.
fn show_bytes(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{}.{} GiB", bytes >> 30, (bytes % (1 << 30)).saturating_mul(10) >> 30),
    }
}

const DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mail::Domain, wire::tls::ledger::Downgrade};

    #[test]
    fn figures_read_well() {
        for (number, want) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1\u{202f}000"),
            (12_345_678, "12\u{202f}345\u{202f}678"),
        ] {
            assert_eq!(grouped(number), want);
        }
        for (bytes, want) in [
            (0, "0 KiB"),
            (1 << 20, "1 MiB"),
            ((1 << 30) - 1, "1023 MiB"),
            (3 << 29, "1.5 GiB"),
            (20 << 30, "20.0 GiB"),
        ] {
            assert_eq!(show_bytes(bytes), want);
        }
        assert_eq!((percent(1, 3), percent(5, 3), percent(1, 0)), (33, 100, 100));
    }

    #[test]
    fn what_is_worse_than_before_is_told_in_two_sentences_however_much_it_is() {
        let seen = |number: u64, kind, held| DowngradeSeen {
            domain: Domain::parse(&format!("d{number}.example")).unwrap(),
            kind,
            host: "mx.far.example".to_string(),
            first: UnixMs(number),
            last: UnixMs(number),
            times: 3,
            held,
        };
        assert_eq!(downgrades(&[]), []);
        let mut all: Vec<_> = (0..7).map(|one| seen(one, Downgrade::NoStarttls, 0)).collect();
        all.push(seen(7, Downgrade::Unproven, 2));
        // The same on the day before.
        all.push(seen(6, Downgrade::NoStarttls, 0));
        let told = downgrades(&all);
        assert_eq!(told.iter().map(|one| one.grave).collect::<Vec<_>>(), [true, false]);
        assert!(
            told[0].text.contains("demands more: d7.example (the server was proven and is not);"),
            "{}",
            told[0].text
        );
        assert!(
            told[1].text.contains(": d6.example (STARTTLS, which it had, is missing), d5."),
            "{}",
            told[1].text
        );
        assert!(
            told[1]
                .text
                .contains("d2.example (STARTTLS, which it had, is missing) and 2 more in the log;"),
            "{}",
            told[1].text
        );
    }

    #[test]
    fn only_those_who_met_a_limit_are_shown() {
        let line = |who: &str, count, refused| LimitLine {
            limit: "transactions-per-minute".to_string(),
            who: who.to_string(),
            count,
            bound: Some(100),
            until_ms: None,
            refused,
        };
        let lines =
            vec![line("192.0.2.1", 5, 3), line("192.0.2.2", 100, 0), line("192.0.2.3", 99, 0)];
        let rows = limited(lines);
        let shown: Vec<_> = rows.iter().map(|row| (row.who.as_str(), row.count.as_str())).collect();
        assert_eq!(shown, [("192.0.2.1", "5 of 100"), ("192.0.2.2", "100 of 100")]);
    }

    #[test]
    fn a_day_is_counted_in_all_and_for_each_organisation() {
        let row = |organisation: &str, action: &str, count| {
            (organisation.to_string(), action.to_string(), count)
        };
        let counts = [
            row("acme", "deliver", 30),
            row("acme", "", 10),
            row("big", "deliver", 50),
            row("big", "reject", 10),
        ];
        let all: Vec<_> =
            shares(&counts).into_iter().map(|share| (share.what, share.percent)).collect();
        let want = [("let through", 80), ("refused", 10), ("refused before DATA", 10)];
        assert_eq!(all, want.map(|(what, percent)| (what.to_string(), percent)));
        let rows = organisations(&counts, &["big", "quiet"]);
        assert_eq!((rows[0].name.as_str(), rows[0].all.as_str()), ("big", "60"));
        let counts = |row: &OrganisationRow| -> Vec<String> {
            row.outcomes.iter().map(|(_, count)| count.clone()).collect()
        };
        assert_eq!(counts(&rows[0]), ["50", "0", "0", "10", "0", "0"]);
        assert_eq!(counts(&rows[1]), ["30", "0", "0", "0", "0", "10"]);
        assert_eq!((rows[2].name.as_str(), rows[2].all.as_str()), ("quiet", "0"));
    }
}

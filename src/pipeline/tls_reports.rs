//! Tells other domains of TLS with their mail hosts, once for each day of UTC (RFC 8460): those that ask for it, by mail or at their web servers.
//!
//! A domain's day is marked before anything is sent, so that it is told once at most, also over a crash. Over which hours of the next day
//! the reports are spread follows from our name and the domain's: not all gateways write to one at once.

use crate::{
    base::{clock::UnixMs, limits},
    facts::auth::Names as _,
    mail::{Address, Domain},
    pipeline::{
        Gateway,
        courier::Posting,
        daily::owner_of,
        notice::{self, Posted},
        settings::Settings,
        signing,
    },
    store::{StoreError, embedded::TlsReportDue},
    wire::{
        report::tls::{PACKED, TlsReport},
        tls::rpt::{NotRpt, Where, read_record},
    },
};
use std::sync::Arc;
use tokio::task::JoinSet;

const DAY_MS: u64 = 86_400_000;
/// Domains that are told at a time: one whose web server says nothing keeps its place for half a minute.
const AT_A_TIME: usize = 10;

/// Writes the reports whose time has come; gives how many went out.
pub async fn write_due(gateway: &Arc<Gateway>) -> Result<usize, StoreError> {
    let settings = gateway.settings.load_full();
    let Some(from) = settings.config.reports.sends_tls() else { return Ok(0) };
    let hostname = settings.config.hostname.clone();
    let is_due = move |domain: &Domain, day: u64, now: UnixMs| is_time(&hostname, domain, day, now);
    let transport = &gateway.stores.transport;
    let due = transport.tls_reports_due(is_due, limits::TLS_REPORTS_AT_A_LOOK_MAX).await?;
    let mut telling = JoinSet::new();
    let mut told = 0;
    for one in due {
        if telling.len() >= AT_A_TIME {
            told += telling.join_next().await.map_or(0, sent);
        }
        let (gateway, settings, from) = (gateway.clone(), settings.clone(), from.clone());
        telling.spawn(async move { tell_or_say(&gateway, &settings, &from, one).await });
    }
    Ok(told + telling.join_all().await.into_iter().sum::<usize>())
}

fn sent(joined: Result<usize, tokio::task::JoinError>) -> usize {
    joined.unwrap_or(0)
}

/// The day is over, and so is this domain's share of the next one's first hours.
fn is_time(hostname: &Domain, domain: &Domain, day: u64, now: UnixMs) -> bool {
    let hash = blake3::hash(format!("{hostname} {domain}").as_bytes());
    let mut first = [0; 8];
    first.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
    let delay = u64::from_le_bytes(first) % limits::TLS_REPORTS_SPREAD_MS;
    now.0 >= day.saturating_add(1).saturating_mul(DAY_MS).saturating_add(delay)
}

async fn tell_or_say(
    gateway: &Gateway,
    settings: &Settings,
    from: &Address,
    due: TlsReportDue,
) -> usize {
    match tell(gateway, settings, from, &due).await {
        Ok(told) => told,
        Err(error) => {
            tracing::error!(domain = %due.domain, %error, "a domain could not be told of TLS with its mail hosts");
            0
        }
    }
}

async fn tell(
    gateway: &Gateway,
    settings: &Settings,
    from: &Address,
    due: &TlsReportDue,
) -> Result<usize, StoreError> {
    let transport = &gateway.stores.transport;
    let places = match places(gateway, &due.domain).await {
        Ok(places) => places,
        Err(NotTold::NoAnswer(why)) => {
            tracing::debug!(domain = %due.domain, why, "nobody says whether a domain wants TLS reports; it is asked again");
            return transport
                .try_tls_report_again(due, limits::TLS_REPORT_ASK_AGAIN)
                .await
                .map(|()| 0);
        }
        Err(NotTold::NotWanted(why)) => {
            tracing::debug!(domain = %due.domain, %why, "a domain wants no TLS reports");
            return transport.begin_tls_report(due).await.map(|_| 0);
        }
    };
    let day = transport.tls_day(&due.domain, due.day).await?;
    let Some(submitter) = from.domain() else { return Ok(0) };
    let report = TlsReport { day: &day, hostname: &settings.config.hostname, from, submitter };
    let packed = match report.packed() {
        Ok(packed) if !day.policies.is_empty() => packed,
        Ok(_) | Err(_) => return Ok(0),
    };
    if !transport.begin_tls_report(due).await? {
        return Ok(0);
    }
    let (mut told, mut again) = (0, false);
    for place in &places {
        let went = match place {
            // The queue goes on with what is in the spool.
            Where::Mail(_) if due.tries > 0 => continue,
            Where::Mail(to) => by_mail(gateway, settings, &report, &packed, to).await,
            Where::Web(host, path) => {
                let posting = Posting { host, path, kind: PACKED, body: &packed };
                let posted = by_web(gateway, posting).await;
                again |= posted.is_err();
                posted
            }
        };
        let (way, domain) = (place.word(), &due.domain);
        let result = if went.is_ok() { "sent" } else { "failed" };
        metrics::counter!("sluss_tls_reports_total", "way" => way, "result" => result).increment(1);
        match went {
            Ok(()) => {
                told += 1;
                tracing::info!(%domain, day = due.day, way, "a domain is told of TLS with its mail hosts");
            }
            Err(why) => {
                tracing::warn!(%domain, day = due.day, way, why, "a domain could not be told of TLS with its mail hosts")
            }
        }
    }
    let tries = due.tries.saturating_add(1);
    if again && tries < limits::TLS_REPORT_TRIES_MAX {
        let pause = limits::TLS_REPORT_AGAIN.saturating_mul(1 << tries.saturating_sub(1).min(16));
        transport.try_tls_report_again(&TlsReportDue { tries, ..due.clone() }, pause).await?;
    }
    Ok(told)
}

enum NotTold {
    NoAnswer(String),
    NotWanted(NotRpt),
}

/// Where the domain wants its reports.
async fn places(gateway: &Gateway, domain: &Domain) -> Result<Vec<Where>, NotTold> {
    let texts = gateway.dns.txt(&format!("_smtp._tls.{domain}")).await;
    let texts = texts.map_err(|why| NotTold::NoAnswer(why.to_string()))?;
    let texts: Vec<String> =
        texts.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
    read_record(&texts).map_err(NotTold::NotWanted)
}

/// RFC 8460 section 3: a report by mail counts only with its writer's signature.
async fn by_mail(
    gateway: &Gateway,
    settings: &Settings,
    report: &TlsReport<'_>,
    packed: &[u8],
    to: &Address,
) -> Result<(), String> {
    if !signing::signs_as(&gateway.dkim, report.submitter) {
        return Err(format!(
            "no DKIM key signs for {0}, and without a signature nobody reads the report: sluss dkim add {0}",
            report.submitter
        ));
    }
    let organisation = owner_of(settings, report.from);
    let now = gateway.clock.now();
    let write = |id| report.mail(packed, id, to, now);
    match notice::tls_report(gateway, settings, &organisation, to, write).await {
        Posted::Spooled(_) => Ok(()),
        Posted::TooMany => Err(format!("{to} has had too many of them in this hour")),
        Posted::NobodyToTell | Posted::NotSpooled => Err("the spool did not take it".to_string()),
    }
}

/// Whoever names a web server in many domains must not have us knock there without end.
async fn by_web(gateway: &Gateway, posting: Posting<'_>) -> Result<(), String> {
    let host = posting.host.to_string();
    let most = limits::TLS_REPORTS_PER_HOUR_MAX;
    match gateway.notices.may("tls-report-web", host, most, &gateway.clock) {
        true => gateway.courier.post(posting).await,
        false => Err(format!("{} has had too many of them in this hour", posting.host)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_spread_over_the_first_hours() {
        let domain = |text: &str| Domain::parse(text).unwrap();
        let hostname = domain("mx.ours.example");
        let hour = 3_600_000;
        let count = |at: u64| {
            let domains = (0..1_000).map(|number| domain(&format!("d{number}.example")));
            domains.filter(|one| is_time(&hostname, one, 9, UnixMs(10 * DAY_MS + at))).count()
        };
        assert_eq!(count(0), 0);
        assert!((150..350).contains(&count(hour)), "{}", count(hour));
        assert!((400..600).contains(&count(2 * hour)));
        assert_eq!(count(4 * hour), 1_000);
        assert!(!is_time(&hostname, &domain("d.example"), 9, UnixMs(10 * DAY_MS - 1)));
    }
}

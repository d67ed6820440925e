//! The daily report: once a day, each organisation's postmaster is told of its mail of yesterday, and the site's operator of all of it.

use crate::{
    base::clock::UnixMs,
    config::{organisation::Role, policy::Action},
    mail::{Address, Organisation},
    pipeline::{
        Gateway,
        notice::{self, Posted},
        settings::{Hosted, Settings},
    },
    store::{
        StoreError,
        scope::Scope,
        trace::{Statistics, Step},
    },
    wire::{
        date,
        report::{
            Language,
            daily::{Day, Figures},
            letter::Kind,
        },
    },
};

const DAY_MS: u64 = 86_400_000;
/// Findings named in a report.
const FINDINGS_MAX: usize = 10;

/// Writes yesterday's reports, if their time has come and they are not written yet; gives how many. `deviations` are for the operator.
pub async fn write_if_due(gateway: &Gateway, deviations: &[String]) -> Result<usize, StoreError> {
    let settings = gateway.settings.load_full();
    let Some(daily) = settings.config.reports.daily else { return Ok(0) };
    let now = gateway.clock.now();
    let today = now.0 / DAY_MS;
    if now.0 % DAY_MS < daily.since_midnight_ms() || today == 0 {
        return Ok(0);
    }
    // Marked first: a report too few after a crash is better than one every minute.
    if !gateway.stores.trace.begin_report(today - 1).await? {
        return Ok(0);
    }
    let mut written = 0;
    let of_organisations: Vec<_> = settings.organisations().cloned().collect();
    for hosted in of_organisations {
        let Some(to) = reader(&hosted) else { continue };
        let scope = Scope::Organisation(hosted.name().clone());
        let title = hosted.entry.title.clone().unwrap_or_else(|| hosted.name().to_string());
        let day = day_of(gateway, scope, title, today - 1).await?;
        let language = notice::language_of(&settings, hosted.name());
        written += write(gateway, hosted.name(), to, language, day).await;
    }
    if settings.config.reports.daily_to.is_empty() {
        return Ok(written);
    }
    let whole = settings.config.hostname.to_string();
    let day = day_of(gateway, Scope::Everything, whole, today - 1).await?;
    for to in &settings.config.reports.daily_to {
        let owner = owner_of(&settings, to);
        let language = settings.config.outbound.notice_language;
        let day = Day { deviations: deviations.to_vec(), ..day.clone() };
        written += write(gateway, &owner, to, language, day).await;
    }
    Ok(written)
}

/// Whose the mail to an operator is: that of the domain it goes to, where it is one of ours.
pub(super) fn owner_of(settings: &Settings, to: &Address) -> Organisation {
    let own = settings.own_domain(to).map(|own| own.organisation.name().clone());
    let first = || settings.organisations().next().map(|hosted| hosted.name().clone());
    own.or_else(first).unwrap_or_default()
}

fn reader(hosted: &Hosted) -> Option<&Address> {
    let contacts = &hosted.entry.contacts;
    contacts.get(&Role::Postmaster).or_else(|| contacts.values().next())
}

async fn write(
    gateway: &Gateway,
    organisation: &Organisation,
    to: &Address,
    language: Language,
    day: Day,
) -> usize {
    match notice::letter(gateway, organisation, to, language, &Kind::Daily(Box::new(day))).await {
        Posted::Spooled(_) => 1,
        Posted::NobodyToTell | Posted::TooMany | Posted::NotSpooled => {
            tracing::warn!(%organisation, %to, "the daily report could not be sent");
            0
        }
    }
}

async fn day_of(
    gateway: &Gateway,
    scope: Scope,
    whose: String,
    day: u64,
) -> Result<Day, StoreError> {
    let (since, until) = (UnixMs(day * DAY_MS), UnixMs((day + 1) * DAY_MS));
    let told = gateway.stores.trace.statistics(scope, since, until, Step::Day).await?;
    Ok(summary(&told, whose, since))
}

fn summary(told: &Statistics, whose: String, since: UnixMs) -> Day {
    let figures = |direction: &str| {
        let mut figures = Figures::default();
        for count in told.steps.iter().filter(|count| count.direction == direction) {
            figures.mails += count.mails;
            let place = match Action::from_word(&count.action) {
                Some(Action::Deliver | Action::Mark) => &mut figures.delivered,
                Some(Action::Quarantine) => &mut figures.held,
                Some(Action::Defer) => &mut figures.deferred,
                // What was not judged was refused before DATA.
                Some(Action::Reject) | None => &mut figures.refused,
            };
            *place += count.mails;
        }
        figures
    };
    let incoming = told.tls.iter().find(|one| one.direction == "inbound");
    let percent = incoming.and_then(|one| {
        one.with.saturating_mul(100).checked_div(one.with.saturating_add(one.without))
    });
    let findings = told.decided_by.iter().take(FINDINGS_MAX);
    Day {
        whose,
        date: date::write_iso(since).chars().take(10).collect(),
        incoming: figures("inbound"),
        outgoing: figures("outbound"),
        released: told.steps.iter().map(|count| count.released).sum(),
        tls_percent: percent.unwrap_or(0),
        findings: findings.map(|one| (one.name.clone(), one.mails)).collect(),
        deviations: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::trace::{NameCount, StatisticsCount, TlsCount};

    #[test]
    fn a_day_is_summed_up() {
        let count = |direction: &str, action: &str, mails, released| StatisticsCount {
            at_ms: 0,
            direction: direction.to_string(),
            action: action.to_string(),
            mails,
            bytes: 1,
            released,
        };
        let told = Statistics {
            steps: vec![
                count("inbound", "deliver", 10, 0),
                count("inbound", "mark", 2, 0),
                count("inbound", "quarantine", 3, 1),
                count("inbound", "reject", 4, 0),
                count("inbound", "", 5, 0),
                count("outbound", "defer", 1, 0),
            ],
            tls: vec![TlsCount { direction: "inbound".to_string(), with: 3, without: 1 }],
            decided_by: vec![NameCount { name: "spf.fail".to_string(), mails: 3 }],
            ..Statistics::default()
        };
        let day = summary(&told, "acme".to_string(), UnixMs(DAY_MS));
        let incoming = Figures { mails: 24, delivered: 12, held: 3, refused: 9, deferred: 0 };
        assert_eq!((day.incoming, day.outgoing.deferred), (incoming, 1));
        assert_eq!((day.released, day.tls_percent, day.date.as_str()), (1, 75, "1970-01-02"));
        assert_eq!(day.findings, [("spf.fail".to_string(), 3)]);
    }
}

//! The monthly statement: on the first day of a month, by the clock of UTC, everybody who answers for a control is told how it did in the
//! month before; an organisation's `privacy` contact of all controls of the organisation. A month is stated once.

use crate::{
    base::{
        clock::{UnixMs, millis},
        ids::Id,
        units,
    },
    config::{control::ControlEntry, organisation::Role},
    mail::Address,
    pipeline::{Gateway, settings::Settings},
    store::{
        StoreError,
        deviations::{Deviation, Stands},
    },
    wire::{
        date,
        report::deviation::{Month, MonthOfControl},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// Decides the statements of the month before, if that was not done. `stated` is that month, once it is known to be done.
pub(super) async fn write_if_due(
    gateway: &Gateway,
    stated: &mut Option<UnixMs>,
) -> Result<(), StoreError> {
    let store = &gateway.stores.deviations;
    let this = month_of(gateway.clock.now());
    if this == UnixMs(0) {
        return Ok(());
    }
    let month = month_of(UnixMs(this.0 - 1));
    if *stated == Some(month) {
        return Ok(());
    }
    if store.is_due(month).await? {
        let settings = gateway.settings.load_full();
        let stands = store.known().await?.stands;
        if stands.is_empty() {
            return Ok(());
        }
        let readers = readers(&settings, &stands, this);
        let letters: Vec<(Id, Address)> =
            readers.into_iter().map(|reader| (gateway.new_id(), reader)).collect();
        store.state_month(month, letters).await?;
    }
    *stated = Some(month);
    Ok(())
}

/// Everybody who answers for a control that there was before this moment, each once.
fn readers(settings: &Settings, stands: &[Stands], before: UnixMs) -> Vec<Address> {
    let mut readers = BTreeMap::new();
    for entry in settings.config.controls.iter().filter(|entry| was_there(entry, stands, before)) {
        for reader in entry.owner.iter().chain(contact(settings, entry)) {
            readers.entry(reader.key()).or_insert_with(|| reader.clone());
        }
    }
    readers.into_values().collect()
}

/// Who hears of an organisation's deviations.
fn contact<'s>(settings: &'s Settings, entry: &ControlEntry) -> Option<&'s Address> {
    let organisation = entry.organisation.as_ref()?;
    let own = settings.config.organisations.iter().find(|one| one.name == *organisation)?;
    own.contacts.get(&Role::Privacy)
}

fn was_there(entry: &ControlEntry, stands: &[Stands], before: UnixMs) -> bool {
    stands.iter().any(|one| one.control == entry.name && one.first < before)
}

/// What a reader is told of a month.
pub(super) async fn of(
    gateway: &Gateway,
    settings: &Settings,
    reader: &Address,
    month: UnixMs,
) -> Result<Month, StoreError> {
    let store = &gateway.stores.deviations;
    let until = month_of(month.plus(DAY * 31));
    let (deviations, stands) = (store.between(month, until).await?, store.known().await?.stands);
    let is_theirs = |entry: &&ControlEntry| {
        let mut readers = entry.owner.iter().chain(contact(settings, entry));
        readers.any(|one| one.key() == reader.key()) && was_there(entry, &stands, until)
    };
    let controls = settings.config.controls.iter().filter(is_theirs);
    Ok(Month {
        month: date::write_iso(month).chars().take(7).collect(),
        whose: settings.config.hostname.to_string(),
        controls: controls
            .map(|entry| of_control(&entry.name, &deviations, month, until))
            .collect(),
    })
}

/// How a control did between two moments.
fn of_control(
    name: &str,
    deviations: &[Deviation],
    since: UnixMs,
    until: UnixMs,
) -> MonthOfControl {
    let own: Vec<&Deviation> = deviations.iter().filter(|one| one.control == name).collect();
    let broken: Duration = own
        .iter()
        .map(|one| one.ended.unwrap_or(until).min(until).since(one.opened.max(since)))
        .sum();
    MonthOfControl {
        control: name.to_string(),
        deviations: u64::try_from(own.len()).unwrap_or(u64::MAX),
        broken: if own.is_empty() { String::new() } else { units::roughly(broken) },
        is_open: own.iter().any(|one| one.ended.is_none_or(|ended| ended > until)),
    }
}

/// The beginning of the month in which a moment lies, UTC.
fn month_of(at: UnixMs) -> UnixMs {
    let day_ms = millis(DAY);
    let day = date::Civil::from(at).day.saturating_sub(1);
    UnixMs((at.0 - at.0 % day_ms).saturating_sub(day.saturating_mul(day_ms)))
}

const DAY: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{store::deviations::Evidence, wire::report::deviation::Measure};

    #[test]
    fn months_begin_on_the_first() {
        for (at, want) in [
            // 21 and 1 November 2026; the last moment of October; 29 February 2028; 1970.
            (1_795_262_400_000, "2026-11-01"),
            (1_793_491_200_000, "2026-11-01"),
            (1_793_491_199_999, "2026-10-01"),
            (1_835_395_200_000, "2028-02-01"),
            (5, "1970-01-01"),
        ] {
            let month = date::write_iso(month_of(UnixMs(at)));
            assert!(month.starts_with(want) && month.contains("T00:00:00.000Z"), "{at}: {month}");
        }
    }

    #[test]
    fn only_what_lies_in_the_month_counts() {
        let (since, until) = (UnixMs(1_000_000), UnixMs(2_000_000));
        let one = |opened, ended: Option<u64>| Deviation {
            number: 1,
            control: "backup".to_string(),
            organisation: None,
            measure: Measure::BackupAge,
            opened: UnixMs(opened),
            evidence: Evidence::default(),
            good_since: None,
            told: UnixMs(opened),
            reminders: 0,
            escalated: None,
            ended: ended.map(UnixMs),
            withdrawn: false,
        };
        let told = |deviations: &[Deviation]| {
            let told = of_control("backup", deviations, since, until);
            (told.deviations, told.broken, told.is_open)
        };
        let minute = |count: u64| count * 60_000;
        for (deviations, want) in [
            (vec![], (0, "", false)),
            (vec![one(since.0 - minute(5), Some(since.0 + minute(2)))], (1, "2 min 0 s", false)),
            (
                vec![
                    one(since.0 + minute(1), Some(since.0 + minute(4))),
                    one(until.0 - minute(2), None),
                ],
                (2, "5 min 0 s", true),
            ),
            (vec![one(until.0 - minute(2), Some(until.0 + minute(9)))], (1, "2 min 0 s", true)),
        ] {
            assert_eq!(told(&deviations), (want.0, want.1.to_string(), want.2));
        }
        assert_eq!(of_control("queue", &[one(0, None)], since, until).deviations, 0);
    }
}

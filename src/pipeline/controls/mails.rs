//! What the trace tells of mail that passed, counted for controls: read forward once, row by row, and forgotten when it is too old to count.
//!
//! After a start, and when controls have changed, the time that they look back is read anew; until that is done nothing is said.

use crate::{
    base::{
        clock::{Clock, UnixMs},
        limits,
    },
    checks,
    config::control::{ControlEntry, OfMails, Test, Which},
    mail::{Direction, Domain, Organisation},
    pipeline::controls::step::Look,
    store::{StoreError, deviations::Evidence, embedded::Trace, trace::Passed},
    wire::tls::{Channel, InClear, Secured, Version},
};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

/// Counts for all controls that look at mail.
#[derive(Debug, Default)]
pub(super) struct Mails {
    /// For which these are counted.
    counted: Vec<Counted>,
    tallies: Vec<Tally>,
    /// The last row that was read; none: nothing was yet.
    after: Option<i64>,
    /// All rows that there were have been read.
    is_caught_up: bool,
}

/// What is counted for one control.
#[derive(Debug, Clone, PartialEq)]
struct Counted {
    control: String,
    organisation: Option<Organisation>,
    test: OfMails,
}

/// What one control has counted.
#[derive(Debug, Default)]
struct Tally {
    /// All that was looked at, by the beginning of a slice of time.
    all: BTreeMap<u64, u64>,
    /// What was not as it should be, and when: a delivery by its row, a mail by its id.
    bad: HashMap<String, UnixMs>,
    /// There were more than are kept apart.
    is_more: bool,
}

impl Mails {
    /// Reads on, for a bounded time. `is_ours` tells domains that mail does not leave by.
    pub(super) async fn read_on(
        &mut self,
        trace: &Trace,
        controls: &[ControlEntry],
        clock: &Clock,
        is_ours: impl Fn(&str) -> bool,
    ) -> Result<(), StoreError> {
        self.adopt(controls);
        let Some(longest) = self.counted.iter().map(|one| one.test.within).max() else {
            return Ok(());
        };
        let (began, now) = (clock.tick(), clock.now());
        let mut after = match self.after {
            Some(after) => after,
            None => trace.passed_before(now.minus(longest)).await?,
        };
        // An emptied trace begins to count its rows anew.
        if trace.passed_last().await? < after {
            after = 0;
        }
        loop {
            let rows = trace.passed(after).await?;
            let Some(last) = rows.last() else { break };
            after = last.row;
            rows.iter().for_each(|row| self.count(row, &is_ours));
            self.after = Some(after);
            if clock.tick().since(began) >= limits::CONTROL_READ_TIME_MAX {
                break;
            }
        }
        self.after = Some(after);
        self.is_caught_up |= trace.passed_last().await? <= after;
        for (counted, tally) in self.counted.iter().zip(&mut self.tallies) {
            tally.forget(now.minus(counted.test.within));
        }
        Ok(())
    }

    /// Other controls are other counts.
    fn adopt(&mut self, controls: &[ControlEntry]) {
        let wanted: Vec<_> = controls
            .iter()
            .filter_map(|entry| {
                let Ok(Test::Mails(test)) = entry.test() else { return None };
                let (control, organisation) = (entry.name.clone(), entry.organisation.clone());
                Some(Counted { control, organisation, test })
            })
            .collect();
        if wanted != self.counted {
            let tallies = wanted.iter().map(|_| Tally::default()).collect();
            *self = Mails { counted: wanted, tallies, ..Mails::default() };
        }
    }

    fn count(&mut self, row: &Passed, is_ours: &impl Fn(&str) -> bool) {
        for (counted, tally) in self.counted.iter().zip(&mut self.tallies) {
            let own = counted.organisation.as_ref();
            let is_theirs = own.is_none_or(|own| own.name() == row.organisation);
            if let (true, Some(is_bad)) = (is_theirs, judge(&counted.test, row, is_ours)) {
                let key = match &counted.test.which {
                    Which::ToPartner { .. } => row.row.to_string(),
                    Which::WithPersonalData { .. } => row.mail.clone(),
                };
                tally.add(row.at, counted.test.within, is_bad.then_some(key));
            }
        }
    }

    /// What was counted for a control.
    pub(super) fn look(&self, name: &str) -> Look {
        let mut all = self.counted.iter().zip(&self.tallies);
        match all.find(|(counted, _)| counted.control == name) {
            Some((counted, tally)) if self.is_caught_up => tally.look(&counted.test),
            Some(_) | None => Look::NotYet,
        }
    }
}

impl Tally {
    fn add(&mut self, at: UnixMs, within: Duration, bad: Option<String>) {
        let slice = (crate::base::clock::millis(within) / SLICES).max(1);
        *self.all.entry(at.0 - at.0 % slice).or_default() += 1;
        if let Some(key) = bad {
            match self.bad.len() < limits::CONTROL_COUNT_MAX || self.bad.contains_key(&key) {
                true => _ = self.bad.insert(key, at),
                false => self.is_more = true,
            }
        }
    }

    fn forget(&mut self, before: UnixMs) {
        self.all = self.all.split_off(&before.0);
        let many = self.bad.len();
        self.bad.retain(|_, at| *at >= before);
        // Those that found no place are as old as those that went, at the least in part.
        if self.bad.len() < many {
            self.is_more &= self.bad.len() >= limits::CONTROL_COUNT_MAX;
        }
    }

    fn look(&self, test: &OfMails) -> Look {
        let bad = u64::try_from(self.bad.len()).unwrap_or(u64::MAX);
        let at_least = if self.is_more { "> " } else { "" };
        let value = match &test.which {
            Which::ToPartner { .. } => {
                format!("{at_least}{bad} / {}", self.all.values().sum::<u64>())
            }
            // Mails are counted, and looked at recipient by recipient.
            Which::WithPersonalData { .. } => format!("{at_least}{bad}"),
        };
        let evidence = Evidence { value, limit: test.limit.to_string(), note: String::new() };
        match bad <= test.limit && !self.is_more {
            true => Look::Good(evidence),
            false => Look::Broken(evidence),
        }
    }
}

/// Slices of time in which all is counted together.
const SLICES: u64 = 256;

/// Is this row one that the control counts, and is it bad?
fn judge(test: &OfMails, row: &Passed, is_ours: &impl Fn(&str) -> bool) -> Option<bool> {
    match &test.which {
        Which::ToPartner { domain, subdomains, version } => {
            let to = domain_of(&row.recipient)?;
            let is_below = || {
                let above = to.strip_suffix(domain.as_str());
                *subdomains && above.is_some_and(|above| above.ends_with('.'))
            };
            let is_it = to == domain.as_str() || is_below();
            let channel = left(row).filter(|_| is_it)?;
            Some(!is_as_agreed(channel, *version, test.proven))
        }
        Which::WithPersonalData { domain, direction } => {
            if row.personal.is_empty() || direction.is_some_and(|one| one.word() != row.direction) {
                return None;
            }
            let is_leaving = row.direction == Direction::Outbound.word();
            let ours = domain_of(if is_leaving { &row.sender } else { &row.recipient });
            if domain.as_ref().is_some_and(|domain| ours.as_deref() != Some(domain.as_str())) {
                return None;
            }
            if !is_leaving {
                return Some(checks::came_in_clear(&row.personal));
            }
            let to = domain_of(&row.recipient).unwrap_or_default();
            let channel = left(row).filter(|_| !is_ours(&to))?;
            let is_sure = checks::is_surely_personal(&row.personal);
            is_sure.then(|| !is_as_agreed(channel, Version::Tls12, test.proven))
        }
    }
}

/// The channel by which something left this machine.
fn left(row: &Passed) -> Option<&Channel> {
    let channel = row.channel.as_ref().filter(|_| row.status == "delivered")?;
    match &channel.secured {
        Secured::Clear(InClear::Local) => None,
        Secured::Clear(_) | Secured::Tls(_) => Some(channel),
    }
}

fn is_as_agreed(channel: &Channel, version: Version, proven: bool) -> bool {
    let spoken = channel.tls().map(|session| session.version.as_str());
    let is_new_enough = match version {
        Version::Tls12 => matches!(spoken, Some("TLSv1.2" | "TLSv1.3")),
        Version::Tls13 => spoken == Some("TLSv1.3"),
    };
    is_new_enough && (!proven || channel.vouch.is_proven())
}

fn domain_of(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    Domain::parse(domain).ok().map(|domain| domain.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mail::TlsSession,
        wire::tls::{Dnssec, Rung, Vouch},
    };

    const SURE: &str = r#"[{"id":"personal.se.personnummer","because":"se.personnummer: 3, of at least 2 persons, confidence high; x"}]"#;
    const UNSURE: &str = r#"[{"id":"personal.gb.nhs","because":"gb.nhs: 3, of at least 2 persons, confidence low; x"}]"#;
    const IN_CLEAR: &str = r#"[{"id":"personal.se.personnummer","because":"x"},{"id":"personal.in_clear","because":"x"}]"#;

    fn tls(version: &str, vouch: Vouch) -> Option<Channel> {
        let session = TlsSession { version: version.to_string(), ..TlsSession::default() };
        let (policy, dnssec) = (Rung::Opportunistic, Dnssec::NotAsked);
        Some(Channel { secured: Secured::Tls(session), policy, vouch, dnssec, worse: Vec::new() })
    }

    fn clear(why: InClear) -> Option<Channel> {
        Some(Channel::clear(why))
    }

    fn row(recipient: &str, channel: Option<Channel>) -> Passed {
        Passed {
            row: 7,
            at: UnixMs(1_000_000),
            organisation: "acme".to_string(),
            mail: "01K".to_string(),
            recipient: recipient.to_string(),
            status: "delivered".to_string(),
            channel,
            direction: "outbound".to_string(),
            sender: "anna@ours.example".to_string(),
            personal: String::new(),
        }
    }

    fn test(text: &str) -> OfMails {
        let text = format!("name = \"x\"\nowner = \"eva@ours.example\"\n{text}");
        match toml::from_str::<ControlEntry>(&text).unwrap().test() {
            Ok(Test::Mails(test)) => test,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn deliveries_to_a_partner_are_held_against_what_is_agreed() {
        let partner = |more: &str| {
            test(&format!("measure = \"partner-tls\"\ndomain = \"region.example\"\n{more}"))
        };
        for (more, recipient, channel, want) in [
            ("", "kim@region.example", tls("TLSv1.2", Vouch::Nobody), Some(false)),
            ("", "kim@REGION.example", clear(InClear::NotOffered), Some(true)),
            ("version = \"1.3\"", "kim@region.example", tls("TLSv1.2", Vouch::Nobody), Some(true)),
            ("version = \"1.3\"", "kim@region.example", tls("TLSv1.3", Vouch::Nobody), Some(false)),
            ("proven = true", "kim@region.example", tls("TLSv1.3", Vouch::Pki), Some(true)),
            ("proven = true", "kim@region.example", tls("TLSv1.3", Vouch::Dane), Some(false)),
            ("", "kim@lab.region.example", clear(InClear::NotOffered), None),
            ("subdomains = true", "kim@lab.region.example", clear(InClear::NotOffered), Some(true)),
            ("subdomains = true", "kim@otherregion.example", clear(InClear::NotOffered), None),
            // No channel: it was never spoken to.
            ("", "kim@region.example", None, None),
            ("", "kim@region.example", clear(InClear::Local), None),
        ] {
            let judged = judge(&partner(more), &row(recipient, channel.clone()), &|_| false);
            assert_eq!(judged, want, "{more} {recipient} {channel:?}");
        }
        let waits = Passed {
            status: "queued".to_string(),
            ..row("kim@region.example", clear(InClear::NotOffered))
        };
        assert_eq!(judge(&partner(""), &waits, &|_| false), None);
    }

    #[test]
    fn mail_with_personal_data_is_counted_where_it_came_or_left_in_clear() {
        let control = |more: &str| test(&format!("measure = \"personal-data-in-clear\"\n{more}"));
        let out = |personal: &str, channel| Passed {
            personal: personal.to_string(),
            ..row("kim@region.example", channel)
        };
        let came = |personal: &str| Passed {
            direction: "inbound".to_string(),
            sender: "kim@region.example".to_string(),
            ..Passed { personal: personal.to_string(), ..row("anna@ours.example", None) }
        };
        let to_ours = Passed {
            personal: SURE.to_string(),
            ..row("bo@ours.example", clear(InClear::SwitchedOff))
        };
        for (more, row, want) in [
            ("", out("", clear(InClear::NotOffered)), None),
            ("", out(SURE, clear(InClear::NotOffered)), Some(true)),
            ("", out(UNSURE, clear(InClear::NotOffered)), None),
            ("", out(SURE, tls("TLSv1.3", Vouch::Nobody)), Some(false)),
            ("proven = true", out(SURE, tls("TLSv1.3", Vouch::Nobody)), Some(true)),
            ("proven = true", out(SURE, tls("TLSv1.3", Vouch::Partner)), Some(false)),
            ("direction = \"inbound\"", out(SURE, clear(InClear::NotOffered)), None),
            ("", came(IN_CLEAR), Some(true)),
            ("", came(SURE), Some(false)),
            ("direction = \"outbound\"", came(IN_CLEAR), None),
            ("domain = \"ours.example\"", came(IN_CLEAR), Some(true)),
            ("domain = \"other.example\"", came(IN_CLEAR), None),
            ("domain = \"ours.example\"", out(SURE, clear(InClear::NotOffered)), Some(true)),
            // What stays in the house has not left.
            ("", to_ours, None),
        ] {
            let judged = judge(&control(more), &row, &|domain| domain == "ours.example");
            assert_eq!(judged, want, "{more} {row:?}");
        }
    }

    #[test]
    fn a_window_forgets_what_is_too_old() {
        let (mut tally, hour) = (Tally::default(), Duration::from_secs(3_600));
        let at = |minutes: u64| UnixMs(1_000_000_000 + minutes * 60_000);
        tally.add(at(0), hour, Some("a".to_string()));
        tally.add(at(10), hour, None);
        tally.add(at(30), hour, Some("b".to_string()));
        tally.add(at(31), hour, Some("b".to_string()));
        let partner = |limit: u64| {
            test(&format!(
                "measure = \"partner-tls\"\ndomain = \"region.example\"\nlimit = {limit}"
            ))
        };
        let value = |tally: &Tally, limit| match tally.look(&partner(limit)) {
            Look::Good(evidence) => format!("good {}", evidence.value),
            Look::Broken(evidence) => format!("broken {}", evidence.value),
            Look::Unknown { .. } | Look::NotYet => String::new(),
        };
        assert_eq!(
            (value(&tally, 1), value(&tally, 2)),
            ("broken 2 / 4".to_string(), "good 2 / 4".to_string())
        );
        tally.forget(at(20));
        assert_eq!(value(&tally, 0), "broken 1 / 2");
        tally.forget(at(40));
        assert_eq!(value(&tally, 0), "good 0 / 0");
    }

    #[test]
    fn a_flood_is_counted_up_to_a_bound_and_said_to_be_more() {
        let mut tally = Tally::default();
        for number in 0..=limits::CONTROL_COUNT_MAX {
            tally.add(UnixMs(5), Duration::from_secs(60), Some(number.to_string()));
        }
        assert_eq!(tally.bad.len(), limits::CONTROL_COUNT_MAX);
        let mails = test("measure = \"personal-data-in-clear\"\nlimit = 20000");
        let Look::Broken(evidence) = tally.look(&mails) else { panic!("it is good") };
        assert_eq!(evidence.value, "> 10000");
        tally.forget(UnixMs(6));
        assert!(matches!(tally.look(&mails), Look::Good(_)));
    }
}

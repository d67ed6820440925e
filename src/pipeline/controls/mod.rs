//! The deviations reporter: looks at the controls of the configuration again and again, tells their owners what is broken and what is well
//! again, records it in the audit log, and states once a month how it went.
//!
//! Everything is decided by [`step`] from what was stored and what was measured, and stored in one commit with the letters that follow from
//! it; only then is anything posted. What cannot be posted or recorded now is tried in the next round, also after a restart. A letter
//! has its mail's id before it is posted: one that is in the spool already is not posted twice.

mod mails;
mod measure;
mod statement;
mod step;

use crate::{
    base::{clock::UnixMs, ids::Id, limits, units},
    config::control::{ControlEntry, Test},
    mail::{Address, Organisation},
    pipeline::{
        Gateway, daily,
        notice::{self, Posted},
        settings::Settings,
    },
    store::{
        StoreError,
        audit::{Actor, Details, Entry, What},
        deviations::{About, Changes, Deviation, Known, Unrecorded, Waiting},
    },
    wire::{
        date,
        report::{
            deviation::{Stage, Told},
            letter::Kind,
        },
    },
};
use mails::Mails;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use step::{Before, Look, Terms, step, withdrawn};

/// Looks at the controls for as long as the gateway runs. `certificate_ends` tells when our certificate ends, if that is known.
pub async fn keep_watching(
    gateway: Arc<Gateway>,
    certificate_ends: impl Fn() -> Option<UnixMs> + Send + 'static,
) {
    let mut watch = Watch::default();
    loop {
        let controls = gateway.settings.load().config.controls.clone();
        watch.round(&gateway, &controls, certificate_ends()).await;
        tokio::time::sleep(pause(&controls)).await;
    }
}

/// How long until the next round: a minute, less where one control has a shorter limit.
fn pause(controls: &[ControlEntry]) -> Duration {
    let spans = controls.iter().flat_map(|entry| {
        let limit = entry.test().ok().and_then(|test| test.shortest());
        [Some(entry.steady.0), limit].into_iter().flatten()
    });
    let shortest = spans.min().unwrap_or(limits::CONTROL_ROUND);
    shortest.clamp(limits::CONTROL_ROUND_MIN, limits::CONTROL_ROUND)
}

/// Goes round; what is kept between two rounds can all be lost.
#[derive(Debug, Default)]
pub struct Watch {
    mails: Mails,
    /// There are no controls, and nothing is left of any.
    is_quiet: bool,
    /// Letters of which it was said that they could not be posted.
    complained: HashSet<Id>,
    /// Letters that the spool has, and that could not be marked so yet.
    spooled: HashSet<Id>,
    /// Files that are being looked at.
    files: measure::Files,
    /// The month before this one is stated.
    stated: Option<UnixMs>,
    /// Controls that have a gauge.
    gauges: HashSet<String>,
}

impl Watch {
    /// Looks at all controls once, and tells whoever has to know.
    pub async fn round(
        &mut self,
        gateway: &Gateway,
        controls: &[ControlEntry],
        certificate_ends: Option<UnixMs>,
    ) {
        if controls.is_empty() && self.is_quiet {
            return;
        }
        let looked = self.look(gateway, controls, certificate_ends).await;
        if let Err(error) = &looked {
            tracing::error!(%error, "how the controls stand could not be written down; it is tried again in the next round");
        }
        self.is_quiet = controls.is_empty() && looked.is_ok();
        self.show(gateway, controls);
        for (what, done) in [
            ("recorded in the audit log", record(gateway).await),
            ("stated for the month", statement::write_if_due(gateway, &mut self.stated).await),
            ("posted", self.post(gateway).await),
        ] {
            if let Err(error) = done {
                self.is_quiet = false;
                tracing::error!(%error, "what controls ask for could not be {what}; it is tried again in the next round");
            }
        }
        self.is_quiet &= self.complained.is_empty();
    }

    async fn look(
        &mut self,
        gateway: &Gateway,
        controls: &[ControlEntry],
        certificate_ends: Option<UnixMs>,
    ) -> Result<(), StoreError> {
        let known = gateway.stores.deviations.known().await?;
        let settings = gateway.settings.load_full();
        let is_ours = |domain: &str| is_ours(&settings, domain);
        let read =
            self.mails.read_on(&gateway.stores.trace, controls, &gateway.clock, is_ours).await;
        let mut looks = Vec::new();
        for entry in controls {
            // It was checked when it was read.
            let Ok(test) = entry.test() else { continue };
            let look = match (&test, &read) {
                (Test::Mails(_), Ok(())) => {
                    self.mails.look(&entry.name).noting(lost(gateway.stores.trace.dropped()))
                }
                (Test::Mails(mails), Err(error)) => {
                    Look::Unknown { why: error.to_string(), limit: mails.limit.to_string() }
                }
                (
                    Test::SignaturesAge { .. }
                    | Test::BackupAge { .. }
                    | Test::AuditLink { .. }
                    | Test::AuditCheckpoint { .. }
                    | Test::CertificateDaysLeft { .. }
                    | Test::QueueAge { .. },
                    _,
                ) => measure::look(gateway, &test, &self.files, certificate_ends).await,
            };
            looks.push((entry, look));
        }
        let changes = changes(&known, &looks, gateway.clock.now(), || gateway.new_id());
        say(&changes);
        match changes == Changes::default() {
            true => Ok(()),
            false => gateway.stores.deviations.apply(changes).await,
        }
    }

    /// Gauges, one for each control; one that is gone shows that it is not broken.
    fn show(&mut self, gateway: &Gateway, controls: &[ControlEntry]) {
        let open = gateway.stores.deviations.open_now();
        let names: HashSet<String> = controls.iter().map(|entry| entry.name.clone()).collect();
        for name in self.gauges.union(&names) {
            let one = open.iter().find(|one| one.control == *name && one.good_since.is_none());
            let since = one.map_or(0, |one| gateway.clock.now().since(one.opened).as_secs());
            metrics::gauge!("sluss_control_broken", "control" => name.clone())
                .set(if one.is_some() { 1.0 } else { 0.0 });
            metrics::gauge!("sluss_control_broken_seconds", "control" => name.clone())
                .set(f64::from(u32::try_from(since).unwrap_or(u32::MAX)));
        }
        self.gauges = names;
    }

    /// Posts what waits; what cannot be posted stays for the next round.
    async fn post(&mut self, gateway: &Gateway) -> Result<(), StoreError> {
        let store = &gateway.stores.deviations;
        let waiting = store.waiting(limits::CONTROL_LETTERS_A_ROUND).await?;
        let there: HashSet<Id> = waiting.iter().map(|one| one.id).collect();
        self.complained.retain(|id| there.contains(id));
        self.spooled.retain(|id| there.contains(id));
        for letter in waiting {
            // Posted before, and not marked so: a crash came, or the store was away.
            if self.spooled.contains(&letter.id) || gateway.queue.holds(letter.id) {
                store.posted(letter.id).await?;
                continue;
            }
            match write(gateway, &letter).await? {
                Posted::Spooled(_) => {
                    self.spooled.insert(letter.id);
                    store.posted(letter.id).await?;
                }
                why @ (Posted::NobodyToTell | Posted::TooMany | Posted::NotSpooled) => {
                    if self.complained.insert(letter.id) {
                        tracing::error!(id = %letter.id, to = %letter.reader, ?why, "a letter about a control could not be posted; it is tried again in every round");
                    }
                }
            }
        }
        Ok(())
    }
}

/// What speaks against a count of what passed.
fn lost(rows: u64) -> Option<String> {
    (rows > 0)
        .then(|| format!("{rows} rows of the trace were lost since the start, and are not counted"))
}

/// Sees to letters that were posted before a crash and not marked so. To be called before the queue begins: what it has delivered is gone
/// from it, and would be posted once more.
pub async fn take_up(gateway: &Gateway) -> Result<(), StoreError> {
    let store = &gateway.stores.deviations;
    for letter in store.waiting(limits::CONTROL_LETTERS_A_ROUND).await? {
        if gateway.queue.holds(letter.id) {
            store.posted(letter.id).await?;
        }
    }
    Ok(())
}

/// What all looks of a round change.
fn changes(
    known: &Known,
    looks: &[(&ControlEntry, Look)],
    now: UnixMs,
    mut new_id: impl FnMut() -> Id,
) -> Changes {
    let mut lately: HashMap<&str, u32> = HashMap::new();
    for control in &known.lately {
        *lately.entry(control).or_default() += 1;
    }
    let mut changes = Changes::default();
    for (entry, look) in looks {
        let terms = Terms {
            control: &entry.name,
            organisation: entry.organisation.as_ref(),
            measure: entry.measure,
            owners: &entry.owner,
            remind: entry.remind.0,
            escalate: entry.escalates_after().map(|after| (after, entry.escalate_to.as_slice())),
            steady: entry.steady.0,
        };
        let before = Before {
            stands: known.stands.iter().find(|one| one.control == entry.name),
            open: known.open.iter().find(|one| one.control == entry.name),
            lately: lately.get(entry.name.as_str()).copied().unwrap_or(0),
        };
        let after = step(before, look, &terms, now, &mut new_id);
        changes.stands.extend(after.stands);
        changes.deviations.extend(after.deviation);
    }
    let is_gone = |name: &String| !looks.iter().any(|(entry, _)| entry.name == *name);
    let open = known.open.iter().filter(|one| is_gone(&one.control));
    changes.deviations.extend(open.map(|one| (withdrawn(one, now), Vec::new())));
    let gone = known.stands.iter().map(|one| &one.control).filter(|name| is_gone(name));
    changes.gone.extend(gone.cloned());
    changes
}

/// For whoever reads the log.
fn say(changes: &Changes) {
    for (one, _) in &changes.deviations {
        match (one.number, one.ended) {
            (0, _) => tracing::warn!(
                control = one.control,
                measure = %one.measure,
                value = one.evidence.value,
                limit = one.evidence.limit,
                note = one.evidence.note,
                "a control is broken"
            ),
            (_, Some(_)) => {
                tracing::info!(
                    control = one.control,
                    deviation = one.number,
                    withdrawn = one.withdrawn,
                    "a control is well again"
                )
            }
            (_, None) => (),
        }
    }
}

fn is_ours(settings: &Settings, domain: &str) -> bool {
    let address = Address::parse(&format!("postmaster@{domain}"));
    address.is_ok_and(|address| settings.own_domain(&address).is_some())
}

/// Tells the audit log what began and what is over.
async fn record(gateway: &Gateway) -> Result<(), StoreError> {
    let store = &gateway.stores.deviations;
    for Unrecorded { deviation, end } in store.unrecorded().await? {
        let details = Details::default()
            .number("deviation", deviation.number)
            .word("measure", deviation.measure.word());
        let (what, details) = match end {
            false => (
                What::DeviationOpened,
                details
                    .word("value", &deviation.evidence.value)
                    .word("limit", &deviation.evidence.limit)
                    .word_if(
                        "note",
                        Some(deviation.evidence.note.as_str()).filter(|note| !note.is_empty()),
                    )
                    .word("since", &date::write_iso(deviation.opened)),
            ),
            true => {
                let ended = deviation.ended.unwrap_or(deviation.opened);
                let how = if deviation.withdrawn { "control removed" } else { "good again" };
                let lasted = ended.since(deviation.opened).as_secs();
                (
                    What::DeviationHealed,
                    details
                        .word("end", how)
                        .number("broken_seconds", lasted)
                        .word("until", &date::write_iso(ended)),
                )
            }
        };
        let entry = Entry::new(Actor::System, what)
            .about(&deviation.control)
            .of(deviation.organisation.clone())
            .with(details);
        gateway.stores.audit.append(entry).await?;
        store.recorded(deviation.number, end).await?;
    }
    Ok(())
}

/// Writes a letter and hands it to the spool.
async fn write(gateway: &Gateway, letter: &Waiting) -> Result<Posted, StoreError> {
    let settings = gateway.settings.load_full();
    let (organisation, kind) = match &letter.about {
        About::Deviation(stage, deviation) => {
            let told = told(deviation, *stage, gateway.clock.now());
            (deviation.organisation.clone(), Kind::Control(Box::new(told)))
        }
        About::Month(month) => {
            let told = statement::of(gateway, &settings, &letter.reader, *month).await?;
            (None, Kind::Statement(Box::new(told)))
        }
    };
    // Letters about the site are in the site's language, whoever they go to.
    let language = match &organisation {
        Some(own) => notice::language_of(&settings, own),
        None => settings.config.outbound.notice_language,
    };
    let owner: Organisation =
        organisation.unwrap_or_else(|| daily::owner_of(&settings, &letter.reader));
    Ok(notice::letter_as(gateway, letter.id, &owner, &letter.reader, language, &kind).await)
}

fn told(deviation: &Deviation, stage: Stage, now: UnixMs) -> Told {
    Told {
        stage,
        control: deviation.control.clone(),
        measure: deviation.measure,
        value: deviation.evidence.value.clone(),
        limit: deviation.evidence.limit.clone(),
        note: deviation.evidence.note.clone(),
        since: date::write_iso(deviation.opened),
        lasted: units::roughly(deviation.ended.unwrap_or(now).since(deviation.opened)),
        number: deviation.number,
    }
}

//! Taking measures: ages of signatures, of the backup's mark, of what the log server and the signer are behind with, days of the certificate,
//! the oldest mail that waits. Each in a bounded time; what does not answer is unknown, and said so.

use crate::{
    base::{
        clock::{Clock, UnixMs},
        limits, units,
    },
    config::control::{Signatures, Test},
    facts::Known,
    pipeline::{Gateway, controls::step::Look, settings::Settings},
    store::{
        audit::{AuditFilter, What},
        deviations::Evidence,
        embedded::{AuditLog, Standing},
    },
    wire::date,
};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

/// Files that are being looked at. A network drive that hangs keeps a thread for each look, so there is never more than one look at a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Files(Arc<Mutex<HashSet<PathBuf>>>);

impl Files {
    /// Looks at a file, or a folder, where waiting is allowed.
    async fn look<T: Send + 'static>(
        &self,
        file: &Path,
        look: impl FnOnce(&Path) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        if !self.all().insert(file.to_path_buf()) {
            return Err(format!("{}: the look before this one has not ended", file.display()));
        }
        let (files, file) = (self.clone(), file.to_path_buf());
        let looking = tokio::task::spawn_blocking(move || {
            let seen = look(&file);
            files.all().remove(&file);
            seen
        });
        let looked = tokio::time::timeout(limits::CONTROL_MEASURE_TIME_MAX, looking).await;
        let late = |_| Err("the file did not answer in time".to_string());
        looked.map_or_else(late, |looked| looked.map_err(|error| error.to_string())?)
    }

    fn all(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the measure of a control that looks at no mail. `certificate_ends` is of our certificate, if that is known.
pub(super) async fn look(
    gateway: &Gateway,
    test: &Test,
    files: &Files,
    certificate_ends: Option<UnixMs>,
) -> Look {
    let (log, now) = (&gateway.stores.audit, gateway.clock.now());
    match test {
        // Counted by [`super::mails`].
        Test::Mails(_) => Look::NotYet,
        Test::SignaturesAge { of, limit } => {
            let settings = gateway.settings.load_full();
            let ages = ages(&settings, files, of, &gateway.clock).await;
            oldest(ages, *limit)
        }
        Test::BackupAge { file, limit } => {
            let age = age_of_file(files, file, &gateway.clock).await;
            age_look(age, *limit, String::new())
        }
        Test::AuditLink { limit } => {
            let Some(standing) = log.link() else {
                let why = "the link to the log server has not begun yet".to_string();
                return Look::Unknown { why, limit: units::roughly(*limit) };
            };
            let age = unconfirmed(log, &standing, now).await;
            let note = if standing.up { String::new() } else { standing.said };
            age_look(age, *limit, note)
        }
        Test::AuditCheckpoint { limit } => {
            let note = log.unsigned().unwrap_or_default();
            age_look(unsigned(log, now).await, *limit, note)
        }
        Test::CertificateDaysLeft { limit } => days_left(certificate_ends, *limit, now),
        Test::QueueAge { limit } => {
            let oldest = gateway.queue.oldest().map_or(Duration::ZERO, |at| now.since(at));
            age_look(Ok(oldest), *limit, String::new())
        }
    }
}

/// What an age means.
fn age_look(age: Result<Duration, String>, limit: Duration, note: String) -> Look {
    let most = units::roughly(limit);
    match age {
        Ok(age) => {
            let evidence = Evidence { value: units::roughly(age), limit: most, note };
            if age > limit { Look::Broken(evidence) } else { Look::Good(evidence) }
        }
        Err(why) => Look::Unknown { why, limit: most },
    }
}

/// What several ages mean: the oldest counts, and one that is not known leaves only what is too old certain.
fn oldest(ages: Vec<(String, Result<Duration, String>)>, limit: Duration) -> Look {
    let known = ages.iter().filter_map(|(what, age)| Some((age.as_ref().ok()?, what)));
    let oldest = known.max_by_key(|(age, _)| **age);
    let unknown = ages.iter().find_map(|(what, age)| Some((what, age.as_ref().err()?)));
    match (oldest, unknown) {
        (Some((age, what)), unknown) if *age > limit || unknown.is_none() => {
            age_look(Ok(*age), limit, what.clone())
        }
        (_, Some((what, why))) => age_look(Err(format!("{what}: {why}")), limit, String::new()),
        (Some(_) | None, None) => {
            age_look(Err("nothing has an age".to_string()), limit, String::new())
        }
    }
}

fn days_left(ends: Option<UnixMs>, limit: u64, now: UnixMs) -> Look {
    let most = limit.to_string();
    let Some(ends) = ends else {
        let why = "the end of our certificate cannot be read".to_string();
        return Look::Unknown { why, limit: most };
    };
    let left = ends.since(now).as_secs() / 86_400;
    let evidence = Evidence { value: left.to_string(), limit: most, note: String::new() };
    if left < limit { Look::Broken(evidence) } else { Look::Good(evidence) }
}

/// How old the oldest record is that the log server has not confirmed. A link that is well gives its word now and then only, so what it
/// was sent counts as confirmed until that is overdue.
async fn unconfirmed(log: &AuditLog, standing: &Standing, now: UnixMs) -> Result<Duration, String> {
    if standing.arrived >= log.durable() {
        return Ok(Duration::ZERO);
    }
    let written = written(log, standing.arrived.saturating_add(1)).await?;
    Ok(overdue(standing, now.since(written), now))
}

fn overdue(standing: &Standing, unconfirmed: Duration, now: UnixMs) -> Duration {
    let is_well = standing.up && standing.ill_since_ms.is_none();
    match is_well && unconfirmed <= limits::CONTROL_CONFIRM_TIME {
        true => standing.oldest_ms.map_or(Duration::ZERO, |at| now.since(at)),
        false => unconfirmed,
    }
}

/// How old the oldest record is that no checkpoint covers.
async fn unsigned(log: &AuditLog, now: UnixMs) -> Result<Duration, String> {
    let newest = AuditFilter { what: Some(What::Checkpoint), rows: 1, ..AuditFilter::default() };
    let page = log.list(newest).await.map_err(|error| error.to_string())?;
    let signed = page.records.first().map_or(0, |record| record.number);
    match signed >= log.durable() {
        true => Ok(Duration::ZERO),
        false => written(log, signed.saturating_add(1)).await.map(|at| now.since(at)),
    }
}

/// When the record with this number was written.
async fn written(log: &AuditLog, number: u64) -> Result<UnixMs, String> {
    let before = Some(number.saturating_add(1));
    let filter = AuditFilter { before, rows: 1, ..AuditFilter::default() };
    let page = log.list(filter).await.map_err(|error| error.to_string())?;
    let record = page.records.first().filter(|record| record.number == number);
    record
        .map(|record| record.at_ms)
        .ok_or_else(|| format!("the audit log's record {number} cannot be read"))
}

/// What is asked for, or else what is configured; each with its age.
async fn ages(
    settings: &Settings,
    files: &Files,
    of: &[Signatures],
    clock: &Clock,
) -> Vec<(String, Result<Duration, String>)> {
    let asked = |one: Signatures| {
        of.contains(&one)
            || (of.is_empty() && matches!(one, Signatures::Clamav | Signatures::HashLists))
    };
    let mut ages = Vec::new();
    if let Some(clamd) = settings.clamd.as_ref().filter(|_| asked(Signatures::Clamav)) {
        let asking = async {
            match clamd.version().await {
                Known::Yes(version) => {
                    let made = version.made.as_deref().and_then(read_made);
                    made.ok_or_else(|| "clamd does not say when they were made".to_string())
                }
                Known::No(why) => Err(why),
                Known::NotAsked => Err("clamd was not asked".to_string()),
            }
        };
        let asked = tokio::time::timeout(limits::CONTROL_MEASURE_TIME_MAX, asking).await;
        let made = asked.unwrap_or_else(|_| Err("clamd did not answer in time".to_string()));
        ages.push(("ClamAV".to_string(), made.map(|made| clock.now().since(made))));
    }
    if asked(Signatures::HashLists) {
        for list in &settings.config.hash_lists {
            let age = age_of_file(files, &list.file, clock).await;
            ages.push((format!("hash list {}", list.name), age));
        }
    }
    if asked(Signatures::Rules) {
        for folder in &settings.config.rules.folders {
            let newest = newest_rule(files, folder, clock).await;
            ages.push((format!("[rules] folder {}", folder.display()), newest));
        }
    }
    ages
}

/// `Mon Dec 26 08:22:59 2022`, which clamd writes in its own time zone; taken as UTC, so that it may be half a day off.
fn read_made(made: &str) -> Option<UnixMs> {
    let words: Vec<&str> = made.split_whitespace().collect();
    let [_, month, day, time, year] = words.as_slice() else { return None };
    let seconds = date::read(&format!("{day} {month} {year} {time} +0000"))?;
    u64::try_from(seconds).ok().map(|seconds| UnixMs(seconds.saturating_mul(1_000)))
}

async fn age_of_file(files: &Files, file: &Path, clock: &Clock) -> Result<Duration, String> {
    age(files.look(file, changed).await?, clock.now())
}

/// How old the newest rule in a folder is.
async fn newest_rule(files: &Files, folder: &Path, clock: &Clock) -> Result<Duration, String> {
    let newest = files.look(folder, |folder| {
        let say = |error: std::io::Error| format!("{}: {error}", folder.display());
        let mut newest = None;
        for file in fs::read_dir(folder).map_err(say)?.take(limits::RULE_FILES_LOOKED_AT_MAX) {
            let file = file.map_err(say)?.path();
            if file.extension().is_some_and(|end| end == "yar" || end == "toml") {
                newest = newest.max(Some(changed(&file)?));
            }
        }
        newest.ok_or_else(|| "there is no rule in it".to_string())
    });
    age(newest.await?, clock.now())
}

fn changed(file: &Path) -> Result<UnixMs, String> {
    let say = |error: std::io::Error| format!("{}: {error}", file.display());
    let changed = fs::metadata(file).and_then(|known| known.modified()).map_err(say)?;
    let since = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(UnixMs(crate::base::clock::millis(since)))
}

/// A mark from the future would be young for ever.
fn age(changed: UnixMs, now: UnixMs) -> Result<Duration, String> {
    match changed.since(now) > limits::CONTROL_CLOCK_AHEAD_MAX {
        true => Err("its time lies in the future".to_string()),
        false => Ok(now.since(changed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn word(look: &Look) -> String {
        match look {
            Look::Good(evidence) => format!("good {} {}", evidence.value, evidence.note),
            Look::Broken(evidence) => format!("broken {} {}", evidence.value, evidence.note),
            Look::Unknown { why, .. } => format!("unknown {why}"),
            Look::NotYet => "not yet".to_string(),
        }
    }

    #[test]
    fn the_oldest_counts_and_what_is_not_known_is_not_good() {
        let known = |what: &str, hours: u32| (what.to_string(), Ok(HOUR * hours));
        let unknown = || ("c".to_string(), Err("gone".to_string()));
        for (ages, want) in [
            (vec![known("a", 1), known("b", 2)], "good 2 h 0 min b"),
            (vec![known("a", 25), known("b", 2)], "broken 1 d 1 h a"),
            (vec![known("a", 1), unknown()], "unknown c: gone"),
            // What is surely too old is broken, whatever else is not known.
            (vec![known("a", 25), unknown()], "broken 1 d 1 h a"),
            (vec![], "unknown nothing has an age"),
        ] {
            assert_eq!(word(&oldest(ages, HOUR * 24)), want);
        }
    }

    #[test]
    fn an_age_is_good_up_to_its_limit() {
        assert_eq!(word(&age_look(Ok(HOUR), HOUR, String::new())), "good 1 h 0 min ");
        let over = HOUR + Duration::from_millis(1);
        assert_eq!(word(&age_look(Ok(over), HOUR, String::new())), "broken 1 h 0 min ");
        let now = UnixMs(1_800_000_000_000);
        assert_eq!(age(now.minus(HOUR), now), Ok(HOUR));
        assert_eq!(age(now.plus(HOUR), now), Ok(Duration::ZERO), "clocks differ a little");
        assert!(age(now.plus(HOUR * 2), now).is_err());
    }

    #[test]
    fn days_of_a_certificate() {
        let now = UnixMs(1_800_000_000_000);
        for (hours, want) in [(24 * 14, "good 14 "), (24 * 14 - 1, "broken 13 "), (0, "broken 0 ")]
        {
            assert_eq!(word(&days_left(Some(now.plus(HOUR * hours)), 14, now)), want);
        }
        assert!(word(&days_left(None, 14, now)).starts_with("unknown"));
    }

    #[test]
    fn a_link_that_is_well_has_time_to_confirm() {
        let now = UnixMs(1_800_000_000_000);
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let well = Standing { up: true, ..Standing::default() };
        let slow = Standing { oldest_ms: Some(now.minus(minutes(2))), ..well.clone() };
        let ill = Standing { ill_since_ms: Some(now), ..well.clone() };
        for (standing, unconfirmed, want) in [
            (&well, minutes(5), Duration::ZERO),
            (&well, minutes(7), minutes(7)),
            (&slow, minutes(5), minutes(2)),
            (&ill, minutes(5), minutes(5)),
            (&Standing::default(), minutes(1), minutes(1)),
        ] {
            assert_eq!(overdue(standing, unconfirmed, now), want, "{standing:?}");
        }
    }

    #[test]
    fn clamd_says_when_its_signatures_were_made() {
        assert_eq!(read_made("Sat Nov 21 12:00:00 2026"), Some(UnixMs(1_795_262_400_000)));
        assert_eq!(read_made("Sat Nov  7 12:00:00 2026"), Some(UnixMs(1_794_052_800_000)));
        for bad in ["", "yesterday", "Sat Nov 21 2026"] {
            assert_eq!(read_made(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_missing_is_unknown_and_one_that_was_touched_is_young() {
        let folder = tempfile::tempdir().unwrap();
        let (file, clock, files) = (folder.path().join("done"), Clock::system(), Files::default());
        let missing = age_of_file(&files, &file, &clock).await.unwrap_err();
        assert!(missing.contains("done"), "{missing}");
        fs::write(&file, "").unwrap();
        assert!(age_of_file(&files, &file, &clock).await.unwrap() < HOUR);
        let none = newest_rule(&files, folder.path(), &clock).await.unwrap_err();
        assert!(none.contains("no rule"), "{none}");
        fs::write(folder.path().join("a.yar"), "").unwrap();
        assert!(newest_rule(&files, folder.path(), &clock).await.unwrap() < HOUR);
    }

    #[tokio::test]
    async fn a_file_that_hangs_keeps_one_thread_and_no_more() {
        let files = Files::default();
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let file = PathBuf::from("/slow/done");
        let slow = {
            let (files, file) = (files.clone(), file.clone());
            tokio::spawn(async move {
                files.look(&file, move |_| wait.recv().map_err(|error| error.to_string())).await
            })
        };
        while files.all().is_empty() {
            tokio::task::yield_now().await;
        }
        let again = files.look(&file, |_| Ok(())).await.unwrap_err();
        assert!(again.contains("has not ended"), "{again}");
        go_on.send(()).unwrap();
        assert_eq!(slow.await.unwrap(), Ok(()));
        assert_eq!(files.look(&file, |_| Ok(())).await, Ok(()));
    }
}

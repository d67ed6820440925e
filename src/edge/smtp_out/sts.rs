//! The MTA-STS policies of other domains (RFC 8461): found, fetched, kept, and looked at again before they end.
//!
//! A policy that is kept holds until its life is over, whatever becomes of its record and of the host that it came from: only another policy,
//! fetched from that host over TLS, ends it sooner. A domain of which nothing is kept, and whose policy cannot be had now, has none (RFC 8461
//! section 5); who fetches for a mail is waited for only so long, and the fetch goes on for the next try.

use super::connection::Connection;
use crate::{
    base::{
        clock::{Clock, Tick},
        limits,
    },
    edge::fetch::{Fetcher, NotFetched, Wanted},
    facts::{auth::Names as _, dns::Dns},
    mail::Domain,
    pipeline::courier::Route,
    store::{
        StoreError,
        embedded::{KeptPolicy, Transport},
    },
    wire::tls::{
        Policy,
        judge::would_refuse,
        mta_sts::{Mode, NotSts, StsPolicy, read_policy, record_id},
        rpt::{Applied, Failure, Kind, Session},
    },
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};

/// Knows the policies of domains.
#[derive(Debug, Clone)]
pub(super) struct Sts(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    dns: Dns,
    kept: Transport,
    clock: Clock,
    /// Fetches that go on: many mails for one domain wait for one.
    under_way: Mutex<HashMap<Domain, watch::Receiver<Heard>>>,
    /// Domains whose policy could not be fetched, and when.
    failed: Mutex<HashMap<Domain, Tick>>,
    places: Semaphore,
    /// Sessions are counted, to tell of them.
    tells: AtomicBool,
}

/// What came of a fetch; nothing yet, or a policy or none.
type Heard = Option<Option<StsPolicy>>;

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
enum NoPolicy {
    #[error("{0}")]
    NotFetched(#[from] NotFetched),
    #[error("{0}")]
    NotSts(#[from] NotSts),
    #[error("{0} is too long a name for a policy host")]
    NoHost(Domain),
}

impl NoPolicy {
    /// The result type of RFC 8460 section 4.3.
    fn result_type(&self) -> &'static str {
        match self {
            NoPolicy::NotFetched(NotFetched::Tls { .. }) => "sts-webpki-invalid",
            NoPolicy::NotFetched(
                NotFetched::NoAddress { .. }
                | NotFetched::Inside { .. }
                | NotFetched::Network { .. }
                | NotFetched::Http { .. }
                | NotFetched::Status { .. }
                | NotFetched::Kind(_)
                | NotFetched::TooLong { .. }
                | NotFetched::TooSlow { .. },
            )
            | NoPolicy::NoHost(_) => "sts-policy-fetch-error",
            NoPolicy::NotSts(_) => "sts-policy-invalid",
        }
    }
}

impl Sts {
    pub(super) fn new(dns: Dns, kept: Transport, clock: Clock) -> Sts {
        Sts(Arc::new(Shared {
            dns,
            kept,
            clock,
            under_way: Mutex::default(),
            failed: Mutex::default(),
            places: Semaphore::new(limits::STS_FETCHES_MAX),
            tells: AtomicBool::new(false),
        }))
    }

    /// Does as configured: are owners told of policies that cannot be had?
    pub(super) fn tell_owners(&self, tell: bool) {
        self.0.tells.store(tell, Ordering::Relaxed);
    }

    /// The policy of a domain, if it has one. Without a fetcher (nobody vouches for web servers) only what is kept counts.
    /// The error says that what is kept cannot be read: then nobody knows what holds.
    pub(super) async fn of(
        &self,
        fetcher: Option<&Arc<Fetcher>>,
        domain: &Domain,
        until: Option<Tick>,
    ) -> Result<Option<StsPolicy>, StoreError> {
        let shared = &self.0;
        let (kept, id) = tokio::join!(shared.kept.policy(domain), shared.record(domain));
        let kept = kept?;
        if let Some(KeptPolicy { used_day, .. }) = &kept
            && *used_day < shared.clock.now().0 / DAY_MS
        {
            shared.kept.policy_used(domain);
        }
        let news = id.filter(|id| kept.as_ref().is_none_or(|kept| kept.id != *id));
        if let (Some(id), Some(fetcher)) = (news, fetcher)
            && !shared.failed_lately(domain)
        {
            let patience = until.map_or(limits::STS_WAIT_MAX, |until| {
                (until.since(shared.clock.tick()) / 2).min(limits::STS_WAIT_MAX)
            });
            if let Some(mut fetching) = shared.begin(fetcher, domain, id)
                && let Ok(Ok(heard)) = timeout(patience, fetching.wait_for(Option::is_some)).await
                && let Some(Some(policy)) = &*heard
            {
                return Ok(Some(policy.clone()));
            }
        }
        Ok(kept.map(|kept| kept.policy))
    }

    /// Fetches those anew that are half through their life, or that were not looked at for a day. One after the other: nobody waits for it.
    pub(super) async fn refresh(&self, fetcher: &Arc<Fetcher>) {
        let shared = &self.0;
        let due = match shared.kept.policies_due(limits::STS_LOOK_ROWS).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(%error, "which MTA-STS policies are to be fetched again is not known");
                return;
            }
        };
        for (domain, kept_id) in due {
            // Without a record the policy is asked for all the same: it is the host that says what holds.
            let id = shared.record(&domain).await.unwrap_or(kept_id);
            let Some(mut fetching) = shared.begin(fetcher, &domain, id) else { return };
            if let Err(error) = fetching.wait_for(Option::is_some).await {
                tracing::error!(%domain, %error, "a fetch ended without an end");
                return;
            }
        }
        match shared.kept.policies().await {
            Ok(kept) => {
                let kept = u32::try_from(kept).unwrap_or(u32::MAX);
                metrics::gauge!("sluss_mta_sts_policies").set(f64::from(kept));
            }
            Err(error) => tracing::debug!(%error, "MTA-STS policies could not be counted"),
        }
    }
}

impl Shared {
    /// The id in a domain's record; none where there is no good one, or nobody answers.
    async fn record(&self, domain: &Domain) -> Option<String> {
        let texts = self.dns.txt(&format!("_mta-sts.{domain}")).await.ok()?;
        let texts: Vec<String> =
            texts.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
        record_id(&texts).ok()
    }

    /// The fetch that goes on, or a new one, which ends also when nobody waits for it any more; none where too many go on.
    fn begin(
        self: &Arc<Shared>,
        fetcher: &Arc<Fetcher>,
        domain: &Domain,
        id: String,
    ) -> Option<watch::Receiver<Heard>> {
        let mut under_way = self.under_way();
        // One whose task has gone tells nothing any more.
        if let Some(fetching) = under_way.get(domain).filter(|one| one.has_changed().is_ok()) {
            return Some(fetching.clone());
        }
        if under_way.len() >= limits::STS_FETCHES_WAITING_MAX {
            tracing::warn!(%domain, "too many MTA-STS policies are being fetched; this one is asked for at the next try");
            return None;
        }
        let (tell, fetching) = watch::channel(None);
        under_way.insert(domain.clone(), fetching.clone());
        let (shared, fetcher, domain) = (self.clone(), fetcher.clone(), domain.clone());
        tokio::spawn(async move {
            let fetched = shared.fetch(&fetcher, &domain).await;
            shared.note(&domain, id, fetched, &tell).await;
            shared.under_way().remove(&domain);
        });
        Some(fetching)
    }

    async fn fetch(&self, fetcher: &Fetcher, domain: &Domain) -> Result<StsPolicy, NoPolicy> {
        let _place = self.places.acquire().await;
        let host = Domain::parse(&format!("mta-sts.{domain}"))
            .map_err(|_| NoPolicy::NoHost(domain.clone()))?;
        let wanted =
            Wanted { host: &host, path: WELL_KNOWN, bytes_max: limits::STS_POLICY_BYTES_MAX };
        Ok(read_policy(&fetcher.text(&self.dns, wanted).await?)?)
    }

    async fn note(
        &self,
        domain: &Domain,
        id: String,
        fetched: Result<StsPolicy, NoPolicy>,
        tell: &watch::Sender<Heard>,
    ) {
        let noted = match fetched {
            Ok(policy) => {
                metrics::counter!("sluss_mta_sts_fetches_total", "result" => "good").increment(1);
                self.failed().remove(domain);
                tell.send_replace(Some(Some(policy.clone())));
                self.kept.keep_policy(domain, id, &policy).await
            }
            Err(why) => {
                let result = why.result_type();
                metrics::counter!("sluss_mta_sts_fetches_total", "result" => result).increment(1);
                tracing::warn!(%domain, result, %why, "the MTA-STS policy of a domain cannot be fetched; one that is kept holds on, and without one mail goes as if there were none");
                self.remember_failed(domain);
                self.count_failed(domain, result);
                tell.send_replace(Some(None));
                self.kept.policy_not_fetched(domain).await
            }
        };
        if let Err(error) = noted {
            tracing::error!(%domain, %error, "an MTA-STS policy could not be kept");
        }
    }

    /// Told to the domain's owner as a session that failed, for one there will be.
    fn count_failed(&self, domain: &Domain, result: &str) {
        if self.tells.load(Ordering::Relaxed) {
            let failure = Failure { result: result.to_string(), from: None, host: None, to: None };
            self.kept.note_session(Session {
                domain: domain.clone(),
                applied: Applied::bare(Kind::Sts),
                failure: Some(failure),
            });
        }
    }

    fn failed_lately(&self, domain: &Domain) -> bool {
        let now = self.clock.tick();
        self.failed().get(domain).is_some_and(|at| now.since(*at) < limits::STS_FETCH_AGAIN)
    }

    fn remember_failed(&self, domain: &Domain) {
        let now = self.clock.tick();
        let mut failed = self.failed();
        if failed.len() >= limits::STS_FAILED_REMEMBERED_MAX {
            failed.retain(|_, at| now.since(*at) < limits::STS_FETCH_AGAIN);
        }
        if failed.len() >= limits::STS_FAILED_REMEMBERED_MAX {
            let first = failed.iter().min_by_key(|(_, at)| **at).map(|(domain, _)| domain.clone());
            first.and_then(|first| failed.remove(&first));
        }
        failed.insert(domain.clone(), now);
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Domain, watch::Receiver<Heard>>> {
        // Each change is one statement; a panic elsewhere does not spoil the table.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<Domain, Tick>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// RFC 8461 section 5: a policy that is being tested keeps no mail, and its owner wants to hear what it would have kept.
pub(super) fn tell_of_test(route: &Route, connection: &Connection) {
    let (Policy::Sts(policy), Some(host)) = (&connection.bond.policy, &connection.mail_host) else {
        return;
    };
    if policy.mode != Mode::Testing {
        return;
    }
    let Some(refusal) = would_refuse(policy, host, &connection.channel) else { return };
    let result = refusal.result_type();
    metrics::counter!("sluss_mta_sts_testing_failed_total", "result" => result).increment(1);
    tracing::info!(destination = %route, server = %connection.place, result, %refusal, "the domain's MTA-STS policy, which it only tests, would have kept this mail waiting");
}

/// RFC 8461 section 3.3.
const WELL_KNOWN: &str = "/.well-known/mta-sts.txt";
const DAY_MS: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;
    use std::{net::SocketAddr, path::Path, time::Duration};

    fn sts(folder: &Path, clock: &Clock) -> Sts {
        // Nobody listens there.
        let nowhere: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let dns = Dns::new(&[nowhere], clock.clone()).unwrap();
        let (kept, _) = Transport::open(folder, clock.clone()).unwrap();
        Sts::new(dns, kept, clock.clone())
    }

    #[tokio::test]
    async fn failures_are_remembered_for_a_while_and_not_without_bound() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(0));
        let Sts(shared) = sts(folder.path(), &clock);
        let domain = |number: usize| Domain::parse(&format!("d{number}.example")).unwrap();
        shared.remember_failed(&domain(0));
        assert!(shared.failed_lately(&domain(0)) && !shared.failed_lately(&domain(1)));
        clock.advance(limits::STS_FETCH_AGAIN - Duration::from_secs(1));
        assert!(shared.failed_lately(&domain(0)));
        for number in 1..=limits::STS_FAILED_REMEMBERED_MAX {
            shared.remember_failed(&domain(number));
        }
        assert_eq!(shared.failed().len(), limits::STS_FAILED_REMEMBERED_MAX);
        assert!(!shared.failed_lately(&domain(0)), "the one that failed first is forgotten");
        assert!(shared.failed_lately(&domain(1)));
        clock.advance(limits::STS_FETCH_AGAIN);
        assert!(!shared.failed_lately(&domain(1)));
        shared.remember_failed(&domain(0));
        assert_eq!(shared.failed().len(), 1, "those that are over make room");
    }

    #[tokio::test]
    async fn without_name_servers_what_is_kept_holds_until_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000 * DAY_MS));
        let sts = sts(folder.path(), &clock);
        let (far, other) =
            (Domain::parse("far.example").unwrap(), Domain::parse("other.example").unwrap());
        let text = "version: STSv1\nmode: enforce\nmx: mx.far.example\nmax_age: 3600\n";
        let policy = read_policy(text.as_bytes()).unwrap();
        sts.0.kept.keep_policy(&far, "1".to_string(), &policy).await.unwrap();
        assert_eq!(sts.of(None, &far, None).await.unwrap(), Some(policy));
        assert_eq!(sts.of(None, &other, None).await.unwrap(), None);
        clock.advance(Duration::from_secs(3_600));
        assert_eq!(sts.of(None, &far, None).await.unwrap(), None);
    }
}

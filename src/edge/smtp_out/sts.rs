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
    },
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
        }))
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
            let mut fetching = shared.begin(fetcher, domain, id);
            let patience = until.map_or(limits::STS_WAIT_MAX, |until| {
                (until.since(shared.clock.tick()) / 2).min(limits::STS_WAIT_MAX)
            });
            let heard = timeout(patience, fetching.wait_for(Option::is_some)).await;
            if let Ok(Ok(heard)) = heard
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
            let mut fetching = shared.begin(fetcher, &domain, id);
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

    /// The fetch that goes on, or a new one. It ends also when nobody waits for it any more.
    fn begin(
        self: &Arc<Shared>,
        fetcher: &Arc<Fetcher>,
        domain: &Domain,
        id: String,
    ) -> watch::Receiver<Heard> {
        let mut under_way = self.under_way();
        // One whose task has gone tells nothing any more.
        if let Some(fetching) = under_way.get(domain).filter(|one| one.has_changed().is_ok()) {
            return fetching.clone();
        }
        let (tell, fetching) = watch::channel(None);
        under_way.insert(domain.clone(), fetching.clone());
        let (shared, fetcher, domain) = (self.clone(), fetcher.clone(), domain.clone());
        tokio::spawn(async move {
            let fetched = shared.fetch(&fetcher, &domain).await;
            shared.note(&domain, id, fetched, &tell).await;
            shared.under_way().remove(&domain);
        });
        fetching
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
                tell.send_replace(Some(None));
                self.kept.policy_not_fetched(domain).await
            }
        };
        if let Err(error) = noted {
            tracing::error!(%domain, %error, "an MTA-STS policy could not be kept");
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

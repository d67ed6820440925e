//! A certificate that we get ourselves: when one is asked for, what becomes of a failure, and how the new one comes into force (RFC 8555,
//! RFC 9773). No mail waits for it: until there is one, another is used, and a failure leaves what there is.

mod challenges;
mod dialogue;
mod folder;
mod line;

pub(in crate::edge) use challenges::Challenges;
pub(in crate::edge) use folder::{AcmeFolder, WhichKey};

use self::{
    dialogue::{Dialogue, NoCertificate},
    folder::Tried,
    line::Line,
};
use super::{
    certificate,
    tls::{self, ServerTls},
};
use crate::{
    base::{clock::UnixMs, limits},
    config::{Acme, Config},
    mail::Domain,
    pipeline::{Gateway, settings::Settings},
    store::audit::{Actor, Details, Entry, What},
    wire::date,
};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use instant_acme::CertificateIdentifier;
use rcgen::PublicKeyData;
use rustls::{
    client::verify_server_name,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    server::ParsedCertificate,
};
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval, timeout},
};

/// Somebody wants a new certificate now.
#[derive(Debug)]
pub struct Renewing {
    /// Who.
    pub(super) who: Actor,
    /// With which key.
    pub(super) key: WhichKey,
    /// Waits for how it went.
    pub(super) tell: oneshot::Sender<Result<Got, String>>,
}

/// A new certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Got {
    /// Its names.
    pub(super) names: Vec<String>,
    /// When it ends.
    pub(super) ends: Option<UnixMs>,
    /// Its SHA-256.
    pub(super) fingerprint: String,
    /// That of its key, as TLSA records 3 1 1 and pins have it.
    pub(super) key: String,
}

/// Looks after the certificate.
struct Keeper {
    gateway: Arc<Gateway>,
    tls: Arc<ServerTls>,
    window: Option<Window>,
}

/// What the authority said of when it would have a certificate renewed.
struct Window {
    /// Of which one: its SHA-256.
    of: String,
    /// When we renew; none if it does not say.
    renew: Option<UnixMs>,
    /// When we ask again.
    ask: UnixMs,
}

/// The certificate in the folder.
struct Held {
    chain: Vec<CertificateDer<'static>>,
    begins: UnixMs,
    ends: UnixMs,
}

/// Why a certificate is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// There is none that could be used.
    None,
    /// It lacks a name.
    Names,
    /// A third of its life is left.
    Life,
    /// The authority would have it renewed.
    Authority,
    /// Somebody wants it.
    Asked,
}

impl Due {
    fn words(self) -> &'static str {
        match self {
            Due::None => "there is none",
            Due::Names => "a name is missing in it",
            Due::Life => "a third of its life is left",
            Due::Authority => "the authority says so",
            Due::Asked => "somebody asked",
        }
    }
}

/// Looks each minute whether one is to be got, and gets it when somebody asks.
pub(super) async fn keep(
    gateway: Arc<Gateway>,
    tls: Arc<ServerTls>,
    mut asked: mpsc::Receiver<Renewing>,
) {
    let mut keeper = Keeper { gateway, tls, window: None };
    let mut every = interval(limits::ACME_LOOK_INTERVAL);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => keeper.look().await,
            Some(Renewing { who, key, tell }) = asked.recv() => {
                let _gone = tell.send(keeper.renew(who, key).await);
            }
        }
    }
}

impl Keeper {
    fn acme(&self) -> Option<(Arc<Settings>, Acme)> {
        let settings = self.gateway.settings.load_full();
        let acme = settings.config.tls.acme.clone()?;
        Some((settings, acme))
    }

    async fn renew(&mut self, who: Actor, key: WhichKey) -> Result<Got, String> {
        let (settings, acme) =
            self.acme().ok_or("there is no [tls.acme]: certificate and key are files")?;
        self.get(&settings.config, &acme, Due::Asked, who, key).await
    }

    async fn look(&mut self) {
        let Some((settings, acme)) = self.acme() else {
            self.tls.set_not_got(None);
            return;
        };
        let config = &settings.config;
        let folder = AcmeFolder::of(&config.data_dir);
        let now = self.gateway.clock.now();
        let held = held(&folder);
        let names = acme.names(&config.hostname);
        let tried = folder.tried().ok().flatten();
        let waits = tried.filter(|tried| tried.wish == wish(&acme, &names));
        if let Some(tried) = &waits {
            self.tls.set_not_got(Some(told(tried)));
        }
        let mut due = due(held.as_ref(), &names, self.renews(held.as_ref()), now);
        let ready = waits.as_ref().is_none_or(|tried| now >= next_try(tried));
        if due.is_none()
            && ready
            && let Some(held) = &held
            && self.asks_again(held, now)
        {
            self.ask_window(config, &acme, held).await;
            due = self::due(Some(held), &names, self.renews(Some(held)), now);
        }
        if let Some(due) = due.filter(|_| ready) {
            let _said = self.get(config, &acme, due, Actor::System, WhichKey::Same).await;
        }
    }

    fn renews(&self, held: Option<&Held>) -> Option<UnixMs> {
        let of = held.map(Held::fingerprint)?;
        self.window.as_ref().filter(|window| window.of == of)?.renew
    }

    fn asks_again(&self, held: &Held, now: UnixMs) -> bool {
        let known = self.window.as_ref().filter(|window| window.of == held.fingerprint());
        known.is_none_or(|window| now >= window.ask)
    }

    /// Asks the authority when it would have the certificate renewed, RFC 9773 section 4.2. That it does not say is no trouble.
    async fn ask_window(&mut self, config: &Config, acme: &Acme, held: &Held) {
        let now = self.gateway.clock.now();
        let asking = self.window_of(config, acme, held);
        let found = timeout(limits::FETCH_TIME_MAX * 3, asking).await.ok().flatten();
        let (renew, again) = match found {
            Some((start, end, again)) => (Some(within(start, end)), again),
            None => (None, limits::ACME_WINDOW_ASK_MAX),
        };
        let again = again.clamp(limits::ACME_WINDOW_ASK_MIN, limits::ACME_WINDOW_ASK_MAX);
        self.window = Some(Window { of: held.fingerprint(), renew, ask: now.plus(again) });
    }

    async fn window_of(
        &self,
        config: &Config,
        acme: &Acme,
        held: &Held,
    ) -> Option<(UnixMs, UnixMs, Duration)> {
        let called = held.called()?;
        let folder = AcmeFolder::of(&config.data_dir);
        let names = acme.names(&config.hostname);
        let dialogue = self.dialogue(config, acme, &folder, &names).ok()?;
        let account = dialogue.account().await.ok()?;
        dialogue.window(&account, &called).await
    }

    fn dialogue<'a>(
        &'a self,
        config: &Config,
        acme: &'a Acme,
        folder: &'a AcmeFolder,
        names: &'a [Domain],
    ) -> Result<Dialogue<'a, Line>, String> {
        let client = tls::verifying_client(&acme.authorities)
            .map_err(|error| format!("[tls.acme] authorities: {error}"))?;
        let dns = self.gateway.dns.clone();
        let line = Line { client, dns, family: config.outbound.address_family };
        Ok(Dialogue { acme, names, line, folder, challenges: &self.tls.challenges })
    }

    /// Gets one and takes it into use; or says why not, here and where an operator looks, and when it is tried again.
    async fn get(
        &mut self,
        config: &Config,
        acme: &Acme,
        due: Due,
        who: Actor,
        key: WhichKey,
    ) -> Result<Got, String> {
        let folder = AcmeFolder::of(&config.data_dir);
        let names = acme.names(&config.hostname);
        let shown: Vec<String> = names.iter().map(ToString::to_string).collect();
        let shown = shown.join(", ");
        tracing::info!(authority = %acme.directory, names = shown, "a certificate is asked for: {}", due.words());
        let got = self.order(config, acme, &folder, &names, key).await;
        let outcome = if got.is_ok() { "got" } else { "failed" };
        metrics::counter!("sluss_acme_orders_total", "outcome" => outcome).increment(1);
        match &got {
            Ok(got) => {
                self.tls.set_not_got(None);
                if let Err(error) = folder.keep_tried(None) {
                    tracing::error!(%error, "that a certificate was got is not written down");
                }
                let until = got.ends.map(date::write_iso).unwrap_or_default();
                tracing::info!(
                    names = shown,
                    until,
                    fingerprint = got.fingerprint,
                    "a new certificate is in use"
                );
                self.record(who, due, got).await;
            }
            Err(why) => {
                let before = folder.tried().ok().flatten().map_or(0, |tried| tried.failures);
                let tried = Tried {
                    wish: wish(acme, &names),
                    at: self.gateway.clock.now(),
                    failures: before.saturating_add(1),
                    why: why.clone(),
                };
                let again = date::write_iso(next_try(&tried));
                tracing::error!(
                    names = shown,
                    why,
                    again,
                    "there is no new certificate; what there is stays in use"
                );
                self.tls.set_not_got(Some(told(&tried)));
                let kept = folder.make().and_then(|()| folder.keep_tried(Some(&tried)));
                if let Err(error) = kept {
                    tracing::error!(%error, "that no certificate was got is not written down");
                }
            }
        }
        got
    }

    async fn order(
        &self,
        config: &Config,
        acme: &Acme,
        folder: &AcmeFolder,
        names: &[Domain],
        key: WhichKey,
    ) -> Result<Got, String> {
        let say = |error: NoCertificate| error.to_string();
        folder.make().map_err(|error| error.to_string())?;
        // So that its record can be published before the first certificate is there.
        folder.next_key().map_err(|error| error.to_string())?;
        let key = folder.key(key).map_err(|error| error.to_string())?;
        let dialogue = self.dialogue(config, acme, folder, names)?;
        let replaces = held(folder).as_ref().and_then(Held::called);
        let once = || async {
            let account = dialogue.account().await?;
            dialogue.certificate(&account, &key, replaces.clone()).await
        };
        let ordering = async {
            for _ in 1..limits::ACME_NONCE_TRIES {
                match once().await {
                    Err(NoCertificate::Authority { again: true, .. }) => (),
                    ended => return ended,
                }
            }
            once().await
        };
        let ordered = timeout(limits::ACME_ORDER_TIME_MAX, ordering).await;
        let text = ordered.unwrap_or(Err(NoCertificate::TooSlow)).map_err(say)?;
        let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let of_no_use = |why: String| format!("the authority's certificate is of no use: {why}");
        let chain = tls::certificates(text.as_bytes()).map_err(of_no_use)?;
        tls::usable(&chain, &private).map_err(|error| of_no_use(error.to_string()))?;
        let leaf = chain.first().ok_or("the authority sent no certificate")?;
        if let Some(missing) = names.iter().find(|name| !bears(leaf, name)) {
            return Err(format!("the authority's certificate does not bear {missing}"));
        }
        folder.keep_certificate(&text, &key).map_err(|error| error.to_string())?;
        self.tls.adopt(config).map_err(|error| error.to_string())?;
        Ok(Got {
            names: names.iter().map(ToString::to_string).collect(),
            ends: certificate::ends(leaf),
            fingerprint: HEXLOWER.encode(&Sha256::digest(leaf)),
            key: HEXLOWER.encode(&Sha256::digest(key.subject_public_key_info())),
        })
    }

    /// Encryption does not wait for the record: one that cannot be written is said.
    async fn record(&self, who: Actor, due: Due, got: &Got) {
        let details = Details::default()
            .word("names", &got.names.join(" "))
            .word("fingerprint", &got.fingerprint)
            .word("key", &got.key)
            .word("until", &got.ends.map(date::write_iso).unwrap_or_default())
            .word("why", due.words());
        let entry = Entry::new(who, What::CertificateRenewed).about("tls").with(details);
        if let Err(error) = self.gateway.stores.audit.append(entry).await {
            tracing::error!(%error, "that there is a new certificate is not in the audit log");
        }
    }
}

impl Held {
    fn fingerprint(&self) -> String {
        self.chain.first().map(|leaf| HEXLOWER.encode(&Sha256::digest(leaf))).unwrap_or_default()
    }

    /// RFC 9773 section 4.1.
    fn called(&self) -> Option<CertificateIdentifier<'static>> {
        let (key, serial) = certificate::called(self.chain.first()?)?;
        Some(CertificateIdentifier {
            authority_key_identifier: BASE64URL_NOPAD.encode(&key).into(),
            serial: BASE64URL_NOPAD.encode(&serial).into(),
        })
    }
}

/// What is in the folder, if it is of any use.
fn held(folder: &AcmeFolder) -> Option<Held> {
    let chain = folder.certificate().ok().flatten()?;
    let key = folder.key(WhichKey::Same).ok()?;
    tls::usable(&chain, &PrivateKeyDer::Pkcs8(key.serialize_der().into())).ok()?;
    let (begins, ends) = certificate::times(chain.first()?)?;
    Some(Held { chain, begins, ends })
}

fn due(held: Option<&Held>, names: &[Domain], window: Option<UnixMs>, now: UnixMs) -> Option<Due> {
    let Some(held) = held else { return Some(Due::None) };
    let leaf = held.chain.first();
    if !names.iter().all(|name| leaf.is_some_and(|leaf| bears(leaf, name))) {
        return Some(Due::Names);
    }
    let life = held.ends.since(held.begins);
    if held.ends.since(now) <= life / 3 {
        return Some(Due::Life);
    }
    window.filter(|renew| now >= *renew).map(|_| Due::Authority)
}

fn bears(leaf: &CertificateDer<'static>, name: &Domain) -> bool {
    let parsed = ParsedCertificate::try_from(leaf).ok();
    let name = ServerName::try_from(name.as_str()).ok();
    parsed.zip(name).is_some_and(|(leaf, name)| verify_server_name(&leaf, &name).is_ok())
}

/// A moment between two, so that not everybody comes at once.
fn within(start: UnixMs, end: UnixMs) -> UnixMs {
    let share = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
    start.plus(end.since(start).mul_f64(share))
}

/// Of whom and for which names.
fn wish(acme: &Acme, names: &[Domain]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    format!("{} {}", acme.directory, names.join(" "))
}

fn next_try(tried: &Tried) -> UnixMs {
    let doublings = tried.failures.saturating_sub(1).min(16);
    let wait = limits::ACME_TRY_AGAIN_FIRST.saturating_mul(1 << doublings);
    tried.at.plus(wait.min(limits::ACME_TRY_AGAIN_MAX))
}

fn told(tried: &Tried) -> String {
    let again = date::write_iso(next_try(tried));
    format!("{}; it is tried again at {again}, and by sluss tls renew", tried.why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn held(names: &[&str]) -> Held {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut wanted = rcgen::CertificateParams::new(names).unwrap();
        wanted.not_before = rcgen::date_time_ymd(2026, 9, 1);
        wanted.not_after = rcgen::date_time_ymd(2026, 11, 30);
        let made = wanted.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let (begins, ends) = certificate::times(made.der()).unwrap();
        Held { chain: vec![made.der().clone()], begins, ends }
    }

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_life_is_left() {
        let names = ["a.example", "b.example"].map(|name| Domain::parse(name).unwrap());
        let held = held(&["a.example", "b.example", "c.example"]);
        let at = |days: u32| held.begins.plus(DAY * days);
        assert_eq!(due(None, &names, None, at(0)), Some(Due::None));
        assert_eq!(due(Some(&held), &names, None, at(0)), None);
        assert_eq!(due(Some(&held), &names, None, at(59)), None);
        assert_eq!(due(Some(&held), &names, None, at(60)), Some(Due::Life));
        assert_eq!(due(Some(&held), &names, None, at(200)), Some(Due::Life));
        assert_eq!(due(Some(&held), &names, Some(at(31)), at(30)), None);
        assert_eq!(due(Some(&held), &names, Some(at(31)), at(31)), Some(Due::Authority));
        let more = ["a.example", "d.example"].map(|name| Domain::parse(name).unwrap());
        assert_eq!(due(Some(&held), &more, None, at(0)), Some(Due::Names));
    }

    #[test]
    fn an_authority_that_fails_is_asked_less_and_less_often() {
        let tried = |failures| Tried {
            wish: String::new(),
            at: UnixMs(0),
            failures,
            why: "nobody is there".to_string(),
        };
        let minutes = |failures| next_try(&tried(failures)).0 / 60_000;
        let found: Vec<u64> = [1, 2, 3, 6, 7, 8, 1_000].map(minutes).to_vec();
        assert_eq!(found, [10, 20, 40, 320, 640, 720, 720]);
        // After the first, two more in its hour: Let's Encrypt takes five.
        assert!(minutes(1) + minutes(2) < 60 && minutes(1) + minutes(2) + minutes(3) > 60);
        assert!(told(&tried(1)).contains("1970-01-01T00:10"), "{}", told(&tried(1)));
    }

    #[test]
    fn the_moment_is_within_the_window() {
        for _ in 0..100 {
            let moment = within(UnixMs(1_000), UnixMs(2_000));
            assert!((1_000..=2_000).contains(&moment.0), "{moment:?}");
        }
        assert_eq!(within(UnixMs(2_000), UnixMs(1_000)), UnixMs(2_000), "a window that is none");
    }
}

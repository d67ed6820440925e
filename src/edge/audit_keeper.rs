//! Signs the audit log, and has it sent to the log server: for as long as the gateway runs.
//!
//! It is signed once a minute if anything came since, at the start, and when the gateway ends. Only a running gateway signs and sends. What
//! commands write without one is covered by its next checkpoint, and sent with it.

use crate::{
    base::limits,
    config::audit::AuditConfig,
    edge::{
        control::Desk,
        log_link::{self, Link, Times},
    },
    pipeline::{Gateway, proofs},
    store::{StoreError, signer::SignerLine},
};
use std::sync::Arc;
use tokio::sync::watch;

/// Signs what is not signed yet. Gives the checkpoint's number; none where there was nothing new.
pub async fn sign(gateway: &Gateway) -> Result<Option<u64>, StoreError> {
    let ring = gateway.stores.ring.clone();
    let signers = tokio::task::spawn_blocking(move || ring.signers());
    let signers = signers.await.unwrap_or(Err(StoreError::Closed))?;
    let is_to_be_vouched_for = !signers.retiring.is_empty();
    let signed = gateway.stores.audit.sign(signers).await?;
    if is_to_be_vouched_for {
        // The log says now by whom the new key is vouched for, so the old one has nothing left to do.
        let ring = gateway.stores.ring.clone();
        let retired = tokio::task::spawn_blocking(move || ring.retire_signers());
        retired.await.unwrap_or(Err(StoreError::Closed))?;
    }
    Ok(signed)
}

/// Signs again and again, for as long as the gateway runs.
pub async fn keep_signing(gateway: Arc<Gateway>) {
    let mut every = tokio::time::interval(limits::AUDIT_CHECKPOINT_INTERVAL);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first comes at once, and the start has signed just now.
    every.tick().await;
    loop {
        every.tick().await;
        sign_or_say(&gateway).await;
    }
}

/// Signs, or says once that it cannot be done: the next minute's try hardly ends otherwise. Proofs that wait are sealed before.
pub async fn sign_or_say(gateway: &Gateway) {
    let log = &gateway.stores.audit;
    if let Err(error) = proofs::seal_all(gateway).await {
        tracing::error!(%error, "proofs of the way of mail could not be sealed; it is tried again every minute");
    }
    match sign(gateway).await {
        Ok(_) => log.set_unsigned(None),
        Err(error) => {
            if log.unsigned().is_none() {
                tracing::error!(%error, "the audit log could not be signed; it is tried again every minute, and at the next start");
            }
            log.set_unsigned(Some(error.to_string()));
        }
    }
}

/// Sends the log to whatever server the configuration in force names, until `end` becomes true and what there is has been sent.
pub async fn keep_sending(gateway: Arc<Gateway>, mut end: watch::Receiver<bool>) {
    let in_force = || gateway.settings.load().config.audit.clone();
    while !*end.borrow() {
        let config = in_force();
        if config.syslog.is_none() {
            gateway.stores.audit.set_link(None);
            tokio::select! {
                () = tokio::time::sleep(limits::LOG_LINK_TICK) => (),
                _ = end.changed() => (),
            }
            continue;
        }
        let (stop, stopping) = watch::channel(false);
        let link = Link {
            log: gateway.stores.audit.clone(),
            hostname: gateway.settings.load().config.hostname.to_string(),
            config: config.clone(),
            dns: gateway.dns.clone(),
            clock: gateway.clock.clone(),
            times: Times::default(),
        };
        let watching = async {
            let mut was_long = false;
            while !*end.borrow() && in_force() == config {
                was_long = say_when_long(&gateway, &config, was_long);
                tokio::select! {
                    () = tokio::time::sleep(limits::LOG_LINK_TICK) => (),
                    _ = end.changed() => (),
                }
            }
            stop.send_replace(true);
        };
        tokio::join!(link.run(stopping), watching);
    }
}

/// Once, when the link is broken for longer than it may be.
fn say_when_long(gateway: &Gateway, config: &AuditConfig, was_said: bool) -> bool {
    let standing = gateway.stores.audit.link();
    let now = gateway.clock.now();
    let trouble =
        standing.and_then(|standing| log_link::trouble(&standing, config.broken_max.0, now));
    if let (Some(trouble), false) = (&trouble, was_said) {
        tracing::error!("{trouble}");
    }
    trouble.is_some()
}

impl Desk {
    /// Makes a new key to sign the audit log with. Where a gateway runs, the old one vouches for it in the log at once, else at the next start.
    pub(super) async fn renew_signing_key(&self) -> Result<Option<SignerLine>, String> {
        let ring = self.gateway.stores.ring.clone();
        // A key must have stood in the log before another can follow it.
        let say = |error: StoreError| error.to_string();
        if self.reload.is_some() {
            sign(&self.gateway).await.map_err(say)?;
        }
        let renewed = tokio::task::spawn_blocking(move || {
            ring.signers()?;
            ring.renew_signer()
        });
        let key = renewed.await.map_err(|error| error.to_string())?.map_err(say)?;
        tracing::warn!(key = %key.fingerprint(), "a new key signs the audit log");
        if self.reload.is_some() {
            sign(&self.gateway).await.map_err(say)?;
        }
        Ok(self.gateway.stores.ring.signer_lines().pop())
    }
}

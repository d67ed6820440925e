//! Keeps what is remembered of strangers small, and on disk: bans soon, the rest now and then.

use crate::{base::limits, pipeline::Gateway};
use std::{sync::Arc, time::Duration};

/// Until the process ends.
pub async fn remember(gateway: Arc<Gateway>) {
    let mut every = tokio::time::interval(limits::BANS_SAVED_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut saved = gateway.clock.tick();
    loop {
        every.tick().await;
        let now = gateway.clock.tick();
        let all = now.since(saved) >= limits::STRANGERS_SAVED_EVERY;
        if all {
            saved = now;
        }
        save(&gateway, if all { What::All } else { What::Bans }).await;
    }
}

/// What is to be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Bans only.
    Bans,
    /// Everything that is remembered of strangers.
    All,
}

/// Writes down what has changed.
pub async fn save(gateway: &Arc<Gateway>, what: What) {
    let gateway = gateway.clone();
    let saving = tokio::task::spawn_blocking(move || {
        let guard = &gateway.guard;
        guard.save_bans(gateway.clock.now())?;
        if what == What::All {
            guard.tidy(&gateway.clock);
            guard.save_known()?;
            gateway.greylist.tidy(gateway.clock.now());
            gateway.greylist.save()?;
            gateway.admission.callouts.tidy(gateway.clock.tick());
        }
        Ok::<(), crate::store::StoreError>(())
    });
    match tokio::time::timeout(SAVE_TIME_MAX, saving).await {
        Ok(Ok(Ok(()))) => (),
        Ok(Ok(Err(error))) => {
            tracing::error!(%error, "what is known of strangers could not be written down; a restart forgets it")
        }
        Ok(Err(error)) => tracing::error!(%error, "writing down what is known of strangers failed"),
        Err(_) => tracing::error!("writing down what is known of strangers takes too long"),
    }
}

/// A disk that hangs must not hang the end of the process.
const SAVE_TIME_MAX: Duration = Duration::from_secs(10);

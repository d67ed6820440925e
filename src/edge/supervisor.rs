//! What systemd is told (sd_notify(3)): ready, reloading, stopping, still alive. Nothing, where nobody asked.

use sd_notify::NotifyState;
use std::time::Duration;

/// Every listener accepts, or a reload is done.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A reload has begun; `Type=notify-reload` waits for [`ready`].
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the supervisor was not told of a reload"),
    }
}

/// The end has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishing open transactions")]);
}

/// Says that we are alive as often as `WatchdogSec=` asks; for ever, or not at all where nobody asked.
/// It runs among the tasks that carry mail: when they stand still, so does it, and systemd starts us anew.
pub async fn keep_saying_that_we_live() {
    let Some(patience) = sd_notify::watchdog_enabled() else { return };
    // Half of it, as sd_watchdog_enabled(3) advises.
    let mut every = tokio::time::interval((patience / 2).max(Duration::from_millis(1)));
    loop {
        every.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(news: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(news) {
        tracing::debug!(%error, "the supervisor could not be told");
    }
}

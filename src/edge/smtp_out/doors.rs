//! Those who wait for a next hop while somebody waits for them: how many may stand there at a time, and when it is no use.
//!
//! The queue has bounds of its own. Here are cut-through and callouts: a next hop that is slow must not be given every session we
//! have, and one that is down is asked by one of them now and then, not by each for half a minute.

use crate::{
    base::{
        clock::{Clock, Tick},
        limits,
    },
    pipeline::courier::Route,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The doors of all next hops.
#[derive(Debug, Default)]
pub(super) struct Doors(Mutex<HashMap<Route, Door>>);

#[derive(Debug)]
struct Door {
    slots: Arc<Semaphore>,
    slots_max: usize,
    rest: Option<Rest>,
}

/// A next hop that did not answer.
#[derive(Debug, Clone)]
struct Rest {
    until: Tick,
    failures: u32,
    why: String,
}

impl Doors {
    /// Waits for a place, at most this long; the reason if there is none, or if it is no use just now.
    pub(super) async fn enter(
        &self,
        route: &Route,
        slots_max: usize,
        patience: Duration,
        clock: &Clock,
    ) -> Result<OwnedSemaphorePermit, String> {
        let slots = self.slots(route, slots_max);
        // Nobody stands in line for a server that is down.
        self.is_worth_it(route, clock.tick())?;
        if let Ok(permit) = slots.clone().try_acquire_owned() {
            return Ok(permit);
        }
        metrics::counter!("sluss_next_hop_busy_total").increment(1);
        match tokio::time::timeout(patience, slots.acquire_owned()).await {
            Ok(Ok(permit)) => self.may_go(route, clock.tick()).map(|()| permit),
            Ok(Err(_)) | Err(_) => Err(format!("all {slots_max} connections to {route} are busy")),
        }
    }

    /// A server of it was reached.
    pub(super) fn reached(&self, route: &Route) {
        if let Some(door) = self.doors().get_mut(route) {
            door.rest = None;
        }
    }

    /// None was.
    pub(super) fn failed(&self, route: &Route, why: &str, now: Tick) {
        let mut doors = self.doors();
        let Some(door) = doors.get_mut(route) else { return };
        let failures = door.rest.as_ref().map_or(0, |rest| rest.failures).saturating_add(1);
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
        let span = limits::HOP_REST_FIRST.saturating_mul(doubled).min(limits::HOP_REST_MAX);
        door.rest = Some(Rest { until: now.plus(span), failures, why: why.to_string() });
    }

    /// Forgets doors where nobody stands and nothing is remembered; called now and then.
    pub(super) fn tidy(&self) {
        self.doors().retain(|_, door| {
            door.rest.is_some() || door.slots.available_permits() < door.slots_max
        });
    }

    fn slots(&self, route: &Route, slots_max: usize) -> Arc<Semaphore> {
        let mut doors = self.doors();
        if let Some(door) = doors.get(route)
            && door.slots_max == slots_max
        {
            return door.slots.clone();
        }
        let slots = Arc::new(Semaphore::new(slots_max));
        // After a reload with another bound those inside keep their places, and new ones are counted anew.
        let rest = doors.get(route).and_then(|door| door.rest.clone());
        doors.insert(route.clone(), Door { slots: slots.clone(), slots_max, rest });
        slots
    }

    /// While it rests there is no use. When the rest is over one may try, and the others wait for what it finds.
    fn is_worth_it(&self, route: &Route, now: Tick) -> Result<(), String> {
        let mut doors = self.doors();
        let Some(rest) = doors.get_mut(route).and_then(|door| door.rest.as_mut()) else {
            return Ok(());
        };
        if now < rest.until {
            return Err(format!("{} (not asked again just now)", rest.why));
        }
        rest.until = now.plus(limits::HOP_REST_MAX);
        Ok(())
    }

    /// After a wait in line: has it gone down meanwhile?
    fn may_go(&self, route: &Route, now: Tick) -> Result<(), String> {
        let doors = self.doors();
        match doors.get(route).and_then(|door| door.rest.as_ref()) {
            Some(rest) if now < rest.until => Err(rest.why.clone()),
            Some(_) | None => Ok(()),
        }
    }

    fn doors(&self) -> MutexGuard<'_, HashMap<Route, Door>> {
        // Each change is one statement; a panic elsewhere does not spoil the table.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::UnixMs,
        config::NextHop,
        pipeline::courier::{Tls, Towards},
    };

    fn route(port: u16) -> Route {
        Route {
            hops: vec![NextHop::parse(&format!("smtp://192.0.2.5:{port}")).unwrap()],
            tls: Tls::Off,
            domain: None,
            towards: Towards::Own,
        }
    }

    #[tokio::test]
    async fn a_full_next_hop_keeps_no_place_for_another() {
        let (doors, clock) = (Doors::default(), Clock::by_hand(UnixMs(0)));
        let enter = |port| {
            let (doors, clock) = (&doors, &clock);
            async move { doors.enter(&route(port), 2, Duration::from_millis(1), clock).await }
        };
        let (first, _second) = (enter(1).await.unwrap(), enter(1).await.unwrap());
        assert!(enter(1).await.unwrap_err().contains("all 2 connections"));
        assert!(enter(2).await.is_ok(), "another next hop has its own");
        drop(first);
        assert!(enter(1).await.is_ok());
        doors.tidy();
        assert_eq!(doors.doors().len(), 1, "where somebody stands the door stays");
    }

    #[tokio::test]
    async fn a_next_hop_that_is_down_is_asked_by_one() {
        let (doors, clock) = (Doors::default(), Clock::by_hand(UnixMs(0)));
        let (first, max) = (limits::HOP_REST_FIRST, limits::HOP_REST_MAX);
        let enter = || async { doors.enter(&route(1), 9, Duration::ZERO, &clock).await };
        drop(enter().await.unwrap());
        doors.failed(&route(1), "refused", clock.tick());
        assert!(enter().await.unwrap_err().contains("refused"));
        clock.advance(first);
        let one = enter().await;
        assert!(one.is_ok() && enter().await.is_err(), "one tries, the others do not");
        doors.failed(&route(1), "refused", clock.tick());
        clock.advance(first);
        assert!(enter().await.is_err(), "the second rest is longer");
        clock.advance(first);
        assert!(enter().await.is_ok());
        // Whoever tried was cancelled and told nothing: it is not shut for ever.
        assert!(enter().await.is_err());
        clock.advance(max);
        assert!(enter().await.is_ok());
        doors.reached(&route(1));
        assert!(enter().await.is_ok() && enter().await.is_ok());
    }
}

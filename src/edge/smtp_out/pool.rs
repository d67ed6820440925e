//! Connections that have carried a mail and wait for another one of the same route.
//!
//! None outlives the configuration it was opened under, not even one that carried a mail while that changed; and none is given to a mail that
//! asks for more than it has shown.

use super::{Tells, connection::Connection};
use crate::{
    base::{clock::Clock, limits},
    pipeline::courier::Route,
    wire::tls::Demand,
};
use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Idle connections by route.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<HashMap<Route, Vec<Connection>>>,
    generation: AtomicU64,
    clock: Clock,
}

/// What a mail wants of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// Will the server be told of a client?
    pub(super) tells: Tells,
    /// What the channel must have shown.
    pub(super) demand: Demand,
}

impl Pool {
    pub(super) fn new(clock: Clock) -> Pool {
        Pool { idle: Mutex::default(), generation: AtomicU64::new(0), clock }
    }

    /// The one that was used last. Unless the server will be told of a client anew, only one that takes us for ourselves.
    pub(super) fn take(&self, route: &Route, wanted: Wanted) -> Option<Connection> {
        let now = self.clock.tick();
        let mut idle = self.idle();
        let connections = idle.get_mut(route)?;
        let fits = |connection: &Connection| {
            now.since(connection.idle_since) < limits::POOL_IDLE_TIME_MAX
                && (wanted.tells == Tells::OfTheClient || connection.is_neutral())
                && connection.channel.meets(wanted.demand)
                && self.is_current(connection)
        };
        let at = connections.iter().rposition(fits)?;
        Some(connections.remove(at))
    }

    /// Keeps a connection for the next mail, if it is fit for one.
    pub(super) fn keep(&self, route: &Route, mut connection: Connection) {
        if !connection.usable {
            return;
        }
        if connection.is_worn() || !self.is_current(&connection) {
            dismiss(connection);
            return;
        }
        connection.idle_since = self.clock.tick();
        let mut idle = self.idle();
        let connections = idle.entry(route.clone()).or_default();
        match connections.len() < limits::POOL_IDLE_MAX {
            true => connections.push(connection),
            false => dismiss(connection),
        }
    }

    /// Says goodbye over those that have waited too long.
    pub(super) fn tidy(&self) {
        let now = self.clock.tick();
        let mut idle = self.idle();
        for connections in idle.values_mut() {
            let (stays, goes) = std::mem::take(connections).into_iter().partition(|connection| {
                now.since(connection.idle_since) < limits::POOL_IDLE_TIME_MAX
            });
            *connections = stays;
            let goes: Vec<Connection> = goes;
            goes.into_iter().for_each(dismiss);
        }
        idle.retain(|_, connections| !connections.is_empty());
    }

    /// Begins with another configuration, whose number this is: what was opened before is kept no longer.
    pub(super) fn begin_anew(&self) -> u64 {
        let number = self.generation.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        let all = std::mem::take(&mut *self.idle());
        all.into_values().flatten().for_each(dismiss);
        number
    }

    fn is_current(&self, connection: &Connection) -> bool {
        connection.generation == self.generation.load(Ordering::Acquire)
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Route, Vec<Connection>>> {
        // Each change is one statement; a panic elsewhere does not spoil the table.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// QUIT, in its own time: a line that just drops looks like a fault in the other server's log.
pub(super) fn dismiss(connection: Connection) {
    tokio::spawn(connection.quit());
}

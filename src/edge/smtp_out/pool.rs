//! Connections that have carried a mail and wait for another one of the same route.

use super::{Tells, connection::Connection};
use crate::{
    base::{clock::Clock, limits},
    pipeline::courier::Route,
};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Idle connections by route.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<HashMap<Route, Vec<Connection>>>,
    clock: Clock,
}

impl Pool {
    pub(super) fn new(clock: Clock) -> Pool {
        Pool { idle: Mutex::default(), clock }
    }

    /// The one that was used last. Unless the server will be told of a client anew, only one that takes us for ourselves.
    pub(super) fn take(&self, route: &Route, tells: Tells) -> Option<Connection> {
        let now = self.clock.tick();
        let mut idle = self.idle();
        let connections = idle.get_mut(route)?;
        let fits = |connection: &Connection| {
            now.since(connection.idle_since) < limits::POOL_IDLE_TIME_MAX
                && (tells == Tells::OfTheClient || connection.is_neutral())
        };
        let at = connections.iter().rposition(fits)?;
        Some(connections.remove(at))
    }

    /// Keeps a connection for the next mail, if it is fit for one.
    pub(super) fn keep(&self, route: &Route, mut connection: Connection) {
        if !connection.usable {
            return;
        }
        if connection.is_worn() {
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

    /// Says goodbye over all of them.
    pub(super) fn clear(&self) {
        let all = std::mem::take(&mut *self.idle());
        all.into_values().flatten().for_each(dismiss);
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Route, Vec<Connection>>> {
        // Each change is one statement; a panic elsewhere does not spoil the table.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// QUIT, in its own time: a line that just drops looks like a fault in the other server's log.
fn dismiss(connection: Connection) {
    tokio::spawn(connection.quit());
}

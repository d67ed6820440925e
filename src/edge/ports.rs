//! The mail ports that are open, and how a reload changes them.
//!
//! A listener is its address: what changes else (its name, its TLS, its direction) takes the same socket over, so that no client is turned
//! away meanwhile. What is new is bound before anything is closed. Sessions under way keep the listener they began with.

use crate::{
    config::{Config, Listener},
    edge::{
        smtp_in::{self, Port},
        sockets::listen_at,
    },
};
use std::{net::TcpListener as StdListener, sync::Arc};
use tokio::{net::TcpListener, sync::watch};

/// What every port is opened with: `None` for the listener itself.
pub type Pattern = Box<dyn Fn(Arc<Listener>) -> Port + Send + Sync>;

/// The mail ports that are open.
pub struct Ports {
    pattern: Pattern,
    open: Vec<Open>,
}

struct Open {
    listener: Arc<Listener>,
    socket: Arc<TcpListener>,
    /// Dropping it ends the task that takes connections.
    _taking: watch::Sender<()>,
}

/// Ports as they are to be, already bound.
pub struct Planned(Vec<(Arc<Listener>, Arc<TcpListener>)>);

/// What a change came to, for the log.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Listeners at addresses that we did not have.
    pub opened: Vec<String>,
    /// Listeners whose address was given back.
    pub closed: Vec<String>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.open.iter().map(|open| open.listener.name.as_str()).collect();
        f.debug_tuple("Ports").field(&names).finish()
    }
}

impl Ports {
    /// Begins to take connections on sockets that are bound. Needs a runtime.
    pub fn open(
        pattern: Pattern,
        bound: Vec<(Arc<Listener>, StdListener)>,
    ) -> Result<Ports, String> {
        let bound = bound.into_iter().map(|(listener, socket)| {
            let socket = into_async(&listener, socket)?;
            Ok((listener, Arc::new(socket)))
        });
        let planned = Planned(bound.collect::<Result<_, String>>()?);
        let mut ports = Ports { pattern, open: Vec::new() };
        ports.put_in_force(planned);
        Ok(ports)
    }

    /// Binds what a configuration adds. Nothing of what is open changes; an error leaves everything as it was.
    pub fn plan(&self, config: &Config) -> Result<Planned, String> {
        let mut planned = Vec::new();
        for listener in &config.listeners {
            let listener = Arc::new(listener.clone());
            let ours: Vec<_> = self
                .open
                .iter()
                .filter(|open| open.listener.bind == listener.bind)
                .map(|open| (listener.clone(), open.socket.clone()))
                .collect();
            if ours.is_empty() {
                let what = format!("listener {:?}", listener.name);
                let socket = listen_at(&what, listener.bind, config)?;
                let socket = into_async(&listener, socket)?;
                planned.push((listener, Arc::new(socket)));
            } else {
                planned.extend(ours);
            }
        }
        Ok(Planned(planned))
    }

    /// Takes connections as planned, and on nothing else.
    pub fn put_in_force(&mut self, planned: Planned) -> Changed {
        let before = std::mem::take(&mut self.open);
        let had =
            |listener: &Listener| before.iter().any(|open| open.listener.bind == listener.bind);
        let mut changed = Changed::default();
        for (listener, socket) in planned.0 {
            if !had(&listener) {
                changed.opened.push(listener.name.clone());
            }
            let (taking, taken) = watch::channel(());
            let port = (self.pattern)(listener.clone());
            tokio::spawn(smtp_in::listen(port, socket.clone(), taken));
            self.open.push(Open { listener, socket, _taking: taking });
        }
        let has =
            |listener: &Listener| self.open.iter().any(|open| open.listener.bind == listener.bind);
        changed.closed = before
            .iter()
            .filter(|open| !has(&open.listener))
            .map(|open| open.listener.name.clone())
            .collect();
        changed
    }
}

fn into_async(listener: &Listener, socket: StdListener) -> Result<TcpListener, String> {
    TcpListener::from_std(socket)
        .map_err(|error| format!("listener {:?} cannot be waited for: {error}", listener.name))
}

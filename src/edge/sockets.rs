//! Listening sockets: bound by us, or handed over by systemd. They are the first thing that is opened: from then on the kernel
//! takes connections for us, and a client that comes while the spool is being read waits a moment instead of being turned away.

use crate::config::{Config, Listener};
use listenfd::ListenFd;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

/// Every socket of a configuration.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Those for mail, each with its listener; one may have several.
    pub mail: Vec<(Arc<Listener>, TcpListener)>,
    /// `[web] public`.
    pub public: Vec<TcpListener>,
    /// `[web] admin`.
    pub admin: Vec<TcpListener>,
    /// `[tls.acme] http`.
    pub plain: Vec<TcpListener>,
}

/// What systemd handed over, with its names (`FileDescriptorName=`).
#[derive(Debug, Default)]
pub struct Inherited(Vec<(String, TcpListener)>);

/// The name of the public web's socket in a unit.
pub const PUBLIC_NAME: &str = "web-public";
/// The name of the admin web's socket in a unit.
pub const ADMIN_NAME: &str = "web-admin";
/// The name of the socket at port 80 in a unit.
pub const PLAIN_NAME: &str = "acme-http";

impl Inherited {
    /// From `LISTEN_FDS` and `LISTEN_FDNAMES` (sd_listen_fds(3)).
    pub fn take() -> Result<Inherited, String> {
        let mut handed = ListenFd::from_env();
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut taken = Vec::new();
        for number in 0..handed.len() {
            let name = names.next().unwrap_or_default().to_string();
            let socket = handed.take_tcp_listener(number).map_err(|error| {
                format!("the inherited socket {name:?} is none for TCP: {error}")
            })?;
            taken.extend(socket.map(|socket| (name, socket)));
        }
        Ok(Inherited(taken))
    }

    /// Those of this name; without one, those at this address.
    fn of(&mut self, name: &str, bind: SocketAddr) -> Vec<TcpListener> {
        let named = self.0.iter().any(|(given, _)| given == name);
        let belongs = |(given, socket): &(String, TcpListener)| match named {
            true => given == name,
            false => socket.local_addr().is_ok_and(|at| at == bind),
        };
        self.0.extract_if(.., |one| belongs(one)).map(|(_, socket)| socket).collect()
    }
}

impl Sockets {
    /// Opens them all, or none and says which could not be had.
    pub fn open(config: &Config, mut inherited: Inherited) -> Result<Sockets, String> {
        let mut sockets = Sockets::default();
        for listener in &config.listeners {
            let what = format!("listener {:?}", listener.name);
            let opened = open_one(&what, &listener.name, listener.bind, config, &mut inherited)?;
            let listener = Arc::new(listener.clone());
            sockets.mail.extend(opened.into_iter().map(|socket| (listener.clone(), socket)));
        }
        if let Some(bind) = config.web.public {
            sockets.public = open_one("the public web", PUBLIC_NAME, bind, config, &mut inherited)?;
        }
        if let Some(bind) = config.web.admin {
            sockets.admin = open_one("the admin web", ADMIN_NAME, bind, config, &mut inherited)?;
        }
        if let Some(bind) = config.tls.acme.as_ref().and_then(|acme| acme.http) {
            sockets.plain = open_one("[tls.acme] http", PLAIN_NAME, bind, config, &mut inherited)?;
        }
        match inherited.0.first() {
            None => Ok(sockets),
            Some((name, socket)) => Err(format!(
                "the inherited socket {name:?} ({}) is nobody's: give a [[listener]] that name or address, or name it {PUBLIC_NAME:?}, {ADMIN_NAME:?} or {PLAIN_NAME:?}",
                socket.local_addr().map_or_else(|error| error.to_string(), |at| at.to_string())
            )),
        }
    }
}

fn open_one(
    what: &str,
    name: &str,
    bind: SocketAddr,
    config: &Config,
    inherited: &mut Inherited,
) -> Result<Vec<TcpListener>, String> {
    let handed = inherited.of(name, bind);
    if handed.is_empty() {
        return Ok(vec![listen_at(what, bind, config)?]);
    }
    for socket in &handed {
        socket
            .set_nonblocking(true)
            .map_err(|error| format!("{what}: the inherited socket cannot be used: {error}"))?;
    }
    tracing::info!(sockets = handed.len(), "{what} uses what it was handed at start");
    Ok(handed)
}

/// Binds one address of a configuration and listens there.
pub fn listen_at(what: &str, bind: SocketAddr, config: &Config) -> Result<TcpListener, String> {
    let reach = Reach::of(bind, config);
    listen(bind, reach)
        .map_err(|error| format!("{what} cannot have {bind}: {error}{}", mend(bind, error.kind())))
}

/// What an IPv6 socket takes besides IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// IPv4 as well, as mapped addresses.
    Both,
    /// Its own family alone.
    Own,
}

impl Reach {
    /// `[::]:25` takes IPv4 as well, unless somebody else has that port on an IPv4 address. Said here and not left to
    /// `net.ipv6.bindv6only`, which differs between machines.
    fn of(bind: SocketAddr, config: &Config) -> Reach {
        let others = config.listeners.iter().map(|listener| listener.bind);
        let taken = others
            .chain(config.web.public)
            .chain(config.web.admin)
            .chain(config.tls.acme.as_ref().and_then(|acme| acme.http))
            .any(|other| other.is_ipv4() && other.port() == bind.port());
        match bind.is_ipv6() && bind.ip().is_unspecified() && !taken {
            true => Reach::Both,
            false => Reach::Own,
        }
    }
}

fn listen(bind: SocketAddr, reach: Reach) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(bind), Type::STREAM, Some(Protocol::TCP))?;
    if bind.is_ipv6() {
        socket.set_only_v6(reach == Reach::Own)?;
    }
    // Connections of the process before us, still saying goodbye, do not keep us from the port.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&bind.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn mend(bind: SocketAddr, kind: io::ErrorKind) -> &'static str {
    if kind == io::ErrorKind::PermissionDenied && bind.port() < 1_024 {
        return "; ports below 1024 are for root (see user), CAP_NET_BIND_SERVICE or a socket from systemd";
    }
    if kind == io::ErrorKind::AddrInUse {
        return "; another program listens there: ss -ltnp shows which";
    }
    if kind == io::ErrorKind::AddrNotAvailable {
        return "; this machine does not have that address";
    }
    ""
}

/// Connections that the kernel keeps for us until we take them: those of a few busy seconds.
const BACKLOG: i32 = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::TcpStream, path::Path};

    fn config(listeners: &[(&str, SocketAddr)]) -> Config {
        let mut config = Config::trial(Path::new("/tmp"));
        let pattern = config.listeners.remove(0);
        config.listeners = listeners
            .iter()
            .map(|(name, bind)| Listener { name: name.to_string(), bind: *bind, ..pattern.clone() })
            .collect();
        config.web = crate::config::Web::default();
        config
    }

    fn bound(at: &str) -> (TcpListener, SocketAddr) {
        let socket = TcpListener::bind(at).unwrap();
        let address = socket.local_addr().unwrap();
        (socket, address)
    }

    #[test]
    fn any_ipv6_takes_ipv4_unless_somebody_has_it() {
        let all: SocketAddr = "[::]:25".parse().unwrap();
        let four: SocketAddr = "0.0.0.0:25".parse().unwrap();
        let one: SocketAddr = "[2001:db8::1]:25".parse().unwrap();
        for (listeners, bind, want) in [
            (&[("a", all)][..], all, Reach::Both),
            (&[("a", all), ("b", four)], all, Reach::Own),
            (&[("a", all), ("b", "192.0.2.1:25".parse().unwrap())], all, Reach::Own),
            (&[("a", all), ("b", "192.0.2.1:26".parse().unwrap())], all, Reach::Both),
            (&[("a", one)], one, Reach::Own),
            (&[("a", four)], four, Reach::Own),
        ] {
            assert_eq!(Reach::of(bind, &config(listeners)), want, "{listeners:?}");
        }
    }

    #[test]
    fn both_families_can_have_the_same_port() {
        // A port that is free in both: that of a socket which had both and is gone.
        let port =
            listen("[::]:0".parse().unwrap(), Reach::Both).unwrap().local_addr().unwrap().port();
        let (four, six) =
            (SocketAddr::from(([0, 0, 0, 0], port)), format!("[::]:{port}").parse().unwrap());
        let both = config(&[("six", six), ("four", four)]);
        let sockets = Sockets::open(&both, Inherited::default()).unwrap();
        assert_eq!(sockets.mail.len(), 2);
        drop(sockets);
        let alone = Sockets::open(&config(&[("six", six)]), Inherited::default()).unwrap();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok(), "[::] alone is for IPv4 too");
        drop(alone);
    }

    #[test]
    fn inherited_sockets_go_to_their_listeners() {
        let nowhere: SocketAddr = "192.0.2.1:25".parse().unwrap();
        let ((a, _), (b, _), (c, at)) =
            (bound("127.0.0.1:0"), bound("127.0.0.1:0"), bound("127.0.0.1:0"));
        let handed = |list: Vec<(&str, TcpListener)>| {
            Inherited(list.into_iter().map(|(name, socket)| (name.to_string(), socket)).collect())
        };
        let two = config(&[("mx", nowhere), ("smarthost", at)]);
        let sockets =
            Sockets::open(&two, handed(vec![("mx", a), ("mx", b), ("sluss.socket", c)])).unwrap();
        let names: Vec<&str> =
            sockets.mail.iter().map(|(listener, _)| listener.name.as_str()).collect();
        assert_eq!(names, ["mx", "mx", "smarthost"], "by name, or by address");

        let (strange, _) = bound("127.0.0.1:0");
        let nobodys = handed(vec![("imap", strange)]);
        let said = Sockets::open(&config(&[]), nobodys).unwrap_err();
        assert!(said.contains("\"imap\"") && said.contains("nobody's"), "{said}");
    }

    #[test]
    fn an_address_that_cannot_be_had_is_named_with_the_mend() {
        let (_kept, taken) = bound("127.0.0.1:0");
        for (bind, part) in [
            (taken, "another program listens there"),
            ("192.0.2.1:2525".parse().unwrap(), "does not have that address"),
        ] {
            let said = Sockets::open(&config(&[("mx", bind)]), Inherited::default()).unwrap_err();
            assert!(said.contains("listener \"mx\"") && said.contains(part), "{said}");
        }
    }
}

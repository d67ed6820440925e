//! Ports for servers that are told where to listen before they are started.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
};

/// A port on loopback that nobody has, and that no outgoing connection of this machine will be given by chance:
/// it is below the range that the system takes those from (`ip_local_port_range`, from 32768).
pub fn free_port() -> u16 {
    // Programs of one test run have neighbouring process ids; each begins elsewhere and goes on from there.
    let first = std::process::id().wrapping_mul(211);
    for _ in 0..PORTS {
        let number = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let port = LOWEST + u16::try_from(number).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

static NEXT: AtomicU32 = AtomicU32::new(0);
const LOWEST: u16 = 12_000;
const PORTS: u32 = 20_000;

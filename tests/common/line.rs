//! A connection that may become TLS, read line by line.

use rustls::{ClientConnection, ServerConnection, StreamOwned};
use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

/// Plain, or one side of TLS.
pub enum Line {
    /// As it came.
    Plain(TcpStream),
    /// We are the client.
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// We are the server.
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
    /// It changed hands.
    Gone,
}

impl Line {
    /// The connection below.
    pub fn socket(&self) -> Option<&TcpStream> {
        match self {
            Line::Plain(socket) => Some(socket),
            Line::Client(stream) => Some(stream.get_ref()),
            Line::Server(stream) => Some(stream.get_ref()),
            Line::Gone => None,
        }
    }
}

impl Read for Line {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Line::Plain(socket) => socket.read(room),
            Line::Client(stream) => stream.read(room),
            Line::Server(stream) => stream.read(room),
            Line::Gone => Ok(0),
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Line::Plain(socket) => socket.write(bytes),
            Line::Client(stream) => stream.write(bytes),
            Line::Server(stream) => stream.write(bytes),
            Line::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Line::Plain(socket) => socket.flush(),
            Line::Client(stream) => stream.flush(),
            Line::Server(stream) => stream.flush(),
            Line::Gone => Ok(()),
        }
    }
}

//! One session with clamd: sends a command with its content, waits for the reply that carries its number.
//!
//! The reply is awaited while content is still being sent, for clamd says that it is too much and closes without reading on.

use super::NotAnswered;
use crate::{
    base::limits,
    config::clamd::ClamdAddress,
    wire::clamd::{Command, Replies, Reply, STREAM_END, Said, chunk_head, chunks},
};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use std::{
    fs::File,
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::{fd::BorrowedFd, unix::fs::FileExt},
    path::Path,
    sync::Arc,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest},
    net::{TcpStream, UnixStream},
    time::timeout,
};

/// What is asked.
#[derive(Debug)]
pub(super) enum Task<'a> {
    /// PING.
    Ping,
    /// VERSION.
    Version,
    /// Scan these bytes.
    Stream(&'a [u8]),
    /// Scan this file, sending so many bytes of it.
    StreamFile(Arc<File>, u64),
    /// Scan this file, passing it. Unix sockets only.
    File(BorrowedFd<'a>),
}

/// A connection in which a session was opened.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Socket,
    replies: Replies,
    /// Commands given; clamd counts them as well and puts the number before its reply.
    commands: u32,
}

#[derive(Debug)]
enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Connection {
    /// Connects and opens a session, within [`limits::CLAMD_CONNECT_TIME_MAX`].
    pub(super) async fn open(address: &ClamdAddress) -> Result<Connection, NotAnswered> {
        let max = limits::CLAMD_CONNECT_TIME_MAX;
        let socket = match timeout(max, connect(address)).await {
            Ok(connected) => connected.map_err(|error| NotAnswered::Away(error.to_string()))?,
            Err(_) => return Err(NotAnswered::Away(format!("no answer in {max:?}"))),
        };
        Ok(Connection { socket, replies: Replies::default(), commands: 0 })
    }

    /// Gives a command and reads its reply. After an error the connection is of no more use.
    pub(super) async fn run(&mut self, task: &Task<'_>) -> Result<Said, NotAnswered> {
        let opening = self.commands == 0;
        self.commands = self.commands.saturating_add(1);
        let replies = &mut self.replies;
        let reply = match (&mut self.socket, task) {
            (Socket::Unix(socket), Task::File(file)) => {
                pass(socket, *file, opening).await.map_err(lost)?;
                reply(socket, replies).await?
            }
            (Socket::Unix(socket), _) => {
                let (reading, writing) = socket.split();
                exchange(reading, writing, replies, task, opening).await?
            }
            (Socket::Tcp(socket), _) => {
                let (reading, writing) = socket.split();
                exchange(reading, writing, replies, task, opening).await?
            }
        };
        numbered(reply, self.commands)
    }

    /// May another command follow? Not when something came that nobody has asked for.
    pub(super) fn is_reusable(&self) -> bool {
        self.replies.is_empty() && self.commands < limits::CLAMD_SESSION_COMMANDS_MAX
    }
}

async fn connect(address: &ClamdAddress) -> io::Result<Socket> {
    match address {
        ClamdAddress::Unix(path) => Ok(Socket::Unix(connect_unix(path).await?)),
        ClamdAddress::Tcp { host, port } => {
            let socket = TcpStream::connect((host.as_str(), *port)).await?;
            // The end of a stream is four bytes; they must not wait for company.
            socket.set_nodelay(true)?;
            Ok(Socket::Tcp(socket))
        }
    }
}

async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Good news must be about what we asked. Complaints may come without a number: clamd makes some before it has read the command.
fn numbered(reply: Reply, wanted: u32) -> Result<Said, NotAnswered> {
    let is_answer = match reply.said {
        Said::Pong | Said::Version(_) | Said::Clean | Said::Found(_) => true,
        Said::TooLarge | Said::TimedOut | Said::Error(_) | Said::Garbage(_) => false,
    };
    match reply.id {
        Some(id) if id == wanted => Ok(reply.said),
        None if !is_answer => Ok(reply.said),
        other => Err(NotAnswered::Garbled(format!("a reply numbered {other:?} to {wanted}"))),
    }
}

async fn exchange(
    mut reading: impl AsyncRead + Unpin,
    writing: impl AsyncWrite + Unpin,
    replies: &mut Replies,
    task: &Task<'_>,
    opening: bool,
) -> Result<Reply, NotAnswered> {
    let sent = tokio::select! {
        // In this order, so that a reply is only early when something is still unsent.
        biased;
        sent = send(writing, task, opening) => sent,
        early = reply(&mut reading, replies) => return early.and_then(before_the_end),
    };
    match sent {
        Ok(()) => reply(&mut reading, replies).await,
        Err(Unsent::Unreadable(error)) => Err(super::unreadable(error)),
        // It may have said why before it closed.
        Err(Unsent::Lost(error)) => {
            let why = reply(&mut reading, replies).await.and_then(before_the_end);
            why.map_err(|_| lost(error))
        }
    }
}

/// Why content was not sent.
enum Unsent {
    /// The socket failed.
    Lost(io::Error),
    /// The file failed.
    Unreadable(io::Error),
}

async fn send(
    mut to: impl AsyncWrite + Unpin,
    task: &Task<'_>,
    opening: bool,
) -> Result<(), Unsent> {
    if opening {
        to.write_all(Command::Session.bytes()).await.map_err(Unsent::Lost)?;
    }
    let command = match task {
        Task::Ping => Command::Ping,
        Task::Version => Command::Version,
        Task::Stream(_) | Task::StreamFile(..) => Command::Stream,
        Task::File(_) => {
            let why = "files can be passed over Unix sockets only";
            return Err(Unsent::Unreadable(io::Error::new(io::ErrorKind::Unsupported, why)));
        }
    };
    to.write_all(command.bytes()).await.map_err(Unsent::Lost)?;
    match task {
        Task::Ping | Task::Version | Task::File(_) => return Ok(()),
        Task::Stream(bytes) => {
            for (head, piece) in chunks(bytes) {
                to.write_all(&head).await.map_err(Unsent::Lost)?;
                to.write_all(piece).await.map_err(Unsent::Lost)?;
            }
        }
        Task::StreamFile(file, bytes) => send_file(&mut to, file, *bytes).await?,
    }
    to.write_all(&STREAM_END).await.map_err(Unsent::Lost)
}

/// At most the bytes that it had when it was looked at. A file that has become shorter is not one that was scanned whole.
async fn send_file(
    to: &mut (impl AsyncWrite + Unpin),
    file: &Arc<File>,
    bytes: u64,
) -> Result<(), Unsent> {
    let mut at = 0;
    while at < bytes {
        let piece = read_piece(file.clone(), at, bytes - at).await.map_err(Unsent::Unreadable)?;
        at = at.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        to.write_all(&chunk_head(&piece)).await.map_err(Unsent::Lost)?;
        to.write_all(&piece).await.map_err(Unsent::Lost)?;
    }
    Ok(())
}

async fn read_piece(file: Arc<File>, at: u64, left: u64) -> io::Result<Vec<u8>> {
    let size = usize::try_from(left).unwrap_or(usize::MAX).min(limits::CLAMD_CHUNK_BYTES);
    let reading = tokio::task::spawn_blocking(move || {
        let mut piece = vec![0; size];
        file.read_exact_at(&mut piece, at).map(|()| piece)
    });
    reading.await.map_err(io::Error::other)?
}

/// The command, then one byte with the descriptor beside it (unix(7), SCM_RIGHTS).
async fn pass(socket: &mut UnixStream, file: BorrowedFd<'_>, opening: bool) -> io::Result<()> {
    if opening {
        socket.write_all(Command::Session.bytes()).await?;
    }
    socket.write_all(Command::File.bytes()).await?;
    let files = [file];
    socket
        .async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut beside = SendAncillaryBuffer::new(&mut space);
            if !beside.push(SendAncillaryMessage::ScmRights(&files)) {
                return Err(io::Error::other("no room for a descriptor"));
            }
            let sent = rustix::net::sendmsg(
                &*socket,
                &[IoSlice::new(&[0])],
                &mut beside,
                SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
            );
            sent.map(|_| ()).map_err(io::Error::from)
        })
        .await
}

/// The next reply. Safe to be dropped: what was read is in `replies`.
async fn reply(
    mut from: impl AsyncRead + Unpin,
    replies: &mut Replies,
) -> Result<Reply, NotAnswered> {
    let mut buffer = [0; 1_024];
    loop {
        if let Some(reply) = replies.reply() {
            return Ok(reply);
        }
        let count = from.read(&mut buffer).await.map_err(lost)?;
        if count == 0 {
            let closed = || NotAnswered::Lost("clamd closed it".to_string());
            return replies.rest().ok_or_else(closed).and_then(before_the_end);
        }
        let read = buffer.get(..count).unwrap_or_default();
        replies.take(read).map_err(|error| NotAnswered::Garbled(error.to_string()))?;
    }
}

/// A reply that came before clamd had everything, or of which the end is missing: a complaint may be believed, praise not.
fn before_the_end(reply: Reply) -> Result<Reply, NotAnswered> {
    match reply.said {
        Said::Clean | Said::Pong | Said::Version(_) => {
            Err(NotAnswered::Garbled("an answer before the question's end".to_string()))
        }
        Said::Found(_) | Said::TooLarge | Said::TimedOut | Said::Error(_) | Said::Garbage(_) => {
            Ok(reply)
        }
    }
}

fn lost(error: io::Error) -> NotAnswered {
    NotAnswered::Lost(error.to_string())
}

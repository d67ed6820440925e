//! What gateway, warden and workers say to each other: a length, a body, and perhaps one open file.
//!
//! Nothing said by the other end is believed: a length over the bound is an error before a byte of it is read, and every wait has an end.

use crate::base::clock::{Clock, Tick};
use rustix::{
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
    },
};
use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

/// One end of a line between two of our processes.
#[derive(Debug)]
pub(super) struct Line {
    socket: UnixStream,
}

/// How long to wait for the other end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience<'c> {
    /// As long as it lives.
    Endless,
    /// Until then.
    Until(&'c Clock, Tick),
}

/// What was heard.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) body: Vec<u8>,
    pub(super) file: Option<OwnedFd>,
}

impl Line {
    /// Both ends of a new line.
    pub(super) fn pair() -> io::Result<(Line, Line)> {
        let (ours, theirs) = UnixStream::pair()?;
        Ok((Line { socket: ours }, Line { socket: theirs }))
    }

    /// A line over a socket that somebody handed us.
    pub(super) fn over(socket: OwnedFd) -> Line {
        Line { socket: UnixStream::from(socket) }
    }

    /// The socket, to be handed on.
    pub(super) fn into_socket(self) -> OwnedFd {
        self.socket.into()
    }

    /// Says something; a file goes along as if the other end had opened it.
    pub(super) fn send(&mut self, body: &[u8], file: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let length = u32::try_from(body.len()).map_err(|_| too_long(body.len()))?.to_be_bytes();
        match file {
            None => {
                // Small things in one call.
                if body.len() <= SMALL_BYTES {
                    return self.socket.write_all(&[&length[..], body].concat());
                }
                self.socket.write_all(&length)?;
            }
            Some(file) => {
                let files = [file];
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut with = SendAncillaryBuffer::new(&mut space);
                with.push(SendAncillaryMessage::ScmRights(&files));
                let pieces = [IoSlice::new(&length)];
                let sent =
                    retry(|| sendmsg(&self.socket, &pieces, &mut with, SendFlags::NOSIGNAL))?;
                self.socket.write_all(length.get(sent..).unwrap_or_default())?;
            }
        }
        self.socket.write_all(body)
    }

    /// Hears something of at most this many bytes; none if the other end has gone.
    pub(super) fn receive(
        &mut self,
        bytes_max: usize,
        patience: Patience<'_>,
    ) -> io::Result<Option<Frame>> {
        let mut length = [0; 4];
        let Some((filled, file)) = self.first_bytes(&mut length, patience)? else {
            return Ok(None);
        };
        self.fill(length.get_mut(filled..).unwrap_or_default(), patience)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > bytes_max {
            return Err(too_long(length));
        }
        let mut body = Vec::new();
        // A piece at a time: a length alone must not make us take memory.
        while body.len() < length {
            let had = body.len();
            body.resize(length.min(had + PIECE_BYTES), 0);
            self.fill(body.get_mut(had..).unwrap_or_default(), patience)?;
        }
        Ok(Some(Frame { body, file }))
    }

    fn first_bytes(
        &mut self,
        into: &mut [u8],
        patience: Patience<'_>,
    ) -> io::Result<Option<(usize, Option<OwnedFd>)>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut with = RecvAncillaryBuffer::new(&mut space);
        self.be_patient(patience)?;
        let mut pieces = [IoSliceMut::new(into)];
        let heard =
            retry(|| recvmsg(&self.socket, &mut pieces, &mut with, RecvFlags::CMSG_CLOEXEC))?;
        let files = with.drain().filter_map(|message| {
            // Credentials, which nobody asked for, are passed over.
            let RecvAncillaryMessage::ScmRights(mut files) = message else { return None };
            files.next()
        });
        let file = files.last();
        Ok((heard.bytes > 0).then_some((heard.bytes, file)))
    }

    fn fill(&mut self, mut into: &mut [u8], patience: Patience<'_>) -> io::Result<()> {
        while !into.is_empty() {
            self.be_patient(patience)?;
            match self.socket.read(into) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => into = into.get_mut(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn be_patient(&self, patience: Patience<'_>) -> io::Result<()> {
        let wait = match patience {
            Patience::Endless => None,
            Patience::Until(clock, end) => {
                let left = end.since(clock.tick());
                if left.is_zero() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Some(left.max(Duration::from_millis(1)))
            }
        };
        self.socket.set_read_timeout(wait)
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Has the wait come to its end? The kernel says it in two ways.
pub(super) fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => (),
            outcome => return outcome.map_err(io::Error::from),
        }
    }
}

fn too_long(bytes: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{bytes} bytes are more than is ever said"))
}

/// What is copied to be sent in one call.
const SMALL_BYTES: usize = 64 << 10;
/// What is made room for at a time.
const PIECE_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Clock;
    use std::{fs::File, io::Seek, thread};

    #[test]
    fn bodies_and_files_arrive_as_they_were_sent() {
        let (mut here, mut there) = Line::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"inside").unwrap();
        let large = vec![7; 3 << 20];
        let sending = thread::spawn(move || {
            here.send(b"", None).unwrap();
            here.send(b"with a file", Some(file.as_fd())).unwrap();
            here.send(&large, None).unwrap();
        });
        let hear = |line: &mut Line| line.receive(4 << 20, Patience::Endless).unwrap();
        assert_eq!(hear(&mut there).unwrap().body, b"");
        let frame = hear(&mut there).unwrap();
        assert_eq!(frame.body, b"with a file");
        let (mut file, mut text) = (File::from(frame.file.unwrap()), String::new());
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "inside");
        assert_eq!(hear(&mut there).unwrap().body.len(), 3 << 20);
        sending.join().unwrap();
        assert!(hear(&mut there).is_none(), "the other end has gone");
    }

    #[test]
    fn what_is_too_long_or_comes_too_late_is_an_error() {
        let (mut here, mut there) = Line::pair().unwrap();
        here.send(&[0; 100], None).unwrap();
        let error = there.receive(99, Patience::Endless).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let (_here, mut there) = Line::pair().unwrap();
        let clock = Clock::system();
        let end = clock.tick().plus(Duration::from_millis(20));
        let error = there.receive(9, Patience::Until(&clock, end)).unwrap_err();
        assert!(is_time_out(&error), "{error:?}");
        let (mut here, mut there) = Line::pair().unwrap();
        here.socket.write_all(&[0, 0, 0, 9, 1]).unwrap();
        drop(here);
        assert!(there.receive(9, Patience::Endless).is_err(), "cut off in the middle");
    }
}

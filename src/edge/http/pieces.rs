//! Answers that are written while they are read: no more of them is in memory than a few pieces.

use axum::body::Body;
use bytes::Bytes;
use hyper::body::Frame;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::mpsc;

/// What is sent comes out of the body; an error cuts it off, so that nobody takes a part for the whole. Who sends waits for a slow reader.
pub(super) fn streamed() -> (mpsc::Sender<io::Result<Bytes>>, Body) {
    let (pieces, taken) = mpsc::channel(WAITING_MAX);
    (pieces, Body::new(Pieces(taken)))
}

/// So many pieces wait for a slow reader.
const WAITING_MAX: usize = 4;

struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let next = self.get_mut().0.poll_recv(context);
        next.map(|piece| piece.map(|bytes| bytes.map(Frame::data)))
    }
}

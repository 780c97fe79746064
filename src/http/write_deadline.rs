//! A connection whose client must take what is sent to it: one that reads nothing for some time is closed, so that it holds neither a
//! place nor memory. A server cannot tell such a client from one that is gone without a word.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// `io` with a limit to how long a write may stand still.
pub(super) struct WriteDeadline<T> {
    io: T,
    limit: Duration,
    /// Set while a write stands still.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<T> WriteDeadline<T> {
    /// Lets writes stand still for `limit`.
    pub(super) const fn new(io: T, limit: Duration) -> Self {
        Self { io, limit, deadline: None }
    }

    /// Lets `outcome` pass, unless it is one wait too many.
    fn watched<R>(&mut self, outcome: Poll<Result<R>>, context: &mut Context<'_>) -> Poll<Result<R>> {
        if outcome.is_ready() {
            self.deadline = None;
            return outcome;
        }
        let limit = self.limit;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + limit)));
        match deadline.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the client takes nothing"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for WriteDeadline<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WriteDeadline<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(context, bytes);
        self.watched(outcome, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.watched(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_write_that_stands_still_fails_at_its_time_and_no_earlier() {
        let (ours, _theirs) = duplex(4);
        let mut ours = WriteDeadline::new(ours, LIMIT);
        let began = Instant::now();
        let error = ours.write_all(b"more than four").await.unwrap_err();
        assert_eq!((error.kind(), began.elapsed()), (ErrorKind::TimedOut, LIMIT));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_slowly_but_reads_is_served() {
        let (ours, mut theirs) = duplex(4);
        let mut ours = WriteDeadline::new(ours, LIMIT);
        let reading = tokio::spawn(async move {
            let mut seen = Vec::new();
            let mut four = [0; 4];
            while theirs.read_exact(&mut four).await.is_ok() {
                seen.extend(four);
                tokio::time::advance(LIMIT - Duration::from_secs(1)).await;
            }
            seen
        });
        ours.write_all(b"sixteen letters.").await.unwrap();
        drop(ours);
        assert_eq!(reading.await.unwrap(), b"sixteen letters.");
    }
}

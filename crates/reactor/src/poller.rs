//! The readiness of many descriptors behind one: epoll or kqueue, edge-triggered, by way of mio.
//!
//! It knows descriptors and tokens. It does not know what is behind a token, nor whether that still exists.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};

use crate::readiness::Readiness;
use crate::slab::Token;

/// How many events one poll takes from the kernel. What it leaves is told by the next.
const CAPACITY: usize = 1024;

/// A poller whose own descriptor can be watched by another: it is readable while events wait here.
///
/// The outer watch must be level-triggered, or [`Poller::poll`] be called until it gives nothing.
#[derive(Debug)]
pub struct Poller {
    poll: Poll,
    events: Events,
}

impl Poller {
    /// Make a poller that takes up to 1024 events at a time. Its descriptor is closed on exec.
    ///
    /// # Errors
    /// The system has no more descriptors.
    pub fn new() -> io::Result<Self> {
        Self::with_capacity(CAPACITY)
    }

    /// Make a poller that takes up to `capacity` events at a time.
    ///
    /// # Errors
    /// The system has no more descriptors.
    pub fn with_capacity(capacity: usize) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(capacity.max(1)),
        })
    }

    /// Watch `source` under `token` for all that may happen to it, until it is deregistered or closed.
    ///
    /// What is ready already is told by the next poll. A descriptor is registered once, not again for each
    /// wait.
    ///
    /// # Errors
    /// `AlreadyExists` if it is watched; else the system's, for a descriptor that cannot be watched or no
    /// memory.
    pub fn register(&self, source: &impl AsRawFd, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut SourceFd(&source.as_raw_fd()), kernel_token(token)?, interest)
    }

    /// Watch `source` no more. Needed before closing if the descriptor has a duplicate, here or in another
    /// process.
    ///
    /// Never call it in a forked child: the set is shared, so that the parent would be deaf. See
    /// [`Poller::forget`].
    ///
    /// # Errors
    /// `NotFound` if it is not watched.
    pub fn deregister(&self, source: &impl AsRawFd) -> io::Result<()> {
        self.poll
            .registry()
            .deregister(&mut SourceFd(&source.as_raw_fd()))
    }

    /// Wait up to `timeout` (`None`: for ever) and put what happened in place of what is in `into`.
    ///
    /// A signal ends the wait early, with nothing in `into` and no error: so whoever blocks in here can look
    /// at what the signal's handler left, and then wait again.
    ///
    /// # Errors
    /// The system's; none is expected of a poller that is open.
    pub fn poll(&mut self, timeout: Option<Duration>, into: &mut Vec<(Token, Readiness)>) -> io::Result<()> {
        into.clear();
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in &self.events {
            let hup = event.is_read_closed() || event.is_error();
            let readiness = Readiness {
                // The end of the stream and a pending error are found by reading,
                readable: event.is_readable() || hup,
                // and whoever waits to write must find the error too.
                writable: event.is_writable() || event.is_error(),
                hup,
            };
            into.push((Token::from_u64(event.token().0 as u64), readiness));
        }
        Ok(())
    }

    /// Close this process's copy of the poller, and leave its watches alone: they belong to the parent of a
    /// fork too.
    ///
    /// On kqueue, which is not inherited, there is nothing to leave alone.
    pub fn forget(self) {
        // mio's destructor is a plain close(2) of the descriptor.
        drop(self);
    }
}

impl AsRawFd for Poller {
    /// The descriptor that an outer loop watches for reading.
    fn as_raw_fd(&self) -> RawFd {
        self.poll.as_raw_fd()
    }
}

fn kernel_token(token: Token) -> io::Result<mio::Token> {
    usize::try_from(token.as_u64())
        .map(mio::Token)
        .map_err(io::Error::other)
}

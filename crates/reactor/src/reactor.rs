//! The tables of one loop, kept in step: connections, readiness, what is ready to be driven, deadlines, the
//! clock.
//!
//! It does not know what a connection is, and never decides what is done with one.

use std::io;
#[cfg(unix)]
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use crate::budget::Budget;
use crate::deadlines::Deadlines;
#[cfg(all(unix, target_pointer_width = "64"))]
use crate::poller::Poller;
use crate::readiness::Readiness;
use crate::ready::ReadyQueue;
use crate::slab::{Slab, Token};
#[cfg(not(all(unix, target_pointer_width = "64")))]
use crate::unsupported::Poller;

/// The connections of one loop, of whatever type `T` they are.
///
/// Nothing here calls foreign code but the closures given to [`Reactor::poll`] and [`Reactor::turn`], so the
/// code that a driver runs between two calls may insert, remove and queue as it likes.
#[derive(Debug)]
pub struct Reactor<T> {
    poller: Option<Poller>,
    events: Vec<(Token, Readiness)>,
    connections: Slab<T>,
    ready: ReadyQueue,
    deadlines: Deadlines,
    started: Instant,
    now: u64,
}

impl<T> Reactor<T> {
    /// Make a reactor with a poller of its own. Its clock starts at zero.
    ///
    /// # Errors
    /// No descriptor is left, or the platform has no poller (`Unsupported`): use [`Reactor::without_poller`]
    /// there.
    pub fn new() -> io::Result<Self> {
        Ok(Self::from_poller(Some(Poller::new()?)))
    }

    /// Make a reactor for connections whose readiness somebody else watches: queue, deadlines and clock only.
    pub fn without_poller() -> Self {
        Self::from_poller(None)
    }

    fn from_poller(poller: Option<Poller>) -> Self {
        Self {
            poller,
            events: Vec::new(),
            connections: Slab::new(),
            ready: ReadyQueue::new(),
            deadlines: Deadlines::new(),
            started: Instant::now(),
            now: 0,
        }
    }

    /// The time in milliseconds since the reactor was made, as the last [`Reactor::poll`] or
    /// [`Reactor::tick`] saw it.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Look at the clock, and return the time.
    pub fn tick(&mut self) -> u64 {
        self.now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.deadlines.advance(self.now);
        self.now
    }

    /// The token that the next [`Reactor::insert`] will return.
    pub fn vacant_token(&self) -> Token {
        self.connections.vacant_token()
    }

    /// Take a connection in. It is neither watched nor queued by this.
    pub fn insert(&mut self, connection: T) -> Token {
        self.connections.insert(connection)
    }

    /// The connection of `token`, if it is still here.
    pub fn get(&self, token: Token) -> Option<&T> {
        self.connections.get(token)
    }

    /// The connection of `token` to change, if it is still here.
    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        self.connections.get_mut(token)
    }

    /// Take a connection out, off the queue and off the deadlines. Its events that are still to come are
    /// dropped.
    ///
    /// The watch on its descriptor ends when that is closed; call [`Reactor::deregister`] first if it has a
    /// duplicate.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        let connection = self.connections.remove(token)?;
        self.ready.remove(token);
        self.deadlines.set(token, None);
        Some(connection)
    }

    /// Whether `token` still names a connection.
    pub fn contains(&self, token: Token) -> bool {
        self.connections.contains(token)
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether there is no connection.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// All connections with their tokens.
    pub fn iter(&self) -> impl Iterator<Item = (Token, &T)> {
        self.connections.iter()
    }

    /// Take all connections out. The reactor is empty, and may be used, when this returns.
    pub fn drain(&mut self) -> std::vec::IntoIter<(Token, T)> {
        let drained = self.connections.drain();
        for (token, _) in drained.as_slice() {
            self.deadlines.set(*token, None);
        }
        self.ready.clear();
        drained
    }

    /// Close everything without a word to the kernel about the watches: for the child of a fork, which shares
    /// them.
    ///
    /// The connections are dropped, so their destructors run; a [`crate::Socket`] is closed and not shut
    /// down.
    pub fn forget(self) {
        #[cfg(all(unix, target_pointer_width = "64"))]
        if let Some(poller) = self.poller {
            poller.forget();
        }
    }

    /// The poller's descriptor, for an outer loop to watch for reading.
    #[cfg(unix)]
    pub fn as_raw_fd(&self) -> Option<RawFd> {
        self.poller.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Watch `source` for the connection of `token` until it is closed or deregistered.
    ///
    /// What is ready already is told by the next [`Reactor::poll`].
    ///
    /// # Errors
    /// `Unsupported` without a poller; else those of [`crate::Poller::register`].
    #[cfg(unix)]
    pub fn register(&self, token: Token, source: &impl AsRawFd) -> io::Result<()> {
        self.watching()?.register(source, token)
    }

    /// Watch `source` no more. Never in the child of a fork: see [`Reactor::forget`].
    ///
    /// # Errors
    /// `Unsupported` without a poller, `NotFound` if it is not watched.
    #[cfg(unix)]
    pub fn deregister(&self, source: &impl AsRawFd) -> io::Result<()> {
        self.watching()?.deregister(source)
    }

    #[cfg(unix)]
    fn watching(&self) -> io::Result<&Poller> {
        self.poller
            .as_ref()
            .ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// Wait up to `timeout` for events, give each to its connection and queue that; then look at the clock.
    ///
    /// Events of connections that are gone are dropped. At most 1024 events are taken; the poller's
    /// descriptor stays readable if there are more. A signal ends the wait early, and so does nothing to wait
    /// with: without a poller this only looks at the clock.
    ///
    /// `each` should do no more than remember ([`crate::Socket::set_ready`]): events that a panic in it skips
    /// are lost.
    ///
    /// # Errors
    /// The poller's; none is expected of one that is open.
    pub fn poll(
        &mut self,
        timeout: Option<Duration>,
        mut each: impl FnMut(&mut T, Readiness),
    ) -> io::Result<()> {
        let result = match &mut self.poller {
            Some(poller) => poller.poll(timeout, &mut self.events),
            None => Ok(()),
        };
        self.tick();
        result?;
        for (token, readiness) in self.events.drain(..) {
            if let Some(connection) = self.connections.get_mut(token) {
                each(connection, readiness);
                self.ready.push(token);
            }
        }
        Ok(())
    }

    /// Queue a connection to be driven, as when a paused one goes on. Once is enough; one that is gone is not
    /// queued.
    pub fn queue(&mut self, token: Token) {
        if self.connections.contains(token) {
            self.ready.push(token);
        }
    }

    /// Take the next connection to be driven, in the order in which they were queued.
    pub fn next_ready(&mut self) -> Option<Token> {
        self.ready.pop()
    }

    /// Whether a connection waits to be driven.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The deadlines of the connections, in the time of [`Reactor::now`].
    pub fn deadlines(&mut self) -> &mut Deadlines {
        &mut self.deadlines
    }

    /// Drive the connections once, without an outer loop: poll, then `drive` one ready connection after the
    /// other until none is left or a [`Budget`] is spent. Return how many were driven.
    ///
    /// The wait ends after `timeout` (`None`: never), at the next deadline or by a signal, and there is none
    /// if connections are ready from before. Deadlines that have passed are the caller's to take, after the
    /// turn: [`Deadlines::pop_due`].
    ///
    /// # Errors
    /// Those of [`Reactor::poll`].
    pub fn turn(
        &mut self,
        timeout: Option<Duration>,
        each: impl FnMut(&mut T, Readiness),
        mut drive: impl FnMut(&mut Self, Token),
    ) -> io::Result<usize> {
        let wait = self.wait(timeout);
        self.poll(wait, each)?;
        let mut budget = Budget::default();
        let mut driven = 0;
        while self.has_ready() && budget.take() {
            let Some(token) = self.next_ready() else { break };
            drive(self, token);
            driven += 1;
        }
        Ok(driven)
    }

    /// How long a turn may wait.
    fn wait(&mut self, timeout: Option<Duration>) -> Option<Duration> {
        if self.has_ready() {
            return Some(Duration::ZERO);
        }
        let Some(deadline) = self.deadlines.next() else {
            return timeout;
        };
        let left = Duration::from_millis(deadline.saturating_sub(self.tick()));
        Some(timeout.map_or(left, |timeout| timeout.min(left)))
    }
}

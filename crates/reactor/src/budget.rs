//! How long one turn may go on before other work of the loop gets its chance.

use std::time::{Duration, Instant};

/// The clock is read once for so many connections: reading it costs as much as a few table look-ups.
const TAKES_PER_READING: u32 = 8;

/// What one turn may spend: a number of connections and a span of wall time, whichever ends first.
#[derive(Debug)]
pub struct Budget<C = fn() -> Instant> {
    clock: C,
    started: Instant,
    wall: Duration,
    connections: u32,
    taken: u32,
}

impl Budget {
    /// What a turn is given if nothing else is said: 64 connections or one millisecond.
    ///
    /// 512 busy sockets then hold up a timer by one such turn, not by all of them.
    pub const CONNECTIONS: u32 = 64;
    /// See [`Budget::CONNECTIONS`].
    pub const WALL: Duration = Duration::from_millis(1);

    /// Start a turn that may serve `connections`, and none more once `wall` has passed.
    pub fn new(connections: u32, wall: Duration) -> Self {
        Self::with_clock(connections, wall, Instant::now)
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(Self::CONNECTIONS, Self::WALL)
    }
}

impl<C: FnMut() -> Instant> Budget<C> {
    /// [`Budget::new`] on a clock of the caller's.
    pub fn with_clock(connections: u32, wall: Duration, mut clock: C) -> Self {
        let started = clock();
        Self {
            clock,
            started,
            wall,
            connections,
            taken: 0,
        }
    }

    /// Take the right to serve one more connection; false, and from then on always, when the budget is spent.
    ///
    /// The clock is read before each ninth, seventeenth … connection, never more often.
    pub fn take(&mut self) -> bool {
        if self.taken >= self.connections {
            return false;
        }
        if self.taken > 0 && self.taken % TAKES_PER_READING == 0 && self.is_late() {
            self.connections = 0;
            return false;
        }
        self.taken += 1;
        true
    }

    fn is_late(&mut self) -> bool {
        (self.clock)().saturating_duration_since(self.started) >= self.wall
    }
}

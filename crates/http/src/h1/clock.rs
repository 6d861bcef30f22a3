//! The one deadline that a connection has at a time.
//!
//! # Theory of operation
//!
//! What a connection waits for follows from its state, and only one thing at a time. Whoever changes
//! the state says afterwards what is waited for; a change starts the deadline anew. Commands carry
//! no time: a wait that a command began is `inexact`, it counts from when the time is told next. So
//! a deadline is never early. It may be late by the time until then: a driver that tells the time
//! by `handle_timeout` at the end of a turn keeps it exact.

use crate::{Instant, Limits};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Nothing that has a deadline.
    Nothing,
    /// The first byte of a head.
    Idle,
    /// The rest of a head: a deadline, so that a byte now and then does not help.
    Head,
    /// The next byte of a body.
    Body,
    /// The peer to notice that it was refused.
    Linger,
}

#[derive(Debug)]
pub(crate) struct Clock {
    now: Instant,
    wait: Wait,
    since: Instant,
    exact: bool,
}

impl Clock {
    pub(crate) fn new(now: Instant) -> Clock {
        Clock {
            now,
            wait: Wait::Nothing,
            since: now,
            exact: true,
        }
    }

    /// The time is told, along with input.
    pub(crate) fn tell(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if !self.exact {
            self.since = self.now;
            self.exact = true;
        }
    }

    /// The state may have changed. `exact`: just after the time was told.
    pub(crate) fn wait_for(&mut self, wait: Wait, exact: bool) {
        if wait != self.wait {
            *self = Clock {
                now: self.now,
                wait,
                since: self.now,
                exact,
            };
        }
    }

    /// If this is waited for, it has come in part.
    pub(crate) fn progress_of(&mut self, wait: Wait) {
        if self.wait == wait {
            self.since = self.now;
        }
    }

    /// When the deadline is; None if there is none.
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let timeout = match self.wait {
            Wait::Nothing => 0,
            Wait::Idle => limits.keepalive_timeout,
            Wait::Head => limits.head_timeout,
            Wait::Body => limits.body_timeout,
            Wait::Linger => limits.linger_timeout,
        };
        (timeout > 0).then(|| self.since.saturating_add(timeout))
    }

    /// What has been waited for too long by now.
    pub(crate) fn expired(&mut self, now: Instant, limits: &Limits) -> Option<Wait> {
        self.tell(now);
        (self.deadline(limits)? <= self.now).then_some(self.wait)
    }
}

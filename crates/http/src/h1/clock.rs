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
    /// The first byte of all.
    First,
    /// The first byte of a further head.
    Idle,
    /// The rest of a head: a deadline, so that a byte now and then does not help.
    Head,
    /// The next byte of a body, by somebody who reads it.
    Body,
    /// The end of a body that nobody reads: a deadline, as for a head.
    Discard,
    /// The peer to notice that it was refused.
    Linger,
}

/// What `min_body_rate` does not count: the time in which a sender gets going (Kestrel: 5 s).
const RATE_GRACE: u64 = 5_000;

impl Wait {
    /// The name for counters.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Wait::Nothing => "nothing",
            Wait::First | Wait::Idle => "idle",
            Wait::Head => "head",
            Wait::Body => "body",
            Wait::Discard => "discard",
            Wait::Linger => "linger",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Clock {
    now: Instant,
    wait: Wait,
    /// When the wait began.
    began: Instant,
    /// When the wait began, or something came of it.
    since: Instant,
    exact: bool,
    /// Waits for the current body that are over, in milliseconds.
    body_waited: u64,
    /// Bytes of the current body.
    body_received: u64,
}

impl Clock {
    pub(crate) fn new(now: Instant) -> Clock {
        Clock {
            now,
            wait: Wait::Nothing,
            began: now,
            since: now,
            exact: true,
            body_waited: 0,
            body_received: 0,
        }
    }

    /// Another body is waited for from now on.
    pub(crate) fn begin_body(&mut self) {
        self.body_waited = 0;
        self.body_received = 0;
    }

    /// So many bytes of the body came.
    pub(crate) fn body_came(&mut self, n: u64) {
        self.body_received += n;
        self.progress_of(Wait::Body);
    }

    /// The time is told, along with input.
    pub(crate) fn tell(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if !self.exact {
            self.began = self.now;
            self.since = self.now;
            self.exact = true;
        }
    }

    /// The state may have changed. `exact`: just after the time was told.
    pub(crate) fn wait_for(&mut self, wait: Wait, exact: bool) {
        if wait != self.wait {
            if self.wait == Wait::Body {
                self.body_waited += self.now - self.began;
            }
            self.wait = wait;
            self.began = self.now;
            self.since = self.now;
            self.exact = exact;
        }
    }

    /// If this is waited for, it has come in part.
    fn progress_of(&mut self, wait: Wait) {
        if self.wait == wait {
            self.since = self.now;
        }
    }

    /// When the deadline is; None if there is none.
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let timeout = match self.wait {
            Wait::Nothing => 0,
            Wait::First => limits.first_timeout,
            Wait::Idle => limits.keepalive_timeout,
            Wait::Head => limits.head_timeout,
            Wait::Body | Wait::Discard => limits.body_timeout,
            Wait::Linger => limits.linger_timeout,
        };
        let at = (timeout > 0).then(|| self.since.saturating_add(timeout));
        [at, self.rate_deadline(limits)].into_iter().flatten().min()
    }

    /// When the bytes of the body that came will not be enough for the time that they took.
    fn rate_deadline(&self, limits: &Limits) -> Option<Instant> {
        if self.wait != Wait::Body || limits.min_body_rate == 0 {
            return None;
        }
        let earned = self.body_received.saturating_mul(1000) / limits.min_body_rate;
        let allowed = RATE_GRACE.saturating_add(earned);
        Some(
            self.began
                .saturating_add(allowed.saturating_sub(self.body_waited)),
        )
    }

    /// Whether a body that is due came, but too slowly.
    pub(crate) fn is_too_slow(&self, limits: &Limits) -> bool {
        self.rate_deadline(limits).is_some_and(|at| at <= self.now)
    }

    /// What has been waited for too long by now.
    pub(crate) fn expired(&mut self, now: Instant, limits: &Limits) -> Option<Wait> {
        self.tell(now);
        (self.deadline(limits)? <= self.now).then_some(self.wait)
    }
}

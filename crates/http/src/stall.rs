//! How long output has waited for a peer that takes nothing of it.
//!
//! A machine cannot know: its output is empty or not, and who sends it is the driver. So this is the
//! driver's, one a connection; it knows the time as an argument, like the machines.

use crate::Instant;

/// Watches output that waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteStall {
    since: Option<Instant>,
}

impl WriteStall {
    /// Say what came of an attempt to send: whether output still `waits`, and whether the peer took
    /// any of it (`progress`) since the last time this was said. True: a wait begins now.
    pub fn note(&mut self, waits: bool, progress: bool, now: Instant) -> bool {
        let goes_on = self.since.filter(|_| waits && !progress);
        self.since = goes_on.or(waits.then_some(now));
        waits && goes_on.is_none()
    }

    /// Whether output waits.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.since.is_some()
    }

    /// When the wait has lasted for `timeout` milliseconds; None: nothing waits, or 0 for no limit.
    #[must_use]
    pub fn deadline(&self, timeout: u64) -> Option<Instant> {
        self.since
            .filter(|_| timeout > 0)
            .map(|since| since.saturating_add(timeout))
    }

    /// Whether that time has come.
    #[must_use]
    pub fn is_over(&self, timeout: u64, now: Instant) -> bool {
        self.deadline(timeout).is_some_and(|at| at <= now)
    }
}

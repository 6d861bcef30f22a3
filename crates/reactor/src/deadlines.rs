//! One deadline a connection, for one timer of the loop.
//!
//! It knows tokens and milliseconds, and no clock: the time is an argument.
//!
//! # Theory of operation
//!
//! A heap holds *entries*, a table beside the slab holds what is true: `when` the connection is due, and the
//! time of the entry that is `queued` for it. An armed connection has exactly one such entry, at its deadline
//! or before.
//!
//! - Set a later deadline: only `when` changes. The entry pops too early, sees that, and goes back in at the
//!   new time. So a keep-alive timer costs a store a request, and a push in each of its periods.
//! - Set an earlier one: a new entry goes in, the old one is stale.
//! - Disarm: `when` goes. The entry stays, to serve the next deadline that is not before it.
//!
//! Stale entries, and those of the disarmed, are dropped when they come to the top, or all at once when they
//! are 64 more than the armed: a sweep of n entries is paid for by n/2 calls.
//!
//! Deadlines are rounded up to 10 ms within the next 5 s and to 1 s beyond, counted from zero and not from
//! now, so that thousands of connections share a few instants and the outer loop's timer is seldom moved.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;

use crate::slab::Token;

/// Stands for "no deadline" and "no entry". No clock of milliseconds gets there.
const NEVER: u64 = u64::MAX;
/// From here on, counted from now, a second more or less does not matter.
const COARSE_FROM: u64 = 5_000;
const FINE: u64 = 10;
const COARSE: u64 = 1_000;
/// Stale entries that are borne beside as many as there are armed ones.
const SLACK: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Timer {
    generation: u32,
    when: u64,
    queued: u64,
}

const UNUSED: Timer = Timer {
    generation: 0,
    when: NEVER,
    queued: NEVER,
};

/// The deadlines of the connections of one slab, in milliseconds of the reactor's clock.
#[derive(Debug, Default)]
pub struct Deadlines {
    now: u64,
    timers: Vec<Timer>,
    /// Time and token, the earliest on top.
    heap: BinaryHeap<Reverse<(u64, u64)>>,
    armed: usize,
}

impl Deadlines {
    /// Make an empty table at time zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Say what time it is. The grain of a deadline depends on how far ahead of this it lies. Never goes
    /// back.
    pub fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
    }

    /// Give `token` the deadline `when`, in place of the one it has; `None` takes it away.
    ///
    /// It fires at `when` or up to its grain later (10 ms if it is less than 5 s ahead, else 1 s), never
    /// before. O(1) unless the new deadline is earlier than all that this connection had of late. A token
    /// that is older than another of its slot is ignored: that connection is gone.
    pub fn set(&mut self, token: Token, when: Option<u64>) {
        let when = when.map_or(NEVER, |when| self.rounded(when));
        let Some(timer) = self.timer_of(token, when != NEVER) else {
            return;
        };
        let (was_armed, must_queue) = (timer.when != NEVER, when < timer.queued);
        timer.when = when;
        if must_queue {
            timer.queued = when;
            self.heap.push(Reverse((when, token.as_u64())));
        }
        self.armed = self.armed + usize::from(when != NEVER) - usize::from(was_armed);
        self.compact_if_stale();
    }

    /// The deadline of `token`, as rounded, if it has one.
    pub fn of(&self, token: Token) -> Option<u64> {
        let timer = self.timers.get(token.index())?;
        (timer.generation == token.generation() && timer.when != NEVER).then_some(timer.when)
    }

    /// Take one token whose deadline is `now` or before; it then has none. The order among those is not told.
    ///
    /// Call until `None`. Deadlines that are set in between count at once.
    pub fn pop_due(&mut self, now: u64) -> Option<Token> {
        self.advance(now);
        while let Some(&Reverse((queued, number))) = self.heap.peek() {
            if queued > now {
                return None;
            }
            self.heap.pop();
            let token = Token::from_u64(number);
            let timer = &mut self.timers[token.index()];
            if timer.generation != token.generation() || timer.queued != queued {
                continue;
            }
            timer.queued = NEVER;
            if timer.when == NEVER {
                continue;
            }
            if timer.when <= now {
                timer.when = NEVER;
                self.armed -= 1;
                self.compact_if_stale();
                return Some(token);
            }
            timer.queued = timer.when;
            self.heap.push(Reverse((timer.when, number)));
        }
        None
    }

    /// When to call [`Deadlines::pop_due`] next, or `None` if nothing is armed.
    ///
    /// No deadline is earlier than this, but this may be earlier than any: the entry of one that was put off.
    pub fn next(&self) -> Option<u64> {
        if self.armed == 0 {
            return None;
        }
        self.heap.peek().map(|&Reverse((queued, _))| queued)
    }

    /// How many tokens have a deadline.
    pub fn len(&self) -> usize {
        self.armed
    }

    /// Whether no token has a deadline.
    pub fn is_empty(&self) -> bool {
        self.armed == 0
    }

    /// How many entries the heap holds: at most twice [`Deadlines::len`] and 64 more.
    pub fn entries(&self) -> usize {
        self.heap.len()
    }

    fn rounded(&self, when: u64) -> u64 {
        let ahead = when.saturating_sub(self.now);
        let grain = match ahead {
            0 => 1,
            1..COARSE_FROM => FINE,
            _ => COARSE,
        };
        when.div_ceil(grain).saturating_mul(grain).min(NEVER - 1)
    }

    /// The timer of the slot, made ready for `token`; `None` if that is of the past, or has no timer to take
    /// away.
    fn timer_of(&mut self, token: Token, arms: bool) -> Option<&mut Timer> {
        let index = token.index();
        if index >= self.timers.len() {
            if !arms {
                return None;
            }
            self.timers.resize(index + 1, UNUSED);
        }
        let timer = &mut self.timers[index];
        if token.generation() < timer.generation {
            return None;
        }
        if token.generation() > timer.generation {
            self.armed -= usize::from(timer.when != NEVER);
            *timer = Timer {
                generation: token.generation(),
                ..UNUSED
            };
        }
        Some(timer)
    }

    fn compact_if_stale(&mut self) {
        // Each armed token has one entry that counts; all others are stale or serve nobody at present.
        if self.heap.len() - self.armed <= self.armed + SLACK {
            return;
        }
        let timers = &mut self.timers;
        // Of two entries at the same time, the first that is met takes the place, and the other finds it
        // taken.
        let kept = mem::take(&mut self.heap)
            .into_iter()
            .filter_map(|Reverse((queued, number))| {
                let token = Token::from_u64(number);
                let timer = &mut timers[token.index()];
                if timer.generation != token.generation() || timer.queued != queued {
                    return None;
                }
                timer.queued = NEVER;
                (timer.when != NEVER).then_some(Reverse((timer.when, number)))
            });
        self.heap = kept.collect();
        for &Reverse((when, number)) in &self.heap {
            self.timers[Token::from_u64(number).index()].queued = when;
        }
    }
}

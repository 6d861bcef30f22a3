//! One machine under watch: after each call that is no command its output is as before, after each refused command
//! too; events keep their order, deadlines come as they were told, work and memory stay within what was fed and what
//! the limits allow.
//!
//! Nothing here keeps heap memory between calls: what this thread holds more than at the start is the machine's.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher as _;
use std::io::IoSlice;

use quinde_http::{Close, Error, Event, Instant, Limits, Machine, Side, StreamId};

use crate::memory;
use crate::order::Order;

/// What a connection may cost beside what the limits speak of: the machine's own small buffers.
const SMALL_COST: usize = 2048;

pub(crate) struct Watch<'a, M> {
    pub machine: M,
    pub order: Order,
    /// What the peer will still send.
    pub wire: &'a [u8],
    pub now: Instant,
    /// Body bytes that were delivered and not consumed.
    pub outstanding: usize,
    /// What still comes of the message is thrown away.
    pub discarding: bool,
    /// All events were pulled.
    pub drained: bool,
    limits: &'a Limits,
    base: isize,
    fed: u64,
    largest_piece: usize,
    pub eof: bool,
}

impl<'a, M: Machine> Watch<'a, M> {
    pub(crate) fn new(make: impl FnOnce() -> M, wire: &'a [u8], limits: &'a Limits) -> Watch<'a, M> {
        let base = memory::held();
        Watch {
            machine: make(),
            order: Order::new(),
            wire,
            now: 0,
            outstanding: 0,
            discarding: false,
            drained: true,
            limits,
            base,
            fed: 0,
            largest_piece: 0,
            eof: false,
        }
    }

    /// Length and contents of what waits to be sent.
    fn output(&mut self) -> (usize, u64) {
        let mut slices = [IoSlice::new(&[]); 64];
        let output = self.machine.output();
        let filled = output.slices(&mut slices);
        let mut hasher = DefaultHasher::new();
        for slice in &slices[..filled] {
            hasher.write(slice);
        }
        (output.len(), hasher.finish())
    }

    /// A call that is no command: it may drop output, not add to it.
    pub(crate) fn quietly<T>(&mut self, call: impl FnOnce(&mut M) -> T) -> T {
        let before = self.output();
        let result = call(&mut self.machine);
        let after = self.output();
        assert!(after == before || after.0 == 0, "output without a command");
        result
    }

    /// A command: refused, it changes nothing of the output.
    pub(crate) fn command(&mut self, call: impl FnOnce(&mut M) -> Result<(), Error>) -> Result<(), Error> {
        let before = self.output();
        let result = call(&mut self.machine);
        if let Err(error) = &result {
            assert_eq!(error.side, Side::Local, "a refused command is this end's fault");
            assert!(!error.to_string().is_empty(), "an error says what was wrong");
            assert_eq!(self.output(), before, "a refused command left something");
        }
        result
    }

    /// Pull one event.
    pub(crate) fn event(&mut self) -> Option<Event<M::Head>> {
        let Some((stream, event)) = self.quietly(M::next_event) else {
            self.drained = true;
            return None;
        };
        if stream > self.order.stream() {
            self.outstanding = 0;
            self.discarding = false;
        }
        self.order.check(stream, &event);
        match &event {
            Event::Data(data) => self.outstanding += data.len(),
            Event::Upgraded(rest) => {
                self.outstanding = rest.len();
                self.discarding = false;
            }
            _ => {}
        }
        Some(event)
    }

    /// Receive up to `n` bytes; false: the machine wants none, or there are none. `pull`: and pull what comes of them.
    /// Else that is left for later, but not for longer than until the next input, as the trait demands.
    pub(crate) fn receive(&mut self, n: usize, pull: bool) -> bool {
        self.turn();
        if self.wire.is_empty() || self.eof || !self.machine.wants_read() {
            return false;
        }
        let (piece, rest) = self.wire.split_at(n.clamp(1, self.wire.len()));
        self.largest_piece = self.largest_piece.max(piece.len());
        self.fed += piece.len() as u64;
        let now = self.now;
        self.quietly(|machine| machine.receive_data(piece, now));
        self.wire = rest;
        self.drained = false;
        if pull {
            self.turn();
        }
        true
    }

    /// Receive up to `n` body bytes into their final place.
    pub(crate) fn land(&mut self, n: usize, pull: bool) -> bool {
        self.turn();
        let n = self.machine.body_want().min(n).min(self.wire.len());
        if n == 0 || self.eof || !self.machine.wants_read() {
            return false;
        }
        self.wire = &self.wire[n..];
        self.fed += n as u64;
        self.outstanding += n;
        self.order.landed(n);
        let now = self.now;
        self.quietly(|machine| machine.body_landed(n, now));
        self.drained = false;
        if pull {
            self.turn();
        }
        true
    }

    /// The peer closes.
    pub(crate) fn end(&mut self) {
        self.turn();
        self.eof = true;
        let now = self.now;
        self.quietly(|machine| machine.receive_eof(now));
        self.turn();
        assert!(
            !self.machine.wants_read(),
            "more is wanted of a peer that has closed"
        );
    }

    /// Time passes. Nothing happens before its deadline, and each deadline is in the future.
    pub(crate) fn tell_time(&mut self, passed: u64) {
        self.turn();
        let due = self.machine.next_timeout();
        let close = self.machine.close();
        self.now += passed;
        let now = self.now;
        self.quietly(|machine| machine.handle_timeout(now));
        let early = due.is_none_or(|due| due > now);
        assert!(
            !early || close == self.machine.close(),
            "closed before the deadline"
        );
        let told = self.event().is_some();
        assert!(!early || !told, "an event before the deadline");
        self.turn();
        let next = self.machine.next_timeout();
        assert!(next.is_none_or(|next| next > now), "a deadline that has passed");
    }

    /// Pull all events, then look at what everything costs.
    pub(crate) fn turn(&mut self) {
        while self.event().is_some() {}
        assert!(
            self.discarding
                || self.order.is_ended()
                || self.outstanding <= self.limits.body_window
                || self.machine.close() != Close::No
                || !self.machine.wants_read(),
            "more of a body is wanted though {} bytes were not consumed",
            self.outstanding
        );
        let scanned = self.machine.statistics().bytes_scanned;
        assert!(
            scanned <= 2 * self.fed,
            "{scanned} bytes were looked at, {} were fed",
            self.fed
        );
        self.weigh();
    }

    /// Between turns, with no output waiting, a connection holds at most an unfinished or waiting part of the input.
    fn weigh(&mut self) {
        if !self.machine.output().is_empty() {
            return;
        }
        drop(self.machine.output().recycle());
        let held = usize::try_from(memory::held() - self.base).unwrap_or_default();
        let limits = self.limits;
        let section = limits.max_head_size.max(limits.max_trailers_size) + self.largest_piece;
        let index = 32 * limits.max_headers.max(limits.max_trailers);
        // Twice, as buffers that grow have room to spare.
        let most = 2 * (section + index) + SMALL_COST;
        assert!(held <= most, "{held} bytes are held where {most} would do");
    }

    /// The user took `n` bytes of the body, or says so.
    pub(crate) fn consume(&mut self, stream: StreamId, n: usize) {
        // What was not pulled yet, nobody can have taken; and the machine knows already of it.
        let n = if self.drained { n } else { n.min(self.outstanding) };
        if stream == self.order.stream() {
            self.outstanding = self.outstanding.saturating_sub(n);
        }
        self.quietly(|machine| machine.consumed(stream, n));
    }

    /// Up to `n` bytes of the output were sent; 0: a segment was.
    pub(crate) fn sent(&mut self, n: usize) {
        let output = self.machine.output();
        let before = output.len();
        let gone = if n == 0 {
            output.pop().map_or(0, |segment| match segment {
                quinde_http::Segment::Owned(bytes) => bytes.len(),
                quinde_http::Segment::Shared(bytes) => bytes.len(),
            })
        } else {
            output.advance(n);
            n.min(before)
        };
        assert_eq!(output.len() + gone, before, "bytes were lost or sent twice");
    }
}

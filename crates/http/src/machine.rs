//! The face of a protocol machine: the same for each version of HTTP and for both ends.
//!
//! Made for many streams a connection; HTTP/1.1 uses them one after the other. Nothing here knows
//! how a protocol looks on the wire.

use bytes::Bytes;

use crate::{BodyLength, Chunk, Error, Headers, Output, ResponseHead};

/// Milliseconds on the caller's monotonic clock.
pub type Instant = u64;

/// Names one request and its response on a connection. HTTP/1.1: 1, 2, 3… in the order of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// What the peer did on a stream; `H` is the head that this end receives.
#[derive(Debug)]
pub enum Event<H> {
    /// A message begins.
    Head(H),
    /// An interim response (1xx but 101); the final one is still to come. Client only.
    Informational(ResponseHead),
    /// A piece of the body, without framing.
    Data(Bytes),
    /// Where the sender's chunks ended: rising offsets into the body, none beyond what has come so
    /// far, each told once. Only for bodies whose framing has chunks (RFC 9112 §7.1), once for all
    /// that came in one read. They mean nothing to HTTP (intermediaries may cut anew), but some
    /// peers send one message a chunk.
    ChunkEnds(Box<[u64]>),
    /// Fields after the body. Never merged with those of the head.
    Trailers(Headers),
    /// The message is complete.
    End,
    /// The protocol was switched; these bytes came after the head and belong to the new protocol.
    /// From now on data pass both ways unchanged.
    Upgraded(Bytes),
    /// The peer broke the protocol or stopped too early. A server may still answer on this stream.
    Error(Error),
}

/// What the driver should do about closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// Keep the connection open.
    No,
    /// Close once the output is empty.
    AfterFlush,
    /// Once the output is empty, shut down the writing side and keep feeding what arrives (it is
    /// discarded) until [`Close::AfterFlush`] comes back: closing at once would send a reset that
    /// may overtake the answer.
    Linger,
}

/// What a connection has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Heads received, interim responses not counted.
    pub messages_received: u64,
    /// Heads sent, interim responses not counted.
    pub messages_sent: u64,
    /// Body bytes received, without framing.
    pub body_bytes_received: u64,
    /// Body bytes sent, without framing.
    pub body_bytes_sent: u64,
    /// Bytes of heads and trailers that parsers have looked at, once to find the ends of lines and
    /// once to read them. Against the bytes received it shows that the work is linear.
    pub bytes_scanned: u64,
    /// Final responses by the first digit of their status: 1xx (101 only) to 5xx and above.
    pub statuses: [u64; 5],
    /// How often something was refused, by [`crate::Kind::as_str`]; both sides' errors count.
    pub refusals: Vec<(&'static str, u64)>,
    /// How often the peer was waited for in vain, by what was waited for: `head`, `body`, `idle` …
    pub timeouts: Vec<(&'static str, u64)>,
}

impl Statistics {
    /// Count one refusal.
    pub fn refuse(&mut self, reason: &'static str) {
        add(&mut self.refusals, reason, 1);
    }

    /// Count one wait that was too long.
    pub fn time_out(&mut self, wait: &'static str) {
        add(&mut self.timeouts, wait, 1);
    }

    /// Count a final response.
    pub fn answer(&mut self, status: u16) {
        self.statuses[usize::from(status / 100).clamp(1, 5) - 1] += 1;
    }

    /// Add another connection's figures to these.
    pub fn absorb(&mut self, other: &Statistics) {
        self.messages_received += other.messages_received;
        self.messages_sent += other.messages_sent;
        self.body_bytes_received += other.body_bytes_received;
        self.body_bytes_sent += other.body_bytes_sent;
        self.bytes_scanned += other.bytes_scanned;
        for (total, count) in self.statuses.iter_mut().zip(other.statuses) {
            *total += count;
        }
        for &(reason, count) in &other.refusals {
            add(&mut self.refusals, reason, count);
        }
        for &(wait, count) in &other.timeouts {
            add(&mut self.timeouts, wait, count);
        }
    }
}

fn add(totals: &mut Vec<(&'static str, u64)>, name: &'static str, count: u64) {
    match totals.iter_mut().find(|(known, _)| *known == name) {
        Some((_, total)) => *total += count,
        None => totals.push((name, count)),
    }
}

/// One connection's protocol state, driven by bytes, commands and the time.
///
/// A driver's turn: [`receive_data`](Machine::receive_data) with what came, then
/// [`next_event`](Machine::next_event) until it gives None, commands in between as the user wishes;
/// then send [`output`](Machine::output), obey [`close`](Machine::close), stop or go on reading as
/// [`wants_read`](Machine::wants_read) says and set one timer for
/// [`next_timeout`](Machine::next_timeout). Ask for events again whenever a command ended a message:
/// a request that waited behind it may be parsed now.
///
/// A command that returns an error has queued nothing.
pub trait Machine {
    /// The head that this end receives.
    type Head;
    /// The start line that this end sends.
    type Start<'a>;

    /// Take bytes from the wire. Always followed by `next_event` until None.
    fn receive_data(&mut self, data: &[u8], now: Instant);

    /// The peer will send no more.
    fn receive_eof(&mut self, now: Instant);

    /// Tell the time; due deadlines take effect. Always followed by `next_event` until None.
    ///
    /// Commands carry no time. What they begin to wait for counts from the next time that is told,
    /// so call this at the end of a turn that gave commands, before `next_timeout`: then deadlines
    /// are exact. Without, they are late, never early.
    fn handle_timeout(&mut self, now: Instant);

    /// When `handle_timeout` is due, if ever.
    fn next_timeout(&self) -> Option<Instant>;

    /// The next thing that the peer did, if there is one and its turn has come.
    fn next_event(&mut self) -> Option<(StreamId, Event<Self::Head>)>;

    /// How many of the wire's next bytes are plain body bytes: with none buffered, they may be
    /// received straight into their final place and reported by `body_landed`. 0: use `receive_data`.
    fn body_want(&self) -> usize;

    /// `n` body bytes (at most `body_want`) were received into their final place. They give no Data
    /// event; ChunkEnds, Trailers and End follow from `next_event`. They count as delivered: see `consumed`.
    fn body_landed(&mut self, n: usize, now: Instant);

    /// Whether to go on reading from the wire: back-pressure, pipelining and discarding decide.
    fn wants_read(&self) -> bool;

    /// The user took `n` delivered body bytes, which makes room for more.
    fn consumed(&mut self, stream: StreamId, n: usize);

    /// Send an interim response (1xx but 101). Servers only. Left out where the peer would not
    /// understand it (HTTP/1.0) and, for 100, where the body is not waiting for it.
    ///
    /// # Errors
    /// Local, when out of order, with another status, or with bad fields.
    fn send_informational<'f>(
        &mut self,
        stream: StreamId,
        status: u16,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) -> Result<(), Error>;

    /// Send the head of a message. `body` decides the framing; fields that contradict it are
    /// refused, missing ones are added.
    ///
    /// # Errors
    /// Local, when out of order or with a bad start line or field.
    fn send_head<'f>(
        &mut self,
        stream: StreamId,
        start: Self::Start<'_>,
        body: BodyLength,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) -> Result<(), Error>;

    /// Send a piece of the body.
    ///
    /// # Errors
    /// Local, before the head, after the end, or beyond the announced length.
    fn send_data(&mut self, stream: StreamId, data: Chunk<'_>) -> Result<(), Error>;

    /// End a chunked message with trailer fields.
    ///
    /// # Errors
    /// Local, when the message is not chunked or a field is bad or not allowed there.
    fn send_trailers<'f>(
        &mut self,
        stream: StreamId,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) -> Result<(), Error>;

    /// End the message.
    ///
    /// # Errors
    /// Local, before the head or when bytes of the announced length are missing.
    fn finish(&mut self, stream: StreamId) -> Result<(), Error>;

    /// Give the stream up. HTTP/1.1: the connection is of no use any more, and ends when what was said on it has left;
    /// a client says no more.
    fn reset(&mut self, stream: StreamId);

    /// The bytes to send.
    fn output(&mut self) -> &mut Output;

    /// Whether and how to close.
    fn close(&self) -> Close;

    /// What the connection has done so far.
    fn statistics(&self) -> Statistics;
}

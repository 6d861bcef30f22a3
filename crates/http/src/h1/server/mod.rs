//! The server's end of an HTTP/1.1 connection.
//!
//! # Theory of operation
//!
//! Two machines run side by side: `reading` says where the request stands, [`Outgoing`] where its
//! response does. They meet when both are done: then the next request begins (RFC 9112 §9.3).
//!
//! ```text
//!   Head ── head ──▶ Body ── end ──▶ Complete ── answer done ──▶ Head …
//!    │ error          │ error          │ 101, tunnel ──▶ Raw
//!    └──────▶ Refused ◀┘               └ answer done, no keep-alive ──▶ Lingering | Closed
//! ```
//!
//! **One request at a time.** Pipelined requests stay bytes in the inbox until their turn comes
//! (§9.3.2): `next_event` parses the next head only after the answer before is complete. While they
//! wait they are bounded by `max_head_size` bytes and by `max_pipelined` heads, counted as empty
//! lines: above either, `wants_read` is false.
//!
//! **An early answer** leaves the rest of the request's body to be discarded, up to `max_discard`
//! bytes and for `body_timeout` altogether; more, and the connection ends.
//!
//! **An error** becomes an event on the request's stream, or on a new one if there was no head. One
//! answer is then taken; after it the connection lingers (§9.6), so that the peer can read it.
//!
//! **An upgrade** (RFC 9110 §7.8) or a tunnel (§9.3.6) makes both machines transparent. Whoever wants the wire for
//! itself ends them by `hand_over`, at any time.

mod answer;
mod receive;

use std::sync::Arc;

use super::body::{Body, Window};
use super::clock::{Clock, Wait};
use super::events::Events;
use super::inbox::Inbox;
use super::outgoing::Outgoing;
use super::request::RequestParser;
use crate::{
    BodyLength, Chunk, Close, Error, Event, Instant, Kind, Limits, Machine, Output, RequestHead, Statistics,
    StreamId, Version,
};

/// The start of a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseStart<'a> {
    /// The status: 200–999, or 101 to switch protocols.
    pub status: u16,
    /// The reason phrase; None means the standard one.
    pub reason: Option<&'a [u8]>,
    /// Whether to close the connection after this response.
    pub close: bool,
}

/// Where the request stands.
#[derive(Debug)]
enum Reading {
    /// Between messages, or within a head.
    Head,
    /// Within a body; if the answer is complete, it is discarded.
    Body(Body),
    /// The request is complete, its answer is not.
    Complete,
    /// The peer erred; an answer is due, and nothing more is read.
    Refused,
    /// Another protocol is spoken.
    Raw,
    /// All is said; so many bytes were thrown away since.
    Lingering(u64),
    /// All is said, and nothing is read.
    Closed,
}

/// What the request says about its answer.
#[derive(Clone, Copy, Debug)]
struct Asked {
    version: Version,
    head: bool,
    connect: bool,
    keep_alive: bool,
    upgrade: bool,
    /// The client holds its body back until it gets 100 (RFC 9110 §10.1.1).
    awaits_continue: bool,
}

/// Before a request is known: answers are plain 1.1, and the last ones.
const NOTHING_ASKED: Asked = Asked {
    version: Version::Http11,
    head: false,
    connect: false,
    keep_alive: false,
    upgrade: false,
    awaits_continue: false,
};

/// The server's end of a connection. See the trait for how to drive it.
#[derive(Debug)]
pub struct ServerConnection {
    /// Those of the current request.
    limits: Arc<Limits>,
    /// Those of the connection, which each request begins with.
    usual: Arc<Limits>,
    inbox: Inbox,
    parser: RequestParser,
    empty_lines: u8,
    reading: Reading,
    asked: Asked,
    outgoing: Outgoing,
    /// The answer was announced as chunked, whatever it is on the wire: trailers are welcome.
    trailers_allowed: bool,
    output: Output,
    events: Events<RequestHead>,
    window: Window,
    /// Somebody waits for more of the body.
    awaited: bool,
    clock: Clock,
    stream: u64,
    /// No further request is answered.
    closing: bool,
    /// The peer sends no more.
    eof: bool,
    /// Bytes thrown away that closing at once would answer by a reset.
    discarded: u64,
    /// About how many heads wait in the inbox.
    waiting: usize,
    statistics: Statistics,
}

impl ServerConnection {
    /// Begin a connection; it counts as idle from now on.
    #[must_use]
    pub fn new(limits: Arc<Limits>, now: Instant) -> ServerConnection {
        let mut connection = ServerConnection {
            usual: Arc::clone(&limits),
            limits,
            inbox: Inbox::default(),
            parser: RequestParser::default(),
            empty_lines: 0,
            reading: Reading::Head,
            asked: NOTHING_ASKED,
            outgoing: Outgoing::Closed,
            trailers_allowed: false,
            output: Output::default(),
            events: Events::new(),
            window: Window::default(),
            awaited: false,
            clock: Clock::new(now),
            stream: 0,
            closing: false,
            eof: false,
            discarded: 0,
            waiting: 0,
            statistics: Statistics::default(),
        };
        connection.settle(true);
        connection
    }

    /// End gracefully: the answer in progress is the last one and says so if it still can; an idle
    /// connection is closed.
    pub fn shutdown(&mut self) {
        self.closing = true;
        let between = matches!(self.reading, Reading::Head) && self.events.is_empty();
        let discarding = matches!(self.reading, Reading::Body(_)) && self.outgoing.is_over();
        if between || discarding {
            self.end();
        }
        self.settle(false);
    }

    /// Let go of the wire, which another protocol is spoken on from now on: gives what waits to be sent, and what
    /// came and is no part of a request that has begun. Take its events first.
    pub fn hand_over(&mut self) -> (Output, Vec<u8>) {
        self.events.clear();
        self.parser.reset();
        self.reading = Reading::Closed;
        self.outgoing = Outgoing::Closed;
        self.closing = true;
        self.waiting = 0;
        self.settle(false);
        (std::mem::take(&mut self.output), self.inbox.take())
    }

    /// Whether the connection is between messages, with nothing buffered.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.reading, Reading::Head) && self.inbox.is_empty() && self.events.is_empty()
    }

    /// Whether all bytes of the current request have come.
    #[must_use]
    pub fn request_complete(&self) -> bool {
        !matches!(self.reading, Reading::Head | Reading::Body(_) | Reading::Refused)
    }

    /// The limits that hold now.
    #[must_use]
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// Have other limits for the rest of this request; the next one begins with the usual ones. What
    /// is over, the head, is not judged again.
    pub fn change_limits(&mut self, stream: StreamId, limits: Arc<Limits>) {
        if stream == self.id() {
            self.limits = limits;
            self.settle(false);
        }
    }

    /// Say whether somebody waits for more of the body: only then is its sender pressed for time.
    pub fn body_awaited(&mut self, awaited: bool) {
        if self.awaited != awaited {
            self.awaited = awaited;
            self.settle(false);
        }
    }

    /// Count a refusal that was the driver's.
    pub fn count_refusal(&mut self, reason: &'static str) {
        self.statistics.refuse(reason);
    }

    /// Count a wait of the driver's that was too long.
    pub fn count_timeout(&mut self, wait: &'static str) {
        self.statistics.time_out(wait);
    }

    /// About how many requests wait, as bytes, behind the one that is being answered.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    fn id(&self) -> StreamId {
        StreamId(self.stream)
    }

    /// What the state waits for.
    fn settle(&mut self, exact: bool) {
        let wait = match &self.reading {
            Reading::Head if self.inbox.is_empty() && self.stream == 0 => Wait::First,
            Reading::Head if self.inbox.is_empty() => Wait::Idle,
            Reading::Head => Wait::Head,
            Reading::Body(_) if self.outgoing.is_over() => Wait::Discard,
            Reading::Body(_) if self.awaited && !self.window.is_full() && !self.asked.awaits_continue => {
                Wait::Body
            }
            Reading::Lingering(_) => Wait::Linger,
            _ => Wait::Nothing,
        };
        self.clock.wait_for(wait, exact);
    }
}

impl Machine for ServerConnection {
    type Head = RequestHead;
    type Start<'a> = ResponseStart<'a>;

    fn receive_data(&mut self, data: &[u8], now: Instant) {
        self.clock.tell(now);
        if self.inbox.is_empty() {
            let used = self.pump(data);
            self.keep(&data[used..]);
        } else {
            self.keep(data);
            self.pump_inbox();
        }
        self.settle(true);
    }

    fn receive_eof(&mut self, now: Instant) {
        self.clock.tell(now);
        if std::mem::replace(&mut self.eof, true) {
            return;
        }
        self.pump_inbox();
        if matches!(self.reading, Reading::Raw) {
            self.events.push(self.id(), Event::End);
        }
        self.settle(true);
    }

    fn handle_timeout(&mut self, now: Instant) {
        let expired = self.clock.expired(now, &self.limits);
        if let Some(wait) = expired {
            self.statistics.time_out(wait.as_str());
        }
        match expired {
            Some(Wait::Head) => self.refuse(Error::peer(Kind::HeadTimeout, b"")),
            Some(Wait::Body) if self.clock.is_too_slow(&self.limits) => {
                self.refuse(Error::peer(Kind::BodyTooSlow, b""));
            }
            Some(Wait::Body) => self.refuse(Error::peer(Kind::BodyTimeout, b"")),
            Some(Wait::First | Wait::Idle | Wait::Discard) => self.end(),
            Some(Wait::Linger) => self.reading = Reading::Closed,
            Some(Wait::Nothing) | None => {}
        }
        self.settle(true);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.clock.deadline(&self.limits)
    }

    fn next_event(&mut self) -> Option<(StreamId, Event<RequestHead>)> {
        if self.events.is_empty() && !self.inbox.is_empty() {
            self.pump_inbox();
            self.settle(false);
        }
        self.events.pop()
    }

    fn body_want(&self) -> usize {
        match &self.reading {
            Reading::Body(body)
                if self.inbox.is_empty() && self.events.is_empty() && !self.outgoing.is_over() =>
            {
                body.want(&self.limits)
            }
            _ => 0,
        }
    }

    fn body_landed(&mut self, n: usize, now: Instant) {
        self.clock.tell(now);
        if let Reading::Body(body) = &mut self.reading {
            let n = body.landed(n);
            if let Some(end) = body.chunk_end().filter(|_| n > 0) {
                self.events.chunk_end(end);
            }
            self.asked.awaits_continue = false;
            self.statistics.body_bytes_received += n;
            self.window
                .delivered(usize::try_from(n).unwrap_or(usize::MAX), &self.limits);
            self.clock.body_came(n);
            // A body of known length may be complete now.
            self.pump(&[]);
        }
        self.settle(true);
    }

    fn wants_read(&self) -> bool {
        match &self.reading {
            _ if self.eof => false,
            Reading::Head | Reading::Lingering(_) => true,
            Reading::Body(_) => self.outgoing.is_over() || !self.window.is_full(),
            Reading::Complete if self.ignores_input() => self.discarded <= self.limits.max_discard,
            Reading::Complete => {
                self.waiting < self.limits.max_pipelined && self.inbox.len() < self.limits.max_head_size
            }
            Reading::Raw => !self.window.is_full(),
            Reading::Refused | Reading::Closed => false,
        }
    }

    fn consumed(&mut self, stream: StreamId, n: usize) {
        if stream == self.id() {
            self.window.consumed(n, &self.limits);
            self.settle(false);
        }
    }

    fn send_informational<'f>(
        &mut self,
        stream: StreamId,
        status: u16,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) -> Result<(), Error> {
        let result = self.answer_informational(stream, status, fields);
        self.answered(result)
    }

    fn send_head<'f>(
        &mut self,
        stream: StreamId,
        start: ResponseStart<'_>,
        body: BodyLength,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) -> Result<(), Error> {
        let result = self.answer_head(stream, start, body, fields);
        self.answered(result)
    }

    fn send_data(&mut self, stream: StreamId, data: Chunk<'_>) -> Result<(), Error> {
        let result = self
            .current(stream)
            .and_then(|()| self.outgoing.data(&mut self.output, data));
        let result = result.map(|sent| self.statistics.body_bytes_sent += sent);
        self.answered(result)
    }

    fn send_trailers<'f>(
        &mut self,
        stream: StreamId,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) -> Result<(), Error> {
        let dropped = self.trailers_allowed;
        let result = self
            .current(stream)
            .and_then(|()| self.outgoing.trailers(&mut self.output, fields, dropped));
        let result = result.map(|()| self.turn_over());
        self.answered(result)
    }

    fn finish(&mut self, stream: StreamId) -> Result<(), Error> {
        let result = self
            .current(stream)
            .and_then(|()| self.outgoing.finish(&mut self.output));
        let result = result.map(|()| self.turn_over());
        self.answered(result)
    }

    fn reset(&mut self, stream: StreamId) {
        if stream == self.id() {
            self.events.clear();
            self.outgoing = Outgoing::Closed;
            self.end();
            self.settle(false);
        }
    }

    fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    fn close(&self) -> Close {
        match self.reading {
            Reading::Lingering(_) => Close::Linger,
            Reading::Closed => Close::AfterFlush,
            _ => Close::No,
        }
    }

    fn statistics(&self) -> Statistics {
        self.statistics.clone()
    }
}

//! The client's end of an HTTP/1.1 connection.
//!
//! # Theory of operation
//!
//! One exchange at a time: `reading` says where the response stands, [`Outgoing`] where the request
//! does. A response may come, and even be complete, before its request is (RFC 9112 §9.3).
//!
//! ```text
//!   Idle ── send_head ──▶ Head ──▶ Body ── end ──▶ Idle …          (keep-alive)
//!    │                     │ 1xx: again             └ no keep-alive: Closed
//!    │ bytes: error        │ 101, tunnel ──▶ Raw
//!    └─────────────────────┴── error, end of input ──▶ Closed
//! ```
//!
//! **Nothing is pipelined**, so a byte that comes while no response is due belongs to no message:
//! the connection is not used again (§9.2). Empty lines there are forgiven, as by aiohttp.
//!
//! **The end of input** means what the state says (§8, RFC 9110 §9.2.2): without a byte of the
//! response `Disconnected` (the request may be tried again on another connection), within a head or
//! a framed body an error, and the end of a body that has no other.
//!
//! **No deadlines**: how long to wait is the exchange's and the pool's matter.

use std::sync::Arc;

use bytes::Bytes;

use super::body::{Body, Window};
use super::chunked::Step;
use super::encode::{self, Framing};
use super::events::Events;
use super::inbox::Inbox;
use super::outgoing::Outgoing;
use super::response::{Asked, ResponseParser};
use crate::{
    BodyLength, Chunk, Close, Error, Event, Instant, Kind, Limits, Machine, Output, ResponseHead, Statistics,
    StreamId,
};

/// Empty lines that are skipped before a status line and after a message.
const MAX_EMPTY_LINES: u8 = 8;

/// The start of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestStart<'a> {
    /// The method: any token.
    pub method: &'a str,
    /// The target as it goes on the wire: visible ASCII.
    pub target: &'a str,
    /// Whether to say `Expect: 100-continue`.
    pub expect_continue: bool,
}

/// Where the response stands.
#[derive(Debug)]
enum Reading {
    /// None is due.
    Idle,
    Head,
    Body(Body),
    /// Another protocol is spoken.
    Raw,
    /// The connection is of no use any more.
    Closed,
}

/// The client's end of a connection. See the trait for how to drive it.
#[derive(Debug)]
pub struct ClientConnection {
    limits: Arc<Limits>,
    inbox: Inbox,
    parser: ResponseParser,
    empty_lines: u8,
    reading: Reading,
    asked: Asked,
    outgoing: Outgoing,
    output: Output,
    events: Events<ResponseHead>,
    window: Window,
    /// The stream of the current exchange.
    stream: u64,
    /// The last stream given out.
    opened: u64,
    /// Both sides want to use the connection again.
    keep_alive: bool,
    /// The peer sends no more.
    eof: bool,
    statistics: Statistics,
}

impl ClientConnection {
    /// Begin a connection.
    #[must_use]
    pub fn new(limits: Arc<Limits>, _now: Instant) -> ClientConnection {
        ClientConnection {
            limits,
            inbox: Inbox::default(),
            parser: ResponseParser::default(),
            empty_lines: 0,
            reading: Reading::Idle,
            asked: Asked::default(),
            outgoing: Outgoing::Closed,
            output: Output::default(),
            events: Events::new(),
            window: Window::default(),
            stream: 0,
            opened: 0,
            keep_alive: true,
            eof: false,
            statistics: Statistics::default(),
        }
    }

    /// Begin an exchange: the stream that `send_head` wants. While another exchange is going on, or
    /// when the connection cannot be used again, commands on it are refused.
    pub fn open(&mut self) -> StreamId {
        self.opened += 1;
        if self.is_free() {
            self.stream = self.opened;
            self.outgoing = Outgoing::Head;
        }
        StreamId(self.opened)
    }

    /// Let go of the wire, which another protocol is spoken on from now on: gives what waits to be sent, and what
    /// came and belongs to no response. Take its events first.
    pub fn hand_over(&mut self) -> (Output, Vec<u8>) {
        let output = std::mem::take(&mut self.output);
        let rest = self.inbox.take();
        self.events.clear();
        self.give_up();
        (output, rest)
    }

    /// Whether another exchange may begin: none is going on, both sides keep the connection, nothing
    /// is unread or unsent, and the peer has not closed.
    #[must_use]
    pub fn is_reusable(&self) -> bool {
        self.is_free() && self.events.is_empty() && self.output.is_empty()
    }

    fn is_free(&self) -> bool {
        let sent = self.outgoing.is_over() || self.outgoing == Outgoing::Head;
        matches!(self.reading, Reading::Idle) && sent && self.keep_alive && !self.eof
    }

    fn id(&self) -> StreamId {
        StreamId(self.stream)
    }

    fn pump(&mut self, input: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let rest = &input[at..];
            match &mut self.reading {
                Reading::Idle => match rest {
                    [] => break,
                    // Told to close, or about to: what comes now is nobody's.
                    _ if !self.keep_alive => at = input.len(),
                    [b'\r' | b'\n', ..] if self.empty_lines < 2 * MAX_EMPTY_LINES => {
                        self.empty_lines += 1;
                        at += 1;
                    }
                    _ => self.fail(Error::peer(Kind::DataAfterMessage, rest)),
                },
                Reading::Head => match self.read_head(rest) {
                    Some(used) => at += used,
                    None => break,
                },
                Reading::Body(body) => {
                    let step = body.step(rest, &self.limits);
                    self.statistics.bytes_scanned += body.take_work();
                    match step {
                        Ok((used, Step::More)) => {
                            at += used;
                            break;
                        }
                        Ok((used, Step::Data(data))) => {
                            at += used;
                            let end = body.chunk_end();
                            self.deliver(data, end);
                        }
                        Ok((used, Step::End(trailers))) => {
                            at += used;
                            if let Some(trailers) = trailers {
                                self.events.push(self.id(), Event::Trailers(trailers));
                            }
                            self.complete();
                        }
                        Err(error) => self.fail(error),
                    }
                }
                Reading::Raw => {
                    self.deliver(rest, None);
                    at = input.len();
                    break;
                }
                Reading::Closed => {
                    at = input.len();
                    break;
                }
            }
        }
        self.events.flush(self.id());
        at
    }

    /// Parse a head, or skip an empty line before it. None: more input is needed.
    fn read_head(&mut self, rest: &[u8]) -> Option<usize> {
        let empty = match rest {
            [] | [b'\r'] => return None,
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => 0,
        };
        if empty > 0 && self.empty_lines < MAX_EMPTY_LINES {
            self.empty_lines += 1;
            return Some(empty);
        }
        let parsed = self.parser.advance(rest, &self.limits, self.asked);
        self.statistics.bytes_scanned += self.parser.take_work();
        match parsed {
            Ok(None) => None,
            Ok(Some((head, used))) => {
                self.empty_lines = 0;
                Some(self.begin(head, &rest[used..]) + used)
            }
            Err(error) => {
                self.fail(error);
                Some(0)
            }
        }
    }

    /// A head is complete; returns how much of what follows it used up.
    fn begin(&mut self, head: ResponseHead, rest: &[u8]) -> usize {
        // RFC 9110 §15.2: any number of interim responses may come before the final one.
        if matches!(head.status, 100 | 102..200) {
            self.events.push(self.id(), Event::Informational(head));
            return 0;
        }
        self.statistics.messages_received += 1;
        self.statistics.answer(head.status);
        let (body, upgrade) = (Body::new(head.body, true), head.upgrade);
        self.keep_alive &= head.keep_alive;
        self.events.push(self.id(), Event::Head(head));
        if upgrade {
            self.reading = Reading::Raw;
            self.outgoing = Outgoing::Raw;
            self.window.delivered(rest.len(), &self.limits);
            self.events
                .push(self.id(), Event::Upgraded(Bytes::copy_from_slice(rest)));
            return rest.len();
        }
        match body {
            Some(body) => self.reading = Reading::Body(body),
            None => self.complete(),
        }
        0
    }

    /// A piece of the body came; `chunk_end` is where a chunk ended with it.
    fn deliver(&mut self, data: &[u8], chunk_end: Option<u64>) {
        self.statistics.body_bytes_received += data.len() as u64;
        self.window.delivered(data.len(), &self.limits);
        self.events.data(data);
        if let Some(end) = chunk_end {
            self.events.chunk_end(end);
        }
    }

    /// The response is complete.
    fn complete(&mut self) {
        self.events.push(self.id(), Event::End);
        self.reading = Reading::Idle;
    }

    /// The peer broke a rule: the connection is of no use any more.
    fn fail(&mut self, error: Error) {
        self.statistics.refuse(error.kind.as_str());
        self.end(error);
    }

    fn end(&mut self, error: Error) {
        self.events.push(self.id(), Event::Error(error));
        self.give_up();
    }

    fn give_up(&mut self) {
        self.reading = Reading::Closed;
        self.outgoing = Outgoing::Closed;
        self.keep_alive = false;
        self.output.clear();
        self.inbox.clear();
        self.parser.reset();
    }

    fn current(&self, stream: StreamId) -> Result<(), Error> {
        if stream == self.id() && self.outgoing != Outgoing::Closed {
            return Ok(());
        }
        Err(Error::local(Kind::StreamClosed, ""))
    }

    /// The end of each command: what was refused is counted.
    fn sent<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            self.statistics.refuse(error.kind.as_str());
        }
        result
    }

    fn request<'f>(
        &mut self,
        stream: StreamId,
        start: RequestStart<'_>,
        body: BodyLength,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])>,
    ) -> Result<(), Error> {
        self.current(stream)?;
        if self.outgoing != Outgoing::Head {
            return Err(Error::local(Kind::WrongOrder, "the head was sent already"));
        }
        let framing = encode::request_framing(start.method, body)?;
        let mut said = encode::Given::default();
        self.output.write(|out| {
            encode::write_request_line(out, start.method, start.target)?;
            said = encode::write_fields(out, fields, framing, false)?;
            // RFC 9112 §3.2: exactly one.
            match said.hosts {
                0 => return Err(Error::local(Kind::MissingHost, "")),
                1 => {}
                _ => return Err(Error::local(Kind::RepeatedHost, "")),
            }
            if start.expect_continue && !said.expect_continue {
                out.extend_from_slice(b"Expect: 100-continue\r\n");
            }
            encode::write_missing(out, &said, framing, None);
            Ok(())
        })?;
        self.statistics.messages_sent += 1;
        self.keep_alive = !said.close;
        self.asked = Asked {
            head: start.method == "HEAD",
            connect: start.method == "CONNECT",
            upgrade: said.upgrade_token && said.upgrade_field,
        };
        self.outgoing = match framing {
            Framing::Chunked => Outgoing::Chunked,
            Framing::Length(length) => Outgoing::Length(length),
            _ => Outgoing::Length(0),
        };
        self.empty_lines = 0;
        self.window.reset();
        self.reading = Reading::Head;
        Ok(())
    }
}

impl Machine for ClientConnection {
    type Head = ResponseHead;
    type Start<'a> = RequestStart<'a>;

    fn receive_data(&mut self, data: &[u8], _now: Instant) {
        if self.inbox.is_empty() {
            let used = self.pump(data);
            if used < data.len() {
                self.inbox.extend(&data[used..]);
            }
        } else {
            self.inbox.extend(data);
            let lent = self.inbox.lend();
            let used = self.pump(lent.as_slice());
            self.inbox.restore(lent, used);
        }
    }

    fn receive_eof(&mut self, _now: Instant) {
        if std::mem::replace(&mut self.eof, true) {
            return;
        }
        match &self.reading {
            Reading::Idle => self.give_up(),
            // No rule is broken: a server may close at any time.
            Reading::Head if self.inbox.is_empty() => self.end(Error::peer(Kind::Disconnected, b"")),
            Reading::Head => self.fail(Error::peer(Kind::EofInHead, b"")),
            Reading::Body(body) => match body.end_of_input() {
                Ok(()) => {
                    self.complete();
                    self.give_up();
                }
                Err(error) => self.fail(error),
            },
            Reading::Raw => self.events.push(self.id(), Event::End),
            Reading::Closed => {}
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn next_timeout(&self) -> Option<Instant> {
        None
    }

    fn next_event(&mut self) -> Option<(StreamId, Event<ResponseHead>)> {
        self.events.pop()
    }

    fn body_want(&self) -> usize {
        match &self.reading {
            Reading::Body(body) if self.inbox.is_empty() && self.events.is_empty() => body.want(&self.limits),
            _ => 0,
        }
    }

    fn body_landed(&mut self, n: usize, _now: Instant) {
        if let Reading::Body(body) = &mut self.reading {
            let n = body.landed(n);
            if let Some(end) = body.chunk_end().filter(|_| n > 0) {
                self.events.chunk_end(end);
            }
            self.statistics.body_bytes_received += n;
            self.window
                .delivered(usize::try_from(n).unwrap_or(usize::MAX), &self.limits);
            // A body of known length may be complete now.
            self.pump(&[]);
        }
    }

    fn wants_read(&self) -> bool {
        match &self.reading {
            _ if self.eof => false,
            Reading::Idle | Reading::Head => true,
            Reading::Body(_) | Reading::Raw => !self.window.is_full(),
            Reading::Closed => false,
        }
    }

    fn consumed(&mut self, stream: StreamId, n: usize) {
        if stream == self.id() {
            self.window.consumed(n, &self.limits);
        }
    }

    fn send_informational<'f>(
        &mut self,
        _stream: StreamId,
        _status: u16,
        _fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) -> Result<(), Error> {
        self.sent(Err(Error::local(Kind::WrongOrder, "a client sends no responses")))
    }

    fn send_head<'f>(
        &mut self,
        stream: StreamId,
        start: RequestStart<'_>,
        body: BodyLength,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) -> Result<(), Error> {
        let result = self.request(stream, start, body, fields);
        self.sent(result)
    }

    fn send_data(&mut self, stream: StreamId, data: Chunk<'_>) -> Result<(), Error> {
        let result = self
            .current(stream)
            .and_then(|()| self.outgoing.data(&mut self.output, data));
        self.statistics.body_bytes_sent += self.sent(result)?;
        Ok(())
    }

    fn send_trailers<'f>(
        &mut self,
        stream: StreamId,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) -> Result<(), Error> {
        let result = self
            .current(stream)
            .and_then(|()| self.outgoing.trailers(&mut self.output, fields, false));
        self.sent(result)
    }

    fn finish(&mut self, stream: StreamId) -> Result<(), Error> {
        let result = self
            .current(stream)
            .and_then(|()| self.outgoing.finish(&mut self.output));
        if result.is_ok() && matches!(self.reading, Reading::Raw) {
            self.reading = Reading::Closed;
        }
        self.sent(result)
    }

    fn reset(&mut self, stream: StreamId) {
        if stream == self.id() {
            self.events.clear();
            self.give_up();
        }
    }

    fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    fn close(&self) -> Close {
        match self.reading {
            Reading::Closed => Close::AfterFlush,
            // The response is complete and the last one.
            Reading::Idle if !self.keep_alive => Close::AfterFlush,
            _ => Close::No,
        }
    }

    fn statistics(&self) -> Statistics {
        self.statistics.clone()
    }
}

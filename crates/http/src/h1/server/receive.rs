//! What the server makes of bytes, of their end, and of the end of an answer.
//!
//! The transitions of [`Reading`]; see the theory of operation one level up.

use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem;

use super::super::body::Body;
use super::super::chunked::Step;
use super::super::outgoing::Outgoing;
use super::{Asked, NOTHING_ASKED, Reading, ServerConnection};
use crate::{BodyLength, Error, Event, Kind, RequestHead};

/// Empty lines that are skipped before a request line (RFC 9112 §2.2 wants at least one): some
/// clients send one after a body.
const MAX_EMPTY_LINES: u8 = 8;

impl ServerConnection {
    /// Use up as much input as the state allows; returns how much that was.
    pub(super) fn pump(&mut self, input: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let rest = &input[at..];
            let ignores_input = self.ignores_input();
            match &mut self.reading {
                Reading::Head => match self.read_head(rest) {
                    Some(used) => at += used,
                    None => break,
                },
                Reading::Body(body) => {
                    let step = body.step(rest, &self.limits);
                    self.statistics.bytes_scanned += body.take_work();
                    match step {
                        Ok((used, step)) => {
                            at += used;
                            let chunk_end = body.chunk_end();
                            if !self.body_step(step, chunk_end) {
                                break;
                            }
                        }
                        Err(error) => self.refuse(error),
                    }
                }
                Reading::Raw => {
                    self.deliver(rest, None);
                    at = input.len();
                    break;
                }
                Reading::Complete if !ignores_input => break,
                Reading::Complete | Reading::Refused | Reading::Lingering(_) | Reading::Closed => {
                    self.throw_away(rest.len());
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
        match rest {
            [] | [b'\r'] => return None,
            [b'\r', b'\n', ..] if self.empty_lines < MAX_EMPTY_LINES => {
                self.empty_lines += 1;
                return Some(2);
            }
            _ => {}
        }
        let parsed = self.parser.advance(rest, &self.limits);
        self.statistics.bytes_scanned += self.parser.take_work();
        match parsed {
            Ok(None) => None,
            Ok(Some((head, used))) => {
                self.begin(head);
                Some(used)
            }
            Err(error) => {
                self.refuse(error);
                Some(0)
            }
        }
    }

    /// A head is complete: a stream begins.
    fn begin(&mut self, head: RequestHead) {
        self.stream += 1;
        self.statistics.messages_received += 1;
        self.empty_lines = 0;
        self.waiting = self.waiting.saturating_sub(1);
        self.asked = Asked {
            version: head.version,
            head: head.is_method(b"HEAD"),
            connect: head.is_method(b"CONNECT"),
            keep_alive: head.keep_alive,
            upgrade: head.upgrade,
            awaits_continue: head.expect_continue && head.body != BodyLength::Empty,
        };
        self.outgoing = Outgoing::Head;
        if !Arc::ptr_eq(&self.limits, &self.usual) {
            self.limits = Arc::clone(&self.usual);
        }
        self.window.reset();
        self.awaited = false;
        self.clock.begin_body();
        let body = Body::new(head.body, false);
        self.events.push(self.id(), Event::Head(head));
        match body {
            Some(body) => self.reading = Reading::Body(body),
            None => self.complete(),
        }
    }

    /// Deal with a step of the body; false: more input is needed. `chunk_end` is where a chunk ended
    /// if the step is data.
    fn body_step(&mut self, step: Step<'_>, chunk_end: Option<u64>) -> bool {
        match step {
            Step::More => return false,
            Step::Data(data) => {
                self.asked.awaits_continue = false;
                if self.outgoing.is_over() {
                    self.statistics.body_bytes_received += data.len() as u64;
                    self.discarded += data.len() as u64;
                    if self.discarded > self.limits.max_discard {
                        self.end();
                    }
                } else {
                    self.deliver(data, chunk_end);
                }
            }
            Step::End(trailers) => {
                if let Some(trailers) = trailers.filter(|_| !self.outgoing.is_over()) {
                    self.events.push(self.id(), Event::Trailers(trailers));
                }
                self.complete();
            }
        }
        true
    }

    /// A piece of the body came; `chunk_end` is where a chunk ended with it.
    fn deliver(&mut self, data: &[u8], chunk_end: Option<u64>) {
        self.statistics.body_bytes_received += data.len() as u64;
        self.clock.body_came(data.len() as u64);
        self.window.delivered(data.len(), &self.limits);
        self.events.data(data);
        if let Some(end) = chunk_end {
            self.events.chunk_end(end);
        }
    }

    /// The request is complete.
    fn complete(&mut self) {
        self.reading = Reading::Complete;
        match self.outgoing {
            Outgoing::Done => self.turn_over(),
            Outgoing::Raw => {
                self.events.push(self.id(), Event::End);
                self.reading = Reading::Raw;
                // The rest of the input follows as data.
                self.events.push(self.id(), Event::Upgraded(Bytes::new()));
            }
            _ => self.events.push(self.id(), Event::End),
        }
    }

    /// The answer is complete: what about the connection?
    pub(super) fn turn_over(&mut self) {
        match &self.reading {
            Reading::Complete if !self.closing => {
                self.reading = Reading::Head;
                self.outgoing = Outgoing::Closed;
                self.discarded = 0;
                if self.inbox.is_empty() {
                    self.waiting = 0;
                    self.end_of_input();
                }
            }
            Reading::Body(body) if !self.closing && body.known_left() <= self.limits.max_discard => {
                self.discarded = 0;
            }
            Reading::Lingering(_) | Reading::Closed => {}
            Reading::Raw => self.reading = Reading::Closed,
            _ => self.end(),
        }
    }

    /// Nothing more is read as a request and nothing is to be answered.
    pub(super) fn end(&mut self) {
        // Input that nobody read makes the kernel answer `close` by a reset, which can destroy what
        // the peer has not read yet (RFC 9112 §9.6).
        let unread = !self.inbox.is_empty()
            || self.discarded > 0
            || matches!(self.reading, Reading::Body(_) | Reading::Refused);
        self.reading = if unread && !self.eof {
            Reading::Lingering(0)
        } else {
            Reading::Closed
        };
        self.closing = true;
        self.parser.reset();
        self.inbox.clear();
    }

    /// The peer broke a rule: one answer is taken, if there is none yet.
    pub(super) fn refuse(&mut self, error: Error) {
        self.statistics.refuse(error.kind.as_str());
        self.closing = true;
        if matches!(self.reading, Reading::Head) {
            self.stream += 1;
            self.asked = NOTHING_ASKED;
            self.outgoing = Outgoing::Head;
        }
        self.reading = Reading::Refused;
        self.parser.reset();
        self.inbox.clear();
        if self.outgoing.is_over() {
            self.end();
        } else {
            self.events.push(self.id(), Event::Error(error));
        }
    }

    fn throw_away(&mut self, n: usize) {
        self.discarded += n as u64;
        if let Reading::Lingering(lingered) = &mut self.reading {
            *lingered = lingered.saturating_add(n as u64);
            if *lingered > self.limits.max_discard {
                self.reading = Reading::Closed;
            }
        }
    }

    /// Keep what could not be used up yet.
    pub(super) fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            return;
        }
        let seen = self.inbox.len().saturating_sub(3);
        self.inbox.extend(rest);
        if matches!(self.reading, Reading::Complete) {
            self.waiting += memmem::find_iter(&self.inbox.as_slice()[seen..], b"\r\n\r\n").count();
        }
    }

    /// Parse what waits in the inbox, if its turn has come.
    pub(super) fn pump_inbox(&mut self) {
        let lent = self.inbox.lend();
        let used = self.pump(lent.as_slice());
        self.inbox.restore(lent, used);
        self.end_of_input();
    }

    /// If the peer sends no more, what is incomplete now stays so.
    pub(super) fn end_of_input(&mut self) {
        match &self.reading {
            _ if !self.eof => {}
            Reading::Head if self.inbox.is_empty() => self.reading = Reading::Closed,
            Reading::Head => self.refuse(Error::peer(Kind::EofInHead, b"")),
            Reading::Body(_) if self.outgoing.is_over() => self.reading = Reading::Closed,
            Reading::Body(body) => {
                if let Err(error) = body.end_of_input() {
                    self.refuse(error);
                }
            }
            Reading::Lingering(_) => self.reading = Reading::Closed,
            Reading::Raw | Reading::Complete | Reading::Refused | Reading::Closed => {}
        }
    }

    /// Whether what comes after the request is nobody's: no further request is answered (RFC 9112
    /// §9.6), and no switch of protocols can make it data.
    pub(super) fn ignores_input(&self) -> bool {
        let switch = self.asked.connect || self.asked.upgrade;
        !switch && (self.closing || !self.asked.keep_alive)
    }
}

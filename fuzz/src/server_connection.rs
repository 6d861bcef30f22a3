//! A server's whole connection: first with a user who answers each request once it is complete, in any cuts, then
//! with one who gives commands at any time.

use std::sync::Arc;

use bytes::Bytes;
use quinde_http::h1::{ResponseStart, ServerConnection};
use quinde_http::{BodyLength, Chunk, Close, Error, Event, Limits, Machine, Side, Statistics, StreamId};

use crate::feed::feed;
use crate::order::Order;
use crate::record::Record;
use crate::script::{Op, Script, fields};
use crate::watch::Watch;

const STATUSES: [u16; 16] = [
    200, 204, 304, 404, 101, 100, 103, 500, 199, 1000, 999, 413, 102, 0, 226, 205,
];

/// What came of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub record: Record,
    pub sent: Vec<u8>,
    /// Whether the connection is over; how depends on what comes after the answer or before.
    pub closes: bool,
}

pub fn check(data: &[u8]) {
    let Some(script) = Script::read(data) else { return };
    let limits = script.limits();
    let (whole, statistics) = answer(&limits, &[script.wire], false, script.ends());
    for landing in [false, true] {
        let (cut, work) = answer(&limits, &script.pieces(), landing, script.ends());
        assert_eq!(cut, whole, "cuts matter; landing: {landing}");
        assert!(work.bytes_scanned <= 2 * script.wire.len() as u64);
        assert_eq!(work.messages_received, statistics.messages_received);
        assert_eq!(work.messages_sent, statistics.messages_sent);
    }
    Play::new(&script.flood(), &limits).run(&script.ops);
}

/// Feed the pieces to a server that answers each complete request by 200 `ok` and each error by its status.
/// `landing`: body bytes that can be received into their final place are.
pub(crate) fn answer(
    limits: &Arc<Limits>,
    pieces: &[&[u8]],
    landing: bool,
    eof: bool,
) -> (Outcome, Statistics) {
    let mut server = ServerConnection::new(Arc::clone(limits), 0);
    let (mut order, mut record, mut sent) = (Order::new(), Record::default(), Vec::new());
    let told = (&mut order, &mut record);
    feed(
        &mut server,
        pieces,
        landing,
        eof,
        told,
        |server, order, record| {
            answer_events(server, order, record, &mut sent);
        },
    );
    let (closes, statistics) = (server.close() != Close::No, server.statistics());
    (Outcome { record, sent, closes }, statistics)
}

fn answer_events(server: &mut ServerConnection, order: &mut Order, record: &mut Record, sent: &mut Vec<u8>) {
    while let Some((stream, event)) = server.next_event() {
        order.check(stream, &event);
        record.add(stream, &event);
        let (status, body) = match &event {
            Event::Data(data) => {
                server.consumed(stream, data.len());
                continue;
            }
            Event::End => (200, &b"ok"[..]),
            Event::Error(error) => {
                assert_eq!(error.side, Side::Peer);
                (error.status.expect("a server's error has a status"), &b""[..])
            }
            _ => continue,
        };
        let start = ResponseStart {
            status,
            reason: None,
            close: false,
        };
        let length = BodyLength::Known(body.len() as u64);
        server
            .send_head(stream, start, length, fields(2, 0))
            .expect("an answer is due");
        server
            .send_data(stream, Chunk::Borrowed(body))
            .expect("a body is due");
        server.finish(stream).expect("nothing is missing");
    }
    while let Some(segment) = server.output().pop() {
        match segment {
            quinde_http::Segment::Owned(bytes) => sent.extend_from_slice(&bytes),
            quinde_http::Segment::Shared(bytes) => sent.extend_from_slice(&bytes),
        }
    }
}

/// A connection with a user who gives commands at any time.
struct Play<'a> {
    watch: Watch<'a, ServerConnection>,
    shared: Bytes,
    /// Limits of a request that is pressed for time.
    pressed: Arc<Limits>,
}

impl<'a> Play<'a> {
    fn new(wire: &'a [u8], limits: &'a Arc<Limits>) -> Play<'a> {
        let shared = Bytes::from_static(&[b's'; 5000]);
        let pressed = Arc::new(Limits {
            body_timeout: 5,
            min_body_rate: 1000,
            ..Limits::clone(limits)
        });
        let make = || ServerConnection::new(Arc::clone(limits), 0);
        Play {
            watch: Watch::new(make, wire, limits),
            shared,
            pressed,
        }
    }

    fn run(mut self, ops: &[Op]) {
        for &op in ops {
            self.step(op);
        }
        self.end_well();
    }

    fn step(&mut self, [kind, a, b, c]: Op) {
        let watch = &mut self.watch;
        // Now and then another stream than the one that is due.
        let stream = StreamId(watch.order.stream().0.wrapping_add(u64::from(kind >> 6 == 3)));
        match kind % 16 {
            0 | 1 => {
                self.receive(usize::from(a) << (b % 4), c & 1 == 0);
            }
            2 => {
                watch.land(usize::from(a) + 1, c & 1 == 0);
            }
            3 if a == 0 => watch.end(),
            3 | 4 => watch.tell_time(u64::from(a) << (b % 16)),
            5 => {
                let status = STATUSES[usize::from(a % 16)];
                let _ = watch.command(|server| server.send_informational(stream, status, fields(b, c)));
            }
            6 | 7 => {
                let start = ResponseStart {
                    status: STATUSES[usize::from(a % 16)],
                    reason: [None, Some(&b"Fine"[..]), Some(b""), Some(b"a\nb")][usize::from(a >> 6)],
                    close: a & 0x20 != 0,
                };
                let body = [
                    BodyLength::Empty,
                    BodyLength::Known(3),
                    BodyLength::Chunked,
                    BodyLength::UntilClose,
                ][usize::from((kind >> 4) % 4)];
                let _ = watch.command(|server| server.send_head(stream, start, body, fields(b, c)));
            }
            8 => {
                let chunk = if a & 1 == 0 {
                    Chunk::Borrowed(&b"abc"[..usize::from(b % 4)])
                } else {
                    Chunk::Shared(self.shared.slice(..usize::from(b) * 19))
                };
                let _ = watch.command(|server| server.send_data(stream, chunk));
            }
            9 => {
                let result = watch.command(|server| server.send_trailers(stream, fields(b, c)));
                self.finished(result);
            }
            10 => {
                let result = watch.command(|server| server.finish(stream));
                self.finished(result);
            }
            11 if a > 200 => self.reset(stream),
            11 | 12 => watch.consume(stream, usize::from(a) << (b % 8)),
            13 if a > 200 => watch.machine.shutdown(),
            13 | 14 => watch.sent(usize::from(a) << (b % 8)),
            _ if a >= 128 => watch.quietly(|server| server.body_awaited(b & 1 == 0)),
            _ if a >= 96 => {
                let pressed = Arc::clone(&self.pressed);
                watch.quietly(|server| server.change_limits(stream, pressed));
            }
            _ => {
                watch.event();
            }
        }
        self.agree();
    }

    /// Receive up to `n` bytes. More bytes of a head do not move its deadline, but the end of an empty line before it
    /// makes the connection idle again.
    fn receive(&mut self, n: usize, pull: bool) -> bool {
        let watch = &mut self.watch;
        watch.turn();
        let (server, order) = (&watch.machine, &watch.order);
        let (stream, deadline) = (order.stream(), server.next_timeout());
        let between = order.is_ended() || stream.0 == 0;
        let within_head = between && !order.is_over() && !server.is_idle() && !server.request_complete();
        let received = watch.receive(n, pull);
        let same = watch.order.stream() == stream && watch.machine.close() == Close::No;
        if received
            && watch.drained
            && within_head
            && same
            && !watch.order.is_over()
            && !watch.machine.is_idle()
        {
            assert_eq!(watch.machine.next_timeout(), deadline, "a head's deadline moved");
        }
        received
    }

    /// A message that was ended: what still comes of the request is thrown away, and the next one may have its turn.
    fn finished(&mut self, result: Result<(), Error>) {
        if result.is_ok() {
            self.watch.discarding = true;
        }
        self.watch.turn();
    }

    fn reset(&mut self, stream: StreamId) {
        let current = self.watch.drained && stream == self.watch.order.stream();
        let open = self.watch.machine.close() == Close::No;
        let said = self.watch.machine.output().len();
        self.watch.machine.reset(stream);
        let ends = self.watch.machine.close() != Close::No;
        assert!(ends || !current, "a reset stream's connection is open");
        if open && ends {
            let left = self.watch.machine.output().len();
            assert_eq!(left, said, "a reset says nothing and takes nothing back");
            assert!(self.watch.event().is_none(), "an event after a reset");
        }
        self.watch.turn();
    }

    /// What the machine says of itself fits together.
    fn agree(&mut self) {
        let server = &mut self.watch.machine;
        if server.is_idle() {
            assert_eq!((server.close(), server.body_want()), (Close::No, 0));
        }
        if server.close() == Close::AfterFlush {
            assert!(!server.wants_read() && server.next_timeout().is_none());
        }
    }

    /// Whatever was done, a user who reads bodies from now on, and answers when nothing more comes, is not left with a
    /// connection that hangs; and the end of input ends it.
    fn end_well(mut self) {
        for round in 0.. {
            self.read_body();
            if self.receive(1 + round % 97, true) {
                continue;
            }
            // Nothing comes, or nothing is wanted: then the answer is what is missing.
            let (stream, last) = (self.watch.order.stream(), self.watch.wire.is_empty());
            self.answer();
            self.read_body();
            let server = &self.watch.machine;
            let moves = server.wants_read() || server.close() != Close::No;
            assert!(moves || self.watch.order.stream() > stream, "stuck");
            if last || !server.wants_read() && server.close() != Close::No {
                break;
            }
        }
        self.watch.end();
        // A request that waited may have its turn yet.
        while self.watch.machine.close() == Close::No {
            let stream = self.watch.order.stream();
            self.answer();
            assert!(
                self.watch.machine.close() != Close::No || self.watch.order.stream() > stream,
                "still open after the end of input"
            );
        }
        self.watch.sent(usize::MAX);
        assert_eq!(
            self.watch.machine.close(),
            Close::AfterFlush,
            "more is waited for"
        );
        self.watch.tell_time(1 << 40);
        assert!(self.watch.event().is_none(), "an event after the end");
    }

    fn read_body(&mut self) {
        self.watch.turn();
        let (stream, outstanding) = (self.watch.order.stream(), self.watch.outstanding);
        self.watch.consume(stream, outstanding);
    }

    /// End the answer that is due or begun.
    fn answer(&mut self) {
        let stream = self.watch.order.stream();
        let start = ResponseStart {
            status: 200,
            reason: None,
            close: false,
        };
        let _ = self
            .watch
            .command(|server| server.send_head(stream, start, BodyLength::Empty, fields(0, 0)));
        let result = self.watch.command(|server| server.finish(stream));
        match &result {
            Err(error) if error.kind == quinde_http::Kind::BodyTooShort => self.reset(stream),
            _ => self.finished(result),
        }
        self.watch.sent(usize::MAX);
    }
}

//! A client's whole connection: first one exchange in any cuts, then many with a user who gives commands at any time.

use std::sync::Arc;

use bytes::Bytes;
use quinde_http::h1::{ClientConnection, RequestStart};
use quinde_http::{BodyLength, Chunk, Close, Event, Limits, Machine, Statistics, StreamId};

use crate::feed::feed;
use crate::order::Order;
use crate::record::Record;
use crate::script::{FIELDS, Op, Script, fields};
use crate::watch::Watch;

const METHODS: [&str; 8] = [
    "GET",
    "HEAD",
    "POST",
    "CONNECT",
    "PUT",
    "OPTIONS",
    "ODD",
    "BAD METHOD",
];

/// What came of an exchange.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub record: Record,
    pub close: Close,
    pub reusable: bool,
}

pub fn check(data: &[u8]) {
    let Some(script) = Script::read(data) else { return };
    let limits = script.limits();
    let choice = script.choice();
    let (whole, statistics) = exchange(&limits, choice, &[script.wire], false, script.ends());
    for landing in [false, true] {
        let (cut, work) = exchange(&limits, choice, &script.pieces(), landing, script.ends());
        assert_eq!(cut, whole, "cuts matter; landing: {landing}");
        assert!(work.bytes_scanned <= 2 * script.wire.len() as u64);
        assert_eq!(work.messages_received, statistics.messages_received);
    }
    Play::new(&script.flood(), &limits).run(&script.ops);
}

/// Send a request and feed the pieces. `landing`: body bytes that can be received into their final place are.
pub(crate) fn exchange(
    limits: &Arc<Limits>,
    choice: u8,
    pieces: &[&[u8]],
    landing: bool,
    eof: bool,
) -> (Outcome, Statistics) {
    let mut client = ask(limits, choice);
    let (mut order, mut record, mut last) = (Order::new(), Record::default(), false);
    let told = (&mut order, &mut record);
    feed(
        &mut client,
        pieces,
        landing,
        eof,
        told,
        |client, order, record| {
            while let Some((stream, event)) = client.next_event() {
                order.check(stream, &event);
                record.add(stream, &event);
                match &event {
                    Event::Data(data) => client.consumed(stream, data.len()),
                    Event::Head(head) => last = !head.keep_alive,
                    _ => {}
                }
            }
        },
    );
    assert!(client.output().is_empty(), "output without a command");
    assert!(
        !last || !client.is_reusable(),
        "used again after the last response"
    );
    let outcome = Outcome {
        record,
        close: client.close(),
        reusable: client.is_reusable(),
    };
    let statistics = client.statistics();
    (outcome, statistics)
}

/// A client that has sent a request; the choice says which.
fn ask(limits: &Arc<Limits>, choice: u8) -> ClientConnection {
    let mut client = ClientConnection::new(Arc::clone(limits), 0);
    let stream = client.open();
    let start = RequestStart {
        method: METHODS[usize::from(choice % 4)],
        target: "a:1",
        expect_continue: false,
    };
    let upgrade = if choice & 4 == 0 { 0 } else { 0b110_0000 };
    client
        .send_head(stream, start, BodyLength::Empty, fields(1 | upgrade, 0))
        .expect("a good head");
    client.finish(stream).expect("nothing is missing");
    client.output().advance(usize::MAX);
    client
}

/// A connection with a user who gives commands at any time.
struct Play<'a> {
    watch: Watch<'a, ClientConnection>,
    shared: Bytes,
    /// The stream that was opened last.
    opened: StreamId,
}

impl<'a> Play<'a> {
    fn new(wire: &'a [u8], limits: &'a Arc<Limits>) -> Play<'a> {
        let shared = Bytes::from_static(&[b's'; 5000]);
        let make = || ClientConnection::new(Arc::clone(limits), 0);
        Play {
            watch: Watch::new(make, wire, limits),
            shared,
            opened: StreamId(0),
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
        let stream = StreamId(self.opened.0.wrapping_sub(u64::from(kind >> 6 == 3)));
        match kind % 16 {
            0 | 1 => {
                watch.receive(usize::from(a) << (b % 4), c & 1 == 0);
            }
            2 => {
                watch.land(usize::from(a) + 1, c & 1 == 0);
            }
            3 if a == 0 => watch.end(),
            3 => watch.tell_time(u64::from(a) << (b % 16)),
            4 | 5 => self.open(),
            6 | 7 => {
                let start = RequestStart {
                    method: METHODS[usize::from(a % 8)],
                    target: ["/", "a:1", "*", "/a b"][usize::from(a >> 6)],
                    expect_continue: a & 0x20 != 0,
                };
                let body = [
                    BodyLength::Empty,
                    BodyLength::Known(3),
                    BodyLength::Chunked,
                    BodyLength::UntilClose,
                ][usize::from((kind >> 4) % 4)];
                let _ = watch.command(|client| client.send_head(stream, start, body, fields(b, c)));
            }
            8 => {
                let chunk = if a & 1 == 0 {
                    Chunk::Borrowed(&b"abc"[..usize::from(b % 4)])
                } else {
                    Chunk::Shared(self.shared.slice(..usize::from(b) * 19))
                };
                let _ = watch.command(|client| client.send_data(stream, chunk));
            }
            9 => {
                let _ = watch.command(|client| client.send_trailers(stream, fields(b, c)));
            }
            10 => {
                let _ = watch.command(|client| client.finish(stream));
            }
            11 if a > 200 => self.reset(stream),
            11 | 12 => watch.consume(stream, usize::from(a) << (b % 8)),
            13 if a > 200 => {
                let result = watch.command(|client| client.send_informational(stream, 103, fields(b, c)));
                assert!(result.is_err(), "a client sent a response");
            }
            13 | 14 => watch.sent(usize::from(a) << (b % 8)),
            _ => {
                watch.event();
            }
        }
        self.agree();
    }

    fn open(&mut self) {
        let free = self.watch.machine.is_reusable();
        let before = self.opened;
        self.opened = self.watch.machine.open();
        assert!(self.opened > before, "a stream was given out twice");
        if free {
            assert_eq!(self.watch.machine.close(), Close::No);
        }
    }

    fn reset(&mut self, stream: StreamId) {
        let current = self.watch.drained && [self.watch.order.stream(), self.opened] == [stream; 2];
        let open = self.watch.machine.close() == Close::No;
        self.watch.machine.reset(stream);
        let closed = self.watch.machine.close() == Close::AfterFlush;
        assert!(closed || !current, "a reset stream's connection is open");
        if open && closed {
            assert!(self.watch.machine.output().is_empty(), "a reset sends nothing");
            assert!(self.watch.event().is_none(), "an event after a reset");
        }
        self.watch.turn();
    }

    /// What the machine says of itself fits together.
    fn agree(&mut self) {
        let client = &mut self.watch.machine;
        assert_eq!(client.next_timeout(), None);
        if client.is_reusable() {
            assert_eq!((client.close(), client.body_want()), (Close::No, 0));
            assert!(client.output().is_empty() && client.wants_read());
            assert!(!self.watch.order.is_over(), "used again after an error");
        }
        if self.watch.order.is_over() {
            assert_eq!(client.close(), Close::AfterFlush, "open after an error");
        }
    }

    /// A connection that could be used again can be; one whose peer has closed is over.
    fn end_well(mut self) {
        self.watch.turn();
        self.watch.sent(usize::MAX);
        if self.watch.machine.is_reusable() {
            self.open();
            let (stream, start) = (
                self.opened,
                RequestStart {
                    method: "GET",
                    target: "/",
                    expect_continue: false,
                },
            );
            self.watch
                .command(|client| {
                    client.send_head(stream, start, BodyLength::Empty, FIELDS[..1].iter().copied())
                })
                .expect("a reusable connection takes a request");
            self.watch
                .command(|client| client.finish(stream))
                .expect("nothing is missing");
        }
        for round in 0.. {
            let outstanding = self.watch.outstanding;
            let stream = self.watch.order.stream();
            self.watch.consume(stream, outstanding);
            let client = &self.watch.machine;
            assert!(
                client.wants_read() || client.close() != Close::No || self.watch.eof,
                "stuck"
            );
            if !self.watch.receive(1 + round % 97, true) {
                break;
            }
        }
        self.watch.sent(usize::MAX);
        self.watch.end();
        // A switched protocol ends when both sides have ended it. (What was opened since is refused.)
        let stream = self.watch.order.stream();
        let _ = self.watch.command(|client| client.finish(stream));
        self.watch.turn();
        assert_eq!(
            self.watch.machine.close(),
            Close::AfterFlush,
            "still open after the end of input"
        );
        assert!(!self.watch.machine.is_reusable());
    }
}

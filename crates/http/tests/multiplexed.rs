//! The face carries multiplexing: one generic driver serves HTTP/1.1 and a protocol with two streams
//! at once, whose frames interleave. The protocol exists only here; it is the least that needs all
//! of the face: streams in any order, flow control for each, resets that spare the other stream.

mod support;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use quinde_http::h1::{ResponseStart, ServerConnection};
use quinde_http::{
    BodyLength, Chunk, Close, Error, Event, Instant, Machine, Output, RequestHead, Statistics, StreamId,
};
use support::{NO_FIELDS, drain, limits};

/// A frame is: stream, type (h head, d data, c end of a chunk, e end, r reset), length, payload; a
/// byte each but the payload.
#[derive(Default)]
struct TwoStreams {
    inbox: Vec<u8>,
    events: VecDeque<(StreamId, Event<String>)>,
    outstanding: BTreeMap<u64, usize>,
    received: BTreeMap<u64, u64>,
    output: VecDeque<u8>,
    sink: Output,
    open: Vec<u64>,
    eof: bool,
    idle_since: Instant,
}

impl TwoStreams {
    fn frame(&mut self, stream: u64, kind: u8, payload: &[u8]) {
        self.output.extend([stream as u8, kind, payload.len() as u8]);
        self.output.extend(payload);
    }

    fn own(&self, stream: StreamId) -> Result<(), Error> {
        if self.open.contains(&stream.0) {
            Ok(())
        } else {
            Err(stream_closed())
        }
    }
}

/// An error as a machine makes it; only machines of the crate can, so one is asked for it.
fn stream_closed() -> Error {
    let mut server = ServerConnection::new(limits(), 0);
    server.finish(StreamId(1)).expect_err("there is no stream")
}

impl Machine for TwoStreams {
    type Head = String;
    type Start<'a> = &'a str;

    fn receive_data(&mut self, data: &[u8], now: Instant) {
        self.idle_since = now;
        self.inbox.extend_from_slice(data);
        while let [stream, kind, len, rest @ ..] = &self.inbox[..] {
            let (id, len) = (StreamId(u64::from(*stream)), usize::from(*len));
            let Some(payload) = rest.get(..len) else { break };
            let event = match kind {
                b'h' => Event::Head(String::from_utf8_lossy(payload).into_owned()),
                b'd' => {
                    *self.received.entry(id.0).or_default() += payload.len() as u64;
                    Event::Data(Bytes::copy_from_slice(payload))
                }
                b'c' => Event::ChunkEnds(Box::new([self.received.get(&id.0).copied().unwrap_or(0)])),
                b'e' => Event::End,
                _ => Event::Error(stream_closed()),
            };
            if matches!(event, Event::Head(_)) {
                self.open.push(id.0);
            }
            *self.outstanding.entry(id.0).or_default() += if *kind == b'd' { len } else { 0 };
            self.events.push_back((id, event));
            self.inbox.drain(..3 + len);
        }
    }

    fn receive_eof(&mut self, _now: Instant) {
        self.eof = true;
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.eof |= now >= self.idle_since + 1000;
    }

    fn next_timeout(&self) -> Option<Instant> {
        (!self.eof).then_some(self.idle_since + 1000)
    }

    fn next_event(&mut self) -> Option<(StreamId, Event<String>)> {
        self.events.pop_front()
    }

    fn body_want(&self) -> usize {
        0
    }

    fn body_landed(&mut self, _n: usize, _now: Instant) {}

    fn wants_read(&self) -> bool {
        !self.eof && self.outstanding.values().all(|outstanding| *outstanding < 100)
    }

    fn consumed(&mut self, stream: StreamId, n: usize) {
        if let Some(outstanding) = self.outstanding.get_mut(&stream.0) {
            *outstanding -= n;
        }
    }

    fn send_informational<'f>(
        &mut self,
        stream: StreamId,
        _status: u16,
        _fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) -> Result<(), Error> {
        self.own(stream)
    }

    fn send_head<'f>(
        &mut self,
        stream: StreamId,
        start: &str,
        _body: BodyLength,
        _fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) -> Result<(), Error> {
        self.own(stream)?;
        self.frame(stream.0, b'h', start.as_bytes());
        Ok(())
    }

    fn send_data(&mut self, stream: StreamId, data: Chunk<'_>) -> Result<(), Error> {
        self.own(stream)?;
        match data {
            Chunk::Borrowed(bytes) => self.frame(stream.0, b'd', bytes),
            Chunk::Shared(bytes) => self.frame(stream.0, b'd', &bytes),
        }
        Ok(())
    }

    fn send_trailers<'f>(
        &mut self,
        stream: StreamId,
        _fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) -> Result<(), Error> {
        self.finish(stream)
    }

    fn finish(&mut self, stream: StreamId) -> Result<(), Error> {
        self.own(stream)?;
        self.frame(stream.0, b'e', b"");
        self.open.retain(|open| *open != stream.0);
        Ok(())
    }

    fn reset(&mut self, stream: StreamId) {
        self.frame(stream.0, b'r', b"");
        self.open.retain(|open| *open != stream.0);
    }

    /// A real machine queues segments; this one shows its bytes by `take_output`.
    fn output(&mut self) -> &mut Output {
        &mut self.sink
    }

    fn close(&self) -> Close {
        if self.eof && self.open.is_empty() {
            Close::AfterFlush
        } else {
            Close::No
        }
    }

    fn statistics(&self) -> Statistics {
        Statistics::default()
    }
}

/// What the driver needs to know about a protocol besides its machine.
trait Protocol: Machine {
    fn path(head: &Self::Head) -> String;
    fn ok<'a>() -> Self::Start<'a>;
    fn take_output(&mut self) -> Vec<u8>;
}

impl Protocol for TwoStreams {
    fn path(head: &String) -> String {
        head.clone()
    }

    fn ok<'a>() -> &'a str {
        "ok"
    }

    fn take_output(&mut self) -> Vec<u8> {
        self.output.drain(..).collect()
    }
}

impl Protocol for ServerConnection {
    fn path(head: &RequestHead) -> String {
        head.path().to_owned()
    }

    fn ok<'a>() -> ResponseStart<'a> {
        ResponseStart {
            status: 200,
            reason: None,
            close: false,
        }
    }

    fn take_output(&mut self) -> Vec<u8> {
        drain(self)
    }
}

/// Serves any protocol: answers each request by its path and its body turned round, `/chunks` also by
/// where chunks ended, `/drop` by a reset. Holds what it needs for each stream, as handlers of a real server do.
struct Driver<P: Protocol> {
    machine: P,
    requests: BTreeMap<StreamId, (String, Vec<u8>)>,
    chunk_ends: BTreeMap<StreamId, Vec<u64>>,
    served: Vec<u64>,
    most_at_once: usize,
}

impl<P: Protocol> Driver<P> {
    fn new(machine: P) -> Driver<P> {
        Driver {
            machine,
            requests: BTreeMap::new(),
            chunk_ends: BTreeMap::new(),
            served: Vec::new(),
            most_at_once: 0,
        }
    }

    fn turn(&mut self, input: &[u8], now: Instant) -> Vec<u8> {
        if self.machine.wants_read() && !input.is_empty() {
            self.machine.receive_data(input, now);
        }
        while let Some((stream, event)) = self.machine.next_event() {
            match event {
                Event::Head(head) => drop(self.requests.insert(stream, (P::path(&head), Vec::new()))),
                Event::Data(data) => {
                    self.machine.consumed(stream, data.len());
                    if let Some((_, body)) = self.requests.get_mut(&stream) {
                        body.extend_from_slice(&data);
                    }
                }
                Event::ChunkEnds(ends) => self.chunk_ends.entry(stream).or_default().extend(ends),
                Event::End => self.serve(stream),
                Event::Error(_) => drop(self.requests.remove(&stream)),
                Event::Informational(_) | Event::Trailers(_) | Event::Upgraded(_) => {}
            }
            self.most_at_once = self.most_at_once.max(self.requests.len());
        }
        self.machine.handle_timeout(now);
        self.machine.take_output()
    }

    fn serve(&mut self, stream: StreamId) {
        let Some((path, mut body)) = self.requests.remove(&stream) else {
            return;
        };
        if path == "/drop" {
            self.machine.reset(stream);
            return;
        }
        body.reverse();
        if path == "/chunks" {
            let ends = self.chunk_ends.remove(&stream).unwrap_or_default();
            body.extend_from_slice(format!(" {ends:?}").as_bytes());
        }
        let answer = [path.as_bytes(), b" ", &body].concat();
        let length = BodyLength::Known(answer.len() as u64);
        self.machine
            .send_head(stream, P::ok(), length, NO_FIELDS.into_iter())
            .expect("head");
        self.machine
            .send_data(stream, Chunk::Borrowed(&answer))
            .expect("data");
        self.machine.finish(stream).expect("finish");
        self.served.push(stream.0);
    }
}

fn frame(stream: u8, kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[stream, kind, payload.len() as u8][..], payload].concat()
}

#[test]
fn two_streams_at_once() {
    let input = [
        frame(1, b'h', b"/one"),
        frame(2, b'h', b"/two"),
        frame(1, b'd', b"ab"),
        frame(2, b'd', b"xy"),
        frame(2, b'e', b""),
        frame(1, b'd', b"c"),
        frame(1, b'e', b""),
    ]
    .concat();
    for piece in [1, 2, 5, input.len()] {
        let mut driver = Driver::new(TwoStreams::default());
        let output: Vec<u8> = input
            .chunks(piece)
            .flat_map(|part| driver.turn(part, 0))
            .collect();
        assert_eq!(
            (driver.served.as_slice(), driver.most_at_once),
            (&[2, 1][..], 2),
            "out of order, at once"
        );
        let expected = [
            frame(2, b'h', b"ok"),
            frame(2, b'd', b"/two yx"),
            frame(2, b'e', b""),
            frame(1, b'h', b"ok"),
            frame(1, b'd', b"/one cba"),
            frame(1, b'e', b""),
        ];
        assert_eq!(output, expected.concat());
    }
}

#[test]
fn chunk_ends_are_each_streams_own() {
    let input = [
        frame(1, b'h', b"/chunks"),
        frame(2, b'h', b"/chunks"),
        frame(1, b'd', b"ab"),
        frame(2, b'd', b"x"),
        frame(2, b'c', b""),
        frame(1, b'd', b"c"),
        frame(1, b'c', b""),
        frame(2, b'd', b"yz"),
        frame(2, b'c', b""),
        frame(1, b'e', b""),
        frame(2, b'e', b""),
    ]
    .concat();
    let mut two = Driver::new(TwoStreams::default());
    let output = two.turn(&input, 0);
    let expected = [
        frame(1, b'd', b"/chunks cba [3]"),
        frame(2, b'd', b"/chunks zyx [1, 3]"),
    ];
    for answer in expected {
        assert!(output.windows(answer.len()).any(|part| part == answer));
    }
    let mut one = Driver::new(ServerConnection::new(limits(), 0));
    let output = one.turn(
        b"POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n2\r\nyz\r\n0\r\n\r\n",
        0,
    );
    assert!(output.ends_with(b"/chunks zyx [1, 3]"));
}

#[test]
fn a_reset_spares_the_other_stream() {
    let mut driver = Driver::new(TwoStreams::default());
    let input = [
        frame(1, b'h', b"/drop"),
        frame(2, b'h', b"/two"),
        frame(1, b'e', b""),
        frame(2, b'e', b""),
    ]
    .concat();
    let output = driver.turn(&input, 0);
    assert_eq!(output[..3], frame(1, b'r', b"")[..]);
    assert_eq!(driver.served, [2]);
    assert_eq!(
        driver.machine.finish(StreamId(1)).expect_err("it is over"),
        stream_closed()
    );
}

#[test]
fn flow_control_is_each_streams_own() {
    let mut machine = TwoStreams::default();
    machine.receive_data(&frame(1, b'd', &[0; 100]), 0);
    machine.receive_data(&frame(2, b'd', &[0; 10]), 0);
    assert!(!machine.wants_read());
    machine.consumed(StreamId(2), 10);
    assert!(!machine.wants_read());
    machine.consumed(StreamId(1), 1);
    assert!(machine.wants_read());
}

#[test]
fn the_same_driver_serves_http1() {
    let input = b"POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /two?q HTTP/1.1\r\nHost: a\r\n\r\n";
    for piece in [1, 3, input.len()] {
        let mut driver = Driver::new(ServerConnection::new(limits(), 0));
        let output: Vec<u8> = input
            .chunks(piece)
            .flat_map(|part| driver.turn(part, 0))
            .collect();
        assert_eq!(
            (driver.served.as_slice(), driver.most_at_once),
            (&[1, 2][..], 1),
            "one at a time, in order"
        );
        assert_eq!(
            output,
            b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n/one cbaHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n/two "
        );
    }
    let mut driver = Driver::new(ServerConnection::new(limits(), 0));
    driver.turn(b"GET /drop HTTP/1.1\r\nHost: a\r\n\r\n", 0);
    assert_eq!(
        driver.machine.close(),
        Close::AfterFlush,
        "with one stream a connection there is none to spare"
    );
}

#[test]
fn time_is_told_the_same_way() {
    let mut two = Driver::new(TwoStreams::default());
    let mut one = Driver::new(ServerConnection::new(limits(), 0));
    for (close, timeout) in [
        (two.machine.close(), two.machine.next_timeout()),
        (one.machine.close(), one.machine.next_timeout()),
    ] {
        assert_eq!((close, timeout.is_some()), (Close::No, true));
    }
    two.turn(b"", 1_000_000);
    one.turn(b"", 1_000_000);
    assert_eq!(
        (two.machine.close(), one.machine.close()),
        (Close::AfterFlush, Close::AfterFlush)
    );
}

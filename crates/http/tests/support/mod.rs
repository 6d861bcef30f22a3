//! What the tests share: ways to cut bytes, a record of what a machine did, and small drivers.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test crate has its own copy and uses a part"
)]

pub mod link;

use std::fmt::Write as _;
use std::sync::Arc;

use quinde_http::h1::{ClientConnection, RequestStart, ResponseStart, ServerConnection};
use quinde_http::{
    BodyLength, Chunk, Close, Error, Event, Headers, Limits, Machine, RequestHead, ResponseHead, Segment,
    Side, StreamId,
};

pub type Field<'a> = (&'a [u8], &'a [u8]);
pub const NO_FIELDS: [Field<'static>; 0] = [];

/// The fields of a head as text.
pub fn fields(headers: &Headers) -> String {
    let mut text = String::new();
    for (name, value) in headers.iter() {
        let _ = write!(text, " {}={}", name.escape_ascii(), value.escape_ascii());
    }
    text
}

/// One line that says all about a request head.
pub fn request_line(head: &RequestHead) -> String {
    let marks = [
        (head.keep_alive, "keep"),
        (head.upgrade, "upgrade"),
        (head.expect_continue, "expect"),
    ];
    let marks: Vec<&str> = marks
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, mark)| *mark)
        .collect();
    format!(
        "{} {} {:?} {:?} {:?} {marks:?}{}",
        head.method(),
        head.target(),
        head.form,
        head.version,
        head.body,
        fields(&head.headers)
    )
}

/// One line that says all about a response head.
pub fn response_line(head: &ResponseHead) -> String {
    format!(
        "{:?} {} {} {:?} keep={} upgrade={}{}",
        head.version,
        head.status,
        head.reason().escape_ascii(),
        head.body,
        head.keep_alive,
        head.upgrade,
        fields(&head.headers)
    )
}

/// What a machine did, with neighbouring pieces of a body joined: how they were cut is no matter.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
pub struct Record {
    pub events: Vec<String>,
    /// Where chunks ended, with their streams.
    pub chunk_ends: Vec<(u64, u64)>,
    body: Vec<u8>,
}

impl Record {
    pub fn add<H>(&mut self, stream: StreamId, event: Event<H>, line: impl Fn(&H) -> String) {
        let text = match event {
            Event::Data(data) => {
                self.body.extend_from_slice(&data);
                return;
            }
            Event::ChunkEnds(ends) => {
                assert!(!ends.is_empty(), "an event that tells nothing");
                self.chunk_ends.extend(ends.iter().map(|end| (stream.0, *end)));
                return;
            }
            Event::Head(head) => format!("head {}", line(&head)),
            Event::Informational(head) => format!("informational {}", response_line(&head)),
            Event::Trailers(trailers) => format!("trailers{}", fields(&trailers)),
            Event::End => "end".to_owned(),
            Event::Upgraded(rest) => {
                self.flush(stream);
                self.body.extend_from_slice(&rest);
                self.events.push(format!("{} upgraded", stream.0));
                return;
            }
            Event::Error(error) => format!("error {} {:?}", error.kind.as_str(), error.status),
        };
        self.flush(stream);
        self.events.push(format!("{} {text}", stream.0));
    }

    fn flush(&mut self, stream: StreamId) {
        if !self.body.is_empty() {
            let text = format!(
                "{} data {}",
                stream.0,
                std::mem::take(&mut self.body).escape_ascii()
            );
            self.events.push(text);
        }
    }

    /// The last event, without its stream.
    pub fn last(&self) -> &str {
        self.events
            .last()
            .and_then(|event| event.split_once(' '))
            .map_or("", |(_, text)| text)
    }

    pub fn finished(mut self) -> Record {
        self.flush(StreamId(0));
        self
    }
}

/// All bytes of the output, by slices and by `advance` in uneven steps.
pub fn drain<M: Machine>(machine: &mut M) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !machine.output().is_empty() {
        let mut slices = [std::io::IoSlice::new(&[]); 2];
        let filled = machine.output().slices(&mut slices);
        assert!(filled > 0, "there is output, but no slice of it");
        let first = &slices[0];
        let part = first.len().min(7 + bytes.len());
        bytes.extend_from_slice(&first[..part]);
        machine.output().advance(part);
    }
    bytes
}

/// All bytes of the output, segment by segment.
pub fn drain_segments<M: Machine>(machine: &mut M) -> Vec<Vec<u8>> {
    let mut segments = Vec::new();
    while let Some(segment) = machine.output().pop() {
        segments.push(match segment {
            Segment::Owned(bytes) => bytes,
            Segment::Shared(bytes) => bytes.to_vec(),
        });
    }
    segments
}

pub fn limits() -> Arc<Limits> {
    Arc::new(Limits::default())
}

pub const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
pub const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

/// A server with other limits than the defaults.
pub fn server(change: impl FnOnce(&mut Limits)) -> ServerConnection {
    let mut limits = Limits::default();
    change(&mut limits);
    ServerConnection::new(Arc::new(limits), 0)
}

/// Pull everything; returns the last error.
pub fn last_error(server: &mut ServerConnection) -> Option<Error> {
    std::iter::from_fn(|| server.next_event())
        .filter_map(|(_, event)| match event {
            Event::Error(error) => Some(error),
            _ => None,
        })
        .last()
}

/// An answer without a body.
pub fn answer(server: &mut ServerConnection, stream: u64) {
    let start = ResponseStart {
        status: 200,
        reason: None,
        close: false,
    };
    server
        .send_head(StreamId(stream), start, BodyLength::Empty, NO_FIELDS.into_iter())
        .expect("head");
    server.finish(StreamId(stream)).expect("finish");
}

/// A server that answers each complete request by 200 `ok` and each error by its status.
pub struct Answering {
    pub server: ServerConnection,
    pub record: Record,
    pub sent: Vec<u8>,
}

impl Answering {
    pub fn new(limits: Arc<Limits>) -> Answering {
        Answering {
            server: ServerConnection::new(limits, 0),
            record: Record::default(),
            sent: Vec::new(),
        }
    }

    pub fn feed(&mut self, data: &[u8]) {
        self.server.receive_data(data, 0);
        self.turn();
    }

    pub fn eof(&mut self) {
        self.server.receive_eof(0);
        self.turn();
    }

    pub fn turn(&mut self) {
        while let Some((stream, event)) = self.server.next_event() {
            let answer = match &event {
                Event::Data(data) => {
                    self.server.consumed(stream, data.len());
                    None
                }
                Event::End => Some((200, &b"ok"[..])),
                Event::Error(error) => {
                    assert_eq!(error.side, Side::Peer);
                    Some((error.status.expect("a server's error has a status"), &b""[..]))
                }
                _ => None,
            };
            self.record.add(stream, event, request_line);
            if let Some((status, body)) = answer {
                let start = ResponseStart {
                    status,
                    reason: None,
                    close: false,
                };
                let length = BodyLength::Known(body.len() as u64);
                self.server
                    .send_head(stream, start, length, NO_FIELDS.into_iter())
                    .expect("answer");
                self.server
                    .send_data(stream, Chunk::Borrowed(body))
                    .expect("body");
                self.server.finish(stream).expect("finish");
            }
        }
        self.sent.extend(drain(&mut self.server));
    }

    /// What is left to compare.
    pub fn result(self) -> (Record, String, bool) {
        let sent = self.sent.escape_ascii().to_string();
        (self.record.finished(), sent, self.server.close() != Close::No)
    }
}

/// Feed the bytes whole, byte by byte and cut in two at every offset; all must give the same. Long
/// inputs are cut at fewer places in their middle.
pub fn in_all_cuts<T: PartialEq + std::fmt::Debug>(input: &[u8], run: impl Fn(&[&[u8]]) -> T) -> T {
    let whole = run(&[input]);
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(run(&bytes), whole, "byte by byte: {}", start(input));
    let step = if input.len() > 1000 { input.len() / 40 } else { 1 };
    let ends = input.len().saturating_sub(12)..=input.len();
    for at in (0..input.len()).step_by(step).chain(ends) {
        assert_eq!(
            run(&[&input[..at], &input[at..]]),
            whole,
            "cut at {at}: {}",
            start(input)
        );
    }
    whole
}

fn start(input: &[u8]) -> String {
    input[..input.len().min(200)].escape_ascii().to_string()
}

/// Leave what a peer sent to the fuzzers, when `make fuzz` asks for it, as the stuff of seeds (fuzz/examples/seeds.rs).
/// The bodies of chunked messages are left on their own too.
fn seed(end: &str, input: &[u8]) {
    let Some(folder) = std::env::var_os("QUINDE_SEEDS").map(std::path::PathBuf::from) else {
        return;
    };
    let keep = |kind: &str, input: &[u8]| {
        let mut hasher = std::hash::DefaultHasher::new();
        std::hash::Hasher::write(&mut hasher, input);
        let name = format!("{:016x}", std::hash::Hasher::finish(&hasher));
        std::fs::create_dir_all(folder.join(kind)).expect("a folder");
        std::fs::write(folder.join(kind).join(name), input).expect("a seed");
    };
    keep(end, input);
    let marker = b"Transfer-Encoding: chunked\r\n\r\n";
    if let Some(at) = input.windows(marker.len()).position(|part| part == marker) {
        keep("chunked", &input[at + marker.len()..]);
    }
}

/// What a server makes of these bytes, in all cuts.
pub fn serve(limits: &Arc<Limits>, input: &[u8]) -> (Record, String, bool) {
    seed("server", input);
    in_all_cuts(input, |parts| {
        let mut answering = Answering::new(Arc::clone(limits));
        for part in parts {
            answering.feed(part);
        }
        answering.result()
    })
}

/// A client that has sent a request.
pub fn asking(method: &str, more: &[Field<'_>]) -> (ClientConnection, StreamId) {
    asking_with(limits(), method, more)
}

pub fn asking_with(limits: Arc<Limits>, method: &str, more: &[Field<'_>]) -> (ClientConnection, StreamId) {
    let mut client = ClientConnection::new(limits, 0);
    let stream = ask(&mut client, method, more);
    (client, stream)
}

pub fn ask(client: &mut ClientConnection, method: &str, more: &[Field<'_>]) -> StreamId {
    let stream = client.open();
    let target = if method == "CONNECT" { "a:1" } else { "/" };
    let start = RequestStart {
        method,
        target,
        expect_continue: false,
    };
    let host: [Field<'_>; 1] = [(b"Host", b"a")];
    let fields = host.into_iter().chain(more.iter().copied());
    client
        .send_head(stream, start, BodyLength::Empty, fields)
        .expect("head");
    client.finish(stream).expect("finish");
    drain(client);
    stream
}

/// Pull all events into the record, consuming bodies.
pub fn pull(client: &mut ClientConnection, record: &mut Record) {
    while let Some((stream, event)) = client.next_event() {
        if let Event::Data(data) = &event {
            client.consumed(stream, data.len());
        }
        record.add(stream, event, response_line);
    }
}

/// What a client makes of these bytes, in all cuts; with the end of input after them if told so.
pub fn receive(
    limits: &Arc<Limits>,
    method: &str,
    more: &[Field<'_>],
    input: &[u8],
    eof: bool,
) -> (Record, bool) {
    seed("client", input);
    in_all_cuts(input, |parts| {
        let (mut client, _) = asking_with(Arc::clone(limits), method, more);
        let mut record = Record::default();
        for part in parts {
            client.receive_data(part, 0);
            pull(&mut client, &mut record);
        }
        if eof {
            client.receive_eof(0);
            pull(&mut client, &mut record);
        }
        (record.finished(), client.is_reusable())
    })
}

/// A small generator of numbers (xorshift64*), the same on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound.max(1)
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

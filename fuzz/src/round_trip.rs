//! What one end sends the other receives: a client and a server of ours, joined by a wire that cuts. Commands, names
//! and values are the input's. Both ends agree on whether the connection lives on.

use std::sync::Arc;

use quinde_http::h1::{ClientConnection, RequestStart, ResponseStart, ServerConnection};
use quinde_http::{
    BodyLength, Chunk, Close, Event, Headers, Kind, Limits, Machine, RequestHead, ResponseHead, StreamId,
};

use crate::order::Order;
use crate::request_head::trim;
use crate::script::{Op, Script, cut};

type Field<'a> = (&'a [u8], &'a [u8]);

/// What is sent in one direction.
#[derive(Debug)]
struct Message<'a> {
    fields: Vec<Field<'a>>,
    length: BodyLength,
    body: Vec<&'a [u8]>,
    trailers: Option<Vec<Field<'a>>>,
}

/// What arrived.
#[derive(Debug)]
struct Arrived<H> {
    head: Option<H>,
    body: Vec<u8>,
    trailers: Option<Headers>,
    ended: bool,
    error: Option<Kind>,
}

pub fn check(data: &[u8]) {
    let Some(script) = Script::read(data) else { return };
    let limits = Arc::new(Limits::default());
    let mut pair = Pair {
        client: ClientConnection::new(Arc::clone(&limits), 0),
        server: ServerConnection::new(limits, 0),
        at_client: Order::new(),
        at_server: Order::new(),
        text: script.wire,
        cuts: script.choice(),
    };
    for ops in script.ops.chunks_exact(2) {
        if !pair.exchange(ops[0], ops[1]) {
            break;
        }
    }
}

struct Pair<'a> {
    client: ClientConnection,
    server: ServerConnection,
    at_client: Order,
    at_server: Order,
    /// What names and values are made of.
    text: &'a [u8],
    cuts: u8,
}

impl<'a> Pair<'a> {
    /// One request and its response; false: the connection is over, as both ends know.
    fn exchange(&mut self, asked: Op, answered: Op) -> bool {
        const METHODS: [&str; 8] = [
            "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY",
        ];
        let stream = self.client.open();
        let method = METHODS[usize::from(asked[0] % 8)];
        let target = [
            "/".to_owned(),
            String::from_utf8_lossy(self.take(asked[1] / 4)).into_owned(),
        ]
        .concat();
        let request = self.message(asked, true);
        let start = RequestStart {
            method,
            target: &target,
            expect_continue: asked[0] & 0x80 != 0,
        };
        let fields = [(&b"Host"[..], &b"a"[..])]
            .into_iter()
            .chain(request.fields.iter().copied());
        let sent = self.client.send_head(stream, start, request.length, fields);
        if sent.is_err() {
            assert!(
                self.client.output().is_empty(),
                "a refused command left something"
            );
            return false;
        }
        send(&mut self.client, stream, &request);
        let got = arrive(&mut self.client, &mut self.server, &mut self.at_server, self.cuts);
        if let Some(kind) = got.error {
            assert!(
                is_refused_by_servers(kind),
                "our own client was refused: {kind:?}"
            );
            return false;
        }
        let head = got.head.as_ref().expect("a head arrives");
        assert_eq!((head.method(), head.target()), (method, &*target));
        received(&request, &head.headers, 1, &got);
        self.respond(head, answered)
    }

    fn respond(&mut self, asked: &RequestHead, op: Op) -> bool {
        const STATUSES: [u16; 8] = [200, 204, 304, 404, 500, 999, 226, 201];
        let stream = self.at_server.stream();
        let status = STATUSES[usize::from(op[0] % 8)];
        let reason = (op[0] & 0x40 != 0).then(|| self.take(op[1] / 8));
        let response = self.message(op, false);
        let start = ResponseStart {
            status,
            reason,
            close: op[0] & 0x80 != 0,
        };
        let fields = response.fields.iter().copied();
        if self
            .server
            .send_head(stream, start, response.length, fields)
            .is_err()
        {
            assert!(
                self.server.output().is_empty(),
                "a refused command left something"
            );
            return false;
        }
        send(&mut self.server, stream, &response);
        let mut got = arrive(&mut self.server, &mut self.client, &mut self.at_client, self.cuts);
        let closes = self.server.close() != Close::No;
        if closes && !got.ended && got.error.is_none() {
            self.client.receive_eof(0);
            pull(&mut self.client, &mut self.at_client, &mut got);
        }
        assert_eq!(got.error, None, "our own server was refused: {got:?}");
        let head: &ResponseHead = got.head.as_ref().expect("a head arrives");
        assert_eq!(head.status, status);
        assert!(reason.is_none_or(|reason| reason == head.reason()));
        if asked.method() == "HEAD" || matches!(status, 204 | 304) {
            assert!(got.body.is_empty() && got.ended && got.trailers.is_none());
        } else {
            received(&response, &head.headers, 0, &got);
        }
        assert_eq!(
            closes,
            !self.client.is_reusable(),
            "one end keeps the connection, the other does not"
        );
        !closes
    }

    /// Some of the text.
    fn take(&mut self, n: u8) -> &'a [u8] {
        let (taken, rest) = self.text.split_at(usize::from(n).min(self.text.len()));
        self.text = rest;
        taken
    }

    /// A message whose parts are taken from the text.
    fn message(&mut self, [kind, _, counts, sizes]: Op, request: bool) -> Message<'a> {
        let fields = (0..counts % 4).map(|_| self.field(sizes)).collect();
        let body: Vec<&[u8]> = (0..(counts >> 2) % 4).map(|_| self.take(sizes / 4)).collect();
        let size = body.iter().map(|piece| piece.len() as u64).sum();
        let length = match (kind >> 3) % 4 {
            0 if size == 0 => BodyLength::Empty,
            0 | 1 => BodyLength::Known(size),
            2 if !request => BodyLength::UntilClose,
            _ => BodyLength::Chunked,
        };
        let with_trailers = length == BodyLength::Chunked && counts & 0x80 != 0;
        let trailers = with_trailers.then(|| (0..(counts >> 4) % 4).map(|_| self.field(sizes)).collect());
        Message {
            fields,
            length,
            body,
            trailers,
        }
    }

    /// A field: up to the next colon or so its name, then its value.
    fn field(&mut self, sizes: u8) -> Field<'a> {
        let text = self.take(sizes);
        let colon = text.iter().position(|&byte| byte == b':');
        colon.map_or((&b"X"[..], text), |colon| (&text[..colon], &text[colon + 1..]))
    }
}

/// Send the body and end the message.
fn send<M: Machine>(machine: &mut M, stream: StreamId, message: &Message<'_>) {
    for (at, piece) in message.body.iter().enumerate() {
        let chunk = if at % 2 == 0 {
            Chunk::Borrowed(piece)
        } else {
            Chunk::Shared(bytes::Bytes::copy_from_slice(piece))
        };
        machine.send_data(stream, chunk).expect("a body is due");
    }
    if let Some(trailers) = &message.trailers {
        let before = machine.output().len();
        match machine.send_trailers(stream, trailers.iter().copied()) {
            Ok(()) => return,
            Err(_) => assert_eq!(machine.output().len(), before, "a refused command left something"),
        }
    }
    machine.finish(stream).expect("nothing is missing");
}

/// Carry what one end has to send to the other.
fn arrive<F: Machine, T: Machine>(from: &mut F, to: &mut T, order: &mut Order, cuts: u8) -> Arrived<T::Head> {
    let mut got = Arrived {
        head: None,
        body: Vec::new(),
        trailers: None,
        ended: false,
        error: None,
    };
    while let Some(segment) = from.output().pop() {
        let bytes = match segment {
            quinde_http::Segment::Owned(bytes) => bytes,
            quinde_http::Segment::Shared(bytes) => bytes.to_vec(),
        };
        for piece in cut(&bytes, cuts) {
            to.receive_data(piece, 0);
            pull(to, order, &mut got);
        }
    }
    got
}

fn pull<M: Machine>(machine: &mut M, order: &mut Order, got: &mut Arrived<M::Head>) {
    while let Some((stream, event)) = machine.next_event() {
        order.check(stream, &event);
        match event {
            Event::Head(head) => got.head = Some(head),
            Event::Data(data) => {
                machine.consumed(stream, data.len());
                got.body.extend_from_slice(&data);
            }
            Event::Trailers(trailers) => got.trailers = Some(trailers),
            Event::End => got.ended = true,
            Event::Error(error) => got.error = Some(error.kind),
            Event::ChunkEnds(_) => {}
            Event::Informational(_) | Event::Upgraded(_) => panic!("nobody asked for that"),
        }
    }
}

/// What was sent is what arrived: each field once and in order, `before` some that are always there.
fn received<H>(sent: &Message<'_>, headers: &Headers, before: usize, got: &Arrived<H>) {
    let mut rest = headers.iter().skip(before);
    for (name, value) in &sent.fields {
        if name.eq_ignore_ascii_case(b"connection") || name.eq_ignore_ascii_case(b"transfer-encoding") {
            continue; // Left out where they would not be true.
        }
        assert!(
            rest.any(|field| field == (name, trim(value))),
            "{} was lost or changed",
            name.escape_ascii()
        );
    }
    assert!(
        headers.len() <= before + sent.fields.len() + 4,
        "fields that nobody sent"
    );
    assert!(got.ended, "no end");
    assert_eq!(got.body, sent.body.concat());
    if let Some(trailers) = &got.trailers {
        let sent = sent.trailers.as_deref().unwrap_or_default();
        let sent: Vec<_> = sent.iter().map(|(name, value)| (*name, trim(value))).collect();
        assert_eq!(trailers.iter().collect::<Vec<_>>(), sent);
    }
}

/// What clients may send and servers need not take. Never anything about where a message ends.
fn is_refused_by_servers(kind: Kind) -> bool {
    matches!(
        kind,
        // Meanings: an invalid Host, fields that occur once, old WebSocket drafts, other expectations.
        Kind::BadHost | Kind::RepeatedField | Kind::BadFieldName | Kind::UnknownExpectation
        // Sizes.
        | Kind::RequestLineTooLong | Kind::FieldTooLong | Kind::TooManyFields | Kind::HeadTooLarge
        | Kind::TrailersTooLarge
    )
}

//! What the server puts on the wire, and what it refuses to.

mod support;

use bytes::Bytes;
use quinde_http::h1::{ResponseStart, ServerConnection};
use quinde_http::{BodyLength, Chunk, Close, Error, Event, Kind, Machine, Segment, Side, StreamId};
use support::{Field, NO_FIELDS, drain, drain_segments, limits};

const OK: ResponseStart<'static> = ResponseStart {
    status: 200,
    reason: None,
    close: false,
};

/// A server that has a request, and its stream.
fn asked(request: &str) -> (ServerConnection, StreamId) {
    let mut server = ServerConnection::new(limits(), 0);
    server.receive_data(request.as_bytes(), 0);
    let stream = server.next_event().expect("a head").0;
    while server.next_event().is_some() {}
    (server, stream)
}

fn get() -> (ServerConnection, StreamId) {
    asked("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// What a whole answer looks like.
fn answer(request: &str, status: u16, length: BodyLength, fields: &[Field<'_>], body: &str) -> String {
    let (mut server, stream) = asked(request);
    let start = ResponseStart { status, ..OK };
    server
        .send_head(stream, start, length, fields.iter().copied())
        .expect("head");
    server
        .send_data(stream, Chunk::Borrowed(body.as_bytes()))
        .expect("data");
    server.finish(stream).expect("finish");
    String::from_utf8(drain(&mut server)).expect("text")
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
const OLD: &str = "GET / HTTP/1.0\r\n\r\n";
const OLD_KEEP: &str = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
const CLOSE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
use BodyLength::{Chunked, Empty, Known, UntilClose};

#[test]
fn framing_is_added_as_the_version_needs() {
    for (request, length, expected) in [
        (GET, Known(2), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        (
            GET,
            Chunked,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
        (GET, UntilClose, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok"),
        (
            CLOSE,
            Known(2),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        ),
        (OLD, Known(2), "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        (OLD, Chunked, "HTTP/1.0 200 OK\r\n\r\nok"),
        (
            OLD_KEEP,
            Known(2),
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok",
        ),
        (OLD_KEEP, Chunked, "HTTP/1.0 200 OK\r\n\r\nok"),
        (HEAD, Known(2), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
        (HEAD, Chunked, "HTTP/1.1 200 OK\r\n\r\n"),
        (HEAD, Empty, "HTTP/1.1 200 OK\r\n\r\n"),
    ] {
        assert_eq!(
            answer(request, 200, length, &[], "ok"),
            expected,
            "{request} {length:?}"
        );
    }
    assert_eq!(
        answer(GET, 200, Empty, &[], ""),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(
        answer(GET, 200, Known(0), &[], ""),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn no_body_where_there_must_be_none() {
    let length: Field<'_> = (b"Content-Length", b"2");
    let coding: Field<'_> = (b"Transfer-Encoding", b"chunked");
    for status in [204, 304] {
        for body in [Empty, Known(2), Chunked, UntilClose] {
            for fields in [&[][..], &[length], &[coding]] {
                let sent = answer(GET, status, body, fields, "ok");
                let (line, rest) = sent.split_once("\r\n").expect("a line");
                assert!(line.starts_with(&format!("HTTP/1.1 {status} ")));
                assert_eq!(rest, "\r\n", "{status} {body:?}");
            }
        }
    }
    assert_eq!(
        answer(HEAD, 200, Empty, &[(b"content-length", b"77")], ""),
        "HTTP/1.1 200 OK\r\ncontent-length: 77\r\n\r\n"
    );
    assert_eq!(
        answer(HEAD, 200, Chunked, &[coding], "ok"),
        "HTTP/1.1 200 OK\r\n\r\n"
    );
}

#[test]
fn status_lines() {
    assert_eq!(
        answer(GET, 299, Empty, &[], ""),
        "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(
        answer(OLD, 404, Empty, &[], ""),
        "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    );
    let (mut server, stream) = get();
    let start = ResponseStart {
        status: 200,
        reason: Some(b"Tr\xe8s bien"),
        close: true,
    };
    server
        .send_head(stream, start, Empty, NO_FIELDS.into_iter())
        .expect("head");
    server.finish(stream).expect("finish");
    assert_eq!(
        drain(&mut server),
        b"HTTP/1.1 200 Tr\xe8s bien\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(server.close(), Close::AfterFlush);
}

#[test]
fn agreeing_fields_are_kept_as_they_are() {
    assert_eq!(
        answer(
            GET,
            200,
            Known(2),
            &[(b"content-LENGTH", b"2"), (b"X", b"\xc3\xa9")],
            "ok"
        ),
        "HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\nX: é\r\n\r\nok"
    );
    assert_eq!(
        answer(GET, 200, Chunked, &[(b"transfer-encoding", b"Chunked")], "ok"),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    );
    assert_eq!(
        answer(GET, 200, Empty, &[(b"Connection", b"keep-alive")], ""),
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"
    );
    // Not true, so it is left out; the user could not know.
    assert_eq!(
        answer(CLOSE, 200, Empty, &[(b"Connection", b"keep-alive")], ""),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let (mut server, stream) = get();
    server
        .send_head(
            stream,
            OK,
            Empty,
            [(&b"connection"[..], &b"Close"[..])].into_iter(),
        )
        .expect("head");
    server.finish(stream).expect("finish");
    assert_eq!(
        drain(&mut server),
        b"HTTP/1.1 200 OK\r\nconnection: Close\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(
        server.close(),
        Close::AfterFlush,
        "the user's own field ends the connection, too"
    );
}

/// The error of a refused head; it leaves no trace, and a good one is taken after it.
fn refusal(start: ResponseStart<'_>, length: BodyLength, fields: &[Field<'_>]) -> Error {
    let (mut server, stream) = get();
    let error = server
        .send_head(stream, start, length, fields.iter().copied())
        .expect_err("a refusal");
    assert_eq!(error.side, Side::Local);
    assert!(server.output().is_empty());
    assert_eq!(server.statistics().refusals, [(error.kind.as_str(), 1)]);
    server
        .send_head(stream, OK, Empty, NO_FIELDS.into_iter())
        .expect("head");
    server.finish(stream).expect("finish");
    assert_eq!(
        drain(&mut server),
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    );
    error
}

#[test]
fn contradictions_are_refused() {
    for (length, name, value) in [
        (Known(2), "Content-Length", "3"),
        (Known(2), "Content-Length", "+2"),
        (Known(2), "Transfer-Encoding", "chunked"),
        (Empty, "Content-Length", "1"),
        (Empty, "Transfer-Encoding", "chunked"),
        (Chunked, "Content-Length", "2"),
        (Chunked, "Transfer-Encoding", "gzip"),
        (Chunked, "Transfer-Encoding", "gzip, chunked"),
        (UntilClose, "Content-Length", "2"),
    ] {
        let error = refusal(OK, length, &[(b"X", b"y"), (name.as_bytes(), value.as_bytes())]);
        assert_eq!(error.kind, Kind::ConflictingField, "{length:?} {name}: {value}");
        assert_eq!(error.detail(), Some(name));
    }
    let twice: [Field<'_>; 2] = [(b"Content-Length", b"2"), (b"Content-Length", b"2")];
    assert_eq!(refusal(OK, Known(2), &twice).kind, Kind::ConflictingField);
}

#[test]
fn injection_is_refused() {
    for bad in ["a\r\nb", "a\nb", "a\rb", "a\0b", "a\x01", "\x7f"] {
        assert_eq!(
            refusal(OK, Empty, &[(b"X", bad.as_bytes())]).kind,
            Kind::InvalidFieldValue,
            "{bad:?}"
        );
        let start = ResponseStart {
            reason: Some(bad.as_bytes()),
            ..OK
        };
        assert_eq!(refusal(start, Empty, &[]).kind, Kind::InvalidReason, "{bad:?}");
    }
    for bad in ["", "a b", "a:", "a\r\nb", "é", "a\0", "[a]"] {
        assert_eq!(
            refusal(OK, Empty, &[(bad.as_bytes(), b"y")]).kind,
            Kind::InvalidFieldName,
            "{bad:?}"
        );
    }
    for status in [0, 99, 100, 103, 199, 1000] {
        assert_eq!(
            refusal(ResponseStart { status, ..OK }, Empty, &[]).kind,
            Kind::InvalidStatus
        );
    }
    assert_eq!(
        refusal(ResponseStart { status: 101, ..OK }, Empty, &[]).kind,
        Kind::InvalidStatus
    );
}

#[test]
fn order_and_lengths_are_held() {
    let (mut server, stream) = get();
    let kind = |result: Result<(), Error>| result.expect_err("a refusal").kind;
    assert_eq!(
        kind(server.send_data(stream, Chunk::Borrowed(b"x"))),
        Kind::WrongOrder
    );
    assert_eq!(kind(server.finish(stream)), Kind::WrongOrder);
    assert_eq!(
        kind(server.send_trailers(stream, NO_FIELDS.into_iter())),
        Kind::WrongOrder
    );
    server
        .send_head(stream, OK, Known(3), NO_FIELDS.into_iter())
        .expect("head");
    assert_eq!(
        kind(server.send_head(stream, OK, Known(3), NO_FIELDS.into_iter())),
        Kind::WrongOrder
    );
    assert_eq!(
        kind(server.send_informational(stream, 103, NO_FIELDS.into_iter())),
        Kind::WrongOrder
    );
    assert_eq!(
        kind(server.send_data(stream, Chunk::Borrowed(b"long"))),
        Kind::BodyTooLong
    );
    server.send_data(stream, Chunk::Borrowed(b"ab")).expect("data");
    assert_eq!(kind(server.finish(stream)), Kind::BodyTooShort);
    assert_eq!(
        kind(server.send_trailers(stream, NO_FIELDS.into_iter())),
        Kind::WrongOrder
    );
    server.send_data(stream, Chunk::Borrowed(b"c")).expect("data");
    server.finish(stream).expect("finish");
    assert_eq!(kind(server.finish(stream)), Kind::StreamClosed);
    assert_eq!(
        kind(server.send_data(stream, Chunk::Borrowed(b"x"))),
        Kind::StreamClosed
    );
    assert_eq!(
        kind(server.send_head(StreamId(9), OK, Empty, NO_FIELDS.into_iter())),
        Kind::StreamClosed
    );
    assert!(drain(&mut server).ends_with(b"\r\n\r\nabc"));
}

#[test]
fn chunks_and_trailers() {
    let (mut server, stream) = get();
    server
        .send_head(stream, OK, Chunked, NO_FIELDS.into_iter())
        .expect("head");
    for piece in [&[b'a'; 1][..], b"", &[b'b'; 16], &[b'c'; 255]] {
        server.send_data(stream, Chunk::Borrowed(piece)).expect("data");
    }
    for (name, value, kind) in [
        (&b"Content-Length"[..], &b"1"[..], Kind::ConflictingField),
        (b"host", b"x", Kind::ConflictingField),
        (b"X", b"a\r\nb", Kind::InvalidFieldValue),
        (b"X ", b"a", Kind::InvalidFieldName),
    ] {
        let bad = [(&b"Sum"[..], &b"1"[..]), (name, value)];
        assert_eq!(
            server
                .send_trailers(stream, bad.into_iter())
                .expect_err("a refusal")
                .kind,
            kind
        );
    }
    server
        .send_trailers(stream, [(&b"Sum"[..], &b"1"[..])].into_iter())
        .expect("trailers");
    let expected = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n10\r\n{}\r\nff\r\n{}\r\n0\r\nSum: 1\r\n\r\n",
        "b".repeat(16),
        "c".repeat(255)
    );
    assert_eq!(drain(&mut server), expected.as_bytes());
    assert!(server.is_idle());
    // Where chunks are not spoken, trailers are checked and left out.
    let (mut server, stream) = asked(OLD);
    server
        .send_head(stream, OK, Chunked, NO_FIELDS.into_iter())
        .expect("head");
    server
        .send_trailers(stream, [(&b"X"[..], &b"a\0"[..])].into_iter())
        .expect_err("a refusal");
    server
        .send_trailers(stream, [(&b"Sum"[..], &b"1"[..])].into_iter())
        .expect("trailers");
    assert_eq!(drain(&mut server), b"HTTP/1.0 200 OK\r\n\r\n");
}

#[test]
fn a_hello_is_one_segment_in_a_buffer_used_again() {
    let (mut server, stream) = get();
    let mut buffer = Vec::with_capacity(512);
    let place = buffer.as_ptr();
    buffer.extend_from_slice(b"old contents");
    server.output().donate(buffer);
    server
        .send_head(stream, OK, Known(5), [(&b"Server"[..], &b"q"[..])].into_iter())
        .expect("head");
    server
        .send_data(stream, Chunk::Shared(Bytes::from_static(b"hello")))
        .expect("data");
    server.finish(stream).expect("finish");
    assert!(server.output().recycle().is_none(), "not while something waits");
    let mut slices = [std::io::IoSlice::new(&[]); 4];
    assert_eq!(server.output().slices(&mut slices), 1);
    assert_eq!(slices[0].as_ptr(), place, "no other buffer was made");
    assert_eq!(
        &*slices[0],
        b"HTTP/1.1 200 OK\r\nServer: q\r\nContent-Length: 5\r\n\r\nhello"
    );
    let len = server.output().len();
    server.output().advance(len);
    let buffer = server.output().recycle().expect("an empty buffer");
    assert_eq!((buffer.as_ptr(), buffer.len()), (place, 0));
    assert!(server.output().recycle().is_none());
}

#[test]
fn large_shared_pieces_are_not_copied() {
    let (mut server, stream) = get();
    let large = Bytes::from(vec![b'x'; 5000]);
    let place = large.as_ptr();
    server
        .send_head(stream, OK, Chunked, NO_FIELDS.into_iter())
        .expect("head");
    server.send_data(stream, Chunk::Shared(large)).expect("data");
    server
        .send_data(stream, Chunk::Shared(Bytes::from(vec![b'y'; 100])))
        .expect("data");
    server.finish(stream).expect("finish");
    server.output().advance(3);
    assert!(
        matches!(server.output().pop(), Some(Segment::Owned(head)) if head.starts_with(b"P/1.1 200") && head.ends_with(b"1388\r\n"))
    );
    server.output().advance(10);
    let Some(Segment::Shared(body)) = server.output().pop() else {
        panic!("a shared segment")
    };
    assert_eq!((body.as_ptr(), body.len()), (place.wrapping_add(10), 4990));
    assert_eq!(
        drain_segments(&mut server),
        [format!("\r\n64\r\n{}\r\n0\r\n\r\n", "y".repeat(100)).into_bytes()]
    );
    assert!(server.output().is_empty() && server.output().pop().is_none());
}

#[test]
fn interim_responses() {
    let (mut server, stream) = get();
    let link: [Field<'_>; 2] = [(b"Link", b"</a>"), (b"Content-Length", b"5")];
    server
        .send_informational(stream, 103, link.into_iter())
        .expect("103");
    server
        .send_informational(stream, 102, NO_FIELDS.into_iter())
        .expect("102");
    assert_eq!(
        drain(&mut server),
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    );
    for status in [101, 99, 200] {
        let error = server
            .send_informational(stream, status, NO_FIELDS.into_iter())
            .expect_err("a refusal");
        assert_eq!(error.kind, Kind::InvalidStatus);
    }
    server
        .send_informational(stream, 103, [(&b"X"[..], &b"\n"[..])].into_iter())
        .expect_err("a refusal");
    server
        .send_informational(stream, 100, NO_FIELDS.into_iter())
        .expect("left out: nobody waits for it");
    assert!(server.output().is_empty());
    let (mut server, stream) = asked(OLD);
    server
        .send_informational(stream, 103, link.into_iter())
        .expect("left out: not understood");
    assert!(server.output().is_empty());
}

#[test]
fn a_switch_of_protocols() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: x\r\n\r\nearly";
    let start = ResponseStart { status: 101, ..OK };
    let (mut server, stream) = asked(request);
    let error = server
        .send_head(stream, start, Empty, NO_FIELDS.into_iter())
        .expect_err("no Upgrade field");
    assert_eq!((error.kind, server.output().len()), (Kind::InvalidStatus, 0));
    server
        .send_head(stream, start, Empty, [(&b"Upgrade"[..], &b"x"[..])].into_iter())
        .expect("head");
    assert_eq!(
        drain(&mut server),
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    );
    assert!(matches!(server.next_event(), Some((_, Event::Upgraded(rest))) if &rest[..] == b"early"));
    server.receive_data(b"GET / not parsed\n", 0);
    assert!(
        matches!(server.next_event(), Some((_, Event::Data(data))) if &data[..] == b"GET / not parsed\n")
    );
    server.send_data(stream, Chunk::Borrowed(b"raw\0")).expect("data");
    assert_eq!(drain(&mut server), b"raw\0");
    server.receive_eof(0);
    assert!(matches!(server.next_event(), Some((_, Event::End))));
    server
        .send_data(stream, Chunk::Borrowed(b"still"))
        .expect("the other direction is open");
    server.finish(stream).expect("finish");
    assert_eq!(
        (drain(&mut server), server.close()),
        (b"still".to_vec(), Close::AfterFlush)
    );
}

#[test]
fn a_switch_waits_for_the_request_body() {
    let mut server = ServerConnection::new(limits(), 0);
    server.receive_data(
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 4\r\n\r\nbo",
        0,
    );
    let stream = server.next_event().expect("a head").0;
    let start = ResponseStart { status: 101, ..OK };
    server
        .send_head(stream, start, Empty, [(&b"Upgrade"[..], &b"x"[..])].into_iter())
        .expect("head");
    server.receive_data(b"dyraw", 0);
    let mut record = support::Record::default();
    while let Some((stream, event)) = server.next_event() {
        record.add(stream, event, support::request_line);
    }
    assert_eq!(
        record.finished().events,
        ["1 data body", "1 end", "1 upgraded", "0 data raw"]
    );
}

#[test]
fn tunnels() {
    let request = "CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\nearly";
    let (mut server, stream) = asked(request);
    server
        .send_head(stream, OK, Empty, NO_FIELDS.into_iter())
        .expect("head");
    assert_eq!(drain(&mut server), b"HTTP/1.1 200 OK\r\n\r\n");
    assert!(matches!(server.next_event(), Some((_, Event::Upgraded(rest))) if &rest[..] == b"early"));
    let (mut server, stream) = asked(request);
    server
        .send_head(
            stream,
            ResponseStart { status: 403, ..OK },
            Empty,
            NO_FIELDS.into_iter(),
        )
        .expect("head");
    server.finish(stream).expect("finish");
    assert_eq!(
        drain(&mut server),
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    assert!(
        server.next_event().is_none(),
        "what was meant for the tunnel is no request"
    );
    assert_eq!(server.close(), Close::Linger);
}

#[test]
fn bytes_until_the_end_are_a_tunnel_s_first() {
    let (mut server, stream) = asked("CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n");
    server
        .send_head(stream, OK, UntilClose, NO_FIELDS.into_iter())
        .expect("head");
    server.send_data(stream, Chunk::Borrowed(b"hello")).expect("data");
    assert_eq!(drain(&mut server), b"HTTP/1.1 200 OK\r\n\r\nhello");
}

#[test]
fn another_protocol_gets_what_is_unsent_and_unread() {
    let (mut server, stream) = asked("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n\r\n\0");
    server
        .send_head(stream, OK, Chunked, NO_FIELDS.into_iter())
        .expect("head");
    let (mut output, rest) = server.hand_over();
    let Some(Segment::Owned(head)) = output.pop() else {
        panic!("no head");
    };
    assert!(head.ends_with(b"chunked\r\n\r\n"));
    assert_eq!(rest, b"GET /2 HTTP/1.1\r\n\r\n\0");
    assert!(server.output().is_empty() && server.next_event().is_none());
    assert!(!server.wants_read() && server.next_timeout().is_none());
    let error = server.send_data(stream, Chunk::Borrowed(b"x")).expect_err("over");
    assert_eq!(error.kind, Kind::StreamClosed);
    assert_eq!(server.statistics().statuses, [0, 1, 0, 0, 0]);
    // A head that is not complete is nobody's message.
    let mut server = ServerConnection::new(limits(), 0);
    server.receive_data(b"GET /", 0);
    assert_eq!(server.hand_over().1, b"GET /");
}

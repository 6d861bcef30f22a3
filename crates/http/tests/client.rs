//! The life of a client's connection: what it sends, what it refuses to, and when it is used again.

mod support;

use std::sync::Arc;

use quinde_http::h1::{ClientConnection, RequestStart};
use quinde_http::{BodyLength, Chunk, Close, Error, Event, Kind, Limits, Machine, Side};
use support::{Field, NO_FIELDS, Random, Record, ask, asking, drain, limits, pull};

const START: RequestStart<'static> = RequestStart {
    method: "GET",
    target: "/",
    expect_continue: false,
};
const HOST: Field<'static> = (b"Host", b"a");
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn sent(start: RequestStart<'_>, length: BodyLength, fields: &[Field<'_>], body: &str) -> String {
    let mut client = ClientConnection::new(limits(), 0);
    let stream = client.open();
    client
        .send_head(stream, start, length, fields.iter().copied())
        .expect("head");
    client
        .send_data(stream, Chunk::Borrowed(body.as_bytes()))
        .expect("data");
    client.finish(stream).expect("finish");
    String::from_utf8(drain(&mut client)).expect("text")
}

#[test]
fn requests_are_framed() {
    for (method, length, expected) in [
        ("GET", BodyLength::Empty, "\r\n"),
        ("HEAD", BodyLength::Empty, "\r\n"),
        ("OPTIONS", BodyLength::Empty, "\r\n"),
        ("POST", BodyLength::Empty, "Content-Length: 0\r\n\r\n"),
        ("DELETE", BodyLength::Empty, "Content-Length: 0\r\n\r\n"),
        ("GET", BodyLength::Known(0), "Content-Length: 0\r\n\r\n"),
        (
            "PUT",
            BodyLength::Chunked,
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
    ] {
        let start = RequestStart { method, ..START };
        assert_eq!(
            sent(start, length, &[HOST], ""),
            format!("{method} / HTTP/1.1\r\nHost: a\r\n{expected}")
        );
    }
    assert_eq!(
        sent(
            RequestStart {
                method: "POST",
                ..START
            },
            BodyLength::Known(2),
            &[HOST],
            "hi"
        ),
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    );
    let waiting = RequestStart {
        method: "POST",
        expect_continue: true,
        ..START
    };
    assert_eq!(
        sent(waiting, BodyLength::Known(0), &[HOST], ""),
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n"
    );
    let own: [Field<'_>; 3] = [HOST, (b"expect", b"100-continue"), (b"Connection", b"keep-alive")];
    assert_eq!(
        sent(waiting, BodyLength::Known(0), &own, ""),
        "POST / HTTP/1.1\r\nHost: a\r\nexpect: 100-continue\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"
    );
}

fn refusal(start: RequestStart<'_>, length: BodyLength, fields: &[Field<'_>]) -> Error {
    let mut client = ClientConnection::new(limits(), 0);
    let stream = client.open();
    let error = client
        .send_head(stream, start, length, fields.iter().copied())
        .expect_err("a refusal");
    assert!(error.side == Side::Local && error.status.is_none());
    assert!(
        client.output().is_empty() && client.is_reusable(),
        "nothing has happened"
    );
    client
        .send_head(stream, START, BodyLength::Empty, [HOST].into_iter())
        .expect("a good one is taken");
    error
}

#[test]
fn injection_is_refused() {
    for bad in ["", "GE T", "GET\r\n", "GÉT", "GET\0", "GET:"] {
        let start = RequestStart { method: bad, ..START };
        assert_eq!(
            refusal(start, BodyLength::Empty, &[HOST]).kind,
            Kind::InvalidMethod,
            "{bad:?}"
        );
    }
    for bad in ["", "/a b", "/\r\nX: y", "/\0", "/é", "/\u{7f}", "/\t"] {
        let start = RequestStart { target: bad, ..START };
        assert_eq!(
            refusal(start, BodyLength::Empty, &[HOST]).kind,
            Kind::InvalidTarget,
            "{bad:?}"
        );
    }
    for bad in ["a\r\nb", "a\nb", "\0", "\x0b"] {
        let field = (&b"X"[..], bad.as_bytes());
        assert_eq!(
            refusal(START, BodyLength::Empty, &[HOST, field]).kind,
            Kind::InvalidFieldValue,
            "{bad:?}"
        );
    }
    for bad in ["", "X Y", "X\r\n", "é"] {
        let field = (bad.as_bytes(), &b"y"[..]);
        assert_eq!(
            refusal(START, BodyLength::Empty, &[HOST, field]).kind,
            Kind::InvalidFieldName,
            "{bad:?}"
        );
    }
}

#[test]
fn contradictions_are_refused() {
    let length: Field<'_> = (b"Content-Length", b"3");
    let coding: Field<'_> = (b"Transfer-Encoding", b"chunked");
    for (body, field) in [
        (BodyLength::Empty, length),
        (BodyLength::Empty, coding),
        (BodyLength::Known(2), length),
        (BodyLength::Known(2), coding),
        (BodyLength::Chunked, length),
    ] {
        assert_eq!(
            refusal(START, body, &[HOST, field]).kind,
            Kind::ConflictingField,
            "{body:?}"
        );
    }
    assert_eq!(
        refusal(START, BodyLength::UntilClose, &[HOST]).kind,
        Kind::WrongOrder
    );
    assert_eq!(refusal(START, BodyLength::Empty, &[]).kind, Kind::MissingHost);
    assert_eq!(
        refusal(START, BodyLength::Empty, &[HOST, HOST]).kind,
        Kind::RepeatedHost
    );
}

#[test]
fn one_exchange_after_another() {
    let mut client = ClientConnection::new(limits(), 0);
    for n in 1..=3 {
        assert!(client.is_reusable());
        let stream = ask(&mut client, "GET", &[]);
        assert_eq!(stream.0, n);
        assert!(!client.is_reusable());
        client.receive_data(RESPONSE, 0);
        assert!(!client.is_reusable(), "there is something to read");
        pull(&mut client, &mut Record::default());
    }
    assert_eq!(
        (
            client.statistics().messages_sent,
            client.statistics().messages_received
        ),
        (3, 3)
    );
}

#[test]
fn an_exchange_is_not_begun_while_another_goes_on() {
    let (mut client, first) = asking("GET", &[]);
    let second = client.open();
    let error = client
        .send_head(second, START, BodyLength::Empty, [HOST].into_iter())
        .expect_err("a refusal");
    assert_eq!((error.kind, client.output().len()), (Kind::StreamClosed, 0));
    client.receive_data(RESPONSE, 0);
    let mut record = Record::default();
    pull(&mut client, &mut record);
    assert!(record.events[0].starts_with(&format!("{} head", first.0)));
    assert!(client.is_reusable());
}

#[test]
fn a_response_may_come_before_its_request_is_complete() {
    let mut client = ClientConnection::new(limits(), 0);
    let stream = client.open();
    let start = RequestStart {
        method: "POST",
        ..START
    };
    client
        .send_head(stream, start, BodyLength::Known(4), [HOST].into_iter())
        .expect("head");
    drain(&mut client);
    client.receive_data(RESPONSE, 0);
    let mut record = Record::default();
    pull(&mut client, &mut record);
    assert_eq!(record.last(), "end");
    assert!(!client.is_reusable() && client.close() == Close::No);
    client.send_data(stream, Chunk::Borrowed(b"body")).expect("data");
    client.finish(stream).expect("finish");
    drain(&mut client);
    assert!(client.is_reusable());
}

#[test]
fn a_response_that_closes_ends_the_connection() {
    let (mut client, stream) = asking("GET", &[]);
    client.receive_data(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        0,
    );
    pull(&mut client, &mut Record::default());
    assert!(client.close() == Close::AfterFlush && !client.is_reusable());
    let next = client.open();
    assert_ne!(next, stream);
    let error = client
        .send_head(next, START, BodyLength::Empty, [HOST].into_iter())
        .expect_err("a refusal");
    assert_eq!(error.kind, Kind::StreamClosed);
}

#[test]
fn the_end_of_input_while_idle_is_silent() {
    let (mut client, _) = asking("GET", &[]);
    client.receive_data(RESPONSE, 0);
    pull(&mut client, &mut Record::default());
    client.receive_eof(0);
    client.receive_eof(0);
    assert!(client.next_event().is_none() && !client.is_reusable() && client.close() == Close::AfterFlush);
}

#[test]
fn an_error_drops_what_was_not_sent() {
    let mut client = ClientConnection::new(limits(), 0);
    let stream = client.open();
    let start = RequestStart {
        method: "POST",
        ..START
    };
    client
        .send_head(stream, start, BodyLength::Known(4), [HOST].into_iter())
        .expect("head");
    client.receive_data(b"garbage\r\n", 0);
    let mut record = Record::default();
    pull(&mut client, &mut record);
    assert_eq!(record.events, ["1 error bad_status_line Some(400)"]);
    assert!(client.output().is_empty() && client.close() == Close::AfterFlush && !client.wants_read());
    let error = client
        .send_data(stream, Chunk::Borrowed(b"body"))
        .expect_err("a refusal");
    assert_eq!(error.kind, Kind::StreamClosed);
    client.receive_data(RESPONSE, 0);
    assert!(client.next_event().is_none());
}

#[test]
fn reset() {
    let (mut client, stream) = asking("GET", &[]);
    client.receive_data(&RESPONSE[..RESPONSE.len() - 1], 0);
    client.reset(quinde_http::StreamId(stream.0 + 1));
    assert_eq!(client.close(), Close::No);
    client.reset(stream);
    assert!(client.close() == Close::AfterFlush && client.next_event().is_none());
    client.receive_eof(0);
    assert!(client.next_event().is_none(), "no error after giving up");
}

#[test]
fn back_pressure() {
    let mut client = ClientConnection::new(
        Arc::new(Limits {
            body_window: 10,
            ..Limits::default()
        }),
        0,
    );
    let stream = ask(&mut client, "GET", &[]);
    client.receive_data(b"HTTP/1.1 200 OK\r\n\r\n0123456789", 0);
    assert!(client.wants_read());
    client.receive_data(b"x", 0);
    assert!(!client.wants_read());
    client.consumed(stream, 5);
    assert!(!client.wants_read());
    client.consumed(stream, 1);
    assert!(client.wants_read());
    assert_eq!(
        client.next_timeout(),
        None,
        "how long to wait is the caller's matter"
    );
}

#[test]
fn bodies_land_in_their_place() {
    let (mut client, _) = asking("GET", &[]);
    client.receive_data(&RESPONSE[..RESPONSE.len() - 2], 0);
    assert_eq!(client.body_want(), 0, "an event is waiting");
    assert!(matches!(client.next_event(), Some((_, Event::Head(_)))));
    assert_eq!(client.body_want(), 2);
    client.body_landed(2, 0);
    assert!(matches!(client.next_event(), Some((_, Event::End))));
    assert!(client.is_reusable());
    let (mut client, _) = asking("GET", &[]);
    client.receive_data(b"HTTP/1.1 200 OK\r\n\r\n", 0);
    assert!(matches!(client.next_event(), Some((_, Event::Head(_)))));
    assert!(client.body_want() > 0);
    client.body_landed(1000, 0);
    assert!(client.next_event().is_none());
    client.receive_eof(0);
    assert!(matches!(client.next_event(), Some((_, Event::End))));
    assert_eq!(client.statistics().body_bytes_received, 1000);
}

#[test]
fn after_a_switch_bytes_pass_unchanged() {
    let upgrade: [Field<'_>; 2] = [(b"Connection", b"Upgrade"), (b"Upgrade", b"x")];
    let (mut client, stream) = asking("GET", &upgrade);
    client.receive_data(b"HTTP/1.1 101 X\r\n\r\n", 0);
    let mut record = Record::default();
    pull(&mut client, &mut record);
    assert_eq!(record.last(), "upgraded");
    client.send_data(stream, Chunk::Borrowed(b"raw")).expect("data");
    assert_eq!(drain(&mut client), b"raw");
    client.receive_data(b"HTTP/1.1 200 not parsed\r\n", 0);
    assert!(matches!(client.next_event(), Some((_, Event::Data(_)))));
    client.receive_eof(0);
    assert!(matches!(client.next_event(), Some((_, Event::End))));
    client.finish(stream).expect("finish");
    assert_eq!(client.close(), Close::AfterFlush);
}

#[test]
fn a_client_sends_no_responses() {
    let (mut client, stream) = asking("GET", &[]);
    let error = client
        .send_informational(stream, 103, NO_FIELDS.into_iter())
        .expect_err("a refusal");
    assert_eq!(error.kind, Kind::WrongOrder);
}

#[test]
fn noise_never_panics_always_ends_and_is_the_same_in_any_cut() {
    let seeds: [&[u8]; 3] = [
        RESPONSE,
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nTransfer-Encoding: chunked\r\n\r\n2 ;a=b\r\nhi\r\n0\r\nX: y\r\n z\r\n\r\n",
        b"HTTP/1.1 103 X\r\n\r\nHTTP/1.0 200\r\n\r\nhi",
    ];
    let mut random = Random(0xc11e);
    let mut good = 0;
    for _ in 0..3000 {
        let mut bytes = seeds[random.below(seeds.len())].to_vec();
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len());
            match random.below(3) {
                0 => bytes[at] = random.next() as u8,
                1 => bytes.insert(at, b"\r\n \t:;,\0"[random.below(8)]),
                _ => drop(bytes.remove(at)),
            }
        }
        let mut run = |longest: usize| {
            let (mut client, _) = asking("GET", &[]);
            let mut record = Record::default();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (part, more) = rest.split_at((1 + random.below(longest)).min(rest.len()));
                client.receive_data(part, 0);
                pull(&mut client, &mut record);
                rest = more;
            }
            client.receive_eof(0);
            pull(&mut client, &mut record);
            assert_eq!(client.close(), Close::AfterFlush, "{record:?}");
            record.finished()
        };
        let whole = run(usize::MAX);
        assert!(
            whole.last() == "end" || whole.last().starts_with("error"),
            "{whole:?}"
        );
        assert_eq!(run(40), whole, "{}", bytes.escape_ascii());
        assert_eq!(run(3), whole, "{}", bytes.escape_ascii());
        good += usize::from(whole.last() == "end");
    }
    assert!(
        good > 500,
        "the noise is not so loud that nothing is understood: {good}"
    );
}

#[test]
fn another_protocol_gets_what_is_unsent_and_unread() {
    let (mut client, stream) = asking("GET", &[]);
    client.receive_data(b"HTTP/1.1 2", 0);
    assert_eq!(client.hand_over().1, b"HTTP/1.1 2");
    assert!(client.next_event().is_none() && !client.wants_read() && !client.is_reusable());
    assert!(client.send_data(stream, Chunk::Borrowed(b"x")).is_err());
    let mut client = ClientConnection::new(limits(), 0);
    let stream = client.open();
    client
        .send_head(stream, START, BodyLength::Empty, [HOST].into_iter())
        .expect("head");
    let (output, rest) = client.hand_over();
    assert!(!output.is_empty() && rest.is_empty());
}

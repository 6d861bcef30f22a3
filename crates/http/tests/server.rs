//! The life of a server's connection: persistence, pipelining, errors, back-pressure.

mod support;

use quinde_http::h1::ResponseStart;
use quinde_http::{BodyLength, Chunk, Close, Event, Kind, Machine, StreamId};
use support::{
    Answering, GET, NO_FIELDS, POST, Random, Record, answer, drain, last_error, limits, request_line, server,
};

#[test]
fn requests_follow_one_another() {
    let mut server = server(|_| ());
    assert!(server.is_idle());
    for stream in 1..=3 {
        server.receive_data(GET, 0);
        assert_eq!(server.next_event().expect("a head").0, StreamId(stream));
        assert!(server.request_complete() && !server.is_idle());
        last_error(&mut server);
        answer(&mut server, stream);
        assert!(server.is_idle() && server.close() == Close::No);
    }
    let statistics = server.statistics();
    assert_eq!((statistics.messages_received, statistics.messages_sent), (3, 3));
}

#[test]
fn pipelined_requests_wait_for_the_answer_before() {
    let mut server = server(|_| ());
    let requests: Vec<u8> = (1..=3)
        .flat_map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes())
        .collect();
    server.receive_data(&requests, 0);
    for n in 1..=3 {
        let mut record = Record::default();
        while let Some((stream, event)) = server.next_event() {
            record.add(stream, event, request_line);
        }
        assert_eq!(
            record.events.len(),
            2,
            "no second head before the first answer: {record:?}"
        );
        assert!(record.events[0].starts_with(&format!("{n} head GET /{n} ")));
        answer(&mut server, n);
    }
    assert_eq!(
        drain(&mut server)
            .windows(12)
            .filter(|bytes| bytes == b"HTTP/1.1 200")
            .count(),
        3
    );
    assert!(server.is_idle());
}

#[test]
fn pipelining_is_bounded_by_count() {
    let mut server = server(|limits| limits.max_pipelined = 2);
    server.receive_data(GET, 0);
    last_error(&mut server);
    assert!(server.wants_read());
    // Cut within the empty line that ends a head: it is counted all the same.
    server.receive_data(&GET[..GET.len() - 2], 0);
    server.receive_data(&GET[GET.len() - 2..], 0);
    assert!(server.wants_read());
    server.receive_data(GET, 0);
    assert!(!server.wants_read(), "two requests wait");
    for stream in 1..=3 {
        last_error(&mut server);
        answer(&mut server, stream);
        assert!(server.wants_read(), "one less waits after answer {stream}");
    }
    assert!(server.is_idle());
}

#[test]
fn pipelining_is_bounded_by_size() {
    let mut server = server(|limits| limits.max_head_size = 400);
    server.receive_data(GET, 0);
    last_error(&mut server);
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n{}",
        "x".repeat(400)
    );
    server.receive_data(request.as_bytes(), 0);
    assert!(!server.wants_read());
    answer(&mut server, 1);
    last_error(&mut server);
    assert!(server.wants_read(), "the rest of a body that has its turn");
}

#[test]
fn an_unread_body_is_discarded() {
    for size in [65_536, 65_537] {
        let mut server = server(|limits| limits.max_discard = 65_536);
        server.receive_data(
            format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n").as_bytes(),
            0,
        );
        last_error(&mut server);
        answer(&mut server, 1);
        assert_eq!(
            server.close() == Close::Linger,
            size > 65_536,
            "more than max_discard is not waited for"
        );
        server.receive_data(&vec![b'x'; 65_536], 0);
        assert!(last_error(&mut server).is_none(), "no event: the stream is over");
        if size == 65_536 {
            assert!(server.is_idle() && server.wants_read());
            server.receive_data(GET, 0);
            assert_eq!(server.next_event().expect("the next request").0, StreamId(2));
        }
    }
}

#[test]
fn an_endless_chunked_body_is_discarded_up_to_the_limit() {
    let mut server = server(|limits| limits.max_discard = 65_536);
    server.receive_data(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        0,
    );
    last_error(&mut server);
    answer(&mut server, 1);
    let chunk = [b"4000\r\n", &[b'x'; 0x4000][..], b"\r\n"].concat();
    for _ in 0..4 {
        assert_eq!(server.close(), Close::No);
        server.receive_data(&chunk, 0);
    }
    server.receive_data(&chunk, 0);
    assert_eq!(server.close(), Close::Linger);
    assert!(last_error(&mut server).is_none());
}

#[test]
fn errors_in_a_discarded_body_are_nobodys() {
    let mut server = server(|_| ());
    server.receive_data(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        0,
    );
    last_error(&mut server);
    answer(&mut server, 1);
    server.receive_data(b"zzz\r\n", 0);
    assert!(last_error(&mut server).is_none());
    assert_eq!(server.close(), Close::Linger);
    assert_eq!(server.statistics().refusals, [("bad_chunk", 1)]);
}

#[test]
fn an_error_takes_one_answer_then_lingers() {
    let mut server = server(|limits| limits.max_discard = 65_536);
    server.receive_data(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n", 0);
    let Some((stream, Event::Error(error))) = server.next_event() else {
        panic!("an error")
    };
    assert_eq!(
        (stream, error.kind, error.status),
        (StreamId(1), Kind::MissingHost, Some(400))
    );
    assert_eq!(error.to_string(), "The Host field is missing");
    assert!(server.close() == Close::No && !server.wants_read());
    let start = ResponseStart {
        status: 400,
        reason: None,
        close: false,
    };
    server
        .send_head(stream, start, BodyLength::Known(3), NO_FIELDS.into_iter())
        .expect("head");
    server.send_data(stream, Chunk::Borrowed(b"bad")).expect("data");
    server.finish(stream).expect("finish");
    assert_eq!(
        drain(&mut server),
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad"
    );
    assert!(server.close() == Close::Linger && server.wants_read());
    server.receive_data(&vec![b'x'; 65_536], 0);
    assert_eq!(server.close(), Close::Linger);
    server.receive_data(b"x", 0);
    assert_eq!(server.close(), Close::AfterFlush, "no more than max_discard");
    assert!(!server.wants_read() && server.next_event().is_none());
}

#[test]
fn an_error_within_a_body_comes_on_its_stream() {
    let mut server = server(|_| ());
    server.receive_data(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nX",
        0,
    );
    let mut record = Record::default();
    while let Some((stream, event)) = server.next_event() {
        record.add(stream, event, request_line);
    }
    assert_eq!(
        record.finished().events[1..],
        ["1 data hi", "1 error bad_chunk Some(400)"]
    );
    // An answer that was begun may be ended; or it is given up.
    let start = ResponseStart {
        status: 200,
        reason: None,
        close: false,
    };
    server
        .send_head(StreamId(1), start, BodyLength::Chunked, NO_FIELDS.into_iter())
        .expect("head");
    server.reset(StreamId(1));
    assert!(
        drain(&mut server).starts_with(b"HTTP/1.1 200 OK\r\n"),
        "what was said"
    );
    assert_eq!(server.close(), Close::Linger, "the peer is to read it");
    assert_eq!(
        server.finish(StreamId(1)).expect_err("it is over").kind,
        Kind::StreamClosed
    );
}

#[test]
fn continue_is_sent_while_the_body_is_held_back() {
    const EXPECT: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let mut server = server(|_| ());
    server.receive_data(EXPECT, 0);
    last_error(&mut server);
    server.body_awaited(true);
    assert_eq!(server.next_timeout(), None, "the client waits for us");
    server.body_awaited(false);
    server
        .send_informational(StreamId(1), 100, NO_FIELDS.into_iter())
        .expect("100");
    assert_eq!(drain(&mut server), b"HTTP/1.1 100 Continue\r\n\r\n");
    server.body_awaited(true);
    server.handle_timeout(1000);
    assert_eq!(server.next_timeout(), Some(61_000));
    server.receive_data(b"hello", 2000);
    server
        .send_informational(StreamId(1), 100, NO_FIELDS.into_iter())
        .expect("left out");
    answer(&mut server, 1);
    assert_eq!(
        drain(&mut server),
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    );
    // A client that did not wait needs no 100.
    server.receive_data(&[EXPECT, b"h"].concat(), 3000);
    last_error(&mut server);
    server
        .send_informational(StreamId(2), 100, NO_FIELDS.into_iter())
        .expect("left out");
    assert!(server.output().is_empty());
    server.receive_data(b"ello", 3000);
    last_error(&mut server);
    answer(&mut server, 2);
    drain(&mut server);
    // A final answer instead: nobody can say what the client's next byte is.
    server.receive_data(EXPECT, 4000);
    last_error(&mut server);
    answer(&mut server, 3);
    assert_eq!(
        drain(&mut server),
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(server.close(), Close::Linger);
}

#[test]
fn bodies_land_in_their_place() {
    let mut server = server(|_| ());
    server.receive_data(&[POST, b"he"].concat(), 0);
    assert_eq!(server.body_want(), 0, "an event is waiting");
    last_error(&mut server);
    assert_eq!(server.body_want(), 3);
    server.body_landed(2, 10);
    assert!(server.next_event().is_none() && server.body_want() == 1);
    server.body_landed(1, 20);
    assert!(matches!(server.next_event(), Some((StreamId(1), Event::End))));
    assert_eq!(
        (server.body_want(), server.statistics().body_bytes_received),
        (0, 5)
    );
    answer(&mut server, 1);
    server.receive_data(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nh",
        0,
    );
    last_error(&mut server);
    assert_eq!(server.body_want(), 4);
    server.body_landed(4, 30);
    assert_eq!(server.body_want(), 0, "framing comes now");
    assert!(matches!(server.next_event(), Some((_, Event::ChunkEnds(ends))) if ends[..] == [5]));
    server.receive_data(b"\r\n2\r\nxy\r\n0\r\n\r\n", 40);
    assert!(matches!(server.next_event(), Some((_, Event::Data(data))) if &data[..] == b"xy"));
    assert!(matches!(server.next_event(), Some((_, Event::ChunkEnds(ends))) if ends[..] == [7]));
    assert!(matches!(server.next_event(), Some((_, Event::End))));
}

#[test]
fn landed_bytes_fill_the_window() {
    let mut server = server(|limits| limits.body_window = 2);
    server.receive_data(POST, 0);
    last_error(&mut server);
    server.body_landed(3, 0);
    assert!(!server.wants_read());
    server.consumed(StreamId(7), 3);
    assert!(!server.wants_read(), "another stream's bytes do not count");
    server.consumed(StreamId(1), 2);
    assert!(server.wants_read());
}

#[test]
fn the_end_of_input() {
    for (input, error, closing) in [
        (&b""[..], None, true),
        (b"\r\n", None, true),
        (b"G", Some("eof_in_head"), false),
        (&GET[..GET.len() - 1], Some("eof_in_head"), false),
        (POST, Some("unexpected_eof"), false),
        (GET, None, false),
    ] {
        let mut server = server(|_| ());
        server.receive_data(input, 0);
        server.receive_eof(0);
        let found = last_error(&mut server);
        assert_eq!(
            found.as_ref().map(|error| error.kind.as_str()),
            error,
            "{}",
            input.escape_ascii()
        );
        assert_eq!(
            server.close() == Close::AfterFlush,
            closing,
            "{}",
            input.escape_ascii()
        );
        assert!(!server.wants_read());
        if !closing {
            answer(&mut server, 1);
            assert!(drain(&mut server).ends_with(b"Connection: close\r\n\r\n"));
            assert_eq!(server.close(), Close::AfterFlush, "nobody to linger for");
        }
    }
}

#[test]
fn a_half_closed_client_gets_all_its_answers() {
    let mut answering = Answering::new(limits());
    answering
        .server
        .receive_data(&[GET, GET, GET, b"GET"].concat(), 0);
    answering.server.receive_eof(0);
    answering.turn();
    let (record, sent, closing) = answering.result();
    assert_eq!((record.last(), closing), ("error eof_in_head Some(400)", true));
    assert_eq!(sent.matches("HTTP/1.1 200 OK").count(), 3);
}

#[test]
fn shutdown() {
    let mut idle = server(|_| ());
    idle.shutdown();
    assert_eq!((idle.close(), idle.next_timeout()), (Close::AfterFlush, None));
    let mut partial = server(|_| ());
    partial.receive_data(b"GET / HT", 0);
    partial.shutdown();
    assert_eq!(partial.close(), Close::Linger);
    let mut busy = server(|_| ());
    busy.receive_data(&[GET, GET].concat(), 0);
    busy.shutdown();
    assert!(
        matches!(busy.next_event(), Some((_, Event::Head(_)))),
        "a request that was read is served"
    );
    last_error(&mut busy);
    answer(&mut busy, 1);
    assert!(drain(&mut busy).ends_with(b"Connection: close\r\n\r\n"));
    assert!(busy.next_event().is_none() && busy.close() == Close::Linger);
    let mut late = server(|_| ());
    late.receive_data(GET, 0);
    last_error(&mut late);
    let start = ResponseStart {
        status: 200,
        reason: None,
        close: false,
    };
    late.send_head(StreamId(1), start, BodyLength::Known(1), NO_FIELDS.into_iter())
        .expect("head");
    late.shutdown();
    late.send_data(StreamId(1), Chunk::Borrowed(b"x")).expect("data");
    late.finish(StreamId(1)).expect("finish");
    assert_eq!(
        late.close(),
        Close::AfterFlush,
        "it could not say so, but it closes"
    );
}

#[test]
fn reset_gives_up_only_the_current_stream() {
    let mut server = server(|_| ());
    server.receive_data(GET, 0);
    last_error(&mut server);
    answer(&mut server, 1);
    server.receive_data(GET, 0);
    last_error(&mut server);
    server.reset(StreamId(1));
    assert_eq!(server.close(), Close::No);
    server.reset(StreamId(2));
    assert_eq!(server.close(), Close::AfterFlush);
    assert!(
        drain(&mut server).starts_with(b"HTTP/1.1 200 OK\r\n"),
        "the answer before"
    );
    server.receive_data(GET, 0);
    assert!(server.next_event().is_none());
}

/// Requests with a few bytes changed, more or fewer.
fn noise(random: &mut Random) -> Vec<u8> {
    let seeds: [&[u8]; 5] = [
        GET,
        POST,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"\r\n\r\n",
    ];
    let mut noise = Vec::new();
    for _ in 0..random.below(4) + 1 {
        let mut bytes = seeds[random.below(seeds.len())].to_vec();
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = random.next() as u8,
                1 => bytes.insert(at, b"\r\n \t:;,\0"[random.below(8)]),
                2 => bytes.insert(at, bytes[at]),
                _ => bytes.truncate(at.max(1)),
            }
        }
        noise.extend(bytes);
    }
    noise
}

#[test]
fn noise_never_panics_always_ends_and_is_the_same_in_any_cut() {
    let mut random = Random(0x5eed);
    let mut good = 0;
    for _ in 0..3000 {
        let noise = noise(&mut random);
        let mut run = |longest: usize| {
            let mut answering = Answering::new(limits());
            let mut rest = &noise[..];
            while !rest.is_empty() {
                let (part, more) = rest.split_at((1 + random.below(longest)).min(rest.len()));
                answering.feed(part);
                rest = more;
            }
            answering.eof();
            answering.result()
        };
        let whole = run(usize::MAX);
        assert!(whole.2, "it ends: {whole:?}");
        assert_eq!(run(40), whole, "{}", noise.escape_ascii());
        assert_eq!(run(3), whole, "{}", noise.escape_ascii());
        good += usize::from(whole.1.contains("200 OK"));
    }
    assert!(
        good > 500,
        "the noise is not so loud that nothing is understood: {good}"
    );
}

//! Client and server joined by a wire that delays, cuts into pieces and breaks; the clock is virtual.

mod support;

use std::sync::Arc;

use bytes::Bytes;
use quinde_http::h1::{ClientConnection, RequestStart, ResponseStart, ServerConnection};
use quinde_http::{BodyLength, Chunk, Close, Event, Limits, Machine, StreamId};
use support::link::Link;
use support::{Field, NO_FIELDS, Random, Record, limits, request_line, response_line};

type Pair = Link<ClientConnection, ServerConnection>;

fn pair(limits: Arc<Limits>, delay: u64, piece: usize) -> Pair {
    Link::new(
        ClientConnection::new(Arc::clone(&limits), 0),
        ServerConnection::new(limits, 0),
        delay,
        piece,
    )
}

const HOST: Field<'static> = (b"Host", b"a");

fn post(pair: &mut Pair, length: BodyLength, expect_continue: bool) -> StreamId {
    let stream = pair.client.open();
    let start = RequestStart {
        method: "POST",
        target: "/echo",
        expect_continue,
    };
    pair.client
        .send_head(stream, start, length, [HOST].into_iter())
        .expect("head");
    stream
}

/// Answer each request by its own body, chunk by chunk as it comes.
fn echo(server: &mut ServerConnection, record: &mut Record) {
    while let Some((stream, event)) = server.next_event() {
        match &event {
            Event::Head(head) => {
                if head.expect_continue {
                    server
                        .send_informational(stream, 100, NO_FIELDS.into_iter())
                        .expect("100");
                }
                let start = ResponseStart {
                    status: 200,
                    reason: None,
                    close: false,
                };
                server
                    .send_head(stream, start, BodyLength::Chunked, NO_FIELDS.into_iter())
                    .expect("head");
            }
            Event::Data(data) => {
                server.consumed(stream, data.len());
                server
                    .send_data(stream, Chunk::Shared(data.clone()))
                    .expect("data");
            }
            Event::Trailers(trailers) => {
                let fields: Vec<Field<'_>> = trailers.iter().collect();
                server
                    .send_trailers(stream, fields.into_iter())
                    .expect("trailers");
            }
            Event::End => drop(server.finish(stream)),
            _ => {}
        }
        record.add(stream, event, request_line);
    }
}

fn collect(client: &mut ClientConnection, record: &mut Record) {
    while let Some((stream, event)) = client.next_event() {
        if let Event::Data(data) = &event {
            client.consumed(stream, data.len());
        }
        record.add(stream, event, response_line);
    }
}

/// Run until the client has this many ends, or nothing happens any more.
fn run(pair: &mut Pair, ends: usize) -> (Record, Record) {
    let (mut client, mut server) = (Record::default(), Record::default());
    for _ in 0..100_000 {
        if !pair.step() {
            break;
        }
        echo(&mut pair.server, &mut server);
        collect(&mut pair.client, &mut client);
        if client
            .events
            .iter()
            .filter(|event| event.ends_with(" end"))
            .count()
            == ends
        {
            break;
        }
    }
    (client.finished(), server.finished())
}

#[test]
fn an_echo_over_any_wire() {
    let body: Vec<u8> = (0..20_000u32).map(|n| b'a' + (n % 26) as u8).collect();
    let mut first = None;
    for (delay, piece) in [(0, usize::MAX), (5, 1460), (1, 7), (100, 4096)] {
        let mut pair = pair(limits(), delay, piece);
        let stream = post(&mut pair, BodyLength::Chunked, false);
        for part in body.chunks(6000) {
            pair.client
                .send_data(stream, Chunk::Shared(Bytes::copy_from_slice(part)))
                .expect("data");
        }
        pair.client
            .send_trailers(stream, [(&b"Sum"[..], &b"1"[..])].into_iter())
            .expect("trailers");
        let mut result = run(&mut pair, 1);
        let chunk_ends = [6000, 12_000, 18_000, 20_000].map(|end| (1, end));
        assert_eq!(result.1.chunk_ends, chunk_ends, "pieces of {piece}");
        // An echo has a chunk for each piece that came, and ends with the last of them.
        assert_eq!(
            std::mem::take(&mut result.0.chunk_ends).last(),
            Some(&(1, 20_000))
        );
        assert_eq!(
            result.0.events.len(),
            4,
            "head, data, trailers, end: {:?}",
            result.0.events.first()
        );
        assert!(result.0.events[1].len() == body.len() + "1 data ".len());
        assert_eq!(result.0.events[2..], ["1 trailers Sum=1", "1 end"]);
        assert!(pair.client.is_reusable() && pair.server.is_idle());
        assert_eq!(
            first.get_or_insert_with(|| result.clone()),
            &result,
            "delay {delay}, pieces of {piece}"
        );
    }
}

#[test]
fn expect_continue() {
    let mut pair = pair(limits(), 10, usize::MAX);
    let stream = post(&mut pair, BodyLength::Known(5), true);
    let mut record = Record::default();
    while record.events.is_empty() {
        assert!(pair.step());
        echo(&mut pair.server, &mut Record::default());
        collect(&mut pair.client, &mut record);
    }
    assert!(
        record.events[0].starts_with("1 informational Http11 100 Continue"),
        "{record:?}"
    );
    assert_eq!(pair.now, 20, "there and back");
    pair.client
        .send_data(stream, Chunk::Borrowed(b"hello"))
        .expect("data");
    pair.client.finish(stream).expect("finish");
    let (client, _) = run(&mut pair, 1);
    assert_eq!(client.events, ["1 data hello", "1 end"]);
}

#[test]
fn a_broken_wire_is_seen_on_both_ends() {
    let mut pair = pair(limits(), 1, usize::MAX);
    let stream = post(&mut pair, BodyLength::Known(10), false);
    pair.client
        .send_data(stream, Chunk::Borrowed(b"hello"))
        .expect("data");
    let mut server = Record::default();
    while server.events.is_empty() {
        assert!(pair.step());
        echo(&mut pair.server, &mut server);
    }
    pair.cut();
    let (client, server) = run(&mut pair, 1);
    assert_eq!(client.events, ["1 error disconnected None"]);
    assert_eq!(server.last(), "error unexpected_eof Some(400)");
    assert_eq!(pair.client.close(), Close::AfterFlush);
}

#[test]
fn an_idle_connection_is_closed_by_the_server_and_noticed_by_the_client() {
    let mut pair = pair(
        Arc::new(Limits {
            keepalive_timeout: 500,
            ..Limits::default()
        }),
        3,
        usize::MAX,
    );
    let stream = post(&mut pair, BodyLength::Empty, false);
    pair.client.finish(stream).expect("finish");
    let (client, _) = run(&mut pair, 1);
    assert_eq!(client.last(), "end");
    assert!(pair.client.is_reusable());
    let before = pair.now;
    while pair.client.is_reusable() {
        assert!(pair.step());
        echo(&mut pair.server, &mut Record::default());
    }
    assert!(
        (500..=510).contains(&(pair.now - before)),
        "after {} ms",
        pair.now - before
    );
    assert_eq!(
        (pair.server.close(), pair.client.close()),
        (Close::AfterFlush, Close::AfterFlush)
    );
}

#[test]
fn back_pressure_reaches_across_the_wire() {
    let mut pair = pair(
        Arc::new(Limits {
            body_window: 1000,
            ..Limits::default()
        }),
        0,
        400,
    );
    let stream = post(&mut pair, BodyLength::Known(10_000), false);
    pair.client
        .send_data(stream, Chunk::Borrowed(&[b'x'; 10_000]))
        .expect("data");
    pair.client.finish(stream).expect("finish");
    let mut received = 0;
    while pair.server.wants_read() {
        pair.server.handle_timeout(pair.now);
        assert!(pair.step());
        while let Some((_, event)) = pair.server.next_event() {
            if let Event::Data(data) = event {
                received += data.len();
            }
        }
    }
    assert!((1000..=1800).contains(&received), "{received} bytes got through");
    pair.server.consumed(stream, received);
    assert!(pair.server.wants_read());
}

/// Any sizes of bodies, pieces and waits, any order of reads and writes: the bytes that go in come
/// out, and each message ends.
#[test]
fn any_interleaving_gives_the_same() {
    for seed in 1..300 {
        let mut random = Random(seed);
        // Who is slow to pull here must not run out of time: the clock jumps when the wire rests.
        let limits = Limits {
            body_window: 1 + random.below(5000),
            first_timeout: 0,
            keepalive_timeout: 0,
            body_timeout: 0,
            ..Limits::default()
        };
        let piece = 1 + random.below(3000);
        let mut pair = pair(Arc::new(limits), random.below(3) as u64, piece);
        for exchange in 1..=3u64 {
            let body: Vec<u8> = (0..random.below(9000)).map(|n| b'0' + (n % 10) as u8).collect();
            let length = if random.chance(50) {
                BodyLength::Chunked
            } else {
                BodyLength::Known(body.len() as u64)
            };
            let stream = post(&mut pair, length, random.chance(30));
            let (mut client, mut server) = (Record::default(), Record::default());
            let mut rest = &body[..];
            let (mut finished, mut quiet) = (false, 0);
            while client.last() != "end" {
                if !finished && random.chance(60) {
                    let (part, more) = rest.split_at(random.below(4000).min(rest.len()));
                    rest = more;
                    pair.client
                        .send_data(stream, Chunk::Borrowed(part))
                        .expect("data");
                    if rest.is_empty() {
                        pair.client.finish(stream).expect("finish");
                        finished = true;
                    }
                }
                // When the wire is at rest, somebody has to pull.
                let moved = pair.step();
                quiet = if moved { 0 } else { quiet + 1 };
                assert!(quiet < 20 || !finished, "seed {seed}: stuck");
                if !moved || random.chance(70) {
                    echo(&mut pair.server, &mut server);
                }
                if !moved || random.chance(70) {
                    collect(&mut pair.client, &mut client);
                }
            }
            let (client, server) = (client.finished(), server.finished());
            let data = if body.is_empty() {
                Vec::new()
            } else {
                vec![format!("{exchange} data {}", body.escape_ascii())]
            };
            let heads = |events: &[String]| {
                events
                    .iter()
                    .filter(|event| !event.contains("informational"))
                    .count()
            };
            assert_eq!(heads(&client.events), 2 + data.len(), "seed {seed}");
            assert!(
                data.iter()
                    .all(|data| client.events.contains(data) && server.events.contains(data)),
                "seed {seed}"
            );
            let over = (pair.client.is_reusable(), pair.server.is_idle());
            assert_eq!(over, (true, true), "seed {seed}");
        }
    }
}

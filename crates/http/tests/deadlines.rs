//! What a server waits for, and how long: each deadline one before it, at it, and what moves it.

mod support;

use std::sync::Arc;

use quinde_http::h1::ServerConnection;
use quinde_http::{Close, Kind, Limits, Machine, StreamId};
use support::{Answering, GET, POST, answer, last_error, limits, server};

const UPLOAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";

/// A server that has the head of a request, and somebody waits for its body since `now`.
fn reading(request: &[u8], now: u64, change: impl FnOnce(&mut Limits)) -> ServerConnection {
    let mut server = server(change);
    server.receive_data(request, now);
    last_error(&mut server);
    server.body_awaited(true);
    server.handle_timeout(now);
    server
}

/// Nothing happens one millisecond before `at`; at it, the request is refused as `kind`.
fn refused_at(mut server: ServerConnection, at: u64, kind: Kind) {
    assert_eq!(server.next_timeout(), Some(at));
    server.handle_timeout(at - 1);
    assert!(last_error(&mut server).is_none() && server.close() == Close::No);
    server.handle_timeout(at);
    let error = last_error(&mut server).expect("an error");
    assert_eq!((error.kind, error.status), (kind, Some(408)));
    assert_eq!(server.next_timeout(), None);
}

#[test]
fn the_head_has_a_deadline_from_its_first_byte() {
    let mut server = server(|_| ());
    assert_eq!(server.next_timeout(), Some(75_000), "idle");
    server.receive_data(b"\r\n", 500);
    assert_eq!(server.next_timeout(), Some(75_000), "an empty line is no head");
    for (byte, now) in GET.iter().zip([1000, 3000, 5000, 7000, 9000, 10_900]) {
        server.receive_data(&[*byte], now);
        server.handle_timeout(now);
        assert_eq!(server.next_timeout(), Some(11_000), "progress does not move it");
    }
    refused_at(server, 11_000, Kind::HeadTimeout);
}

#[test]
fn idle_connections_are_closed_silently() {
    let mut server = server(|limits| limits.keepalive_timeout = 1000);
    server.receive_data(GET, 400);
    last_error(&mut server);
    assert_eq!(server.next_timeout(), None, "the handler takes its time");
    answer(&mut server, 1);
    // The answer came at a time nobody told; it is told now.
    server.handle_timeout(5000);
    assert_eq!(server.next_timeout(), Some(6000));
    server.handle_timeout(5999);
    assert_eq!(server.close(), Close::No);
    server.handle_timeout(6000);
    assert!(server.close() == Close::AfterFlush && server.next_event().is_none());
}

#[test]
fn a_connection_that_never_sends_is_idle() {
    let mut server = server(|limits| (limits.first_timeout, limits.keepalive_timeout) = (1000, 1));
    server.handle_timeout(999);
    assert_eq!(server.close(), Close::No);
    server.handle_timeout(1000);
    assert!(server.close() == Close::AfterFlush && server.next_event().is_none());
}

#[test]
fn a_deadline_is_late_rather_than_early_when_time_is_not_told() {
    let mut server = server(|limits| limits.keepalive_timeout = 1000);
    server.receive_data(GET, 0);
    last_error(&mut server);
    answer(&mut server, 1);
    assert_eq!(server.next_timeout(), Some(1000));
    server.handle_timeout(1000);
    assert_eq!((server.close(), server.next_timeout()), (Close::No, Some(2000)));
}

#[test]
fn the_body_has_to_make_progress_while_it_is_awaited() {
    let mut server = reading(POST, 0, |limits| limits.body_window = 3);
    assert_eq!(server.next_timeout(), Some(60_000));
    server.receive_data(b"he", 50_000);
    assert_eq!(server.next_timeout(), Some(110_000), "progress moves it");
    server.receive_data(b"ll", 60_000);
    assert!(!server.wants_read(), "the window is full");
    assert_eq!(server.next_timeout(), None, "then the peer is not to blame");
    last_error(&mut server);
    server.consumed(StreamId(1), 2);
    assert!(!server.wants_read(), "not before half of it is free");
    server.consumed(StreamId(1), 1);
    assert!(server.wants_read());
    server.handle_timeout(70_000);
    refused_at(server, 130_000, Kind::BodyTimeout);
}

#[test]
fn landed_bytes_are_progress() {
    let mut server = reading(POST, 0, |_| ());
    server.body_landed(2, 50_000);
    refused_at(server, 110_000, Kind::BodyTimeout);
}

#[test]
fn a_body_that_nobody_awaits_is_not_pressed_for() {
    let mut server = reading(POST, 0, |_| ());
    server.handle_timeout(59_999);
    server.body_awaited(false);
    server.handle_timeout(500_000);
    assert_eq!(server.next_timeout(), None);
    server.body_awaited(true);
    server.handle_timeout(500_000);
    refused_at(server, 560_000, Kind::BodyTimeout);
}

#[test]
fn nobody_awaits_the_body_of_the_next_request() {
    let mut server = reading(POST, 0, |_| ());
    server.receive_data(b"hello", 0);
    last_error(&mut server);
    answer(&mut server, 1);
    server.receive_data(POST, 0);
    last_error(&mut server);
    server.handle_timeout(0);
    assert_eq!(server.next_timeout(), None);
}

#[test]
fn chunk_framing_is_no_progress_of_the_body() {
    let chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello";
    let mut server = reading(chunked, 1000, |_| ());
    for (byte, now) in b"\r\n5;a=bcdef".iter().zip((2000..).step_by(1000)) {
        server.receive_data(&[*byte], now);
    }
    refused_at(server, 61_000, Kind::BodyTimeout);
}

#[test]
fn a_discarded_body_has_a_deadline() {
    let mut server = server(|_| ());
    server.receive_data(POST, 0);
    last_error(&mut server);
    answer(&mut server, 1);
    server.handle_timeout(1000);
    server.receive_data(b"he", 50_000);
    assert_eq!(server.next_timeout(), Some(61_000), "progress does not move it");
    server.handle_timeout(60_999);
    assert_eq!(server.close(), Close::No);
    server.handle_timeout(61_000);
    assert!(server.close() == Close::Linger && server.next_event().is_none());
}

#[test]
fn the_body_has_to_keep_its_rate_on_average() {
    // 100 bytes a second, after five seconds that are free.
    let fast = |limits: &mut Limits| limits.min_body_rate = 100;
    refused_at(reading(UPLOAD, 1000, fast), 6000, Kind::BodyTooSlow);

    let mut server = reading(UPLOAD, 1000, fast);
    for second in 1..=20 {
        server.receive_data(&[b'x'; 100], 1000 + second * 1000);
        last_error(&mut server);
        server.handle_timeout(1000 + second * 1000);
        assert_eq!(server.next_timeout(), Some(6000 + second * 1000));
    }
    refused_at(server, 26_000, Kind::BodyTooSlow);

    // One byte a second less, and it falls behind before its 20 s are over by as much.
    let mut server = reading(UPLOAD, 1000, fast);
    server.receive_data(&[b'x'; 99], 2000);
    last_error(&mut server);
    refused_at(server, 6990, Kind::BodyTooSlow);
}

#[test]
fn time_in_which_nobody_awaits_the_body_is_not_the_sender_s() {
    let mut server = reading(UPLOAD, 0, |limits| limits.min_body_rate = 100);
    server.handle_timeout(4000);
    server.body_awaited(false);
    server.handle_timeout(4000);
    server.receive_data(&[b'x'; 50], 100_000);
    last_error(&mut server);
    assert_eq!(server.next_timeout(), None);
    server.body_awaited(true);
    server.handle_timeout(200_000);
    // A second of the free ones is left, and the bytes earned half a second.
    refused_at(server, 201_500, Kind::BodyTooSlow);
}

#[test]
fn a_fast_body_may_still_not_stop() {
    let mut server = reading(UPLOAD, 0, |limits| limits.min_body_rate = 1);
    server.receive_data(&[b'x'; 1000], 1);
    last_error(&mut server);
    refused_at(server, 60_001, Kind::BodyTimeout);
}

#[test]
fn a_request_may_have_limits_of_its_own() {
    let other = |body_timeout, min_body_rate| {
        Arc::new(Limits {
            body_timeout,
            min_body_rate,
            ..Limits::default()
        })
    };
    let mut server = reading(POST, 0, |_| ());
    server.change_limits(StreamId(7), other(10, 0));
    assert_eq!(server.next_timeout(), Some(60_000), "another stream's");
    server.change_limits(StreamId(1), other(1000, 0));
    assert_eq!(server.next_timeout(), Some(1000));
    server.change_limits(StreamId(1), other(0, 0));
    assert_eq!(server.next_timeout(), None);
    server.change_limits(StreamId(1), other(0, 1));
    assert_eq!(server.next_timeout(), Some(5000));
    server.receive_data(b"hello", 0);
    last_error(&mut server);
    answer(&mut server, 1);
    server.receive_data(POST, 0);
    last_error(&mut server);
    server.body_awaited(true);
    server.handle_timeout(0);
    assert_eq!(
        server.next_timeout(),
        Some(60_000),
        "the next request has the usual ones"
    );
    assert_eq!(server.limits().min_body_rate, 0);
}

#[test]
fn lingering_ends_with_the_input_or_in_time() {
    let refused = || {
        let mut answering = Answering::new(limits());
        answering.feed(b"bad\r\n");
        answering.server
    };
    let mut server = refused();
    assert_eq!(server.close(), Close::Linger);
    server.receive_eof(0);
    assert_eq!(server.close(), Close::AfterFlush);
    let mut server = refused();
    server.handle_timeout(100);
    server.receive_data(b"more", 2000);
    assert_eq!(server.next_timeout(), Some(2100), "progress does not move it");
    server.handle_timeout(2099);
    assert_eq!(server.close(), Close::Linger);
    server.handle_timeout(2100);
    assert_eq!(server.close(), Close::AfterFlush);
    assert_eq!(server.next_timeout(), None);
}

#[test]
fn zero_switches_a_timeout_off() {
    let mut server =
        server(|limits| (limits.first_timeout, limits.head_timeout, limits.body_timeout) = (0, 0, 0));
    assert_eq!(server.next_timeout(), None);
    server.receive_data(&POST[..5], 0);
    assert_eq!(server.next_timeout(), None);
    server.receive_data(&POST[5..], 0);
    server.body_awaited(true);
    assert_eq!(server.next_timeout(), None);
    server.handle_timeout(u64::MAX);
    assert!(last_error(&mut server).is_none() && server.close() == Close::No);
}

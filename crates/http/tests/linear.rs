//! The work of parsing grows with the input, not with its square: counted in bytes looked at.

mod support;

use std::sync::Arc;

use quinde_http::h1::ServerConnection;
use quinde_http::{Limits, Machine};
use support::asking;

/// Bytes looked at when the input comes in pieces of this size.
fn server_work(input: &[u8], piece: usize) -> u64 {
    let mut server = ServerConnection::new(Arc::new(Limits::default()), 0);
    for part in input.chunks(piece) {
        server.receive_data(part, 0);
        while server.next_event().is_some() {}
    }
    assert_eq!(server.statistics().messages_received, 1, "the head was complete");
    server.statistics().bytes_scanned
}

fn client_work(input: &[u8], piece: usize) -> u64 {
    let (mut client, _) = asking("GET", &[]);
    for part in input.chunks(piece) {
        client.receive_data(part, 0);
        while client.next_event().is_some() {}
    }
    assert!(client.is_reusable(), "the message was complete");
    client.statistics().bytes_scanned
}

/// Fields that fill about this much, in lines of at most 4,000 bytes.
fn fields(size: usize) -> String {
    let line = size.min(4000);
    format!("X: {}\r\n", "a".repeat(line - 5)).repeat(size / line)
}

#[test]
fn heads() {
    for size in [1000, 8000, 64_000] {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", fields(size)).into_bytes();
        let whole = server_work(&request, request.len());
        assert!(
            whole >= size as u64 && whole <= 2 * request.len() as u64,
            "{whole} for {size}"
        );
        for piece in [1, 2, 17, 1460] {
            assert_eq!(server_work(&request, piece), whole, "{size} in pieces of {piece}");
        }
    }
}

#[test]
fn many_short_lines() {
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X:\r\n".repeat(127)).into_bytes();
    assert_eq!(server_work(&request, 1), server_work(&request, request.len()));
}

#[test]
fn responses_with_folded_fields() {
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\r\n{}\r\n",
        " b\r\n".repeat(2000)
    )
    .into_bytes();
    let whole = client_work(&response, response.len());
    assert!(
        whole <= 2 * response.len() as u64,
        "{whole} for {}",
        response.len()
    );
    assert_eq!(client_work(&response, 1), whole);
}

#[test]
fn trailers() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    let response = format!("{head}X: {}\r\nY: {}\r\n\r\n", "a".repeat(4000), "b".repeat(4000)).into_bytes();
    let whole = client_work(&response, response.len());
    assert!(whole <= 2 * response.len() as u64);
    assert_eq!(client_work(&response, 1), whole);
}

#[test]
fn pipelined_requests() {
    // Waiting requests are looked at when their turn comes, once.
    let one = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut answering = support::Answering::new(support::limits());
    answering.feed(&one.repeat(500));
    let statistics = answering.server.statistics();
    assert_eq!(statistics.messages_received, 500);
    assert!(statistics.bytes_scanned <= 2 * 500 * one.len() as u64);
}

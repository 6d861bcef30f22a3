//! The limits at one below, at, and one above; each in all cuts, and refused before the end of a
//! line or a section has come.

mod support;

use std::sync::Arc;

use quinde_http::h1::ServerConnection;
use quinde_http::{Event, Limits, Machine};
use support::{limits, receive, serve};

/// Each of N−1, N, N+1 with what becomes of it; `make` builds a request of the given size.
fn at_the_edge(limits: &Limits, n: usize, kind: &str, status: u16, make: impl Fn(usize) -> Vec<u8>) {
    let limits = Arc::new(limits.clone());
    for size in [n - 1, n] {
        assert_eq!(serve(&limits, &make(size)).0.last(), "end", "{kind} at {size}");
    }
    assert_eq!(
        serve(&limits, &make(n + 1)).0.last(),
        format!("error {kind} Some({status})")
    );
}

/// The error of a request whose rest never comes.
fn unfinished(limits: &Limits, request: &[u8]) -> Option<&'static str> {
    let mut server = ServerConnection::new(Arc::new(limits.clone()), 0);
    server.receive_data(request, 0);
    std::iter::from_fn(|| server.next_event()).find_map(|(_, event)| match event {
        Event::Error(error) => Some(error.kind.as_str()),
        _ => None,
    })
}

fn head(lines: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").into_bytes()
}

#[test]
fn target() {
    at_the_edge(&limits(), 8190, "request_line_too_long", 414, |size| {
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(size - 1)).into_bytes()
    });
    let request = format!("GET /{}", "a".repeat(8300));
    assert_eq!(
        unfinished(&limits(), request.as_bytes()),
        Some("request_line_too_long")
    );
    assert_eq!(unfinished(&limits(), &request.as_bytes()[..8000]), None);
}

#[test]
fn field() {
    at_the_edge(&limits(), 8190, "field_too_long", 431, |size| {
        head(&format!("X: {}\r\n", "a".repeat(size - 1)))
    });
    at_the_edge(&limits(), 8190, "field_too_long", 431, |size| {
        head(&format!("{}:a\r\n", "X".repeat(size - 1)))
    });
    let request = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(8300));
    assert_eq!(unfinished(&limits(), request.as_bytes()), Some("field_too_long"));
    // White space around a value is bounded too.
    let spaces = head(&format!("X: {}a\r\n", " ".repeat(8300)));
    assert_eq!(
        serve(&limits(), &spaces).0.last(),
        "error field_too_long Some(431)"
    );
}

#[test]
fn field_count() {
    at_the_edge(&limits(), 128, "too_many_fields", 431, |count| {
        head(&"X: a\r\n".repeat(count - 1))
    });
}

#[test]
fn whole_head() {
    let limits = Limits {
        max_head_size: 300,
        ..Limits::default()
    };
    at_the_edge(&limits, 300, "head_too_large", 431, |size| {
        let request = head("X: \r\nY: \r\n");
        let missing = size - request.len();
        head(&format!(
            "X: {}\r\nY: {}\r\n",
            "a".repeat(missing / 2),
            "b".repeat(missing - missing / 2)
        ))
    });
    assert_eq!(
        unfinished(&limits, &[&b"GET / HTTP/1.1\r\nX: "[..], &[b'a'; 290]].concat()),
        Some("head_too_large")
    );
    // The default: 64 KiB, in lines that are each allowed.
    let line = format!("X: {}\r\n", "a".repeat(4000));
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{}", line.repeat(17));
    assert_eq!(
        unfinished(&Limits::default(), request.as_bytes()),
        Some("head_too_large")
    );
    assert_eq!(
        unfinished(&Limits::default(), &request.as_bytes()[..65_536]),
        None
    );
}

fn chunked(body: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into_bytes()
}

#[test]
fn trailer_section() {
    at_the_edge(&limits(), 8192, "trailers_too_large", 400, |size| {
        let half = (size - 12) / 2;
        chunked(&format!(
            "0\r\nX: {}\r\nY: {}\r\n\r\n",
            "a".repeat(half),
            "b".repeat(size - 12 - half)
        ))
    });
    let endless = chunked(&format!("0\r\nX: {}", "a".repeat(8200)));
    assert_eq!(unfinished(&limits(), &endless), Some("trailers_too_large"));
}

#[test]
fn trailer_count() {
    at_the_edge(&limits(), 32, "trailers_too_large", 400, |count| {
        chunked(&format!("0\r\n{}\r\n", "X: a\r\n".repeat(count)))
    });
}

#[test]
fn chunk_extensions_of_a_body() {
    let kind = "chunk_extensions_too_long";
    at_the_edge(&limits(), 4096, kind, 400, |size| {
        chunked(&format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(size - 1)))
    });
    // Spread over chunks they count together.
    at_the_edge(&limits(), 4096, kind, 400, |size| {
        let chunk = format!("1;{}\r\nx\r\n", "a".repeat(255));
        chunked(&format!(
            "{}1;{}\r\nx\r\n0\r\n\r\n",
            chunk.repeat(15),
            "a".repeat(size - 15 * 256 - 1)
        ))
    });
    assert_eq!(
        unfinished(&limits(), &chunked(&format!("1;{}", "a".repeat(4096)))),
        Some(kind)
    );
}

#[test]
fn chunk_size_digits() {
    let limits = limits();
    assert_eq!(
        serve(&limits, &chunked("ffffffffffffffff\r\nx")).0.last(),
        "data x"
    );
    assert_eq!(
        serve(&limits, &chunked("1ffffffffffffffff\r\nx")).0.last(),
        "error bad_chunk Some(400)"
    );
}

#[test]
fn responses() {
    let run = |response: String| {
        receive(&limits(), "GET", &[], response.as_bytes(), false)
            .0
            .last()
            .to_owned()
    };
    let with = |lines: String| format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{lines}\r\n");
    for (size, last) in [
        (8189, "end"),
        (8190, "end"),
        (8191, "error status_line_too_long Some(400)"),
    ] {
        assert_eq!(
            run(format!(
                "HTTP/1.1 200 {}\r\nContent-Length: 0\r\n\r\n",
                "a".repeat(size)
            )),
            last
        );
    }
    for (size, last) in [
        (8189, "end"),
        (8190, "end"),
        (8191, "error field_too_long Some(431)"),
    ] {
        assert_eq!(run(with(format!("X: {}\r\n", "a".repeat(size - 1)))), last);
        // A folded field counts as a whole.
        assert_eq!(
            run(with(format!(
                "X:{}\r\n {}\r\n",
                "a".repeat(4000),
                "b".repeat(size - 4004)
            ))),
            last
        );
    }
    for (count, last) in [
        (127, "end"),
        (128, "end"),
        (129, "error too_many_fields Some(431)"),
    ] {
        assert_eq!(run(with("X: a\r\n".repeat(count - 1))), last);
    }
    let large = with(format!("X: {}\r\n", "a".repeat(8000)).repeat(9));
    assert_eq!(run(large), "error head_too_large Some(431)");
}

//! What the client takes as a response: as lenient as aiohttp's client, and no more.
//! Each case runs whole, byte by byte and cut at every offset.

mod support;

use quinde_http::{Close, Machine};
use support::{Record, asking, limits, pull, receive};

const UPGRADE: [(&[u8], &[u8]); 2] = [(b"Connection", b"Upgrade"), (b"Upgrade", b"x")];

/// The events of a response to GET; `eof` ends the input.
fn events(response: &[u8], eof: bool) -> Vec<String> {
    let strip = |event: &String| {
        event
            .split_once(' ')
            .map_or(String::new(), |(_, text)| text.to_owned())
    };
    receive(&limits(), "GET", &[], response, eof)
        .0
        .events
        .iter()
        .map(strip)
        .collect()
}

fn body(response: &[u8]) -> String {
    let events = events(response, true);
    assert_eq!(
        events.last().map(String::as_str),
        Some("end"),
        "{}: {events:?}",
        response.escape_ascii()
    );
    let data: Vec<&str> = events
        .iter()
        .filter_map(|event| event.strip_prefix("data "))
        .collect();
    data.concat()
}

fn refused(response: &[u8], kind: &str) {
    let events = events(response, false);
    let last = events.last().map_or("", String::as_str);
    assert!(
        last.starts_with(&format!("error {kind} ")),
        "{}: {events:?}",
        response.escape_ascii()
    );
}

/// A response with these lines after the status line, and `hi` after the head.
fn with(lines: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nhi").into_bytes()
}

/// Who speaks another protocol need never end a line.
#[test]
fn other_protocols_are_refused_at_their_first_bytes() {
    refused(b"\x15", "tls_record");
    refused(b"\x15\x03\x03\x00\x02\x02\x0a", "tls_record");
    refused(b"\x16\x03", "tls_record");
    for other in ["SSH-", "\0", "HTTX", "HT\t", "http"] {
        refused(other.as_bytes(), "bad_status_line");
    }
    assert!(events(b"HTTP/", false).is_empty());
}

#[test]
fn status_lines() {
    for (line, summary) in [
        ("HTTP/1.1 200 OK", "Http11 200 OK Known(2) keep=true"),
        ("HTTP/1.1 200", "Http11 200  Known(2) keep=true"),
        ("HTTP/1.1 200 ", "Http11 200  Known(2) keep=true"),
        ("HTTP/1.1 200  OK", "Http11 200  OK Known(2) keep=true"),
        ("HTTP/1.1 999 Wow", "Http11 999 Wow Known(2) keep=true"),
        ("HTTP/1.0 200 OK", "Http10 200 OK Known(2) keep=false"),
        ("HTTP/2.0 200 OK", "Http11 200 OK Known(2) keep=false"),
        ("HTTP/0.9 200 OK", "Http10 200 OK Known(2) keep=false"),
        (
            "HTTP/1.1 200 a\x01\x7f\tb",
            "Http11 200 a\\x01\\x7f\\tb Known(2) keep=true",
        ),
        ("\r\nHTTP/1.1 200 OK", "Http11 200 OK Known(2) keep=true"),
        ("\nHTTP/1.1 200 OK", "Http11 200 OK Known(2) keep=true"),
    ] {
        let events = events(format!("{line}\r\nContent-Length: 2\r\n\r\nhi").as_bytes(), false);
        assert_eq!(
            events,
            [
                format!("head {summary} upgrade=false Content-Length=2"),
                "data hi".into(),
                "end".into()
            ]
        );
    }
    let latin = events(b"HTTP/1.1 404 \xe9t\xe9\r\nContent-Length: 0\r\n\r\n", false);
    assert!(latin[0].contains("404 \\xe9t\\xe9 Empty"), "{latin:?}");
    for line in [
        "HTTP/1.1  200 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 000 OK",
        "HTTP/1.1 2x0 OK",
        "HTTP/1.1 +20 OK",
        "HTTP/1.1 200OK",
        "HTTP/1.1 200\tOK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.2 200 OK",
        "HTTP/3.0 200 OK",
        "HTTP/2 200 OK",
        "http/1.1 200 OK",
        "ICY 200 OK",
        " HTTP/1.1 200 OK",
        "garbage",
        "HTTP/1.1 200 a\0b",
        "HTTP/1.1 200 a\rb",
        "<html>",
        "HTTP/1.1",
    ] {
        refused(
            format!("{line}\r\nContent-Length: 2\r\n\r\nhi").as_bytes(),
            "bad_status_line",
        );
    }
}

#[test]
fn bare_line_feeds() {
    assert_eq!(body(b"HTTP/1.1 200 OK\nX: y\nContent-Length: 2\n\nhi"), "hi");
    assert_eq!(body(b"HTTP/1.1 200\nX: y\r\nContent-Length: 2\r\n\nhi"), "hi");
    refused(&with("X: a\rb"), "bad_field_value");
    refused(&with("X: a\r\r\nY: b"), "bad_field_value");
}

#[test]
fn folded_fields_are_joined() {
    for (lines, value) in [
        ("X: a\r\n b", "a b"),
        ("X: a\r\n\tb", "a\\tb"),
        ("X: a\r\n  b  \r\n   c ", "a  b     c"),
        ("X: \r\n b", "b"),
        ("X:\r\n b", "b"),
        ("X: a \r\n \r\n b", "a   b"),
        ("X: a\n b", "a b"),
        ("X: a\r\n ", "a"),
    ] {
        let events = events(&with(&format!("{lines}\r\nY: z\r\nContent-Length: 2")), false);
        assert!(
            events[0].ends_with(&format!(" X={value} Y=z Content-Length=2")),
            "{lines:?}: {events:?}"
        );
    }
    assert_eq!(
        body(b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
        "hi"
    );
    refused(&with("Content-Length: 2\r\n 3"), "bad_content_length");
    refused(&with("X: a\r\n b\0c"), "bad_field_value");
    refused(b"HTTP/1.1 200 OK\r\n X: a\r\n\r\n", "obsolete_fold");
}

#[test]
fn field_names_and_values() {
    let events = events(&with("X: a\x01\x7f\x0bb\r\nE:\r\nContent-Length : 2"), false);
    assert!(
        events[0].ends_with(" X=a\\x01\\x7f\\x0bb E= Content-Length=2"),
        "{events:?}"
    );
    assert_eq!(
        body(b"HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
        "hi"
    );
    for bad in [
        "X : a",
        "Content-Type : a",
        "Content-Length\t: 2",
        "Content-Length  : 2",
        ": a",
        "X",
        "X(: a",
        "\u{e9}: a",
    ] {
        refused(&with(bad), "bad_field_name");
    }
    refused(&with("X: a\0b"), "bad_field_value");
    refused(&with("Sec-WebSocket-Key1: x"), "bad_field_name");
    assert_eq!(
        body(&with(
            "Server: a\r\nServer: b\r\nContent-Type: a\r\nContent-Type: b\r\nContent-Length: 2"
        )),
        "hi"
    );
}

#[test]
fn lengths() {
    assert_eq!(body(&with("Content-Length: 02 ")), "hi");
    for bad in ["+2", "2, 2", "", "18446744073709551616", "2\x0b", "0x2"] {
        refused(&with(&format!("Content-Length: {bad}")), "bad_content_length");
    }
    refused(
        &with("Content-Length: 2\r\nContent-Length: 2"),
        "repeated_content_length",
    );
    refused(
        &with("Content-Length: 2\r\nContent-Length: 3"),
        "repeated_content_length",
    );
    for codings in ["chunked", "identity", "gzip"] {
        refused(
            &with(&format!("Transfer-Encoding: {codings}\r\nContent-Length: 2")),
            "length_and_transfer_encoding",
        );
        refused(
            &with(&format!("Content-Length: 2\r\nTransfer-Encoding: {codings}")),
            "length_and_transfer_encoding",
        );
    }
}

#[test]
fn bodies_until_the_end() {
    for lines in [
        "X: y",
        "Connection: keep-alive",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: foo",
        "Transfer-Encoding: ",
    ] {
        let (record, reusable) = receive(&limits(), "GET", &[], &with(lines), false);
        assert_eq!(
            record.last(),
            "data hi",
            "{lines}: no end without the end of the connection"
        );
        assert!(
            !reusable && record.events[0].contains("UntilClose keep=false"),
            "{record:?}"
        );
        assert_eq!(body(&with(lines)), "hi");
    }
}

#[test]
fn chunked_bodies() {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for good in [
        "2\r\nhi\r\n0\r\n\r\n",
        "2 \r\nhi\r\n0 \r\n\r\n",
        "2\t\r\nhi\r\n0\r\n\r\n",
        "2  ;a\r\nhi\r\n0\r\n\r\n",
        "2;a=b\r\nhi\r\n0;x\r\n\r\n",
        "2\r\nhi\n0\r\n\r\n",
        "2\r\nhi\r\n0\r\n\n",
        "2\r\nhi\r\n0\r\nX: y\n\n",
        "2\r\nhi\r\n0\r\nX: y\r\n z\r\n\r\n",
        "2\r\nhi\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "00000000000000000002\r\nhi\r\n0\r\n\r\n",
        "1\r\nh\r\n1\r\ni\r\n0\r\n\r\n",
    ] {
        assert_eq!(body(&[head, good.as_bytes()].concat()), "hi", "{good:?}");
    }
    for bad in [
        "2; a=b\r\nhi",
        "2;\r\nhi",
        "2;a=\"x\r\nhi",
        "2\nhi",
        "0x2\r\nhi",
        " 2\r\nhi",
        "2\r\nhi0\r\n",
        "2;\0\r\nhi",
        "2\r\r\nhi",
        "\r\nhi",
        "2\r\nhi\r\n0\n",
        "2\r\nhihi",
        "fffffffffffffffff\r\n",
    ] {
        refused(&[head, bad.as_bytes()].concat(), "bad_chunk");
    }
    for bad in ["X : y\r\n\r\n", "bad\r\n\r\n", "Content-Length: 2\r\n\r\n"] {
        refused(
            &[&head[..], b"2\r\nhi\r\n0\r\n", bad.as_bytes()].concat(),
            "bad_trailer",
        );
    }
    for codings in [
        "gzip, chunked",
        "chunked, chunked",
        ",chunked",
        "identity, chunked",
    ] {
        let response = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {codings}\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
        assert_eq!(body(response.as_bytes()), "hi", "{codings}");
    }
    assert_eq!(
        events(
            &[&head[..], b"2\r\nhi\r\n0\r\nX: y\r\n z\r\nHost: a\r\n\r\n"].concat(),
            false
        )[1..],
        ["data hi", "trailers X=y z", "end"]
    );
    assert_eq!(
        body(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
        "hi"
    );
}

#[test]
fn messages_without_a_body() {
    for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304), ("HEAD", 404)] {
        for lines in ["", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
            let response = format!("HTTP/1.1 {status} X\r\n{lines}\r\n");
            let (record, reusable) = receive(&limits(), method, &[], response.as_bytes(), false);
            assert_eq!(record.last(), "end", "{method} {response}");
            assert!(reusable, "{method} {response}");
            let (record, reusable) =
                receive(&limits(), method, &[], format!("{response}hi").as_bytes(), false);
            assert_eq!(record.last(), "error data_after_message Some(400)");
            assert!(
                !reusable,
                "a body that must not be is somebody else's next response"
            );
        }
    }
    assert_eq!(body(b"HTTP/1.1 205 X\r\nContent-Length: 2\r\n\r\nhi"), "hi");
}

#[test]
fn interim_responses() {
    let input = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let events = events(input, false);
    assert!(
        events[0].starts_with("informational Http11 100 Continue Empty"),
        "{events:?}"
    );
    assert!(
        events[1].starts_with("informational Http11 103 Early Hints Empty"),
        "{events:?}"
    );
    assert!(events[2].starts_with("head Http11 200"), "{events:?}");
    assert_eq!(events[3..], ["data hi", "end"]);
}

#[test]
fn data_after_a_message() {
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    for extra in [&b"x"[..], b"HTTP/1.1 200 OK\r\n\r\n", b"\r\nx", b" "] {
        let (record, reusable) = receive(&limits(), "GET", &[], &[response, extra].concat(), false);
        assert_eq!(record.events[2], "1 end", "the message itself is complete");
        assert_eq!(record.last(), "error data_after_message Some(400)");
        assert!(!reusable);
    }
    // aiohttp forgives a line end, and what comes after a response that closes is nobody's.
    assert!(receive(&limits(), "GET", &[], &[&response[..], b"\r\n"].concat(), false).1);
    let closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhiextra";
    let (record, reusable) = receive(&limits(), "GET", &[], closing, false);
    assert_eq!((record.last(), reusable), ("end", false));
}

#[test]
fn the_end_of_input() {
    for (response, last) in [
        ("", "error disconnected None"),
        ("\r\n", "error disconnected None"),
        ("HTTP/1.1 100 Continue\r\n\r\n", "error disconnected None"),
        ("H", "error eof_in_head Some(400)"),
        ("HTTP/1.1 200 OK\r\nX: y\r\n", "error eof_in_head Some(400)"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
            "error unexpected_eof Some(400)",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
            "error unexpected_eof Some(400)",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
            "error unexpected_eof Some(400)",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
            "error unexpected_eof Some(400)",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nh",
            "error unexpected_eof Some(400)",
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", "end"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "end"),
    ] {
        let (record, reusable) = receive(&limits(), "GET", &[], response.as_bytes(), true);
        assert_eq!(record.last(), last, "{response:?}");
        assert!(!reusable);
    }
}

#[test]
fn an_end_without_an_answer_breaks_no_rule() {
    let (mut client, _) = asking("GET", &[]);
    client.receive_eof(0);
    assert!(client.statistics().refusals.is_empty());
}

#[test]
fn errors_say_what_is_missing() {
    let sentence = |response: &[u8]| {
        let (mut client, _) = asking("GET", &[]);
        client.receive_data(response, 0);
        client.receive_eof(0);
        std::iter::from_fn(|| client.next_event())
            .find_map(|(_, event)| match event {
                quinde_http::Event::Error(error) => Some(error.to_string()),
                _ => None,
            })
            .expect("an error")
    };
    assert_eq!(
        sentence(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
        "The connection was closed before the message was complete: 3 of 10 bytes of the body were received"
    );
    assert_eq!(
        sentence(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"),
        "The connection was closed before the message was complete: 2 bytes of the body were received, its end was not"
    );
    assert_eq!(sentence(b""), "The connection was closed without a response");
    let long = sentence(&[&b"HTTP/1.1 "[..], &[b'\x01'; 5000], b"\r\n"].concat());
    assert!(
        long.starts_with("The status line is malformed: 'HTTP/1.1 \\x01") && long.len() < 450,
        "{long}"
    );
}

#[test]
fn upgrades() {
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nraw\x00\n";
    let (record, reusable) = receive(&limits(), "GET", &UPGRADE, switch, false);
    assert!(record.events[0].contains("101") && record.events[0].contains("upgrade=true"));
    assert_eq!(record.events[1..], ["1 upgraded", "0 data raw\\x00\\n"]);
    assert!(!reusable);
    // Not asked for: the response is shown, as by aiohttp, but nothing is switched.
    let (record, reusable) = receive(&limits(), "GET", &[], switch, false);
    assert!(record.events[0].contains("101") && record.events[0].contains("upgrade=false"));
    assert_eq!(
        (&record.events[1..], reusable),
        (&["1 end".to_owned()][..], false)
    );
}

#[test]
fn tunnels() {
    let opened = b"HTTP/1.1 200 Connected\r\nContent-Length: 5\r\n\r\nraw";
    let (record, _) = receive(&limits(), "CONNECT", &[], opened, false);
    assert_eq!(record.events[1..], ["1 upgraded", "0 data raw"]);
    let refused = b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno";
    let (record, reusable) = receive(&limits(), "CONNECT", &[], refused, false);
    assert_eq!(record.events[1..], ["1 data no", "1 end"]);
    assert!(reusable);
}

#[test]
fn reuse_depends_on_both_sides() {
    for (more, lines, reusable) in [
        (&[][..], "", true),
        (&[], "Connection: close\r\n", false),
        (&[(&b"Connection"[..], &b"close"[..])], "", false),
        (
            &[(b"Connection", b"keep-alive")],
            "Connection: keep-alive\r\n",
            true,
        ),
    ] {
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{lines}\r\nhi");
        assert_eq!(
            receive(&limits(), "GET", more, response.as_bytes(), false).1,
            reusable,
            "{response}"
        );
    }
    let old = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi";
    assert!(receive(&limits(), "GET", &[], old, false).1);
}

#[test]
fn bytes_before_any_request_end_the_connection() {
    let mut client = quinde_http::h1::ClientConnection::new(limits(), 0);
    client.receive_data(b"HTTP/1.1 408 Request Timeout\r\n\r\n", 0);
    let mut record = Record::default();
    pull(&mut client, &mut record);
    assert_eq!(record.last(), "error data_after_message Some(400)");
    assert!(!client.is_reusable() && client.close() == Close::AfterFlush);
}

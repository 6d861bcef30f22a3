//! What is accepted as a request, and what is answered to the rest: the table of strictness.
//! Each case runs whole, byte by byte and cut at every offset.

mod support;

use support::{limits, serve};

/// Run a request; returns its last event.
fn outcome(request: &[u8]) -> String {
    let (record, sent, closing) = serve(&limits(), request);
    let last = record.last().to_owned();
    if let Some(error) = last.strip_prefix("error ") {
        let status = error.split(['(', ')']).nth(1).unwrap_or_default();
        assert!(sent.contains(&format!("HTTP/1.1 {status} ")), "{sent}");
        assert!(
            sent.contains("\r\nConnection: close\r\n".escape_default().to_string().as_str()),
            "{sent}"
        );
        assert!(
            closing,
            "an error ends the connection: {}",
            request.escape_ascii()
        );
    }
    last
}

fn refused(request: &[u8], kind: &str, status: u16) {
    assert_eq!(
        outcome(request),
        format!("error {kind} Some({status})"),
        "{}",
        request.escape_ascii()
    );
}

fn accepted(request: &[u8]) {
    assert_eq!(outcome(request), "end", "{}", request.escape_ascii());
}

/// A request with these lines after Host.
fn with(lines: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").into_bytes()
}

/// A chunked request with this body.
fn chunked(body: &[u8]) -> Vec<u8> {
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        body,
    ]
    .concat()
}

#[test]
fn host() {
    refused(b"GET / HTTP/1.1\r\n\r\n", "missing_host", 400);
    refused(
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "repeated_host",
        400,
    );
    refused(
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "repeated_host",
        400,
    );
    refused(
        b"GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n",
        "repeated_host",
        400,
    );
    for bad in ["", "a b", "a,b", "u@a/x?", "a:x", "a:99999", "[::1", "a/"] {
        refused(
            format!("GET / HTTP/1.1\r\nHost: {bad}\r\n\r\n").as_bytes(),
            "bad_host",
            400,
        );
    }
    refused(b"GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n", "bad_host", 400);
    accepted(b"GET / HTTP/1.0\r\n\r\n");
    for good in ["a", "a.b-c:80", "[::1]:8080", "127.0.0.1", "a_b", "xn--a"] {
        accepted(format!("GET / HTTP/1.1\r\nHost: {good}\r\n\r\n").as_bytes());
    }
}

#[test]
fn length_and_transfer_encoding_together() {
    refused(
        &with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        "length_and_transfer_encoding",
        400,
    );
    refused(
        &with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        "length_and_transfer_encoding",
        400,
    );
    refused(
        &with("Transfer-Encoding: gzip\r\nContent-Length: 0\r\n"),
        "length_and_transfer_encoding",
        400,
    );
}

#[test]
fn transfer_encoding() {
    let bad = "bad_transfer_encoding";
    refused(&with("Transfer-Encoding: chunked, chunked\r\n"), bad, 400);
    refused(
        &with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        bad,
        400,
    );
    refused(
        &with("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
        bad,
        400,
    );
    refused(
        &with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
        bad,
        400,
    );
    for codings in [
        "identity",
        ",chunked",
        "chunked,",
        "",
        "chunked, gzip",
        "chunked;q=1",
        "\"chunked\"",
        "chunked chunked",
        "identity, chunked",
    ] {
        refused(&with(&format!("Transfer-Encoding: {codings}\r\n")), bad, 400);
    }
    for codings in [
        "gzip, chunked",
        "gzip",
        "xchunked",
        "foo",
        "gzip,deflate , chunked",
    ] {
        refused(
            &with(&format!("Transfer-Encoding: {codings}\r\n")),
            "unknown_transfer_coding",
            501,
        );
    }
    refused(
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        bad,
        400,
    );
    accepted(&chunked(b"0\r\n\r\n"));
    accepted(b"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:  ChunKed\t\r\n\r\n0\r\n\r\n");
}

#[test]
fn content_length() {
    refused(
        &with("Content-Length: 5\r\nContent-Length: 5\r\n"),
        "repeated_content_length",
        400,
    );
    refused(
        &with("Content-Length: 5\r\nContent-Length: 6\r\n"),
        "repeated_content_length",
        400,
    );
    for bad in [
        "+5",
        "-5",
        "0x5",
        "5, 5",
        "5,5",
        "",
        "18446744073709551616",
        "5 5",
        "5;",
        "½",
    ] {
        refused(
            &with(&format!("Content-Length: {bad}\r\n")),
            "bad_content_length",
            400,
        );
    }
    accepted(&with("Content-Length: 0\r\n"));
    accepted(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005 \r\n\r\nhello");
    let huge = with("Content-Length: 18446744073709551615\r\n");
    assert!(serve(&limits(), &huge).0.events[0].contains("Known(18446744073709551615)"));
}

#[test]
fn line_ends() {
    let bare = "bare_line_feed";
    refused(b"GET / HTTP/1.1\nHost: a\n\n", bare, 400);
    refused(b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", bare, 400);
    refused(b"GET / HTTP/1.1\r\nHost: a\r\n\n", bare, 400);
    refused(b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", bare, 400);
    refused(
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "bad_field_value",
        400,
    );
    refused(
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\r\n\r\n",
        "bad_field_value",
        400,
    );
    refused(b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", "bad_target", 400);
    refused(b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bad_method", 400);
}

#[test]
fn empty_lines_before_the_request_line() {
    accepted(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    accepted(&[&b"\r\n".repeat(8)[..], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
    refused(
        &[&b"\r\n".repeat(9)[..], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat(),
        "bad_request_line",
        400,
    );
}

#[test]
fn chunks() {
    for body in [
        "5\r\nhello\r\n0\r\n\r\n",
        "5;a\r\nhello\r\n0\r\n\r\n",
        "5;a=b;c=\"d \\\" e\"\r\nhello\r\n0;x\r\n\r\n",
        "0000000000000005\r\nhello\r\n000\r\n\r\n",
        "A\r\nhellohello\r\na\r\nhellohello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: y\r\nZ:\r\n\r\n",
    ] {
        accepted(&chunked(body.as_bytes()));
    }
    accepted(&chunked(b"5;a=\"\xff\"\r\nhello\r\n0\r\n\r\n"));
    for body in [
        "5;a\0\r\nhello\r\n",
        "5;\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5\t\r\nhello\r\n",
        "5 ;a\r\nhello\r\n",
        "5; a\r\nhello\r\n",
        "5;a =b\r\nhello\r\n",
        "5;=b\r\nhello\r\n",
        "5;a=\r\nhello\r\n",
        "5;a;;b\r\nhello\r\n",
        "5;a\nhello\r\n",
        "5;a\rhello\r\n",
        "5;a=\"b\r\nhello\r\n",
        "5;a=\"b\x01\"\r\nhello\r\n",
        "5;a=\"b\"c\r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "+5\r\nhello\r\n",
        "-5\r\nhello\r\n",
        " 5\r\nhello\r\n",
        "g\r\n",
        "\r\nhello\r\n",
        "FFFFFFFFFFFFFFFFF\r\nhello",
        "00000000000000005\r\nhello",
        "5\nhello\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloworld\r\n",
        "5\r\r\nhello\r\n",
        "5\rXhello\r\n",
    ] {
        refused(&chunked(body.as_bytes()), "bad_chunk", 400);
    }
}

#[test]
fn trailers() {
    for bad in [
        "X: y\n\r\n",
        "\n",
        "X : y\r\n\r\n",
        "X: y\r\n z\r\n\r\n",
        " X: y\r\n\r\n",
        "bad\r\n\r\n",
        ": y\r\n\r\n",
        "X: a\0\r\n\r\n",
        "Content-Length: 5\r\n\r\n",
        "content-length: 0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
    ] {
        refused(
            &chunked(format!("5\r\nhello\r\n0\r\n{bad}").as_bytes()),
            "bad_trailer",
            400,
        );
    }
    let (record, ..) = serve(
        &limits(),
        &chunked(b"0\r\nX: y\r\nHost: evil\r\nAuthorization: z\r\nSum: 1 \r\n\r\n"),
    );
    assert_eq!(record.events[1..], ["1 trailers X=y Sum=1", "1 end"]);
    assert!(
        !record.events[0].contains("evil"),
        "trailers are not merged into the head"
    );
    let (record, ..) = serve(&limits(), &chunked(b"0\r\nSet-Cookie: z\r\n\r\n"));
    assert_eq!(record.events[1..], ["1 end"]);
}

#[test]
fn methods() {
    for good in "DELETE GET HEAD POST PUT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND \
                 REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE \
                 MKCALENDAR LINK UNLINK SOURCE QUERY"
        .split_whitespace()
    {
        accepted(format!("{good} / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    }
    for bad in ["get", "G!T", "GETX", "FOO", "PRI", "", "GE(T", "ANNOUNCE"] {
        refused(
            format!("{bad} / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(),
            "bad_method",
            400,
        );
    }
}

#[test]
fn targets() {
    for good in [
        "/",
        "/<\">",
        "/a?b#c",
        "//x",
        "/%zz",
        "/|{}^`\\",
        "http://h",
        "http://h/p?q",
        "https://u:p@[::1]:8/",
    ] {
        accepted(format!("GET {good} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    }
    accepted(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    for bad in [
        "foo",
        "*",
        "?x",
        "#x",
        "a:b",
        "http:h",
        "http:/h",
        "http:///p",
        "http://",
        "http://h:x/",
        "1http://h/",
        "//",
        "http://a b/",
        "http://a,b/",
        "\u{e9}",
        "/\u{e9}",
        "/\u{1}",
        "/\u{7f}",
        "/a\tb",
    ]
    .iter()
    .filter(|bad| **bad != "//" && !bad.contains(' '))
    {
        refused(
            format!("GET {bad} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(),
            "bad_target",
            400,
        );
    }
    for good in ["h:443", "[::1]:1"] {
        let (record, ..) = serve(
            &limits(),
            format!("CONNECT {good} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(),
        );
        assert!(record.events[0].contains("Authority"), "{:?}", record.events);
    }
    for bad in [
        "h",
        "/x",
        "*",
        "http://h:1/",
        ":443",
        "h:",
        "h:0",
        "h:99999",
        "u@h:1",
    ] {
        refused(
            format!("CONNECT {bad} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(),
            "bad_target",
            400,
        );
    }
}

#[test]
fn request_lines() {
    let bad = "bad_request_line";
    for line in [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / a HTTP/1.1",
        "GET /",
        "GET",
        "GET / ",
        "GET / http/1.1",
        "GET / RTSP/1.0",
        "GET / HTTP",
        "GET / HTTP/1.1\t",
    ] {
        refused(format!("{line}\r\nHost: a\r\n\r\n").as_bytes(), bad, 400);
    }
    refused(b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "bad_method", 400);
    refused(b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "bad_method", 400);
    for version in [
        "HTTP/1.2",
        "HTTP/01.1",
        "HTTP/2.0",
        "HTTP/0.9",
        "HTTP/1",
        "HTTP/1.10",
        "HTTP/",
    ] {
        refused(
            format!("GET / {version}\r\nHost: a\r\n\r\n").as_bytes(),
            "bad_version",
            400,
        );
    }
    refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2_preface", 400);
    // HTTP/0.9 is refused at its only line; aiohttp waits for ever.
    refused(b"GET /\r\n", bad, 400);
}

#[test]
fn expectations() {
    refused(&with("Expect: foo\r\n"), "unknown_expectation", 417);
    refused(
        &with("Expect: 100-continue\r\nExpect: foo\r\n"),
        "unknown_expectation",
        417,
    );
    refused(
        &with("Expect: foo\r\nExpect: 100-continue\r\n"),
        "unknown_expectation",
        417,
    );
    refused(&with("Expect:\r\n"), "unknown_expectation", 417);
    let (record, ..) = serve(&limits(), &with("Expect: 100-Continue\r\n"));
    assert!(record.events[0].contains("expect"));
    let (record, ..) = serve(&limits(), b"POST / HTTP/1.0\r\nExpect: foo\r\n\r\n");
    assert!(record.last() == "end" && !record.events[0].contains("\"expect\""));
}

#[test]
fn fields() {
    for bad in [
        "X : a",
        ": a",
        "X",
        "X\t: a",
        "X(: a",
        "\u{e9}: a",
        "X[]: a",
        "Sec-WebSocket-Key1: x",
    ] {
        refused(&with(&format!("{bad}\r\n")), "bad_field_name", 400);
    }
    for fold in ["X: a\r\n b", "X: a\r\n\tb", " X: a", "X:\r\n b"] {
        refused(&with(&format!("{fold}\r\n")), "obsolete_fold", 400);
    }
    refused(b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "obsolete_fold", 400);
    for control in (0..32u8)
        .chain([127])
        .filter(|byte| !matches!(byte, b'\t' | b'\n'))
    {
        let line = [b"GET / HTTP/1.1\r\nHost: a\r\nX: a", &[control][..], b"b\r\n\r\n"].concat();
        refused(&line, "bad_field_value", 400);
    }
    let (record, ..) = serve(
        &limits(),
        b"GET / HTTP/1.1\r\nhOsT: a\r\nX-\x7e: \t a\tb \r\nE:\r\nY: \xff\x80\r\nX-~: 2\r\n\r\n",
    );
    assert_eq!(
        record.events[0],
        r#"1 head GET / Origin Http11 Empty ["keep"] hOsT=a X-~=a\tb E= Y=\xff\x80 X-~=2"#
    );
}

#[test]
fn fields_that_occur_once() {
    for name in [
        "User-Agent",
        "Content-Type",
        "Content-Location",
        "Content-Range",
        "ETag",
        "Max-Forwards",
        "Server",
    ] {
        refused(
            &with(&format!("{name}: a\r\n{}: b\r\n", name.to_lowercase())),
            "repeated_field",
            400,
        );
        accepted(&with(&format!("{name}: a\r\n")));
    }
    accepted(&with(
        "Cookie: a\r\nCookie: b\r\nAuthorization: c\r\nAuthorization: d\r\n",
    ));
}

#[test]
fn after_connection_close_nothing_more_is_served() {
    let (record, sent, closing) = serve(
        &limits(),
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!(record.events.len(), 2, "{record:?}");
    assert_eq!(sent.matches("HTTP/1.1 200").count(), 1);
    assert!(closing && sent.contains("Connection: close"));
}

#[test]
fn persistence() {
    for (version, connection, keep) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: keep-alive, CLOSE\r\n", false),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.1", "Connection: clos\r\n", true),
        ("1.1", "Connection: \"close\"\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let request = format!("GET / HTTP/{version}\r\nHost: a\r\n{connection}\r\n");
        let (record, _, closing) = serve(&limits(), request.as_bytes());
        assert_eq!(record.events[0].contains("\"keep\""), keep, "{request}");
        assert_eq!(closing, !keep, "{request}");
    }
}

/// Who speaks another protocol waits for an answer, and not for the end of a line.
#[test]
fn other_protocols_are_refused_at_their_first_bytes() {
    for tls in [
        &b"\x16"[..],
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
        b"\x16\x03\x01\x0a\x0d\x0a",
    ] {
        refused(tls, "tls_record", 400);
    }
    for other in [
        &b"SSH-"[..],
        b"\0",
        b"\x80",
        b"get",
        b"GETS",
        b"X /",
        b"GET\t",
        b"PRIX",
    ] {
        refused(other, "bad_method", 400);
    }
    // What may still become a method is waited for, and a line that ends too early is a malformed one.
    assert_eq!(outcome(b"UNSUBSCRIB"), "");
    refused(b"GE\r\n", "bad_request_line", 400);
    refused(b"PRI\r\n", "bad_request_line", 400);
    refused(b"PRI / HTTP/1.1\r\n", "bad_method", 400);
}

#[test]
fn garbage() {
    for (garbage, kind) in [
        (
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"[..],
            "tls_record",
        ),
        (b"\0\0\0\0\r\n", "bad_method"),
        (b"hello\r\n", "bad_method"),
        (b"{\"a\": 1}\r\n", "bad_method"),
    ] {
        refused(garbage, kind, 400);
    }
}

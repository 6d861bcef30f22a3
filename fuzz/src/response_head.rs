//! The head of a response, as the client's machine takes it: leniently, yet in any cuts alike, within the limits, and
//! never with two framings.

use quinde_http::h1::{ClientConnection, RequestStart};
use quinde_http::{BodyLength, Event, Kind, Limits, Machine, ResponseHead, Version};

use crate::request_head::{is_token, trim};
use crate::script::{Script, fields};

pub fn check(data: &[u8]) {
    let Some(script) = Script::read(data) else { return };
    let limits = script.limits();
    let whole = first(&script, &[script.wire]);
    let cut = first(&script, &script.pieces());
    match (&whole, &cut) {
        (Some(Ok(head)), Some(Ok(same))) => {
            assert_eq!(format!("{head:?}"), format!("{same:?}"));
            sound(head, &limits, asked(&script));
            again(head, &script);
        }
        (Some(Err(kind)), Some(Err(same))) => assert_eq!(kind, same),
        (None, None) => {}
        _ => panic!("cuts matter: {whole:?}, {cut:?}"),
    }
}

/// Method, and whether another protocol is offered.
fn asked(script: &Script<'_>) -> (&'static str, bool) {
    let choice = usize::from(script.choice());
    (["GET", "HEAD", "CONNECT", "POST"][choice % 4], choice & 4 != 0)
}

/// The head, interim or final, or why it was refused; None: more is needed.
pub(crate) fn first(script: &Script<'_>, pieces: &[&[u8]]) -> Option<Result<ResponseHead, Kind>> {
    let (method, upgrade) = asked(script);
    let mut client = ClientConnection::new(script.limits(), 0);
    let stream = client.open();
    let start = RequestStart {
        method,
        target: "a:1",
        expect_continue: false,
    };
    let offer = if upgrade { 0b110_0000 } else { 0 };
    client
        .send_head(stream, start, BodyLength::Empty, fields(1 | offer, 0))
        .expect("a good head");
    client.output().advance(usize::MAX);
    let mut fed = 0;
    for piece in pieces {
        client.receive_data(piece, 0);
        fed += piece.len() as u64;
        let event = client.next_event();
        assert!(client.statistics().bytes_scanned <= 2 * fed);
        assert!(client.output().is_empty(), "output without a command");
        match event {
            None => assert_eq!(client.statistics().refusals, []),
            Some((_, Event::Head(head) | Event::Informational(head))) => return Some(Ok(head)),
            Some((_, Event::Error(error))) => return Some(Err(error.kind)),
            Some((_, other)) => panic!("{other:?} before a head"),
        }
    }
    None
}

/// What was accepted, written down again, is accepted as the same.
fn again(head: &ResponseHead, script: &Script<'_>) {
    let version = match head.version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
    };
    let mut wire = format!("{version} {} ", head.status).into_bytes();
    wire.extend_from_slice(head.reason());
    wire.extend_from_slice(b"\r\n");
    for (name, value) in head.headers.iter() {
        wire.extend_from_slice(&[name, b": ", value, b"\r\n"].concat());
    }
    wire.extend_from_slice(b"\r\n");
    if wire.len() > script.limits().max_head_size {
        return; // CR and spaces that were left out made it longer.
    }
    let copy = first(script, &[&wire])
        .expect("a whole head")
        .expect("a good head");
    let parts = |head: &ResponseHead| {
        (
            head.version,
            head.status,
            head.body,
            head.upgrade,
            head.headers.clone(),
        )
    };
    assert_eq!(parts(&copy), parts(head));
    assert_eq!(copy.reason(), head.reason());
    assert!(
        copy.keep_alive >= head.keep_alive,
        "only a foreign version makes a difference"
    );
}

/// Hold an accepted head to the rules.
fn sound(head: &ResponseHead, limits: &Limits, (method, offered): (&str, bool)) {
    assert!((100..1000).contains(&head.status));
    assert!(head.reason().len() <= limits.max_line_size && head.headers.len() <= limits.max_headers);
    assert!(!head.reason().iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')));
    for (name, value) in head.headers.iter() {
        assert!(
            !name.is_empty() && name.iter().all(|&byte| is_token(byte)),
            "a bad name"
        );
        assert!(
            !value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')),
            "a bad value"
        );
        assert!(name.len() + value.len() <= limits.max_field_size, "too long");
        assert_eq!(trim(value), value);
    }
    let lengths: Vec<_> = head.headers.get_all("content-length").collect();
    let codings: Vec<_> = head.headers.get_all("transfer-encoding").collect();
    assert!(lengths.is_empty() || codings.is_empty(), "two framings");
    let tunnel = method == "CONNECT" && head.status / 100 == 2;
    let bodiless = method == "HEAD" || tunnel || matches!(head.status, 100..200 | 204 | 304);
    match head.body {
        _ if bodiless => assert_eq!(head.body, BodyLength::Empty),
        BodyLength::Empty | BodyLength::Known(_) => {
            assert_eq!(lengths.len(), 1, "one length");
            let length = match head.body {
                BodyLength::Known(length) => length,
                _ => 0,
            };
            assert_eq!(String::from_utf8_lossy(lengths[0]).parse(), Ok(length));
        }
        BodyLength::Chunked => assert!(codings.last().is_some_and(|last| {
            let last = last.rsplit(|&byte| byte == b',').next().unwrap_or_default();
            trim(last).eq_ignore_ascii_case(b"chunked")
        })),
        BodyLength::UntilClose => assert!(lengths.is_empty() && !head.keep_alive),
    }
    assert_eq!(head.upgrade, tunnel || head.status == 101 && offered);
}

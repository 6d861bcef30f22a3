//! The head of a request. What the server's machine accepts is read a second time, in the plainest way: by looking for
//! line ends. Both readings must agree, and what was accepted must keep the rules and the limits.

use quinde_http::h1::ServerConnection;
use quinde_http::{BodyLength, Event, Kind, Limits, Machine, RequestHead, Version};

use crate::script::Script;

pub fn check(data: &[u8]) {
    let Some(script) = Script::read(data) else { return };
    let limits = script.limits();
    let whole = first(&script, &[script.wire]);
    let cut = first(&script, &script.pieces());
    match (&whole, &cut) {
        (Some(Ok(head)), Some(Ok(same))) => {
            assert_eq!(format!("{head:?}"), format!("{same:?}"));
            sound(head, script.wire, &limits);
            again(head, &script);
        }
        (Some(Err(kind)), Some(Err(same))) => assert_eq!(kind, same),
        (None, None) => {}
        _ => panic!("cuts matter: {whole:?}, {cut:?}"),
    }
}

/// The head, or why it was refused; None: more is needed.
pub(crate) fn first(script: &Script<'_>, pieces: &[&[u8]]) -> Option<Result<RequestHead, Kind>> {
    let mut server = ServerConnection::new(script.limits(), 0);
    let mut fed = 0;
    for piece in pieces {
        server.receive_data(piece, 0);
        fed += piece.len() as u64;
        let event = server.next_event();
        assert!(server.statistics().bytes_scanned <= 2 * fed);
        assert!(server.output().is_empty(), "output without a command");
        match event {
            None => assert_eq!(server.statistics().refusals, []),
            Some((_, Event::Head(head))) => return Some(Ok(head)),
            Some((_, Event::Error(error))) => return Some(Err(error.kind)),
            Some((_, other)) => panic!("{other:?} before a head"),
        }
    }
    None
}

/// What was accepted, written down again, is accepted as the same.
fn again(head: &RequestHead, script: &Script<'_>) {
    let mut wire = [
        head.method(),
        " ",
        head.target(),
        " ",
        version(head.version),
        "\r\n",
    ]
    .concat()
    .into_bytes();
    for (name, value) in head.headers.iter() {
        wire.extend_from_slice(&[name, b": ", value, b"\r\n"].concat());
    }
    wire.extend_from_slice(b"\r\n");
    if wire.len() > script.limits().max_head_size {
        return; // The space behind a colon made it longer.
    }
    let copy = first(script, &[&wire])
        .expect("a whole head")
        .expect("a good head");
    let parts = |head: &RequestHead| {
        let marks = (head.keep_alive, head.upgrade, head.expect_continue);
        (head.version, head.form, head.body, marks, head.headers.clone())
    };
    assert_eq!(parts(&copy), parts(head));
    assert_eq!((copy.method(), copy.target()), (head.method(), head.target()));
    assert_eq!(
        (copy.path(), copy.query(), copy.authority()),
        (head.path(), head.query(), head.authority())
    );
}

fn version(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
    }
}

/// Hold an accepted head to the rules.
fn sound(head: &RequestHead, wire: &[u8], limits: &Limits) {
    let skipped = wire.chunks(2).take_while(|pair| *pair == b"\r\n").count() * 2;
    let wire = &wire[skipped..];
    let end = wire
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head has an end")
        + 2;
    assert!(end + 2 <= limits.max_head_size, "too large");
    let mut lines = wire[..end].split_inclusive(|&byte| byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r\n").expect("CRLF ends a line");
        assert!(
            !line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)),
            "a bare line end"
        );
        line
    });
    let start = lines.next().expect("a request line");
    let expected = [head.method(), " ", head.target(), " ", version(head.version)].concat();
    assert_eq!(start, expected.as_bytes());
    assert!(!head.target().is_empty() && head.target().bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(head.target().len() <= limits.max_line_size && head.headers.len() <= limits.max_headers);
    assert!(
        head.method()
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'-')
    );
    assert!(head.target().contains(head.path()) || head.path() == "/");
    assert!(head.target().contains(head.query()));
    let mut fields = head.headers.iter();
    for line in lines {
        let colon = line.iter().position(|&byte| byte == b':').expect("a colon");
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        assert_eq!(fields.next(), Some((name, value)));
        assert!(
            !name.is_empty() && name.iter().all(|&byte| is_token(byte)),
            "a bad name"
        );
        assert!(
            value
                .iter()
                .all(|&byte| byte == b'\t' || byte >= b' ' && byte != 0x7f),
            "a bad value"
        );
        assert!(name.len() + value.len() <= limits.max_field_size, "too long");
    }
    assert_eq!(fields.next(), None);
    meaning(head);
}

/// What an accepted head says of its body and of the connection.
fn meaning(head: &RequestHead) {
    let all = |name: &'static str| head.headers.get_all(name).collect::<Vec<_>>();
    let one = |name: &'static str| {
        let values = all(name);
        assert!(values.len() < 2, "{name} is repeated");
        values
            .first()
            .map(|value| String::from_utf8_lossy(value).into_owned())
    };
    let host = one("host");
    assert!(host.is_some() || head.version == Version::Http10, "no Host");
    assert!(!host.is_some_and(|host| host.is_empty() || host.contains([' ', ',', '/', '@', '?', '#'])));
    let body = match (one("transfer-encoding"), one("content-length")) {
        (Some(_), Some(_)) => panic!("two framings"),
        (Some(codings), None) => {
            assert!(codings.eq_ignore_ascii_case("chunked") && head.version == Version::Http11);
            BodyLength::Chunked
        }
        (None, Some(digits)) => {
            assert!(!digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()));
            match digits.parse().expect("below 2^64") {
                0 => BodyLength::Empty,
                length => BodyLength::Known(length),
            }
        }
        (None, None) => BodyLength::Empty,
    };
    assert_eq!(head.body, body);
    let options = all("connection").join(&b","[..]).to_ascii_lowercase();
    let says = |option: &[u8]| {
        options
            .split(|&byte| byte == b',')
            .any(|part| trim(part) == option)
    };
    let keep = !says(b"close") && (head.version == Version::Http11 || says(b"keep-alive"));
    assert_eq!(head.keep_alive, keep);
    let offered = all("upgrade").iter().any(|value| !value.is_empty());
    assert_eq!(
        head.upgrade,
        head.version == Version::Http11 && says(b"upgrade") && offered
    );
    let expected = all("expect")
        .iter()
        .map(|value| value.to_ascii_lowercase())
        .collect::<Vec<_>>();
    assert!(head.version == Version::Http10 || expected.iter().all(|value| value == b"100-continue"));
    assert_eq!(
        head.expect_continue,
        head.version == Version::Http11 && !expected.is_empty()
    );
}

pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().take_while(|byte| is_space(byte)).count();
    let end = bytes[start..]
        .iter()
        .rev()
        .take_while(|byte| is_space(byte))
        .count();
    &bytes[start..bytes.len() - end]
}

pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte)
}

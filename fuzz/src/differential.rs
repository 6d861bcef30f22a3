//! Our parsers beside httparse, the one that hyper uses: where both should agree they do.
//!
//! A request head that we accept httparse accepts too, with the same parts. One that it accepts and we refuse we
//! refuse for one of the reasons listed here, each of which is about more than the grammar of a line. A response head
//! that both accept means the same to both.

use httparse::{EMPTY_HEADER, Header, ParserConfig, Request, Response, Status};
use quinde_http::{Headers, Kind, Version};

use crate::script::Script;
use crate::{request_head, response_head};

/// More fields than any limit allows.
const FIELDS: usize = 256;

pub fn check(data: &[u8]) {
    let Some(script) = Script::read(data) else { return };
    request(&script);
    response(&script);
}

fn request(script: &Script<'_>) {
    let ours = request_head::first(script, &[script.wire]);
    let mut fields = [EMPTY_HEADER; FIELDS];
    let mut theirs = Request::new(&mut fields);
    let verdict = theirs.parse(script.wire);
    match (ours, verdict) {
        (Some(Ok(head)), Ok(Status::Complete(_))) => {
            assert_eq!(Some(head.method()), theirs.method);
            assert_eq!(Some(head.target()), theirs.path);
            assert_eq!(Some(minor(head.version)), theirs.version);
            same_fields(&head.headers, theirs.headers);
        }
        (Some(Ok(head)), other) => panic!("accepted, httparse says {other:?}: {head:?}"),
        (Some(Err(kind)), Ok(Status::Complete(_))) => {
            assert!(is_stricter(kind), "refused for {kind:?}, httparse accepts it");
        }
        (None, Ok(Status::Complete(size))) => {
            panic!("httparse finds a head of {size} bytes, we wait for more")
        }
        (_, Err(_) | Ok(Status::Partial)) => {}
    }
}

/// Why we refuse what is a request head to httparse.
fn is_stricter(kind: Kind) -> bool {
    match kind {
        // RFC 9112 §2.2 lets LF alone end a line; two readers that disagree on it see two messages. httparse also
        // skips any number of empty lines.
        Kind::BareLineFeed | Kind::BadRequestLine => true,
        // A closed list of methods, as aiohttp's; httparse takes any token.
        Kind::BadMethod => true,
        // httparse takes any byte but white space and controls, in any form; the forms of §3.2 depend on the method.
        Kind::BadTarget => true,
        // §3.2: exactly one valid Host in HTTP/1.1. httparse does not look at what fields mean.
        Kind::MissingHost | Kind::RepeatedHost | Kind::BadHost => true,
        // Fields that occur once, by aiohttp's list, and the handshake of old WebSocket drafts.
        Kind::RepeatedField | Kind::BadFieldName => true,
        // §6: framing that two readers could take in two ways.
        Kind::BadContentLength
        | Kind::RepeatedContentLength
        | Kind::LengthAndTransferEncoding
        | Kind::BadTransferEncoding
        | Kind::UnknownTransferCoding => true,
        // RFC 9110 §10.1.1.
        Kind::UnknownExpectation => true,
        // Sizes; httparse has none.
        Kind::RequestLineTooLong | Kind::FieldTooLong | Kind::TooManyFields | Kind::HeadTooLarge => true,
        // The grammar of values and versions, folding: there both say no.
        _ => false,
    }
}

fn response(script: &Script<'_>) {
    let Some(Ok(head)) = response_head::first(script, &[script.wire]) else {
        return;
    };
    let mut config = ParserConfig::default();
    config.allow_spaces_after_header_name_in_responses(true);
    config.allow_obsolete_multiline_headers_in_responses(true);
    let mut fields = [EMPTY_HEADER; FIELDS];
    let mut theirs = Response::new(&mut fields);
    let Ok(Status::Complete(_)) = config.parse_response(&mut theirs, script.wire) else {
        return; // We take control bytes in values, and versions of others, as aiohttp does.
    };
    assert_eq!(Some(head.status), theirs.code);
    assert_eq!(Some(minor(head.version)), theirs.version);
    // httparse gives no reason where one has bytes beyond ASCII.
    let reason = theirs.reason.unwrap_or_default().as_bytes();
    assert!(reason.is_empty() || reason == head.reason());
    same_fields(&head.headers, theirs.headers);
}

fn minor(version: Version) -> u8 {
    match version {
        Version::Http10 => 0,
        Version::Http11 => 1,
    }
}

/// The same names and values in the same order; a folded value is joined with us, and left as it is by httparse.
fn same_fields(ours: &Headers, theirs: &[Header<'_>]) {
    assert_eq!(ours.len(), theirs.len());
    for ((name, value), field) in ours.iter().zip(theirs) {
        assert_eq!(name, field.name.as_bytes());
        let joined: Vec<u8> = field
            .value
            .iter()
            .copied()
            .filter(|byte| !matches!(byte, b'\r' | b'\n'))
            .collect();
        assert_eq!(value, request_head::trim(&joined), "of {}", field.name);
    }
}

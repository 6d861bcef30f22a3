//! A chunked body. As a request's it is held against a second, plain decoder that works on whole lines; what is taken
//! there a client takes too, with the same data.

use quinde_http::Limits;

use crate::record::{Entry, Record};
use crate::request_head::{is_token, trim};
use crate::script::{Script, cut};
use crate::{client_connection, server_connection};

const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What a decoder made of a body.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Complete(Content),
    Refused,
    Unfinished,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Content {
    data: Vec<u8>,
    ends: Vec<u64>,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
}

pub fn check(data: &[u8]) {
    let Some(script) = Script::read(data) else { return };
    let mut limits = script.limits();
    // The heads here are not what is looked at.
    std::sync::Arc::make_mut(&mut limits).max_head_size = 65_536;
    std::sync::Arc::make_mut(&mut limits).max_field_size = limits.max_field_size.max(40);
    let request = [REQUEST, script.wire].concat();
    let mut pieces = vec![REQUEST];
    pieces.extend(script.pieces());
    let whole = server_connection::answer(&limits, &[&request], false, false).0;
    for landing in [false, true] {
        let same = server_connection::answer(&limits, &pieces, landing, false).0;
        assert_eq!(same, whole, "cuts matter; landing: {landing}");
    }
    let mine = verdict(&whole.record);
    let plain = plain(script.wire, &limits);
    match (&mine, &plain) {
        // A wrong byte is refused before the end of its line has come.
        (Verdict::Refused, Verdict::Unfinished) => {}
        _ => assert_eq!(mine, plain),
    }
    let response = [RESPONSE, script.wire].concat();
    let whole = client_connection::exchange(&limits, 0, &[&response], false, false).0;
    for landing in [false, true] {
        let pieces = cut(&response, script.choice());
        let same = client_connection::exchange(&limits, 0, &pieces, landing, false).0;
        assert_eq!(same, whole, "cuts matter; landing: {landing}");
    }
    if let Verdict::Complete(_) = mine {
        assert_eq!(verdict(&whole.record), mine, "a client is not stricter");
    }
}

/// What the first message of a record is.
fn verdict(record: &Record) -> Verdict {
    let mut content = Content {
        ends: record
            .chunk_ends
            .iter()
            .filter(|(stream, _)| *stream == 1)
            .map(|(_, end)| *end)
            .collect(),
        ..Content::default()
    };
    for (stream, entry) in &record.entries {
        match entry {
            _ if *stream != 1 => break,
            Entry::Data(data) => content.data.extend_from_slice(data),
            Entry::Trailers(trailers) => {
                content.trailers = trailers
                    .iter()
                    .map(|(name, value)| (name.to_vec(), value.to_vec()))
                    .collect();
            }
            Entry::End => return Verdict::Complete(content),
            Entry::Error(..) => return Verdict::Refused,
            _ => {}
        }
    }
    Verdict::Unfinished
}

/// RFC 9112 §7.1 as it is written, less the white space, line by line.
fn plain(mut body: &[u8], limits: &Limits) -> Verdict {
    let (mut content, mut extensions) = (Content::default(), 0);
    loop {
        let line = match line(&mut body) {
            Ok(line) => line,
            Err(verdict) => return verdict,
        };
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let size = std::str::from_utf8(&line[..digits]).ok().filter(|_| digits <= 16);
        let Some(size) = size.and_then(|size| u64::from_str_radix(size, 16).ok()) else {
            return Verdict::Refused;
        };
        extensions += line.len() - digits;
        if !are_extensions(&line[digits..]) || extensions > limits.max_chunk_extensions {
            return Verdict::Refused;
        }
        if size == 0 {
            return trailers(body, content, limits);
        }
        let Some((data, rest)) = usize::try_from(size)
            .ok()
            .and_then(|size| body.split_at_checked(size))
        else {
            return Verdict::Unfinished;
        };
        content.data.extend_from_slice(data);
        content.ends.push(content.data.len() as u64);
        match rest {
            [b'\r', b'\n', rest @ ..] => body = rest,
            [] | [b'\r'] => return Verdict::Unfinished,
            _ => return Verdict::Refused,
        }
    }
}

/// Take a line that CRLF ends and in which no other line end stands.
fn line<'a>(body: &mut &'a [u8]) -> Result<&'a [u8], Verdict> {
    let Some(end) = body.iter().position(|&byte| byte == b'\n') else {
        return Err(Verdict::Unfinished);
    };
    let (line, rest) = body.split_at(end + 1);
    *body = rest;
    line.strip_suffix(b"\r\n").ok_or(Verdict::Refused)
}

/// `*( ";" token [ "=" ( token / quoted-string ) ] )`
fn are_extensions(mut text: &[u8]) -> bool {
    while let [b';', rest @ ..] = text {
        let Some(rest) = after_token(rest) else {
            return false;
        };
        text = match rest {
            [b'=', b'"', quoted @ ..] => match after_quoted(quoted) {
                Some(rest) => rest,
                None => return false,
            },
            [b'=', value @ ..] => match after_token(value) {
                Some(rest) => rest,
                None => return false,
            },
            rest => rest,
        };
    }
    text.is_empty()
}

fn after_token(text: &[u8]) -> Option<&[u8]> {
    let len = text.iter().take_while(|byte| is_token(**byte)).count();
    (len > 0).then(|| &text[len..])
}

fn after_quoted(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        text = match text {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', byte, rest @ ..] | [byte, rest @ ..]
                if *byte == b'\t' || *byte >= b' ' && *byte != 0x7f =>
            {
                rest
            }
            _ => return None,
        };
    }
}

fn trailers(section: &[u8], mut content: Content, limits: &Limits) -> Verdict {
    const DROPPED: [&str; 31] = [
        "age",
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-range",
        "content-type",
        "cookie",
        "date",
        "expect",
        "expires",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "location",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "retry-after",
        "set-cookie",
        "te",
        "trailer",
        "upgrade",
        "www-authenticate",
    ];
    let (mut rest, mut count, mut framing) = (section, 0, false);
    loop {
        let line = match line(&mut rest) {
            Ok([]) => break,
            Ok(line) => line,
            Err(verdict) => return verdict,
        };
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or_default();
        let (name, value) = (&line[..colon], trim(line.get(colon + 1..).unwrap_or_default()));
        let fits =
            name.len() + value.len() <= limits.max_field_size && line.len() <= limits.max_field_size + 64;
        let good = value
            .iter()
            .all(|&byte| byte == b'\t' || byte >= b' ' && byte != 0x7f);
        count += 1;
        if colon == 0
            || !name.iter().all(|&byte| is_token(byte))
            || !good
            || !fits
            || count > limits.max_trailers
        {
            return Verdict::Refused;
        }
        let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
        // What a section says as a whole is judged at its end.
        framing |= lower == "content-length" || lower == "transfer-encoding";
        if !DROPPED.contains(&lower.as_str()) {
            content.trailers.push((name.to_vec(), value.to_vec()));
        }
    }
    if framing || section.len() - rest.len() > limits.max_trailers_size {
        return Verdict::Refused;
    }
    Verdict::Complete(content)
}

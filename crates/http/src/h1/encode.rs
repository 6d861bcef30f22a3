//! Writes heads (RFC 9112 §3–6), in one pass over the user's fields.
//!
//! What the user gives is checked on the way; an error makes the caller take back what was written.
//! The machine is the authority on framing: fields of the user's that agree with it are kept as they
//! are, missing ones are added, others are refused. The casing of added names is aiohttp's.

use super::syntax;
use crate::status::status_line;
use crate::{BodyLength, Error, Kind, Version};

/// How the message ends on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Content-Length is written.
    Length(u64),
    /// `Transfer-Encoding: chunked` is written.
    Chunked,
    /// The connection ends the message.
    UntilClose,
    /// There is no body, and nothing is said about its length.
    Silent,
    /// There is no body, and fields of the user's about its length are dropped (RFC 9110 §8.6).
    Bare,
    /// There is no body, but the user may say how long it would be: the response to HEAD.
    Hypothetical(Option<u64>),
}

/// What the fields of the user said, besides being valid.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub close: bool,
    pub upgrade_token: bool,
    pub upgrade_field: bool,
    pub expect_continue: bool,
    pub hosts: usize,
    keep_alive: bool,
    length: bool,
    chunked: bool,
}

/// Write a status line.
pub(crate) fn write_status(
    out: &mut Vec<u8>,
    version: Version,
    status: u16,
    reason: Option<&[u8]>,
) -> Result<(), Error> {
    let standard = status_line(status);
    if let (Version::Http11, None, Some(line)) = (version, reason, standard) {
        out.extend_from_slice(line);
        return Ok(());
    }
    // aiohttp answers HTTP/1.0 in kind.
    out.extend_from_slice(if version == Version::Http11 {
        b"HTTP/1.1 "
    } else {
        b"HTTP/1.0 "
    });
    push_decimal(out, u64::from(status));
    out.push(b' ');
    match reason {
        Some(reason) if !syntax::is_field_text(reason) => {
            return Err(Error::local_input(Kind::InvalidReason, reason));
        }
        Some(reason) => out.extend_from_slice(reason),
        None => out.extend_from_slice(crate::reason_phrase(status).unwrap_or_default().as_bytes()),
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Write a request line.
pub(crate) fn write_request_line(out: &mut Vec<u8>, method: &str, target: &str) -> Result<(), Error> {
    if !syntax::is_token(method.as_bytes()) {
        return Err(Error::local_input(Kind::InvalidMethod, method.as_bytes()));
    }
    if target.is_empty() || !syntax::is_visible(target.as_bytes()) {
        return Err(Error::local_input(Kind::InvalidTarget, target.as_bytes()));
    }
    for part in [method, " ", target, " HTTP/1.1\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    Ok(())
}

/// Write the user's fields; `closing` drops a `Connection: keep-alive` that would not be true.
pub(crate) fn write_fields<'f>(
    out: &mut Vec<u8>,
    fields: impl Iterator<Item = (&'f [u8], &'f [u8])>,
    framing: Framing,
    closing: bool,
) -> Result<Given, Error> {
    let mut given = Given::default();
    for (name, value) in fields {
        check_field(name, value)?;
        let keep = match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                given.hosts += 1;
                true
            }
            6 if name.eq_ignore_ascii_case(b"expect") => {
                given.expect_continue |= value.eq_ignore_ascii_case(b"100-continue");
                true
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                given.upgrade_field = true;
                true
            }
            10 if name.eq_ignore_ascii_case(b"connection") => given.connection(value, closing),
            14 if name.eq_ignore_ascii_case(b"content-length") => given.content_length(value, framing)?,
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                given.transfer_encoding(value, framing)?
            }
            _ => true,
        };
        if keep {
            write_field(out, name, value);
        }
    }
    Ok(given)
}

impl Given {
    fn connection(&mut self, value: &[u8], closing: bool) -> bool {
        for option in syntax::elements(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.upgrade_token |= option.eq_ignore_ascii_case(b"upgrade");
        }
        // The user cannot know that the connection is about to be closed: not an error.
        !(closing && syntax::trim(value).eq_ignore_ascii_case(b"keep-alive"))
    }

    fn content_length(&mut self, value: &[u8], framing: Framing) -> Result<bool, Error> {
        let conflict = Err(Error::local(Kind::ConflictingField, "Content-Length"));
        let Some(length) = syntax::decimal(value) else {
            return conflict;
        };
        let agrees = match framing {
            Framing::Bare => return Ok(false),
            Framing::Silent => length == 0,
            Framing::Length(known) => length == known,
            Framing::Hypothetical(known) => known.is_none_or(|known| length == known),
            Framing::Chunked | Framing::UntilClose => false,
        };
        if !agrees || std::mem::replace(&mut self.length, true) {
            return conflict;
        }
        Ok(true)
    }

    fn transfer_encoding(&mut self, value: &[u8], framing: Framing) -> Result<bool, Error> {
        match framing {
            // Nothing is sent, or chunked is not understood over there (HTTP/1.0).
            Framing::Bare | Framing::Hypothetical(_) | Framing::UntilClose => Ok(false),
            Framing::Chunked
                if value.eq_ignore_ascii_case(b"chunked") && !std::mem::replace(&mut self.chunked, true) =>
            {
                Ok(true)
            }
            _ => Err(Error::local(Kind::ConflictingField, "Transfer-Encoding")),
        }
    }
}

/// Add what is missing of framing and connection fields, and end the head.
///
/// `persistence` is what Connection has to say: None where the version's default is right.
pub(crate) fn write_missing(out: &mut Vec<u8>, given: &Given, framing: Framing, persistence: Option<bool>) {
    match framing {
        Framing::Length(length) | Framing::Hypothetical(Some(length)) if !given.length => {
            out.extend_from_slice(b"Content-Length: ");
            push_decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked if !given.chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        _ => {}
    }
    match persistence {
        Some(false) if !given.close => out.extend_from_slice(b"Connection: close\r\n"),
        Some(true) if !given.keep_alive => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        _ => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// Write trailer fields and the end of the body (RFC 9112 §7.1.2). Fields that a recipient has to
/// drop are refused (RFC 9110 §6.5.1).
pub(crate) fn write_trailers<'f>(
    out: &mut Vec<u8>,
    fields: impl Iterator<Item = (&'f [u8], &'f [u8])>,
) -> Result<(), Error> {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in fields {
        check_field(name, value)?;
        if super::framing::is_forbidden_trailer(name) {
            return Err(Error::local_input(Kind::ConflictingField, name));
        }
        write_field(out, name, value);
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Write the size line of a chunk (RFC 9112 §7.1).
pub(crate) fn write_chunk_size(out: &mut Vec<u8>, size: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        out.push(DIGITS[size >> (place * 4) & 0xf]);
    }
    out.extend_from_slice(b"\r\n");
}

/// The framing of a request (RFC 9112 §6). A body that ends with the connection is none: there
/// would be no connection left to answer on.
pub(crate) fn request_framing(method: &str, body: BodyLength) -> Result<Framing, Error> {
    Ok(match body {
        // RFC 9110 §8.6: say 0 where the method would have content; aiohttp does so for all but these.
        BodyLength::Empty if matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "CONNECT") => {
            Framing::Silent
        }
        BodyLength::Empty => Framing::Length(0),
        BodyLength::Known(length) => Framing::Length(length),
        BodyLength::Chunked => Framing::Chunked,
        BodyLength::UntilClose => {
            return Err(Error::local(
                Kind::WrongOrder,
                "a request cannot end with the connection",
            ));
        }
    })
}

fn check_field(name: &[u8], value: &[u8]) -> Result<(), Error> {
    if !syntax::is_token(name) {
        return Err(Error::local_input(Kind::InvalidFieldName, name));
    }
    if !syntax::is_field_text(value) {
        return Err(Error::local_input(Kind::InvalidFieldValue, value));
    }
    Ok(())
}

fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn push_decimal(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

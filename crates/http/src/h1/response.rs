//! Reads the head of a response (RFC 9112 §4).
//!
//! Knows the status line and how the request bears on the body; field lines are `fields`' matter,
//! framing is `framing`'s. Lenient exactly where aiohttp's client is: a client that refuses what
//! others take is no replacement for them.

use super::fields::{FieldLines, MAX_SECTION, Rules};
use super::framing::Gathered;
use super::syntax;
use crate::{BodyLength, Error, Kind, Limits, ResponseHead, Version};

const NAME: &[u8] = b"HTTP/";

/// What the request says about the framing of its response.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    /// HEAD: the response has no body, whatever its fields say.
    pub head: bool,
    /// CONNECT: a 2xx response begins a tunnel.
    pub connect: bool,
    /// Another protocol was offered: 101 may come.
    pub upgrade: bool,
}

/// The state of a head that is being received.
#[derive(Debug, Default)]
pub(crate) struct ResponseParser {
    lines: FieldLines,
    line: Option<StatusLine>,
}

#[derive(Clone, Copy, Debug)]
struct StatusLine {
    version: Version,
    /// Of another version than 1.0 and 1.1: the connection is not used again.
    foreign: bool,
    status: u16,
    reason: (u32, u32),
}

impl ResponseParser {
    /// Go on parsing; `head` is all that has come since the head began, and its first byte is never
    /// that of an empty line.
    ///
    /// Returns the head and its size once it is complete.
    pub(crate) fn advance(
        &mut self,
        head: &[u8],
        limits: &Limits,
        asked: Asked,
    ) -> Result<Option<(ResponseHead, usize)>, Error> {
        let mut rules = Rules {
            lenient: true,
            max_line: limits.max_line_size,
            max_fields: limits.max_headers,
            max_size: limits.max_head_size.min(MAX_SECTION),
        };
        let line = match self.line {
            Some(line) => line,
            None => {
                let line = self.lines.first_line(
                    head,
                    &rules,
                    Kind::StatusLineTooLong,
                    |line| status_line(line, limits),
                    || begins_otherwise(head, &rules),
                )?;
                let Some(line) = line else { return Ok(None) };
                *self.line.insert(line)
            }
        };
        rules.max_line = limits.max_field_size;
        let Some(size) = self.lines.advance(head, &rules)? else {
            return Ok(None);
        };
        let head = self.finish(&head[..size], line, asked)?;
        self.reset();
        Ok(Some((head, size)))
    }

    /// Forget an unfinished head.
    pub(crate) fn reset(&mut self) {
        self.lines.reset();
        self.line = None;
    }

    /// Bytes looked at since the last call.
    pub(crate) fn take_work(&mut self) -> u64 {
        self.lines.take_work()
    }

    fn finish(&mut self, head: &[u8], line: StatusLine, asked: Asked) -> Result<ResponseHead, Error> {
        let unfolded = self.lines.unfold(head);
        let head = unfolded.as_deref().unwrap_or(head);
        let StatusLine {
            version,
            foreign,
            status,
            reason,
        } = line;
        let gathered = Gathered::from(self.lines.fields(head));
        gathered.check_old_websocket()?;
        let framed = gathered.response_body()?;
        let tunnel = asked.connect && (200..300).contains(&status);
        let upgrade = tunnel || (status == 101 && asked.upgrade);
        // RFC 9112 §6.3, in its order: no body; Transfer-Encoding; Content-Length; until the end.
        let bodiless = asked.head || tunnel || matches!(status, 100..200 | 204 | 304);
        let body = if bodiless { BodyLength::Empty } else { framed };
        let keep_alive =
            !foreign && status != 101 && body != BodyLength::UntilClose && gathered.wants_keep_alive(version);
        Ok(ResponseHead {
            version,
            status,
            body,
            keep_alive,
            upgrade,
            headers: self.lines.all_headers(head),
            reason,
        })
    }
}

/// What the first bytes of a line cannot be: who speaks another protocol need not send a line of this one, and would be
/// waited for until the time for the whole request is over.
fn begins_otherwise(head: &[u8], rules: &Rules) -> Option<Error> {
    if matches!(head.first(), Some(&(syntax::TLS_ALERT | syntax::TLS_HANDSHAKE))) {
        return Some(Error::peer(Kind::TlsRecord, b""));
    }
    let common = std::iter::zip(NAME, head).take_while(|(a, b)| a == b).count();
    rules.wrong_from(common, head.len().min(NAME.len()), head, Kind::BadStatusLine)
}

/// `version SP status [SP [reason]]` (RFC 9112 §4). Without reason some servers also leave out the
/// space. The reason may hold anything but NUL and CR.
fn status_line(line: &[u8], limits: &Limits) -> Result<StatusLine, Error> {
    let bad = || Error::peer(Kind::BadStatusLine, line);
    let [
        b'H',
        b'T',
        b'T',
        b'P',
        b'/',
        major,
        b'.',
        minor,
        b' ',
        status @ ..,
    ] = line
    else {
        return Err(bad());
    };
    // aiohttp takes 0.9 and 2.0 too, and closes after them.
    let (version, foreign) = match (major, minor) {
        (b'1', b'1') => (Version::Http11, false),
        (b'1', b'0') => (Version::Http10, false),
        (b'0', b'9') => (Version::Http10, true),
        (b'2', b'0') => (Version::Http11, true),
        _ => return Err(bad()),
    };
    let (digits, reason) = match status {
        [a, b, c] => ([*a, *b, *c], &[][..]),
        [a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason),
        _ => return Err(bad()),
    };
    let status = syntax::decimal(&digits)
        .filter(|status| (100..1000).contains(status))
        .ok_or_else(bad)?;
    if !syntax::is_lenient_field_text(reason) {
        return Err(bad());
    }
    if reason.len() > limits.max_line_size {
        return Err(Error::peer(Kind::StatusLineTooLong, line));
    }
    let end = line.len() as u32;
    let reason = (end - reason.len() as u32, end);
    Ok(StatusLine {
        version,
        foreign,
        status: status as u16,
        reason,
    })
}

//! Reads the head of a request (RFC 9112 §3).
//!
//! Knows the request line and what its parts allow; field lines are `fields`' matter, framing is
//! `framing`'s. Strict: there is no lenient switch.

use memchr::memchr;

use super::fields::{FieldLines, MAX_SECTION, Rules};
use super::framing::Gathered;
use super::syntax;
use crate::head::LineIndex;
use crate::{Error, Kind, Limits, RequestHead, TargetForm, Version};

/// The methods that aiohttp's parser knows; any other is refused. Nearly all are in the IANA
/// registry; PURGE, NOTIFY, SUBSCRIBE, UNSUBSCRIBE, M-SEARCH and SOURCE are customary.
const METHODS: [&[u8]; 35] = [
    b"GET",
    b"POST",
    b"PUT",
    b"PATCH",
    b"DELETE",
    b"HEAD",
    b"OPTIONS",
    b"CONNECT",
    b"TRACE",
    b"QUERY",
    b"ACL",
    b"BIND",
    b"CHECKOUT",
    b"COPY",
    b"LINK",
    b"LOCK",
    b"M-SEARCH",
    b"MERGE",
    b"MKACTIVITY",
    b"MKCALENDAR",
    b"MKCOL",
    b"MOVE",
    b"NOTIFY",
    b"PROPFIND",
    b"PROPPATCH",
    b"PURGE",
    b"REBIND",
    b"REPORT",
    b"SEARCH",
    b"SOURCE",
    b"SUBSCRIBE",
    b"UNBIND",
    b"UNLINK",
    b"UNLOCK",
    b"UNSUBSCRIBE",
];

const CONNECT: &[u8] = b"CONNECT";
/// How HTTP/2 begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI";

/// The state of a head that is being received.
#[derive(Debug, Default)]
pub(crate) struct RequestParser {
    lines: FieldLines,
    line: Option<RequestLine>,
}

#[derive(Clone, Copy, Debug)]
struct RequestLine {
    version: Version,
    form: TargetForm,
    index: LineIndex,
    authority: (u32, u32),
}

impl RequestParser {
    /// Go on parsing; `head` is all that has come since the head began, and its first byte is never
    /// that of an empty line.
    ///
    /// Returns the head and its size once it is complete.
    pub(crate) fn advance(
        &mut self,
        head: &[u8],
        limits: &Limits,
    ) -> Result<Option<(RequestHead, usize)>, Error> {
        let mut rules = Rules {
            lenient: false,
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
                    Kind::RequestLineTooLong,
                    |line| request_line(line, limits),
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
        let head = self.finish(&head[..size], line)?;
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

    fn finish(&self, head: &[u8], line: RequestLine) -> Result<RequestHead, Error> {
        let RequestLine {
            version,
            form,
            index,
            authority,
        } = line;
        let gathered = Gathered::from(self.lines.fields(head));
        gathered.check_request(version)?;
        let body = gathered.request_body(version)?;
        let expect_continue = gathered.expects_continue(version)?;
        Ok(RequestHead {
            version,
            form,
            body,
            keep_alive: gathered.wants_keep_alive(version),
            upgrade: gathered.upgrade(version),
            expect_continue,
            headers: self.lines.all_headers(head),
            line: index,
            authority,
        })
    }
}

/// What the first bytes of a line cannot be: who speaks another protocol need not send a line of this one, and would
/// wait for the answer until `head_timeout`.
fn begins_otherwise(head: &[u8], rules: &Rules) -> Option<Error> {
    if head.first() == Some(&syntax::TLS_HANDSHAKE) {
        return Some(Error::peer(Kind::TlsRecord, b""));
    }
    let end = head.iter().position(|byte| b" \r\n".contains(byte));
    let start = &head[..end.unwrap_or(head.len())];
    let known = METHODS.iter().copied().chain([PREFACE]);
    let common = known
        .map(|method| std::iter::zip(method, start).take_while(|(a, b)| a == b).count())
        .max()?;
    rules.wrong_from(common, start.len(), head, Kind::BadMethod)
}

/// The request line, with one look at each byte if nothing is unusual about it.
fn request_line(line: &[u8], limits: &Limits) -> Result<RequestLine, Error> {
    let usual = line.strip_suffix(b" HTTP/1.1").and_then(|start| {
        let method_len = syntax::token_len(start);
        let target = start.get(method_len + 1..)?;
        let fits = start[method_len] == b' ' && target.len() <= limits.max_line_size;
        let path_len = syntax::plain_len(target);
        let usual = fits && path_len == target.len() && target.first() == Some(&b'/');
        if !usual
            || !METHODS.contains(&&start[..method_len])
            || method_len == CONNECT.len() && start.starts_with(CONNECT)
        {
            return None;
        }
        let (from, to) = (method_len as u32 + 1, start.len() as u32);
        let index = LineIndex {
            method: (0, method_len as u32),
            target: (from, to),
            path: (from, to),
            query: (to, to),
        };
        Some(RequestLine {
            version: Version::Http11,
            form: TargetForm::Origin,
            index,
            authority: (0, 0),
        })
    });
    usual.map_or_else(|| any_request_line(line, limits), Ok)
}

/// `method SP target SP version`, with exactly one space between them (RFC 9112 §3).
fn any_request_line(line: &[u8], limits: &Limits) -> Result<RequestLine, Error> {
    let bad = |kind| Error::peer(kind, line);
    if line == b"PRI * HTTP/2.0" {
        return Err(bad(Kind::Http2Preface));
    }
    let method_len = memchr(b' ', line).ok_or_else(|| bad(Kind::BadRequestLine))?;
    let method = &line[..method_len];
    if !METHODS.contains(&method) {
        return Err(bad(Kind::BadMethod));
    }
    let rest = &line[method_len + 1..];
    // Without a second space this is HTTP/0.9, which has no fields and no errors.
    let target_len = memchr(b' ', rest).ok_or_else(|| bad(Kind::BadRequestLine))?;
    let (target, version) = (&rest[..target_len], &rest[target_len + 1..]);
    if target.len() > limits.max_line_size {
        return Err(bad(Kind::RequestLineTooLong));
    }
    if target.is_empty() {
        return Err(bad(Kind::BadRequestLine));
    }
    let version = match version {
        b"HTTP/1.1" => Version::Http11,
        b"HTTP/1.0" => Version::Http10,
        [b'H', b'T', b'T', b'P', b'/', ..] if syntax::is_visible(version) => {
            return Err(bad(Kind::BadVersion));
        }
        _ => return Err(bad(Kind::BadRequestLine)),
    };
    let start = method_len + 1;
    let mut parts = target_parts(method, target).ok_or_else(|| bad(Kind::BadTarget))?;
    for (from, to) in [
        &mut parts.index.path,
        &mut parts.index.query,
        &mut parts.authority,
    ] {
        *from += start as u32;
        *to += start as u32;
    }
    parts.index.method = (0, method_len as u32);
    parts.index.target = (start as u32, (start + target_len) as u32);
    Ok(RequestLine { version, ..parts })
}

/// Tell the form of a target and find its parts (RFC 9112 §3.2); None if it is in no valid form.
fn target_parts(method: &[u8], target: &[u8]) -> Option<RequestLine> {
    if !syntax::is_visible(target) {
        return None;
    }
    let none = (0, 0);
    let whole = RequestLine {
        version: Version::Http11,
        form: TargetForm::Origin,
        index: LineIndex {
            path: (0, target.len() as u32),
            ..LineIndex::default()
        },
        authority: none,
    };
    if method == CONNECT {
        // §3.2.3: only the authority form, and RFC 9110 §9.3.6 wants a port.
        let form = TargetForm::Authority;
        let line = RequestLine {
            form,
            authority: whole.index.path,
            ..whole
        };
        return syntax::is_host_with_port(target).then_some(line);
    }
    match target {
        [b'/', ..] => {
            let (path, query) = path_and_query(target, 0);
            Some(RequestLine {
                index: LineIndex {
                    path,
                    query,
                    ..whole.index
                },
                ..whole
            })
        }
        b"*" => (method == b"OPTIONS").then_some(RequestLine {
            form: TargetForm::Asterisk,
            ..whole
        }),
        _ => {
            let authority = absolute_authority(target)?;
            let (path, query) = path_and_query(target, authority.1);
            let index = LineIndex {
                path,
                query,
                ..whole.index
            };
            Some(RequestLine {
                form: TargetForm::Absolute,
                index,
                authority,
                ..whole
            })
        }
    }
}

/// Where `host[:port]` lies in `scheme://[user@]host[:port]…` (RFC 3986 §3, RFC 9112 §3.2.2).
fn absolute_authority(target: &[u8]) -> Option<(u32, u32)> {
    let colon = memchr(b':', target)?;
    let (scheme, rest) = (&target[..colon], &target[colon + 1..]);
    let letters = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    if !scheme.first()?.is_ascii_alphabetic() || !scheme.iter().all(letters) || !rest.starts_with(b"//") {
        return None;
    }
    let start = colon + 3;
    let end = target[start..]
        .iter()
        .position(|byte| b"/?#".contains(byte))
        .map_or(target.len(), |at| start + at);
    let user = memchr::memrchr(b'@', &target[start..end]).map_or(0, |at| at + 1);
    syntax::is_host(&target[start + user..end]).then_some(((start + user) as u32, end as u32))
}

/// Where path and query lie in a target whose path begins at `start`; a fragment belongs to neither.
fn path_and_query(target: &[u8], start: u32) -> ((u32, u32), (u32, u32)) {
    let rest = &target[start as usize..];
    let end = memchr(b'#', rest).unwrap_or(rest.len());
    let at = |position: usize| start + position as u32;
    match memchr(b'?', &rest[..end]) {
        Some(mark) => ((start, at(mark)), (at(mark + 1), at(end))),
        None => ((start, at(end)), (at(end), at(end))),
    }
}

//! Field lines: of heads and of trailer sections, strict ones and lenient ones (RFC 9112 §5).
//!
//! # Theory of operation
//!
//! [`FieldLines`] splits a growing byte string into lines and remembers where each name and value
//! lies. It is called again with the same bytes and more behind them; what it has seen it does not
//! look at again: `scanned` says up to where LF was searched, `line` where the unfinished line
//! begins, and each complete line is parsed once. So the work is linear in the size of the section
//! however it is cut. The same calls work on a slice of the wire and on a buffer.
//!
//! What a field *means* (framing, Host, …) is read off the finished index by others: a folded line
//! may still add to a value.
//!
//! Sizes are checked on unfinished lines too, by the position that a byte-by-byte reader would have
//! reached: cut or whole, a section fails with the same error.

use super::syntax;
use crate::headers::FieldIndex;
use crate::{Error, Headers, Kind};

/// What a line may have around the parts that the limits speak of: method and version, colon,
/// white space.
const LINE_SLACK: usize = 64;
/// No section is larger, whatever the limits say: positions in it have 32 bits, also after folded
/// values have been appended once more.
pub(crate) const MAX_SECTION: usize = 1 << 30;

/// How strict, and how large.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Take what aiohttp's client takes: bare LF, folded lines, control bytes in values, a space
    /// after the name of a framing field.
    pub lenient: bool,
    pub max_line: usize,
    pub max_fields: usize,
    pub max_size: usize,
}

impl Rules {
    /// The error for a head that begins as none can: only the first `common` of `length` bytes are as they may be.
    pub(crate) fn wrong_from(&self, common: usize, length: usize, head: &[u8], kind: Kind) -> Option<Error> {
        // The one byte too many counts as a byte-by-byte reader would have met it.
        (common < length && common <= self.max_size).then(|| {
            let line = memchr::memchr2(b'\r', b'\n', head).unwrap_or(head.len());
            Error::peer(kind, &head[..line])
        })
    }
}

/// A complete line without its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub start: usize,
    pub end: usize,
}

/// The state between two calls; positions count from the start of the section.
#[derive(Debug, Default)]
pub(crate) struct FieldLines {
    scanned: usize,
    line: usize,
    fields: Vec<FieldIndex>,
    folded: bool,
    /// Bytes looked at, for the proof that the work is linear.
    work: u64,
}

/// How the size of a line was exceeded.
enum Extent {
    Line,
    Section,
}

impl FieldLines {
    /// Begin a new section, keeping the scratch memory if it is small.
    pub(crate) fn reset(&mut self) {
        self.scanned = 0;
        self.line = 0;
        self.folded = false;
        self.fields.clear();
        self.fields.shrink_to(32);
    }

    /// Bytes looked at since the last call.
    pub(crate) fn take_work(&mut self) -> u64 {
        std::mem::take(&mut self.work)
    }

    /// The next line, if it is complete; `too_long` names the error for a line above `max_line`.
    pub(crate) fn next_line(
        &mut self,
        section: &[u8],
        rules: &Rules,
        too_long: Kind,
    ) -> Result<Option<Line>, Error> {
        let found = syntax::find_line_feed(&section[self.scanned..]);
        let end = found.map_or(section.len(), |at| self.scanned + at);
        self.work += (end - self.scanned) as u64;
        let size = end + usize::from(found.is_some());
        if let Some(extent) = self.exceeded(end, size, rules) {
            let input = &section[self.line..end.min(self.line + 200)];
            return Err(Error::peer(
                match extent {
                    Extent::Line => too_long,
                    Extent::Section => Kind::HeadTooLarge,
                },
                input,
            ));
        }
        if found.is_none() {
            self.scanned = end;
            return Ok(None);
        }
        self.scanned = end + 1;
        let line = Line {
            start: self.line,
            end,
        };
        self.line = end + 1;
        match section[line.start..line.end].split_last() {
            Some((b'\r', _)) => Ok(Some(Line {
                end: line.end - 1,
                ..line
            })),
            _ if rules.lenient => Ok(Some(line)),
            // RFC 9112 §2.2 allows LF alone to end a line. Nobody sends that but attackers: two
            // readers that disagree on it see two different messages.
            _ => Err(Error::peer(Kind::BareLineFeed, &section[line.start..line.end])),
        }
    }

    /// The first line of a head, parsed, once it is complete.
    ///
    /// One that is incomplete or wrong may be none of this protocol at all: if `otherwise` knows, its error counts.
    pub(crate) fn first_line<T>(
        &mut self,
        head: &[u8],
        rules: &Rules,
        too_long: Kind,
        parse: impl FnOnce(&[u8]) -> Result<T, Error>,
        otherwise: impl FnOnce() -> Option<Error>,
    ) -> Result<Option<T>, Error> {
        let parsed = match self.next_line(head, rules, too_long) {
            Ok(Some(line)) => parse(&head[line.start..line.end]).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        match parsed {
            Ok(Some(line)) => Ok(Some(line)),
            unusual => otherwise().map_or(unusual, Err),
        }
    }

    /// Which size is exceeded first when the unfinished line reaches `end` and the section `size`.
    fn exceeded(&self, end: usize, size: usize, rules: &Rules) -> Option<Extent> {
        let line_limit = self
            .line
            .saturating_add(rules.max_line)
            .saturating_add(LINE_SLACK);
        if end > line_limit && line_limit <= rules.max_size {
            Some(Extent::Line)
        } else if size > rules.max_size {
            Some(Extent::Section)
        } else {
            None
        }
    }

    /// Parse as many field lines as are complete.
    ///
    /// Returns the size of the section once its empty line has come.
    pub(crate) fn advance(&mut self, section: &[u8], rules: &Rules) -> Result<Option<usize>, Error> {
        while let Some(Line { start, end }) = self.next_line(section, rules, Kind::FieldTooLong)? {
            if start == end {
                return Ok(Some(self.line));
            }
            let line = &section[start..end];
            self.work += line.len() as u64;
            if matches!(line[0], b' ' | b'\t') {
                self.fold(section, start, end, rules)?;
                continue;
            }
            if self.fields.len() >= rules.max_fields {
                return Err(Error::peer(Kind::TooManyFields, line));
            }
            self.fields.push(field(line, start, rules)?);
        }
        Ok(None)
    }

    /// A line that begins with white space goes on with the last value (RFC 9112 §5.2).
    fn fold(&mut self, section: &[u8], start: usize, end: usize, rules: &Rules) -> Result<(), Error> {
        let line = &section[start..end];
        let Some(last) = self.fields.last_mut().filter(|_| rules.lenient) else {
            return Err(Error::peer(Kind::ObsoleteFold, line));
        };
        if !syntax::is_lenient_field_text(line) {
            return Err(Error::peer(Kind::BadFieldValue, line));
        }
        let whole = &section[last.value_start as usize..end];
        if last.name_len as usize + whole.len() > rules.max_line {
            return Err(Error::peer(Kind::FieldTooLong, whole));
        }
        last.value_len = index(whole.len());
        self.folded = true;
        Ok(())
    }

    /// The fields found, with where they lie in the section.
    pub(crate) fn fields<'a>(&'a self, section: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let part = |start: u32, len: u32| &section[start as usize..][..len as usize];
        self.fields.iter().map(move |field| {
            (
                part(field.name_start, field.name_len),
                part(field.value_start, field.value_len),
            )
        })
    }

    /// Replace folded values by joined ones: line ends go, white space stays, as aiohttp has it.
    /// `section` is copied only when there is something to join.
    pub(crate) fn unfold(&mut self, section: &[u8]) -> Option<Vec<u8>> {
        if !self.folded {
            return None;
        }
        let mut text = section.to_vec();
        for field in &mut self.fields {
            let value = &section[field.value_start as usize..][..field.value_len as usize];
            if !value.contains(&b'\n') {
                continue;
            }
            let joined: Vec<u8> = value
                .iter()
                .copied()
                .filter(|byte| !matches!(byte, b'\r' | b'\n'))
                .collect();
            let joined = syntax::trim(&joined);
            field.value_start = index(text.len());
            field.value_len = index(joined.len());
            text.extend_from_slice(joined);
        }
        Some(text)
    }

    /// Keep the section; `keep` says which fields stay in the index.
    pub(crate) fn headers(&mut self, section: &[u8], keep: impl Fn(&[u8]) -> bool) -> Headers {
        self.fields
            .retain(|field| keep(&section[field.name_start as usize..][..field.name_len as usize]));
        Headers::new(section, &self.fields)
    }

    /// Keep the section with all its fields.
    pub(crate) fn all_headers(&self, section: &[u8]) -> Headers {
        Headers::new(section, &self.fields)
    }
}

/// A position in a section; see [`MAX_SECTION`].
fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// One field line (RFC 9112 §5).
fn field(line: &[u8], start: usize, rules: &Rules) -> Result<FieldIndex, Error> {
    let name_len = syntax::token_len(line);
    let value_at = match &line[name_len..] {
        [b':', ..] => name_len + 1,
        // RFC 9112 §5.1 forbids it, since such a name means something else to somebody else. aiohttp's
        // client takes it for the fields that its parser knows.
        [b' ', b':', ..] if rules.lenient && is_framing_field(&line[..name_len]) => name_len + 2,
        _ => 0,
    };
    if name_len == 0 || value_at == 0 {
        return Err(Error::peer(Kind::BadFieldName, line));
    }
    let value = syntax::trim(&line[value_at..]);
    let text = if rules.lenient {
        syntax::is_lenient_field_text(value)
    } else {
        syntax::is_field_text(value)
    };
    if !text {
        return Err(Error::peer(Kind::BadFieldValue, line));
    }
    if name_len + value.len() > rules.max_line {
        return Err(Error::peer(Kind::FieldTooLong, line));
    }
    let leading = line[value_at..]
        .iter()
        .take_while(|&&byte| matches!(byte, b' ' | b'\t'))
        .count();
    // An empty value lies at the end of the line, whatever white space there was.
    let value_start = start
        + if value.is_empty() {
            line.len()
        } else {
            value_at + leading
        };
    Ok(FieldIndex {
        name_start: index(start),
        name_len: index(name_len),
        value_start: index(value_start),
        value_len: index(value.len()),
    })
}

fn is_framing_field(name: &[u8]) -> bool {
    [
        &b"content-length"[..],
        b"transfer-encoding",
        b"connection",
        b"upgrade",
        b"proxy-connection",
    ]
    .iter()
    .any(|known| name.eq_ignore_ascii_case(known))
}

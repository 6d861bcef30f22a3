//! Reads the chunked transfer coding (RFC 9112 §7.1).
//!
//! # Theory of operation
//!
//! A machine over single bytes for everything but the data, so that a wrong byte is refused at once
//! and nothing is kept while a size line is incomplete:
//!
//! ```text
//!          ┌──────────────────────────────── CRLF ───────────────────────────────┐
//!          ▼                                                                     │
//!   Size ──▶ (;name[=value])* ──▶ SizeLf ── size > 0 ──▶ Data ──▶ DataCr ──▶ DataLf
//!                                        └─ size = 0 ──▶ Trailers ──▶ Done
//! ```
//!
//! Strict for requests: CRLF only, one to sixteen digits, no white space. Lenient for responses
//! where aiohttp's client is: white space after the size, LF alone after data and in trailers.

use super::fields::{FieldLines, MAX_SECTION, Rules};
use super::framing::is_forbidden_trailer;
use super::syntax;
use crate::{Error, Headers, Kind, Limits};

/// Digits of the largest size: 2⁶⁴ − 1.
const MAX_DIGITS: u8 = 16;
/// The same where leading zeros are tolerated.
const MAX_LENIENT_DIGITS: u8 = 64;

/// What one step found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// More input is needed.
    More,
    /// A piece of the body.
    Data(&'a [u8]),
    /// The body is complete; fields that may not be trailers were left out.
    End(Option<Headers>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Space,
    ExtensionStart,
    ExtensionName,
    ExtensionValueStart,
    ExtensionValue,
    Quoted,
    QuotedPair,
    QuotedEnd,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    Done,
}

/// The state of a chunked body that is being received.
#[derive(Debug)]
pub(crate) struct Chunked {
    state: State,
    lenient: bool,
    digits: u8,
    /// Size of the chunk, then what is left of it.
    left: u64,
    extensions: usize,
    trailers: FieldLines,
}

impl Chunked {
    pub(crate) fn new(lenient: bool) -> Chunked {
        Chunked {
            state: State::Size,
            lenient,
            digits: 0,
            left: 0,
            extensions: 0,
            trailers: FieldLines::default(),
        }
    }

    /// How many of the next bytes are data.
    pub(crate) fn data_left(&self) -> u64 {
        if self.state == State::Data { self.left } else { 0 }
    }

    /// `n` of the next bytes, at most `data_left`, were taken elsewhere.
    pub(crate) fn data_taken(&mut self, n: u64) {
        self.left -= n.min(self.left);
        if self.left == 0 {
            self.state = State::DataCr;
        }
    }

    /// Whether the last byte of a chunk's data was the last that was taken.
    pub(crate) fn is_at_end_of_data(&self) -> bool {
        self.state == State::DataCr
    }

    /// Bytes of trailers looked at since the last call.
    pub(crate) fn take_work(&mut self) -> u64 {
        self.trailers.take_work()
    }

    /// Take one step; returns how much of the input it used up. Input that it leaves must be given
    /// again, with more behind it.
    pub(crate) fn step<'a>(&mut self, input: &'a [u8], limits: &Limits) -> Result<(usize, Step<'a>), Error> {
        for (at, &byte) in input.iter().enumerate() {
            match self.state {
                State::Data => {
                    let rest = &input[at..];
                    let len = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
                    self.data_taken(len as u64);
                    return Ok((at + len, Step::Data(&rest[..len])));
                }
                State::Trailers => {
                    let (used, step) = self.trailers(&input[at..], limits)?;
                    return Ok((at + used, step));
                }
                State::Done => return Ok((at, Step::End(None))),
                _ => self.framing(byte, limits)?,
            }
        }
        Ok((input.len(), Step::More))
    }

    /// One byte that is neither data nor trailer.
    fn framing(&mut self, byte: u8, limits: &Limits) -> Result<(), Error> {
        let bad = Err(Error::peer(Kind::BadChunk, &[byte]));
        self.state = match (self.state, byte) {
            (State::Size, digit) if digit.is_ascii_hexdigit() => {
                self.digit(digit)?;
                State::Size
            }
            (State::Size, _) if self.digits == 0 => return bad,
            (State::Size | State::Space, b' ' | b'\t') if self.lenient => {
                self.extension(limits)?;
                State::Space
            }
            // §7.1.1: any number of `;name[=value]`, here without the white space that was allowed
            // once, and ignored. Everything else is refused: extensions have been used to hide the
            // end of a line from one of two readers.
            (
                State::Size | State::Space | State::ExtensionName | State::ExtensionValue | State::QuotedEnd,
                b'\r',
            ) => State::SizeLf,
            (
                State::Size | State::Space | State::ExtensionName | State::ExtensionValue | State::QuotedEnd,
                b';',
            ) => {
                self.extension(limits)?;
                State::ExtensionStart
            }
            (State::ExtensionName, b'=') => {
                self.extension(limits)?;
                State::ExtensionValueStart
            }
            (State::ExtensionValueStart, b'"') => {
                self.extension(limits)?;
                State::Quoted
            }
            (State::ExtensionStart | State::ExtensionName, letter) if syntax::is_token_byte(letter) => {
                self.extension(limits)?;
                State::ExtensionName
            }
            (State::ExtensionValueStart | State::ExtensionValue, letter) if syntax::is_token_byte(letter) => {
                self.extension(limits)?;
                State::ExtensionValue
            }
            (State::Quoted | State::QuotedPair, letter) if syntax::is_field_text(&[letter]) => {
                self.extension(limits)?;
                match (self.state, letter) {
                    (State::Quoted, b'\\') => State::QuotedPair,
                    (State::Quoted, b'"') => State::QuotedEnd,
                    _ => State::Quoted,
                }
            }
            (State::SizeLf, b'\n') if self.left == 0 => State::Trailers,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataCr, b'\n') if self.lenient => self.next_chunk(),
            (State::DataLf, b'\n') => self.next_chunk(),
            _ => return bad,
        };
        Ok(())
    }

    fn next_chunk(&mut self) -> State {
        self.digits = 0;
        self.left = 0;
        State::Size
    }

    fn digit(&mut self, digit: u8) -> Result<(), Error> {
        let limit = if self.lenient {
            MAX_LENIENT_DIGITS
        } else {
            MAX_DIGITS
        };
        if self.digits == limit || self.left >> 60 != 0 {
            return Err(Error::peer(Kind::BadChunk, &[digit]));
        }
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            _ => (digit | 0x20) - b'a' + 10,
        };
        self.left = self.left << 4 | u64::from(value);
        self.digits += 1;
        Ok(())
    }

    /// Count a byte of an extension: of all in this body, since a peer may put some in each chunk.
    fn extension(&mut self, limits: &Limits) -> Result<(), Error> {
        self.extensions += 1;
        if self.extensions > limits.max_chunk_extensions {
            return Err(Error::peer(Kind::ChunkExtensionsTooLong, b""));
        }
        Ok(())
    }

    /// The trailer section (§7.1.2), from its start.
    fn trailers<'a>(&mut self, section: &'a [u8], limits: &Limits) -> Result<(usize, Step<'a>), Error> {
        let rules = Rules {
            lenient: self.lenient,
            max_line: limits.max_field_size,
            max_fields: limits.max_trailers,
            max_size: limits.max_trailers_size.min(MAX_SECTION),
        };
        let Some(size) = self
            .trailers
            .advance(section, &rules)
            .map_err(|error| error.in_trailers())?
        else {
            return Ok((0, Step::More));
        };
        self.state = State::Done;
        let section = &section[..size];
        // Framing fields down here are an attempt to reach somebody who merges trailers into the
        // head; aiohttp's client lets Transfer-Encoding pass (it is dropped).
        for (name, _) in self.trailers.fields(section) {
            let framing = name.eq_ignore_ascii_case(b"content-length")
                || (!self.lenient && name.eq_ignore_ascii_case(b"transfer-encoding"));
            if framing {
                return Err(Error::peer(Kind::BadTrailer, name));
            }
        }
        let unfolded = self.trailers.unfold(section);
        let section = unfolded.as_deref().unwrap_or(section);
        let headers = self.trailers.headers(section, |name| !is_forbidden_trailer(name));
        Ok((size, Step::End((!headers.is_empty()).then_some(headers))))
    }
}

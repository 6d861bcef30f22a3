//! What the fields of a head say about the message and the connection (RFC 9112 §6, §9).
//!
//! One pass over the finished index gathers the few fields that matter; requests and responses then
//! draw their conclusions, requests strictly, responses as aiohttp's client does. Every doubt about
//! where a message ends is an error: two readers that disagree there see different messages.

use super::syntax;
use crate::{BodyLength, Error, Kind, Version};

/// The fields that matter, as gathered.
#[derive(Debug, Default)]
pub(crate) struct Gathered<'a> {
    pub content_length: Option<&'a [u8]>,
    pub transfer_encoding: Option<&'a [u8]>,
    pub host: Option<&'a [u8]>,
    pub expect: Option<&'a [u8]>,
    pub close: bool,
    pub keep_alive: bool,
    pub upgrade_token: bool,
    pub upgrade_field: bool,
    repeated_content_length: bool,
    repeated_transfer_encoding: bool,
    repeated_host: bool,
    /// Another field that may occur only once and did not.
    repeated: Option<&'static str>,
    /// One bit for each of [`SINGLETONS`] seen.
    seen: u8,
    old_websocket: bool,
}

/// Fields of a request that occur at most once, besides Host and those of framing. The list is
/// aiohttp's: a second one makes it refuse the request.
const SINGLETONS: [(&str, &[u8]); 7] = [
    ("User-Agent", b"user-agent"),
    ("Content-Type", b"content-type"),
    ("Content-Location", b"content-location"),
    ("Content-Range", b"content-range"),
    ("ETag", b"etag"),
    ("Max-Forwards", b"max-forwards"),
    ("Server", b"server"),
];

impl<'a> Gathered<'a> {
    /// Look through all fields once.
    pub(crate) fn from(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Gathered<'a> {
        let mut gathered = Gathered::default();
        for (name, value) in fields {
            gathered.add(name, value);
        }
        gathered
    }

    /// Names are told apart by length first: most fields matter to nobody here.
    fn add(&mut self, name: &'a [u8], value: &'a [u8]) {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            4 if is(b"host") => self.repeated_host |= self.host.replace(value).is_some(),
            // More than one Expect: keep one that is not understood, if there is any.
            6 if is(b"expect") => {
                self.expect = self.expect.filter(|known| !is_continue(known)).or(Some(value));
            }
            7 if is(b"upgrade") => self.upgrade_field |= !value.is_empty(),
            10 if is(b"connection") => self.connection(value),
            14 if is(b"content-length") => {
                self.repeated_content_length |= self.content_length.replace(value).is_some();
            }
            17 if is(b"transfer-encoding") => {
                self.repeated_transfer_encoding |= self.transfer_encoding.replace(value).is_some();
            }
            18 if is(b"sec-websocket-key1") => self.old_websocket = true,
            4 | 6 | 10 | 12 | 13 | 16 => {
                for (bit, (known, lower)) in SINGLETONS.iter().enumerate() {
                    if is(lower) {
                        if self.seen & (1 << bit) != 0 {
                            self.repeated = self.repeated.or(Some(known));
                        }
                        self.seen |= 1 << bit;
                    }
                }
            }
            _ => {}
        }
    }

    /// The options of a Connection field (RFC 9110 §7.6.1).
    fn connection(&mut self, value: &[u8]) {
        for option in syntax::elements(value) {
            match option.len() {
                5 if option.eq_ignore_ascii_case(b"close") => self.close = true,
                7 if option.eq_ignore_ascii_case(b"upgrade") => self.upgrade_token = true,
                10 if option.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                _ => {}
            }
        }
    }

    /// Whether the sender wants to keep the connection (RFC 9112 §9.3).
    pub(crate) fn wants_keep_alive(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }

    /// Whether another protocol is offered or chosen (RFC 9110 §7.8).
    pub(crate) fn upgrade(&self, version: Version) -> bool {
        version == Version::Http11 && self.upgrade_token && self.upgrade_field
    }

    /// Rules on repetition that only requests are held to, as with aiohttp.
    pub(crate) fn check_request(&self, version: Version) -> Result<(), Error> {
        let host = self.host.unwrap_or_default();
        // RFC 9112 §3.2: none, more than one or an invalid one is 400. HTTP/1.0 knew no Host.
        match self.host {
            None if version == Version::Http11 => return Err(Error::peer(Kind::MissingHost, b"")),
            Some(_) if self.repeated_host => return Err(Error::peer(Kind::RepeatedHost, host)),
            Some(_) if !syntax::is_host(host) => return Err(Error::peer(Kind::BadHost, host)),
            _ => {}
        }
        if let Some(name) = self.repeated {
            return Err(Error::peer(Kind::RepeatedField, name.as_bytes()));
        }
        self.check_old_websocket()
    }

    /// The handshake of WebSocket drafts that nobody speaks any more, refused as by aiohttp.
    pub(crate) fn check_old_websocket(&self) -> Result<(), Error> {
        if self.old_websocket {
            return Err(Error::peer(Kind::BadFieldName, b"Sec-WebSocket-Key1"));
        }
        Ok(())
    }

    /// Whether the client waits for 100 (RFC 9110 §10.1.1). Another expectation is 417, and any is
    /// ignored in HTTP/1.0.
    pub(crate) fn expects_continue(&self, version: Version) -> Result<bool, Error> {
        match self.expect {
            Some(value) if version == Version::Http11 && !is_continue(value) => {
                Err(Error::peer(Kind::UnknownExpectation, value))
            }
            Some(_) => Ok(version == Version::Http11),
            None => Ok(false),
        }
    }

    /// The length of a request's body (RFC 9112 §6.3).
    pub(crate) fn request_body(&self, version: Version) -> Result<BodyLength, Error> {
        let Some(codings) = self.transfer_encoding else {
            return self.known_length(BodyLength::Empty);
        };
        self.check_exclusive(codings)?;
        // §6.1: Transfer-Encoding in HTTP/1.0 is to be treated as faulty framing.
        if version == Version::Http10 || self.repeated_transfer_encoding {
            return Err(Error::peer(Kind::BadTransferEncoding, codings));
        }
        if codings.eq_ignore_ascii_case(b"chunked") {
            return Ok(BodyLength::Chunked);
        }
        Err(Error::peer(transfer_coding_fault(codings), codings))
    }

    /// The length of a response's body, where the status and the request allow one (RFC 9112 §6.3).
    pub(crate) fn response_body(&self) -> Result<BodyLength, Error> {
        let Some(codings) = self.transfer_encoding else {
            return self.known_length(BodyLength::UntilClose);
        };
        self.check_exclusive(codings)?;
        // Chunked as the last coding frames the message, whatever is below; else it ends with the
        // connection. `transfer_encoding` is the last field of that name.
        match syntax::elements(codings).last() {
            Some(last) if last.eq_ignore_ascii_case(b"chunked") => Ok(BodyLength::Chunked),
            _ => Ok(BodyLength::UntilClose),
        }
    }

    /// §6.1: Content-Length beside Transfer-Encoding ought to be handled as an error: it smells of
    /// request smuggling or response splitting.
    fn check_exclusive(&self, codings: &[u8]) -> Result<(), Error> {
        match self.content_length {
            Some(_) => Err(Error::peer(Kind::LengthAndTransferEncoding, codings)),
            None => Ok(()),
        }
    }

    fn known_length(&self, absent: BodyLength) -> Result<BodyLength, Error> {
        let Some(digits) = self.content_length else {
            return Ok(absent);
        };
        // §6.3 would let equal repetitions pass; aiohttp does not, neither do we.
        if self.repeated_content_length {
            return Err(Error::peer(Kind::RepeatedContentLength, digits));
        }
        match syntax::decimal(digits) {
            None => Err(Error::peer(Kind::BadContentLength, digits)),
            Some(0) => Ok(BodyLength::Empty),
            Some(length) => Ok(BodyLength::Known(length)),
        }
    }
}

fn is_continue(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b"100-continue")
}

/// What is wrong with transfer codings other than `chunked` alone (RFC 9112 §6.1): unknown ones
/// before it are 501; a malformed list, `identity` (abolished by RFC 7230) and chunked anywhere but
/// once at the end are 400.
fn transfer_coding_fault(codings: &[u8]) -> Kind {
    let count = syntax::elements(codings).count();
    let sound = syntax::elements(codings).enumerate().all(|(place, coding)| {
        let chunked = coding.eq_ignore_ascii_case(b"chunked");
        syntax::is_token(coding)
            && !coding.eq_ignore_ascii_case(b"identity")
            && (!chunked || place + 1 == count)
    });
    if sound {
        Kind::UnknownTransferCoding
    } else {
        Kind::BadTransferEncoding
    }
}

/// Whether a field must not be taken from a trailer section (RFC 9110 §6.5.1): framing, routing,
/// request modifiers, authentication, and what says how the content is to be processed.
pub(crate) fn is_forbidden_trailer(name: &[u8]) -> bool {
    const FORBIDDEN: [&[u8]; 33] = [
        b"age",
        b"authorization",
        b"cache-control",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-type",
        b"cookie",
        b"date",
        b"expect",
        b"expires",
        b"host",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
        b"keep-alive",
        b"location",
        b"max-forwards",
        b"pragma",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"range",
        b"retry-after",
        b"set-cookie",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"www-authenticate",
    ];
    FORBIDDEN
        .iter()
        .any(|forbidden| name.eq_ignore_ascii_case(forbidden))
}

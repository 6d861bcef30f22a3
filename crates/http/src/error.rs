//! Who broke the protocol, how, and what a server should answer.
//!
//! Kinds are named by the deed. Nothing here knows Python's exceptions: the binding has the table.

use std::fmt;

/// Most bytes of the peer's input that an error repeats.
const MAX_ECHO: usize = 100;

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// A command of this end's user was refused; nothing was sent.
    Local,
    /// The peer sent something wrong, or too little.
    Peer,
}

macro_rules! kinds {
    ($( $(#[$meta:meta])* $variant:ident $({ $($field:ident : $type:ty),* })? = $name:literal, $sentence:literal; )*) => {
        /// What was done wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $( $(#[$meta])* $variant $({ $(
                #[doc = concat!("See [`Kind::", stringify!($variant), "`].")]
                $field: $type
            ),* })?, )*
        }

        impl Kind {
            /// The reason for counters and logs, in snake case.
            #[must_use]
            pub fn as_str(&self) -> &'static str {
                match self { $( Kind::$variant $({ $($field: _),* })? => $name, )* }
            }

            /// A sentence that says what was wrong.
            fn sentence(&self) -> &'static str {
                match self { $( Kind::$variant $({ $($field: _),* })? => $sentence, )* }
            }
        }
    };
}

kinds! {
    /// The request line does not have three parts with one space between them.
    BadRequestLine = "bad_request_line", "the request line is malformed";
    /// The method is not a token, or not in upper case.
    BadMethod = "bad_method", "the request method is invalid";
    /// The target is in no form that the method allows, or has a byte that is not allowed.
    BadTarget = "bad_target", "the request target is invalid";
    /// The version is not HTTP/1.0 or HTTP/1.1.
    BadVersion = "bad_version", "the HTTP version is invalid or not supported";
    /// An HTTP/2 client speaks to an HTTP/1.1 server.
    Http2Preface = "http2_preface", "this is the preface of HTTP/2, which is not spoken here";
    /// The peer speaks TLS on a connection that is not secured.
    TlsRecord = "tls_record", "this is TLS, but the connection is plain (http, not https)";
    /// An HTTP/1.1 request has no Host field.
    MissingHost = "missing_host", "the Host field is missing";
    /// There is more than one Host field.
    RepeatedHost = "repeated_host", "the Host field is repeated";
    /// Host is no valid authority.
    BadHost = "bad_host", "the Host field is invalid";
    /// A field line has no colon, or its name is not a token.
    BadFieldName = "bad_field_name", "a field name is invalid";
    /// A field value has a control byte.
    BadFieldValue = "bad_field_value", "a field value is invalid";
    /// A field that may occur once occurs again.
    RepeatedField = "repeated_field", "a field that may occur only once is repeated";
    /// A field goes on in a second line.
    ObsoleteFold = "obsolete_fold", "a field is folded over several lines";
    /// A line ends by LF without CR.
    BareLineFeed = "bare_line_feed", "a line ends without a carriage return";
    /// The target is longer than `max_line_size`.
    RequestLineTooLong = "request_line_too_long", "the request line is too long (max_line_size)";
    /// The reason phrase is longer than `max_line_size`.
    StatusLineTooLong = "status_line_too_long", "the status line is too long (max_line_size)";
    /// A field is longer than `max_field_size`.
    FieldTooLong = "field_too_long", "a field line is too long (max_field_size)";
    /// There are more than `max_headers` fields.
    TooManyFields = "too_many_fields", "there are too many fields (max_headers)";
    /// The head is longer than `max_head_size`.
    HeadTooLarge = "head_too_large", "the head is too large (max_head_size)";
    /// Content-Length is not a number of ASCII digits below 2⁶⁴.
    BadContentLength = "bad_content_length", "the Content-Length is invalid";
    /// There is more than one Content-Length.
    RepeatedContentLength = "repeated_content_length", "the Content-Length is repeated";
    /// Content-Length together with Transfer-Encoding.
    LengthAndTransferEncoding = "length_and_transfer_encoding", "Content-Length and Transfer-Encoding exclude each other";
    /// Transfer-Encoding is malformed, repeated, or not understood in this version.
    BadTransferEncoding = "bad_transfer_encoding", "the Transfer-Encoding is invalid";
    /// A transfer coding other than chunked.
    UnknownTransferCoding = "unknown_transfer_coding", "the transfer coding is not implemented";
    /// A chunk's size line or its end is malformed.
    BadChunk = "bad_chunk", "the chunked body is malformed";
    /// Chunk extensions are longer than `max_chunk_extensions`.
    ChunkExtensionsTooLong = "chunk_extensions_too_long", "the chunk extensions are too long (max_chunk_extensions)";
    /// A trailer field is malformed or must not be a trailer.
    BadTrailer = "bad_trailer", "a trailer field is invalid";
    /// Trailers exceed `max_trailers` or `max_trailers_size`.
    TrailersTooLarge = "trailers_too_large", "the trailer section is too large (max_trailers, max_trailers_size)";
    /// Expect is not `100-continue`.
    UnknownExpectation = "unknown_expectation", "the expectation cannot be met";
    /// The status line is malformed.
    BadStatusLine = "bad_status_line", "the status line is malformed";
    /// The message stopped in its body: so much came of what was announced (None: not known).
    UnexpectedEof { received: u64, expected: Option<u64> } = "unexpected_eof", "the connection was closed before the message was complete";
    /// The message stopped in its head.
    EofInHead = "eof_in_head", "the connection was closed in the middle of a head";
    /// The connection was closed before any byte of the response.
    Disconnected = "disconnected", "the connection was closed without a response";
    /// Bytes came after the end of the message that no message can begin with, or unasked for.
    DataAfterMessage = "data_after_message", "data came after the end of the message";
    /// The head was not complete within `head_timeout`.
    HeadTimeout = "head_timeout", "the head took too long (head_timeout)";
    /// The body made no progress for `body_timeout`.
    BodyTimeout = "body_timeout", "the body took too long (body_timeout)";
    /// The body came more slowly than `min_body_rate`.
    BodyTooSlow = "body_too_slow", "the body came too slowly";
    /// A command for a stream that is over or never was.
    StreamClosed = "stream_closed", "the stream is closed";
    /// A command at the wrong time.
    WrongOrder = "wrong_order", "the command is out of order";
    /// More body than announced, or where there must be none.
    BodyTooLong = "body_too_long", "the body is longer than announced";
    /// Less body than announced.
    BodyTooShort = "body_too_short", "the body is shorter than announced";
    /// A field name is not a token.
    InvalidFieldName = "invalid_field_name", "a field name is invalid";
    /// A field value has CR, LF, NUL or another control byte.
    InvalidFieldValue = "invalid_field_value", "a field value is invalid";
    /// A field contradicts the framing or the end of the connection.
    ConflictingField = "conflicting_field", "a field contradicts the framing of the message";
    /// The method is not a token.
    InvalidMethod = "invalid_method", "the request method is invalid";
    /// The target is empty or has white space, control bytes or non-ASCII bytes.
    InvalidTarget = "invalid_target", "the request target is invalid";
    /// The reason phrase has a control byte.
    InvalidReason = "invalid_reason", "the reason phrase is invalid";
    /// The status is not possible here.
    InvalidStatus = "invalid_status", "the status is invalid";
}

impl Kind {
    /// What a server should answer to it, if it is the peer's fault.
    pub(crate) fn status(self) -> Option<u16> {
        Some(match self {
            Kind::HeadTimeout | Kind::BodyTimeout | Kind::BodyTooSlow => 408,
            Kind::RequestLineTooLong => 414,
            Kind::UnknownExpectation => 417,
            Kind::FieldTooLong | Kind::TooManyFields | Kind::HeadTooLarge => 431,
            Kind::UnknownTransferCoding => 501,
            Kind::Disconnected => return None,
            _ => 400,
        })
    }
}

/// A broken rule of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Whose fault it is.
    pub side: Side,
    /// What was done wrong.
    pub kind: Kind,
    /// What a server should answer; None where no answer makes sense.
    pub status: Option<u16>,
    detail: Option<Box<str>>,
}

impl Error {
    /// The peer did it; `input` is what it sent, repeated in part.
    pub(crate) fn peer(kind: Kind, input: &[u8]) -> Error {
        let detail = (!input.is_empty()).then(|| echo(input));
        Error {
            side: Side::Peer,
            kind,
            status: kind.status(),
            detail,
        }
    }

    /// This end's user did it.
    pub(crate) fn local(kind: Kind, detail: &str) -> Error {
        Error {
            side: Side::Local,
            kind,
            status: None,
            detail: (!detail.is_empty()).then(|| detail.into()),
        }
    }

    /// This end's user gave this input.
    pub(crate) fn local_input(kind: Kind, input: &[u8]) -> Error {
        Error {
            side: Side::Local,
            kind,
            status: None,
            detail: Some(echo(input)),
        }
    }

    /// The same fault, found in a trailer section.
    pub(crate) fn in_trailers(mut self) -> Error {
        self.kind = match self.kind {
            Kind::FieldTooLong | Kind::TooManyFields | Kind::HeadTooLarge => Kind::TrailersTooLarge,
            _ => Kind::BadTrailer,
        };
        self.status = self.kind.status();
        self
    }

    /// What exactly was wrong: for the peer's errors the escaped begin of the offending input.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

/// Input made harmless: escaped, and at most [`MAX_ECHO`] bytes of it.
fn echo(input: &[u8]) -> Box<str> {
    let shown = &input[..input.len().min(MAX_ECHO)];
    let dots = if shown.len() < input.len() { "…" } else { "" };
    format!("'{}'{dots}", shown.escape_ascii()).into_boxed_str()
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = self.kind.sentence();
        let mut letters = sentence.chars();
        if let Some(first) = letters.next() {
            write!(out, "{}{}", first.to_uppercase(), letters.as_str())?;
        }
        match (self.kind, &self.detail) {
            (
                Kind::UnexpectedEof {
                    received,
                    expected: Some(expected),
                },
                _,
            ) => {
                write!(out, ": {received} of {expected} bytes of the body were received")
            }
            (
                Kind::UnexpectedEof {
                    received,
                    expected: None,
                },
                _,
            ) => {
                write!(
                    out,
                    ": {received} bytes of the body were received, its end was not"
                )
            }
            (_, Some(detail)) => write!(out, ": {detail}"),
            (_, None) => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

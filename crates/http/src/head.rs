//! What the first part of a message says, once it has been checked.
//!
//! Plain values; how they are read from the wire is a protocol's matter.

use crate::Headers;

/// The version that a message declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no body.
    Empty,
    /// By its length in bytes. Received heads say [`BodyLength::Empty`] instead of 0.
    Known(u64),
    /// By the chunked coding (RFC 9112 §7.1).
    Chunked,
    /// By the end of the connection. Responses only.
    UntilClose,
}

/// In which form a request names its target (RFC 9112 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetForm {
    /// `/path?query`.
    Origin,
    /// `http://host/path?query`.
    Absolute,
    /// `host:port`, for CONNECT.
    Authority,
    /// `*`, for OPTIONS.
    Asterisk,
}

/// Where the parts of a request line lie in the head's bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LineIndex {
    pub method: (u32, u32),
    pub target: (u32, u32),
    pub path: (u32, u32),
    pub query: (u32, u32),
}

/// A received request up to its body.
///
/// The line's text lives in the same block as `headers`: with these replaced it is gone.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The declared version.
    pub version: Version,
    /// The form of the target.
    pub form: TargetForm,
    /// The fields as they came.
    pub headers: Headers,
    /// How the end of the body is known.
    pub body: BodyLength,
    /// Whether the peer wants to use the connection again, by version and Connection field.
    pub keep_alive: bool,
    /// Whether another protocol is offered: `Connection: upgrade` and an Upgrade field (1.1 only).
    pub upgrade: bool,
    /// Whether the peer waits for 100 before it sends the body (1.1 only).
    pub expect_continue: bool,
    pub(crate) line: LineIndex,
    /// Where the target names host and port; empty when it does not.
    pub(crate) authority: (u32, u32),
}

impl RequestHead {
    /// The method, case kept.
    #[must_use]
    pub fn method(&self) -> &str {
        self.part(self.line.method)
    }

    /// Whether the method is this one.
    pub(crate) fn is_method(&self, method: &[u8]) -> bool {
        self.headers.text(self.line.method.0, self.line.method.1) == method
    }

    /// The target as it came.
    #[must_use]
    pub fn target(&self) -> &str {
        self.part(self.line.target)
    }

    /// The target up to `?` or `#`; of an absolute form the path part, `/` if that is empty.
    #[must_use]
    pub fn path(&self) -> &str {
        match self.part(self.line.path) {
            "" if self.form == TargetForm::Absolute => "/",
            path => path,
        }
    }

    /// The target after `?` and up to `#`; empty if there is none.
    #[must_use]
    pub fn query(&self) -> &str {
        self.part(self.line.query)
    }

    /// The host with its port that the request is for: of the target if it names one (RFC 9112
    /// §3.2.2: that wins), else of the Host field; empty if there is none (HTTP/1.0).
    #[must_use]
    pub fn authority(&self) -> &str {
        match self.part(self.authority) {
            "" => self
                .headers
                .get("host")
                .and_then(|host| std::str::from_utf8(host).ok())
                .unwrap_or_default(),
            authority => authority,
        }
    }

    fn part(&self, (start, end): (u32, u32)) -> &str {
        // The parser lets only ASCII through (RFC 9112 §3.2), so the conversion does not fail.
        std::str::from_utf8(self.headers.text(start, end)).unwrap_or_default()
    }
}

/// A received response up to its body.
///
/// The reason's text lives in the same block as `headers`: with these replaced it is gone.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The declared version.
    pub version: Version,
    /// The status, 100–999.
    pub status: u16,
    /// The fields as they came.
    pub headers: Headers,
    /// How the end of the body is known.
    pub body: BodyLength,
    /// Whether the connection can be used again, by version, Connection field and framing.
    pub keep_alive: bool,
    /// Whether the protocol is switched after this head (101).
    pub upgrade: bool,
    pub(crate) reason: (u32, u32),
}

impl ResponseHead {
    /// The reason phrase as it came; may be empty.
    #[must_use]
    pub fn reason(&self) -> &[u8] {
        self.headers.text(self.reason.0, self.reason.1)
    }
}

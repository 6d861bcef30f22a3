//! The message that is being sent: what may come next and how it is framed.
//!
//! ```text
//!   Closed ── a stream begins ──▶ Head ── send_head ──▶ Length | Chunked | UntilClose | Nothing
//!     ▲                             │                                  │ finish, trailers
//!     └──────── next stream ────────┼───────────── Done ◀──────────────┘
//!                                   └─ 101, tunnel ──▶ Raw
//! ```
//!
//! The same for both ends. Knows nothing of heads: those differ.

use super::encode;
use crate::{Chunk, Error, Kind, Output};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// There is no stream.
    Closed,
    /// A head is due.
    Head,
    /// So many bytes of the body are due.
    Length(u64),
    Chunked,
    UntilClose,
    /// A body is taken and dropped: HEAD, 204, 304.
    Nothing,
    /// After a switch of protocols.
    Raw,
    /// The message is complete.
    Done,
}

impl Outgoing {
    /// Whether the message is complete, or there is none.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Outgoing::Done | Outgoing::Closed)
    }

    /// Send a piece of the body; returns how many bytes of it go out.
    pub(crate) fn data(&mut self, out: &mut Output, data: Chunk<'_>) -> Result<u64, Error> {
        let len = data.len() as u64;
        match self {
            Outgoing::Closed | Outgoing::Done => return Err(Error::local(Kind::StreamClosed, "")),
            Outgoing::Head => return Err(Error::local(Kind::WrongOrder, "data before the head")),
            Outgoing::Nothing => return Ok(0),
            Outgoing::Length(left) if len > *left => {
                return Err(Error::local(
                    Kind::BodyTooLong,
                    &format!("{len} bytes where {left} are left"),
                ));
            }
            Outgoing::Length(left) => {
                *left -= len;
                out.push(data);
            }
            Outgoing::UntilClose | Outgoing::Raw => out.push(data),
            // An empty chunk would end the body (RFC 9112 §7.1).
            Outgoing::Chunked if len == 0 => {}
            Outgoing::Chunked => {
                let size = data.len();
                out.append(|tail| encode::write_chunk_size(tail, size));
                out.push(data);
                out.extend(b"\r\n");
            }
        }
        Ok(len)
    }

    /// End the message.
    pub(crate) fn finish(&mut self, out: &mut Output) -> Result<(), Error> {
        match *self {
            Outgoing::Closed | Outgoing::Done => return Err(Error::local(Kind::StreamClosed, "")),
            Outgoing::Head => return Err(Error::local(Kind::WrongOrder, "the end before the head")),
            Outgoing::Length(left @ 1..) => {
                return Err(Error::local(
                    Kind::BodyTooShort,
                    &format!("{left} bytes are missing"),
                ));
            }
            Outgoing::Chunked => out.extend(b"0\r\n\r\n"),
            Outgoing::Length(0) | Outgoing::UntilClose | Outgoing::Nothing | Outgoing::Raw => {}
        }
        *self = Outgoing::Done;
        Ok(())
    }

    /// End the message with trailers. Where chunked was asked for but is not spoken (HTTP/1.0, no
    /// body), `dropped` says that they are checked and left out.
    pub(crate) fn trailers<'f>(
        &mut self,
        out: &mut Output,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])>,
        dropped: bool,
    ) -> Result<(), Error> {
        match self {
            Outgoing::Closed | Outgoing::Done => Err(Error::local(Kind::StreamClosed, "")),
            Outgoing::Chunked => {
                out.write(|tail| encode::write_trailers(tail, fields))?;
                *self = Outgoing::Done;
                Ok(())
            }
            Outgoing::UntilClose | Outgoing::Nothing if dropped => {
                encode::write_trailers(&mut Vec::new(), fields)?;
                *self = Outgoing::Done;
                Ok(())
            }
            _ => Err(Error::local(Kind::WrongOrder, "trailers need a chunked message")),
        }
    }
}

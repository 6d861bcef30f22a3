//! The body that is being received, by whichever framing, and how much of it may wait unread.
//!
//! Knows how a body ends (RFC 9112 §6.3). Knows nothing of heads, events or sides.

use super::chunked::{Chunked, Step};
use crate::{BodyLength, Error, Kind, Limits};

#[derive(Debug)]
enum Framing {
    Known { left: u64, whole: u64 },
    Chunked(Chunked),
    UntilClose,
}

/// The state of a body that is being received.
#[derive(Debug)]
pub(crate) struct Body {
    framing: Framing,
    received: u64,
}

impl Body {
    /// None where there is no body.
    pub(crate) fn new(length: BodyLength, lenient: bool) -> Option<Body> {
        let framing = match length {
            BodyLength::Empty | BodyLength::Known(0) => return None,
            BodyLength::Known(whole) => Framing::Known { left: whole, whole },
            BodyLength::Chunked => Framing::Chunked(Chunked::new(lenient)),
            BodyLength::UntilClose => Framing::UntilClose,
        };
        Some(Body { framing, received: 0 })
    }

    /// Body bytes received so far.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Right after data were taken: where a chunk ended with them, if one did.
    pub(crate) fn chunk_end(&self) -> Option<u64> {
        match &self.framing {
            Framing::Chunked(chunked) if chunked.is_at_end_of_data() => Some(self.received),
            _ => None,
        }
    }

    /// How much is known to be still to come.
    pub(crate) fn known_left(&self) -> u64 {
        match &self.framing {
            Framing::Known { left, .. } => *left,
            Framing::Chunked(chunked) => chunked.data_left(),
            Framing::UntilClose => 0,
        }
    }

    /// Take one step; returns how much of the input it used up.
    pub(crate) fn step<'a>(&mut self, input: &'a [u8], limits: &Limits) -> Result<(usize, Step<'a>), Error> {
        let (used, step) = match &mut self.framing {
            Framing::Known { left: 0, .. } => (0, Step::End(None)),
            _ if input.is_empty() => (0, Step::More),
            Framing::Known { left, .. } => {
                let len = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= len as u64;
                (len, Step::Data(&input[..len]))
            }
            Framing::Chunked(chunked) => chunked.step(input, limits)?,
            Framing::UntilClose => (input.len(), Step::Data(input)),
        };
        if let Step::Data(data) = step {
            self.received += data.len() as u64;
        }
        Ok((used, step))
    }

    /// How many of the next bytes are plain body bytes.
    pub(crate) fn want(&self, limits: &Limits) -> usize {
        match &self.framing {
            Framing::UntilClose => limits.body_window.max(1),
            _ => usize::try_from(self.known_left()).unwrap_or(usize::MAX),
        }
    }

    /// `n` plain body bytes were received elsewhere; more than wanted count as the wanted ones.
    /// Returns how many counted.
    pub(crate) fn landed(&mut self, n: usize) -> u64 {
        let n = match &mut self.framing {
            Framing::Known { left, .. } => {
                let n = (n as u64).min(*left);
                *left -= n;
                n
            }
            Framing::Chunked(chunked) => {
                let n = (n as u64).min(chunked.data_left());
                if n > 0 {
                    chunked.data_taken(n);
                }
                n
            }
            Framing::UntilClose => n as u64,
        };
        self.received += n;
        n
    }

    /// The peer will send no more: is that the end of the body?
    pub(crate) fn end_of_input(&self) -> Result<(), Error> {
        let expected = match &self.framing {
            Framing::UntilClose => return Ok(()),
            Framing::Known { whole, .. } => Some(*whole),
            Framing::Chunked(_) => None,
        };
        Err(Error::peer(
            Kind::UnexpectedEof {
                received: self.received,
                expected,
            },
            b"",
        ))
    }

    /// Bytes of trailers looked at since the last call.
    pub(crate) fn take_work(&mut self) -> u64 {
        match &mut self.framing {
            Framing::Chunked(chunked) => chunked.take_work(),
            _ => 0,
        }
    }
}

/// Back-pressure: how much was delivered and not yet consumed.
#[derive(Debug, Default)]
pub(crate) struct Window {
    outstanding: usize,
    full: bool,
}

impl Window {
    /// Whether no more is wanted for now.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    pub(crate) fn delivered(&mut self, n: usize, limits: &Limits) {
        self.outstanding = self.outstanding.saturating_add(n);
        self.full |= self.outstanding > limits.body_window;
    }

    /// Reading goes on only below half: else it would stop and go with each piece.
    pub(crate) fn consumed(&mut self, n: usize, limits: &Limits) {
        self.outstanding = self.outstanding.saturating_sub(n);
        self.full &= self.outstanding > limits.body_window / 2;
    }

    /// A new message.
    pub(crate) fn reset(&mut self) {
        *self = Window::default();
    }
}

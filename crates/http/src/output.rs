//! The queue of bytes that wait to be sent, as segments.
//!
//! Small writes join one buffer that is used again and again; large shared ones keep their own
//! segment, so that a body is never copied. Knows nothing of what the bytes mean.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// A shared chunk below this size is copied: that is cheaper than a segment of its own.
const MIN_SHARED: usize = 4096;
/// A buffer that grew beyond this is not kept for the next message.
const MAX_RECYCLED: usize = 65_536;

/// A piece of a body that is to be sent.
#[derive(Clone, Debug)]
pub enum Chunk<'a> {
    /// Bytes that are copied into the output.
    Borrowed(&'a [u8]),
    /// Bytes that are shared; from 4 KiB on they are sent from where they are.
    Shared(Bytes),
}

impl Chunk<'_> {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Chunk::Borrowed(bytes) => bytes,
            Chunk::Shared(bytes) => bytes,
        }
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A contiguous part of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Bytes written by the machine.
    Owned(Vec<u8>),
    /// Bytes given by the user and sent from where they are.
    Shared(Bytes),
}

impl Segment {
    fn as_slice(&self) -> &[u8] {
        match self {
            Segment::Owned(bytes) => bytes,
            Segment::Shared(bytes) => bytes,
        }
    }
}

/// What is to be sent, in order.
#[derive(Debug, Default)]
pub struct Output {
    /// Segments that come before `tail`; never empty ones.
    queue: VecDeque<Segment>,
    /// The buffer that is being written to.
    tail: Vec<u8>,
    /// How much of the first segment (`queue`'s front, or else `tail`) has been sent.
    sent: usize,
    /// Unsent bytes in all.
    len: usize,
}

impl Output {
    /// How many bytes wait to be sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits to be sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fill `into` with the first unsent segments, for a gathering write.
    ///
    /// Returns how many slices were filled.
    pub fn slices<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.sent;
        let mut filled = 0;
        for bytes in self
            .queue
            .iter()
            .map(Segment::as_slice)
            .chain([self.tail.as_slice()])
        {
            let rest = bytes.get(skip..).unwrap_or_default();
            skip = 0;
            if rest.is_empty() {
                continue;
            }
            let Some(slot) = into.get_mut(filled) else { break };
            *slot = IoSlice::new(rest);
            filled += 1;
        }
        filled
    }

    /// Drop the first `n` bytes: they were sent. More than there are drops them all.
    pub fn advance(&mut self, n: usize) {
        let mut n = n.min(self.len);
        self.len -= n;
        while let Some(first) = self.queue.front() {
            let rest = first.as_slice().len() - self.sent;
            if n < rest {
                self.sent += n;
                return;
            }
            n -= rest;
            self.sent = 0;
            if let Some(Segment::Owned(buffer)) = self.queue.pop_front() {
                self.keep(buffer);
            }
        }
        self.sent += n;
        if self.len == 0 {
            self.tail.clear();
            self.sent = 0;
            if self.tail.capacity() > MAX_RECYCLED {
                self.tail = Vec::new();
            }
        }
    }

    /// Take the first unsent segment away, for transports that want one byte string at a time.
    pub fn pop(&mut self) -> Option<Segment> {
        let sent = std::mem::take(&mut self.sent);
        let segment = match self.queue.pop_front() {
            Some(segment) => segment,
            None if self.len > 0 => Segment::Owned(std::mem::take(&mut self.tail)),
            None => return None,
        };
        let segment = match segment {
            Segment::Owned(mut bytes) => {
                bytes.drain(..sent);
                Segment::Owned(bytes)
            }
            Segment::Shared(mut bytes) => {
                bytes.advance(sent);
                Segment::Shared(bytes)
            }
        };
        self.len -= segment.as_slice().len();
        Some(segment)
    }

    /// Give the empty buffer away, so that an idle connection holds none.
    ///
    /// Returns None while something waits to be sent or when there is no buffer.
    pub fn recycle(&mut self) -> Option<Vec<u8>> {
        (self.len == 0 && self.tail.capacity() > 0).then(|| std::mem::take(&mut self.tail))
    }

    /// Give the output a buffer to write to; its contents are dropped. Ignored when it has one.
    pub fn donate(&mut self, buffer: Vec<u8>) {
        self.keep(buffer);
    }

    fn keep(&mut self, mut buffer: Vec<u8>) {
        if self.tail.capacity() == 0 && buffer.capacity() <= MAX_RECYCLED {
            buffer.clear();
            self.tail = buffer;
        }
    }

    /// Drop all that waits.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.tail.clear();
        self.sent = 0;
        self.len = 0;
    }

    /// Append by a writer that gets the buffer. If it fails, nothing was appended.
    pub(crate) fn write<E>(&mut self, writer: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let before = self.tail.len();
        let result = writer(&mut self.tail);
        if result.is_err() {
            self.tail.truncate(before);
        }
        self.len += self.tail.len() - before;
        result
    }

    /// Append by a writer that cannot fail.
    pub(crate) fn append(&mut self, writer: impl FnOnce(&mut Vec<u8>)) {
        let before = self.tail.len();
        writer(&mut self.tail);
        self.len += self.tail.len() - before;
    }

    /// Append a few bytes.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Append a chunk, without copying it where that pays.
    pub fn push(&mut self, chunk: Chunk<'_>) {
        match chunk {
            Chunk::Shared(bytes) if bytes.len() >= MIN_SHARED => {
                self.len += bytes.len();
                if !self.tail.is_empty() {
                    self.queue
                        .push_back(Segment::Owned(std::mem::take(&mut self.tail)));
                }
                self.queue.push_back(Segment::Shared(bytes));
            }
            Chunk::Shared(bytes) => self.extend(&bytes),
            Chunk::Borrowed(bytes) => self.extend(bytes),
        }
    }
}

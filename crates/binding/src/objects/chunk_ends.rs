//! Where the HTTP chunks of a body ended, as far as nobody has read past them.
//!
//! Kept as the chunks' lengths, seven bits a byte: an end never takes more memory than the chunk that it ends, so
//! what bounds the unread bytes of a body bounds its ends too, however tiny the chunks are. Knows neither the bytes
//! nor Python.

use std::collections::VecDeque;

/// A queue of rising offsets into one body.
#[derive(Debug, Default)]
pub struct ChunkEnds {
    /// The first that waits.
    first: Option<u64>,
    /// How far the others lie behind one another: seven bits a byte, low ones first, the last byte without bit 7.
    lengths: VecDeque<u8>,
    /// The last that was told, waiting or not.
    last: u64,
}

impl ChunkEnds {
    /// A chunk ended here; one without data says nothing new.
    pub fn push(&mut self, end: u64) {
        if end <= self.last {
            return;
        }
        if self.first.is_none() {
            self.first = Some(end);
        } else {
            let mut length = end - self.last;
            while length > 0x7f {
                self.lengths.push_back((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            self.lengths.push_back(length as u8);
        }
        self.last = end;
    }

    /// The first that waits.
    pub fn first(&self) -> Option<u64> {
        self.first
    }

    /// Drops the first.
    pub fn pop(&mut self) {
        let Some(first) = self.first.take() else { return };
        let (mut length, mut shift) = (0, 0);
        while let Some(byte) = self.lengths.pop_front() {
            length |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                self.first = Some(first + length);
                return;
            }
        }
    }

    /// Drops those before `offset`.
    pub fn drop_before(&mut self, offset: u64) {
        while self.first.is_some_and(|first| first < offset) {
            self.pop();
        }
    }

    /// Nobody wants to know those that wait, nor any up to `end`.
    pub fn skip_to(&mut self, end: u64) {
        self.first = None;
        self.lengths = VecDeque::new();
        self.last = self.last.max(end);
    }
}

//! Events that wait to be pulled.
//!
//! Pieces of a body that came in one read become one event: a peer that sends tiny chunks must not
//! make each of them cost an allocation and a call into user code. Where its chunks ended is gathered
//! alike and follows the data.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{Event, StreamId};

/// A queue that grew beyond this is not kept: a response after hundreds of interim ones in one read
/// must not make its connection dear for good.
const MAX_KEPT: usize = 32;

#[derive(Debug)]
pub(crate) struct Events<H> {
    queue: VecDeque<(StreamId, Event<H>)>,
    gathered: Vec<u8>,
    chunk_ends: Vec<u64>,
}

impl<H> Events<H> {
    pub(crate) fn new() -> Events<H> {
        Events {
            queue: VecDeque::new(),
            gathered: Vec::new(),
            chunk_ends: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.gathered.is_empty() && self.chunk_ends.is_empty()
    }

    pub(crate) fn push(&mut self, stream: StreamId, event: Event<H>) {
        self.flush(stream);
        self.queue.push_back((stream, event));
    }

    /// A piece of the body.
    pub(crate) fn data(&mut self, piece: &[u8]) {
        self.gathered.extend_from_slice(piece);
    }

    /// A chunk ended at this offset into the body.
    pub(crate) fn chunk_end(&mut self, end: u64) {
        self.chunk_ends.push(end);
    }

    /// The read is over: what was gathered becomes events.
    pub(crate) fn flush(&mut self, stream: StreamId) {
        if !self.gathered.is_empty() {
            let data = Bytes::from(std::mem::take(&mut self.gathered));
            self.queue.push_back((stream, Event::Data(data)));
        }
        if !self.chunk_ends.is_empty() {
            let ends = std::mem::take(&mut self.chunk_ends).into_boxed_slice();
            self.queue.push_back((stream, Event::ChunkEnds(ends)));
        }
    }

    pub(crate) fn pop(&mut self) -> Option<(StreamId, Event<H>)> {
        let event = self.queue.pop_front();
        if event.is_none() && self.queue.capacity() > MAX_KEPT {
            self.queue = VecDeque::new();
        }
        event
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.gathered.clear();
        self.chunk_ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_queue_holds_little() {
        let mut events: Events<()> = Events::new();
        for _ in 0..1000 {
            events.push(StreamId(1), Event::Head(()));
        }
        while events.pop().is_some() {}
        assert!(events.queue.capacity() <= MAX_KEPT);
    }
}

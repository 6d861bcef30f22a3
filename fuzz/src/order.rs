//! The order in which a machine may tell things: of each stream, and of streams among each other.

use quinde_http::{Event, StreamId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing of this stream yet, or interim responses.
    Before,
    Body,
    Trailed,
    Ended,
    /// After a switch of protocols.
    Raw,
    RawEnded,
}

/// Holds the events of one connection to their order.
#[derive(Debug)]
pub(crate) struct Order {
    stream: u64,
    stage: Stage,
    received: u64,
    chunk_end: u64,
    /// An error was told: nothing may follow.
    over: bool,
}

impl Order {
    pub(crate) fn new() -> Order {
        Order {
            stream: 0,
            stage: Stage::Before,
            received: 0,
            chunk_end: 0,
            over: false,
        }
    }

    /// The stream that was last heard of.
    pub(crate) fn stream(&self) -> StreamId {
        StreamId(self.stream)
    }

    /// Whether all of a message was told.
    pub(crate) fn is_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Whether an error was told.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Body bytes that were received without an event.
    pub(crate) fn landed(&mut self, n: usize) {
        self.received += n as u64;
    }

    pub(crate) fn check<H>(&mut self, stream: StreamId, event: &Event<H>) {
        assert!(!self.over, "an event after an error");
        assert!(stream.0 >= self.stream, "an event of a stream that is over");
        if stream.0 > self.stream {
            *self = Order {
                stream: stream.0,
                ..Order::new()
            };
        }
        self.stage = match (event, self.stage) {
            (Event::Informational(head), Stage::Before) => {
                assert!(matches!(head.status, 100 | 102..200), "no interim status");
                Stage::Before
            }
            (Event::Head(_), Stage::Before) => Stage::Body,
            (Event::Data(data), Stage::Body | Stage::Raw) => {
                assert!(!data.is_empty(), "an event that tells nothing");
                self.received += data.len() as u64;
                self.stage
            }
            (Event::ChunkEnds(ends), Stage::Body) => {
                assert!(!ends.is_empty(), "an event that tells nothing");
                for &end in ends {
                    assert!(
                        end > self.chunk_end && end <= self.received,
                        "a chunk's end out of order"
                    );
                    self.chunk_end = end;
                }
                Stage::Body
            }
            (Event::Trailers(trailers), Stage::Body) => {
                assert!(!trailers.is_empty(), "an event that tells nothing");
                Stage::Trailed
            }
            (Event::End, Stage::Body | Stage::Trailed) => Stage::Ended,
            (Event::Upgraded(_), Stage::Body | Stage::Ended) => Stage::Raw,
            (Event::End, Stage::Raw) => Stage::RawEnded,
            (Event::Error(_), stage) => {
                self.over = true;
                stage
            }
            _ => panic!("an event out of order at {:?}", self.stage),
        };
    }
}

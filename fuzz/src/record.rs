//! What a machine told, with neighbouring pieces of a body joined: how they were cut is no matter.

use quinde_http::{Event, Headers, Kind, RequestHead, ResponseHead, StreamId};

/// A head that can be compared.
pub(crate) trait Told {
    /// All that it says besides its fields.
    fn start(&self) -> Vec<u8>;
    fn headers(&self) -> &Headers;
}

impl Told for RequestHead {
    fn start(&self) -> Vec<u8> {
        let (form, version, body) = (self.form, self.version, self.body);
        let marks = (self.keep_alive, self.upgrade, self.expect_continue);
        let parts = (
            self.method(),
            self.target(),
            self.path(),
            self.query(),
            self.authority(),
        );
        format!("{parts:?} {form:?} {version:?} {body:?} {marks:?}").into_bytes()
    }

    fn headers(&self) -> &Headers {
        &self.headers
    }
}

impl Told for ResponseHead {
    fn start(&self) -> Vec<u8> {
        let (version, status, body) = (self.version, self.status, self.body);
        let marks = (self.keep_alive, self.upgrade);
        let mut start = format!("{version:?} {status} {body:?} {marks:?} ").into_bytes();
        start.extend_from_slice(self.reason());
        start
    }

    fn headers(&self) -> &Headers {
        &self.headers
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Head(Vec<u8>, Headers),
    Informational(Vec<u8>, Headers),
    Data(Vec<u8>),
    Trailers(Headers),
    End,
    Upgraded,
    Error(Kind, Option<u16>),
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub entries: Vec<(u64, Entry)>,
    /// Where chunks ended, with their streams.
    pub chunk_ends: Vec<(u64, u64)>,
}

impl Record {
    pub(crate) fn add<H: Told>(&mut self, stream: StreamId, event: &Event<H>) {
        let entry = match event {
            Event::Data(data) => return self.data(stream, data),
            Event::ChunkEnds(ends) => {
                self.chunk_ends.extend(ends.iter().map(|end| (stream.0, *end)));
                return;
            }
            Event::Head(head) => Entry::Head(head.start(), head.headers().clone()),
            Event::Informational(head) => Entry::Informational(head.start(), head.headers.clone()),
            Event::Trailers(trailers) => Entry::Trailers(trailers.clone()),
            Event::End => Entry::End,
            Event::Upgraded(rest) => {
                self.entries.push((stream.0, Entry::Upgraded));
                return self.data(stream, rest);
            }
            Event::Error(error) => Entry::Error(error.kind, error.status),
        };
        self.entries.push((stream.0, entry));
    }

    /// A piece of a body.
    pub(crate) fn data(&mut self, stream: StreamId, piece: &[u8]) {
        match self.entries.last_mut() {
            _ if piece.is_empty() => {}
            Some((last, Entry::Data(data))) if *last == stream.0 => data.extend_from_slice(piece),
            _ => self.entries.push((stream.0, Entry::Data(piece.to_vec()))),
        }
    }
}

//! An input: four settings, commands of four bytes each, and then what the peer sends, as it is on the wire.
//!
//! The wire comes last and unchanged, so that seeds and the dictionary mean something to the fuzzer. Four zero bytes
//! before some traffic are a valid input: default limits, no commands, cut byte by byte.

use std::sync::Arc;

use arbitrary::{Arbitrary, Result, Unstructured};
use quinde_http::Limits;

/// One command: its kind and three arguments.
pub(crate) type Op = [u8; 4];

#[derive(Debug)]
pub(crate) struct Script<'a> {
    settings: [u8; 4],
    pub ops: Vec<Op>,
    pub wire: &'a [u8],
}

impl<'a> Arbitrary<'a> for Script<'a> {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let settings = four(input)?;
        let count = usize::from(settings[1]).min(input.len() / 4);
        let ops = (0..count).map(|_| four(input)).collect::<Result<_>>()?;
        let wire = input.bytes(input.len())?;
        Ok(Script { settings, ops, wire })
    }
}

fn four(input: &mut Unstructured<'_>) -> Result<Op> {
    let bytes = input.bytes(4)?;
    Ok([bytes[0], bytes[1], bytes[2], bytes[3]])
}

impl<'a> Script<'a> {
    /// None if the input is too short.
    pub(crate) fn read(data: &'a [u8]) -> Option<Script<'a>> {
        Script::arbitrary(&mut Unstructured::new(data)).ok()
    }

    /// The default limits, or small ones that short inputs reach.
    pub(crate) fn limits(&self) -> Arc<Limits> {
        Arc::new(match self.settings[0] % 3 {
            0 => Limits::default(),
            1 => Limits {
                max_line_size: 24,
                max_field_size: 40,
                max_headers: 4,
                max_head_size: 160,
                max_trailers_size: 48,
                max_trailers: 2,
                max_chunk_extensions: 12,
                max_pipelined: 2,
                max_discard: 20,
                body_window: 16,
                ..Limits::default()
            },
            _ => Limits {
                max_field_size: 400,
                max_head_size: 1000,
                max_discard: 0,
                body_window: 0,
                head_timeout: 0,
                first_timeout: 1,
                keepalive_timeout: 1,
                body_timeout: 7,
                min_body_rate: 50,
                linger_timeout: 0,
                ..Limits::default()
            },
        })
    }

    /// The wire in pieces: byte by byte, or of sizes drawn from the settings.
    pub(crate) fn pieces(&self) -> Vec<&'a [u8]> {
        cut(self.wire, self.settings[2])
    }

    /// Whether the peer closes after it has sent all.
    pub(crate) fn ends(&self) -> bool {
        self.settings[3] & 1 != 0
    }

    /// A free choice of the target's: four bits.
    pub(crate) fn choice(&self) -> u8 {
        self.settings[3] >> 1 & 0xf
    }

    /// What a peer sends who goes on and on: the wire many times over, so that a short input can be a flood.
    pub(crate) fn flood(&self) -> Vec<u8> {
        self.wire
            .repeat([1, 1, 1, 1, 2, 4, 8, 16][usize::from(self.settings[3] >> 5)])
    }
}

/// Cut bytes in pieces; 0 means one by one.
pub(crate) fn cut(mut bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut state = u64::from(seed) << 32 | 0x9e37_79b9;
    let largest = 1 << (seed % 9);
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let size = 1 + (state >> 33) as usize % largest;
        let (piece, rest) = bytes.split_at(size.min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

/// Fields that a command may carry: good ones, ones about framing and the connection, bad ones.
pub(crate) const FIELDS: [(&[u8], &[u8]); 16] = [
    (b"Host", b"a"),
    (b"X-A", b"b"),
    (b"Content-Length", b"3"),
    (b"Transfer-Encoding", b"chunked"),
    (b"Connection", b"close"),
    (b"Connection", b"upgrade"),
    (b"Upgrade", b"new"),
    (b"Connection", b"keep-alive"),
    (b"Content-Length", b"0"),
    (b"Expect", b"100-continue"),
    (b"X-B", b""),
    (b"Host", b"b"),
    (b"Bad Name", b"x"),
    (b"X-C", b"a\r\nY: z"),
    (b"Content-Length", b"+3"),
    (b"Transfer-Encoding", b"gzip"),
];

/// Those of [`FIELDS`] that two bytes of a command select.
pub(crate) fn fields(low: u8, high: u8) -> impl Iterator<Item = (&'static [u8], &'static [u8])> + Clone {
    let mask = u16::from_le_bytes([low, high]);
    FIELDS
        .iter()
        .enumerate()
        .filter(move |(bit, _)| mask & (1 << bit) != 0)
        .map(|(_, field)| *field)
}

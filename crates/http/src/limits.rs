//! What one connection may cost: sizes, counts and times, each with its precedent.
//!
//! Data only. Who shares a `Limits` between connections wraps it in an `Arc`.

/// Sizes in bytes, counts, and times in milliseconds (0 switches a timeout off).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request target or reason phrase (aiohttp: 8,190, measured so). Above: 414.
    pub max_line_size: usize,
    /// Longest field, name and value together (aiohttp: 8,190, measured so). Above: 431.
    pub max_field_size: usize,
    /// Most field lines in one head (aiohttp: 128). Above: 431.
    pub max_headers: usize,
    /// Longest head altogether (Envoy: 60 KiB; aiohttp has no such cap). Above: 431.
    pub max_head_size: usize,
    /// Longest trailer section altogether. Above: 400.
    pub max_trailers_size: usize,
    /// Most field lines in one trailer section. Above: 400.
    pub max_trailers: usize,
    /// Most bytes of chunk extensions in one body (hyper: 16 KiB). Above: 400.
    pub max_chunk_extensions: usize,
    /// How many requests may wait behind the one that is being answered. Waiting requests are kept
    /// as bytes; their heads are counted, and with the rest bounded by `max_head_size` in bytes.
    pub max_pipelined: usize,
    /// Most bytes that are read and thrown away: of a request body after its answer, before the
    /// connection is closed instead of being used again; and of what a refused peer still sends.
    /// Many clients read only when they have sent all (RFC 9112 §9.6).
    pub max_discard: u64,
    /// Body bytes delivered but not yet consumed above which no more are wanted.
    pub body_window: usize,
    /// How long a head may take from its first byte (Apache: 20 s, h2o: 10 s). Above: 408.
    pub head_timeout: u64,
    /// How long a TLS handshake may take (nginx: 60 s, Go: off). Above: closed. The driver's, as TLS is.
    pub handshake_timeout: u64,
    /// How long a new connection may say nothing (nginx: 60 s, aiohttp: as between messages).
    pub first_timeout: u64,
    /// How long a connection may be idle between messages (nginx and aiohttp: 75 s).
    pub keepalive_timeout: u64,
    /// How long a body may make no progress while somebody waits for it (nginx: 60 s), and how long
    /// the rest of a body that nobody wants may take altogether. Above: 408.
    pub body_timeout: u64,
    /// How many bytes a second a body has to bring, on average over the time for which somebody
    /// waited for it; 0: any number (Kestrel: 240, Apache: 500). Below: 408.
    pub min_body_rate: u64,
    /// How long output may wait for a peer that takes nothing of it (nginx: 60 s). Above: reset. The
    /// driver's, see [`WriteStall`](crate::WriteStall).
    pub write_timeout: u64,
    /// How long a refused peer is still listened to, so that it can read the answer (nginx: 5 s).
    pub linger_timeout: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_line_size: 8190,
            max_field_size: 8190,
            max_headers: 128,
            max_head_size: 65_536,
            max_trailers_size: 8192,
            max_trailers: 32,
            max_chunk_extensions: 4096,
            max_pipelined: 32,
            max_discard: 16 * 1024 * 1024,
            body_window: 524_288,
            head_timeout: 10_000,
            handshake_timeout: 10_000,
            first_timeout: 75_000,
            keepalive_timeout: 75_000,
            body_timeout: 60_000,
            min_body_rate: 0,
            write_timeout: 60_000,
            linger_timeout: 2_000,
        }
    }
}

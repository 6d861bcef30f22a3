//! What the poller says about one descriptor. Plain data.

/// What changed on a descriptor, as one event tells it: an edge, not a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Bytes, a connection to accept, the end of the stream or an error can be read.
    pub readable: bool,
    /// Bytes can be sent, or sending will tell an error.
    pub writable: bool,
    /// The peer closed its sending half, the connection is down, or an error waits (RDHUP, HUP or ERR).
    pub hup: bool,
}

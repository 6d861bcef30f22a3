//! A large body that somebody collects: the loop is woken for much of it at once, not for each packet.
//!
//! A turn of the event loop costs as much as some ten thousand bytes of a body, and a client that is faster than its
//! server would take one for every few packets. So where many bytes are certain to come and only all of them are of use,
//! the kernel is told to call the socket readable no sooner than a buffer can be filled (SO_RCVLOWAT). Its end and errors
//! are told at once, as always.
//!
//! A slow peer's body is read as it comes: what has not filled the buffer in time shows that turns are not the limit.
//! So no time-out takes bytes that lie in the kernel for silence, nor does anything hang where the option does not work.

use quinde_reactor::Readiness;

use super::connection::{Connection, Io, Side};
use super::scratch;

/// How many milliseconds gathering may take.
pub const PATIENCE: u64 = 100;
/// What is gathered at once.
const MUCH: usize = scratch::SIZE;
/// Less is read as it comes.
const WORTHWHILE: usize = 64 * 1024;
/// So many of the bytes that are still to come may be in `ssl` already: one record less a byte (RFC 8446 §5.2).
const AHEAD: usize = 5 + 16_384 + 256;

#[derive(Default)]
pub struct Gather {
    /// When bytes came last, while more are being gathered.
    since: Option<u64>,
    /// The peer was too slow for it, with this body.
    is_slow: bool,
}

impl Gather {
    pub fn deadline(&self) -> Option<u64> {
        Some(self.since? + PATIENCE)
    }

    /// How many bytes to wait for, where `certain` ones will come.
    fn amount(certain: usize) -> usize {
        match certain.saturating_sub(AHEAD).min(MUCH) {
            amount if amount < WORTHWHILE => 1,
            amount => amount,
        }
    }
}

/// Tells the kernel what to wake for, when all that was there has been read.
pub fn prepare(connection: &mut Connection) {
    let Connection { io, side, gather, .. } = connection;
    let (Io::Socket(socket), Side::Client(client)) = (io, side) else {
        return;
    };
    if socket.is_readable() {
        return;
    }
    let (certain, progress) = client.certain_input();
    if certain == 0 {
        *gather = Gather::default();
    }
    let amount = if gather.is_slow {
        1
    } else {
        Gather::amount(certain)
    };
    gather.since = (amount > 1).then_some(progress);
    socket.set_low_water(amount);
}

/// Whether gathering takes too long: then whatever is there is to be read, before anybody calls it silence.
pub fn expire(connection: &mut Connection, now: u64) -> bool {
    let Connection { io, gather, .. } = connection;
    let Io::Socket(socket) = io else { return false };
    let is_over = gather.deadline().is_some_and(|at| at <= now);
    if is_over {
        gather.since = None;
        gather.is_slow = true;
        socket.set_ready(Readiness {
            readable: true,
            ..Readiness::default()
        });
    }
    is_over
}

/// Any byte is worth waking for from now on, whoever it is for.
pub fn stop(connection: &mut Connection) {
    connection.gather = Gather::default();
    if let Io::Socket(socket) = &mut connection.io {
        socket.set_low_water(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_waited_for_than_will_come() {
        for certain in [0, 1, WORTHWHILE, AHEAD + WORTHWHILE - 1] {
            assert_eq!(Gather::amount(certain), 1);
        }
        assert_eq!(Gather::amount(AHEAD + WORTHWHILE), WORTHWHILE);
        assert_eq!(Gather::amount(AHEAD + MUCH - 1), MUCH - 1);
        assert_eq!(Gather::amount(AHEAD + MUCH), MUCH);
        assert_eq!(Gather::amount(usize::MAX), MUCH);
    }
}

//! Two ends of a connection: ours under test, and a blocking one of the standard library as the peer.
//!
//! Over a Unix pair everything that a call did is there when the next call looks; TCP may take its time, so
//! tests over TCP wait by the poller.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use quinde_reactor::{Received, Socket};

pub(crate) fn unix() -> (Socket, UnixStream) {
    let (ours, peer) = UnixStream::pair().unwrap();
    (Socket::from_fd(ours.into()).unwrap(), peer)
}

pub(crate) fn tcp() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    (Socket::from_fd(ours.into()).unwrap(), peer)
}

/// Read as a driver does: as long as the flags say that there may be more. Returns the bytes and the number
/// of calls.
pub(crate) fn drain(socket: &mut Socket) -> (Vec<u8>, usize) {
    let (mut bytes, mut calls) = (Vec::new(), 0);
    let mut buffer = [0; 256];
    while socket.is_readable() {
        calls += 1;
        match socket.recv(&mut buffer) {
            Received::Data(n) => bytes.extend_from_slice(&buffer[..n]),
            Received::Blocked | Received::Closed => {}
            Received::Failed(error) => panic!("{error}"),
        }
    }
    (bytes, calls)
}

pub(crate) fn read_exactly(peer: &mut impl Read, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    peer.read_exact(&mut bytes).unwrap();
    bytes
}

/// Numbers that look random and are the same in each run (xorshift64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }
}

//! One connected stream socket, TCP or Unix, with what is known of its readiness.
//!
//! It moves bytes and nothing else: no buffer, no queue, no protocol. All calls return at once.
//!
//! # The readiness rule
//!
//! The flags say what the poller told and the kernel has not taken back. A read that fills less than its
//! buffer, or `EAGAIN`, takes "readable" back: anything that comes later makes a new edge. But a hang-up that
//! was seen makes no new edge, so after one "readable" stays until the end of the stream was read. With
//! `EAGAIN` and short writes likewise for "writable".
//!
//! Two senders can make a read short while more is there: TCP's urgent mark, and descriptors passed over a
//! Unix socket. Neither belongs to HTTP; whoever does it waits for his own time-out.

use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use crate::address::Address;
use crate::readiness::Readiness;

/// What one system call takes at most; the kernel refuses more (`UIO_MAXIOV` on Linux, `IOV_MAX` elsewhere).
const MAX_SLICES: usize = 1024;

#[cfg(not(any(target_os = "macos", target_os = "ios")))]
const SEND_FLAGS: libc::c_int = libc::MSG_NOSIGNAL;
/// Apple has a socket option instead, set by `from_fd`.
#[cfg(any(target_os = "macos", target_os = "ios"))]
const SEND_FLAGS: libc::c_int = 0;

/// What [`Socket::recv`] got.
#[derive(Debug)]
pub enum Received {
    /// So many bytes, at the start of the buffer. Zero only if the buffer has no room.
    Data(usize),
    /// Nothing is there now.
    Blocked,
    /// The peer sends no more.
    Closed,
    /// The connection is broken.
    Failed(io::Error),
}

/// What became of the bytes of [`Socket::send`].
#[derive(Debug)]
pub enum Sent {
    /// So many bytes are with the kernel, counted through the slices. Zero only if there were none.
    Data(usize),
    /// The kernel takes none now. Wait until [`Socket::is_writable`]; if it still is, the kernel itself is
    /// short of memory and will not tell when that ends: try again in a later turn.
    Blocked,
    /// The connection is broken.
    Failed(io::Error),
}

/// A non-blocking stream socket that is closed when dropped.
#[derive(Debug)]
pub struct Socket {
    inner: socket2::Socket,
    readable: bool,
    writable: bool,
    hup: bool,
    closed: bool,
    low_water: usize,
}

impl Socket {
    /// Take over a connected stream socket, and make it non-blocking.
    ///
    /// It starts as readable and writable: nothing is known yet, so trying is right.
    ///
    /// # Errors
    /// The descriptor cannot be made non-blocking; it is closed then.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        let inner = socket2::Socket::from(fd);
        inner.set_nonblocking(true)?;
        #[cfg(any(target_os = "macos", target_os = "ios"))]
        inner.set_nosigpipe(true)?;
        Ok(Self::from_non_blocking(inner))
    }

    /// `inner` is non-blocking, as accept4(2) gives it.
    pub(crate) fn from_non_blocking(inner: socket2::Socket) -> Self {
        Self {
            inner,
            readable: true,
            writable: true,
            hup: false,
            closed: false,
            low_water: 1,
        }
    }

    /// Remember what the poller said. Nothing is forgotten by this.
    pub fn set_ready(&mut self, readiness: Readiness) {
        self.hup |= readiness.hup;
        self.readable |= readiness.readable || readiness.hup;
        self.writable |= readiness.writable;
    }

    /// Whether reading may give something: bytes, the end, or an error.
    pub fn is_readable(&self) -> bool {
        self.readable && !self.closed
    }

    /// Whether the kernel may take bytes.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// Whether the peer was seen to hang up. Bytes that it sent before may still be there to read.
    pub fn is_hup(&self) -> bool {
        self.hup
    }

    /// Whether [`Received::Closed`] was returned: the end of the stream was read.
    pub fn was_closed(&self) -> bool {
        self.closed
    }

    /// Read once into `buffer`. The kernel is asked, whatever the flags say.
    pub fn recv(&mut self, buffer: &mut [u8]) -> Received {
        let room = buffer.len();
        if room == 0 {
            return Received::Data(0); // to ask for nothing looks like the end of the stream
        }
        let result = uninterrupted(|| (&self.inner).read(buffer));
        self.note_received(result, room)
    }

    /// Read once into `buffer`; the bytes that [`Received::Data`] counts are initialised then.
    pub fn recv_uninit(&mut self, buffer: &mut [MaybeUninit<u8>]) -> Received {
        let room = buffer.len();
        if room == 0 {
            return Received::Data(0);
        }
        let result = uninterrupted(|| self.inner.recv(buffer));
        self.note_received(result, room)
    }

    /// Write the `slices`, the first 1024 of them, with one system call. The kernel is asked, whatever the
    /// flags say.
    ///
    /// A peer that is gone is an error, never a signal.
    pub fn send(&mut self, slices: &[IoSlice<'_>]) -> Sent {
        let slices = &slices[..slices.len().min(MAX_SLICES)];
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        if offered == 0 {
            return Sent::Data(0);
        }
        let result = uninterrupted(|| match slices {
            [slice] => self.inner.send_with_flags(slice, SEND_FLAGS),
            _ => self.inner.send_vectored_with_flags(slices, SEND_FLAGS),
        });
        match result {
            Ok(sent) => {
                self.writable = sent == offered;
                Sent::Data(sent)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                Sent::Blocked
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Sent::Blocked,
            Err(error) => Sent::Failed(error),
        }
    }

    /// Tell the peer that no more bytes come. If that fails the connection is gone, as the next read will
    /// say.
    pub fn shutdown_write(&self) {
        let _ = self.inner.shutdown(Shutdown::Write);
    }

    /// Send small segments at once (TCP_NODELAY). Without effect on a Unix socket, which does so anyway.
    ///
    /// # Errors
    /// The connection is gone, on some systems.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        match self.inner.set_tcp_nodelay(nodelay) {
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(()),
            result => result,
        }
    }

    /// Let the kernel probe an idle peer (SO_KEEPALIVE).
    ///
    /// # Errors
    /// The connection is gone, on some systems.
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.inner.set_keepalive(keepalive)
    }

    /// How many bytes the kernel holds that the peer has not taken; None where that cannot be told.
    ///
    /// "Writable" comes only when a good part of the kernel's buffer is free: this shrinks with each byte that the peer
    /// takes (its kernel, for it).
    pub fn unsent(&self) -> Option<usize> {
        unsent(self.as_fd())
    }

    /// Say from how many bytes on the socket becomes readable (SO_RCVLOWAT); its end and errors make it so at once.
    ///
    /// The kernel does not wait for more than it can keep. Where it knows no such option, any byte counts. With fewer
    /// than before, what has come without an edge may do: it is worth trying.
    pub fn set_low_water(&mut self, bytes: usize) {
        let bytes = bytes.max(1);
        if bytes != self.low_water {
            set_low_water(self.as_fd(), bytes);
            self.readable |= bytes < self.low_water;
            self.low_water = bytes;
        }
    }

    /// Let dropping this end the connection by a reset: what the kernel still has to send is thrown away at once,
    /// instead of being kept for a peer that does not take it.
    pub fn reset_when_dropped(&self) {
        reset_when_closed(self.as_fd());
    }

    /// Where the other end is, while it is connected.
    pub fn peer_addr(&self) -> Option<Address> {
        Address::from_system(&self.inner.peer_addr().ok()?)
    }

    /// Where this end is.
    pub fn local_addr(&self) -> Option<Address> {
        Address::from_system(&self.inner.local_addr().ok()?)
    }

    /// The error that waits on the socket (SO_ERROR), which is taken off it by this.
    pub fn take_error(&self) -> Option<io::Error> {
        self.inner.take_error().unwrap_or_else(Some)
    }

    /// Give the descriptor away. It stays non-blocking, and registered where it is.
    pub fn into_fd(self) -> OwnedFd {
        self.inner.into()
    }

    fn note_received(&mut self, result: io::Result<usize>, room: usize) -> Received {
        match result {
            Ok(0) => {
                self.closed = true;
                Received::Closed
            }
            Ok(received) => {
                if received < room && !self.hup {
                    self.readable = false;
                }
                Received::Data(received)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Received::Blocked
            }
            Err(error) => Received::Failed(error),
        }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// As [`Socket::reset_when_dropped`], of any socket.
pub fn reset_when_closed(socket: BorrowedFd<'_>) {
    // If that fails, the kernel gives up by itself, later.
    let _ = socket2::SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO));
}

/// As [`Socket::unsent`], of any socket.
pub fn unsent(socket: BorrowedFd<'_>) -> Option<usize> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the descriptor is open, and the request (SIOCOUTQ is another name of it) writes one int to a live one.
        let asked = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
        usize::try_from(bytes).ok().filter(|_| asked == 0)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = socket;
        None
    }
}

fn set_low_water(socket: BorrowedFd<'_>, bytes: usize) {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    let size = libc::socklen_t::try_from(size_of_val(&bytes)).unwrap_or(0);
    // SAFETY: the descriptor is open; the option's value is one live int of this size. If that fails, any byte counts.
    unsafe {
        let option = (&raw const bytes).cast();
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            option,
            size,
        );
    }
}

/// Call until it is not a signal that ends the call.
pub(crate) fn uninterrupted<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::uninterrupted;

    #[test]
    fn a_signal_repeats_the_call_and_nothing_else_does() {
        let mut answers = vec![
            Err(io::Error::from_raw_os_error(libc::EAGAIN)),
            Ok(7),
            Err(io::Error::from_raw_os_error(libc::EINTR)),
            Err(io::Error::from_raw_os_error(libc::EINTR)),
        ];
        assert_eq!(uninterrupted(|| answers.pop().unwrap()).unwrap(), 7);
        let error = uninterrupted(|| answers.pop().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}

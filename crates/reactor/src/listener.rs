//! A listening socket, TCP or Unix, and what accepting on it may come to.
//!
//! It makes [`Socket`]s. It decides neither how many to take in a turn nor how long to rest when the system
//! has no descriptor left: the driver does.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use socket2::SockAddr;

use crate::address::Address;
use crate::readiness::Readiness;
use crate::socket::{Socket, uninterrupted};

/// What [`Listener::accept`] came to.
#[derive(Debug)]
pub enum Accepted {
    /// A connection, non-blocking and closed on exec, and its peer.
    Connection(Socket, Address),
    /// Nobody waits.
    Blocked,
    /// Somebody waits, but this process or the system has no descriptor or no memory for him. The listener
    /// stays readable and makes no new edge: rest a while, then try again.
    Exhausted(io::Error),
    /// Somebody was gone before he was let in, or the network failed him: go on with the next.
    Skip,
    /// The listener is of no more use.
    Failed(io::Error),
}

/// A non-blocking listening socket that is closed when dropped.
#[derive(Debug)]
pub struct Listener {
    inner: socket2::Socket,
    readable: bool,
}

impl Listener {
    /// Take over a socket that is bound and listens, and make it non-blocking. It starts as readable.
    ///
    /// # Errors
    /// The descriptor cannot be made non-blocking; it is closed then.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        let inner = socket2::Socket::from(fd);
        inner.set_nonblocking(true)?;
        Ok(Self {
            inner,
            readable: true,
        })
    }

    /// Remember what the poller said.
    pub fn set_ready(&mut self, readiness: Readiness) {
        self.readable |= readiness.readable || readiness.hup;
    }

    /// Whether somebody may wait to be let in.
    pub fn is_readable(&self) -> bool {
        self.readable
    }

    /// Let one connection in. Nobody there clears "readable", and nothing else does.
    pub fn accept(&mut self) -> Accepted {
        match uninterrupted(|| accept_non_blocking(&self.inner)) {
            Ok((inner, peer)) => {
                // A listener of a third family would be new; its peers are let in without a name.
                let peer = Address::from_system(&peer).unwrap_or(Address::Unix(None));
                Accepted::Connection(Socket::from_non_blocking(inner), peer)
            }
            Err(error) => self.refusal(error),
        }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> Option<Address> {
        Address::from_system(&self.inner.local_addr().ok()?)
    }

    /// Give the descriptor away. It stays non-blocking, and registered where it is.
    pub fn into_fd(self) -> OwnedFd {
        self.inner.into()
    }

    fn refusal(&mut self, error: io::Error) -> Accepted {
        match error.raw_os_error() {
            Some(code) if code == libc::EAGAIN || code == libc::EWOULDBLOCK => {
                self.readable = false;
                Accepted::Blocked
            }
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => Accepted::Exhausted(error),
            Some(code) if concerns_the_peer(code) => Accepted::Skip,
            _ => Accepted::Failed(error),
        }
    }
}

/// Whether an error of accept(2) is that of the connection it would have returned: the connection is off the
/// queue.
///
/// Linux hands on the errors that wait on the new socket ("Error handling" in its accept(2)). Not counted:
/// EOPNOTSUPP, which also says that the socket cannot listen at all, and would be met for ever.
fn concerns_the_peer(code: i32) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if code == libc::ENONET {
        return true;
    }
    matches!(
        code,
        libc::ECONNABORTED
            | libc::ECONNRESET
            | libc::EPROTO
            | libc::ENOPROTOOPT
            | libc::ENETDOWN
            | libc::ENETUNREACH
            | libc::EHOSTDOWN
            | libc::EHOSTUNREACH
            | libc::ETIMEDOUT
    )
}

/// One call for what is three elsewhere: accept, close-on-exec, non-blocking.
#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "illumos"
))]
fn accept_non_blocking(listener: &socket2::Socket) -> io::Result<(socket2::Socket, SockAddr)> {
    use std::os::fd::FromRawFd;

    use socket2::SockAddrStorage;

    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let accept = |storage: *mut SockAddrStorage, length: *mut libc::socklen_t| {
        // SAFETY: `storage` is writable for `*length` bytes, as `try_init` promises; the listener is open.
        match unsafe { libc::accept4(listener.as_raw_fd(), storage.cast(), length, flags) } {
            -1 => Err(io::Error::last_os_error()),
            fd => Ok(fd),
        }
    };
    // SAFETY: where `accept` succeeds, the kernel left an address in `storage` and its length in `length`.
    let (fd, peer) = unsafe { SockAddr::try_init(accept) }?;
    // SAFETY: accept4 has just opened this descriptor, and nobody else knows it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    Ok((fd.into(), peer))
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "illumos"
)))]
fn accept_non_blocking(listener: &socket2::Socket) -> io::Result<(socket2::Socket, SockAddr)> {
    let (socket, peer) = listener.accept()?;
    // A peer that is gone makes these fail on some systems; that is his loss and not the listener's.
    let gone = |_| io::Error::from_raw_os_error(libc::ECONNABORTED);
    socket.set_nonblocking(true).map_err(gone)?;
    #[cfg(any(target_os = "macos", target_os = "ios"))]
    socket.set_nosigpipe(true).map_err(gone)?;
    Ok((socket, peer))
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::TcpListener;

    use super::{Accepted, Listener};

    #[test]
    fn each_error_of_accept_has_its_answer() {
        let mut listener = Listener::from_fd(TcpListener::bind("127.0.0.1:0").unwrap().into()).unwrap();
        let mut refusal = |code| listener.refusal(io::Error::from_raw_os_error(code));
        for code in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
            assert!(matches!(refusal(code), Accepted::Exhausted(_)), "{code}");
        }
        for code in [
            libc::ECONNABORTED,
            libc::EPROTO,
            libc::ENETDOWN,
            libc::EHOSTUNREACH,
            libc::ECONNRESET,
        ] {
            assert!(matches!(refusal(code), Accepted::Skip), "{code}");
        }
        for code in [libc::EBADF, libc::EINVAL, libc::ENOTSOCK, libc::EOPNOTSUPP] {
            assert!(matches!(refusal(code), Accepted::Failed(_)), "{code}");
        }
        assert!(listener.is_readable());
        assert!(matches!(
            listener.refusal(io::Error::from_raw_os_error(libc::EAGAIN)),
            Accepted::Blocked
        ));
        assert!(!listener.is_readable());
    }
}

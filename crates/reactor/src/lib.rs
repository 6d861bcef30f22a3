//! The sockets of quinde: a poller, non-blocking stream sockets, and the tables that a loop of them needs.
//!
//! It knows file descriptors, readiness, fairness and time. It knows nothing of HTTP, of TLS or of Python:
//! what a connection *is* stays the type parameter of [`Reactor`], and what it does stays with the driver.
//!
//! # Theory of operation
//!
//! ```text
//!            poll()                    next_ready()                 recv / send
//!  Poller ───────────▶ T's readiness ───────────────▶ the driver ───────────────▶ Socket
//!    ▲   (each socket      + queue    (one token at a     │   (flags say when the
//!    │   registered once)              time, a Budget)    │    kernel has no more)
//!    └────────────────────────────────────────────────────┘
//! ```
//!
//! - **Edges.** A socket is registered once, for reading and writing, edge-triggered. An edge tells of a
//!   change, so readiness is *remembered* in the [`Socket`] until the kernel says that there is no more: a
//!   paused connection loses nothing, it is put into the queue again by [`Reactor::queue`] when it goes on.
//! - **One recv a request.** A short read empties the socket, and clears the flag without the extra call that
//!   would say `EAGAIN`; unless the peer hung up, for then the end of the stream is still to be read.
//! - **Stale events.** A slot is reused, a [`Token`] never: it carries the slot's generation, and readiness
//!   or a deadline for a connection that is gone falls on the floor.
//! - **Nesting.** The poller's own descriptor ([`Reactor::as_raw_fd`]) is readable while events wait in it:
//!   an outer loop watches that one descriptor, level-triggered, and polls with a timeout of zero when it
//!   fires.
//! - **Re-entrancy.** Nothing here calls foreign code but the closures that a call is given, and no borrow
//!   outlives a call. The driver takes one token at a time, so what it runs in between may insert, remove and
//!   queue.
//! - **Fork.** A child shares its parent's poller. It must drop it by [`Reactor::forget`] and build a new
//!   one; [`Reactor::deregister`] in the child would silence the parent.
//! - **Time** is milliseconds since the reactor was made, refreshed by [`Reactor::poll`] and
//!   [`Reactor::tick`] only.
//!
//! [`Reactor::turn`] drives all this without an outer loop, as a blocking client needs it.
//!
//! ```
//! # #[cfg(all(unix, target_pointer_width = "64"))]
//! # fn main() -> std::io::Result<()> {
//! use std::io::Write;
//! use std::os::unix::net::UnixStream;
//!
//! use quinde_reactor::{Reactor, Received, Socket};
//!
//! let (ours, mut peer) = UnixStream::pair()?;
//! let mut reactor = Reactor::new()?;
//! let token = reactor.insert(Socket::from_fd(ours.into())?);
//! if let Some(socket) = reactor.get(token) {
//!     reactor.register(token, socket)?;
//! }
//!
//! peer.write_all(b"hello")?;
//! let mut heard = Vec::new();
//! reactor.turn(None, Socket::set_ready, |reactor, token| {
//!     let mut buffer = [0; 64];
//!     if let Some(Received::Data(n)) = reactor.get_mut(token).map(|socket| socket.recv(&mut buffer)) {
//!         heard.extend_from_slice(&buffer[..n]);
//!     }
//! })?;
//! assert_eq!(heard, b"hello");
//! # Ok(())
//! # }
//! # #[cfg(not(all(unix, target_pointer_width = "64")))]
//! # fn main() {}
//! ```
//!
//! # Platforms
//!
//! Sockets need Unix; the poller needs Unix and 64-bit pointers, as a token must fit into what the kernel
//! keeps for us. Elsewhere the crate compiles, and [`Reactor::new`] answers
//! [`std::io::ErrorKind::Unsupported`].

mod address;
mod budget;
mod deadlines;
#[cfg(unix)]
mod listener;
#[cfg(all(unix, target_pointer_width = "64"))]
mod poller;
mod reactor;
mod readiness;
mod ready;
mod slab;
#[cfg(unix)]
mod socket;
#[cfg(not(all(unix, target_pointer_width = "64")))]
mod unsupported;

pub use address::Address;
pub use budget::Budget;
pub use deadlines::Deadlines;
#[cfg(unix)]
pub use listener::{Accepted, Listener};
#[cfg(all(unix, target_pointer_width = "64"))]
pub use poller::Poller;
pub use reactor::Reactor;
pub use readiness::Readiness;
pub use ready::ReadyQueue;
pub use slab::{Slab, Token};
#[cfg(unix)]
pub use socket::{Received, Sent, Socket, reset_when_closed, unsent};

//! What a forked child does to its parent: nothing. A binary of its own, where no other thread holds a lock.
#![cfg(all(unix, target_pointer_width = "64"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]

use std::io::{IoSlice, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use quinde_reactor::{Poller, Reactor, Received, Sent, Slab, Socket};

/// Run `child` in a forked process; returns its exit code, or the signal that ended it as a negative number.
fn in_child(child: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the child calls nothing but what the test gives it, and leaves without running the harness's
    // code.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let code = i32::from(!child());
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: `pid` is our child, and the pointer is to a live integer.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        -libc::WTERMSIG(status)
    }
}

fn pair() -> (Socket, UnixStream) {
    let (ours, peer) = UnixStream::pair().unwrap();
    (Socket::from_fd(ours.into()).unwrap(), peer)
}

/// One test, so that the harness runs no two forks at once.
#[test]
fn a_child_leaves_its_parent_alone() {
    a_reactor_is_forgotten();
    a_poller_is_forgotten();
    a_child_builds_its_own();
    no_signal_kills_a_writer();
}

fn a_reactor_is_forgotten() {
    let (socket, mut peer) = pair();
    let mut reactor = Some(Reactor::new().unwrap());
    let token = reactor.as_mut().unwrap().insert(socket);
    let watching = reactor.as_ref().unwrap();
    watching.register(token, watching.get(token).unwrap()).unwrap();
    let code = in_child(|| {
        // SAFETY: asks for the flags of a descriptor, open or not.
        let is_open = |fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } != -1;
        let Some(reactor) = reactor.take() else {
            return false;
        };
        let Some(fd) = reactor.as_raw_fd() else {
            return false;
        };
        let was_open = is_open(fd);
        reactor.forget();
        was_open && !is_open(fd)
    });
    assert_eq!(code, 0);

    let mut reactor = reactor.unwrap();
    reactor.poll(Some(Duration::ZERO), Socket::set_ready).unwrap();
    assert_eq!(reactor.next_ready(), Some(token));
    peer.write_all(b"x").unwrap();
    reactor.poll(Some(Duration::ZERO), Socket::set_ready).unwrap();
    assert_eq!(
        reactor.next_ready(),
        Some(token),
        "the parent's watch went with the child"
    );
    let socket = reactor.get_mut(token).unwrap();
    assert!(matches!(socket.recv(&mut [0; 8]), Received::Data(1)));
    drop(reactor);
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
}

fn a_poller_is_forgotten() {
    let (socket, mut peer) = pair();
    let mut poller = Some(Poller::new().unwrap());
    let token = Slab::new().insert(());
    poller.as_ref().unwrap().register(&socket, token).unwrap();
    assert_eq!(in_child(|| poller.take().map(Poller::forget).is_some()), 0);
    let mut poller = poller.unwrap();
    let mut events = Vec::new();
    poller.poll(Some(Duration::ZERO), &mut events).unwrap();
    peer.write_all(b"x").unwrap();
    poller.poll(Some(Duration::ZERO), &mut events).unwrap();
    assert_eq!(events.len(), 1);
    assert!(events[0].0 == token && events[0].1.readable);
}

fn a_child_builds_its_own() {
    let parent = Reactor::<Socket>::new().unwrap();
    let code = in_child(|| {
        parent.forget();
        let (socket, mut peer) = pair();
        let mut reactor = Reactor::new().unwrap();
        let token = reactor.insert(socket);
        let Some(socket) = reactor.get(token) else {
            return false;
        };
        reactor.register(token, socket).is_ok()
            && peer.write_all(b"x").is_ok()
            && reactor.poll(Some(Duration::ZERO), Socket::set_ready).is_ok()
            && reactor.next_ready() == Some(token)
    });
    assert_eq!(code, 0);
}

/// The harness ignores SIGPIPE, as Python does; a program that embeds neither must live too.
fn no_signal_kills_a_writer() {
    let (mut socket, peer) = pair();
    drop(peer);
    let code = in_child(|| {
        // SAFETY: sets the default action, in a process with one thread.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let slices = [IoSlice::new(b"x"), IoSlice::new(b"y")];
        matches!(socket.send(&slices[..1]), Sent::Failed(_))
            && matches!(socket.send(&slices), Sent::Failed(_))
    });
    assert_eq!(code, 0, "ended by a signal, if negative");
}

//! Edges, the descriptor that an outer loop watches, signals; over Unix pairs, where nothing needs waiting
//! for.

use std::io::{ErrorKind, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::thread::JoinHandleExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use quinde_reactor::{Poller, Readiness, Slab, Token};

use crate::pairs;

const NOW: Option<Duration> = Some(Duration::ZERO);
const WRITABLE: Readiness = Readiness {
    readable: false,
    writable: true,
    hup: false,
};
const BOTH: Readiness = Readiness {
    readable: true,
    writable: true,
    hup: false,
};

fn polled(poller: &mut Poller) -> Vec<(Token, Readiness)> {
    let mut events = Vec::new();
    poller.poll(NOW, &mut events).unwrap();
    events
}

/// Whether a level-triggered watch of the poller's descriptor fires, as that of an outer loop.
fn outer_fires(fd: RawFd) -> bool {
    let mut watch = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid pollfd, counted as one.
    let count = unsafe { libc::poll(&raw mut watch, 1, 0) };
    assert!(count >= 0);
    count == 1
}

#[test]
fn an_edge_is_told_once_and_the_next_change_again() {
    let (socket, mut peer) = pairs::unix();
    let mut poller = Poller::new().unwrap();
    let token = Slab::new().insert(());
    poller.register(&socket, token).unwrap();
    assert_eq!(
        polled(&mut poller),
        [(token, WRITABLE)],
        "what is so already is told first"
    );
    assert_eq!(polled(&mut poller), []);
    peer.write_all(b"one").unwrap();
    assert_eq!(polled(&mut poller), [(token, BOTH)]);
    assert_eq!(polled(&mut poller), [], "unread bytes are no news");
    peer.write_all(b"two").unwrap();
    assert_eq!(polled(&mut poller), [(token, BOTH)]);
}

#[test]
fn a_peer_that_stops_sending_is_a_hang_up() {
    let (socket, peer) = pairs::unix();
    let mut poller = Poller::new().unwrap();
    let token = Slab::new().insert(());
    poller.register(&socket, token).unwrap();
    polled(&mut poller);
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(polled(&mut poller), [(token, Readiness { hup: true, ..BOTH })]);
}

#[test]
fn all_bits_of_a_token_come_back() {
    let (socket, _peer) = pairs::unix();
    let mut poller = Poller::new().unwrap();
    let token = Token::from_u64(0xfedc_ba98_7654_3210);
    poller.register(&socket, token).unwrap();
    assert_eq!(polled(&mut poller)[0].0, token);
}

#[test]
fn once_registered_and_once_deregistered() {
    let (socket, mut peer) = pairs::unix();
    let mut poller = Poller::new().unwrap();
    let token = Slab::new().insert(());
    poller.register(&socket, token).unwrap();
    assert_eq!(
        poller.register(&socket, token).unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    poller.deregister(&socket).unwrap();
    assert_eq!(
        poller.deregister(&socket).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    peer.write_all(b"unheard").unwrap();
    assert_eq!(polled(&mut poller), []);
}

#[test]
fn what_was_in_the_list_is_cleared() {
    let mut poller = Poller::new().unwrap();
    let mut events = vec![(Token::from_u64(1), BOTH)];
    poller.poll(NOW, &mut events).unwrap();
    assert_eq!(events, []);
}

#[test]
fn the_outer_watch_fires_for_events_and_not_for_unread_bytes() {
    let (socket, mut peer) = pairs::unix();
    let mut poller = Poller::new().unwrap();
    let fd = poller.as_raw_fd();
    assert!(!outer_fires(fd));
    poller.register(&socket, Slab::new().insert(())).unwrap();
    assert!(outer_fires(fd), "what is ready at the registration");
    polled(&mut poller);
    assert!(!outer_fires(fd), "it would spin");
    peer.write_all(b"bytes").unwrap();
    assert!(outer_fires(fd));
    assert!(outer_fires(fd), "level-triggered, until somebody polls");
    polled(&mut poller);
    assert!(
        !outer_fires(fd),
        "drained of events, though the bytes are unread: it would spin"
    );
    peer.write_all(b"more").unwrap();
    assert!(outer_fires(fd));
}

#[test]
fn the_outer_watch_fires_again_for_events_that_were_left() {
    let mut poller = Poller::with_capacity(2).unwrap();
    let mut slab = Slab::new();
    let mut pairs: Vec<_> = (0..5).map(|_| pairs::unix()).collect();
    for (socket, _) in &pairs {
        poller.register(socket, slab.insert(())).unwrap();
    }
    let fd = poller.as_raw_fd();
    while outer_fires(fd) {
        polled(&mut poller);
    }
    for (_, peer) in &mut pairs {
        peer.write_all(b"x").unwrap();
    }
    let mut told = Vec::new();
    for count in [2, 2, 1] {
        assert!(outer_fires(fd));
        let events = polled(&mut poller);
        assert_eq!(events.len(), count);
        told.extend(events.into_iter().map(|(token, _)| token.as_u64()));
    }
    assert!(!outer_fires(fd));
    told.sort_unstable();
    assert_eq!(
        told,
        slab.iter().map(|(token, ())| token.as_u64()).collect::<Vec<_>>()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_outer_epoll_sees_the_same() {
    use std::os::fd::{FromRawFd, OwnedFd};

    // SAFETY: a plain system call.
    let outer = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    assert!(outer >= 0);
    // SAFETY: just opened, and nobody else's.
    let outer = unsafe { OwnedFd::from_raw_fd(outer) };
    let mut poller = Poller::with_capacity(1).unwrap();
    let mut watch = libc::epoll_event {
        events: libc::EPOLLIN as u32,
        u64: 0,
    };
    // SAFETY: two open descriptors and an event that outlives the call.
    let added = unsafe {
        libc::epoll_ctl(
            outer.as_raw_fd(),
            libc::EPOLL_CTL_ADD,
            poller.as_raw_fd(),
            &raw mut watch,
        )
    };
    assert_eq!(added, 0);
    let fires = || {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: room for one event, counted as one.
        unsafe { libc::epoll_wait(outer.as_raw_fd(), &raw mut event, 1, 0) == 1 }
    };
    let (mut pairs, mut slab) = ([pairs::unix(), pairs::unix()], Slab::new());
    assert!(!fires());
    for (socket, _) in &pairs {
        poller.register(socket, slab.insert(())).unwrap();
    }
    for _ in &pairs {
        assert!(fires());
        assert_eq!(polled(&mut poller).len(), 1);
    }
    assert!(!fires());
    pairs[1].1.write_all(b"x").unwrap();
    assert!(fires());
    assert_eq!(polled(&mut poller).len(), 1);
    assert!(!fires());
}

#[test]
fn a_wait_lasts_as_long_as_told() {
    let mut poller = Poller::new().unwrap();
    let started = Instant::now();
    poller
        .poll(Some(Duration::from_millis(20)), &mut Vec::new())
        .unwrap();
    assert!(started.elapsed() >= Duration::from_millis(20));
}

#[test]
fn a_signal_ends_the_wait_without_an_error() {
    extern "C" fn nothing(_: libc::c_int) {}

    // SAFETY: a handler that does nothing may run at any time.
    unsafe {
        libc::signal(
            libc::SIGUSR1,
            nothing as extern "C" fn(libc::c_int) as libc::sighandler_t,
        )
    };
    static RETURNED: AtomicBool = AtomicBool::new(false);
    let waiter = thread::spawn(|| {
        let mut poller = Poller::new().unwrap();
        let mut events = Vec::new();
        let result = poller.poll(None, &mut events);
        RETURNED.store(true, Ordering::SeqCst);
        (result.is_ok(), events)
    });
    while !RETURNED.load(Ordering::SeqCst) {
        // SAFETY: the thread was not joined, so its handle is valid.
        unsafe { libc::pthread_kill(waiter.as_pthread_t(), libc::SIGUSR1) };
        thread::yield_now();
    }
    assert_eq!(waiter.join().unwrap(), (true, vec![]));
}

#[test]
fn the_poller_is_closed_on_exec() {
    let poller = Poller::new().unwrap();
    // SAFETY: asks for the flags of an open descriptor.
    let flags = unsafe { libc::fcntl(poller.as_raw_fd(), libc::F_GETFD) };
    assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
}

//! No descriptor left: a process of its own, as the limit is the process's and all tests would meet it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use quinde_reactor::{Accepted, Listener};

/// Set the limit on descriptors; returns what it was.
fn limit(descriptors: libc::rlim_t) -> libc::rlim_t {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live rlimit.
    let got = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    assert_eq!(got, 0);
    let before = std::mem::replace(&mut limit.rlim_cur, descriptors);
    // SAFETY: the pointer is to a live rlimit.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(set, 0);
    before
}

#[test]
fn who_cannot_be_let_in_now_is_let_in_later() {
    let inner = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(inner.local_addr().unwrap()).unwrap();
    let mut listener = Listener::from_fd(inner.into()).unwrap();

    // The lowest number that is free: with it as the limit, none is.
    let spare = File::open("/dev/null").unwrap();
    let free = spare.as_raw_fd();
    drop(spare);
    let before = limit(libc::rlim_t::try_from(free).unwrap());
    for _ in 0..2 {
        let Accepted::Exhausted(error) = listener.accept() else {
            panic!("let in without a descriptor")
        };
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        assert!(
            listener.is_readable(),
            "he waits still, and no edge will tell again"
        );
    }
    limit(before);

    let Accepted::Connection(_, from) = listener.accept() else {
        panic!("forgotten")
    };
    assert_eq!(from.as_inet(), Some(&peer.local_addr().unwrap()));
    assert!(matches!(listener.accept(), Accepted::Blocked));
}

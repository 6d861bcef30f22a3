//! The readiness rule, reads and writes, errors, options.

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use quinde_reactor::{Address, Poller, Readiness, Received, Sent, Slab, Socket};

use crate::pairs;

/// For what comes at once, unless the machine is busy.
const PATIENCE: Duration = Duration::from_secs(10);

const READABLE: Readiness = Readiness {
    readable: true,
    writable: false,
    hup: false,
};
const HUP: Readiness = Readiness {
    readable: true,
    writable: false,
    hup: true,
};

fn data(received: &Received) -> usize {
    match received {
        Received::Data(n) => *n,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_recv_a_request() {
    let (mut socket, mut peer) = pairs::unix();
    assert!(socket.is_readable(), "unknown, so try");
    peer.write_all(b"GET").unwrap();
    assert_eq!(pairs::drain(&mut socket), (b"GET".to_vec(), 1));
    socket.set_ready(READABLE);
    peer.write_all(b"POST").unwrap();
    assert_eq!(pairs::drain(&mut socket), (b"POST".to_vec(), 1));
}

#[test]
fn a_full_buffer_says_nothing_of_the_rest() {
    let (mut socket, mut peer) = pairs::unix();
    peer.write_all(b"12345678").unwrap();
    let mut buffer = [0; 4];
    for _ in 0..2 {
        assert_eq!(data(&socket.recv(&mut buffer)), 4);
        assert!(socket.is_readable());
    }
    assert!(matches!(socket.recv(&mut buffer), Received::Blocked));
    assert!(!socket.is_readable());
}

#[test]
fn after_a_hang_up_a_short_read_does_not_end_the_reading() {
    let (mut socket, mut peer) = pairs::unix();
    peer.write_all(b"last words").unwrap();
    drop(peer);
    socket.set_ready(HUP);
    assert!(socket.is_hup() && !socket.was_closed());
    let mut buffer = [0; 64];
    assert_eq!(data(&socket.recv(&mut buffer)), 10);
    assert!(
        socket.is_readable(),
        "no edge will come for the end of the stream"
    );
    assert!(matches!(socket.recv(&mut buffer), Received::Closed));
    assert!(socket.was_closed() && !socket.is_readable());
    socket.set_ready(HUP);
    assert!(!socket.is_readable(), "after the end there is nothing");
}

/// Wherever the hang-up falls, before the poll, between poll and read, or after it: the end is read.
#[test]
fn no_end_of_stream_is_lost() {
    for moment in 0..3 {
        let (mut socket, mut peer) = pairs::tcp();
        let mut poller = Poller::new().unwrap();
        poller.register(&socket, Slab::new().insert(())).unwrap();
        let (mut events, mut bytes, mut peer_is_open) = (Vec::new(), Vec::new(), true);
        peer.write_all(b"words").unwrap();
        for round in 0.. {
            let mut close = |at| {
                if std::mem::take(&mut peer_is_open) && at == moment {
                    peer.shutdown(Shutdown::Write).unwrap();
                } else {
                    peer_is_open = at < moment;
                }
            };
            if round == 0 {
                close(0);
            }
            poller.poll(Some(Duration::from_secs(10)), &mut events).unwrap();
            assert!(
                !events.is_empty(),
                "moment {moment}: nothing more is told, and the end was not read"
            );
            for (_, readiness) in events.drain(..) {
                socket.set_ready(readiness);
            }
            if round == 0 {
                close(1);
            }
            bytes.extend(pairs::drain(&mut socket).0);
            if round == 0 {
                close(2);
            }
            if socket.was_closed() {
                break;
            }
        }
        assert_eq!(bytes, b"words");
        assert!(socket.is_hup());
    }
}

#[test]
fn both_ways_to_read_follow_the_rule() {
    let (mut socket, mut peer) = pairs::unix();
    let mut buffer = [MaybeUninit::uninit(); 4];
    peer.write_all(b"12345").unwrap();
    assert_eq!(data(&socket.recv_uninit(&mut buffer)), 4);
    assert!(socket.is_readable());
    // SAFETY: `Data(4)` says that four bytes were written.
    assert_eq!(buffer.map(|byte| unsafe { byte.assume_init() }), *b"1234");
    assert_eq!(data(&socket.recv_uninit(&mut buffer)), 1);
    assert!(!socket.is_readable());
    assert!(matches!(socket.recv_uninit(&mut buffer), Received::Blocked));
    drop(peer);
    assert!(matches!(socket.recv_uninit(&mut buffer), Received::Closed));
}

#[test]
fn no_room_is_not_the_end_of_the_stream() {
    let (mut socket, mut peer) = pairs::unix();
    peer.write_all(b"x").unwrap();
    assert!(matches!(socket.recv(&mut []), Received::Data(0)));
    assert!(matches!(socket.recv_uninit(&mut []), Received::Data(0)));
    assert!(socket.is_readable() && !socket.was_closed());
    assert!(matches!(socket.send(&[]), Sent::Data(0)));
    assert!(matches!(socket.send(&[IoSlice::new(b"")]), Sent::Data(0)));
}

#[test]
fn a_reset_is_an_error_and_never_an_end() {
    let (mut socket, peer) = pairs::tcp();
    let mut poller = Poller::new().unwrap();
    poller.register(&socket, Slab::new().insert(())).unwrap();
    let mut events = Vec::new();
    poller.poll(Some(Duration::ZERO), &mut events).unwrap();
    socket2::SockRef::from(&peer)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(peer);
    poller.poll(Some(Duration::from_secs(10)), &mut events).unwrap();
    let [(_, readiness)] = events[..] else {
        panic!("{events:?}")
    };
    socket.set_ready(readiness);
    assert!(socket.is_hup() && socket.is_readable() && socket.is_writable());
    let Received::Failed(error) = socket.recv(&mut [0; 8]) else {
        panic!("no error")
    };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(!socket.was_closed());
}

#[test]
fn the_waiting_error_is_taken_off() {
    let (socket, peer) = pairs::tcp();
    let mut poller = Poller::new().unwrap();
    assert!(socket.take_error().is_none());
    socket2::SockRef::from(&peer)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(peer);
    poller.register(&socket, Slab::new().insert(())).unwrap();
    let mut events = Vec::new();
    while !events.iter().any(|(_, readiness): &(_, Readiness)| readiness.hup) {
        poller.poll(Some(Duration::from_secs(10)), &mut events).unwrap();
    }
    assert_eq!(
        socket.take_error().unwrap().kind(),
        std::io::ErrorKind::ConnectionReset
    );
    assert!(socket.take_error().is_none());
}

#[test]
fn several_slices_leave_in_one_call() {
    let (mut socket, mut peer) = pairs::unix();
    let slices = [IoSlice::new(b"head "), IoSlice::new(b""), IoSlice::new(b"body")];
    assert!(matches!(socket.send(&slices), Sent::Data(9)));
    assert!(socket.is_writable());
    assert_eq!(pairs::read_exactly(&mut peer, 9), b"head body");
}

#[test]
fn more_slices_than_the_system_takes_are_no_error_and_no_short_write() {
    let (mut socket, mut peer) = pairs::unix();
    let slices = vec![IoSlice::new(b"x"); 1_500];
    assert!(matches!(socket.send(&slices), Sent::Data(1_024)));
    assert!(socket.is_writable(), "all that was offered went");
    assert!(matches!(socket.send(&slices[1_024..]), Sent::Data(476)));
    assert_eq!(pairs::read_exactly(&mut peer, 1_500), [b'x'; 1_500]);
}

/// A peer that reads slowly through a tiny buffer gets every byte once, and the flags tell when to wait.
#[test]
fn short_writes_wait_for_the_poller_and_lose_nothing() {
    let (mut socket, mut peer) = pairs::unix();
    socket2::SockRef::from(&socket)
        .set_send_buffer_size(4_096)
        .unwrap();
    let mut poller = Poller::new().unwrap();
    poller.register(&socket, Slab::new().insert(())).unwrap();
    let body: Vec<u8> = (0..1_000_000u32)
        .map(|n| n.to_be_bytes()[3] ^ n.to_be_bytes()[2])
        .collect();
    let (mut sent, mut blocked, mut short, mut events) = (0, 0, 0, Vec::new());
    let mut got = Vec::new();
    peer.set_nonblocking(true).unwrap();
    while sent < body.len() {
        // Until it is full, and the first time until it says so.
        while sent < body.len() && (socket.is_writable() || blocked == 0) {
            let middle = sent + (body.len() - sent) / 2;
            match socket.send(&[IoSlice::new(&body[sent..middle]), IoSlice::new(&body[middle..])]) {
                Sent::Data(n) => {
                    sent += n;
                    short += usize::from(sent < body.len());
                    assert_eq!(socket.is_writable(), sent == body.len());
                }
                Sent::Blocked => {
                    blocked += 1;
                    assert!(!socket.is_writable());
                }
                Sent::Failed(error) => panic!("{error}"),
            }
        }
        let mut buffer = [0; 10_000];
        while let Ok(n) = peer.read(&mut buffer) {
            got.extend_from_slice(&buffer[..n]);
        }
        if !socket.is_writable() && sent < body.len() {
            poller.poll(Some(Duration::from_millis(1)), &mut events).unwrap();
            for (_, readiness) in events.drain(..) {
                socket.set_ready(readiness);
            }
        }
    }
    assert!(short > 1 && blocked > 0, "{short} {blocked}");
    peer.set_nonblocking(false).unwrap();
    let left = body.len() - got.len();
    got.extend(pairs::read_exactly(&mut peer, left));
    assert!(got == body);
}

#[test]
fn flags_are_only_added_by_an_event() {
    let (mut socket, _peer) = pairs::unix();
    let nothing = Readiness::default();
    socket.set_ready(nothing);
    assert!(socket.is_readable() && socket.is_writable() && !socket.is_hup());
    assert!(matches!(socket.recv(&mut [0; 8]), Received::Blocked));
    socket.set_ready(Readiness { hup: true, ..nothing });
    socket.set_ready(nothing);
    assert!(socket.is_hup() && socket.is_readable());
}

#[test]
fn writing_to_a_peer_that_is_gone_fails() {
    let (mut socket, peer) = pairs::unix();
    drop(peer);
    let Sent::Failed(error) = socket.send(&[IoSlice::new(b"x")]) else {
        panic!("no error")
    };
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn the_writing_half_closes_alone() {
    let (mut socket, mut peer) = pairs::unix();
    socket.shutdown_write();
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
    peer.write_all(b"still heard").unwrap();
    assert_eq!(pairs::drain(&mut socket).0, b"still heard");
    drop(peer);
    socket.shutdown_write(); // gone: no panic, the next read says so
    assert!(matches!(socket.recv(&mut [0; 8]), Received::Closed));
}

#[test]
fn addresses_of_both_ends() {
    let (socket, peer) = pairs::tcp();
    assert_eq!(
        socket.local_addr(),
        Some(Address::Inet(peer.peer_addr().unwrap()))
    );
    assert_eq!(
        socket.peer_addr(),
        Some(Address::Inet(peer.local_addr().unwrap()))
    );
    let (socket, _peer) = pairs::unix();
    assert_eq!(socket.local_addr(), Some(Address::Unix(None)));
    assert_eq!(socket.peer_addr(), Some(Address::Unix(None)));
}

#[test]
fn options_reach_the_kernel() {
    let (socket, _peer) = pairs::tcp();
    for on in [true, false] {
        socket.set_nodelay(on).unwrap();
        socket.set_keepalive(on).unwrap();
        let kernel = socket2::SockRef::from(&socket);
        assert_eq!(
            (kernel.tcp_nodelay().unwrap(), kernel.keepalive().unwrap()),
            (on, on)
        );
    }
    let (unix, _peer) = pairs::unix();
    unix.set_nodelay(true).unwrap();
    unix.set_keepalive(true).unwrap();
}

#[test]
fn the_descriptor_is_non_blocking_and_can_be_given_away() {
    let (socket, mut peer) = pairs::unix();
    let (number, other) = (socket.as_raw_fd(), socket.as_fd().try_clone_to_owned().unwrap());
    let fd = socket.into_fd();
    assert_eq!(fd.as_raw_fd(), number);
    drop(other);
    let mut again = Socket::from_fd(fd).unwrap();
    assert!(socket2::SockRef::from(&again).nonblocking().unwrap());
    peer.write_all(b"alive").unwrap();
    assert_eq!(pairs::drain(&mut again).0, b"alive");
    drop(again);
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0, "dropping closes");
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn what_the_peer_has_not_taken_shrinks_as_it_takes_it() {
    let (mut socket, mut peer) = pairs::unix();
    assert_eq!(socket.unsent(), Some(0));
    let block = [7; 4096];
    while let Sent::Data(_) = socket.send(&[IoSlice::new(&block)]) {}
    let full = socket.unsent().unwrap();
    assert!(full >= 4096);
    peer.read_exact(&mut [0; 4096]).unwrap();
    assert!(socket.unsent().unwrap() < full);
}

#[test]
fn low_water_keeps_small_news_back_and_lowering_it_makes_them_worth_a_try() {
    let (mut socket, mut peer) = pairs::tcp();
    let mut poller = Poller::new().unwrap();
    let token = Slab::new().insert(());
    poller.register(&socket, token).unwrap();
    let mut events = Vec::new();
    let mut polled = |patience: Duration| {
        poller.poll(Some(patience), &mut events).unwrap();
        events.drain(..).any(|(_, readiness)| readiness.readable)
    };
    assert!(matches!(socket.recv(&mut [0; 8]), Received::Blocked));
    polled(Duration::ZERO);

    socket.set_low_water(1000);
    peer.write_all(&[1; 999]).unwrap();
    wait_for(&socket, 999);
    assert!(!polled(Duration::ZERO), "fewer than wanted");
    peer.write_all(&[1]).unwrap();
    assert!(polled(PATIENCE));
    socket.set_ready(READABLE);
    assert_eq!(pairs::drain(&mut socket).0.len(), 1000);

    peer.write_all(&[2; 10]).unwrap();
    wait_for(&socket, 10);
    assert!(!polled(Duration::ZERO));
    socket.set_low_water(0);
    assert!(socket.is_readable(), "they made no edge");
    assert_eq!(pairs::drain(&mut socket).0.len(), 10);
    peer.write_all(&[3]).unwrap();
    assert!(polled(PATIENCE), "any byte counts again");
    socket.set_ready(READABLE);
    assert_eq!(pairs::drain(&mut socket).0, [3]);

    socket.set_low_water(1000);
    peer.write_all(&[4; 10]).unwrap();
    wait_for(&socket, 10);
    peer.shutdown(Shutdown::Write).unwrap();
    assert!(polled(PATIENCE), "an end is told at once");
}

/// Waits until so many bytes lie in the kernel, unread.
fn wait_for(socket: &Socket, bytes: usize) {
    let start = std::time::Instant::now();
    let mut buffer = vec![0_u8; bytes + 1];
    loop {
        // SAFETY: a live buffer of the size that is said.
        let seen = unsafe {
            libc::recv(
                socket.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                libc::MSG_PEEK,
            )
        };
        if usize::try_from(seen) == Ok(bytes) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{seen} of {bytes} bytes came");
        std::thread::yield_now();
    }
}

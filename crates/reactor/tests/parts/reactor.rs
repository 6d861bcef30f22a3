//! The tables stay in step, whatever user code does between two connections; stale events fall on the floor.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use quinde_reactor::{Budget, Reactor, Readiness, Socket, Token};

use crate::pairs;

const NOW: Option<Duration> = Some(Duration::ZERO);

fn watched(reactor: &mut Reactor<Socket>) -> (Token, UnixStream) {
    let (socket, peer) = pairs::unix();
    let token = reactor.insert(socket);
    reactor.register(token, reactor.get(token).unwrap()).unwrap();
    (token, peer)
}

fn poll(reactor: &mut Reactor<Socket>) {
    reactor.poll(NOW, Socket::set_ready).unwrap();
}

fn ready(reactor: &mut Reactor<Socket>) -> Vec<Token> {
    std::iter::from_fn(|| reactor.next_ready()).collect()
}

/// A reactor of so many sockets whose first events were taken, and nothing queued.
fn quiet(count: usize) -> (Reactor<Socket>, Vec<(Token, UnixStream)>) {
    let mut reactor = Reactor::new().unwrap();
    let watched: Vec<_> = (0..count).map(|_| watched(&mut reactor)).collect();
    poll(&mut reactor);
    for token in ready(&mut reactor) {
        pairs::drain(reactor.get_mut(token).unwrap());
    }
    (reactor, watched)
}

#[test]
fn an_event_reaches_its_connection_and_queues_it() {
    let (mut reactor, mut peers) = quiet(3);
    peers[1].1.write_all(b"x").unwrap();
    poll(&mut reactor);
    assert!(reactor.has_ready());
    assert!(reactor.get(peers[1].0).unwrap().is_readable());
    assert!(!reactor.get(peers[0].0).unwrap().is_readable());
    assert_eq!(ready(&mut reactor), [peers[1].0]);
    assert!(!reactor.has_ready());
}

#[test]
fn an_event_for_an_earlier_owner_of_the_slot_is_dropped() {
    let (mut reactor, mut peers) = quiet(1);
    let (old, mut peer) = peers.remove(0);
    peer.write_all(b"for the old one").unwrap();
    // Removed, but the descriptor lives on (a duplicate, a child): so does its watch, under the old token.
    let kept = reactor.remove(old).unwrap();
    let (socket, _other) = pairs::unix();
    let new = reactor.insert(socket);
    assert_eq!(new.as_u64() as u32, old.as_u64() as u32);
    let mut told = 0;
    reactor.poll(NOW, |_, _| told += 1).unwrap();
    assert_eq!((told, reactor.has_ready()), (0, false));
    reactor.deregister(&kept).unwrap();
}

#[test]
fn a_slot_that_changed_hands_between_poll_and_drive_is_not_driven() {
    let (mut reactor, mut peers) = quiet(2);
    for (_, peer) in &mut peers {
        peer.write_all(b"x").unwrap();
    }
    poll(&mut reactor);
    reactor.remove(peers[0].0);
    let (socket, _other) = pairs::unix();
    let new = reactor.insert(socket);
    reactor.queue(peers[0].0);
    assert!(reactor.get(peers[0].0).is_none() && reactor.contains(new));
    assert_eq!(ready(&mut reactor), [peers[1].0]);
}

#[test]
fn what_was_not_drained_is_driven_again_without_a_new_edge() {
    let (mut reactor, mut peers) = quiet(1);
    let (token, peer) = &mut peers[0];
    peer.write_all(b"0123456789").unwrap();
    poll(&mut reactor);
    let mut got = Vec::new();
    while let Some(token) = reactor.next_ready() {
        let socket = reactor.get_mut(token).unwrap();
        let mut buffer = [0; 4];
        if let quinde_reactor::Received::Data(n) = socket.recv(&mut buffer) {
            got.extend_from_slice(&buffer[..n]);
        }
        if socket.is_readable() {
            reactor.queue(token);
        }
        poll(&mut reactor);
    }
    assert_eq!(got, b"0123456789");
    assert!(!reactor.get(*token).unwrap().is_readable());
}

#[test]
fn a_paused_connection_keeps_its_readiness() {
    let (mut reactor, mut peers) = quiet(1);
    let (token, peer) = &mut peers[0];
    peer.write_all(b"unread").unwrap();
    poll(&mut reactor);
    assert_eq!(ready(&mut reactor), [*token]);
    poll(&mut reactor);
    assert!(!reactor.has_ready(), "no second edge for the same bytes");
    assert!(
        reactor.get(*token).unwrap().is_readable(),
        "but they are not forgotten"
    );
    reactor.queue(*token);
    reactor.queue(*token);
    assert_eq!(ready(&mut reactor), [*token]);
    assert_eq!(pairs::drain(reactor.get_mut(*token).unwrap()).0, b"unread");
}

#[test]
fn several_events_queue_a_connection_once() {
    let (mut reactor, mut peers) = quiet(2);
    for _ in 0..3 {
        for (_, peer) in peers.iter_mut().rev() {
            peer.write_all(b"x").unwrap();
            poll(&mut reactor);
        }
    }
    assert_eq!(ready(&mut reactor), [peers[1].0, peers[0].0]);
}

/// What a handler may do to others while they wait for their turn.
#[test]
fn user_code_between_two_connections_may_do_anything() {
    let (mut reactor, mut peers) = quiet(4);
    for (_, peer) in &mut peers {
        peer.write_all(b"x").unwrap();
    }
    poll(&mut reactor);
    let (mut driven, mut new, mut heard) = (Vec::new(), None, None);
    while let Some(token) = reactor.next_ready() {
        driven.push(token);
        if token == peers[0].0 {
            reactor.remove(token); // itself
            reactor.remove(peers[2].0); // one that waits
            reactor.queue(peers[2].0); // and one that is gone
            let (token, mut peer) = watched(&mut reactor); // takes a slot that is still in use above
            peer.write_all(b"y").unwrap();
            reactor.queue(token);
            reactor.queue(peers[1].0); // is queued already
            (new, heard) = (Some(token), Some(peer));
        }
        if token == peers[3].0 && driven.iter().filter(|one| **one == token).count() == 1 {
            reactor.queue(token); // itself, to go on behind all others
            poll(&mut reactor); // re-entered
        }
    }
    let new = new.unwrap();
    assert_eq!(driven, [peers[0].0, peers[1].0, peers[3].0, new, peers[3].0]);
    assert_eq!(pairs::drain(reactor.get_mut(new).unwrap()).0, b"y");
    assert_eq!(reactor.len(), 3);
    drop(heard);
}

#[test]
fn removing_takes_the_deadline_along() {
    let mut reactor = Reactor::without_poller();
    let token = reactor.insert(1);
    reactor.deadlines().set(token, Some(100));
    assert_eq!(reactor.remove(token), Some(1));
    assert_eq!(reactor.remove(token), None);
    assert_eq!(reactor.deadlines().next(), None);
    assert_eq!(reactor.deadlines().pop_due(1_000), None);
}

#[test]
fn drained_it_is_empty_and_usable() {
    let mut reactor = Reactor::without_poller();
    let told = reactor.vacant_token();
    let tokens = ["a", "b"].map(|name| reactor.insert(name));
    assert_eq!(tokens[0], told);
    for token in tokens {
        reactor.queue(token);
        reactor.deadlines().set(token, Some(100));
    }
    assert_eq!(reactor.iter().map(|(_, name)| *name).collect::<String>(), "ab");
    let drained = reactor.drain();
    assert!(reactor.is_empty() && !reactor.has_ready() && reactor.deadlines().is_empty());
    let new = reactor.insert("c");
    reactor.queue(new);
    assert_eq!(reactor.next_ready(), Some(new));
    assert_eq!(drained.map(|(_, name)| name).collect::<String>(), "ab");
}

#[test]
fn the_clock_moves_by_tick_and_poll_only() {
    let mut reactor = Reactor::<()>::without_poller();
    assert_eq!(reactor.now(), 0);
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(3) {}
    assert_eq!(reactor.now(), 0);
    assert!(reactor.tick() >= 3);
    let ticked = reactor.now();
    while started.elapsed() < Duration::from_millis(ticked + 3) {}
    assert_eq!(reactor.now(), ticked);
    reactor.poll(None, |(), _| ()).unwrap();
    assert!(reactor.now() >= ticked + 3);
}

#[test]
fn without_a_poller_it_watches_nothing_and_never_waits() {
    let (socket, _peer) = pairs::unix();
    let mut reactor = Reactor::without_poller();
    let token = reactor.insert(());
    assert_eq!(reactor.as_raw_fd(), None);
    let unsupported = std::io::ErrorKind::Unsupported;
    assert_eq!(reactor.register(token, &socket).unwrap_err().kind(), unsupported);
    assert_eq!(reactor.deregister(&socket).unwrap_err().kind(), unsupported);
    assert_eq!(reactor.turn(None, |(), _| (), |_, _| ()).unwrap(), 0);
    reactor.queue(token);
    assert_eq!(reactor.turn(None, |(), _| (), |_, _| ()).unwrap(), 1);
    reactor.forget();
}

/// With one turn's budget, a timer beside 512 busy sockets waits for 64 of them, and none of them is
/// forgotten.
#[test]
fn a_turn_over_many_busy_connections_leaves_the_rest_for_the_next() {
    let (mut reactor, mut peers) = quiet(200);
    for (_, peer) in &mut peers {
        peer.write_all(b"x").unwrap();
    }
    poll(&mut reactor);
    let still = Instant::now();
    let mut turns = Vec::new();
    while reactor.has_ready() {
        let mut budget = Budget::with_clock(Budget::CONNECTIONS, Budget::WALL, || still);
        let mut driven = 0;
        while reactor.has_ready() && budget.take() {
            let token = reactor.next_ready().unwrap();
            driven += usize::from(pairs::drain(reactor.get_mut(token).unwrap()).0 == b"x");
        }
        turns.push(driven);
    }
    assert_eq!(turns, [64, 64, 64, 8]);
}

#[test]
fn readiness_is_told_as_it_came() {
    let mut reactor = Reactor::new().unwrap();
    let (token, mut peer) = watched(&mut reactor);
    peer.write_all(b"x").unwrap();
    drop(peer);
    let mut told = Vec::new();
    reactor.poll(NOW, |_, readiness| told.push(readiness)).unwrap();
    assert_eq!(
        told,
        [Readiness {
            readable: true,
            writable: true,
            hup: true
        }]
    );
    assert_eq!(reactor.next_ready(), Some(token));
}

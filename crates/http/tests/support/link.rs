//! Two machines joined by a fake wire with a virtual clock.

use std::collections::VecDeque;

use quinde_http::{Close, Machine};

use super::drain;

/// One direction of the wire: bytes with the time at which they arrive.
#[derive(Default)]
struct Lane {
    pieces: VecDeque<(u64, Vec<u8>)>,
    closed: Option<u64>,
    eof_told: bool,
}

/// A pair of machines and the wire between them.
///
/// Bytes never change order and are never lost but by `cut`, which loses all that is under way, as
/// a broken connection does; a wire that drops a part in the middle would be unrealistic.
pub struct Link<C, S> {
    pub client: C,
    pub server: S,
    pub now: u64,
    /// How long a piece is under way.
    pub delay: u64,
    /// How large a piece is at most.
    pub piece: usize,
    to_server: Lane,
    to_client: Lane,
}

impl<C: Machine, S: Machine> Link<C, S> {
    pub fn new(client: C, server: S, delay: u64, piece: usize) -> Link<C, S> {
        Link {
            client,
            server,
            now: 0,
            delay,
            piece,
            to_server: Lane::default(),
            to_client: Lane::default(),
        }
    }

    /// Move bytes, and the clock to the next thing that happens. False: nothing will happen any more.
    pub fn step(&mut self) -> bool {
        let at = self.now + self.delay;
        send(&mut self.client, &mut self.to_server, at, self.piece);
        send(&mut self.server, &mut self.to_client, at, self.piece);
        let client = next(
            &self.to_client,
            self.client.wants_read(),
            self.client.next_timeout(),
        );
        let server = next(
            &self.to_server,
            self.server.wants_read(),
            self.server.next_timeout(),
        );
        let Some(next) = client.into_iter().chain(server).min() else {
            return false;
        };
        self.now = self.now.max(next);
        receive(&mut self.client, &mut self.to_client, self.now);
        receive(&mut self.server, &mut self.to_server, self.now);
        true
    }

    /// Both directions break off.
    pub fn cut(&mut self) {
        for lane in [&mut self.to_client, &mut self.to_server] {
            lane.pieces.clear();
            lane.closed = Some(self.now);
        }
    }
}

fn send<M: Machine>(machine: &mut M, lane: &mut Lane, at: u64, piece: usize) {
    if lane.closed.is_none() {
        for part in drain(machine).chunks(piece) {
            lane.pieces.push_back((at, part.to_vec()));
        }
        if machine.close() != Close::No {
            lane.closed = Some(at);
        }
    }
}

/// When something happens to the machine at the end of this lane.
fn next(lane: &Lane, wants: bool, timeout: Option<u64>) -> Option<u64> {
    let arrival = match lane.pieces.front() {
        Some((at, _)) if wants => Some(*at),
        Some(_) => None,
        None => lane.closed.filter(|_| !lane.eof_told),
    };
    arrival.into_iter().chain(timeout).min()
}

fn receive<M: Machine>(machine: &mut M, lane: &mut Lane, now: u64) {
    machine.handle_timeout(now);
    match lane.pieces.front() {
        Some((at, _)) if *at <= now && machine.wants_read() => {
            if let Some((_, piece)) = lane.pieces.pop_front() {
                machine.receive_data(&piece, now);
            }
        }
        None if !lane.eof_told && lane.closed.is_some_and(|at| at <= now) => {
            lane.eof_told = true;
            machine.receive_eof(now);
        }
        _ => {}
    }
}

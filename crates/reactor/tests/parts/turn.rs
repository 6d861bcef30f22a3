//! `turn` alone drives an echo server, with no event loop anywhere: what a blocking client will stand on.

use std::io::{IoSlice, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use quinde_reactor::{Accepted, Listener, Reactor, Readiness, Received, Sent, Socket, Token};

use crate::pairs;

const CLIENTS: usize = 20;
const MESSAGES: usize = 30;

enum Connection {
    Door(Listener),
    Echo {
        socket: Socket,
        unsent: Vec<u8>,
        echoed: usize,
    },
}

impl Connection {
    fn set_ready(&mut self, readiness: Readiness) {
        match self {
            Self::Door(listener) => listener.set_ready(readiness),
            Self::Echo { socket, .. } => socket.set_ready(readiness),
        }
    }
}

struct Server {
    reactor: Reactor<Connection>,
    address: SocketAddr,
    echoed: usize,
    served: usize,
}

impl Server {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut reactor = Reactor::new().unwrap();
        let token = reactor.insert(Connection::Door(Listener::from_fd(listener.into()).unwrap()));
        let Some(Connection::Door(listener)) = reactor.get(token) else {
            panic!("just inserted")
        };
        reactor.register(token, listener).unwrap();
        Self {
            reactor,
            address,
            echoed: 0,
            served: 0,
        }
    }

    /// One turn; returns how many connections it drove.
    fn turn(&mut self, timeout: Duration) -> usize {
        let (echoed, served) = (&mut self.echoed, &mut self.served);
        let drive = |reactor: &mut Reactor<_>, token| {
            if let Some(total) = drive(reactor, token) {
                *echoed += total;
                *served += 1;
            }
        };
        self.reactor
            .turn(Some(timeout), Connection::set_ready, drive)
            .unwrap()
    }
}

/// Drive one connection; returns how many bytes it echoed when it has ended.
fn drive(reactor: &mut Reactor<Connection>, token: Token) -> Option<usize> {
    match reactor.get_mut(token)? {
        Connection::Door(listener) => {
            if let Accepted::Connection(socket, _) = listener.accept() {
                // Beside a tiny buffer, answers get stuck on their way and wait for writability.
                socket2::SockRef::from(&socket)
                    .set_send_buffer_size(4_096)
                    .unwrap();
                reactor.queue(token); // the next, after those who wait already
                let new = reactor.insert(Connection::Echo {
                    socket,
                    unsent: Vec::new(),
                    echoed: 0,
                });
                let Some(Connection::Echo { socket, .. }) = reactor.get(new) else {
                    panic!("just inserted")
                };
                reactor.register(new, socket).unwrap();
            }
            None
        }
        Connection::Echo {
            socket,
            unsent,
            echoed,
        } => {
            let mut buffer = [0; 2_048];
            if socket.is_readable() {
                match socket.recv(&mut buffer) {
                    Received::Data(n) => unsent.extend_from_slice(&buffer[..n]),
                    Received::Blocked | Received::Closed => {}
                    Received::Failed(error) => panic!("{error}"),
                }
            }
            if socket.is_writable() {
                match socket.send(&[IoSlice::new(unsent)]) {
                    Sent::Data(n) => {
                        unsent.drain(..n);
                        *echoed += n;
                    }
                    Sent::Blocked => {}
                    Sent::Failed(error) => panic!("{error}"),
                }
            }
            if socket.was_closed() && unsent.is_empty() {
                let total = *echoed;
                reactor.remove(token);
                return Some(total);
            }
            if socket.is_readable() || (socket.is_writable() && !unsent.is_empty()) {
                reactor.queue(token); // one read a turn each: nobody is starved
            }
            None
        }
    }
}

fn client(address: SocketAddr, seed: u8) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut total = 0;
    for message in 0..MESSAGES {
        // From one byte to 60 kB, more than all the buffers between the two hold.
        let body: Vec<u8> = (0..1 + message * message * 66)
            .map(|place| seed ^ place.to_le_bytes()[0])
            .collect();
        let mut writer = stream.try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| writer.write_all(&body).unwrap());
            assert!(pairs::read_exactly(&mut stream, body.len()) == body);
        });
        total += body.len();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(
        std::io::Read::read(&mut stream, &mut [0; 8]).unwrap(),
        0,
        "the server closes after us"
    );
    total
}

#[test]
fn an_echo_server_without_an_event_loop() {
    let mut server = Server::new();
    let address = server.address;
    let clients = thread::spawn(move || {
        let running: Vec<_> = (0..CLIENTS)
            .map(|seed| thread::spawn(move || client(address, seed as u8)))
            .collect();
        running
            .into_iter()
            .map(|client| client.join().unwrap())
            .sum::<usize>()
    });
    while server.served < CLIENTS {
        let started = Instant::now();
        let driven = server.turn(Duration::from_secs(20));
        assert!(
            driven > 0 || started.elapsed() < Duration::from_secs(20),
            "nothing moves any more"
        );
    }
    assert_eq!(server.echoed, clients.join().unwrap());
    assert_eq!(server.reactor.len(), 1, "only the listener is left");
}

#[test]
fn a_turn_ends_by_its_timeout() {
    let mut server = Server::new();
    server.turn(Duration::ZERO); // the listener's first event
    let started = Instant::now();
    assert_eq!(server.turn(Duration::from_millis(20)), 0);
    assert!(started.elapsed() >= Duration::from_millis(20));
}

#[test]
fn a_turn_ends_at_the_next_deadline() {
    let mut reactor = Reactor::new().unwrap();
    let token = reactor.insert(());
    let now = reactor.tick();
    reactor.deadlines().set(token, Some(now + 25));
    let turns = (1..).find(|_| {
        reactor.turn(None, |(), _| (), |_, _| ()).unwrap(); // for ever, but for the deadline
        let now = reactor.now();
        reactor.deadlines().pop_due(now).is_some()
    });
    assert_eq!(turns, Some(1));
    assert!((now + 25..now + 1_000).contains(&reactor.now()));
}

#[test]
fn a_turn_does_not_wait_while_connections_are_ready() {
    let mut reactor = Reactor::new().unwrap();
    let tokens: Vec<_> = (0..100).map(|_| reactor.insert(())).collect();
    for token in &tokens {
        reactor.queue(*token);
    }
    let mut driven = Vec::new();
    let mut turns = 0;
    while reactor.has_ready() {
        turns += 1;
        let count = reactor
            .turn(None, |(), _| (), |_, token| driven.push(token))
            .unwrap();
        assert!((1..=64).contains(&count));
    }
    assert!(turns >= 2, "100 connections are more than one turn's budget");
    assert_eq!(driven, tokens);
}

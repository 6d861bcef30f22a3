//! Letting connections in, TCP and Unix. Running out of descriptors has a binary of its own.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use quinde_reactor::{Accepted, Address, Listener, Poller, Readiness, Slab, Socket};

use crate::pairs;

fn accepted(listener: &mut Listener) -> (Socket, Address) {
    match listener.accept() {
        Accepted::Connection(socket, peer) => (socket, peer),
        other => panic!("{other:?}"),
    }
}

fn tcp() -> (Listener, std::net::SocketAddr) {
    let inner = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = inner.local_addr().unwrap();
    (Listener::from_fd(inner.into()).unwrap(), address)
}

#[test]
fn all_who_wait_are_let_in_and_then_it_blocks() {
    let (mut listener, address) = tcp();
    assert!(listener.is_readable(), "unknown, so try");
    let mut peers: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
    for peer in &mut peers {
        let (mut socket, from) = accepted(&mut listener);
        assert!(listener.is_readable());
        assert_eq!(from, Address::Inet(peer.local_addr().unwrap()));
        assert_eq!(socket.peer_addr(), Some(from));
        assert!(socket.is_readable() && socket.is_writable());
        assert_eq!(pairs::drain(&mut socket).0, b"", "it does not block");
        peer.write_all(b"x").unwrap();
    }
    assert!(matches!(listener.accept(), Accepted::Blocked));
    assert!(!listener.is_readable());
}

#[test]
fn the_poller_tells_of_the_next() {
    let (mut listener, address) = tcp();
    let mut poller = Poller::new().unwrap();
    poller.register(&listener, Slab::new().insert(())).unwrap();
    assert!(matches!(listener.accept(), Accepted::Blocked));
    let _peer = TcpStream::connect(address).unwrap();
    let mut events = Vec::new();
    poller.poll(Some(Duration::from_secs(10)), &mut events).unwrap();
    for (_, readiness) in events {
        listener.set_ready(readiness);
    }
    assert!(listener.is_readable());
    accepted(&mut listener);
}

#[test]
fn an_event_without_news_changes_nothing() {
    let (mut listener, _) = tcp();
    listener.accept();
    listener.set_ready(Readiness {
        writable: true,
        ..Readiness::default()
    });
    assert!(!listener.is_readable());
    listener.set_ready(Readiness {
        hup: true,
        ..Readiness::default()
    });
    assert!(listener.is_readable());
}

#[test]
fn a_connection_is_closed_on_exec_and_non_blocking() {
    let (mut listener, address) = tcp();
    let _peer = TcpStream::connect(address).unwrap();
    let (socket, _) = accepted(&mut listener);
    // SAFETY: asks for the flags of an open descriptor.
    let flags = unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_GETFD) };
    assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
    assert!(socket2::SockRef::from(&socket).nonblocking().unwrap());
}

#[test]
fn unix_sockets_too() {
    let path = std::env::temp_dir().join(format!("quinde-reactor-{}.sock", std::process::id()));
    let inner = UnixListener::bind(&path).unwrap();
    let mut listener = Listener::from_fd(inner.into()).unwrap();
    assert_eq!(listener.local_addr(), Some(Address::Unix(Some(path.clone()))));
    assert!(matches!(listener.accept(), Accepted::Blocked));
    let mut peer = UnixStream::connect(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let (mut socket, from) = accepted(&mut listener);
    assert_eq!(from, Address::Unix(None), "a client has no name");
    assert_eq!(socket.local_addr(), Some(Address::Unix(Some(path))));
    peer.write_all(b"hello").unwrap();
    assert_eq!(pairs::drain(&mut socket).0, b"hello");
}

#[cfg(target_os = "linux")]
#[test]
fn names_without_a_file_too() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    let name = format!("quinde-reactor-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let listener = Listener::from_fd(UnixListener::bind_addr(&address).unwrap().into()).unwrap();
    assert_eq!(
        listener.local_addr(),
        Some(Address::Unix(Some(format!("\0{name}").into())))
    );
    assert_eq!(
        listener.local_addr().unwrap().to_string(),
        format!("unix:@{name}")
    );
}

#[test]
fn what_does_not_listen_fails_for_good() {
    let (socket, _peer) = pairs::unix();
    let mut listener = Listener::from_fd(socket.into_fd()).unwrap();
    assert!(matches!(listener.accept(), Accepted::Failed(_)));
}

#[test]
fn the_descriptor_can_be_given_back() {
    let (listener, address) = tcp();
    let back = TcpListener::from(listener.into_fd());
    assert_eq!(back.local_addr().unwrap(), address);
    back.set_nonblocking(false).unwrap();
    let peer = TcpStream::connect(address).unwrap();
    assert_eq!(back.accept().unwrap().1, peer.local_addr().unwrap());
}

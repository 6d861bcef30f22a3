//! Where chunks ended: told for each cut of the input alike, once, never ahead of the data, and only
//! where the framing has chunks.

mod support;

use quinde_http::h1::ServerConnection;
use quinde_http::{Event, Machine, StreamId};
use support::{Record, asking, in_all_cuts, limits, pull, receive, serve};

const CHUNKS: &str = "5\r\nfirst\r\n1;a=b\r\n,\r\n6\r\nsecond\r\n0\r\nX: y\r\n\r\n";

/// The ends of the chunks of `CHUNKS`, on a stream.
fn ends(stream: u64) -> Vec<(u64, u64)> {
    [5, 6, 12].map(|end| (stream, end)).to_vec()
}

#[test]
fn a_server_tells_them_in_all_cuts() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (record, ..) = serve(&limits(), format!("{head}{CHUNKS}{head}{CHUNKS}").as_bytes());
    assert_eq!(
        record.chunk_ends,
        [ends(1), ends(2)].concat(),
        "offsets begin anew"
    );
}

#[test]
fn a_client_tells_them_in_all_cuts() {
    let input = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKS}");
    let (record, _) = receive(&limits(), "GET", &[], input.as_bytes(), false);
    assert_eq!(record.chunk_ends, ends(1));
}

#[test]
fn other_framings_have_none() {
    let known = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1\r\nx\r";
    let (record, _) = receive(&limits(), "GET", &[], known, false);
    assert_eq!((record.last(), record.chunk_ends.len()), ("end", 0));
    let (record, _) = receive(&limits(), "GET", &[], b"HTTP/1.1 200 OK\r\n\r\n1\r\nx\r\n", true);
    assert_eq!((record.last(), record.chunk_ends.len()), ("end", 0));
}

/// One event for all that came in a read, after its data and before the end; none for a part.
#[test]
fn they_follow_their_data() {
    let (mut client, _) = asking("GET", &[]);
    client.receive_data(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0);
    assert!(matches!(client.next_event(), Some((_, Event::Head(_)))));
    client.receive_data(b"1\r\na\r\n1\r\nb\r\n3\r\nc", 0);
    assert!(matches!(client.next_event(), Some((_, Event::Data(data))) if &data[..] == b"abc"));
    assert!(matches!(client.next_event(), Some((_, Event::ChunkEnds(ends))) if ends[..] == [1, 2]));
    assert!(client.next_event().is_none());
    client.receive_data(b"d", 0);
    assert!(matches!(client.next_event(), Some((_, Event::Data(_)))));
    assert!(client.next_event().is_none());
    client.receive_data(b"e", 0);
    assert!(matches!(client.next_event(), Some((_, Event::Data(_)))));
    assert!(matches!(client.next_event(), Some((_, Event::ChunkEnds(ends))) if ends[..] == [5]));
    client.receive_data(b"\r\n", 0);
    client.receive_data(b"0\r\n\r\n", 0);
    assert!(matches!(client.next_event(), Some((_, Event::End))));
}

/// Body bytes that are received straight into their final place end chunks too, on both ends.
#[test]
fn landed_data_end_chunks() {
    let landed = |machine: &mut dyn FnMut(usize) -> usize| {
        assert_eq!(machine(0), 4, "all of the chunk is wanted");
        assert_eq!(machine(3), 1);
        assert_eq!(machine(1), 0);
    };
    let (mut client, _) = asking("GET", &[]);
    let mut record = Record::default();
    client.receive_data(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n", 0);
    pull(&mut client, &mut record);
    landed(&mut |n| {
        client.body_landed(n, 0);
        assert_eq!(record.chunk_ends, []);
        pull(&mut client, &mut record);
        client.body_want()
    });
    client.body_landed(0, 0);
    pull(&mut client, &mut record);
    assert_eq!(record.chunk_ends, [(1, 4)], "told once");

    let mut server = ServerConnection::new(limits(), 0);
    server.receive_data(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n",
        0,
    );
    assert!(matches!(server.next_event(), Some((_, Event::Head(_)))));
    let mut told = Vec::new();
    landed(&mut |n| {
        server.body_landed(n, 0);
        while let Some((stream, event)) = server.next_event() {
            let Event::ChunkEnds(ends) = event else {
                panic!("only ends of chunks are told of landed data, not {event:?}")
            };
            told.push((stream, ends));
        }
        server.body_want()
    });
    assert_eq!(told, [(StreamId(1), Box::from([4u64]))]);
}

/// Tiny chunks cost an event a read, not an event each, and any way to cut them gives the same ends.
#[test]
fn tiny_chunks_are_gathered() {
    let count = 2000;
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let input = format!("{head}{}0\r\n\r\n", "1\r\nx\r\n".repeat(count));
    let (mut client, _) = asking("GET", &[]);
    client.receive_data(input.as_bytes(), 0);
    let events = std::iter::from_fn(|| client.next_event()).count();
    assert_eq!(events, 4, "head, data, ends, end");
    let told = in_all_cuts(input.as_bytes(), |parts| {
        let (mut client, _) = asking("GET", &[]);
        let mut record = Record::default();
        for part in parts {
            client.receive_data(part, 0);
            pull(&mut client, &mut record);
        }
        record.finished()
    });
    let expected: Vec<(u64, u64)> = (1..=count as u64).map(|end| (1, end)).collect();
    assert_eq!(told.chunk_ends, expected);
}

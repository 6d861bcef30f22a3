//! Make seeds of what peers send in the tests: `cargo run --example seeds from to`. Each file of `from/server`,
//! `from/client` and `from/chunked` is put behind each of a few scripts, so that the fuzzer starts with users who do
//! something. `tools/fuzz.sh` calls it.

use std::path::Path;

type Op = [u8; 4];

/// Limits, how to cut and choices (src/script.rs), then what the user does (`step` in src/*_connection.rs; both ends
/// share a kind of command where they have it).
const SCRIPTS: [([u8; 3], &[Op]); 10] = [
    // Default limits and no commands: the user comes in when all was received.
    ([0, 0, 0], &[]),
    // Small limits, a flood, and the end of input.
    ([1, 3, 0xe1], &[]),
    // A client asks. A server's user answers in parts while the request comes, and is slow to read.
    (
        [1, 5, 0x81],
        &[
            OPEN,
            ASK,
            FINISH,
            [0, 60, 0, 0],
            [15, 128, 0, 0],
            HINTS,
            ANSWER_CHUNKED,
            DATA,
            [0, 200, 0, 1],
            PULL,
            LARGE,
            [12, 40, 0, 0],
            [14, 100, 0, 0],
            [0, 255, 1, 0],
            TRAILERS,
        ],
    ),
    // The user gives up before it has looked.
    ([0, 4, 1], &[OPEN, ASK, FINISH, [0, 255, 2, 1], [11, 255, 0, 0]]),
    // An answer to the head alone: the body is thrown away.
    (
        [0, 7, 1],
        &[[0, 70, 0, 0], ANSWER, FINISH, RECEIVE, RECEIVE, [3, 255, 10, 0]],
    ),
    // A switch of protocols, with data both ways and two ends.
    (
        [0, 6, 0x09],
        &[
            OPEN,
            OFFER,
            FINISH,
            [0, 70, 0, 0],
            SWITCH,
            DATA,
            RECEIVE,
            LARGE,
            [14, 0, 0, 0],
            RECEIVE,
            FINISH,
        ],
    ),
    // The same within a request's body, and after the end of input.
    (
        [0, 6, 0],
        &[[0, 83, 0, 0], SWITCH, DATA, RECEIVE, DATA, CLOSE, FINISH],
    ),
    ([0, 6, 0], &[RECEIVE, CLOSE, SWITCH, DATA, FINISH]),
    // The user lets the body come, which it then does, or does not.
    (
        [0, 6, 1],
        &[
            [0, 90, 0, 0],
            LET_COME,
            [15, 128, 0, 0],
            [0, 10, 0, 0],
            [3, 4, 10, 0],
            RECEIVE,
            [3, 255, 10, 0],
            ANSWER,
            FINISH,
        ],
    ),
    // The same, with somebody who minds how fast; with other limits from then on.
    (
        [2, 6, 0],
        &[
            [0, 90, 0, 0],
            [15, 128, 0, 0],
            [15, 100, 0, 0],
            [3, 4, 10, 0],
            RECEIVE,
            [3, 40, 8, 0],
            ANSWER,
            FINISH,
        ],
    ),
];

const RECEIVE: Op = [0, 255, 2, 0];
const CLOSE: Op = [3, 0, 0, 0];
const OPEN: Op = [4, 0, 0, 0];
const ASK: Op = [6, 0, 1, 0];
const OFFER: Op = [6, 0, 0x61, 0];
const HINTS: Op = [5, 6, 0, 0];
const LET_COME: Op = [5, 5, 0, 0];
const ANSWER: Op = [6, 0, 2, 0];
const ANSWER_CHUNKED: Op = [0x26, 0, 2, 0];
const SWITCH: Op = [6, 4, 0x60, 0];
const DATA: Op = [8, 0, 3, 0];
const LARGE: Op = [8, 1, 255, 0];
const TRAILERS: Op = [9, 0, 2, 0];
const FINISH: Op = [10, 0, 0, 0];
const PULL: Op = [15, 0, 0, 0];

/// What the tests send piece by piece.
const REQUESTS: [&str; 6] = [
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: new\r\n\r\nthe new protocol",
    "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: new\r\nContent-Length: 3\r\n\r\nabcthe new protocol",
    "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nthrough the tunnel",
    "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 30\r\n\r\n012345678901234567890123456789",
    "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\n\
     012345678901234567890123456789012345678901234567890123456789GET / HTTP/1.1\r\nHost: a\r\n\r\n",
];
const RESPONSES: [&str; 2] = [
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: new\r\n\r\nthe new protocol",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
];

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = arguments.as_slice() else {
        return Err(std::io::Error::other(
            "name the folder of what peers send, and the one for seeds",
        ));
    };
    for kind in ["server", "client", "chunked"] {
        let folder = Path::new(to).join(kind);
        std::fs::create_dir_all(&folder)?;
        for file in std::fs::read_dir(Path::new(from).join(kind))? {
            let file = file?;
            write(
                &folder,
                &file.file_name().to_string_lossy(),
                &std::fs::read(file.path())?,
            )?;
        }
        let more: &[&str] = match kind {
            "server" => &REQUESTS,
            "client" => &RESPONSES,
            _ => &[],
        };
        for (number, wire) in more.iter().enumerate() {
            write(&folder, &number.to_string(), wire.as_bytes())?;
        }
    }
    Ok(())
}

fn write(folder: &Path, name: &str, wire: &[u8]) -> std::io::Result<()> {
    for (number, ([limits, cut, choices], ops)) in SCRIPTS.iter().enumerate() {
        let count = u8::try_from(ops.len()).map_err(std::io::Error::other)?;
        let seed = [&[*limits, count, *cut, *choices], ops.concat().as_slice(), wire].concat();
        std::fs::write(folder.join(format!("{name}-{number}")), seed)?;
    }
    Ok(())
}

//! How a line looks: a format is compiled once, and filled for each request.
//!
//! Knows heads and numbers, no Python. What a peer chose is escaped as Apache does it: a quote and a backslash get a
//! backslash, control bytes their letter or `\xhh`, and so does all that is not ASCII. Nobody can begin a line, or end
//! a field, of his own.

use std::io::Write as _;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quinde_http::{Headers, RequestHead, Version};

use super::piece::Piece;
use crate::objects::date;

/// What one line tells.
pub struct Entry<'a> {
    pub remote: Remote<'a>,
    pub line: RequestLine<'a>,
    pub status: u16,
    pub size: u64,
    pub began: Instant,
    pub elapsed: Duration,
    pub request: Fields<'a>,
    pub response: Fields<'a>,
}

#[derive(Clone, Copy)]
pub enum Remote<'a> {
    Address(IpAddr),
    Name(&'a [u8]),
}

pub enum RequestLine<'a> {
    Head(&'a RequestHead),
    Text(&'a [u8]),
}

pub enum Fields<'a> {
    Received(&'a Headers),
    Plain(Plain<'a>),
    /// The values that the format asks for, in its order.
    Listed(&'a [Option<&'a [u8]>]),
}

/// What an answer has whose fields the core writes itself.
pub struct Plain<'a> {
    pub content_type: Option<&'a str>,
    pub length: usize,
    pub server: &'a str,
    /// The value of Connection, if it is there.
    pub persistence: Option<&'a str>,
}

impl Fields<'_> {
    fn write(&self, out: &mut Vec<u8>, name: &str, index: usize) {
        match self {
            Fields::Received(headers) => field(out, headers.get(name)),
            Fields::Listed(values) => field(out, values.get(index).copied().flatten()),
            Fields::Plain(plain) => plain.write(out, name),
        }
    }
}

impl Plain<'_> {
    fn write(&self, out: &mut Vec<u8>, name: &str) {
        let text = if name.eq_ignore_ascii_case("Content-Length") {
            return number(out, self.length as u64);
        } else if name.eq_ignore_ascii_case("Date") {
            return field(out, Some(&date::now()));
        } else if name.eq_ignore_ascii_case("Content-Type") {
            self.content_type
        } else if name.eq_ignore_ascii_case("Server") {
            Some(self.server)
        } else if name.eq_ignore_ascii_case("Connection") {
            self.persistence
        } else {
            None
        };
        field(out, text.map(str::as_bytes));
    }
}

pub struct Format {
    pieces: Vec<Piece>,
    process: Vec<u8>,
    calendar: Calendar,
}

impl Format {
    pub fn new(pieces: Vec<Piece>) -> Self {
        let mut format = Self {
            pieces,
            process: Vec::new(),
            calendar: Calendar::new(),
        };
        format.learn_process();
        format
    }

    /// Ask which process this is: again after a fork.
    pub fn learn_process(&mut self) {
        self.process = format!("<{}>", std::process::id()).into_bytes();
    }

    /// Append an entry to `out`.
    pub fn fill(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        let Self {
            pieces,
            process,
            calendar,
        } = self;
        for piece in pieces.iter() {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Remote => match entry.remote {
                    Remote::Address(address) => ip_address(out, address),
                    Remote::Name(name) => field(out, Some(name).filter(|name| !name.is_empty())),
                },
                Piece::Started => calendar.show(out, entry.began),
                Piece::Process => out.extend_from_slice(process),
                Piece::RequestLine => request_line(out, &entry.line),
                Piece::Status => number(out, u64::from(entry.status)),
                Piece::Size => number(out, entry.size),
                // Half to even, as Python rounds; aiohttp shows whole seconds.
                Piece::Seconds => number(out, whole_seconds(entry.elapsed)),
                Piece::Fraction => {
                    let micros = rounded_micros(entry.elapsed);
                    number(out, micros / 1_000_000);
                    drop(write!(out, ".{:06}", micros % 1_000_000));
                }
                Piece::Microseconds => number(out, rounded_micros(entry.elapsed)),
                Piece::RequestField(name, index) => entry.request.write(out, name, *index),
                Piece::ResponseField(name, index) => entry.response.write(out, name, *index),
            }
        }
    }
}

fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// As its `Display`, but faster for IPv4.
pub fn ip_address(out: &mut Vec<u8>, address: IpAddr) {
    let IpAddr::V4(address) = address else {
        // Writing to a vector cannot fail, here and below.
        return drop(write!(out, "{address}"));
    };
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            out.push(b'.');
        }
        number(out, u64::from(octet));
    }
}

fn rounded_micros(elapsed: Duration) -> u64 {
    u64::try_from((elapsed.as_nanos() + 500) / 1000).unwrap_or(u64::MAX)
}

fn whole_seconds(elapsed: Duration) -> u64 {
    let (seconds, nanos) = (elapsed.as_secs(), elapsed.subsec_nanos());
    match nanos.cmp(&500_000_000) {
        std::cmp::Ordering::Less => seconds,
        std::cmp::Ordering::Greater => seconds + 1,
        std::cmp::Ordering::Equal => seconds + seconds % 2,
    }
}

fn request_line(out: &mut Vec<u8>, line: &RequestLine<'_>) {
    match line {
        RequestLine::Text(text) => escaped(out, text),
        RequestLine::Head(head) => {
            escaped(out, head.method().as_bytes());
            out.push(b' ');
            escaped(out, head.target().as_bytes());
            out.extend_from_slice(version_text(head.version));
        }
    }
}

/// The end of a request line.
pub fn version_text(version: Version) -> &'static [u8] {
    match version {
        Version::Http10 => b" HTTP/1.0",
        Version::Http11 => b" HTTP/1.1",
    }
}

fn field(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(value) => escaped(out, value),
        None => out.push(b'-'),
    }
}

fn escaped(out: &mut Vec<u8>, mut text: &[u8]) {
    let is_special = |byte: &u8| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\');
    while let Some(at) = text.iter().position(is_special) {
        out.extend_from_slice(&text[..at]);
        out.push(b'\\');
        match text[at] {
            byte @ (b'"' | b'\\') => out.push(byte),
            b'\x08' => out.push(b'b'),
            b'\n' => out.push(b'n'),
            b'\r' => out.push(b'r'),
            b'\t' => out.push(b't'),
            b'\x0b' => out.push(b'v'),
            byte => drop(write!(out, "x{byte:02x}")),
        }
        text = &text[at + 1..];
    }
    out.extend_from_slice(text);
}

/// Turns moments of the steady clock into text of the wall's, and asks that one once a second.
struct Calendar {
    pair: (Instant, Duration),
    second: u64,
    text: Vec<u8>,
}

impl Calendar {
    fn new() -> Self {
        Self {
            pair: now_on_both_clocks(Instant::now()),
            second: u64::MAX,
            text: Vec::new(),
        }
    }

    /// `[25/Nov/2026:20:38:44 +0000]`, local time.
    fn show(&mut self, out: &mut Vec<u8>, moment: Instant) {
        if moment.saturating_duration_since(self.pair.0) > Duration::from_secs(1) {
            self.pair = now_on_both_clocks(Instant::now());
        }
        let (steady, wall) = self.pair;
        let since = match moment.checked_duration_since(steady) {
            Some(after) => wall + after,
            None => wall.saturating_sub(steady - moment),
        };
        if self.second != since.as_secs() {
            self.second = since.as_secs();
            self.text.clear();
            render(&mut self.text, i64::try_from(self.second).unwrap_or(i64::MAX));
        }
        out.extend_from_slice(&self.text);
    }
}

fn now_on_both_clocks(steady: Instant) -> (Instant, Duration) {
    // A clock before 1970 is shown as 1970.
    (
        steady,
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
    )
}

fn render(out: &mut Vec<u8>, second: i64) {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    #[allow(clippy::useless_conversion, reason = "time_t is narrower on some systems")]
    let second: libc::time_t = second.try_into().unwrap_or(0);
    // SAFETY: all zeros is a value of this plain C structure.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to values that live through the call; the GIL keeps others from changing the zone.
    unsafe { libc::localtime_r(&raw const second, &raw mut parts) };
    let month = usize::try_from(parts.tm_mon)
        .ok()
        .and_then(|month| MONTHS.get(month));
    let offset = parts.tm_gmtoff / 60;
    let (sign, offset) = (if offset < 0 { '-' } else { '+' }, offset.abs());
    drop(write!(
        out,
        "[{:02}/{}/{}:{:02}:{:02}:{:02} {sign}{:02}{:02}]",
        parts.tm_mday,
        month.unwrap_or(&"Jan"),
        parts.tm_year + 1900,
        parts.tm_hour,
        parts.tm_min,
        parts.tm_sec,
        offset / 60,
        offset % 60,
    ));
}

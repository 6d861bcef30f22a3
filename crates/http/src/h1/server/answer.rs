//! What the server's user may send, and how it is framed (RFC 9112 §6.3, §9.3).

use bytes::Bytes;

use super::super::encode::{self, Framing};
use super::super::outgoing::Outgoing;
use super::{Reading, ResponseStart, ServerConnection};
use crate::{BodyLength, Error, Event, Kind, StreamId, Version};

impl ServerConnection {
    /// Whether the stream is the one that is being answered.
    pub(super) fn current(&self, stream: StreamId) -> Result<(), Error> {
        if stream == self.id() && self.outgoing != Outgoing::Closed {
            return Ok(());
        }
        Err(Error::local(Kind::StreamClosed, ""))
    }

    /// The end of each command: what was refused is counted, what is waited for may have changed.
    pub(super) fn answered(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        if let Err(error) = &result {
            self.statistics.refuse(error.kind.as_str());
        }
        self.settle(false);
        result
    }

    fn head_is_due(&self, stream: StreamId) -> Result<(), Error> {
        self.current(stream)?;
        if self.outgoing != Outgoing::Head {
            return Err(Error::local(Kind::WrongOrder, "the head was sent already"));
        }
        Ok(())
    }

    pub(super) fn answer_informational<'f>(
        &mut self,
        stream: StreamId,
        status: u16,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])>,
    ) -> Result<(), Error> {
        self.head_is_due(stream)?;
        if !matches!(status, 100 | 102..200) {
            return Err(Error::local(
                Kind::InvalidStatus,
                &format!("{status} is not interim"),
            ));
        }
        let body_is_held_back = matches!(&self.reading, Reading::Body(body) if body.received() == 0);
        // RFC 9110 §15.2: no interim response to HTTP/1.0. §10.1.1: 100 may be left out once the
        // body has begun or if there is none.
        if self.asked.version == Version::Http10 || (status == 100 && !body_is_held_back) {
            return Ok(());
        }
        self.output.write(|out| {
            encode::write_status(out, Version::Http11, status, None)?;
            let given = encode::write_fields(out, fields, Framing::Bare, false)?;
            encode::write_missing(out, &given, Framing::Bare, None);
            Ok(())
        })?;
        if status == 100 {
            self.asked.awaits_continue = false;
        }
        Ok(())
    }

    pub(super) fn answer_head<'f>(
        &mut self,
        stream: StreamId,
        start: ResponseStart<'_>,
        body: BodyLength,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])>,
    ) -> Result<(), Error> {
        self.head_is_due(stream)?;
        if start.status == 101 {
            return self.answer_switch(start, fields);
        }
        if !(200..1000).contains(&start.status) {
            return Err(Error::local(
                Kind::InvalidStatus,
                &format!("{} is not final", start.status),
            ));
        }
        // RFC 9110 §9.3.6: a 2xx without body opens the tunnel that CONNECT asked for; bytes until the end are its first.
        let bare = matches!(body, BodyLength::Empty | BodyLength::UntilClose);
        let tunnel = self.asked.connect && bare && start.status < 300;
        let framing = if tunnel {
            Framing::Bare
        } else {
            self.framing(start.status, body)
        };
        let closing = !tunnel && self.closes_after(start, framing);
        let version = self.asked.version;
        let mut closed_by_user = false;
        self.output.write(|out| {
            encode::write_status(out, version, start.status, start.reason)?;
            let given = encode::write_fields(out, fields, framing, closing)?;
            closed_by_user = given.close && !tunnel;
            // RFC 9112 §9.3: each version says only what is not its default.
            let persistence = match version {
                _ if tunnel => None,
                Version::Http11 => (closing || closed_by_user).then_some(false),
                Version::Http10 => (!closing && !closed_by_user).then_some(true),
            };
            encode::write_missing(out, &given, framing, persistence);
            Ok(())
        })?;
        self.statistics.messages_sent += 1;
        self.statistics.answer(start.status);
        self.closing |= closing || closed_by_user;
        self.trailers_allowed = body == BodyLength::Chunked;
        self.outgoing = match framing {
            Framing::Length(length) => Outgoing::Length(length),
            Framing::Chunked => Outgoing::Chunked,
            Framing::UntilClose => Outgoing::UntilClose,
            Framing::Silent | Framing::Bare | Framing::Hypothetical(_) => Outgoing::Nothing,
        };
        if tunnel {
            self.switch();
        }
        Ok(())
    }

    /// 101 (RFC 9110 §15.2.2): only when it was asked for, and with the name of the new protocol.
    fn answer_switch<'f>(
        &mut self,
        start: ResponseStart<'_>,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])>,
    ) -> Result<(), Error> {
        if !self.asked.upgrade {
            return Err(Error::local(Kind::InvalidStatus, "101 was not asked for"));
        }
        self.output.write(|out| {
            encode::write_status(out, Version::Http11, start.status, start.reason)?;
            let given = encode::write_fields(out, fields, Framing::Bare, false)?;
            if !given.upgrade_field {
                return Err(Error::local(Kind::InvalidStatus, "101 needs an Upgrade field"));
            }
            if !given.upgrade_token {
                out.extend_from_slice(b"Connection: upgrade\r\n");
            }
            encode::write_missing(out, &given, Framing::Bare, None);
            Ok(())
        })?;
        self.statistics.messages_sent += 1;
        self.statistics.answer(start.status);
        self.switch();
        Ok(())
    }

    /// From now on bytes pass unchanged: at once if the request is complete, else after its body
    /// (RFC 9110 §7.8).
    fn switch(&mut self) {
        self.outgoing = Outgoing::Raw;
        if matches!(self.reading, Reading::Complete) {
            self.reading = Reading::Raw;
            self.window.reset();
            let rest = Bytes::from(self.inbox.take());
            self.window.delivered(rest.len(), &self.limits);
            self.events.push(self.id(), Event::Upgraded(rest));
            if self.eof {
                self.events.push(self.id(), Event::End);
            }
        }
    }

    /// How the answer is framed (RFC 9112 §6.3).
    fn framing(&self, status: u16, body: BodyLength) -> Framing {
        if matches!(status, 204 | 304) {
            return Framing::Bare;
        }
        if self.asked.head {
            return Framing::Hypothetical(match body {
                BodyLength::Known(length) => Some(length),
                _ => None,
            });
        }
        match body {
            BodyLength::Empty => Framing::Length(0),
            BodyLength::Known(length) => Framing::Length(length),
            // §7.1: HTTP/1.0 knows no chunks.
            BodyLength::Chunked if self.asked.version == Version::Http11 => Framing::Chunked,
            BodyLength::Chunked | BodyLength::UntilClose => Framing::UntilClose,
        }
    }

    /// Whether this answer is the last one.
    fn closes_after(&self, start: ResponseStart<'_>, framing: Framing) -> bool {
        start.close
            || self.closing
            || !self.asked.keep_alive
            || framing == Framing::UntilClose
            // What follows may already be meant for a tunnel.
            || self.asked.connect
            // A final answer instead of 100: the client may send the body or not (RFC 9110 §10.1.1),
            // so one cannot know what its next byte is.
            || self.asked.awaits_continue
            || (self.eof && self.inbox.is_empty())
    }
}

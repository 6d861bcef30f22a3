//! `Body`: the bytes of one message's body between the wire and whoever reads them.
//!
//! # Theory of operation
//!
//! Bytes wait as pieces, each a bytes object that can be handed out without a copy. Where the length is known and
//! fits the window, or somebody collects the whole body, one bytes object of the final size is made beforehand (the
//! *landing*) and filled in place, if possible by recv itself; nobody sees it before it is full. Small pieces that
//! come while many wait already are gathered, so that a body of tiny ones costs hardly more than its bytes.
//!
//! Where HTTP chunks ended is kept beside the bytes until they are read past ([`ChunkEnds`] says at what cost). An end
//! lives one `take` longer than its bytes, as readers hold what they took last and may not have used it up; a reader
//! that collects wants no ends, and those that come meanwhile are forgotten.
//!
//! One reader at a time waits, either for anything (`wait`) or for the end (`collect`). What is taken is
//! acknowledged to the connection, which reads no further while too much waits (`body_window`). A body that is larger
//! than the window is not read ahead before somebody asks: so that it can land where it is wanted.
//!
//! The mutex is never held over a call into Python; bytes objects are no garbage-collected containers, making and
//! dropping them runs no code.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyMemoryError, PyRuntimeError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use quinde_http::BodyLength;

use super::chunk_ends::ChunkEnds;
use crate::driver::{Action, Link, action, command};
use crate::errors::BodyTooLarge;

/// Up to this size a body's landing is made at once, in the hope that it will be read whole.
const EAGER_LANDING: u64 = 512 * 1024;
/// Up to this size a landing is made for somebody who collects: an announced length is only a promise.
const COLLECTED_LANDING: u64 = 64 * 1024 * 1024;
/// So many pieces wait as they came, to be handed out without a copy, before small ones are gathered.
const SEPARATE_PIECES: usize = 64;
/// Pieces below this size are small: an object each would cost more than a copy.
const SMALL_PIECE: usize = 4 * 1024;
/// Up to this size small pieces are gathered into one.
const GATHERED_PIECE: usize = 64 * 1024;

#[pyclass(frozen, weakref, module = "quinde._core")]
pub struct Body {
    state: Mutex<State>,
    create_future: Py<PyAny>,
    link: Option<Link>,
}

struct State {
    pieces: VecDeque<Piece>,
    chunk_ends: ChunkEnds,
    landing: Option<Landing>,
    /// Bytes in `pieces` and in the landing that nobody took yet.
    buffered: usize,
    /// Bytes still to come, where that is known.
    remaining: Option<u64>,
    total: u64,
    eof: bool,
    error: Option<Py<PyAny>>,
    waiter: Waiter,
    on_eof: Vec<Py<PyAny>>,
}

/// Bytes that wait; those before `start` were taken.
struct Piece {
    bytes: PieceBytes,
    start: usize,
}

enum PieceBytes {
    /// As they came.
    Whole(Py<PyBytes>),
    /// Of several small pieces.
    Gathered(Vec<u8>),
}

/// A bytes object that is being filled.
struct Landing {
    bytes: Py<PyBytes>,
    size: usize,
    filled: usize,
    taken: usize,
}

/// The next part of a landing. Nobody but the body's connection knows of it before it is filled.
pub struct Place {
    bytes: Py<PyBytes>,
    offset: usize,
    /// How many bytes fit.
    pub room: usize,
}

enum Waiter {
    Nobody,
    Data(Py<PyAny>),
    Collect { future: Py<PyAny>, limit: u64 },
}

impl Body {
    /// The body of a message that is being received.
    pub fn of_message(py: Python<'_>, create_future: &Py<PyAny>, link: Link, length: BodyLength) -> Self {
        let mut state = State::new();
        if let BodyLength::Known(size) = length {
            state.remaining = Some(size);
            if size <= EAGER_LANDING {
                state.landing = Landing::new(py, size).ok();
            }
        }
        Self {
            state: Mutex::new(state),
            create_future: create_future.clone_ref(py),
            link: Some(link),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it was held left plain counters: go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the next bytes of the wire, `want` of them at most, may be received to.
    pub fn landing(&self, py: Python<'_>, want: usize) -> Option<Place> {
        let state = self.lock();
        let landing = state.landing.as_ref()?;
        let room = (landing.size - landing.filled).min(want);
        (room > 0).then(|| Place {
            bytes: landing.bytes.clone_ref(py),
            offset: landing.filled,
            room,
        })
    }

    /// `n` bytes were received into the landing. Gives how many count as taken at once; whoever waits for data is woken.
    pub fn landed(&self, py: Python<'_>, n: usize, actions: &mut VecDeque<Action>) -> usize {
        let mut state = self.lock();
        state.arrived(n);
        if let Some(landing) = &mut state.landing {
            landing.filled += n;
        }
        state.retire_full_landing();
        state.wake_reader(py, actions);
        state.acknowledge(n)
    }

    /// Bytes arrived. Gives how many count as taken at once; whoever waits for data is woken.
    pub fn push(&self, py: Python<'_>, data: &[u8], actions: &mut VecDeque<Action>) -> usize {
        let mut state = self.lock();
        state.arrived(data.len());
        let landed = state.landing.as_mut().map_or(0, |landing| landing.fill(data));
        state.retire_full_landing();
        if let Some(rest) = data.get(landed..).filter(|rest| !rest.is_empty()) {
            state.keep(py, rest);
        }
        state.wake_reader(py, actions);
        let taken = state.acknowledge(data.len());
        if let Some((future, limit)) = state.overflowing() {
            actions.push_back(Action::Raise(
                future,
                BodyTooLarge::new_err((limit, state.buffered)),
            ));
        }
        taken
    }

    /// HTTP chunks ended at these offsets; whoever waits for data is woken, as a reader of chunks waits for that too.
    pub fn end_chunks(&self, py: Python<'_>, ends: &[u64], actions: &mut VecDeque<Action>) {
        let mut state = self.lock();
        if let Waiter::Collect { .. } = state.waiter {
            let total = state.total;
            state.chunk_ends.skip_to(total);
            return;
        }
        for end in ends {
            state.chunk_ends.push(*end);
        }
        state.wake_reader(py, actions);
    }

    /// The end was received.
    pub fn finish(&self, py: Python<'_>, actions: &mut VecDeque<Action>) {
        let mut state = self.lock();
        if state.eof || state.error.is_some() {
            return;
        }
        state.eof = true;
        match std::mem::replace(&mut state.waiter, Waiter::Nobody) {
            Waiter::Nobody => {}
            Waiter::Data(future) => actions.push_back(Action::Resolve(future, py.None())),
            Waiter::Collect { future, .. } => {
                if let Ok(bytes) = state.take_all(py) {
                    actions.push_back(Action::Resolve(future, bytes.into_any()));
                }
            }
        }
        for callback in state.on_eof.drain(..) {
            actions.push_back(Action::Call(callback, None));
        }
    }

    /// Takes away what nobody has read: it belongs to somebody else now.
    pub fn take_rest(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        let mut state = self.lock();
        if state.buffered == 0 {
            return None;
        }
        state.take_all(py).ok()
    }

    /// Whether more should be received now: somebody waits, or the body is small enough to be kept.
    pub fn is_wanted(&self) -> bool {
        let state = self.lock();
        state.landing.is_some()
            || !matches!(state.waiter, Waiter::Nobody)
            || state.remaining.is_none_or(|remaining| remaining <= EAGER_LANDING)
    }

    /// Whether somebody waits for it.
    pub fn is_awaited(&self) -> bool {
        !matches!(self.lock().waiter, Waiter::Nobody)
    }

    /// How many bytes are still to come for somebody who waits for all of them, where that is known.
    pub fn awaited_whole(&self) -> u64 {
        let state = self.lock();
        match state.waiter {
            Waiter::Collect { .. } => state.remaining.unwrap_or(0),
            Waiter::Nobody | Waiter::Data(_) => 0,
        }
    }

    /// The body ends in an error; calls into Python.
    pub fn fail(&self, py: Python<'_>, error: &PyErr) -> PyResult<()> {
        let (waiter, callbacks) = {
            let mut state = self.lock();
            if state.eof || state.error.is_some() {
                return Ok(());
            }
            state.error = Some(error.value(py).clone().into_any().unbind());
            (
                std::mem::replace(&mut state.waiter, Waiter::Nobody),
                std::mem::take(&mut state.on_eof),
            )
        };
        match waiter {
            Waiter::Nobody => {}
            Waiter::Data(future) | Waiter::Collect { future, .. } => action::fail_with(py, &future, error)?,
        }
        for callback in callbacks {
            callback.call0(py)?;
        }
        Ok(())
    }

    fn acknowledge(&self, py: Python<'_>, n: usize) {
        if let Some(link) = self.link {
            command::consumed(py, link, n);
        }
    }

    fn raise_error(py: Python<'_>, state: &State) -> PyResult<()> {
        match &state.error {
            Some(error) => Err(PyErr::from_value(error.bind(py).clone())),
            None => Ok(()),
        }
    }
}

#[pymethods]
impl Body {
    // An exception refers by its traceback to the frames that it passed, and these to whoever read this body.
    #[expect(clippy::needless_pass_by_value, reason = "the signature of the slot")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Held only by code that makes no Python call: it is free, unless this thread is in the midst of it.
        let Ok(state) = self.state.try_lock() else {
            return Ok(());
        };
        visit.call(&state.error)?;
        match &state.waiter {
            Waiter::Nobody => {}
            Waiter::Data(future) | Waiter::Collect { future, .. } => visit.call(future)?,
        }
        state.on_eof.iter().try_for_each(|callback| visit.call(callback))
    }

    fn __clear__(&self) {
        let dropped = {
            let mut state = self.lock();
            let waiter = std::mem::replace(&mut state.waiter, Waiter::Nobody);
            (state.error.take(), waiter, std::mem::take(&mut state.on_eof))
        };
        drop(dropped);
    }

    #[new]
    fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        let create_future = event_loop
            .getattr(intern!(event_loop.py(), "create_future"))?
            .unbind();
        Ok(Self {
            state: Mutex::new(State::new()),
            create_future,
            link: None,
        })
    }

    /// Up to `n` buffered bytes, without waiting; all of them if `n` is negative.
    #[pyo3(signature = (n=-1), text_signature = "(self, /, n=-1)")]
    fn take<'py>(&self, py: Python<'py>, n: isize) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = {
            let mut state = self.lock();
            state.forget_passed_ends();
            match usize::try_from(n) {
                Ok(n) if n < state.buffered => state.take_some(py, n)?,
                _ => state.take_all(py)?,
            }
        };
        let bytes = bytes.into_bound(py);
        self.acknowledge(py, bytes.as_bytes().len());
        Ok(bytes)
    }

    /// One piece, as it came or gathered of small ones, without waiting; empty if there is none.
    fn take_chunk<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = {
            let mut state = self.lock();
            state.forget_passed_ends();
            match state.pieces.front() {
                Some(piece) => {
                    let length = piece.length(py);
                    state.take_some(py, length)?
                }
                None => state.take_all(py)?,
            }
        };
        let bytes = bytes.into_bound(py);
        self.acknowledge(py, bytes.as_bytes().len());
        Ok(bytes)
    }

    /// How many bytes from the reader's place the next HTTP chunk ends, 0 if right there; each end is told once.
    ///
    /// None while no end is known: the chunk goes on, or the body has no chunks. `held` is how many bytes the reader
    /// has taken and not used up; an end among those of its last `take` is known still.
    #[pyo3(signature = (held=0))]
    fn chunk_end(&self, held: usize) -> Option<u64> {
        let mut state = self.lock();
        let ahead = (state.buffered as u64).saturating_add(held as u64);
        while let Some(end) = state.chunk_ends.first() {
            state.chunk_ends.pop();
            if let Some(distance) = ahead.checked_sub(state.total.saturating_sub(end)) {
                return Some(distance);
            }
        }
        None
    }

    /// A future that is done when data, the end or an error is there; None if one of them is there already.
    ///
    /// Also done when an HTTP chunk ends without further data.
    fn wait(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        {
            let state = self.lock();
            if state.buffered > 0 || state.eof || state.error.is_some() {
                return Ok(None);
            }
        }
        self.refuse_second_reader(py)?;
        let future = self.create_future.call0(py)?;
        self.lock().waiter = Waiter::Data(future.clone_ref(py));
        self.pull(py);
        Ok(Some(future))
    }

    /// All bytes to the end: at once if the end is there, else a future of them.
    ///
    /// Raises BodyTooLarge(limit, size) as soon as a limit above 0 is exceeded.
    #[pyo3(signature = (limit=0))]
    fn collect(&self, py: Python<'_>, limit: u64) -> PyResult<Py<PyAny>> {
        {
            let mut state = self.lock();
            Self::raise_error(py, &state)?;
            state.refuse_over_limit(limit)?;
            if state.eof {
                return state.take_all(py).map(Py::into_any);
            }
        }
        self.refuse_second_reader(py)?;
        let future = self.create_future.call0(py)?;
        let acknowledged = {
            let mut state = self.lock();
            state.prepare_landing(py);
            state.waiter = Waiter::Collect {
                future: future.clone_ref(py),
                limit,
            };
            state.buffered
        };
        self.acknowledge(py, acknowledged);
        self.pull(py);
        Ok(future)
    }

    /// Puts bytes back in front.
    fn unread(&self, data: Bound<'_, PyBytes>) {
        let length = data.as_bytes().len();
        if length > 0 {
            let mut state = self.lock();
            state.buffered += length;
            state.pieces.push_front(Piece {
                bytes: PieceBytes::Whole(data.unbind()),
                start: 0,
            });
        }
    }

    /// Bytes arrived (for bodies that Python feeds).
    fn feed_data(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        let mut actions = VecDeque::new();
        if !data.is_empty() {
            self.push(py, data, &mut actions);
        }
        run(py, actions)
    }

    /// An HTTP chunk ended with the bytes that arrived last (for bodies that Python feeds).
    fn feed_chunk_end(&self, py: Python<'_>) -> PyResult<()> {
        let mut actions = VecDeque::new();
        self.end_chunks(py, &[self.total()], &mut actions);
        run(py, actions)
    }

    /// The end arrived (for bodies that Python feeds).
    fn feed_eof(&self, py: Python<'_>) -> PyResult<()> {
        let mut actions = VecDeque::new();
        self.finish(py, &mut actions);
        run(py, actions)
    }

    /// The body ends in an error.
    fn set_exception(&self, py: Python<'_>, exc: Bound<'_, PyAny>) -> PyResult<()> {
        self.fail(py, &PyErr::from_value(exc))
    }

    /// Calls `callback()` when the end or an error arrives; at once if it has.
    fn on_eof(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<()> {
        {
            let mut state = self.lock();
            if !state.eof && state.error.is_none() {
                state.on_eof.push(callback);
                return Ok(());
            }
        }
        callback.call0(py).map(drop)
    }

    /// Bytes that can be taken without waiting.
    #[getter]
    fn buffered(&self) -> usize {
        self.lock().buffered
    }

    /// Whether the end was received; bytes may still be buffered.
    #[getter]
    fn eof(&self) -> bool {
        self.lock().eof
    }

    /// What ended the body before its time.
    #[getter]
    fn exception(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.lock().error.as_ref().map(|error| error.clone_ref(py))
    }

    /// Bytes received so far.
    #[getter]
    fn total(&self) -> u64 {
        self.lock().total
    }
}

impl Body {
    /// A reader that was cancelled has left; a second one beside it is a mistake.
    fn refuse_second_reader(&self, py: Python<'_>) -> PyResult<()> {
        let waiting = match &self.lock().waiter {
            Waiter::Nobody => return Ok(()),
            Waiter::Data(future) | Waiter::Collect { future, .. } => future.clone_ref(py),
        };
        if action::is_done(py, &waiting)? {
            self.lock().waiter = Waiter::Nobody;
            return Ok(());
        }
        Err(PyRuntimeError::new_err(
            "another coroutine is already waiting for incoming data of this body",
        ))
    }

    /// Lets the connection read on: somebody waits now.
    fn pull(&self, py: Python<'_>) {
        if let Some(link) = self.link {
            command::pull(py, link);
        }
    }
}

/// Performs the actions of a body that Python feeds.
fn run(py: Python<'_>, actions: VecDeque<Action>) -> PyResult<()> {
    for action in actions {
        match action {
            Action::Resolve(future, value) => action::resolve(py, &future, value)?,
            Action::Call(callable, None) => drop(callable.call0(py)?),
            Action::Raise(future, error) => action::fail_with(py, &future, &error)?,
            _ => {}
        }
    }
    Ok(())
}

impl State {
    fn new() -> Self {
        Self {
            pieces: VecDeque::new(),
            chunk_ends: ChunkEnds::default(),
            landing: None,
            buffered: 0,
            remaining: None,
            total: 0,
            eof: false,
            error: None,
            waiter: Waiter::Nobody,
            on_eof: Vec::new(),
        }
    }

    fn arrived(&mut self, n: usize) {
        self.buffered += n;
        self.total += n as u64;
        self.remaining = self.remaining.map(|remaining| remaining.saturating_sub(n as u64));
    }

    /// Queues bytes that have no landing.
    fn keep(&mut self, py: Python<'_>, data: &[u8]) {
        if self.pieces.len() < SEPARATE_PIECES || data.len() >= SMALL_PIECE {
            let bytes = PieceBytes::Whole(PyBytes::new(py, data).unbind());
            self.pieces.push_back(Piece { bytes, start: 0 });
            return;
        }
        if let Some(PieceBytes::Gathered(gathered)) = self.pieces.back_mut().map(|piece| &mut piece.bytes) {
            if gathered.len() + data.len() <= GATHERED_PIECE {
                gathered.extend_from_slice(data);
                return;
            }
        }
        let bytes = PieceBytes::Gathered(data.to_vec());
        self.pieces.push_back(Piece { bytes, start: 0 });
    }

    fn wake_reader(&mut self, py: Python<'_>, actions: &mut VecDeque<Action>) {
        if let Waiter::Data(_) = self.waiter {
            if let Waiter::Data(future) = std::mem::replace(&mut self.waiter, Waiter::Nobody) {
                actions.push_back(Action::Resolve(future, py.None()));
            }
        }
    }

    /// Forgets the ends of chunks that were passed before the take that begins.
    fn forget_passed_ends(&mut self) {
        let passed = self.total.saturating_sub(self.buffered as u64);
        self.chunk_ends.drop_before(passed);
    }

    /// Who collects takes everything at once, as far as back-pressure is concerned.
    fn acknowledge(&self, n: usize) -> usize {
        if matches!(self.waiter, Waiter::Collect { .. }) {
            n
        } else {
            0
        }
    }

    fn retire_full_landing(&mut self) {
        if let Some(landing) = self.landing.take_if(|landing| landing.filled == landing.size) {
            self.pieces.push_back(Piece {
                bytes: PieceBytes::Whole(landing.bytes),
                start: landing.taken,
            });
        }
    }

    /// A collector whose limit is exceeded: its `set_exception`-like callable and the limit.
    fn overflowing(&mut self) -> Option<(Py<PyAny>, u64)> {
        match &self.waiter {
            Waiter::Collect { limit, .. } if *limit > 0 && self.buffered as u64 > *limit => {}
            _ => return None,
        }
        match std::mem::replace(&mut self.waiter, Waiter::Nobody) {
            Waiter::Collect { future, limit } => Some((future, limit)),
            _ => None,
        }
    }

    fn refuse_over_limit(&self, limit: u64) -> PyResult<()> {
        let size = self.buffered as u64 + self.remaining.unwrap_or(0);
        if limit > 0 && size > limit {
            return Err(BodyTooLarge::new_err((limit, size)));
        }
        Ok(())
    }

    /// Moves what is there into a landing of the final size, if that is known and sensible.
    fn prepare_landing(&mut self, py: Python<'_>) {
        let Some(remaining) = self.remaining else { return };
        if self.landing.is_some() || remaining == 0 {
            return;
        }
        let size = self.buffered as u64 + remaining;
        if size > COLLECTED_LANDING {
            return;
        }
        let Ok(mut landing) = Landing::new(py, size) else {
            return;
        };
        for piece in self.pieces.drain(..) {
            landing.fill(piece.rest(py));
        }
        self.landing = Some(landing);
    }

    fn take_all(&mut self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        self.take_some(py, self.buffered)
    }

    fn take_some(&mut self, py: Python<'_>, n: usize) -> PyResult<Py<PyBytes>> {
        if let Some(bytes) = self.take_whole(py, n) {
            self.buffered -= n;
            return Ok(bytes);
        }
        let made = PyBytes::new_with(py, n, |room| {
            self.copy_into(py, room);
            Ok(())
        })?;
        self.buffered -= n;
        Ok(made.unbind())
    }

    /// The first piece's own object, if it has one and nothing else is wanted.
    fn take_whole(&mut self, py: Python<'_>, n: usize) -> Option<Py<PyBytes>> {
        let piece = self.pieces.front()?;
        let PieceBytes::Whole(bytes) = &piece.bytes else {
            return None;
        };
        if piece.start > 0 || piece.length(py) != n {
            return None;
        }
        let bytes = bytes.clone_ref(py);
        self.pieces.pop_front();
        Some(bytes)
    }

    fn copy_into(&mut self, py: Python<'_>, mut room: &mut [u8]) {
        while !room.is_empty() {
            if let Some(piece) = self.pieces.front_mut() {
                let rest = piece.rest(py);
                let n = rest.len().min(room.len());
                let (here, later) = room.split_at_mut(n);
                here.copy_from_slice(&rest[..n]);
                room = later;
                piece.start += n;
                if piece.length(py) == 0 {
                    self.pieces.pop_front();
                }
            } else if let Some(landing) = &mut self.landing {
                let n = landing.ready().len().min(room.len());
                let (here, later) = room.split_at_mut(n);
                here.copy_from_slice(&landing.ready()[..n]);
                room = later;
                landing.taken += n;
                if n == 0 {
                    return;
                }
            } else {
                return;
            }
        }
    }
}

impl Piece {
    fn rest<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        match &self.bytes {
            PieceBytes::Whole(bytes) => &bytes.bind(py).as_bytes()[self.start..],
            PieceBytes::Gathered(bytes) => &bytes[self.start..],
        }
    }

    fn length(&self, py: Python<'_>) -> usize {
        self.rest(py).len()
    }
}

fn buffer_of(bytes: &Py<PyBytes>) -> *mut u8 {
    // SAFETY: it is a bytes object.
    unsafe { ffi::PyBytes_AsString(bytes.as_ptr()) }.cast()
}

impl Place {
    pub fn pointer(&self) -> *mut u8 {
        // SAFETY: a place lies within the buffer, or at its end.
        unsafe { buffer_of(&self.bytes).add(self.offset) }
    }

    pub fn is(&self, other: &Self) -> bool {
        self.bytes.is(&other.bytes) && self.offset == other.offset
    }

    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            bytes: self.bytes.clone_ref(py),
            offset: self.offset,
            room: self.room,
        }
    }

    /// The first `n` bytes of it.
    ///
    /// # Safety
    /// They have been filled.
    pub unsafe fn filled(&self, n: usize) -> &[u8] {
        // SAFETY: as the caller says; `room` bytes lie behind the pointer.
        unsafe { std::slice::from_raw_parts(self.pointer(), n.min(self.room)) }
    }
}

impl Landing {
    fn new(py: Python<'_>, size: u64) -> PyResult<Self> {
        let size = usize::try_from(size).map_err(|_| PyMemoryError::new_err(()))?;
        let length = ffi::Py_ssize_t::try_from(size).map_err(|_| PyMemoryError::new_err(()))?;
        // SAFETY: a null source asks for a bytes object with undefined contents; new reference or null with an
        // exception set. It is filled before anybody sees it.
        let made = unsafe { ffi::PyBytes_FromStringAndSize(std::ptr::null(), length) };
        // SAFETY: as said: a new reference, or null with an exception set.
        let made = unsafe { Bound::from_owned_ptr_or_err(py, made) }?;
        Ok(Self {
            bytes: made.cast_into::<PyBytes>()?.unbind(),
            size,
            filled: 0,
            taken: 0,
        })
    }

    fn spare(&self) -> *mut u8 {
        // SAFETY: `filled` is at most `size`: the pointer stays within the buffer or one past its end.
        unsafe { buffer_of(&self.bytes).add(self.filled) }
    }

    /// Copies in as much as fits; gives how much that was.
    fn fill(&mut self, data: &[u8]) -> usize {
        let n = data.len().min(self.size - self.filled);
        // SAFETY: `n` bytes fit behind `filled`, and nobody else has seen the object yet.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), self.spare(), n) };
        self.filled += n;
        n
    }

    /// Filled bytes that nobody took yet.
    fn ready(&self) -> &[u8] {
        // SAFETY: the first `filled` bytes are initialised, and are not written again.
        let filled = unsafe { std::slice::from_raw_parts(buffer_of(&self.bytes), self.filled) };
        &filled[self.taken..]
    }
}

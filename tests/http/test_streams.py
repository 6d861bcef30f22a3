"""The reader, fed by hand. Most tests run on aiohttp's reader too: they state facts about both."""

from __future__ import annotations

import asyncio
import gzip
import random
import sys
import zlib
from typing import TYPE_CHECKING, Any
from unittest import mock

import aiohttp.base_protocol
import aiohttp.streams
import pytest

from quinde._core import Body
from quinde.errors import ClientPayloadError, LineTooLong
from quinde.http import streams
from quinde.http.compression import DecodedBody

if TYPE_CHECKING:
    from collections.abc import Callable

Make = Any


def ours(limit: int = 2**16) -> streams.StreamReader:
    """A reader of quinde's."""
    return streams.StreamReader(mock.Mock(), limit, loop=asyncio.get_running_loop())


def theirs(limit: int = 2**16) -> Any:
    """A reader of aiohttp's, read as if on an open connection."""
    protocol = mock.Mock(_reading_paused=False, connected=True)
    return aiohttp.streams.StreamReader(protocol, limit, loop=asyncio.get_running_loop())


@pytest.fixture(params=[ours, theirs], ids=["quinde", "aiohttp"])
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes a reader of one of the two libraries."""
    maker: Callable[..., Any] = request.param
    return maker


def fed(make: Make, *pieces: bytes, eof: bool = True, limit: int = 2**16) -> Any:
    """A reader that has these pieces."""
    reader = make(limit)
    for piece in pieces:
        reader.feed_data(piece)
    if eof:
        reader.feed_eof()
    return reader


async def started(coroutine: Any) -> asyncio.Task[Any]:
    """A task that has run as far as it gets."""
    task: asyncio.Task[Any] = asyncio.ensure_future(coroutine)
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_whole(make: Make) -> None:
    reader = fed(make, b"one", b"two")
    assert await reader.read() == b"onetwo"
    assert await reader.read() == b""
    assert reader.at_eof()


async def test_whole_waits_for_the_end(make: Make) -> None:
    reader = fed(make, b"one", eof=False)
    task = await started(reader.read())
    reader.feed_data(b"two")
    await asyncio.sleep(0)
    assert not task.done()
    reader.feed_eof()
    assert await task == b"onetwo"


async def test_up_to(make: Make) -> None:
    reader = fed(make, b"abcdef", b"gh")
    assert await reader.read(0) == b""
    assert await reader.read(2) == b"ab"
    assert await reader.read(100) == b"cdefgh"
    assert await reader.read(1) == b""


async def test_up_to_waits_for_the_first_byte(make: Make) -> None:
    reader = make()
    task = await started(reader.read(10))
    assert not task.done()
    reader.feed_data(b"x")
    assert await task == b"x"


async def test_any(make: Make) -> None:
    reader = fed(make, b"one", b"two", eof=False)
    assert await reader.readany() == b"onetwo"
    task = await started(reader.readany())
    reader.feed_eof()
    assert await task == b""


async def test_exactly(make: Make) -> None:
    reader = fed(make, b"ab", b"cd", b"e")
    assert await reader.readexactly(0) == b""
    assert await reader.readexactly(3) == b"abc"
    with pytest.raises(asyncio.IncompleteReadError) as caught:
        await reader.readexactly(3)
    assert (caught.value.partial, caught.value.expected) == (b"de", 3)


@pytest.mark.parametrize("split", range(1, 12))
async def test_lines_at_every_split(make: Make, split: int) -> None:
    text = b"one\ntwo\n\nend"
    reader = fed(make, text[:split], text[split:])
    assert [line async for line in reader] == [b"one\n", b"two\n", b"\n", b"end"]
    assert await reader.readline() == b""


@pytest.mark.parametrize("split", range(1, 11))
async def test_separator_at_every_split(make: Make, split: int) -> None:
    text = b"a\r\r\nb\r\n\r\nc"
    reader = fed(make, text[:split], text[split:])
    assert await reader.readuntil(b"\r\n") == b"a\r\r\n"
    assert await reader.readuntil(b"\r\n\r\n") == b"b\r\n\r\n"
    assert await reader.readuntil(b"\r\n") == b"c"


async def test_separator_byte_by_byte(make: Make) -> None:
    reader = make()
    task = await started(reader.readuntil(b"abab"))
    for byte in b"aababab":
        reader.feed_data(bytes([byte]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert await task == b"aabab" or task.result() == b"aababab"[: len(task.result())]


async def test_separator_must_be_something(make: Make) -> None:
    with pytest.raises(ValueError, match="Separator should be at least one-byte string"):
        await make().readuntil(b"")


@pytest.mark.parametrize("pieces", [(b"x" * 101,), (b"x" * 60, b"x" * 60), (b"x" * 100 + b"\n",)])
async def test_line_too_long(make: Make, pieces: tuple[bytes, ...]) -> None:
    reader = fed(make, *pieces, limit=50)
    with pytest.raises((LineTooLong, aiohttp.http_exceptions.LineTooLong), match="Got more than 100 bytes"):
        await reader.readline()


async def test_line_length_of_the_caller(make: Make) -> None:
    assert await fed(make, b"12345\n").readline(max_line_length=6) == b"12345\n"
    with pytest.raises((LineTooLong, aiohttp.http_exceptions.LineTooLong)):
        await fed(make, b"12345\n").readline(max_line_length=5)


async def test_now(make: Make) -> None:
    reader = fed(make, b"one", b"two", eof=False)
    assert reader.read_nowait(4) == b"onet"
    assert reader.read_nowait() == b"wo"
    assert reader.read_nowait() == b""
    task = await started(reader.read(1))
    with pytest.raises(RuntimeError, match="some coroutine is waiting for incoming data"):
        reader.read_nowait()
    reader.feed_data(b"x")
    assert await task == b"x"


@pytest.mark.parametrize("method", ["readany", "readline", "readchunk"])
async def test_one_reader_at_a_time(make: Make, method: str) -> None:
    reader = make()
    task = await started(reader.read(1))
    with pytest.raises(
        RuntimeError, match="called while another coroutine is already waiting for incoming data"
    ):
        await getattr(reader, method)()
    reader.feed_data(b"x")
    assert await task == b"x"


async def test_iterators(make: Make) -> None:
    assert [piece async for piece in fed(make, b"abcde").iter_chunked(2)] == [b"ab", b"cd", b"e"]
    assert [piece async for piece in fed(make, b"ab", b"cd").iter_any()] == [b"abcd"]
    assert [piece async for piece in fed(make).iter_any()] == []


async def test_http_chunks(make: Make) -> None:
    reader = make()
    for pieces in ((b"ab", b"cd"), (b"ef",), ()):
        reader.begin_http_chunk_receiving()
        for piece in pieces:
            reader.feed_data(piece)
        reader.end_http_chunk_receiving()
    reader.feed_eof()
    assert [piece async for piece in reader.iter_chunks()] == [(b"abcd", True), (b"ef", True)]


async def test_http_chunks_after_other_reads(make: Make) -> None:
    reader = make()
    for piece in (b"abcd", b"efgh"):
        reader.begin_http_chunk_receiving()
        reader.feed_data(piece)
        reader.end_http_chunk_receiving()
    reader.feed_eof()
    assert await reader.read(2) == b"ab"
    assert await reader.readchunk() == (b"cd", True)
    assert await reader.read(1) == b"e"
    assert await reader.readchunk() == (b"fgh", True)
    assert await reader.readchunk() == (b"", False)


async def test_http_chunk_that_was_read_to_its_end(make: Make) -> None:
    reader = make()
    reader.begin_http_chunk_receiving()
    reader.feed_data(b"abcd")
    reader.end_http_chunk_receiving()
    assert await reader.read(4) == b"abcd"
    assert await reader.readchunk() == (b"", True)


async def test_http_chunk_in_parts(make: Make) -> None:
    reader = make()
    reader.begin_http_chunk_receiving()
    reader.feed_data(b"ab")
    assert await reader.readchunk() == (b"ab", False)
    task = await started(reader.readchunk())
    reader.feed_data(b"c")
    assert await task == (b"c", False)
    task = await started(reader.readchunk())
    reader.end_http_chunk_receiving()
    assert await task == (b"", True)
    task = await started(reader.readchunk())
    reader.feed_eof()
    assert await task == (b"", False)


async def test_http_chunks_after_lines(make: Make) -> None:
    reader = make()
    for piece in (b"one\ntw", b"o\nthree", b"four\n", b"five"):
        reader.begin_http_chunk_receiving()
        reader.feed_data(piece)
        reader.end_http_chunk_receiving()
    assert await reader.readline() == b"one\n"
    assert await reader.readchunk() == (b"tw", True)
    assert await reader.readuntil(b"th") == b"o\nth"
    assert await reader.readchunk() == (b"ree", True)
    assert await reader.readline() == b"four\n"
    assert await reader.readchunk() == (b"", True)
    assert await reader.readchunk() == (b"five", True)


@pytest.mark.parametrize("seed", range(20))
async def test_any_reads_between_http_chunks(seed: int) -> None:
    """Whatever was read before, both readers find the same ends of chunks."""
    draw = random.Random(seed)
    readers = [ours(), theirs()]
    for _ in range(40):
        pieces = [draw.randbytes(draw.choice([1, 2, 127, 128, 300, 5000])) for _ in range(draw.randrange(3))]
        # (A chunk without data that comes late is an end for aiohttp; HTTP has no such chunks.)
        ends = bool(pieces) and draw.random() < 0.8
        for reader in readers:
            reader.begin_http_chunk_receiving()
            for piece in pieces:
                reader.feed_data(piece)
            if ends:
                reader.end_http_chunk_receiving()
        kind, size = draw.randrange(4), draw.randrange(1, 400)
        if readers[1]._buffer:
            taken = [await _taken(reader, kind, size) for reader in readers]
            assert taken[0] == taken[1]


async def _taken(reader: Any, kind: int, size: int) -> object:
    """What a read gives without waiting; of chunks, all to an end: how one is cut is no matter."""
    if kind == 0:
        return await reader.read(size)
    if kind == 1 and size < 40:
        return await reader.readany()
    data, is_end = b"", False
    while not is_end:
        task = await started(reader.readchunk())
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            break
        piece, is_end = task.result()
        data += piece
    return data, is_end


async def test_http_chunks_must_be_announced(make: Make) -> None:
    reader = make()
    with pytest.raises(RuntimeError):
        reader.end_http_chunk_receiving()
    reader.feed_data(b"x")
    with pytest.raises(RuntimeError):
        reader.begin_http_chunk_receiving()


async def test_exception_wakes_the_reader_and_stays(make: Make) -> None:
    reader = fed(make, b"data", eof=False)
    error = LookupError("gone")
    waiting = make()
    task = await started(waiting.read(1))
    for stream in (reader, waiting):
        stream.set_exception(error)
        assert stream.exception() is error
    with pytest.raises(LookupError):
        await task
    for read in (reader.read, reader.readany, reader.readline, reader.readchunk, reader.read_nowait):
        with pytest.raises(LookupError):
            result = read()
            await result
    with pytest.raises(LookupError):
        await reader.readexactly(1)


async def test_exception_after_the_end_counts_too(make: Make) -> None:
    reader = fed(make, b"data")
    reader.set_exception(LookupError("released"))
    with pytest.raises(LookupError):
        await reader.read()


async def test_cause_of_an_exception(make: Make) -> None:
    reader = make()
    cause = OSError("below")
    task = await started(reader.read())
    reader.set_exception(LookupError("above"), cause)
    with pytest.raises(LookupError) as caught:
        await task
    assert caught.value.__cause__ is cause


async def test_callbacks_at_the_end(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    reader = make()
    called: list[str] = []
    reader.on_eof(lambda: called.append("before"))
    reader.on_eof(lambda: 1 / 0)
    assert called == []
    reader.feed_eof()
    reader.on_eof(lambda: called.append("after"))
    assert called == ["before", "after"]
    assert "Exception in eof callback" in caplog.text


async def test_callback_is_dropped_by_an_exception(make: Make) -> None:
    reader = make()
    called: list[str] = []
    reader.on_eof(lambda: called.append("eof"))
    reader.set_exception(LookupError())
    assert called == []


async def test_waiting_for_the_end(make: Make) -> None:
    reader = fed(make, b"data", eof=False)
    task = await started(reader.wait_eof())
    assert not task.done()
    assert not reader.is_eof()
    reader.feed_eof()
    await task
    await reader.wait_eof()
    assert reader.is_eof()
    assert not reader.at_eof()
    broken = make()
    task = await started(broken.wait_eof())
    broken.set_exception(LookupError())
    with pytest.raises(LookupError):
        await task


async def test_unread(make: Make) -> None:
    reader = fed(make, b"line\nrest")
    assert await reader.readline() == b"line\n"
    with pytest.warns(DeprecationWarning, match="unread_data"):
        reader.unread_data(b"back")
    assert await reader.read(2) == b"ba"
    with pytest.warns(DeprecationWarning, match="unread_data"):
        reader.unread_data(b"")
    assert await reader.read() == b"ckrest"


async def test_numbers(make: Make) -> None:
    reader = fed(make, b"12345", limit=10)
    assert reader.total_bytes == reader.total_raw_bytes == 5
    assert reader.get_read_buffer_limits() == (10, 20)
    reader.set_read_chunk_size(50)
    reader.set_read_chunk_size(5)
    assert reader.get_read_buffer_limits() == (50, 100)


async def test_feeding_nothing(make: Make) -> None:
    reader = make()
    reader.feed_data(b"")
    assert reader.total_bytes == 0
    reader.feed_eof()
    with pytest.raises(AssertionError):
        reader.feed_data(b"late")


async def test_endless_reading_at_the_end_is_told(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    reader = fed(make)
    for _ in range(10):
        await reader.read(1)
    assert "might be infinite loop" in caplog.text


async def test_shown(make: Make) -> None:
    assert repr(fed(make, b"12345")).startswith("<StreamReader 5 bytes eof")
    reader = make(limit=5)
    assert "low=5 high=10" in repr(reader)
    reader.set_exception(LookupError("x"))
    assert "e=LookupError('x')" in repr(reader)


@pytest.mark.parametrize(
    "reader", [streams.EMPTY_PAYLOAD, aiohttp.streams.EMPTY_PAYLOAD], ids=["quinde", "aiohttp"]
)
async def test_empty(reader: Any) -> None:
    called: list[bool] = []
    reader.on_eof(lambda: called.append(True))
    reader.set_exception(LookupError())
    reader.feed_data(b"x")
    reader.feed_eof()
    await reader.wait_eof()
    assert called == [True]
    assert reader.exception() is None
    assert (reader.is_eof(), reader.at_eof(), reader.total_bytes) == (True, True, 0)
    assert [await reader.read(), await reader.readany(), await reader.readline(), reader.read_nowait()] == [
        b""
    ] * 4
    assert [line async for line in reader] == []
    with pytest.raises(asyncio.IncompleteReadError):
        await reader.readexactly(1)
    assert repr(reader) == "<EmptyStreamReader>"


# --- quinde's own


@pytest.mark.parametrize("method", ["read", "readline", "readexactly"])
async def test_cancelled_read_loses_nothing(method: str) -> None:
    reader = fed(ours, b"gathered ", eof=False)
    arguments = (20,) if method == "readexactly" else ()
    task = await started(getattr(reader, method)(*arguments))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    reader.feed_data(b"and more")
    reader.feed_eof()
    assert await reader.read() == b"gathered and more"


async def test_reader_of_the_running_loop() -> None:
    reader = streams.StreamReader()
    reader.feed_data(b"x")
    reader.feed_eof()
    assert await reader.read() == b"x"


async def test_many_short_lines_of_one_large_piece() -> None:
    reader = fed(ours, b"line\n" * 50_000)
    count = 0
    async for line in reader:
        assert line == b"line\n"
        count += 1
    assert count == 50_000


async def test_iteration_over_a_full_buffer_gives_others_a_turn() -> None:
    reader = fed(ours, bytes(10_000))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    async for _ in reader.iter_chunked(1):
        pass
    ticking.cancel()
    assert ticks > 100


async def test_many_tiny_http_chunks() -> None:
    reader = ours()
    for count in range(1, 20_001):
        reader.begin_http_chunk_receiving()
        reader.feed_data(b"%d" % (count % 10))
        reader.end_http_chunk_receiving()
    reader.feed_eof()
    pieces = [piece async for piece in reader.iter_chunks()]
    assert pieces == [(b"%d" % (count % 10), True) for count in range(1, 20_001)]


async def test_http_chunk_end_is_told_from_where_the_reader_is() -> None:
    body = Body(asyncio.get_running_loop())
    for size in (1, 127, 128, 16_384, 2_100_000, 3):
        body.feed_data(bytes(size))
        body.feed_chunk_end()
        body.feed_chunk_end()
    body.feed_data(b"rest")
    for size in (1, 127, 128, 16_384):
        assert body.chunk_end() == size
        assert len(body.take(size)) == size
    assert len(body.take(2_000_000)) == 2_000_000
    assert body.chunk_end(2_000_000) == 2_100_000
    assert len(body.take(100_003)) == 100_003
    assert body.chunk_end(4) == 4, "passed by the last take, which the reader has not used up"
    body.feed_chunk_end()
    assert body.chunk_end() == 4, "each is told once"
    assert body.chunk_end() is None


async def test_passed_http_chunk_ends_are_forgotten() -> None:
    body = Body(asyncio.get_running_loop())
    for _ in range(3):
        body.feed_data(b"abcd")
        body.feed_chunk_end()
    assert body.take(5) == b"abcda"
    assert body.take(1) == b"b"
    assert body.chunk_end(6) == 8 - 6 + 6, "the first went with the take after the one that passed it"
    assert body.chunk_end() == 6


async def test_collecting_forgets_http_chunk_ends() -> None:
    body = Body(asyncio.get_running_loop())
    body.feed_data(b"ab")
    body.feed_chunk_end()
    collected = body.collect()
    assert not isinstance(collected, bytes)
    body.feed_data(b"cd")
    body.feed_chunk_end()
    collected.cancel()
    assert body.chunk_end() is None
    body.feed_data(b"e")
    assert body.wait() is None
    assert (body.buffered, body.take()) == (5, b"abcde")


async def test_tiny_pieces_are_gathered() -> None:
    body = Body(asyncio.get_running_loop())
    before = sys.getallocatedblocks()
    for _ in range(500_000):
        body.feed_data(b"ab")
    assert sys.getallocatedblocks() - before < 5000, "not an object each"
    assert body.take(1) == b"a"
    assert body.take_chunk() == b"b"
    pieces = [b"ab"]
    while piece := body.take_chunk():
        pieces.append(piece)
    assert pieces[:64] == [b"ab"] * 64, "few pieces stay as they came"
    assert max(map(len, pieces)) == 65536
    assert b"".join(pieces) == b"ab" * 500_000


async def test_large_pieces_stay_as_they_came() -> None:
    body = Body(asyncio.get_running_loop())
    sizes = [1] * 64 + [5, 5, 5000, 4096, 4095, 1]
    for size in sizes:
        body.feed_data(bytes(size))
    assert [len(body.take_chunk()) for _ in range(68)] == [1] * 64 + [10, 5000, 4096, 4096]
    assert body.buffered == 0


async def test_decoded_http_chunks_are_told_apart() -> None:
    texts = [b"one", b"two" * 200_000, b"three"]
    encoder = zlib.compressobj(wbits=31)
    chunks = [encoder.compress(text) + encoder.flush(zlib.Z_SYNC_FLUSH) for text in texts]
    chunks.append(encoder.flush())
    raw = Body(asyncio.get_running_loop())
    reader = streams.StreamReader(body=DecodedBody(raw, "gzip", ClientPayloadError))
    for chunk in chunks:
        raw.feed_data(chunk)
        raw.feed_chunk_end()
    raw.feed_eof()
    assert await reader.readchunk() == (b"one", True)
    assert await reader.readexactly(2) == b"tw"
    rest = b""
    while not rest.endswith(b"two") or len(rest) < 599_998:
        piece, is_end = await reader.readchunk()
        rest += piece
        assert is_end == (len(rest) == 599_998)
    assert [piece async for piece in reader.iter_chunks()] == [(b"three", True)]


async def test_decoded_http_chunk_ends_that_are_passed() -> None:
    raw = Body(asyncio.get_running_loop())
    body = DecodedBody(raw, "gzip", ClientPayloadError)
    encoder = zlib.compressobj(wbits=31)
    assert body.chunk_end() is None
    for _ in range(4):
        body.feed_data(encoder.compress(b"abcd") + encoder.flush(zlib.Z_SYNC_FLUSH))
        body.feed_chunk_end()
    assert body.take(5) == b"abcda"
    assert body.chunk_end(5) == 4
    assert body.take(1) == b"b"
    assert body.take(3) == b"cda"
    assert body.take_chunk() == b"bcd"
    assert body.chunk_end(3) == 3
    assert body.chunk_end() == 4
    assert body.chunk_end() is None


async def test_decoded_body_is_read_alike() -> None:
    text = b"line\n" * 1000
    raw = Body(asyncio.get_running_loop())
    reader = streams.StreamReader(body=DecodedBody(raw, "gzip", ClientPayloadError))
    data = gzip.compress(text)
    task = await started(reader.readline())
    for at in range(len(data)):
        raw.feed_data(data[at : at + 1])
    raw.feed_eof()
    assert await task == b"line\n"
    assert await reader.readexactly(7) == b"line\nli"
    assert await reader.read() == text[12:]
    assert reader.total_raw_bytes == reader.total_compressed_bytes == len(data)
    assert reader.total_bytes == len(text)
    assert reader.at_eof()


async def test_decoding_error_is_raised_by_every_read() -> None:
    raw = Body(asyncio.get_running_loop())
    reader = streams.StreamReader(body=DecodedBody(raw, "gzip", ClientPayloadError))
    task = await started(reader.read())
    raw.feed_data(b"nonsense")
    with pytest.raises(ClientPayloadError):
        await task
    with pytest.raises(ClientPayloadError):
        await reader.readany()

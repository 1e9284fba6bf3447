# SPDX-License-Identifier: MIT
"""WebSockets through the proxy: the same library on both sides, the proxy in between."""
import asyncio
import os
import threading

import pytest
import websockets

from lib import net
from lib.server import Joist


class Echo:
    """A WebSocket origin on a thread of its own. Paths: /echo, /close/CODE, /push/COUNT."""

    def __init__(self):
        self.ready = threading.Event()
        self.closed = []
        self.loop = None
        self.stop = None
        self.port = None
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)

    async def run(self):
        self.loop = asyncio.get_running_loop()
        self.stop = asyncio.Event()
        async with websockets.serve(self.serve, "127.0.0.1", 0, max_size=64 << 20,
                                    subprotocols=["chat", "other"], ping_interval=None) as server:
            self.port = server.sockets[0].getsockname()[1]
            self.ready.set()
            await self.stop.wait()

    async def serve(self, socket):
        kind, _, value = socket.path.strip("/").partition("/")
        try:
            if kind == "close":
                await socket.close(int(value), "as asked")
            elif kind == "push":
                for i in range(int(value)):
                    await socket.send(f"event {i}")
            else:
                async for message in socket:
                    await socket.send(message)
        finally:
            self.closed.append(socket.close_code)

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(net.PATIENCE_S)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(net.PATIENCE_S)


@pytest.fixture(scope="module")
def origin():
    with Echo() as running:
        yield running


@pytest.fixture(scope="module")
def joist(origin, tmp_path_factory):
    config = f"""
[timeouts]
header = "500ms"
body_idle = "500ms"
keepalive = "500ms"
upstream_response = "5s"
upstream_idle = "500ms"
[[sites]]
proxy = "http://127.0.0.1:{origin.port}"
"""
    with Joist(tmp_path_factory.mktemp("ws"), config) as running:
        yield running


def through(joist, path, play, **options):
    """Run `play(socket)` on a WebSocket through the proxy, in bounded time."""
    async def session():
        url = f"ws://127.0.0.1:{joist.port}{path}"
        options.setdefault("compression", None)
        async with websockets.connect(url, max_size=64 << 20, ping_interval=None, **options) as ws:
            return await play(ws)

    async def bounded():
        return await asyncio.wait_for(session(), net.PATIENCE_S * 2)

    return asyncio.run(bounded())


def test_text_and_binary(joist):
    async def play(ws):
        for message in ("hello", "", "žluťoučký kůň " * 100, b"", b"\x00\xff" * 1000, "x" * 125,
                        "x" * 126, "x" * 65535, "x" * 65536):
            await ws.send(message)
            assert await ws.recv() == message
    through(joist, "/echo", play)


def test_messages_of_a_megabyte(joist):
    message = os.urandom(1 << 20)

    async def play(ws):
        for _ in range(8):
            await ws.send(message)
            assert await ws.recv() == message
    through(joist, "/echo", play)


def test_fragmented_message(joist):
    async def play(ws):
        await ws.send(["part ", "by ", "part"])
        assert await ws.recv() == "part by part"
    through(joist, "/echo", play)


def test_many_messages_in_flight(joist):
    async def play(ws):
        async def send():
            for i in range(2000):
                await ws.send(str(i))
        task = asyncio.ensure_future(send())
        for i in range(2000):
            assert await ws.recv() == str(i)
        await task
    through(joist, "/echo", play)


def test_ping_and_pong(joist):
    async def play(ws):
        for _ in range(10):
            await (await ws.ping(b"are you there"))
    through(joist, "/echo", play)


def test_compression_extension_is_negotiated(joist):
    async def play(ws):
        await ws.send("squeeze " * 10000)
        assert await ws.recv() == "squeeze " * 10000
        assert any("deflate" in e.name for e in ws.extensions)
    through(joist, "/echo", play, compression="deflate")


def test_subprotocol_is_negotiated(joist):
    async def play(ws):
        return ws.subprotocol
    assert through(joist, "/echo", play, subprotocols=["nobody", "chat"]) == "chat"


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
def test_close_code_of_the_origin_arrives(joist, code):
    async def play(ws):
        with pytest.raises(websockets.ConnectionClosed):
            await ws.recv()
        return ws.close_code, ws.close_reason
    assert through(joist, f"/close/{code}", play) == (code, "as asked")


def test_close_code_of_the_client_arrives(joist, origin):
    async def play(ws):
        await ws.close(4001, "enough")
    through(joist, "/echo", play)
    net.wait_for(lambda: 4001 in origin.closed, "the close at the origin")


def test_client_that_vanishes_is_noticed(joist, origin):
    origin.closed.clear()

    async def play(ws):
        ws.transport.abort()
    try:
        through(joist, "/echo", play)
    except websockets.ConnectionClosed:
        pass
    net.wait_for(lambda: 1006 in origin.closed, "the end at the origin")


def test_events_pushed_by_the_origin(joist):
    async def play(ws):
        return [await ws.recv() for _ in range(500)]
    assert through(joist, "/push/500", play) == [f"event {i}" for i in range(500)]


def test_idle_longer_than_the_timeouts_of_requests(joist):
    async def play(ws):
        await ws.send("before")
        assert await ws.recv() == "before"
        await asyncio.sleep(1.5)  # three times as long as a request may stand still
        await ws.send("after")
        assert await ws.recv() == "after"
    through(joist, "/echo", play)


def test_many_at_once(joist):
    async def one(number):
        url = f"ws://127.0.0.1:{joist.port}/echo"
        async with websockets.connect(url, compression=None) as ws:
            for i in range(20):
                await ws.send(f"{number}-{i}")
                assert await ws.recv() == f"{number}-{i}"

    async def all_of_them():
        await asyncio.wait_for(asyncio.gather(*(one(n) for n in range(50))), net.PATIENCE_S * 2)

    asyncio.run(all_of_them())


def test_refused_handshake_arrives(joist):
    """No WebSocket headers: the origin says 426, as an ordinary answer."""
    from lib.client import fetch  # pylint: disable=import-outside-toplevel
    assert fetch(joist.port, "/echo").status == 426

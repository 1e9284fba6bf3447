# SPDX-License-Identifier: MIT
"""Slow clients: each shape of dawdling ends on time, and nobody else notices."""
import socket
import threading
import time

import pytest

from lib import net
from lib.client import Client, chunk, fetch, request_bytes
from lib.http1 import Cut
from lib.origin import Origin
from lib.server import Joist

HEADER_MS = net.short_ms(400)
BODY_MS = net.short_ms(400)
KEEPALIVE_MS = net.short_ms(400)
LATE_S = net.PATIENCE_S  # how much later than its time an end may come on a busy machine

CONFIG = f"""
[timeouts]
header = "{HEADER_MS}ms"
body_idle = "{BODY_MS}ms"
keepalive = "{KEEPALIVE_MS}ms"
"""


def flood_endless(conn):
    """Answers /flood with a body that has no end; the rest with 200."""
    while True:
        request = conn.request()
        if request is None:
            return
        if request.target == "/flood":
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                conn.send(chunk(b"f" * 65536))
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@pytest.fixture(scope="module")
def origin():
    with Origin(flood_endless) as running:
        yield running


@pytest.fixture(scope="module")
def joist(origin, tmp_path_factory):
    config = f'{CONFIG}[[sites]]\nproxy = "{origin.url}"\n' \
             f'[[sites]]\nhost = "long.test"\nrespond = "{"l" * 30000}"\n'
    with Joist(tmp_path_factory.mktemp("slow"), config) as running:
        yield running


class Elapsed:
    """Measures a block and holds it to at least `ms` (less a timer's grain) and not for ever."""

    def __init__(self, ms):
        self.least = ms / 1000

    def __enter__(self):
        self.began = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            took = time.monotonic() - self.began
            assert took >= self.least * 0.9, f"ended after {took} s, before its time"
            assert took <= self.least + LATE_S, f"ended only after {took} s"


def dribble(client, data, step_s, ended):
    """Send a byte at a time from a thread until `ended`; never faster than the timeout allows."""
    def run():
        for i in range(len(data)):
            if ended.wait(step_s):
                return
            try:
                client.sock.sendall(data[i:i + 1])
            except OSError:
                return
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_header_never_sent_is_closed(joist):
    with Elapsed(HEADER_MS), Client(joist.port) as client:
        client.sock.settimeout(LATE_S)
        while client.reader.fill():
            pass
        # Silence or a 408: nobody has asked for anything.
        assert not client.reader.buf or client.reader.buf.startswith(b"HTTP/1.1 408 ")


def test_header_half_sent_is_408(joist, origin):
    origin.forget()
    with Client(joist.port) as client:
        with Elapsed(HEADER_MS):
            client.send(b"GET / HTTP/1.1\r\nHost: test.example\r\nX-Slow: ")
            response = client.response()
        assert response.status == 408
        assert "close" in response.head.tokens("connection")
        client.expect_closed()
    assert origin.bytes() == 0


def test_header_a_byte_at_a_time_is_408(joist, origin):
    """Each byte comes in good time; the whole does not."""
    origin.forget()
    ended = threading.Event()
    with Client(joist.port) as client:
        with Elapsed(HEADER_MS):
            thread = dribble(client, request_bytes(fields=("X-Pad: " + "p" * 5000,)), 0.05, ended)
            response = client.response()
        assert response.status == 408
        client.expect_closed()
        ended.set()
        thread.join()
    assert origin.bytes() == 0


def test_second_header_half_sent_is_408(joist):
    with Client(joist.port) as client:
        client.send(request_bytes(target="/1") + b"GET /2 HTTP/1.1\r\nHost")
        assert client.response().status == 200
        with Elapsed(0):
            assert client.response().status == 408
        client.expect_closed()


def test_keepalive_ends_without_a_word(joist):
    with Client(joist.port) as client, Elapsed(KEEPALIVE_MS):
        assert client.get("/").status == 200
        client.expect_closed(reset_ok=False)


def test_keepalive_starts_again_with_each_request(joist):
    with Client(joist.port) as client:
        began = time.monotonic()
        while time.monotonic() < began + 3 * KEEPALIVE_MS / 1000:
            assert client.get("/").status == 200
        with Elapsed(KEEPALIVE_MS):
            assert client.get("/").status == 200
            client.expect_closed(reset_ok=False)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_that_stops_is_408(joist, origin, framing):
    origin.forget()
    fields = ("Content-Length: 100",) if framing == "length" else ("Transfer-Encoding: chunked",)
    with Client(joist.port) as client:
        with Elapsed(BODY_MS):
            client.request("POST", "/", fields)
            client.send(b"half" if framing == "length" else b"64\r\nhalf")
            response = client.response()
        assert response.status == 408
        client.expect_closed()
    fetch(joist.port, "/next")
    assert [r.target for r in origin.requests] == ["/next"]


def test_body_that_never_starts_is_408(joist):
    with Client(joist.port) as client:
        with Elapsed(BODY_MS):
            client.request("POST", "/", ("Content-Length: 100",))
            assert client.response().status == 408
        client.expect_closed()


def test_body_that_moves_is_served_however_long(joist, origin):
    """body_idle is about standing still: a body in steps below it takes several times as long."""
    with Client(joist.port) as client:
        client.request("POST", "/", ("Content-Length: 4096",))
        began = time.monotonic()
        for _ in range(8):
            time.sleep(BODY_MS / 1000 / 4)  # the pace is what is tested
            client.send(b"x" * 512)
        assert client.response().status == 200
        assert time.monotonic() - began > BODY_MS / 1000
    assert origin.last().body == b"x" * 4096


def test_body_a_byte_at_a_time_is_408(joist, origin):
    """Each byte comes in good time, but that is no transfer: 256 bytes are progress."""
    ended = threading.Event()
    with Client(joist.port) as client:
        client.request("POST", "/", ("Content-Length: 4096",))
        with Elapsed(BODY_MS):
            thread = dribble(client, b"x" * 4096, BODY_MS / 1000 / 20, ended)
            response = client.response()
        assert response.status == 408
        client.expect_closed()
        ended.set()
        thread.join()


def test_never_reading_client_is_cut_and_its_origin_let_go(joist, origin):
    """It asks for an endless body and reads nothing: the server must not keep it for ever."""
    first = len(origin.conns)
    client = Client(joist.port, rcvbuf=4096)
    with client:
        client.request("GET", "/flood")
        origin.wait(lambda: any(b"/flood" in c.received for c in origin.conns), "the flood begins")
        flooding = next(c for c in origin.conns[max(0, first - 8):] if b"/flood" in c.received)
        origin.wait(lambda: flooding.ended, "the end of the flood")
        # It was cut, not ended: what is left in the buffers is no whole message.
        client.sock.settimeout(LATE_S)
        with pytest.raises(Cut):
            client.response()
    origin.forget()


def test_never_reading_pipeliner_is_cut(joist):
    """It sends requests for ever and never reads an answer."""
    with Client(joist.port, rcvbuf=4096) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        raw = request_bytes(host="long.test") * 20
        with pytest.raises(OSError) as broken:
            client.sock.settimeout(LATE_S)
            while True:
                client.sock.sendall(raw)
        assert not isinstance(broken.value, TimeoutError), "it was never cut"


def test_slow_clients_do_not_delay_others(joist):
    slow = [Client(joist.port) for _ in range(50)]
    for client in slow:
        client.send(b"GET / HTTP/1.1\r\nHost: ")
    for _ in range(20):
        began = time.monotonic()
        assert fetch(joist.port).status == 200
        assert time.monotonic() - began < LATE_S / 2
    for client in slow:
        assert client.response().status == 408
        client.close()

# SPDX-License-Identifier: MIT
"""Who leaves in the middle: the other side learns of it at once, and a cut body is never whole."""
import threading

import pytest

from lib import bulk, net
from lib.client import Client, chunk, fetch
from lib.http1 import Cut
from lib.origin import OK, FullBacklog, Origin
from lib.server import Joist


class Stage:
    """An origin that sends a head and a first piece, then waits for a word."""

    def __init__(self):
        self.go = threading.Event()

    def script(self, conn):
        while True:
            request = conn.request()
            if request is None:
                return
            kind = request.target.removeprefix("/")
            if kind == "never":
                conn.wait_end()
                return
            if kind == "flood":
                conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                while True:
                    conn.send(chunk(b"f" * 65536))
            if kind.startswith("part-"):
                _, framing, how = kind.split("-")
                self.part(conn, framing, how)
                return
            conn.send(OK)

    def part(self, conn, framing, how):
        conn.send({"length": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello",
                   "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                              chunk(b"hello"),
                   "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"}[framing])
        if how == "hold":
            conn.wait_end()
            return
        assert self.go.wait(net.PATIENCE_S), "nobody said go"
        self.go.clear()
        if how == "reset":
            conn.reset()
        else:
            conn.close()


@pytest.fixture(scope="module")
def stage():
    return Stage()


@pytest.fixture(scope="module")
def origin(stage):
    with Origin(stage.script) as running:
        yield running


@pytest.fixture(scope="module")
def joist(origin, tmp_path_factory):
    config = f'[limits]\nbody_bytes = 0\n[[sites]]\nproxy = "{origin.url}"\n'
    with Joist(tmp_path_factory.mktemp("ends"), config) as running:
        yield running


def leave(client, how):
    if how == "reset":
        client.reset()
    else:
        client.close()


def conn_of(origin, target):
    """The connection on which a target was asked for, as soon as it was."""
    mark = f" {target} ".encode()
    found = []

    def look():
        found[:] = [c for c in origin.conns if mark in c.received and not c.ended]
        return bool(found)

    origin.wait(look, f"{target} at the origin")
    return found[0]


# ---- the client goes -----------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_gone_before_the_response(joist, origin, how):
    origin.forget()
    client = Client(joist.port)
    client.request("GET", "/never")
    conn = conn_of(origin, "/never")
    leave(client, how)
    origin.wait(lambda: conn.ended, "the request is cancelled at the origin")


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_client_gone_while_the_origin_pauses(joist, origin, framing, how):
    """The origin says nothing: only watching the client's side can tell."""
    origin.forget()
    client = Client(joist.port)
    client.request("GET", f"/part-{framing}-hold")
    assert client.reader.until(b"hello", "first piece")
    conn = conn_of(origin, f"/part-{framing}-hold")
    leave(client, how)
    origin.wait(lambda: conn.ended, "the request is cancelled at the origin")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_gone_in_a_download(joist, origin, how):
    origin.forget()
    client = Client(joist.port)
    client.request("GET", "/flood")
    client.reader.exact(1 << 20, "some of it")
    conn = conn_of(origin, "/flood")
    leave(client, how)
    origin.wait(lambda: conn.ended, "the flood is over")


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("field", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_client_gone_in_an_upload(joist, origin, how, field):
    """The request must not become complete at the origin, and its connection must end."""
    origin.forget()
    client = Client(joist.port)
    client.request("POST", "/up", (field,))
    client.send(chunk(b"half") if "chunked" in field else b"half")
    conn = conn_of(origin, "/up")
    origin.wait(lambda: b"half" in conn.received, "the first half at the origin")
    leave(client, how)
    origin.wait(lambda: conn.ended, "the upload is cancelled at the origin")
    assert not origin.requests, "half a request was taken for a whole one"


def test_many_clients_gone_leave_nothing_behind(joist, origin):
    origin.forget()
    fetch(joist.port)
    before = joist.open_files()
    for i in range(60):
        client = Client(joist.port)
        client.request("GET", ("/never", "/flood", "/part-chunked-hold")[i % 3])
        if i % 2:
            client.reader.fill() if i % 3 else None
        leave(client, ("close", "reset")[i % 2])
    net.wait_for(lambda: joist.open_files() <= before + 4, "descriptors come back")
    origin.wait(lambda: sum(not c.ended for c in origin.conns) <= 4, "the origin is let go")


def test_client_gone_while_the_origin_is_being_connected_to(run_joist):
    with FullBacklog() as full:
        joist = run_joist('[timeouts]\nupstream_connect = "300s"\n'
                          f'[[sites]]\nproxy = "http://127.0.0.1:{full.port}"\n'
                          '[[sites]]\nhost = "respond.test"\nrespond = "ok"')
        fetch(joist.port, host="respond.test")
        before = joist.open_files()
        clients = [Client(joist.port) for _ in range(20)]
        for client in clients:
            client.request()
        net.wait_for(lambda: joist.open_files() >= before + 38, "20 connects under way")
        for number, client in enumerate(clients):
            leave(client, ("close", "reset")[number % 2])
        net.wait_for(lambda: joist.open_files() <= before, "connects are given up")


# ---- the origin goes -----------------------------------------------------------------------------

def cut_after_hello(joist, stage, target, version="1.1"):
    """Read the first piece, let the origin go, and read on. Returns what went wrong, or None."""
    with Client(joist.port) as client:
        client.send(f"GET {target} HTTP/{version}\r\nHost: test.example\r\n\r\n".encode())
        response = client.reader.response_head()
        assert response.status == 200
        while b"hello" not in client.reader.buf:
            assert client.reader.fill()
        stage.go.set()
        try:
            client.reader.response_body(response)
        except Cut as cut:
            return cut
        return None


@pytest.mark.parametrize("target", ["/part-length-close", "/part-length-reset",
                                    "/part-chunked-close", "/part-chunked-reset",
                                    "/part-close-reset"])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_origin_gone_cuts_the_client(joist, stage, target, version):
    cut = cut_after_hello(joist, stage, target, version)
    assert cut is not None, "a cut body was passed on as a whole one"
    if version == "1.0" and "length" not in target:
        assert cut.reset, "without a length and without chunks only a reset can tell"
    assert fetch(joist.port).status == 200


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_origin_that_ends_by_closing_is_whole(joist, stage, version):
    """RFC 9112 6.3: no length and no chunks: the close is the end."""
    assert cut_after_hello(joist, stage, "/part-close-close", version) is None


def test_origin_gone_before_the_body_is_sent_is_502(tmp_path, run_joist):
    def hang_up(conn):
        conn.reader.head()
        conn.reset()

    with Origin(hang_up) as origin:
        joist = run_joist(f'[[sites]]\nproxy = "{origin.url}"')
        with Client(joist.port) as client:
            client.request("POST", "/", body=b"b" * 5_000_000)
            assert client.response().status == 502
        joist.wait_log("UPSTREAM_FAILED")


# ---- both talk at once ---------------------------------------------------------------------------

def test_events_arrive_one_by_one(run_joist):
    """Nothing waits for more: each event is seen before the next one is made."""
    seen = threading.Semaphore(0)

    def events(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for i in range(50):
            conn.send(b"data: %d\n\n" % i)
            assert seen.acquire(timeout=net.PATIENCE_S), f"event {i} was held back"

    with Origin(events) as origin:
        joist = run_joist(f'[[sites]]\nproxy = "{origin.url}"')
        with Client(joist.port) as client:
            client.request("GET", "/events")
            response = client.reader.response_head()
            assert response.status == 200 and response.head.chunked()
            for i in range(50):
                client.reader.until(b"data: %d\n\n" % i, "event")
                seen.release()
            client.reader.until(b"0\r\n\r\n", "end")


def test_echo_while_the_request_is_still_coming(run_joist):
    """A request's body and its response's at the same time, turn by turn."""
    def echo(conn):
        head = conn.reader.head()
        assert head.chunked()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            size = int(conn.reader.until(b"\r\n", "size"), 16)
            data = conn.reader.exact(size + 2, "chunk")[:-2]
            conn.send(chunk(data))
            if size == 0:
                return

    with Origin(echo) as origin:
        joist = run_joist(f'[[sites]]\nproxy = "{origin.url}"')
        with Client(joist.port) as client:
            client.request("POST", "/echo", ("Transfer-Encoding: chunked",))
            assert client.reader.response_head().status == 200
            for i in range(50):
                piece = b"piece %d" % i
                client.send(chunk(piece))
                client.reader.until(piece, "echo")
            client.send(chunk(b""))
            client.reader.until(b"0\r\n\r\n", "end")


def test_early_response_reaches_a_client_that_is_still_sending(run_joist):
    """The origin refuses without reading the body, and closes."""
    def refuse(conn):
        conn.reader.head()
        conn.send(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
        conn.sock.shutdown(1)
        conn.wait_end()

    with Origin(refuse) as origin:
        joist = run_joist(f'[[sites]]\nproxy = "{origin.url}"')
        for size in (1000, 100_000, 5_000_000):
            with Client(joist.port) as client:
                client.request("POST", "/", ("Expect: 100-continue",) if size == 1000 else (),
                               body=b"b" * size)
                response = client.response()
                assert (response.status, response.body) == (403, b"no")


def test_slow_reader_of_the_origin_does_not_stop_others(run_joist):
    """One thread: a stalled upload and a stalled download hold up nobody."""
    stuck = threading.Event()

    def script(conn):
        head = conn.reader.head()
        if head and b"/stuck" in head.line:
            stuck.set()
            conn.origin.wait(lambda: conn.origin.over, "the test's end", net.PATIENCE_S * 4)
            return
        while head is not None:
            conn.send(OK)
            head = conn.reader.head()

    with Origin(script) as origin:
        origin.over = False
        joist = run_joist(f'[server]\nthreads = 1\n[limits]\nbody_bytes = 0\n'
                          f'[[sites]]\nproxy = "{origin.url}"')
        with Client(joist.port) as client:
            client.request("POST", "/stuck", ("Content-Length: 1000000000",))
            sender = bulk.Sender(client.sock, 1_000_000_000)
            sender.start()
            assert stuck.wait(net.PATIENCE_S)
            sender.wait_stalled()
            for _ in range(50):
                assert fetch(joist.port).status == 200
            client.sock.shutdown(2)
        with origin.changed:
            origin.over = True
            origin.changed.notify_all()

# SPDX-License-Identifier: MIT
"""SIGTERM and SIGINT: requests under way end well, idle connections go, nothing hangs."""
import signal
import threading
import time

import pytest

from lib import net
from lib.client import Client, chunk, fetch
from lib.http1 import Cut
from lib.origin import OK, Origin

BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT],
                               ids=["SIGTERM", "SIGINT"])


class Gate:
    """An origin whose /wait answers when told; /stream sends a piece, waits, and ends."""

    def __init__(self):
        self.open = threading.Event()

    def script(self, conn):
        while True:
            request = conn.request()
            if request is None:
                return
            if request.target == "/wait":
                assert self.open.wait(net.PATIENCE_S * 2)
                conn.send(OK)
            elif request.target == "/stream":
                conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"a"))
                assert self.open.wait(net.PATIENCE_S * 2)
                conn.send(chunk(b"b") + chunk(b""))
            elif request.has("upgrade"):
                conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                          b"Upgrade: raw\r\n\r\n")
                while conn.reader.buf or conn.reader.fill():
                    conn.send(conn.reader.take(len(conn.reader.buf)))
                return
            else:
                conn.send(OK)


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def origin(gate):
    with Origin(gate.script) as running:
        yield running
        gate.open.set()


def start(run_joist, origin, drain="20s", extra=""):
    return run_joist(f'[server]\nthreads = 2\ndrain = "{drain}"\n{extra}\n'
                     f'[[sites]]\nproxy = "{origin.url}"')


def refuses(port):
    """Refused or closed; what is neither refused nor served hangs, and fails."""
    try:
        with Client(port) as client:
            client.request()
            return not client.reader.fill()
    except TimeoutError:
        raise
    except OSError:
        return True


def begin(joist, origin, target):
    """A request that is under way at the origin."""
    client = Client(joist.port)
    client.request("GET", target)
    origin.wait(lambda: any(r.target == target for r in origin.requests), f"{target} under way")
    return client


@BOTH
def test_idle_server_ends_at_once(run_joist, origin, number):
    joist = start(run_joist, origin)
    began = time.monotonic()
    joist.signal(number)
    assert joist.wait() == 0
    assert time.monotonic() - began < 10, "nothing was there to wait for"


@BOTH
def test_request_under_way_ends_well(run_joist, origin, gate, number):
    joist = start(run_joist, origin)
    waiting = begin(joist, origin, "/wait")
    streaming = begin(joist, origin, "/stream")
    joist.signal(number)
    net.wait_for(lambda: refuses(joist.port), "new connections are refused")
    assert joist.alive()
    gate.open.set()
    response = waiting.response()
    assert (response.status, response.body) == (200, b"ok")
    assert "close" in response.head.tokens("connection")
    waiting.expect_closed()
    assert streaming.response().body == b"ab"
    streaming.expect_closed()
    assert joist.wait() == 0


def test_idle_connections_are_closed_at_once(run_joist, origin, gate):
    joist = start(run_joist, origin)
    idle = [Client(joist.port) for _ in range(10)]
    for client in idle:
        assert client.get().status == 200
    never_used = Client(joist.port)
    waiting = begin(joist, origin, "/wait")
    joist.signal()
    for client in idle:
        client.expect_closed()
    never_used.expect_closed()
    assert joist.alive(), "one request is still under way"
    gate.open.set()
    assert waiting.response().status == 200
    assert joist.wait() == 0


def test_request_that_is_being_sent_is_served(run_joist, origin):
    """A body half sent when the signal comes."""
    joist = start(run_joist, origin)
    with Client(joist.port) as client:
        client.request("POST", "/up", ("Content-Length: 10",))
        client.send(b"first")
        origin.wait(lambda: any(b"first" in c.received for c in origin.conns), "the first half")
        joist.signal()
        net.wait_for(lambda: refuses(joist.port), "new connections are refused")
        client.send(b"other")
        assert client.response().status == 200
    assert origin.last().body == b"firstother"
    assert joist.wait() == 0


@BOTH
def test_second_signal_ends_at_once(run_joist, origin, number):
    joist = start(run_joist, origin, "60s")
    waiting = begin(joist, origin, "/wait")
    joist.signal(number)
    net.wait_for(lambda: refuses(joist.port), "the drain has begun")
    began = time.monotonic()
    joist.signal(number)
    joist.wait()
    assert time.monotonic() - began < net.PATIENCE_S / 2
    with pytest.raises(Cut):
        waiting.response()


def test_deadline_cuts(run_joist, origin):
    joist = start(run_joist, origin, "600ms")
    waiting = begin(joist, origin, "/wait")
    streaming = begin(joist, origin, "/stream")
    began = time.monotonic()
    joist.signal()
    code = joist.wait()
    took = time.monotonic() - began
    assert 0.5 <= took < 0.6 + net.PATIENCE_S
    assert code == 0
    for client in (waiting, streaming):
        try:
            assert client.response().status in (502, 503, 504)
        except Cut:
            pass


def tunnel(joist):
    client = Client(joist.port)
    client.request("GET", "/raw", ("Connection: upgrade", "Upgrade: raw"))
    assert client.reader.response_head().status == 101
    return client


def test_tunnels_live_until_the_deadline(run_joist, origin):
    joist = start(run_joist, origin, "1500ms")
    client = tunnel(joist)
    joist.signal()
    net.wait_for(lambda: refuses(joist.port), "the drain has begun")
    client.send(b"still here")
    assert client.reader.exact(10, "echo") == b"still here"
    client.expect_closed()
    assert joist.wait() == 0


def test_tunnels_may_be_cut_at_once(run_joist, origin):
    joist = start(run_joist, origin, "60s", 'tunnels = "cut"')
    client = tunnel(joist)
    joist.signal()
    client.expect_closed()
    assert joist.wait() == 0


def test_last_tunnel_that_ends_ends_the_drain(run_joist, origin):
    joist = start(run_joist, origin, "60s")
    client = tunnel(joist)
    joist.signal()
    net.wait_for(lambda: refuses(joist.port), "the drain has begun")
    client.close()
    assert joist.wait() == 0


def test_drain_under_traffic_loses_no_request(run_joist, origin):
    """Clients ask all the time; each answer is whole, or the connection closed before it."""
    joist = start(run_joist, origin)
    served, broken = [], []
    over = threading.Event()

    def work():
        while not over.is_set():
            try:
                client = Client(joist.port, patience_s=net.PATIENCE_S)
            except OSError:
                return  # the listener is closed
            with client:
                for _ in range(20):
                    sent = client.reader.buf
                    client.request()
                    try:
                        response = client.response()
                    except Cut as cut:
                        if cut.partial:
                            broken.append(cut)
                        return
                    except OSError as error:
                        broken.append(error)
                        return
                    assert not sent
                    if response.status != 200:
                        broken.append(response)
                    served.append(response.status)
                    if "close" in response.head.tokens("connection"):
                        break

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    net.wait_for(lambda: len(served) > 200, "traffic")
    joist.signal()
    code = joist.wait()
    over.set()
    for thread in threads:
        thread.join()
    assert code == 0
    assert not broken, broken[:3]


def test_slow_client_may_fetch_its_answer(run_joist):
    """8 MB that the client starts to read only after the signal."""
    size = 8 << 20

    def large(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        conn.send(b"l" * size)
        conn.wait_end()

    with Origin(large) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port, rcvbuf=8192) as client:
            client.request()
            origin.wait(lambda: origin.requests, "the request")
            joist.signal()
            net.wait_for(lambda: refuses(joist.port), "the drain has begun")
            assert len(client.response().body) == size
        assert joist.wait() == 0


def test_hangup_and_pipe_do_not_kill(run_joist, origin):
    """SIGPIPE is ignored; a client that resets while it is written to proves it."""
    joist = start(run_joist, origin)
    joist.signal(signal.SIGPIPE)
    assert fetch(joist.port).status == 200


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_restart_on_the_same_port_at_once(run_joist, origin, number):
    """Connections of the one before, open or in TIME_WAIT, do not keep the port."""
    joist = start(run_joist, origin)
    clients = [Client(joist.port) for _ in range(5)]
    for client in clients:
        assert client.get().status == 200
    joist.signal(number)
    joist.wait()
    for _ in range(2):
        assert joist.launch(), joist.errors()
        assert fetch(joist.port).status == 200
        joist.signal(number)
        joist.wait()
    for client in clients:
        client.close()


def test_connections_opened_during_a_burst_of_stops_are_served_or_refused(run_joist, origin):
    """No newcomer hangs, wherever in the stop it comes."""
    for _ in range(10):
        joist = start(run_joist, origin, "10s")
        joist.signal()
        while not refuses(joist.port):
            pass
        assert joist.wait() == 0

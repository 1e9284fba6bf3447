# SPDX-License-Identifier: MIT
"""Connections to origins: kept and used again, never shared wrongly, replaced when found closed."""
import threading

import pytest

from lib import net
from lib.client import Client, fetch, request_bytes
from lib.http1 import Cut
from lib.origin import OK, Origin, answer

ONE_THREAD = "[server]\nthreads = 1\n"


def start(run_joist, origin, extra=""):
    return run_joist(f'{ONE_THREAD}{extra}\n[[sites]]\nproxy = "{origin.url}"')


def test_one_connection_serves_many_requests(run_joist):
    with Origin() as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            for _ in range(50):
                assert client.get().status == 200
        for _ in range(10):  # other clients use it, too
            assert fetch(joist.port).status == 200
        assert len(origin.conns) == 1 and len(origin.requests) == 60


def test_kept_connection_serves_posts_and_chunked_bodies(run_joist):
    def script(conn):
        while True:
            request = conn.request()
            if request is None:
                return
            body = request.body[::-1]
            data = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data +
                      b"0\r\nX-T: 1\r\n\r\n")

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            for i in range(1, 40):
                if i % 2:
                    client.request("POST", "/", body=b"ab" * i)
                else:
                    raw = b"%x\r\n%s\r\n0\r\n\r\n" % (2 * i, b"ab" * i)
                    client.request("POST", "/", ("Transfer-Encoding: chunked",), raw)
                assert client.response().body == b"ba" * i
        assert len(origin.conns) == 1


def test_as_many_connections_as_requests_at_once(run_joist):
    """Each request in flight has a connection to itself; afterwards they are used again."""
    gate = threading.Event()
    waiting = threading.Semaphore(0)

    def script(conn):
        while conn.request() is not None:
            waiting.release()
            assert gate.wait(net.PATIENCE_S)
            conn.send(OK)

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        clients = [Client(joist.port) for _ in range(12)]
        for client in clients:
            client.request()
        for _ in clients:
            assert waiting.acquire(timeout=net.PATIENCE_S)
        assert len(origin.conns) == 12
        gate.set()
        for client in clients:
            assert client.response().status == 200
            client.close()
        for _ in range(12):
            assert fetch(joist.port).status == 200
        assert len(origin.conns) == 12


@pytest.mark.parametrize("raw", [
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nConnection: Close, x\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
], ids=["close", "close-list", "1.0"])
def test_origin_that_will_close_is_not_used_again(run_joist, raw):
    def script(conn):
        conn.request()
        conn.send(raw)
        assert conn.request() is None, "a request after the last one"

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            for _ in range(5):
                response = client.get()
                assert (response.status, response.body) == (200, b"ok")
                assert "close" not in response.head.tokens("connection")
        assert len(origin.conns) == 5


def test_http_1_0_origin_may_keep_alive(run_joist):
    def script(conn):
        while conn.request() is not None:
            conn.send(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok")

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            for _ in range(5):
                assert client.get().body == b"ok"
        assert len(origin.conns) in (1, 5)


def test_bytes_behind_a_response_are_never_the_next_one(run_joist):
    """An origin that says more than it was asked: the extra must not answer anybody's request."""
    def script(conn):
        while conn.request() is not None:
            conn.send(answer(b"right") + answer(b"taint"))

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            for _ in range(10):
                response = client.get()
                assert response.status in (200, 502) and b"taint" not in response.body
        for _ in range(10):
            assert b"taint" not in fetch(joist.port).body


def test_body_behind_a_head_response_is_never_the_next_one(run_joist):
    def script(conn):
        while conn.request() is not None:
            conn.send(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntaint"))

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            for _ in range(5):
                client.request("HEAD", "/")
                assert client.response("HEAD").status in (200, 502)
                assert client.get().body.startswith(b"HTTP/1.1"), "the GET's own body"


def test_origin_that_closes_idle_connections(run_joist):
    """Closed while idle: noticed, and the next request takes a new one without an error."""
    closed = threading.Event()

    def script(conn):
        conn.request()
        conn.send(OK)
        conn.close()
        closed.set()

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            for i in range(100):
                assert i == 0 or closed.wait(10)  # else a POST may cross with the close
                closed.clear()
                if i % 4 == 3:
                    client.request("POST", "/", body=b"hello")
                    assert client.response().status == 200, i
                else:
                    assert client.get().status == 200, i


@pytest.mark.parametrize("how", ["close", "reset"])
def test_origin_that_closes_instead_of_answering_the_second(run_joist, how):
    """The race: our request and the origin's close cross. A GET is sent again, unseen."""
    def script(conn):
        conn.request()
        conn.send(OK)
        if conn.request() is not None:
            conn.reset() if how == "reset" else conn.close()

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            for i in range(30):
                assert client.get(f"/{i}").status == 200, i
        assert all(r.method == "GET" for r in origin.requests)


def test_post_is_never_sent_twice(run_joist):
    """The same race with a POST: it may have been done, so the client is told, not the origin."""
    def script(conn):
        conn.request()
        conn.send(OK)
        if conn.request() is not None:
            conn.close()

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        statuses = []
        for i in range(10):
            with Client(joist.port) as client:
                client.request("POST", f"/{i}", body=b"once")
                statuses.append(client.response().status)
        assert set(statuses) <= {200, 502}
        targets = [r.target for r in origin.requests]
        assert len(targets) == len(set(targets)), "a POST reached the origin twice"


def test_first_request_on_a_fresh_connection_is_not_repeated_for_ever(run_joist):
    def script(conn):
        conn.request()
        conn.close()

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        assert fetch(joist.port).status == 502
        assert len(origin.requests) <= 2


def test_idle_connections_are_closed_before_the_origin_would(run_joist):
    with Origin() as origin:
        joist = start(run_joist, origin, '[timeouts]\nupstream_keepalive = "300ms"\n')
        assert fetch(joist.port).status == 200
        origin.wait_conn_end(0)
        assert fetch(joist.port).status == 200
        assert len(origin.conns) == 2


def test_idle_connections_are_bounded(run_joist):
    """idle_max is 2: after a burst of 10 all but two are let go."""
    gate = threading.Event()
    waiting = threading.Semaphore(0)

    def script(conn):
        while conn.request() is not None:
            waiting.release()
            assert gate.wait(net.PATIENCE_S)
            conn.send(OK)

    with Origin(script) as origin:
        joist = run_joist(f'{ONE_THREAD}[timeouts]\nupstream_keepalive = "60s"\n'
                          f'[upstreams.app]\ntargets = ["{origin.url}"]\nidle_max = 2\n'
                          '[[sites]]\nproxy = "app"')
        clients = [Client(joist.port) for _ in range(10)]
        for client in clients:
            client.request()
        for _ in clients:
            assert waiting.acquire(timeout=net.PATIENCE_S)
        gate.set()
        for client in clients:
            assert client.response().status == 200
            client.close()
        origin.wait(lambda: sum(not c.ended for c in origin.conns) == 2, "two are kept")


def test_response_of_one_client_never_reaches_another(run_joist):
    """Clients come, ask and go at odd moments; each that stays gets its own answer."""
    def script(conn):
        while True:
            request = conn.request()
            if request is None:
                return
            conn.send(answer(request.target.encode() * 50))

    with Origin(script) as origin:
        joist = run_joist(f'[server]\nthreads = 2\n[[sites]]\nproxy = "{origin.url}"')

        def work(number):
            try:
                for i in range(60):
                    target = f"/{number}-{i}"
                    with Client(joist.port) as client:
                        client.request("GET", target)
                        if i % 3 == 0:
                            client.reset()
                            continue
                        if i % 3 == 1:
                            client.send(request_bytes(target=target + "x"))
                        assert client.response().body == target.encode() * 50
            except (AssertionError, OSError, Cut) as error:
                wrong.append(error)

        wrong = []
        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong, wrong[0]


def test_unix_socket_origin(run_joist, tmp_path):
    import socket  # pylint: disable=import-outside-toplevel

    path = tmp_path / "app.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(8)
    listener.settimeout(net.PATIENCE_S)
    joist = run_joist(f'{ONE_THREAD}[[sites]]\nproxy = "unix:{path}"')
    with Client(joist.port) as client:
        client.request("GET", "/over/unix")
        conn, _ = listener.accept()
        with conn:
            conn.settimeout(net.PATIENCE_S)
            got = b""
            while b"\r\n\r\n" not in got:
                got += conn.recv(4096)
            assert got.startswith(b"GET /over/unix HTTP/1.1\r\n")
            conn.sendall(OK)
            assert client.response().body == b"ok"
    listener.close()

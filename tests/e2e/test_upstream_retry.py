# SPDX-License-Identifier: MIT
"""Origins that refuse, reset, hang and come back: no client notices while another can serve."""
import threading
from collections import Counter

import pytest
from lib.client import Client, fetch
from lib.http1 import Cut
from lib.net import PortClaim
from lib.origin import Origin, answer


def named(name):
    reply = answer(name.encode())

    def script(conn):
        while conn.request() is not None:
            conn.send(reply)
    return script


def pool(urls, extra="", rest="", threads=2):
    return f"""
[server]
threads = {threads}
[upstreams.app]
targets = [{", ".join(f'"{u}"' for u in urls)}]
{extra}
[[sites]]
proxy = "app"
{rest}
"""


def dead(claim):
    return f"http://127.0.0.1:{claim.port}"


@pytest.fixture
def nobody():
    """A port where nobody listens."""
    claim = PortClaim()
    yield claim
    claim.release()


class Load:
    """Clients that ask again and again, on kept connections, until they are told to stop."""

    def __init__(self, port, clients=6, method="GET", body=None):
        self.results = Counter()
        self.lock = threading.Lock()
        self.seen = threading.Condition(self.lock)
        self.over = threading.Event()
        self.port, self.method, self.body = port, method, body
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join()

    def run(self):
        while not self.over.is_set():
            try:
                with Client(self.port) as client:
                    for _ in range(20):
                        client.request(self.method, body=self.body)
                        self.note(client.response(self.method).status)
            except (OSError, Cut) as e:
                self.note(type(e).__name__)

    def note(self, what):
        with self.seen:
            self.results[what] += 1
            self.seen.notify_all()

    def wait_more(self, n):
        """Until so many more requests are through."""
        with self.seen:
            goal = sum(self.results.values()) + n
            assert self.seen.wait_for(lambda: sum(self.results.values()) >= goal, 60)


@pytest.mark.parametrize("method,body", [("GET", None), ("POST", b"x" * 5000)], ids=["GET", "POST"])
def test_refused_connects_go_elsewhere(run_joist, nobody, method, body):
    """Nothing was sent, so that it holds for all methods, without any setting."""
    with Origin(named("b")) as b, Origin(named("c")) as c:
        joist = run_joist(pool([dead(nobody), b.url, c.url]))
        for _ in range(30):
            assert fetch(joist.port, method=method, body=body).status == 200
        line = joist.wait_log("UPSTREAM_RETRIED")
        assert f"target=127.0.0.1:{nobody.port}" in line and "refused" in line and "try=2" in line
        assert len(b.requests) + len(c.requests) == 30  # none of them twice
        if body:
            assert all(r.body == body for r in b.requests + c.requests)


def test_two_of_three_refuse(run_joist, nobody):
    other = PortClaim()
    with Origin(named("c")) as c:
        joist = run_joist(pool([dead(nobody), dead(other), c.url]))
        assert all(fetch(joist.port).status == 200 for _ in range(30))
    other.release()


def test_all_refuse(run_joist, nobody):
    other = PortClaim()
    joist = run_joist(pool([dead(nobody), dead(other)]))
    assert fetch(joist.port).status == 502
    other.release()


def test_sockets_that_are_not_there(run_joist, tmp_path):
    with Origin(named("b")) as b:
        joist = run_joist(pool([f"unix:{tmp_path}/none.sock", b.url]))
        assert all(fetch(joist.port).status == 200 for _ in range(10))


def test_handshakes_that_fail(run_joist):
    """What speaks no TLS where TLS is asked for is a connection that was not made."""
    def plain(conn):
        conn.send(answer())
        conn.close()
    with Origin(plain) as a, Origin(named("b")) as b:
        joist = run_joist(pool([a.url.replace("http:", "https:"), b.url]))
        assert all(fetch(joist.port, method="POST", body=b"x").status == 200 for _ in range(10))


def test_one_dies_under_load(run_joist):
    """It is killed, with what it was doing, and comes back, again and again: no client notices."""
    with Origin(named("b")) as b, Origin(named("c")) as c:
        mortal = Origin(named("a"))
        port = mortal.port
        with mortal:
            joist = run_joist(pool([mortal.url, b.url, c.url], ANY_FAILURE))
            load = Load(joist.port, method="PUT", body=b"x" * 2000)
            with load:
                load.wait_more(100)
                for _ in range(3):
                    mortal.close()
                    load.wait_more(100)
                    mortal = Origin(named("a"), port=port)
                    load.wait_more(100)
                    assert mortal.requests  # it is used again
                mortal.close()
        assert set(load.results) == {200}, load.results
        joist.wait_log("UPSTREAM_RETRIED")


# ---- what was sent ----

ANY_FAILURE = 'retry = { attempts = 3, on = ["failure", "timeout", 503], backoff = "5ms", budget = "100%" }'


def reset(conn):
    conn.request()
    conn.reset()


def close_early(conn):
    conn.request()
    conn.close()


def close_in_head(conn):
    conn.request()
    conn.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    conn.close()


def garbage(conn):
    conn.request()
    conn.send(b"\x00\xff\x00 garbage\r\n\r\n")
    conn.close()


def busy(conn):
    while conn.request() is not None:
        conn.send(answer(b"busy" * 1000, b"503 Service Unavailable"))


def hang(conn):
    conn.request()
    conn.wait_end()


BAD = [reset, close_early, close_in_head, garbage, busy]


@pytest.mark.parametrize("bad", BAD, ids=lambda f: f.__name__)
@pytest.mark.parametrize("method,body", [("GET", None), ("PUT", b"y" * 60000)], ids=["GET", "PUT"])
def test_idempotent_requests_are_sent_again(run_joist, bad, method, body):
    with Origin(bad) as a, Origin(named("b")) as b:
        joist = run_joist(pool([a.url, b.url], ANY_FAILURE))
        for _ in range(10):
            response = fetch(joist.port, method=method, body=body)
            assert response.status == 200 and response.body == b"b"
        assert a.requests
        assert len(b.requests) == 10
        assert all(r.body == (body or b"") for r in b.requests)
        assert f"target=127.0.0.1:{a.port}" in joist.wait_log("UPSTREAM_RETRIED")


@pytest.mark.parametrize("bad", BAD, ids=lambda f: f.__name__)
def test_posts_are_sent_once(run_joist, bad):
    with Origin(bad) as a, Origin(named("b")) as b:
        joist = run_joist(pool([a.url, b.url], ANY_FAILURE, threads=1))
        statuses = Counter(fetch(joist.port, method="POST", body=b"z").status for _ in range(10))
        assert statuses[200] == 5 and statuses[503 if bad is busy else 502] == 5, statuses
        assert len(b.requests) == 5
        assert "UPSTREAM_RETRIED" not in joist.errors()


def test_a_body_that_is_too_large_is_sent_once(run_joist):
    with Origin(busy) as a, Origin(named("b")) as b:
        joist = run_joist(pool([a.url, b.url], ANY_FAILURE, threads=1))
        body = b"y" * (64 * 1024 + 1)
        statuses = Counter(fetch(joist.port, method="PUT", body=body).status for _ in range(4))
        assert statuses == {200: 2, 503: 2}


def test_a_hanging_target(run_joist):
    with Origin(hang) as a, Origin(named("b")) as b:
        joist = run_joist(pool([a.url, b.url], ANY_FAILURE, '[timeouts]\nupstream_response = "100ms"'))
        assert all(fetch(joist.port).status == 200 for _ in range(4))
        assert fetch(joist.port, method="POST", body=b"x").status in (200, 504)


def test_all_are_busy(run_joist):
    """The last answer is passed on as it is."""
    with Origin(busy) as a, Origin(busy) as b:
        joist = run_joist(pool([a.url, b.url], ANY_FAILURE))
        response = fetch(joist.port)
        assert response.status == 503 and response.body == b"busy" * 1000
        assert len(a.requests) + len(b.requests) == 3


def test_off(run_joist, nobody):
    with Origin(named("b")) as b:
        joist = run_joist(pool([dead(nobody), b.url], "retry = { attempts = 1 }", threads=1))
        statuses = Counter(fetch(joist.port).status for _ in range(10))
        assert statuses == {200: 5, 502: 5}


def test_nothing_is_sent_twice_after_a_head(run_joist):
    def cut(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        conn.close()
    with Origin(cut) as a, Origin(cut) as b:
        joist = run_joist(pool([a.url, b.url], ANY_FAILURE))
        with pytest.raises(Cut):
            fetch(joist.port)
        assert len(a.requests) + len(b.requests) == 1


def test_a_body_that_waits_to_be_asked_for(run_joist):
    """Refused unseen at one target, asked for by the other: the client is asked once."""
    def refuse(conn):
        conn.request(on_head=lambda head: conn.send(answer(b"busy", b"503 Busy")))

    def take(conn):
        def go_on(head):
            assert head.get("expect") == "100-continue"
            conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        while conn.request(on_head=go_on) is not None:
            conn.send(answer(b"taken"))
    with Origin(refuse) as a, Origin(take) as b:
        joist = run_joist(pool([a.url, b.url], ANY_FAILURE, threads=1))
        for _ in range(2):
            with Client(joist.port) as client:
                client.request("PUT", "/", ("Expect: 100-continue", "Content-Length: 5"))
                assert client.reader.response_head().status == 100
                client.send(b"hello")
                response = client.response("PUT")
                assert response.status == 200 and not response.interim
        assert [r.body for r in b.requests] == [b"hello", b"hello"]
        assert a.conns


# ---- the whole request's time ----

TOTAL = '[timeouts]\nupstream_total = "300ms"'


def test_total_ends_a_wait(run_joist):
    with Origin(hang) as a:
        joist = run_joist(pool([a.url], "", TOTAL))
        assert fetch(joist.port).status == 504
        assert "whole request" in joist.wait_log("UPSTREAM_FAILED")
        a.wait_conn_end()


def test_total_cuts_a_response(run_joist):
    def slow(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        conn.wait_end()
    with Origin(slow) as a:
        joist = run_joist(pool([a.url], "", TOTAL))
        with pytest.raises(Cut):
            fetch(joist.port)


# ---- hedges ----

def test_hedge_answers_for_a_hanging_target(run_joist):
    with Origin(hang) as a, Origin(named("b")) as b:
        joist = run_joist(pool([a.url, b.url], 'hedge = "20ms"'))
        for _ in range(6):
            response = fetch(joist.port)
            assert response.status == 200 and response.body == b"b"
        assert a.requests
        a.wait_conn_end()
        assert len(b.requests) == 6

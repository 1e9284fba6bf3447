# SPDX-License-Identifier: MIT
"""Origins that refuse, reset, hang and come back: no client notices while another can serve."""
import threading
from collections import Counter

import pytest
from lib.client import Client, fetch
from lib.net import PortClaim
from lib.origin import Origin, answer


def named(name):
    reply = answer(name.encode())

    def script(conn):
        while conn.request() is not None:
            conn.send(reply)
    return script


def pool(urls, extra="", rest=""):
    return f"""
[server]
threads = 2
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
            except (OSError, EOFError) as e:
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
    """It is killed and stays dead: new connections go elsewhere, at once and for good. Requests
    that it had taken may fail: their methods would have to allow another try."""
    a, b, c = Origin(named("a")), Origin(named("b")), Origin(named("c"))
    with b, c:
        with a:
            joist = run_joist(pool([a.url, b.url, c.url]))
            with Load(joist.port) as load:
                load.wait_more(200)
        with Load(joist.port) as load:
            load.wait_more(500)
        assert set(load.results) == {200}, load.results

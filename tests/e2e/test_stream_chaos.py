# SPDX-License-Identifier: MIT
"""Clients and origins that stop, leave, reset and dawdle at random, all at once: afterwards nothing
is left open, and the next request is served. JOIST_TEST_SEED repeats a run's choices."""
import os
import random
import threading

import pytest

from lib import net
from lib.client import Client, chunk, fetch
from lib.http1 import Cut
from lib.origin import OK, Origin

SEED = int(os.environ.get("JOIST_TEST_SEED", "1"))
CLIENTS = 12
EACH = 40


def misbehave(rng, conn):
    """Answer one request somehow. False: the connection is over."""
    request = conn.request()
    if request is None:
        return False
    kind = rng.randrange(9)
    if kind == 0:
        conn.reset()
        return False
    if kind == 1:
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort")
        return False
    if kind == 2:
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"x" * 5000))
        conn.reset()
        return False
    if kind == 3:
        size = rng.randrange(2_000_000)
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        conn.send(b"l" * size)
        return True
    if kind == 4:
        conn.send(b"HTTP/1.0 200 OK\r\n\r\n" + b"c" * rng.randrange(300_000))
        return False
    if kind == 5:
        conn.wait_end()
        return False
    if request.has("upgrade"):
        conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                  b"Upgrade: raw\r\n\r\n")
        conn.send(b"t" * rng.randrange(100_000))
        return False
    conn.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)
    return True


def ask_badly(rng, port):
    with Client(port, patience_s=net.PATIENCE_S) as client:
        for _ in range(rng.randrange(1, 4)):
            kind = rng.randrange(7)
            body = None
            fields = ()
            if kind == 0:
                fields = ("Connection: upgrade", "Upgrade: raw")
            elif kind == 1:
                body = b"b" * rng.randrange(500_000)
            elif kind == 2:
                fields = (f"Content-Length: {rng.randrange(1, 100_000)}",)  # and never sent
            elif kind == 3:
                fields, body = ("Transfer-Encoding: chunked",), chunk(b"c" * 3000)
            client.request("POST" if body is not None or fields else "GET", "/", fields, body)
            after = rng.randrange(6)
            if after == 0:
                client.reset()
                return
            if after == 1:
                return
            if after == 2:
                client.finish_sending()
            if after == 3:
                client.reader.fill(rng.randrange(1, 20_000))
                return
            client.response()


@pytest.mark.parametrize("threads", [1, 2])
def test_chaos_leaves_nothing_behind(run_joist, threads):
    lock = threading.Lock()
    number = [0]
    wrong = []

    def script(conn):
        with lock:
            number[0] += 1
            rng = random.Random(SEED * 7919 + number[0])
        conn.reader.record = None
        while misbehave(rng, conn):
            pass

    def work(seed):
        rng = random.Random(SEED * 104729 + seed)
        for _ in range(EACH):
            try:
                ask_badly(rng, joist.port)
            except (Cut, OSError):
                pass
            except AssertionError as error:
                wrong.append(error)

    with Origin(script) as bad, Origin() as good:
        joist = run_joist(f"""
[server]
threads = {threads}
[timeouts]
header = "400ms"
body_idle = "400ms"
keepalive = "400ms"
upstream_response = "400ms"
upstream_idle = "400ms"
upstream_keepalive = "400ms"
[[sites]]
proxy = "{bad.url}"
[[sites]]
host = "good.test"
proxy = "{good.url}"
""")
        fetch(joist.port, host="good.test")
        net.wait_for(lambda: not good.conns or good.conns[0].ended, "the idle connection's end")
        before = joist.open_files()
        workers = [threading.Thread(target=work, args=(n,)) for n in range(CLIENTS)]
        for worker in workers:
            worker.start()
        for _ in range(20):
            assert fetch(joist.port, host="good.test").status == 200, "others are served meanwhile"
        for worker in workers:
            worker.join()
        assert not wrong, wrong[0]
        assert fetch(joist.port, host="good.test").status == 200
        net.wait_for(lambda: joist.open_files() <= before, "descriptors come back")

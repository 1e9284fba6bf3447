# SPDX-License-Identifier: MIT
"""Bodies of any size go through, in both directions, in bounded memory, whatever the pace."""
import threading

import pytest

from lib import bulk, net
from lib.client import Client, fetch, request_bytes
from lib.origin import Origin
from lib.server import Joist

MB = 1 << 20
GB = 1 << 30
RSS_MAX = 64 * MB
# What may be under way while nobody reads: the buffers of four sockets (the kernel grows them to
# 6 MB each by default) and our window.
UNDER_WAY_MAX = 40 * MB

TIMEOUTS = """
[timeouts]
body_idle = "120s"
upstream_idle = "120s"
upstream_response = "120s"
[limits]
body_bytes = 0
"""


class Bulk:
    """An origin that sends and takes patterns: GET /FRAMING/BYTES, POST /."""

    def __init__(self):
        self.sender = None
        self.sending = threading.Event()
        self.uploads = []  # bytes of each whole upload
        self.may_read = threading.Event()
        self.pause = None

    def script(self, conn):
        while True:
            head = conn.reader.head()
            if head is None:
                return
            conn.received.clear()
            conn.reader.record = None  # the bodies are too large to keep
            method, target = head.line.split(b" ")[:2]
            if method == b"GET" and target.count(b"/") == 2:
                if not self.download(conn, *target.decode().split("/")[1:]):
                    return
            elif method == b"POST":
                self.may_read.wait(net.PATIENCE_S * 4)
                receiver = bulk.Receiver(conn.reader, pause=self.pause)
                message = type("Upload", (), {"head": head})
                self.uploads.append(receiver.message(message))
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            else:
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def download(self, conn, framing, size):
        line = {"length": f"Content-Length: {size}", "chunked": "Transfer-Encoding: chunked",
                "close": "Connection: close"}[framing]
        conn.send(f"HTTP/1.1 200 OK\r\n{line}\r\n\r\n".encode())
        self.sender = bulk.Sender(conn.sock, int(size), framing == "chunked")
        self.sending.set()
        self.sender.run()
        return framing != "close"


@pytest.fixture(scope="module")
def behind():
    return Bulk()


@pytest.fixture(scope="module")
def joist(behind, tmp_path_factory):
    with Origin(behind.script) as origin:
        config = f'[server]\nthreads = 1\n{TIMEOUTS}[[sites]]\nproxy = "{origin.url}"\n'
        with Joist(tmp_path_factory.mktemp("bulk"), config) as running:
            yield running


def hold(watch):
    print(f"{watch.top / MB:.1f} MB resident at the most")
    if not net.SANITIZED:
        assert watch.top < RSS_MAX, f"{watch.top / MB:.1f} MB resident"


def download(joist, behind, framing, total, pauses):
    """Reads nothing until the origin can send no more, `pauses` times on the way."""
    behind.sending.clear()
    left = [pauses]

    def pause(_):
        if left[0] > 0 and behind.sender.sent < total:
            left[0] -= 1
            behind.sender.wait_stalled()

    with bulk.RssWatch(joist.pid) as watch, Client(joist.port) as client:
        client.request("GET", f"/{framing}/{total}")
        assert behind.sending.wait(net.PATIENCE_S)
        assert behind.sender.wait_stalled() < UNDER_WAY_MAX
        assert fetch(joist.port, "/").status == 200, "others are served meanwhile"
        response = client.reader.response_head()
        assert response.status == 200
        receiver = bulk.Receiver(client.reader, step=total // (pauses + 1) + 1, pause=pause)
        assert receiver.message(response) == total
    hold(watch)


def upload(joist, behind, framing, total, pauses):
    behind.may_read.clear()
    left = [pauses]
    with bulk.RssWatch(joist.pid) as watch, Client(joist.port) as client:
        field = "Transfer-Encoding: chunked" if framing == "chunked" else f"Content-Length: {total}"
        client.request("POST", "/", (field,))
        sender = bulk.Sender(client.sock, total, framing == "chunked")

        def pause(_):
            if left[0] > 0 and sender.sent < total:
                left[0] -= 1
                sender.wait_stalled()

        behind.pause = pause
        thread = sender.start()
        assert sender.wait_stalled() < UNDER_WAY_MAX
        assert fetch(joist.port, "/").status == 200, "others are served meanwhile"
        behind.may_read.set()
        thread.join()
        assert sender.failure is None
        assert client.response().status == 200
    assert behind.uploads[-1] == total
    hold(watch)


@pytest.mark.parametrize("framing, size", [("length", 256 * MB), ("chunked", 96 * MB),
                                           ("close", 96 * MB)])
def test_download_through_a_paused_client(joist, behind, framing, size):
    download(joist, behind, framing, size, 0)


@pytest.mark.parametrize("framing, size", [("length", 256 * MB), ("chunked", 96 * MB)])
def test_upload_to_a_paused_origin(joist, behind, framing, size):
    upload(joist, behind, framing, size, 0)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_download_of_10_gb(joist, behind, framing):
    download(joist, behind, framing, 10 * GB, 10)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_upload_of_10_gb(joist, behind, framing):
    upload(joist, behind, framing, 10 * GB, 10)


def test_many_paused_clients_together_stay_bounded(run_joist):
    """30 clients that do not read 8 MB each: what is held for them is a window each."""
    with Origin(Bulk().script) as origin:
        joist = run_joist(f'[server]\nthreads = 1\n{TIMEOUTS}[[sites]]\nproxy = "{origin.url}"\n')
        with bulk.RssWatch(joist.pid) as watch:
            clients = [Client(joist.port, rcvbuf=4096) for _ in range(30)]
            for client in clients:
                client.request("GET", f"/length/{8 * MB}")
            for client in clients:
                response = client.reader.response_head()
                assert response.status == 200
            for _ in range(20):
                assert fetch(joist.port, "/").status == 200, "paused clients starve nobody"
            for client in clients[:3]:
                assert bulk.Receiver(client.reader).exact(8 * MB) is None
            for client in clients:
                client.close()
        hold(watch)


@pytest.mark.skipif(net.SANITIZED, reason="a sanitizer keeps what was freed")
@pytest.mark.parametrize("kind", ["respond", "proxy"])
def test_many_requests_do_not_make_it_grow(run_joist, kind):
    rounds = 60 if kind == "respond" else 15

    def ask(client):
        raw = request_bytes(fields=("X-Pad: " + "p" * 3000,)) * 50
        for _ in range(rounds):
            client.send(raw)
            for _ in range(50):
                assert client.response().status == 200

    with Origin() as origin:
        what = 'respond = "ok"' if kind == "respond" else f'proxy = "{origin.url}"'
        joist = run_joist(f"[server]\nthreads = 1\n[[sites]]\n{what}")
        with Client(joist.port) as client:
            ask(client)
            before = joist.rss_bytes()
            for _ in range(3):
                ask(client)
                for _ in range(20):
                    fetch(joist.port)
        assert joist.rss_bytes() - before < MB, "memory grows with the number of requests"

# SPDX-License-Identifier: MIT
"""Many hostile clients at once, on all handlers, with an origin that is hostile as well.

Every request carries its client's own mark, and the origin puts the mark of what it answers into
all that it says, wanted or not. So a byte that reaches the wrong client is seen, and a request
that nobody sent is. JOIST_TEST_SEED repeats a run.
"""
import os
import random
import re
import socket
import threading

import pytest

from lib.client import Client, fetch
from lib.origin import Origin
from lib.server import Joist

SEED = int(os.environ.get("JOIST_TEST_SEED", "1"))
CLIENTS = 6
MARK = re.compile(rb"mark[0-9a-f]{8}")
issued = set()  # damage may make marks that are nobody's

REQUESTS = [
    b"GET /o/%s HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"GET /o/%s?q=1 HTTP/1.1\r\nHost: a.example\r\nConnection: x-a\r\nX-A: %s\r\n\r\n",
    b"HEAD /o/%s HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"POST /o/%s HTTP/1.1\r\nHost: a.example\r\nContent-Length: 12\r\n\r\n%s",
    b"POST /o/%s HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"c;x=y\r\n%s\r\n0\r\nX-T: 1\r\n\r\n",
    b"PUT /o/%s HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\r\n%s",
    b"GET /o/%s HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n",
    b"GET http://a.example/o/%s HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"GET /o/%s HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"OPTIONS /o/%s HTTP/1.1\r\nHost: a.example\r\nMax-Forwards: 1\r\n\r\n",
    b"TRACE /o/%s HTTP/1.1\r\nHost: a.example\r\nMax-Forwards: 0\r\nX-A: %s\r\n\r\n",
    b"GET /s/big.bin HTTP/1.1\r\nHost: a.example\r\nRange: bytes=1-9,90-99,-5\r\nX-A: %s\r\n\r\n",
    b"GET /s/small.txt HTTP/1.1\r\nHost: a.example\r\nIf-None-Match: \"%s\"\r\n\r\n",
    b"GET /s/%s/../../etc/passwd HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"GET /s/ HTTP/1.1\r\nHost: a.example\r\nAccept-Encoding: gzip;q=0.5, *;q=0\r\nX-A: %s\r\n\r\n",
    b"GET /r/%s?x HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"POST /t/%s HTTP/1.1\r\nHost: a.example\r\nContent-Length: 12\r\n\r\n%s",
]
RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n%s",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-M: %s\r\n\r\nc;x\r\n%s\r\n0\r\nX-T: %s\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nX-M: %s\r\n\r\n%s",
    b"HTTP/1.1 103 Early Hints\r\nLink: <%s>\r\n\r\nHTTP/1.1 204 No Content\r\nX-M: %s\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nETag: \"%s\"\r\nContent-Length: 12\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oh\r\nContent-Length: 12\r\n\r\n%s",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n%s",
    b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + b"%s" * 3,
]
PIECES = [
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b":", b"\x00", b"\xff", b"0", b"f" * 17, b"%2e%2e/",
    b"//", b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n", b"Connection: keep-alive, content-length\r\n", b"Host: b.example\r\n",
    b"0\r\n\r\n", b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n", b"Range: bytes=0-\r\n", b"a" * 300,
]


def marks_in(raw):
    return issued & set(MARK.findall(bytes(raw)))


def fill(text, mark):
    return text.replace(b"%s", mark)


def damage(rng, raw):
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(raw) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            lines = [m.end() for m in re.finditer(rb"\r\n", raw)]
            at = rng.choice(lines) if lines and rng.random() < 0.7 else at
            raw = raw[:at] + rng.choice(PIECES) + raw[at:]
        elif kind == 1:
            raw = raw[:at] + raw[at + rng.randrange(1, 8):]
        elif kind == 2 and raw:
            at = min(at, len(raw) - 1)
            raw = raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1:]
        elif kind == 3:
            end = min(len(raw), at + rng.randrange(1, 60))
            raw = raw[:end] + raw[at:end] + raw[end:]
        else:
            raw = raw[:at]
    return raw


class HostileOrigin:
    """Checks each request strictly, then says anything."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.lock = threading.Lock()
        self.ids = set()

    def answer(self, mark):
        with self.lock:
            rng = self.rng
            raw = fill(rng.choice(RESPONSES), mark)
            if rng.random() < 0.5:
                return fill(RESPONSES[0], mark), "keep"
            if rng.random() < 0.6:
                raw = damage(rng, raw)
            if rng.random() < 0.3:
                raw += fill(rng.choice(RESPONSES), mark)  # nobody asked for it
            return raw, rng.choice(("keep", "close", "reset", "keep"))

    def check(self, request):
        found = marks_in(request.head.raw)
        assert len(found) <= 1, f"a request of two clients: {request.head.raw!r}"
        for name in ("x-forwarded-for", "via", "host", "x-request-id"):
            assert len(request.all(name)) == 1, f"{name} in {request.head.raw!r}"
        with self.lock:
            assert request.get("x-request-id") not in self.ids, "sent twice"
            if request.method not in ("GET", "HEAD", "PUT", "OPTIONS", "TRACE", "DELETE"):
                self.ids.add(request.get("x-request-id"))
        others = marks_in(request.body) - found
        assert not found or not others, f"{request.head.raw!r} has another's body: {request.body!r}"
        return found.pop() if found else b"-" * 12  # its mark was damaged

    def script(self, conn):
        while True:
            def on_head(request):
                if request.get("expect"):
                    conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            request = conn.request(on_head)
            if request is None:
                return
            if request.target == "/health":
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                continue
            raw, then = self.answer(self.check(request))
            conn.send(raw)
            if request.get("upgrade") and b"101" in raw:  # what follows is no HTTP any more
                conn.sock.shutdown(socket.SHUT_WR)
                conn.wait_end()
                assert len(marks_in(conn.reader.buf)) <= 1, "a tunnel of two clients"
                return
            if then == "close":
                return
            if then == "reset":
                conn.reset()
                return


class HostileClient:
    def __init__(self, port, seed, number):
        self.port = port
        self.rng = random.Random(seed * 100 + number)
        self.failure = None

    def mark(self):
        mark = b"mark%08x" % self.rng.randrange(1 << 32)
        issued.add(mark)
        return mark

    def once(self):
        mark = self.mark()
        raw = b""
        for _ in range(self.rng.randrange(1, 5)):
            one = fill(self.rng.choice(REQUESTS), mark)
            raw += damage(self.rng, one) if self.rng.random() < 0.35 else one
        got = bytearray()
        with Client(self.port) as client:
            client.reader.record = got.extend
            client.sock.settimeout(4)
            at = 0
            while at < len(raw):
                n = self.rng.choice((1, 7, 64, 4096))
                client.send(raw[at:at + n])
                at += n
            how = self.rng.random()
            if how < 0.15:
                client.reset()
                return
            if how < 0.75:
                client.finish_sending()
            try:
                while client.reader.fill():
                    pass
            except (TimeoutError, OSError):
                pass
        strangers = marks_in(got) - {mark}
        assert not strangers, f"{raw!r} got somebody else's {strangers}: {bytes(got)!r}"
        assert b"root:" not in got, "a file from outside the root"

    def run(self, rounds):
        try:
            for _ in range(rounds):
                self.once()
        except AssertionError as error:
            self.failure = error


def abuse(folder, seed, rounds):
    hostile = HostileOrigin(seed)
    with Origin(hostile.script) as origin:
        root = folder / "www"
        root.mkdir()
        (root / "big.bin").write_bytes(bytes(range(256)) * 1200)
        (root / "small.txt").write_text("small\n")
        (root / "small.txt.gz").write_bytes(b"not really")
        config = f"""
[timeouts]
header = "500ms"
body_idle = "500ms"
keepalive = "500ms"
upstream_response = "500ms"
upstream_idle = "500ms"
[limits]
conns_per_ip = 0
[[sites]]
respond = {{ body = "any" }}
[[sites.routes]]
path = "/o"
proxy = "{origin.url}"
[[sites.routes]]
exact = "/health"
proxy = "{origin.url}"
[[sites.routes]]
path = "/s/"
strip_prefix = true
root = "{root}"
listing = true
[[sites.routes]]
path = "/r"
redirect = {{ to = "$uri", status = 302 }}
[[sites.routes]]
path = "/t"
respond = {{ status = 200, body = "text" }}
headers = {{ "X-Set" = "1", "Server" = "" }}
"""
        with Joist(folder / "joist", config) as joist:
            clients = [HostileClient(joist.port, seed, i) for i in range(CLIENTS)]
            threads = [threading.Thread(target=c.run, args=(rounds,), daemon=True) for c in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert joist.alive(), joist.errors()
            for client in clients:
                assert client.failure is None, f"seed {seed}: {client.failure}"
            assert not origin.errors, f"seed {seed}: {origin.errors[0]!r}"
            assert fetch(joist.port, "/health").body == b"ok"


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_no_byte_goes_astray(tmp_path, seed):
    abuse(tmp_path, seed, 40)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [SEED + 100 + i for i in range(20)])
def test_no_byte_goes_astray_for_long(tmp_path, seed):
    abuse(tmp_path, seed, 400)

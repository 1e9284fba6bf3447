# SPDX-License-Identifier: MIT
"""Messages damaged at random, in both directions: what comes out is well-formed, or nothing does.

The strict readers of lib/http1.py stand on the far side. JOIST_TEST_SEED repeats a run.
"""
import os
import random
import socket

import pytest

from lib.client import Client, fetch
from lib.http1 import Cut
from lib.origin import OK, Origin
from lib.server import Joist

SEED = int(os.environ.get("JOIST_TEST_SEED", "1"))
ROUNDS = int(os.environ.get("JOIST_TEST_ROUNDS", "2000"))

REQUESTS = [
    b"GET /a?b=c HTTP/1.1\r\nHost: test.example\r\nX-A: one\r\nAccept: */*\r\n\r\n",
    b"POST /p HTTP/1.1\r\nHost: test.example\r\nContent-Length: 11\r\n\r\nhello world",
    b"POST /c HTTP/1.1\r\nHost: test.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n",
    b"GET http://test.example/abs HTTP/1.1\r\nHost: test.example\r\n"
    b"Connection: x-a\r\nX-A: 1\r\n\r\n",
    b"HEAD /h HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"PUT /e HTTP/1.1\r\nHost: [::1]:80\r\nTE: trailers\r\nContent-Length: 3\r\n\r\nabc",
    b"GET /u HTTP/1.1\r\nHost: test.example\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n",
]
RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: one\r\nConnection: x-b\r\nX-B: 1\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end",
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\nraw",
]
PIECES = [
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b":", b"\x00", b"\xff", b",", b";", b"0",
    b"-1",
    b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Host: other.example\r\n", b"0\r\n\r\n", b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntaint", b"a" * 300, b"9" * 20, b"f" * 17,
]


def damage(rng, raw):
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(raw) + 1)
        kind = rng.randrange(6)
        if kind == 0:
            raw = raw[:at] + rng.choice(PIECES) + raw[at:]
        elif kind == 1:
            raw = raw[:at] + raw[at + rng.randrange(1, 8):]
        elif kind == 2 and raw:
            at = min(at, len(raw) - 1)
            raw = raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1:]
        elif kind == 3:
            end = min(len(raw), at + rng.randrange(1, 40))
            raw = raw[:end] + raw[at:end] + raw[end:]
        elif kind == 4:
            lines = raw.split(b"\r\n")
            i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
            raw = b"\r\n".join(lines)
        else:
            raw = raw[:at] + raw[at:at + 1].swapcase() + raw[at + 1:]
    return raw


def read_all(client):
    """All that the server says, as responses. A malformed one raises."""
    responses = []
    try:
        while True:
            responses.append(client.reader.response())
            client.finish_sending()  # we want no more; ends a tunnel from our side, too
            if responses[-1].status == 101:  # what follows is no HTTP
                while client.reader.fill():
                    pass
                return responses
    except Cut:
        return responses


@pytest.fixture(scope="module")
def joist_and_origin(tmp_path_factory):
    with Origin() as origin:
        config = f"""
[timeouts]
header = "300ms"
body_idle = "300ms"
keepalive = "300ms"
[[sites]]
proxy = "{origin.url}"
"""
        with Joist(tmp_path_factory.mktemp("mutations"), config) as joist:
            yield joist, origin


@pytest.mark.parametrize("part", range(4))
def test_damaged_requests_come_out_well_formed_or_not_at_all(joist_and_origin, part):
    joist, origin = joist_and_origin
    rng = random.Random(SEED * 1000 + part)
    for i in range(ROUNDS // 4):
        raw = b"".join(damage(rng, rng.choice(REQUESTS)) if rng.random() < 0.7 else
                       rng.choice(REQUESTS) for _ in range(rng.randrange(1, 4)))
        with Client(joist.port) as client:
            cut = rng.randrange(len(raw))
            client.send(raw[:cut])
            client.send(raw[cut:])
            client.finish_sending()
            while client.reader.fill():
                pass
        assert not origin.errors, f"part {part}, round {i}: {raw!r} became {origin.errors[0]!r}"
    assert fetch(joist.port).status == 200
    for request in origin.requests:
        assert len(request.all("x-forwarded-for")) == 1, "a request that we did not make"
    origin.requests.clear()


@pytest.mark.parametrize("part", range(4))
def test_damaged_responses_come_out_well_formed_or_cut(tmp_path, run_joist, part):
    rng = random.Random(SEED * 2000 + part)
    current = [b""]

    def script(conn):
        while conn.request() is not None:
            raw = current[0]
            cut = rng.randrange(len(raw) + 1)
            conn.send(raw[:cut])
            conn.send(raw[cut:])
            if raw is not OK:
                conn.sock.shutdown(socket.SHUT_WR)
                conn.wait_end()
                return

    with Origin(script) as origin:
        joist = run_joist('[timeouts]\nupstream_response = "2s"\nupstream_idle = "2s"\n'
                          f'[[sites]]\nproxy = "{origin.url}"')
        for _ in range(ROUNDS // 4):
            current[0] = damage(rng, rng.choice(RESPONSES))
            fields = ("Connection: close",)
            if rng.random() < 0.2:
                fields = ("Connection: upgrade", "Upgrade: raw")
            with Client(joist.port) as client:
                client.request(fields=fields)
                responses = read_all(client)
                assert len(responses) <= 1, f"{current[0]!r} became {len(responses)} responses"
        current[0] = OK
        assert fetch(joist.port).status == 200

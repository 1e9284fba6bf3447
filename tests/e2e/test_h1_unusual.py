# SPDX-License-Identifier: MIT
"""Odd but right messages pass unharmed: compared at the origin. The messages are in unusual.py."""
import time

import pytest

from lib.client import Client, request_bytes
from lib.origin import Origin, answer
from lib.server import Joist
from unusual import UNUSUAL


def echo_target(conn):
    """Answers with the target, so that every response tells which request it belongs to."""
    while True:
        request = conn.request()
        if request is None:
            return
        body = answer(request.target.encode())
        conn.send(body[:-len(request.target)] if request.method == "HEAD" else body)


@pytest.fixture(scope="module")
def origin():
    with Origin(echo_target) as running:
        yield running


@pytest.fixture(scope="module")
def joist(origin, tmp_path_factory):
    with Joist(tmp_path_factory.mktemp("unusual"), f'[[sites]]\nproxy = "{origin.url}"') as running:
        yield running


def test_table_is_large_enough_and_has_no_name_twice():
    names = [row[0] for row in UNUSUAL]
    assert len(names) == len(set(names)) >= 40


@pytest.mark.parametrize("rfc, raw, seen",
                         [pytest.param(*row[1:], id=row[0]) for row in UNUSUAL])
def test_passes_unharmed(joist, origin, rfc, raw, seen):
    origin.forget()
    with Client(joist.port) as client:
        client.send(raw)
        response = client.response(seen["method"])
    assert response.status == seen.get("status", 200), rfc
    assert len(origin.requests) == 1
    got = origin.last()
    assert (got.method, got.target) == (seen["method"], seen["target"]), rfc
    assert got.version == "HTTP/1.1"
    assert got.body == seen.get("body", b""), rfc
    assert len(got.all("host")) == 1, "exactly one Host goes to an origin"
    if "host" in seen:
        assert got.get("host") == seen["host"], rfc
    for name, value in seen.get("fields", {}).items():
        assert got.get(name) == value, f"{rfc}: {name}"


# ---- the stream of requests on one connection ----------------------------------------------------

def test_pipeline_of_100_requests_is_answered_in_order(joist, origin):
    origin.forget()
    with Client(joist.port) as client:
        client.send(b"".join(request_bytes(target=f"/n/{i}") for i in range(100)))
        for i in range(100):
            response = client.response()
            assert (response.status, response.body) == (200, b"/n/%d" % i)
    assert sorted(int(r.target[3:]) for r in origin.requests) == list(range(100))


def test_pipeline_of_posts_and_gets_keeps_bodies_apart(joist, origin):
    origin.forget()
    with Client(joist.port) as client:
        raw = b""
        for i in range(40):
            if i % 3 == 0:
                raw += request_bytes("POST", f"/n/{i}", body=b"GET /x HTTP/1.1\r\n\r\n" * i)
            elif i % 3 == 1:
                raw += request_bytes("POST", f"/n/{i}", ("Transfer-Encoding: chunked",),
                                     b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n")
            else:
                raw += request_bytes("GET", f"/n/{i}")
        client.send(raw)
        for i in range(40):
            assert client.response().body == b"/n/%d" % i
    for request in origin.requests:
        i = int(request.target[3:])
        assert request.body == (b"GET /x HTTP/1.1\r\n\r\n" * i, b"abc", b"")[i % 3]


def test_pipeline_larger_than_any_buffer(joist):
    """A client that writes 3 MB of requests before it reads: the server must not hold them all."""
    count = 600
    raw = b"".join(request_bytes(target=f"/n/{i}", fields=("X-Pad: " + "p" * 5000,))
                   for i in range(count))
    with Client(joist.port) as client:
        client.sock.setblocking(False)
        sent, answered = 0, 0
        client.sock.settimeout(0.2)
        while answered < count:
            if sent < len(raw):
                try:
                    sent += client.sock.send(raw[sent:sent + 65536])
                    continue
                except TimeoutError:
                    pass
            client.sock.settimeout(15)
            assert client.response().body == b"/n/%d" % answered
            answered += 1
            client.sock.settimeout(0.2)


def test_pipeline_behind_close_is_not_served(joist, origin):
    origin.forget()
    with Client(joist.port) as client:
        client.send(request_bytes(target="/n/1", fields=("Connection: close",)) +
                    request_bytes(target="/n/2"))
        assert client.response().body == b"/n/1"
        client.expect_closed()
    assert [r.target for r in origin.requests] == ["/n/1"]


def test_pipeline_behind_malformed_is_not_served(joist, origin):
    origin.forget()
    with Client(joist.port) as client:
        client.send(request_bytes(target="/n/1") + b"GET /bad\x00 HTTP/1.1\r\n\r\n" +
                    request_bytes(target="/n/2"))
        assert client.response().body == b"/n/1"
        assert client.response().status == 400
        client.expect_closed()
    assert [r.target for r in origin.requests] == ["/n/1"]


PAIR = (b"POST /pair/1 HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4;x=y\r\nwiki\r\n0\r\nX-T: v\r\n\r\n"
        b"POST /pair/2 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\npedi")


@pytest.mark.parametrize("part", range(4))
def test_every_cut_of_a_pipelined_pair(joist, origin, part):
    """Where the bytes are cut on their way must never change what they mean."""
    origin.forget()
    cuts = range(1 + part, len(PAIR), 4)
    for cut in cuts:
        with Client(joist.port) as client:
            client.send(PAIR[:cut])
            time.sleep(0.001)  # not watched for: most cuts then become reads of their own
            client.send(PAIR[cut:])
            assert client.response().body == b"/pair/1"
            assert client.response().body == b"/pair/2"
    assert len(origin.requests) == 2 * len(cuts)
    for request in origin.requests:
        assert request.body == (b"wiki" if request.target == "/pair/1" else b"pedi")


def test_byte_at_a_time(joist, origin):
    origin.forget()
    with Client(joist.port) as client:
        for i in range(len(PAIR)):
            client.send(PAIR[i:i + 1])
        assert client.response().body == b"/pair/1"
        assert client.response().body == b"/pair/2"
    assert [r.body for r in origin.requests] == [b"wiki", b"pedi"]


# ---- keeping connections -------------------------------------------------------------------------

def test_http_1_0_closes_by_default(joist):
    with Client(joist.port) as client:
        client.send(b"GET /old HTTP/1.0\r\n\r\n")
        assert client.response().body == b"/old"
        client.expect_closed(reset_ok=False)


def test_http_1_0_keep_alive(joist):
    with Client(joist.port) as client:
        for i in range(3):
            client.send(b"GET /old/%d HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" % i)
            response = client.response()
            assert response.body == b"/old/%d" % i
            assert "keep-alive" in response.head.tokens("connection")
            assert response.framing == "length"


def test_http_1_1_keeps_by_default(joist):
    with Client(joist.port) as client:
        for i in range(5):
            response = client.get(f"/keep/{i}")
            assert response.body == b"/keep/%d" % i
            assert "close" not in response.head.tokens("connection")


def test_close_is_said_and_done(joist):
    with Client(joist.port) as client:
        response = client.get("/x", fields=("Connection: close",))
        assert "close" in response.head.tokens("connection")
        client.expect_closed(reset_ok=False)


def test_client_that_half_closes_after_its_request_gets_an_answer_that_is_at_hand(run_joist):
    joist = run_joist('[[sites]]\nrespond = "at hand"')
    with Client(joist.port) as client:
        client.request("GET", "/half")
        client.finish_sending()
        assert client.response().body == b"at hand"
        client.expect_closed()


def test_connection_that_says_nothing_harms_nobody(joist):
    with Client(joist.port) as silent, Client(joist.port) as client:
        assert client.get("/x").status == 200
        silent.finish_sending()
        silent.expect_closed()


def test_head_is_answered_without_a_body(joist):
    with Client(joist.port) as client:
        client.request("HEAD", "/four")
        response = client.response("HEAD")
        assert response.get("content-length") == "5"
        assert client.get("/next").body == b"/next", "the HEAD's response had no body"

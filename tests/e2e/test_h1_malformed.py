# SPDX-License-Identifier: MIT
"""Malformed and ambiguous messages: none passes, each is answered, and the rest is served.

The messages are in malformed.py. One server and one origin serve the whole module; each message
comes on a connection of its own.
"""
import pytest

import malformed
from lib.client import Client, fetch
from lib.http1 import Cut
from lib.origin import OK, Origin
from lib.server import Joist

# What a request smuggler would like to have taken for a request of its own.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: test.example\r\n\r\n"


def table(rows):
    return [pytest.param(*row[1:], id=row[0]) for row in rows]


def send_raw(conn):
    """Answer /raw/ID with the bytes of that name and close; anything else with 200."""
    raws = {row[0]: row[2] for row in
            malformed.REFUSED + malformed.REFUSED_LATE + malformed.CUT}
    while True:
        request = conn.request()
        if request is None:
            return
        if request.target.startswith("/raw/"):
            conn.send(raws[request.target.removeprefix("/raw/")])
            conn.sock.shutdown(1)
            conn.wait_end()
            return
        conn.send(OK)


@pytest.fixture(scope="module")
def origin():
    with Origin(send_raw) as running:
        yield running


@pytest.fixture(scope="module")
def joist(origin, tmp_path_factory):
    config = f'[[sites]]\nproxy = "{origin.url}"\n[log]\nlevel = "error"\naccess = "off"\n'
    with Joist(tmp_path_factory.mktemp("malformed"), config) as running:
        yield running


def refuse(joist, raw, status):
    """Send it; hold the answer to the status and the connection to its end."""
    allowed = status if isinstance(status, tuple) else (status,)
    with Client(joist.port) as client:
        client.send(raw + SMUGGLED)
        response = client.response()
        assert response.status in allowed, f"{response.head.raw!r}"
        assert "close" in response.head.tokens("connection")
        client.expect_closed()
    return response


def check_next(joist):
    assert fetch(joist.port, "/good").status == 200


def test_tables_are_large_enough_and_have_no_name_twice():
    names = [row[0] for row in malformed.HEAD + malformed.BODY]
    assert len(names) == len(set(names)) >= 120
    responses = [row[0] for row in malformed.REFUSED + malformed.REFUSED_LATE + malformed.CUT]
    assert len(responses) == len(set(responses)) >= 40


@pytest.mark.parametrize("rfc, raw, status", table(malformed.HEAD))
def test_request_head_is_refused(joist, origin, rfc, raw, status):
    origin.forget()
    refuse(joist, raw, status)
    assert origin.bytes() == 0, f"{rfc}: passed on: {origin.everything()!r}"
    check_next(joist)
    assert [request.target for request in origin.requests] == ["/good"]


@pytest.mark.parametrize("rfc, raw, status", table(malformed.BODY))
def test_request_body_is_refused(joist, origin, rfc, raw, status):
    origin.forget()
    refuse(joist, raw, status)
    check_next(joist)
    assert [request.target for request in origin.requests] == ["/good"], rfc
    assert b"smuggled" not in origin.everything(), rfc
    origin.wait(lambda: all(c.ended for c in origin.conns if b"/hidden" in c.received),
                "the origin is told by a close")


@pytest.mark.parametrize("rfc, raw", table(malformed.REFUSED))
def test_response_becomes_502(joist, origin, request, rfc, raw):
    name = request.node.callspec.id
    with Client(joist.port) as client:
        response = client.get(f"/raw/{name}")
        assert response.status == 502, f"{rfc}: {response.head.raw!r}"
        assert not response.interim or name.startswith("interim-then-nothing")
        assert b"taint" not in (response.head.raw + response.body).lower()
    check_next(joist)


@pytest.mark.parametrize("rfc, raw", table(malformed.REFUSED_LATE))
def test_response_after_interim_becomes_502(joist, request, rfc, raw):
    with Client(joist.port) as client:
        response = client.get(f"/raw/{request.node.callspec.id}")
        assert response.status == 502, f"{rfc}: {response.head.raw!r}"
        assert len(response.interim) <= 16
    check_next(joist)


@pytest.mark.parametrize("rfc, raw", table(malformed.CUT))
def test_response_body_is_cut(joist, request, rfc, raw):
    """The client must see that the body is not whole; before the head went out, 502 is as good."""
    with Client(joist.port) as client:
        client.request("GET", f"/raw/{request.node.callspec.id}")
        try:
            response = client.response()
        except Cut as cut:
            assert b"taint" not in cut.partial, rfc
        else:
            assert response.status == 502, f"{rfc}: taken for whole: {response!r}"
    check_next(joist)


@pytest.mark.parametrize("rfc, raw", table(malformed.CUT))
def test_response_body_is_cut_for_1_0_client(joist, request, rfc, raw):
    """HTTP/1.0 has no chunks: a cut body without a length must end with a reset, not an end."""
    name = request.node.callspec.id
    with Client(joist.port) as client:
        client.send(f"GET /raw/{name} HTTP/1.0\r\nHost: test.example\r\n\r\n".encode())
        try:
            response = client.response()
        except Cut:
            pass
        else:
            assert response.status == 502, f"{rfc}: taken for whole: {response!r}"
    check_next(joist)

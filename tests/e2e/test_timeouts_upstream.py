# SPDX-License-Identifier: MIT
"""Origins that are slow, full, gone or unknown: the right status, on time, and the rest serves."""
import time

import pytest

from lib import net
from lib.client import Client, fetch
from lib.http1 import Cut
from lib.origin import OK, FullBacklog, Origin
from lib.server import Joist

CONNECT_MS = net.short_ms(400)
RESPONSE_MS = net.short_ms(400)
IDLE_MS = net.short_ms(400)


def dawdle(conn):
    """/never: no answer. /half: a head cut short. /stall: a body that stops. Else 200."""
    while True:
        request = conn.request()
        if request is None:
            return
        if request.target == "/never":
            conn.wait_end()
            return
        if request.target == "/half":
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Le")
            conn.wait_end()
            return
        if request.target in ("/stall", "/stall-chunked"):
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf" if
                      request.target == "/stall" else
                      b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
            conn.wait_end()
            return
        if request.target == "/interim":
            conn.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
            conn.wait_end()
            return
        if request.target == "/slow-body":
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
            for _ in range(8):
                time.sleep(IDLE_MS / 1000 / 4)  # the pace is what is tested
                conn.send(b"x")
            continue
        conn.send(OK)


@pytest.fixture(scope="module")
def origin():
    with Origin(dawdle) as running:
        yield running


@pytest.fixture(scope="module")
def full():
    with FullBacklog() as running:
        yield running


@pytest.fixture(scope="module")
def joist(origin, full, tmp_path_factory):
    claim = net.PortClaim()  # nobody listens there
    config = f"""
[timeouts]
upstream_connect = "{CONNECT_MS}ms"
upstream_response = "{RESPONSE_MS}ms"
upstream_idle = "{IDLE_MS}ms"
[[sites]]
host = "origin.test"
proxy = "{origin.url}"
[[sites]]
host = "full.test"
proxy = "http://127.0.0.1:{full.port}"
[[sites]]
host = "nobody.test"
proxy = "http://127.0.0.1:{claim.port}"
[[sites]]
host = "unknown.test"
proxy = "http://no-such-host.invalid:80"
[[sites]]
host = "nosocket.test"
proxy = "unix:@DIR@/no.sock"
[[sites]]
host = "patient.test"
proxy = "{origin.url}"
timeouts = {{ upstream_response = "60s" }}
"""
    with Joist(tmp_path_factory.mktemp("upstream"), config) as running:
        yield running
    claim.release()


def timed(port, target, host, least_ms):
    began = time.monotonic()
    response = fetch(port, target, host=host)
    assert time.monotonic() - began >= least_ms / 1000 * 0.9
    return response


def test_connect_timeout_is_504(joist):
    assert timed(joist.port, "/", "full.test", CONNECT_MS).status == 504


def test_response_timeout_is_504(joist, origin):
    origin.forget()
    assert timed(joist.port, "/never", "origin.test", RESPONSE_MS).status == 504
    conn = origin.requests[-1].conn
    origin.wait(lambda: conn.ended, "the origin is told by a close")


def test_response_head_that_stops_is_504(joist):
    assert timed(joist.port, "/half", "origin.test", RESPONSE_MS).status == 504


def test_interim_response_and_then_nothing_is_504(joist):
    response = timed(joist.port, "/interim", "origin.test", RESPONSE_MS)
    assert response.status == 504
    assert [i.status for i in response.interim] == [103]


@pytest.mark.parametrize("target", ["/stall", "/stall-chunked"])
def test_body_that_stops_cuts_the_client(joist, origin, target):
    origin.forget()
    with Client(joist.port) as client:
        client.request("GET", target, host="origin.test")
        began = time.monotonic()
        with pytest.raises(Cut) as cut:
            client.response()
        assert time.monotonic() - began >= IDLE_MS / 1000 * 0.9
        assert cut.value.partial == b"half"
    conn = origin.requests[-1].conn
    origin.wait(lambda: conn.ended, "the origin is let go, too")


def test_body_that_moves_is_served_however_long(joist):
    began = time.monotonic()
    assert fetch(joist.port, "/slow-body", host="origin.test").body == b"x" * 8
    assert time.monotonic() - began > IDLE_MS / 1000


def test_route_may_have_more_patience(joist, origin):
    """Twice the engine's time goes by without a 504; the client then leaves."""
    with Client(joist.port, patience_s=2 * RESPONSE_MS / 1000) as client:
        client.request("GET", "/never", host="patient.test")
        with pytest.raises(TimeoutError):
            client.response()


def test_nobody_listens_is_502(joist):
    assert fetch(joist.port, host="nobody.test").status == 502
    with Client(joist.port) as client:  # and the connection is of use afterwards
        for host in ("nobody.test", "origin.test", "nobody.test"):
            status = client.get(host=host).status
            assert status == (200 if host == "origin.test" else 502)


def test_missing_unix_socket_is_502(joist):
    assert fetch(joist.port, host="nosocket.test").status == 502


def test_unknown_host_name_is_502_or_503_and_the_rest_serves(joist):
    assert fetch(joist.port, host="unknown.test").status in (502, 503)
    assert fetch(joist.port, host="origin.test").status == 200
    line = joist.wait_log("no-such-host.invalid")
    assert line


def test_post_with_a_body_to_nobody_is_502(joist):
    with Client(joist.port) as client:
        client.request("POST", "/", body=b"b" * 200_000, host="nobody.test")
        assert client.response().status == 502


def test_failures_are_logged_with_their_event(joist):
    fetch(joist.port, host="nobody.test")
    assert "UPSTREAM_FAILED" in joist.wait_log("UPSTREAM_FAILED")


def test_404_for_a_host_that_no_site_has(joist):
    assert fetch(joist.port, host="stranger.test").status == 404

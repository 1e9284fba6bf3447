# SPDX-License-Identifier: MIT
"""Interim responses, Expect: 100-continue, trailers, and clients and origins of HTTP/1.0."""
import threading

import pytest

from lib import net
from lib.client import Client, chunk
from lib.origin import OK, Origin


def start(run_joist, origin):
    return run_joist(f'[server]\nthreads = 1\n[[sites]]\nproxy = "{origin.url}"\n'
                     '[[sites]]\nhost = "respond.test"\nrespond = "ok"')


# ---- interim responses ---------------------------------------------------------------------------

def test_early_hints_pass_before_the_response(run_joist):
    seen = threading.Event()

    def script(conn):
        conn.request()
        conn.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n"
                  b"Connection: x-hop\r\nX-Hop: 1\r\n\r\n")
        assert seen.wait(net.PATIENCE_S), "the hint was held back"
        conn.send(b"HTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\n" + OK)

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            client.request()
            hint = client.reader.response_head()
            assert hint.status == 103 and hint.get("link") == "</a.css>; rel=preload"
            assert hint.get("x-hop") is None
            seen.set()
            response = client.response()
            assert response.status == 200
            assert [(i.status, i.get("link")) for i in response.interim] == [(103, "</b.css>")]


def test_unknown_interim_passes(run_joist):
    def script(conn):
        while conn.request() is not None:
            conn.send(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 Odd\r\nX-A: 1\r\n\r\n" + OK)

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            for _ in range(3):
                response = client.get()
                assert response.status == 200
                assert [i.status for i in response.interim] == [102, 199]


def test_interim_is_kept_from_http_1_0_clients(run_joist):
    def script(conn):
        conn.request()
        conn.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + OK)

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            client.send(b"GET / HTTP/1.0\r\n\r\n")
            response = client.response()
            assert response.status == 200 and not response.interim


# ---- Expect: 100-continue ------------------------------------------------------------------------

def test_continue_comes_before_the_body(run_joist):
    """The origin says 100, the client sees it, and only then sends the body."""
    def script(conn):
        head = conn.reader.head()
        assert head.get("expect") == "100-continue"
        conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert conn.reader.exact(5, "body") == b"hello"
        conn.send(OK)

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            client.request("POST", "/", ("Expect: 100-continue", "Content-Length: 5"))
            interim = client.reader.response_head()
            assert interim.status == 100
            client.send(b"hello")
            response = client.response()
            assert response.status == 200 and not response.interim, "one 100 is enough"


def test_continue_comes_even_if_the_origin_never_says_it(run_joist):
    """RFC 9110 10.1.1: an origin of HTTP/1.0 kind waits for the body; so would the client."""
    def script(conn):
        conn.request()
        conn.send(OK)

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            client.request("POST", "/", ("Expect: 100-continue", "Content-Length: 5"))
            assert client.reader.response_head().status == 100
            client.send(b"hello")
            assert client.response().status == 200
        assert origin.last().body == b"hello"


def test_final_answer_instead_of_continue(run_joist):
    """The origin refuses: the client must not be asked for the body."""
    def script(conn):
        conn.reader.head()
        conn.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
        conn.wait_end()

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            client.request("POST", "/", ("Expect: 100-continue", "Content-Length: 5"))
            response = client.response()
            assert response.status == 401 and not response.interim
            # It may send the body or not: we cannot know where a next request would begin.
            client.expect_closed()


def test_client_that_does_not_wait_for_continue(run_joist):
    with Origin() as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            client.request("POST", "/", ("Expect: 100-continue",), b"hello")
            assert client.response().status == 200
        assert origin.last().body == b"hello"


def test_expect_is_answered_by_handlers_of_our_own(run_joist):
    with Origin() as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            client.request("POST", "/", ("Expect: 100-continue", "Content-Length: 5"),
                           host="respond.test")
            response = client.response()
            assert response.status == 200


def test_expect_in_http_1_0_is_ignored(run_joist):
    with Origin() as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            client.send(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            client.send(b"hello")
            response = client.response()
            assert response.status == 200 and not response.interim


# ---- trailers ------------------------------------------------------------------------------------

def test_trailers_of_a_request_reach_the_origin(run_joist):
    with Origin() as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            body = chunk(b"hello") + b"0\r\nX-Sum: abc\r\nx-Other: caf\xe9\r\n\r\n"
            client.request("POST", "/", ("Transfer-Encoding: chunked", "Trailer: X-Sum"), body)
            assert client.response().status == 200
        assert origin.last().trailers == [("X-Sum", "abc"), ("x-Other", "caf\xe9")]


def test_trailers_of_a_response_reach_a_client_that_takes_them(run_joist):
    def script(conn):
        while conn.request() is not None:
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" +
                      chunk(b"hello") + b"0\r\nX-Sum: abc\r\n\r\n")

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            response = client.get(fields=("TE: trailers", "Connection: TE"))
            assert response.body == b"hello" and response.trailers == [("X-Sum", "abc")]
            response = client.get()
            assert response.body == b"hello"
            assert response.trailers in ([], [("X-Sum", "abc")])


def test_trailers_without_a_body(run_joist):
    with Origin() as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            client.request("POST", "/", ("Transfer-Encoding: chunked",), b"0\r\nX-Sum: 0\r\n\r\n")
            assert client.response().status == 200
        assert origin.last().body == b"" and origin.last().trailers == [("X-Sum", "0")]


def test_hop_by_hop_fields_in_trailers_do_not_cross(run_joist):
    with Origin() as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            client.request("POST", "/", ("Transfer-Encoding: chunked",),
                           chunk(b"x") + b"0\r\nKeep-Alive: 1\r\nX-A: 1\r\n\r\n")
            assert client.response().status in (200, 400)
        names = [n.lower() for r in origin.requests for n, _ in r.trailers]
        assert "keep-alive" not in names


# ---- HTTP/1.0 on either side ---------------------------------------------------------------------

@pytest.mark.parametrize("keep_alive", [False, True])
def test_chunked_origin_for_a_1_0_client(run_joist, keep_alive):
    """It knows no chunks: the body ends with the connection."""
    def script(conn):
        while conn.request() is not None:
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"hello ") +
                      chunk(b"world") + b"0\r\nX-Sum: 1\r\n\r\n")

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            client.send(b"GET / HTTP/1.0\r\n" +
                        (b"Connection: keep-alive\r\n" if keep_alive else b"") + b"\r\n")
            response = client.response()
            assert response.framing == "close" and response.body == b"hello world"
            assert "keep-alive" not in response.head.tokens("connection")


def test_origin_without_a_length_for_a_1_1_client(run_joist):
    def script(conn):
        conn.request()
        conn.send(b"HTTP/1.0 200 OK\r\n\r\nhello world")

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            for _ in range(3):
                response = client.get()
                assert response.framing == "chunked" and response.body == b"hello world"


def test_length_is_kept_where_it_is_known(run_joist):
    with Origin() as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            assert client.get().framing == "length"
            client.request("POST", "/", body=b"hello")
            client.response()
        assert origin.last().get("content-length") == "5"
        assert not origin.last().has("transfer-encoding")


def test_get_without_a_body_gets_no_framing(run_joist):
    """RFC 9110 8.6: no Content-Length where no body is meant."""
    with Origin() as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            client.get()
        assert not origin.last().has("content-length")
        assert not origin.last().has("transfer-encoding")

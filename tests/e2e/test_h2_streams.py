# SPDX-License-Identifier: MIT
"""Streams of HTTP/2: windows, priorities, trailers, cancelling, drain; frame by frame."""
import signal
import threading

import hyperframe.frame as frames
import pytest

from lib import h2, net
from lib.client import chunk
from lib.origin import OK, Origin, answer
from lib.server import Joist

MB = 1 << 20
STALL_S = 0.5 * net.SLOW  # so long without a frame means: there will be none
# What the buffers of two sockets hold (the kernel grows them to 6 MB each by default), and windows.
UNDER_WAY_MAX = 24 * MB


class Play:
    """An h1 origin. /hold and /part wait for the client to go; /gate for `open`, /late with its
    request's body for `late`."""

    def __init__(self):
        self.open = threading.Event()
        self.late = threading.Event()
        self.cancelled = []

    def script(self, conn):
        def on_head(request):
            if request.has("expect"):
                conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            if request.target == "/late":
                assert self.late.wait(net.PATIENCE_S * 2)

        while True:
            request = conn.request(on_head)
            if request is None:
                return
            path = request.target.partition("?")[0]
            if path == "/hold":
                self.cancelled.append(conn.wait_end())
                return
            if path == "/part":
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                self.cancelled.append(conn.wait_end())
                return
            if path == "/gate":
                conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"a"))
                assert self.open.wait(net.PATIENCE_S * 2)
                conn.send(chunk(b"b") + chunk(b""))
            elif path == "/big":
                conn.send(answer(bytes(2 * MB)))
            elif path == "/cut":
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                return
            elif path == "/hints":
                conn.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK)
            elif path == "/trailers":
                conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" +
                          chunk(b"data") + b"0\r\nX-Sum: 7\r\n\r\n")
            elif path == "/head":
                conn.send(answer(fields=[f"X-{i}: {'a' * 4000}" for i in range(60)]))
            elif path == "/204":
                conn.send(b"HTTP/1.1 204 No Content\r\n\r\n")
            else:
                trailers = ",".join(f"{n}={v}" for n, v in request.trailers)
                conn.send(answer(request.body, fields=(f"X-Trailers: {trailers}",)))


@pytest.fixture(scope="module")
def play():
    return Play()


@pytest.fixture(scope="module")
def origin(play):
    with Origin(play.script) as running:
        yield running
        play.open.set()
        play.late.set()


def config(origin, extra=""):
    return f"""
[server]
threads = 2
drain = "30s"
[[listeners]]
bind = "127.0.0.1:@PORT@"
alpn = ["h2", "http/1.1"]
{extra}
[[sites]]
proxy = "{origin.url}"
"""


@pytest.fixture(scope="module")
def joist(origin, tmp_path_factory):
    with Joist(tmp_path_factory.mktemp("streams"), config(origin)) as running:
        yield running


@pytest.fixture
def client(joist):
    with h2.H2Client.plain(joist.port) as connected:
        yield connected


# ---- messages ------------------------------------------------------------------------------------

def test_what_the_origin_gets(client, origin):
    client.get("/path?q", [("x-a", "1"), ("x-a", "2"), ("user-agent", "me")], authority="a.test:81")
    seen = origin.last()
    assert (seen.method, seen.target, seen.version) == ("GET", "/path?q", "HTTP/1.1")
    assert seen.all("host") == ["a.test:81"] and seen.all("x-a") == ["1", "2"]
    assert not any(name.startswith(b":") for name, _ in seen.head.fields)
    assert "2" in seen.get("via")


def test_request_without_a_length_is_chunked_to_http1(client, origin):
    number = client.request("POST", "/", end=False)
    client.data(number, b"one")
    client.data(number, b"two", end=True)
    assert client.response(number).body == b"onetwo"
    assert origin.last().head.chunked()


def test_request_with_a_length_keeps_it(client, origin):
    number = client.request("POST", "/", [("content-length", "4")], body=b"body")
    assert client.response(number).body == b"body"
    assert origin.last().head.length() == 4


def test_trailers_of_a_request(client):
    number = client.request("POST", "/", body=b"data", trailers=[("x-sum", "9")])
    response = client.response(number)
    assert response.body == b"data" and response.get("x-trailers") == "X-Sum=9".lower() \
        or response.get("x-trailers") == "X-Sum=9"


def test_a_large_head_of_a_response(client):
    """What is taken of an origin (256 KiB) is sent; nghttp2 by itself stops at 64."""
    response = client.get("/head")
    assert response.status == 200 and response.body == b"ok"
    assert sum(len(value) for _, value in response.headers) > 240000


def test_trailers_of_a_response(client):
    response = client.get("/trailers")
    assert response.body == b"data" and response.trailers == [("x-sum", "7")]


def test_interim_response(client):
    response = client.get("/hints")
    assert [dict(i)[":status"] for i in response.interim] == ["103"]
    assert dict(response.interim[0])["link"] == "</a>" and response.status == 200


def test_head_and_204_have_no_body(client):
    assert client.response(client.request("HEAD", "/x")).body == b""
    response = client.get("/204")
    assert (response.status, response.body) == (204, b"")


def test_expect_continue(client):
    number = client.request("POST", "/", [("expect", "100-continue"), ("content-length", "4")],
                            end=False)
    client.read_until(lambda: client.streams[number].interim)
    client.data(number, b"body", end=True)
    assert client.response(number).body == b"body"


def test_cut_of_the_origin_resets_the_stream_alone(client):
    assert client.get("/cut").reset is not None
    assert client.get("/").status == 200


def test_response_names_are_lower_case(client):
    assert all(n == n.lower() for n, _ in client.get("/").headers)


# ---- many at once --------------------------------------------------------------------------------

def test_one_stuck_stream_does_not_block_others(client, origin):
    stuck = client.request("GET", "/big")
    client.window = False
    client.read_until(lambda: len(client.streams[stuck].body) >= 16384)
    client.window = True
    # The connection's window may be used up by now: only the stuck stream's stays shut.
    for _ in range(20):
        client.open_window(0, 65535)
        assert client.get("/").status == 200
    hold = client.request("GET", "/hold")
    assert client.get("/").status == 200
    client.rst(hold)


def test_body_that_nobody_takes_blocks_no_other(client, play):
    """An upload to an origin that reads late: its window shuts, the connection's does not."""
    late = client.request("POST", "/late", end=False)
    sent = 0
    client.sock.settimeout(STALL_S)
    while sent < UNDER_WAY_MAX:
        n = min(client.credit[late], client.credit[0], 16384)
        if n > 0:
            client.credit[0] -= n
            client.credit[late] -= n
            client.data(late, bytes(n))
            sent += n
            continue
        try:
            client.frame()
        except TimeoutError:
            break
    client.sock.settimeout(net.PATIENCE_S)
    assert client.credit[late] == 0 and sent < UNDER_WAY_MAX, "the window does not shut"
    number = client.request("POST", "/", body=bytes(100000))
    assert len(client.response(number).body) == 100000
    play.late.set()
    client.data(late, b"", end=True)
    assert len(client.response(late).body) == sent


def test_all_streams_that_are_allowed(client):
    client.read_until(lambda: client.their)
    allowed = client.their[h2.MAX_CONCURRENT_STREAMS]
    assert allowed >= 100  # RFC 9113 6.5.2
    numbers = [client.request("GET", "/gate-not") for _ in range(allowed)]
    assert all(client.response(n).status == 200 for n in numbers)


def test_configured_number_of_streams(run_joist, origin):
    joist = run_joist(config(origin, "[limits]\nh2_streams = 5\n"))
    with h2.H2Client.plain(joist.port) as client:
        client.read_until(lambda: client.their)
        assert client.their[h2.MAX_CONCURRENT_STREAMS] == 5


def share_of(client, urgent, other):
    """Both have bytes waiting; the connection's window opens bit by bit: who gets it?"""
    client.open_window(urgent, 4 * MB)
    client.open_window(other, 4 * MB)
    client.settle()
    for _ in range(8):
        client.order.clear()
        client.open_window(0, 16384)
        client.read_until(lambda: sum(n for _, n in client.order) == 16384)
        yield sum(n for number, n in client.order if number == urgent)


def test_urgent_stream_goes_first(client):
    """RFC 9218 10"""
    client.window = False
    slow = client.request("GET", "/big", [("priority", "u=7")])
    client.read_until(lambda: len(client.streams[slow].body) == 65535)
    fast = client.request("GET", "/big", [("priority", "u=0")])
    client.read_until(lambda: client.streams[fast].headers)
    # A bit of the other may have been framed before; then it is the urgent one's turn, always.
    assert list(share_of(client, fast, slow))[1:] == [16384] * 7


def test_reprioritized_stream_goes_first(client):
    """RFC 9218 7.1: PRIORITY_UPDATE."""
    client.window = False
    first = client.request("GET", "/big", [("priority", "u=3")])
    client.read_until(lambda: len(client.streams[first].body) == 65535)
    second = client.request("GET", "/big", [("priority", "u=3")])
    client.read_until(lambda: client.streams[second].headers)
    client.send_raw(h2.raw_frame(16, 0, 0, first.to_bytes(4, "big") + b"u=7"))
    assert list(share_of(client, second, first))[1:] == [16384] * 7


# ---- windows -------------------------------------------------------------------------------------

def test_tiny_windows_are_served(joist):
    """A stream window of one byte: slow, and bounded; the answer is whole."""
    with h2.H2Client.plain(joist.port, settings={h2.INITIAL_WINDOW_SIZE: 1}) as client:
        number = client.request("POST", "/", body=b"0123456789" * 10)
        assert client.response(number).body == b"0123456789" * 10
        assert all(n <= 1 for _, n in client.order)


def test_closed_window_holds_no_memory(joist, origin):
    """Clients that ask for much and take nothing: what waits is bounded for each stream."""
    with h2.H2Client.plain(joist.port, settings={h2.INITIAL_WINDOW_SIZE: 0},
                           window=False) as client:
        before = joist.rss_bytes()
        numbers = [client.request("GET", "/big") for _ in range(50)]
        client.read_until(lambda: all(client.streams[n].headers for n in numbers))
        client.settle()
        assert not any(client.streams[n].body for n in numbers)
        if not net.SANITIZED:
            assert joist.rss_bytes() - before < 50 * 600 * 1024 + 16 * MB


def test_no_window_is_opened_for_what_cannot_move(client, play):
    """Flow control is tied to credit: an origin that takes nothing gets no more than a window."""
    late = client.request("POST", "/gate", end=False)
    assert client.credit[late] <= 65535
    client.rst(late)


# ---- ends ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/hold", "/part"])
def test_reset_cancels_the_origins_request(client, origin, play, path):
    seen = len(play.cancelled)
    number = client.request("GET", f"{path}?reset")
    if path == "/part":
        client.read_until(lambda: client.streams[number].body)
    else:
        origin.wait(lambda: any(r.target == f"{path}?reset" for r in origin.requests), "the request")
    client.rst(number)
    net.wait_for(lambda: len(play.cancelled) > seen, "the end of the origin's connection")
    assert client.get("/").status == 200


def test_client_that_leaves_cancels_all(joist, origin, play):
    seen = len(play.cancelled)
    client = h2.H2Client.plain(joist.port)
    for i in range(5):
        client.request("GET", f"/hold?leaves{i}")
    origin.wait(lambda: sum("leaves" in r.target for r in origin.requests) >= 5, "the requests")
    client.close()
    net.wait_for(lambda: len(play.cancelled) >= seen + 5, "the ends")


def test_idle_connection_is_closed_with_goaway(run_joist, origin):
    joist = run_joist(config(origin, f'[timeouts]\nkeepalive = "{net.short_ms(300)}ms"\n'))
    with h2.H2Client.plain(joist.port) as client:
        assert client.get("/").status == 200
        assert client.read_to_end() == h2.NO_ERROR


def test_preface_in_time_or_closed(run_joist, origin):
    joist = run_joist(config(origin, f'[timeouts]\nheader = "{net.short_ms(300)}ms"\n'))
    with h2.H2Client.plain(joist.port, greet=False) as client:
        client.send_raw(h2.PREFACE[:5])
        while client.sock.recv(1000):  # HTTP/1.1 may say 408
            pass


def test_slow_header_block_ends_the_connection(run_joist, origin):
    joist = run_joist(config(origin, f'[timeouts]\nheader = "{net.short_ms(300)}ms"\n'))
    with h2.H2Client.plain(joist.port) as client:
        client.send(client.headers_frame(1, client.request_fields(), complete=False))
        client.read_to_end()


def test_stalled_upload_is_ended(run_joist, origin):
    joist = run_joist(config(origin, f'[timeouts]\nbody_idle = "{net.short_ms(300)}ms"\n'))
    with h2.H2Client.plain(joist.port) as client:
        number = client.request("POST", "/", end=False)
        response = client.response(number)
        assert response.reset is not None or response.status == 408


def test_drain_lets_streams_end(run_joist, tmp_path):
    play = Play()
    with Origin(play.script) as origin:
        joist = run_joist(config(origin))
        with h2.H2Client.plain(joist.port) as client, h2.H2Client.plain(joist.port) as idle:
            idle.get("/")
            under_way = client.request("GET", "/gate")
            client.read_until(lambda: client.streams[under_way].body)
            joist.signal(signal.SIGTERM)
            assert idle.read_to_end() == h2.NO_ERROR
            client.read_until(lambda: client.goaway)
            assert client.goaway[1] == h2.NO_ERROR
            play.open.set()
            assert client.response(under_way).body == b"ab"
            assert client.read_to_end() == h2.NO_ERROR
        assert joist.wait() == 0


def test_drain_refuses_streams_after_its_last_goaway(run_joist):
    play = Play()
    with Origin(play.script) as origin:
        joist = run_joist(config(origin))
        with h2.H2Client.plain(joist.port) as client:
            under_way = client.request("GET", "/gate")
            client.read_until(lambda: client.streams[under_way].body)
            joist.signal(signal.SIGTERM)
            # RFC 9113 6.8: first one with the largest number, then the true one.
            client.read_until(lambda: client.goaway and client.goaway[0] < (1 << 31) - 1)
            assert client.goaway[0] == under_way
            late = client.stream_id()
            client.send(client.headers_frame(late, client.request_fields(path="/late")))
            play.open.set()
            assert client.response(under_way).body == b"ab"
            client.read_to_end()
            assert client.streams[late].headers is None
        assert joist.wait() == 0
        assert all(r.target != "/late" for r in origin.requests)


def test_goaway_of_the_client_lets_its_streams_end(client):
    number = client.request("POST", "/", end=False)
    client.send(frames.GoAwayFrame(0, last_stream_id=0, error_code=0))
    client.data(number, b"after", end=True)
    assert client.response(number).body == b"after"

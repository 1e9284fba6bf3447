# SPDX-License-Identifier: MIT
"""HTTP/2 to origins: many streams on few connections, their limits and their ends."""
import threading

import pytest

from lib import h2, net
from lib.client import Client, fetch
from lib.server import Joist

MB = 1 << 20


class Play:
    def __init__(self):
        self.open = threading.Event()

    def script(self, exchange):
        path = exchange.path.partition("?")[0]
        if path == "/wait":
            exchange.respond()
            exchange.send(b"first")
            assert self.open.wait(net.PATIENCE_S * 2)
            exchange.end()
        elif path == "/hold":
            exchange.wait_reset()
        elif path == "/big":
            exchange.answer(bytes(4 * MB))
        elif path == "/reset":
            exchange.abort(h2.INTERNAL_ERROR)
        elif path == "/refuse":
            exchange.abort(h2.REFUSED_STREAM)
        elif path == "/half":
            exchange.respond(200, [("content-length", "100")])
            exchange.send(b"half")
            exchange.abort(h2.INTERNAL_ERROR)
        elif path == "/trailers":
            exchange.answer(b"data", trailers=[("x-sum", "7")])
        elif path == "/goaway":
            exchange.goaway()
            exchange.answer(b"last words")
        else:
            exchange.answer(exchange.body(), fields=[
                ("x-trailers", ",".join(f"{n}={v}" for n, v in exchange.trailers))])


@pytest.fixture
def play():
    made = Play()
    yield made
    made.open.set()


def config(origin, extra=""):
    return f"""
[server]
threads = 1
[[listeners]]
bind = "127.0.0.1:@PORT@"
alpn = ["h2", "http/1.1"]
[upstreams.app]
targets = ["{origin.url}"]
[[sites]]
proxy = "app"
{extra}
"""


@pytest.fixture
def origin(play):
    with h2.H2Origin(play.script) as running:
        yield running


@pytest.fixture
def joist(origin, tmp_path):
    with Joist(tmp_path / "joist", config(origin)) as running:
        yield running


def test_many_streams_share_a_connection(joist, origin, play):
    clients = [Client(joist.port) for _ in range(40)]
    for client in clients:
        client.request("GET", "/wait")
    origin.wait(lambda: len(origin.requests) == 40, "40 requests at once")
    play.open.set()
    for client in clients:
        assert client.response().body == b"first"
        client.close()
    assert len(origin.conns) <= 2


def test_the_origins_limit_of_streams_is_kept(run_joist, play):
    """python3-h2 calls more of them a protocol error, which the origin would report."""
    with h2.H2Origin(play.script, settings={h2.MAX_CONCURRENT_STREAMS: 2}) as origin:
        joist = run_joist(config(origin))
        assert fetch(joist.port).status == 200  # its SETTINGS are known now
        with h2.H2Client.plain(joist.port) as client:
            numbers = [client.request("POST", "/", body=b"%d" % i) for i in range(30)]
            assert [bytes(client.response(n).body) for n in numbers] == [b"%d" % i for i in range(30)]


def test_goaway_ends_what_it_covers_and_the_next_gets_another(joist, origin):
    assert fetch(joist.port, "/goaway").body == b"last words"
    assert fetch(joist.port, "/", "POST", body=b"again").body == b"again"
    assert len(origin.conns) == 2


def test_connection_that_the_origin_closed_is_replaced(joist, origin):
    assert fetch(joist.port).status == 200
    origin.conns[0].sock.shutdown(2)
    origin.wait(lambda: origin.conns[0].ended, "the end")
    for _ in range(3):
        assert fetch(joist.port).status == 200


@pytest.mark.parametrize("path", ["/reset", "/refuse"])
def test_reset_by_the_origin_is_502(joist, origin, path):
    assert fetch(joist.port, path, "POST", body=b"x").status in (502, 503)
    assert fetch(joist.port, "/").status == 200
    assert len(origin.conns) == 1


def test_half_a_body_never_looks_whole(joist):
    with Client(joist.port) as client:
        client.request("GET", "/half")
        with pytest.raises(Exception, match="cut"):
            client.response()


def test_trailers_both_ways(joist):
    with h2.H2Client.plain(joist.port) as client:
        response = client.get("/trailers")
        assert response.body == b"data" and response.trailers == [("x-sum", "7")]
        number = client.request("POST", "/", body=b"data", trailers=[("x-mine", "9")])
        response = client.response(number)
        assert response.body == b"data" and response.get("x-trailers") == "x-mine=9"


def test_client_that_leaves_resets_the_stream_alone(joist, origin):
    with Client(joist.port) as client:
        client.request("GET", "/hold")
        origin.wait(lambda: origin.requests, "the request")
    origin.wait(lambda: origin.requests[0].reset is not None, "the reset")
    assert origin.requests[0].reset in (h2.CANCEL, h2.NO_ERROR)
    assert fetch(joist.port).status == 200
    assert len(origin.conns) == 1


def test_client_that_reads_nothing_blocks_no_other(joist, origin):
    """The stuck stream's window stays shut; those beside it on the same connection go on."""
    with Client(joist.port, rcvbuf=4096) as stuck:
        stuck.request("GET", "/big")
        origin.wait(lambda: origin.requests, "the request")
        for _ in range(5):
            assert len(fetch(joist.port, "/big").body) == 4 * MB
        assert len(stuck.response().body) == 4 * MB


def test_upload_and_download_of_some_megabytes(joist):
    body = bytes(range(256)) * 4 * 4096
    with h2.H2Client.plain(joist.port) as client:
        assert client.response(client.request("POST", "/", body=body)).body == body


def test_fields_that_http1_alone_knows_do_not_cross(joist, origin):
    fetch(joist.port, fields=("Keep-Alive: timeout=5", "X-Mine: 1", "TE: trailers",
                              "Proxy-Connection: keep-alive"))
    names = [name for name, _ in origin.last().fields]
    assert "x-mine" in names
    assert not {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
                "host"} & set(names)
    assert origin.last().get("te") in (None, "trailers")

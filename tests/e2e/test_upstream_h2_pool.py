# SPDX-License-Identifier: MIT
"""What becomes of many requests to one HTTP/2 origin: few connections, nothing lost, gRPC."""
import socket
import ssl
import threading

import pytest

from lib import h2, net, tls
from lib.client import fetch
from lib.http1 import connect
from lib.origin import answer, serve_ok

NAME = "origin.test"
GRPC = (("te", "trailers"), ("content-type", "application/grpc"))


def config(target):
    return f"""
[server]
threads = 1
[[listeners]]
bind = "127.0.0.1:@PORT@"
alpn = ["h2", "http/1.1"]
[upstreams.app]
targets = [{target}]
[[sites]]
proxy = "app"
"""


def plain(origin):
    return config(f'{{ url = "{origin.url}" }}')


def over_tls(origin, pki):
    return config(f'{{ url = "{origin.url}", ca = "{pki.ca}", sni = "{NAME}" }}')


def at_once(n, run):
    """Run it n times at the same time; their results."""
    results = [None] * n

    def one(i):
        results[i] = run(i)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(net.PATIENCE_S * 2)
    return results


@pytest.mark.parametrize("secure", [False, True])
def test_first_burst_opens_one_connection(run_joist, pki, secure):
    made = h2.server_context(pki.site(NAME), ("h2", "http/1.1")) if secure else None
    with h2.H2Origin(made=made) as origin:
        joist = run_joist(over_tls(origin, pki) if secure else plain(origin))
        assert at_once(40, lambda i: fetch(joist.port, f"/{i}").body) == [b"ok"] * 40
        assert len(origin.conns) == 1
        assert sorted(r.path for r in origin.requests) == sorted(f"/{i}" for i in range(40))


def test_full_connection_makes_another(run_joist):
    gate = threading.Event()

    def script(exchange):
        assert gate.wait(net.PATIENCE_S * 2)
        exchange.answer()
    with h2.H2Origin(script, settings={h2.MAX_CONCURRENT_STREAMS: 4}) as origin:
        joist = run_joist(plain(origin))
        gate.set()
        assert fetch(joist.port).body == b"ok"
        gate.clear()
        results = []
        runner = threading.Thread(
            target=lambda: results.extend(at_once(10, lambda i: fetch(joist.port).body)))
        runner.start()
        origin.wait(lambda: len(origin.requests) == 11, "all requests have come")
        assert len(origin.conns) == 3
        gate.set()
        runner.join(net.PATIENCE_S * 2)
        assert results == [b"ok"] * 10


def test_refused_stream_is_sent_again(run_joist):
    refused = []

    def script(exchange):
        if not refused:
            refused.append(exchange.path)
            exchange.abort(h2.REFUSED_STREAM)
        else:
            exchange.answer()
    with h2.H2Origin(script) as origin:
        joist = run_joist(plain(origin))
        assert fetch(joist.port, "/x", "POST").body == b"ok"
        assert [r.path for r in origin.requests] == ["/x", "/x"]


def test_stream_that_is_always_refused(run_joist):
    with h2.H2Origin(lambda exchange: exchange.abort(h2.REFUSED_STREAM)) as origin:
        joist = run_joist(plain(origin))
        assert fetch(joist.port).status == 502
        assert len(origin.requests) == 4  # the first, and three more


def test_reset_is_not_sent_again(run_joist):
    with h2.H2Origin(lambda exchange: exchange.abort(h2.INTERNAL_ERROR)) as origin:
        joist = run_joist(plain(origin))
        assert fetch(joist.port, "/", "POST").status == 502
        assert len(origin.requests) == 1


# ---- gRPC ----------------------------------------------------------------------------------------

def test_grpc_unary(run_joist):
    def script(exchange):
        assert exchange.get("te") == "trailers"
        assert exchange.body() == b"question"
        exchange.answer(b"answer", fields=(("content-type", "application/grpc"),),
                        trailers=(("grpc-status", "0"), ("grpc-message", "fine")))
    with h2.H2Origin(script) as origin:
        joist = run_joist(plain(origin))
        with h2.H2Client.plain(joist.port) as client:
            stream = client.request("POST", "/a.B/C", GRPC, b"question")
            response = client.response(stream)
            assert (response.status, bytes(response.body)) == (200, b"answer")
            assert dict(response.trailers) == {"grpc-status": "0", "grpc-message": "fine"}


def test_grpc_trailers_only(run_joist):
    def script(exchange):
        exchange.respond(200, (("content-type", "application/grpc"), ("grpc-status", "12")),
                         end=True)
    with h2.H2Origin(script) as origin:
        joist = run_joist(plain(origin))
        with h2.H2Client.plain(joist.port) as client:
            response = client.response(client.request("POST", "/a.B/C", GRPC, b"question"))
            assert (response.status, response.get("grpc-status")) == (200, "12")
            assert bytes(response.body) == b""


def test_grpc_both_directions_at_once(run_joist):
    """Each message is answered before the next is sent: neither side waits for the other's end."""
    def script(exchange):
        exchange.respond(200, (("content-type", "application/grpc"),))
        while piece := exchange.read():
            exchange.send(b"re:" + piece)
        assert dict(exchange.trailers) == {"x-sum": "3"}
        exchange.end((("grpc-status", "0"),))
    with h2.H2Origin(script) as origin:
        joist = run_joist(plain(origin))
        with h2.H2Client.plain(joist.port) as client:
            stream = client.request("POST", "/a.B/C", GRPC, end=False, body=b"")
            response = client.streams[stream]
            expected = b""
            for message in (b"one", b"two", b"three"):
                client.data(stream, message)
                expected += b"re:" + message
                client.read_until(lambda: bytes(response.body) == expected)
            client.send(client.headers_frame(stream, [("x-sum", "3")], end=True))
            client.read_until(lambda: response.over)
            assert dict(response.trailers) == {"grpc-status": "0"}


def test_via_names_what_was_received(run_joist):
    with h2.H2Origin() as origin:
        joist = run_joist(plain(origin))
        assert fetch(joist.port).get("Via") == "2.0 joist"
        assert origin.last().get("via") == "1.1 joist"
        with h2.H2Client.plain(joist.port) as client:
            assert client.get().get("via") == "2.0 joist"
        assert origin.last().get("via") == "2.0 joist"


# ---- upgrades ------------------------------------------------------------------------------------

def test_websocket_to_an_origin_whose_h2_takes_none(run_joist, pki):
    """It speaks both; its HTTP/2 has no extended CONNECT, so the upgrade goes out over HTTP/1.1."""
    seen = []
    made = h2.server_context(pki.site(NAME), ("h2", "http/1.1"))
    origin = h2.H2Origin(made=made)
    speak_h2 = origin.run

    def run(sock):
        try:
            sock = made.wrap_socket(sock, server_side=True)
        except (OSError, ssl.SSLError):
            return
        seen.append(sock.selected_alpn_protocol())
        if seen[-1] == "h2":
            origin.made = None  # it is wrapped
            speak_h2(sock)
            return
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(4096)
        seen.append(b"upgrade: websocket" in head.lower())
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     b"Connection: Upgrade\r\n\r\nhello")
        seen.append(sock.recv(100))
        sock.close()
    origin.run = run
    url = f"https://127.0.0.1:{origin.port}"
    target = f'{{ url = "{url}", ca = "{pki.ca}", sni = "{NAME}" }}'
    with origin:
        joist = run_joist(config(target))
        assert fetch(joist.port).body == b"ok"
        with connect(joist.port, net.PATIENCE_S) as sock:
            sock.sendall(b"GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\n"
                         b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                         b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            got = b""
            while not got.endswith(b"hello"):
                piece = sock.recv(4096)
                assert piece, got
                got += piece
            assert got.startswith(b"HTTP/1.1 101")
            sock.sendall(b"world")
            net.wait_for(lambda: b"world" in seen, "the tunnel's bytes have come")
        assert seen == ["h2", "http/1.1", True, b"world"]


# ---- connections that end ------------------------------------------------------------------------

def test_goaway_lets_requests_end_and_sends_new_ones_elsewhere(run_joist):
    gate = threading.Event()

    def script(exchange):
        if exchange.path == "/slow":
            assert gate.wait(net.PATIENCE_S * 2)
        exchange.answer(exchange.path.encode())
    with h2.H2Origin(script) as origin:
        joist = run_joist(plain(origin))
        results = []
        runner = threading.Thread(target=lambda: results.append(fetch(joist.port, "/slow").body))
        runner.start()
        origin.wait(lambda: origin.requests, "the slow request has come")
        old = origin.conns[0]
        with old.room:  # GOAWAY, with all that came covered
            old.h2.close_connection(last_stream_id=origin.requests[0].stream)
            old.h2.state_machine.state = h2_open()
            old.flush()
        net.wait_for(lambda: fetch(joist.port, "/new").body == b"/new" and len(origin.conns) == 2,
                     "new requests go to a new connection")
        gate.set()
        runner.join(net.PATIENCE_S * 2)
        assert results == [b"/slow"]


def h2_open():
    import h2.connection as connection
    return connection.ConnectionState.CLIENT_OPEN


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_kept_connection_that_was_closed(run_joist, method):
    with h2.H2Origin() as origin:
        joist = run_joist(plain(origin))
        for number in range(1, 4):
            assert fetch(joist.port, "/", method).body == b"ok"
            assert len(origin.conns) == number
            origin.conns[-1].sock.shutdown(socket.SHUT_RDWR)


# ---- HTTP/1.1 over TLS ---------------------------------------------------------------------------

def tls_http1(pki, script):
    return tls.TlsOrigin(script, h2.server_context(pki.site(NAME), ("http/1.1",)))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_tls_connection_is_kept_for_all_methods(run_joist, pki, method):
    """Tickets that came behind the handshake do not make it look dead."""
    with tls_http1(pki, serve_ok) as origin:
        joist = run_joist(over_tls(origin, pki))
        for _ in range(5):
            assert fetch(joist.port, "/", method).body == b"ok"
        assert len(origin.conns) == 1


def test_http1_burst(run_joist, pki):
    """The first tells what the origin speaks; then each has a connection of its own."""
    together = threading.Barrier(12)

    def script(conn):
        while conn.request() is not None:
            together.wait(net.PATIENCE_S)  # nobody is answered before all are there
            conn.send(answer(b"ok"))
    with tls_http1(pki, script) as origin:
        joist = run_joist(over_tls(origin, pki))
        assert at_once(12, lambda i: fetch(joist.port).body) == [b"ok"] * 12
        assert len(origin.conns) == 12

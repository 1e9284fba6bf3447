# SPDX-License-Identifier: MIT
"""WebSocket over HTTP/2 (RFC 8441), to origins of HTTP/1.1 and of HTTP/2; and other upgrades."""
import base64
import hashlib
import os
import signal
import struct

import pytest

from lib import h2, net
from lib.client import Client
from lib.origin import Origin
from lib.server import Joist
from test_tunnel_websocket import Echo

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def ws_frame(payload, kind=BINARY, masked=True):
    head = bytes((0x80 | kind,))
    mask_bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes((mask_bit | len(payload),))
    elif len(payload) < 65536:
        head += struct.pack(">BH", mask_bit | 126, len(payload))
    else:
        head += struct.pack(">BQ", mask_bit | 127, len(payload))
    if not masked:
        return head + payload
    mask = b"\x11\x22\x33\x44"
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def parse_frames(data):
    """Whole (kind, payload) of unmasked frames, and what is left."""
    found = []
    while len(data) >= 2:
        n, at = data[1] & 0x7f, 2
        if n == 126:
            n, at = struct.unpack(">H", data[2:4])[0], 4
        elif n == 127:
            n, at = struct.unpack(">Q", data[2:10])[0], 10
        if len(data) < at + n:
            break
        found.append((data[0] & 0xf, bytes(data[at:at + n])))
        data = data[at + n:]
    return found, data


class WebSocket:
    """A WebSocket on one stream."""

    def __init__(self, client, path="/echo", extra=(), protocol="websocket"):
        self.client = client
        self.stream = client.stream_id()
        client.credit[self.stream] = client.their.get(h2.INITIAL_WINDOW_SIZE, 65535)
        client.send(client.headers_frame(self.stream, [
            (":method", "CONNECT"), (":protocol", protocol), (":scheme", client.scheme),
            (":authority", "test.example"), (":path", path), ("sec-websocket-version", "13"),
            *extra], end=False))
        client.read_until(lambda: self.response.headers or self.response.over)
        self.left = b""

    @property
    def response(self):
        return self.client.streams[self.stream]

    def send(self, payload, kind=BINARY):
        self.client.send_body(self.stream, ws_frame(payload, kind), end=False)

    def receive(self):
        while True:
            found, _ = parse_frames(bytes(self.response.body))
            if found:
                size = len(ws_frame(found[0][1], masked=False))
                del self.response.body[:size]
                return found[0]
            assert not self.response.over, self.response
            self.client.frame()


def echo_h2(exchange):
    """An h2 origin's WebSocket: answers each frame with its payload."""
    if exchange.get(":protocol") != "websocket":
        exchange.answer(b"no", 400)
        return
    exchange.respond(200, [("sec-websocket-protocol", "chat")])
    data = b""
    while piece := exchange.read():
        data += piece
        while len(data) >= 2:
            n, at = data[1] & 0x7f, 2
            if n == 126:
                n, at = struct.unpack(">H", data[2:4])[0], 4
            elif n == 127:
                n, at = struct.unpack(">Q", data[2:10])[0], 10
            if len(data) < at + 4 + n:
                break
            mask = data[at:at + 4]
            payload = bytes(b ^ mask[i % 4] for i, b in enumerate(data[at + 4:at + 4 + n]))
            exchange.send(ws_frame(payload, data[0] & 0xf, masked=False))
            data = data[at + 4 + n:]
    exchange.end()


@pytest.fixture(scope="module")
def one():
    with Echo() as running:
        yield running


@pytest.fixture(scope="module")
def two():
    with h2.H2Origin(echo_h2, settings={h2.ENABLE_CONNECT_PROTOCOL: 1}) as running:
        yield running


@pytest.fixture(scope="module")
def without():
    """An h2 origin that does not take extended CONNECT."""
    with h2.H2Origin() as running:
        yield running


@pytest.fixture(scope="module")
def joist(one, two, without, tmp_path_factory):
    with Joist(tmp_path_factory.mktemp("ws2"), f"""
[[listeners]]
bind = "127.0.0.1:@PORT@"
alpn = ["h2", "http/1.1"]
[upstreams.two]
targets = ["h2c://127.0.0.1:{two.port}"]
[upstreams.without]
targets = ["h2c://127.0.0.1:{without.port}"]
[[sites]]
proxy = "http://127.0.0.1:{one.port}"
[[sites.routes]]
path = "/two"
proxy = "two"
[[sites.routes]]
path = "/without"
proxy = "without"
[[sites.routes]]
path = "/text"
respond = "text"
""") as running:
        yield running


@pytest.fixture
def client(joist):
    with h2.H2Client.plain(joist.port) as connected:
        connected.read_until(lambda: connected.their)
        yield connected


def test_it_is_announced(client):
    assert client.their[h2.ENABLE_CONNECT_PROTOCOL] == 1


@pytest.mark.parametrize("path", ["/echo", "/two"])
def test_messages_of_every_size(client, path):
    ws = WebSocket(client, path, [("sec-websocket-protocol", "chat")])
    assert ws.response.status == 200, ws.response
    assert ws.response.get("sec-websocket-protocol") == "chat"
    for name in ("sec-websocket-accept", "upgrade", "connection"):
        assert not ws.response.all(name)
    for size in (0, 1, 125, 126, 65535, 65536, 1 << 20):
        payload = os.urandom(size)
        ws.send(payload)
        assert ws.receive() == (BINARY, payload), size


def accept_of(request):
    key = request.get("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()


def accepts(*values, upgrade="websocket"):
    """An answer with that Upgrade and these Sec-WebSocket-Accept fields."""
    return "".join([f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                    f"Upgrade: {upgrade}\r\n",
                    *(f"Sec-WebSocket-Accept: {value}\r\n" for value in values), "\r\n"])


def test_the_http1_origin_sees_a_handshake(joist):
    """RFC 8441 5: with a key of the proxy's own."""
    seen = []

    def script(conn):
        seen.append(conn.request())
        conn.send(accepts(accept_of(seen[0])).encode())
        conn.wait_end()
    with Origin(script) as origin, Joist(joist.folder / "own", f"""
[[listeners]]
bind = "127.0.0.1:@PORT@"
alpn = ["h2"]
[[sites]]
proxy = "{origin.url}"
""") as own, h2.H2Client.plain(own.port) as client:
        assert WebSocket(client, "/chat?x").response.status == 200
    request = seen[0]
    assert (request.method, request.target) == ("GET", "/chat?x")
    assert request.head.tokens("upgrade") == ["websocket"]
    assert "upgrade" in request.head.tokens("connection")
    assert len(base64.b64decode(request.get("sec-websocket-key"))) == 16
    assert request.get("sec-websocket-version") == "13"
    assert not request.has("content-length") and not request.has("transfer-encoding")


@pytest.mark.parametrize("answer", [
    lambda good: accepts(),
    lambda good: accepts("x" + good[1:]),
    lambda good: accepts(good.lower() if good != good.lower() else good.upper()),
    lambda good: accepts(good, good),
    lambda good: accepts(f"{good}, {good}"),
    lambda good: accepts(good, upgrade="other"),
], ids=["none", "wrong", "case", "twice", "list", "protocol"])
def test_origin_that_does_not_answer_the_key(run_joist, answer):
    """RFC 6455 4.1: the key is the proxy's, so the proxy checks what the origin makes of it."""
    def script(conn):
        conn.send(answer(accept_of(conn.request())).encode())
        conn.wait_end()
    with Origin(script) as origin:
        joist = run_joist(f"""
[server]
debug = true
[[listeners]]
bind = "127.0.0.1:@PORT@"
alpn = ["h2"]
[[sites]]
proxy = "{origin.url}"
""")
        with h2.H2Client.plain(joist.port) as client:
            response = WebSocket(client, "/chat").response
            assert response.status == 502, response
            assert "WebSocket" in response.get("x-joist-error")


@pytest.mark.parametrize("path", ["/echo", "/two"])
def test_others_go_on_beside_it(client, path):
    sockets = [WebSocket(client, path) for _ in range(5)]
    for i, ws in enumerate(sockets):
        ws.send(b"%d" % i, TEXT)
    assert client.get("/text").body == b"text"
    for i, ws in enumerate(reversed(sockets)):
        assert ws.receive() == (TEXT, b"%d" % (4 - i))


def test_close_by_the_origin_ends_the_stream_alone(client):
    ws = WebSocket(client, "/close/1001")
    assert ws.receive() == (CLOSE, struct.pack(">H", 1001) + b"as asked")
    ws.send(struct.pack(">H", 1001), CLOSE)
    client.read_until(lambda: ws.response.over)
    assert client.get("/text").body == b"text"


def test_reset_by_the_client_reaches_the_origin(client, one):
    before = len(one.closed)
    ws = WebSocket(client, "/echo")
    ws.send(b"hello")
    ws.receive()
    client.rst(ws.stream)
    net.wait_for(lambda: len(one.closed) > before, "the end at the origin")
    assert client.get("/text").body == b"text"


def test_reset_by_the_client_reaches_the_h2_origin(client, two):
    ws = WebSocket(client, "/two")
    ws.send(b"hello")
    ws.receive()
    client.rst(ws.stream)
    two.wait(lambda: two.last().reset is not None or two.last().body_ended, "the end at the origin")


def test_refusal_of_the_origin_is_passed_on(client):
    """The websockets library answers a version that it does not know with 400 or 426."""
    stream = client.stream_id()
    client.send(client.headers_frame(stream, [
        (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
        (":authority", "test.example"), (":path", "/echo"), ("sec-websocket-version", "7")],
        end=False))
    client.read_until(lambda: client.streams[stream].headers)
    assert 400 <= client.streams[stream].status < 500


def test_origin_that_takes_no_extended_connect(client, without):
    before = len(without.requests)
    ws = WebSocket(client, "/without")
    assert ws.response.status in (501, 502), ws.response
    assert len(without.requests) == before
    assert client.get("/text").body == b"text"


def test_http1_client_to_an_h2_origin(joist, two):
    """The other way round: Upgrade becomes extended CONNECT, and the key gets its answer."""
    key = base64.b64encode(os.urandom(16)).decode()
    with Client(joist.port) as client:
        client.request("GET", "/two/chat", ("Connection: Upgrade", "Upgrade: websocket",
                                            "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"))
        response = client.response()
        assert response.status == 101 and response.head.tokens("upgrade") == ["websocket"]
        assert response.get("sec-websocket-accept") == base64.b64encode(hashlib.sha1(
            key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
        client.send(ws_frame(b"over both"))
        assert client.reader.exact(11, "frame") == ws_frame(b"over both", masked=False)
    assert two.last().method == "CONNECT" and two.last().get(":protocol") == "websocket"
    assert two.last().get("sec-websocket-key") is None


def test_drain_keeps_then_cuts(run_joist, one):
    joist = run_joist(f"""
[server]
threads = 1
drain = "20s"
tunnels = "cut"
[[listeners]]
bind = "127.0.0.1:@PORT@"
alpn = ["h2"]
[[sites]]
proxy = "http://127.0.0.1:{one.port}"
""")
    with h2.H2Client.plain(joist.port) as client:
        WebSocket(client)
        joist.signal(signal.SIGTERM)
        client.read_to_end()
    assert joist.wait() == 0

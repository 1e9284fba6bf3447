# SPDX-License-Identifier: MIT
"""WebSockets and other upgrades go to targets that can make them, others never see one."""
import socket

import pytest

from lib import h2, net
from lib.client import Client, fetch
from lib.origin import Origin, answer

HANDSHAKE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
SWITCH = ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: {}\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")


def switches(conn):
    """An HTTP/1.1 origin: echoes behind a 101."""
    while (request := conn.request()) is not None:
        if request.has("upgrade"):
            conn.send(SWITCH.format(request.get("upgrade")).encode() + b"hello")
            conn.wait_end()
            return
        conn.send(answer(b"plain"))


@pytest.fixture
def can():
    with Origin(switches) as running:
        yield running


@pytest.fixture
def cannot():
    """HTTP/2 without extended CONNECT."""
    with h2.H2Origin() as running:
        yield running


def config(*urls, strategy="round_robin", extra=""):
    targets = ", ".join(f'"{u}"' for u in urls)
    return f"""
[server]
threads = 1
[timeouts]
upstream_keepalive = "60s"
[upstreams.app]
strategy = "{strategy}"
targets = [{targets}]
{extra}
[[sites]]
proxy = "app"
"""


def handshake(port, fields=HANDSHAKE):
    with Client(port) as client:
        client.request("GET", "/ws", fields)
        return client.reader.response("GET").status


@pytest.mark.parametrize("strategy", ["single", "round_robin", "random", "least_conn", "hash",
                                      "least_latency"])
def test_the_one_that_can_gets_all(run_joist, can, cannot, strategy):
    joist = run_joist(config(cannot.url, can.url, strategy=strategy))
    assert [handshake(joist.port) for _ in range(12)] == [101] * 12
    assert sum(r.has("upgrade") for r in can.requests) == 12
    assert not cannot.requests
    seen = {fetch(joist.port).status for _ in range(8)}
    assert seen == {200}, "plain requests go to both"


def test_other_protocols_never_reach_http2(run_joist, can):
    with h2.H2Origin(settings={h2.ENABLE_CONNECT_PROTOCOL: 1}) as able:
        joist = run_joist(config(able.url, can.url))
        fields = ("Connection: Upgrade", "Upgrade: chat")
        assert [handshake(joist.port, fields) for _ in range(6)] == [101] * 6
        assert not able.conns


def test_tried_502_then_none_503(run_joist, cannot):
    joist = run_joist(config(cannot.url))
    with Client(joist.port) as client:
        assert client.get().status == 200
    assert handshake(joist.port) == 502
    assert handshake(joist.port) == 503
    assert fetch(joist.port).status == 200
    assert [r.get(":method") for r in cannot.requests] == ["GET", "GET"]


def test_an_origin_that_was_updated(run_joist):
    """It comes back with extended CONNECT: nobody has to restart us."""
    def chat(exchange):
        if exchange.get(":method") == "CONNECT":
            exchange.respond(200)
            exchange.wait_reset()
        else:
            exchange.answer(b"plain")
    with h2.H2Origin(chat) as origin:
        joist = run_joist(config(origin.url))
        assert handshake(joist.port) == 502
        assert handshake(joist.port) == 503
        origin.settings = {h2.ENABLE_CONNECT_PROTOCOL: 1}
        for conn in list(origin.conns):
            conn.sock.shutdown(socket.SHUT_RDWR)
        net.wait_for(lambda: handshake(joist.port) == 101, "a handshake by the new connection")

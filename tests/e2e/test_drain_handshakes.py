# SPDX-License-Identifier: MIT
"""SIGTERM while TLS handshakes are under way: they end well, and one request is served after them."""
import ssl
import time

import pytest

from lib import h2, net, tls
from lib.client import Client
from lib.http1 import connect
from test_drain_signals import refuses

HOST = "a.test"


def start(run_joist, pki, extra=""):
    return run_joist(extra + tls.listener(pki.site(HOST)) + '[[sites]]\nrespond = "served"\n')


class Handshake:
    """TLS whose bytes leave when the test wants: half of the ClientHello so far."""

    def __init__(self, joist, alpn=("http/1.1",)):
        self.sock = connect(joist.port, net.PATIENCE_S)
        self.bios = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls.context(alpn=alpn).wrap_bio(*self.bios, server_hostname=HOST)
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.do_handshake()
        hello = self.bios[1].read()
        self.sock.sendall(hello[:100])
        self.rest = hello[100:]

    def go_on(self):
        self.sock.sendall(self.rest)
        self.until(self.tls.do_handshake)
        return self

    def until(self, step):
        while True:
            try:
                done = step()
                self.sock.sendall(self.bios[1].read())
                return done
            except ssl.SSLWantReadError:
                self.sock.sendall(self.bios[1].read())
                data = self.sock.recv(65536)
                self.bios[0].write(data) if data else self.bios[0].write_eof()

    def sendall(self, data):
        self.until(lambda: self.tls.write(data))

    def recv(self, size):
        try:
            return self.until(lambda: self.tls.read(size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def settimeout(self, seconds):
        self.sock.settimeout(seconds)

    def close(self):
        self.sock.close()


def drain(joist):
    joist.signal()
    net.wait_for(lambda: refuses(joist.port), "the drain has begun")


def test_http1(run_joist, pki):
    joist = start(run_joist, pki)
    under_way = Handshake(joist)
    drain(joist)
    with Client.over(under_way.go_on()) as client:
        client.request()
        response = client.response()
        assert (response.status, response.body) == (200, b"served")
        assert "close" in response.head.tokens("connection")
        client.expect_closed()
    assert joist.wait() == 0


def test_http2(run_joist, pki):
    joist = start(run_joist, pki)
    under_way = Handshake(joist, ("h2",))
    drain(joist)
    with h2.H2Client(under_way.go_on()) as client:
        client.scheme = "https"
        assert client.get().body == b"served"
        client.read_to_end()
        assert client.goaway == (1, 0)
    assert joist.wait() == 0


def test_who_has_said_nothing_is_closed_at_once(run_joist, pki):
    joist = start(run_joist, pki)
    with Client(joist.port) as silent, tls.TlsClient(joist.port, HOST) as other:
        other.request(host=HOST)
        assert other.response().status == 200, "so the silent one was accepted"
        joist.signal()
        silent.expect_closed()
        assert joist.wait() == 0


@pytest.mark.parametrize("limit", ["header", "drain"])
def test_it_does_not_wait_for_ever(run_joist, pki, limit):
    """A handshake that never ends: by the header timeout, or by the drain's deadline."""
    times = {"header": "60s", "drain": "60s", limit: "600ms"}
    joist = start(run_joist, pki, f'[server]\nthreads = 1\ndrain = "{times["drain"]}"\n'
                                  f'[timeouts]\nheader = "{times["header"]}"\n')
    under_way = Handshake(joist)
    began = time.monotonic()
    joist.signal()
    assert joist.wait() == 0
    assert time.monotonic() - began < 30
    under_way.close()

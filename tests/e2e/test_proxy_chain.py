# SPDX-License-Identifier: MIT
"""Joist behind Joist, and Joist before itself."""
import os

import pytest

from lib import net
from lib.client import Client, chunk
from lib.origin import Origin, answer
from lib.server import Joist


def echo(conn):
    while True:
        request = conn.request()
        if request is None:
            return
        conn.send(answer(request.body or request.target.encode()))


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """client -> front -> back -> origin; the back trusts the front."""
    with Origin(echo) as origin:
        with Joist(tmp_path_factory.mktemp("back"),
                   '[server]\nthreads = 1\ntrusted_proxies = ["127.0.0.1"]\n'
                   f'[[sites]]\nproxy = "{origin.url}"') as back:
            with Joist(tmp_path_factory.mktemp("front"), '[server]\nthreads = 1\n'
                       f'[[sites]]\nproxy = "http://127.0.0.1:{back.port}"') as front:
                yield front, origin


def test_who_is_who(chain):
    front, origin = chain
    with Client(front.port) as client:
        client.get("/who")
    request = origin.last()
    assert request.get("x-forwarded-for") == "127.0.0.1, 127.0.0.1"
    assert request.get("x-forwarded-host") == "test.example"
    assert request.get("via").count("1.1 ") == 2
    assert len(request.all("x-request-id")) == 1


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
def test_bodies_of_both_framings(chain, size):
    front, _ = chain
    body = os.urandom(size)
    with Client(front.port) as client:
        for _ in range(3):
            client.request("POST", "/", body=body)
            assert client.response().body == (body or b"/")
            raw = (chunk(body) if body else b"") + b"0\r\nX-T: 1\r\n\r\n"
            client.request("POST", "/", ("Transfer-Encoding: chunked",), raw)
            assert client.response().body == (body or b"/")


def test_pipeline(chain):
    front, _ = chain
    with Client(front.port) as client:
        for i in range(50):
            client.request("GET", f"/{i}")
        for i in range(50):
            assert client.response().body == b"/%d" % i


def test_continue(chain):
    front, _ = chain
    with Client(front.port) as client:
        client.request("POST", "/", ("Expect: 100-continue", "Content-Length: 5"))
        assert client.reader.response_head().status == 100
        client.send(b"hello")
        response = client.response()
        assert response.body == b"hello" and not response.interim


def test_proxy_that_asks_itself_ends(run_joist, tmp_path):
    """A loop grows by a Via each round and ends in a refusal, not in a hang or a crash."""
    claim = net.PortClaim()
    joist = run_joist(f'[limits]\nconns_per_ip = 300\nheader_bytes = "16KiB"\n'
                      f'[[listeners]]\nbind = "127.0.0.1:@PORT@"\n'
                      f'[[listeners]]\nbind = "127.0.0.1:{claim.port}"\n'
                      f'[[sites]]\nproxy = "http://127.0.0.1:{claim.port}"\n'
                      '[[sites]]\nhost = "respond.test"\nrespond = "alive"')
    with Client(joist.port) as client:
        response = client.get("/loop")
        assert response.status in (431, 502, 503, 508)
        assert client.get("/", host="respond.test").body == b"alive"
    claim.release()

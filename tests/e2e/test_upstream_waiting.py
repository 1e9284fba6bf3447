# SPDX-License-Identifier: MIT
"""Requests that wait for a connection to their origin, and whose client leaves meanwhile."""
import pytest

from lib import h2
from lib.client import Client
from lib.origin import FullBacklog
from lib.server import Joist


@pytest.fixture(params=["h2c", "https"])
def joist(request, tmp_path):
    with FullBacklog() as stuck, Joist(tmp_path, f"""
[server]
threads = 1
drain = "1s"
[timeouts]
upstream_connect = "120s"
[[listeners]]
bind = "127.0.0.1:@PORT@"
alpn = ["h2", "http/1.1"]
[[sites]]
respond = "alive"
[[sites.routes]]
path = "/stuck"
proxy = "{request.param}://127.0.0.1:{stuck.port}"
""") as running:
        yield running


def check_alive(joist):
    with h2.H2Client.plain(joist.port) as client:
        assert client.get("/").body == b"alive"
    assert joist.alive(), joist.errors()


def test_streams_are_reset_inside_their_bodies(joist):
    with h2.H2Client.plain(joist.port) as client:
        streams = [client.request("POST", "/stuck", end=False) for _ in range(7)]
        for stream in streams:
            client.data(stream, b"a piece")
        client.settle()
        for stream in streams[2:5] + streams[:1]:
            client.rst(stream)
        client.settle()
        check_alive(joist)
    check_alive(joist)  # and the others were reset with their connection


def test_a_connection_is_closed_inside_its_body(joist):
    for _ in range(3):
        with Client(joist.port) as client:
            client.send(b"POST /stuck HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
            check_alive(joist)  # it has been read by then: there is one thread
        check_alive(joist)

# SPDX-License-Identifier: MIT
"""Addresses of a name that are alternatives: what is below TLS, and ahead of it, when one is bad."""
import socket

import pytest

from lib import h2, proxy_protocol as pp, tls
from lib.client import fetch
from lib.dns import Dns
from lib.origin import Origin, serve_ok

NAME = "app.test"


@pytest.fixture
def dns():
    with Dns() as running:
        yield running


def config(dns, url, more=""):
    return (f'{dns.config}[server]\nthreads = 1\n[timeouts]\nupstream_connect = "2s"\n'
            f'upstream_keepalive = "1ms"\n[upstreams.app]\nstrategy = "single"\n'
            f'targets = [{{ url = "{url}"{more} }}]\n[[sites]]\nproxy = "app"\n')


class Mute:
    """Lets connect, and says nothing."""

    def __init__(self, host, port):
        self.listener = socket.create_server((host, port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


@pytest.mark.parametrize("http1", [False, True], ids=["alpn", "http1"])
def test_address_that_does_not_shake_hands(run_joist, pki, dns, http1):
    """Within upstream_connect the other one is asked; then it is first for a while."""
    with tls.TlsOrigin(serve_ok, h2.server_context(pki.site(NAME), ("http/1.1",))) as origin, \
            Mute("127.0.0.2", origin.port):
        dns.hosts[NAME] = ["127.0.0.2", "127.0.0.1"]
        joist = run_joist(config(dns, f"https://{NAME}:{origin.port}",
                                 f', ca = "{pki.ca}"' + (", http1_only = true" if http1 else "")))
        for _ in range(6):
            assert fetch(joist.port).status == 200


def test_proxy_header_goes_to_the_address_that_answers(run_joist, dns):
    sources = []

    def script(conn):
        sources.append(pp.read_v2(lambda n: conn.reader.exact(n, "header")))
        serve_ok(conn)

    with Origin(script) as origin:
        dns.hosts[NAME] = ["127.0.0.3", "127.0.0.1", "127.0.0.4"]
        joist = run_joist(config(dns, f"http://{NAME}:{origin.port}", ', proxy_protocol = "v2"'))
        for _ in range(6):
            assert fetch(joist.port).status == 200
        assert len(sources) == 6 and {s[0] for s in sources} == {"127.0.0.1"}

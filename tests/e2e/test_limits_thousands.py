# SPDX-License-Identifier: MIT
"""Thousands of connections at once: the long version of the connection tests."""
import resource

import pytest

from lib import net
from lib.client import Client
from lib.origin import Origin

CONNECTIONS = 8000


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["respond", "proxy"])
def test_thousands_of_kept_connections(run_joist, kind):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(CONNECTIONS, hard - 500)
    if soft < count + 500:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count + 500, hard))
    with Origin() as origin:
        what = 'respond = "ok"' if kind == "respond" else f'proxy = "{origin.url}"'
        joist = run_joist(f'[limits]\nconns_per_ip = 0\n[timeouts]\nkeepalive = "600s"\n'
                          f'[[sites]]\n{what}')
        before = joist.rss_bytes()
        clients = [Client(joist.port) for _ in range(count)]
        for _ in range(2):
            for client in clients:
                response = client.get()
                assert (response.status, response.body) == (200, b"ok")
        each = (joist.rss_bytes() - before) / count
        assert net.SANITIZED or each < 4096, f"{each:.0f} bytes a kept connection"
        for client in clients:
            client.close()
        net.wait_for(lambda: joist.open_files() < 200, "descriptors come back")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

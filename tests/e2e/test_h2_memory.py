# SPDX-License-Identifier: MIT
"""What one connection of HTTP/2 may cost: little frames that wait, answers that nobody reads."""
import pytest

from lib import h2, net
from lib.origin import FullBacklog
from lib.server import Joist

STREAMS = 15  # whose windows together fill the connection's
FRAMES = 65000  # of a byte each, within a stream's window
GROWTH_MAX = 256 << 20  # also with a sanitizer; a buffer for each byte would be 4 GiB


@pytest.fixture(scope="module")
def joist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    (folder / "big").write_bytes(bytes(32 << 20))
    with FullBacklog() as stuck, Joist(folder, f"""
[server]
threads = 1
drain = "1s"
[timeouts]
upstream_connect = "120s"
[[listeners]]
bind = "127.0.0.1:@PORT@"
alpn = ["h2"]
[[sites]]
root = "{folder}"
[[sites.routes]]
path = "/stuck"
proxy = "http://127.0.0.1:{stuck.port}"
""") as running:
        yield running


def test_bodies_in_frames_of_a_byte(joist):
    """RFC 9113 10.5: a byte that waits holds no buffer of its own, nor is it looked at each time."""
    before = joist.rss_bytes()
    with h2.H2Client.plain(joist.port) as client:
        for _ in range(STREAMS):
            stream = client.request("POST", "/stuck", end=False)
            client.send_raw(h2.raw_frame(0, 0, stream, b"x") * FRAMES)
            client.settle()
        grown = joist.rss_bytes() - before
    assert grown < GROWTH_MAX, f"{grown >> 20} MiB for {STREAMS * FRAMES} bytes"


def test_refusals_that_nobody_reads(joist):
    """Streams beyond the limit, from a client that says nothing to our SETTINGS and reads nothing."""
    before = joist.rss_bytes()
    floods = joist.errors().count("H2_FLOOD")
    with h2.H2Client.plain(joist.port, settings={h2.INITIAL_WINDOW_SIZE: h2.BIG_WINDOW}) as client:
        client.open_window(0, h2.BIG_WINDOW)
        client.request("GET", "/big")
        for _ in range(200):
            client.request("POST", "/stuck", end=False)
        block = client.encode(client.request_fields("POST", "/stuck"))
        stream = client.next_id
        for _ in range(200):
            if joist.errors().count("H2_FLOOD") > floods:
                break
            client.send_raw(b"".join(h2.raw_frame(1, 4, stream + 2 * i, block)
                                     for i in range(2000)))
            stream += 4000
        net.wait_for(lambda: joist.errors().count("H2_FLOOD") > floods, "the end of the flood")
        grown = joist.rss_bytes() - before
    assert grown < GROWTH_MAX, f"{grown >> 20} MiB"
    assert "what=answers" in joist.errors()

# SPDX-License-Identifier: MIT
"""Files that change, go, and come back while they are served."""
import os
import time

import pytest

from lib import net
from lib.client import Client, fetch
from lib.http1 import Cut
from lib.server import Joist

LARGE = 40_000_000


@pytest.fixture
def site(tmp_path):
    (tmp_path / "www").mkdir()
    with Joist(tmp_path, '[[sites]]\nroot = "@DIR@/www"\n[server]\nthreads = 1') as joist:
        joist.root = tmp_path / "www"
        yield joist


def replace(path, content):
    """As editors and deployments do it: a new file, renamed into place."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.rename(path)


def test_a_change_is_seen_within_a_second(site):
    path = site.root / "a.txt"
    path.write_bytes(b"old")
    with Client(site.port) as client:
        assert client.get("/a.txt").body == b"old"
        old_tag = client.get("/a.txt").get("etag")
        replace(path, b"new")
        changed = time.monotonic()
        while (r := client.get("/a.txt")).body == b"old":
            assert time.monotonic() - changed < 1.5 * net.SLOW
            time.sleep(0.02)
        assert r.body == b"new" and r.get("etag") != old_tag
        assert client.get("/a.txt", (f"If-None-Match: {old_tag}",)).status == 200
        path.unlink()
        net.wait_for(lambda: client.get("/a.txt").status == 404, "the file is still served")


def test_a_file_that_shrinks_is_cut_not_padded(site):
    path = site.root / "large.bin"
    path.write_bytes(b"x" * LARGE)
    with Client(site.port, rcvbuf=65536) as client:
        client.request("GET", "/large.bin")
        while len(client.reader.buf) < 100_000:
            assert client.reader.fill()
        os.truncate(path, 1_000_000)
        with pytest.raises(Cut):
            client.response()
    assert fetch(site.port, "/large.bin").get("content-length") == "1000000"
    site.wait_log("FILE_CHANGED")


def test_a_file_replaced_while_it_is_sent_stays_whole(site):
    path = site.root / "large.bin"
    path.write_bytes(b"o" * LARGE)
    with Client(site.port, rcvbuf=65536) as client:
        client.request("GET", "/large.bin")
        while len(client.reader.buf) < 100_000:
            assert client.reader.fill()
        replace(path, b"n" * LARGE)
        r = client.response()
        assert r.body == b"o" * LARGE
    net.wait_for(lambda: fetch(site.port, "/large.bin").body[:1] == b"n", "the old one is served")


def test_a_release_switched_by_a_link(tmp_path):
    """`current -> v1` becomes `current -> v2`, by rename: every answer is one or the other."""
    for version in (b"v1", b"v2"):
        folder = tmp_path / version.decode()
        folder.mkdir()
        (folder / "a.txt").write_bytes(version)
    (tmp_path / "current").symlink_to("v1")
    with Joist(tmp_path, '[[sites]]\nroot = "@DIR@/current"\n[server]\nthreads = 1') as joist, \
            Client(joist.port) as client:
        assert client.get("/a.txt").body == b"v1"
        (tmp_path / "next").symlink_to("v2")
        (tmp_path / "next").rename(tmp_path / "current")
        switched = time.monotonic()
        while (r := client.get("/a.txt")).body == b"v1":
            assert r.status == 200
            assert time.monotonic() - switched < 2.5 * net.SLOW
        assert (r.status, r.body) == (200, b"v2")


def test_a_large_file_in_little_memory(site):
    """Half a gigabyte to a reader that takes it, and to one that does not: no buffer grows."""
    path = site.root / "sparse.bin"
    path.touch()
    os.truncate(path, 512 << 20)
    with Client(site.port, rcvbuf=4096) as idle, Client(site.port) as client:
        idle.request("GET", "/sparse.bin")
        client.request("GET", "/sparse.bin")
        head = client.reader.head()
        left = head.length()
        while left > 0:
            if not client.reader.buf:
                assert client.reader.fill(1 << 20)
            left -= len(client.reader.take(len(client.reader.buf)))
        assert left == 0
        assert site.rss_bytes() < (64 << 20) * net.SLOW


def test_an_unreadable_file_is_told(site):
    path = site.root / "locked.txt"
    path.write_bytes(b"x")
    path.chmod(0)
    r = fetch(site.port, "/locked.txt")
    if os.geteuid() == 0:
        assert r.status == 200  # root reads all
        return
    assert r.status == 403
    site.wait_log("FILE_UNREADABLE")

# SPDX-License-Identifier: MIT
"""No path, link or encoding leaves the root, through the whole server."""
import ctypes
import os
import socket
import threading

import pytest

from lib.client import Client, fetch
from lib.server import Joist

SECRET = b"TOP-SECRET"

TARGETS = [
    "/../secret.txt", "/..", "/../", "/a/../../secret.txt", "/./../secret.txt", "/.../secret.txt",
    "/%2e%2e/secret.txt", "/%2E%2E%2Fsecret.txt", "/..%2fsecret.txt", "/.%2e/secret.txt",
    "/%252e%252e/secret.txt", "/..%252fsecret.txt", "/..%5csecret.txt", "/..\\secret.txt",
    "/%c0%ae%c0%ae/secret.txt", "/..%c0%afsecret.txt", "/%uff0e%uff0e/secret.txt",
    "/sub/%2e%2e/%2e%2e/secret.txt", "//../secret.txt", "/sub//../../secret.txt", "/%00/../secret.txt",
    "/ok.txt%00", "/ok.txt%00.html", "/../www-other/secret.txt", "/www/../../secret.txt",
    "//etc/passwd", "/etc/passwd", "/proc/self/environ", "/proc/self/root/etc/passwd",
    "/out", "/absolute", "/parent/secret.txt", "/parent/", "/parent", "/chain/secret.txt", "/loop",
    "/magic/environ", "/..;/secret.txt", "/ok.txt/../../secret.txt", "/~/secret.txt",
    "http://test.example/../secret.txt", "http://test.example/%2e%2e/secret.txt",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("escape")
    root = folder / "www"
    (root / "sub").mkdir(parents=True)
    (folder / "www-other").mkdir()
    (folder / "secret.txt").write_bytes(SECRET)
    (folder / "www-other/secret.txt").write_bytes(SECRET)
    (root / "ok.txt").write_bytes(b"inside")
    (root / "moving").mkdir()
    (root / "moving/secret.txt").write_bytes(b"inside")
    for name, to in {"out": "../secret.txt", "absolute": str(folder / "secret.txt"), "parent": "..",
                     "chain": "parent", "loop": "loop", "magic": "/proc/self", "evil": "..",
                     "good": "ok.txt", "sub/up": "../ok.txt"}.items():
        (root / name).symlink_to(to)
    with Joist(folder, '[[sites]]\nroot = "@DIR@/www"\ndotfiles = true\nlisting = true') as joist:
        joist.root = root
        yield joist


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_leaves(site, target):
    r = fetch(site.port, target)
    assert r.status in (400, 404), r
    assert SECRET not in r.body and b"root:" not in r.body


def test_links_inside_are_followed(site):
    assert fetch(site.port, "/good").body == b"inside"
    assert fetch(site.port, "/sub/up").body == b"inside"


def test_the_listing_shows_no_link_that_leads_out(site):
    body = fetch(site.port, "/").body
    assert b">good<" in body
    for name in (b"out", b"absolute", b"parent", b"chain", b"loop", b"magic", b"evil"):
        assert b">" + name + b"<" not in body


def test_a_link_swapped_in_while_serving(site):
    """A folder and a link out of the root change places as fast as they can."""
    libc = ctypes.CDLL(None, use_errno=True)
    stop = threading.Event()
    names = [os.fsencode(site.root / n) for n in ("moving", "evil")]

    def swap():
        while not stop.is_set():
            libc.renameat2(-100, names[0], -100, names[1], 2)  # AT_FDCWD, RENAME_EXCHANGE

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        seen = set()
        with Client(site.port) as client:
            for i in range(2000):
                # Paths that the cache does not know yet: each is looked for on disk.
                r = client.get("/moving" + "/" * (i % 500 + 1) + "secret.txt")
                assert SECRET not in r.body
                seen.add(r.status)
        assert seen <= {200, 404}
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("kind", ["fifo", "socket"])
def test_special_files_never_block(site, kind):
    path = site.root / kind
    if kind == "fifo":
        os.mkfifo(path)
    else:
        here = os.getcwd()
        os.chdir(site.root)  # the name of a socket is short
        try:
            socket.socket(socket.AF_UNIX).bind(kind)
        finally:
            os.chdir(here)
    assert fetch(site.port, f"/{kind}").status == 404
    assert fetch(site.port, "/ok.txt").body == b"inside"

# SPDX-License-Identifier: MIT
"""HTTP/2 with real clients: curl, nghttp and h2load, over TLS and without."""
import re
import shutil
import subprocess

import pytest

from lib import bulk, net, tls
from lib.origin import Origin, answer
from lib.server import Joist

MB = 1 << 20
BIG = 100 * MB
RSS_MAX = 64 * MB


def script(conn):
    """/big: 100 MB. /count: takes a body of any size and says how long it was. Else: echo."""
    while True:
        head = conn.reader.head()
        if head is None:
            return
        conn.received.clear()
        conn.reader.record = None
        method, target = head.line.split(b" ")[:2]
        if target == b"/big":
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
            bulk.Sender(conn.sock, BIG).run()
            conn.sock.settimeout(net.PATIENCE_S * 4)
        elif target == b"/trailers":
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                      b"5\r\nhello\r\n0\r\nX-Sum: 12\r\n\r\n")
        elif head.chunked() or head.length():
            receiver = bulk.Receiver(conn.reader)
            message = type("Upload", (), {"head": head})
            if target == b"/count":
                conn.send(answer(b"%d" % receiver.message(message)))
            else:
                assert head.length() is not None
                conn.send(answer(conn.reader.exact(head.length(), "body")))
        elif method == b"HEAD":
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
        else:
            conn.send(answer(b"hello", fields=("X-Seen: " + target.decode(),)))


@pytest.fixture(scope="module")
def origin():
    with Origin(script) as running:
        yield running


@pytest.fixture(scope="module")
def plain_port():
    claim = net.PortClaim()
    yield claim.port
    claim.release()


@pytest.fixture(scope="module")
def joist(pki, origin, plain_port, tmp_path_factory):
    files = tmp_path_factory.mktemp("www")
    (files / "page.txt").write_bytes(bulk.PATTERN[:1000])
    config = (tls.listener(pki.site("a.test")) + f"""
[[listeners]]
bind = "127.0.0.1:{plain_port}"
alpn = ["h2", "http/1.1"]
[limits]
body_bytes = 0
[timeouts]
body_idle = "120s"
upstream_idle = "120s"
upstream_response = "120s"
[[sites]]
proxy = "{origin.url}"
[[sites.routes]]
path = "/files"
root = "{files}"
strip_prefix = true
[[sites.routes]]
path = "/text"
respond = "text"
""")
    with Joist(tmp_path_factory.mktemp("h2"), config) as running:
        yield running


@pytest.fixture
def curl(joist, pki):
    def run(target, *arguments, **options):
        done = tls.curl_at(joist.port, "a.test", "--cacert", pki.ca, "--http2", *arguments,
                           target=target, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return run


# ---- curl ----------------------------------------------------------------------------------------

def test_get(curl, origin):
    said = curl("/some/path?q=1", "-i")
    assert said.startswith(b"HTTP/2 200") and said.endswith(b"hello")
    assert b"x-seen: /some/path?q=1" in said


def test_head(curl):
    said = curl("/x", "-I")
    assert said.startswith(b"HTTP/2 200") and b"content-length: 1234" in said


def test_post(curl):
    assert curl("/echo", "-d", "some=form") == b"some=form"


def test_ranges_of_a_file(curl):
    assert curl("/files/page.txt", "-r", "10-19") == bulk.PATTERN[10:20]
    assert curl("/files/page.txt") == bulk.PATTERN[:1000]


def test_fields_of_a_connection_do_not_cross(curl, origin):
    said = curl("/x", "-i").lower()
    for name in (b"connection:", b"transfer-encoding:", b"keep-alive:"):
        assert name not in said


def test_download_of_100_mb_in_bounded_memory(joist, curl, tmp_path):
    target = tmp_path / "big"
    with bulk.RssWatch(joist.pid) as watch:
        curl("/big", "-o", target)
    with open(target, "rb") as file:
        offset = 0
        while piece := file.read(MB):
            bulk.check(offset, piece)
            offset += len(piece)
    target.unlink()
    assert offset == BIG
    if not net.SANITIZED:
        assert watch.top < RSS_MAX


def test_upload_of_100_mb_in_bounded_memory(joist, curl, tmp_path):
    source = tmp_path / "big"
    with open(source, "wb") as file:
        for _ in range(BIG // MB):
            file.write(bulk.PATTERN[:MB])
    with bulk.RssWatch(joist.pid) as watch:
        assert curl("/count", "-X", "POST", "-T", source) == str(BIG).encode()
    source.unlink()
    if not net.SANITIZED:
        assert watch.top < RSS_MAX


def test_prior_knowledge(plain_port, joist):
    done = tls.curl("--http2-prior-knowledge", "-w", "%{http_version}",
                    f"http://127.0.0.1:{plain_port}/text")
    assert done.stdout == b"text2", done.stderr


def test_curls_upgrade_is_answered_as_http1(plain_port, joist):
    done = tls.curl("--http2", "-w", "%{http_version}", f"http://127.0.0.1:{plain_port}/text")
    assert done.stdout == b"text1.1", done.stderr


# ---- nghttp and h2load ---------------------------------------------------------------------------

def program(name, *arguments):
    assert shutil.which(name), f"{name} is not installed: tools/deps.sh test"
    return subprocess.run([name, *arguments], capture_output=True, text=True, check=False,
                          timeout=net.PATIENCE_S * 4, stdin=subprocess.DEVNULL)


def test_nghttp_over_tls(joist):
    done = program("nghttp", "-v", "--no-verify-peer", f"https://127.0.0.1:{joist.port}/text")
    assert done.returncode == 0 and "The negotiated protocol: h2" in done.stdout, done.stderr
    assert ":status: 200" in done.stdout and "ENABLE_CONNECT_PROTOCOL(0x08):1" in done.stdout


def test_nghttp_trailers_both_ways(plain_port, joist):
    done = program("nghttp", "-v", f"http://127.0.0.1:{plain_port}/trailers")
    assert "x-sum: 12" in done.stdout, done.stdout


def test_nghttp_with_continuations_and_padding(plain_port, joist):
    done = program("nghttp", "-v", "--continuation", "-b", "100",
                   f"http://127.0.0.1:{plain_port}/text")
    assert ":status: 200" in done.stdout, done.stdout


def test_nghttp_many_urls_on_one_connection(plain_port, joist):
    done = program("nghttp", "-ans", "-m", "50", f"http://127.0.0.1:{plain_port}/text")
    assert done.returncode == 0 and done.stdout.count(" 200 ") == 50, done.stdout


@pytest.mark.parametrize("target", ["/text", "/proxied", "/files/page.txt"])
@pytest.mark.parametrize("secure", [True, False], ids=["tls", "plain"])
def test_h2load(joist, plain_port, secure, target):
    """Many streams on several connections: each is answered, none fails."""
    count = int(2000 / net.SLOW)
    base = f"https://127.0.0.1:{joist.port}" if secure else f"http://127.0.0.1:{plain_port}"
    done = program("h2load", "-n", str(count), "-c", "8", "-m", "32", base + target)
    found = re.search(r"requests: (\d+) total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed, "
                      r"(\d+) errored", done.stdout)
    assert found and found.groups() == (str(count), str(count), "0", "0"), done.stdout

# SPDX-License-Identifier: MIT
"""Files of a folder over the wire: what a path leads to, what comes back, what real clients make of it."""
import gzip
import html.parser
import os
import subprocess
import urllib.parse

import pytest

from lib import net
from lib.client import Client, fetch, request_bytes
from lib.server import Joist

SITE = """
[[sites]]
root = "@DIR@/www"
error_pages = { 404 = "/404.html" }
listing = true
[[sites]]
host = "app.test"
root = "@DIR@/www"
spa = true
cache_control = "no-cache"
[[sites]]
host = "gone.test"
root = "@DIR@/later"
[[sites]]
host = "prefix.test"
respond = "outside"
[[sites.routes]]
path = "/files"
root = "@DIR@/www"
strip_prefix = true
listing = true
"""


def put(root, name, content=b"x"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    root = folder / "www"
    put(root, "index.html", b"<p>top")
    put(root, "404.html", b"<p>nothing here")
    put(root, "hello.txt", b"hello")
    put(root, "empty.css", b"")
    put(root, "docs/index.html", b"<p>docs")
    put(root, "list/a b & c.txt", b"1")
    put(root, "list/\u00fcber/x.txt", b"2")
    put(root, "list/50%.txt", b"3")
    put(root, "list/<i>.txt", b"4")
    put(root, "list/a:b.txt", b"5")
    put(root, "list/#1?.txt", b"6")
    put(root, ".env", b"SECRET")
    put(root, ".well-known/security.txt", b"Contact: me")
    put(root, "large.bin", os.urandom(3_000_000))
    plain = put(root, "app.js", b"let a = 1;\n" * 1000)
    put(root, "app.js.gz", gzip.compress(plain.read_bytes()))
    with Joist(folder, SITE) as joist:
        joist.root = root
        yield joist


def test_a_file(site):
    r = fetch(site.port, "/hello.txt")
    assert (r.status, r.body, r.framing) == (200, b"hello", "length")
    assert r.get("content-type") == "text/plain; charset=utf-8"
    assert r.all("content-length") == ["5"]
    assert r.get("accept-ranges") == "bytes"
    assert r.has("etag") and r.has("last-modified") and r.has("date")


@pytest.mark.parametrize("target, status, body", [
    ("/", 200, b"<p>top"),
    ("/docs/", 200, b"<p>docs"),
    ("/empty.css", 200, b""),
    ("/hel%6Co.txt", 200, b"hello"),
    ("/docs/../hello.txt", 200, b"hello"),
    ("/.well-known/security.txt", 200, b"Contact: me"),
    ("/nothing", 404, b"<p>nothing here"),
    ("/hello.txt/", 404, b"<p>nothing here"),
    ("/.env", 404, b"<p>nothing here"),
    ("/%2eenv", 404, b"<p>nothing here"),
])
def test_paths(site, target, status, body):
    r = fetch(site.port, target)
    assert (r.status, r.body) == (status, body)


@pytest.mark.parametrize("target, location", [
    ("/docs", "/docs/"),
    ("/docs?a=1&b=2", "/docs/?a=1&b=2"),
    ("/list/%C3%BCber", "/list/%C3%BCber/"),
    ("//docs", "/docs/"),
    ("///docs?x", "/docs/?x"),
])
def test_a_folder_without_slash(site, target, location):
    r = fetch(site.port, target)
    assert (r.status, r.get("location")) == (301, location)


def test_a_redirect_keeps_the_prefix_that_the_route_strips(site):
    r = fetch(site.port, "/files/docs", host="prefix.test")
    assert (r.status, r.get("location")) == (301, "/files/docs/")
    assert fetch(site.port, "/files/docs/", host="prefix.test").body == b"<p>docs"
    assert fetch(site.port, "/files/../hello.txt", host="prefix.test").body == b"outside"


def test_many_on_one_connection(site):
    """Files, errors, HEAD and 304 in one pipeline: each answer is whole, and in its place."""
    large = (site.root / "large.bin").read_bytes()
    etag = fetch(site.port, "/hello.txt").get("etag")
    wanted = [("GET", "/hello.txt", (), 200, b"hello"),
              ("HEAD", "/large.bin", (), 200, b""),
              ("GET", "/large.bin", (), 200, large),
              ("GET", "/nothing", (), 404, b"<p>nothing here"),
              ("GET", "/hello.txt", (f"If-None-Match: {etag}",), 304, b""),
              ("GET", "/large.bin", ("Range: bytes=1-9",), 206, large[1:10]),
              ("POST", "/hello.txt", (), 405, None),
              ("OPTIONS", "/hello.txt", (), 204, b""),
              ("GET", "/docs", (), 301, b""),
              ("GET", "/hello.txt", (), 200, b"hello")] * 3
    with Client(site.port) as client:
        client.send(b"".join(request_bytes(m, t, f, b"body" if m == "POST" else None)
                             for m, t, f, _, _ in wanted))
        for method, _, _, status, body in wanted:
            r = client.response(method)
            assert r.status == status
            assert body is None or r.body == body
            if status in (204, 405):
                assert r.get("allow") == "GET, HEAD, OPTIONS"


def test_one_page_application(site):
    for path in ("/users/7", "/docs-not/", "/a/b/c"):
        r = fetch(site.port, path, host="app.test")
        assert (r.status, r.body, r.get("cache-control")) == (200, b"<p>top", "no-cache")
    assert fetch(site.port, "/hello.txt", host="app.test").body == b"hello"
    assert fetch(site.port, "/.env", host="app.test").status == 404


def test_a_missing_root_is_looked_for(site):
    assert fetch(site.port, "/x.txt", host="gone.test").status == 404
    assert "later" in site.errors()
    put(site.folder / "later", "x.txt", b"now")
    net.wait_for(lambda: fetch(site.port, "/x.txt", host="gone.test").body == b"now",
                 "the folder is not found")


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []
        self.tags = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "a":
            self.found.append(dict(attrs)["href"])


@pytest.mark.parametrize("base, host", [("/list/", "test.example"), ("/files/list/", "prefix.test")])
def test_every_link_of_a_listing_works(site, base, host):
    r = fetch(site.port, base, host=host)
    links = Links()
    links.feed(r.body.decode())
    assert r.status == 200 and r.get("content-type") == "text/html; charset=utf-8"
    assert not links.tags & {"script", "img", "link", "iframe"}
    inner = [href for href in links.found if not href.startswith("..")]
    assert len(inner) == 6
    for href in links.found:
        target = urllib.parse.urljoin(f"http://x{base}", href).removeprefix("http://x")
        assert fetch(site.port, target, host=host).status == 200, href


def curl(site, *arguments):
    return subprocess.run(["curl", "-sS", "--max-time", "30", *arguments], check=True,
                          stdout=subprocess.PIPE).stdout


def test_curl_takes_the_compressed_sibling(site, tmp_path):
    url = f"http://127.0.0.1:{site.port}/app.js"
    plain = (site.root / "app.js").read_bytes()
    head = tmp_path / "head"
    assert curl(site, "--compressed", "-D", str(head), url) == plain
    assert "content-encoding: gzip" in head.read_text().lower()
    assert "vary: accept-encoding" in head.read_text().lower()
    assert curl(site, url) == plain
    assert fetch(site.port, "/app.js", fields=("Accept-Encoding: identity;q=0, br",)).status == 406


def test_curl_resumes_a_download(site, tmp_path):
    large = (site.root / "large.bin").read_bytes()
    part = tmp_path / "part"
    part.write_bytes(large[:1_234_567])
    curl(site, "-C", "-", "-o", str(part), f"http://127.0.0.1:{site.port}/large.bin")
    assert part.read_bytes() == large


def test_curl_asks_only_if_changed(site, tmp_path):
    url = f"http://127.0.0.1:{site.port}/hello.txt"
    tag, out = tmp_path / "tag", tmp_path / "out"
    status = ["-w", "%{http_code}", "-o", str(out)]
    assert curl(site, "--etag-save", str(tag), *status, url) == b"200"
    assert curl(site, "--etag-compare", str(tag), *status, url) == b"304"
    out.write_bytes(b"hello")
    os.utime(out, (os.stat(site.root / "hello.txt").st_mtime + 1,) * 2)
    assert curl(site, "-z", str(out), *status, url) == b"304"

# SPDX-License-Identifier: MIT
"""examples/embed: another program with the library inside, through its public headers alone."""
import os
import re
import ssl
import subprocess
import urllib.request
from pathlib import Path

import pytest

from lib.client import Client, fetch
from lib.net import PATIENCE_S
from lib.origin import Origin
from lib.server import BINARY

BUILD = Path(os.environ.get("JOIST_BUILD") or Path(BINARY).parent)
EMBED = BUILD / "examples/embed/embed"
SOURCE = Path(__file__).resolve().parents[2] / "examples/embed/embed.c"


class Embedder:
    """The example as a process. `lines` are what it printed since the port became known."""

    def __init__(self, *arguments, program=EMBED):
        self.process = subprocess.Popen([program, *map(str, arguments)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        first = self.process.stdout.readline()
        match = re.fullmatch(r"listening on (https?)://127\.0\.0\.1:(\d+)\n", first)
        assert match, f"{first!r} {self.process.stderr.read() if not first else ''}"
        self.scheme, self.port = match.group(1), int(match.group(2))
        self.lines = []

    def change(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()
        self.wait_for("changed")

    def wait_for(self, wanted):
        for line in self.process.stdout: # ends with the process; pytest's timeout bounds the rest
            self.lines.append(line.rstrip("\n"))
            if self.lines[-1] == wanted:
                return
        raise AssertionError(f"it ended without {wanted!r}: {self.process.stderr.read()}")

    def end(self):
        out, err = self.process.communicate(timeout=PATIENCE_S)
        self.lines += out.splitlines()
        return self.process.returncode, err


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "index.html").write_text("<p>a page</p>\n")
    return tmp_path


@pytest.fixture
def embed():
    running = []

    def start(*arguments, **options):
        running.append(Embedder(*arguments, **options))
        return running[-1]

    yield start
    for embedder in running:
        if embedder.process.poll() is None:
            embedder.process.kill()
        embedder.process.communicate()


def test_embedded_engine_serves_and_ends(embed, folder):
    embedder = embed(folder)
    assert fetch(embedder.port, "/").body == b"<p>a page</p>\n"
    assert fetch(embedder.port, "/hello").body == b"hello\n"
    assert fetch(embedder.port, "/hello/more").status == 404
    code, err = embedder.end()
    assert code == 0, err
    assert embedder.lines == ["GET / 200", "GET /hello 200", "GET /hello/more 404"]
    assert err == "embed: 3 requests on 3 connections\n"


def test_embedded_engine_changes_under_an_open_connection(embed, folder):
    embedder = embed(folder)
    with Client(embedder.port) as client:
        assert client.get("/hello").body == b"hello\n"
        embedder.change("good morning\n")
        assert client.get("/hello").body == b"good morning\n"
        embedder.change("good night\n")
        assert client.get("/hello").body == b"good night\n"
        code, err = embedder.end() # the idle connection is closed by the drain
        client.expect_closed()
    assert code == 0, err
    assert err == "embed: 3 requests on 1 connections\n"


def test_embedded_engine_proxies(embed, folder):
    with Origin() as origin:
        embedder = embed(folder, origin.url)
        assert fetch(embedder.port, "/api/x").status == 200
        embedder.change("still here\n")
        assert fetch(embedder.port, "/api/y").status == 200
        assert [request.target for request in origin.requests] == ["/api/x", "/api/y"]
        code, err = embedder.end()
    assert code == 0, err


def test_embedded_engine_speaks_tls(embed, folder, pki, tmp_path):
    site = pki.site("localhost")
    both = tmp_path / "both.pem"
    both.write_text(Path(site.cert).read_text() + Path(site.key).read_text())
    embedder = embed(folder, "-", both)
    assert embedder.scheme == "https"
    context = ssl.create_default_context(cafile=pki.ca)
    with urllib.request.urlopen(f"https://localhost:{embedder.port}/hello", context=context,
                                timeout=PATIENCE_S) as response:
        assert response.read() == b"hello\n"
    code, err = embedder.end()
    assert code == 0, err


def test_embedded_engine_says_what_is_wrong(folder):
    done = subprocess.run([EMBED, folder, "ftp://example.com"], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "embed: error: 'ftp://example.com' is no origin" in done.stderr


def test_embedded_engine_serves_beside_a_missing_folder(embed, tmp_path):
    embedder = embed(tmp_path / "missing")
    assert fetch(embedder.port, "/").status == 404
    assert fetch(embedder.port, "/hello").body == b"hello\n"
    code, err = embedder.end()
    assert code == 0, err
    assert "embed: warning: root" in err


# ---- as a stranger builds it ---------------------------------------------------------------------

@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """pkg-config's words about libjoist, installed into a folder."""
    if not (BUILD / "libjoist.so").exists():
        pytest.skip("only the plain build makes what is installed")
    root = tmp_path_factory.mktemp("root")
    done = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = next(root.rglob("joist.pc")).parent

    def say(*words):
        return subprocess.run(
            ["pkg-config", *words, "joist"], text=True, check=True, capture_output=True,
            env={**os.environ, "PKG_CONFIG_PATH": str(folder),
                 "PKG_CONFIG_SYSROOT_DIR": str(root)}).stdout.split()

    return say


@pytest.mark.parametrize("kind", ["static", "archive", "shared"])
def test_it_links_with_what_pkg_config_says(embed, installed, folder, pki, tmp_path, kind):
    words = installed("--cflags", "--libs", *(["--static"] if kind != "shared" else []))
    if kind == "archive":
        words[words.index("-ljoist")] = "-l:libjoist.a"
    program = tmp_path / "app"
    done = subprocess.run(
        ["cc", *(["-static"] if kind == "static" else []), SOURCE, *words, "-pthread", "-o", program],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    needs = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True)
    assert ("libjoist.so" in needs.stdout) == (kind == "shared")
    if kind == "shared":
        return  # the example's own tests run one
    site = pki.site("localhost")
    both = tmp_path / "both.pem"
    both.write_text(Path(site.cert).read_text() + Path(site.key).read_text())
    embedder = embed(folder, "-", both, program=program)
    context = ssl.create_default_context(cafile=pki.ca)
    with urllib.request.urlopen(f"https://localhost:{embedder.port}/hello", context=context,
                                timeout=PATIENCE_S) as response:
        assert response.read() == b"hello\n"
    code, err = embedder.end()
    assert code == 0, err

# SPDX-License-Identifier: MIT
"""Chromium opens a page of a self-signed certificate: HTTP/2, post-quantum, something to see."""
import base64
import hashlib
import json
import shutil
import struct
import subprocess
import zlib

import pytest

from lib import certs, net, tls
from lib.server import Joist

PAGE = """<!doctype html><title>joist</title><style>body{background:#0a0;margin:0}
div{background:#a00;width:200px;height:200px}</style><div></div><script src="/script.js"></script>"""


def key_hash(cert):
    """SHA-256 of the public key, as the browser's flag wants it."""
    pem = certs.run(cert.folder, "x509", "-in", cert.leaf, "-noout", "-pubkey")
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def colours(png):
    """The colours of a PNG with 8 bits a channel, without interlacing."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, head = 8, b"", None
    while at < len(png):
        n, kind = struct.unpack(">I4s", png[at:at + 8])
        if kind == b"IHDR":
            head = struct.unpack(">IIBBBBB", png[at + 8:at + 8 + n])
        elif kind == b"IDAT":
            data += png[at + 8:at + 8 + n]
        at += 12 + n
    width, height, _, kind = head[:4]
    step = {2: 3, 6: 4}[kind]
    raw = zlib.decompress(data)
    before, found = bytes(width * step), set()
    for row in range(height):
        start = row * (width * step + 1)
        line = unfilter(raw[start], bytearray(raw[start + 1:start + 1 + width * step]), before, step)
        found |= {bytes(line[i:i + 3]) for i in range(0, len(line), step * 10)}
        before = line
    return found


def unfilter(kind, line, before, step):
    """PNG 9.2"""
    if kind == 0:
        return line
    for i, value in enumerate(line):
        a = line[i - step] if i >= step else 0
        b = before[i]
        c = before[i - step] if i >= step else 0
        if kind == 4:
            p = a + b - c
            guess = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
        else:
            guess = {1: a, 2: b, 3: (a + b) // 2}[kind]
        line[i] = (value + guess) & 0xff
    return line


@pytest.mark.timeout(200 * net.SLOW)
def test_chromium_opens_the_page(pki, tmp_path):
    browser = shutil.which("chromium")
    assert browser, "chromium is not installed: tools/deps.sh test"
    cert = pki.root.self_signed("self.test", ["self.test", "localhost"])
    files = tmp_path / "www"
    files.mkdir()
    (files / "index.html").write_text(PAGE)
    (files / "script.js").write_text("document.title = 'ran'")
    shot = tmp_path / "shot.png"
    with Joist(tmp_path / "server", '[log]\naccess = { format = "json", path = "stdout" }\n' +
               tls.listener(cert) + f'[[sites]]\nroot = "{files}"\n') as joist:
        done = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
             "--no-proxy-server", "--host-resolver-rules=MAP self.test 127.0.0.1, MAP * ~NOTFOUND",
             f"--user-data-dir={tmp_path / 'profile'}", "--window-size=600,400",
             f"--ignore-certificate-errors-spki-list={key_hash(cert)}",
             f"--screenshot={shot}", f"https://self.test:{joist.port}/"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False,
            cwd=tmp_path, timeout=150 * net.SLOW, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
        said = done.stdout.decode(errors="replace")
        assert shot.exists(), said
        for path in ('"/"', '"/script.js"'):
            line = json.loads(joist.wait_log(path))
            assert (line["status"], line["tls_version"]) == (200, "TLSv1.3")
            assert line["proto"] == "HTTP/2.0"
            assert line["tls_group"] == tls.POST_QUANTUM
            assert line["tls_sni"] == "self.test"
    assert {b"\x00\xaa\x00", b"\xaa\x00\x00"} <= colours(shot.read_bytes()), "not what the page shows"

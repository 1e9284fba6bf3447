# SPDX-License-Identifier: MIT
"""nginx as an origin that speaks HTTP/2 on a plain port."""
import hashlib
import os
import threading

import pytest

from lib import net
from lib.client import Client, chunk, fetch, request_bytes
from lib.nginx import Nginx, find
from lib.server import Joist

SIZE = 3_000_000
CALLS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("h2c")


@pytest.fixture(scope="module")
def h2c(folder):
    if find() is None:
        pytest.skip("nginx is not installed: tools/deps.sh test gets it")
    root = folder / "www"
    root.mkdir()
    root.chmod(0o755)
    (root / "large.bin").write_bytes(os.urandom(SIZE))
    (root / "small.txt").write_text("small\n")
    (folder / "put").mkdir()
    claim = net.PortClaim()
    server = f"""
listen 127.0.0.1:{claim.port} http2;
http2_max_concurrent_streams 8;
root {root};
location /put/ {{ dav_methods PUT; alias {folder}/put/; client_body_temp_path {folder}/tmp-put; }}
location /echo {{ return 200 "$server_protocol $request_method $request_uri $http_host\\n"; }}
location /few {{ keepalive_requests 5; return 200 "few\\n"; }}
"""
    with Nginx(folder / "nginx", server):
        yield claim.port
    claim.release()


@pytest.fixture(scope="module")
def joist(h2c, folder):
    config = f'[[sites]]\nproxy = "h2c://127.0.0.1:{h2c}"'
    with Joist(folder / "joist", config) as running:
        yield running


def test_request_line(joist):
    response = fetch(joist.port, "/echo?a=b")
    assert response.body == b"HTTP/2.0 GET /echo?a=b test.example\n"
    assert response.get("content-length")


def test_large_body(joist, folder):
    want = (folder / "www/large.bin").read_bytes()
    response = fetch(joist.port, "/large.bin")
    assert hashlib.sha256(response.body).digest() == hashlib.sha256(want).digest()


def test_head_and_errors(joist):
    with Client(joist.port) as client:
        client.request("HEAD", "/large.bin")
        response = client.response("HEAD")
        assert response.status == 200 and response.get("content-length") == str(SIZE)
        assert client.get("/none").status == 404
        assert client.get("/small.txt").body == b"small\n"


@pytest.mark.parametrize("chunked", [False, True])
def test_upload(joist, folder, chunked):
    body = os.urandom(SIZE)
    name = "chunked" if chunked else "whole"
    with Client(joist.port) as client:
        if chunked:
            client.send(request_bytes("PUT", f"/put/{name}", ["Transfer-Encoding: chunked"]))
            for i in range(0, SIZE, 65536):
                client.send(chunk(body[i:i + 65536]))
            client.send(b"0\r\n\r\n")
        else:
            client.request("PUT", f"/put/{name}", body=body)
        response = client.response("PUT")
    assert response.status == 201
    assert (folder / "put" / name).read_bytes() == body


def test_more_calls_than_streams(joist, folder):
    """nginx takes 8 at once on a connection."""
    want = hashlib.sha256((folder / "www/large.bin").read_bytes()).digest()
    good = []

    def one():
        good.append(hashlib.sha256(fetch(joist.port, "/large.bin").body).digest() == want)
    threads = [threading.Thread(target=one) for _ in range(CALLS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(net.PATIENCE_S * 4)
    assert good == [True] * CALLS


def test_goaway_loses_nothing(joist):
    """After 5 requests nginx says GOAWAY, each time."""
    with Client(joist.port) as client:
        for _ in range(40):
            assert client.get("/few").body == b"few\n"

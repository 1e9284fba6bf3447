# SPDX-License-Identifier: MIT
"""Real peers: curl in front, nginx behind."""
import hashlib
import os
import subprocess

import pytest

from lib import net
from lib.client import Client
from lib.nginx import Nginx, find
from lib.server import Joist

SIZE = 3_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("peers")


@pytest.fixture(scope="module")
def nginx(folder):
    if find() is None:
        pytest.skip("nginx is not installed: tools/deps.sh test gets it")
    root = folder / "www"
    root.mkdir()
    root.chmod(0o755)
    (root / "large.bin").write_bytes(os.urandom(SIZE))
    (root / "small.txt").write_text("small\n")
    server = f"""
root {root};
location /put/ {{ dav_methods PUT; alias {folder}/put/; client_body_temp_path {folder}/tmp-put; }}
location /echo {{ return 200 "$request_method $request_uri $http_host $http_x_forwarded_for\\n"; }}
location /old {{ keepalive_timeout 0; return 200 "closed\\n"; }}
location /error {{ return 503; }}
location /gzip {{ gzip on; gzip_types text/plain; alias {root}/small.txt; default_type text/plain;
                  gzip_min_length 0; }}
"""
    (folder / "put").mkdir()
    with Nginx(folder / "nginx", server) as running:
        yield running


@pytest.fixture(scope="module")
def joist(nginx, folder):
    with Joist(folder / "joist", f'[[sites]]\nproxy = "{nginx.url}"') as running:
        yield running


def curl(joist, path, *options, check=True):
    done = subprocess.run(
        ["curl", "-sS", "--max-time", str(net.PATIENCE_S), *options,
         f"http://127.0.0.1:{joist.port}{path}"], capture_output=True, check=False,
        env={"PATH": os.environ["PATH"]})
    assert not check or done.returncode == 0, done.stderr.decode()
    return done


def test_small_file(joist):
    assert curl(joist, "/small.txt").stdout == b"small\n"


def test_large_file_is_the_same(joist, folder):
    expected = hashlib.sha256((folder / "www/large.bin").read_bytes()).digest()
    assert hashlib.sha256(curl(joist, "/large.bin").stdout).digest() == expected


def test_many_files_on_one_connection(joist):
    urls = [f"http://127.0.0.1:{joist.port}/small.txt"] * 49
    done = curl(joist, "/small.txt", *urls, "-w", "%{num_connects}\n")
    assert done.stdout.count(b"small\n") == 50
    assert done.stdout.count(b"\n1\n") == 1, "one connect for all"


def test_range_passes(joist, folder):
    expected = (folder / "www/large.bin").read_bytes()[1000:2001]
    assert curl(joist, "/large.bin", "-r", "1000-2000").stdout == expected


def test_conditional_request_passes(joist):
    head = curl(joist, "/small.txt", "-I").stdout.decode()
    etag = next(line for line in head.split("\r\n") if line.lower().startswith("etag:"))[6:]
    done = curl(joist, "/small.txt", "-H", f"If-None-Match: {etag}", "-w", "%{http_code}")
    assert done.stdout == b"304"


def test_upload_with_expect(joist, folder):
    """curl waits for 100 (Continue) with bodies above 1 MB."""
    data = os.urandom(SIZE)
    (folder / "up.bin").write_bytes(data)
    done = curl(joist, "/put/up.bin", "-T", str(folder / "up.bin"), "-w", "%{http_code}", "-v")
    assert done.stdout == b"201" or done.stdout == b"204"
    assert b"100 Continue" in done.stderr
    assert (folder / "put/up.bin").read_bytes() == data


def test_upload_from_a_pipe_is_chunked(joist, folder):
    data = os.urandom(SIZE)
    done = subprocess.run(
        ["curl", "-sS", "-T", "-", "-H", "Expect:", "-w", "%{http_code}",
         f"http://127.0.0.1:{joist.port}/put/pipe.bin"],
        input=data, capture_output=True, check=True)
    assert done.stdout in (b"201", b"204")
    assert (folder / "put/pipe.bin").read_bytes() == data


def test_request_seen_by_nginx(joist):
    seen = curl(joist, "/echo?a=b", "-H", "Host: site.test").stdout.decode().split()
    assert seen == ["GET", "/echo?a=b", "site.test", "127.0.0.1"]


def test_http_1_0_client(joist):
    assert curl(joist, "/small.txt", "-0").stdout == b"small\n"


def test_head(joist):
    assert b"Content-Length: 6" in curl(joist, "/small.txt", "-I").stdout


def test_origin_that_closes_each_time(joist):
    with Client(joist.port) as client:
        for _ in range(10):
            assert client.get("/old").body == b"closed\n"


def test_compressed_and_chunked_origin(joist):
    assert curl(joist, "/gzip", "--compressed").stdout == b"small\n"


def test_errors_of_the_origin_pass(joist):
    done = curl(joist, "/error", "-w", "%{http_code}")
    assert done.stdout.endswith(b"503") and b"nginx" in done.stdout
    assert curl(joist, "/nothing", "-o", os.devnull, "-w", "%{http_code}").stdout == b"404"


def test_refused_upload(joist, folder):
    """nginx answers 405 to a POST on a file before it has read the body."""
    (folder / "up2.bin").write_bytes(os.urandom(SIZE))
    done = curl(joist, "/small.txt", "--data-binary", f"@{folder / 'up2.bin'}",
                "-o", os.devnull, "-w", "%{http_code}")
    assert done.stdout == b"405"

# SPDX-License-Identifier: MIT
"""PROXY protocol to origins: each connection begins with the client's name and serves one call."""
import ipaddress
import socket
import subprocess
import threading

import pytest

from lib import net, proxy_protocol as pp, tls
from lib.client import Client, chunk, fetch, request_bytes
from lib.h2 import H2Client, server_context
from lib.http1 import Reader
from lib.nginx import Nginx, find
from lib.origin import Origin, serve_ok
from lib.server import BINARY

VERSIONS = ["v1", "v2"]


def read_header(exact, version):
    """(source, port)."""
    if version == "v2":
        return pp.read_v2(exact)
    line = b""
    while not line.endswith(b"\r\n"):
        line += exact(1)
    words = line[:-2].decode().split(" ")
    assert words[0] == "PROXY" and len(line) <= 107
    if words[1] == "UNKNOWN":
        return None
    assert words[1] in ("TCP4", "TCP6") and len(words) == 6
    return str(ipaddress.ip_address(words[2])), int(words[4])


class Named:
    """A script for Origin: takes the header, then `then(conn)`; `clients` are whom they named."""

    def __init__(self, version, then=serve_ok):
        self.version = version
        self.then = then
        self.clients = []

    def script(self, conn):
        self.clients.append(read_header(lambda n: conn.reader.exact(n, "header"), self.version))
        self.then(conn)


class NamedTls(tls.TlsOrigin):
    """The header comes before TLS."""

    def __init__(self, version, made, **options):
        self.version = version
        self.clients = []
        super().__init__(serve_ok, made, **options)

    def run(self, conn):
        def exact(n):
            data = b""
            while len(data) < n:
                more = conn.sock.recv(n - len(data))
                assert more, "the connection ended within the header"
                data += more
            return data

        try:
            self.clients.append(read_header(exact, self.version))
        except (AssertionError, OSError) as error:
            self.errors.append(error)
            return
        super().run(conn)


def config(url, version, more="", before="[server]\nthreads = 1\n"):
    return (f'{before}[upstreams.app]\n'
            f'targets = [{{ url = "{url}", proxy_protocol = "{version}"{more} }}]\n'
            '[[sites]]\nproxy = "app"\n')


def bound(port, host="127.0.0.1"):
    """A client from an address of its own; returns it and its port."""
    client = Client.__new__(Client)
    sock = socket.socket()
    sock.settimeout(net.PATIENCE_S)
    sock.bind((host, 0))
    sock.connect(("127.0.0.1", port))
    client.sock, client.reader = sock, Reader(sock)
    return client, sock.getsockname()[1]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_request_is_named(run_joist, version):
    named = Named(version)
    with Origin(named.script) as origin:
        joist = run_joist(config(origin.url, version))
        expected = []
        for host in ("127.0.0.3", "127.0.0.4"):
            client, port = bound(joist.port, host)
            with client:
                for _ in range(3):
                    assert client.get().status == 200
                    expected.append((host, port))
        assert named.clients == expected
        for number in range(6):
            origin.wait_conn_end(number)
        assert len(origin.conns) == 6, "a connection for each request, none is kept"


@pytest.mark.parametrize("version", VERSIONS)
def test_clients_at_once_are_not_mixed(run_joist, version):
    named = []

    def script(conn):
        source = read_header(lambda n: conn.reader.exact(n, "header"), version)
        request = conn.request()
        named.append((source[1], int(request.target[1:])))
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert conn.request() is None

    def run(port, failures):
        try:
            for _ in range(20):
                client, own = bound(port)
                with client:
                    assert client.get(f"/{own}").status == 200
        except (AssertionError, OSError) as error:
            failures.append(error)

    with Origin(script) as origin:
        joist = run_joist(config(origin.url, version, before="[server]\nthreads = 2\n"))
        failures = []
        threads = [threading.Thread(target=run, args=(joist.port, failures)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures[0]
        assert len(named) == 160 and all(a == b for a, b in named)


@pytest.mark.parametrize("version", VERSIONS)
def test_ahead_of_tls(run_joist, pki, version):
    with NamedTls(version, server_context(pki.site("a.test"), ("h2", "http/1.1"))) as origin:
        joist = run_joist(config(origin.url, version, f', ca = "{pki.ca}", sni = "a.test"'))
        for round_ in range(3):
            client, port = bound(joist.port, "127.0.0.9")
            with client:
                client.request("POST", "/", ("Transfer-Encoding: chunked",))
                client.send(chunk(b"x" * 100000) + chunk(b""))
                assert client.response("POST").status == 200
            assert origin.clients[round_] == ("127.0.0.9", port)
        assert len(origin.last().body) == 100000
        assert [h["alpn"] for h in origin.handshakes] == ["http/1.1"] * 3, "HTTP/2 is not offered"
        assert origin.names == ["a.test"] * 3


def test_origin_of_tls_that_is_not_verified(run_joist, pki):
    with NamedTls("v2", server_context(pki.expired("a.test"), ("http/1.1",))) as origin:
        joist = run_joist(config(origin.url, "v2", f', ca = "{pki.ca}", sni = "a.test"'))
        assert fetch(joist.port).status == 502
        assert "expired" in joist.wait_log("UPSTREAM_TLS_FAILED")
        assert not origin.requests


def test_two_families(run_joist):
    """A client of IPv6 on a port of both."""
    named = Named("v2")
    with Origin(named.script) as origin:
        joist = run_joist('[[listeners]]\nbind = ":@PORT@"\n' + config(origin.url, "v2"))
        for host, source in (("127.0.0.1", "127.0.0.1"), ("::1", "::1")):
            with Client(joist.port, host=host) as client:
                assert client.get().status == 200
            assert named.clients[-1][0] == source, "no ::ffff: in front of IPv4"


def test_through_both_sides(run_joist):
    named = Named("v1")
    with Origin(named.script) as origin:
        joist = run_joist('[[listeners]]\nbind = "127.0.0.1:@PORT@"\nproxy_protocol = true\n'
                          'alpn = ["h2", "http/1.1"]\n' + config(origin.url, "v1"))
        for source, told in (("192.0.2.1", "192.0.2.1"), ("2001:db8::5", "2001:db8::5")):
            with Client(joist.port) as client:
                client.send(pp.v2(source, "2001:db8::1" if ":" in source else "198.51.100.1",
                                  ports=(4321, 80)))
                assert client.get().status == 200
            assert named.clients[-1] == (told, 4321)
        sock = socket.create_connection(("127.0.0.1", joist.port), net.PATIENCE_S)
        sock.sendall(pp.v1("192.0.2.7", ports=(7, 80)))
        with H2Client(sock) as client:
            streams = [client.request() for _ in range(10)]
            while not all(client.streams[s].over for s in streams):
                client.frame()
        assert named.clients[2:] == [("192.0.2.7", 7)] * 10
        with Client(joist.port) as client:
            client.send(pp.v2_raw(pp.PROXY, pp.UNIX, bytes(216)))
            assert client.get().status == 200
        assert named.clients[-1] is None, "a Unix socket has no address to tell"


def test_tunnel(run_joist):
    def switch(conn):
        conn.request()
        conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                  b"Upgrade: raw/1\r\n\r\n")
        conn.send(conn.reader.exact(5, "tunnel"))
        conn.wait_end()

    named = Named("v2", switch)
    with Origin(named.script) as origin:
        joist = run_joist(config(origin.url, "v2"))
        client, port = bound(joist.port)
        with client:
            client.request("GET", "/", ("Connection: Upgrade", "Upgrade: raw/1"))
            assert client.reader.response_head().status == 101
            client.send(b"hello")
            assert client.reader.exact(5, "echo") == b"hello"
        assert named.clients == [("127.0.0.1", port)]
        origin.wait_conn_end()


def test_unix_origin(run_joist, tmp_path):
    path = tmp_path / "origin.sock"
    found = []

    def serve(listener):
        sock, _ = listener.accept()
        with sock:
            data = b""
            while b"\r\n\r\n" not in data:
                data += sock.recv(65536)
            found.append(data)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        joist = run_joist(config(f"unix:{path}", "v1"))
        assert fetch(joist.port).status == 200
        thread.join(net.PATIENCE_S)
    line, rest = found[0].split(b"\r\n", 1)
    assert line.startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")
    assert line.endswith(f" {joist.port}".encode()), "what the client has connected to"
    assert rest.startswith(b"GET / HTTP/1.1\r\n")


def test_origin_that_refuses(run_joist):
    claim = net.PortClaim()
    joist = run_joist(config(f"http://127.0.0.1:{claim.port}", "v2"))
    for _ in range(3):
        assert fetch(joist.port).status == 502
    claim.release()


def test_origin_that_closes_at_the_header(run_joist):
    with Origin(lambda conn: conn.close()) as origin:
        joist = run_joist(config(origin.url, "v2"))
        assert fetch(joist.port).status == 502
        assert fetch(joist.port, method="POST", body=b"x" * 1000).status == 502


def test_config_errors(tmp_path):
    def refused(text):
        file = tmp_path / "c.toml"
        file.write_text(text)
        done = subprocess.run([BINARY, "config", "validate", file], capture_output=True, text=True,
                              check=False)
        assert done.returncode != 0
        return done.stderr + done.stdout

    assert "HTTP/2" in refused(config("h2c://127.0.0.1:1", "v2"))
    assert "v3" in refused(config("http://127.0.0.1:1", "v3"))
    listener = '[[sites]]\nrespond = "ok"\n[[listeners]]\nbind = ":8080"\n'
    assert "proxy_protocol" in refused(listener + 'proxy_protocol_from = ["10.0.0.0/8"]\n')
    assert "10.0.0.0/99" in refused(
        listener + 'proxy_protocol = true\nproxy_protocol_from = ["10.0.0.0/99"]\n')
    assert '"v1"' in refused(listener + 'proxy_protocol = "v3"\n')
    assert "true, false" in refused(listener + "proxy_protocol = 1\n")


needs_nginx = pytest.mark.skipif(find() is None,
                                 reason="nginx is not there: tools/deps.sh test gets it")


@needs_nginx
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nginx(run_joist, pki, tmp_path, version, scheme):
    claim = net.PortClaim()
    cert = pki.site("a.test")
    secure = "" if scheme == "http" else "ssl"
    server = (f"listen 127.0.0.1:{claim.port} proxy_protocol {secure};\n"
              f"ssl_certificate {cert.cert}; ssl_certificate_key {cert.key};\n"
              "location / { return 200 '$proxy_protocol_addr $proxy_protocol_port "
              "$proxy_protocol_server_port $scheme'; }")
    more = f', ca = "{pki.ca}", sni = "a.test"' if secure else ""
    with Nginx(tmp_path / "nginx", server):
        joist = run_joist(config(f"{scheme}://127.0.0.1:{claim.port}", version, more))
        for host in ("127.0.0.1", "127.0.0.8"):
            client, port = bound(joist.port, host)
            with client:
                for _ in range(3):
                    assert client.get().body.decode() == f"{host} {port} {joist.port} {scheme}"
    claim.release()


def test_request_goes_with_the_header(run_joist):
    """No round trip is spent on it."""
    first = []

    def script(conn):
        conn.reader.fill()
        first.append(bytes(conn.reader.buf))
        read_header(lambda n: conn.reader.exact(n, "header"), "v2")
        serve_ok(conn)

    with Origin(script) as origin:
        joist = run_joist(config(origin.url, "v2"))
        assert fetch(joist.port).status == 200
        assert request_bytes("GET", "/")[:14] in first[0]

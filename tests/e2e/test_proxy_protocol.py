# SPDX-License-Identifier: MIT
"""PROXY protocol of listeners: whom a load balancer speaks for, on plain, TLS and HTTP/2 ports."""
import json
import socket
import ssl
import subprocess

import pytest

from lib import net, proxy_protocol as pp, tls
from lib.client import Client, fetch, request_bytes
from lib.h2 import H2Client
from lib.origin import Origin
from lib.server import Joist

BOTH = 'alpn = ["h2", "http/1.1"]'
GET = request_bytes("GET", "/", ("Connection: close",))


def config(origin, options="proxy_protocol = true", before="[server]\nthreads = 1\n", tls_of=None):
    listener = f'[[listeners]]\nbind = "127.0.0.1:@PORT@"\n{BOTH}\n{options}\n'
    if tls_of:
        listener += f"[listeners.tls]\n{tls_of.toml()}\n"
    return f'{before}{listener}[[sites]]\nproxy = "{origin.url}"\n'


def ask(port, header, request=GET):
    """The response, or None: closed without one."""
    with Client(port) as client:
        client.send(header + request)
        if not client.reader.fill():
            return None
        return client.response()


def seen(origin):
    return origin.last().get("x-forwarded-for")


HEADERS = [
    ("v1", pp.v1(), "192.0.2.1"),
    ("v1-ip6", pp.v1("2001:db8::7", "2001:db8::1"), "2001:db8::7"),
    ("v1-unknown", b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    ("v1-unknown-more", b"PROXY UNKNOWN 192.0.2.1 something else\r\n", "127.0.0.1"),
    ("v2", pp.v2(), "192.0.2.1"),
    ("v2-ip6", pp.v2("2001:db8::7", "2001:db8::1"), "2001:db8::7"),
    ("v2-local", pp.v2_raw(pp.LOCAL, 0), "127.0.0.1"),
    ("v2-unspec", pp.v2_raw(pp.PROXY, 0), "127.0.0.1"),
    ("v2-extensions", pp.v2(extensions=b"\x02\0\x04name" + b"\x04\x0f\0" + bytes(0xf00)),
     "192.0.2.1"),
]


@pytest.mark.parametrize("name,header,client", HEADERS, ids=[h[0] for h in HEADERS])
def test_names_the_client(run_joist, name, header, client):
    with Origin() as origin:
        joist = run_joist(config(origin))
        assert ask(joist.port, header).status == 200
        assert seen(origin) == client


@pytest.mark.parametrize("header", [pp.v1(), pp.v2()], ids=["v1", "v2"])
def test_before_tls(run_joist, pki, header):
    with Origin() as origin:
        joist = run_joist(config(origin, tls_of=pki.site("a.test")))
        for alpn in (["http/1.1"], ["h2"]):
            sock = socket.create_connection(("127.0.0.1", joist.port), net.PATIENCE_S)
            # The header and the ClientHello in one piece: the first bytes of TLS are behind it.
            made = tls.context(pki.ca, alpn)
            into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
            session = made.wrap_bio(into, out, server_hostname="a.test")
            with pytest.raises(ssl.SSLWantReadError):
                session.do_handshake()
            sock.sendall(header + out.read())
            while True:
                into.write(sock.recv(65536))
                try:
                    session.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    pass
                finally:
                    if out.pending:
                        sock.sendall(out.read())
            assert session.selected_alpn_protocol() == alpn[0]
            sock.close()
        done = curl(joist, pki, "--haproxy-protocol", "--http2", f"https://a.test:{joist.port}/")
        assert done == "ok"
        assert seen(origin) == "127.0.0.1", "curl speaks for itself"


def curl(joist, pki, *arguments):
    done = subprocess.run(["curl", "-sS", "--max-time", str(net.PATIENCE_S), "--cacert", pki.ca,
                           "--resolve", f"a.test:{joist.port}:127.0.0.1", *arguments],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def tls_client(port, header, pki, alpn):
    sock = socket.create_connection(("127.0.0.1", port), net.PATIENCE_S)
    sock.sendall(header)
    return tls.context(pki.ca, alpn).wrap_socket(sock, server_hostname="a.test")


def test_clients_over_tls(run_joist, pki):
    with Origin() as origin:
        joist = run_joist(config(origin, tls_of=pki.site("a.test")))
        with tls_client(joist.port, pp.v2("192.0.2.5"), pki, ["http/1.1"]) as sock:
            sock.sendall(request_bytes(host="a.test", fields=("Connection: close",)))
            assert sock.recv(12) == b"HTTP/1.1 200"
        assert seen(origin) == "192.0.2.5"
        with H2Client(tls_client(joist.port, pp.v1("192.0.2.6"), pki, ["h2"])) as client:
            for _ in range(3):
                stream = client.request(authority="a.test")
                while not client.streams[stream].over:
                    client.frame()
                assert client.streams[stream].status == 200
                assert seen(origin) == "192.0.2.6"


@pytest.mark.parametrize("header", [pp.v1("192.0.2.9"), pp.v2("192.0.2.9")], ids=["v1", "v2"])
def test_before_h2c(run_joist, header):
    with Origin() as origin:
        joist = run_joist(config(origin))
        sock = socket.create_connection(("127.0.0.1", joist.port), net.PATIENCE_S)
        # The preface goes along with the header.
        client = H2Client(sock, greet=False)
        client.send_raw(header + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0")
        with client:
            stream = client.request()
            while not client.streams[stream].over:
                client.frame()
            assert client.streams[stream].status == 200
        assert seen(origin) == "192.0.2.9"


def test_h2_alone_behind_a_header(run_joist):
    with Origin() as origin:
        text = config(origin).replace(BOTH, 'alpn = ["h2"]')
        joist = run_joist(text)
        sock = socket.create_connection(("127.0.0.1", joist.port), net.PATIENCE_S)
        sock.sendall(pp.v2())
        with H2Client(sock) as client:
            stream = client.request()
            while not client.streams[stream].over:
                client.frame()
            assert client.streams[stream].status == 200


def test_curl(run_joist, pki):
    with Origin() as origin:
        joist = run_joist(config(origin))
        url = f"http://127.0.0.1:{joist.port}/"
        assert curl(joist, pki, "--haproxy-protocol", url) == "ok"
        assert curl(joist, pki, "--haproxy-protocol", "--http2-prior-knowledge", url) == "ok"
        assert seen(origin) == "127.0.0.1"


@pytest.mark.parametrize("header", [pp.v1(), pp.v2(), pp.v2("2001:db8::7", "::1")],
                         ids=["v1", "v2", "v2-ip6"])
def test_every_cut(run_joist, header):
    with Origin() as origin:
        joist = run_joist(config(origin))
        data = header + GET
        # One thread serves all: when another's request is answered, the first piece was seen.
        with Client(joist.port) as other:
            other.send(pp.v1("203.0.113.1"))
            for cut in range(1, len(header) + 3):
                with Client(joist.port) as client:
                    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    client.send(data[:cut])
                    assert other.get().status == 200
                    client.send(data[cut:])
                    assert client.response().status == 200
                assert seen(origin) in ("192.0.2.1", "2001:db8::7"), f"cut at {cut}"


def test_byte_by_byte(run_joist):
    with Origin() as origin:
        joist = run_joist(config(origin))
        with Client(joist.port) as client:
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in pp.v2("192.0.2.77") + GET:
                client.send(bytes((byte,)))
            assert client.response().status == 200
        assert seen(origin) == "192.0.2.77"


BAD = [
    ("none", b""),
    ("tls", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
    ("v1-lower", b"proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n"),
    ("v1-address", b"PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n"),
    ("v1-port", b"PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n"),
    ("v1-newline", b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n"),
    ("v1-long", b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n"),
    ("v2-version", pp.SIGNATURE + b"\x31\x11\0\x0c" + bytes(12)),
    ("v2-datagram", pp.v2_raw(pp.PROXY, 0x12, bytes(12))),
    ("v2-short", pp.v2_raw(pp.PROXY, pp.TCP4, bytes(11))),
    ("v2-long", pp.v2_raw(pp.LOCAL, 0, bytes(4081))),
    ("v2-extension", pp.v2(extensions=b"\x02\0\x09name")),
    ("v2-checksum", pp.v2(extensions=b"\x03\0\x04" + bytes(4))),
]


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    with Origin() as origin:
        with Joist(tmp_path_factory.mktemp("strict"), config(origin)) as joist:
            yield joist, origin


@pytest.mark.parametrize("name,header", BAD, ids=[b[0] for b in BAD])
def test_wrong_header(strict, name, header):
    joist, origin = strict
    before = len(origin.requests)
    with Client(joist.port) as good:
        good.send(pp.v1())
        assert good.get().status == 200
        assert ask(joist.port, header) is None
        assert good.get().status == 200, "others are served on"
    assert len(origin.requests) == before + 2
    joist.wait_log("PROXY_FAILED")


def test_second_header_is_no_header(strict):
    joist, _ = strict
    with Client(joist.port) as client:
        client.send(pp.v1() + pp.v1() + GET)
        assert client.response().status == 400


def test_cut_short(run_joist):
    with Origin() as origin:
        joist = run_joist(config(origin))
        with Client(joist.port) as client:
            client.send(pp.v2()[:20])
            client.finish_sending()
            client.expect_closed()
        joist.wait_log("the header is cut short")


def test_check_of_a_load_balancer_is_no_failure(run_joist):
    with Origin() as origin:
        joist = run_joist(config(origin))
        for end in (Client.close, Client.reset):
            end(Client(joist.port))
        assert ask(joist.port, pp.v1()).status == 200
        assert "PROXY_FAILED" not in joist.errors()


@pytest.mark.parametrize("start", [b"", b"PROXY TCP4 192.0", pp.v2()[:14]],
                         ids=["nothing", "v1", "v2"])
def test_slow_header(run_joist, start):
    with Origin() as origin:
        ms = net.short_ms(400)
        joist = run_joist(config(origin) + f'[timeouts]\nheader = "{ms}ms"\n')
        with Client(joist.port) as slow, Client(joist.port) as good:
            slow.send(start)
            good.send(pp.v1())
            assert good.get().status == 200
            slow.expect_closed()
        joist.wait_log("took too long")


def test_versions(run_joist):
    with Origin() as origin:
        for version, right, wrong in (("v1", pp.v1(), pp.v2()), ("v2", pp.v2(), pp.v1())):
            joist = run_joist(config(origin, f'proxy_protocol = "{version}"'))
            assert ask(joist.port, right).status == 200
            assert ask(joist.port, wrong) is None


def test_from_elsewhere_is_plain(run_joist):
    with Origin() as origin:
        joist = run_joist(config(
            origin, 'proxy_protocol = true\nproxy_protocol_from = ["10.0.0.0/8", "fd00::/8"]'))
        assert fetch(joist.port).status == 200
        assert seen(origin) == "127.0.0.1"
        assert ask(joist.port, pp.v1()).status == 400, "a stranger's header is no HTTP"
        joist = run_joist(config(
            origin, 'proxy_protocol = true\nproxy_protocol_from = ["127.0.0.0/8"]'))
        assert ask(joist.port, pp.v1()).status == 200
        assert seen(origin) == "192.0.2.1"
        assert ask(joist.port, b"") is None


def test_unix_listener(run_joist, tmp_path):
    path = tmp_path / "in.sock"
    with Origin() as origin:
        text = ('[[listeners]]\nbind = "127.0.0.1:@PORT@"\n'
                f'[[listeners]]\nbind = "unix:{path}"\nproxy_protocol = "v2"\n'
                'proxy_protocol_from = ["10.0.0.0/8"]\n'
                f'[[sites]]\nproxy = "{origin.url}"\n')
        run_joist(text).wait_log(f"addr=unix:{path}")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(net.PATIENCE_S)
            sock.connect(str(path))
            sock.sendall(pp.v2("192.0.2.8") + GET)
            assert sock.recv(12) == b"HTTP/1.1 200"
        assert seen(origin) == "192.0.2.8"


def test_log_names_the_client(run_joist):
    with Origin() as origin:
        joist = run_joist(config(origin) +
                          '[log]\nlevel = "info"\naccess = { format = "json" }\n')
        assert ask(joist.port, pp.v2("192.0.2.3", ports=(1234, 80))).status == 200
        line = json.loads(joist.wait_log('"status":200'))
        assert line["client_addr"] == line["remote_addr"] == "192.0.2.3"
        assert line["client_port"] == 1234


def test_limit_counts_the_client(run_joist):
    with Origin() as origin:
        joist = run_joist(config(origin, before="[server]\nthreads = 1\n"
                                                "[limits]\nconns_per_ip = 2\n"))
        held = []
        for source in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3"):
            client = Client(joist.port)
            client.send(pp.v2(source))
            assert client.get().status == 200
            held.append(client)
        assert ask(joist.port, pp.v2("192.0.2.2")) is None, "its third"
        joist.wait_log("CONNS_LIMIT")
        held.pop(0).close()
        net.wait_for(lambda: ask(joist.port, pp.v2("192.0.2.1")), "a place that came free")
        for client in held:
            assert client.get().status == 200
            client.close()


def test_trusted_proxies_looks_at_the_header(run_joist):
    with Origin() as origin:
        joist = run_joist(config(origin, before='[server]\nthreads = 1\n'
                                                'trusted_proxies = ["192.0.2.0/24"]\n'))
        request = request_bytes(fields=("X-Forwarded-For: 203.0.113.5", "Connection: close"))
        assert ask(joist.port, pp.v1("192.0.2.1"), request).status == 200
        assert seen(origin) == "203.0.113.5, 192.0.2.1"
        assert ask(joist.port, pp.v1("198.51.100.1"), request).status == 200
        assert seen(origin) == "198.51.100.1"


needs_haproxy = pytest.mark.skipif(pp.find_haproxy() is None,
                                   reason="haproxy is not there: tools/deps.sh bench gets it")


@needs_haproxy
@pytest.mark.parametrize("options", ["send-proxy", "send-proxy-v2",
                                     "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
def test_behind_haproxy(run_joist, pki, tmp_path, options):
    with Origin() as origin:
        for made in (None, pki.site("a.test")):
            joist = run_joist(config(origin, tls_of=made))
            folder = tmp_path / ("tls" if made else "plain")
            folder.mkdir()
            with pp.Haproxy(folder, joist.port, options) as front:
                with socket.socket() as sock:
                    sock.settimeout(net.PATIENCE_S)
                    sock.bind(("127.0.0.5", 0))
                    sock.connect(("127.0.0.1", front.port))
                    if made:
                        sock = tls.context(pki.ca).wrap_socket(sock, server_hostname="a.test")
                    with sock:
                        sock.sendall(GET)
                        assert sock.recv(12) == b"HTTP/1.1 200"
                assert seen(origin) == "127.0.0.5"


@needs_haproxy
def test_health_checks_of_haproxy(run_joist, tmp_path):
    with Origin() as origin:
        joist = run_joist(config(origin))
        options = "send-proxy-v2 check check-send-proxy inter 50ms"
        with pp.Haproxy(tmp_path, joist.port, options) as front:
            for _ in range(20):
                assert fetch(front.port).status == 200
        assert "PROXY_FAILED" not in joist.errors()


def test_drain_ends_who_says_nothing(run_joist):
    with Origin() as origin:
        joist = run_joist(config(origin))
        with Client(joist.port) as silent, Client(joist.port) as good:
            silent.send(b"PROXY ")
            good.send(pp.v1())
            assert good.get().status == 200
            joist.signal()
            silent.expect_closed()

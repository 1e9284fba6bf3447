# SPDX-License-Identifier: MIT
"""Where it listens and where origins are: both families, names, Unix sockets, base paths."""
import os
import socket
import stat

import pytest

from lib import net
from lib.client import Client, fetch
from lib.http1 import Reader
from lib.origin import OK, Origin


def ipv6_works():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not ipv6_works(), reason="this machine has no IPv6 loopback")


def ask_unix(path, host="test.example"):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(net.PATIENCE_S)
        sock.connect(str(path))
        sock.sendall(f"GET /unix HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return Reader(sock).response()


@needs_ipv6
def test_ipv6_client(run_joist):
    with Origin() as origin:
        joist = run_joist('[[listeners]]\nbind = "127.0.0.1:@PORT@"\n'
                          '[[listeners]]\nbind = "[::1]:@PORT@"\n'
                          f'[[sites]]\nproxy = "{origin.url}"')
        with Client(joist.port, host="::1") as client:
            assert client.get("/six", host="[::1]:80").status == 200
        request = origin.last()
        assert request.get("x-forwarded-for") == "::1"
        assert 'for="[::1]"' in request.get("forwarded"), "RFC 7239 6: quoted, in brackets"
        assert 'host="[::1]:80"' in request.get("forwarded")


@needs_ipv6
def test_port_alone_means_both_families(run_joist):
    with Origin() as origin:
        joist = run_joist(f'[[listeners]]\nbind = ":@PORT@"\n[[sites]]\nproxy = "{origin.url}"')
        for host in ("127.0.0.1", "::1"):
            with Client(joist.port, host=host) as client:
                assert client.get().status == 200
            assert origin.last().get("x-forwarded-for") == host, "no ::ffff: in front of IPv4"


def test_several_listeners_serve_the_same(run_joist):
    claim = net.PortClaim()
    joist = run_joist('[[listeners]]\nbind = "127.0.0.1:@PORT@"\n'
                      f'[[listeners]]\nbind = "127.0.0.1:{claim.port}"\n[[sites]]\nrespond = "ok"')
    for port in (joist.port, claim.port):
        assert fetch(port).body == b"ok"
    claim.release()


def test_unix_listener(run_joist, tmp_path):
    path = tmp_path / "joist.sock"
    with Origin() as origin:
        joist = run_joist('[[listeners]]\nbind = "127.0.0.1:@PORT@"\n'
                          f'[[listeners]]\nbind = "unix:{path}"\n[[sites]]\nproxy = "{origin.url}"')
        joist.wait_log(f"addr=unix:{path}")
        for _ in range(20):
            assert ask_unix(path).status == 200
        assert origin.last().target == "/unix"
        joist.stop()
        assert not path.exists(), "the socket's file goes with its server"


def test_unix_listener_replaces_a_dead_socket_but_no_file(run_joist, tmp_path):
    path = tmp_path / "joist.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    run_joist('[[listeners]]\nbind = "127.0.0.1:@PORT@"\n'
              f'[[listeners]]\nbind = "unix:{path}"\n[[sites]]\nrespond = "ok"')
    assert ask_unix(path).body == b"ok"


def test_unix_listener_refuses_newcomers_while_draining(run_joist, tmp_path):
    path = tmp_path / "joist.sock"

    def wait(conn):
        while True:
            request = conn.request()
            if request is None:
                return
            if request.target == "/wait":
                conn.origin.wait(lambda: conn.origin.go, "go")
            conn.send(OK)

    with Origin(wait) as origin:
        origin.go = False
        joist = run_joist('[server]\nthreads = 2\ndrain = "20s"\n'
                          '[[listeners]]\nbind = "127.0.0.1:@PORT@"\n'
                          f'[[listeners]]\nbind = "unix:{path}"\n[[sites]]\nproxy = "{origin.url}"')
        with Client(joist.port) as client:
            client.request("GET", "/wait")
            origin.wait_requests(1)
            joist.signal()

            def refused():
                """Refused, gone, or closed without an answer; a hang is none of these."""
                try:
                    ask_unix(path)
                except TimeoutError:
                    raise
                except Exception:
                    return True
                return False

            net.wait_for(refused, "newcomers are refused")
            with origin.changed:
                origin.go = True
                origin.changed.notify_all()
            assert client.response().status == 200
        assert joist.wait() == 0


def test_localhost_by_name(run_joist):
    """A name with several addresses: the origin listens on one family only."""
    with Origin() as origin:
        joist = run_joist(f'[[sites]]\nproxy = "http://localhost:{origin.port}"')
        for _ in range(5):
            assert fetch(joist.port).status == 200


@needs_ipv6
def test_ipv6_origin(run_joist):
    listener = socket.socket(socket.AF_INET6)
    listener.bind(("::1", 0))
    listener.listen(4)
    listener.settimeout(net.PATIENCE_S)
    joist = run_joist(f'[[sites]]\nproxy = "http://[::1]:{listener.getsockname()[1]}/base/"')
    with Client(joist.port) as client:
        client.request("GET", "/x")
        conn, _ = listener.accept()
        with conn:
            conn.settimeout(net.PATIENCE_S)
            assert Reader(conn).request().target == "/base/x"
            conn.sendall(OK)
            assert client.response().status == 200
    listener.close()


def test_origin_that_comes_back_is_used_again(run_joist):
    claim = net.PortClaim()
    joist = run_joist(f'[[sites]]\nproxy = "http://127.0.0.1:{claim.port}"')
    for _ in range(2):
        assert fetch(joist.port).status == 502
        with Origin(port=claim.port):
            assert fetch(joist.port).status == 200
    claim.release()

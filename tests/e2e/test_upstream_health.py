# SPDX-License-Identifier: MIT
"""Health checks of origins that refuse, hang, answer garbage or the wrong thing, die and come back."""
import signal
import socket
import threading

import pytest

from lib import h2, net, nginx, tls
from lib.client import fetch
from lib.nginx import Nginx
from lib.origin import Origin, answer

AGENT = "joist-health/"
HEALTH = '{ path = "/up", interval = "50ms", timeout = "20s", down = 2, up = 2 }'


class Moody:
    """Answers checks as it is told, and requests always well."""

    def __init__(self, name, up=None):
        self.name = name
        self.up = up or answer(b"fine")

    def __call__(self, conn):
        while (request := conn.request()) is not None:
            conn.send(self.up if request.target == "/up" else answer(self.name.encode()))


def hang(conn):
    conn.request()
    conn.wait_end()


def talk_garbage(conn):
    conn.request()
    conn.send(b"\x16\x03\x01 this is no answer\r\n\r\n")


def pool(urls, health=HEALTH, server="threads = 2", extra=""):
    targets = ", ".join(url if url.startswith("{") else f'"{url}"' for url in urls)
    return f"""
[server]
{server}
[upstreams.app]
targets = [{targets}]
health = {health}
{extra}
[[sites]]
proxy = "app"
"""


def names(port, n):
    """Who answered; each answer must be good."""
    got = [fetch(port) for _ in range(n)]
    assert all(r.status == 200 for r in got), [r.status for r in got]
    return {r.body.decode() for r in got}


def wait_down(joist, port):
    return joist.wait_log(f"UPSTREAM_DOWN upstream=app target=127.0.0.1:{port} ")


def wait_up(joist, port):
    return joist.wait_log(f"UPSTREAM_UP upstream=app target=127.0.0.1:{port} ")


def test_wrong_status_takes_it_out(run_joist):
    """And the right one, often enough, brings it back. What is said says why."""
    moody = Moody("moody", answer(status=b"500 No"))
    with Origin(moody) as bad, Origin(Moody("well")) as good:
        joist = run_joist(pool([bad.url, good.url]))
        line = wait_down(joist, bad.port)
        assert f'failures=2 check="GET http://127.0.0.1:{bad.port}/up: status 500, ' \
               "expected 200-299, after " in line, line
        assert names(joist.port, 20) == {"well"}
        moody.up = answer()
        assert "status 200 after" in wait_up(joist, bad.port)
        assert names(joist.port, 20) == {"moody", "well"}
        assert joist.errors().count("UPSTREAM_DOWN") == 1, "once, not with each check"


def down_with_reason(run_joist, port, reason, health, url=None):
    """It is found down for that reason, and a target that is well gets all."""
    with Origin(Moody("well")) as good:
        joist = run_joist(pool([url or f"http://127.0.0.1:{port}", good.url], health))
        line = wait_down(joist, port)
        assert reason in line, line
        assert names(joist.port, 10) == {"well"}
        return joist


def test_nobody_listens(run_joist):
    claim = net.PortClaim()
    down_with_reason(run_joist, claim.port, ": connection refused after", HEALTH)
    claim.release()


def test_it_hangs(run_joist):
    ms = net.short_ms(1000)
    health = HEALTH.replace('"20s"', f'"{ms}ms"')
    with Origin(hang) as origin:
        joist = down_with_reason(run_joist, origin.port, f": no answer within {ms} ms", health)
        origin.wait_conn_end()  # each check is given up with its connection
        joist.signal(signal.SIGTERM)  # one is under way: it does not hold up the end
        assert joist.wait() == 0


def test_garbage(run_joist):
    with Origin(talk_garbage) as origin:
        down_with_reason(run_joist, origin.port, "/up: ", HEALTH)


def test_text_is_missing(run_joist):
    health = HEALTH.replace("{", '{ body = "fine",')
    with Origin(Moody("bad", answer(b"not well"))) as origin:
        down_with_reason(run_joist, origin.port,
                         "status 200, but the text 'fine' is not in its body, after", health)


def test_tcp_alone(run_joist):
    """A connection is enough: no request is made."""
    health = '{ type = "tcp", interval = "50ms", timeout = "20s", down = 1 }'
    claim = net.PortClaim()
    with Origin(Moody("well")) as good:
        joist = run_joist(pool([f"http://127.0.0.1:{claim.port}", good.url], health))
        assert f'check="connect to http://127.0.0.1:{claim.port}: connection refused' in \
            wait_down(joist, claim.port)
        good.wait(lambda: len(good.conns) >= 3 and good.conns[0].ended, "checks come and go")
        assert not good.requests
        assert names(joist.port, 10) == {"well"}
    claim.release()


def test_it_dies_and_comes_back(run_joist):
    with Origin(Moody("well")) as good:
        mortal = Origin(Moody("mortal"))
        joist = run_joist(pool([mortal.url, good.url]))
        assert names(joist.port, 20) == {"mortal", "well"}
        mortal.close()
        wait_down(joist, mortal.port)
        assert names(joist.port, 20) == {"well"}
        with Origin(Moody("mortal"), port=mortal.port):
            wait_up(joist, mortal.port)
            assert names(joist.port, 20) == {"mortal", "well"}


def test_flapping_is_no_change(run_joist):
    """Every second check fails: never two in a row."""
    count = [0]

    def flap(conn):
        while (request := conn.request()) is not None:
            count[0] += request.target == "/up"
            well = request.target != "/up" or count[0] % 2
            conn.send(answer(b"flapping", b"200 OK" if well else b"503 Busy"))

    with Origin(flap) as origin:
        joist = run_joist(pool([origin.url]))
        origin.wait(lambda: count[0] >= 10, "ten checks")
        joist.wait_log("UPSTREAM_CHECK_FAILED")
        assert names(joist.port, 5) == {"flapping"}
        assert "UPSTREAM_DOWN" not in joist.errors()


def test_one_checker_for_all_threads(run_joist):
    """The first check at once, the next in an hour: four threads make one."""
    with Origin(Moody("well")) as origin:
        joist = run_joist(pool([origin.url], '{ path = "/up?x=1", interval = "1h" }',
                               "threads = 4"))
        origin.wait_requests(1)
        threads = [threading.Thread(target=names, args=(joist.port, 5)) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        checks = [r for r in origin.requests if (r.get("user-agent") or "").startswith(AGENT)]
        assert len(checks) == 1
        assert checks[0].target == "/up?x=1" and checks[0].get("host") == f"127.0.0.1:{origin.port}"
        origin.wait_conn_end(origin.conns.index(checks[0].conn))


def test_another_port_and_host(run_joist):
    with Origin(Moody("well")) as origin, Origin(Moody("check", answer(status=b"503 No"))) as side:
        joist = run_joist(pool([origin.url], HEALTH.replace(
            "{", f'{{ host = "side.test", port = {side.port},')))
        assert f"http://127.0.0.1:{side.port}/up: status 503" in wait_down(joist, origin.port)
        assert side.requests[0].get("host") == "side.test"
        assert names(joist.port, 3) == {"well"}, "panic: the last one is used all the same"
        joist.wait_log("UPSTREAM_PANIC")


def tls_origin(cert, script):
    return tls.TlsOrigin(script, h2.server_context(cert, ("http/1.1",), None))


def test_certificate_that_is_expired(run_joist, pki):
    with tls_origin(pki.expired("origin.test"), Moody("bad")) as origin:
        down_with_reason(run_joist, origin.port, "certificate has expired", HEALTH,
                         f'{{ url = "{origin.url}", ca = "{pki.ca}", sni = "origin.test" }}')


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_tls_is_verified_anew(run_joist, pki, kind):
    """Each check has a whole handshake: a resumed one would not see another certificate."""
    health = f'{{ type = "{kind}", interval = "50ms", timeout = "20s" }}'
    with tls_origin(pki.site("origin.test"), Moody("well")) as origin:
        joist = run_joist(pool([f'{{ url = "{origin.url}", ca = "{pki.ca}", sni = "origin.test" }}'],
                               health))
        origin.wait(lambda: len(origin.handshakes) >= 4, "handshakes")
        assert not any(h["resumed"] for h in origin.handshakes)
        assert "UPSTREAM_CHECK_FAILED" not in joist.errors()


@pytest.mark.skipif(nginx.find() is None, reason="nginx is not installed: tools/deps.sh test gets it")
def test_http2_and_unix_sockets(run_joist, tmp_path):
    claim = net.PortClaim()
    folder = tmp_path / "nginx"
    folder.mkdir()
    server = f"""
listen 127.0.0.1:{claim.port} http2;
listen unix:{folder}/app.sock;
location /up {{ return 200 "up by $server_protocol\\n"; }}
location / {{ return 200 "served"; }}
"""
    with Nginx(folder, server):
        for url, protocol in ((f"h2c://127.0.0.1:{claim.port}", "HTTP/2.0"),
                              (f"unix:{folder}/app.sock", "HTTP/1.1")):
            for text, log in ((protocol, "UPSTREAM_UP"), ("nothing like it", "UPSTREAM_DOWN")):
                health = HEALTH.replace("{", f'{{ body = "up by {text}",')
                joist = run_joist(pool([url], health) + '[log]\nlevel = "debug"\naccess = "off"')
                joist.wait_log(log)
                assert fetch(joist.port).body == b"served"
    claim.release()


def test_proxy_protocol_goes_ahead(run_joist):
    """A check names nobody: LOCAL."""
    seen = []

    def script(conn):
        head = conn.sock.recv(16, socket.MSG_WAITALL)
        if int.from_bytes(head[14:16], "big"):
            conn.sock.recv(int.from_bytes(head[14:16], "big"), socket.MSG_WAITALL)
        seen.append(head)
        if conn.request() is not None:
            conn.send(answer(b"proxied"))

    with Origin(script) as origin:
        joist = run_joist(pool([f'{{ url = "{origin.url}", proxy_protocol = "v2" }}']))
        net.wait_for(lambda: len(seen) >= 2, "checks")
        assert seen[0][:13] == b"\r\n\r\n\x00\r\nQUIT\n\x20", seen
        assert names(joist.port, 2) == {"proxied"}

# SPDX-License-Identifier: MIT
"""Names of origins: all their addresses, answers that change, fail or lie, services."""
import socket
import threading

import pytest

from lib import net
from lib.client import Client, fetch
from lib.dns import A, AAAA, NXDOMAIN, REFUSED, SERVFAIL, SRV, Dns
from lib.origin import OK, Origin

NAME = "app.test"
SERVICE = "_http._tcp.app.test"


@pytest.fixture
def dns():
    with Dns() as running:
        yield running


@pytest.fixture
def pair():
    """Two origins on one port, of two addresses."""
    with Origin(host="127.0.0.1") as one, Origin(host="127.0.0.2", port=one.port) as two:
        yield one, two


def close_each(conn):
    """An origin that closes after each answer: every request needs a connection."""
    if conn.request() is not None:
        conn.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")


@pytest.fixture
def closing_pair():
    with Origin(close_each, host="127.0.0.1") as one, \
            Origin(close_each, host="127.0.0.2", port=one.port) as two:
        yield one, two


def proxy_to(dns, port, more=""):
    return f'{dns.config}[server]\nthreads = 2\ndrain = "5s"\n{more}' \
           f'[[sites]]\nproxy = "http://{NAME}:{port}"'


class Load:
    """Requests one after the other on some connections, until the end; every answer must be 200."""

    def __init__(self, port, clients=4):
        self.port, self.faults, self.done, self.ending = port, [], 0, False
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(clients)]

    def run(self):
        try:
            with Client(self.port) as client:
                while not self.ending:
                    status = client.get().status
                    if status != 200:
                        self.faults.append(status)
                        return
                    self.done += 1
        except Exception as error:  # every fault is the test's
            self.faults.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        self.ending = True
        for thread in self.threads:
            thread.join(net.PATIENCE_S)
        if kind is None:
            assert not self.faults, self.faults[:3]
            assert self.done > 0


def test_all_addresses_are_used(run_joist, dns, closing_pair):
    dns.hosts[NAME] = ["127.0.0.1", "127.0.0.2"]
    one, two = closing_pair
    joist = run_joist(proxy_to(dns, one.port))
    for _ in range(40):
        assert fetch(joist.port).status == 200
    assert len(one.requests) >= 15 and len(two.requests) >= 15, "each has its turn"


def test_change_moves_the_traffic_without_a_failed_request(run_joist, dns, pair):
    one, two = pair
    dns.hosts[NAME] = ["127.0.0.1"]
    joist = run_joist(proxy_to(dns, one.port))
    with Load(joist.port):
        one.wait_requests(20)
        assert not two.requests
        dns.hosts[NAME] = ["127.0.0.2"]
        two.wait_requests(20)
        dns.wait_asked(NAME, 4)  # kept connections to the old address are gone too
        before = len(one.requests)
        two.wait_requests(len(two.requests) + 50)
        assert len(one.requests) == before
        dns.hosts[NAME] = ["127.0.0.1"]
        one.wait_requests(before + 20)


def test_busy_connection_to_an_address_that_is_gone_finishes(run_joist, dns):
    def slow(conn):
        assert conn.request() is not None
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        conn.origin.wait(lambda: conn.origin.go, "go")
        conn.send(b"half")
        assert conn.wait_end() == "closed", "then it is let go"
        conn.origin.over = True

    with Origin(slow) as one, Origin(host="127.0.0.2", port=one.port) as two:
        one.go = one.over = False
        dns.hosts[NAME] = ["127.0.0.1"]
        joist = run_joist(proxy_to(dns, one.port, '[timeouts]\nupstream_keepalive = "60s"\n'))
        with Client(joist.port) as client:
            client.request()
            one.wait_requests(1)
            dns.hosts[NAME] = ["127.0.0.2"]
            dns.wait_asked(NAME, 4)
            assert fetch(joist.port).status == 200
            assert two.requests, "it has moved"
            with one.changed:
                one.go = True
                one.changed.notify_all()
            assert client.response().body == b"halfhalf"
        net.wait_for(lambda: one.over, "the old connection ends")


@pytest.mark.parametrize("fault", [NXDOMAIN, SERVFAIL, REFUSED, "silent", "nothing"])
def test_a_name_that_is_lost_keeps_its_addresses(run_joist, dns, fault):
    with Origin() as origin:
        dns.hosts[NAME] = ["127.0.0.1"]
        joist = run_joist(proxy_to(dns, origin.port))
        assert fetch(joist.port).status == 200
        if fault == "nothing":
            dns.hosts[NAME] = []
        else:
            dns.faults[NAME] = fault
        line = joist.wait_log("UPSTREAM_UNRESOLVED")
        assert f"name={NAME}:{origin.port}" in line and "err=" in line
        dns.wait_asked(NAME, 3)
        for _ in range(3):
            assert fetch(joist.port).status == 200
        assert joist.errors().count("UPSTREAM_UNRESOLVED") == 1, "said once"
        dns.faults.clear()
        dns.hosts[NAME] = ["127.0.0.1"]
        joist.wait_log("UPSTREAM_RESOLVED")
        assert fetch(joist.port).status == 200


def garbage(kind, over):
    return bytes(range(256)) * 2


def lying_counts(kind, over):
    return b"\0\0\x84\0\0\1\xff\xff\0\0\0\0\xc0\x0c\xc0\x0c"


@pytest.mark.parametrize("fault", [garbage, lying_counts, lambda kind, over: b"",
                                   lambda kind, over: b"\0"])
def test_answers_that_are_none(run_joist, dns, fault):
    with Origin() as origin:
        dns.hosts[NAME] = ["127.0.0.1"]
        joist = run_joist(proxy_to(dns, origin.port))
        assert fetch(joist.port).status == 200
        dns.faults[NAME] = fault
        joist.wait_log("UPSTREAM_UNRESOLVED")
        assert fetch(joist.port).status == 200
        dns.faults.clear()
        joist.wait_log("UPSTREAM_RESOLVED")


def test_truncated_answer_is_asked_for_over_tcp(run_joist, dns):
    with Origin() as origin:
        dns.hosts[NAME] = ["127.0.0.1"]
        dns.faults[NAME] = "truncated"
        joist = run_joist(proxy_to(dns, origin.port))
        assert fetch(joist.port).status == 200
        assert any(over == "tcp" for _, name, _, over in dns.asked if name == NAME)


def test_name_that_comes_later(run_joist, dns):
    """A warning at the start, 503 until it is there."""
    with Origin() as origin:
        joist = run_joist(proxy_to(dns, origin.port))
        joist.wait_log("does not resolve")
        assert fetch(joist.port).status == 503
        dns.hosts[NAME] = ["127.0.0.1"]
        joist.wait_log("UPSTREAM_RESOLVED")
        assert fetch(joist.port).status == 200


def test_address_that_refuses_is_skipped(run_joist, dns):
    with Origin(close_each) as origin:
        dns.hosts[NAME] = ["127.0.0.3", "127.0.0.1", "127.0.0.4"]
        joist = run_joist(proxy_to(dns, origin.port))
        for _ in range(20):
            with Client(joist.port) as client:
                client.request("POST", "/", body=b"once")
                assert client.response().status == 200


def test_both_families(run_joist, dns):
    """The origin listens on one of the name's two addresses."""
    with Origin(close_each) as origin:
        dns.hosts[NAME] = ["::1", "127.0.0.1"]
        joist = run_joist(proxy_to(dns, origin.port))
        for _ in range(10):
            assert fetch(joist.port).status == 200
        assert {kind for _, name, kind, _ in dns.asked if name == NAME} == {A, AAAA}


def test_address_that_does_not_answer(run_joist, dns):
    """Its backlog is full: the next address is tried long before the time to connect is over."""
    with socket.socket() as full:
        full.bind(("127.0.0.2", 0))
        port = full.getsockname()[1]
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.2", port))
        with Origin(close_each, port=port):
            dns.hosts[NAME] = ["127.0.0.2", "127.0.0.1"]
            joist = run_joist(proxy_to(dns, port, '[timeouts]\nupstream_connect = "2s"\n'))
            for _ in range(6):
                assert fetch(joist.port).status == 200
        for filler in fillers:
            filler.close()


def srv_config(dns):
    return (f'{dns.config}[[upstreams.app.targets]]\nurl = "http://{SERVICE}"\nsrv = true\n'
            '[[sites]]\nproxy = "app"')


def test_service_gives_ports_and_priorities(run_joist, dns):
    with Origin(close_each) as best, Origin(close_each) as other:
        dns.hosts["host.test"] = ["127.0.0.1"]
        dns.services[SERVICE] = [(20, 1, other.port, "host.test"), (10, 1, best.port, "host.test")]
        joist = run_joist(srv_config(dns))
        for _ in range(10):
            assert fetch(joist.port).status == 200
        assert len(best.requests) == 10 and not other.requests, "the lowest priority first"
        best.close()
        for _ in range(10):
            assert fetch(joist.port).status == 200
        assert len(other.requests) == 10, "then the next"


def test_service_gives_weights(run_joist, dns):
    with Origin(close_each) as heavy, Origin(close_each) as light:
        dns.hosts["host.test"] = ["127.0.0.1"]
        dns.services[SERVICE] = [(1, 90, heavy.port, "host.test"), (1, 10, light.port, "host.test")]
        joist = run_joist(srv_config(dns))
        for _ in range(200):
            assert fetch(joist.port).status == 200
        assert 2 <= len(light.requests) <= 50, len(light.requests)


def test_service_that_changes_and_is_lost(run_joist, dns):
    with Origin() as one, Origin() as two:
        dns.hosts["host.test"] = ["127.0.0.1"]
        dns.services[SERVICE] = [(1, 1, one.port, "host.test")]
        joist = run_joist(srv_config(dns))
        with Load(joist.port):
            one.wait_requests(5)
            dns.services[SERVICE] = [(1, 1, two.port, "host.test")]
            two.wait_requests(5)
            dns.faults[SERVICE] = SERVFAIL
            joist.wait_log(f"name={SERVICE}")
        dns.faults[SERVICE] = lambda kind, over: b"\0" * 12
        dns.wait_asked(SERVICE, 3, SRV)
        assert fetch(joist.port).status == 200


def test_start_waits_but_not_for_ever(run_joist, dns):
    """Names that get no answer are looked up side by side."""
    sites = ""
    for number in range(12):
        dns.faults[f"n{number}.test"] = "silent"
        sites += f'[[sites]]\nhosts = ["s{number}.example"]\nproxy = "http://n{number}.test"\n'
    joist = run_joist(f'{dns.config}{sites}')
    assert fetch(joist.port, host="s3.example").status == 503
    first = min(at for at, *_ in dns.asked)
    last = max(at for at, *_ in dns.asked)
    assert last - first < 5 * net.SLOW
    assert joist.errors().count("does not resolve") == 12


@pytest.mark.parametrize("text,needle", [
    ('servers = ["dns.example"]', "is no address of a server"),
    ('servers = [":53"]', "is no address of a server"),
    ('servers = ["127.0.0.1:0"]', "is no address of a server"),
    ('min_ttl = "1m"\nmax_ttl = "1s"', "min_ttl"),
    ('timeout = "0s"', "timeout"),
])
def test_settings_that_are_wrong(tmp_path, text, needle):
    from lib.server import Joist
    joist = Joist(tmp_path, f'[dns]\n{text}\n[[sites]]\nrespond = "ok"', ready=False)
    joist.start()
    assert joist.wait() != 0
    assert needle in joist.errors()
    joist.claim.release()


def test_service_needs_a_name(tmp_path):
    from lib.server import Joist
    joist = Joist(tmp_path, '[[upstreams.app.targets]]\nurl = "http://127.0.0.1:80"\nsrv = true\n'
                            '[[sites]]\nproxy = "app"', ready=False)
    joist.start()
    assert joist.wait() != 0
    assert "is no service" in joist.errors()
    joist.claim.release()

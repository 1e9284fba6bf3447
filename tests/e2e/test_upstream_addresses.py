# SPDX-License-Identifier: MIT
"""Addresses of a name as targets of their own: shares, judgements, changes of the answer."""
import threading
from collections import Counter

import pytest

from lib import net
from lib.client import Client, fetch
from lib.dns import NXDOMAIN, Dns
from lib.origin import Origin, answer

NAME = "app.test"
SERVICE = "_http._tcp.app.test"


@pytest.fixture
def dns():
    with Dns() as running:
        yield running


def named(name, status=b"200 OK"):
    def script(conn):
        while conn.request() is not None:
            conn.send(answer(name.encode(), status))
    return script


@pytest.fixture
def trio():
    """Three origins on one port, of three addresses."""
    with Origin(named("one"), host="127.0.0.1") as one, \
            Origin(named("two"), host="127.0.0.2", port=one.port) as two, \
            Origin(named("three"), host="127.0.0.3", port=one.port) as three:
        yield one, two, three


def pool(dns, url, extra="", target=""):
    return (f'{dns.config}[server]\nthreads = 1\n[upstreams.app]\n{extra}\n'
            f'[[upstreams.app.targets]]\nurl = "{url}"\n{target}\n[[sites]]\nproxy = "app"\n')


def shares(port, n):
    """Of requests one after the other, on one connection."""
    with Client(port) as client:
        replies = [client.get() for _ in range(n)]
    assert all(r.status == 200 for r in replies)
    return Counter(r.body.decode() for r in replies)


def wait_for_shares(port, names):
    net.wait_for(lambda: set(shares(port, 12)) == set(names), f"traffic to {names} alone")


@pytest.mark.parametrize("strategy", ["round_robin", "least_conn", "random"])
def test_each_request_is_balanced(run_joist, dns, trio, strategy):
    """Not each connection: the same address would serve one client after the other."""
    dns.hosts[NAME] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    joist = run_joist(pool(dns, f"http://{NAME}:{trio[0].port}", f'strategy = "{strategy}"'))
    got = shares(joist.port, 60)
    assert set(got) == {"one", "two", "three"} and min(got.values()) >= 5, got
    if strategy == "round_robin":
        assert set(got.values()) == {20}


def test_single_keeps_one_connection(run_joist, dns, trio):
    dns.hosts[NAME] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    joist = run_joist(pool(dns, f"http://{NAME}:{trio[0].port}", 'strategy = "single"'))
    assert list(shares(joist.port, 20).values()) == [20]


def test_change_moves_the_traffic_without_a_failed_request(run_joist, dns, trio):
    dns.hosts[NAME] = ["127.0.0.1", "127.0.0.2"]
    joist = run_joist(pool(dns, f"http://{NAME}:{trio[0].port}", 'strategy = "least_conn"'))
    faults, ending = [], threading.Event()

    def load():
        with Client(joist.port) as client:
            while not ending.is_set():
                status = client.get().status
                if status != 200:
                    faults.append(status)

    clients = [threading.Thread(target=load, daemon=True) for _ in range(4)]
    for client in clients:
        client.start()
    wait_for_shares(joist.port, ["one", "two"])
    dns.hosts[NAME] = ["127.0.0.2", "127.0.0.3"]
    wait_for_shares(joist.port, ["two", "three"])
    dns.hosts[NAME] = ["127.0.0.3"]
    wait_for_shares(joist.port, ["three"])
    ending.set()
    for client in clients:
        client.join(net.PATIENCE_S)
    assert not faults


def test_one_address_is_put_aside(run_joist, dns):
    """What is known of one address says nothing about its neighbours."""
    with Origin(named("good"), host="127.0.0.1") as good, \
            Origin(named("bad", b"503 Busy"), host="127.0.0.2", port=good.port):
        dns.hosts[NAME] = ["127.0.0.1", "127.0.0.2"]
        joist = run_joist(pool(dns, f"http://{NAME}:{good.port}", 'outlier = { eject = "60s" }'))
        replies = [fetch(joist.port) for _ in range(40)]
        assert sum(r.status == 503 for r in replies) == 5
        joist.wait_log("UPSTREAM_EJECTED")
        line = next(l for l in joist.errors().splitlines() if "UPSTREAM_EJECTED" in l)
        assert f"target={NAME}:{good.port}|addr=127.0.0.2:{good.port}" in line
        dns.hosts[NAME] = ["127.0.0.1", "127.0.0.2", "127.0.0.9"]  # another pool, the same state
        dns.wait_asked(NAME, 4)
        assert all(fetch(joist.port).status == 200 for _ in range(20))


def test_address_that_refuses_costs_no_request(run_joist, dns, trio):
    dns.hosts[NAME] = ["127.0.0.1", "127.0.0.2", "127.0.0.4"]
    joist = run_joist(pool(dns, f"http://{NAME}:{trio[0].port}", 'strategy = "least_conn"'))
    assert set(shares(joist.port, 30)) == {"one", "two"}


def test_name_that_comes_later(run_joist, dns, trio):
    dns.hosts[NAME] = []
    joist = run_joist(pool(dns, f"http://{NAME}:{trio[0].port}"))
    assert fetch(joist.port).status == 503
    dns.hosts[NAME] = ["127.0.0.1", "127.0.0.2"]
    net.wait_for(lambda: fetch(joist.port).status == 200, "the name")
    wait_for_shares(joist.port, ["one", "two"])


def test_name_that_is_lost_keeps_its_addresses(run_joist, dns, trio):
    dns.hosts[NAME] = ["127.0.0.1", "127.0.0.2"]
    joist = run_joist(pool(dns, f"http://{NAME}:{trio[0].port}"))
    assert fetch(joist.port).status == 200  # it has them
    dns.hosts[NAME] = []
    dns.faults[NAME] = NXDOMAIN
    joist.wait_log("UPSTREAM_UNRESOLVED")
    assert set(shares(joist.port, 10)) == {"one", "two"}


def test_both_families_are_one_target(run_joist, dns):
    """The host does not listen on one of its addresses: the other one stands in, unnoticed."""
    with Origin(named("v4"), host="127.0.0.1") as origin:
        dns.hosts[NAME] = ["::1", "127.0.0.1"]
        joist = run_joist(pool(dns, f"http://{NAME}:{origin.port}", 'strategy = "least_conn"'))
        assert shares(joist.port, 20) == {"v4": 20}
        assert "UPSTREAM_RETRIED" not in joist.errors()


def test_service_gives_shares_and_stand_ins(run_joist, dns):
    with Origin(named("a"), host="127.0.0.1") as a, Origin(named("b"), host="127.0.0.1") as b, \
            Origin(named("backup"), host="127.0.0.1") as backup:
        dns.hosts["host.test"] = ["127.0.0.1"]
        dns.services[SERVICE] = [(1, 30, a.port, "host.test"), (1, 10, b.port, "host.test"),
                                 (9, 99, backup.port, "host.test")]
        joist = run_joist(pool(dns, f"http://{SERVICE}", target="srv = true"))
        assert shares(joist.port, 40) == {"a": 30, "b": 10}
        a.close()
        b.close()
        net.wait_for(lambda: shares(joist.port, 4) == {"backup": 4}, "the lower priority")

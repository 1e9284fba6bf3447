# SPDX-License-Identifier: MIT
"""How many connections: those above the limit are closed, the rest is served, places come free."""
import resource
import socket

from lib import net
from lib.client import Client, fetch
from lib.origin import Origin

PER_IP = 8


def closed_at_once(port):
    """Is a new connection closed without a word?"""
    with Client(port) as client:
        client.request("GET", "/")
        return client.reader.at_end()


def fill(joist, count):
    """Open and use `count` connections: a served request proves that it was accepted."""
    clients = [Client(joist.port) for _ in range(count)]
    for client in clients:
        assert client.get("/").status == 200
    return clients


def test_conns_per_ip(run_joist):
    # One thread, so that the count is exact at every moment.
    joist = run_joist(f'[server]\nthreads = 1\n[limits]\nconns_per_ip = {PER_IP}\n'
                      '[[sites]]\nrespond = "ok"')
    # The probe of the start may still count for a moment.
    net.wait_for(lambda: fetch_quietly(joist.port), "a first answer")
    clients = fill(joist, PER_IP - 1)
    clients += net.wait_for(lambda: try_fill(joist), "the last place")
    for _ in range(3):
        assert closed_at_once(joist.port)
    for client in clients:
        assert client.get("/").status == 200, "those inside are served on"
    joist.wait_log("CONNS_LIMIT")
    clients.pop().close()
    net.wait_for(lambda: fetch_quietly(joist.port), "a place that came free")
    for client in clients:
        client.close()


def try_fill(joist):
    client = Client(joist.port)
    client.request("GET", "/")
    if client.reader.fill():
        client.response()
        return [client]
    client.close()
    return None


def fetch_quietly(port):
    client = Client(port)
    with client:
        client.request("GET", "/", ("Connection: close",))
        return client.reader.fill() and client.response().status == 200


def test_conns_per_ip_is_counted_by_address(run_joist):
    joist = run_joist(f'[server]\nthreads = 2\n[limits]\nconns_per_ip = {PER_IP}\n'
                      '[[sites]]\nrespond = "ok"')
    net.wait_for(lambda: fetch_quietly(joist.port), "a first answer")
    clients = []
    for i in range(PER_IP * 4):
        sock = socket.socket()
        sock.bind((f"127.0.1.{i + 1}", 0))
        sock.settimeout(net.PATIENCE_S)
        sock.connect(("127.0.0.1", joist.port))
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(12) == b"HTTP/1.1 200", i
        clients.append(sock)
    for sock in clients:
        sock.close()


def test_conns_max(run_joist):
    joist = run_joist('[server]\nthreads = 1\n[limits]\nconns_max = 5\n[[sites]]\nrespond = "ok"')
    clients = []
    while len(clients) < 5:
        clients += net.wait_for(lambda: try_fill(joist), f"place {len(clients)}")
    assert closed_at_once(joist.port)
    for client in clients:
        assert client.get("/").status == 200
        client.close()
    net.wait_for(lambda: fetch_quietly(joist.port), "a place that came free")


def test_out_of_descriptors_harms_nobody_inside(run_joist):
    """More clients than descriptors: those inside are served, the rest waits and comes in later."""
    with Origin() as origin:
        joist = run_joist(f'[server]\nthreads = 1\n[limits]\nconns_per_ip = 0\n'
                          f'[[sites]]\nproxy = "{origin.url}"')
        clients = fill(joist, 20)
        limit = joist.open_files() + 10
        resource.prlimit(joist.pid, resource.RLIMIT_NOFILE, (limit, limit))
        waiting = [Client(joist.port) for _ in range(40)]
        for client in clients:
            assert client.get("/").status in (200, 502, 503)
        for client in clients + waiting[:30]:
            client.close()
        net.wait_for(lambda: fetch(joist.port).status == 200, "service after the flood")
        for client in waiting:
            client.close()
        assert joist.alive()

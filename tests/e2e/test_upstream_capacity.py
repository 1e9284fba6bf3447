# SPDX-License-Identifier: MIT
"""Targets that take so many requests at once and no more; requests that wait for one."""
import select
import threading

from lib import net
from lib.client import Client, fetch
from lib.h2 import H2Client
from lib.origin import Origin, answer

TARGETS = 4
CLIENTS = 200
H2C = '[[listeners]]\nbind = "127.0.0.1:@PORT@"\nalpn = ["h2"]\n'
UPGRADE = ("Connection: Upgrade", "Upgrade: raw/1")
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw/1\r\n\r\n")


class Counter:
    """The script of an origin that counts who is there at once, and answers when it may."""

    def __init__(self, may_answer=lambda: None):
        self.lock = threading.Lock()
        self.may_answer = may_answer
        self.present = 0
        self.most = 0
        self.served = 0

    def __call__(self, conn):
        while conn.request() is not None:
            with self.lock:
                self.present += 1
                self.most = max(self.most, self.present)
            self.may_answer()
            with self.lock:
                self.present -= 1
                self.served += 1
            conn.send(answer())


class Gate:
    """Holds an origin's answers until it is opened."""

    def __init__(self):
        self.opened = threading.Event()

    def __call__(self):
        assert self.opened.wait(net.PATIENCE_S * 4)

    def open(self):
        self.opened.set()


def pool(origins, extra="", queue='queue = { timeout = "120s" }', more=""):
    urls = ", ".join(f'"{o.url}"' for o in origins)
    return f"""
[server]
threads = 2
{more}
[upstreams.app]
targets = [{urls}]
max_inflight = 1
{queue}
{extra}
[[sites]]
proxy = "app"
"""


class Rounds:
    """Four origins that answer together only: a round of theirs needs all of them at work at once,
    so one that is left idle while somebody waits stops everything."""

    def __init__(self):
        self.barrier = threading.Barrier(TARGETS)
        self.counters = [Counter(self.meet) for _ in range(TARGETS)]
        self.origins = [Origin(counter) for counter in self.counters]

    def meet(self):
        self.barrier.wait(net.PATIENCE_S * 4)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.barrier.abort()
        for origin in self.origins:
            origin.close()

    def check(self):
        assert not self.barrier.broken
        assert [c.most for c in self.counters] == [1] * TARGETS
        assert [c.served for c in self.counters] == [CLIENTS // TARGETS] * TARGETS


def test_one_at_a_time_and_none_idle_with_h1(run_joist):
    with Rounds() as rounds:
        joist = run_joist(pool(rounds.origins))
        clients = [Client(joist.port, patience_s=net.PATIENCE_S * 4) for _ in range(CLIENTS)]
        for client in clients:
            client.request()
        assert [c.response().status for c in clients] == [200] * CLIENTS
        for client in clients:
            client.close()
        rounds.check()


def test_one_at_a_time_and_none_idle_with_h2(run_joist):
    with Rounds() as rounds:
        joist = run_joist(pool(rounds.origins) + H2C)
        conns = [H2Client.plain(joist.port) for _ in range(8)]
        asked = [(c, [c.request() for _ in range(CLIENTS // len(conns))]) for c in conns]
        for conn, streams in asked:
            conn.sock.settimeout(net.PATIENCE_S * 4)
            assert [conn.response(s).status for s in streams] == [200] * len(streams)
        for conn in conns:
            conn.close()
        rounds.check()


def test_every_strategy_keeps_the_limit(run_joist):
    """Also where one would like to have it all: the same key, the first of the list."""
    for strategy in ("single", "hash", "least_conn", "least_latency", "random"):
        with Rounds() as rounds:
            joist = run_joist(pool(rounds.origins, f'strategy = "{strategy}"'))
            clients = [Client(joist.port, patience_s=net.PATIENCE_S * 4) for _ in range(40)]
            for client in clients:
                client.request()
            assert [c.response().status for c in clients] == [200] * 40
            for client in clients:
                client.close()
            assert [c.most for c in rounds.counters] == [1] * TARGETS
        joist.stop()


# ---- too many, too long ------------------------------------------------------------------------

def test_a_full_queue_answers_503(run_joist):
    gate = Gate()
    with Origin(Counter(gate)) as origin:
        joist = run_joist(pool([origin], queue='queue = { max = 1, timeout = "120s" }'))
        busy, *two = [Client(joist.port) for _ in range(3)]
        busy.request()
        origin.wait_requests(1)
        for client in two: # one waits, the other one is refused: whichever comes first
            client.request()
        answered = select.select([c.sock for c in two], [], [], net.PATIENCE_S)[0]
        assert len(answered) == 1
        refused = next(c for c in two if c.sock is answered[0])
        waits = next(c for c in two if c is not refused)
        response = refused.response()
        assert response.status == 503
        assert response.get("retry-after") == "1"
        line = joist.wait_log("UPSTREAM_FAILED")
        assert "phase=queue" in line and "too many requests wait" in line, line
        assert "UPSTREAM_FAILED upstream=" in line, line
        gate.open()
        assert busy.response().status == 200
        assert waits.response().status == 200
        for client in (busy, *two):
            client.close()


def test_waiting_too_long_answers_504(run_joist):
    gate = Gate()
    with Origin(Counter(gate)) as origin:
        joist = run_joist(pool([origin], queue='queue = { timeout = "100ms" }'))
        with Client(joist.port) as busy:
            busy.request()
            origin.wait_requests(1)
            assert fetch(joist.port).status == 504
            line = joist.wait_log("UPSTREAM_FAILED")
            assert "phase=queue" in line and "waited too long" in line, line
            gate.open()
            assert busy.response().status == 200
            assert fetch(joist.port).status == 200


# ---- leaving -----------------------------------------------------------------------------------

def test_who_leaves_while_he_waits_is_not_sent(run_joist):
    gate = Gate()
    with Origin(Counter(gate)) as origin:
        joist = run_joist(pool([origin]))
        with Client(joist.port) as busy:
            busy.request()
            origin.wait_requests(1)
            for _ in range(20):
                leaver = Client(joist.port)
                leaver.request(target="/left")
                leaver.reset()
            gate.open()
            assert busy.response().status == 200
            assert fetch(joist.port, "/last").status == 200
        net.wait_for(lambda: origin.last().target == "/last", "the last request")
        assert origin.script.most == 1


def test_who_leaves_while_he_is_served_makes_room(run_joist):
    first = threading.Event()

    def script(conn):
        while conn.request() is not None:
            if not first.is_set():
                first.set()
                conn.wait_end()
                return
            conn.send(answer())

    with Origin(script) as origin:
        joist = run_joist(pool([origin]))
        leaver, waits = Client(joist.port), Client(joist.port)
        leaver.request()
        origin.wait_requests(1)
        waits.request()
        leaver.reset()
        assert waits.response().status == 200
        waits.close()


# ---- failures ----------------------------------------------------------------------------------

def test_a_target_that_refuses_costs_no_request(run_joist):
    """Its requests wait for the others instead."""
    nobody = net.PortClaim()
    counter = Counter()
    with Origin(counter) as good:
        joist = run_joist(f"""
[server]
threads = 2
[upstreams.app]
targets = ["http://127.0.0.1:{nobody.port}", "{good.url}"]
max_inflight = 1
queue = {{ timeout = "120s" }}
[[sites]]
proxy = "app"
""")
        clients = [Client(joist.port, patience_s=net.PATIENCE_S * 2) for _ in range(60)]
        for client in clients:
            client.request()
        assert [c.response().status for c in clients] == [200] * 60
        for client in clients:
            client.close()
        assert counter.most == 1
    nobody.release()


def test_an_origin_that_resets_gives_its_slot_back(run_joist):
    def script(conn):
        while conn.request() is not None:
            conn.reset()
            return

    with Origin(script) as origin:
        joist = run_joist(pool([origin]))
        clients = [Client(joist.port) for _ in range(20)]
        for client in clients:
            client.request("POST", body=b"x")
        assert [c.response().status for c in clients] == [502] * 20
        for client in clients:
            client.close()


# ---- tunnels -----------------------------------------------------------------------------------

def test_a_tunnel_is_in_flight_until_its_end(run_joist):
    """After the origin's half has ended too: the client still sends."""
    half_closed = threading.Event()

    def script(conn):
        while (request := conn.request()) is not None:
            if request.has("upgrade"):
                conn.send(SWITCH)
                conn.sock.shutdown(1)
                half_closed.set()
                conn.wait_end()
                return
            conn.send(answer())

    with Origin(script) as origin:
        joist = run_joist(pool([origin], queue='queue = { timeout = "200ms" }'))
        with Client(joist.port) as tunnel:
            tunnel.request(fields=UPGRADE)
            assert tunnel.reader.response_head().status == 101
            assert half_closed.wait(net.PATIENCE_S)
            assert tunnel.sock.recv(1) == b""
            assert fetch(joist.port).status == 504
            tunnel.send(b"the rest")
            tunnel.finish_sending()
            origin.wait_conn_end(0)
        assert fetch(joist.port).status == 200


def test_a_tunnel_whose_client_leaves_makes_room(run_joist):
    def script(conn):
        while (request := conn.request()) is not None:
            if request.has("upgrade"):
                conn.send(SWITCH)
                conn.wait_end()
                return
            conn.send(answer())

    with Origin(script) as origin:
        joist = run_joist(pool([origin]))
        tunnel, waits = Client(joist.port), Client(joist.port)
        tunnel.request(fields=UPGRADE)
        assert tunnel.reader.response_head().status == 101
        waits.request()
        tunnel.reset()
        assert waits.response().status == 200
        waits.close()


# ---- the end -----------------------------------------------------------------------------------

def test_a_drain_serves_who_waits(run_joist):
    gate = Gate()
    with Origin(Counter(gate)) as origin:
        joist = run_joist(pool([origin], more='drain = "30s"'))
        clients = [Client(joist.port) for _ in range(10)]
        for client in clients:
            client.request()
        origin.wait_requests(1)
        joist.signal()
        joist.wait_log("DRAIN")
        gate.open()
        assert [c.response().status for c in clients] == [200] * 10
        assert joist.wait() == 0
        for client in clients:
            client.close()


def test_an_end_without_patience_with_requests_that_wait(run_joist):
    gate = Gate()
    with Origin(Counter(gate)) as origin:
        joist = run_joist(pool([origin], more='drain = "10ms"'))
        clients = [Client(joist.port) for _ in range(50)]
        for client in clients:
            client.request()
        origin.wait_requests(1)
        joist.stop()
        gate.open()
        for client in clients:
            client.close()

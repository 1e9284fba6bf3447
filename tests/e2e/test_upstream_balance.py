# SPDX-License-Identifier: MIT
"""Pools with strategies, outliers and breakers in front of origins that fail, hang and come back."""
import threading
import time
from collections import Counter

from lib.client import Client, fetch
from lib.net import PortClaim
from lib.origin import Origin, answer


def named(name, status=b"200 OK"):
    reply = answer(name.encode(), status)

    def script(conn):
        while conn.request() is not None:
            conn.send(reply)
    return script


class Moody:
    """Answers well or with 503, as it is told."""

    def __init__(self, name):
        self.name = name
        self.well = True
        self.delay_s = 0

    def __call__(self, conn):
        while conn.request() is not None:
            time.sleep(self.delay_s)
            conn.send(answer(self.name.encode(), b"200 OK" if self.well else b"503 Busy"))


def pool(origins, extra, server="threads = 2"):
    urls = ", ".join(f'"{o.url}"' for o in origins)
    return f"""
[server]
{server}
[upstreams.app]
targets = [{urls}]
{extra}
[[sites]]
proxy = "app"
"""


def ask(port, n):
    return [fetch(port) for _ in range(n)]


def bodies(responses):
    return Counter(r.body.decode() for r in responses if r.status == 200)


def test_outlier_of_5xx(run_joist):
    """It gets five requests, then nothing until its time is over; a healthy one answers the rest."""
    moody = Moody("moody")
    with Origin(moody) as bad, Origin(named("b")) as b, Origin(named("c")) as c:
        joist = run_joist(pool([bad, b, c], 'outlier = { eject = "1s" }'))
        moody.well = False
        got = ask(joist.port, 60)
        assert sum(r.status == 503 for r in got) == 5
        joist.wait_log("UPSTREAM_EJECTED")
        line = next(l for l in joist.errors().splitlines() if "UPSTREAM_EJECTED" in l)
        assert "upstream=app target=" in line
        assert "status 503" in line and "for_ms=1000" in line and "failures=5" in line, line
        assert all(r.status == 200 for r in ask(joist.port, 30))
        moody.well = True
        time.sleep(1.1)
        assert bodies(ask(joist.port, 60))["moody"] >= 15
        joist.wait_log("UPSTREAM_RETURNED")


def test_outlier_that_refuses(run_joist):
    """Nobody listens there: no client notices, and after five times it is left out."""
    nobody = PortClaim()
    with Origin(named("b")) as b, Origin(named("c")) as c:
        joist = run_joist(f"""
[upstreams.app]
targets = ["http://127.0.0.1:{nobody.port}", "{b.url}", "{c.url}"]
outlier = {{}}
[[sites]]
proxy = "app"
""")
        assert all(r.status == 200 for r in ask(joist.port, 60))
        line = joist.wait_log("UPSTREAM_EJECTED")
        assert "refused" in line and "failures=5" in line, line
        assert joist.errors().count("UPSTREAM_RETRIED") == 5
    nobody.release()


def test_last_ones_are_kept(run_joist):
    """All fail: half of them at most is put aside, so that the others go on being asked."""
    with Origin(named("a", b"500 No")) as a, Origin(named("b", b"500 No")) as b:
        joist = run_joist(pool([a, b], "outlier = { consecutive_5xx = 2 }"))
        assert all(r.status == 500 for r in ask(joist.port, 30))
        joist.wait_log("UPSTREAM_EJECTED")
        assert joist.errors().count("UPSTREAM_EJECTED") == 1


def test_breaker_cuts_off_and_probes(run_joist):
    moody = Moody("moody")
    with Origin(moody) as origin:
        joist = run_joist(pool([origin],
                               'breaker = { min_requests = 4, open = "1s" }\npanic = "0%"'))
        moody.well = False
        assert [r.status for r in ask(joist.port, 4)] == [503] * 4
        joist.wait_log("UPSTREAM_BREAKER_OPEN")
        before = len(origin.requests)
        got = ask(joist.port, 10)
        assert all(r.status == 503 and r.get("retry-after") in ("1", "2") for r in got)
        assert len(origin.requests) == before, "it is left alone"
        time.sleep(1.4)
        ask(joist.port, 10)
        assert len(origin.requests) == before + 1, "one probe, which fails"
        moody.well = True
        time.sleep(1.4)
        assert all(r.status == 200 for r in ask(joist.port, 10))
        joist.wait_log("UPSTREAM_BREAKER_CLOSED")


def test_one_probe_across_threads(run_joist):
    """Twenty clients at once on four threads: one of them is the probe, the others are told when."""
    moody = Moody("moody")
    with Origin(moody) as origin:
        joist = run_joist(pool([origin], 'breaker = { min_requests = 4, open = "1s" }',
                               "threads = 4"))
        moody.well = False
        ask(joist.port, 4)
        time.sleep(1.4)
        before = len(origin.requests)
        moody.delay_s = 0.5
        threads = [threading.Thread(target=ask, args=(joist.port, 1)) for _ in range(20)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert len(origin.requests) == before + 1


def test_slow_one_gets_less(run_joist):
    slow = Moody("slow")
    slow.delay_s = 0.05
    with Origin(slow) as a, Origin(named("b")) as b, Origin(named("c")) as c:
        for strategy in ("least_latency", "least_conn"):
            joist = run_joist(pool([a, b, c], f'strategy = "{strategy}"'))
            got = []

            def work():
                with Client(joist.port) as client:
                    got.extend(client.get() for _ in range(50))
            threads = [threading.Thread(target=work) for _ in range(8)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            assert len(got) == 400
            shares = bodies(got)
            assert shares["slow"] < 100, (strategy, shares)
            assert shares["b"] > 60 and shares["c"] > 60, (strategy, shares)


def test_hash_keeps_to_its_target(run_joist):
    with Origin(named("a")) as a, Origin(named("b")) as b, Origin(named("c")) as c:
        for key, field in (("cookie:sid", "Cookie: x=1; sid={}"), ("header:X-User", "X-User: {}")):
            joist = run_joist(pool([a, b, c], f'strategy = "hash"\nhash_key = "{key}"'))
            where = {}
            for _ in range(3):
                for user in range(30):
                    body = fetch(joist.port, fields=[field.format(user)]).body
                    assert where.setdefault(user, body) == body
            assert set(where.values()) == {b"a", b"b", b"c"}


def test_hash_of_path(run_joist):
    with Origin(named("a")) as a, Origin(named("b")) as b:
        joist = run_joist(pool([a, b], 'strategy = "hash"\nhash_key = "path"'))
        where = {}
        for query in ("", "?a", "?b"):
            for n in range(20):
                body = fetch(joist.port, f"/item/{n}{query}").body
                assert where.setdefault(n, body) == body
        assert set(where.values()) == {b"a", b"b"}


def test_random_takes_all(run_joist):
    with Origin(named("a")) as a, Origin(named("b")) as b:
        joist = run_joist(pool([a, b], 'strategy = "random"'))
        shares = bodies(ask(joist.port, 200))
        assert 60 <= shares["a"] <= 140


def test_outlier_that_resets(run_joist):
    """It takes the request and resets: that is as bad as a 5xx, and the log says what came back."""
    def reset(conn):
        conn.request()
        conn.reset()
    with Origin(reset) as bad, Origin(named("b")) as b, Origin(named("c")) as c:
        joist = run_joist(pool([bad, b, c], "outlier = { consecutive_5xx = 3 }"))
        assert sum(r.status == 502 for r in ask(joist.port, 60)) == 3
        line = joist.wait_log("UPSTREAM_EJECTED")
        assert "failures=3" in line and 'last="' in line and "ejected=1 of=3" in line, line


def test_outlier_that_hangs(run_joist):
    def hang(conn):
        conn.request()
        conn.wait_end()
    with Origin(hang) as bad, Origin(named("b")) as b, Origin(named("c")) as c:
        joist = run_joist(pool([bad, b, c], "outlier = { consecutive_5xx = 2 }\n"
                               "[timeouts]\nupstream_response = \"200ms\""))
        assert sum(r.status == 504 for r in ask(joist.port, 40)) == 2


def test_body_that_is_cut_counts(run_joist):
    """The head is a good one each time, the end is not."""
    def cut(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
        conn.reset()
    with Origin(cut) as bad, Origin(named("b")) as b, Origin(named("c")) as c:
        joist = run_joist(pool([bad, b, c], "outlier = { consecutive_5xx = 2 }"))
        for _ in range(12):
            try:
                fetch(joist.port)
            except Exception:  # a response that was cut
                pass
        joist.wait_log("UPSTREAM_EJECTED")
        assert len(bad.requests) == 2


def test_clients_that_leave_say_nothing(run_joist):
    """Ten clients go away before the answer: the target is not to blame."""
    slow = Moody("slow")
    slow.delay_s = 0.3
    with Origin(slow) as a, Origin(named("b")) as b:
        joist = run_joist(pool([a, b], "outlier = { consecutive_5xx = 2 }\nbreaker = "
                               "{ min_requests = 2 }"))
        for _ in range(20):
            client = Client(joist.port)
            client.request()
            client.reset()
        slow.delay_s = 0
        assert all(r.status == 200 for r in ask(joist.port, 20))
        assert "UPSTREAM_EJECTED" not in joist.errors()
        assert "UPSTREAM_BREAKER_OPEN" not in joist.errors()

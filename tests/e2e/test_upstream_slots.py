# SPDX-License-Identifier: MIT
"""Upstreams that are made of slots: rules by header and cookie, weights, slots as pools."""
from collections import Counter

from lib.client import Client, fetch
from lib.net import PortClaim
from lib.origin import Origin, answer


def named(name):
    reply = answer(name.encode())

    def script(conn):
        while conn.request() is not None:
            conn.send(reply)
    return script


def slots(blue, green, weights=(1, 0), extra=""):
    return f"""
[server]
threads = 2
[upstreams.app.slots.blue]
targets = ["{blue}"]
weight = {weights[0]}
[upstreams.app.slots.green]
targets = ["{green}"]
weight = {weights[1]}
{extra}
[[sites]]
proxy = "app"
[[sites]]
host = "preview.test"
proxy = "app.green"
"""


def ask(port, n, headers=(), host="localhost"):
    with Client(port) as client:
        got = []
        for _ in range(n):
            client.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n".encode() +
                        b"".join(h + b"\r\n" for h in headers) + b"\r\n")
            got.append(client.response())
    return Counter(r.body.decode() if r.status == 200 else r.status for r in got)


CANARY = """
[[upstreams.app.rules]]
slot = "green"
header = "X-Canary"
values = ["1", "yes"]
[[upstreams.app.rules]]
slot = "green"
cookie = "who"
values = "tester"
[[upstreams.app.rules]]
slot = "green"
cookie = "kamal-rollout"
percent = 50
"""


def test_rules_by_header_and_cookie(run_joist):
    with Origin(named("blue")) as blue, Origin(named("green")) as green:
        port = run_joist(slots(blue.url, green.url, extra=CANARY)).port
        assert ask(port, 20) == {"blue": 20}
        assert ask(port, 20, [b"X-Canary: 1"]) == {"green": 20}
        assert ask(port, 20, [b"x-canary: yes"]) == {"green": 20}
        assert ask(port, 20, [b"X-Canary: no"]) == {"blue": 20}
        assert ask(port, 20, [b"Cookie: a=b; who=tester"]) == {"green": 20}
        assert ask(port, 20, [b"Cookie: who=other"]) == {"blue": 20}


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text:
        value = (value ^ byte) * 0x01000193 % 2**32
    return value


def test_rollout_by_the_hash_of_a_cookie(run_joist):
    """Who computes the same FNV-1a knows where each client goes (KP-12)."""
    with Origin(named("blue")) as blue, Origin(named("green")) as green:
        port = run_joist(slots(blue.url, green.url, extra=CANARY)).port
        got = Counter()
        for i in range(100):
            value = b"client-%d" % i
            wanted = "green" if fnv1a(value) <= (2**32 - 1) * 50 // 100 else "blue"
            assert ask(port, 2, [b"Cookie: kamal-rollout=" + value]) == {wanted: 2}
            got[wanted] += 1
        assert min(got.values()) > 20


def test_weights(run_joist):
    """Of 2000 requests with 3 : 1, 500 and five standard deviations (97)."""
    with Origin(named("blue")) as blue, Origin(named("green")) as green:
        port = run_joist(slots(blue.url, green.url, (3, 1))).port
        got = ask(port, 2000)
        assert got["blue"] + got["green"] == 2000
        assert abs(got["green"] - 500) <= 97, got


def test_a_slot_is_a_pool_too(run_joist):
    with Origin(named("blue")) as blue, Origin(named("green")) as green:
        port = run_joist(slots(blue.url, green.url)).port
        assert ask(port, 10, host="preview.test") == {"green": 10}


def test_a_canary_that_fails_does_not_spill(run_joist):
    """Its requests fail: they are not quietly served by the others."""
    nobody = PortClaim()
    with Origin(named("blue")) as blue:
        port = run_joist(slots(blue.url, f"http://127.0.0.1:{nobody.port}", extra=CANARY)).port
        assert ask(port, 5, [b"X-Canary: 1"]) == {502: 5}
        assert ask(port, 5) == {"blue": 5}
    nobody.release()


def test_a_slot_starts_from_what_its_upstream_says(run_joist):
    """`retry` of the upstream: a slot with a dead target and a good one serves all."""
    nobody = PortClaim()
    with Origin(named("blue")) as blue:
        port = run_joist(f"""
[upstreams.app]
retry = {{}}
[upstreams.app.slots.blue]
targets = ["http://127.0.0.1:{nobody.port}", "{blue.url}"]
[[sites]]
proxy = "app"
""").port
        assert ask(port, 20) == {"blue": 20}
    nobody.release()
    assert fetch(port).status == 502

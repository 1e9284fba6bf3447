# SPDX-License-Identifier: MIT
"""HTTP/2 that breaks rules: each case ends as its paragraph says, and nobody else notices.

The cases are in h2_abuse.py. One server serves the whole module, and one connection beside the
abused one is never disturbed.
"""
import pytest

import h2_abuse
from lib import h2, net
from lib.client import Client
from lib.origin import FullBacklog, Origin, answer
from lib.server import Joist

RSS_MAX = 96 << 20


def script(conn):
    """Requests are recorded when they are complete: a malformed one must never be."""
    while True:
        request = conn.request()
        if request is None:
            return
        if request.target == "/wait":
            conn.wait_end()
            return
        if request.target == "/big":
            conn.send(answer(bytes(200000)))
        elif request.target == "/cookie":
            conn.send(answer(", ".join(request.all("cookie")).encode()))
        else:
            conn.send(answer(request.body))


@pytest.fixture(scope="module")
def origin():
    with Origin(script) as running:
        yield running


@pytest.fixture(scope="module")
def joist(origin, tmp_path_factory):
    with FullBacklog() as stuck, Joist(tmp_path_factory.mktemp("abuse"), f"""
[server]
threads = 2
drain = "1s"
[timeouts]
upstream_connect = "120s"
[[listeners]]
bind = "127.0.0.1:@PORT@"
alpn = ["h2"]
[[sites]]
proxy = "{origin.url}"
[[sites.routes]]
path = "/alive"
respond = "alive"
[[sites.routes]]
path = "/stuck"
proxy = "http://127.0.0.1:{stuck.port}"
""") as running:
        yield running


@pytest.fixture(scope="module")
def neighbours(joist):
    """Connections that live through everything: enough for each thread to have one."""
    clients = [h2.H2Client.plain(joist.port) for _ in range(8)]
    yield clients
    for client in clients:
        client.close()


def check_others(joist, neighbours):
    for client in neighbours:
        assert client.get("/alive").body == b"alive"
    with h2.H2Client.plain(joist.port) as fresh:
        assert fresh.get("/alive").status == 200
    assert joist.alive(), joist.errors()


def outcome(c):
    """What became of stream 1 and of the connection: ("stream", code or status) or ("conn", code)."""
    try:
        c.read_until(lambda: c.streams and c.streams[min(c.streams)].over)
    except h2.Ended:
        return "conn", c.goaway[1] if c.goaway else None
    first = c.streams[min(c.streams)]
    return "stream", first.reset if first.reset is not None else first.status


def goes_on(c):
    c.settle()
    assert c.goaway is None, c.goaway
    assert c.get("/alive").status == 200


def hold(c, kind, codes):
    if kind == "conn":
        assert c.read_to_end() in codes
    elif kind == "ended":
        c.read_to_end()
    elif kind in ("stream", "served"):
        assert outcome(c)[1] in codes
        goes_on(c)
    elif kind == "malformed":
        how, code = outcome(c)
        assert how == "stream", (how, code)
        assert code == h2.PROTOCOL_ERROR or code == 501 or 400 <= code < 500, code
        goes_on(c)
    elif kind == "either":
        how, code = outcome(c)
        assert code in codes, (how, code)
    elif kind == "answered":
        assert outcome(c) == ("stream", codes[0])
    else:
        assert kind == "ignored"
        try:
            goes_on(c)
            resets = {s.reset for s in c.streams.values() if s.reset is not None}
            assert resets <= set(codes), resets
        except h2.Ended:
            assert c.goaway and c.goaway[1] in codes, c.goaway


def test_the_table_is_large_enough_and_has_no_name_twice():
    names = [row[0] for row in h2_abuse.CASES + h2_abuse.FLOODS]
    assert len(names) == len(set(names)) >= 60
    assert all(row[1].startswith("RFC ") for row in h2_abuse.CASES + h2_abuse.FLOODS)


@pytest.mark.parametrize("paragraph, expect, greet, play",
                         [pytest.param(*row[1:], id=row[0]) for row in h2_abuse.CASES])
def test_abuse(joist, origin, neighbours, paragraph, expect, greet, play):
    origin.forget()
    with h2.H2Client.plain(joist.port, greet=greet) as c:
        try:
            play(c)
        except h2.Ended:
            pass
        hold(c, *expect)
    if expect == h2_abuse.malformed:
        assert not origin.requests, f"{paragraph}: passed on: {origin.everything()!r}"
    check_others(joist, neighbours)


@pytest.mark.parametrize("paragraph, expect, greet, play",
                         [pytest.param(*row[1:], id=row[0]) for row in h2_abuse.FLOODS])
def test_flood(joist, neighbours, paragraph, expect, greet, play):
    """Ends the connection, is said in the log, and costs no memory."""
    told = joist.errors().count("H2_FLOOD")
    with h2.H2Client.plain(joist.port, greet=greet) as c:
        try:
            play(c)
        except h2.Ended:
            pass
        # Where bytes of ours were on the way when it ended, the GOAWAY may be lost with them.
        assert c.read_to_end() in (*expect[1], None), paragraph
    net.wait_for(lambda: joist.errors().count("H2_FLOOD") > told, f"no H2_FLOOD: {joist.errors()}")
    check_others(joist, neighbours)
    if not net.SANITIZED:
        assert joist.rss_bytes() < RSS_MAX


def test_upgrade_from_http1_is_not_taken(run_joist):
    """RFC 9113 3.1: Upgrade: h2c is history; the request is answered as HTTP/1.1."""
    joist = run_joist('[[sites]]\nrespond = "plain"')
    with Client(joist.port) as client:
        response = client.get("/", ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
                                    "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"))
        assert (response.status, response.body) == (200, b"plain")
        assert client.get("/").body == b"plain"


def test_prior_knowledge_where_it_is_not_configured(run_joist):
    """RFC 9113 3.3: a listener that speaks HTTP/1.1 alone refuses the preface."""
    joist = run_joist('[[sites]]\nrespond = "plain"')
    with Client(joist.port) as client:
        client.send(h2.PREFACE)
        assert client.response().status in (400, 505)
        client.expect_closed()


def test_both_protocols_on_one_plain_listener(run_joist):
    joist = run_joist("""
[[listeners]]
bind = "127.0.0.1:@PORT@"
alpn = ["h2", "http/1.1"]
[[sites]]
respond = "both"
""")
    with Client(joist.port) as one, h2.H2Client.plain(joist.port) as two:
        assert two.get().body == b"both"
        assert one.get().body == b"both"
    with Client(joist.port) as client:  # the preface byte by byte
        for byte in h2.PREFACE:
            client.send(bytes((byte,)))
        slow = h2.H2Client(client.sock, greet=False)
        slow.send_raw(h2.raw_frame(4, 0, 0, b""))
        assert slow.get().body == b"both"

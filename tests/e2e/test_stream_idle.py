# SPDX-License-Identifier: MIT
"""Who waits must not burn: processor time while every kind of connection stands still."""
import os
import threading
import time
from pathlib import Path

import pytest

from lib import bulk, net
from lib.client import Client, chunk
from lib.origin import OK, FullBacklog, Origin

WATCHED_S = 1.0
CPU_MAX_S = 0.05 * net.SLOW


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Still:
    """An origin that gets each request into a state and keeps it there."""

    def __init__(self):
        self.over = threading.Event()

    def script(self, conn):
        head = conn.reader.head()
        while head is not None and b"/kept" in head.line:
            conn.send(OK)
            head = conn.reader.head()
        if head is None:
            return
        conn.reader.record = None
        if b"/half-tunnel" in head.line or b"/tunnel" in head.line:
            conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                      b"Upgrade: raw\r\n\r\n")
            if b"/half-tunnel-o" in head.line:
                conn.sock.shutdown(1)
        elif b"/part" in head.line:
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"x"))
        elif b"/large" in head.line:
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            bulk.Sender(conn.sock, 100_000_000).start()
        elif b"/early" in head.line:
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.over.wait(net.PATIENCE_S * 4)


def upgrade(client, target):
    client.request("GET", target, ("Connection: upgrade", "Upgrade: raw"))
    assert client.reader.response_head().status == 101


def paused_upload(client):
    client.request("POST", "/never", ("Content-Length: 100000000",))
    sender = bulk.Sender(client.sock, 100_000_000)
    sender.start()
    sender.wait_stalled()
    return sender


def enter_state(state, client):
    """Bring one connection into a state in which nothing can happen."""
    if state == "silent":
        return
    if state == "half-head":
        client.send(b"GET / HTTP/1.1\r\nHo")
    elif state == "kept":
        assert client.get("/kept").status == 200
    elif state == "waiting":
        client.request("GET", "/never")
    elif state == "waiting-pipelined":
        client.request("GET", "/never")
        client.request("GET", "/never/2")
    elif state == "half-closed-waiting-pipelined":
        client.request("GET", "/never")
        client.request("GET", "/never/2")
        client.finish_sending()
    elif state == "body-awaited":
        client.request("POST", "/never", ("Content-Length: 100",))
        client.send(b"some")
    elif state == "upload-paused":
        paused_upload(client)
    elif state == "upload-paused-half-closed":
        paused_upload(client)
        client.finish_sending()
    elif state == "part":
        client.request("GET", "/part")
        assert client.reader.response_head().status == 200
    elif state == "download-paused":
        client.request("GET", "/large")
        assert client.reader.response_head().status == 200
        time.sleep(bulk.STALL_S)
    elif state == "answered-early":
        client.request("POST", "/early", ("Transfer-Encoding: chunked",))
        assert client.reader.response_head().status == 200
    elif state == "tunnel":
        upgrade(client, "/tunnel")
    elif state == "tunnel-half-closed-by-client":
        upgrade(client, "/half-tunnel-c")
        client.finish_sending()
    elif state == "tunnel-half-closed-by-origin":
        upgrade(client, "/half-tunnel-o")
        client.expect_closed()
    elif state == "connecting":
        client.request("GET", "/", host="full.test")
    elif state == "lingering":
        client.send(b"NO\x00\r\n\r\n")
        assert client.response().status == 400
    else:
        raise AssertionError(state)


STATES = ["silent", "half-head", "kept", "waiting", "waiting-pipelined",
          "half-closed-waiting-pipelined", "body-awaited", "upload-paused",
          "upload-paused-half-closed", "part", "download-paused", "answered-early", "tunnel",
          "tunnel-half-closed-by-client", "tunnel-half-closed-by-origin", "connecting", "lingering"]


def stand_still(run_joist, states, each):
    still = Still()
    with FullBacklog() as full, Origin(still.script) as origin:
        joist = run_joist(f"""
[server]
threads = 1
drain = "1s"
[limits]
body_bytes = 0
[timeouts]
header = "60s"
[[sites]]
proxy = "{origin.url}"
[[sites]]
host = "full.test"
proxy = "http://127.0.0.1:{full.port}"
""")
        clients = [(state, Client(joist.port)) for state in states for _ in range(each)]
        for state, client in clients:
            enter_state(state, client)
        time.sleep(0.1)  # lets the last bytes arrive
        before = cpu_s(joist.pid)
        time.sleep(WATCHED_S)  # what is measured is the time itself
        burnt = cpu_s(joist.pid) - before
        still.over.set()
        for _, client in clients:
            client.close()
        assert burnt <= CPU_MAX_S, f"{burnt:.2f} s of processor time in {WATCHED_S} s"


def test_standing_still_costs_nothing(run_joist):
    """All kinds at once; which one burns, the soak run's test by kind tells."""
    stand_still(run_joist, STATES, 2)


@pytest.mark.soak
@pytest.mark.parametrize("state", STATES)
def test_standing_still_costs_nothing_by_kind(run_joist, state):
    stand_still(run_joist, [state], 3)

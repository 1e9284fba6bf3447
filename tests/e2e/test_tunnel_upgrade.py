# SPDX-License-Identifier: MIT
"""Upgrade: raw tunnels through the proxy, their ends, and origins that refuse."""
import threading
import time

import pytest

from lib import bulk, net
from lib.client import Client, fetch
from lib.origin import OK, Origin

ASK = ("Connection: keep-alive, Upgrade", "Upgrade: raw/1", "X-Key: k")
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw/1\r\n"
          b"X-Accept: a\r\n\r\n")


class Raw:
    """An origin that switches and then does what `after(conn)` says; other requests get 200."""

    def __init__(self, after, first=b""):
        self.after = after
        self.first = first

    def script(self, conn):
        while True:
            request = conn.request()
            if request is None:
                return
            if request.has("upgrade"):
                conn.send(SWITCH + self.first)
                self.after(conn)
                return
            conn.send(OK)


def start(run_joist, origin, extra=""):
    return run_joist(f'[server]\nthreads = 1\n{extra}\n[[sites]]\nproxy = "{origin.url}"')


def switch(client, target="/raw", fields=ASK):
    client.request("GET", target, fields)
    response = client.reader.response_head()
    assert response.status == 101
    assert response.get("upgrade") == "raw/1" and response.get("x-accept") == "a"
    assert "upgrade" in response.head.tokens("connection")
    return response


def echo(conn):
    while conn.reader.buf or conn.reader.fill():
        conn.send(conn.reader.take(len(conn.reader.buf)))


def hold(conn):
    conn.wait_end()


def test_bytes_go_both_ways(run_joist):
    with Origin(Raw(echo).script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            switch(client)
            request = origin.last()
            assert request.get("upgrade") == "raw/1" and request.get("x-key") == "k"
            assert "upgrade" in request.head.tokens("connection")
            for i in range(50):
                data = bytes(range(256)) + b"%d" % i
                client.send(data)
                assert client.reader.exact(len(data), "echo") == data


def test_bytes_sent_with_the_request_and_with_the_answer(run_joist):
    """Neither side has to wait: what comes behind the heads belongs to the tunnel."""
    with Origin(Raw(echo, b"first words ").script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            fields = "\r\n".join(ASK)
            client.send(f"GET /raw HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\nearly".encode())
            assert client.reader.response_head().status == 101
            assert client.reader.exact(17, "both") == b"first words early"


def test_client_half_closes(run_joist):
    """The origin sees the end, and can still answer."""
    def answer_after_end(conn):
        got = b""
        while conn.reader.fill():
            pass
        got = conn.reader.take(len(conn.reader.buf))
        conn.send(b"you said " + got)

    with Origin(Raw(answer_after_end).script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            switch(client)
            client.send(b"all of it")
            client.finish_sending()
            assert client.reader.exact(18, "answer") == b"you said all of it"
            client.expect_closed(reset_ok=False)


def test_origin_half_closes(run_joist):
    """The client sees the end, and can still talk."""
    got = []

    def end_and_listen(conn):
        conn.send(b"goodbye")
        conn.sock.shutdown(1)
        while conn.reader.fill():
            pass
        got.append(conn.reader.take(len(conn.reader.buf)))

    with Origin(Raw(end_and_listen).script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            switch(client)
            assert client.reader.exact(7, "goodbye") == b"goodbye"
            client.expect_closed(reset_ok=False)
            client.send(b"one ")
            client.send(b"more thing")
            client.finish_sending()
            origin.wait(lambda: bool(got), "the client's last words")
        assert got == [b"one more thing"]


def test_both_half_close_and_nothing_is_left(run_joist):
    with Origin(Raw(echo).script) as origin:
        joist = start(run_joist, origin)
        fetch(joist.port)
        before = joist.open_files()
        for _ in range(20):
            with Client(joist.port) as client:
                switch(client)
                client.send(b"x" * 1000)
                client.finish_sending()
                assert client.reader.exact(1000, "echo") == b"x" * 1000
                client.expect_closed(reset_ok=False)
        net.wait_for(lambda: joist.open_files() <= before + 1, "descriptors come back")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_gone(run_joist, how):
    with Origin(Raw(hold).script) as origin:
        joist = start(run_joist, origin)
        client = Client(joist.port)
        switch(client)
        if how == "reset":
            client.reset()
        else:
            client.close()
        origin.wait_conn_end(0)


def test_origin_gone(run_joist):
    with Origin(Raw(lambda conn: conn.reset()).script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            switch(client)
            client.expect_closed()


def test_idle_beyond_every_other_timeout(run_joist):
    timeouts = "\n".join(f'{name} = "200ms"' for name in (
        "header", "body_idle", "keepalive", "upstream_connect", "upstream_response",
        "upstream_idle", "upstream_keepalive"))
    with Origin(Raw(echo).script) as origin:
        joist = start(run_joist, origin, f"[timeouts]\n{timeouts}")
        with Client(joist.port) as client:
            switch(client)
            for word in (b"before", b"after"):
                client.send(word)
                assert client.reader.exact(len(word), "echo") == word
                time.sleep(1.2)  # six times as long as anything else may take
            client.send(b"end")
            assert client.reader.exact(3, "echo") == b"end"


def test_much_data_through_a_tunnel_in_bounded_memory(run_joist):
    total = 64 << 20
    received = []

    def take(conn):
        conn.reader.record = None
        receiver = bulk.Receiver(conn.reader)
        receiver.exact(total)
        received.append(receiver.offset)
        bulk.Sender(conn.sock, total).run()

    with Origin(Raw(take).script) as origin:
        joist = start(run_joist, origin)
        with bulk.RssWatch(joist.pid) as watch, Client(joist.port) as client:
            switch(client)
            sender = bulk.Sender(client.sock, total)
            sender.run()
            assert sender.failure is None
            bulk.Receiver(client.reader).exact(total)
            client.expect_closed()
        assert received == [total]
        assert net.SANITIZED or watch.top < 64 << 20


@pytest.mark.parametrize("status", [200, 400, 403, 426, 500])
def test_origin_that_refuses(run_joist, status):
    """An ordinary answer: the connection stays HTTP."""
    def script(conn):
        while conn.request() is not None:
            conn.send(f"HTTP/1.1 {status} No\r\nUpgrade: other/2\r\nConnection: upgrade\r\n"
                      "Content-Length: 2\r\n\r\nno".encode())

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            for _ in range(3):
                response = client.get(fields=ASK)
                assert (response.status, response.body) == (status, b"no")


def test_after_a_refusal_bytes_are_requests_again(run_joist):
    """What follows the head is HTTP, not piped: no smuggling through a refused upgrade."""
    def script(conn):
        while True:
            request = conn.request()
            if request is None:
                return
            conn.send(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"
                      if request.has("upgrade") else OK)

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            fields = "\r\n".join(ASK)
            client.send(f"GET /raw HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n"
                        "GET /next HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert client.response().status == 400
            try:
                assert client.response().status == 200
            except Exception:  # closing after a refusal is as safe
                assert not client.reader.buf
        assert all(r.get("x-forwarded-for") for r in origin.requests), "piped past the proxy"


@pytest.mark.parametrize("raw", [
    b"GET /raw HTTP/1.0\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: raw/1\r\n\r\n",
    b"GET /raw HTTP/1.1\r\nHost: x\r\nUpgrade: raw/1\r\n\r\n",
    b"GET /raw HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n\r\n",
], ids=["http-1.0", "no-connection", "no-upgrade"])
def test_half_an_upgrade_is_none(run_joist, raw):
    with Origin(Raw(hold).script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            client.send(raw)
            assert client.response().status == 200
        assert not origin.last().has("upgrade")


def test_h2c_upgrade_is_not_passed_on_by_101(run_joist):
    """RFC 9113 3.1: h2c by Upgrade is gone; an origin that accepts it would see requests that we
    never looked at."""
    def script(conn):
        while True:
            request = conn.request()
            if request is None:
                return
            if request.has("upgrade"):
                conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                          b"Upgrade: h2c\r\n\r\n")
                conn.wait_end()
                return
            conn.send(OK)

    with Origin(script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            response = client.get(fields=("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
                                          "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"))
            assert response.status != 101


def test_post_with_an_upgrade_and_a_body(run_joist):
    """RFC 9110 7.8 lets a server ignore Upgrade: with a body in between we do, and all is HTTP."""
    with Origin(Raw(hold).script) as origin:
        joist = start(run_joist, origin)
        with Client(joist.port) as client:
            for _ in range(2):
                client.request("POST", "/raw", ASK, b"hello")
                assert client.response().status == 200
        assert origin.last().body == b"hello" and not origin.last().has("upgrade")


def test_tunnels_do_not_hold_up_requests(run_joist):
    with Origin(Raw(hold).script) as origin:
        joist = start(run_joist, origin)
        tunnels = [Client(joist.port) for _ in range(50)]
        for client in tunnels:
            switch(client)
        for _ in range(20):
            assert fetch(joist.port).status == 200
        for client in tunnels:
            client.close()
        origin.wait(lambda: sum(not c.ended for c in origin.conns) <= 1, "the tunnels' ends")


def test_many_tunnels_talk_at_once(run_joist):
    wrong = []

    def work(number, port):
        try:
            with Client(port) as client:
                switch(client)
                for i in range(100):
                    data = b"%d:%d;" % (number, i)
                    client.send(data)
                    assert client.reader.exact(len(data), "echo") == data
        except Exception as error:
            wrong.append(error)

    with Origin(Raw(echo).script) as origin:
        joist = run_joist(f'[server]\nthreads = 2\n[[sites]]\nproxy = "{origin.url}"')
        threads = [threading.Thread(target=work, args=(n, joist.port)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong, wrong[0]

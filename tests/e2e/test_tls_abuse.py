# SPDX-License-Identifier: MIT
"""Handshakes that go wrong: each costs its own connection, and nobody else anything."""
import os
import random
import socket
import threading

import pytest

from lib import net, tls
from lib.client import Client
from lib.server import Joist

ROUNDS = int(os.environ.get("JOIST_TEST_ROUNDS", "200"))
SEED = int(os.environ.get("JOIST_TEST_SEED", "1"))
MB = 1 << 20


def config(pki, header="20s"):
    return (tls.listener(pki.site("a.test")) +
            f'[timeouts]\nheader = "{header}"\n[[sites]]\nrespond = "hello"\n')


@pytest.fixture(scope="module")
def joist(pki, tmp_path_factory):
    with Joist(tmp_path_factory.mktemp("tls-abuse"), config(pki)) as running:
        yield running


@pytest.fixture(scope="module")
def neighbour(joist):
    """A connection that lives through everything."""
    with tls.TlsClient(joist.port, "a.test") as client:
        yield client


@pytest.fixture(scope="module")
def hello(joist):
    """The ClientHello record of a real client."""
    return first_flight(joist.port)


def first_flight(_):
    """What Python's client says first; nobody answers it."""
    import ssl
    inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
    made = tls.context(alpn=["h2", "http/1.1"])
    client = made.wrap_bio(inside, outside, server_hostname="a.test")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outside.read()


def record(kind, payload, version=b"\x03\x01", length=None):
    return (bytes((kind,)) + version +
            (len(payload) if length is None else length).to_bytes(2, "big") + payload)


def check_others(joist, neighbour):
    assert neighbour.get("/").body == b"hello"
    assert tls.fetch(joist.port, sni="a.test").body == b"hello"


def hit(joist, data, finish=True):
    """Send it and see the connection end; returns what came."""
    with Client(joist.port) as client:
        client.send(data)
        if finish:
            client.finish_sending()
        while client.reader.fill():
            pass
        return bytes(client.reader.buf)


def alert_of(data):
    """The level and code of an unencrypted alert record at the end."""
    return (data[-2], data[-1]) if len(data) >= 7 and data[-7] == 21 else None


CASES = {
    "zeros": bytes(1000),
    "noise": random.Random(2).randbytes(4096),
    "plain_http": b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "h2_preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(64),
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "proxy_line": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    "sslv2_hello": bytes.fromhex("802e0100020015000000100100800200800300800400800500800600400700c0"
                                 "0102030405060708090a0b0c0d0e0f10"),
    "record_too_long": record(22, bytes(20000)),
    "record_of_65535": record(22, bytes(100), length=65535),
    "empty_records": record(22, b"") * 100,
    "alert_first": record(21, b"\x02\x28"),
    "application_data_first": record(23, b"x" * 100),
    "change_cipher_spec_first": record(20, b"\x01") * 40,
    "unknown_record_type": record(99, b"x" * 20),
    "heartbeat": record(24, b"\x01\x40\x00" + bytes(16)),
    "hello_of_16_mb": record(22, b"\x01\xff\xff\xff" + bytes(16000)) + record(22, bytes(16000)) * 50,
    "hello_too_short": record(22, b"\x01\x00\x00\x02\x03\x03"),
    "server_hello": record(22, b"\x02\x00\x00\x26\x03\x03" + bytes(36)),
    "finished_first": record(22, b"\x14\x00\x00\x0c" + bytes(12)),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_handshake(joist, neighbour, name):
    hit(joist, CASES[name])
    check_others(joist, neighbour)


def test_plain_http_gets_no_secret_and_no_page(joist):
    """A plain 400 that says what to do, never the site."""
    said = hit(joist, CASES["plain_http"], finish=False)
    assert said.startswith(b"HTTP/1.1 400 ") and b"https://" in said
    assert b"hello" not in said


def test_hello_cut_anywhere(joist, neighbour, hello):
    rand = random.Random(SEED)
    for at in {1, 4, 5, 6, 9, 43, 44, *(rand.randrange(len(hello)) for _ in range(40))}:
        hit(joist, hello[:at])
    check_others(joist, neighbour)


def test_hello_with_a_byte_changed(joist, neighbour, hello):
    rand = random.Random(SEED)
    for _ in range(ROUNDS):
        bent = bytearray(hello)
        for _ in range(rand.choice((1, 1, 1, 4, 20))):
            bent[rand.randrange(len(bent))] = rand.randrange(256)
        hit(joist, bytes(bent))
    check_others(joist, neighbour)


def test_hello_byte_by_byte_is_served(joist):
    """Where TCP cuts the bytes changes nothing."""
    import ssl
    inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = tls.context().wrap_bio(inside, outside, server_hostname="a.test")
    with socket.create_connection(("127.0.0.1", joist.port), net.PATIENCE_S) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def exchange(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    for byte in outside.read():
                        sock.send(bytes((byte,)))
                    data = sock.recv(7)
                    assert data, "closed"
                    inside.write(data)
        exchange(client.do_handshake)
        client.write(tls.get(host="a.test"))
        assert exchange(lambda: client.read(100)).startswith(b"HTTP/1.1 200")


def test_noise_instead_of_the_second_flight(joist, neighbour, hello):
    rand = random.Random(SEED)
    for kind in (20, 21, 22, 23):
        with Client(joist.port) as client:
            client.send(hello)
            assert client.reader.fill()
            client.send(record(kind, rand.randbytes(200), b"\x03\x03"))
            client.finish_sending()
            while client.reader.fill():
                pass
    check_others(joist, neighbour)


def test_noise_after_the_handshake(joist, neighbour):
    """Bytes that do not decrypt end the connection; nothing of them is taken for a request."""
    for payload in (b"\x17\x03\x03\x00\x40" + bytes(64), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                    b"\x17\x03\x03\xff\xff" + bytes(100)):
        client = tls.TlsClient(joist.port, "a.test")
        raw = socket.socket(fileno=os.dup(client.sock.fileno()))
        raw.settimeout(net.PATIENCE_S)
        assert client.get().body == b"hello"
        raw.sendall(payload)
        raw.shutdown(socket.SHUT_WR)
        try:
            while raw.recv(65536):
                pass
        except ConnectionResetError:
            pass
        raw.close()
        client.close()
    check_others(joist, neighbour)


def test_end_without_close_notify(joist, neighbour):
    """A truncated request must not be taken for a whole one (RFC 9110 and TLS both say so)."""
    client = tls.TlsClient(joist.port, "a.test")
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf")
    os_sock = socket.socket(fileno=client.sock.detach())
    os_sock.close()
    check_others(joist, neighbour)


def test_slow_handshakes_do_not_hinder_others(joist, neighbour, hello):
    slow = [Client(joist.port) for _ in range(50)]
    for i, client in enumerate(slow):
        client.send(hello[:1 + i * 5])
    check_others(joist, neighbour)
    for client in slow:
        client.close()


def test_handshake_in_time_or_closed(run_joist, pki, hello):
    joist = run_joist(config(pki, f"{net.short_ms(400)}ms"))
    with Client(joist.port) as silent, Client(joist.port) as half, Client(joist.port) as between:
        half.send(hello[:50])
        between.send(hello)
        between.reader.fill()
        between.reader.buf.clear()
        for client in (silent, half, between):
            while client.reader.fill():
                pass
        assert tls.fetch(joist.port).body == b"hello"


def test_a_byte_at_a_time_does_not_hold_a_handshake(run_joist, pki, hello):
    joist = run_joist(config(pki, f"{net.short_ms(400)}ms"))
    with Client(joist.port) as client:
        over = threading.Event()

        def drip():
            for byte in hello:
                client.send(bytes((byte,)))
                if over.wait(0.05):
                    return
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        while client.reader.fill():
            pass
        over.set()
        thread.join(net.PATIENCE_S)
    assert client.reader.buf[:1] in (b"", b"\x15"), bytes(client.reader.buf[:20])


def abort(joist, hello, kind):
    client = Client(joist.port)
    if kind:
        client.send(hello[:len(hello) // 2] if kind == 1 else hello)
    if kind == 3:
        client.reader.fill()
    if kind % 2:
        client.reset()
    else:
        client.close()


def test_a_thousand_aborted_handshakes_leave_nothing(joist, neighbour, hello):
    for i in range(200):
        abort(joist, hello, i % 4)
    check_others(joist, neighbour)
    net.wait_for(lambda: joist.open_files() < 100, "descriptors of the first ones")
    files, rss = joist.open_files(), joist.rss_bytes()
    for i in range(1000):
        abort(joist, hello, i % 4)
    check_others(joist, neighbour)
    net.wait_for(lambda: joist.open_files() <= files + 4,
                 f"{joist.open_files()} descriptors, {files} before")
    if not net.SANITIZED:
        assert joist.rss_bytes() < rss + 8 * MB


def test_failed_handshake_is_logged_without_its_bytes(run_joist, pki):
    joist = run_joist(config(pki) + '[log]\nlevel = "debug"\naccess = "off"')
    hit(joist, b"GET /secret-token HTTP/1.1\r\n\r\n")
    line = joist.wait_log("TLS_FAILED")
    assert "127.0.0.1" in line
    assert "secret-token" not in joist.errors()

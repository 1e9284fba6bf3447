# SPDX-License-Identifier: MIT
"""The access log in both formats, the log of events, and sinks that fail."""
import json
import re
import threading

import pytest

from lib import net
from lib.client import Client, fetch
from lib.origin import Origin, answer
from lib.server import Joist

COMBINED = re.compile(
    r'(?P<addr>\S+) - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
    r'"(?P<line>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+|-) '
    r'"(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"')

# What requirements ask of every line.
FIELDS = {"host", "port", "path", "request_id", "status", "service", "target", "method", "query",
          "proto", "scheme", "user_agent", "client_addr", "client_port", "remote_addr"}


def script(conn):
    while True:
        request = conn.request()
        if request is None:
            return
        if request.target.startswith("/cut"):
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            return
        if request.target.startswith("/never"):
            conn.wait_end()
            return
        conn.send(answer(b"hello world", fields=("Content-Type: text/x",)))


@pytest.fixture(scope="module")
def origin():
    with Origin(script) as running:
        yield running


def config(origin, form, path="stdout", extra=""):
    return f"""
[server]
threads = 1
{extra}
[log]
level = "info"
access = {{ format = "{form}", path = "{path}" }}
[[sites]]
name = "front"
proxy = "{origin.url}"
[[sites]]
host = "respond.test"
name = "fixed"
respond = {{ status = 418, body = "tea" }}
"""


@pytest.fixture(scope="module")
def logging(origin, tmp_path_factory):
    with Joist(tmp_path_factory.mktemp("json"), config(origin, "json")) as running:
        yield running


@pytest.fixture(scope="module")
def combined(origin, tmp_path_factory):
    with Joist(tmp_path_factory.mktemp("combined"), config(origin, "combined")) as running:
        yield running


def entry(joist, mark):
    """The one JSON line that holds `mark`."""
    return json.loads(joist.wait_log(mark))


def ask(joist, target, method="GET", fields=(), body=None, host="test.example:81"):
    return fetch(joist.port, target, method, fields, body, host)


# ---- JSON ----------------------------------------------------------------------------------------

def test_every_field_of_a_proxied_request(logging, origin):
    ask(logging, "/one%20path?a=b&c=%20", "POST",
        ("User-Agent: tester/1", "Referer: http://ref.test/", "Content-Type: text/y"), b"hello")
    line = entry(logging, "/one%20path")
    assert FIELDS <= set(line), FIELDS - set(line)
    assert line["host"] in ("test.example", "test.example:81")
    assert line["port"] == logging.port
    assert line["path"] == "/one%20path" and line["query"] == "a=b&c=%20"
    assert line["method"] == "POST" and line["status"] == 200
    assert line["service"] == "front"
    assert f"127.0.0.1:{origin.port}" in line["target"]
    assert line["proto"] == "HTTP/1.1" and line["scheme"] == "http"
    assert line["user_agent"] == "tester/1"
    assert line["client_addr"] == "127.0.0.1" and line["remote_addr"].startswith("127.0.0.1")
    assert 1024 <= line["client_port"] <= 65535
    assert line["request_id"] == origin.last().get("x-request-id")


def number(line, *names):
    """The value of the first of several possible names."""
    return next(line[name] for name in names if name in line)


def test_lengths_types_and_duration(logging):
    ask(logging, "/two", "POST", ("Content-Type: text/y",), b"hello")
    line = entry(logging, '"/two"')
    assert number(line, "req_content_length", "request_bytes") == 5
    assert number(line, "resp_content_length", "response_bytes") == 11
    assert number(line, "req_content_type", "request_type") == "text/y"
    assert number(line, "resp_content_type", "response_type") == "text/x"
    took = number(line, "duration", "duration_ns")
    assert 0 < took < net.PATIENCE_S * 1e9


def test_request_without_an_origin(logging):
    ask(logging, "/three", host="respond.test")
    line = entry(logging, '"/three"')
    assert (line["status"], line["service"]) == (418, "fixed")
    assert not line["target"]


def test_duration_is_in_nanoseconds_of_real_time(logging, origin):
    gate = threading.Event()

    with Client(logging.port) as client:
        client.request("POST", "/slow-body", ("Content-Length: 5",))
        origin.wait(lambda: any(b"/slow-body" in c.received for c in origin.conns), "the head")
        gate.wait(0.3)
        client.send(b"hello")
        assert client.response().status == 200
    took = number(entry(logging, '"/slow-body"'), "duration", "duration_ns")
    assert 0.25e9 < took < net.PATIENCE_S * 1e9


def test_client_that_left_is_499(logging, origin):
    client = Client(logging.port)
    client.request("GET", "/never/1")
    origin.wait(lambda: any(b"/never/1" in c.received for c in origin.conns), "the request")
    client.close()
    assert entry(logging, '"/never/1"')["status"] == 499


def test_cut_response_is_logged(logging):
    with Client(logging.port) as client:
        client.request("GET", "/cut/1")
        client.sock.settimeout(net.PATIENCE_S)
        while client.reader.fill():
            pass
    line = entry(logging, '"/cut/1"')
    assert line["status"] in (200, 502)
    assert number(line, "resp_content_length", "response_bytes") <= 11


@pytest.mark.parametrize("value", [
    'quote " backslash \\ end', "caf\xe9 \xff\x80", "tab\there", "</script>", "{\"a\": 1}", "",
    "日本".encode().decode("latin-1"), "a" * 3000,
])
def test_any_user_agent_gives_one_valid_line(logging, value):
    mark = f"/agent-{abs(hash(value))}"
    ask(logging, mark, fields=(f"User-Agent: {value}",))
    line = entry(logging, mark)
    assert line["path"] == mark and isinstance(line["user_agent"], (str, type(None)))


def test_malformed_request_is_logged(logging):
    with Client(logging.port) as client:
        client.send(b"GET /mal formed HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.response().status == 400
    assert "BAD_REQUEST" in logging.wait_log("BAD_REQUEST")


def test_all_lines_are_json_and_none_is_missing(logging, origin):
    with Client(logging.port) as client:
        for i in range(300):
            assert client.get(f"/count/{i}/").status == 200
    entry(logging, "/count/299/")
    lines = [json.loads(text) for text in logging.output().splitlines()]
    counted = [line for line in lines if line["path"].startswith("/count/")]
    assert [line["path"] for line in counted] == [f"/count/{i}/" for i in range(300)]


def test_tunnel_is_logged_with_101(run_joist):
    def switch(conn):
        conn.request()
        conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                  b"Upgrade: raw\r\n\r\n")
        conn.wait_end()

    with Origin(switch) as origin:
        joist = run_joist(config(origin, "json"))
        with Client(joist.port) as client:
            client.request("GET", "/tunnel", ("Connection: upgrade", "Upgrade: raw"))
            assert client.reader.response_head().status == 101
        assert entry(joist, '"/tunnel"')["status"] == 101


def test_trusted_proxy_gives_the_client_s_address(run_joist, origin):
    joist = run_joist(config(origin, "json", extra='trusted_proxies = ["127.0.0.1/32"]'))
    ask(joist, "/trusted", fields=("X-Forwarded-For: 203.0.113.7",))
    line = entry(joist, '"/trusted"')
    assert line["client_addr"] == "203.0.113.7"
    assert line["remote_addr"].startswith("127.0.0.1")


# ---- combined ------------------------------------------------------------------------------------

def parsed(joist, mark):
    text = joist.wait_log(mark)
    match = COMBINED.fullmatch(text) or COMBINED.match(text)
    assert match, text
    return match.groupdict()


def test_combined_line(combined):
    ask(combined, "/one?a=b", fields=("User-Agent: tester/1", "Referer: http://ref.test/"))
    line = parsed(combined, "/one?a=b")
    assert line == {"addr": "127.0.0.1", "line": "GET /one?a=b HTTP/1.1", "status": "200",
                    "bytes": "11", "referer": "http://ref.test/", "agent": "tester/1"}


def test_combined_line_without_the_optional(combined):
    ask(combined, "/bare")
    line = parsed(combined, "/bare")
    assert (line["referer"], line["agent"]) == ("-", "-")


@pytest.mark.parametrize("value", ['a "quoted" one', "back\\slash", 'x" 200 1 "fake" "line',
                                   "caf\xe9"])
def test_combined_line_cannot_be_forged(combined, value):
    mark = f"/forge-{abs(hash(value))}"
    ask(combined, mark, fields=(f"User-Agent: {value}", f"Referer: {value}"))
    text = combined.wait_log(mark)
    assert COMBINED.fullmatch(text), text
    assert parsed(combined, mark)["status"] == "200"


# ---- events --------------------------------------------------------------------------------------

def test_events_name_what_happened(run_joist, origin):
    claim = net.PortClaim()
    joist = run_joist('[server]\nthreads = 1\n[log]\nlevel = "debug"\naccess = "off"\n'
                      f'[[sites]]\nproxy = "http://127.0.0.1:{claim.port}"\n'
                      f'[[sites]]\nhost = "bad.test"\nproxy = "{origin.url}"')
    joist.wait_log("LISTENING")
    assert fetch(joist.port).status == 502
    assert str(claim.port) in joist.wait_log("UPSTREAM_FAILED")
    with Client(joist.port) as client:
        client.send(b"NO\x00\r\n\r\n")
        client.response()
    joist.wait_log("BAD_REQUEST")
    joist.signal()
    assert joist.wait() == 0
    assert "DRAINING" in joist.errors() and "DRAINED" in joist.errors()
    claim.release()


def test_bad_response_is_an_event(run_joist):
    def bad(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")

    with Origin(bad) as origin:
        joist = run_joist(f'[[sites]]\nproxy = "{origin.url}"')
        assert fetch(joist.port).status == 502
        joist.wait_log("BAD_RESPONSE")


def test_secrets_are_in_no_log(run_joist, origin):
    joist = run_joist('[server]\nthreads = 1\n[log]\nlevel = "debug"\n'
                      'access = { format = "json", path = "stdout" }\n'
                      f'[[sites]]\nproxy = "{origin.url}"')
    for target in ("/ok", "/cut"):
        with Client(joist.port) as client:
            client.request("GET", target, ("Authorization: Bearer s3cr3t-one",
                                           "Cookie: session=s3cr3t-two",
                                           "Proxy-Authorization: Basic s3cr3t-three"))
            client.sock.settimeout(net.PATIENCE_S)
            while b"hello world" not in client.reader.buf and client.reader.fill():
                pass
    with Client(joist.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cr3t-four\r\n"
                    b"Bad Name: x\r\n\r\n")
        assert client.response().status == 400
    joist.wait_log("BAD_REQUEST")
    joist.signal()
    assert joist.wait() == 0
    assert "s3cr3t" not in joist.errors() + joist.output()


# ---- sinks ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("form", ["json", "combined"])
def test_full_disk_harms_nothing(run_joist, origin, form):
    joist = run_joist(config(origin, form, "/dev/full"))
    with Client(joist.port) as client:
        for i in range(200):
            assert client.get(f"/{i}").status == 200


def test_reader_that_stops_reading_harms_nothing(run_joist, origin, tmp_path):
    """The log goes into a pipe that nobody empties: lines are dropped, requests are not."""
    import os  # pylint: disable=import-outside-toplevel

    fifo = tmp_path / "log.pipe"
    os.mkfifo(fifo)
    end = os.open(fifo, os.O_RDWR)
    try:
        joist = run_joist(config(origin, "json", str(fifo)))
        with Client(joist.port) as client:
            for i in range(3000):
                assert client.get(f"/{i}").status == 200
        drain = threading.Thread(target=swallow, args=(end,), daemon=True)
        drain.start()
        joist.stop()
    finally:
        os.close(end)


def swallow(end):
    import os  # pylint: disable=import-outside-toplevel

    try:
        while os.read(end, 1 << 16):
            pass
    except OSError:
        pass


def test_log_file_is_opened_anew_when_moved(run_joist, origin, tmp_path):
    path = tmp_path / "access.log"
    joist = run_joist(config(origin, "json", str(path)))
    assert fetch(joist.port, "/before").status == 200
    net.wait_for(lambda: path.exists() and "/before" in path.read_text(), "the first line")
    path.rename(tmp_path / "access.log.1")

    def again():
        fetch(joist.port, "/after")
        return path.exists() and "/after" in path.read_text()
    net.wait_for(again, "a new file", step_s=0.1)


def test_access_log_off_writes_nothing(run_joist, origin):
    joist = run_joist(f'[log]\naccess = "off"\n[[sites]]\nproxy = "{origin.url}"')
    for _ in range(20):
        assert fetch(joist.port).status == 200
    joist.stop()
    assert not joist.output()


def test_log_is_whole_after_a_stop(run_joist, origin):
    """What was served before the end is in the log after it."""
    joist = run_joist(config(origin, "json"))
    with Client(joist.port) as client:
        for i in range(500):
            assert client.get(f"/n/{i}").status == 200
    joist.stop()
    assert len(joist.output().splitlines()) == 500


@pytest.mark.parametrize("first, reason", [
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "it speaks TLS, and this port plain HTTP"),
    (b"\x00\x01\x02", "it does not speak HTTP/1"),
])
def test_what_is_no_http_is_named(run_joist, origin, first, reason):
    joist = run_joist(config(origin, "json"))
    with Client(joist.port) as client:
        client.send(first)
        assert client.reader.response().status == 400
    assert f'err="{reason}"' in joist.wait_log("BAD_REQUEST")

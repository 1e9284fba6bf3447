# SPDX-License-Identifier: MIT
"""Max-Forwards, TRACE and OPTIONS (RFC 9110 7.6.2, 9.3.7, 9.3.8), CONNECT."""
import pytest

from lib.client import Client, fetch
from lib.origin import Origin
from lib.server import Joist


@pytest.fixture(scope="module")
def origin():
    with Origin() as running:
        yield running


@pytest.fixture(scope="module")
def joist(origin, tmp_path_factory):
    with Joist(tmp_path_factory.mktemp("trace"), f'[[sites]]\nproxy = "{origin.url}"') as running:
        yield running


@pytest.fixture(autouse=True)
def forget(origin):
    origin.forget()


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS"])
def test_max_forwards_counts_down(joist, origin, method):
    assert fetch(joist.port, "/", method, ("Max-Forwards: 5",)).status == 200
    assert origin.last().all("max-forwards") == ["4"]


def test_max_forwards_of_other_methods_is_left_alone(joist, origin):
    fetch(joist.port, "/", "GET", ("Max-Forwards: 0",))
    assert origin.last().get("max-forwards") == "0"


def test_trace_that_ends_here_is_reflected_without_secrets(joist, origin):
    response = fetch(joist.port, "/here", "TRACE", (
        "Max-Forwards: 0", "User-Agent: t/1", "Authorization: Bearer s3cr3t",
        "Cookie: a=s3cr3t", "X-Api-Key: s3cr3t", "Proxy-Authorization: Basic s3cr3t"))
    assert response.status == 200 and response.get("content-type") == "message/http"
    assert response.body.startswith(b"TRACE /here HTTP/1.1\r\n") and b"t/1" in response.body
    assert b"s3cr3t" not in response.body
    assert not origin.requests


def test_options_that_ends_here(joist, origin):
    response = fetch(joist.port, "/here", "OPTIONS", ("Max-Forwards: 0",))
    assert response.status in (200, 204) and not origin.requests


@pytest.mark.parametrize("value", ["-1", "x", "", "99999999999999999999999"])
def test_nonsense_in_max_forwards_harms_nothing(joist, value):
    assert fetch(joist.port, "/", "TRACE", (f"Max-Forwards: {value}",)).status in (200, 400)


def test_connect_is_no_way_into_the_network(joist, origin):
    """A reverse proxy tunnels to nobody that the client names."""
    with Client(joist.port) as client:
        client.send(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"
                    b"GET /inner HTTP/1.1\r\nHost: x\r\n\r\n" % (origin.port, origin.port))
        response = client.response("CONNECT")
        assert 400 <= response.status < 600
    assert not any(r.target == "/inner" and not r.get("via") for r in origin.requests)
    assert not any(r.method == "CONNECT" for r in origin.requests)


def test_large_response_head_passes(run_joist):
    fields = "".join(f"X-{i}: {'v' * 900}\r\n" for i in range(200))
    head = f"HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok".encode()

    def script(conn):
        while conn.request() is not None:
            conn.send(head)

    with Origin(script) as large:
        joist = run_joist(f'[[sites]]\nproxy = "{large.url}"')
        with Client(joist.port) as client:
            for _ in range(3):
                response = client.get()
                assert response.body == b"ok" and response.get("x-199") == "v" * 900

# SPDX-License-Identifier: MIT
"""Limits on what one request may be: each at its edge, one below and one above."""
import pytest

from lib.client import Client, chunk, fetch, request_bytes
from lib.origin import Origin
from lib.server import Joist

HEADER_BYTES = 2048
HEADER_COUNT = 20
URI_BYTES = 512
BODY_BYTES = 10000

LIMITS = f"""
[limits]
header_bytes = {HEADER_BYTES}
header_count = {HEADER_COUNT}
uri_bytes = {URI_BYTES}
body_bytes = {BODY_BYTES}
"""


@pytest.fixture(scope="module")
def origin():
    with Origin() as running:
        yield running


@pytest.fixture(scope="module")
def joist(origin, tmp_path_factory):
    config = f"""{LIMITS}
[[sites]]
proxy = "{origin.url}"
[[sites.routes]]
path = "/small"
limits = {{ body_bytes = 100 }}
[[sites.routes]]
path = "/large"
limits = {{ body_bytes = "1MiB" }}
"""
    with Joist(tmp_path_factory.mktemp("limits"), config) as running:
        yield running


@pytest.fixture(autouse=True)
def forget(origin):
    origin.forget()


def refused(joist, raw, status):
    with Client(joist.port) as client:
        client.send(raw)
        response = client.response()
        assert response.status == status
        assert "close" in response.head.tokens("connection")
        client.expect_closed()


def passes(joist, raw):
    with Client(joist.port) as client:
        client.send(raw)
        assert client.response().status == 200


def padded_head(size):
    empty = request_bytes(fields=("X-Pad: ",))
    return request_bytes(fields=("X-Pad: " + "p" * (size - len(empty)),))


def test_header_bytes_at_the_limit_pass(joist):
    passes(joist, padded_head(HEADER_BYTES))


def test_header_bytes_above_the_limit_are_431(joist, origin):
    refused(joist, padded_head(HEADER_BYTES + 1), 431)
    assert origin.bytes() == 0


def test_header_bytes_are_counted_before_the_head_is_complete(joist, origin):
    refused(joist, padded_head(HEADER_BYTES * 2)[:HEADER_BYTES + 200], 431)
    assert origin.bytes() == 0


def test_header_count_at_the_limit_passes(joist):
    fields = [f"X-{i}: y" for i in range(HEADER_COUNT - 1)]  # and Host
    passes(joist, request_bytes(fields=fields))


def test_header_count_above_the_limit_is_431(joist, origin):
    fields = [f"X-{i}: y" for i in range(HEADER_COUNT)]
    refused(joist, request_bytes(fields=fields), 431)
    assert origin.bytes() == 0


def test_uri_at_the_limit_passes(joist):
    passes(joist, request_bytes(target="/" + "u" * (URI_BYTES - 1)))


@pytest.mark.parametrize("target", ["/" + "u" * URI_BYTES, "/?" + "u" * (URI_BYTES - 1),
                                    "http://test.example/" + "u" * (URI_BYTES - 19)],
                         ids=["path", "query", "absolute"])
def test_uri_above_the_limit_is_414(joist, origin, target):
    assert len(target) == URI_BYTES + 1
    refused(joist, request_bytes(target=target), 414)
    assert origin.bytes() == 0


def test_uri_is_counted_before_the_line_is_complete(joist):
    refused(joist, b"GET /" + b"u" * (URI_BYTES + 300), 414)


def test_body_at_the_limit_passes(joist, origin):
    passes(joist, request_bytes("POST", "/", body=b"b" * BODY_BYTES))
    assert len(origin.last().body) == BODY_BYTES


def test_body_length_above_the_limit_is_413_before_any_byte(joist, origin):
    with Client(joist.port) as client:
        client.request("POST", "/", (f"Content-Length: {BODY_BYTES + 1}",))
        response = client.response()
        assert response.status == 413
        client.expect_closed()
    assert origin.bytes() == 0


def test_body_above_the_limit_with_expect_is_413_and_not_100(joist):
    with Client(joist.port) as client:
        client.request("POST", "/", ("Expect: 100-continue", f"Content-Length: {BODY_BYTES + 1}"))
        response = client.response()
        assert response.status == 413 and not response.interim


def test_chunked_body_at_the_limit_passes(joist, origin):
    body = chunk(b"b" * (BODY_BYTES - 1)) + chunk(b"b") + chunk(b"")
    passes(joist, request_bytes("POST", "/", ("Transfer-Encoding: chunked",), body))
    assert len(origin.last().body) == BODY_BYTES


def test_chunked_body_above_the_limit_is_413(joist, origin):
    body = chunk(b"b" * BODY_BYTES) + chunk(b"b") + chunk(b"")
    refused(joist, request_bytes("POST", "/", ("Transfer-Encoding: chunked",), body), 413)
    fetch(joist.port, "/next")
    assert [r.target for r in origin.requests] == ["/next"], "the body never became complete"


def test_chunked_body_without_end_is_413(joist):
    with Client(joist.port) as client:
        client.request("POST", "/", ("Transfer-Encoding: chunked",))
        for _ in range(3):
            client.send(chunk(b"b" * BODY_BYTES))
        assert client.response().status == 413
        client.expect_closed()


def test_chunk_that_announces_too_much_is_413(joist):
    """The size line alone says that the limit will be passed; or it is told by the bytes."""
    with Client(joist.port) as client:
        client.request("POST", "/", ("Transfer-Encoding: chunked",))
        client.send(b"%x\r\n" % (BODY_BYTES + 1) + b"b" * (BODY_BYTES + 1))
        assert client.response().status == 413
        client.expect_closed()


def test_413_can_be_read_by_a_client_that_sends_all_first(joist):
    """The rest is read and thrown away for a while: closing at once would reset the answer away."""
    with Client(joist.port) as client:
        client.request("POST", "/", body=b"b" * 800_000)
        assert client.response().status == 413


def test_limits_of_a_route(joist, origin):
    with Client(joist.port) as client:
        client.request("POST", "/small", body=b"b" * 101)
        assert client.response().status == 413
    passes(joist, request_bytes("POST", "/small", body=b"b" * 100))
    passes(joist, request_bytes("POST", "/large", body=b"b" * (BODY_BYTES + 1)))
    assert len(origin.last().body) == BODY_BYTES + 1


def test_connection_serves_on_after_large_but_allowed_requests(joist):
    with Client(joist.port) as client:
        for _ in range(20):
            client.request("POST", "/", body=b"b" * BODY_BYTES)
            assert client.response().status == 200

# SPDX-License-Identifier: MIT
"""What is added to and taken from messages on their way, in both directions."""
import re

import pytest

from lib.client import Client, fetch
from lib.origin import Origin, answer
from lib.server import Joist

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class Play:
    """An origin that answers with fields chosen by the test."""

    def __init__(self):
        self.fields = ()
        self.raw = None

    def script(self, conn):
        while conn.request() is not None:
            conn.send(self.raw or answer(fields=self.fields))


@pytest.fixture(scope="module")
def play():
    return Play()


@pytest.fixture(scope="module")
def origin(play):
    with Origin(play.script) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(play, origin):
    play.fields, play.raw = (), None
    origin.forget()


SITES = """
[[sites]]
proxy = "{url}"
[[sites]]
host = "renamed.test"
proxy = "{url}"
proxy_host = "app.internal"
[[sites]]
host = "based.test"
proxy = "{url}/base"
[[sites]]
host = "headers.test"
proxy = "{url}"
headers = {{ x-frame-options = "DENY", x-powered-by = "" }}
[[sites.routes]]
path = "/deep"
headers = {{ x-deep = "1" }}
[[sites.routes]]
path = "/api"
strip_prefix = true
[[sites]]
host = "stripped.test"
respond = {{ status = 404, body = "no" }}
[[sites.routes]]
path = "/api"
proxy = "{url}"
strip_prefix = true
[[sites.routes]]
path = "/v1"
proxy = "{url}/base"
strip_prefix = true
"""


@pytest.fixture(scope="module")
def joist(origin, tmp_path_factory):
    with Joist(tmp_path_factory.mktemp("headers"), SITES.format(url=origin.url)) as running:
        yield running


@pytest.fixture(scope="module")
def trusting(origin, tmp_path_factory):
    config = '[server]\nthreads = 1\ntrusted_proxies = ["127.0.0.0/8", "192.0.2.0/24"]\n'
    config += SITES.format(url=origin.url)
    with Joist(tmp_path_factory.mktemp("trusting"), config) as running:
        yield running


@pytest.fixture(scope="module")
def silent(origin, tmp_path_factory):
    config = '[server]\nthreads = 1\nserver_header = ""\nvia = false\n'
    with Joist(tmp_path_factory.mktemp("silent"), config + SITES.format(url=origin.url)) as running:
        yield running


def seen(joist, origin, fields=(), target="/", host="test.example", method="GET", body=None):
    """The request as the origin saw it."""
    fetch(joist.port, target, method, fields, body, host)
    return origin.last()


# ---- hop by hop ----------------------------------------------------------------------------------

HOP_BY_HOP = [
    ("Keep-Alive", "timeout=5"), ("Proxy-Authenticate", "Basic"),
    ("Proxy-Authorization", "Basic x"), ("Proxy-Connection", "keep-alive"), ("TE", "gzip"), ("Upgrade", "h2c"),
]


@pytest.mark.parametrize("name, value", HOP_BY_HOP)
def test_hop_by_hop_field_does_not_reach_the_origin(joist, origin, name, value):
    request = seen(joist, origin, (f"{name}: {value}",))
    assert request.get(name) is None


@pytest.mark.parametrize("name, value", HOP_BY_HOP)
def test_hop_by_hop_field_does_not_reach_the_client(joist, play, name, value):
    play.fields = (f"{name}: {value}",)
    with Client(joist.port) as client:
        response = client.get()
        assert response.status == 200 and response.get(name) is None


def test_connection_named_fields_do_not_reach_the_origin(joist, origin):
    request = seen(joist, origin, ("Connection: close, X-One", "X-One: 1", "connection: x-tWO",
                                   "X-Two: 2", "X-Three: 3"))
    assert request.get("x-one") is None and request.get("x-two") is None
    assert request.get("x-three") == "3"
    assert "x-one" not in request.head.tokens("connection")


def test_connection_named_fields_do_not_reach_the_client(joist, play):
    play.fields = ("Connection: X-One", "X-One: 1", "Connection: x-two, keep-alive", "X-Two: 2",
                   "X-Three: 3")
    with Client(joist.port) as client:
        response = client.get()
    assert response.get("x-one") is None and response.get("x-two") is None
    assert response.get("x-three") == "3"
    assert "x-one" not in response.head.tokens("connection")


@pytest.mark.parametrize("name", ["Host", "Content-Length", "X-Forwarded-For", "X-Forwarded-Host",
                                  "X-Forwarded-Proto", "Via", "X-Request-Id", "Forwarded"])
def test_connection_cannot_take_away_what_matters(joist, origin, name):
    """A client must not strip what the origin relies on by naming it in Connection."""
    fetch(joist.port, "/", "POST", (f"Connection: {name}",), b"hello")
    assert origin.last().get(name) is not None
    assert origin.last().body == b"hello"


def test_te_trailers_may_be_said_but_no_other_coding(joist, origin):
    request = seen(joist, origin, ("TE: trailers, gzip", "Connection: TE"))
    assert request.get("te") in (None, "trailers")


def test_transfer_encoding_is_our_own(joist, play):
    play.raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    with Client(joist.port) as client:
        for _ in range(2):
            assert client.get().body == b"ok"


# ---- forwarded -----------------------------------------------------------------------------------

def test_forwarding_fields_are_set(joist, origin):
    request = seen(joist, origin, host="test.example:8080")
    assert request.get("x-forwarded-for") == "127.0.0.1"
    assert request.get("x-forwarded-proto") == "http"
    assert request.get("x-forwarded-host") == "test.example:8080"
    forwarded = request.get("forwarded").lower()
    assert "for=127.0.0.1" in forwarded
    assert "proto=http" in forwarded
    assert 'host="test.example:8080"' in forwarded, "a port makes quotes necessary (RFC 7239 4)"


def test_forged_forwarding_fields_are_replaced(joist, origin):
    request = seen(joist, origin, (
        "X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 7.7.7.7", "X-Forwarded-Proto: https",
        "X-Forwarded-Host: evil.example", "Forwarded: for=6.6.6.6;host=evil.example"))
    assert request.all("x-forwarded-for") == ["127.0.0.1"]
    assert request.all("x-forwarded-proto") == ["http"]
    assert request.all("x-forwarded-host") == ["test.example"]
    assert "6.6.6.6" not in request.get("forwarded") and "evil" not in request.get("forwarded")


def test_trusted_forwarding_fields_are_kept_and_added_to(trusting, origin):
    request = seen(trusting, origin, (
        "X-Forwarded-For: 6.6.6.6, 192.0.2.9", "X-Forwarded-Proto: https",
        "X-Forwarded-Host: public.example", "Forwarded: for=6.6.6.6;proto=https"))
    assert request.get("x-forwarded-for") == "6.6.6.6, 192.0.2.9, 127.0.0.1"
    assert request.get("x-forwarded-proto") == "https"
    assert request.get("x-forwarded-host") == "public.example"
    assert request.get("forwarded").startswith("for=6.6.6.6;proto=https")
    assert "127.0.0.1" in request.get("forwarded")


def test_trusted_peer_that_says_nothing_gets_our_own(trusting, origin):
    request = seen(trusting, origin)
    assert request.get("x-forwarded-for") == "127.0.0.1"
    assert request.get("x-forwarded-proto") == "http"


@pytest.mark.parametrize("value", ["", ",", "not an address", "1.2.3.4:99999, ;;", "a" * 3000,
                                   "\xff\xfe", '"', "[::1", "999.999.999.999"])
def test_nonsense_from_a_trusted_peer_harms_nothing(trusting, origin, value):
    request = seen(trusting, origin, (f"X-Forwarded-For: {value}", f"Forwarded: {value}"))
    assert request.get("x-forwarded-for").endswith("127.0.0.1")


# ---- X-Request-Id --------------------------------------------------------------------------------

def test_request_id_is_made_and_never_the_same(joist, origin):
    ids = {seen(joist, origin).get("x-request-id") for _ in range(20)}
    assert len(ids) == 20
    for one in ids:
        assert re.fullmatch(UUID + "|[0-9a-zA-Z_-]{16,64}", one), one


def test_request_id_of_a_stranger_is_replaced(joist, origin):
    request = seen(joist, origin, ("X-Request-Id: forged-forged-forged", "x-request-id: second"))
    assert len(request.all("x-request-id")) == 1
    assert "forged" not in request.get("x-request-id")


def test_request_id_of_a_trusted_peer_is_kept(trusting, origin):
    assert seen(trusting, origin, ("X-Request-Id: abc-123",)).get("x-request-id") == "abc-123"


@pytest.mark.parametrize("value", ["", "a" * 500, "white space", "caf\xe9"])
def test_nonsense_request_id_is_at_most_passed_on_once(trusting, origin, value):
    request = seen(trusting, origin, (f"X-Request-Id: {value}",))
    assert len(request.all("x-request-id")) == 1 and request.get("x-request-id")


# ---- Via, Date, Server ---------------------------------------------------------------------------

def test_via_is_added_both_ways(joist, origin, play):
    play.fields = ("Via: 1.0 inner",)
    with Client(joist.port) as client:
        response = client.get(fields=("Via: 1.0 outer",))
    assert re.fullmatch(r"1\.0 outer, 1\.1 \S+", origin.last().get("via"))
    assert re.fullmatch(r"1\.0 inner, 1\.1 \S+", response.get("via"))


def test_via_says_what_was_received(joist, origin):
    with Client(joist.port) as client:
        client.send(b"GET / HTTP/1.0\r\nHost: test.example\r\n\r\n")
        assert client.response().status == 200
    assert origin.last().get("via").startswith("1.0 ")


def test_via_and_server_can_be_turned_off(silent, origin, play):
    play.fields = ("X-A: 1",)
    response = fetch(silent.port)
    assert origin.last().get("via") is None
    assert response.get("via") is None and response.get("server") is None
    assert response.get("date")


def test_date_and_server_are_added_where_missing(joist):
    response = fetch(joist.port)
    assert re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT",
                        response.get("date"))
    assert response.get("server") == "joist"


def test_date_and_server_of_the_origin_are_kept(joist, play):
    """RFC 9110 10.2.4, 6.6.1: they describe the origin; there is one of each."""
    play.fields = ("Date: Tue, 15 Nov 1994 08:12:31 GMT", "Server: inner/1")
    response = fetch(joist.port)
    assert response.all("date") == ["Tue, 15 Nov 1994 08:12:31 GMT"]
    assert len(response.all("server")) == 1


def test_error_answers_have_date_and_length(joist):
    with Client(joist.port) as client:
        client.send(b"BAD\r\n\r\n")
        response = client.response()
    assert response.status == 400 and response.get("date")
    assert response.framing == "length" and response.get("content-type")


# ---- everything else stays as it is --------------------------------------------------------------

def test_other_fields_pass_in_order_and_spelling(joist, origin):
    fields = ("X-b: 2", "x-A: 1", "X-b: 3", "Cookie: a=b; c=\"d\"", "Authorization: Basic eDp5",
              "Accept-Encoding: br", "Range: bytes=0-1", "If-None-Match: \"x\"",
              "User-Agent: t/1", "Origin: null", "Sec-Fetch-Mode: cors")
    request = seen(joist, origin, fields)
    lines = [f"{n.decode()}: {v.decode()}" for n, v in request.head.fields]
    assert [line for line in lines if line in fields] == list(fields)


def test_response_fields_pass_in_order_and_spelling(joist, play):
    play.fields = ("Set-Cookie: a=1; Path=/", "X-b: 2", "Set-Cookie: b=2", "x-A: caf\xe9",
                   "ETag: W/\"x\"", "Cache-Control: no-store", "Content-Type: text/x; a=b")
    response = fetch(joist.port)
    lines = [f"{n.decode()}: {v.decode('latin-1')}" for n, v in response.head.fields]
    assert [line for line in lines if line in play.fields] == list(play.fields)


@pytest.mark.parametrize("status, reason", [(200, "Fine"), (201, "Created"), (299, "Odd"),
                                            (404, "Not Here"), (418, "I'm a teapot"), (500, "Ouch"),
                                            (599, "")])
def test_status_passes(joist, play, status, reason):
    play.raw = f"HTTP/1.1 {status} {reason}\r\nContent-Length: 2\r\n\r\nok".encode()
    response = fetch(joist.port)
    assert (response.status, response.body) == (status, b"ok")


@pytest.mark.parametrize("raw", [
    b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12345\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
], ids=["204", "304", "304-length", "304-coding", "204-length", "205", "200-empty", "no-reason",
        "1.0", "chunked-empty"])
def test_empty_response_keeps_the_connection_in_step(joist, play, raw):
    play.raw = raw
    with Client(joist.port) as client:
        for _ in range(3):
            response = client.get()
            assert response.status == int(raw[9:12]) and response.body == b""


def test_head_response_keeps_its_length(joist, play):
    play.raw = b"HTTP/1.1 200 OK\r\nContent-Length: 123\r\n\r\n"
    with Client(joist.port) as client:
        for _ in range(2):
            client.request("HEAD", "/")
            response = client.response("HEAD")
            assert response.get("content-length") == "123"


@pytest.mark.parametrize("line", [b"Transfer-Encoding: chunked\r\n", b""])
def test_head_response_without_a_length(joist, play, line):
    """RFC 9112 6.1: it may say chunked, and there is no body all the same."""
    play.raw = b"HTTP/1.1 200 OK\r\n" + line + b"\r\n"
    with Client(joist.port) as client:
        for _ in range(3):
            client.request("HEAD", "/")
            assert client.response("HEAD").status == 200


# ---- Host and path -------------------------------------------------------------------------------

def test_host_of_the_client_is_kept(joist, origin):
    assert seen(joist, origin, host="Test.Example:81").get("host").lower() == "test.example:81"


def test_host_may_be_set(joist, origin):
    request = seen(joist, origin, host="renamed.test")
    assert request.all("host") == ["app.internal"]
    assert request.get("x-forwarded-host") == "renamed.test"


def test_path_of_the_origin_goes_before_the_request_s(joist, origin):
    assert seen(joist, origin, target="/x?y=1", host="based.test").target == "/base/x?y=1"


@pytest.mark.parametrize("target, passed", [
    ("/api/users?a=b", "/users?a=b"), ("/api", "/"), ("/api/", "/"), ("/api?x", "/?x"),
    ("/api//x", "//x"), ("/api/%41/%7e", "/%41/%7e"), ("/v1/x", "/base/x"),
    ("/api/@scope%2fname", "/@scope%2fname"), ("/api%2Fx", "/x"),
])
def test_strip_prefix(joist, origin, target, passed):
    request = seen(joist, origin, target=target, host="stripped.test")
    assert request.target == passed


@pytest.mark.parametrize("target, passed", [
    ("/api/../api/x", "/x"), ("/api/%2e%2e/api/x", "/x"), ("/api/.%2E/api/x", "/x"),
    ("/v1/../v1/x", "/base/x"), ("/v1/%2E%2e/v1/x", "/base/x"), ("/api/y/../x", "/x"),
    ("/v1/./x", "/base/x"),
    ("/api/.well-known/x", "/.well-known/x"), ("/x/../api/y", "/y"),
])
def test_strip_prefix_cannot_be_climbed_out_of(joist, origin, target, passed):
    """What is left of the path must not lead above the place that it is put behind."""
    request = seen(joist, origin, target=target, host="stripped.test")
    assert request.target == passed


def test_strip_prefix_only_on_a_segment_boundary(joist, origin):
    assert fetch(joist.port, "/apis", host="stripped.test").status == 404
    assert not origin.requests


def test_response_headers_of_a_site(joist, play):
    play.fields = ("X-Powered-By: something", "X-Frame-Options: ALLOW")
    response = fetch(joist.port, host="headers.test")
    assert response.all("x-frame-options") == ["DENY"]
    assert response.get("x-powered-by") is None
    deep = fetch(joist.port, "/deep", host="headers.test")
    assert deep.get("x-deep") == "1" and deep.all("x-frame-options") == ["DENY"]

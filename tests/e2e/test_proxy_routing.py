# SPDX-License-Identifier: MIT
"""Which route takes a request, and the handlers that answer by themselves."""
import pytest

from lib.client import Client, fetch, request_bytes
from lib.origin import Origin
from lib.server import Joist

CONFIG = """
[[sites]]
respond = "any"
[[sites.routes]]
path = "/api"
respond = "any-api"
[[sites.routes]]
path = "/api/v1"
respond = "any-api-v1"
[[sites.routes]]
exact = "/api/v1/exact"
respond = "any-exact"
[[sites.routes]]
path = "/api/v1/exact"
respond = "any-exact-prefix"
[[sites.routes]]
path = "/canary"
respond = "stable"
[[sites.routes]]
path = "/canary"
match_headers = { x-canary = "1" }
respond = "canary"
[[sites.routes]]
path = "/canary"
match_headers = { x-canary = "1", x-region = "*" }
respond = "canary-region"

[[sites]]
host = "a.test"
respond = "a"

[[sites]]
host = "*.wild.test"
respond = "wild"

[[sites]]
host = "exact.wild.test"
respond = "exact-wild"

[[sites]]
hosts = ["one.test", "two.test"]
respond = "several"

[[routes]]
name = "reads"
respond = "read"
[routes.matchers]
hosts = ["methods.test"]
methods = ["GET", "HEAD"]

[[routes]]
name = "writes"
respond = { status = 201, body = "written" }
[routes.matchers]
hosts = ["methods.test"]
path_prefix = "/items"
methods = ["POST", "PUT"]

[[routes]]
name = "only"
respond = "only"
[routes.matchers]
hosts = ["only.test"]
path = "/only"
methods = ["POST"]

[[sites]]
host = "respond.test"
respond = { status = 418, body = "{}", content_type = "application/json" }
[[sites.routes]]
path = "/empty"
respond = { status = 204 }
[[sites.routes]]
path = "/plain"
respond = "plain text"

[[sites]]
host = "redirect.test"
redirect = "https://example.com$uri"
[[sites.routes]]
path = "/moved"
redirect = { to = "/new?from=$path", status = 308 }
[[sites.routes]]
path = "/host"
redirect = { to = "https://$host/", status = 301 }
[[sites.routes]]
path = "/query"
redirect = { to = "/q?$query", status = 303 }
[[sites]]
host = "guard.test"
respond = "open"
[[sites.routes]]
path = "/admin"
respond = { status = 403, body = "closed" }
[[sites]]
host = "slash.test"
redirect = { to = "$path/", status = 308 }
"""


@pytest.fixture(scope="module")
def joist(tmp_path_factory):
    with Joist(tmp_path_factory.mktemp("routing"), CONFIG) as running:
        yield running


def body(joist, host, target="/", fields=(), method="GET"):
    response = fetch(joist.port, target, method, fields, host=host)
    return response.body.decode()


@pytest.mark.parametrize("host, expected", [
    ("a.test", "a"), ("A.TEST", "a"), ("a.test:8080", "a"), ("a.test.", "a"),
    ("b.test", "any"), ("xa.test", "any"), ("x.a.test", "any"), ("", "any"), ("192.0.2.1", "any"),
    ("[::1]:80", "any"), ("one.wild.test", "wild"), ("ONE.Wild.Test", "wild"),
    ("exact.wild.test", "exact-wild"), ("two.one.wild.test", "any"), ("wild.test", "any"),
    (".wild.test", "any"), ("one.test", "several"), ("two.test", "several"), ("three.test", "any"),
])
def test_host(joist, host, expected):
    assert body(joist, host) == expected


@pytest.mark.parametrize("target, expected", [
    ("/", "any"), ("/api", "any-api"), ("/api/", "any-api"), ("/api/x", "any-api"),
    ("/api?v1", "any-api"), ("/apis", "any"), ("/ap", "any"), ("/API", "any"),
    ("/api/v1", "any-api-v1"), ("/api/v1/x/y", "any-api-v1"), ("/api/v10", "any-api"),
    ("/api/v1/exact", "any-exact"), ("/api/v1/exact?x", "any-exact"),
    ("/api/v1/exact/x", "any-exact-prefix"), ("/api/v1/exactly", "any-api-v1"),
    ("/%61pi/v1", "any-api-v1"), ("/api/v1/../x", "any-api"), ("/x/../api/v1", "any-api-v1"),
    ("/api/./v1", "any-api-v1"), ("/x/%2e%2e/api", "any-api"),
    ("http://b.test/api", "any-api"),
])
def test_path(joist, target, expected):
    assert body(joist, "b.test", target) == expected


def test_path_of_another_host_does_not_count(joist):
    """No fall through to a less exact host."""
    assert body(joist, "a.test", "/api") == "a"


@pytest.mark.parametrize("fields, expected", [
    ((), "stable"), (("X-Canary: 1",), "canary"), (("x-canary: 0",), "stable"),
    (("X-Canary: 1", "X-Region: eu"), "canary-region"), (("X-Region: eu",), "stable"),
])
def test_headers(joist, fields, expected):
    assert body(joist, "b.test", "/canary", fields) == expected


def test_methods(joist):
    assert body(joist, "methods.test", "/items") == "read"
    response = fetch(joist.port, "/items", "POST", host="methods.test", body=b"x")
    assert (response.status, response.body) == (201, b"written")


@pytest.mark.parametrize("host, target, method, allowed", [
    ("methods.test", "/items", "DELETE", {"GET", "HEAD", "POST", "PUT"}),
    ("methods.test", "/other", "POST", {"GET", "HEAD"}),
    ("only.test", "/only", "GET", {"POST"}),
    ("only.test", "/only", "get", {"POST"}),
    ("only.test", "/only", "post", {"POST"}),
])
def test_wrong_method_is_405_with_allow(joist, host, target, method, allowed):
    response = fetch(joist.port, target, method, host=host)
    assert response.status == 405
    assert {m.strip() for m in response.get("allow").split(",")} == allowed


def test_no_route_is_404(joist):
    response = fetch(joist.port, "/other", host="only.test")
    assert response.status == 404 and response.body


def test_options_asterisk_is_answered(joist):
    """RFC 9110 9.3.7: about the server as a whole, even where every site is of our own making."""
    with Client(joist.port) as client:
        client.request("OPTIONS", "*", host="b.test")
        assert client.response().status in (200, 204)
        assert client.get(host="b.test").status == 200


# ---- respond -------------------------------------------------------------------------------------

def test_respond_with_status_and_type(joist):
    response = fetch(joist.port, host="respond.test")
    assert (response.status, response.body) == (418, b"{}")
    assert response.get("content-type") == "application/json"
    assert response.get("content-length") == "2"


def test_respond_default_type_is_text(joist):
    response = fetch(joist.port, "/plain", host="respond.test")
    assert response.get("content-type") == "text/plain; charset=utf-8"


def test_respond_204_has_no_body(joist):
    with Client(joist.port) as client:
        for _ in range(2):
            response = client.get("/empty", host="respond.test")
            assert response.status == 204 and response.body == b""


def test_respond_to_head(joist):
    with Client(joist.port) as client:
        client.request("HEAD", "/plain", host="respond.test")
        assert client.response("HEAD").get("content-length") == "10"
        assert client.get("/plain", host="respond.test").body == b"plain text"


@pytest.mark.parametrize("size", [0, 1, 1000, 100_000])
def test_respond_takes_a_body_and_keeps_in_step(joist, size):
    with Client(joist.port) as client:
        for _ in range(3):
            client.request("POST", "/plain", body=b"b" * size, host="respond.test")
            assert client.response().body == b"plain text"


def test_respond_pipelined(joist):
    with Client(joist.port) as client:
        client.send(request_bytes(target="/plain", host="respond.test") * 200)
        for _ in range(200):
            assert client.response().body == b"plain text"


@pytest.mark.parametrize("target", ["/admin", "//admin", "/.//admin", "/x/..//admin",
                                    "///admin///x", "/%61dmin", "/x/%2e%2e/admin",
                                    "/admin%2Fx", "/%2Fadmin"])
def test_guarded_path_cannot_be_walked_around(joist, target):
    """Origins merge slashes and fold dots: the route is chosen by what they would see."""
    assert fetch(joist.port, target, host="guard.test").status == 403


@pytest.mark.parametrize("target", ["/x/..;/admin", "/x/..%3b/admin", "/x/.;/admin", "/x//../admin"])
def test_dots_with_two_meanings_are_refused(joist, target):
    assert fetch(joist.port, target, host="guard.test").status == 400


# ---- redirect ------------------------------------------------------------------------------------

@pytest.mark.parametrize("target, status, location", [
    ("/a/b?c=d", 302, "https://example.com/a/b?c=d"),
    ("/", 302, "https://example.com/"),
    ("/%41?x=%2F", 302, "https://example.com/%41?x=%2F"),
    ("/moved/x", 308, "/new?from=/moved/x"),
    ("/host", 301, "https://redirect.test/"),
    ("/query?a=1&b=2", 303, "/q?a=1&b=2"),
])
def test_redirect(joist, target, status, location):
    response = fetch(joist.port, target, host="redirect.test")
    assert (response.status, response.get("location")) == (status, location)


@pytest.mark.parametrize("target", ["/%0d%0aSet-Cookie:x=1", "/a%0d%0a%0d%0abody", "/%00"])
def test_redirect_cannot_be_split(joist, target):
    """Whatever the answer, the response stays one response."""
    with Client(joist.port) as client:
        response = client.get(target, host="redirect.test")
        assert response.get("set-cookie") is None
        if response.status == 302:
            assert "%0" in response.get("location").lower()


@pytest.mark.parametrize("target", ["//evil.example/x", "/\\evil.example"])
def test_redirect_does_not_lead_astray(joist, target):
    response = fetch(joist.port, target, host="redirect.test")
    if response.status == 302:
        assert response.get("location").startswith("https://example.com/")


@pytest.mark.parametrize("target", ["//evil.example/x", "///evil.example", "/%2e//evil.example"])
def test_redirect_to_the_path_stays_on_its_host(joist, target):
    """RFC 3986 4.2: a Location that begins with two slashes names another host."""
    response = fetch(joist.port, target, host="slash.test")
    assert response.status == 308
    assert not response.get("location").startswith(("//", "/\\"))


# ---- pools ---------------------------------------------------------------------------------------

def name(text):
    reply = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()

    def script(conn):
        while conn.request() is not None:
            conn.send(reply)
    return script


def test_round_robin_by_weight(run_joist):
    with Origin(name("a")) as a, Origin(name("b")) as b:
        joist = run_joist(f"""
[server]
threads = 1
[upstreams.app]
targets = [{{ url = "{a.url}", weight = 3 }}, "{b.url}"]
[[sites]]
proxy = "app"
""")
        with Client(joist.port) as client:
            got = [client.get().body for _ in range(40)]
        assert (got.count(b"a"), got.count(b"b")) == (30, 10)
        assert b"aaaa" not in b"".join(got), "smoothly, not in bursts"


def test_single_takes_the_first(run_joist):
    with Origin(name("a")) as a, Origin(name("b")) as b:
        joist = run_joist(f"""
[[routes]]
[routes.upstream]
strategy = "single"
targets = ["{a.url}", "{b.url}"]
""")
        with Client(joist.port) as client:
            assert {client.get().body for _ in range(20)} == {b"a"}
        assert not b.conns


def test_pool_shared_by_sites(run_joist):
    with Origin(name("a")) as a:
        joist = run_joist(f"""
[upstreams.app]
targets = ["{a.url}"]
[[sites]]
host = "one.test"
proxy = "app"
[[sites]]
host = "two.test"
proxy = "app"
""")
        for host in ("one.test", "two.test"):
            assert fetch(joist.port, host=host).body == b"a"

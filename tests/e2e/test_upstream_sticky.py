# SPDX-License-Identifier: MIT
"""Clients that are bound to one target of a pool, with cookie jars of real clients."""
import re
import subprocess
from collections import Counter
from contextlib import ExitStack

import pytest

from lib import net, tls
from lib.client import Client, fetch
from lib.origin import Origin, answer

NAME = "joist_affinity"
VALUE = re.compile(r"[0-9a-f]{16}(\.[0-9a-f]{1,10})?")


class Shop:
    """An application on several targets. /login gives a session of its own."""

    def __init__(self, count):
        self.stack = ExitStack()
        self.count = count
        self.origins = []

    def script(self, number):
        def serve(conn):
            while (request := conn.request()) is not None:
                fields = []
                if request.target == "/login":
                    fields.append(f"Set-Cookie: SID=s{number}x{len(self.origins[number].requests)}"
                                  "; Path=/")
                conn.send(answer(b"%d" % number, fields=fields))
        return serve

    def __enter__(self):
        for number in range(self.count):
            self.origins.append(self.stack.enter_context(Origin(self.script(number))))
        return self

    def __exit__(self, *details):
        self.stack.__exit__(*details)

    def pool(self, sticky, extra="", strategy="round_robin"):
        urls = ", ".join(f'"{o.url}"' for o in self.origins)
        return f"""
[upstreams.app]
strategy = "{strategy}"
targets = [{urls}]
sticky = {{ {sticky} }}
{extra}
[[sites]]
proxy = "app"
"""

    def requests(self):
        return [r for o in self.origins for r in o.requests]


@pytest.fixture
def shop():
    with Shop(4) as running:
        yield running


def curl(folder, port, path="/", *arguments):
    """With a cookie jar that stays; (body, Set-Cookie fields)."""
    url = f"http://test.example:{port}{path}"
    if arguments and arguments[0].startswith("https"):
        url, arguments = arguments[0], arguments[1:]
    done = subprocess.run(
        ["curl", "-sS", "-i", "--http1.1", "--cookie", f"{folder}/jar", "--cookie-jar",
         f"{folder}/jar", "--resolve", f"test.example:{port}:127.0.0.1", *arguments, url],
        capture_output=True, text=True, check=True, cwd=folder, timeout=net.PATIENCE_S,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"})
    head, _, body = done.stdout.partition("\n\n")
    return body, re.findall(r"^set-cookie: (.*)$", head, re.I | re.M)


def get(port, cookie=None, fields=()):
    fields = (*fields, f"Cookie: {cookie}") if cookie else fields
    return fetch(port, fields=fields)


def bound(port):
    """A new client: (target, "name=value")."""
    response = get(port)
    return response.body, response.get("set-cookie").split(";")[0]


# ---- our own cookie ----------------------------------------------------------------------------


def test_a_cookie_jar_stays_at_one_target(run_joist, shop, tmp_path):
    joist = run_joist("[server]\nthreads = 2\n" + shop.pool(f'cookie = "{NAME}"'))
    first, given = curl(tmp_path, joist.port)
    assert len(given) == 1
    for _ in range(12):
        assert curl(tmp_path, joist.port) == (first, []), "it moved, or was told again"
    others = Counter(bound(joist.port)[0] for _ in range(40))
    assert len(others) == 4 and min(others.values()) >= 4, others


def test_attributes_over_plain_http(run_joist, shop):
    joist = run_joist(shop.pool(f'cookie = "{NAME}", ttl = "10m"'))
    given = get(joist.port).get("set-cookie")
    name, _, rest = given.partition("=")
    value, *attributes = rest.split("; ")
    assert name == NAME and VALUE.fullmatch(value)
    assert attributes == ["Path=/", "Max-Age=600", "HttpOnly", "SameSite=Lax"]


def test_attributes_of_a_session_cookie(run_joist, shop):
    joist = run_joist(shop.pool('cookie = "a", ttl = "0", path = "/shop", script = true, '
                                'same_site = "strict"'))
    value, *attributes = get(joist.port).get("set-cookie").split("; ")
    assert re.fullmatch(r"a=[0-9a-f]{16}", value)
    assert attributes == ["Path=/shop", "SameSite=Strict"]


def test_secure_over_tls(run_joist, shop, pki, tmp_path):
    cert = pki.site("test.example")
    joist = run_joist(tls.listener(cert) + shop.pool(f'cookie = "{NAME}", same_site = "none"'))
    url = f"https://test.example:{joist.port}/"
    first, given = curl(tmp_path, joist.port, "/", url, "--cacert", str(pki.ca))
    assert given[0].split("; ")[1:] == ["Path=/", "Max-Age=600", "HttpOnly", "Secure",
                                        "SameSite=None"]
    for _ in range(5):
        assert curl(tmp_path, joist.port, "/", url, "--cacert", str(pki.ca)) == (first, [])


def test_insecure_over_tls(run_joist, shop, pki, tmp_path):
    joist = run_joist(tls.listener(pki.site("test.example")) +
                      shop.pool(f'cookie = "{NAME}", insecure = true'))
    _, given = curl(tmp_path, joist.port, "/", f"https://test.example:{joist.port}/", "--cacert",
                    str(pki.ca))
    assert given[0].split("; ")[1:] == ["Path=/", "Max-Age=600", "HttpOnly", "SameSite=Lax"]


def test_the_origin_does_not_see_it(run_joist, shop):
    joist = run_joist(shop.pool(f'cookie = "{NAME}"'))
    _, cookie = bound(joist.port)
    get(joist.port, f"a=1; {cookie}; b=2")
    get(joist.port, cookie)
    get(joist.port, "a=1; b=2")
    seen = [r.all("cookie") for r in shop.requests()]
    assert sorted(seen) == [[], [], ["a=1; b=2"], ["a=1; b=2"]]


@pytest.mark.parametrize("forged", [
    "x", "", "0" * 16, "f" * 16, "f" * 15 + "G", "f" * 16 + ".", "f" * 16 + ".zz", "a" * 6000,
    "http://127.0.0.1:1", '"' + "f" * 16, "\xff\xfe\x80", "f" * 16 + ".ffffffffff",
])
def test_a_forged_cookie_is_replaced(run_joist, shop, forged):
    joist = run_joist(shop.pool(f'cookie = "{NAME}"'))
    seen = set()
    for _ in range(8):
        response = get(joist.port, f"{NAME}={forged}")
        assert response.status == 200
        assert VALUE.fullmatch(response.get("set-cookie").split(";")[0].split("=", 1)[1])
        seen.add(response.body)
    assert len(seen) == 4, "it chose a target"
    assert not any(r.all("cookie") for r in shop.requests())


def test_the_same_after_a_restart(run_joist, shop):
    config = shop.pool(f'cookie = "{NAME}"')
    joist = run_joist(config)
    clients = [bound(joist.port) for _ in range(8)]
    joist.stop()
    again = run_joist(config)
    for target, cookie in clients:
        response = get(again.port, cookie)
        assert (response.body, response.get("set-cookie")) == (target, None)


def test_only_clients_of_a_dead_target_move(run_joist, shop):
    joist = run_joist(shop.pool(f'cookie = "{NAME}"', 'retry = { attempts = 2 }\n'
                                'outlier = { consecutive_5xx = 1, eject = "1h" }'))
    clients = [bound(joist.port) for _ in range(32)]
    shop.origins[2].close()
    for target, cookie in clients:
        response = get(joist.port, cookie)
        assert response.status == 200
        if target == b"2":
            assert response.body != b"2"
            assert get(joist.port, response.get("set-cookie").split(";")[0]).body == response.body
        else:
            assert (response.body, response.get("set-cookie")) == (target, None)


# ---- what else a client is known by --------------------------------------------------------------


def test_application_cookie(run_joist, shop, tmp_path):
    joist = run_joist("[server]\nthreads = 2\n" + shop.pool('app_cookie = "SID"'))
    first, given = curl(tmp_path, joist.port, "/login")
    assert [g.split("=")[0] for g in given] == ["SID"]
    for _ in range(12):
        assert curl(tmp_path, joist.port) == (first, [])
    later = [r.get("cookie") for r in shop.requests() if r.target == "/"]
    assert len(later) == 12 and all(c.startswith("SID=") for c in later)


def test_header(run_joist, shop):
    joist = run_joist("[server]\nthreads = 2\n" + shop.pool('header = "X-User"'))
    at = {}
    for turn in range(6):
        for user in range(12):
            body = get(joist.port, fields=(f"X-User: u{user}",)).body
            assert at.setdefault(user, body) == body, f"turn {turn}"
    assert len(set(at.values())) == 4
    assert len({get(joist.port).body for _ in range(8)}) == 4, "without the header: in turn"


def test_client_address(run_joist, shop):
    joist = run_joist("[server]\nthreads = 2\ntrusted_proxies = [\"127.0.0.0/8\"]\n" +
                      shop.pool("client = true"))
    at = {}
    for _ in range(6):
        for host in range(12):
            body = get(joist.port, fields=(f"X-Forwarded-For: 192.0.2.{host}",)).body
            assert at.setdefault(host, body) == body
    assert len(set(at.values())) == 4


def test_a_full_table_forgets_the_oldest(run_joist, shop):
    joist = run_joist("[server]\nthreads = 1\n" + shop.pool('header = "X-User", table_max = 8'))
    with Client(joist.port) as client:
        at = {u: client.get("/", (f"X-User: u{u}",)).body for u in range(2000)}
        for u in range(1992, 2000):
            assert client.get("/", (f"X-User: u{u}",)).body == at[u]
        joist.alive()


def test_two_pools_do_not_take_each_others_cookie(run_joist, shop):
    urls = ", ".join(f'"{o.url}"' for o in shop.origins)
    joist = run_joist(f"""
[upstreams.a]
targets = [{urls}]
sticky = {{ cookie = "j" }}
[upstreams.b]
targets = [{urls}]
sticky = {{ cookie = "j" }}
[[sites]]
proxy = "a"
[[sites.routes]]
path = "/b"
proxy = "b"
""")
    _, cookie = bound(joist.port)
    assert fetch(joist.port, "/b", fields=(f"Cookie: {cookie}",)).get("set-cookie")

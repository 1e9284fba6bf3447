# SPDX-License-Identifier: MIT
"""What a hostile client cannot make the proxy say to an origin, or to another client."""
import pytest

from lib.client import fetch
from lib.origin import Origin

SPOOFED = ("X_Forwarded_For: 6.6.6.6", "x-forwarded_for: 6.6.6.6", "X-Forwarded-Port: 1",
           "X-FORWARDED-PREFIX: /z", "X-Forwarded-Ssl: on", "X-Real-IP: 6.6.6.6",
           "X_Real_IP: 6.6.6.6", "X_Request_ID: mine", "X-Forwarded_Host: evil.example",
           "X_FORWARDED_PROTO: https")
INNOCENT = ("X-Forward: 1", "X-Real-IPs: 1", "Forwarded-By: 1", "F: 1", "X: 1", "X_A: 1",
            "From: me", "X-Forwarded: 1")


@pytest.fixture
def origin():
    with Origin() as origin:
        yield origin


def names(request):
    return {name.decode().lower() for name, _ in request.head.fields}


def test_strangers_cannot_claim_another_address(run_joist, origin):
    joist = run_joist(f'[[sites]]\nproxy = "{origin.url}"')
    assert fetch(joist.port, fields=SPOOFED + INNOCENT).status == 200
    got = names(origin.last())
    for field in SPOOFED:
        assert field.split(":")[0].lower() not in got, field
    for field in INNOCENT:
        assert field.split(":")[0].lower() in got, field
    assert b"6.6.6.6" not in origin.everything()


def test_a_trusted_proxy_does_not_pass_on_its_clients_disguises(run_joist, origin):
    joist = run_joist(f'[[sites]]\nproxy = "{origin.url}"\n'
                      '[server]\nthreads = 1\ntrusted_proxies = ["127.0.0.1"]')
    assert fetch(joist.port, fields=SPOOFED).status == 200
    got = names(origin.last())
    assert not [name for name in got if "_" in name]
    assert {"x-forwarded-port", "x-forwarded-prefix", "x-real-ip"} <= got


def test_a_word_in_the_forwarded_list_is_no_address(run_joist, origin):
    joist = run_joist(f'[[sites]]\nproxy = "{origin.url}"\n'
                      '[server]\nthreads = 1\ntrusted_proxies = ["127.0.0.0/8", "10.0.0.0/8"]\n'
                      '[log]\naccess = { format = "combined", path = "@DIR@/access" }')
    fetch(joist.port, fields=['X-Forwarded-For: 1.2.3.4 - root [x] "GET /", 10.0.0.9'])
    joist.stop()
    line = (joist.folder / "access").read_text()
    assert line.startswith("10.0.0.9 - - ["), line


@pytest.mark.parametrize("target", ["/api/x", "/api/_secret", "/api/http://evil.example/x",
                                    "/api/*", "/api/.x", "/api//x", "/api/@x", "/api/"])
@pytest.mark.parametrize("base", ["", "/base"])
def test_what_is_left_of_a_stripped_path_is_a_path(run_joist, origin, target, base):
    joist = run_joist(f'[[sites]]\nrespond = {{ body = "no" }}\n'
                      f'[[sites.routes]]\npath = "/api/"\nstrip_prefix = true\n'
                      f'proxy = "{origin.url}{base}"')
    assert fetch(joist.port, target).body == b"ok"
    assert origin.last().target == base + target[len("/api"):]


def test_a_stripped_path_cannot_lengthen_a_redirects_host(run_joist):
    joist = run_joist('[[sites]]\nrespond = { body = "no" }\n'
                      '[[sites.routes]]\npath = "/old/"\nstrip_prefix = true\n'
                      'redirect = { to = "https://good.example$uri", status = 302 }\n'
                      '[[sites.routes]]\npath = "/r"\nstrip_prefix = true\n'
                      'redirect = { to = "/$path", status = 302 }')
    for tail in ("@evil.example/", ".evil.example", ":80@evil.example"):
        where = fetch(joist.port, "/old/" + tail).get("location")
        assert where.startswith("https://good.example/"), where
    where = fetch(joist.port, "/r//evil.example/").get("location")
    assert where.startswith("/") and not where.startswith("//"), where


@pytest.mark.parametrize("guard", ["/admin", "/x/admin"])
@pytest.mark.parametrize("target", ["/x//../admin", "/x//./../admin", "/x//%2e%2e/admin",
                                    "//x/../admin", "/x/y//../../admin"])
def test_a_path_with_two_meanings_reaches_no_origin(run_joist, origin, guard, target):
    """Some origins merge slashes before they fold dots, some (WHATWG URL) do not merge at all."""
    joist = run_joist(f'[[sites]]\nproxy = "{origin.url}"\n'
                      f'[[sites.routes]]\npath = "{guard}"\nrespond = {{ status = 403 }}')
    assert fetch(joist.port, target).status in (400, 403)
    assert not origin.requests

# SPDX-License-Identifier: MIT
"""Client certificates: asked for, required, wrong; and what is told about them, by us alone."""
import json

import pytest

from lib import h2, tls
from lib.client import fetch
from lib.net import PortClaim
from lib.origin import Origin, serve_ok
from lib.server import Joist

ALICE = "CN=alice,O=Joist tests"
NAMES = ("x-client-verify", "x-client-subject", "x-client-fingerprint")


@pytest.fixture(scope="module")
def origin():
    with Origin(serve_ok) as running:
        yield running


def config(pki, origin, mode):
    auth = f'client_auth = {{ ca = "{pki.ca}", mode = "{mode}" }}'
    return ('[log]\naccess = { format = "json", path = "stdout" }\n' +
            tls.listener(pki.site("a.test"), auth) + f"""
[[sites]]
proxy = "{origin.url}"
[[sites.routes]]
path = "/only"
respond = {{ status = 403, body = "who?" }}
[[sites.routes]]
path = "/only"
match_headers = {{ x-client-subject = "{ALICE}" }}
respond = "hello alice"
""")


@pytest.fixture(scope="module")
def required(pki, origin, tmp_path_factory):
    with Joist(tmp_path_factory.mktemp("mtls"), config(pki, origin, "require")) as running:
        yield running


@pytest.fixture(scope="module")
def requested(pki, origin, tmp_path_factory):
    with Joist(tmp_path_factory.mktemp("mtls-ask"), config(pki, origin, "request")) as running:
        yield running


def ask(joist, cert=None, target="/", fields=(), **options):
    if cert:
        options.update(cert=cert.cert, key=cert.key)
    return tls.ask(joist.port, tls.get(target, "a.test", fields), sni="a.test", **options)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("which", ["required", "requested"])
def test_good_certificate(request, pki, origin, which, version):
    joist = request.getfixturevalue(which)
    alice = pki.client("alice")
    told = ask(joist, alice, "/subject", max=version)
    assert told.response.status == 200
    seen = origin.last()
    assert [seen.all(name) for name in NAMES] == [["SUCCESS"], [ALICE], [alice.fingerprint()]]


def test_subject_is_logged(required, pki):
    ask(required, pki.client("alice"), "/log-me")
    line = json.loads(required.wait_log('"/log-me"'))
    assert ALICE in json.dumps(line), line


@pytest.mark.parametrize("version, alert", [("1.2", tls.HANDSHAKE_FAILURE),
                                            ("1.3", tls.CERTIFICATE_REQUIRED)])
def test_none_where_one_is_required(required, origin, version, alert):
    before = len(origin.requests)
    told = ask(required, max=version)
    assert told.alerts == [alert] and not told.body
    assert len(origin.requests) == before


def test_none_where_one_is_asked_for(requested, origin):
    assert ask(requested).response.status == 200
    assert [origin.last().all(name) for name in NAMES] == [["NONE"], [], []]


@pytest.mark.parametrize("which", ["required", "requested"])
@pytest.mark.parametrize("kind", ["other_authority", "expired", "for_servers", "self_signed"])
def test_wrong_certificate(request, pki, origin, which, kind):
    joist = request.getfixturevalue(which)
    cert = {"other_authority": lambda: pki.client("eve", pki.authority("other")),
            "expired": lambda: pki.root.issue("client-late", hosts=(), usage="client",
                                              days=(-20, -2)),
            "for_servers": lambda: pki.site("b.test"),
            "self_signed": lambda: pki.root.self_signed("client-self")}[kind]()
    before = len(origin.requests)
    told = ask(joist, cert)
    assert told.alerts and not told.body, told.errors
    assert len(origin.requests) == before
    assert ask(joist, pki.client("alice")).response.status == 200


@pytest.mark.parametrize("name", ["X-Client-Verify", "X-Client-Subject", "X-Client-Fingerprint",
                                  "x-client-subject", "X_Client_Subject", "X-Client_Verify"])
def test_forged_field_is_dropped(requested, required, origin, pki, name):
    ask(requested, target="/forged", fields=(f"{name}: {ALICE}",))
    assert ALICE.encode() not in origin.last().head.raw
    ask(required, pki.client("bob"), "/forged", (f"{name}: {ALICE}",))
    raw = origin.last().head.raw
    assert ALICE.encode() not in raw and b"CN=bob" in raw


def test_forged_field_where_no_certificate_is_asked_for(run_joist, origin):
    joist = run_joist(f'[[sites]]\nproxy = "{origin.url}"')
    fetch(joist.port, fields=(f"X-Client-Subject: {ALICE}", "X-Client-Verify: SUCCESS"))
    assert not any(origin.last().has(name) for name in NAMES)


def test_subject_chooses_a_route(required, requested, pki):
    assert ask(required, pki.client("alice"), "/only").response.body == b"hello alice"
    assert ask(required, pki.client("bob"), "/only").response.status == 403
    assert ask(requested, None, "/only", (f"X-Client-Subject: {ALICE}",)).response.status == 403


def test_subject_over_h2(required, origin, pki):
    made = tls.context(alpn=["h2"], cert=pki.client("alice"))
    with h2.H2Client.tls(required.port, made, "a.test") as client:
        assert client.get(authority="a.test",
                          extra=[("x-client-subject", "CN=forged")]).status == 200
    assert origin.last().all("x-client-subject") == [ALICE]


def test_resumption_keeps_the_subject(required, origin, pki, tmp_path):
    session = tmp_path / "session.pem"
    alice = pki.client("alice")
    ask(required, alice, session_out=session)
    told = ask(required, alice, session_in=session)
    assert told.hello["resumed"] and told.response.status == 200
    assert origin.last().get("x-client-subject") == ALICE


def test_session_of_a_listener_that_asks_for_nothing_opens_no_other(run_joist, origin, pki,
                                                                    tmp_path):
    """Both share the keys of tickets: what one has not checked must not pass at the other."""
    session = tmp_path / "session.pem"
    claim = PortClaim()
    try:
        text = config(pki, origin, "require") + tls.listener(pki.site("a.test"))
        joist = run_joist(text.replace("@PORT@", str(claim.port), 1))
        free = tls.ask(joist.port, sni="a.test", session_out=session)
        assert free.response.status == 200 and session.exists()
        told = tls.ask(claim.port, tls.get("/stolen", "a.test"), sni="a.test", session_in=session)
        assert not told.body and tls.CERTIFICATE_REQUIRED in told.alerts, told.errors
        assert all(r.target != "/stolen" for r in origin.requests)
    finally:
        claim.release()


def test_authority_that_cannot_be_read(pki, origin, tmp_path):
    text = config(pki, origin, "require").replace(str(pki.ca), "/no/such.pem")
    with pytest.raises(AssertionError, match=r"joist\.toml:\d+:\d+: error: .*such\.pem"):
        Joist(tmp_path, text).start()

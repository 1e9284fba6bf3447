# SPDX-License-Identifier: MIT
"""Sessions: tickets that any thread takes, and early data that is marked or refused."""
import json

import pytest

from lib import net, tls
from lib.origin import Origin, answer
from lib.server import Joist


def script(conn):
    while True:
        request = conn.request()
        if request is None:
            return
        conn.send(answer(request.method.encode()))


@pytest.fixture(scope="module")
def origin():
    with Origin(script) as running:
        yield running


def config(pki, origin, more=""):
    return ('[server]\nthreads = 4\n[log]\naccess = { format = "json", path = "stdout" }\n' +
            tls.listener(pki.site("a.test"), more) + f'[[sites]]\nproxy = "{origin.url}"\n')


@pytest.fixture(scope="module")
def joist(pki, origin, tmp_path_factory):
    with Joist(tmp_path_factory.mktemp("resume"), config(pki, origin)) as running:
        yield running


@pytest.fixture(scope="module")
def early(pki, origin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("early")
    with Joist(folder, config(pki, origin, "early_data = true")) as running:
        yield running


@pytest.fixture
def session(tmp_path):
    return tmp_path / "session.pem"


# ---- tickets -------------------------------------------------------------------------------------

@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_ticket_is_taken_by_every_thread_and_again(joist, session, version):
    first = tls.ask(joist.port, sni="a.test", max=version, session_out=session)
    assert first.hello["resumed"] is False and 1 <= len(first.tickets) <= 2
    for i in range(16):
        told = tls.ask(joist.port, sni="a.test", max=version, session_in=session)
        assert told.hello["resumed"] is True, f"connection {i}"
        assert told.response.status == 200


def test_resumption_agrees_on_fresh_keys(joist, session):
    """RFC 8446 2.2: psk_dhe_ke, so that a stolen ticket key does not open what was recorded."""
    tls.ask(joist.port, sni="a.test", session_out=session)
    told = tls.ask(joist.port, sni="a.test", session_in=session)
    assert told.hello["resumed"] and told.hello["group"] == tls.POST_QUANTUM


def test_resumption_is_logged(joist, session):
    tls.ask(joist.port, sni="a.test", session_out=session)
    tls.ask(joist.port, tls.get("/again", "a.test"), sni="a.test", session_in=session)
    line = json.loads(joist.wait_log('"/again"'))
    assert line["tls_resumed"] is True and line["tls_sni"] == "a.test"


def test_ticket_of_another_server_is_no_error(joist, early, session):
    tls.ask(early.port, sni="a.test", session_out=session)
    told = tls.ask(joist.port, sni="a.test", session_in=session)
    assert told.hello["resumed"] is False and told.response.status == 200


def test_client_without_tickets(joist):
    """TLS 1.2 without the extension: no session is kept for it on our side."""
    told = tls.ask(joist.port, sni="a.test", max="1.2", no_tickets=True)
    assert told.response.status == 200


def test_openssl_resumes(joist, tmp_path):
    kept = tmp_path / "kept.pem"
    request = tls.get(host="a.test")
    tls.openssl_client(joist.port, "-tls1_3", "-sess_out", str(kept), "-ign_eof", send=request)
    said = tls.openssl_client(joist.port, "-tls1_3", "-sess_in", str(kept), "-ign_eof",
                              send=request)
    assert "Reused, TLSv1.3" in said, said


# ---- early data ----------------------------------------------------------------------------------

def ask_early(joist, session, method="GET", target="/", body=None, fields=()):
    tls.ask(joist.port, sni="a.test", session_out=session)
    return tls.ask(joist.port, tls.get(target, "a.test", fields, method, body), sni="a.test",
                   session_in=session, early=True)


def test_early_data_is_off_by_default(joist, session):
    """No ticket allows it, so that no client sends any."""
    told = tls.ask(joist.port, sni="a.test", session_out=session)
    assert [ticket["early_max"] for ticket in told.tickets] == [0] * len(told.tickets)
    told = ask_early(joist, session)
    assert told.failed and told.all("failed")[0]["reason"].startswith("called a function")


def test_early_data_of_another_server_is_refused_and_sent_again(joist, early, origin, session):
    tls.ask(early.port, sni="a.test", session_out=session)
    told = tls.ask(joist.port, tls.get("/again", "a.test"), sni="a.test", session_in=session,
                   early=True)
    assert told.hello["early"] == "rejected" and told.response.status == 200
    assert origin.last().target == "/again" and not origin.last().has("early-data")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_method_in_early_data_is_marked(early, origin, session, method):
    """RFC 8470 5.1"""
    told = ask_early(early, session, method, f"/early-{method}")
    assert told.hello["early"] == "accepted"
    assert told.response.status == 200
    assert origin.last().target == f"/early-{method}"
    assert origin.last().get("early-data") == "1"
    assert json.loads(early.wait_log(f'"/early-{method}"'))["early_data"] is True


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "BREW"])
def test_other_method_in_early_data_is_425(early, origin, session, method):
    """RFC 8470 5.2"""
    before = len(origin.requests)
    told = ask_early(early, session, method, "/replay", b"body")
    assert told.hello["early"] == "accepted"
    assert told.response.status == 425
    assert all(r.target != "/replay" for r in origin.requests[before:])


def test_request_after_the_handshake_is_not_marked(early, origin, session):
    tls.ask(early.port, sni="a.test", session_out=session)
    told = tls.ask(early.port, tls.get("/late", "a.test", method="POST", body=b"x"), sni="a.test",
                   session_in=session)
    assert told.hello["resumed"] and told.response.status == 200
    assert not origin.last().has("early-data")


def test_mark_of_a_client_is_kept(early, origin):
    """RFC 8470 5.1: an intermediary must not remove it: somebody before us took early data."""
    tls.ask(early.port, tls.get("/marked", "a.test", ("Early-Data: 1",)), sni="a.test")
    assert origin.last().get("early-data") == "1"


def test_more_early_data_than_allowed_costs_the_connection_alone(early, session):
    tls.ask(early.port, sni="a.test", session_out=session)
    request = b"GET / HTTP/1.1\r\nHost: a.test\r\n" + b"X-Fill: y\r\n" * 5900
    tls.ask(early.port, request[:65000] + b"Connection: close\r\n\r\n", sni="a.test",
            session_in=session, early=True)
    assert tls.ask(early.port, sni="a.test").response.status == 200


def test_refused_early_data_is_counted_as_a_request(early, session):
    ask_early(early, session, "POST", "/counted", b"x")
    line = json.loads(early.wait_log('"/counted"', net.PATIENCE_S))
    assert line["status"] == 425

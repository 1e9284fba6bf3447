# SPDX-License-Identifier: MIT
"""What the access log says of TLS, and that it says nothing of it without."""
import json
import ssl

import pytest

from lib import tls
from lib.client import fetch
from lib.server import Joist

TLS_FIELDS = {"tls_version", "tls_cipher", "tls_group", "tls_sni", "tls_resumed", "tls_ech",
              "early_data", "client_subject"}


def config(pki, form, more="", extra=""):
    return (tls.listener(pki.site("a.test"), more, listen=extra) +
            f'[log]\naccess = {{ format = "{form}", path = "stdout" }}\n'
            '[[sites]]\nrespond = "x"\n')


@pytest.fixture(scope="module")
def logging(pki, tmp_path_factory):
    auth = f'client_auth = {{ ca = "{pki.ca}", mode = "request" }}'
    with Joist(tmp_path_factory.mktemp("json"), config(pki, "json", auth)) as running:
        yield running


def entry(joist, mark):
    return json.loads(joist.wait_log(mark))


@pytest.mark.parametrize("version, name", [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                                           (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
def test_what_was_agreed_on(logging, version, name):
    made = tls.context(version=version)
    assert tls.fetch(logging.port, f"/{name}", "a.test", made=made).status == 200
    line = entry(logging, f'"/{name}"')
    assert TLS_FIELDS <= set(line), TLS_FIELDS - set(line)
    assert line["tls_version"] == name
    assert line["tls_cipher"] and line["tls_group"]
    assert (line["tls_sni"], line["scheme"], line["proto"]) == ("a.test", "https", "HTTP/1.1")
    assert (line["tls_resumed"], line["tls_ech"], line["early_data"]) == (False, False, False)
    assert line["client_subject"] == ""


def test_post_quantum_group_is_named(logging):
    assert tls.ask(logging.port, tls.get("/pq"), sni="a.test").response.status == 200
    assert entry(logging, '"/pq"')["tls_group"] == tls.POST_QUANTUM


def test_no_name_was_asked_for(logging):
    assert tls.fetch(logging.port, "/nameless").status == 200
    assert entry(logging, '"/nameless"')["tls_sni"] == ""


def test_client_certificate(logging, pki):
    made = tls.context(cert=pki.client("alice"))
    assert tls.fetch(logging.port, "/alice", "a.test", made=made).status == 200
    assert "CN=alice" in entry(logging, '"/alice"')["client_subject"]


def test_resumed_session(logging, tmp_path):
    session = tmp_path / "session"
    tls.ask(logging.port, tls.get("/first"), sni="a.test", session_out=session)
    tls.ask(logging.port, tls.get("/second"), sni="a.test", session_in=session)
    assert entry(logging, '"/first"')["tls_resumed"] is False
    assert entry(logging, '"/second"')["tls_resumed"] is True


def test_http2(logging):
    done = tls.curl_at(logging.port, "a.test", "-k", "--http2", target="/two")
    assert done.stdout == b"x", done.stderr
    line = entry(logging, '"/two"')
    assert (line["proto"], line["scheme"]) == ("HTTP/2.0", "https")
    assert line["host"] in ("a.test", f"a.test:{logging.port}")
    assert line["tls_version"] == "TLSv1.3"


def test_nothing_of_it_without_tls(run_joist):
    joist = run_joist('[log]\naccess = { format = "json", path = "stdout" }\n'
                      '[[sites]]\nrespond = "x"\n')
    assert fetch(joist.port, "/plain").status == 200
    assert not TLS_FIELDS & set(entry(joist, '"/plain"'))


def test_combined_is_as_it_was(run_joist, pki):
    joist = run_joist(config(pki, "combined"))
    assert tls.fetch(joist.port, "/one", "a.test").status == 200
    assert '"GET /one HTTP/1.1" 200 1 "-" "-"' in joist.wait_log("/one")
    done = tls.curl_at(joist.port, "a.test", "-k", "--http2", "-A", "tester", target="/two")
    assert done.returncode == 0, done.stderr
    assert '"GET /two HTTP/2.0" 200 1 "-" "tester"' in joist.wait_log("/two")

# SPDX-License-Identifier: MIT
"""What a handshake agrees on: versions, ciphers, groups, protocols; and what it refuses."""
import json

import pytest

from lib import h2, tls
from lib.server import Joist

GOOD_12 = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
           "ECDHE-ECDSA-CHACHA20-POLY1305"]
OLD_12 = ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-GCM-SHA256", "AES256-SHA",
          "DHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-CCM8",
          "AECDH-AES128-SHA"]


@pytest.fixture(scope="module")
def joist(pki, tmp_path_factory):
    config = ('[log]\naccess = { format = "json", path = "stdout" }\n' +
              tls.listener(pki.site("a.test")) + '[[sites]]\nrespond = "hello"\n')
    with Joist(tmp_path_factory.mktemp("tls"), config) as running:
        yield running


# ---- versions and ciphers ------------------------------------------------------------------------

@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_version_is_spoken(joist, version):
    told = tls.ask(joist.port, sni="a.test", min=version, max=version)
    assert told.hello["version"] == f"TLSv{version}"
    assert told.response.body == b"hello"


@pytest.mark.parametrize("version", ["tls1", "tls1_1"])
def test_older_version_is_refused(joist, version):
    said = tls.openssl_client(joist.port, f"-{version}", "-cipher", "ALL:@SECLEVEL=0")
    assert "alert protocol version" in said, said


def test_newest_version_is_chosen(joist):
    assert tls.ask(joist.port).hello["version"] == "TLSv1.3"


def test_min_version_13(run_joist, pki):
    joist = run_joist(tls.listener(pki.site("a.test"), 'min_version = "1.3"') +
                      '[[sites]]\nrespond = "x"')
    assert tls.ask(joist.port, max="1.2").alerts == [tls.PROTOCOL_VERSION]
    assert tls.ask(joist.port).hello["version"] == "TLSv1.3"


@pytest.mark.parametrize("cipher", GOOD_12)
def test_cipher_of_12_is_spoken(joist, cipher):
    assert tls.ask(joist.port, max="1.2", ciphers=cipher).hello["cipher"] == cipher


@pytest.mark.parametrize("cipher", OLD_12)
def test_cipher_of_12_is_refused(joist, cipher):
    said = tls.openssl_client(joist.port, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
    assert "alert handshake failure" in said, said


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                   "TLS_CHACHA20_POLY1305_SHA256"])
def test_suite_of_13_is_spoken(joist, suite):
    assert tls.ask(joist.port, suites=suite).hello["cipher"] == suite


def test_renegotiation_is_refused(joist):
    said = tls.openssl_client(joist.port, "-tls1_2", send=b"R\n")
    assert "no renegotiation" in said, said


# ---- groups --------------------------------------------------------------------------------------

def test_post_quantum_by_default(joist):
    assert tls.ask(joist.port).hello["group"] == tls.POST_QUANTUM


@pytest.mark.parametrize("offered, agreed", [
    ("X25519", "x25519"), ("P-256", "secp256r1"), ("P-384", "secp384r1"),
    ("X25519:X25519MLKEM768", "x25519mlkem768")])
def test_group_of_the_clients_that_is_best(joist, offered, agreed):
    """Post-quantum even where that costs a second ClientHello."""
    assert tls.ask(joist.port, groups=offered).hello["group"].lower() == agreed


def test_group_that_is_not_configured(run_joist, pki):
    joist = run_joist(tls.listener(pki.site("a.test"), 'groups = ["X25519"]') +
                      '[[sites]]\nrespond = "x"')
    assert tls.ask(joist.port, groups="P-256").alerts == [tls.HANDSHAKE_FAILURE]
    assert tls.ask(joist.port).hello["group"].lower() == "x25519"


def test_system_client_without_post_quantum(joist, pki):
    told = tls.openssl_client(joist.port, "-CAfile", str(pki.ca), "-servername", "a.test")
    assert "Server Temp Key: X25519" in told and "Verify return code: 0 (ok)" in told


# ---- ALPN ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("offered, agreed", [
    ("h2,http/1.1", "h2"), ("http/1.1,h2", "h2"), ("h2", "h2"), ("http/1.1", "http/1.1"),
    ("http/1.0,http/1.1", "http/1.1"), ("spdy/3,h2", "h2"), (None, "")])
def test_protocol(joist, offered, agreed):
    told = tls.ask(joist.port, tls.get() if agreed != "h2" else b"", alpn=offered,
                   end_after=agreed == "h2")
    assert told.hello["alpn"] == agreed
    if agreed != "h2":
        assert told.response.body == b"hello"


def test_no_protocol_in_common(joist):
    """RFC 7301 3.2"""
    assert tls.ask(joist.port, alpn="ftp,imap").alerts == [tls.NO_APPLICATION_PROTOCOL]


@pytest.mark.parametrize("spoken, offered, agreed", [
    (["http/1.1"], "h2,http/1.1", "http/1.1"), (["h2"], "h2,http/1.1", "h2")])
def test_protocols_of_the_listener(run_joist, pki, spoken, offered, agreed):
    joist = run_joist(tls.listener(pki.site("a.test"), alpn=spoken) + '[[sites]]\nrespond = "x"')
    assert tls.ask(joist.port, b"", alpn=offered, end_after=True).hello["alpn"] == agreed
    other = "h2" if spoken == ["http/1.1"] else "http/1.1"
    assert tls.ask(joist.port, alpn=other).alerts == [tls.NO_APPLICATION_PROTOCOL]


# ---- real clients, and the log -------------------------------------------------------------------

@pytest.mark.parametrize("version, options", [("1.1", ["--http1.1"]), ("2", ["--http2"])])
def test_curl(joist, pki, version, options):
    done = tls.curl_at(joist.port, "a.test", "--cacert", pki.ca, *options, "-w", "%{http_version}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"hello" + version.encode()


def test_curl_that_does_not_know_the_authority(joist):
    assert tls.curl_at(joist.port, "a.test").returncode == 60


def line_of(joist, mark):
    return json.loads(joist.wait_log(mark))


def test_log_of_tls_13(joist):
    tls.ask(joist.port, tls.get("/log13", "a.test"), sni="a.test")
    line = line_of(joist, '"/log13"')
    assert line["tls_version"] == "TLSv1.3" and line["scheme"] == "https"
    assert line["tls_cipher"].startswith("TLS_")
    assert line["tls_group"] == tls.POST_QUANTUM
    assert line["tls_sni"] == "a.test"
    assert line["tls_resumed"] is False and line["tls_ech"] is False


def test_log_of_tls_12(joist):
    tls.ask(joist.port, tls.get("/log12"), max="1.2", groups="P-256", ciphers=GOOD_12[0])
    line = line_of(joist, '"/log12"')
    assert line["tls_version"] == "TLSv1.2" and "ECDHE" in line["tls_cipher"]
    assert line["tls_group"] in ("P-256", "secp256r1", "prime256v1")
    assert not line["tls_sni"]


def test_log_of_h2(joist):
    with h2.H2Client.tls(joist.port, tls.context(alpn=["h2"]), "a.test") as client:
        client.get("/log-h2", authority="a.test")
    line = line_of(joist, '"/log-h2"')
    assert line["proto"] in ("HTTP/2.0", "HTTP/2")
    assert line["tls_group"].lower() == "x25519"
    assert line["host"].startswith("a.test")


def test_hsts_over_tls_only(run_joist, pki):
    from lib.client import fetch
    from lib.net import PortClaim
    claim = PortClaim()
    try:
        joist = run_joist(tls.listener(pki.site("a.test")) +
                          f'[[listeners]]\nbind = "127.0.0.1:{claim.port}"\n'
                          '[[sites]]\nrespond = "x"\nhsts = true\n')
        assert tls.ask(joist.port).response.get("strict-transport-security") == "max-age=63072000"
        assert not fetch(claim.port).has("strict-transport-security")
    finally:
        claim.release()


def test_redirecting_listener(run_joist, pki):
    from lib.client import fetch
    from lib.net import PortClaim
    claim = PortClaim()
    try:
        run_joist(tls.listener(pki.site("a.test")) +
                  f'[[listeners]]\nbind = "127.0.0.1:{claim.port}"\nredirect_https = 8443\n'
                  '[[sites]]\nrespond = "x"\n')
        response = fetch(claim.port, "/a/b?c=d", host=f"a.test:{claim.port}")
        assert (response.status, response.get("location")) == (301, "https://a.test:8443/a/b?c=d")
    finally:
        claim.release()

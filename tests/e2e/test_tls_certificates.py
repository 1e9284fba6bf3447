# SPDX-License-Identifier: MIT
"""Which certificate goes to whom, what is stapled to it, and what is wrong with a configuration."""
import os
import re
import subprocess

import pytest

from lib import h2, net, tls
from lib.server import BINARY, Joist

DEFAULT, EXACT, WILD = "default.test", "a.test", "*.wild.test"


def site(hosts, cert, body, extra=""):
    names = ", ".join(f'"{h}"' for h in hosts)
    return f'[[sites]]\nhosts = [{names}]\nrespond = "{body}"\ntls = {cert.inline()}\n{extra}\n'


@pytest.fixture(scope="module")
def config(pki):
    two = [pki.site("two.test"), pki.site("two.test", key="rsa")]
    pairs = (f"cert = [{', '.join(repr(str(c.cert)) for c in two)}]\n"
             f"key = [{', '.join(repr(str(c.key)) for c in two)}]\n")
    stapled = pki.site("stapled.test", responder="http://127.0.0.1:1/")
    return (tls.listener(pki.site(DEFAULT)) +
            '[[sites]]\nrespond = "any"\n' +
            site([EXACT, "www.a.test"], pki.site(EXACT, "www.a.test"), "a") +
            site(["b.test"], pki.site("b.test"), "b") +
            site([WILD], pki.site(WILD), "wild") +
            site(["x.wild.test"], pki.site("x.wild.test"), "x") +
            site(["deep.test"], pki.intermediate.issue("deep.test"), "deep") +
            f'[[sites]]\nhost = "two.test"\nrespond = "two"\n[sites.tls]\n{pairs}' +
            f'[[sites]]\nhost = "stapled.test"\nrespond = "s"\n[sites.tls]\n{stapled.toml()}\n'
            f'ocsp = "{pki.root.ocsp(stapled)}"\n')


@pytest.fixture(scope="module")
def joist(config, tmp_path_factory):
    with Joist(tmp_path_factory.mktemp("certs"), config) as running:
        yield running


def common_name(told):
    return told.hello["subject"].rpartition("CN=")[2]


# ---- by name -------------------------------------------------------------------------------------

@pytest.mark.parametrize("sni, cert", [
    (EXACT, EXACT), ("A.TEST", EXACT), ("www.a.test", EXACT), ("b.test", "b.test"),
    ("y.wild.test", WILD), ("x.wild.test", "x.wild.test"), ("wild.test", DEFAULT),
    ("y.z.wild.test", DEFAULT), ("unknown.test", DEFAULT), (None, DEFAULT)])
def test_certificate_by_name(joist, sni, cert):
    told = tls.ask(joist.port, sni=sni)
    assert common_name(told) == cert
    assert told.response.status == 200


def test_unknown_name_may_be_refused(run_joist, pki):
    joist = run_joist(tls.listener(pki.site(DEFAULT), 'unknown_sni = "reject"') +
                      site([EXACT], pki.site(EXACT, "www.a.test"), "a"))
    assert tls.ask(joist.port, sni="unknown.test").alerts == [tls.UNRECOGNIZED_NAME]
    assert common_name(tls.ask(joist.port, sni=EXACT)) == EXACT
    assert not tls.ask(joist.port).failed  # no name is no unknown name


def test_default_is_the_first_sites_without_one_of_the_listener(run_joist, pki):
    joist = run_joist(tls.listener(None) + site(["b.test"], pki.site("b.test"), "b") +
                      site([EXACT], pki.site(EXACT, "www.a.test"), "a"))
    assert common_name(tls.ask(joist.port, sni="unknown.test")) == "b.test"


def test_chain_is_sent(joist, pki):
    told = tls.ask(joist.port, sni="deep.test", ca=pki.ca)
    assert told.hello["chain"] == 2 and told.hello["verify"] == 0
    assert told.response.body == b"deep"


@pytest.mark.parametrize("sigalgs, key", [
    ("ECDSA+SHA256:RSA-PSS+SHA256", "EC"), ("ECDSA+SHA256", "EC"), ("RSA-PSS+SHA256", "RSA")])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_key_type_by_the_clients_algorithms(joist, sigalgs, key, version):
    told = tls.ask(joist.port, sni="two.test", sigalgs=sigalgs, max=version)
    assert told.hello["key"] == key
    assert told.response.body == b"two"


def test_client_that_knows_no_key_type_of_ours(joist):
    assert tls.ask(joist.port, sni="b.test", sigalgs="RSA-PSS+SHA256").alerts == [
        tls.HANDSHAKE_FAILURE]


# ---- staples -------------------------------------------------------------------------------------

def test_staple_is_sent_to_who_asks(joist, pki):
    said = tls.openssl_client(joist.port, "-status", "-servername", "stapled.test", "-CAfile",
                              str(pki.ca))
    assert "OCSP Response Status: successful" in said and "Cert Status: good" in said, said
    assert tls.ask(joist.port, sni="stapled.test", status=True).hello["staple"] > 0
    assert tls.ask(joist.port, sni="stapled.test").hello["staple"] <= 0


def test_no_staple_without_a_file(joist):
    told = tls.ask(joist.port, sni="b.test", status=True)
    assert told.hello["staple"] <= 0 and told.response.body == b"b"


# ---- names that disagree -------------------------------------------------------------------------

@pytest.mark.parametrize("sni, host, status", [
    (EXACT, EXACT, 200), (EXACT, "www.a.test", 200), (EXACT, f"{EXACT}:8443", 200),
    (EXACT, "A.Test", 200), (EXACT, "b.test", 421), ("b.test", EXACT, 421),
    ("y.wild.test", "z.wild.test", 200), ("y.wild.test", "x.wild.test", 421),
    ("unknown.test", "other.test", 200), ("unknown.test", EXACT, 421)])
def test_host_of_another_certificate_is_misdirected(joist, sni, host, status):
    """RFC 9110 15.5.20"""
    assert tls.fetch(joist.port, sni=sni, host=host).status == status


def test_h2_connection_is_not_shared_between_certificates(joist):
    with h2.H2Client.tls(joist.port, tls.context(alpn=["h2"]), EXACT) as client:
        assert client.get(authority=EXACT).body == b"a"
        assert client.get(authority="b.test").status == 421
        assert client.get(authority="www.a.test").body == b"a"


# ---- what is wrong with a configuration ----------------------------------------------------------

def validate(folder, text):
    (folder / "joist.toml").write_text(text.replace("@PORT@", "8443"))
    return subprocess.run([BINARY, "config", "validate"], capture_output=True, text=True, cwd=folder,
                          timeout=net.PATIENCE_S, check=False, stdin=subprocess.DEVNULL)


def with_cert(cert, key=None, ocsp=None):
    text = f'[[listeners]]\nbind = ":8443"\n[listeners.tls]\n[[sites]]\nhost = "shop.test"\n' \
           f'respond = "x"\n[sites.tls]\ncert = "{cert}"\nkey = "{key}"\n'
    return text + (f'ocsp = "{ocsp}"\n' if ocsp else "")


CERT_LINE, KEY_LINE, OCSP_LINE = 8, 9, 10


def wrong(pki, folder, kind):
    """(certificate, key, line, words) of each mistake that must stop a start."""
    good = pki.site("shop.test")
    text = folder / "text.pem"
    text.write_text("this is no PEM\n")
    half = folder / "half.pem"
    half.write_text(good.cert.read_text()[:300])
    empty = folder / "empty.pem"
    empty.write_text("")
    return {
        "key_of_another": (good.cert, pki.site("b.test").key, KEY_LINE, "match"),
        "key_of_another_type": (good.cert, pki.site("shop.test", key="rsa").key, KEY_LINE, "match"),
        "no_such_cert": (folder / "none.pem", good.key, CERT_LINE, "none.pem"),
        "no_such_key": (good.cert, folder / "none.key", KEY_LINE, "none.key"),
        "cert_is_text": (text, good.key, CERT_LINE, "text.pem"),
        "key_is_text": (good.cert, text, KEY_LINE, "text.pem"),
        "cert_is_cut": (half, good.key, CERT_LINE, "half.pem"),
        "cert_is_empty": (empty, good.key, CERT_LINE, "empty.pem"),
        "cert_is_a_folder": (folder, good.key, CERT_LINE, str(folder)),
        "key_is_a_cert": (good.cert, good.cert, KEY_LINE, "shop.test"),
        "cert_is_a_key": (good.key, good.key, CERT_LINE, "shop.test"),
    }[kind]


@pytest.mark.parametrize("kind", [
    "key_of_another", "key_of_another_type", "no_such_cert", "no_such_key", "cert_is_text",
    "key_is_text", "cert_is_cut", "cert_is_empty", "cert_is_a_folder", "key_is_a_cert",
    "cert_is_a_key"])
def test_mistake_is_an_error_at_its_line(pki, tmp_path, kind):
    cert, key, line, words = wrong(pki, tmp_path, kind)
    done = validate(tmp_path, with_cert(cert, key))
    assert done.returncode == 1, done.stdout
    found = re.search(rf"^joist\.toml:{line}:\d+: error: .*$", done.stderr, re.M)
    assert found, done.stderr
    assert "shop.test" in found.group(0) and words in found.group(0), done.stderr


def test_key_that_may_not_be_read(pki, tmp_path):
    if os.getuid() == 0:
        pytest.skip("root may read everything")
    good = pki.site("shop.test")
    key = tmp_path / "hidden.key"
    key.write_text(good.key.read_text())
    key.chmod(0)
    done = validate(tmp_path, with_cert(good.cert, key))
    assert re.search(rf"^joist\.toml:{KEY_LINE}:\d+: error: .*permission denied", done.stderr,
                     re.M | re.I), done.stderr


def test_run_stops_with_the_same_error(pki, tmp_path):
    cert, key, line, _ = wrong(pki, tmp_path, "key_of_another")
    (tmp_path / "joist.toml").write_text(with_cert(cert, key))
    done = subprocess.run([BINARY, "run", "joist.toml"], capture_output=True, text=True,
                          cwd=tmp_path, timeout=net.PATIENCE_S, check=False,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert re.search(rf"joist\.toml:{line}:\d+: error: ", done.stderr), done.stderr


def test_every_mistake_is_told_at_once(pki, tmp_path):
    cert, key, _, _ = wrong(pki, tmp_path, "key_of_another")
    text = with_cert(cert, key) + (f'[[sites]]\nhost = "other.test"\nrespond = "x"\n[sites.tls]\n'
                                   f'cert = "{tmp_path}/none.pem"\nkey = "{key}"\n')
    done = validate(tmp_path, text)
    assert "joist.toml:9:" in done.stderr and "joist.toml:14:" in done.stderr, done.stderr


@pytest.mark.parametrize("kind, words", [
    ("expired", "expired"), ("not_yet_valid", "not valid yet"), ("of_another_name", "shop.test"),
    ("without_its_chain", "chain|intermediate|issuer")])
def test_doubt_is_a_warning_that_names_the_site(pki, tmp_path, kind, words):
    cert = {"expired": lambda: pki.expired("shop.test"),
            "not_yet_valid": lambda: pki.not_yet_valid("shop.test"),
            "of_another_name": lambda: pki.site("b.test"),
            "without_its_chain": lambda: pki.intermediate.issue(
                "chainless", hosts=("shop.test",), responder="http://127.0.0.1:1/")}[kind]()
    file = cert.leaf if kind == "without_its_chain" else cert.cert
    done = validate(tmp_path, with_cert(file, cert.key))
    assert done.returncode == 0, done.stderr
    found = re.search(rf"^joist\.toml:{CERT_LINE}:\d+: warning: .*$", done.stderr, re.M)
    assert found and "shop.test" in found.group(0), done.stderr
    assert re.search(words, found.group(0), re.I), done.stderr


def test_expired_certificate_is_served_all_the_same(run_joist, pki):
    joist = run_joist(tls.listener(pki.expired("late.test")) + '[[sites]]\nrespond = "x"')
    assert tls.ask(joist.port).response.body == b"x"


def test_staple_that_is_none(pki, tmp_path):
    good = pki.root.issue("stapled-shop", hosts=("shop.test",), responder="http://ocsp.test/")
    done = validate(tmp_path, with_cert(good.cert, good.key, good.key))
    assert re.search(rf"^joist\.toml:({CERT_LINE}|{OCSP_LINE}):\d+: (error|warning): .*shop\.test.*",
                     done.stderr, re.M), done.stderr


def test_listener_without_any_certificate(tmp_path):
    done = validate(tmp_path, '[[listeners]]\nbind = ":8443"\n[listeners.tls]\n'
                              '[[sites]]\nrespond = "x"\n')
    assert done.returncode == 1 and "certificate" in done.stderr, done.stderr


def test_two_hundred_sites(run_joist, pki):
    """Each gets its own certificate; they share a key to be made quickly."""
    hosts = [f"n{i}.many.test" for i in range(200)]
    some = pki.site("many.test")
    other = pki.site("n77.many.test")
    text = "".join(site([h], other if h == "n77.many.test" else some, h) for h in hosts)
    joist = run_joist(tls.listener(pki.site(DEFAULT)) + text)
    told = tls.ask(joist.port, sni="n77.many.test", ca=pki.ca)
    assert common_name(told) == "n77.many.test" and told.response.body == b"n77.many.test"
    assert common_name(tls.ask(joist.port, sni="n199.many.test")) == "many.test"

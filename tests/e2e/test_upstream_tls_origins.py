# SPDX-License-Identifier: MIT
"""https and h2c origins: who is believed, what is said, which name is asked for."""
import re
import ssl

import pytest

from lib import h2, net, nginx, tls
from lib.client import Client, fetch
from lib.nginx import Nginx
from lib.origin import OK, Origin, answer, serve_ok
from lib.server import Joist

NAME = "origin.test"


def table(url, ca=None, **more):
    """An entry of targets."""
    pairs = {"url": url, "ca": ca, **more}
    words = {k: str(v).lower() if isinstance(v, bool) else f'"{v}"' for k, v in pairs.items() if v}
    return "{ " + ", ".join(f"{k} = {v}" for k, v in words.items()) + " }"


def pool(url, ca=None, name="app", **more):
    return f"[upstreams.{name}]\ntargets = [{table(url, ca, **more)}]\n"


def site(config, debug=False):
    return (f"[server]\nthreads = 1\ndebug = {str(debug).lower()}\n" + config +
            '[[sites]]\nproxy = "app"\n')


def tls_origin(cert, script=serve_ok, alpn=("http/1.1",), ca=None):
    return tls.TlsOrigin(script, h2.server_context(cert, alpn, ca))


# ---- verification --------------------------------------------------------------------------------

def test_origin_that_is_verified(run_joist, pki):
    with tls_origin(pki.site(NAME)) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME)))
        assert fetch(joist.port).body == b"ok"
        assert origin.names == [NAME]
        assert origin.handshakes[0]["version"] == "TLSv1.3"


def test_origin_by_address(run_joist, pki):
    """A certificate for the address itself; no SNI then (RFC 6066 3)."""
    with tls_origin(pki.site("ip.test", "127.0.0.1")) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca)))
        assert fetch(joist.port).body == b"ok"
        assert origin.names == [None]


BAD = {
    "wrong_name": (lambda pki: pki.site("b.test"), "name|mismatch|match"),
    "expired": (lambda pki: pki.expired(NAME), "expired"),
    "not_yet_valid": (lambda pki: pki.not_yet_valid(NAME), "not yet valid"),
    "unknown_authority": (lambda pki: pki.authority("other").issue(NAME), "issuer|authority|signed"),
    "self_signed": (lambda pki: pki.root.self_signed(f"self-{NAME}", [NAME]), "self.signed"),
    "for_clients": (lambda pki: pki.client("alice"), "purpose|usage|name|match"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("debug", [True, False], ids=["debug", "quiet"])
def test_origin_that_is_not_verified(run_joist, pki, kind, debug):
    make, words = BAD[kind]
    with tls_origin(make(pki)) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME), debug))
        response = fetch(joist.port, "/never")
        assert response.status == 502
        line = joist.wait_log("UPSTREAM_TLS_FAILED")
        assert re.search(words, line, re.I), line
        assert NAME in line, line
        if debug:
            assert re.search(words, response.get("x-joist-error"), re.I)
        else:
            assert not response.has("x-joist-error")
            assert NAME.encode() not in response.body
        assert not origin.requests, "a request went to an origin that was not verified"


def test_system_authorities_do_not_know_ours(run_joist, pki):
    with tls_origin(pki.site(NAME)) as origin:
        joist = run_joist(site(pool(origin.url, sni=NAME)))
        assert fetch(joist.port).status == 502


def test_verify_name_instead_of_sni(run_joist, pki):
    with tls_origin(pki.site("b.test")) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME, verify_name="b.test")))
        assert fetch(joist.port).body == b"ok"
        assert origin.names == [NAME]


def test_clients_host_never_becomes_the_tls_name(run_joist, pki):
    with tls_origin(pki.site(NAME)) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME)))
        for host in ("b.test", "evil.test", "127.0.0.1"):
            assert fetch(joist.port, host=host, fields=("X-Forwarded-Host: evil.test",)).status == 200
        assert set(origin.names) == {NAME}
    with tls_origin(pki.site("b.test")) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME)))
        assert fetch(joist.port, host="b.test").status == 502


def test_plain_origin_behind_https(run_joist, pki):
    with Origin(lambda conn: conn.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as origin:
        joist = run_joist(site(pool(origin.url.replace("http", "https"), pki.ca)))
        assert fetch(joist.port).status == 502
        joist.wait_log("UPSTREAM_TLS_FAILED")


def test_old_origin(run_joist, pki):
    made = h2.server_context(pki.site(NAME), ())
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    with tls.TlsOrigin(serve_ok, made) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME)))
        assert fetch(joist.port).body == b"ok"


def test_origin_that_never_shakes_hands(run_joist, pki):
    with Origin(lambda conn: conn.wait_end()) as origin:
        joist = run_joist(site(pool(origin.url.replace("http", "https"), pki.ca)) +
                          f'[timeouts]\nupstream_connect = "{net.short_ms(400)}ms"\n')
        assert fetch(joist.port).status == 504


# ---- our own certificate -------------------------------------------------------------------------

def test_client_certificate(run_joist, pki):
    us = pki.client("edge")
    with tls_origin(pki.site(NAME), ca=pki.ca) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME, cert=us.cert, key=us.key)))
        assert fetch(joist.port).body == b"ok"
        assert (("commonName", "edge"),) in origin.handshakes[0]["peer"]["subject"]


def test_origin_asks_for_a_certificate_that_we_have_not(run_joist, pki):
    with tls_origin(pki.site(NAME), ca=pki.ca) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME)))
        assert fetch(joist.port).status == 502


@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
@pytest.mark.parametrize("version, words", [
    (ssl.TLSVersion.TLSv1_2, "handshake failure"), (ssl.TLSVersion.TLSv1_3, "certificate required"),
], ids=["tls12", "tls13"])
def test_the_origins_alert_is_told(run_joist, pki, version, words, alpn):
    """Over TLS 1.3 it comes after the handshake, in the place of a response (RFC 8446 4.4.2.4)."""
    made = h2.server_context(pki.site(NAME), (alpn,), pki.ca)
    made.minimum_version = made.maximum_version = version
    with tls.TlsOrigin(serve_ok, made) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME), debug=True))
        response = fetch(joist.port)
        assert response.status == 502
        assert f"the peer sent the alert: {words}" in response.get("x-joist-error")
        assert words in joist.wait_log("UPSTREAM_FAILED")


@pytest.mark.parametrize("kind, words", [("ca", "none.pem"), ("cert", "none.pem"),
                                         ("key", "match")])
def test_wrong_file_is_an_error_at_its_place(tmp_path, pki, kind, words):
    us = pki.client("edge")
    files = {"ca": {"ca": "/none.pem"}, "cert": {"cert": "/none.pem"},
             "key": {"cert": us.cert, "key": pki.client("alice").key}}[kind]
    with pytest.raises(AssertionError, match=rf"joist\.toml:\d+:\d+: error: .*{words}"):
        Joist(tmp_path, site(pool("https://127.0.0.1:1", **files))).start()


# ---- sessions and connections --------------------------------------------------------------------

def test_session_is_resumed(run_joist, pki):
    def one_each(conn):
        conn.request()
        conn.send(answer(b"ok", fields=("Connection: close",)))
    with tls_origin(pki.site(NAME), one_each) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME)))
        for _ in range(4):
            assert fetch(joist.port).status == 200
        assert [h["resumed"] for h in origin.handshakes] == [False, True, True, True]


def test_connection_is_kept(run_joist, pki):
    with tls_origin(pki.site(NAME)) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME)))
        with Client(joist.port) as client:
            for _ in range(5):
                assert client.get().body == b"ok"
        assert len(origin.conns) == 1


def test_pools_with_other_settings_share_no_connection(run_joist, pki):
    """One origin, two pools: what one of them verified says nothing for the other."""
    with tls_origin(pki.site(NAME)) as origin:
        joist = run_joist(
            "[server]\nthreads = 1\n" + pool(origin.url, pki.ca, sni=NAME) +
            pool(origin.url, pki.ca, "strict", sni="other.test") +
            '[[sites]]\nproxy = "app"\n[[sites]]\nhost = "strict.test"\nproxy = "strict"\n')
        assert fetch(joist.port).status == 200
        assert fetch(joist.port, host="strict.test").status == 502


def test_big_bodies_both_ways(run_joist, pki):
    body = bytes(range(256)) * 12000

    def echo(conn):
        while (request := conn.request()) is not None:
            conn.send(answer(request.body))
    with tls_origin(pki.site(NAME), echo) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME)))
        assert fetch(joist.port, "/", "POST", body=body).body == body


def test_cut_of_an_origin_is_no_end(run_joist, pki):
    """Without close_notify a body that ends with the connection may be a truncated one."""
    def cut(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    with tls_origin(pki.site(NAME), cut) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME)))
        with Client(joist.port) as client:
            client.request()
            with pytest.raises(Exception, match="cut"):
                client.response()


# ---- HTTP/2 --------------------------------------------------------------------------------------

def test_h2_by_alpn(run_joist, pki):
    with h2.H2Origin(made=h2.server_context(pki.site(NAME), ("h2", "http/1.1"))) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME)))
        with Client(joist.port) as client:
            for _ in range(3):
                assert client.get(host="a.test").body == b"ok"
        assert len(origin.conns) == 1 and len(origin.requests) == 3
        assert origin.last().get(":scheme") == "https"
        assert origin.last().get(":authority") == "a.test"


def test_http1_only(run_joist, pki):
    with tls_origin(pki.site(NAME), alpn=("h2", "http/1.1")) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME, http1_only=True)))
        assert fetch(joist.port).body == b"ok"
        assert origin.handshakes[0]["alpn"] == "http/1.1"


def test_origin_without_alpn_gets_http1(run_joist, pki):
    with tls_origin(pki.site(NAME), alpn=()) as origin:
        joist = run_joist(site(pool(origin.url, pki.ca, sni=NAME)))
        assert fetch(joist.port).body == b"ok"
        assert origin.handshakes[0]["alpn"] is None


def test_h2c(run_joist):
    with h2.H2Origin() as origin:
        joist = run_joist(site(pool(origin.url)))
        response = fetch(joist.port, "/a?b", "POST", ("X-A: 1",), b"body")
        assert response.body == b"ok"
        seen = origin.last()
        assert (seen.method, seen.path, seen.get("x-a"), seen.body()) == ("POST", "/a?b", "1", b"body")
        assert seen.get(":scheme") == "http"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"HTTP/1.1", b"HTTP/1.0 "])
def test_h2c_origin_that_speaks_http1(run_joist, answer):
    with Origin(lambda conn: conn.send(answer)) as origin:
        joist = run_joist(site(pool(origin.url.replace("http", "h2c")), debug=True))
        response = fetch(joist.port)
        assert response.status == 502
        assert "does not speak HTTP/2 (h2c), but HTTP/1" in response.get("x-joist-error")
        assert "does not speak HTTP/2" in joist.wait_log("BAD_RESPONSE")


# ---- nginx ---------------------------------------------------------------------------------------

needs_nginx = pytest.mark.skipif(nginx.find() is None, reason="nginx is not installed")


@needs_nginx
@pytest.mark.parametrize("kind", ["http1", "h2", "h2c"])
def test_nginx(run_joist, pki, tmp_path, kind):
    cert = pki.site(NAME)
    files = tmp_path / "www"
    files.mkdir()
    (files / "page").write_bytes(bytes(range(256)) * 4000)
    own = net.PortClaim()
    ssl_part = "" if kind == "h2c" else \
        f"ssl_certificate {cert.cert}; ssl_certificate_key {cert.key};"
    listen = {"http1": "ssl", "h2": "ssl http2", "h2c": "http2"}[kind]
    try:
        with Nginx(tmp_path / "nginx", f"listen 127.0.0.1:{own.port} {listen}; {ssl_part}\n"
                   f"root {files}; add_header X-Proto $server_protocol; "
                   "location /echo { return 200 $http_x_a; }"):
            scheme = "h2c" if kind == "h2c" else "https"
            more = {} if kind == "h2c" else {"ca": pki.ca, "sni": NAME}
            joist = run_joist(site(pool(f"{scheme}://127.0.0.1:{own.port}", **more)))
            page = fetch(joist.port, "/page")
            assert page.body == bytes(range(256)) * 4000
            assert page.get("x-proto") == ("HTTP/1.1" if kind == "http1" else "HTTP/2.0")
            assert fetch(joist.port, "/echo", fields=("X-A: value",)).body == b"value"
            assert fetch(joist.port, "/none").status == 404
            part = fetch(joist.port, "/page", fields=("Range: bytes=256-511",))
            assert (part.status, part.body) == (206, bytes(range(256)))
            assert fetch(joist.port, "/page", "HEAD").framing == "none"
    finally:
        own.release()


def test_answer_of_our_own_is_plain_without_debug(run_joist):
    """Nothing listens there: 502, and no word about why to strangers."""
    claim = net.PortClaim()
    try:
        joist = run_joist(site(pool(f"http://127.0.0.1:{claim.port}")))
        response = fetch(joist.port)
        assert response.status == 502 and not response.has("x-joist-error")
        assert str(claim.port).encode() not in response.body
    finally:
        claim.release()


def test_ok_answers_say_nothing_of_errors(run_joist):
    with Origin(lambda conn: (conn.request(), conn.send(OK))) as origin:
        joist = run_joist(site(pool(origin.url), debug=True))
        assert not fetch(joist.port).has("x-joist-error")

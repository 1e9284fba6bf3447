# SPDX-License-Identifier: MIT
"""joist WHAT: each kind of word, what does not go together, and what --dry makes of it."""
import re

import pytest

from lib import net
from lib.net import PortClaim
from lib.origin import Origin
from lib.what import What, joist


@pytest.fixture
def site(tmp_path):
    (tmp_path / "public").mkdir()
    (tmp_path / "public/index.html").write_text("<p>a page</p>\n")
    (tmp_path / "public/.hidden").write_text("secret\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "app.js").write_text("export default () => new Response('')\n")
    (tmp_path / "edge.conf").write_text("")
    (tmp_path / "lonely.pem").write_text("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    return tmp_path


@pytest.fixture
def ports():
    claims = [PortClaim() for _ in range(2)]
    yield [claim.port for claim in claims]
    for claim in claims:
        claim.release()


# words, what is said, what to do
REFUSED = [
    # one thing at a time
    (["./public", "./other"], "'./public' (a folder) and './other' (a folder)", "[[sites]]"),
    (["./public", "http://127.0.0.1:3000"], "(a folder) and 'http://127.0.0.1:3000' (an origin)",
     "[[sites]]"),
    ([":3000", ":3001"], "':3000' (an origin) and ':3001' (an origin)", "[[sites]]"),
    (["a.toml", "b.toml"], "'a.toml' (a configuration) and 'b.toml' (a configuration)", "says all"),
    (["a.toml", "./public"], "(a configuration) and './public' (a folder)", "says all"),
    (["./public", "a.toml"], "'a.toml' (a configuration)", "says all"),
    (["a.toml", "8443"], "'8443' cannot stand beside the configuration 'a.toml'", "write it there"),
    (["a.toml", "example.com"], "'example.com' cannot stand beside", "write it there"),
    (["a.toml", "--hsts"], "'--hsts' cannot stand beside", "write it there"),
    (["a.toml", "--cert", "c.pem"], "'--cert' cannot stand beside", "write it there"),
    # ports
    (["./public", "http:8080", "https:8443"], "http: and https: ports", "by itself"),
    (["./public", "8443", "http:8080"], "http: and https: ports", "by itself"),
    (["./public", "8443", "https:9443"], "'https:9443': there is a port already", "[[listeners]]"),
    (["./public", "http:1", "http:2"], "'http:2': there is a port already", "[[listeners]]"),
    (["./public", "0"], "'0': a port is 1 to 65535", "8443"),
    (["./public", "65536"], "'65536': a port is", "8443"),
    ([":99999"], "':99999': a port is 1 to 65535", ":3000"),
    (["localhost:0"], "'localhost:0': a port is 1 to 65535", ":3000"),
    (["./public", "http:"], "'http:': a port is", "http:8080"),
    (["./public", "https:x"], "'https:x': a port is", "https:8443"),
    # plain HTTP has no use for TLS
    (["./public", "http:8080", "--hsts"], "--hsts is of no use with http:8080", "https:PORT"),
    (["./public", "http:8080", "--auto-tls"], "--auto-tls is of no use", "https:PORT"),
    (["./public", "http:8080", "--cert", "lonely.pem", "--key", "k"], "a certificate is of no use",
     "https:PORT"),
    # certificates
    (["./public", "--cert", "lonely.pem"], "there is no key in 'lonely.pem'", "--key FILE"),
    (["./public", "--key", "key.pem"], "--key without --cert", "--cert FILE --key FILE"),
    (["./public", "--cert", "none.pem", "--key", "k"], "cannot read 'none.pem': No such file", "PEM"),
    (["./public", "--cert", "none.pem"], "cannot read 'none.pem': No such file", "PEM"),
    (["./public", "--cert", "lonely.pem", "--key", "k"], "no certificate in 'lonely.pem'", "PEM"),
    (["./public", "--cert", "app.js", "--key", "k"], "no certificate in 'app.js'", "PEM"),
    # joist is not its own origin
    ([":3000", "3000"], "':3000' is port 3000 of this machine, and so is joist", "another port"),
    (["https://[::1]:8443/x", "https:8443"], "it would ask itself", "another port"),
    (["127.0.0.1:8080", "http:8080"], "it would ask itself", "another port"),
    # options of folders
    ([":3000", "--spa"], "--spa is for folders", "./public"),
    (["--listing"], "--listing is for folders", "./public"),
    # nothing known
    (["./publik"], "no such folder: ./publik", "did you mean ./public?"),
    (["public/assests"], "no such folder: public/assests", "make it"),
    (["./nothing/like/it"], "no such folder: ./nothing/like/it", "joist ./public"),
    (["edge.conf"], "'edge.conf' is a file, and no configuration", ".toml"),
    (["edgf.conf"], "no such file: edgf.conf", "did you mean edge.conf?"),
    (["ftp://example.com"], "'ftp://example.com' is no origin", "unix:/run/app.sock"),
    (["./app.js"], "'./app.js': applications are not there yet", "joist :3000"),
    (["server.mjs"], "applications are not there yet", "joist :3000"),
    (["./public", "w:half"], "'w:half': applications are not there yet", "joist :3000"),
    (["./public", "r:10000,3600s,10r"], "applications are not there yet", "joist :3000"),
    (["run", "a..b"], "no such folder: a..b", ""),
    (["run", "1.2.3.400"], "no such folder: 1.2.3.400", ""),
    (["./public", "--cert"], "--cert needs a value", None),
    (["./public", "--cert=a", "--cert=b"], "--cert is given twice", None),
    (["./public", "--hsts=yes"], "has no option '--hsts=yes'", ""),
    (["http://:3000/", "http:1"], "'http://:3000' is no origin", None),
    (["unix:run/x", "http:1"], "'unix:run/x' is no origin", None),
    (["https://a/b?c", "http:1"], "the origin's path '/b?c' is no path", None),
]


@pytest.mark.parametrize("words, said, remedy", REFUSED, ids=lambda v: " ".join(v) if
                         isinstance(v, list) else "")
def test_what_does_not_go_together(site, words, said, remedy):
    done = joist(site, *words)
    lines = done.stderr.splitlines()
    assert done.returncode == 2, done.stderr
    assert lines[0].startswith("error: ") and said in lines[0]
    assert not done.stdout
    if remedy is not None:
        assert lines[1].startswith("help: ") and remedy in lines[1]
    assert not (site / "state").exists(), "nothing is made for what is refused"


def test_beside_the_configuration_of_this_folder(site):
    (site / "joist.toml").write_text('[[sites]]\nrespond = "x"\n')
    for words in (["8443"], ["--hsts"], ["example.com"]):
        done = joist(site, *words)
        assert done.returncode == 2
        assert "cannot stand beside the joist.toml of this folder" in done.stderr
    # What to serve is said: then the file does not matter.
    assert joist(site, "./public", "--dry").returncode == 0


def test_a_folder(site, ports):
    with What(site, "./public", ports[0]) as what:
        head, body = what.curl("https://localhost:{https}/", "-k")
        assert head.startswith(("HTTP/2 200", "HTTP/1.1 200")) and body == "<p>a page</p>\n"
        head, _ = what.curl("https://localhost:{https}/.hidden", "-k")
        assert " 404" in head.splitlines()[0]
        assert what.port() == ports[0]


def test_words_come_in_any_order(site, ports):
    with What(site, "--hsts", f"https:{ports[0]}", "a.localhost", "public") as what:
        head, body = what.curl("https://localhost:{https}/", "-k")
        assert " 200" in head.splitlines()[0] and body == "<p>a page</p>\n"


def test_http_alone(site, ports):
    with What(site, "./public", f"http:{ports[0]}") as what:
        head, body = what.curl("http://localhost:{http}/")
        assert head.startswith("HTTP/1.1 200") and body == "<p>a page</p>\n"
        assert what.addresses()["https"] == []
    assert not (site / "state").exists(), "plain HTTP needs no certificate"


@pytest.mark.parametrize("form", ["http://127.0.0.1:{}", "127.0.0.1:{}", ":{}", "localhost:{}"])
def test_an_origin(site, ports, form):
    with Origin() as origin, What(site, form.format(origin.port), f"http:{ports[0]}") as what:
        head, _ = what.curl("http://localhost:{http}/x?y=1")
        assert head.startswith("HTTP/1.1 200")
        assert origin.requests[-1].target == "/x?y=1"


@pytest.mark.parametrize("origin, ports_of_joist", [
    ("https://localhost", {5000, 80}), ("http://127.0.0.1:80", {443, 5000}), (":5000", {443, 80}),
    ("https://other.test", {443, 80})])
def test_the_port_of_an_origin_is_left_to_it(site, origin, ports_of_joist):
    """It may only not have been started yet."""
    made = joist(site, origin, "--dry").stdout
    assert set(map(int, re.findall(r'^bind = "127.0.0.1:(\d+)"', made, re.M))) == ports_of_joist


def test_an_origin_with_a_path(site, ports):
    with Origin() as origin, \
            What(site, f"http://127.0.0.1:{origin.port}/base/", f"http:{ports[0]}") as what:
        what.curl("http://localhost:{http}/x")
        assert origin.requests[-1].target == "/base/x"


def test_host_names(site, ports):
    """The names that are given, and this machine's own; others are not answered."""
    with What(site, "./public", "one.test,Two.test", "three.test", f"http:{ports[0]}") as what:
        for host, status in (("one.test", 200), ("two.test", 200), ("three.test", 200),
                             ("localhost", 200), ("127.0.0.1", 200), ("[::1]", 200),
                             ("four.test", 404)):
            head, _ = what.curl("http://127.0.0.1:{http}/", "-H", f"Host: {host}")
            assert head.startswith(f"HTTP/1.1 {status}"), host


def test_who_is_let_in(site, ports):
    """This machine alone; a host name, or --public, opens it."""
    def bound(*words):
        with What(site, "./public", f"http:{ports[0]}", *words) as what:
            pass
        return sorted(a.rpartition(":")[0] for a in what.addresses()["http"])  # the log is whole

    own = bound()
    assert own in (["127.0.0.1", "[::1]"], ["127.0.0.1"])
    assert bound("localhost", "a.localhost") == own
    for words in (["--public"], ["example.com"]):
        assert bound(*words) in (["[::]"], ["0.0.0.0"]), words


def test_options_of_folders(site, ports):
    with What(site, "./public", "--spa", f"http:{ports[0]}") as what:
        assert what.curl("http://localhost:{http}/no/such/page")[1] == "<p>a page</p>\n"
    (site / "other/file.txt").write_text("x")
    with What(site, "./other", "--listing", f"http:{ports[0]}") as what:
        assert "file.txt" in what.curl("http://localhost:{http}/")[1]


def test_a_taken_port_that_was_asked_for_is_an_error(site, ports):
    with What(site, "./public", f"http:{ports[0]}"):
        for word in (f"http:{ports[0]}", f"https:{ports[0]}", str(ports[0])):
            done = joist(site, "./public", word)
            assert done.returncode == 1
            assert str(ports[0]) in done.stderr and "in use" in done.stderr
            assert done.stderr.count("error: ") == 1, "both families say the same"


# ---- --dry ----

def test_dry_is_a_configuration(site):
    done = joist(site, "./public", "8443", "example.com", "--hsts", "--listing", "--dry")
    assert done.returncode == 0 and not done.stderr
    assert not (site / "state").exists(), "nothing is made"
    assert 'bind = ":8443"' in done.stdout and "redirect_https = 8443" in done.stdout
    assert 'root = "./public"' in done.stdout and 'hsts = "365d"' in done.stdout
    assert re.search(r'hosts = \["example.com", "localhost"', done.stdout)


@pytest.mark.parametrize("words", [["./public", "http:8080"], [":3000", "http:8080", "a.test"],
                                   ["./${HOME}\"quoted", "http:8080", "--spa"],
                                   ["http://127.0.0.1:3000/base", "http:8080"]])
def test_dry_can_be_run(site, words):
    (site / '${HOME}"quoted').mkdir()
    (site / "made.toml").write_text(joist(site, *words, "--dry").stdout)
    done = joist(site, "config", "validate", "made.toml")
    assert done.returncode == 0, done.stderr


# ---- the welcome page ----

def test_welcome(tmp_path, ports):
    with What(tmp_path, f"http:{ports[0]}") as what:
        head, body = what.curl("http://localhost:{http}/")
        assert head.startswith("HTTP/1.1 200") and "content-type: text/html" in head.lower()
        assert "default-src 'none'" in head
        for what_next in ("joist ./public", "joist :3000", "joist.toml", "prefers-color-scheme"):
            assert what_next in body
        # Nothing is loaded from anywhere.
        assert not re.search(r"(src|href)\s*=|url\(|@import|<script|<link", body)
        assert what.curl("http://localhost:{http}/x")[0].startswith("HTTP/1.1 404")


def test_welcome_is_well_formed(tmp_path, ports):
    """Each element that is opened is closed."""
    with What(tmp_path, f"http:{ports[0]}") as what:
        _, body = what.curl("http://localhost:{http}/")
    stack = []
    for end, name in re.findall(r"<(/?)([a-z0-9]+)[^>]*?(?<!/)>", body):
        if name in ("meta", "path"):
            continue
        if end:
            assert stack.pop() == name
        else:
            stack.append(name)
    assert stack == []


def test_the_configuration_of_this_folder_comes_first(tmp_path, ports):
    (tmp_path / "joist.toml").write_text(
        f'[log]\naccess = "off"\n[[listeners]]\nname = "http"\nbind = "127.0.0.1:{ports[0]}"\n'
        '[[sites]]\nrespond = "of the file"\n')
    process = What(tmp_path)
    process.wait_listening = lambda: None
    with process as what:
        net.wait_for(lambda: "LISTENING" in what.errors(), "it does not listen")
        assert what.curl(f"http://localhost:{ports[0]}/")[1] == "of the file"
    assert not (tmp_path / "state").exists()

# SPDX-License-Identifier: MIT
"""HTTPS first: which certificate, which ports, and what plain HTTP answers."""
import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from lib import net
from lib.net import PortClaim
from lib.server import BINARY
from lib.what import NETWORK, NOBODY, What, environment, joist, needs_network


@pytest.fixture
def site(tmp_path):
    (tmp_path / "public").mkdir()
    (tmp_path / "public/index.html").write_text("a page\n")
    return tmp_path


@pytest.fixture
def port():
    claim = PortClaim()
    yield claim.port
    claim.release()


def openssl(*arguments, **options):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True,
                          timeout=net.PATIENCE_S, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def made(folder, name, *, days=30, joined=False, names="DNS:given.test"):
    """A certificate of one's own: (certificate, key)."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-out", cert, "-days", days, "-subj", f"/CN={name}", "-addext",
            f"subjectAltName={names}")
    if joined:
        cert.write_text(cert.read_text() + key.read_text())
    return cert, key


def text_of(cert):
    return openssl("x509", "-in", cert, "-noout", "-text")


# ---- the self-signed one ----

def test_a_certificate_is_made_once_and_kept(site, port):
    with What(site, "./public", port) as what:
        assert what.curl("https://localhost:{https}/", "-k")[1] == "a page\n"
        first = what.certificate.read_bytes()
        line = re.search(r" info CERTIFICATE (.*)", what.errors()).group(1)
    assert "kind=self-signed" in line and "localhost, 127.0.0.1, ::1" in line
    assert re.search(r"expires=\d{4}-\d\d-\d\dT", line)
    text = text_of(site / "state/self-signed.pem")
    for wanted in ("Public-Key: (256 bit)", "CA:FALSE", "TLS Web Server Authentication",
                   "Subject: CN = localhost", "DNS:localhost", "IP Address:127.0.0.1",
                   "IP Address:0:0:0:0:0:0:0:1"):
        assert wanted in text
    assert socket.gethostname() in text
    with What(site, "./public", port) as what:
        assert what.certificate.read_bytes() == first


def test_nobody_else_can_read_the_key(site, port):
    with What(site, "./public", port):
        pass
    assert stat.S_IMODE(os.stat(site / "state").st_mode) == 0o700
    assert stat.S_IMODE(os.stat(site / "state/self-signed.pem").st_mode) == 0o600
    assert os.listdir(site / "state") == ["self-signed.pem"]


def test_who_trusts_the_file_needs_no_exception(site, port):
    with What(site, "./public", port) as what:
        for host in ("localhost", "127.0.0.1"):
            head, body = what.curl(f"https://{host}:{port}/", "--cacert", str(what.certificate))
            assert " 200" in head.splitlines()[0] and body == "a page\n"


def test_a_name_that_lacks_renews_it_and_the_others_stay(site, port):
    def names(*words):
        with What(site, "./public", port, *words) as what:
            return re.search(r'names="([^"]*)"', what.errors()).group(1).split(", ")

    before = names()
    assert "one.test" not in before
    assert set(names("one.test")) == {*before, "one.test"}
    assert set(names("two.test")) == {*before, "one.test", "two.test"}
    kept = (site / "state/self-signed.pem").read_bytes()
    names("one.test"), names("two.test"), names()
    assert (site / "state/self-signed.pem").read_bytes() == kept


def names_after(site, port, *words):
    with What(site, "./public", port, *words) as what:
        return re.search(r'names="([^"]*)"', what.errors()).group(1).split(", ")


def test_names_of_long_ago_fall_out(site, port):
    """The latest 16 of earlier runs stay."""
    usual = names_after(site, port)
    many = [f"n{i}.test" for i in range(16)]
    names_after(site, port, "oldest.test")
    assert set(names_after(site, port, *many)) == {*usual, *many, "oldest.test"}
    assert set(names_after(site, port, "new.test")) == {*usual, *many, "new.test"}


def test_one_whose_time_is_over_takes_its_names_along(site, port):
    usual = names_after(site, port)
    path = site / "state/self-signed.pem"
    alt = [("IP:" if ":" in name or name[0].isdigit() else "DNS:") + name for name in usual]
    shutil.copy(made(site, "old", days=3, joined=True, names=",".join([*alt, "DNS:left.test"]))[0],
                path)
    path.chmod(0o600)
    assert set(names_after(site, port, "new.test")) == {*usual, "new.test"}


@pytest.mark.parametrize("spoil", ["ends soon", "public", "junk", "cut"])
def test_what_cannot_stay_is_renewed(site, port, spoil):
    with What(site, "./public", port):
        pass
    path = site / "state/self-signed.pem"
    before = path.read_bytes()
    names = "DNS:localhost,IP:127.0.0.1,IP:::1,DNS:" + socket.gethostname()
    if spoil == "ends soon":
        shutil.copy(made(site, "old", days=3, joined=True, names=names)[0], path)
    elif spoil == "public":
        path.chmod(0o644)
    elif spoil == "junk":
        path.write_text("junk")
    elif spoil == "cut":
        path.write_bytes(before[:200])
    spoilt = path.read_bytes()
    path.chmod(0o644 if spoil == "public" else 0o600)
    with What(site, "./public", port) as what:
        assert what.curl("https://localhost:{https}/", "--cacert", str(path))[1] == "a page\n"
    assert path.read_bytes() != spoilt
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


@pytest.mark.parametrize("env, place", [
    ({"JOIST_STATE_DIR": "given"}, "given"),
    ({"JOIST_STATE_DIR": None, "XDG_STATE_HOME": "@/xdg"}, "xdg/joist"),
    ({"JOIST_STATE_DIR": None}, ".local/state/joist"),
    ({"JOIST_STATE_DIR": None, "XDG_STATE_HOME": "relative"}, ".local/state/joist"),
])
def test_the_state_folder(site, port, env, place):
    env = {name: value and value.replace("@", str(site)) for name, value in env.items()}
    with What(site, "./public", port, env=env):
        pass
    assert (site / place / "self-signed.pem").exists()


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_state_folder_that_others_may_write_to_is_refused(site, mode):
    (site / "state").mkdir()
    (site / "state").chmod(mode)
    done = joist(site, "./public")
    assert done.returncode == 1
    assert "is not safe for keys" in done.stderr and "JOIST_STATE_DIR" in done.stderr


def test_a_state_folder_that_cannot_be_made(site):
    (site / "file").write_text("")
    done = joist(site, "./public", env={"JOIST_STATE_DIR": str(site / "file/below")})
    assert done.returncode == 1
    assert "cannot make the state folder" in done.stderr and "JOIST_STATE_DIR" in done.stderr


# ---- the given one ----

@pytest.mark.parametrize("joined", [False, True])
def test_a_given_certificate(site, port, joined):
    cert, key = made(site, "given", joined=joined)
    options = ["--cert", cert] if joined else [f"--cert={cert}", "--key", key]
    with What(site, "./public", port, *options) as what:
        head, body = what.curl(f"https://given.test:{port}/", "--cacert", str(cert), "--resolve",
                               f"given.test:{port}:127.0.0.1")
        assert " 200" in head.splitlines()[0] and body == "a page\n"
        assert 'kind=given' in what.errors() and 'subject="CN=given"' in what.errors()
    assert not (site / "state").exists()


def test_a_key_of_another_certificate(site, port):
    cert, _ = made(site, "one")
    _, key = made(site, "two")
    done = joist(site, "./public", port, "--cert", cert, "--key", key)
    assert done.returncode == 2, done.stderr
    assert "match" in done.stderr and "one.pem" in done.stderr
    assert done.stderr.count("error: ") == 1


def test_an_expired_certificate_is_served_with_a_warning(site, port):
    """The operator's word counts; said once, for both families of addresses."""
    _, key = made(site, "old")
    openssl("req", "-new", "-key", key, "-subj", "/CN=old", "-out", site / "csr")
    openssl("x509", "-req", "-in", site / "csr", "-signkey", key, "-days", "0", "-out",
            site / "old.pem")
    ends = openssl("x509", "-in", site / "old.pem", "-noout", "-enddate").strip().partition("=")[2]
    net.wait_for(lambda: time.time() > ssl.cert_time_to_seconds(ends) + 1, "it lives on")
    with What(site, "./public", port, "--cert", site / "old.pem", "--key", key) as what:
        net.wait_for(lambda: "warning: " in what.errors(), "a warning")  # beside the log's thread
        assert what.errors().count("warning: ") == 1
        assert what.curl("https://localhost:{https}/", "-k")[1] == "a page\n"


def test_dry_with_a_certificate_can_be_run(site):
    cert, key = made(site, "given")
    done = joist(site, "./public", "8443", "a.test", "--cert", cert, "--key", key, "--hsts",
                 "--listing", "--dry")
    (site / "made.toml").write_text(done.stdout)
    done = joist(site, "config", "validate", "made.toml")
    assert done.returncode == 0, done.stderr
    assert "1 route, 2 listeners" in done.stdout


def test_a_key_that_cannot_be_read(site, port):
    cert, _ = made(site, "one")
    done = joist(site, "./public", port, "--cert", cert, "--key", "nowhere.key")
    assert done.returncode == 2
    assert "cannot read 'nowhere.key'" in done.stderr
    (site / "junk.key").write_text("junk")
    done = joist(site, "./public", port, "--cert", cert, "--key", "junk.key")
    assert done.returncode == 2 and "junk.key" in done.stderr


# ---- mkcert ----

MKCERT = """#!/bin/sh
# Speaks as mkcert does; its authority is made by the test.
[ "$1" = -CAROOT ] && { echo "@ROOT@"; exit 0; }
cert=$2; key=$4; shift 4
names=; for n in "$@"; do case $n in *:*|127.*) names="$names,IP:$n";; *) names="$names,DNS:$n";; esac; done
printf 'subjectAltName=%s\\n' "${names#,}" > "@ROOT@/ext"
openssl req -newkey rsa:2048 -nodes -keyout "$key" -out "@ROOT@/csr" -subj /O=development 2>/dev/null
openssl x509 -req -in "@ROOT@/csr" -CA "@ROOT@/rootCA.pem" -CAkey "@ROOT@/rootCA-key.pem" \\
  -CAcreateserial -days 800 -extfile "@ROOT@/ext" -out "$cert" 2>/dev/null
echo made >> "@ROOT@/calls"
"""


@pytest.fixture
def mkcert(site):
    root = site / "caroot"
    root.mkdir()
    (site / "bin").mkdir()
    (site / "bin/mkcert").write_text(MKCERT.replace("@ROOT@", str(root)))
    (site / "bin/mkcert").chmod(0o755)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", root / "rootCA-key.pem",
            "-out", root / "rootCA.pem", "-subj", "/CN=mkcert test")
    return root


def test_auto_tls(site, port, mkcert):
    env = {"PATH": f"{site}/bin:{os.environ['PATH']}"}
    for words in ([], [], ["new.test"]):
        with What(site, "./public", port, "--auto-tls", *words, env=env) as what:
            assert what.curl("https://localhost:{https}/", "--cacert",
                             str(mkcert / "rootCA.pem"))[1] == "a page\n"
            assert "kind=mkcert" in what.errors() and "CN=mkcert test" in what.errors()
    assert (mkcert / "calls").read_text() == "made\n" * 2, "kept, and made anew for another name"
    assert not (site / "state/self-signed.pem").exists()


def test_auto_tls_without_mkcert(site, port):
    with What(site, "./public", port, "--auto-tls", env={"PATH": "/nonexistent"}) as what:
        assert "AUTO_TLS_MISSING why=\"mkcert is not installed\"" in what.errors()
        assert what.curl("https://localhost:{https}/", "-k")[1] == "a page\n"


def test_auto_tls_without_an_authority(site, port, mkcert):
    (mkcert / "rootCA.pem").unlink()
    with What(site, "./public", port, "--auto-tls",
              env={"PATH": f"{site}/bin:{os.environ['PATH']}"}) as what:
        assert "mkcert -install" in what.errors() and "kind=self-signed" in what.errors()


def test_auto_tls_when_mkcert_fails(site, port, mkcert):
    (mkcert / "rootCA-key.pem").unlink()
    (site / "bin/mkcert").write_text(
        f'#!/bin/sh\n[ "$1" = -CAROOT ] && {{ echo "{mkcert}"; exit 0; }}\necho "no key" >&2\nexit 1\n')
    with What(site, "./public", port, "--auto-tls",
              env={"PATH": f"{site}/bin:{os.environ['PATH']}"}) as what:
        assert 'why="mkcert failed: no key"' in what.errors()
        assert "kind=self-signed" in what.errors()


# ---- protocols, 301, HSTS ----

def test_h2_and_h1_over_tls(site, port):
    with What(site, "./public", port) as what:
        assert what.curl("https://localhost:{https}/", "-k", "--http2")[0].startswith("HTTP/2 200")
        assert what.curl("https://localhost:{https}/", "-k", "--http1.1")[0].startswith(
            "HTTP/1.1 200")


def test_plain_http_leads_to_https(site, port):
    with What(site, "./public", port) as what:
        head, _ = what.curl("http://localhost:{http}/a/b?c=d")
        assert head.startswith("HTTP/1.1 301")
        assert f"location: https://localhost:{port}/a/b?c=d" in head.lower()
        assert "a page" not in head
        head, body = what.curl("http://localhost:{http}/", "-k", "-L")
        assert body.endswith("a page\n")


def test_no_redirect(site, port):
    with What(site, "./public", port, "--no-redirect-http") as what:
        assert what.curl("https://localhost:{https}/", "-k")[1] == "a page\n"
    assert what.addresses()["http"] == []


def test_hsts(site, port):
    with What(site, "./public", port, "--hsts") as what:
        head, _ = what.curl("https://localhost:{https}/", "-k")
        assert "strict-transport-security: max-age=31536000" in head.lower()
        # RFC 6797 7.2: not over plain HTTP
        assert "strict-transport-security" not in what.curl("http://localhost:{http}/")[0].lower()
    with What(site, "./public", port) as what:
        head, _ = what.curl("https://localhost:{https}/", "-k")
        assert "strict-transport-security" not in head.lower()


def test_welcome_over_https(tmp_path, port):
    with What(tmp_path, port) as what:
        _, body = what.curl("https://localhost:{https}/", "--cacert", str(what.certificate))
        assert "Joist is running" in body


# ---- ports ----

@needs_network
def test_443_and_80_where_they_can_be_had(site):
    with What(site, "./public", network=True) as what:
        assert what.curl("https://localhost/", "-k")[1] == "a page\n"
        head, _ = what.curl("http://localhost/x")
        assert "location: https://localhost/x" in head.lower(), "443 is not written out"
    assert {a.rpartition(":")[2] for a in what.addresses()["https"]} == {"443"}
    assert {a.rpartition(":")[2] for a in what.addresses()["http"]} == {"80"}


@needs_network
def test_the_origins_port_is_passed_over(site):
    """Nothing listens there yet; joist in its place would ask itself."""
    with What(site, ":5000", network=True, before=taking(443, 80)) as what:
        pass
    assert {a.rpartition(":")[2] for a in what.addresses()["https"]} == {"5001"}
    assert {a.rpartition(":")[2] for a in what.addresses()["http"]} == {"5002"}


@needs_network
def test_without_the_right_to_them():
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        site = Path(folder)
        site.chmod(0o777)
        (site / "public").mkdir(mode=0o755)
        (site / "public/index.html").write_text("a page\n")
        shutil.copy(BINARY, site / "joist")
        what = What(site, "./public", network=True, before=[*NOBODY, "sh", "-c", 'shift; exec "$@"',
                                                            "sh"])
        what.arguments.insert(0, str(site / "joist"))
        with what:
            assert what.curl("https://localhost:5000/", "-k")[1] == "a page\n"
            head, _ = what.curl("http://localhost:5001/")
            assert "location: https://localhost:5000/" in head.lower()


TAKE = ("import socket,sys\n"
        "kept = []\n"
        "for port in map(int, sys.argv[1].split(',')):\n"
        "    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
        "    s.bind(('127.0.0.1', port)); s.listen(1); s.set_inheritable(True); kept.append(s)\n"
        "import os; os.execvp(sys.argv[2], sys.argv[2:])\n")


def taking(*ports):
    """Put before a command: these ports are taken while it runs."""
    return ["/usr/bin/python3", "-c", TAKE, ",".join(map(str, ports))]


@needs_network
@pytest.mark.parametrize("taken, https, http", [
    ([443], 5000, 80),
    ([80], 443, 5000),
    ([443, 80], 5000, 5001),
    ([443, 5000], 5001, 80),
    ([443, 80, 5000, 5002], 5001, 5003),
    ([80, *range(5000, 5100)], 443, None),
])
def test_the_next_port_is_taken(site, taken, https, http):
    with What(site, "./public", *(["--no-redirect-http"] if http is None else []), network=True,
              before=taking(*taken)) as what:
        assert what.curl(f"https://localhost:{https}/", "-k")[1] == "a page\n"
        if http is not None:
            shown = "" if https == 443 else f":{https}"
            head, _ = what.curl(f"http://localhost:{http}/")
            assert f"location: https://localhost{shown}/" in head.lower()


@needs_network
def test_no_port_for_plain_http_is_a_warning(site):
    what = What(site, "./public", "443", network=True, before=taking(80, *range(5000, 5100)))
    what.redirects = False  # nothing of it is to be waited for
    with what:
        assert what.curl("https://localhost/", "-k")[1] == "a page\n"
        assert "warning: no port for plain HTTP" in what.errors()


@needs_network
def test_no_port_at_all_is_an_error(site):
    taken = taking(443, *range(5000, 5100))
    started = time.monotonic()
    done = subprocess.run([*NETWORK, *taken, BINARY, "./public"], cwd=site, capture_output=True,
                          text=True, env=environment(site), timeout=net.PATIENCE_S, check=False)
    assert done.returncode == 1
    assert "no port for https" in done.stderr and "joist 8443" in done.stderr
    assert time.monotonic() - started < net.PATIENCE_S


@needs_network
def test_a_machine_without_ipv6(site):
    quiet = ["sh", "-c", 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; exec "$@"', "sh"]
    with What(site, "./public", network=True, before=quiet) as what:
        assert what.curl("https://127.0.0.1/", "-k")[1] == "a page\n"
    assert what.addresses()["https"] == ["127.0.0.1:443"]

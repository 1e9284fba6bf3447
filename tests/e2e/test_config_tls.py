# SPDX-License-Identifier: MIT
"""Certificates, keys and authorities in the configuration: each mistake is told where it stands.

Which certificates of sites are refused, and which only doubted, is in test_tls_certificates.py;
here is the rest: lists of files, listeners, clients' authorities, origins, included files.
"""
import json
import os
import re
import shutil
import subprocess

import pytest

from lib import net
from lib.server import BINARY

SITE = '[[sites]]\nrespond = "x"\n'
LISTENER = '[[listeners]]\nbind = "127.0.0.1:0"\n'


def joist(folder, *arguments, env=None):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, check=False,
                          cwd=folder, env={**os.environ, **(env or {})}, timeout=net.PATIENCE_S,
                          stdin=subprocess.DEVNULL)


def validate(folder, text, env=None):
    (folder / "joist.toml").write_text(text)
    return joist(folder, "config", "validate", env=env)


def errors(done):
    """(file:line:column, message) of each."""
    return re.findall(r"^(\S+:\d+:\d+): error: (.*)$", done.stderr, re.M)


@pytest.fixture
def files(pki, tmp_path):
    """A folder with a.pem a.key (ECDSA), rsa.pem rsa.key (the same name), b.pem b.key, ca.pem."""
    for name, cert in (("a", pki.site("a.test")), ("rsa", pki.site("a.test", key="rsa")),
                       ("b", pki.site("b.test")), ("me", pki.client("me"))):
        shutil.copy(cert.cert, tmp_path / f"{name}.pem")
        shutil.copy(cert.key, tmp_path / f"{name}.key")
    shutil.copy(pki.ca, tmp_path / "ca.pem")
    return tmp_path


# ---- good ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("text", [
    '[[sites]]\nhost = "a.test"\nrespond = "x"\ntls = { cert = "a.pem", key = "a.key" }\n',
    LISTENER + '[listeners.tls]\ncert = ["a.pem", "rsa.pem"]\nkey = ["a.key", "rsa.key"]\n' + SITE,
    LISTENER + 'tls = {}\n[[sites]]\nhost = "a.test"\nrespond = "x"\n[sites.tls]\n'
    'cert = ["a.pem", "rsa.pem"]\nkey = ["a.key", "rsa.key"]\n',
    LISTENER + '[listeners.tls]\ncert = "a.pem"\nkey = "a.key"\nclient_auth = { ca = "ca.pem" }\n'
    + SITE,
    '[upstreams.o]\nca = "ca.pem"\ncert = "me.pem"\nkey = "me.key"\nsni = "o.test"\n'
    'targets = ["https://127.0.0.1", { url = "https://127.0.0.2", verify_name = "127.0.0.2" }]\n'
    '[[sites]]\nproxy = "o"\n',
    '[[sites]]\nproxy = "https://127.0.0.1:8443/base"\n',
    '[[sites]]\nproxy = "h2c://127.0.0.1:50051"\n',
])
def test_good(files, text):
    done = validate(files, text)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    shown = joist(files, "config", "show")
    assert validate(files, shown.stdout).returncode == 0, shown.stdout


def test_key_in_the_certificates_file(files):
    (files / "both.pem").write_text((files / "a.pem").read_text() + (files / "a.key").read_text())
    done = validate(files, LISTENER + '[listeners.tls]\ncert = "both.pem"\n' + SITE)
    assert (done.returncode, done.stderr) == (0, "")


def test_site_certificates_bring_listeners(files):
    done = validate(files, '[[sites]]\nhost = "a.test"\nrespond = "x"\n'
                           'tls = { cert = "a.pem", key = "a.key" }\n')
    assert done.returncode == 0, done.stderr
    shown = json.loads(joist(files, "config", "show", "--json").stdout)["listeners"]
    assert [(s["bind"], "tls" in s, s["alpn"], s["redirect_https"]) for s in shown] == [
        (":443", True, ["h2", "http/1.1"], False), (":80", False, ["http/1.1"], 443)]


# ---- files that are bad --------------------------------------------------------------------------

@pytest.mark.parametrize("place, text, words", [
    # the one of a list that is meant
    ("4:18", '[listeners.tls]\ncert = ["a.pem", "none.pem"]\nkey = ["a.key", "rsa.key"]\n',
     "'none.pem': .*it is not there"),
    ("5:17", '[listeners.tls]\ncert = ["a.pem", "rsa.pem"]\nkey = ["a.key", "b.key"]\n',
     "'b.key' does not match"),
    ("3:34", 'tls = { cert = ["a.pem"], key = ["none.key"] }\n', "'none.key': it is not there"),
    ("3:16", 'tls = { cert = "a.key" }\n', "'a.key': .*not a PEM certificate"),
    ("3:16", 'tls = { cert = "a.pem" }\n', "'a.pem': .*no PEM private key"),
    # authorities of clients
    ("", '[listeners.tls]\ncert = "a.pem"\nkey = "a.key"\nclient_auth = { ca = "none.pem" }\n',
     "none.pem"),
    ("", '[listeners.tls]\ncert = "a.pem"\nkey = "a.key"\nclient_auth = { ca = "a.key" }\n',
     "a.key"),
])
def test_bad_file_of_a_listener(files, place, text, words):
    done = validate(files, LISTENER + text + SITE)
    assert done.returncode == 1
    assert [m for at, m in errors(done) if at.startswith(f"joist.toml:{place}")
            and re.search(words, m, re.I)], done.stderr


@pytest.mark.parametrize("name", ["none.pem", "a.key"])
@pytest.mark.parametrize("key", ["ca", "cert"])
def test_bad_file_of_an_origin(files, key, name):
    done = validate(files, f'[upstreams.o]\n{key} = "{name}"\n'
                           'targets = ["https://127.0.0.1", "https://127.0.0.2"]\n'
                           '[[sites]]\nproxy = "o"\n')
    assert done.returncode == 1
    column = len(key) + 4
    assert {at for at, message in errors(done) if name in message} == {f"joist.toml:2:{column}"}, \
        done.stderr


@pytest.mark.parametrize("content", [b"", b"\x00" * 4096, b"-----BEGIN CERTIFICATE-----\nAAAA\n",
                                     b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
                                     b"A" * (1 << 20)], ids=lambda content: repr(content[:12]))
def test_garbage_for_a_certificate(files, content):
    (files / "bad.pem").write_bytes(content)
    done = validate(files, LISTENER + 'tls = { cert = "bad.pem", key = "a.key" }\n' + SITE)
    assert done.returncode == 1
    assert [at for at, message in errors(done) if "'bad.pem'" in message] == ["joist.toml:3:16"]


def test_underline_is_under_the_file(files):
    done = validate(files, LISTENER + 'tls = { cert = "a.pem", key = "b.key" }\n' + SITE)
    lines = done.stderr.splitlines()
    assert lines[0].startswith("joist.toml:3:31: error: "), done.stderr
    assert lines[1:3] == ['     3 | tls = { cert = "a.pem", key = "b.key" }',
                          "       |                               ^~~~~~~"]


def test_files_of_an_included_file_are_beside_it(files):
    """Its mistakes are told there too, and what is said of one file leaves others alone."""
    (files / "sites").mkdir()
    for name in ("a.pem", "a.key"):
        shutil.move(files / name, files / "sites" / name)
    site = '[[sites]]\nhost = "{0}.test"\nrespond = "x"\ntls = {{ cert = "{0}.pem", key = "{0}.key" }}\n'
    (files / "sites" / "a.toml").write_text(site.format("a"))
    text = 'include = ["sites/*.toml"]\n'
    done = validate(files, text)
    assert (done.returncode, done.stderr) == (0, "")
    (files / "sites" / "b.toml").write_text(site.format("b"))
    done = validate(files, text)
    assert done.returncode == 1
    assert [at for at, _ in errors(done)][0] == "sites/b.toml:4:16", done.stderr
    assert "sites/a.toml" not in done.stderr


def test_names_from_the_environment_are_not_printed(files):
    done = validate(files, LISTENER + 'tls = { cert = "${CERT}", key = "a.key" }\n' + SITE,
                    env={"CERT": "hunter2.pem"})
    assert done.returncode == 1
    assert errors(done)[0][0] == "joist.toml:3:16"
    assert "hunter2" not in done.stderr + done.stdout


def test_all_at_once(files):
    done = validate(files, 'include = []\n[[listeners]]\nbind = "127.0.0.1:0"\n[listeners.tls]\n'
                           'cert = "none.pem"\nkey = "a.key"\n'
                           '[[sites]]\nhost = "a.test"\nrespond = "x"\n'
                           'tls = { cert = "a.pem", key = "b.key" }\n'
                           '[[sites]]\nhost = "b.test"\nrespond = "x"\n'
                           'tls = { cert = "b.pem", key = "none.key" }\n')
    places = [at.removeprefix("joist.toml:") for at, _ in errors(done)]
    assert {"5:8", "10:31", "14:31"} <= set(places), done.stderr


# ---- ECH -----------------------------------------------------------------------------------------

def ech(files, text, env=None):
    return validate(files, f'[ech]\n{text}\n' + LISTENER +
                    'tls = { cert = "a.pem", key = "a.key" }\n' + SITE, env)


@pytest.mark.parametrize("place, text, words", [
    ("2:8", 'keys = "none.pem"', "none.pem"),
    ("2:9", 'keys = ["a.key"]', "a.key"),
    ("2:9", 'keys = ["a.pem"]', "a.pem"),
    ("2:7", 'dir = "none"', "cannot read the folder 'none'"),
    ("2:7", 'dir = "a.pem"', "cannot read the folder 'a.pem'"),
    ("2:7", 'dir = "empty"', "there is no ECH key"),
])
def test_bad_ech_key(files, place, text, words):
    (files / "empty").mkdir()
    done = ech(files, text)
    assert done.returncode == 1
    assert [m for at, m in errors(done) if at == f"joist.toml:{place}" and words in m], done.stderr


def test_keys_of_ech_new_are_good(files):
    """In a folder, the older one for as long as `keep` says; and one alone."""
    folder = files / "ech"
    folder.mkdir()
    for name in ("1.pem", "2.pem"):
        made = joist(files, "ech", "new", "--name", "public.test", "--out", f"ech/{name}")
        assert made.returncode == 0, made.stderr
    assert (ech(files, 'dir = "ech"').returncode, ech(files, 'keys = "ech/1.pem"').returncode) == (0, 0)
    for name, days in (("1.pem", 30), ("2.pem", 8)):
        when = (folder / name).stat().st_mtime - days * 86400
        os.utime(folder / name, (when, when))
    done = ech(files, 'dir = "ech"')
    assert done.returncode == 0
    assert ("joist.toml:2:7: warning: ECH key '1.pem' is left out: '2.pem' took its place more than "
            "7d ago") in done.stderr
    assert "warning" not in ech(files, 'dir = "ech"\nkeep = "9d"').stderr


def test_bad_ech_key_of_a_folder_is_named(files):
    (files / "ech").mkdir()
    shutil.copy(files / "a.key", files / "ech" / "2026-11.pem")
    done = ech(files, 'dir = "ech"')
    assert done.returncode == 1
    assert [m for at, m in errors(done) if at == "joist.toml:2:7" and "2026-11.pem" in m], done.stderr


# ---- what does not fit together ------------------------------------------------------------------

@pytest.mark.parametrize("text, place, remedy", [
    (LISTENER + '[[sites]]\nhost = "a.test"\nrespond = "x"\ntls = { cert = "a.pem", key = "a.key" }\n',
     "6:1", 'add [[listeners]] with bind = ":443"'),
    (LISTENER + "tls = {}\n" + SITE, "3:1", "add cert = "),
    (SITE + 'tls = { cert = "a.pem", key = "a.key" }\n', "3:1", 'add host = "example.com"'),
    ('[[sites]]\nhost = "a.test"\nrespond = "x"\ntls = "auto"\n', "4:7", "for example: tls = { cert"),
    (LISTENER + 'alpn = ["h3"]\ntls = { cert = "a.pem", key = "a.key" }\n' + SITE, "3:9",
     'for example: alpn = ["h2", "http/1.1"]'),
])
def test_one_mistake_is_one_error_with_a_remedy(files, text, place, remedy):
    done = validate(files, text)
    assert done.returncode == 1
    assert [at for at, _ in errors(done)] == [f"joist.toml:{place}"], done.stderr
    assert remedy in re.findall(r"^help: (.*)$", done.stderr, re.M)[0]

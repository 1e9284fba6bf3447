# SPDX-License-Identifier: MIT
"""joist ech: keys made and listed, and the record for the DNS."""
import base64
import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from lib import net
from lib.what import joist

RECORD = re.compile(r'^  example\.com\. 300 IN HTTPS 1 \. alpn="h2,http/1\.1" ech="([A-Za-z0-9+/=]+)"$',
                    re.M)


@pytest.fixture(autouse=True)
def ech_is_there(tmp_path):
    if "ECH" in json.loads(joist(tmp_path, "version", "--json").stdout)["tls"]["missing"]:
        done = joist(tmp_path, "ech", "new", "--name", "public.example")
        assert done.returncode == 1 and "knows no ECH" in done.stderr
        pytest.skip("this OpenSSL knows no ECH, and says so")


def config_of(text):
    """(version, id, public name) of the one ECHConfig in a list; RFC 9849 4."""
    raw = base64.b64decode(text, validate=True)
    assert int.from_bytes(raw[:2], "big") == len(raw) - 2
    version, length = int.from_bytes(raw[2:4], "big"), int.from_bytes(raw[4:6], "big")
    assert length == len(raw) - 6
    at = 7  # id; then KEM, public key, suites, the longest name
    kem, key = int.from_bytes(raw[at:at + 2], "big"), int.from_bytes(raw[at + 2:at + 4], "big")
    assert (kem, key) == (0x20, 32)  # X25519
    at += 4 + key
    suites = int.from_bytes(raw[at:at + 2], "big")
    assert raw[at + 2:at + 6] == b"\x00\x01\x00\x01"  # HKDF-SHA256, AES-128-GCM
    at += 2 + suites + 1
    return version, raw[6], raw[at + 1:at + 1 + raw[at]].decode()


def test_a_key_and_its_record(tmp_path):
    done = joist(tmp_path, "ech", "new", "--name", "public.example", "--out", "key.pem")
    assert done.returncode == 0, done.stderr
    record = RECORD.search(done.stdout).group(1)
    version, number, name = config_of(record)
    assert (version, name) == (0xfe0d, "public.example")
    assert f"id {number}, public name public.example, " in done.stdout
    assert stat.S_IMODE(os.stat(tmp_path / "key.pem").st_mode) == 0o600
    text = (tmp_path / "key.pem").read_text()
    assert "BEGIN PRIVATE KEY" in text and "BEGIN ECHCONFIG" in text
    listed = joist(tmp_path, "ech", "list", "key.pem")
    assert listed.returncode == 0 and RECORD.search(listed.stdout).group(1) == record


def test_the_key_is_never_printed(tmp_path):
    done = joist(tmp_path, "ech", "new", "--name", "public.example", "--out", "key.pem")
    secret = (tmp_path / "key.pem").read_text().split("PRIVATE KEY-----\n")[1].split("\n")[0]
    for arguments in (["ech", "list", "key.pem"], ["ech", "list", "key.pem", "--json"]):
        done = joist(tmp_path, *arguments)
        assert secret not in done.stdout + done.stderr


def test_several_in_a_folder(tmp_path):
    (tmp_path / "ech").mkdir()
    for name in ("one.example", "two.example"):
        assert joist(tmp_path, "ech", "new", "--name", name, "--dir", "ech").returncode == 0
    (tmp_path / "ech/notes.txt").write_text("of another kind")
    listed = json.loads(joist(tmp_path, "ech", "list", "--dir", "ech", "--json").stdout)
    assert {key["public_name"] for key in listed} == {"one.example", "two.example"}
    assert [key["file"] for key in listed] == sorted(key["file"] for key in listed)
    for key in listed:
        assert re.fullmatch(r"ech/\d{8}T\d{6}Z-\w+\.example\.pem", key["file"])
        assert key["has_key"] and 0 <= key["age_s"] < net.PATIENCE_S * 4
        assert config_of(key["ech"]) == (0xfe0d, key["id"], key["public_name"])


def test_the_folder_is_made(tmp_path):
    done = joist(tmp_path, "ech", "new", "--name", "a.example", "--dir", "keys", "--json")
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)["file"]).parent == Path("keys")
    assert stat.S_IMODE(os.stat(tmp_path / "keys").st_mode) == 0o700


def test_the_age(tmp_path):
    joist(tmp_path, "ech", "new", "--name", "public.example", "--out", "key.pem")
    for seconds, said in ((3 * 86400 + 5, "3 days old"), (3700, "1 hour old"), (125, "2 minutes old")):
        then = (tmp_path / "key.pem").stat().st_ctime - seconds
        os.utime(tmp_path / "key.pem", (then, then))
        assert said in joist(tmp_path, "ech", "list", "key.pem").stdout


def test_the_state_folder_by_default(tmp_path):
    empty = joist(tmp_path, "ech", "list")
    assert empty.returncode == 0 and "joist ech new --name" in empty.stdout
    assert joist(tmp_path, "ech", "list", "--json").stdout == "[]\n"
    done = joist(tmp_path, "ech", "new", "--name", "public.example", "--json")
    made = json.loads(done.stdout)
    assert Path(made["file"]).parent == tmp_path / "state/ech"
    assert stat.S_IMODE(os.stat(tmp_path / "state/ech").st_mode) == 0o700
    assert json.loads(joist(tmp_path, "ech", "list", "--json").stdout)[0]["file"] == made["file"]


def test_a_key_is_never_replaced(tmp_path):
    joist(tmp_path, "ech", "new", "--name", "public.example", "--out", "key.pem")
    before = (tmp_path / "key.pem").read_bytes()
    done = joist(tmp_path, "ech", "new", "--name", "other.example", "--out", "key.pem")
    assert done.returncode == 1 and "File exists" in done.stderr
    assert "help: a key is never written over" in done.stderr
    assert (tmp_path / "key.pem").read_bytes() == before
    assert os.listdir(tmp_path) == ["key.pem"]


@pytest.mark.parametrize("arguments, code, said", [
    (["new"], 2, "--name is missing"),
    (["new", "--name"], 2, "--name needs a value"),
    (["new", "--name", "a b"], 2, "'a b' is no host name"),
    (["new", "--name", "192.0.2.1"], 2, "is no host name"),
    (["new", "--name", "../x", "--dir", "."], 2, "--name takes a host name"),
    (["new", "--name", "a.example", "--dir", ".", "--out", "x"], 2, "do not go together"),
    (["new", "--name", "a.example", "--dir", "no/where"], 1, "cannot make the folder 'no/where'"),
    (["new", "x", "--name", "a.example"], 2, "takes no more words"),
    (["list", "nowhere.pem"], 1, "cannot read 'nowhere.pem'"),
    (["list", "--dir", "nowhere"], 1, "cannot read the folder 'nowhere'"),
    (["list", "x.pem", "--dir", "."], 2, "do not go together"),
])
def test_refused(tmp_path, arguments, code, said):
    done = joist(tmp_path, "ech", *arguments)
    assert done.returncode == code and said in done.stderr, done.stderr
    assert done.stderr.startswith("error: ")
    assert not list(tmp_path.rglob("*.pem"))


def test_what_is_no_key_is_named_and_the_others_are_listed(tmp_path):
    joist(tmp_path, "ech", "new", "--name", "public.example", "--out", "b.pem")
    (tmp_path / "a.pem").write_text("junk")
    subprocess.run(["openssl", "genpkey", "-algorithm", "X25519", "-out", tmp_path / "c.pem"],
                   check=True, capture_output=True)
    done = joist(tmp_path, "ech", "list", "--dir", ".")
    assert done.returncode == 1
    assert RECORD.search(done.stdout) and done.stdout.startswith("./b.pem\n")
    assert "'./a.pem' is no ECH key" in done.stderr and "'./c.pem' is no ECH key" in done.stderr

# SPDX-License-Identifier: MIT
"""Encrypted ClientHello (RFC 9849): the inner name is served, the outer one seen by nobody."""
import base64
import json
import shutil
import subprocess

import pytest

from lib import net, tls
from lib.server import BINARY, Joist

PUBLIC, SECRET = "public.test", "secret.test"
SUCCESS, GREASE_ANSWERED, FAILED_WITH_RETRY = 1, 3, -105  # SSL_ECH_STATUS_* of openssl/ech.h


def tool(*arguments, ok=True):
    done = subprocess.run([BINARY, "ech", *map(str, arguments)], capture_output=True, text=True,
                          check=False, timeout=net.PATIENCE_S, stdin=subprocess.DEVNULL)
    if ok:
        assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module", autouse=True)
def ech_is_there():
    version = subprocess.run([BINARY, "version"], capture_output=True, text=True, check=True).stdout
    if "without ECH" in version or "no ECH" in version:
        pytest.skip("this OpenSSL knows no ECH")


def new_key(folder, name, public=PUBLIC):
    """Make a key file; returns its path and what clients learn of it."""
    path = folder / f"{name}.pem"
    tool("new", "--name", public, "--out", path)
    return path, config_list(path)


def config_list(path):
    told = json.loads(tool("list", path, "--json").stdout)
    entry = told if isinstance(told, dict) and "ech" in told else \
        (told["keys"] if isinstance(told, dict) else told)[0]
    return entry["ech"]


def config(pki, keys):
    return ('[log]\naccess = { format = "json", path = "stdout" }\n' +
            f"[ech]\n{keys}\n" + tls.listener(pki.site(PUBLIC)) +
            f'[[sites]]\nrespond = "public"\n'
            f'[[sites]]\nhost = "{SECRET}"\nrespond = "secret"\ntls = {pki.site(SECRET).inline()}\n')


def listed(*paths):
    return "keys = [" + ", ".join(f'"{p}"' for p in paths) + "]"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Two keys: the one that is offered, and the one before it."""
    folder = tmp_path_factory.mktemp("ech")
    return new_key(folder, "new"), new_key(folder, "old"), new_key(folder, "never-configured")


@pytest.fixture(scope="module")
def joist(pki, keys, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ech-server")
    with Joist(folder, config(pki, listed(keys[0][0], keys[1][0]))) as running:
        yield running


def ask(joist, pki, ech, target="/", sni=SECRET, **options):
    return tls.ask(joist.port, tls.get(target, sni), sni=sni, ca=pki.ca, ech=ech, **options)


def check_inner(told):
    assert told.hello["ech"] == SUCCESS, told.errors
    assert told.hello["subject"].endswith(f"CN={SECRET}")
    assert told.response.body == b"secret"


def test_inner_name_is_served(joist, pki, keys):
    told = ask(joist, pki, keys[0][1])
    check_inner(told)
    assert told.hello["ech_inner"] == SECRET and told.hello["ech_outer"] == PUBLIC
    assert told.hello["group"] == tls.POST_QUANTUM


def test_old_key_still_decrypts(joist, pki, keys):
    check_inner(ask(joist, pki, keys[1][1]))


def test_outer_name_is_never_the_host(joist, pki, keys):
    ask(joist, pki, keys[0][1], "/hidden")
    line = joist.wait_log('"/hidden"')
    entry = json.loads(line)
    assert entry["tls_ech"] is True and entry["tls_sni"] == SECRET and entry["host"] == SECRET
    assert PUBLIC not in line


def test_resumption_with_ech(joist, pki, keys, tmp_path):
    session = tmp_path / "session.pem"
    ask(joist, pki, keys[0][1], session_out=session)
    told = ask(joist, pki, keys[0][1], session_in=session)
    check_inner(told)
    assert told.hello["resumed"]


def test_hello_retry_with_ech(joist, pki, keys):
    """The server wants another group than the client's first: both hellos are decrypted."""
    check_inner(ask(joist, pki, keys[0][1], groups="P-384:X25519"))


def test_wrong_key_gets_retry_configs(joist, pki, keys):
    """RFC 9849 7.1: the public name's certificate, and what to try instead."""
    told = ask(joist, pki, keys[2][1])
    assert not told.body
    offered = told.retry_configs
    assert offered, told.errors
    again = ask(joist, pki, base64.b64encode(offered).decode())
    check_inner(again)


def test_retry_configs_hold_the_offered_key_alone(joist, pki, keys):
    offered = ask(joist, pki, keys[2][1]).retry_configs
    assert base64.b64decode(keys[0][1])[2:] in offered
    assert base64.b64decode(keys[1][1])[2:] not in offered


def test_grease_is_served(joist, pki):
    told = tls.ask(joist.port, tls.get(host=PUBLIC), sni=PUBLIC, ca=pki.ca, grease=True)
    assert told.response.body == b"public"
    assert told.hello["ech"] in (2, GREASE_ANSWERED)


def test_client_without_ech_is_served(joist, pki):
    told = tls.ask(joist.port, tls.get("/open", SECRET), sni=SECRET, ca=pki.ca)
    assert told.response.body == b"secret"
    assert json.loads(joist.wait_log('"/open"'))["tls_ech"] is False


def test_tls_12_is_served_without_it(joist, pki):
    told = tls.ask(joist.port, tls.get(host=PUBLIC), sni=PUBLIC, ca=pki.ca, max="1.2")
    assert told.response.body == b"public"


def test_outer_name_of_the_clients_own(joist, pki, keys):
    """Nobody here uses the outer name for anything."""
    told = ask(joist, pki, keys[0][1], "/own-outer", ech_outer="decoy.test")
    check_inner(told)
    assert "decoy.test" not in joist.wait_log('"/own-outer"')


def test_damaged_ech_costs_the_connection_alone(joist, pki, keys):
    raw = bytearray(base64.b64decode(keys[0][1]))
    raw[20] ^= 0xff  # in the public key
    told = ask(joist, pki, base64.b64encode(bytes(raw)).decode())
    assert told.failed or told.retry_configs
    check_inner(ask(joist, pki, keys[0][1]))


def test_folder_of_keys_offers_the_newest(run_joist, pki, keys, tmp_path):
    folder = tmp_path / "keys"
    folder.mkdir()
    shutil.copy(keys[1][0], folder / "2026-01.pem")
    shutil.copy(keys[0][0], folder / "2026-02.pem")
    joist = run_joist(config(pki, f'dir = "{folder}"'))
    check_inner(ask(joist, pki, keys[0][1]))
    check_inner(ask(joist, pki, keys[1][1]))
    offered = ask(joist, pki, keys[2][1]).retry_configs
    assert base64.b64decode(keys[0][1])[2:] in offered
    assert base64.b64decode(keys[1][1])[2:] not in offered


def test_key_file_is_private_and_never_replaced(tmp_path):
    path, before = new_key(tmp_path, "once")
    assert path.stat().st_mode & 0o077 == 0
    assert tool("new", "--name", PUBLIC, "--out", path, ok=False).returncode != 0
    assert config_list(path) == before


def test_record_for_the_dns(tmp_path):
    path, ech = new_key(tmp_path, "record")
    said = tool("list", path).stdout
    assert "IN HTTPS 1 ." in said and f'ech="{ech}"' in said and PUBLIC in said
    assert "PRIVATE" not in said


@pytest.mark.parametrize("make, words", [
    (lambda folder: folder / "none.pem", "none.pem"),
    (lambda folder: write(folder / "text.pem", "no key\n"), "text.pem")])
def test_key_that_cannot_be_read_is_an_error_at_its_line(pki, tmp_path, make, words):
    path = make(tmp_path)
    with pytest.raises(AssertionError, match=rf"joist\.toml:\d+:\d+: error: .*{words}"):
        Joist(tmp_path / "server", config(pki, listed(path))).start()


def write(path, text):
    path.write_text(text)
    return path

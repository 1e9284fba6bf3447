# SPDX-License-Identifier: MIT
"""What a person at a terminal sees of joist WHAT: the addresses, the certificate, and no log of it."""
import re
import signal
import socket
import subprocess

import pytest

from lib import net
from lib.net import PortClaim
from lib.server import BINARY
from lib.terminal import Terminal
from lib.what import environment


def at_screen(folder, *words, env=None):
    return Terminal([BINARY, *map(str, words)], folder,
                    environment(folder, {"TERM": "xterm", "NO_COLOR": "1", **(env or {})}),
                    on=("stdin", "stdout", "stderr"))


@pytest.fixture
def site(tmp_path):
    (tmp_path / "public").mkdir()
    return tmp_path


@pytest.fixture
def port():
    claim = PortClaim()
    yield claim.port
    claim.release()


def shown(site, *words, **options):
    """Everything from start to stop, with what differs from run to run taken out."""
    with at_screen(site, *words, **options) as screen:
        screen.read_until("Press Ctrl-C to stop.\n")
        screen.process.send_signal(signal.SIGINT)
        text = screen.read_until("at once.\n")
        assert screen.process.wait(net.PATIENCE_S) == 0
    text = re.sub(r"\d{4}-\d\d-\d\d", "DATE", text)
    text = text.replace("joist 0.1.0", "joist VERSION")
    return re.sub(rf", {re.escape(socket.gethostname())}\b", "", text)


STOPPED = ("\nPress Ctrl-C to stop.\n"
           "\nStopping: requests under way have 30s to end. Ctrl-C again ends at once.\n")


def test_a_folder(site, port):
    assert shown(site, "./public", port, "--no-redirect-http") == (
        "joist VERSION serves the folder ./public\n"
        "\n"
        f"  https://localhost:{port}\n"
        "\n"
        "  for this machine alone; --public or a host name opens it\n"
        "\n"
        "  certificate: self-signed, so browsers ask first\n"
        "  for localhost, 127.0.0.1, ::1; until DATE\n" + STOPPED)


def test_plain_http_says_nothing_of_certificates(site, port):
    assert shown(site, f"http:{port}") == (
        "joist VERSION has nothing to serve yet but a welcome\n"
        "\n"
        f"  http://localhost:{port}\n"
        "\n"
        "  for this machine alone; --public or a host name opens it\n" + STOPPED)


def test_names_and_the_way_from_http(site, port):
    text = shown(site, ":3000", port, "one.test,two.test")
    assert text.startswith("joist VERSION passes on to :3000\n\n"
                           f"  https://one.test:{port}\n  https://two.test:{port}\n  http://one.test")
    assert re.search(r"  http://two\.test(:\d+)?  \(leads to https\)\n", text)
    assert "localhost:" not in text and "this machine alone" not in text
    assert "one.test, two.test; until DATE" in text


def test_a_name_that_is_a_pattern_is_nothing_to_click(site, port):
    text = shown(site, "./public", f"http:{port}", "*.one.test")
    assert f"\n\n  http://localhost:{port}\n\nPress" in text


def test_public_shows_where_others_find_it(site, port):
    text = shown(site, "./public", f"http:{port}", "--public")
    assert f"  http://localhost:{port}\n" in text and "this machine alone" not in text
    for address in re.findall(r"  http://(\S+):\d+\n", text):
        assert re.fullmatch(r"localhost|[\d.]+|\[[0-9a-f:]+\]", address)


def test_the_log_does_not_say_it_again(site, port):
    text = shown(site, "./public", port)
    for event in ("LISTENING", "CERTIFICATE", "DRAINING", "DRAINED", " info "):
        assert event not in text


def test_a_configuration_over_tls(site, port):
    (site / "joist.toml").write_text(
        f'[log]\naccess = "off"\n[[listeners]]\nbind = "127.0.0.1:{port}"\n'
        '[listeners.tls]\ncert = "both.pem"\n[[sites]]\nrespond = "x"\n')
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem",
                    "-out", "both.pem", "-subj", "/CN=a.test"], cwd=site, check=True,
                   capture_output=True)
    (site / "both.pem").write_text((site / "both.pem").read_text() + (site / "key.pem").read_text())
    text = shown(site)
    assert f"  https://127.0.0.1:{port}\n" in text
    assert "LISTENING" not in text and "DRAINED" not in text


def test_auto_tls_that_came_to_nothing_is_one_line(site, port):
    text = shown(site, "./public", port, "--auto-tls", env={"PATH": "/nonexistent"})
    assert "\n  --auto-tls came to nothing: mkcert is not installed\n" in text


def test_colours_only_where_they_are_wanted(site, port):
    for env, coloured in (({"NO_COLOR": ""}, True), ({}, False), ({"TERM": "dumb", "NO_COLOR": ""},
                                                                  False)):
        with at_screen(site, f"http:{port}", env=env) as screen:
            assert ("\033[" in screen.read_until("Press Ctrl-C")) == coloured, env

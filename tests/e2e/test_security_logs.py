# SPDX-License-Identifier: MIT
"""A log line is one line of text, whatever the client says: nothing forges another, or a terminal."""
import json

import pytest

from lib.client import Client, request_bytes

NASTY = [b"\x1b[31m", b"\xc2\x9b31m", b"\x9b31m", b'"', b"\\", b'" 200 0 "', b"\t", b"\xff\xfe",
         b"\xed\xa0\x80", b"%0a", b"</script>"]


def spoil(joist):
    for text in NASTY:
        with Client(joist.port) as client:
            raw = request_bytes("GET", "/x", ("Connection: close",))
            client.send(raw[:-2] + b"User-Agent: a" + text + b"z\r\nReferer: " + text + b"\r\n\r\n")
            while client.reader.fill():
                pass
        with Client(joist.port) as client:
            client.send(b"GET /" + text + b" HTTP/1.1\r\nHost: x" + text + b"\r\n\r\n")
            client.finish_sending()
            while client.reader.fill():
                pass


@pytest.mark.parametrize("form", ["json", "combined"])
def test_nothing_in_a_log_is_a_command(run_joist, form):
    joist = run_joist('[[sites]]\nrespond = { body = "x" }\n[log]\nlevel = "debug"\n'
                      f'access = {{ format = "{form}", path = "@DIR@/access" }}')
    spoil(joist)
    joist.stop()
    access = (joist.folder / "access").read_bytes()
    assert len(access.splitlines()) == 2 * len(NASTY)
    for raw in (access, (joist.folder / "stderr").read_bytes()):
        text = raw.replace(b"\n", b"")
        assert not [byte for byte in text if byte < 0x20 or byte == 0x7f], "a control byte"
        assert b"\xc2\x9b" not in raw
    if form == "json":
        agents = [json.loads(line)["user_agent"] for line in access.splitlines()]
        assert "a\x9b31mz" in agents and 'a" 200 0 "z' in agents and "a\ufffd31mz" in agents

# SPDX-License-Identifier: MIT
"""docs/logging.md against what is logged: no event and no member is missing there."""
import json
import re
import subprocess

from lib import net
from lib.client import fetch
from lib.server import BINARY, ROOT

PAGE = (ROOT / "docs" / "logging.md").read_text()
TLS_PART = PAGE.partition("With TLS, and only then:")


def members(text):
    """What stands in code in the first columns of tables."""
    cells = re.findall(r"^\| (`[^|]*) \|", text, re.M)
    return {name for cell in cells for name in re.findall(r"`([^`]*)`", cell)}


def test_events():
    source = (ROOT / "src/lib/base/log.h").read_text()
    names = set(re.findall(r"^\s+X\((\w+), \d+, \"", source, re.M))
    assert len(names) > 10
    for path in (ROOT / "src/joist").rglob("*.c"):
        names |= set(re.findall(r'jst_obs_say\([^"]*"([A-Z_]+)"', path.read_text()))
    assert {"LISTENING", "CERTIFICATE"} <= names
    assert names <= members(PAGE.partition("## Events")[2])


def test_members(run_joist):
    joist = run_joist('[log]\naccess = { format = "json", path = "stdout" }\n'
                      '[[sites]]\nrespond = "x"\n')
    assert fetch(joist.port, "/one").status == 200
    line = json.loads(joist.wait_log('"/one"'))
    assert set(line) == members(TLS_PART[0])


def test_tls_members():
    source = (ROOT / "src/joist/obs/format.c").read_text()
    names = set(re.findall(r'JST_S\("(tls_\w+|early_data|client_subject)"\)', source))
    assert len(names) == 8
    assert names == members(TLS_PART[2].partition("## Events")[0])


def test_example_is_good(tmp_path):
    (tmp_path / "joist.toml").write_text(PAGE.partition("```toml\n")[2].partition("```")[0])
    (tmp_path / "public").mkdir()
    done = subprocess.run([BINARY, "config", "validate"], capture_output=True, text=True,
                          cwd=tmp_path, timeout=net.PATIENCE_S, check=False)
    assert (done.returncode, done.stderr) == (0, "")

# SPDX-License-Identifier: MIT
"""joist config validate: every mistake, at its place, for people and for programs."""
import contextlib
import json
import os
import re
import subprocess

import pytest

from lib import net
from lib.server import BINARY

WRONG = """\
[server]
threads = 0
drian = "30s"

[[sites]]
host = "example.com"
root = "."
proxy = "http://127.0.0.1:3000"

[[sites]]
host = "b.*.example.com"
respond = "x"
compress = true
"""


@contextlib.contextmanager
def claimed():
    claim = net.PortClaim()
    try:
        yield claim
    finally:
        claim.release()


def validate(folder, text=None, *arguments, env=None):
    if text is not None:
        (folder / "joist.toml").write_text(text)
    return subprocess.run([BINARY, "config", "validate", *arguments], capture_output=True, text=True,
                          cwd=folder, env={**os.environ, **(env or {})}, timeout=net.PATIENCE_S,
                          check=False, stdin=subprocess.DEVNULL)


def test_report_for_people(tmp_path):
    done = validate(tmp_path, WRONG)
    assert done.returncode == 1
    assert not done.stdout
    assert done.stderr == """\
joist.toml:2:11: error: 'threads' must be 1 to 256
     2 | threads = 0
       |           ^
joist.toml:3:1: error: unknown key 'drian' in [server]
     3 | drian = "30s"
       | ^~~~~
help: did you mean 'drain'?
joist.toml:8:1: error: 'root' and 'proxy' exclude each other
     8 | proxy = "http://127.0.0.1:3000"
       | ^~~~~
joist.toml:13:1: error: 'compress' is not there yet (compression)
    13 | compress = true
       | ^~~~~~~~
joist.toml: 4 errors
"""


def test_report_for_programs(tmp_path):
    done = validate(tmp_path, WRONG, "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["ok"] is False
    assert [(m["line"], m["column"]) for m in report["messages"]] == [(2, 11), (3, 1), (8, 1), (13, 1)]
    assert report["messages"][1] == {
        "level": "error", "file": "joist.toml", "line": 3, "column": 1,
        "message": "unknown key 'drian' in [server]", "help": "did you mean 'drain'?"}
    assert not done.stderr


def test_good_for_programs(tmp_path):
    done = validate(tmp_path, '[[sites]]\nrespond = "x"\n', "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"ok": True, "messages": []}


@pytest.mark.parametrize("text, place", [
    ('[[sites]]\nhost = "a..b"\nrespond = "x"\n', "2:8"),
    ('[[sites]]\nhosts = ["ok.test", "a.*.b"]\nrespond = "x"\n', "2:21"),
    ('[[sites]]\nrespond = "x"\n[[sites.routes]]\npath = "/a/../b"\n', "4:8"),
    ('[[sites]]\nrespond = "x"\nheaders = { connection = "x" }\n', "3:13"),
    ('[[sites]]\nproxy = "http://a:99999"\n', "2:9"),
    ('[upstreams.a]\ntargets = ["http://x", "http://x"]\n[[sites]]\nproxy = "a"\n', "2:24"),
    ('[[listeners]]\nbind = ":1"\n[[listeners]]\nbind = ":1"\n[[sites]]\nrespond = "x"\n', "4:8"),
    ('[[sites]]\nhost = "a"\nrespond = "x"\n[[sites]]\nhost = "A"\nrespond = "y"\n', "5:8"),
])
def test_what_only_the_engine_sees_has_its_place_too(tmp_path, text, place):
    done = validate(tmp_path, text)
    assert done.returncode == 1, done.stdout
    assert f"joist.toml:{place}: error: " in done.stderr, done.stderr


def test_nothing_is_bound(tmp_path):
    with claimed() as claim:
        done = validate(tmp_path, f'[[listeners]]\nbind = "127.0.0.1:{claim.port}"\n[[sites]]\n'
                                  'respond = "x"\n')
    assert done.returncode == 0


def test_errors_of_an_included_file_name_it(tmp_path):
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "a.toml").write_text("[[sites]]\nroot = 3\n")
    (tmp_path / "sites" / "b.toml").write_text("[[sites]\n")
    done = validate(tmp_path, 'include = ["sites/*.toml"]\n[server]\nvai = true\n')
    assert "joist.toml:3:1: error: unknown key 'vai'" in done.stderr
    assert "sites/a.toml:2:8: error: 'root' must be a string" in done.stderr
    assert "sites/b.toml:1:9: error: not valid TOML: " in done.stderr
    assert "joist.toml: 3 errors" in done.stderr


def test_two_sites_with_one_host_name_both_files(tmp_path):
    (tmp_path / "sites").mkdir()
    for name in "ab":
        (tmp_path / "sites" / f"{name}.toml").write_text(
            f'# {name}\n[[sites]]\nhost = "shop.test"\nrespond = "{name}"\n')
    done = validate(tmp_path, 'include = ["sites/*.toml"]\n')
    assert ("sites/b.toml:3:8: error: host 'shop.test' is taken already: sites/a.toml:2 has the "
            "same conditions\n") in done.stderr


@pytest.mark.parametrize("text, error, remedy", [
    ("sites:\n  - root: public\n", "not valid TOML: ", "not YAML"),
    ('{"sites": [{"root": "public"}]}\n', "not valid TOML: ", "not JSON"),
    ('[[sites]]\nroot = "public\n', "not valid TOML: ", "closing quote"),
    ("[[sites]]\nroot = public\n", "not valid TOML: ", "plain quotes"),
    ("[[sites]]\nroot = \"public\"\nspa = True\n", "not valid TOML: ", "true or false"),
    ('[sites]\nroot = "public"\n', "'sites' must be a list of tables", "write [[sites]]"),
    ('[[site]]\nroot = "public"\n', "unknown key 'site'", "did you mean 'sites'?"),
    ("[[sites]]\nroot = 5\nlisting = true\n", "'root' must be a string", "for example"),
    ("", "nothing to serve", "add [[sites]]"),
    ('[[sites]]\nredirect = "https://$host$request_uri"\n', "unknown variable: there are $uri",
     "for example"),
])
def test_one_mistake_is_one_error_with_a_remedy(tmp_path, text, error, remedy):
    done = validate(tmp_path, text)
    assert done.returncode == 1
    assert len(re.findall(r"^joist\.toml:\d+:\d+: error: ", done.stderr, re.M)) == 1, done.stderr
    assert error in done.stderr
    assert remedy in re.findall(r"^help: (.*)$", done.stderr, re.M)[0]


def test_an_absent_variable_is_one_error(tmp_path):
    done = validate(tmp_path, '[[listeners]]\nbind = ":${NO_SUCH_PORT}"\n[[sites]]\n'
                              'redirect = "https://${NO_SUCH_HOST}/"\n[[sites]]\nhost = "a"\n'
                              'root = "${NO_SUCH_ROOT}"\nlisting = true\n')
    assert done.returncode == 1
    assert re.findall(r"^joist\.toml:(\d+:\d+): error: the environment has no variable", done.stderr,
                      re.M) == ["2:8", "4:12", "7:8"]
    assert "joist.toml: 3 errors" in done.stderr


def test_variables_of_a_redirect_and_other_dollars(tmp_path):
    done = validate(tmp_path, '[[sites]]\nredirect = "https://$host$path?q=$query&a=$$-$"\n')
    assert done.returncode == 0, done.stderr


def test_values_of_the_environment_are_not_printed(tmp_path):
    done = validate(tmp_path, '[server]\ndrain = "${SECRET}"\n[[sites]]\nproxy = "${SECRET}"\n',
                    env={"SECRET": "hunter2"})
    assert done.returncode == 1
    assert "hunter2" not in done.stderr + done.stdout


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x00" * 100, b"[" * 100000, b"a." * 100000,
                                     b"x = [0, }", b"\xef\xbb\xbf[[sites]", b"a = '''", b"\r"],
                         ids=lambda content: content[:8].hex())
def test_garbage_is_refused_with_a_place(tmp_path, content):
    (tmp_path / "joist.toml").write_bytes(content)
    done = subprocess.run([BINARY, "config", "validate"], capture_output=True, cwd=tmp_path,
                          timeout=net.PATIENCE_S, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"joist.toml:1:"), done.stderr


@pytest.mark.parametrize("path, why", [("/dev/null", "not a plain file"), (".", "it is a folder"),
                                       ("none.toml", "No such file")])
def test_what_is_no_file(tmp_path, path, why):
    done = validate(tmp_path, None, path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: cannot read '{path}': ") and why in done.stderr

# SPDX-License-Identifier: MIT
"""The command line: help, versions, wrong usage."""
import json
import os
import re
import subprocess

import pytest

from lib import net
from lib.server import BINARY

COMMANDS = ["run", "config validate", "config show", "config schema", "ech new", "ech list",
            "version", "help"]


def joist(*arguments, cwd=None, env=None):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, cwd=cwd,
                          env={**os.environ, **(env or {})}, timeout=net.PATIENCE_S, check=False,
                          stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("arguments", [["help"], ["--help"], ["-h"]])
def test_help_lists_every_command(arguments):
    done = joist(*arguments)
    assert done.returncode == 0 and not done.stderr
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\w", done.stdout, re.M), command


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command):
    done = joist(*command.split(), "--help")
    assert done.returncode == 0 and not done.stderr
    assert f"Usage: joist {command}" in done.stdout
    example = done.stdout.split("Example:\n")[1]
    assert example.startswith(f"  joist {command}")
    assert done.stdout == joist("help", *command.split()).stdout
    assert done.stdout == joist(*command.split(), "-h").stdout


def test_version():
    lines = joist("version").stdout.splitlines()
    assert re.fullmatch(r"joist \d+\.\d+\.\d+", lines[0])
    assert re.fullmatch(r"OpenSSL \d+\.\d+\.\d+\b.*", lines[1]) and len(lines) == 2
    told = json.loads(joist("version", "--json").stdout)
    assert told["version"] == lines[0].split()[1]
    assert lines[1].startswith(told["tls"]["library"])
    assert told["tls"]["missing"] in ([], ["ECH"])
    assert ("lacks ECH" in lines[1]) == (told["tls"]["missing"] == ["ECH"])
    assert joist("--version").stdout == joist("version").stdout


@pytest.mark.parametrize("arguments, error, remedy", [
    (["rnu"], "there is no command 'rnu'", "did you mean joist run?"),
    (["confg"], "there is no command 'confg'", "did you mean joist config?"),
    (["config"], "'joist config' needs a second word", "joist config validate"),
    (["config", "vaildate"], "no command 'config vaildate'", "did you mean joist config validate?"),
    (["config", "frobnicate"], "no command 'config frobnicate'", "joist config show"),
    (["zzz"], "there is no command 'zzz'", "joist help lists the commands"),
    (["--jsn"], "there is no option '--jsn'", "joist help"),
    (["version", "--jsno"], "joist version has no option '--jsno'", "did you mean --json?"),
    (["run", "--json"], "joist run has no option '--json'", "joist run --help"),
    (["ech"], "'joist ech' needs a second word", "joist ech new"),
    (["ech", "lsit"], "no command 'ech lsit'", "did you mean joist ech list?"),
    (["run", *["x.test"] * 33], "takes no more words: 'x.test'", "joist help"),
    (["version", "x"], "takes no more words: 'x'", "joist help"),
    (["valdate"], "there is no command 'valdate'", "did you mean joist config validate?"),
    (["show"], "there is no command 'show'", "did you mean joist config show?"),
    (["--vresion"], "there is no option '--vresion'", "did you mean joist --version?"),
    (["--hst"], "there is no option '--hst'", "did you mean joist --hsts?"),
    (["--config", "x"], "there is no option '--config'", "joist FILE.toml"),
    (["run", "-c", "x"], "joist run has no option '-c'", "joist run FILE.toml"),
    (["./public"], "no such folder: ./public", "joist ./public"),
    (["reload"], "there is no command 'reload'", "not there yet"),
    (["stop"], "there is no command 'stop'", "SIGTERM"),
    (["help", "config"], "'joist config' needs a second word", "joist config validate"),
    (["help", "nothing"], "there is no command 'nothing'", "joist help lists the commands"),
])
def test_wrong_usage(arguments, error, remedy):
    done = joist(*arguments)
    assert done.returncode == 2
    assert not done.stdout
    first, second = done.stderr.splitlines()
    assert first.startswith("error: ") and error in first
    assert second.startswith("help: ") and remedy in second


def test_a_folder_is_not_served_for_half_a_command(tmp_path):
    """`ech` may be the folder of the keys."""
    for word in ("ech", "config"):
        (tmp_path / word).mkdir()
        for arguments in ([word], [word, "frobnicate"]):
            done = joist(*arguments, cwd=tmp_path)
            assert done.returncode == 2 and f"joist {word} " in done.stderr, done.stderr


@pytest.mark.parametrize("arguments", [["config", "validate"], ["config", "show"]])
def test_without_a_file(arguments, tmp_path):
    done = joist(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: there is no joist.toml in this folder\nhelp: ")
    assert "[[sites]]" in done.stderr


def test_the_file_of_this_folder_is_taken(tmp_path):
    (tmp_path / "joist.toml").write_text('[[sites]]\nrespond = "x"\n')
    done = joist("config", "validate", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == "joist.toml: good: 1 route, 1 listener\n"


def test_a_file_of_another_name(tmp_path):
    (tmp_path / "edge.conf").write_text('[[sites]]\nrespond = "x"\n')
    for words in (["edge.conf"], ["run", "edge.conf"]):
        done = joist(*words, cwd=tmp_path)
        assert done.returncode == 2
        assert "help: a configuration has a name that ends in .toml" in done.stderr
    assert joist("config", "validate", "edge.conf", cwd=tmp_path).returncode == 0


def test_a_folder_is_no_configuration(tmp_path):
    done = joist("config", "validate", ".", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot read '.': it is a folder\nhelp: ")


def test_a_file_that_starts_with_a_dash(tmp_path):
    (tmp_path / "-x.toml").write_text('[[sites]]\nrespond = "x"\n')
    assert joist("config", "validate", "--", "-x.toml", cwd=tmp_path).returncode == 0


def test_no_colours_without_a_terminal(tmp_path):
    (tmp_path / "joist.toml").write_text("x = 1\n")
    assert "\033" not in joist("config", "validate", cwd=tmp_path).stderr
    assert "\033" not in joist("zzz").stderr

# SPDX-License-Identifier: MIT
"""What may be wrong with pools: each mistake is an error with its place; and what is written in full
is good."""
import os
import re
import subprocess

import pytest

from lib import net
from lib.server import BINARY

SITE = '[[sites]]\nproxy = "app"\n'
FULL = """\
[timeouts]
upstream_total = "90s"

[upstreams.app]
targets = ["http://10.0.0.1:3000", "http://10.0.0.2:3000"]
health = { type = "http", path = "/up", interval = "5s", timeout = "2s", up = 1, down = 3 }
retry = { attempts = 2, backoff = "100ms", on = ["connect", "502", "503", "504"], budget = "20%" }
breaker = { error_rate = "50%", min_requests = 10, open = "30s" }
outlier = { consecutive_5xx = 5, eject = "30s", max_ejected = "50%" }
max_inflight = 100
queue = { max = 512, timeout = "2s" }
sticky = { cookie = "joist_affinity", ttl = "10m" }

[upstreams.shop]
retry = {}
[upstreams.shop.slots.blue]
targets = ["http://10.0.0.1:3000"]
[upstreams.shop.slots.green]
targets = ["http://10.0.0.2:3000"]
weight = 0
[[upstreams.shop.rules]]
slot = "green"
header = "X-Canary"
values = ["1"]
[[upstreams.shop.rules]]
slot = "green"
cookie = "kamal-rollout"
percent = 10

[[sites]]
proxy = "app"
[[sites]]
host = "shop.test"
proxy = "shop"
[[sites]]
host = "preview.shop.test"
proxy = "shop.green"

[[routes]]
matchers = { hosts = ["api.test"] }
[routes.upstream]
strategy = "round_robin"
targets = ["http://127.0.0.1:8081", { url = "https://10.0.0.2", weight = 2, sni = "api.internal" },
           "unix:/run/app.sock"]
health = "/up"
"""


def config(folder, text, command="validate"):
    (folder / "joist.toml").write_text(text)
    return subprocess.run([BINARY, "config", command], capture_output=True, text=True, cwd=folder,
                          timeout=net.PATIENCE_S, check=False, stdin=subprocess.DEVNULL,
                          env={**os.environ, "WHICH": "hunter2"})


def test_all_of_it_is_good(tmp_path):
    done = config(tmp_path, FULL)
    assert (done.returncode, done.stderr) == (0, "")


def test_all_of_it_is_shown_and_loads_again(tmp_path):
    shown = config(tmp_path, FULL, "show").stdout
    assert config(tmp_path, shown, "show").stdout == shown


@pytest.mark.parametrize("text, place, words", [
    ('[upstreams.app]\ntargets = ["http://x", "http://x"]\n' + SITE, "2:24", "is there twice"),
    ('[upstreams.app]\ntargets = ["http://x"]\n[[sites]]\nproxy = "ap"\n', "4:9",
     "there is no pool 'ap'"),
    ('[upstreams.app]\ntargets = [{ url = "http://x", weight = 0 }]\n' + SITE, "2:41",
     "'weight' must be 1 to 65535"),
    ('[upstreams.app]\ntargets = [{ url = "http://x", weight = 65536 }]\n' + SITE, "2:41",
     "'weight' must be 1 to 65535"),
    # CF-22: a certificate must be for a name or address that is known before
    ('[upstreams.app]\ntargets = ["https://.app.test"]\n' + SITE, "2:12",
     "its name cannot be in a certificate: give sni or verify_name"),
    ('[upstreams.app]\ntargets = ["https://app-"]\n' + SITE, "2:12", "cannot be in a certificate"),
    ('[upstreams.app]\ntargets = ["https://a..b"]\n' + SITE, "2:12", "cannot be in a certificate"),
    ('[upstreams.app]\ntargets = [{ url = "https://_https._tcp.x.test", srv = true }]\n' + SITE,
     "2:20", "no certificate is for a service: give sni or verify_name"),
    # what a strategy cannot serve
    ('[upstreams.app]\ntargets = ["http://x"]\nhash_key = "path"\n' + SITE, "3:1",
     "is for strategy = \"hash\""),
    ('[upstreams.app]\ntargets = ["http://x"]\nstrategy = "single"\nslow_start = "1s"\n' + SITE,
     "4:1", "means nothing to strategy"),
    ('[upstreams.app]\ntargets = [{ url = "h2c://x", proxy_protocol = "v1" }]\n' + SITE, "2:20",
     "names one client for a connection"),
    ('[upstreams.app.slots.blue]\ntargets = ["http://x"]\n[upstreams."app.blue"]\n'
     'targets = ["http://y"]\n' + SITE, "3:1", "two upstreams are named 'app.blue'"),
    ('[upstreams.app.slots.blue]\ntargets = ["http://x", "http://x"]\n' + SITE, "2:24",
     "is there twice"),
    ('[upstreams.app.slots.blue]\ntargets = ["http://x"]\n[[upstreams.app.rules]]\nslot = "blu"\n'
     'header = "X"\n' + SITE, "4:8", "there is no slot 'blu'"),
    ('[upstreams.app.slots.blue]\ntargets = ["http://x"]\n[[sites]]\nproxy = "app.green"\n', "4:9",
     "there is no pool 'app.green'"),
])
def test_bad_is_one_error_with_its_place(tmp_path, text, place, words):
    done = config(tmp_path, text)
    assert done.returncode == 1
    assert re.findall(r"^joist\.toml:(\d+:\d+): error: ", done.stderr, re.M) == [place], done.stderr
    assert words in done.stderr


def test_a_slot_with_a_mistake_is_one_error_for_all_who_use_it(tmp_path):
    done = config(tmp_path, '[upstreams.app.slots.blue]\ntargets = 3\n[[sites]]\nproxy = "app.blue"\n')
    assert re.findall(r"^joist\.toml:(\d+:\d+): error: ", done.stderr, re.M) == ["2:11"], done.stderr


def test_names_of_slots_from_the_environment_are_not_printed(tmp_path):
    done = config(tmp_path, '[upstreams.app.slots.blue]\ntargets = ["http://x"]\n'
                            '[[upstreams.app.rules]]\nslot = "${WHICH}"\nheader = "X"\n' + SITE)
    assert "joist.toml:4:8: error: its value is no slot" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_queue_without_a_limit_is_a_warning(tmp_path):
    done = config(tmp_path, '[upstreams.app]\ntargets = ["http://x"]\nqueue = {}\n' + SITE)
    assert done.returncode == 0
    assert "joist.toml:3:1: warning: without 'max_inflight'" in done.stderr


def test_one_target_to_hedge_with_is_a_warning(tmp_path):
    hedged = '[upstreams.app]\ntargets = ["http://{}"]\nhedge = "50ms"\n' + SITE
    for host in ("127.0.0.1", "127.0.0.1:3000", "[::1]:3000"):
        done = config(tmp_path, hedged.format(host))
        assert done.returncode == 0
        assert "joist.toml:3:1: warning: 'hedge' asks a second target" in done.stderr, host
    for host in ("app.test", "app.test:3000", "10.app.test"):  # which may have two addresses
        assert "warning: 'hedge'" not in config(tmp_path, hedged.format(host)).stderr, host


@pytest.mark.parametrize("name, help_", [
    ("app.gren", "did you mean 'app.green'?"),
    ("app.staging", "add [upstreams.app.slots.staging]"),
])
def test_a_slot_that_is_not_there_is_helped_with(tmp_path, name, help_):
    done = config(tmp_path, '[upstreams.app.slots.green]\ntargets = ["http://127.0.0.1"]\n'
                            f'[[sites]]\nproxy = "{name}"\n')
    assert done.returncode == 1
    assert f"there is no pool '{name}'" in done.stderr
    assert f"help: {help_}" in done.stderr


def test_a_hedge_that_is_no_time_is_shown_the_short_form(tmp_path):
    done = config(tmp_path, '[upstreams.app]\ntargets = ["http://x"]\nhedge = 200\n' + SITE)
    assert 'help: for example: hedge = "50ms"' in done.stderr

# SPDX-License-Identifier: MIT
"""Fixtures of the end-to-end tests. The classes behind them are in lib/."""
from pathlib import Path

import pytest

from lib.certs import Pki
from lib.server import BINARY, Joist
from lib.testssl import Scan


def pytest_collection_modifyitems(items):
    if items and not Path(BINARY).exists():
        pytest.exit(f"there is no {BINARY}: build first, or set JOIST_BIN", 1)
    items.sort(key=wants_scan)  # those last, the others as they were


def wants_scan(item):
    return "scan" in getattr(item, "fixturenames", ())


@pytest.fixture
def run_joist(tmp_path):
    """run_joist(config, …) starts a server that is stopped, and held to a clean end, afterwards."""
    running = []

    def start(config, **options):
        joist = Joist(tmp_path / f"joist-{len(running)}", config, **options)
        joist.__enter__()
        running.append(joist)
        return joist

    yield start
    failures = []
    for joist in reversed(running):
        try:
            joist.__exit__(None, None, None)
        except AssertionError as error:
            failures.append(error)
    if failures:
        raise failures[0]


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """The authorities and certificates of lib/certs.py."""
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def scan(pki, tmp_path_factory):
    """testssl.sh at work: see lib/testssl.py."""
    with Scan(tmp_path_factory.mktemp("scan"), pki) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def scan_from_the_beginning(request):
    if any(wants_scan(item) for item in request.session.items):
        request.getfixturevalue("scan")


def proxy_config(origin, extra=""):
    """One site for any host, all of it to an origin."""
    return f'[[sites]]\nproxy = "{origin.url}"\n{extra}\n'

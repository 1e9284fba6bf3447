# SPDX-License-Identifier: MIT
"""Ranges over the wire, held against slices of the file."""
import email.parser
import os
import random

import pytest

from lib.client import Client
from lib.server import Joist

SIZES = {"small.bin": 5_000, "large.bin": 1_000_000}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranges")
    (folder / "www").mkdir()
    files = {}
    for name, size in SIZES.items():
        files[name] = os.urandom(size)
        (folder / "www" / name).write_bytes(files[name])
    with Joist(folder, '[[sites]]\nroot = "@DIR@/www"') as joist:
        joist.files = files
        yield joist


def parts_of(response):
    text = b"Content-Type: " + response.get("content-type").encode() + b"\r\n\r\n" + response.body
    message = email.parser.BytesParser().parsebytes(text)
    assert message.is_multipart() and not message.defects
    for part in message.get_payload():
        unit, where = part["Content-Range"].split(" ")
        span, size = where.split("/")
        first, last = map(int, span.split("-"))
        assert unit == "bytes" and part["Content-Type"] == "application/octet-stream"
        yield first, last, int(size), part.get_payload(decode=True)


@pytest.mark.parametrize("name", SIZES)
def test_random_ranges(site, name):
    data, size = site.files[name], SIZES[name]
    dice = random.Random(name)
    with Client(site.port) as client:
        for _ in range(150):
            first = dice.randrange(size)
            last = dice.randrange(first, size + size // 2)
            spec, expected = dice.choice([
                (f"{first}-{last}", data[first:last + 1]),
                (f"{first}-", data[first:]),
                (f"-{first + 1}", data[-first - 1:])])
            r = client.get(f"/{name}", (f"Range: bytes={spec}",))
            assert (r.status, r.body) == (206, expected), spec
            at = size - len(expected) if spec.startswith("-") else first
            assert r.get("content-range") == f"bytes {at}-{at + len(expected) - 1}/{size}"


@pytest.mark.parametrize("name", SIZES)
def test_random_lists_of_ranges(site, name):
    data, size = site.files[name], SIZES[name]
    dice = random.Random(name)
    with Client(site.port) as client:
        for _ in range(60):
            cuts = sorted(dice.sample(range(size), 2 * dice.randrange(2, 20)))
            spans = [(a, b) for a, b in zip(cuts[::2], cuts[1::2])]
            spans = [s for i, s in enumerate(spans) if i == 0 or s[0] > spans[i - 1][1] + 1]
            dice.shuffle(spans)
            if len(spans) < 2:
                continue
            r = client.get(f"/{name}", ("Range: bytes=" + ",".join(f"{a}-{b}" for a, b in spans),))
            assert r.status == 206 and not r.has("content-range")
            got = list(parts_of(r))
            assert [(a, b) for a, b, _, _ in got] == spans
            for first, last, whole, body in got:
                assert (whole, body) == (size, data[first:last + 1])


def test_abuse_gets_the_whole_file_once(site):
    """RFC 9110 14.2: many small or overlapping ranges must not make the answer larger than the file."""
    size = SIZES["large.bin"]
    with Client(site.port) as client:
        for spec in (",".join(f"{i * 3}-{i * 3}" for i in range(1000)), ",".join(["0-"] * 64),
                     ",".join(f"{i}-" for i in range(60))):
            r = client.get("/large.bin", (f"Range: bytes={spec}",))
            assert r.status in (200, 206)
            assert len(r.body) == size


def test_out_of_bounds(site):
    with Client(site.port) as client:
        r = client.get("/small.bin", ("Range: bytes=5000-",))
        assert (r.status, r.get("content-range")) == (416, "bytes */5000")
        r = client.get("/small.bin", ("Range: bytes=4999-",))
        assert (r.status, len(r.body)) == (206, 1)

# SPDX-License-Identifier: MIT
"""One run of a load generator, and what it said: wrk, h2load, or handshake_load (bench/)."""

import json
import os
import re

WRK_EXTRA_S = 30  # wrk opens all its connections before its clock starts, and may hang on after it
CROWD_TIMEOUT_S = 10  # with thousands of connections a request may wait long without any fault

_UNIT_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


class LoadError(RuntimeError):
    """It did not run, or its answer was not understood."""


def parse_wrk(text):
    """The figures in wrk's output."""
    done = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m),", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if done is None or rate is None:
        raise LoadError("wrk said: " + text.strip()[-300:])
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    non2xx = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    kinds = ("connect", "read", "write", "timeout")
    out = {
        "requests": int(done.group(1)),
        "seconds": float(done.group(2)) * _UNIT_MS[done.group(3)] / 1000.0,
        "requests_per_s": float(rate.group(1)),
        "socket_errors": {k: int(errors.group(i + 1)) if errors else 0 for i, k in enumerate(kinds)},
        "non_2xx": int(non2xx.group(1)) if non2xx else 0,
    }
    for name in ("50", "99"):
        found = re.search(rf"^\s+{name}%\s+([\d.]+)(us|ms|s|m)\s*$", text, re.MULTILINE)
        out[f"p{name}_ms"] = float(found.group(1)) * _UNIT_MS[found.group(2)] if found else None
    out["errors"] = sum(out["socket_errors"].values()) + out["non_2xx"]
    return out


def wrk_argv(url, conns, seconds, timeout_s):
    return ["wrk", "-t1", f"-c{conns}", f"-d{seconds}s", "--timeout", f"{timeout_s}s", "--latency", url]


def run_wrk(procs, cpu, url, conns, seconds, timeout_s=10):
    """Load `url`; returns the figures of `parse_wrk`."""
    argv = wrk_argv(url, conns, seconds, timeout_s)
    status, text = procs.run("wrk", argv, cpu, seconds + timeout_s + WRK_EXTRA_S)
    if status is None:
        raise LoadError("wrk did not end in time")
    if status != 0:
        raise LoadError(f"wrk failed ({status}): " + text.strip()[-300:])
    return parse_wrk(text)


# HTTP/2: h2load (nghttp2)


def parse_h2load(text):
    """The figures in h2load's output."""
    done = re.search(r"finished in ([\d.]+)(us|ms|s|m), ([\d.]+) req/s", text)
    counts = re.search(r"requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, "
                       r"(\d+) timeout", text)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    if done is None or counts is None or codes is None:
        raise LoadError("h2load said: " + text.strip()[-300:])
    finished, _, failed, errored, timeout = (int(n) for n in counts.groups())
    mean = re.search(r"time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)", text)
    return {
        "requests": finished,
        "seconds": float(done.group(1)) * _UNIT_MS[done.group(2)] / 1000.0,
        "requests_per_s": float(done.group(3)),
        "socket_errors": {"failed": failed, "errored": errored, "timeout": timeout},
        "non_2xx": int(codes.group(2)) + int(codes.group(3)) + int(codes.group(4)),
        "errors": failed + errored + timeout + int(codes.group(3)) + int(codes.group(4)),
        "mean_ms": float(mean.group(1)) * _UNIT_MS[mean.group(2)] if mean else None,
        "p99_ms": None,
        "protocol": (re.search(r"Application protocol: (\S+)", text) or [None, None])[1],
    }


def run_h2load(procs, cpu, port, path, conns, streams, seconds):
    # A run for a time and not for a number of requests ends with streams under way; they count as nothing.
    argv = ["h2load", "-t1", f"-c{conns}", f"-m{streams}", "-D", str(seconds), f"https://localhost:{port}{path}"]
    status, text = procs.run("h2load", argv, cpu, seconds + WRK_EXTRA_S)
    if status != 0:
        raise LoadError(f"h2load failed ({status}): " + text.strip()[-300:])
    sample = parse_h2load(text)
    if sample["protocol"] != "h2":
        raise LoadError(f"HTTP/2 was not agreed on, but {sample['protocol']}")
    return sample


# A full handshake a request


def run_handshakes(procs, cpu, program, port, path, conns, seconds, groups, sites=0):
    if not os.access(program, os.X_OK):
        raise LoadError(f"{program} is not built")
    argv = [program, str(port), path, str(conns), str(seconds), groups, str(sites)]
    status, text = procs.run("handshake_load", argv, cpu, seconds + WRK_EXTRA_S)
    if status != 0:
        raise LoadError(f"handshake_load failed ({status}): " + text.strip()[-300:])
    got = json.loads(text)
    return {
        "requests": got["requests"],
        "seconds": got["seconds"],
        "requests_per_s": got["requests"] / got["seconds"],
        "socket_errors": {"failed": got["errors"]},
        "non_2xx": 0,
        "errors": got["errors"],
        "p99_ms": None,
        "group": got["group"],
    }

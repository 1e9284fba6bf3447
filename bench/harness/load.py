# SPDX-License-Identifier: MIT
"""One run of wrk, and what it said."""

import re

WRK_EXTRA_S = 30  # wrk opens all its connections before its clock starts, and may hang on after it
CROWD_TIMEOUT_S = 10  # with thousands of connections a request may wait long without any fault

_UNIT_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


class LoadError(RuntimeError):
    """wrk did not run, or its answer was not understood."""


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

# SPDX-License-Identifier: MIT
"""Time-outs, ports and waiting. Every wait is bounded; slow builds stretch the bounds."""
import os
import random
import socket
import struct
import time
from pathlib import Path

# A sanitizer's build keeps shadow memory and freed blocks: its size says nothing about ours.
BUILD = os.environ.get("JOIST_BUILD") or Path(os.environ.get("JOIST_BIN", "")).parent
SANITIZED = "san" in Path(BUILD).name


def slow_factor():
    """JOIST_TEST_SLOW, or what a sanitizer's build is worth."""
    given = os.environ.get("JOIST_TEST_SLOW")
    if given:
        return float(given)
    return 4.0 if SANITIZED else 1.0


SLOW = slow_factor()
PATIENCE_S = 15 * SLOW  # how long anything may take that must happen


def short_ms(ms):
    """A time-out to be tested: short, but a slow build must be able to keep it."""
    return int(ms * min(SLOW, 2.5))


# Ports below the kernel's ephemeral range: no outgoing connection of a test can sit on one.
PORT_FIRST, PORT_LAST = 20000, 32000


class PortClaim:
    """A free TCP port that no other test process is given while this object lives.

    The claim is an abstract Unix socket named after the port: it vanishes with its owner.
    """

    def __init__(self):
        for _ in range(1000):
            port = random.randint(PORT_FIRST, PORT_LAST)
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                claim.bind(f"\0joist-e2e-port-{port}")
            except OSError:
                claim.close()
                continue
            if is_free(port):
                self.port, self.claim = port, claim
                return
            claim.close()
        raise RuntimeError("no free port found")

    def release(self):
        self.claim.close()


def is_free(port):
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.bind((address, port))
        except OSError:
            if family == socket.AF_INET:
                return False
    return True


def wait_for(condition, what, patience_s=PATIENCE_S, step_s=0.01):
    """Poll where nothing can be waited on (another process's files, /proc)."""
    end = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"after {patience_s} s: {what}"
        time.sleep(step_s)


def reset(sock):
    """Close so that the peer gets a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def rss_bytes(pid):
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

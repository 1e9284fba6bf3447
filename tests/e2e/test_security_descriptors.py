# SPDX-License-Identifier: MIT
"""Clients that take all descriptors do not take the processor as well."""
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from lib.net import PATIENCE_S, wait_for
from lib.server import BINARY

FILES = 64


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def connect(where):
    sock = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
    sock.settimeout(PATIENCE_S)
    sock.connect(where)
    return sock


@pytest.mark.parametrize("family", ["unix", "tcp"])
def test_out_of_descriptors_is_idle_and_recovers(tmp_path, family):
    free = socket.socket()
    free.bind(("127.0.0.1", 0))
    where = str(tmp_path / "s") if family == "unix" else free.getsockname()
    free.close()
    bind = f"unix:{where}" if family == "unix" else f"127.0.0.1:{where[1]}"
    file = tmp_path / "joist.toml"
    file.write_text(f'[server]\nthreads = 1\n[log]\naccess = "off"\n[[listeners]]\nbind = "{bind}"\n'
                    '[timeouts]\nheader = "1h"\n[[sites]]\nrespond = { body = "ok" }\n')
    process = subprocess.Popen(["sh", "-c", f'ulimit -n {FILES}; exec "$0" run "$1"', BINARY, str(file)],
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def listens():
            try:
                return connect(where)
            except OSError:
                return None
        clients = [wait_for(listens, "joist listens")]
        clients += [connect(where) for _ in range(FILES)]  # more than it can take
        wait_for(lambda: len(list(Path(f"/proc/{process.pid}/fd").iterdir())) >= FILES, "all are taken")
        before_s, at_s = cpu_s(process.pid), time.monotonic()
        wait_for(lambda: time.monotonic() - at_s > 1, "a second to pass")
        used = (cpu_s(process.pid) - before_s) / (time.monotonic() - at_s)
        assert used < 0.4, f"{used:.0%} of a processor for waiting"
        for client in clients[:FILES // 2]:
            client.close()
        clients[-1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert clients[-1].recv(64).startswith(b"HTTP/1.1 200")
    finally:
        process.terminate()
        process.wait(PATIENCE_S)

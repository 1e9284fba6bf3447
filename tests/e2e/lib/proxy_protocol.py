# SPDX-License-Identifier: MIT
"""Headers of the PROXY protocol, and HAProxy, which sends them."""
import ipaddress
import os
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path

from . import net
from .server import ROOT

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0, 1
TCP4, TCP6, UNIX = 0x11, 0x21, 0x31


def v1(source="192.0.2.1", target="198.51.100.2", ports=(40000, 443)):
    kind = "TCP6" if ":" in source else "TCP4"
    return f"PROXY {kind} {source} {target} {ports[0]} {ports[1]}\r\n".encode()


def v2_raw(command, family, body=b""):
    return SIGNATURE + struct.pack(">BBH", 0x20 | command, family, len(body)) + body


def v2(source="192.0.2.1", target="198.51.100.2", ports=(40000, 443), extensions=b""):
    addresses = [ipaddress.ip_address(a).packed for a in (source, target)]
    family = TCP6 if ":" in source else TCP4
    return v2_raw(PROXY, family,
                  b"".join(addresses) + struct.pack(">HH", *ports) + extensions)


def read_v2(exact):
    """(source, port) of a header that `exact(n)` gives the bytes of; None: LOCAL."""
    assert exact(12) == SIGNATURE
    command, family, size = struct.unpack(">BBH", exact(4))
    body = exact(size)
    if command == 0x20:
        return None
    assert command == 0x21 and family in (TCP4, TCP6) and size == (12 if family == TCP4 else 36)
    ip = 4 if family == TCP4 else 16
    return str(ipaddress.ip_address(body[:ip])), struct.unpack(">H", body[2 * ip:2 * ip + 2])[0]


def find_haproxy():
    """Its path, or None: installed, or unpacked by tools/deps.sh."""
    extra = ""
    try:
        extra = subprocess.run([ROOT / "tools/deps.sh", "peers-path"], text=True, check=True,
                               capture_output=True).stdout.strip().splitlines()[-1]
    except (OSError, IndexError, subprocess.CalledProcessError):
        pass
    return shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin:{extra}")


class Haproxy:
    """Passes connections on as they are, with `options` behind the server's address."""

    def __init__(self, folder, port, options):
        self.folder = Path(folder)
        self.to = port
        self.options = options
        self.process = None
        self.claim = None

    def __enter__(self):
        self.claim = net.PortClaim()
        conf = self.folder / "haproxy.cfg"
        conf.write_text(
            "global\n    nbthread 1\n    maxconn 100\n"
            "defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 30s\n"
            "    timeout server 30s\n"
            f"listen front\n    bind 127.0.0.1:{self.claim.port}\n"
            f"    server joist 127.0.0.1:{self.to} {self.options}\n")
        self.process = subprocess.Popen(
            [find_haproxy(), "-db", "-f", conf], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(self.folder / "haproxy.stderr", "wb"))
        end = time.monotonic() + net.PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.claim.port), 1).close()
                return self
            except OSError:
                assert self.process.poll() is None, (self.folder / "haproxy.stderr").read_text()
                assert time.monotonic() < end, "haproxy does not listen"
                time.sleep(0.01)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(net.PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.claim.release()

    @property
    def port(self):
        return self.claim.port

# SPDX-License-Identifier: MIT
"""A small authoritative DNS server on 127.0.0.1, UDP and TCP, whose answers a test changes."""
import socket
import struct
import threading
import time

from . import net

A, SRV, AAAA = 1, 33, 28
NXDOMAIN, SERVFAIL, REFUSED = 3, 2, 5
TYPES = {A: "A", AAAA: "AAAA", SRV: "SRV"}


def encode_name(name):
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def read_question(message):
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode().lower())
        at += 1 + message[at]
    kind, = struct.unpack_from("!H", message, at + 1)
    return ".".join(labels), kind, message[12:at + 5]


def record(kind, ttl, data):
    return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def address_records(addresses, kind, ttl):
    family = socket.AF_INET if kind == A else socket.AF_INET6
    return [record(kind, ttl, socket.inet_pton(family, text)) for text in addresses
            if (":" in text) == (kind == AAAA)]


class Dns:
    """
        with Dns() as dns:
            dns.hosts["app.test"] = ["127.0.0.1", "::1"]
            dns.services["_http._tcp.app.test"] = [(priority, weight, port, "host.test")]
            dns.faults["app.test"] = dns_fault   # a code, "silent", "truncated", bytes, or a function
    """

    def __init__(self, ttl=1):
        self.ttl = ttl
        self.hosts = {}
        self.services = {}
        self.faults = {}
        self.asked = []  # (time, name, type, "udp" or "tcp")
        self.lock = threading.Lock()
        self.udp = self.tcp = None
        for _ in range(20):
            self.tcp = socket.create_server(("127.0.0.1", 0))
            self.port = self.tcp.getsockname()[1]
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self.udp.bind(("127.0.0.1", self.port))
                break
            except OSError:
                self.tcp.close()
                self.udp.close()
        self.ending = False
        self.threads = [threading.Thread(target=run, daemon=True)
                        for run in (self.run_udp, self.run_tcp)]

    @property
    def config(self):
        return (f'[dns]\nservers = ["127.0.0.1:{self.port}"]\ntimeout = "200ms"\n'
                'min_ttl = "200ms"\nmax_ttl = "1s"\n')

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending = True
        self.udp.close()
        self.tcp.close()

    def count(self, name, kind=None):
        with self.lock:
            return sum(1 for _, n, k, _ in self.asked if n == name and kind in (None, k))

    def wait_asked(self, name, more=2, kind=None):
        """Until it was asked so many times again: the answers before the last are known then."""
        before = self.count(name, kind)
        net.wait_for(lambda: self.count(name, kind) >= before + more, f"questions for {name}")

    # ---- answers -------------------------------------------------------------------------------

    def answer(self, message, over):
        name, kind, question = read_question(message)
        with self.lock:
            self.asked.append((time.monotonic(), name, kind, over))
            fault = self.faults.get(name)
            hosts = list(self.hosts.get(name, []))
            services = list(self.services.get(name, []))
            known = name in self.hosts or name in self.services
        if callable(fault):
            fault = fault(kind, over)
        if fault == "silent":
            return None
        if isinstance(fault, bytes):
            return fault
        flags, records = 0x8400, []
        if isinstance(fault, int):
            flags |= fault
        elif fault == "truncated" and over == "udp":
            flags |= 0x0200
        elif not known:
            flags |= NXDOMAIN
        elif kind == SRV:
            records = [record(SRV, self.ttl, struct.pack("!HHH", *s[:3]) + encode_name(s[3]))
                       for s in services]
        elif kind in (A, AAAA):
            records = address_records(hosts, kind, self.ttl)
        return (message[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + question
                + b"".join(records))

    def run_udp(self):
        while not self.ending:
            try:
                message, peer = self.udp.recvfrom(4096)
                reply = self.answer(message, "udp")
                if reply is not None:
                    self.udp.sendto(reply, peer)
            except (OSError, IndexError, struct.error):
                continue

    def run_tcp(self):
        while not self.ending:
            try:
                conn, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_tcp, args=(conn,), daemon=True).start()

    def serve_tcp(self, conn):
        with conn:
            conn.settimeout(net.PATIENCE_S)
            try:
                while True:
                    size, = struct.unpack("!H", conn.recv(2, socket.MSG_WAITALL))
                    reply = self.answer(conn.recv(size, socket.MSG_WAITALL), "tcp")
                    if reply is None:
                        return
                    conn.sendall(struct.pack("!H", len(reply)) + reply)
            except (OSError, struct.error):
                return

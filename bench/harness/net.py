# SPDX-License-Identifier: MIT
"""
Sockets of the harness: free ports, one checked fetch, and thousands of idle keep-alive connections.
"""

import os
import socket
import ssl

PORT_FIRST = 18000
PORT_LAST = 32000  # below the usual ephemeral range, so that load cannot take a port before its listener does
IDLE_BATCH = 64  # connections that ask at the same moment; the upstream pool grows no larger than this
IO_TIMEOUT_S = 10.0

# The certificate is one that the harness made itself for this run: nothing to verify.
TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE


class Ports:
    """Hands out ports that nobody listens on."""

    def __init__(self):
        self.next = PORT_FIRST + os.getpid() * 37 % (PORT_LAST - PORT_FIRST - 500)

    def take(self):
        while self.next < PORT_LAST:
            port = self.next
            self.next += 1
            with socket.socket() as s:
                try:
                    s.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
        raise RuntimeError("no free port")


class Exchange:
    """One client connection in keep-alive, for requests whose answer has a Content-Length."""

    def __init__(self, port, tls=False):
        self.port = port
        self.sock = socket.create_connection(("127.0.0.1", port), IO_TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = TLS.wrap_socket(self.sock, server_hostname="localhost")

    def send(self, path):
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n"
        self.sock.sendall(request.encode("ascii"))

    def receive(self):
        """Read one answer to its end; returns (status, head in lower case, body)."""
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._more()
        head, body = got.split(b"\r\n\r\n", 1)
        head = head.decode("latin-1").lower()
        length = None
        for line in head.split("\r\n")[1:]:
            name, _, value = line.partition(":")
            if name == "content-length":
                length = int(value)
        if length is None:
            raise RuntimeError("the answer has no Content-Length")
        while len(body) < length:
            body += self._more()
        if len(body) != length:
            raise RuntimeError("bytes after the end of the answer")
        return int(head.split()[1]), head, body

    def is_open(self):
        """Open and silent: no end, no stray byte."""
        self.sock.setblocking(False)
        try:
            self._look()
            return False
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        finally:
            self.sock.settimeout(IO_TIMEOUT_S)

    def _look(self):
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.recv(1)  # takes a late ticket in, which is no answer
        else:
            self.sock.recv(1, socket.MSG_PEEK)

    def close(self):
        self.sock.close()

    def _more(self):
        part = self.sock.recv(262144)
        if not part:
            raise RuntimeError("the connection was closed before the end of the answer")
        return part


def fetch(port, path, tls=False):
    """One request on a fresh connection: (status, head, body)."""
    exchange = Exchange(port, tls)
    try:
        exchange.send(path)
        return exchange.receive()
    finally:
        exchange.close()


def open_idle(port, path, count, body, tls=False):
    """
    `count` connections, each of which has had one whole 200 answer and may have another.
    Returns them open; on failure closes all and raises.
    """
    held = []
    try:
        while len(held) < count:
            batch = [Exchange(port, tls) for _ in range(min(IDLE_BATCH, count - len(held)))]
            held.extend(batch)
            for exchange in batch:
                exchange.send(path)
            for exchange in batch:
                status, head, got = exchange.receive()
                if status != 200 or got != body or "connection: close" in head:
                    raise RuntimeError(f"answer {status} with {len(got)} bytes is not the one expected")
        return held
    except BaseException:
        close_all(held)
        raise


def close_all(held):
    for exchange in held:
        exchange.close()
    held.clear()


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def established(port):
    """How many established connections end at local port `port` (this network namespace)."""
    wanted = f":{port:04X}"
    remotes = set()  # the kernel may show a row twice while the table changes
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table, encoding="ascii") as f:
            for line in f:
                fields = line.split(None, 4)
                if len(fields) > 3 and fields[3] == "01" and fields[1].endswith(wanted):
                    remotes.add(fields[2])
    return len(remotes)

# SPDX-License-Identifier: MIT
"""A client that sends exactly the bytes it is told to and reads strictly."""
import socket

from . import net
from .http1 import Reader, connect


class Client:
    def __init__(self, port, patience_s=net.PATIENCE_S, rcvbuf=None, host="127.0.0.1"):
        self.sock = connect(port, patience_s, rcvbuf, host)
        self.reader = Reader(self.sock)

    @classmethod
    def over(cls, sock):
        """On a connection that is open already."""
        client = cls.__new__(cls)
        client.sock = sock
        client.reader = Reader(sock)
        return client

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        net.reset(self.sock)

    def send(self, data):
        """What the server refuses to take any more is no error: it may have answered already."""
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def finish_sending(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def request(self, method="GET", target="/", fields=(), body=None, host="test.example"):
        """Send a well-formed request. `fields` are "Name: value" strings."""
        self.send(request_bytes(method, target, fields, body, host))

    def response(self, method="GET"):
        return self.reader.response(method)

    def get(self, target="/", fields=(), host="test.example"):
        self.request("GET", target, fields, host=host)
        return self.response()

    def expect_closed(self, reset_ok=True):
        """The server says nothing more and closes."""
        ended = self.reader.at_end()
        assert ended, f"more bytes came: {bytes(self.reader.buf[:200])!r}"
        if not reset_ok:
            assert not self.reader.was_reset, "the connection was reset, not closed"


def request_bytes(method="GET", target="/", fields=(), body=None, host="test.example"):
    lines = [f"{method} {target} HTTP/1.1"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += fields
    if body is not None and not any(f.lower().startswith("transfer-encoding") for f in fields):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def fetch(port, target="/", method="GET", fields=(), body=None, host="test.example"):
    """One request on a connection of its own."""
    with Client(port) as client:
        client.request(method, target, ("Connection: close", *fields), body, host)
        return client.response(method)

# SPDX-License-Identifier: MIT
"""An origin that does what a script says and remembers every byte it was sent."""
import socket
import threading

from . import net
from .http1 import Cut, Malformed, Reader

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(body=b"ok", status=b"200 OK", fields=()):
    head = b"".join(f.encode("latin-1") + b"\r\n" for f in fields)
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, head, len(body), body)


class Conn:
    """One connection as the origin sees it. The script runs on this connection's own thread."""

    def __init__(self, origin, sock, number):
        self.origin = origin
        self.sock = sock
        self.number = number
        self.received = bytearray()
        self.ended = False  # the peer closed or reset it, or the script is over
        self.was_reset = False
        self.reader = Reader(sock, self.on_bytes)

    def on_bytes(self, data):
        with self.origin.changed:
            self.received += data
            self.origin.changed.notify_all()

    def request(self, on_head=None):
        """The next request (recorded), or None when the peer has ended."""
        request = self.reader.request(on_head)
        if request is not None:
            request.conn = self
            with self.origin.changed:
                self.origin.requests.append(request)
                self.origin.changed.notify_all()
        return request

    def send(self, data):
        self.sock.sendall(data)

    def wait_end(self):
        """Read until the peer closes; returns how: "closed" or "reset"."""
        while self.reader.fill():
            pass
        return "reset" if self.reader.was_reset else "closed"

    def close(self):
        self.sock.close()

    def reset(self):
        net.reset(self.sock)


def serve_ok(conn):
    while conn.request() is not None:
        conn.send(OK)


class Origin:
    """Listens on a port of its own; `script(conn)` runs for each connection.

    with Origin(script) as origin: ... origin.port, origin.requests, origin.conns, origin.bytes()
    """

    def __init__(self, script=serve_ok, backlog=512, rcvbuf=None, port=0,
                 host="127.0.0.1"):
        self.script = script
        self.conns = []
        self.requests = []
        self.errors = []
        self.changed = threading.Condition()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if rcvbuf:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.listener.bind((host, port))
        self.listener.listen(backlog)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None:
            assert not self.errors, f"the origin's script failed: {self.errors[0]!r}"

    def close(self):
        """Stop listening and cut what is open."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        with self.changed:
            conns = list(self.conns)
        for conn in conns:
            try:
                conn.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(net.PATIENCE_S * 4)
            with self.changed:
                conn = Conn(self, sock, len(self.conns))
                self.conns.append(conn)
                self.changed.notify_all()
            threading.Thread(target=self.run, args=(conn,), daemon=True).start()

    def run(self, conn):
        try:
            self.script(conn)
        except (Cut, OSError):
            pass
        except (AssertionError, Malformed) as error:
            self.errors.append(error)
        finally:
            try:
                conn.sock.close()
            except OSError:
                pass
            with self.changed:
                conn.ended = True
                conn.was_reset = conn.reader.was_reset
                self.changed.notify_all()

    # ---- looking on ----------------------------------------------------------------------------

    def wait(self, condition, what, patience_s=net.PATIENCE_S):
        """Wait until `condition()` of what was recorded holds."""
        with self.changed:
            assert self.changed.wait_for(condition, patience_s), f"after {patience_s} s: {what}"

    def wait_requests(self, n):
        self.wait(lambda: len(self.requests) >= n, f"{n} requests at the origin")
        return self.requests

    def wait_conn_end(self, number=0, patience_s=net.PATIENCE_S):
        self.wait(lambda: len(self.conns) > number and self.conns[number].ended,
                  f"end of connection {number} to the origin", patience_s)

    def bytes(self):
        """How many bytes have come in all."""
        with self.changed:
            return sum(len(conn.received) for conn in self.conns)

    def everything(self):
        with self.changed:
            return b"\n----\n".join(bytes(conn.received) for conn in self.conns)

    def last(self):
        return self.requests[-1]

    def forget(self):
        """Drop the records of what is over."""
        with self.changed:
            self.requests.clear()
            for conn in self.conns:
                conn.received.clear()


class FullBacklog:
    """A listening socket whose queue is full: a connect to it hangs without an answer."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fill = []
        for _ in range(16):
            sock = socket.socket()
            sock.settimeout(0.25)
            self.fill.append(sock)
            try:
                sock.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return
        raise AssertionError("the queue does not fill")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self.fill:
            sock.close()
        self.listener.close()

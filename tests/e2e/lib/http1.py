# SPDX-License-Identifier: MIT
"""HTTP/1.1 as the tests read it: strict, because a lenient reader hides what it should find."""
import re
import socket

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-9][0-9][0-9]) ([\t \x21-\x7e\x80-\xff]*)")
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e\x80-\xff]+) (HTTP/1\.[01])")
FIELD_LINE = re.compile(rb"(" + TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
HEAD_MAX_BYTES = 4 << 20


class Malformed(AssertionError):
    """The peer broke the protocol."""


class Cut(Exception):
    """The connection ended inside a message; `partial` is what came of it."""

    def __init__(self, where, partial, reset):
        super().__init__(f"cut in {where} after {len(partial)} bytes{' (reset)' if reset else ''}")
        self.partial = bytes(partial)
        self.reset = reset


class Head:
    """First line and fields. Names keep their spelling; lookups ignore case."""

    def __init__(self, raw):
        assert raw.endswith(b"\r\n\r\n")
        self.raw = bytes(raw)
        lines = self.raw[:-4].split(b"\r\n")
        self.line = lines[0]
        self.fields = []
        for line in lines[1:]:
            match = FIELD_LINE.fullmatch(line)
            if not match:
                raise Malformed(f"field line {line!r} in {self.raw!r}")
            self.fields.append((match.group(1), match.group(2)))

    def all(self, name):
        name = name.lower().encode() if isinstance(name, str) else name.lower()
        return [v.decode("latin-1") for n, v in self.fields if n.lower() == name]

    def get(self, name):
        """The one value, None if absent; several are joined as RFC 9110 5.3 says."""
        values = self.all(name)
        return ", ".join(values) if values else None

    def has(self, name):
        return bool(self.all(name))

    def tokens(self, name):
        return [t.strip().lower() for v in self.all(name) for t in v.split(",") if t.strip()]

    def length(self):
        """Content-Length, None if absent."""
        values = self.all("content-length")
        if not values:
            return None
        if len(values) > 1 or not re.fullmatch(r"[0-9]{1,19}", values[0]):
            raise Malformed(f"Content-Length {values!r}")
        if self.has("transfer-encoding"):
            raise Malformed("Content-Length with Transfer-Encoding")
        return int(values[0])

    def chunked(self):
        if not self.has("transfer-encoding"):
            return False
        if self.tokens("transfer-encoding") != ["chunked"]:
            raise Malformed(f"Transfer-Encoding {self.all('transfer-encoding')!r}")
        return True


class Message:
    def __init__(self, head):
        self.head = head
        self.body = b""
        self.trailers = []
        self.chunks = []

    def get(self, name):
        return self.head.get(name)

    def all(self, name):
        return self.head.all(name)

    def has(self, name):
        return self.head.has(name)


class Request(Message):
    def __init__(self, head):
        super().__init__(head)
        match = REQUEST_LINE.fullmatch(head.line)
        if not match:
            raise Malformed(f"request line {head.line!r}")
        self.method, self.target, self.version = (g.decode("latin-1") for g in match.groups())

    def __repr__(self):
        return f"<{self.method} {self.target} {len(self.body)} bytes>"


class Response(Message):
    def __init__(self, head):
        super().__init__(head)
        match = STATUS_LINE.fullmatch(head.line)
        if not match:
            raise Malformed(f"status line {head.line!r}")
        self.version = match.group(1).decode()
        self.status = int(match.group(2))
        self.reason = match.group(3).decode("latin-1")
        self.interim = []
        self.framing = None  # "none", "length", "chunked", "close"

    def __repr__(self):
        return f"<{self.status} {len(self.body)} bytes, {self.framing}>"


class Reader:
    """Reads messages from a socket. `record`, if given, gets every byte as it arrives."""

    def __init__(self, sock, record=None):
        self.sock = sock
        self.buf = bytearray()
        self.record = record
        self.was_reset = False

    def fill(self, limit=262144):
        """Read some bytes; False at the end. A time-out of the socket comes through."""
        try:
            data = self.sock.recv(limit)
        except (ConnectionResetError, BrokenPipeError):
            self.was_reset = True
            return False
        if self.record is not None:
            self.record(data)
        self.buf += data
        return bool(data)

    def take(self, n):
        data = bytes(self.buf[:n])
        del self.buf[:n]
        return data

    def until(self, mark, where):
        seen = 0
        while True:
            at = self.buf.find(mark, seen)
            if at >= 0:
                return self.take(at + len(mark))
            seen = max(0, len(self.buf) - len(mark))
            if len(self.buf) > HEAD_MAX_BYTES:
                raise Malformed(f"{where}: endless")
            if not self.fill():
                raise Cut(where, self.buf, self.was_reset)

    def exact(self, n, where):
        while len(self.buf) < n:
            if not self.fill():
                raise Cut(where, self.buf, self.was_reset)
        return self.take(n)

    def at_end(self):
        """Nothing is buffered and the peer has ended: waits for it."""
        return not self.buf and not self.fill()

    def head(self):
        """A head, or None if the peer ended before its first byte."""
        if not self.buf and not self.fill():
            return None
        return Head(self.until(b"\r\n\r\n", "head"))

    def chunked(self, message):
        body = bytearray()
        try:
            while True:
                line = self.until(b"\r\n", "chunk size")[:-2]
                if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line):
                    raise Malformed(f"chunk size {line!r}")
                size = int(line, 16)
                if size == 0:
                    break
                data = self.exact(size, "chunk")
                message.chunks.append(len(data))
                body += data
                if self.exact(2, "chunk end") != b"\r\n":
                    raise Malformed("chunk data without CRLF")
        except Cut as cut:
            raise Cut("chunked body", bytes(body) + cut.partial, cut.reset) from None
        message.body = bytes(body)
        while True:
            line = self.until(b"\r\n", "trailers")
            if line == b"\r\n":
                return
            match = FIELD_LINE.fullmatch(line[:-2])
            if not match:
                raise Malformed(f"trailer {line!r}")
            message.trailers.append(
                (match.group(1).decode(), match.group(2).decode("latin-1")))

    def request(self, on_head=None):
        """The next request, whole, or None at a clean end. `on_head(request)` runs in between."""
        head = self.head()
        if head is None:
            return None
        request = Request(head)
        if on_head:
            on_head(request)
        if head.chunked():
            self.chunked(request)
        elif head.length():
            request.body = self.exact(head.length(), "body")
        return request

    def response_head(self):
        head = self.head()
        if head is None:
            raise Cut("response", b"", self.was_reset)
        return Response(head)

    def response(self, method="GET"):
        """The next final response with its body; interim ones are in `.interim`."""
        interim = []
        while True:
            response = self.response_head()
            if response.status >= 200 or response.status == 101:
                break
            if response.has("content-length") or response.has("transfer-encoding"):
                raise Malformed("an interim response says it has a body")
            interim.append(response)
        response.interim = interim
        self.response_body(response, method)
        return response

    def response_body(self, response, method="GET"):
        head = response.head
        length, chunked = head.length(), head.chunked()
        if response.status in (101, 204) and (length is not None or chunked):
            raise Malformed(f"{response.status} says it has a body")
        if method == "HEAD" or response.status in (101, 204, 304):
            response.framing = "none"
        elif chunked:
            if response.version != "HTTP/1.1":
                raise Malformed("chunked in HTTP/1.0")
            response.framing = "chunked"
            self.chunked(response)
        elif length is not None:
            response.framing = "length"
            response.body = self.exact(length, "body")
        else:
            response.framing = "close"
            while self.fill():
                pass
            if self.was_reset:
                raise Cut("body that ends with the connection", self.buf, True)
            response.body = self.take(len(self.buf))


def connect(port, patience_s, rcvbuf=None, host="127.0.0.1"):
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if rcvbuf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    sock.settimeout(patience_s)
    try:
        sock.connect((host, port))
    except OSError:
        sock.close()
        raise
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock

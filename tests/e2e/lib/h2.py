# SPDX-License-Identifier: MIT
"""HTTP/2 of the tests: a client that sends exactly the frames it is told to, and an origin.

The client stands on hyperframe and hpack alone, so that nothing stops it from breaking rules; the
origin on python3-h2, which is strict.
"""
import queue
import select
import socket
import ssl
import struct
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import hpack
import hyperframe.frame as frames

from . import net
from .http1 import connect

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED,
 FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM,
 INADEQUATE_SECURITY, HTTP_1_1_REQUIRED) = range(14)
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, \
    MAX_HEADER_LIST_SIZE = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8
BIG_WINDOW = 1 << 30
FRAME_BYTES_MAX = 16384


class Ended(Exception):
    """The peer closed the connection."""


def raw_frame(kind, flags, stream_id, payload, length=None):
    """A frame from its numbers; `length` lies about the payload's."""
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + bytes((kind, flags)) + struct.pack(">I", stream_id) + payload


class Response:
    """One stream's answer as it comes in."""

    def __init__(self):
        self.headers = None
        self.interim = []
        self.body = bytearray()
        self.trailers = []
        self.ended = False
        self.reset = None  # the code of RST_STREAM

    @property
    def status(self):
        return int(dict(self.headers)[":status"]) if self.headers else None

    def all(self, name):
        return [v for n, v in self.headers or () if n == name]

    def get(self, name):
        values = self.all(name)
        return ", ".join(values) if values else None

    @property
    def over(self):
        return self.ended or self.reset is not None

    def __repr__(self):
        return f"<{self.headers} {len(self.body)} bytes reset={self.reset}>"


class H2Client:
    """A connection. What the peer sends is read by `frame()` and kept in `streams`, `goaway`, …

    `sock` is open already (TLS with ALPN h2, or plain with prior knowledge). Windows are opened as
    bytes come unless `window` is False.
    """

    def __init__(self, sock, settings=None, window=True, greet=True):
        self.sock = sock
        self.sock.settimeout(net.PATIENCE_S)
        self.buf = bytearray()
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.window = window
        self.scheme = "https" if isinstance(sock, ssl.SSLSocket) else "http"
        self.streams = {}
        self.order = []  # (stream, bytes) of each DATA frame
        self.pings = []
        self.goaway = None  # (last stream, code)
        self.their = {}  # settings
        self.acks = 0
        self.credit = {0: 65535}  # what we may send
        self.next_id = 1
        self.block = None
        self.closed = False
        if greet:
            self.send_raw(PREFACE)
            self.send(frames.SettingsFrame(settings=settings or {}))

    @classmethod
    def plain(cls, port, **options):
        return cls(connect(port, net.PATIENCE_S), **options)

    @classmethod
    def tls(cls, port, made, sni=None, **options):
        sock = connect(port, net.PATIENCE_S)
        try:
            sock = made.wrap_socket(sock, server_hostname=sni)
        except OSError:
            sock.close()
            raise
        assert sock.selected_alpn_protocol() == "h2", sock.selected_alpn_protocol()
        return cls(sock, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.closed = True
        self.sock.close()

    # ---- out -----------------------------------------------------------------------------------

    def send_raw(self, data):
        """What the peer refuses to take any more is no error: it may have said goodbye already."""
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass

    def send(self, *what):
        self.send_raw(b"".join(f.serialize() for f in what))

    def encode(self, fields):
        return self.encoder.encode(list(fields), huffman=False)

    def stream_id(self):
        number = self.next_id
        self.next_id += 2
        self.streams[number] = Response()
        return number

    def headers_frame(self, stream, fields, end=True, complete=True):
        frame = frames.HeadersFrame(stream, self.encode(fields))
        if end:
            frame.flags.add("END_STREAM")
        if complete:
            frame.flags.add("END_HEADERS")
        return frame

    def request_fields(self, method="GET", path="/", authority="test.example", extra=()):
        return [(":method", method), (":scheme", self.scheme), (":authority", authority),
                (":path", path), *extra]

    def request(self, method="GET", path="/", extra=(), body=None, end=True, trailers=None,
                authority="test.example"):
        """Send a well-formed request (its body as the windows allow); returns its stream."""
        stream = self.stream_id()
        self.credit[stream] = self.their.get(INITIAL_WINDOW_SIZE, 65535)
        only = body is None and trailers is None
        self.send(self.headers_frame(
            stream, self.request_fields(method, path, authority, extra=extra), end=end and only))
        if body is not None:
            self.send_body(stream, body, end=end and trailers is None)
        if trailers is not None:
            self.send(self.headers_frame(stream, trailers, end=True))
        return stream

    def data(self, stream, body=b"", end=False):
        """One DATA frame, whatever the windows say."""
        frame = frames.DataFrame(stream, bytes(body))
        if end:
            frame.flags.add("END_STREAM")
        self.send(frame)

    def send_body(self, stream, body, end=True):
        """As the windows allow, reading meanwhile."""
        view = memoryview(body)
        while view:
            room = min(self.credit[0], self.credit[stream], FRAME_BYTES_MAX)
            if room <= 0:
                self.frame()
                if self.streams[stream].over:
                    return
                continue
            piece, view = view[:room], view[room:]
            self.credit[0] -= len(piece)
            self.credit[stream] -= len(piece)
            self.data(stream, piece, end and not view)
        if not body and end:
            self.data(stream, b"", True)

    def open_window(self, stream, n):
        self.send(frames.WindowUpdateFrame(stream, window_increment=n))

    def rst(self, stream, code=CANCEL):
        self.send(frames.RstStreamFrame(stream, error_code=code))

    # ---- in ------------------------------------------------------------------------------------

    def exact(self, n):
        while len(self.buf) < n:
            try:
                data = self.sock.recv(262144)
            except TimeoutError:
                raise
            except OSError as error:
                raise Ended(repr(error)) from None
            if not data:
                raise Ended("end of the connection")
            self.buf += data
        taken = bytes(self.buf[:n])
        del self.buf[:n]
        return taken

    def frame(self):
        """The next frame, taken into account. Raises Ended."""
        frame, length = frames.Frame.parse_frame_header(memoryview(self.exact(9)))
        assert length <= FRAME_BYTES_MAX, f"a frame of {length} bytes"
        frame.parse_body(memoryview(self.exact(length)))
        assert self.block is None or isinstance(frame, frames.ContinuationFrame), frame
        self.account(frame)
        return frame

    def account(self, frame):
        if isinstance(frame, frames.SettingsFrame):
            self.account_settings(frame)
        elif isinstance(frame, frames.PingFrame):
            if "ACK" in frame.flags:
                self.pings.append(frame.opaque_data)
            else:
                self.send(frames.PingFrame(0, frame.opaque_data, flags=["ACK"]))
        elif isinstance(frame, frames.GoAwayFrame):
            self.goaway = (frame.last_stream_id, frame.error_code)
        elif isinstance(frame, frames.RstStreamFrame):
            self.streams.setdefault(frame.stream_id, Response()).reset = frame.error_code
        elif isinstance(frame, frames.WindowUpdateFrame):
            self.credit[frame.stream_id] = (self.credit.get(frame.stream_id, 65535) +
                                            frame.window_increment)
        elif isinstance(frame, frames.DataFrame):
            self.account_data(frame)
        elif isinstance(frame, (frames.HeadersFrame, frames.ContinuationFrame)):
            self.account_headers(frame)
        assert not isinstance(frame, frames.PushPromiseFrame), "a push"

    def account_settings(self, frame):
        if "ACK" in frame.flags:
            self.acks += 1
            return
        before = self.their.get(INITIAL_WINDOW_SIZE, 65535)
        self.their.update(frame.settings)
        moved = self.their.get(INITIAL_WINDOW_SIZE, 65535) - before
        for stream in self.credit:
            if stream:
                self.credit[stream] += moved
        self.send(frames.SettingsFrame(flags=["ACK"]))

    def account_data(self, frame):
        response = self.streams.setdefault(frame.stream_id, Response())
        assert not response.over, "DATA after the end"
        response.body += frame.data
        self.order.append((frame.stream_id, len(frame.data)))
        response.ended = "END_STREAM" in frame.flags
        if self.window and frame.flow_controlled_length:
            self.open_window(0, frame.flow_controlled_length)
            if not response.ended:
                self.open_window(frame.stream_id, frame.flow_controlled_length)

    def account_headers(self, frame):
        if isinstance(frame, frames.HeadersFrame):
            self.block = (frame.stream_id, b"", "END_STREAM" in frame.flags)
        stream, block, end = self.block
        self.block = (stream, block + frame.data, end)
        if "END_HEADERS" not in frame.flags:
            return
        fields = self.decoder.decode(self.block[1])
        self.block = None
        response = self.streams.setdefault(stream, Response())
        assert not response.over, "HEADERS after the end"
        if response.headers is not None:
            response.trailers = fields
        elif dict(fields).get(":status", "").startswith("1"):
            response.interim.append(fields)
        else:
            response.headers = fields
        response.ended = end

    def read_until(self, condition):
        """Read frames until it holds; the connection's end before that is an error."""
        while not condition():
            self.frame()

    def response(self, stream):
        """The whole answer."""
        response = self.streams[stream]
        self.read_until(lambda: response.over)
        return response

    def get(self, path="/", extra=(), **options):
        return self.response(self.request("GET", path, extra, **options))

    def read_to_end(self):
        """Until the peer closes; returns the code of its GOAWAY, None if there was none."""
        try:
            while True:
                self.frame()
        except Ended:
            return self.goaway[1] if self.goaway else None

    def settle(self):
        """All that was sent has been read and answered: a PING comes back."""
        mark = struct.pack(">Q", len(self.pings) + 1)
        self.send(frames.PingFrame(0, mark))
        self.read_until(lambda: mark in self.pings)


# ---- an origin ---------------------------------------------------------------------------------

class Gone(Exception):
    """The stream or its connection was ended by the peer."""


class Exchange:
    """A request as the origin sees it; `script(exchange)` runs on a thread of its own."""

    def __init__(self, conn, stream, fields):
        self.conn = conn
        self.stream = stream
        self.fields = [(n.decode(), v.decode("latin-1")) for n, v in fields]
        self.pieces = queue.Queue()
        self.trailers = []
        self.reset = None  # the peer's code; -1: the connection ended
        self.body_ended = False

    def get(self, name):
        values = [v for n, v in self.fields if n == name]
        return ", ".join(values) if values else None

    @property
    def method(self):
        return self.get(":method")

    @property
    def path(self):
        return self.get(":path")

    def read(self):
        """The next piece of the body; b"" at its end."""
        if self.body_ended:
            return b""
        piece = self.pieces.get(timeout=net.PATIENCE_S * 4)
        if piece is None:
            raise Gone
        self.body_ended = piece == b""
        return piece

    def body(self):
        return b"".join(iter(self.read, b""))

    def wait_reset(self):
        try:
            while self.read() or self.pieces.get(timeout=net.PATIENCE_S * 4) is not None:
                pass
        except Gone:
            pass
        return self.reset

    def respond(self, status=200, fields=(), end=False):
        self.conn.call("send_headers", self.stream, [(":status", str(status)), *fields],
                       end_stream=end)

    def send(self, data, end=False):
        self.conn.send_data(self.stream, data, end)

    def end(self, trailers=None):
        if trailers is None:
            self.conn.call("end_stream", self.stream)
        else:
            self.conn.call("send_headers", self.stream, list(trailers), end_stream=True)

    def answer(self, body=b"ok", status=200, fields=(), trailers=None):
        self.respond(status, [("content-length", str(len(body))), *fields],
                     end=not body and trailers is None)
        if body:
            self.send(body, end=trailers is None)
        if trailers is not None:
            self.end(trailers)

    def abort(self, code=CANCEL):
        self.conn.call("reset_stream", self.stream, error_code=code)

    def goaway(self):
        """Take no stream after this one. By hand: python3-h2 would end this one as well."""
        with self.conn.room:
            self.conn.sock.sendall(frames.GoAwayFrame(0, self.stream, NO_ERROR).serialize())


class OriginConn:
    def __init__(self, origin, sock, number):
        self.origin = origin
        self.sock = sock
        self.number = number
        self.ended = False
        self.streams = {}
        self.room = threading.Condition()  # guards `h2` and all that is sent
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=False, header_encoding=None))
        self.h2.local_settings = h2.settings.Settings(client=False, initial_values={
            **dict(self.h2.local_settings), **origin.settings})

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            try:
                self.sock.sendall(data)
            except OSError:
                self.ended = True

    def call(self, name, *arguments, **options):
        with self.room:
            if self.ended:
                raise Gone
            try:
                getattr(self.h2, name)(*arguments, **options)
            except (h2.exceptions.StreamClosedError, h2.exceptions.ProtocolError):
                raise Gone from None
            self.flush()

    def send_data(self, stream, data, end):
        view = memoryview(data)
        while True:
            with self.room:
                try:
                    while view and self.h2.local_flow_control_window(stream) <= 0:
                        if self.ended or not self.room.wait(net.PATIENCE_S * 4):
                            raise Gone
                    room = min(self.h2.local_flow_control_window(stream),
                               self.h2.max_outbound_frame_size) if view else 0
                    piece, view = view[:room], view[room:]
                    self.h2.send_data(stream, bytes(piece), end_stream=end and not view)
                except (h2.exceptions.StreamClosedError, h2.exceptions.ProtocolError):
                    raise Gone from None
                self.flush()
            if not view:
                return

    def receive(self):
        """Waits outside the lock and reads within: a TLS socket takes one call at a time."""
        watch = select.poll()
        watch.register(self.sock, select.POLLIN)
        while True:
            if not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
                watch.poll()
            with self.room:
                self.sock.settimeout(0)
                try:
                    return self.sock.recv(65536)
                except (BlockingIOError, ssl.SSLWantReadError):
                    continue
                except OSError:
                    return b""
                finally:
                    self.sock.settimeout(net.PATIENCE_S)

    def run(self):
        with self.room:
            self.h2.initiate_connection()
            self.flush()
        while True:
            data = self.receive()
            if not data:
                break
            with self.room:
                try:
                    events = self.h2.receive_data(data)
                except h2.exceptions.ProtocolError as error:
                    self.origin.errors.append(error)
                    self.flush()
                    break
                for event in events:
                    self.on_event(event)
                self.flush()
                self.room.notify_all()
        with self.room:
            self.ended = True
            for exchange in self.streams.values():
                if exchange.reset is None:
                    exchange.reset = -1
                exchange.pieces.put(None)
            self.room.notify_all()

    def on_event(self, event):
        stream = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.RequestReceived):
            exchange = self.streams[stream] = Exchange(self, stream, event.headers)
            self.origin.record(exchange)
            threading.Thread(target=self.origin.play, args=(exchange,), daemon=True).start()
        elif isinstance(event, h2.events.DataReceived):
            if event.data:
                self.streams[stream].pieces.put(event.data)
            if self.origin.window and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
        elif isinstance(event, h2.events.TrailersReceived):
            self.streams[stream].trailers = [(n.decode(), v.decode()) for n, v in event.headers]
        elif isinstance(event, h2.events.StreamEnded):
            self.streams[stream].pieces.put(b"")
        elif isinstance(event, h2.events.StreamReset) and stream in self.streams:
            self.streams[stream].reset = event.error_code
            self.streams[stream].pieces.put(None)
            self.origin.wake()


class H2Origin:
    """Listens on a port of its own, with TLS if `made` (a server's ssl context) is given.

    with H2Origin(script) as origin: ... origin.port, origin.requests, origin.conns
    """

    def __init__(self, script=Exchange.answer, made=None, settings=None, window=True):
        self.script = script
        self.made = made
        self.settings = settings or {}
        self.window = window
        self.conns = []
        self.requests = []
        self.errors = []
        self.changed = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return f"{'https' if self.made else 'h2c'}://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for conn in list(self.conns):
            try:
                conn.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if kind is None:
            assert not self.errors, f"the origin saw: {self.errors[0]!r}"

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.run, args=(sock,), daemon=True).start()

    def run(self, sock):
        if self.made is not None:
            try:
                sock = self.made.wrap_socket(sock, server_side=True)
            except OSError:
                return
        with self.changed:
            conn = OriginConn(self, sock, len(self.conns))
            self.conns.append(conn)
            self.changed.notify_all()
        conn.run()
        sock.close()
        self.wake()

    def record(self, exchange):
        with self.changed:
            self.requests.append(exchange)
            self.changed.notify_all()

    def wake(self):
        with self.changed:
            self.changed.notify_all()

    def play(self, exchange):
        try:
            self.script(exchange)
        except Gone:
            pass
        except AssertionError as error:
            self.errors.append(error)
        self.wake()

    def wait(self, condition, what, patience_s=net.PATIENCE_S):
        with self.changed:
            assert self.changed.wait_for(condition, patience_s), f"after {patience_s} s: {what}"

    def last(self):
        return self.requests[-1]


def server_context(cert, alpn=("h2",), ca=None):
    """A TLS server's context; `ca`: client certificates are required, and checked by it."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(cert.cert, cert.key)
    if alpn:
        made.set_alpn_protocols(list(alpn))
    if ca:
        made.load_verify_locations(ca)
        made.verify_mode = ssl.CERT_REQUIRED
    return made

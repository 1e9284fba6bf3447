# SPDX-License-Identifier: MIT
"""Large bodies: made, sent, received and compared without ever being held whole."""
import random
import threading

from . import net
from .http1 import Cut, Malformed

BLOCK = 1 << 20
PATTERN = random.Random(1).randbytes(BLOCK) * 2
STALL_S = 0.5  # so long without room for a byte means: the other side has stopped reading


def check(offset, data):
    """Does `data` stand at `offset` of the endless pattern?"""
    done = 0
    while done < len(data):
        at = (offset + done) % BLOCK
        n = min(BLOCK, len(data) - done)
        assert data[done:done + n] == PATTERN[at:at + n], f"wrong bytes at about {offset + done}"
        done += n


class Sender:
    """Sends `total` bytes of the pattern; tells when it cannot get rid of any for a while."""

    def __init__(self, sock, total, chunked=False):
        self.sock = sock
        self.total = total
        self.chunked = chunked
        self.sent = 0
        self.changed = threading.Condition()
        self.stalled = False
        self.failure = None

    def put(self, data):
        view = memoryview(data)
        self.sock.settimeout(STALL_S)
        while view:
            try:
                n = self.sock.send(view)
            except TimeoutError:
                self.note(0, True)
                continue
            view = view[n:]
            self.note(n, False)

    def note(self, n, stalled):
        with self.changed:
            self.sent += n
            self.stalled = stalled
            self.changed.notify_all()

    def run(self):
        view = memoryview(PATTERN)
        offset = 0
        try:
            while offset < self.total:
                n = min(BLOCK, self.total - offset)
                at = offset % BLOCK
                if self.chunked:
                    self.put(b"%x\r\n" % n)
                self.put(view[at:at + n])
                if self.chunked:
                    self.put(b"\r\n")
                offset += n
            if self.chunked:
                self.put(b"0\r\n\r\n")
            self.sock.settimeout(net.PATIENCE_S * 4)
        except OSError as error:
            with self.changed:
                self.failure = error
                self.changed.notify_all()

    def start(self):
        thread = threading.Thread(target=self.run, daemon=True)
        thread.start()
        return thread

    def wait_stalled(self):
        with self.changed:
            self.stalled = False
            self.changed.wait_for(lambda: self.stalled or self.failure, net.PATIENCE_S * 2)
            assert self.stalled, f"it never stalls: {self.failure!r} after {self.sent} bytes"
            return self.sent


class Receiver:
    """Takes a body from a Reader piece by piece and compares it with the pattern.

    `pause(offset)` is called after every `step` bytes.
    """

    def __init__(self, reader, step=64 << 20, pause=None):
        self.reader = reader
        self.step = step
        self.pause = pause
        self.offset = 0
        self.next_pause = step

    def take(self, data):
        check(self.offset, data)
        self.offset += len(data)
        if self.pause and self.offset >= self.next_pause:
            self.next_pause = self.offset + self.step
            self.pause(self.offset)

    def exact(self, total):
        end = self.offset + total
        while self.offset < end:
            if not self.reader.buf and not self.reader.fill(BLOCK):
                raise Cut("body", b"", self.reader.was_reset)
            self.take(self.reader.take(min(len(self.reader.buf), end - self.offset)))

    def chunked(self):
        while True:
            line = self.reader.until(b"\r\n", "chunk size")
            size = int(line, 16)
            if size == 0:
                assert self.reader.exact(2, "end") == b"\r\n"
                return
            self.exact(size)
            if self.reader.exact(2, "chunk end") != b"\r\n":
                raise Malformed("chunk data without CRLF")

    def to_end(self):
        while self.reader.fill(BLOCK):
            self.take(self.reader.take(len(self.reader.buf)))
        if self.reader.was_reset:
            raise Cut("body", b"", True)

    def message(self, message):
        if message.head.chunked():
            self.chunked()
        elif message.head.length() is not None:
            self.exact(message.head.length())
        else:
            self.to_end()
        return self.offset


class RssWatch:
    """The largest resident size of a process while the block runs."""

    def __init__(self, pid):
        self.pid = pid
        self.top = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.over.wait(0.02):
            self.look()

    def look(self):
        self.top = max(self.top, net.rss_bytes(self.pid))

    def __enter__(self):
        self.look()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.look()

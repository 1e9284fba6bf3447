# SPDX-License-Identifier: MIT
"""The program under test as a process."""
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import net

ROOT = Path(__file__).resolve().parents[3]
BINARY = str(Path(os.environ.get("JOIST_BIN") or ROOT / "build/release/joist").resolve())

SANITIZER = re.compile(
    r"ERROR: (Address|Leak|Thread|Undefined|Memory)Sanitizer|WARNING: ThreadSanitizer|"
    r"runtime error:|JST_(ASSERT|CHECK|UNREACHABLE)|assertion .*failed", re.I)
BOUND = re.compile(r'^bind = "(unix:/[^"]+|(?:127\.0\.0\.1|\[::1\]):\d+)"', re.M)
STARTS_TRIED = 3


def touch(bound):
    """Connect to what `bind` names, and leave."""
    if bound.startswith("unix:"):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(1)
            sock.connect(bound.removeprefix("unix:"))
        return
    host, _, port = bound.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), 1).close()


class Joist:
    """Runs `joist run FILE` with a configuration given as text, on a port of its own.

    What the text does not name is added: a listener on 127.0.0.1, two threads, no access log.
    `@PORT@` and `@DIR@` in the text stand for the port and the test's folder.

        with Joist(tmp_path, '[[sites]]\\nproxy = "http://127.0.0.1:3000"') as joist:
            fetch(joist.port, "/")
    """

    def __init__(self, folder, config, env=None, arguments=(), expect_exit=0, ready=True):
        self.folder = Path(folder)
        self.config = config
        self.env = env
        self.arguments = arguments
        self.expect_exit = expect_exit
        self.ready = ready
        self.process = None
        self.claim = None
        self.stdout_path = self.folder / "stdout"
        self.stderr_path = self.folder / "stderr"

    # ---- start ---------------------------------------------------------------------------------

    def text(self):
        parts = [self.config]
        if "[server]" not in self.config:
            parts.append("[server]\nthreads = 2\ndrain = \"5s\"")
        if "[log]" not in self.config:
            parts.append("[log]\nlevel = \"info\"\naccess = \"off\"")
        if "[listeners" not in self.config and "[[listeners" not in self.config:
            parts.append("[[listeners]]\nbind = \"127.0.0.1:@PORT@\"")
        text = "\n".join(parts) + "\n"
        return text.replace("@PORT@", str(self.claim.port)).replace("@DIR@", str(self.folder))

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in range(STARTS_TRIED - 1, -1, -1):
            self.claim = net.PortClaim()
            if self.launch():
                return self
            self.claim.release()
            if not left or "in use" not in self.errors():
                break
        raise AssertionError(f"joist did not start (exit code {self.process.returncode}):\n"
                             f"{self.errors()}{self.output()}")

    def launch(self):
        file = self.folder / "joist.toml"
        file.write_text(self.text())
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.process = subprocess.Popen(
                [BINARY, "run", str(file), *self.arguments], stdin=subprocess.DEVNULL, stdout=out,
                stderr=err, cwd=self.folder, env={**os.environ, **(self.env or {})})
        return self.wait_ready() if self.ready else True

    def wait_ready(self):
        """Connects until every listener takes it; False if the process ends."""
        end = time.monotonic() + net.PATIENCE_S
        waiting = BOUND.findall(self.text()) or [f"127.0.0.1:{self.port}"]
        while self.process.poll() is None:
            try:
                while waiting:
                    touch(waiting[-1])
                    waiting.pop()
                return True
            except OSError:
                pass
            if time.monotonic() > end:
                self.kill()
                raise AssertionError(f"joist does not listen:\n{self.errors()}")
            time.sleep(0.005)
        return False

    # ---- look ----------------------------------------------------------------------------------

    @property
    def port(self):
        return self.claim.port

    @property
    def pid(self):
        return self.process.pid

    def errors(self):
        return self.stderr_path.read_text(errors="replace")

    def output(self):
        return self.stdout_path.read_text(errors="replace")

    def rss_bytes(self):
        return net.rss_bytes(self.pid)

    def open_files(self):
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def wait_log(self, needle, patience_s=net.PATIENCE_S):
        """Wait for a text on standard error or output; returns the line."""
        def find():
            for text in (self.errors(), self.output()):
                for line in text[:text.rfind("\n") + 1].splitlines():  # whole ones
                    if needle in line:
                        return line
            return None
        return net.wait_for(find, f"no {needle!r} in:\n{self.errors()}{self.output()}", patience_s)

    def alive(self):
        return self.process.poll() is None

    # ---- end -----------------------------------------------------------------------------------

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, patience_s=net.PATIENCE_S):
        return self.process.wait(patience_s)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def check(self):
        """No sanitizer and no assertion has spoken."""
        found = SANITIZER.search(self.errors())
        assert not found, f"{found.group(0)}:\n{self.errors()}"

    def stop(self, patience_s=net.PATIENCE_S):
        """SIGTERM, wait, and hold it to a clean end."""
        assert self.alive(), f"joist had ended with {self.process.returncode}:\n{self.errors()}"
        self.signal()
        try:
            code = self.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"joist did not end after SIGTERM:\n{self.errors()}") from None
        self.check()
        assert code == self.expect_exit, f"exit code {code}:\n{self.errors()}"

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            if kind is not None:
                self.kill()
                self.check()
            elif self.process.returncode is None:
                self.stop()
            else:
                self.check()
        finally:
            self.kill()
            self.claim.release()

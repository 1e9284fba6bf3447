# SPDX-License-Identifier: MIT
"""joist with a terminal, as by hand."""
import os
import pty
import select
import subprocess
import time

from . import net


class Terminal:
    """Runs a command; `on` says which of stdin, stdout and stderr are the terminal."""

    def __init__(self, command, folder, env, on=("stderr",)):
        self.master, slave = pty.openpty()
        streams = {name: slave if name in on else subprocess.DEVNULL
                   for name in ("stdin", "stdout", "stderr")}
        self.process = subprocess.Popen(command, cwd=folder, env=env, **streams)
        os.close(slave)
        self.text = ""

    def read_until(self, needle):
        end = time.monotonic() + net.PATIENCE_S
        while needle not in self.text:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {needle!r} in {self.text!r}"
            try:
                got = os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                got = ""
            assert got, f"ended without {needle!r}: {self.text!r}"
            self.text += got.replace("\r\n", "\n")
        return self.text

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

# SPDX-License-Identifier: MIT
"""nginx as an origin: own prefix, own port, in the foreground, ended by its PID."""
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from . import net
from .server import ROOT


def find():
    """Its path, or None: installed, or unpacked by tools/deps.sh."""
    extra = ""
    try:
        extra = subprocess.run([ROOT / "tools/deps.sh", "peers-path"], text=True, check=True,
                               capture_output=True).stdout.strip().splitlines()[-1]
    except (OSError, IndexError, subprocess.CalledProcessError):
        pass
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:{extra}")


class Nginx:
    """`server` is what goes inside the server block, besides `listen`."""

    def __init__(self, folder, server):
        self.folder = Path(folder)
        self.server = server
        self.process = None
        self.claim = None

    def __enter__(self):
        self.claim = net.PortClaim()
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        conf = self.folder / "nginx.conf"
        user = "user root;" if os.getuid() == 0 else ""
        paths = "".join(f"{kind}_temp_path {self.folder}/tmp-{kind};" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf.write_text(
            f"daemon off; worker_processes 1; pid {self.folder}/nginx.pid; {user}\n"
            f"error_log {self.folder}/logs/error.log;\n"
            "events { worker_connections 512; }\n"
            f"http {{ access_log off; {paths} client_max_body_size 0;\n"
            f"server {{ listen 127.0.0.1:{self.claim.port};\n{self.server}\n}} }}\n")
        self.process = subprocess.Popen(
            [find(), "-p", self.folder, "-c", conf], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(self.folder / "stderr", "wb"))
        end = time.monotonic() + net.PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.claim.port), 1).close()
                return self
            except OSError:
                assert self.process.poll() is None, (self.folder / "stderr").read_text()
                assert time.monotonic() < end, "nginx does not listen"
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
    def url(self):
        return f"http://127.0.0.1:{self.claim.port}"

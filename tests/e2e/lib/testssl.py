# SPDX-License-Identifier: MIT
"""testssl.sh as a process beside the other tests: it takes a minute, and mostly waits."""
import json
import shutil
import subprocess

from . import net, tls
from .server import Joist

PARTS = {
    "configuration": ("-p", "-s", "-S", "-P"),
    "secrecy": ("-f", "-4"),
    "attacks": ("-H", "-I", "-T", "-BB", "-R", "-C", "-O", "-Z", "-W", "-A", "-L", "-F", "-J", "-D"),
}


class Scan:
    """Starts a server and looks at it, part by part, at once; asks nobody but the server."""

    def __init__(self, folder, pki):
        self.folder = folder
        self.pki = pki
        self.joist = Joist(folder, tls.listener(pki.site("localhost", "127.0.0.1")) +
                           '[[sites]]\nrespond = "x"\n')
        self.running = {}

    def start(self, program, part):
        self.running[part] = subprocess.Popen(
            [program, "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--ip",
             "127.0.0.1", "--add-ca", self.pki.ca, "--connect-timeout", "20", "--openssl-timeout",
             "20", "--jsonfile", self.folder / f"{part}.json", *PARTS[part],
             f"localhost:{self.joist.port}"], cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=open(self.folder / f"{part}.text", "wb"), stderr=subprocess.STDOUT)

    def __enter__(self):
        program = shutil.which("testssl") or shutil.which("testssl.sh")
        if program:
            self.joist.start()
            for part in PARTS:
                self.start(program, part)
        return self

    def report(self, part):
        """What was found, when it is over."""
        assert part in self.running, "testssl.sh is not installed: tools/deps.sh test"
        self.running[part].wait(240 * net.SLOW)
        said = (self.folder / f"{part}.text").read_text(errors="replace")
        file = self.folder / f"{part}.json"
        assert file.exists(), said
        found = json.loads(file.read_text())
        assert len(found) > 5, said
        return found

    def __exit__(self, *_):
        for process in self.running.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        if self.running:
            self.joist.__exit__(None, None, None)

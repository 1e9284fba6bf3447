# SPDX-License-Identifier: MIT
"""joist WHAT: the program started without a configuration, in a state folder and perhaps a network of
its own."""
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from . import net
from .server import BINARY, SANITIZER

# A network namespace: ports 80 and 443 of its own, and nobody else in it.
NETWORK = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all",
          "--bounding-set=-all"]


def networks_work():
    return (os.geteuid() == 0 and shutil.which("unshare") and shutil.which("nsenter") and
            subprocess.run([*NETWORK, "true"], capture_output=True, check=False).returncode == 0)


needs_network = pytest.mark.skipif(not networks_work(),
                                   reason="network namespaces need root and unshare")


def environment(folder, extra=None):
    """HOME and the state folder below `folder`; nothing of the tester's own."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    env.update({"HOME": str(folder), "JOIST_STATE_DIR": str(Path(folder) / "state"),
                **(extra or {})})
    return {name: value for name, value in env.items() if value is not None}


def joist(folder, *arguments, env=None):
    """Run to the end, which must be soon."""
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True,
                          cwd=folder, env=environment(folder, env), timeout=net.PATIENCE_S,
                          check=False, stdin=subprocess.DEVNULL)


class What:
    """`joist ARGUMENTS`, without a terminal, until the block ends.

    `network` puts it into a network of its own, `before` is put before the command there.
    """

    def __init__(self, folder, *arguments, env=None, network=False, before=()):
        self.folder = Path(folder)
        self.arguments = [str(a) for a in arguments]
        self.env = environment(folder, env)
        self.network = network
        self.redirects = "--no-redirect-http" not in self.arguments
        self.before = [*(NETWORK if network else ()), *before]
        self.out = self.folder / "out.log"
        self.err = self.folder / "err.log"

    def __enter__(self):
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen([*self.before, BINARY, *self.arguments],
                                            cwd=self.folder, env=self.env, stdout=out, stderr=err,
                                            stdin=subprocess.DEVNULL)
        try:
            self.wait_listening()
        except AssertionError:
            self.kill()
            raise
        return self

    def wait_listening(self):
        def listening():
            assert self.process.poll() is None, f"it ended:\n{self.errors()}"
            # The logs of engine and program are two threads' and come in any order.
            wanted = ["http"] if "http:" in " ".join(self.arguments) else ["CERTIFICATE", "https"]
            wanted += ["http"] if self.redirects else []
            return all(re.search(rf" (LISTENING listener=)?{name} .*\n", self.errors())
                       for name in wanted)
        net.wait_for(listening, "it does not listen")

    def __exit__(self, kind, *_):
        if kind is not None or self.process.poll() is not None:
            self.kill()
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(net.PATIENCE_S)
        finally:
            self.kill()
        assert not SANITIZER.search(self.errors()), self.errors()
        assert code == 0, self.errors()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def errors(self):
        return self.err.read_text(errors="replace")

    def addresses(self):
        """{"https": ["127.0.0.1:5000", ...], "http": [...]}, as the log says them."""
        found = {"https": [], "http": []}
        for name, address in re.findall(r" LISTENING listener=(https?) addr=(\S+)", self.errors()):
            found[name].append(address)
        return found

    def port(self, name="https"):
        return int(self.addresses()[name][0].rpartition(":")[2])

    @property
    def certificate(self):
        return self.folder / "state" / "self-signed.pem"

    def curl(self, url, *options):
        """Head and body of the answer. `{https}` and `{http}` in the URL stand for the ports."""
        for name in ("https", "http"):
            if f"{{{name}}}" in url:
                url = url.replace(f"{{{name}}}", str(self.port(name)))
        enter = ["nsenter", "-t", str(self.process.pid), "-n"] if self.network else []
        done = subprocess.run([*enter, "curl", "-sS", "-i", "--noproxy", "*", "--max-time",
                               str(net.PATIENCE_S), *options, url], capture_output=True, text=True,
                              timeout=net.PATIENCE_S + 5, check=False)
        assert done.returncode == 0, f"{done.stderr}\n{self.errors()}"
        head, _, body = done.stdout.partition("\n\n")
        return head, body

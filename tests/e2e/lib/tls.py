# SPDX-License-Identifier: MIT
"""TLS clients of the tests: the prefix's own (tests/tools), Python's, openssl and curl."""
import base64
import json
import os
import ssl
import subprocess
from pathlib import Path

from . import net
from .client import Client, request_bytes
from .http1 import Head, Response
from .origin import Origin
from .server import BINARY

BUILD = Path(os.environ.get("JOIST_BUILD") or Path(BINARY).parent)
TOOL = BUILD / "tests/tools/tls_client"
POST_QUANTUM = "X25519MLKEM768"
UNRECOGNIZED_NAME = 112  # RFC 6066 3
BAD_CERTIFICATE, UNKNOWN_CA, CERTIFICATE_REQUIRED = 42, 48, 116  # RFC 8446 6.2
PROTOCOL_VERSION, HANDSHAKE_FAILURE, NO_APPLICATION_PROTOCOL = 70, 40, 120


def listener(cert, tls="", alpn=None, listen=""):
    """A [[listeners]] table with TLS, and nothing after it that could belong to another."""
    protocols = f"alpn = {json.dumps(alpn)}\n" if alpn else ""
    return (f'[[listeners]]\nbind = "127.0.0.1:@PORT@"\n{protocols}{listen}\n'
            f"[listeners.tls]\n{cert.toml() if cert else ''}\n{tls}\n")


# ---- the client of the prefix ------------------------------------------------------------------

class Told:
    """What tls_client said: facts by event, and the server's bytes."""

    def __init__(self, code, errors, body):
        self.code = code
        self.errors = errors
        self.body = body
        self.events = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]

    def all(self, event):
        return [e for e in self.events if e["event"] == event]

    @property
    def hello(self):
        """The handshake; it must have come to its end."""
        found = self.all("handshake")
        assert found, f"no handshake: {self.errors}"
        return found[0]

    @property
    def failed(self):
        return bool(self.all("failed"))

    @property
    def alerts(self):
        """Codes, without close_notify."""
        return [e["code"] for e in self.all("alert") if e["code"] != 0]

    @property
    def tickets(self):
        return self.all("ticket")

    @property
    def response(self):
        """Of a request that said Connection: close."""
        at = self.body.find(b"\r\n\r\n")
        assert at > 0, f"no response: {self.body[:300]!r} {self.errors}"
        response = Response(Head(self.body[:at + 4]))
        response.body = self.body[at + 4:]
        return response

    @property
    def retry_configs(self):
        for e in self.events:
            if e.get("ech_retry"):
                return base64.b64decode(e["ech_retry"])
        return None


def command(port, options):
    assert TOOL.exists(), f"{TOOL} is not built: ninja program"
    words = [str(TOOL), f"127.0.0.1:{port}"]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            words.append(flag)
        elif value not in (None, False):
            words += [flag, str(value)]
    return words


def ask(port, request=None, **options):
    """Connect with tls_client, send `request` (a GET that ends the connection), read to the end.

    Options are its flags: sni="a.test", groups="X25519", session_out=path, early=True, …
    """
    host = options.get("sni") or "127.0.0.1"
    if request is None:
        request = get(host=host)
    done = subprocess.run(command(port, options), input=request, capture_output=True, check=False,
                          timeout=net.PATIENCE_S)
    return Told(done.returncode, done.stderr.decode(errors="replace"), done.stdout)


def get(target="/", host="127.0.0.1", fields=(), method="GET", body=None):
    return request_bytes(method, target, ("Connection: close", *fields), body, host)


# ---- Python's ----------------------------------------------------------------------------------

def context(ca=None, alpn=None, cert=None, version=None):
    """A client's context; `ca` None does not verify."""
    made = ssl.create_default_context(cafile=str(ca) if ca else None)
    if ca is None:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if alpn:
        made.set_alpn_protocols(list(alpn))
    if cert:
        made.load_cert_chain(cert.cert, cert.key)
    if version:
        made.minimum_version = made.maximum_version = version
    return made


class TlsClient(Client):
    """The raw client of lib/client.py over TLS."""

    def __init__(self, port, sni=None, made=None, **options):
        super().__init__(port, **options)
        made = made or context()
        try:
            self.sock = made.wrap_socket(self.sock, server_hostname=sni)
        except OSError:
            self.sock.close()
            raise
        self.reader.sock = self.sock


def fetch(port, target="/", sni=None, host=None, made=None, fields=(), method="GET", body=None):
    with TlsClient(port, sni, made) as client:
        client.request(method, target, ("Connection: close", *fields), body,
                       host or sni or "127.0.0.1")
        return client.response(method)


# ---- an origin ---------------------------------------------------------------------------------

class TlsOrigin(Origin):
    """The scripted origin of lib/origin.py behind TLS; `made` is a server's ssl context.

    `handshakes` holds what each one agreed on, or the exception that it ended with.
    """

    def __init__(self, script, made, **options):
        self.made = made
        self.handshakes = []
        self.names = []  # the client's SNI, None: none
        made.sni_callback = lambda sock, name, _: self.names.append(name)
        super().__init__(script, **options)

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def run(self, conn):
        try:
            conn.sock = self.made.wrap_socket(conn.sock, server_side=True)
        except OSError as error:
            self.note(error)
            with self.changed:
                conn.ended = True
                self.changed.notify_all()
            return
        conn.reader.sock = conn.sock
        self.note({"resumed": conn.sock.session_reused, "version": conn.sock.version(),
                   "alpn": conn.sock.selected_alpn_protocol(), "peer": conn.sock.getpeercert()})
        super().run(conn)

    def note(self, what):
        with self.changed:
            self.handshakes.append(what)
            self.changed.notify_all()


# ---- openssl and curl --------------------------------------------------------------------------

def openssl_client(port, *arguments, send=b""):
    """`openssl s_client`: all that it printed."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments],
                          input=send, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          timeout=net.PATIENCE_S)
    return done.stdout.decode(errors="replace")


def curl(*arguments, **options):
    """Quiet but for errors, bounded, without the user's configuration or a proxy."""
    return subprocess.run(["curl", "-q", "-sS", "--noproxy", "*", "--max-time",
                           str(int(net.PATIENCE_S * 2)), *map(str, arguments)],
                          capture_output=True, check=False, **options)


def curl_at(port, host, *arguments, target="/", **options):
    """curl to https://HOST:PORT with HOST pinned to the loopback address."""
    return curl("--connect-to", f"{host}:{port}:127.0.0.1:{port}", *arguments,
                f"https://{host}:{port}{target}", **options)

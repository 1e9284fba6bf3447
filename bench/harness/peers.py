# SPDX-License-Identifier: MIT
"""
The programs that are compared: how each is found, asked its version, configured and started.

Settings: bench/peers/*; why each stands there: docs/benchmarks.md.
"""

import copy
import os
import re
import resource
import shutil
import subprocess

from . import net
from .procs import wait_until

READY_S = 10.0
FDS_SPARE = 64  # files that a proxy needs besides its connections
BODY_SMALL = b"0123456789abcdef" * 8
BODY_1K = b"0123456789abcde\n" * 64
BODY_100K = b"0123456789abcde\n" * 6400
PATH_SMALL, PATH_1K, PATH_100K = "/small", "/1k.txt", "/100k.txt"
BODIES = {PATH_SMALL: BODY_SMALL, PATH_1K: BODY_1K, PATH_100K: BODY_100K}

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TEMPLATES = os.path.join(ROOT, "bench", "peers")


class PeerError(RuntimeError):
    """It could not be started or answered wrongly; the text says how."""


# As it comes: Debian's own nginx.conf has these two lines, and all else at its default.
PLAIN = {"NGINX_BUFFERS": "", "NGINX_SEND": "sendfile on; tcp_nopush on;", "HAPROXY_OPTIONS": ""}

# Without TLS, and with: HTTP/2 is offered in the rows that measure it.
NO_TLS = {"NGINX_LISTEN": "", "NGINX_TLS": "", "HAPROXY_BIND": "", "CADDY_SCHEME": "http", "CADDY_PROTOCOLS": "h1",
          "CADDY_TLS": "", "JOIST_TLS": ""}


def tls_settings(work, tls):
    """What the templates get for a row: `tls` is "", "h1" or "h2"."""
    if not tls:
        return NO_TLS
    cert, key, both = (os.path.join(work, name) for name in ("cert.pem", "key.pem", "both.pem"))
    h2 = tls == "h2"
    alpn = '["h2", "http/1.1"]' if h2 else '["http/1.1"]'
    return {
        "NGINX_LISTEN": " ssl http2" if h2 else " ssl",
        "NGINX_TLS": f"ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;",
        "HAPROXY_BIND": f" ssl crt {both} alpn {'h2,' if h2 else ''}http/1.1",
        "CADDY_SCHEME": "https",
        "CADDY_PROTOCOLS": "h1 h2" if h2 else "h1",
        "CADDY_TLS": f"tls {cert} {key}",
        "JOIST_TLS": f'alpn = {alpn}\n[listeners.tls]\ncert = "{cert}"\nkey = "{key}"',
    }


def make_cert(work, name="localhost", cert=None, key=None):
    """A self-signed ECDSA P-256 certificate; for everyone, if no files are named."""
    both = os.path.join(work, "both.pem") if cert is None else None
    cert, key = cert or os.path.join(work, "cert.pem"), key or os.path.join(work, "key.pem")
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-keyout", key, "-out", cert, "-subj", f"/CN={name}", "-addext",
         f"subjectAltName=DNS:{name},IP:127.0.0.1"], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise PeerError("openssl req: " + done.stderr[-300:])
    if both is None:
        return
    with open(both, "w", encoding="ascii") as out:
        for part in (cert, key):
            with open(part, encoding="ascii") as f:
                out.write(f.read())


class Peer:
    """
    One program. `templates` maps a mode ("proxy", "static") to its configuration in bench/peers; a mode that is
    missing there is one that it does not have. `argv` gets {program}, {conf}, {work}, {port}, {origin}.
    """

    def __init__(self, name, program, argv, templates, version_argv=None, env=None, floor=False, package=None):
        self.name = name
        self.tuned_rows = None  # for a tuned variant: {row: settings}, the only rows that it takes part in
        self.program = program
        self.argv = argv
        self.templates = templates
        self.version_argv = version_argv
        self.env = env or {}
        self.floor = floor  # parses nothing: shown, but never "the best peer"
        self.package = package or name

    def missing(self):
        """Why it cannot run here, or None."""
        if self.program is None or shutil.which(self.program) is None:
            return f"not installed (package {self.package})"
        return None

    def version(self):
        if self.version_argv is None:
            return None
        done = subprocess.run(
            [self.program, *self.version_argv], capture_output=True, text=True, timeout=20, check=False
        )
        first = (done.stdout + done.stderr).strip().splitlines()
        return first[0].strip() if first else None

    def has(self, row):
        if self.floor and row.tls:
            return False
        return row.mode in self.templates and (self.tuned_rows is None or row.id in self.tuned_rows)

    def settings(self, row, work):
        """What its template is filled with besides the common values."""
        return {**PLAIN, **tls_settings(work, row.tls), **(self.tuned_rows or {}).get(row.id, {})}

    def tuned(self, rows):
        """A second entry of the same program, with other settings in the rows where that makes it cheaper."""
        twin = copy.copy(self)
        twin.name = f"{self.name}-tuned"
        twin.tuned_rows = rows
        return twin


class Joist(Peer):
    """Us: the release build of this tree, or what JOIST_BIN names."""

    def __init__(self):
        program = os.environ.get("JOIST_BIN", os.path.join(ROOT, "build", "release", "joist"))
        super().__init__(
            "joist",
            os.path.abspath(program),
            ["{program}", "run", "{conf}"],
            {"proxy": "joist-proxy.toml", "static": "joist-static.toml"},
            ["version"],
        )

    def missing(self):
        if not os.access(self.program, os.X_OK):
            return f"not built: {os.path.relpath(self.program, ROOT)} is missing (make)"
        return None


class Floor(Peer):
    """A program of bench/ that parses nothing, compiled when first asked for."""

    def __init__(self, work, name, program, argv, mode):
        super().__init__(name, os.path.join(work, program), argv, {mode: None}, floor=True)
        self.source = os.path.join(ROOT, "bench", f"{program}.c")
        self.failed = None

    def version(self):
        return f"{os.path.relpath(self.source, ROOT)}, built here"

    def missing(self):
        if self.failed is None and not os.path.exists(self.program):
            compiler = shutil.which("cc")
            if compiler is None:
                self.failed = "no C compiler (cc)"
            else:
                done = subprocess.run([compiler, "-O2", "-w", "-o", self.program, self.source], capture_output=True,
                                      text=True, timeout=60, check=False)
                self.failed = None if done.returncode == 0 else "does not compile: " + done.stderr[-200:]
        return self.failed


class Wrapped(Peer):
    """`peer` started by another program, such as valgrind."""

    def __init__(self, peer, before):
        super().__init__(peer.name, peer.program, [*before, *peer.argv], peer.templates, env=peer.env, floor=peer.floor)
        self.tuned_rows = peer.tuned_rows

    def missing(self):
        """The caller has seen to `peer` itself."""
        return None


def all_peers(work):
    """Everyone we know of, in the order in which a round asks them; Joist is last."""
    nginx = Peer("nginx", "nginx", ["{program}", "-p", "{work}", "-e", "{work}/nginx-start.log", "-c", "{conf}"],
             {"proxy": "nginx-proxy.conf", "static": "nginx-static.conf"}, ["-v"])
    haproxy = Peer("haproxy", "haproxy", ["{program}", "-db", "-f", "{conf}"], {"proxy": "haproxy-proxy.cfg"}, ["-v"])
    caddy = Peer("caddy", "caddy", ["{program}", "run", "--adapter", "caddyfile", "--config", "{conf}"],
             {"proxy": "caddy-proxy.caddyfile", "static": "caddy-static.caddyfile"}, ["version"],
             env={"GOMAXPROCS": "1", "XDG_DATA_HOME": os.path.join(work, "caddy"),
                  "XDG_CONFIG_HOME": os.path.join(work, "caddy")})
    relay = Floor(work, "relay", "relay_epoll", ["{program}", "{port}", "{origin}"], "proxy")
    answer = Floor(work, "answer", "answer_epoll", ["{program}", "{port}", "{work}/www" + PATH_1K], "static")
    nginx_tuned = nginx.tuned({
        "proxy-100k": {"NGINX_BUFFERS": "proxy_buffer_size 64k; proxy_buffers 4 64k; proxy_busy_buffers_size 128k;"},
        "static-1k": {"NGINX_SEND": "sendfile off;"},
    })
    haproxy_tuned = haproxy.tuned({"proxy-100k": {"HAPROXY_OPTIONS": "option splice-response"}})
    return [nginx, nginx_tuned, haproxy, haproxy_tuned, caddy, relay, answer, Joist()]


def fill(template, values, target):
    """Write `template` from bench/peers to `target` with each @NAME@ replaced."""
    with open(os.path.join(TEMPLATES, template), encoding="utf-8") as f:
        text = f.read()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    left = re.search(r"@[A-Z0-9_]+@", text)
    if left is not None:
        raise PeerError(f"{template}: nothing to put for {left.group(0)}")
    with open(target, "w", encoding="utf-8") as f:
        f.write(text)


def write_files(work):
    """The files that origin and static servers give out."""
    www = os.path.join(work, "www")
    os.makedirs(www, exist_ok=True)
    for path, body in BODIES.items():
        if path != PATH_SMALL:
            with open(os.path.join(www, path.lstrip("/")), "wb") as f:
                f.write(body)
    if shutil.which("openssl") is not None:
        make_cert(work)


def common_values(work):
    """What every template may ask for."""
    nofile = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return {
        "WORK": work,
        "NOFILE": nofile,
        "CONNS_MAX": nofile - FDS_SPARE,
        # nginx as root would give its worker to a user who may not read our folder
        "USER": "user root;" if os.geteuid() == 0 else "",
    }


def start_origin(procs, work, cpu, ports):
    """The origin, listening on every port of `ports`."""
    if shutil.which("nginx") is None:
        raise PeerError("the origin is nginx, and nginx is not installed")
    conf = os.path.join(work, "origin.conf")
    listen = "\n".join(f"        listen 127.0.0.1:{p} backlog=16384;" for p in ports)
    fill("origin.conf", {**common_values(work), "LISTEN": listen,
                         "BODY128": BODY_SMALL.decode("ascii")}, conf)
    argv = ["nginx", "-p", work, "-e", os.path.join(work, "origin-start.log"), "-c", conf]
    proc = procs.start("origin", argv, cpu)
    wait_answer(proc, ports[0], PATH_SMALL)
    return proc


def start_peer(procs, peer, work, cpu, row, port, origin_port):
    """Start `peer` for `row`; the caller then checks with `wait_answer` that it serves the right bytes."""
    template = peer.templates[row.mode]
    conf = os.path.join(work, f"{peer.name}-{row.mode}{os.path.splitext(template or '')[1]}")
    if template is not None:
        values = {**common_values(work), "PORT": port, "ORIGIN": origin_port, "NAME": peer.name, **peer.settings(row, work)}
        fill(template, values, conf)
    words = {"program": peer.program, "conf": conf, "work": work, "port": port, "origin": origin_port}
    argv = [word.format(**words) for word in peer.argv]
    return procs.start(peer.name, argv, cpu, peer.env)


def wait_answer(proc, port, path, tls=False):
    """Wait until `path` is answered with exactly its bytes; else stop waiting and say why."""
    last = ["no answer"]

    def answers():
        if not proc.is_alive():
            last[0] = f"ended with status {proc.popen.returncode}"
            return True
        try:
            status, _, body = net.fetch(port, path, tls)
        except (OSError, RuntimeError, ValueError) as e:
            last[0] = str(e)
            return False
        last[0] = None if status == 200 and body == BODIES[path] else f"status {status}, {len(body)} bytes"
        return last[0] is None

    wait_until(answers, READY_S)
    if last[0] is not None:
        tail = proc.log_tail()
        raise PeerError(f"{proc.name}: {last[0]}" + (f"; it said: {tail}" if tail else ""))

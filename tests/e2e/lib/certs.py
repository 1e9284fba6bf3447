# SPDX-License-Identifier: MIT
"""A certificate authority of the tests, and every kind of certificate that they need.

All is made with the `openssl` command, once a session (the fixture `pki` of conftest.py); each
certificate on its first use.
"""
import datetime
import secrets
import subprocess
from pathlib import Path

CONFIG = """
[ca]
default_ca = authority
[authority]
database = index.txt
serial = serial
new_certs_dir = issued
default_md = sha256
policy = policy
unique_subject = no
[policy]
organizationName = optional
commonName = optional
[req]
distinguished_name = name
[name]
"""
KEYS = {
    "ec": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "rsa": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    "ed25519": ("-algorithm", "ED25519"),
}


def run(folder, *arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], cwd=folder, text=True, check=False,
                          capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"openssl {arguments}: {done.stderr}"
    return done.stdout


def stamp(days):
    """`days` from now, as `openssl ca` takes it."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return when.strftime("%Y%m%d%H%M%SZ")


class Cert:
    """Paths: `cert` (with its chain, leaf first), `leaf` (alone), `key`."""

    def __init__(self, folder, name):
        self.name = name
        self.folder = folder
        self.cert = folder / f"{name}.pem"
        self.leaf = folder / f"{name}.leaf.pem"
        self.key = folder / f"{name}.key"

    def toml(self):
        return f'cert = "{self.cert}"\nkey = "{self.key}"'

    def inline(self):
        return f'{{ cert = "{self.cert}", key = "{self.key}" }}'

    def fingerprint(self):
        """SHA-256 of the certificate, hexadecimal, lower case."""
        text = run(self.folder, "x509", "-in", self.leaf, "-noout", "-fingerprint", "-sha256")
        return text.strip().rpartition("=")[2].replace(":", "").lower()


class Authority:
    """`ca` is its certificate. `issue()` signs whatever is asked for."""

    def __init__(self, folder, name="root", parent=None):
        self.folder = Path(folder) / name
        self.parent = parent
        (self.folder / "issued").mkdir(parents=True)
        (self.folder / "index.txt").touch()
        # One of many, as RFC 5280 4.1.2.2 wants serial numbers to be.
        (self.folder / "serial").write_text(f"5{secrets.token_hex(15)}1\n")
        (self.folder / "ca.cnf").write_text(CONFIG)
        self.made = {}
        self.name = name
        if parent is None:
            self.key = self.folder / "ca.key"
            self.ca = self.folder / "ca.pem"
            self.make_key(self.key, "ec")
            run(self.folder, "req", "-x509", "-new", "-key", self.key, "-out", self.ca, "-days", 30,
                "-subj", f"/O=Joist tests/CN={name} authority", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign,digitalSignature")
            self.chain = ""
        else:
            own = parent.issue(name, hosts=(), usage="ca")
            self.key, self.ca = own.key, own.leaf
            self.chain = own.leaf.read_text()

    def make_key(self, path, kind):
        if not path.exists():
            run(self.folder, "genpkey", *KEYS[kind], "-out", path)

    @staticmethod
    def extensions(hosts, usage, responder):
        if usage == "ca":
            return "basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign,cRLSign\n"
        lines = ["basicConstraints = critical,CA:FALSE",
                 "keyUsage = critical,digitalSignature",
                 f"extendedKeyUsage = {usage}Auth",
                 "subjectKeyIdentifier = hash", "authorityKeyIdentifier = keyid"]
        if hosts:
            lines.append("subjectAltName = " + ",".join(
                ("IP:" if host.replace(".", "").isdigit() or ":" in host else "DNS:") + host
                for host in hosts))
        if responder:
            lines.append(f"authorityInfoAccess = OCSP;URI:{responder}")
        return "\n".join(lines) + "\n"

    def issue(self, name, hosts=None, key="ec", days=(-1, 20), usage="server", subject=None,
              responder=None):
        """The certificate `name`, made once. `hosts` None: the name itself; `days` from now."""
        if name in self.made:
            return self.made[name]
        cert = Cert(self.folder, name.replace("*", "any"))
        hosts = (name,) if hosts is None else hosts
        self.make_key(cert.key, key)
        extensions = self.folder / f"{cert.name}.ext"
        extensions.write_text(self.extensions(hosts, usage, responder))
        request = self.folder / f"{cert.name}.csr"
        run(self.folder, "req", "-new", "-config", "ca.cnf", "-key", cert.key, "-out", request,
            "-subj", subject or f"/O=Joist tests/CN={name}")
        run(self.folder, "ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", self.ca,
            "-keyfile", self.key, "-in", request, "-out", cert.leaf, "-extfile", extensions,
            "-startdate", stamp(days[0]), "-enddate", stamp(days[1]))
        cert.cert.write_text(cert.leaf.read_text() + self.chain)
        self.made[name] = cert
        return cert

    def self_signed(self, name, hosts=None):
        if name in self.made:
            return self.made[name]
        cert = Cert(self.folder, name)
        self.make_key(cert.key, "ec")
        names = ",".join(f"DNS:{host}" for host in hosts or (name,))
        run(self.folder, "req", "-x509", "-new", "-key", cert.key, "-out", cert.cert, "-days", 20,
            "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}")
        cert.leaf.write_text(cert.cert.read_text())
        self.made[name] = cert
        return cert

    def ocsp(self, cert, status="good"):
        """A DER file: our answer about `cert`, good for some days."""
        path = self.folder / f"{cert.name}.{status}.ocsp"
        if not path.exists():
            request = self.folder / f"{cert.name}.ocspreq"
            run(self.folder, "ocsp", "-issuer", self.ca, "-cert", cert.leaf, "-no_nonce", "-reqout",
                request)
            run(self.folder, "ocsp", "-index", "index.txt", "-rsigner", self.ca, "-rkey", self.key,
                "-CA", self.ca, "-reqin", request, "-respout", path, "-ndays", 5)
        return path


class Pki:
    """What most tests need, by name: `pki.site("a.test")`, `pki.client("alice")`, …"""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.root = Authority(folder)
        self.parts = {}

    @property
    def ca(self):
        return self.root.ca

    def authority(self, name, parent=None):
        """Another one: of its own ("other"), or below the root."""
        if name not in self.parts:
            self.parts[name] = Authority(self.folder, name, parent)
        return self.parts[name]

    @property
    def intermediate(self):
        return self.authority("intermediate", self.root)

    def site(self, *hosts, key="ec", **options):
        """A good certificate for these names."""
        name = hosts[0] if key == "ec" else f"{hosts[0]}-{key}"
        return self.root.issue(name, hosts=hosts, key=key, **options)

    def client(self, name, authority=None):
        return (authority or self.root).issue(
            f"client-{name}", hosts=(), usage="client", subject=f"/O=Joist tests/CN={name}")

    def expired(self, host):
        return self.root.issue(f"expired-{host}", hosts=(host,), days=(-20, -2))

    def not_yet_valid(self, host):
        return self.root.issue(f"future-{host}", hosts=(host,), days=(2, 20))

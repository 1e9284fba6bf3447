# SPDX-License-Identifier: MIT
"""joist config schema, show, and the reference page: all from the table that validates."""
import json
import subprocess
import tomllib
from pathlib import Path

import jsonschema
import pytest

from lib import net
from lib.server import BINARY, ROOT

EXAMPLES = sorted((ROOT / "examples").glob("**/*.toml"))
MAIN_FILES = sorted((ROOT / "examples").glob("*/joist.toml"))
PAGE = ROOT / "docs" / "configuration.md"


def joist(*arguments, **options):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, check=False,
                          timeout=net.PATIENCE_S, stdin=subprocess.DEVNULL, **options)


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(joist("config", "schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_there_are_examples():
    assert len(MAIN_FILES) >= 4


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_fit_the_schema(validator, path):
    validator.validate(tomllib.loads(path.read_text()))


@pytest.mark.parametrize("path", MAIN_FILES, ids=lambda path: path.parent.name)
def test_examples_are_good(path):
    done = joist("config", "validate", str(path))
    assert done.returncode == 0, done.stderr


GOOD = [
    '[server]\nthreads = "${N:2}"\nvia = "${V}"\ndrain = 0',
    '[limits]\nbody_bytes = 5\nheader_bytes = "16KiB"',
    '[listeners]\nbind = ":1"',
    '[[sites]]\nroot = "."\nspa = false\ntry_files = ["$path"]',
    '[upstreams.x]\ntargets = ["http://a", { url = "http://b", weight = 2 }]',
    '[log]\naccess = "json"',
    '[listeners]\nbind = ":1"\nalpn = ["h2", "${P:http/1.1}"]\n[listeners.tls]\ncert = "c"\n'
    'key = "k"\nmin_version = "1.3"\ngroups = ["X25519"]\nunknown_sni = "reject"\n'
    'client_auth = { ca = "c", mode = "request" }\nearly_data = true',
    '[listeners.tls]\ncert = ["c", "d"]\nkey = ["k", "l"]\nocsp = ["o", "p"]\n[listeners]\nbind = ":1"',
    '[listeners]\nbind = ":1"\nredirect_https = true',
    '[[listeners]]\nbind = ":1"\nredirect_https = 8443\n[[listeners]]\nbind = ":2"\ntls = {}\n'
    'redirect_https = false',
    '[[sites]]\nroot = "."\ntls = "off"\nhsts = true', '[[sites]]\nroot = "."\nhsts = "365d"',
    '[[sites]]\nhost = "a"\nroot = "."\ntls = { cert = ["c"], key = ["k"] }',
    '[upstreams.x]\nca = "c"\nhttp1_only = true\ntargets = ["https://a", { url = "h2c://b" }, '
    '{ url = "https://b", sni = "s", verify_name = "v", cert = "c", key = "k" }]',
    '[ech]\nkeys = "e.pem"', '[ech]\ndir = "ech"\nkeep = "10d"',
    "[server]\ndebug = true\n[limits]\nh2_streams = 256",
    '[upstreams.x]\ntargets = ["http://a"]\nhealth = "/up"\nretry = {}\nhedge = "50ms"\n'
    'sticky = { client = true }',
    '[upstreams.x]\ntargets = ["http://a"]\nhealth = { type = "tcp" }\ndynamic = true\n'
    'retry = { on = ["failure", 502, "503"], budget = "5%" }\nmax_inflight = 1\nqueue = { max = 0 }\n'
    'sticky = { cookie = "c", same_site = "strict" }\nhedge = { after = "1s" }',
    '[upstreams.x]\nhealth = { expect = ["200-299", 404] }\n[upstreams.x.slots.blue]\n'
    'targets = ["http://a"]\nweight = 0\n[upstreams.x.slots.green]\ntargets = ["http://b"]\n'
    '[[upstreams.x.rules]]\nslot = "blue"\nheader = "X-Canary"\nvalues = "1"\n'
    '[[upstreams.x.rules]]\nslot = "blue"\ncookie = "c"\npercent = 10',
    '[timeouts]\nupstream_total = "1m"\n[[sites]]\nroot = "."\ntimeouts = { upstream_total = "5s" }',
]
BAD = [
    "unknown = 1", "[server]\nthreads = 0", '[server]\nthreads = "four"', "[server]\nvia = 1",
    '[server]\ndrain = "30 s"', "[server]\ndrain = 30", '[limits]\nbody_bytes = "1XB"',
    "[limits]\nheader_count = 0", '[log]\nlevel = "inf"', '[log]\naccess = "xml"',
    '[log]\naccess = { format = "xml" }', '[[listeners]]\nname = "x"', "[sites]\nroot = 3",
    '[[sites]]\nrooot = "."', '[[sites]]\nroot = "."\nproxy = "http://a"',
    '[[sites]]\nhost = "a"\nhosts = ["b"]\nroot = "."', '[[sites]]\nroot = "."\nspa = true\ntry_files = []',
    '[[sites]]\nroot = "."\nerror_pages = { 200 = "/x" }', '[[sites]]\nroot = "."\nheaders = { a = 1 }',
    '[[sites]]\nroot = "."\n[[sites.routes]]\nstrip_prefix = true', "[[sites]]\nredirect = {}",
    '[[sites]]\nroot = "."\nlimits = { conns_max = 1 }', "[upstreams.x]", '[[routes]]\nupstream = {}',
    '[upstreams.x]\ntargets = ["http://a"]\nname = "y"', '[[sites]]\ntls = "auto"\nroot = "."',
    '[[sites]]\nrespond = { status = 99 }',
    '[listeners]\nbind = ":1"\nalpn = ["h3"]', '[listeners]\nbind = ":1"\nalpn = []',
    '[listeners]\nbind = ":1"\nredirect_https = 0', '[listeners]\nbind = ":1"\nredirect_https = "yes"',
    '[listeners]\nbind = ":1"\nredirect_https = true\ntls = { cert = "c" }',
    '[listeners]\nbind = ":1"\ntls = { key = "k" }', '[listeners]\nbind = ":1"\ntls = "auto"',
    '[listeners]\nbind = ":1"\ntls = { cert = [] }', '[listeners]\nbind = ":1"\ntls = { cert = 1 }',
    '[listeners]\nbind = ":1"\ntls = { cert = "c", groups = ["P256"] }',
    '[listeners]\nbind = ":1"\ntls = { cert = "c", min_version = "1.1" }',
    '[listeners]\nbind = ":1"\ntls = { cert = "c", client_auth = {} }',
    '[[sites]]\nroot = "."\nhost = "a"\ntls = { key = "k" }', '[[sites]]\nroot = "."\nhsts = 5',
    '[[sites]]\nroot = "."\nhsts = 0', '[[routes]]\nroot = "."\ntls = "off"',
    '[upstreams.x]\nkey = "k"\ntargets = ["https://a"]',
    '[[routes]]\nupstream = { name = "a", sni = "b" }',
    "[ech]", '[ech]\nkeys = "a"\ndir = "b"', '[ech]\nkeys = "a"\nkeep = "1d"',
    '[upstreams.x]\ntargets = ["http://a"]\nhealth = { type = "udp" }',
    '[upstreams.x]\ntargets = ["http://a"]\nhealth = { expect = 200 }',
    '[upstreams.x]\ntargets = ["http://a"]\nretry = { attempts = 11 }',
    '[upstreams.x]\ntargets = ["http://a"]\nretry = { on = [true] }',
    '[upstreams.x]\ntargets = ["http://a"]\nhedge = {}',
    '[upstreams.x]\ntargets = ["http://a"]\nhedge = 50',
    '[upstreams.x]\ntargets = ["http://a"]\nsticky = {}',
    '[upstreams.x]\ntargets = ["http://a"]\nsticky = { cookie = "a", header = "b" }',
    '[upstreams.x]\ntargets = ["http://a"]\nsticky = { header = "a", path = "/" }',
    '[upstreams.x]\ntargets = ["http://a"]\nmax_inflight = "many"',
    '[upstreams.x]\ntargets = ["http://a"]\n[upstreams.x.slots.b]\ntargets = ["http://b"]',
    '[upstreams.x.slots.b]\nweight = 1', '[upstreams.x.slots.b.slots.c]\ntargets = ["http://b"]',
    '[upstreams.x]\ntargets = ["http://a"]\nrules = []',
    '[upstreams.x.slots.b]\ntargets = ["http://b"]\n[[upstreams.x.rules]]\nslot = "b"',
    "[limits]\nh2_streams = 0", '[server]\ndebug = "on"', "[tls]",
]


@pytest.mark.parametrize("text", GOOD)
def test_good_fits(validator, text):
    validator.validate(tomllib.loads(text))


@pytest.mark.parametrize("text", BAD)
def test_bad_fits_neither_the_schema_nor_joist(validator, text, tmp_path):
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(tomllib.loads(text))
    (tmp_path / "joist.toml").write_text(text + "\n")
    done = joist("config", "validate", cwd=tmp_path)
    assert done.returncode == 1
    assert "error: " in done.stderr


@pytest.mark.parametrize("path", MAIN_FILES, ids=lambda path: path.parent.name)
def test_what_is_shown_fits_the_schema_and_loads_again(validator, path, tmp_path):
    toml = joist("config", "show", str(path), cwd=ROOT).stdout
    as_json = json.loads(joist("config", "show", "--json", str(path), cwd=ROOT).stdout)
    validator.validate(tomllib.loads(toml))
    validator.validate(as_json)
    assert tomllib.loads(toml) == as_json
    (tmp_path / "shown.toml").write_text(toml)
    again = joist("config", "show", "shown.toml", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, toml)


def test_show_of_a_wrong_file(tmp_path):
    (tmp_path / "joist.toml").write_text("[server]\nthreads = 0\n[[sites]]\nroot = '.'\n")
    done = joist("config", "show", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "joist.toml:2:11: error: " in done.stderr


def test_defaults_of_schema_and_show_agree(validator, tmp_path):
    (tmp_path / "joist.toml").write_text('[[sites]]\nroot = "."\n')
    shown = tomllib.loads(joist("config", "show", cwd=tmp_path).stdout)
    defs = validator.schema["$defs"]
    for block in ("server", "limits", "timeouts"):
        for key, of in defs[block]["properties"].items():
            if "default" in of:
                assert as_ms(shown[block][key]) == as_ms(of["default"]), (block, key)


def as_ms(value):
    """60s and 1m are one duration."""
    units = {"ms": 1, "s": 1000, "m": 60000, "h": 3600000}
    for unit, factor in units.items():
        if isinstance(value, str) and value.removesuffix(unit).isdigit():
            return int(value.removesuffix(unit)) * factor
    return value


def test_reference_page_is_up_to_date():
    page = PAGE.read_text()
    begin, end = "<!-- reference: begin -->\n", "\n<!-- reference: end -->\n"
    assert page.count(begin) == 1 and page.count(end) == 1
    printed = page.split(begin)[1].split(end)[0]
    assert printed == joist("config", "schema", "--markdown").stdout, (
        "put the output of `joist config schema --markdown` between the marks of "
        "docs/configuration.md")


def toml_blocks(text):
    parts = text.split("```toml\n")[1:]
    return [part.split("```")[0] for part in parts]


def test_examples_of_the_page_are_good(tmp_path, pki):
    """The files that they name are there: certificates of the names that they serve."""
    (tmp_path / "public").mkdir()
    put(tmp_path, "shop", pki.site("shop.example", "www.shop.example"))
    put(tmp_path, "shop-rsa", pki.site("shop.example", "www.shop.example", key="rsa"))
    put(tmp_path, "blog", pki.site("blog.example"))
    put(tmp_path, "joist", pki.client("joist"))
    for name in ("clients-ca.pem", "internal-ca.pem"):
        (tmp_path / name).write_text(pki.ca.read_text())
    blocks = toml_blocks(PAGE.read_text())
    assert len(blocks) >= 5
    for number, text in enumerate(blocks):
        path = Path(tmp_path) / f"{number}.toml"
        path.write_text(text)
        done = joist("config", "validate", str(path))
        assert (done.returncode, done.stderr) == (0, ""), text


def put(folder, name, cert):
    (folder / f"{name}.pem").write_text(cert.cert.read_text())
    (folder / f"{name}-key.pem").write_text(cert.key.read_text())

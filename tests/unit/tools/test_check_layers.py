# SPDX-License-Identifier: MIT
"""tools/check_layers.py says no to what it must, and yes to the rest."""
import subprocess
from pathlib import Path

import pytest

CHECKER = Path(__file__).resolve().parents[3] / "tools/check_layers.py"
SPDX = "// SPDX-License-Identifier: MIT\n"


def check(root, files):
    """The checker's faults for a tree of these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = subprocess.run(["/usr/bin/python3", CHECKER, "--root", root], text=True,
                          stdout=subprocess.PIPE, check=False)
    faults = [l for l in done.stdout.splitlines() if not l.startswith(("note: ", "layers: "))]
    assert done.returncode == (1 if faults else 0)
    return faults


@pytest.mark.parametrize("path, line, word", [
    ("src/lib/codec/a.c", '#include "sys/b.h"', "codec may not include sys"),
    ("src/lib/base/a.c", '#include "codec/b.h"', "base may not include codec"),
    ("src/lib/route/a.c", '#include "proto/b.h"', "route may not include proto"),
    ("src/lib/handler/a.c", '#include "engine/b.h"', "handler may not include engine"),
    ("src/lib/upstream/a.c", '#include "proto/b.h"', "upstream may not include proto"),
    ("src/lib/http/a.c", '  #  include "wire/b.h"', "http may not include wire"),
    ("src/lib/wire/a.c", '#include "conf/b.h"', "wire may not include conf"),
    ("src/lib/http/a.c", '#include "sys/poll.h"', "http may not include sys"),
    ("src/lib/newone/a.c", '#include "base/b.h"', "no table"),
    ("src/lib/http/a.c", "#include <openssl/ssl.h>", "belongs to wire"),
    ("src/lib/filter/a.c", "#include <toml++/toml.h>", "belongs to conf"),
    ("src/lib/http/a.c", "#include <sys/epoll.h>", "is the system's"),
    ("src/lib/http/a.c", "#include <unknown/lib.h>", "in no table"),
    ("src/lib/http/a.c", '#include "joist/joist.h"', "write <joist/joist.h>"),
    ("src/lib/http/a.c", '#include "b.h"', "module/file.h"),
    ("src/joist/cli/a.c", '#include "http/b.h"', "the program may not include http"),
    ("src/joist/conf/a.c", '#include "obs/b.h"', "conf may not include obs"),
    ("include/joist/a.h", '#include "base/b.h"', "public headers"),
    ("src/node/a.c", '#include "base/b.h"', "for strangers"),
])
def test_bad_include_is_caught(tmp_path, path, line, word):
    once = "#pragma once\n" if path.endswith(".h") else ""
    faults = check(tmp_path, {path: SPDX + once + line + "\n"})
    assert len(faults) == 1, faults
    assert faults[0].startswith(f"{path}:{3 if once else 2}: ") and word in faults[0]


@pytest.mark.parametrize("path, line", [
    ("src/lib/codec/a.c", '#include "base/b.h"'),
    ("src/lib/codec/a.c", '#include "codec/b.h"'),
    ("src/lib/engine/a.c", '#include "wire/b.h"'),
    ("src/lib/sys/a.c", "#include <sys/epoll.h>"),
    ("src/lib/base/a.c", "#include <stdint.h>"),
    ("src/lib/http/a.c", "#include <joist/error.h>"),
    ("src/lib/http/a.c", '#include "sys/addr.h"'),
    ("src/lib/http/a.c", '/* #include "engine/b.h" */'),
    ("src/joist/cli/a.c", '#include "conf/b.h"'),
    ("src/joist/cli/a.c", '#include "loop/b.h"'),
    ("src/joist/conf/a.cc", "#include <toml++/toml.h>"),
    ("src/joist/conf/a.cc", "#include <string_view>"),
    ("tests/unit/lib/base/a.c", '#include "engine/b.h"'),
])
def test_good_include_passes(tmp_path, path, line):
    assert check(tmp_path, {path: SPDX + line + "\n"}) == []


@pytest.mark.parametrize("text, word", [
    ("int x;\n", "SPDX"),
    (SPDX + "/* TODO: later */\n", "TODO"),
    (SPDX + "/* FIXME */\n", "TODO"),
    (SPDX + "void f(char *a) { strcpy(a, a); }\n", "strcpy"),
    (SPDX + "void f(char *a) { sprintf (a, a); }\n", "sprintf"),
    (SPDX + "#ifdef __linux__\n#endif\n", "conditionals"),
])
def test_bad_style_is_caught(tmp_path, text, word):
    faults = check(tmp_path, {"src/lib/http/a.c": text})
    assert len(faults) == 1 and word in faults[0], faults


def test_good_style_passes(tmp_path):
    text = SPDX + '/* strcpy() is banned; TODO(chunked-trailers) */\nchar *a = "sprintf(";\n'
    assert check(tmp_path, {"src/lib/http/a.c": text}) == []


def test_header_without_pragma_once_is_caught(tmp_path):
    faults = check(tmp_path, {"src/lib/http/a.h": SPDX + "int x;\n"})
    assert len(faults) == 1 and "#pragma once" in faults[0]


def test_long_file_is_named_and_no_fault(tmp_path):
    assert check(tmp_path, {"src/lib/http/a.c": SPDX + "\n" * 500}) == []

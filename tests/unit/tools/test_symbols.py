# SPDX-License-Identifier: MIT
"""libjoist.so exports what include/joist declares: nothing less, nothing more."""
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("JOIST_BUILD", ROOT / "build/release"))

NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|^\s*#(?:[^\n\\]|\\.)*|"(?:\\.|[^"\\])*"', re.S | re.M)
DECLARED = re.compile(r"\b(joist_\w+)\s*(?:\(|\[|$)")


def declarations(text):
    """Top-level declarations of a header; each body taken out, with @ in its place."""
    text = NOISE.sub(" ", text.replace('extern "C" {', ""))
    previous = None
    while previous != text:
        previous = text
        text = re.sub(r"\)\s*\{[^{}]*\}", ") @;", text)
        text = re.sub(r"\{[^{}]*\}", " @ ", text)
    return [" ".join(part.split()) for part in text.split(";")]


def declared_symbols(text):
    found = set()
    for part in declarations(text):
        if part.startswith(("typedef ", "static ")) or "@" in part:
            continue
        part = re.sub(r"__attribute__\s*\(\(.*?\)\)", " ", part).strip()
        is_variable = part.startswith("extern ") and "(" not in part
        match = DECLARED.search(part) if "(" in part or is_variable else None
        if match:
            found.add(match.group(1))
    return found


def exported_symbols(library):
    out = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", library], text=True,
                         check=True, stdout=subprocess.PIPE).stdout
    names = {line.split()[0].split("@")[0] for line in out.splitlines()}
    return {name for name in names if not name.startswith("JOIST_")}


def test_reads_declarations():
    header = """
        #pragma once
        #define JOIST_X(name) joist_##name(
        /* joist_comment(); */
        struct joist_conf { int (*joist_cb)(void); int n; };
        enum joist_code joist_code_of(const char *text);
        typedef void joist_log_f(void *user, const char *line);
        static inline int joist_inline(int x) { return joist_called(x); }
        int joist_engine_create(struct joist_engine **out,
                                const struct joist_conf *conf);
        const char *joist_strerror(int code) __attribute__((const));
        extern const int joist_numbers[3];
    """
    assert declared_symbols(header) == {
        "joist_code_of", "joist_engine_create", "joist_strerror", "joist_numbers"}


def test_exports_are_the_declarations():
    library = BUILD / "libjoist.so"
    if not library.exists():
        pytest.skip("this build makes no shared library")
    declared = set()
    for header in sorted((ROOT / "include/joist").glob("*.h")):
        declared |= declared_symbols(header.read_text())
    exported = exported_symbols(library)
    assert declared, "no declaration was found at all"
    assert declared - exported == set(), "declared, but not in the library"
    assert exported - declared == set(), "in the library, but in no header"


def test_version_is_one():
    header = (ROOT / "include/joist/joist.h").read_text()
    version = re.search(r'define JOIST_VERSION "([^"]+)"', header).group(1)
    assert re.search(rf"^\s*version: '{re.escape(version)}',", (ROOT / "meson.build").read_text(), re.M)

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hold the module table of docs/ARCHITECTURE.md against the #includes, and cheap style rules.

    tools/check_layers.py [--root DIR]

Faults are printed as `file:line: what is wrong` and make the exit code 1. Long files are only named.
"""
import argparse
import re
import sys
from pathlib import Path

# libjoist: module -> the modules, or single headers, that it may include. A module missing here is an
# error, so the table and the tree cannot part. Modules of one level never include each other.
LIB = {
    "base": "",
    "codec": "base",
    "sys": "base",
    "loop": "sys base",
    "wire": "loop sys codec base",
    "http": "loop codec base sys/addr.h",
    "proto": "http wire codec loop base sys/addr.h",
    "route": "http codec base",
    "filter": "http codec loop base",
    "upstream": "http wire loop codec/uri.h base sys/addr.h",
    "cache": "http loop codec base",
    "handler": "http upstream cache codec loop base sys/addr.h sys/beneath.h",
    "engine": "handler cache upstream filter route proto http wire loop sys codec base",
}
# What the program and every module of it may see of libjoist's insides.
GROUND = "base sys loop"
# The program: module -> other modules of the program.
PROG = {
    "conf": "",
    "proc": "",
    "state": "",
    "acme": "conf proc state",
    "admin": "conf proc state",
    "obs": "conf proc state",
    "app": "conf proc",
    "deploy": "conf state",
    "cli": "conf proc state acme admin obs app deploy",
}
# Headers of libraries and of processors: each in one folder.
THIRD_PARTY = {
    "openssl/": "wire",
    "ngtcp2/": "wire",
    "nghttp2/": "proto",
    "nghttp3/": "proto",
    "zlib.h": "filter",
    "zstd.h": "filter",
    "brotli/": "filter",
    "ares.h": "upstream",
    "toml++/": "conf",
    "yaml.h": "conf",
    "seccomp.h": "proc",
    "sqlite3.h": "state",
    "jansson.h": "acme admin obs",
    "curl/": "acme admin obs",
    "libssh/": "deploy",
    "emmintrin.h": "codec",
    "immintrin.h": "codec",
    "arm_neon.h": "codec",
}
# The operating system's own: sockets, polling, processes and the like are `sys`'s business.
OS = (
    "arpa/inet.h", "grp.h", "linux/", "malloc.h", "net/if.h", "netinet/", "pwd.h", "sched.h", "spawn.h",
    "sys/capability.h", "sys/epoll.h", "sys/eventfd.h", "sys/inotify.h", "sys/mount.h",
    "sys/prctl.h", "sys/ptrace.h", "sys/resource.h", "sys/sendfile.h", "sys/signalfd.h",
    "sys/syscall.h", "sys/timerfd.h", "sys/un.h", "sys/wait.h",
)
# Who may include them besides: (side, module) -> headers; empty for all.
OS_ALSO = {
    ("lib", "sys"): "",
    ("lib", "loop"): "sys/epoll.h sys/eventfd.h sys/timerfd.h",
    ("lib", "wire"): "sys/sendfile.h",
    ("lib", "engine"): "sys/eventfd.h sched.h",
    ("prog", "proc"): "",
    ("prog", "cli"): "malloc.h spawn.h sys/resource.h sys/wait.h",
}
# ISO C and plain POSIX: free for all.
PLAIN = set("""
assert ctype errno fcntl float inttypes limits locale math setjmp signal stdalign stdarg stdatomic
stdbool stddef stdint stdio stdlib stdnoreturn string strings threads time unistd wchar dirent dlfcn
endian execinfo fnmatch getopt glob libgen netdb poll pthread regex syslog termios
sys/file sys/ioctl sys/mman sys/param sys/random sys/socket sys/stat sys/statvfs sys/time sys/types
sys/uio sys/utsname
""".split())

SOURCES = (".c", ".h", ".cc")
LINES_MAX = {".c": 400, ".cc": 400, ".h": 150}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|strtok|gets)\s*\(")
BARE_TODO = re.compile(r"\b(TODO(?!\([\w-]+\))|FIXME|XXX)\b")
OS_CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b.*\b__(linux|APPLE|FreeBSD|OpenBSD)__")
NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)


def without_comments(text):
    """The text with comments and strings blanked, line numbers kept."""
    return NOT_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def place_of(path):
    """('lib'|'prog'|'api'|'test'|'other', module)"""
    parts = path.parts
    if parts[:2] == ("src", "lib") and len(parts) > 3:
        return "lib", parts[2]
    if parts[:2] == ("src", "joist") and len(parts) > 3:
        return "prog", parts[2]
    if parts[:2] == ("include", "joist"):
        return "api", "joist"
    if parts[0] == "src":
        return "other", parts[1]
    return "test", parts[0]


def check_system_header(side, module, name):
    for prefix, homes in THIRD_PARTY.items():
        if name == prefix or (prefix.endswith("/") and name.startswith(prefix)):
            if side == "api" or module not in homes.split():
                return f"<{name}> belongs to {' and '.join(homes.split())} alone"
            return None
    if any(name == os or (os.endswith("/") and name.startswith(os)) for os in OS):
        also = OS_ALSO.get((side, module), "-")
        return None if not also or name in also.split() else (
            f"<{name}> is the system's: ask src/lib/sys for it")
    if name.removesuffix(".h") in PLAIN or "." not in name:
        return None
    return f"<{name}> is in no table of tools/check_layers.py: whose is it?"


def check_own_header(root, side, module, name):
    if "/" not in name:
        return f'"{name}": write "module/file.h"'
    target = name.split("/")[0]
    if side == "api":
        return f'"{name}": the public headers include only <joist/…>'
    is_lib = (root / "src/lib" / name).exists() or target in LIB
    if side == "other":
        return f'"{name}": only <joist/…> is for strangers'
    if target == module:
        return None
    if is_lib:
        allowed = LIB[module] if side == "lib" else GROUND
        if target not in LIB:
            return f"src/lib/{target} is in no table of tools/check_layers.py"
        if target not in allowed.split() and name not in allowed.split():
            if side == "lib":
                return f"{module} may not include {target}: it may see {allowed or 'nothing'}"
            return f"the program may not include {target}: it sees <joist/…>, {GROUND}"
        return None
    if side == "lib" or target not in PROG[module].split():
        return f"{module} may not include {target}"
    return None


def check_include(root, path, kind, name):
    side, module = place_of(path)
    if side == "test":
        return None
    if side == "lib" and module not in LIB or side == "prog" and module not in PROG:
        return f"module {module} is in no table of tools/check_layers.py"
    if name.startswith("joist/"):
        return None if kind == "<" else f'write <{name}>, not "{name}"'
    if kind == "<":
        return check_system_header(side, module, name)
    return check_own_header(root, side, module, name)


def check_style(path, text, code):
    """Yields (line, fault) for rules that need no parser."""
    lines = text.splitlines()
    if not lines or lines[0] != "// SPDX-License-Identifier: MIT":
        yield 1, "the first line must be // SPDX-License-Identifier: MIT"
    if path.suffix == ".h" and "#pragma once" not in lines[:3]:
        yield 2, "a header says #pragma once right after the licence"
    side, module = place_of(path)
    for number, (line, bare) in enumerate(zip(lines, code.splitlines()), 1):
        if BARE_TODO.search(line):
            yield number, "write TODO(name-of-issue), or do it"
        banned = BANNED.search(bare)
        if banned and path.name != "base.h" and side != "test":
            yield number, f"{banned.group(1)} does not know the size: use jst_fmt()"
        if OS_CONDITIONAL.search(line) and (side, module) != ("lib", "sys") and side != "test":
            yield number, "conditionals on the system live in src/lib/sys alone"


def check_script(path, text):
    if "SPDX-License-Identifier: MIT" not in "\n".join(text.splitlines()[:2]):
        yield 1, "the licence line is missing: SPDX-License-Identifier: MIT"


def find_files(root):
    for top in ("include", "src", "tests", "bench", "examples", "tools"):
        for path in sorted((root / top).rglob("*")):
            relative = path.relative_to(root)
            if path.is_file() and "node_modules" not in relative.parts:
                yield relative


def check_file(root, path):
    """Yields (line, fault)."""
    if path.suffix in SOURCES:
        text = (root / path).read_text(errors="replace")
        code = without_comments(text)
        yield from check_style(path, text, code)
        for number, line in enumerate(text.splitlines(), 1):
            include = INCLUDE.match(line)
            if include and code.splitlines()[number - 1].strip():
                fault = check_include(root, path, *include.groups())
                if fault:
                    yield number, fault
    elif path.suffix in (".py", ".sh") or path.name == "meson.build":
        yield from check_script(path, (root / path).read_text(errors="replace"))


def long_file(root, path):
    limit = LINES_MAX.get(path.suffix)
    if limit is None or path.parts[0] not in ("src", "include"):
        return None
    lines = (root / path).read_text(errors="replace").count("\n")
    return f"{path}: {lines} lines, aim at {limit}" if lines > limit else None


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    files = faults = 0
    for path in find_files(root):
        files += 1
        for line, fault in check_file(root, path):
            faults += 1
            print(f"{path}:{line}: {fault}")
        long = long_file(root, path)
        if long:
            print(f"note: {long}")
    print(f"layers: {files} files, {faults} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()

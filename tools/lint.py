#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Lint: layers and cheap rules, formatting, clang-tidy. Ends with `N passed, N failed`.

    tools/lint.py BUILD_DIR [--all]

clang-tidy skips a file that passed before and has not changed since, nor any header it includes;
--all looks at everything again.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE_ROOTS = ("include", "src/lib", "src/joist")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)
# Flags of gcc that clang does not know.
GCC_ONLY = re.compile(r"^(-flto.*|-ffat-lto-objects|-static-lib.*)$")

NOISE = re.compile(r"^\d+ warnings? (generated|treated)|^Suppressed|^Use -header-filter")


def say(text):
    print(text, flush=True)


def run(command):
    return subprocess.run(command, cwd=ROOT, text=True, check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def check_layers(_build, _args):
    done = run(["/usr/bin/python3", "tools/check_layers.py"])
    say(done.stdout.rstrip())
    return done.returncode == 0


def sources(*suffixes):
    for top in ("include", "src", "tests", "bench", "examples"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in suffixes and "node_modules" not in path.parts:
                yield path.relative_to(ROOT)


def check_format(_build, _args):
    files = [str(f) for f in sources(".c", ".h", ".cc")]
    done = run(["clang-format", "--dry-run", "-Werror", "--ferror-limit=1", *files])
    faults = [line for line in done.stdout.splitlines() if ": error:" in line]
    for fault in faults:
        say(fault)
    say(f"format: {len(files)} files, {len(faults)} not formatted" + ("; run make fmt" if faults else ""))
    return done.returncode == 0


class Tidy:
    def __init__(self, build):
        self.cache = build / "lint"
        self.cache.mkdir(exist_ok=True)
        self.texts = {}
        self.shown = set()
        self.lock = threading.Lock()
        self.rules = (ROOT / ".clang-tidy").read_text()
        self.commands = self.make_commands(build)

    def make_commands(self, build):
        """The build's own compile commands, less what clang does not understand."""
        commands = json.loads((build / "compile_commands.json").read_text())
        kept = {}
        for entry in commands:
            path = Path(os.path.normpath(Path(entry["directory"]) / entry["file"]))
            inside = path.is_relative_to(ROOT / "src")
            if not inside or path.suffix != ".c" or path in kept:
                continue
            words = [w for w in entry["command"].split() if not GCC_ONLY.match(w)]
            kept[path] = {**entry, "command": " ".join(words)}
        (self.cache / "compile_commands.json").write_text(json.dumps(list(kept.values())))
        return kept

    def text(self, path):
        if path not in self.texts:
            self.texts[path] = path.read_text(errors="replace")
        return self.texts[path]

    def closure(self, path, seen):
        """The file and all of our headers that it reaches."""
        if path in seen:
            return seen
        seen.add(path)
        for name in INCLUDE.findall(self.text(path)):
            for top in INCLUDE_ROOTS:
                header = ROOT / top / name
                if header.exists():
                    self.closure(header, seen)
        return seen

    def key(self, path):
        digest = hashlib.sha256(self.rules.encode())
        digest.update(self.commands[path]["command"].encode())
        for file in sorted(self.closure(path, set())):
            digest.update(self.text(file).encode())
        return digest.hexdigest()

    def stamp(self, path):
        return self.cache / (str(path.relative_to(ROOT)).replace("/", "_") + ".ok")

    def passed_before(self, path):
        stamp = self.stamp(path)
        return stamp.exists() and stamp.read_text() == self.key(path)

    def check(self, path):
        done = run(["clang-tidy", "--quiet", "-p", str(self.cache), str(path),
                    "--extra-arg=-Wno-unknown-warning-option"])
        if done.returncode == 0:
            self.stamp(path).write_text(self.key(path))
            return True
        self.show(done.stdout)
        return False

    def show(self, output):
        """Each fault once, though its header be read by many, with paths from the root."""
        output = re.sub(r"^\S*/\.\./\.\./|^(\.\./)+", "", output.replace(f"{ROOT}/", ""), flags=re.M)
        faults = re.split(r"^(?=\S+:\d+:\d+: (?:error|warning):)", output, flags=re.M)[1:]
        for fault in faults or [output]:
            with self.lock:
                if fault.splitlines()[0] not in self.shown:
                    self.shown.add(fault.splitlines()[0])
                    say("\n".join(l for l in fault.rstrip().splitlines() if not NOISE.match(l)))


def check_tidy(build, args):
    tidy = Tidy(build)
    files = sorted(p for p in tidy.commands if args.all or not tidy.passed_before(p))
    began = time.monotonic()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for number, ok in enumerate(pool.map(tidy.check, files), 1):
            failed += not ok
            if number % 20 == 0:
                say(f"clang-tidy: {number} of {len(files)}")
    say(f"clang-tidy: {len(files)} files looked at, {len(tidy.commands) - len(files)} unchanged, "
        f"{failed} with faults ({time.monotonic() - began:.0f} s)")
    return failed == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda p: Path(p).resolve())
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    results = [check(args.build, args) for check in (check_layers, check_format, check_tidy)]
    say(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Build and run tests; end with one line `N passed, N failed`.

    tools/run_tests.py BUILD_DIR [--verbose] WHAT...

WHAT is a suite (unit, loop, replay, tools, e2e, soak) or one test of it: unit/codec/h1_parse,
loop/proxy_retry, e2e/test_static_ranges (a file, or a test function's name).

The C suites come from Meson's own list and count single cases by their TAP output; the others are
pytest's. A suite that was asked for and has no test counts as a failure, and so does a report that a
sanitizer wrote, whichever process wrote it.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTEST_SUITES = {
    "tools": (ROOT / "tests/unit/tools", "not soak"),
    "e2e": (ROOT / "tests/e2e", "not soak"),
    "soak": (ROOT / "tests/e2e", "soak"),
}
C_SUITES = ("unit", "loop", "replay")
OUTPUT_MAX_BYTES = 20000
TAP_LINE = re.compile(r"^(not )?ok\b(.*)$")
TAP_PLAN = re.compile(r"^1\.\.(\d+)( *# *skip)?", re.I)


class Count:
    """Results of one suite, or of all."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def say(text):
    print(text, flush=True)


def count_tap(output, return_code):
    """Cases in TAP output. A crash or a plan cut short is one more failure."""
    count = Count()
    planned = None
    for line in output.splitlines():
        plan = TAP_PLAN.match(line)
        if plan:
            planned = int(plan.group(1))
            if plan.group(2): # the whole program says that it does not apply here
                count.skipped += 1
                planned = None
            continue
        case = TAP_LINE.match(line)
        if not case:
            continue
        if "# skip" in case.group(2).lower():
            count.skipped += 1
        elif case.group(1):
            count.failed += 1
        else:
            count.passed += 1
    ran = count.passed + count.failed + count.skipped
    incomplete = planned is not None and planned != ran
    if incomplete or ran == 0 or (return_code != 0 and count.failed == 0):
        count.failed += 1
    return count


def tail(text):
    return text if len(text) <= OUTPUT_MAX_BYTES else "[…]\n" + text[-OUTPUT_MAX_BYTES:]


class Runner:
    def __init__(self, build, verbose):
        self.build = Path(build).resolve()
        self.verbose = verbose
        self.total = Count()
        self.broken = [] # what failed, said again at the end, where a cut log still shows it
        self.reports = self.build / "sanitizer-reports"
        self.env = self.make_env()

    def make_env(self):
        self.reports.mkdir(parents=True, exist_ok=True)
        for old in self.reports.iterdir():
            old.unlink()
        log = f"log_path={self.reports}/report"
        env = dict(os.environ)
        env["JOIST_BIN"] = str(self.build / "joist")
        env["JOIST_BUILD"] = str(self.build)
        env["ASAN_OPTIONS"] = f"{log}:detect_stack_use_after_return=1:allocator_may_return_null=1"
        env["UBSAN_OPTIONS"] = f"{log}:print_stacktrace=1:halt_on_error=1"
        env["TSAN_OPTIONS"] = f"{log}:halt_on_error=1:second_deadlock_stack=1"
        if self.build.name == "tsan":
            env["TSAN_OPTIONS"] += f":suppressions={self.openssl_functions()}"
        return env

    def openssl_functions(self):
        """A file that tells ThreadSanitizer to believe OpenSSL, which is linked without
        instrumentation: of its functions only the memory calls are seen, not the atomics by which
        they hand memory from thread to thread. Only such calls have an OpenSSL function in their
        stack, so nothing of ours is hidden."""
        prefix = subprocess.run([ROOT / "tools/deps.sh", "prefix-path"], text=True, check=False,
                                stdout=subprocess.PIPE).stdout.strip()
        archives = sorted(Path(prefix).glob("lib*/lib*.a")) if prefix else []
        rules = ["called_from_lib:libcrypto.so", "called_from_lib:libssl.so"]
        if archives:
            symbols = subprocess.run(["nm", "--defined-only", *archives], text=True, check=True,
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
            names = set(re.findall(r"^[0-9a-f]+ [Tt] (\S+)$", symbols, re.M))
            rules = [f"race:^{name}$" for name in sorted(names)]
        file = self.build / "openssl.supp"
        file.write_text("\n".join(rules) + "\n")
        return file

    # ---- C suites ------------------------------------------------------------------------------

    def listed(self):
        """Meson's list, fresh: a meson.build that changed is read again first."""
        fresh = subprocess.run(["ninja", "-C", self.build, "build.ninja"], text=True, check=False,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if fresh.returncode != 0:
            sys.exit(f"{tail(fresh.stdout)}\n{self.build} is not set up\n0 passed, 1 failed")
        return json.loads((self.build / "meson-info/intro-tests.json").read_text())

    def run_c(self, suite, name):
        chosen = [t for t in self.listed()
                  if f"joist:{suite}" in t["suite"] and (not name or t["name"] == name)]
        if not chosen:
            return self.nothing(suite, name)
        programs = sorted({os.path.relpath(t["cmd"][0], self.build) for t in chosen})
        made = subprocess.run(["ninja", "-C", self.build, *programs], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if made.returncode != 0:
            say(tail(made.stdout))
            say(f"{suite}: does not build")
            self.broken.append(f"{suite}: does not build")
            self.total.failed += 1
            return None
        began = time.monotonic()
        count = Count()
        workers = 1 if self.verbose else os.cpu_count() or 1
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for part in pool.map(lambda t: self.run_program(suite, t), chosen):
                count.add(part)
        return self.report(suite, count, began)

    def run_program(self, suite, test):
        try:
            done = subprocess.run(test["cmd"], env={**self.env, **test["env"]}, cwd=ROOT, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                                  stderr=subprocess.STDOUT, errors="replace",
                                  timeout=test["timeout"] * (4 if "san" in self.build.name else 1))
            output, code = done.stdout, done.returncode
        except subprocess.TimeoutExpired as late:
            output = (late.stdout or b"").decode(errors="replace")
            output, code = f"{output}\ntimed out after {late.timeout} s", -1
        count = count_tap(output, code)
        if count.failed:
            self.broken.append(f"{suite}/{test['name']}")
        if count.failed or self.verbose:
            ended = f" (exit code {code})" if code else ""
            say(f"---- {suite}/{test['name']}{ended}\n{tail(output).rstrip()}")
        return count

    # ---- pytest --------------------------------------------------------------------------------

    def run_pytest(self, suite, name):
        folder, markers = PYTEST_SUITES[suite]
        target = [str(folder)]
        if name:
            file = folder / f"{name}.py"
            target = [str(file)] if file.exists() else [str(folder), "-k", name]
            markers = "soak or not soak"
        began = time.monotonic()
        with tempfile.NamedTemporaryFile(suffix=".xml") as log:
            command = ["/usr/bin/python3", "-B", "-m", "pytest", "-q", "--tb=short", "--no-header",
                       "-p", "no:cacheprovider", "-m", markers, f"--junit-xml={log.name}", "-rs"]
            if self.verbose:
                command += ["-v", "-s"]
            code = subprocess.run(command + target, cwd=ROOT, env=self.env, check=False,
                                  stdin=subprocess.DEVNULL).returncode
            count = self.read_junit(log.name)
        if code == 5:
            return self.nothing(suite, name)
        if code != 0 and count.failed == 0:
            count.failed += 1
        return self.report(suite, count, began)

    def read_junit(self, path):
        count = Count()
        try:
            tree = xml.etree.ElementTree.parse(path)
        except xml.etree.ElementTree.ParseError:
            count.failed += 1
            return count
        for case in tree.iter("testcase"):
            kinds = {child.tag for child in case}
            if kinds & {"failure", "error"}:
                count.failed += 1
                self.broken.append(f"{case.get('classname')}.{case.get('name')}")
            elif "skipped" in kinds:
                count.skipped += 1
            else:
                count.passed += 1
        return count

    # ---- results -------------------------------------------------------------------------------

    def nothing(self, suite, name):
        say(f"{suite}: " + (f"there is no test {name}" if name else "has no tests"))
        self.total.failed += 1

    def report(self, suite, count, began):
        found = sorted(self.reports.iterdir())
        for file in found[:3]:
            say(f"---- sanitizer, {file.name}\n{tail(file.read_text(errors='replace')).rstrip()}")
        for file in found:
            last = file.read_text(errors="replace").rstrip().splitlines() or [""]
            summary = [line for line in last if line.startswith("SUMMARY")] or last[-1:]
            self.broken.append(f"{suite}: {summary[0]}")
            file.unlink()
        if found and count.failed == 0:
            count.failed += 1
        say(f"{suite:<8}{count}  ({time.monotonic() - began:.1f} s)")
        self.total.add(count)

    def run(self, what):
        suite, _, name = what.partition("/")
        if suite in C_SUITES:
            self.run_c(suite, name)
        elif suite in PYTEST_SUITES:
            self.run_pytest(suite, name)
        else:
            sys.exit(f"no suite {suite!r}: " + ", ".join([*C_SUITES, *PYTEST_SUITES]))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("what", nargs="+")
    parser.add_argument("--verbose", action="store_true", help="show the output of what passes, too")
    args = parser.parse_args()
    runner = Runner(args.build, args.verbose)
    for what in args.what:
        runner.run(what)
    for name in runner.broken:
        say(f"failed: {name}")
    say(f"{runner.total.passed} passed, {runner.total.failed} failed")
    sys.exit(1 if runner.total.failed or not runner.total.passed else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run fuzz targets for a bounded time each. Ends with `N passed, N failed`.

    tools/fuzz.py BUILD_DIR [--secs N] [TARGET...]

New inputs are kept in BUILD_DIR/corpus. What breaks a target is written to its crashes folder in the
repository: mend it and commit the file, and `make test` replays it from then on.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUZZ = ROOT / "tests/fuzz"


def say(text):
    print(text, flush=True)


def find_programs(build):
    targets = json.loads((build / "meson-info/intro-targets.json").read_text())
    return {t["name"].removeprefix("fuzz_"): Path(t["filename"][0]) for t in targets
            if t["type"] == "executable" and t["name"].startswith("fuzz_")}


def fuzz_one(build, name, program, secs):
    corpus = build / "corpus" / name
    crashes = FUZZ / name / "crashes"
    for folder in (corpus, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(crashes.iterdir())
    folders = [corpus, *[f for f in (FUZZ / name / "seeds", crashes) if f.is_dir()]]
    command = [program, f"-max_total_time={secs}", "-timeout=10", "-rss_limit_mb=2048",
               "-print_final_stats=1", f"-artifact_prefix={crashes}/"]
    dictionary = FUZZ / name / "dict"
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    env = {**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
    done = subprocess.run(command + folders, cwd=ROOT, env=env, check=False, errors="replace",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    runs = re.search(r"number_of_executed_units:\s*(\d+)", done.stdout)
    if done.returncode == 0 and runs:
        say(f"fuzz {name}: {int(runs.group(1)):,} inputs, no fault")
        return True
    say(f"---- fuzz {name}: exit code {done.returncode}\n{done.stdout[-12000:].rstrip()}")
    for crash in sorted(set(crashes.iterdir()) - before):
        say(f"fuzz {name}: kept {crash.relative_to(ROOT)}")
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda p: Path(p).resolve())
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--secs", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_intermixed_args()

    subprocess.run(["ninja", "-C", args.build, "build.ninja"], check=True, stdout=subprocess.DEVNULL)
    programs = find_programs(args.build)
    unknown = [t for t in args.targets if t not in programs]
    if unknown or not programs:
        say(f"no fuzz target {', '.join(unknown)}; there are: {', '.join(programs) or 'none'}")
        say("0 passed, 1 failed")
        sys.exit(1)
    chosen = {n: p for n, p in programs.items() if not args.targets or n in args.targets}
    built = subprocess.run(["ninja", f"-j{args.jobs}", "-C", args.build,
                            *[os.path.relpath(p, args.build) for p in chosen.values()]], check=False)
    if built.returncode != 0:
        say("0 passed, 1 failed")
        sys.exit(1)
    say(f"fuzz: {len(chosen)} targets, {args.secs} s each")
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        results = list(pool.map(lambda item: fuzz_one(args.build, *item, args.secs), chosen.items()))
    say(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()

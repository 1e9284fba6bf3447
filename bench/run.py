#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
make bench: Joist against its peers, as ratios taken in one run. How to read it: docs/benchmarks.md.

It starts its own programs on loopback and ends exactly these by PID, also on Ctrl-C or an error.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import peers, profile, report, rows  # noqa: E402
from harness.procs import Procs, raise_nofile  # noqa: E402

JSON_DEFAULT = os.path.join(peers.ROOT, "build", "bench.json")
REPEAT, SECONDS = 5, 3
REPEAT_QUICK, SECONDS_QUICK = 2, 1
REPEAT_MAX, SECONDS_MAX = 100, 600


def bounded(low, high):
    def parse(text):
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be {low} to {high}")
        return value

    return parse


def parse_args(argv):
    row_names = [row.id for row in rows.ROWS]
    p = argparse.ArgumentParser(
        description="Joist against its peers, in ratios of CPU time per request.",
        epilog="example: bench/run.py --rows proxy-small --peers nginx,joist --repeat 9")
    p.add_argument("--quick", action="store_true", help=f"{REPEAT_QUICK} rounds of {SECONDS_QUICK} s: a rough look")
    p.add_argument("--rows", help="only these, with commas: " + ", ".join(row_names))
    p.add_argument("--peers", help="only these, with commas: nginx, nginx-tuned, haproxy, haproxy-tuned, caddy, "
                   "relay, answer, joist")
    p.add_argument("--json", metavar="FILE", default=JSON_DEFAULT, help="where the JSON goes (%(default)s)")
    p.add_argument("--markdown", metavar="FILE", help="write the results as Markdown too")
    p.add_argument("--repeat", type=bounded(1, REPEAT_MAX), metavar="N", help=f"rounds ({REPEAT})")
    p.add_argument("--seconds", type=bounded(1, SECONDS_MAX), metavar="N", help=f"of each run of wrk ({SECONDS})")
    p.add_argument("--cores", metavar="P,L", help="core of the proxy, core of load and origin (0,1)")
    p.add_argument("--check", action="store_true", help="exit 1 when a goal is missed or could not be measured")
    p.add_argument("--profile", metavar="ROW", help="profile one row instead (of joist, or of --peers)")
    p.add_argument("--tools", default="syscalls,perf", help="with --profile: " + ", ".join(profile.TOOLS) +
                   " (%(default)s)")
    args = p.parse_args(argv)
    args.rows = pick(p, "row", args.rows, row_names)
    args.profile = pick(p, "row", args.profile, row_names) if args.profile else None
    args.tools = pick(p, "tool", args.tools, list(profile.TOOLS))
    args.repeat = args.repeat or (REPEAT_QUICK if args.quick else REPEAT)
    args.seconds = args.seconds or (SECONDS_QUICK if args.quick else SECONDS)
    args.cores = pick_cores(p, args.cores)
    return args


def pick(parser, what, text, known):
    """The names in `text`, or all; an unknown one is a usage error."""
    if not text:
        return known
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    for name in wanted:
        if name not in known:
            parser.error(f"no {what} '{name}'; there are: {', '.join(known)}")
    return wanted


def pick_cores(parser, text):
    """(core of the proxy, core of load and origin); on a single core both are the same."""
    allowed = sorted(os.sched_getaffinity(0))
    if not text:
        return allowed[0], allowed[min(1, len(allowed) - 1)]
    try:
        first, second = (int(part) for part in text.split(","))
    except ValueError:
        parser.error("--cores takes two numbers, such as 0,1")
    if first not in allowed or second not in allowed:
        parser.error(f"--cores: this process may use {allowed}")
    return first, second


def say(text):
    print(text, file=sys.stderr, flush=True)


def say_out(text):
    print(text, flush=True)


def run_rows(args, bench, facts, versions):
    """Measure row by row, printing each as it is done; the JSON is written also when interrupted."""
    results = []
    options = {"repeat": args.repeat, "seconds": args.seconds, "rows": args.rows, "quick": args.quick}
    try:
        for row in rows.ROWS:
            if row.id in args.rows:
                say(f"{row.id} …")
                result = bench.measure(row)
                results.append(result)
                report.print_row(result, say_out)
    finally:
        if results:
            report.write_json(args.json, facts, versions, options, results)
            say(f"written: {os.path.relpath(args.json)}")
            if args.markdown:
                report.write_markdown(args.markdown, facts, versions, options, results)
    report.print_summary(results, say_out)
    return all(result["verdict"] == "met" for result in results)


def print_head(args, facts, versions):
    say_out(f"{facts['cpu']}, {facts['cpus']} CPUs, {facts['kernel']}; proxy on core {args.cores[0]}, "
            f"load and origin on core {args.cores[1]}; {args.repeat} rounds of {args.seconds} s")
    if args.cores[0] == args.cores[1]:
        say_out("one core for everything: the proxy and its load disturb each other, read the ratios with care")
    if facts["load_average_at_start"] > 1.0:
        say_out(f"load average {facts['load_average_at_start']}: something else runs here, read the ratios with care")
    for name, version in versions.items():
        say_out(f"  {name}: {version}")


def main(argv):
    args = parse_args(argv)
    if shutil.which("wrk") is None:
        say("wrk is not installed: it makes the load (Debian package wrk)")
        return 1
    os.makedirs(os.path.join(peers.ROOT, "build"), exist_ok=True)
    work = tempfile.mkdtemp(prefix="bench-", dir=os.path.join(peers.ROOT, "build"))
    procs = Procs(work)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        nofile = raise_nofile()
        os.sched_setaffinity(0, {args.cores[1]})
        peers.write_files(work)
        everyone = peers.all_peers(work)
        wanted = args.peers or ("joist" if args.profile else None)
        names = pick_names(wanted, everyone)
        if names is None:
            return 2
        chosen = [peer for peer in everyone if peer.name in names]
        bench = rows.Bench(procs, work, args.cores, chosen, args.repeat, args.seconds, say)
        if args.profile:
            out_dir = os.path.join(peers.ROOT, "build", "bench-profile")
            for row in rows.ROWS:
                if row.id in args.profile:
                    profile.profile_row(bench, row, out_dir, args.tools, say_out)
            return 0
        facts = report.machine_facts(args.cores, nofile)
        versions = {peer.name: peer.missing() or peer.version() or "version unknown" for peer in chosen
                    if peer.tuned_rows is None}
        versions["wrk"] = wrk_version()
        print_head(args, facts, versions)
        met = run_rows(args, bench, facts, versions)
        return 0 if met or not args.check else 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: nothing left to flush
        return 141
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave anything running
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        procs.stop_all()
        shutil.rmtree(work, ignore_errors=True)


def pick_names(text, everyone):
    known = [peer.name for peer in everyone]
    if not text:
        return known
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown:
        say(f"no peer '{unknown[0]}'; there are: {', '.join(known)}")
        return None
    return names


def wrk_version():
    return peers.Peer("wrk", "wrk", [], {}, ["-v"]).version()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

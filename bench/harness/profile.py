# SPDX-License-Identifier: MIT
"""
Where one row's CPU time goes: syscalls for each request, hot functions (perf or callgrind).

The tools slow the proxy down, so no time printed here belongs into the table; counts per request do hold. `syscalls`
counts at full speed through the kernel's tracepoints; `strace` works everywhere, but makes the proxy so slow that more
is ready at each turn of its loop: there, the calls that wait look rarer than they are.
"""

import os
import re
import select
import shutil
import signal
import subprocess

from . import load, peers
from .procs import wait_until
from .rows import WARMUP_S, run_load

ATTACH_S = 10.0
PERF_HZ = 1999
TOP_LINES = 45
TOOLS = ("syscalls", "strace", "perf", "callgrind")
COUNTED = ("recvfrom recvmsg read readv write writev sendto sendmsg sendfile64 splice tee epoll_wait epoll_pwait "
           "epoll_pwait2 epoll_ctl accept4 close connect socket getsockopt setsockopt shutdown openat openat2 pread64 "
           "preadv newfstat newfstatat statx futex timerfd_settime clock_gettime gettimeofday getpid fcntl ioctl mmap "
           "munmap madvise brk nanosleep").split()


def profile_row(bench, row, out_dir, tools, out):
    """Profile every chosen peer that can serve `row`."""
    os.makedirs(out_dir, exist_ok=True)
    result = row.new_result()
    if row.kind != "cpu":
        raise peers.PeerError(f"{row.id} is not a row of CPU time; there is nothing to profile")
    for peer in bench.candidates(row, result, with_floor=True):
        for tool in tools:
            out(f"\n{peer.name}, {row.title}: {tool}")
            try:
                profile_one(bench, row, peer, tool, out_dir, out)
            except (RuntimeError, OSError) as e:
                out(f"  not measured: {e}")
            finally:
                bench.procs.stop_all()
    for name, left in result["peers"].items():
        out(f"{name} left out: {left['left_out']}")


def profile_one(bench, row, peer, tool, out_dir, out):
    program = {"callgrind": "valgrind", "syscalls": "perf"}.get(tool, tool)
    if shutil.which(program) is None:
        raise RuntimeError(f"{program} is not installed")
    origin_port = bench.ports.take()
    if row.mode == "proxy":
        peers.start_origin(bench.procs, bench.work, bench.load_cpu, [origin_port])
    base = os.path.join(out_dir, f"{peer.name}-{row.id}")
    if tool == "callgrind":
        run_callgrind(bench, row, peer, origin_port, base, out)
        return
    proc, port = bench.start(row, peer, origin_port)
    run_load(bench, row, port, WARMUP_S)
    {"syscalls": run_syscalls, "strace": run_strace, "perf": run_perf}[tool](bench, row, proc, port, base, out)


def under_load(bench, row, port):
    sample = run_load(bench, row, port, bench.seconds)
    if sample["requests"] == 0:
        raise load.LoadError("no request was done")
    return sample


# syscalls


def print_counts(counts, total, requests, out):
    out(f"  {requests} requests; {total / requests:.2f} syscalls per request")
    for name, calls, errors in counts:
        if calls / requests >= 0.005:
            failed = f"   ({errors / requests:.2f} of them failed)" if errors else ""
            out(f"  {calls / requests:8.2f}  {name}{failed}")


def known_events():
    done = subprocess.run(["perf", "list", "--raw-dump", "tracepoint"], capture_output=True, text=True, timeout=60,
                          check=False)
    known = set(done.stdout.split())
    return [e for e in ["raw_syscalls:sys_enter", *(f"syscalls:sys_enter_{n}" for n in COUNTED)] if e in known]


class PerfControl:
    """The two pipes by which a running perf is told to count, and says that it does."""

    def __init__(self, work):
        self.paths = [os.path.join(work, name) for name in ("perf-ctl", "perf-ack")]
        self.option = f"fifo:{self.paths[0]},{self.paths[1]}"

    def __enter__(self):
        for path in self.paths:
            os.mkfifo(path)
        # opened for both directions, so that neither open waits for the other end
        self.fds = [os.open(path, os.O_RDWR | os.O_NONBLOCK) for path in self.paths]
        return self

    def __exit__(self, *_):
        for fd in self.fds:
            os.close(fd)
        for path in self.paths:
            os.unlink(path)

    def tell(self, word, perf):
        os.write(self.fds[0], f"{word}\n".encode("ascii"))
        ready, _, _ = select.select([self.fds[1]], [], [], ATTACH_S)
        if not ready or b"ack" not in os.read(self.fds[1], 64):
            raise RuntimeError("perf did not answer: " + perf.log_tail())


def read_counts(path):
    """{syscall: calls} of `perf stat -x ;`; the total is under "sys_enter"."""
    counts = {}
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            fields = line.split(";")
            if len(fields) > 2 and fields[0].isdigit():
                counts[fields[2].split(":")[-1].replace("sys_enter_", "")] = int(fields[0])
    return counts


def run_syscalls(bench, row, proc, port, base, out):
    events = known_events()
    if not events:
        raise RuntimeError("this kernel shows no tracepoints to perf here: use --tools strace")
    table = f"{base}.syscalls"
    which = ",".join(str(pid) for pid in proc.pids())
    with PerfControl(bench.work) as control:
        perf = bench.procs.start("perf", ["perf", "stat", "-x", ";", "-o", table, "-e", ",".join(events), "-p", which,
                                          "--delay=-1", "--control", control.option], bench.load_cpu)
        control.tell("enable", perf)
        sample = under_load(bench, row, port)
        control.tell("disable", perf)
        bench.procs.stop(perf, signal.SIGINT)
    counts = read_counts(table)
    total = counts.pop("sys_enter", 0)
    if not total:
        raise RuntimeError("perf counted nothing: " + perf.log_tail())
    print_counts(sorted(((n, c, 0) for n, c in counts.items()), key=lambda e: -e[1]), total, sample["requests"], out)


# strace


def is_traced(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            return re.search(r"^TracerPid:\s+[1-9]", f.read(), re.MULTILINE) is not None
    except OSError:
        return False


def run_strace(bench, row, proc, port, base, out):
    pids = proc.pids()
    table = f"{base}.strace"
    which = [word for pid in pids for word in ("-p", str(pid))]
    strace = bench.procs.start("strace", ["strace", "-f", "-c", "-S", "calls", "-o", table, *which], bench.load_cpu)
    if not wait_until(lambda: all(is_traced(pid) for pid in pids), ATTACH_S):
        raise RuntimeError("strace could not attach: " + strace.log_tail())
    sample = under_load(bench, row, port)
    bench.procs.stop(strace, signal.SIGINT)  # at SIGINT it detaches and writes its table
    with open(table, encoding="utf-8", errors="replace") as f:
        counts = parse_strace(f.read())
    print_counts(counts, sum(calls for _, calls, _ in counts), sample["requests"], out)


def parse_strace(text):
    """[(syscall, calls, errors)] of `strace -c`, most calls first."""
    out = []
    for line in text.splitlines():
        found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(\d+)?\s*([a-z_0-9]+)\s*$", line)
        if found and found.group(3) != "total":
            out.append((found.group(3), int(found.group(1)), int(found.group(2) or 0)))
    return sorted(out, key=lambda entry: -entry[1])


# perf


def run_perf(bench, row, proc, port, base, out):
    data = f"{base}.perf.data"
    which = ",".join(str(pid) for pid in proc.pids())
    perf = bench.procs.start("perf", ["perf", "record", "-q", "-F", str(PERF_HZ), "-g", "-o", data, "-p", which],
                             bench.load_cpu)
    if not wait_until(lambda: os.path.exists(data) and os.path.getsize(data) > 0, ATTACH_S):
        raise RuntimeError("perf could not record: " + perf.log_tail())
    sample = under_load(bench, row, port)
    bench.procs.stop(perf, signal.SIGINT)
    out(f"  {sample['requests']} requests; the data: perf report -i {data}")
    for title, sort in (("where", "dso"), ("functions", "dso,symbol")):
        out(f"  by {title}:")
        print_lines(["perf", "report", "-i", data, "--stdio", "--no-children", "-g", "none", "--percent-limit", "0.4",
                     "--sort", sort], out)


def print_lines(argv, out):
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=120, check=False)
    lines = [re.sub(r"(\s+-)+\s*$", "", line) for line in done.stdout.splitlines()
             if line.strip() and not line.startswith("#")]
    for line in lines[:TOP_LINES]:
        out("  " + line)
    if not lines:
        out("  nothing: " + done.stderr.strip()[-300:])


# callgrind


def run_callgrind(bench, row, peer, origin_port, base, out):
    """Instructions for each request in user space; slow, but free of noise."""
    data = f"{base}.callgrind"
    for old in os.listdir(os.path.dirname(base)):
        if old.startswith(os.path.basename(data)):
            os.unlink(os.path.join(os.path.dirname(base), old))
    wrapped = peers.Wrapped(peer, ["valgrind", "--tool=callgrind", "--trace-children=yes", "--instr-atstart=no",
                                   "--collect-jumps=no", f"--callgrind-out-file={data}.%p"])
    proc, port = bench.start(row, wrapped, origin_port)
    run_load(bench, row, port, WARMUP_S)
    for pid in proc.pids():
        subprocess.run(["callgrind_control", "-i", "on", str(pid)], capture_output=True, timeout=30, check=False)
    sample = under_load(bench, row, port)
    bench.procs.stop(proc)
    files = [os.path.join(os.path.dirname(base), name) for name in sorted(os.listdir(os.path.dirname(base)))
             if name.startswith(os.path.basename(data))]
    files = [name for name in files if os.path.getsize(name) > 0]
    if not files:
        raise RuntimeError("callgrind left no data")
    biggest = max(files, key=os.path.getsize)
    total = total_instructions(biggest)
    if total:
        each = total / sample["requests"]
        out(f"  {sample['requests']} requests; {each:.0f} instructions per request in user space")
    out(f"  the data: callgrind_annotate {biggest}")
    print_lines(["callgrind_annotate", "--threshold=90", biggest], out)


def total_instructions(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            if line.startswith(("totals:", "summary:")):
                return int(line.split()[1])
    return 0

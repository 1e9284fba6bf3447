# SPDX-License-Identifier: MIT
"""
Start processes pinned to a core, read what they cost, end them.

Owner:  every process started here is ended here, by its PID, also when the run is interrupted.
Reads:  CPU time and memory from /proc, summed over a process and all its descendants.
"""

import ctypes
import os
import resource
import signal
import subprocess
import time

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
NOFILE_WANTED = 65536
STOP_WAIT_S = 3.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def raise_nofile():
    """Raise RLIMIT_NOFILE for us and what we start; returns the limit that we got."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        wanted = max(NOFILE_WANTED, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (NOFILE_WANTED, wanted))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(NOFILE_WANTED, hard), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def descendants(pid):
    """`pid` and all its living descendants."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = read_stat(int(name))
            if stat is not None:
                children.setdefault(int(stat[1]), []).append(int(name))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo.extend(children.get(one, []))
    return found


def read_stat(pid):
    """The fields of /proc/PID/stat from the state on (index 0 is field 3), or None."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            text = f.read()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def start_time(pid):
    """When `pid` was started, in ticks: with the PID it names one process for ever."""
    stat = read_stat(pid)
    return None if stat is None else stat[19]


def cpu_seconds(pids):
    """utime + stime of the processes, all their threads included."""
    ticks = 0
    for pid in pids:
        stat = read_stat(pid)
        if stat is None:
            raise RuntimeError(f"process {pid} went away while it was measured")
        ticks += int(stat[11]) + int(stat[12])
    return ticks / TICKS_PER_S


def memory_bytes(pids):
    """User-space memory of the processes: {"rss": bytes, "pss": bytes}. The kernel's is not in it."""
    sums = {"rss": 0, "pss": 0}
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            for line in f:
                key = line.split(":")[0].lower()
                if key in sums:
                    sums[key] += int(line.split()[1]) * 1024
    return sums


class Proc:
    """One started program. `pids()` is it and its workers."""

    def __init__(self, name, popen, log_path):
        self.name = name
        self.popen = popen
        self.pid = popen.pid
        self.log_path = log_path

    def pids(self):
        return descendants(self.pid)

    def is_alive(self):
        return self.popen.poll() is None

    def log_tail(self, lines=3):
        """What it said last, on one line, for an error message."""
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as f:
                return " ".join(line.strip()[:300] for line in f.readlines()[-lines:])
        except OSError:
            return ""


class Procs:
    """All that runs for us. `stop_all` leaves nothing behind."""

    def __init__(self, work):
        self.work = work
        self.running = []

    def start(self, name, argv, cpu, env=None):
        """Start `argv` on core `cpu`; what it says goes to a fresh log of its name."""
        log_path = os.path.join(self.work, f"{name}.log")

        def in_child():
            # the child must not outlive a harness that was killed outright
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            os.sched_setaffinity(0, {cpu})

        with open(log_path, "wb") as out:
            popen = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.work,
                env={**os.environ, **(env or {})},
                start_new_session=True,  # Ctrl-C comes to the harness, which ends them in order
                preexec_fn=in_child,
            )
        proc = Proc(name, popen, log_path)
        self.running.append(proc)
        return proc

    def run(self, name, argv, cpu, timeout_s):
        """Run to the end and return (exit status, output). Over time it is ended: status None."""
        proc = self.start(name, argv, cpu)
        try:
            status = proc.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            self.stop(proc)
        with open(proc.log_path, encoding="utf-8", errors="replace") as f:
            return status, f.read()

    def stop(self, proc, first=signal.SIGTERM):
        """End it and its descendants: politely first, then by force. Only PIDs that were ours."""
        family = [(pid, start_time(pid)) for pid in proc.pids()] if proc.is_alive() else []
        if proc.is_alive():
            proc.popen.send_signal(first)
            try:
                proc.popen.wait(STOP_WAIT_S)
            except subprocess.TimeoutExpired:
                proc.popen.kill()
                proc.popen.wait()
        for pid, started in family:
            if started is not None and start_time(pid) == started and pid != proc.pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        if proc in self.running:
            self.running.remove(proc)

    def stop_all(self):
        for proc in reversed(list(self.running)):
            self.stop(proc)


def wait_until(predicate, timeout_s, step_s=0.02):
    """Poll `predicate` until it is true; False when the time is over."""
    end = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > end:
            return False
        time.sleep(step_s)
    return True

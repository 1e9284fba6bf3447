# SPDX-License-Identifier: MIT
"""
The rows of the table: what each asks, how it is measured, when its goal is met.

A row's result is a dict: {"id", "title", "goal", "peers": {name: {...} or {"left_out": why}}, "verdict", ...}.
Verdict: "met", "missed", or "not measured"; nothing is ever filled in for a figure that was not taken.
"""

import json
import os
import resource
import statistics
import time
from dataclasses import dataclass

from . import load, net, peers
from .procs import cpu_seconds, memory_bytes

WARMUP_S = 1
CONNS_10K = 10000
CONNS_10K_SECONDS_MIN = 10
IDLE_CONNS = 10000
IDLE_CONNS_TLS = 4000
CERTS_MANY = 200
IDLE_SETTLE_S = 6.0
IDLE_STILL_BYTES = 64 * 1024  # PSS moves a little whenever anyone maps or leaves a shared library
IDLE_PROBES = 100
ROUTE_BENCH = os.path.join(peers.ROOT, "build", "release", "bench", "route_bench")
PICK_BENCH = os.path.join(peers.ROOT, "build", "release", "bench", "pick_bench")
PICK_NS_MAX = 100.0
TARGET_CHANGES = os.path.join(peers.ROOT, "build", "release", "bench", "target_changes")
CHANGES_PER_S = 1000
CHANGED_TARGETS = 100  # half of them come and go
HANDSHAKE_LOAD = os.path.join(peers.ROOT, "build", "release", "bench", "handshake_load")
TLS_OWN = os.path.join(peers.ROOT, "build", "release", "bench", "tls_own")
ROUTE_BENCH_TIMEOUT_S = 120
ROUTE_LOOKUP_NS_MAX = 1000.0
ROUTE_LOAD_MS_MAX = 1000.0



@dataclass
class Row:
    id: str
    title: str
    kind: str  # "cpu", "memory", "conns", "certs", "route", "pick", "changes"
    mode: str = "proxy"
    path: str = peers.PATH_SMALL
    conns: int = 64
    goal: float = 0.0
    goal_text: str = ""
    tls: str = ""  # "h1" or "h2": what is spoken over TLS
    streams: int = 1  # at once on a connection
    groups: str = ""  # a full handshake a request, with these key exchange groups

    def new_result(self):
        return {"id": self.id, "title": self.title, "kind": self.kind, "goal": self.goal, "goal_text": self.goal_text,
                "peers": {}, "verdict": "not measured", "notes": []}


def ratio_goal(goal):
    return f"CPU per request ≤ {goal} × best peer"


ROWS = [
    Row("proxy-small", "h1 proxy, 128 B, keep-alive, 64 connections", "cpu", goal=0.95, goal_text=ratio_goal(0.95)),
    Row("proxy-100k", "h1 proxy, 100 KB, keep-alive, 16 connections", "cpu", path=peers.PATH_100K, conns=16,
        goal=0.85, goal_text=ratio_goal(0.85)),
    Row("static-1k", "h1 static file, 1 KB, keep-alive, 64 connections", "cpu", mode="static", path=peers.PATH_1K,
        goal=0.7, goal_text=ratio_goal(0.7)),
    Row("tls-small", "h1 proxy over TLS, 128 B, keep-alive, 64 connections", "cpu", goal=0.9,
        goal_text=ratio_goal(0.9), tls="h1"),
    Row("tls-handshake", "TLS 1.3 full handshake a request, ECDSA P-256, X25519, 16 connections", "cpu", conns=16,
        goal=0.9, goal_text=ratio_goal(0.9), tls="h1", groups="X25519"),
    Row("tls-handshake-pq", "the same, the client offers X25519MLKEM768 (and X25519 for who has no other)", "cpu",
        conns=16, goal=1.1, goal_text=ratio_goal(1.1), tls="h1", groups="*X25519MLKEM768:*X25519"),
    Row("tls-certs", f"first handshake with {CERTS_MANY} certificates of sites ÷ with one (CPU)", "certs", conns=16,
        goal=1.03, goal_text="no slower: ≤ 1.03 ×, the noise of these figures", tls="h1", groups="X25519"),
    Row("h2-small", "h2 proxy over TLS, 128 B, 8 connections × 32 streams", "cpu", conns=8, streams=32,
        goal=0.85, goal_text=ratio_goal(0.85), tls="h2"),
    Row("idle-memory", f"memory of an idle keep-alive connection ({IDLE_CONNS:,} open, proxied)", "memory",
        conns=IDLE_CONNS, goal=0.5, goal_text="≤ 0.5 KiB of user-space memory"),
    Row("idle-memory-tls", f"the same over TLS ({IDLE_CONNS_TLS:,} open), less what OpenSSL itself keeps", "memory",
        conns=IDLE_CONNS_TLS, goal=1.0, goal_text="≤ 1 KiB above OpenSSL's own", tls="h1"),
    Row("conns-10k", f"wrk at {CONNS_10K:,} open connections, h1 static file, 1 KB", "conns", mode="static",
        path=peers.PATH_1K, conns=CONNS_10K, goal_text="no error"),
    Row("conns-10k-proxy", f"wrk at {CONNS_10K:,} open connections, h1 proxy, 128 B", "conns", conns=CONNS_10K,
        goal_text="no error"),
    Row("route-lookup", "route lookup, 10,000 sites × 10 routes", "route",
        goal_text="lookup < 1 µs, load < 1 s"),
    Row("target-changes", f"h1 proxy, 128 B, {CHANGES_PER_S:,} changes of targets a second: p99 ÷ that of the quiet run",
        "changes", goal=1.2, goal_text="p99 ≤ 1.2 ×, no failed request"),
    Row("target-pick", "choice of a target among 1,000, each strategy", "pick", goal_text="< 100 ns"),
]


class Bench:
    """What all rows share: where to work, which cores, which peers, how long."""

    def __init__(self, procs, work, cores, chosen, repeat, seconds, say):
        self.procs = procs
        self.work = work
        self.proxy_cpu, self.load_cpu = cores
        self.chosen = chosen  # peers that were asked for, in order
        self.repeat = repeat
        self.seconds = seconds
        self.say = say
        self.ports = net.Ports()

    def measure(self, row):
        """Run one row; whatever goes wrong is said in its result."""
        result = row.new_result()
        try:
            MEASURES[row.kind](self, row, result)
        except (peers.PeerError, load.LoadError, RuntimeError, OSError) as e:
            result["notes"].append(str(e))
            result["verdict"] = "not measured"
        finally:
            self.procs.stop_all()
        return result

    def candidates(self, row, result, with_floor):
        """The peers that can take part; the others are noted with the reason."""
        out = []
        for peer in self.chosen:
            if not peer.has(row) or (peer.floor and not with_floor):
                continue
            why = peer.missing()
            if why is None:
                out.append(peer)
            else:
                result["peers"][peer.name] = {"left_out": why}
        return out

    def start(self, row, peer, origin_port):
        """Start `peer` for `row` and see that it gives the right bytes; returns (process, port)."""
        port = self.ports.take()
        proc = peers.start_peer(self.procs, peer, self.work, self.proxy_cpu, row, port, origin_port)
        try:
            peers.wait_answer(proc, port, row.path, bool(row.tls))
        except peers.PeerError:
            self.procs.stop(proc)
            raise
        return proc, port

    def start_all(self, row, result, with_floor):
        """Start origin and candidates; {name: (process, port)}. Who cannot start is left out and said so."""
        todo = self.candidates(row, result, with_floor)
        origin_ports = {peer.name: self.ports.take() for peer in todo}
        if row.mode == "proxy" and todo:
            peers.start_origin(self.procs, self.work, self.load_cpu, list(origin_ports.values()))
        started = {}
        for peer in todo:
            try:
                started[peer.name] = self.start(row, peer, origin_ports[peer.name])
            except peers.PeerError as e:
                result["peers"][peer.name] = {"left_out": str(e)}
        return started


def url_of(row, port):
    if row.tls:
        return f"https://localhost:{port}{row.path}"
    return f"http://127.0.0.1:{port}{row.path}"


def run_load(bench, row, port, seconds):
    """Load as the row asks for it."""
    if row.groups:
        return load.run_handshakes(bench.procs, bench.load_cpu, HANDSHAKE_LOAD, port, row.path, row.conns, seconds,
                                   row.groups)
    if row.tls == "h2":
        return load.run_h2load(bench.procs, bench.load_cpu, port, row.path, row.conns, row.streams, seconds)
    return load.run_wrk(bench.procs, bench.load_cpu, url_of(row, port), row.conns, seconds)


def median_of(samples, key):
    return statistics.median(s[key] for s in samples)


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "rounds": len(values)}


# CPU per request


def take_sample(bench, row, proc, port):
    """One timed run of wrk: what the proxy's CPU time grew by, for each request done."""
    pids = proc.pids()
    before = cpu_seconds(pids)
    sample = run_load(bench, row, port, bench.seconds)
    sample["cpu_s"] = cpu_seconds(pids) - before
    if sample["requests"] == 0:
        raise load.LoadError("no request was done")
    sample["cpu_us_per_request"] = sample["cpu_s"] * 1e6 / sample["requests"]
    return sample


def measure_cpu(bench, row, result):
    """Rounds A B C A B C …; each sample with an error makes its peer's figure invalid."""
    started = bench.start_all(row, result, with_floor=True)
    samples = {name: [] for name in started}
    for name, (_, port) in started.items():
        try:
            run_load(bench, row, port, WARMUP_S)
        except load.LoadError as e:
            result["peers"][name] = {"left_out": f"warm-up: {e}"}
    for turn in range(bench.repeat):
        for name, (proc, port) in started.items():
            if "left_out" in result["peers"].get(name, {}):
                continue
            try:
                sample = take_sample(bench, row, proc, port)
            except (RuntimeError, OSError) as e:
                result["peers"][name] = {"left_out": f"round {turn + 1}: {e}"}
                continue
            if sample["errors"] > 0:
                result["peers"][name] = {"left_out": f"round {turn + 1}: {error_text(sample)}", "sample": sample}
                continue
            samples[name].append(sample)
            bench.say(f"  {row.id} round {turn + 1}/{bench.repeat} {name}: "
                      f"{sample['cpu_us_per_request']:.2f} µs/request, {sample['requests_per_s']:.0f} requests/s")
    for name, taken in samples.items():
        if "left_out" not in result["peers"].get(name, {}) and taken:
            result["peers"][name] = {
                "cpu_us_per_request": spread([s["cpu_us_per_request"] for s in taken]),
                "requests_per_s": spread([s["requests_per_s"] for s in taken]),
                "p99_ms": None if taken[0]["p99_ms"] is None else median_of(taken, "p99_ms"),
                "samples": taken,
            }
    judge_cpu(bench, row, result)


def error_text(sample):
    kinds = [f"{n} {k}" for k, n in sample["socket_errors"].items() if n]
    if sample["non_2xx"]:
        kinds.append(f"{sample['non_2xx']} answers that were not 2xx or 3xx")
    return "errors under load: " + ", ".join(kinds)


def round_ratios(result, above, below, key):
    """The ratio of each round, so that noise which lasts longer than a round falls out."""
    pairs = zip(result["peers"][above]["samples"], result["peers"][below]["samples"])
    return spread([a[key] / b[key] for a, b in pairs])


def judge_cpu(bench, row, result):
    good = {n: p for n, p in result["peers"].items() if "samples" in p}
    floors = {p.name for p in bench.chosen if p.floor}
    rivals = [n for n in good if n not in floors and n != "joist"]
    if "joist" not in good or not rivals:
        result["notes"].append("no ratio: Joist was not measured" if "joist" not in good else
                               "no ratio: no peer was measured")
        return
    tuned = {p.name for p in bench.chosen if p.tuned_rows is not None}
    plain = [n for n in rivals if n not in tuned]
    result["against"] = {}
    for kind, names in (("as they come", plain), ("tuned too", rivals)):
        if names and (kind == "as they come" or tuned & set(names)):
            result["against"][kind] = judge_against(result, good, names, row.goal)
    for floor in floors & set(good):
        result["floor"] = floor
        result["floor_ratio"] = round_ratios(result, "joist", floor, "cpu_us_per_request")
        note_goals_beneath(result, good, good[floor]["cpu_us_per_request"]["median"], row.goal)
    # the stricter of both stands for the row
    result["verdict"] = list(result["against"].values())[-1]["verdict"]


def note_goals_beneath(result, good, floor_us, goal):
    """Say so where a goal asks for less than the kernel takes."""
    for kind, found in result["against"].items():
        goal_us = goal * good[found["best_peer"]]["cpu_us_per_request"]["median"]
        if goal_us < floor_us:
            result["notes"].append(f"against the peers {kind} the goal is {goal_us:.2f} µs, beneath the floor of "
                                   f"{floor_us:.2f} µs")


def judge_against(result, good, names, goal):
    """Joist against the best and the fastest of `names`."""
    best = min(names, key=lambda n: good[n]["cpu_us_per_request"]["median"])
    fastest = max(names, key=lambda n: good[n]["requests_per_s"]["median"])
    ratio = round_ratios(result, "joist", best, "cpu_us_per_request")
    return {
        "best_peer": best,
        "cpu_ratio": ratio,
        "fastest_peer": fastest,
        "requests_ratio": round_ratios(result, "joist", fastest, "requests_per_s"),
        "verdict": "met" if ratio["median"] <= goal else "missed",
    }


# Memory of an idle connection


def settled_memory(proc):
    """Read until it has stood still for a second, or the time is over (`settled` says which)."""
    end = time.monotonic() + IDLE_SETTLE_S
    last, still = memory_bytes(proc.pids()), 0
    while still < 4 and time.monotonic() < end:
        time.sleep(0.25)
        now = memory_bytes(proc.pids())
        still = still + 1 if abs(now["pss"] - last["pss"]) <= IDLE_STILL_BYTES else 0
        last = now
    return {**last, "settled": still >= 4}


def measure_one_idle(row, proc, port):
    """Growth from a warm process to one that holds `row.conns` idle connections."""
    body = peers.BODIES[row.path]
    net.close_all(net.open_idle(port, row.path, net.IDLE_BATCH, body, bool(row.tls)))
    before = settled_memory(proc)
    held = net.open_idle(port, row.path, row.conns, body, bool(row.tls))
    try:
        after = settled_memory(proc)
        closed = sum(not exchange.is_open() for exchange in held)
        if closed:
            raise RuntimeError(f"{closed} of {row.conns} idle connections were closed by the proxy")
        for exchange in held[:: max(1, row.conns // IDLE_PROBES)]:
            exchange.send(row.path)
            if exchange.receive()[0] != 200:
                raise RuntimeError("an idle connection did not answer a second request")
    finally:
        net.close_all(held)
    grown = {k: (after[k] - before[k]) / row.conns / 1024 for k in ("rss", "pss")}
    return {"rss_kib_per_conn": grown["rss"], "pss_kib_per_conn": grown["pss"], "before": before, "after": after}


def openssl_own(bench, result):
    """KiB that OpenSSL keeps for an idle server connection after a handshake like that of the harness."""
    cert, key = (os.path.join(bench.work, name) for name in ("cert.pem", "key.pem"))
    status, text = bench.procs.run("tls_own", [TLS_OWN, cert, key, "X25519"], bench.proxy_cpu, ROUTE_BENCH_TIMEOUT_S)
    if status != 0:
        raise RuntimeError("tls_own: " + text.strip()[-300:])
    own = json.loads(text)["kib_per_conn"]
    result["notes"].append(f"OpenSSL's own: {own:.2f} KiB (bench/tls_own.c, X25519)")
    return own


def measure_memory(bench, row, result):
    for name, (proc, port) in bench.start_all(row, result, with_floor=False).items():
        try:
            got = measure_one_idle(row, proc, port)
        except (RuntimeError, OSError, ValueError) as e:
            result["peers"][name] = {"left_out": str(e)}
            continue
        result["peers"][name] = got
        bench.say(f"  {row.id} {name}: {got['pss_kib_per_conn']:.2f} KiB a connection")
    joist = result["peers"].get("joist", {})
    if "pss_kib_per_conn" in joist:
        own = openssl_own(bench, result) if row.tls else 0.0
        result["verdict"] = "met" if joist["pss_kib_per_conn"] - own <= row.goal else "missed"
    result["notes"].append("growth of PSS in user space for each connection; the kernel's socket memory is not "
                           "counted, and what a program sets aside at its start is not growth")


# 10,000 connections


def measure_one_crowd(bench, row, proc, port):
    """wrk with all connections at work; half-way we count how many really stand open."""
    seconds = max(CONNS_10K_SECONDS_MIN, bench.seconds)
    pids = proc.pids()
    before = cpu_seconds(pids)
    argv = load.wrk_argv(url_of(row, port), row.conns, seconds, load.CROWD_TIMEOUT_S)
    wrk = bench.procs.start("wrk-crowd", argv, bench.load_cpu)
    open_max = 0
    end = time.monotonic() + seconds + load.CROWD_TIMEOUT_S + load.WRK_EXTRA_S
    while wrk.is_alive() and time.monotonic() < end:
        open_max = max(open_max, net.established(port))
        time.sleep(1.0)
    ended = not wrk.is_alive()
    bench.procs.stop(wrk)
    with open(wrk.log_path, encoding="utf-8", errors="replace") as f:
        text = f.read()
    os.unlink(wrk.log_path)
    if not ended or wrk.popen.returncode != 0:
        raise load.LoadError("wrk did not end well: " + text.strip()[-300:])
    sample = load.parse_wrk(text)
    sample["open_max"] = open_max
    sample["cpu_s"] = cpu_seconds(pids) - before
    sample["cpu_us_per_request"] = sample["cpu_s"] * 1e6 / sample["requests"] if sample["requests"] else None
    return sample


def measure_conns(bench, row, result):
    nofile = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if row.mode == "proxy" and nofile < 2 * row.conns + peers.FDS_SPARE:
        result["notes"].append(f"only {nofile} open files are allowed here: not every client connection can have an "
                               "upstream connection at the same moment, so a proxy must make some wait")
    for name, (proc, port) in bench.start_all(row, result, with_floor=False).items():
        try:
            sample = measure_one_crowd(bench, row, proc, port)
        except (RuntimeError, OSError) as e:
            result["peers"][name] = {"left_out": str(e)}
            continue
        result["peers"][name] = sample
        bench.say(f"  {row.id} {name}: {sample['errors']} errors, {sample['open_max']} open, "
                  f"{sample['requests_per_s']:.0f} requests/s")
    joist = result["peers"].get("joist", {})
    if "errors" in joist:
        full = joist["open_max"] >= row.conns
        result["verdict"] = "met" if joist["errors"] == 0 and full and joist["requests"] > 0 else "missed"


# Route lookup, and the choice of a target: programs of their own, in process


def measure_inside(bench, result, program):
    """Run it and return the figures that it prints."""
    name = os.path.basename(program)
    if not any(peer.name == "joist" for peer in bench.chosen):
        raise RuntimeError("Joist was not asked for")
    if not os.access(program, os.X_OK):
        raise RuntimeError(f"{os.path.relpath(program, peers.ROOT)} is not built")
    status, text = bench.procs.run(name, [program], bench.proxy_cpu, ROUTE_BENCH_TIMEOUT_S)
    if status != 0:
        raise RuntimeError(f"{name} ended with {status}: " + text.strip()[-300:])
    try:
        figures = json.loads(text)
    except ValueError as e:
        raise RuntimeError(f"{name} did not print JSON: " + text.strip()[:200]) from e
    result["peers"]["joist"] = figures
    return figures


def measure_route(bench, row, result):
    judge_route(result, measure_inside(bench, result, ROUTE_BENCH))


def measure_pick(bench, row, result):
    figures = measure_inside(bench, result, PICK_BENCH)
    slowest = max(value for key, value in figures.items() if key.endswith("_ns"))
    result["verdict"] = "met" if slowest < PICK_NS_MAX else "missed"


def figure(figures, *words):
    """The number whose key has all of `words` in it."""
    for key, value in figures.items():
        if isinstance(value, (int, float)) and all(word in key for word in words):
            return float(value)
    return None


def judge_route(result, figures):
    lookup_ns, load_ms = figure(figures, "lookup", "ns"), figure(figures, "load", "ms")
    if lookup_ns is None or load_ms is None:
        result["notes"].append("route_bench gave no lookup time or no load time")
        return
    good = lookup_ns < ROUTE_LOOKUP_NS_MAX and load_ms < ROUTE_LOAD_MS_MAX
    result["verdict"] = "met" if good else "missed"


# Targets that change under load


def stop_changes(bench, proc):
    """End it and return what it says of its changes."""
    bench.procs.stop(proc)
    with open(proc.log_path, encoding="utf-8", errors="replace") as f:
        text = f.read()
    try:
        return json.loads(text)
    except ValueError as e:
        raise RuntimeError("target_changes said: " + text.strip()[-300:]) from e


def changes_p99(bench, row, port, name):
    sample = run_load(bench, row, port, bench.seconds)
    if sample["errors"] or not sample["requests"] or not sample["p99_ms"]:
        raise load.LoadError(f"{name}: {error_text(sample) or 'no request was done'}")
    bench.say(f"  {row.id} {name}: p99 {sample['p99_ms']:.2f} ms, {sample['requests_per_s']:.0f} requests/s")
    return sample


def measure_changes(bench, row, result):
    """The same program, quiet and while its targets change, in turn: the ratio of each round."""
    if not any(peer.name == "joist" for peer in bench.chosen):
        raise RuntimeError("Joist was not asked for")
    if not os.access(TARGET_CHANGES, os.X_OK):
        raise RuntimeError(f"{os.path.relpath(TARGET_CHANGES, peers.ROOT)} is not built")
    origins = [bench.ports.take() for _ in range(CHANGED_TARGETS)]
    peers.start_origin(bench.procs, bench.work, bench.load_cpu, origins)
    started = {}
    for name, per_s in (("quiet", 0), ("changing", CHANGES_PER_S)):
        port = bench.ports.take()
        argv = [TARGET_CHANGES, str(port), str(per_s), *(str(origin) for origin in origins)]
        started[name] = (bench.procs.start(name, argv, bench.proxy_cpu), port)
        peers.wait_answer(*started[name], row.path)
        run_load(bench, row, port, WARMUP_S)
    samples = {name: [] for name in started}
    for _ in range(bench.repeat):
        for name, (_, port) in started.items():
            samples[name].append(changes_p99(bench, row, port, name))
    made = stop_changes(bench, started["changing"][0])
    ratio = spread([b["p99_ms"] / a["p99_ms"] for a, b in zip(samples["quiet"], samples["changing"])])
    result["peers"]["joist"] = {f"{name}_{key}": median_of(taken, key) for name, taken in samples.items()
                                for key in ("p99_ms", "requests_per_s")}
    result["peers"]["joist"] |= {"ratio": ratio["median"], "ratio_min": ratio["min"], "ratio_max": ratio["max"], **made}
    result["verdict"] = "met" if ratio["median"] <= row.goal and made["failed"] == 0 else "missed"


# A first handshake with many certificates


def certificate_sites(bench, count):
    """`count` sites, each with a certificate of its own, as text for the configuration."""
    text = []
    for i in range(count):
        base = os.path.join(bench.work, f"site{i}")
        if not os.path.exists(base + ".pem"):
            peers.make_cert(bench.work, f"site{i}.test", base + ".pem", base + ".key")
        text.append(f'[[sites]]\nhost = "site{i}.test"\ntls = {{ cert = "{base}.pem", key = "{base}.key" }}\n'
                    'respond = "hello"\n')
    return "\n".join(text)


def measure_certs(bench, row, result):
    """Joist with one certificate and Joist with many, in turn: the ratio of each round."""
    if not any(peer.name == "joist" for peer in bench.chosen):
        raise RuntimeError("Joist was not asked for")
    joist = next(peer for peer in bench.chosen if peer.name == "joist")
    started = {}
    for count in (1, CERTS_MANY):
        port = bench.ports.take()
        conf = os.path.join(bench.work, f"joist-{count}-certs.toml")
        peers.fill("joist-certs.toml", {"PORT": port, "SITES": certificate_sites(bench, count)}, conf)
        proc = bench.procs.start(f"joist-{count}", [joist.program, "run", conf], bench.proxy_cpu)
        started[count] = (proc, port)
        peers.wait_until(lambda port=port: net.listens(port), peers.READY_S)
    samples = {count: [] for count in started}
    for _ in range(bench.repeat):
        for count, (proc, port) in started.items():
            before = cpu_seconds(proc.pids())
            sample = load.run_handshakes(bench.procs, bench.load_cpu, HANDSHAKE_LOAD, port, "/", row.conns,
                                         bench.seconds, row.groups, count)
            if sample["errors"] or not sample["requests"]:
                raise load.LoadError(f"{count} certificates: {sample['errors']} errors")
            sample["cpu_us_per_request"] = (cpu_seconds(proc.pids()) - before) * 1e6 / sample["requests"]
            samples[count].append(sample)
    ratio = spread([b["cpu_us_per_request"] / a["cpu_us_per_request"]
                    for a, b in zip(samples[1], samples[CERTS_MANY])])
    result["peers"]["joist"] = {"with_1_us": median_of(samples[1], "cpu_us_per_request"),
                                f"with_{CERTS_MANY}_us": median_of(samples[CERTS_MANY], "cpu_us_per_request"),
                                "ratio": ratio["median"], "ratio_min": ratio["min"], "ratio_max": ratio["max"]}
    result["verdict"] = "met" if ratio["median"] <= row.goal else "missed"


MEASURES = {"certs": measure_certs, "cpu": measure_cpu, "memory": measure_memory, "conns": measure_conns, "route": measure_route,
            "pick": measure_pick, "changes": measure_changes}

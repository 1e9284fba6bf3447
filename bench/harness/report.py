# SPDX-License-Identifier: MIT
"""The readable table, the JSON file, and the facts of the machine they were taken on."""

import json
import os
import platform
import time


def machine_facts(cores, nofile):
    """What a reader must know before they set these figures beside others."""
    return {
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "core_of_proxy": cores[0],
        "core_of_load_and_origin": cores[1],
        "kernel": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "tcp_congestion_control": read_line("/proc/sys/net/ipv4/tcp_congestion_control"),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "nofile": nofile,
        "load_average_at_start": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }


def cpu_model():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            for line in f:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def write_markdown(path, facts, versions, options, results):
    """The same figures as a page's section: one table for each row."""
    lines = [f"{facts['cpu']}, {facts['cpus']} CPUs, {facts['kernel']}, {time.strftime('%Y-%m-%d', time.gmtime())}; "
             f"{options['repeat']} rounds of {options['seconds']} s. "
             + ", ".join(f"{name}: {version}" for name, version in versions.items()) + "."]
    for result in results:
        lines += ["", f"**{result['title']}** (goal: {result['goal_text']}): {summary_figure(result)}", ""]
        table = []
        for name, peer in result["peers"].items():
            cells = markdown_cells(peer)
            if cells:
                table.append(cells | {"": name})
        if table:
            heads = list(table[0])
            heads = ["", *[h for h in heads if h]]
            lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
            lines += ["| " + " | ".join(str(cells.get(h, "–")) for h in heads) + " |" for cells in table]
        said = [f"{name} left out: {p['left_out']}." for name, p in result["peers"].items() if "left_out" in p]
        said += [f"Note: {note}." for note in result["notes"]]
        lines += ["", *said] if said else []
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def markdown_cells(peer):
    if "samples" in peer:
        p99 = f"{peer['p99_ms']:.2f}" if peer["p99_ms"] is not None else "–"
        return {"µs CPU/request": span(peer["cpu_us_per_request"]), "requests/s": span(peer["requests_per_s"], 0),
                "p99 ms": p99}
    if "pss_kib_per_conn" in peer:
        return {"KiB/connection (PSS)": f"{peer['pss_kib_per_conn']:.2f}",
                "whole process, MiB (PSS)": f"{peer['after']['pss'] / 2**20:.1f}"}
    if "open_max" in peer:
        return {"errors": peer["errors"], "open at once": peer["open_max"],
                "requests/s": f"{peer['requests_per_s']:.0f}"}
    return {} if "left_out" in peer else {k: v for k, v in peer.items() if isinstance(v, (int, float, str))}


def read_line(path):
    try:
        with open(path, encoding="ascii") as f:
            return f.readline().strip()
    except OSError:
        return None


def write_json(path, facts, versions, options, results):
    """Whole or not at all: a reader never finds half a file."""
    document = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": facts,
        "versions": versions,
        "options": options,
        "rows": results,
    }
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    part = f"{path}.part"
    with open(part, "w", encoding="utf-8") as f:
        json.dump(document, f, indent=1, ensure_ascii=False)
        f.write("\n")
    os.replace(part, path)


def print_row(result, out):
    goal = f"   goal: {result['goal_text']}" if result["goal_text"] else ""
    out(f"\n{result['title']}{goal}")
    PRINTERS[result["kind"]](result, out)
    for name, peer in result["peers"].items():
        if "left_out" in peer:
            out(f"  {name:<13} left out: {peer['left_out']}")
    for note in result["notes"]:
        out(f"  note: {note}")
    kinds = [f"{found['verdict']} against the peers {kind}" for kind, found in result.get("against", {}).items()]
    out(f"  → {', '.join(kinds) or result['verdict']}")


def span(s, digits=2):
    return f"{s['median']:.{digits}f} ({s['min']:.{digits}f}–{s['max']:.{digits}f})"


def measured(result, key):
    return [(name, peer) for name, peer in result["peers"].items() if key in peer]


def print_cpu(result, out):
    rows = measured(result, "samples")
    if rows:
        out(f"  {'':<13} {'µs CPU/request':<24} {'requests/s':<28} p99 ms")
    for name, peer in rows:
        p99 = f"{peer['p99_ms']:.2f}" if peer["p99_ms"] is not None else "–"
        out(f"  {name:<13} {span(peer['cpu_us_per_request']):<24} {span(peer['requests_per_s'], 0):<28} {p99}")
    for kind, found in result.get("against", {}).items():
        out(f"  against the peers {kind}: {found['verdict']}")
        out(f"    CPU per request, joist ÷ {found['best_peer']} (the best): {span(found['cpu_ratio'])}")
        out(f"    requests/s, joist ÷ {found['fastest_peer']} (the fastest): {span(found['requests_ratio'])}")
    if "floor_ratio" in result:
        out(f"  CPU per request, joist ÷ {result['floor']} (the floor): {span(result['floor_ratio'])}")


def print_memory(result, out):
    rows = measured(result, "pss_kib_per_conn")
    if rows:
        out(f"  {'':<13} {'KiB/connection (PSS)':<22} {'KiB/connection (RSS)':<22} whole process then, MiB (PSS)")
    for name, peer in rows:
        late = "" if peer["after"]["settled"] else "   (had not settled)"
        whole = peer["after"]["pss"] / 2**20
        out(f"  {name:<13} {peer['pss_kib_per_conn']:<22.2f} {peer['rss_kib_per_conn']:<22.2f} {whole:.1f}{late}")


def print_conns(result, out):
    rows = measured(result, "open_max")
    if rows:
        out(f"  {'':<13} {'errors':<8} {'open at once':<14} {'requests/s':<12} {'µs CPU/request':<16} p99 ms")
    for name, peer in rows:
        cpu = f"{peer['cpu_us_per_request']:.2f}" if peer["cpu_us_per_request"] is not None else "–"
        p99 = f"{peer['p99_ms']:.0f}" if peer["p99_ms"] is not None else "–"
        out(f"  {name:<13} {peer['errors']:<8} {peer['open_max']:<14} {peer['requests_per_s']:<12.0f} {cpu:<16} {p99}")
        if peer["errors"]:
            kinds = ", ".join(f"{n} {k}" for k, n in peer["socket_errors"].items() if n)
            out(f"            {kinds or 'no socket error'}; {peer['non_2xx']} answers not 2xx or 3xx")


def print_figures(result, out):
    for name, peer in result["peers"].items():
        for key, value in peer.items():
            if key != "left_out":
                out(f"  {name:<13} {key}: {value}")


PRINTERS = {"cpu": print_cpu, "memory": print_memory, "conns": print_conns, "route": print_figures, "pick": print_figures,
            "certs": print_figures, "changes": print_figures}


def print_summary(results, out):
    out("\nSummary")
    for result in results:
        figure = summary_figure(result)
        out(f"  {result['verdict']:<13} {result['title']}: {figure} (goal: {result['goal_text']})")


def summary_figure(result):
    joist = result["peers"].get("joist", {})
    if result.get("against"):
        return ", ".join(f"{a['cpu_ratio']['median']:.2f} × {a['best_peer']} ({a['verdict']})"
                         for a in result["against"].values())
    if "pss_kib_per_conn" in joist:
        return f"{joist['pss_kib_per_conn']:.2f} KiB"
    if "open_max" in joist:
        return f"{joist['errors']} errors with {joist['open_max']:,} open"
    if result["kind"] in ("certs", "changes") and "ratio" in joist:
        return f"{joist['ratio']:.2f} ×"
    if result["kind"] in ("route", "pick") and joist and "left_out" not in joist:
        return ", ".join(f"{k} {v}" for k, v in joist.items())
    return "no figure"

"""A run as a trace in the Trace Event Format (a JSON object) of Chrome, which Perfetto opens.

A node is a process. Each of its activities is a thread, and as many more as intervals of it overlap, so that the slices
of one thread never do. A fact is a slice ("X"), but an instant ("i") where a client leaves its round; a flow ("s", "f")
leads from a transfer to the row of its receiver (what a relay sends on has none). One more process, ``network``, has a
slice a round and counters ("C") that say, at the end of each, the energy drawn and the bytes flown since the run began.

Times are simulated microseconds. Both ends of a slice are rounded to the nanosecond, so that slices that touch still
do, also for a reader that cuts off what is below one; after 52 days doubles have no nanoseconds. The facts stay columns
in memory, their slices are written as they are made.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from itertools import chain, count
from math import inf, nextafter
from pathlib import Path
from typing import Any

import numpy as np

from wirelessfsl.files import whole
from wirelessfsl.records import COMPUTE, DROP, IDLE, RECEIVE, TRANSFER, WAIT, is_server
from wirelessfsl.results.columns import Facts, Floats, Ints, Mask
from wirelessfsl.results.moments import natural, slots
from wirelessfsl.results.store import Run

ACTIVITIES = (COMPUTE, TRANSFER, RECEIVE, WAIT, IDLE, DROP)
"""In the order of their threads."""
NUMBERS = ("round", "step", "bytes", "flops", "energy_j", "attempts", "delivered")
LONGEST_S = 2**63 / 1e9
AT_ONCE = 10_000
"""Facts that are text at a time."""


def write(run: Run, path: Path, first: int | None = None, last: int | None = None) -> int:
    """Write a run as a trace. The file appears complete or not at all; equal runs give equal files.

    path: the file, packed by gzip where its name ends in .gz; its folder is made.
    first, last: rounds to show, both included; by default from the run's first and to its last.

    Returns how many facts are shown. Raises ValueError for a run without facts in these rounds, for one of more than
    292 years, and where the file cannot be written; NoSpace if the disk is full.
    """
    shown = _shown(run, first, last)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as raw:
            packed: Any = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else raw
            with packed, io.TextIOWrapper(packed, encoding="utf-8") as text:
                text.writelines(_document(run, shown))
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror or error}; give another file with -o") from error
    return int(shown.sum())


def _shown(run: Run, first: int | None, last: int | None) -> Mask:
    """Which facts are of the rounds asked for."""
    rounds, ends_s = run.facts.round, run.facts.end_s
    if not rounds.size:
        raise ValueError(f"{run.path}: no events in the run; it stopped before anything happened, run it again")
    if ends_s.max() >= LONGEST_S:
        raise ValueError(f"{run.path}: has {ends_s.max():.3g} s; the nanoseconds of a trace end at {LONGEST_S:.3g} s")
    low, high = int(rounds.min()), int(rounds.max())
    first, last = low if first is None else first, high if last is None else last
    shown: Mask = (rounds >= first) & (rounds <= last)
    if not shown.any():
        raise ValueError(f"{run.path}: no events in rounds {first}:{last}; the run has rounds {low}:{high}")
    return shown


def _document(run: Run, shown: Mask) -> Iterator[str]:
    about = {"scenario": run.name, "seed": str(run.scenario.get("seed", 0))}
    ids = count(1)  # of processes and threads alike: no two are mistaken for one by any reader
    step, flops = (run.events[name].to_numpy()[shown] for name in ("step", "flops"))
    events = chain(_rounds(run.facts, shown, ids), _nodes(run.facts.where(shown), step, flops, ids))
    yield f'{{"displayTimeUnit":"ms","otherData":{json.dumps(about)},"traceEvents":[\n{next(events)}'
    for event in events:
        yield f",\n{event}"
    yield "\n]}\n"


def _rounds(f: Facts, shown: Mask, ids: Iterator[int]) -> Iterator[str]:
    """The process of the network: rounds, and what was spent by the end of each."""
    rounds, at = np.unique(f.round, return_inverse=True)
    start_s, end_s = np.full(rounds.size, np.inf), np.zeros(rounds.size)
    np.minimum.at(start_s, at, f.start_s)
    np.maximum.at(end_s, at, f.end_s)
    server, sent = f.node.servers, f.activity.among(TRANSFER)
    parts: dict[str, dict[str, Floats | Ints]] = {
        "energy (J)": {"devices": f.energy_j * ~server, "servers": f.energy_j * server},
        "traffic (B)": {"uplink": f.bytes * (sent & ~server), "downlink": f.bytes * (sent & server & ~f.peer.servers)},
    }
    spent = {
        name: {key: np.cumsum(np.bincount(at, each)) for key, each in series.items()} for name, series in parts.items()
    }
    inside = np.isin(rounds, f.round[shown])
    start, end = _ns(start_s[inside]), _ns(end_s[inside])
    pid, lane = next(ids), slots(start, end)
    yield _named("network", pid)
    tids = []
    for i in range(int(lane.max()) + 1):
        tids.append(next(ids))
        yield _named(_nth("rounds", i), pid, tids[-1])
    for i, slot, begin, stop in zip(np.flatnonzero(inside).tolist(), lane, start.tolist(), end.tolist(), strict=True):
        where = f'"pid":{pid},"tid":{tids[slot]},"ts":{_us(begin)},"dur":{_us(stop - begin)}'
        yield f'{{"ph":"X",{where},"name":"round {rounds[i]}","cat":"round"}}'
        for name, series in spent.items():
            values = json.dumps({key: float(each[i]) for key, each in series.items()})
            yield f'{{"ph":"C","pid":{pid},"ts":{_us(stop)},"name":"{name}","args":{values}}}'


def _nodes(f: Facts, step: Ints, flops: Floats, ids: Iterator[int]) -> Iterator[str]:
    """The processes of the nodes: who has which threads, then the facts in the order of the log."""
    names, start, end = f.node.names, _ns(f.start_s), _ns(f.end_s)
    nodes = sorted(np.unique(f.node.codes), key=lambda code: (not is_server(names[code]), natural(names[code])))
    place = np.zeros(len(names), np.intp)
    place[nodes] = np.arange(len(nodes))
    kind = np.array([ACTIVITIES.index(name) for name in f.activity.names])[f.activity.codes]
    key = len(ACTIVITIES) * place[f.node.codes] + kind
    order = np.argsort(key, kind="stable")
    pid, tid = np.zeros_like(key), np.zeros_like(key)
    processes: dict[int, int] = {}
    for rows in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
        node, activity = divmod(int(key[rows[0]]), len(ACTIVITIES))
        if node not in processes:
            processes[node] = next(ids)
            yield _named(names[nodes[node]], processes[node])
        lane = slots(start[rows], end[rows])
        threads = np.array([next(ids) for _ in range(int(lane.max()) + 1)])
        for i, thread in enumerate(threads.tolist()):
            yield _named(_nth(ACTIVITIES[activity], i), processes[node], thread)
        pid[rows], tid[rows] = processes[node], threads[lane]
    arrives = _arrivals(f)
    columns = (
        *(pid, tid, start, end, f.activity.codes, f.phase.codes, f.peer.codes, f.round, step),
        *(f.bytes, flops, f.energy_j, f.attempts, f.delivered, arrives, np.append(0, arrives[:-1])),
    )
    activities, phases, peers = ([json.dumps(name) for name in each.names] for each in (f.activity, f.phase, f.peer))
    drop = json.dumps(DROP)
    for some in range(0, start.size, AT_ONCE):
        chunk = [column[some : some + AT_ONCE].tolist() for column in columns]
        for process, thread, begin, stop, act, phase, peer, *numbers, sends, takes in zip(*chunk, strict=True):
            where = f'"pid":{process},"tid":{thread},"ts":{_us(begin)}'
            how = (
                f'"ph":"i","s":"t",{where}'
                if activities[act] == drop
                else f'"ph":"X",{where},"dur":{_us(stop - begin)}'
            )
            args = json.dumps(dict(zip(NUMBERS, numbers, strict=True)), separators=(",", ":"))
            yield f'{{{how},"name":{phases[phase]},"cat":{activities[act]},"args":{{"peer":{peers[peer]},{args[1:]}}}'
            if sends:
                yield f'{{"ph":"s","id":{sends},{where},"name":"message","cat":"message"}}'
            if takes:
                yield f'{{"ph":"f","bp":"e","id":{takes},{where},"name":"message","cat":"message"}}'


def _arrivals(f: Facts) -> Ints:
    """For each transfer that the row of its receiver follows, as the log has them, a number of its own; 0 elsewhere."""
    sent, taken = f.activity.among(TRANSFER)[:-1], f.activity.among(RECEIVE)[1:]
    same = (f.start_s[:-1] == f.start_s[1:]) & (f.end_s[:-1] == f.end_s[1:])
    swapped = (f.node.codes[:-1] == f.peer.codes[1:]) & (f.peer.codes[:-1] == f.node.codes[1:])
    pairs: Mask = np.append(sent & taken & same & swapped, False)
    return np.where(pairs, np.cumsum(pairs), 0)


def _ns(seconds: Floats) -> Ints:
    return np.rint(seconds * 1e9).astype(np.int64)


def _us(ns: int) -> str:
    """Whole nanoseconds as microseconds; the next double up where what is left of it, cut off at ns, would be one less.

    >>> _us(1_234_567), _us(1_001), 1.001 * 1000
    ('1234.567', '1.0010000000000001', 1000.9999999999999)
    """
    us = ns / 1000
    return repr(us if int(us * 1000) == ns else nextafter(us, inf))


def _nth(name: str, i: int) -> str:
    return f"{name} {i + 1}" if i else name


def _named(name: str, pid: int, tid: int | None = None) -> str:
    """Two events: the name of a process or thread, and that it stands where its number says."""
    what, who, place = ("process", f'"pid":{pid}', pid) if tid is None else ("thread", f'"pid":{pid},"tid":{tid}', tid)
    return (
        f'{{"ph":"M",{who},"name":"{what}_name","args":{{"name":{json.dumps(name)}}}}},\n'
        f'{{"ph":"M",{who},"name":"{what}_sort_index","args":{{"sort_index":{place}}}}}'
    )

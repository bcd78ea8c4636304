"""Traces: the published format field by field, and the very intervals of the facts."""

from __future__ import annotations

import gzip
import json
import math
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.results import scripted
from wirelessfsl.api import simulate
from wirelessfsl.cli import main
from wirelessfsl.records import SERVER, Event
from wirelessfsl.results.store import Run, RunWriter, open_run, write_json
from wirelessfsl.results.trace import write
from wirelessfsl.scenario import load_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"

Trace = list[dict[str, Any]]

FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "M": {"pid": int, "name": str, "args": dict},
    "X": {"pid": int, "tid": int, "ts": float, "dur": float, "name": str, "cat": str},
    "i": {"pid": int, "tid": int, "ts": float, "name": str, "cat": str, "s": str},
    "C": {"pid": int, "ts": float, "name": str, "args": dict},
    "s": {"pid": int, "tid": int, "ts": float, "name": str, "cat": str, "id": int},
    "f": {"pid": int, "tid": int, "ts": float, "name": str, "cat": str, "id": int, "bp": str},
}
"""What the Trace Event Format asks of each phase that a trace has."""
MORE = {"M": {"tid"}, "X": {"args"}, "i": {"args"}}
METADATA = {"process_name": "name", "process_sort_index": "sort_index"} | {
    "thread_name": "name",
    "thread_sort_index": "sort_index",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Clients that fail, are late and start anew in a real run of a scheme whose rounds overlap."""
    scenario = load_scenario(SCENARIOS / "async_sl.yaml", ["algorithm.rounds=3"])
    return simulate(scenario, tmp_path_factory.mktemp("run") / "async")


@pytest.fixture(scope="module")
def trace(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Trace:
    path = tmp_path_factory.mktemp("trace") / "trace.json"
    assert write(run, path) == run.facts.round.size
    return events_of(path.read_text(encoding="utf-8"))


def events_of(text: str) -> Trace:
    """The events of a trace, after a look at every field of every one of them."""
    document = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert set(document) == {"displayTimeUnit", "otherData", "traceEvents"}
    assert document["displayTimeUnit"] in ("ms", "ns")
    for event in document["traceEvents"]:
        asked = FIELDS[event["ph"]]
        assert set(asked) <= set(event) - {"ph"} <= set(asked) | MORE.get(event["ph"], set()), event
        for name, kind in asked.items():
            assert type(event[name]) is kind, (name, event)
        assert event.get("ts", 0.0) >= 0
        assert event.get("dur", 0.0) >= 0
        match event["ph"]:
            case "M":
                assert set(event["args"]) == {METADATA[event["name"]]}
                assert ("tid" in event) == event["name"].startswith("thread")
            case "C":
                assert all(type(value) is float for value in event["args"].values())
            case "i":
                assert event["s"] == "t"
            case "f":
                assert event["bp"] == "e"
    return document["traceEvents"]  # type: ignore[no-any-return]


def names(trace: Trace, what: str) -> dict[int, str]:
    """Of processes or threads, by their numbers."""
    number = {"process": "pid", "thread": "tid"}[what]
    return {event[number]: event["args"]["name"] for event in trace if event["name"] == f"{what}_name"}


def ns(microseconds: float) -> int:
    """As Perfetto reads a time: what is below a nanosecond is cut off."""
    return int(microseconds * 1000)


def test_every_slice_stands_in_a_named_thread_of_a_named_process_and_no_two_share_a_number(trace: Trace) -> None:
    processes, threads = names(trace, "process"), names(trace, "thread")
    assert not set(processes) & set(threads)
    assert len(processes) == len(set(processes.values()))
    owners = {(event["pid"], event["tid"]) for event in trace if event["name"] == "thread_name"}
    assert {(event["pid"], event["tid"]) for event in trace if "tid" in event} <= owners
    in_order = sorted(
        (event["args"]["sort_index"], event["pid"]) for event in trace if event["name"] == "process_sort_index"
    )
    assert [processes[pid] for _, pid in in_order] == ["network", "server", *(f"client-{i}" for i in range(8))]


def test_slices_of_a_node_and_activity_last_as_long_as_its_facts(run: Run, trace: Trace) -> None:
    processes = names(trace, "process")
    shown: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in trace:
        if event["ph"] in "Xi" and event["cat"] != "round":
            shown[processes[event["pid"]], event["cat"]].append(ns(event.get("dur", 0.0)))
    logged: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in run.events.to_pylist():
        logged[row["node"], row["activity"]].append(row["end_s"] - row["start_s"])
    assert shown.keys() == logged.keys()
    assert {activity for _, activity in logged} == {"compute", "transfer", "receive", "wait", "idle", "drop"}
    for key, spans in logged.items():
        assert len(shown[key]) == len(spans)
        assert sum(shown[key]) == pytest.approx(1e9 * math.fsum(spans), abs=len(spans))


def test_every_fact_is_told_in_full(run: Run, trace: Trace) -> None:
    processes = names(trace, "process")
    facts = [event for event in trace if event["ph"] in "Xi" and event["cat"] != "round"]
    for event, row in zip(facts, run.events.to_pylist(), strict=True):
        assert (processes[event["pid"]], event["cat"], event["name"]) == (row["node"], row["activity"], row["phase"])
        assert ns(event["ts"]) == round(1e9 * row["start_s"])
        told = ("peer", "round", "step", "bytes", "flops", "energy_j", "attempts", "delivered")
        assert event["args"] == {name: row[name] for name in told}


def test_no_two_slices_of_a_thread_overlap(trace: Trace) -> None:
    threads: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for event in trace:
        if event["ph"] == "X":
            threads[event["tid"]].append((ns(event["ts"]), ns(event["ts"]) + ns(event["dur"])))
    for spans in threads.values():
        spans.sort()
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert {"compute", "transfer 2", "wait", "rounds"} <= set(names(trace, "thread").values())


def test_a_flow_leads_from_every_transfer_to_its_receiver(trace: Trace) -> None:
    processes = names(trace, "process")
    starts: dict[int, dict[str, Any]] = {}
    ends: dict[int, dict[str, Any]] = {}
    for slice_, flow in pairwise(trace):
        if flow["ph"] in "sf":  # binds to the slice of its thread that is open then: the one just before it
            assert [flow[name] for name in ("pid", "tid", "ts")] == [slice_[name] for name in ("pid", "tid", "ts")]
            flows = starts if flow["ph"] == "s" else ends
            assert flow["id"] not in flows
            flows[flow["id"]] = slice_
    transfers = [event for event in trace if event.get("cat") == "transfer"]
    assert list(starts.values()) == transfers
    assert starts.keys() == ends.keys()
    for number, sent in starts.items():
        taken = ends[number]
        assert taken["cat"] == "receive"
        assert (sent["args"]["peer"], processes[sent["pid"]]) == (processes[taken["pid"]], taken["args"]["peer"])


def test_counters_end_at_what_the_run_cost(run: Run, trace: Trace) -> None:
    last = {event["name"]: event["args"] for event in trace if event["ph"] == "C"}
    assert last["energy (J)"]["devices"] == pytest.approx(run.summary["energy_j"]["devices"])
    assert last["energy (J)"]["servers"] == pytest.approx(run.summary["energy_j"]["server"])
    assert last["traffic (B)"] == {key: run.summary["bytes"][key] for key in ("uplink", "downlink")}


def test_rounds_asked_for_are_shown_alone_with_counters_of_the_whole_run_so_far(tmp_path: Path) -> None:
    run = scripted.write_run(tmp_path / "run")
    assert write(run, tmp_path / "some.json", 2, 3) == 2 * len(scripted.events(1))
    trace = events_of((tmp_path / "some.json").read_text())
    rounds = [(event["name"], event["ts"], event["dur"]) for event in trace if event.get("cat") == "round"]
    assert rounds == [("round 2", 10e6, 10e6), ("round 3", 20e6, 10e6)]
    assert {event["args"]["round"] for event in trace if "round" in event.get("args", {})} == {2, 3}
    spent = [sum(event["args"].values()) for event in trace if event["name"] == "energy (J)"]
    assert spent == pytest.approx([2 * scripted.ROUND_J, 3 * scripted.ROUND_J])
    with pytest.raises(ValueError, match=r"no events in rounds 5:6; the run has rounds 1:4"):
        write(run, tmp_path / "none.json", 5, 6)
    assert not (tmp_path / "none.json").exists()


def one_fact(folder: Path, start_s: float, end_s: float, node: str = SERVER) -> Run:
    log = RunWriter(folder)
    log.event(Event(start_s, end_s, node, "", "compute", "server_step", 1, 0, 0, 0.0, 0.0, 0, True))
    log.close()
    write_json(folder / "manifest.json", {"status": "completed", "scenario": scripted.scenario('a "name"', 1)})
    return open_run(folder)


@pytest.mark.parametrize(("start_s", "end_s"), [(0.0, 1e-9), (1.001e-6, 2.003e-6), (4e6, 4e6 + 3e-9), (1e9, 2e9)])
def test_tiny_and_huge_times_keep_their_nanoseconds(tmp_path: Path, start_s: float, end_s: float) -> None:
    write(one_fact(tmp_path / "run", start_s, end_s, 'no"de'), tmp_path / "t.json")
    trace = events_of((tmp_path / "t.json").read_text())
    assert 'no"de' in names(trace, "process").values()
    (fact,) = [event for event in trace if event.get("cat") == "compute"]
    assert ns(fact["ts"]) == round(1e9 * start_s)
    assert ns(fact["dur"]) == round(1e9 * end_s) - round(1e9 * start_s)


def test_a_run_longer_than_64_bits_of_nanoseconds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has 1e\+10 s; the nanoseconds of a trace end at 9.22e\+09 s"):
        write(one_fact(tmp_path / "run", 0.0, 1e10), tmp_path / "t.json")
    assert not (tmp_path / "t.json").exists()


def test_equal_runs_give_equal_files_and_gz_is_the_same_packed(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        run = scripted.write_run(tmp_path / name)
        files.append(tmp_path / name / "t.json.gz")
        write(run, files[-1])
    assert files[0].read_bytes() == files[1].read_bytes()
    write(run, tmp_path / "deeper" / "t.json")
    assert gzip.decompress(files[0].read_bytes()) == (tmp_path / "deeper" / "t.json").read_bytes()


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    run = scripted.write_run(tmp_path / "run")
    (tmp_path / "there").mkdir()
    with pytest.raises(ValueError, match=r"there: cannot be written: Is a directory; give another file with -o"):
        write(run, tmp_path / "there")
    assert not list(tmp_path.glob(".*"))


def test_the_command_writes_beside_the_run_or_where_it_is_told(tmp_path: Path, capsys: Any) -> None:
    run = scripted.write_run(tmp_path / "run")
    assert main(["trace", str(run.path)]) == 0
    assert f"{run.path / 'trace.json.gz'}: 152 facts" in capsys.readouterr().out
    assert main(["trace", str(run.path), "--rounds", "4:", "-o", str(tmp_path / "t.json")]) == 0
    assert len([event for event in events_of((tmp_path / "t.json").read_text()) if event["ph"] == "X"]) == 38 + 1
    assert main(["trace", str(run.path), "--rounds", ":0"]) == 2
    assert "no events in rounds 1:0; the run has rounds 1:4" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["trace", str(run.path), "--rounds", "2"])
    assert "got '2', must be A:B, A: or :B; 2:2 is round 2" in capsys.readouterr().err

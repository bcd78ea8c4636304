"""What is told of a run with edge servers: they are servers, and what flies between servers is no client's traffic."""

from __future__ import annotations

from pathlib import Path

import pytest

from wirelessfsl.records import Event, is_server
from wirelessfsl.results.metrics import dropped, energy_by_phase, latency_by_phase, summarise
from wirelessfsl.results.moments import moment
from wirelessfsl.results.store import Run, RunWriter, open_run, write_json, write_text


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A round: cloud to edge 1 s, edge to client 1 s, client computes 2 s and sends for 1 s, edge to cloud 3 s."""
    folder: Path = tmp_path_factory.mktemp("run")
    log = RunWriter(folder)
    write_text(folder / "scenario.yaml", "name: edges\n")
    write_json(folder / "manifest.json", {"status": "completed", "scenario": {"name": "edges"}})
    for begin, end, node, peer, activity, phase, size, energy_j in (
        (0, 1, "server", "server-0", "transfer", "model_download", 1000, 0.0),
        (1, 2, "server-0", "client-0", "transfer", "model_download", 200, 3.0),
        (2, 4, "client-0", "", "compute", "client_step", 0, 5.0),
        (4, 5, "client-0", "server-0", "transfer", "model_upload", 30, 2.0),
        (5, 8, "server-0", "server", "transfer", "model_upload", 4, 0.0),
        (8, 8, "server-1", "", "drop", "lost", 0, 0.0),
        (8, 9, "server", "", "compute", "aggregation", 0, 7.0),
        (5, 9, "client-0", "", "wait", "idle", 0, 0.0),
    ):
        log.event(Event(begin, end, node, peer, activity, phase, 1, -1, size, 0.0, energy_j, 1, True))
    log.close()
    return open_run(folder)


def test_edge_servers_are_servers_and_nobody_else_is() -> None:
    names = ("server", "server-0", "server-12", "client-0", "serverless", "relay", "")
    assert [is_server(name) for name in names] == [True, True, True, False, False, False, False]


def test_energy_of_edge_servers_is_the_servers(run: Run) -> None:
    found = energy_by_phase(run.facts)
    assert found["server"] == {"aggregation": 7.0, "model_download": 3.0}
    assert found["devices"] == {"client_step": 5.0, "model_upload": 2.0}


def test_traffic_is_what_clients_send_and_are_sent(run: Run) -> None:
    found = summarise(run.facts, run.evaluations, name="edges", status="completed", seed=1, rounds=1)
    assert found["bytes"]["uplink"] == 30
    assert found["bytes"]["downlink"] == 200
    assert found["bytes"]["by_phase"] == {"model_download": 1200, "model_upload": 34}


def test_a_clients_round_has_no_time_of_the_wires_but_the_wait_for_them(run: Run) -> None:
    assert latency_by_phase(run.facts) == {
        "client_step": 2.0,
        "model_download": 1.0,
        "model_upload": 1.0,
        "wait: idle": 4.0,
    }
    assert dropped(run.facts) == (0, 1)


def test_the_timeline_has_servers_first_with_what_flies_between_them(run: Run) -> None:
    shown = moment(run.facts)
    assert shown.lanes == ("server", "server-0", "server-1", "client-0")
    assert shown.clients == 1
    phase = shown.facts.phase
    lanes = {node: [phase.names[code] for code in phase.codes[shown.bars(node)[0]]] for node in shown.lanes}
    assert lanes["server"] == ["model_download", "model_upload", "aggregation"]
    assert lanes["server-0"] == ["model_download", "model_upload"]
    assert lanes["client-0"] == ["model_download", "client_step", "model_upload"]

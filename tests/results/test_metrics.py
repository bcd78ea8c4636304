"""Folds of a run against sums done by hand on the scripted run."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from tests.results import scripted
from wirelessfsl.records import Event, Metric
from wirelessfsl.results import metrics
from wirelessfsl.results.store import Run, RunWriter, open_run, write_json


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return scripted.write_run(tmp_path_factory.mktemp("run"))


def summary(run: Run, *targets: float) -> dict:
    return metrics.summarise(
        run.facts, run.evaluations, name="a", status="completed", seed=3, rounds=4, targets=targets
    )


def test_the_summary_has_the_keys_of_the_interface_in_order(run: Run) -> None:
    found = summary(run)
    assert list(found) == [
        *("name", "status", "seed", "rounds", "simulated_s", "final", "best", "bytes", "energy_j"),
        *("time_to_accuracy_s", "energy_to_accuracy_j", "fairness"),
    ]
    assert (found["name"], found["status"], found["seed"], found["rounds"]) == ("a", "completed", 3, 4)
    assert found["simulated_s"] == 40.0


def test_final_is_the_last_and_best_the_highest_evaluation_over_all_clients(run: Run) -> None:
    found = summary(run)
    assert found["final"] == {"accuracy": 0.9, "loss": 0.25}
    assert found["best"] == {"accuracy": 0.9, "round": 4}


def test_the_first_of_equally_good_evaluations_is_the_best(tmp_path: Path) -> None:
    accuracies = (0.5, 0.7, 0.7, 0.6)
    found = summary(
        _evaluated(tmp_path, [Metric(r, r, None, "test", 1.0, a, r, r, r) for r, a in enumerate(accuracies)])
    )
    assert found["best"] == {"accuracy": 0.7, "round": 1}
    assert found["final"]["accuracy"] == 0.6


def test_a_client_round_is_dropped_once_and_counts_only_where_the_client_takes_part(tmp_path: Path) -> None:
    log = RunWriter(tmp_path)
    rows = [
        ("server", "client-0", "transfer", "model_download", 1),
        ("client-0", "", "compute", "client_forward", 1),
        ("server", "client-1", "wait", "model_download", 1),
        ("client-1", "", "drop", "deadline", 1),
        ("client-0", "", "drop", "lost", 2),
        ("client-1", "", "wait", "idle", 2),
        ("client-1", "", "idle", "idle", 2),
    ]
    for node, peer, activity, phase, round in rows:
        log.event(Event(0.0, 1.0, node, peer, activity, phase, round, 0, 0, 0.0, 0.0, 0, True))
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "completed", "scenario": scripted.scenario("a", 1)})
    assert metrics.dropped(open_run(tmp_path).facts) == (2, 3)


def test_nobody_is_dropped_from_the_scripted_run(run: Run) -> None:
    assert metrics.dropped(run.facts) == (0, scripted.CLIENTS * scripted.ROUNDS)


@pytest.mark.parametrize(
    ("split", "loss", "client", "diverged"),
    [
        ("test", math.nan, None, True),
        ("train", math.inf, None, True),
        ("test", math.nan, "client-0", False),
        ("train", 0.1, None, False),
    ],
)
def test_a_run_diverged_if_its_last_loss_is_not_finite(
    tmp_path: Path, split: str, loss: float, client: str | None, diverged: bool
) -> None:
    rows = [Metric(1, 1.0, None, "test", 1.0, 0.5, 1.0, 1, 1), Metric(1, 1.0, None, "train", 1.0, None, 1.0, 1, 1)]
    last = Metric(2, 2.0, client, split, loss, None, 2.0, 2, 2)
    assert metrics.diverged(_evaluated(tmp_path, [*rows, last]).evaluations) is diverged


def test_bytes_count_each_transfer_once_by_direction_and_phase(run: Run) -> None:
    per_round = {phase: 3 * size for phase, size in scripted.BYTES.items()}
    found = summary(run)["bytes"]
    assert found["uplink"] == 4 * (9000 + 300 + 15000)
    assert found["downlink"] == 4 * (12000 + 6000)
    assert found["by_phase"] == {phase: 4 * size for phase, size in per_round.items()}


def test_energy_adds_up_by_node_and_by_phase(run: Run) -> None:
    found = summary(run)["energy_j"]
    assert found["devices"] == pytest.approx(4 * 37.5, rel=1e-12)
    assert found["server"] == pytest.approx(4 * (0.3 + 1.5 + 0.15 + 1.0 + 2.0), rel=1e-12)
    assert found["total"] == pytest.approx(found["devices"] + found["server"], rel=1e-12)
    assert sum(found["by_phase"].values()) == pytest.approx(found["total"], rel=1e-12)
    assert found["by_phase"]["idle"] == pytest.approx(4 * (3 * 1.5 + 2.0), rel=1e-12)
    assert found["by_phase"]["model_download"] == pytest.approx(4 * 3 * (0.5 + 0.1), rel=1e-12)


def test_a_target_is_reached_at_the_first_evaluation_that_has_it(run: Run) -> None:
    found = summary(run, 0.8, 0.85, 0.95)
    assert found["time_to_accuracy_s"] == {"0.8": 20.0, "0.85": 40.0, "0.95": None}
    assert found["energy_to_accuracy_j"]["0.8"] == pytest.approx(2 * scripted.ROUND_J)
    assert found["energy_to_accuracy_j"]["0.95"] is None


def test_a_target_reached_at_time_zero_is_reached(tmp_path: Path) -> None:
    found = summary(_evaluated(tmp_path, [Metric(0, 0.0, None, "test", 1.0, 0.5, 0.0, 0, 0)]), 0.5)
    assert found["time_to_accuracy_s"] == {"0.5": 0.0}


def test_fairness_is_over_the_clients_of_the_last_evaluation(run: Run) -> None:
    found = summary(run)["fairness"]
    std = math.sqrt((0.1**2 + 0.0 + 0.1**2) / 3)  # clients at 0.8, 0.9 and 1.0
    assert found == pytest.approx({"mean": 0.9, "std": std, "worst": 0.8, "cov": std / 0.9})


def test_a_run_without_evaluations_has_no_accuracy_rather_than_zero(tmp_path: Path) -> None:
    found = summary(_evaluated(tmp_path, []), 0.8)
    assert found["final"] == {"accuracy": None, "loss": None}
    assert found["best"] == {"accuracy": None, "round": None}
    assert found["time_to_accuracy_s"] == {"0.8": None}
    assert found["fairness"] == {"mean": None, "std": None, "worst": None, "cov": None}


def test_a_diverged_loss_is_null_because_json_has_no_nan(tmp_path: Path) -> None:
    found = summary(_evaluated(tmp_path, [Metric(1, 1.0, None, "test", math.nan, 0.1, 1.0, 1, 1)]))
    assert found["final"] == {"accuracy": 0.1, "loss": None}


def test_latency_phases_are_means_per_client_round_and_tile_the_round(run: Run) -> None:
    found = metrics.latency_by_phase(run.facts)
    assert found == pytest.approx(
        {
            "model_download": 1.0,
            "client_forward": 2.0,
            "activations": 0.5,
            "labels": 0.5,
            "wait: server_step": 2.0,
            "server_step": 1.0,
            "gradients": 0.25,
            "client_backward": 0.25,
            "model_upload": 0.5,
            "wait: idle": 2.0,
        }
    )
    assert sum(found.values()) == pytest.approx(scripted.ROUND_S, rel=1e-12)


def test_a_client_counts_only_in_the_rounds_it_takes_part_in(run: Run) -> None:
    facts = run.facts
    served = facts.node.among("client-2") | facts.peer.among("client-2")
    without = metrics.latency_by_phase(facts.where(~(served & (facts.round > 1))))
    assert without["client_forward"] == pytest.approx((4 * 1.0 + 4 * 2.0 + 3.0) / 9, rel=1e-12)
    assert sum(without.values()) == pytest.approx(scripted.ROUND_S, rel=1e-12)


def test_energy_by_phase_parts_devices_and_server(run: Run) -> None:
    found = metrics.energy_by_phase(run.facts)
    assert found["devices"]["client_forward"] == pytest.approx(4 * 3 * 4.0)
    assert found["devices"]["model_download"] == pytest.approx(4 * 3 * 0.5)
    assert found["server"]["model_download"] == pytest.approx(4 * 3 * 0.1)
    assert found["server"] == pytest.approx(
        {"model_download": 1.2, "server_step": 6.0, "gradients": 0.6, "aggregation": 4.0, "idle": 8.0}
    )


def test_the_convergence_curve_is_the_test_accuracy_over_all_clients(run: Run) -> None:
    curve = metrics.convergence(run.evaluations)
    assert curve.round.tolist() == [1, 2, 3, 4]
    assert curve.accuracy.tolist() == list(scripted.ACCURACY)
    assert curve.time_s.tolist() == [10.0, 20.0, 30.0, 40.0]
    assert curve.energy_j.tolist() == pytest.approx([scripted.ROUND_J * r for r in (1, 2, 3, 4)])
    assert curve.bytes.tolist() == [3 * 14100 * r for r in (1, 2, 3, 4)]


def test_the_numbers_of_the_log_and_of_its_evaluations_agree(run: Run) -> None:
    found, last = summary(run), metrics.reached(metrics.convergence(run.evaluations), None)
    assert last is not None
    assert found["simulated_s"] == last.time_s
    assert found["energy_j"]["total"] == pytest.approx(last.energy_j, rel=1e-12)
    assert found["bytes"]["uplink"] + found["bytes"]["downlink"] == last.bytes


def test_parts_do_not_change_the_numbers(run: Run, tmp_path: Path) -> None:
    assert scripted.write_run(tmp_path, part_rows=1_000_000).summary == run.summary


def test_folds_and_tables_import_without_the_heavy_packages() -> None:
    code = "import sys, wirelessfsl.results.tables, wirelessfsl.results.metrics; " + (
        "print([m for m in ('pyarrow', 'matplotlib', 'rich', 'torch') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def _evaluated(folder: Path, evaluations: list[Metric]) -> Run:
    log = RunWriter(folder)
    for metric in evaluations:
        log.metric(metric)
    log.close()
    write_json(folder / "manifest.json", {"status": "completed", "scenario": scripted.scenario("a", 1)})
    return open_run(folder)

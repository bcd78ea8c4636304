"""Folds by client, on a scripted run that can be added by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.results import scripted
from wirelessfsl.records import Event
from wirelessfsl.results.clients import (
    Charge,
    charges,
    client_rounds,
    device_classes,
    energy_by_class,
    lifetime,
)
from wirelessfsl.results.metrics import client_accuracy, energy_by_phase
from wirelessfsl.results.store import Run, RunWriter, open_run, write_json


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return scripted.write_run(tmp_path_factory.mktemp("scripted"))


def test_a_clients_round_ends_where_its_waiting_for_others_begins(run: Run) -> None:
    found = client_rounds(run.facts)
    assert found.client.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert found.round.tolist() == [1, 2, 3, 4] * 3
    assert found.seconds == pytest.approx(np.repeat([7.0, 8.0, 9.0], 4))


def test_a_round_that_a_client_left_is_never_done_and_one_it_only_waited_through_is_none(tmp_path: Path) -> None:
    log = RunWriter(tmp_path)
    for *times_and_names, phase, round in [
        (0.0, 1.0, "client-0", "", "compute", "client_forward", 1),
        (1.0, 1.0, "client-0", "", "drop", "deadline", 1),
        (0.0, 1.0, "client-1", "", "wait", "idle", 1),
        (1.0, 3.0, "server", "client-1", "transfer", "model_download", 2),
    ]:
        log.event(Event(*times_and_names, phase, round, 0, 0, 0.0, 0.0, 1, True))  # type: ignore[arg-type]
    log.close()
    write_json(tmp_path / "manifest.json", {"status": "failed", "scenario": scripted.scenario("left", 1)})
    found = client_rounds(open_run(tmp_path).facts)
    assert [*zip(found.client, found.round, found.seconds, strict=True)] == [(0, 1, np.inf), (1, 2, 2.0)]


def test_classes_are_devices_of_equal_settings_in_the_order_of_the_clients() -> None:
    big, small = ({"kind": "battery", "capacity_j": joules} for joules in (9.0, 1.0))
    pi = {"profile": "raspberry-pi-4", "battery": {"kind": "none"}, "model": None}
    phone = {"profile": "phone-mid", "battery": big}
    first = {"devices": [{"count": 1} | pi, {"count": 2} | phone, {"count": 1} | phone | {"battery": small}]}
    second = {"devices": [{"count": 1} | phone, {"count": 1, "profile": "raspberry-pi-4", "battery": {"kind": "none"}}]}
    large = "phone-mid (capacity_j=9)"
    assert device_classes([first, second]) == [
        *(["raspberry-pi-4", large, large, "phone-mid (capacity_j=1)"], [large, "raspberry-pi-4"])
    ]


def test_classes_share_out_the_energy_of_all_devices(run: Run) -> None:
    found = energy_by_class(run.facts, ["a", "b", "a"])
    total = energy_by_phase(run.facts)["devices"]
    assert {phase: found["a"][phase] + found["b"][phase] for phase in total} == pytest.approx(total)
    assert found["b"] == pytest.approx({phase: joules / 3 for phase, joules in total.items()})


def test_a_battery_starts_with_its_charge_and_loses_what_the_client_draws(run: Run) -> None:
    found = charges(run.facts, run.scenario)
    assert list(found) == [0, 1, 2]
    assert found[1].time_s.tolist() == [0.0, 10.0, 20.0, 30.0, 40.0]
    assert found[1].left_j == pytest.approx(8000.0 - 12.5 * np.arange(5))
    assert lifetime([*found.values()]) == pytest.approx(8000.0 / 12.5)


def test_rounds_after_the_end_of_a_battery_do_not_lengthen_its_life() -> None:
    time = np.arange(5.0)
    dead, alive = Charge(time, np.array([10.0, 4.0, 0.0, 0.0, 0.0])), Charge(time, 10.0 - time)
    assert lifetime([dead]) == 2.0
    assert lifetime([dead, alive]) == pytest.approx(10.0 / (14.0 / 6))
    assert np.isnan(lifetime([Charge(time, np.full(5, 10.0))]))


def test_clients_without_test_samples_have_no_accuracy(run: Run) -> None:
    assert client_accuracy(run.evaluations) == pytest.approx(scripted.ACCURACY[-1] + np.array([-0.1, 0.0, 0.1]))

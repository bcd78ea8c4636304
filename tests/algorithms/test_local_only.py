"""Local training: no network, no server, and clients that know nothing of each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.algorithms.ideal import apart, ideal
from tests.worlds import BATCH, DEVICE, PROCESSOR, WHOLE_STEP, run, tiny
from wirelessfsl.algorithms.centralised import Centralised
from wirelessfsl.algorithms.local_only import LocalOnly
from wirelessfsl.devices.failures import FailAt
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.records import SERVER

BUDGET: dict[str, Any] = {"rounds": 3, "local_steps": 4, "batch_size": BATCH}


@pytest.mark.parametrize("optimizer", [SGD(lr=0.05, momentum=0.9), Adam()], ids=["momentum", "adam"])
def test_one_client_alone_is_centralised_training(optimizer: SGD | Adam) -> None:
    alone, central = (ideal(kind(optimizer=optimizer, **BUDGET)) for kind in (LocalOnly, Centralised))
    (model,) = alone.outcome.models.values()
    assert alone.losses == central.losses
    assert apart(model[0].weights, central.outcome.parts[0].weights) == 0.0


def test_nothing_flies_and_only_the_clients_computing_and_idling_costs() -> None:
    # A step of the whole model is WHOLE_STEP FLOPs; three rounds of two steps, 2 W idle all the time, no radio.
    slow = replace(DEVICE, processor=replace(PROCESSOR, flops_per_s=PROCESSOR.flops_per_s / 2))
    log, _ = run(tiny(devices=(DEVICE, slow), algorithm=LocalOnly(**BUDGET | {"local_steps": 2})))
    assert {row.activity for row in log.events} == {"compute", "wait", "idle"}
    nominal_s = 6 * WHOLE_STEP / PROCESSOR.flops_per_s
    assert log.end_s == pytest.approx(2 * nominal_s)
    joules = {name: sum(row.energy_j for row in log.rows(node=name)) for name in ("client-0", "client-1", SERVER)}
    computing_j = 6 * WHOLE_STEP * PROCESSOR.joules_per_flop
    assert joules == pytest.approx({"client-0": computing_j + 2 * log.end_s, "client-1": computing_j + 2 * log.end_s,
                                    SERVER: 0.0})  # fmt: skip


def test_who_is_away_falls_behind_and_the_others_do_not_notice() -> None:
    away = replace(DEVICE, failures=FailAt(times_s=(0.5,), repair_s=1e6))
    made = (tiny(devices=(DEVICE, last), algorithm=LocalOnly(**BUDGET)) for last in (DEVICE, away))
    (_, there), (log, without) = map(run, made)
    assert [row.phase for row in log.rows(activity="drop")] == ["failure"]
    first, second = ([outcome.models[f"client-{k}"][0] for outcome in (there, without)] for k in (0, 1))
    assert apart(first[0].weights, first[1].weights) == 0.0
    assert apart(second[0].weights, second[1].weights) > 0.01

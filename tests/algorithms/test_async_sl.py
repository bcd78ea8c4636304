"""Asynchronous split learning: its limits, who waits for whom, and what becomes of those who fall."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from tests.algorithms.ideal import apart, ideal
from tests.engine.test_accounts import (  # noqa: F401 (they run here without rounds that anybody waits for)
    nodes,
    stormy,
    test_a_node_that_is_off_draws_nothing,
    test_delivered_messages_are_whole_and_lost_ones_are_counted_as_far_as_they_flew,
    test_energies_of_a_nodes_rows_add_up_to_the_integral_of_its_power,
    test_energy_of_transfers_is_the_time_on_the_air_times_the_power,
    test_every_clients_rows_tile_its_time,
    test_phases_add_up_to_the_whole,
    test_the_server_is_never_busier_than_its_slots,
    test_times_in_power_states_add_up_to_the_clock,
)
from tests.worlds import BATCH, DEVICE, PROCESSOR, ListLog, assert_tiled, played, run, tell, tiny, world_of
from wirelessfsl.algorithms.async_sl import AsyncSL
from wirelessfsl.algorithms.split_learning import SplitLearning
from wirelessfsl.algorithms.splitfed_v2 import SplitFedV2
from wirelessfsl.algorithms.staleness import ConstantWeight, HingeWeight, PolynomialWeight
from wirelessfsl.devices.battery import Battery
from wirelessfsl.devices.failures import FailAt
from wirelessfsl.engine.access import ConstantLink, Tdma
from wirelessfsl.engine.participation import Participation
from wirelessfsl.engine.transport import Outage, Transport
from wirelessfsl.engine.world import SimulationError, World
from wirelessfsl.learning.data import ClientData
from wirelessfsl.learning.kernels import backward, forward, serve
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.records import DROP, SERVER
from wirelessfsl.simulation import play

BUDGET: dict[str, Any] = {"rounds": 3, "local_steps": 4, "batch_size": BATCH}
SLOW = replace(DEVICE, processor=replace(PROCESSOR, flops_per_s=PROCESSOR.flops_per_s / 10))


@dataclass(frozen=True)
class Told:
    """Weighs all alike, and remembers how stale they were."""

    seen: list[int] = field(default_factory=list)

    def weight(self, staleness: int) -> float:
        self.seen.append(staleness)
        return 1.0


def uploads(log: ListLog, **wanted: Any) -> list[str]:
    """Who uploaded, in order."""
    return [row.node for row in log.rows(activity="transfer", phase="model_upload", delivered=True, **wanted)]


@pytest.mark.parametrize("optimizer", [SGD(lr=0.05, momentum=0.9, weight_decay=1e-3), Adam()], ids=["momentum", "adam"])
@pytest.mark.parametrize("model", ["small_cnn", "small_cnn_bn"])
def test_a_lone_client_whose_uploads_count_in_full_is_split_learning(model: str, optimizer: SGD | Adam) -> None:
    told: Any = Told()
    left = ideal(AsyncSL(alpha=1.0, staleness=told, optimizer=optimizer, **BUDGET), model=model)
    right = ideal(SplitLearning(optimizer=optimizer, **BUDGET), model=model)
    assert left.losses == right.losses
    assert apart(left.weights, right.weights) == 0.0
    assert left.accuracy == right.accuracy
    assert told.seen == [0, 0, 0]


def test_of_equal_clients_in_lockstep_each_is_as_stale_as_those_before_it_are_many() -> None:
    told: Any = Told()
    log, _ = run(tiny(4, algorithm=AsyncSL(staleness=told, **BUDGET)))
    assert uploads(log) == [f"client-{k}" for k in range(4)] * 3
    assert told.seen == [0, 1, 2, 3] + [3, 3, 3, 3] * 2


def test_the_server_steps_at_every_arrival_and_clients_go_on_from_what_they_were_sent() -> None:
    # Four equal clients and one batch each: by hand, one client after the other, with the client part of the beginning.
    rule = SGD(lr=0.1)
    scenario = tiny(4, algorithm=AsyncSL(rounds=1, local_steps=1, batch_size=BATCH, alpha=0.5, optimizer=rule))
    world, _ = world_of(scenario)
    (below, above), (first, second) = world.stages, world.initial
    mixed = first.weights
    for at, client in enumerate(world.clients):
        x, y = world.data[client].batch(0, BATCH)
        part, smashed, tape = forward(below, first, x)
        second, gradient, _ = serve(above, rule, second, smashed, y)
        own = backward(below, rule, part, tape, x, gradient).weights
        beta = 0.5 * (1 + at) ** -0.5
        mixed = tuple((1 - beta) * a + beta * b for a, b in zip(mixed, own, strict=True))
    _, outcome = run(scenario)
    assert apart(outcome.parts[1].weights, second.weights) == 0.0
    assert apart(outcome.parts[0].weights, mixed) <= 1e-6


def test_an_upload_is_mixed_with_its_weight() -> None:
    rule = {"optimizer": SGD(lr=0.1), "rounds": 1, "local_steps": 2, "batch_size": BATCH}
    start = ideal(AsyncSL(alpha=0.0, **rule)).outcome.parts[0].params
    full = ideal(AsyncSL(alpha=1.0, **rule)).outcome.parts[0].params
    part = ideal(AsyncSL(alpha=0.3, **rule)).outcome.parts[0].params
    assert apart(tuple(a + 0.3 * (b - a) for a, b in zip(start, full, strict=True)), part) <= 1e-6
    assert apart(start, full) > 1e-3


def test_without_weight_the_client_part_never_changes() -> None:
    scheme = AsyncSL(alpha=0.0, **BUDGET)
    world, _, status = played(tiny(3, algorithm=scheme))
    before = [tensor.clone() for tensor in world.initial[0].params]
    _, outcome = run(tiny(3, algorithm=scheme))
    assert status == "completed"
    assert apart(tuple(before), outcome.parts[0].params) == 0.0
    assert apart(world.initial[1].params, outcome.parts[1].params) > 1e-3


def test_weights_of_stale_uploads() -> None:
    assert [ConstantWeight().weight(tau) for tau in (0, 5)] == [1.0, 1.0]
    assert [PolynomialWeight(exponent=2.0).weight(tau) for tau in (0, 1, 4)] == [1.0, 0.25, 0.04]
    assert [HingeWeight(slope=3.0, patience=2).weight(tau) for tau in (0, 2, 3, 4)] == [1.0, 1.0, 0.25, 1 / 7]


def test_a_straggler_ten_times_slower_does_not_hold_the_others_up() -> None:
    rates = {}
    for name, devices in {"alone": (DEVICE, DEVICE), "with": (DEVICE, DEVICE, SLOW)}.items():
        for scheme in AsyncSL(**BUDGET | {"rounds": 10}), SplitFedV2(**BUDGET | {"rounds": 10}):
            log, _ = run(tiny(devices=devices, algorithm=scheme))
            rates[scheme.kind, name] = sum(who != "client-2" for who in uploads(log)) / log.end_s
    # A client's step takes it 2 s, the server 1 s: the straggler's 20 s are what everybody waits for in splitfed_v2.
    assert rates["splitfed_v2", "with"] < 0.25 * rates["splitfed_v2", "alone"]
    assert rates["async_sl", "with"] > 0.9 * rates["async_sl", "alone"]
    assert rates["async_sl", "with"] > 4 * rates["splitfed_v2", "with"]


def test_the_server_takes_batches_in_the_order_in_which_they_come() -> None:
    quick = replace(DEVICE, processor=replace(PROCESSOR, flops_per_s=PROCESSOR.flops_per_s * 8))
    log, _ = run(tiny(devices=(DEVICE, quick, DEVICE), algorithm=AsyncSL(**BUDGET)))
    steps = log.rows(activity="compute", phase="server_step", node=SERVER)
    came = sorted(row.end_s for row in log.rows(activity="transfer", phase="labels"))
    assert all(begun.start_s >= arrived for begun, arrived in zip(steps, came, strict=False))
    assert all(after.start_s >= before.end_s for before, after in pairwise(steps))
    assert uploads(log)[0] == "client-1"


def test_a_round_is_a_number_of_uploads_whosever_they_are() -> None:
    log, _ = run(tiny(devices=(DEVICE, SLOW), algorithm=AsyncSL(uploads=3, **BUDGET)))
    assert [len(uploads(log, round=t)) for t in (1, 2, 3)] == [3, 3, 3]
    assert "client-1" not in uploads(log, round=1)
    bounds = {row.round: row.end_s for row in log.rows(activity="idle", node=SERVER)} | {0: 0.0}
    assert all(bounds[row.round - 1] <= row.end_s <= bounds[row.round] for row in log.events)
    assert any(row.start_s < bounds[row.round - 1] for row in log.rows(activity="compute", node="client-1"))


def test_rows_carry_the_round_in_which_they_end_also_where_they_are_written_down_later() -> None:
    # Clients wait for the band, and their rows are written down when they have been on the air.
    scheme = AsyncSL(rounds=8, local_steps=1, uploads=1, batch_size=BATCH)
    log, _ = run(tiny(5, algorithm=scheme, medium=Tdma(bandwidth_hz=1e5, latency_s=0.01)))
    bounds = {row.round: (row.start_s, row.end_s) for row in log.rows(activity="idle", node=SERVER)}
    assert [*bounds] == [*range(1, 9)]
    for row in log.events:
        begin_s, end_s = bounds[row.round]
        assert begin_s <= row.end_s <= end_s


def noted(data: ClientData, asked: list[int], step: int, batch_size: int) -> Any:
    asked.append(step)
    return ClientData.batch(data, step, batch_size)


def test_clients_batches_follow_one_another_whatever_the_round(monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = world_of(tiny(devices=(DEVICE, SLOW), algorithm=AsyncSL(uploads=3, **BUDGET)))
    asked: dict[str, list[int]] = {}
    for data in world.data.values():
        monkeypatch.setattr(data, "batch", partial(noted, data, asked.setdefault(data.name, [])))
    scheme = AsyncSL(uploads=3, **BUDGET)
    tell(world, scheme.train(world, scheme.begin(world)))
    for own in asked.values():
        assert own == [*range(len(own))]
    assert len(asked["client-0"]) > 2 * len(asked["client-1"])


def test_who_falls_begins_again_when_it_is_up_and_the_others_go_on() -> None:
    failing = replace(DEVICE, failures=FailAt(times_s=(5.0, 40.0), repair_s=4.0))
    dying = replace(DEVICE, battery=Battery(capacity_j=30.0))
    log, outcome = run(tiny(devices=(DEVICE, failing, dying), algorithm=AsyncSL(**BUDGET | {"rounds": 8})))
    assert outcome.status == "completed"
    drops = {row.node: row for row in log.rows(activity=DROP)}
    assert {row.phase for row in log.rows(activity=DROP)} == {"failure", "battery"}
    assert not [r for r in log.rows(node="client-2") if r.activity == "compute" and r.start_s > drops["client-2"].end_s]
    fetched = [row.start_s for row in log.rows(activity="transfer", phase="model_download") if row.peer == "client-1"]
    assert any(start_s == pytest.approx(9.0) for start_s in fetched)
    assert len(uploads(log)) == 24
    for k in range(3):
        assert_tiled(log, f"client-{k}", log.end_s)


@pytest.mark.parametrize("at_s", [0.5, 2.6, 3.5], ids=["computing", "in the queue", "on the way back"])
def test_who_falls_while_the_server_has_its_batch_is_not_answered(at_s: float) -> None:
    # Both clients' first batches are with the server after about a second and a bit; it takes one after the other.
    failing = replace(DEVICE, failures=FailAt(times_s=(at_s,), repair_s=0.01))
    log, outcome = run(tiny(devices=(DEVICE, failing), algorithm=AsyncSL(**BUDGET)))
    (row,) = log.rows(activity=DROP)
    assert (row.node, row.phase, row.start_s) == ("client-1", "failure", pytest.approx(at_s))
    answers = [r for r in log.rows(activity="transfer", phase="gradients") if r.peer == "client-1"]
    assert not [r for r in answers if at_s < r.start_s < at_s + 1.0]
    assert outcome.status == "completed"


@pytest.mark.parametrize("at_s", [3.123, 3.213, 3.413, 7.217, 10.367])
def test_who_falls_and_comes_back_before_its_upload_is_taken_has_one_session_all_the_same(at_s: float) -> None:
    scheme = AsyncSL(rounds=3, local_steps=1, batch_size=BATCH)
    slower = [
        replace(DEVICE, processor=replace(PROCESSOR, flops_per_s=PROCESSOR.flops_per_s / by)) for by in (1.0, 1.3, 1.7)
    ]
    calm, _ = run(tiny(devices=tuple(slower), algorithm=scheme))
    sent = max(r.end_s for r in calm.rows(node="client-0", phase="model_upload", activity="transfer") if r.end_s < at_s)
    busy = [row for row in calm.rows(node=SERVER, activity="compute") if row.start_s <= at_s <= row.end_s]
    assert sent < at_s
    assert busy
    slower[0] = replace(slower[0], failures=FailAt(times_s=(at_s,), repair_s=0.01))
    world, log, status = played(tiny(devices=tuple(slower), algorithm=scheme))
    assert status == "completed"
    assert len(uploads(log)) >= 9
    (row,) = log.rows(activity=DROP)
    assert (row.node, row.start_s) == ("client-0", pytest.approx(at_s))
    for client in world.clients:
        assert_tiled(log, client.name, world.env.now)


def test_a_run_without_a_client_left_is_exhausted() -> None:
    dying = replace(DEVICE, count=2, battery=Battery(capacity_j=200.0))
    _, outcome = run(tiny(devices=(dying,), algorithm=AsyncSL(**BUDGET | {"rounds": 100})))
    assert outcome.status == "exhausted"
    assert 0 < outcome.rounds < 100


SCHEME = AsyncSL(rounds=5, local_steps=2, batch_size=BATCH)


@pytest.fixture(
    scope="module", params=["fdma-drop", "tdma-skip", "constant-drop"], ids=lambda param: str(param).replace("-", " ")
)
def storm(request: pytest.FixtureRequest) -> tuple[World, ListLog]:
    medium, case = request.param.split("-")
    calm = stormy(medium)
    transport = Transport(timeout_s=3.0, outage=Outage(activations=case, gradients=case))
    scenario = replace(
        calm, algorithm=SCHEME, participation=Participation(), network=replace(calm.network, transport=transport)
    )
    world, log, _ = played(scenario)
    return world, log


def test_messages_are_cut_off_by_failures_and_by_the_end_of_the_run_which_drops_nobody(
    storm: tuple[World, ListLog],
) -> None:
    world, log = storm
    assert {row.phase for row in log.rows(activity=DROP)} <= {"failure", "lost", "battery"}
    assert log.rows(activity=DROP, phase="failure")
    assert [row for row in log.events if row.end_s == world.env.now and row.activity in ("transfer", "compute")]


def test_where_no_message_ever_gets_through_the_run_ends_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wirelessfsl.algorithms.async_sl.PATIENCE", 5)
    slow = ConstantLink(uplink_bit_s=1e3, downlink_bit_s=1e9, latency_s=0.0)
    scenario = tiny(2, algorithm=AsyncSL(rounds=1), medium=slow, transport=Transport(timeout_s=0.5))
    with pytest.raises(SimulationError, match=r"round 1, .*: 10 clients in a row lost a message .* raise network"):
        play(scenario, ListLog())

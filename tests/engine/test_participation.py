"""Who takes part in a round, and what is done with the work of those who are late."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.worlds import BATCH, DEVICE, FORWARD, PROCESSOR, ListLog, run, tell, tiny, world_of
from wirelessfsl.algorithms.cpsl import CPSL
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.algorithms.split_learning import SplitLearning
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.devices.battery import Battery
from wirelessfsl.engine.access import Fdma
from wirelessfsl.engine.participation import ChannelAware, EnergyAware, Participation, RandomChoice
from wirelessfsl.network.layout import Fixed
from wirelessfsl.radio.fading import NoFading
from wirelessfsl.radio.link import Channel
from wirelessfsl.records import DROP, MODEL_DOWNLOAD, MODEL_UPLOAD

V1 = SplitFedV1(rounds=40, local_steps=1, batch_size=BATCH)


def takers(log: ListLog, rounds: int) -> list[set[str]]:
    """Clients that were sent the model, round by round."""
    sent = log.rows(phase=MODEL_DOWNLOAD, activity="transfer")
    return [{row.peer for row in sent if row.round == t} for t in range(1, rounds + 1)]


def test_a_random_choice_has_its_number_and_takes_everybody_equally_often() -> None:
    scenario = tiny(5, algorithm=V1, participation=Participation(choice=RandomChoice(fraction=0.4)))
    chosen = takers(run(scenario)[0], 40)
    assert {len(each) for each in chosen} == {2}
    often = np.array([sum(f"client-{k}" in each for each in chosen) for k in range(5)])
    assert often.sum() == 80
    assert np.all(np.abs(often - 16) <= 3 * np.sqrt(40 * 0.4 * 0.6))  # three standard deviations
    other = takers(run(replace(scenario, seed=2))[0], 40)
    assert chosen != other


def test_who_is_down_changes_nothing_in_the_order_of_the_others() -> None:
    def chosen(down: int | None) -> list[str]:
        world, _ = world_of(tiny(10, participation=Participation(choice=RandomChoice(fraction=0.3))))

        def story() -> Any:
            for _ in world.rounds(1, None):
                if down is not None:
                    world.clients[down].switch(up=False)
                return (yield from world.participants())

        return [client.name for client in tell(world, story())]

    everybody = chosen(None)
    away = next(i for i in range(10) if f"client-{i}" not in everybody)
    assert chosen(away) == everybody
    gone = int(everybody[0].removeprefix("client-"))
    assert len(set(chosen(gone)) & set(everybody)) == 2


def test_a_choice_of_nobody_takes_one() -> None:
    scenario = tiny(5, algorithm=replace(V1, rounds=3), participation=Participation(choice=RandomChoice(fraction=0.01)))
    assert [len(each) for each in takers(run(scenario)[0], 3)] == [1, 1, 1]


def test_by_energy_those_with_most_left_come_and_on_mains_those_who_have_drawn_least() -> None:
    full, low = (replace(DEVICE, battery=Battery(capacity_j=joules)) for joules in (9e4, 5e4))
    choice = Participation(choice=EnergyAware(fraction=1 / 3))
    mixed = tiny(devices=(low, full, DEVICE), algorithm=replace(V1, rounds=4), participation=choice)
    assert takers(run(mixed)[0], 4) == [{"client-2"}] * 4
    batteries = tiny(devices=(low, full, low), algorithm=replace(V1, rounds=4), participation=choice)
    assert takers(run(batteries)[0], 4) == [{"client-1"}] * 4
    mains = tiny(3, algorithm=replace(V1, rounds=6), participation=choice)
    turns = takers(run(mains)[0], 6)
    assert set().union(*turns[:3]) == set().union(*turns[3:]) == {"client-0", "client-1", "client-2"}


def test_by_channel_the_nearest_come() -> None:
    scenario = tiny(
        4,
        algorithm=replace(V1, rounds=3),
        medium=Fdma(),
        channel=Channel(fading=NoFading()),
        layout=Fixed(distances_m=(400.0, 100.0, 300.0, 200.0)),
        participation=Participation(choice=ChannelAware(fraction=0.5)),
    )
    assert takers(run(scenario)[0], 3) == [{"client-1", "client-3"}] * 3


def test_the_best_channel_changes_with_fading() -> None:
    scenario = tiny(
        4,
        algorithm=replace(V1, rounds=12),
        medium=Fdma(),
        channel=Channel(),
        layout=Fixed(distances_m=(100.0,) * 4),
        participation=Participation(choice=ChannelAware(fraction=0.25)),
    )
    assert len(set(map(frozenset, takers(run(scenario)[0], 12)))) > 1


def slow_pair(algorithm: Any, late: Any, deadline_s: float | None) -> tuple[ListLog, Any]:
    """One client computes five times as slowly as the other; a pass of a batch is 1 s."""
    slow = replace(DEVICE, processor=replace(PROCESSOR, flops_per_s=FORWARD / 5))
    scenario = tiny(
        devices=(DEVICE, slow), algorithm=algorithm, participation=Participation(deadline_s=deadline_s, late=late)
    )
    return run(scenario)


IN_STEP = {ParallelSL, MTSL, CPSL}


@pytest.mark.parametrize(
    "scheme", [SplitFedV1, FedAvg, FedSL, SplitLearning, ParallelSL, MTSL, CPSL], ids=lambda scheme: scheme.kind
)
def test_partial_work_ends_with_the_batch_of_the_deadline_and_counts(scheme: Any) -> None:
    algorithm = scheme(rounds=1, local_steps=6, batch_size=BATCH)
    dropped, _ = slow_pair(algorithm, "drop", 20.0)
    log, outcome = slow_pair(algorithm, "partial", 20.0)
    waited, _ = slow_pair(algorithm, "drop", None)
    assert dropped.rows(activity=DROP)
    assert not log.rows(activity=DROP)
    begun = {
        k: sum(
            row.phase == "client_forward" or row.phase == "client_step"
            for row in log.rows(node=f"client-{k}", activity="compute")
        )
        for k in (0, 1)
    }
    assert 1 <= begun[1] < 6
    if scheme not in IN_STEP:
        assert begun[0] >= begun[1]
    assert outcome.client_steps == sum(begun.values()) < 12
    assert log.end_s < waited.end_s
    last = [row for row in log.events if row.phase in ("client_backward", "client_step") and row.node == "client-1"]
    assert max(row.end_s for row in last) > 20.0
    if MODEL_UPLOAD in scheme.messages:
        assert {row.node for row in log.rows(phase=MODEL_UPLOAD, activity="transfer", delivered=True)} == {
            "client-0",
            "client-1",
        }


def test_everybody_does_one_batch_at_least() -> None:
    log, outcome = slow_pair(SplitFedV1(rounds=2, local_steps=6, batch_size=BATCH), "partial", 1e-6)
    assert outcome.client_steps == 4
    assert not log.rows(activity=DROP)


def test_the_choice_is_told_the_clients_that_are_up() -> None:
    world, _ = world_of(tiny(3, participation=Participation(choice=RandomChoice(fraction=1.0))))

    def story() -> Any:
        for _ in world.rounds(1, None):
            world.clients[1].switch(up=False)
            return (yield from world.participants())

    assert [client.name for client in tell(world, story())] == ["client-0", "client-2"]

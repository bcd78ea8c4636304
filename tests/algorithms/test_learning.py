"""Schemes really learn: short runs on digits, equal number of samples."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.algorithms.ideal import IDEAL, Played, ideal
from tests.worlds import ListLog
from wirelessfsl.algorithms.async_sl import AsyncSL
from wirelessfsl.algorithms.centralised import Centralised
from wirelessfsl.algorithms.cpsl import CPSL
from wirelessfsl.algorithms.epsl import EPSL
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedem import FedEM
from wirelessfsl.algorithms.fedlite import FedLite
from wirelessfsl.algorithms.fedprox import FedProx
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.local_only import LocalOnly
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.algorithms.pfsl import PFSL
from wirelessfsl.algorithms.sfl_ga import SFLGA
from wirelessfsl.algorithms.split_learning import SplitLearning
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.algorithms.splitfed_v2 import SplitFedV2
from wirelessfsl.algorithms.splitfed_v3 import SplitFedV3
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.partition import Iid
from wirelessfsl.learning.weights import Pretrain
from wirelessfsl.scenario import Algorithm, Data, Model, Scenario
from wirelessfsl.simulation import play

CLIENTS, ROUNDS, STEPS = 4, 20, 10
COMMON: dict[str, Any] = {"rounds": ROUNDS, "batch_size": 16, "optimizer": SGD(lr=0.2)}
SCHEMES: dict[str, Algorithm] = {
    "centralised": Centralised(local_steps=CLIENTS * STEPS, **COMMON),
    "fedavg": FedAvg(local_steps=STEPS, **COMMON),
    "splitfed_v1": SplitFedV1(local_steps=STEPS, **COMMON),
    "splitfed_v2": SplitFedV2(local_steps=STEPS, **COMMON),
    "splitfed_v3": SplitFedV3(local_steps=STEPS, **COMMON),
    "split_learning": SplitLearning(local_steps=STEPS, **COMMON),
    "parallel_sl": ParallelSL(local_steps=STEPS, **COMMON),
    "epsl": EPSL(local_steps=STEPS, **COMMON | {"optimizer": SGD(lr=0.3)}),  # what is averaged teaches less
    "sfl_ga": SFLGA(local_steps=STEPS, **COMMON),
    "async_sl": AsyncSL(local_steps=STEPS, **COMMON),
    "fedprox": FedProx(local_steps=STEPS, mu=0.01, **COMMON),
    "cpsl": CPSL(local_steps=STEPS, cluster_size=2, **COMMON),
    "mtsl": MTSL(local_steps=STEPS, **COMMON),
    "fedem": FedEM(local_steps=STEPS, **COMMON | {"optimizer": SGD(lr=0.6)}),  # of three learners, each steps a third
    "fedlite": FedLite(**COMMON | {"rounds": ROUNDS * STEPS}),
    "pfsl": PFSL(local_steps=STEPS, **COMMON),
    "fedsl": FedSL(local_steps=STEPS, interval=2, **COMMON),
    "local_only": LocalOnly(local_steps=STEPS, **COMMON),
}


@cache
def played(scheme: str) -> Played:
    return ideal(SCHEMES[scheme], clients=CLIENTS)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_beats_chance_by_far(scheme: str) -> None:
    assert played(scheme).accuracy > 0.8  # chance is 0.1


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_loss_falls(scheme: str) -> None:
    losses = played(scheme).losses
    tenth = len(losses) // 10
    assert sum(losses[-tenth:]) < 0.5 * sum(losses[:tenth])


@pytest.mark.parametrize(
    "scheme", [scheme for scheme in SCHEMES if scheme not in ("centralised", "local_only", "pfsl")]
)
def test_on_iid_data_a_scheme_comes_within_three_points_of_centralised(scheme: str) -> None:
    assert len(played(scheme).losses) == len(played("centralised").losses)
    assert played(scheme).accuracy > played("centralised").accuracy - 0.03


def test_pfsl_comes_within_three_points_of_centralised_if_its_front_has_learnt_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The front is never trained in the run; a fifth of the samples, which nobody else has, teaches it beforehand.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    start = Model(name="small_cnn", pretrained=Pretrain(epochs=30, optimizer=SGD(lr=0.1)))
    scenario = Scenario(
        data=Data(name="digits", clients=CLIENTS, partition=Iid(), public_fraction=0.2),
        model=start,
        algorithm=SCHEMES["pfsl"],
        network=IDEAL,
    )
    log = ListLog()
    play(scenario, log)
    accuracy = [m.accuracy or 0.0 for m in log.metrics if m.client is None and m.split == "test"]
    assert accuracy[-1] > played("centralised").accuracy - 0.03
    assert played("pfsl").accuracy > played("centralised").accuracy - 0.06


def test_a_quarter_of_the_data_alone_is_worth_less_than_all_of_them_and_more_than_nothing() -> None:
    assert 0.88 < played("local_only").accuracy < played("centralised").accuracy - 0.01


def test_two_schemes_with_one_seed_see_the_same_batches() -> None:
    left, right = (sorted(float(x.sum()) for x in played(scheme).inputs) for scheme in ("fedavg", "splitfed_v1"))
    assert left == right

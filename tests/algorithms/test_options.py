"""No option that schemes have in common does nothing: weights of clients, deadlines, bits of a step, optimisers."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from typing import Any, get_args

import pytest

from tests.worlds import ListLog
from wirelessfsl.algorithms.staleness import HingeWeight
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.learning.partition import Dirichlet
from wirelessfsl.scenario import Algorithm, Data, Devices, Model, Scenario
from wirelessfsl.simulation import play

SCHEMES = [scheme for scheme in get_args(get_args(Algorithm)[0]) if getattr(scheme, "clients", True)]
OTHER: dict[str, Any] = {
    "weighting": "uniform",
    "batch_size": 8,
    "local_steps": 1,
    "rounds": 1,
    "optimizer": Adam(),
    "upload": "update",
    "order": "random",
    "hand_over": "peer",
    "interval": 2,
    "gradient_bits": 4,
    "cluster_size": 3,
    "mu": 2.0,
    "newcomers": 1,
    "newcomers_round": 3,
    "checkpoint": 1,
    "drop_rate": 0.5,
    "loss": "sum",
    "server_optimizer": SGD(lr=0.01),
    "client_rates": (1.0, 0.1, 2.0),
    "learners": 2,
    "phi": 0.3,
    "alpha": 0.2,
    "staleness": HingeWeight(slope=1.0, patience=0),
    "uploads": 2,
}
OPTIONS = [(scheme, field.name) for scheme in SCHEMES for field in fields(scheme) if field.name in OTHER]


def made(scheme: Any, **options: Any) -> Any:
    budget = {"rounds": 2, "local_steps": 2, "batch_size": 16, "optimizer": SGD(lr=0.1), "weighting": "samples"}
    names = {field.name for field in fields(scheme)}
    return replace(scheme(**{key: value for key, value in budget.items() if key in names}), **options)


@cache
def run(scheme: Any, option: str = "") -> tuple[Any, Any]:
    data = Data(name="digits", clients=3, partition=Dirichlet(alpha=0.5))
    slow = (Devices(count=2), Devices(count=1, profile="raspberry-pi-zero-2w"))
    algorithm = made(scheme, **({option: OTHER[option]} if option else {}))
    if option == "newcomers_round":
        algorithm = replace(algorithm, newcomers=1, rounds=3)
    if scheme.kind == "cpsl" and option != "cluster_size":
        algorithm = replace(algorithm, cluster_size=2)
    if scheme.kind == "fedlite" and option == "weighting":
        algorithm = replace(algorithm, weighting="samples" if made(scheme).weighting == "uniform" else "uniform")
    log = ListLog()
    play(Scenario(data=data, model=Model(name="small_cnn"), algorithm=algorithm, devices=slow), log)
    return log.events, log.metrics


@pytest.mark.parametrize(("scheme", "option"), OPTIONS, ids=lambda x: getattr(x, "kind", x))
def test_another_value_shows_in_the_log(scheme: Any, option: str) -> None:
    assert run(scheme, option) != run(scheme)


def test_every_option_is_here_or_has_tests_of_its_own() -> None:
    elsewhere = {"kind", "pruning", "frozen"}
    assert {field.name for scheme in SCHEMES for field in fields(scheme)} - elsewhere == set(OTHER)

"""The bound: what makes it larger and smaller, its limits, and SGD on quadratics that must stay below it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from wirelessfsl.learning.bound import Constants, Terms, bound
from wirelessfsl.learning.rounding import rounded

CONSTANTS = Constants(
    beta=2.0,
    gap=3.0,
    variance=5.0,
    client_sizes=(100, 4),
    client_moments=(0.5, 0.25),
    server_moment=2.0,
    client_weights=7.0,
    activations=11.0,
    sensitivity=0.125,
)
EVERYTHING: dict[str, Any] = {
    "iterations": 50,
    "rate": 0.1,
    "clients": 4,
    "interval": 6,
    "server_interval": 3,
    "sparsity": (0.0, 0.5),
    "bits": 4,
    "dropout": 0.2,
}


def bounded(constants: Constants = CONSTANTS, **changes: Any) -> Terms:
    return bound(constants, **EVERYTHING | changes)


def test_every_term_by_hand() -> None:
    terms = bounded()
    amplified = 4 * (1 + 0.2 + 4 * 0.04 * 36)
    assert terms == pytest.approx(
        Terms(
            start=4 * 3 / (0.1 * 50),
            drift=16 * 0.04 * (36 * 0.75 + 9 * 2),
            variance=4 * 0.2 * 5 / 4,
            quantisation=amplified * (10 / 7 * 0.5 + 4 / 49 * 0.25),  # 100 / 49 > 10 / 7
            pruning=amplified * 4 * 0.25 * 7,
            dropout=amplified * 0.25 * 0.125 * 11,
        )
    )
    assert terms.total == pytest.approx(sum(terms))


@pytest.mark.parametrize(
    ("knob", "rising"),
    [
        ("interval", (1, 2, 5, 20)),
        ("server_interval", (1, 2, 5)),
        ("sparsity", ((0.0,), (0.0, 0.1), (0.1,), (0.5,), (0.5, 0.9))),
        ("dropout", (0.0, 0.1, 0.5, 0.9)),
        ("bits", (None, 16, 8, 4, 3, 2)),
        ("clients", (100, 10, 2, 1)),
        ("iterations", (1000, 100, 10, 1)),
    ],
)
def test_it_rises_with_i_sparsity_and_dropout_and_falls_with_bits_clients_and_steps(
    knob: str, rising: tuple[Any, ...]
) -> None:
    totals = [bounded(**{knob: value}).total for value in rising]
    assert totals == sorted(totals)
    assert len(set(totals)) == len(totals)


def test_clients_matter_to_the_variance_alone_and_steps_to_the_start_alone() -> None:
    for knob, term in ("clients", "variance"), ("iterations", "start"):
        changed = bounded(**{knob: 2 * EVERYTHING[knob]})
        assert getattr(changed, term) == pytest.approx(getattr(bounded(), term) / 2)
        assert changed._replace(**{term: 0.0}) == bounded()._replace(**{term: 0.0})


def test_it_rises_with_layers_that_move_to_the_client() -> None:
    deeper = replace(CONSTANTS, client_sizes=(100, 4, 9), client_moments=(0.5, 0.25, 1.5), server_moment=0.5)
    assert bounded(deeper).drift > bounded().drift
    assert bounded(deeper).quantisation > bounded().quantisation
    assert bounded(deeper).total > bounded().total


def test_averaging_after_every_step_leaves_no_drift() -> None:
    assert bounded(interval=1, server_interval=1).drift == 0.0
    assert bounded(interval=1).drift == pytest.approx(16 * 0.04 * 9 * 2.0)
    assert bounded(server_interval=1).drift == pytest.approx(16 * 0.04 * 36 * 0.75)


def test_without_compression_nothing_of_it_is_left() -> None:
    plain = bounded(bits=None, sparsity=(0.0,), dropout=0.0)
    assert plain[3:] == (0.0, 0.0, 0.0)
    assert plain[:3] == bounded()[:3]


def test_the_largest_learning_rate_is_half_of_one_over_beta() -> None:
    assert CONSTANTS.largest_rate == 0.25


BENDS = np.linspace(0.2, 1.0, 8)
OWN, CLIENTS, NOISE = slice(0, 5), 4, 0.3


def sgd(interval: int, steps: int, bits: int | None = None) -> tuple[float, Terms]:
    """Mean of |grad f|^2 on the way of SGD over f_k = 1/2 (w - c_k)^T H (w - c_k), and the bound of that.

    Five of eight coordinates are the clients' own until they are averaged. Means are over ten runs.
    """
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(CLIENTS, 8))
    rate = 1 / (2 * BENDS.max())
    slopes, moments = [], []
    for _ in range(10):
        w = np.full((CLIENTS, 8), 2.0)
        for step in range(steps):
            slopes.append(((BENDS * (w.mean(0) - centres.mean(0))) ** 2).sum())
            gradient = BENDS * (w - centres) + NOISE * rng.normal(size=w.shape)
            moments.append((gradient[:, OWN] ** 2).sum(1).max())
            if bits is not None:
                for k in range(CLIENTS):
                    (coarse,) = rounded([torch.from_numpy(gradient[k, OWN])], bits, int(rng.integers(2**62)))
                    gradient[k, OWN] = coarse.numpy()
            w = w - rate * gradient
            w[:, 5:] = w[:, 5:].mean(0)
            if (step + 1) % interval == 0:
                w = np.broadcast_to(w.mean(0), w.shape).copy()
    start = 2.0 - centres.mean(0)
    known = Constants(
        beta=BENDS.max(),
        gap=0.5 * float((BENDS * start**2).sum()),
        variance=8 * NOISE**2,
        client_sizes=(5,),
        client_moments=(max(moments),),
        server_moment=0.0,
        client_weights=0.0,
        activations=0.0,
        sensitivity=0.0,
    )
    limits = bound(known, iterations=steps, rate=rate, clients=CLIENTS, interval=interval, bits=bits)
    return float(np.mean(slopes)), limits


@pytest.mark.parametrize(("interval", "bits"), [(1, None), (5, None), (20, None), (1, 2), (5, 3)])
@pytest.mark.parametrize("steps", [10, 400])
def test_sgd_on_quadratics_stays_below_it(interval: int, bits: int | None, steps: int) -> None:
    measured, terms = sgd(interval, steps, bits)
    assert measured <= terms.total


def test_noise_keeps_sgd_above_what_the_bound_says_of_the_start_alone() -> None:
    measured, terms = sgd(interval=1, steps=4000)
    assert terms.start < measured <= terms.total

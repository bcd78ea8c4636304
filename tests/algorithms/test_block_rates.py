"""Why blocks have learning rates of their own: steps to the minimum of a quadratic whose blocks differ in curvature."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from wirelessfsl.learning.optim import SGD

CURVATURES = (1.0, 10.0, 100.0, 1000.0)
COUPLING = 0.01
SERVER_CURVATURE = 1 + COUPLING**2 * sum(CURVATURES)


def steps_to_the_minimum(rates: Sequence[float]) -> int:
    """Steps on sum_m a_m/2 (psi_m - 1 + 0.01 phi)^2 + phi^2/2 from phi = 1, psi = 0 until |gradient| < 1e-8.

    rates: of the server's phi, and of every client's psi_m.
    """
    rules = [SGD(lr=rate) for rate in rates]
    server, *clients = torch.eye(1, 5, dtype=torch.float64)[0]
    for step in range(40_000):
        pulls = [a * (psi - 1 + COUPLING * server) for a, psi in zip(CURVATURES, clients, strict=True)]
        gradients = [server + COUPLING * sum(pulls), *pulls]
        if sum(float(g) ** 2 for g in gradients) < 1e-16:
            return step
        blocks = zip(rules, (server, *clients), gradients, strict=True)
        server, *clients = (rule.step((block,), (g,), ())[0][0] for rule, block, g in blocks)
    raise AssertionError("no minimum after 40,000 steps")


@pytest.mark.parametrize(
    ("share", "common", "own"), [pytest.param(0.5, 37_920, 59, marks=pytest.mark.slow), (1.0, 18_955, 21)]
)
def test_a_rate_for_each_block_saves_nearly_all_steps(share: float, common: int, own: int) -> None:
    assert steps_to_the_minimum([share / max(CURVATURES)] * 5) == common
    assert steps_to_the_minimum([share / a for a in (SERVER_CURVATURE, *CURVATURES)]) == own

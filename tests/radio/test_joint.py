"""Cut and bandwidth together, against trying everything with another solver of the shares."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.optimize import brentq

from wirelessfsl.radio import joint
from wirelessfsl.radio.joint import common_cut, own_cuts
from wirelessfsl.radio.phy import Shannon
from wirelessfsl.radio.sharing import OwnPower
from wirelessfsl.streams import Floats

CUTS, CLIENTS = 4, 3
RNG = np.random.default_rng(1)
SNR = 10.0 ** RNG.uniform(0.0, 2.0, CLIENTS)
# The deeper the cut the longer a client computes and the less it sends, each client at its own speed.
BITS = np.array([8.0, 4.0, 3.0, 1.0])[:, None] * RNG.uniform(0.8, 1.2, (CUTS, CLIENTS))
READY_S = np.array([0.1, 0.4, 1.0, 2.0])[:, None] * RNG.uniform(0.3, 3.0, (1, CLIENTS))
EVERYONE = np.arange(CLIENTS)


def requests(bits: Floats) -> OwnPower:
    return OwnPower(bits, SNR, Shannon(cap_bit_s_hz=100.0), 1.0)


def seconds(bits: Floats, ready_s: Floats) -> float:
    """The least makespan by bisection of bisections."""

    def share(rate: float, snr: float) -> float:
        if rate >= snr / np.log(2.0) * (1.0 - 1e-6):
            return 1e6
        return float(brentq(lambda b: b * np.log2(1.0 + snr / b) - rate, 1e-9, 1e6, xtol=1e-15))

    def total(at: float) -> float:
        return sum(share(d / (at - c), s) for d, c, s in zip(bits, ready_s, SNR, strict=True)) - 1.0

    return float(brentq(total, float(ready_s.max()) + 1e-3, 100.0, xtol=1e-12))


def test_the_common_cut_is_the_best_of_all_tried() -> None:
    after_s = np.array([0.0, 0.1, 0.2, 0.3])
    found = common_cut(requests, BITS, READY_S, after_s)
    tried = [seconds(BITS[cut], READY_S[cut]) + after_s[cut] for cut in range(CUTS)]
    assert found.seconds == pytest.approx(min(tried), rel=1e-6)
    assert found.cuts.tolist() == [int(np.argmin(tried))] * CLIENTS
    assert found.shares.sum() == pytest.approx(1.0, rel=1e-9)


def test_own_cuts_are_the_best_of_all_combinations() -> None:
    found = own_cuts(requests, BITS, READY_S)
    tried = {
        cuts: seconds(BITS[list(cuts), EVERYONE], READY_S[list(cuts), EVERYONE])
        for cuts in product(range(CUTS), repeat=CLIENTS)
    }
    best = min(tried, key=tried.__getitem__)
    assert tuple(found.cuts.tolist()) == best
    assert found.seconds == pytest.approx(tried[best], rel=1e-6)
    assert found.seconds < common_cut(requests, BITS, READY_S).seconds  # here, one cut for all is not the best


def test_where_there_are_many_one_after_another_takes_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = own_cuts(requests, BITS, READY_S)
    monkeypatch.setattr(joint, "EXACT", 1)
    found = own_cuts(requests, BITS, READY_S)
    assert exact.seconds <= found.seconds <= common_cut(requests, BITS, READY_S).seconds
    for client, cut in product(range(CLIENTS), range(CUTS)):  # nobody alone can do better
        cuts = np.where(client == EVERYONE, cut, found.cuts)
        assert seconds(BITS[cuts, EVERYONE], READY_S[cuts, EVERYONE]) >= found.seconds * (1.0 - 1e-9)

"""Host speed of the radio models: from the places of moving devices to what their links carry.

One evaluation takes devices at new places and a new instant, and gives for every link path loss, line of sight and
shadowing (UMi of TR 38.901), fading (TDL-A at 12 parts of the band), effective SINR, the best MCS and its block error
probability. Where Sionna is installed its own chain of the same models is timed in turn with ours: UMi path loss, line
of sight and shadowing in drops of 100 devices, TDL-A, EESM, inner loop link adaptation and block errors. Making the
models (tables, random fields) is left out on both sides; medians, one thread.

    python benchmarks/radio.py [--repeats 15] [--links 1000 10000] [--profile]
"""

from __future__ import annotations

import argparse
import cProfile
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from statistics import median
from time import perf_counter

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np

from wirelessfsl.radio.large_scale import LargeScale
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.shadowing import ByScenario
from wirelessfsl.radio.taps import Taps
from wirelessfsl.radio.tr38901.umi import UMi
from wirelessfsl.streams import Floats, keys
from wirelessfsl.units import db_to_linear

CARRIER_HZ, BANDWIDTH_HZ, SUB_BANDS, DELAY_SPREAD_NS, SPEED_M_S = 3.5e9, 20e6, 12, 100.0, 1.0
SNR_DB = 23.0 - (-174.0 + 10.0 * np.log10(BANDWIDTH_HZ) + 5.0)
"""Of a link without loss: 23 dBm against thermal noise and a noise figure of 5 dB."""
WARM_UP = 3
Times = dict[str, float]


class Clock:
    """Seconds of the parts of an evaluation."""

    def __init__(self) -> None:
        self.spent: Times = {}

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.spent[part] = perf_counter() - start


def places_m(links: int, turn: int) -> Floats:
    """Devices on a disc of 300 m, all moved on by some steps in each turn."""
    generator = np.random.default_rng(1)
    radius, angle = 300.0 * np.sqrt(generator.random(links)), 2.0 * np.pi * generator.random(links)
    return np.stack([radius * np.cos(angle) + 0.1 * turn, radius * np.sin(angle)], axis=-1)


def ours(links: int) -> Callable[[int], Times]:
    names = [f"device-{i}" for i in range(links)]
    large_scale = LargeScale(UMi(), ByScenario(), CARRIER_HZ, names, seed=1)
    taps = Taps(sub_bands=SUB_BANDS, delay_spread_ns=DELAY_SPREAD_NS, speed_m_s=SPEED_M_S)
    fading = taps.process(keys(1, [("fading", name) for name in names]), CARRIER_HZ, SPEED_M_S, BANDWIDTH_HZ)
    phy = Nr(mcs_table=1).one_way("uplink")

    def evaluate(turn: int) -> Times:
        offset_m, clock = places_m(links, turn), Clock()
        with clock.of("path loss, line of sight, shadowing"):
            loss_db = large_scale.loss_db(offset_m)
        with clock.of("fading"):
            gain = fading.gain(float(turn), lambda _: np.zeros(links))
        with clock.of("effective SINR, MCS, block errors"):
            sinr = db_to_linear(SNR_DB - loss_db)[:, None] * gain
            effective = phy.effective_sinr(sinr)
            mcs = phy.mcs(effective)
            error = phy.adaptation.blocks.error(mcs, 10.0 * np.log10(effective))
        assert mcs.shape == error.shape == (links,)
        return clock.spent

    return evaluate


def sionnas(links: int) -> Callable[[int], Times]:
    import torch
    from sionna.phy import config
    from sionna.phy.channel import cir_to_ofdm_channel
    from sionna.phy.channel.tr38901 import TDL, LSPGenerator, PanelArray, UMiScenario
    from sionna.sys import InnerLoopLinkAdaptation, PHYAbstraction

    torch.set_num_threads(1)
    config.seed, config.device = 1, "cpu"
    antenna = PanelArray(
        num_rows_per_panel=1,
        num_cols_per_panel=1,
        polarization="single",
        polarization_type="V",
        antenna_pattern="omni",
        carrier_frequency=CARRIER_HZ,
    )
    scenario = UMiScenario(CARRIER_HZ, "low", antenna, antenna, "uplink")
    sampler = LSPGenerator(scenario)
    tdl = TDL("A", DELAY_SPREAD_NS * 1e-9, CARRIER_HZ, num_sinusoids=8, min_speed=SPEED_M_S)
    frequencies_hz = torch.tensor(((np.arange(SUB_BANDS) + 0.5) / SUB_BANDS - 0.5) * BANDWIDTH_HZ, dtype=torch.float32)
    abstraction = PHYAbstraction()
    adaptation = InnerLoopLinkAdaptation(abstraction)
    drop = min(links, 100)
    drops = links // drop

    def evaluate(turn: int) -> Times:
        at_m, clock = places_m(links, turn).reshape(drops, drop, 2), Clock()
        with clock.of("path loss, line of sight, shadowing"):
            still = np.zeros((drops, drop, 3))
            scenario.set_topology(
                ut_loc=np.concatenate([at_m, np.full((drops, drop, 1), 1.5)], axis=-1),
                bs_loc=np.tile([0.0, 0.0, 10.0], (drops, 1, 1)),
                ut_orientations=still,
                bs_orientations=np.zeros((drops, 1, 3)),
                ut_velocities=still,
                in_state=np.zeros((drops, drop), dtype=np.bool_),
                los="random",
            )
            sampler.topology_updated_callback()
            drawn = sampler()
            gain = drawn.sf * 10.0 ** (-drawn.pathloss / 10.0)
        with clock.of("fading"):
            amplitudes, delays = tdl(links, 1, 1.0)
            h = cir_to_ofdm_channel(frequencies_hz, amplitudes, delays)
        with clock.of("effective SINR, MCS, block errors"):
            snr = 10.0 ** (SNR_DB / 10.0) * gain.reshape(links, 1) * h.reshape(links, SUB_BANDS).abs() ** 2
            sinr = snr.T[None, :, :, None].contiguous()  # symbols, subcarriers, devices, streams
            mcs = adaptation(sinr=sinr, mcs_table_index=1)
            _, _, _, error, _ = abstraction(mcs, sinr=sinr, mcs_table_index=1)
        assert mcs.shape == error.shape == (links,)
        return clock.spent

    return evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15, help="timed evaluations of each")
    parser.add_argument("--links", type=int, nargs="+", default=[1000, 10000], help="multiples of 100")
    parser.add_argument("--profile", action="store_true", help="where our time goes, function by function")
    given = parser.parse_args()
    sides: dict[str, Callable[[int], Callable[[int], Times]]] = {"wirelessfsl": ours}
    if find_spec("sionna") is not None:
        sides["Sionna"] = sionnas
    for links in given.links:
        chains = {side: make(links) for side, make in sides.items()}
        turns, found = count(), {side: [] for side in sides}
        for repeat in range(WARM_UP + given.repeats):
            for side, evaluate in chains.items():  # alternating, so that a busy host is busy for both
                spent = evaluate(next(turns))
                if repeat >= WARM_UP:
                    found[side].append(spent)
        print(f"{links} links, ms")
        for part in (*found["wirelessfsl"][0], "whole"):
            row = [1e3 * median(spent.get(part, sum(spent.values())) for spent in found[side]) for side in sides]
            ratio = f"{row[1] / row[0]:8.1f}x" if len(row) > 1 else ""
            print(f"  {part:38}" + "".join(f"{side:>14}{ms:9.2f}" for side, ms in zip(sides, row, strict=True)) + ratio)
        if given.profile:
            profile = cProfile.Profile()
            profile.runcall(lambda evaluate=chains["wirelessfsl"]: [evaluate(turn) for turn in range(10)])
            profile.print_stats("tottime")


if __name__ == "__main__":
    main()

"""Doubling one thing moves time and energy by the amount that the formula says.

One client, no fading; powers and pass times as in ``tests.worlds``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.worlds import (
    BATCH,
    CLIENT_MODEL,
    DEVICE,
    FORWARD,
    GRADIENTS,
    PROCESSOR,
    RADIO,
    UPLOAD,
    ListLog,
    played,
    run,
    tiny,
)
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.devices.compute import CmosProcessor, DvfsProcessor
from wirelessfsl.engine.access import ConstantLink, Fdma, Tdma
from wirelessfsl.network.layout import Fixed
from wirelessfsl.radio.fading import NoFading
from wirelessfsl.radio.link import Channel, noise_density_w_hz
from wirelessfsl.radio.phy import Shannon
from wirelessfsl.radio.propagation import LogDistance
from wirelessfsl.records import SERVER
from wirelessfsl.scenario import Codecs, Scenario

EXACT = {"rel": 1e-9}
BITS = 8 * (2 * CLIENT_MODEL + UPLOAD + GRADIENTS)
UPLINK_BITS = 8 * (CLIENT_MODEL + UPLOAD)


def times_and_joules(log: ListLog, activity: str, node: str | None = None) -> tuple[float, float]:
    rows = [row for row in log.rows(activity=activity) if node in (None, row.node)]
    return sum(row.end_s - row.start_s for row in rows), sum(row.energy_j for row in rows)


def both(scenarios: Sequence[Scenario]) -> list[ListLog]:
    return [run(scenario)[0] for scenario in scenarios]


@pytest.mark.parametrize("kind", [Fdma, Tdma])
def test_doubling_bandwidth_halves_airtime_and_its_energy(kind: type[Fdma] | type[Tdma]) -> None:
    once, twice = both([tiny(medium=kind(bandwidth_hz=hz, latency_s=0.0)) for hz in (1e5, 2e5)])
    (time_1, joule_1), (time_2, joule_2) = (times_and_joules(log, "transfer") for log in (once, twice))
    assert time_1 == pytest.approx(BITS / 1e5, **EXACT)
    assert (time_2, joule_2) == pytest.approx((time_1 / 2, joule_1 / 2), **EXACT)
    assert times_and_joules(once, "compute") == pytest.approx(times_and_joules(twice, "compute"))
    assert once.end_s - twice.end_s == pytest.approx(BITS / 2e5, **EXACT)


def test_doubling_the_rate_of_a_constant_link_halves_its_airtime() -> None:
    once, twice = both([tiny(medium=ConstantLink(uplink_bit_s=r, downlink_bit_s=1e6, latency_s=0)) for r in (1e5, 2e5)])
    (up_1, joule_1), (up_2, joule_2) = (times_and_joules(log, "transfer", "client-0") for log in (once, twice))
    assert up_1 == pytest.approx(UPLINK_BITS / 1e5, **EXACT)
    assert (up_2, joule_2) == pytest.approx((up_1 / 2, joule_1 / 2), **EXACT)


def test_doubling_latency_adds_it_once_a_message_and_costs_idle_energy_only() -> None:
    scenarios = [tiny(medium=Fdma(bandwidth_hz=1e5, latency_s=latency)) for latency in (0.5, 1.0)]
    (world_1, once, _), (world_2, twice, _) = (played(scenario) for scenario in scenarios)
    assert twice.end_s - once.end_s == pytest.approx(4 * 0.5, **EXACT)  # model, activations, gradient, model
    assert times_and_joules(once, "transfer")[1] == pytest.approx(times_and_joules(twice, "transfer")[1], **EXACT)
    assert world_2.clients[0].energy_j - world_1.clients[0].energy_j == pytest.approx(2.0 * 2.5, **EXACT)
    assert world_2.server.energy_j - world_1.server.energy_j == pytest.approx(2.0 * 20.5, **EXACT)


@pytest.mark.parametrize("exponent", [2.0, 3.0, 4.0])
def test_doubling_distance_takes_10_n_log10_2_decibel_off_the_snr(exponent: float) -> None:
    channel = Channel(
        path_loss=LogDistance(exponent=exponent, reference_loss_db=40.0),
        fading=NoFading(),
        phy=Shannon(cap_bit_s_hz=100.0),
    )
    medium = Fdma(bandwidth_hz=1e6, latency_s=0.0)
    near, far = both([tiny(medium=medium, channel=channel, layout=Fixed(distances_m=(d,))) for d in (100.0, 200.0)])
    noise_w = noise_density_w_hz(-174.0, RADIO.noise_figure_db) * 1e6
    snr_db = 10 * math.log10(1.0 / noise_w) - 40.0 - 10 * exponent * 2  # 1 W, 100 m
    for log, db in ((near, snr_db), (far, snr_db - 10 * exponent * math.log10(2))):
        rate = 1e6 * math.log2(1 + 10 ** (db / 10))
        seconds, joules = times_and_joules(log, "transfer", "client-0")
        assert seconds == pytest.approx(UPLINK_BITS / rate, **EXACT)
        assert joules == pytest.approx(3.0 * UPLINK_BITS / rate, **EXACT)


def test_doubling_device_speed_halves_its_time_at_the_same_joules_per_flop() -> None:
    speeds = (FORWARD, 2 * FORWARD)
    devices = [replace(DEVICE, processor=replace(PROCESSOR, flops_per_s=speed)) for speed in speeds]
    slow, fast = both([tiny(devices=(device,)) for device in devices])
    assert times_and_joules(slow, "compute", "client-0") == pytest.approx((2.0, 6.0), **EXACT)
    assert times_and_joules(fast, "compute", "client-0") == pytest.approx((1.0, 6.0), **EXACT)
    assert slow.end_s - fast.end_s == pytest.approx(1.0, **EXACT)
    assert times_and_joules(slow, "compute", SERVER) == pytest.approx(times_and_joules(fast, "compute", SERVER))


def test_doubling_the_clock_halves_time_and_quadruples_energy_of_cmos() -> None:
    # E = kappa f^2 C with C = flops / (flops_per_cycle * efficiency) cycles.
    processors = [CmosProcessor(frequency_hz=f, flops_per_cycle=4.0, kappa=1e-22, efficiency=0.5) for f in (1e6, 2e6)]
    slow, fast = both([tiny(devices=(replace(DEVICE, processor=processor),)) for processor in processors])
    cycles = 2 * FORWARD / 2.0
    assert times_and_joules(slow, "compute", "client-0") == pytest.approx(
        (cycles / 1e6, 1e-22 * 1e12 * cycles), **EXACT
    )
    assert times_and_joules(fast, "compute", "client-0") == pytest.approx((cycles / 2e6, 4e-10 * cycles), **EXACT)


def test_an_operating_point_draws_its_power_less_idle_for_its_time() -> None:
    for point, (hertz, watts) in enumerate(((640e6, 5.0), (921.6e6, 10.0))):
        processor = DvfsProcessor(operating_point=point, flops_per_cycle=0.01, efficiency=0.5)
        log, _ = run(tiny(devices=(replace(DEVICE, processor=processor),)))
        seconds = 2 * FORWARD / (hertz * 0.01 * 0.5)
        assert times_and_joules(log, "compute", "client-0") == pytest.approx(
            (seconds, (watts - 1.9) * seconds), **EXACT
        )


def test_doubling_the_bits_of_a_codec_adds_their_bytes_airtime_and_energy() -> None:
    codecs = [Codecs(activations=(Quantize(bits=bits),)) for bits in (4, 8)]
    link = ConstantLink(uplink_bit_s=1e5, downlink_bit_s=1e5, latency_s=0.0)
    narrow, wide = both([tiny(codecs=each, medium=link) for each in codecs])
    sizes = [log.rows(phase="activations", activity="transfer")[0].bytes for log in (narrow, wide)]
    more = BATCH * 64 * 4 // 8
    assert sizes[1] - sizes[0] == more
    assert wide.end_s - narrow.end_s == pytest.approx(more * 8 / 1e5, **EXACT)
    spent = [times_and_joules(log, "transfer", "client-0") for log in (narrow, wide)]
    assert spent[1][0] - spent[0][0] == pytest.approx(more * 8 / 1e5, **EXACT)
    assert spent[1][1] - spent[0][1] == pytest.approx(3.0 * more * 8 / 1e5, **EXACT)
    assert times_and_joules(narrow, "compute") == pytest.approx(times_and_joules(wide, "compute"))


def test_doubling_the_steps_doubles_all_but_the_models_way() -> None:
    link = ConstantLink(uplink_bit_s=1e5, downlink_bit_s=1e5, latency_s=0.0)
    schemes = [SplitFedV1(rounds=1, local_steps=steps, batch_size=BATCH) for steps in (2, 4)]
    two, four = both([tiny(algorithm=scheme, medium=link) for scheme in schemes])
    assert four.end_s - two.end_s == pytest.approx(2 * (3.0 + 8 * (UPLOAD + GRADIENTS) / 1e5), **EXACT)


def test_doubling_radiated_power_doubles_what_the_amplifier_adds() -> None:
    # 1 W / 0.5 + 1 W = 3 W becomes 2 W / 0.5 + 1 W = 5 W; the rate stays, for it is fixed here.
    strong = replace(RADIO, tx_power_dbm=RADIO.tx_power_dbm + 10 * math.log10(2))
    once, twice = both([tiny(devices=(replace(DEVICE, radio=radio),)) for radio in (RADIO, strong)])
    joules = [times_and_joules(log, "transfer", "client-0")[1] for log in (once, twice)]
    assert joules[1] / joules[0] == pytest.approx(5 / 3, **EXACT)


@pytest.mark.parametrize("kind", [Fdma, Tdma])
def test_doubling_the_clients_doubles_the_time_until_the_last_download_arrives(kind: type[Fdma] | type[Tdma]) -> None:
    three, six = both([tiny(n, medium=kind(bandwidth_hz=1e5, latency_s=0.0)) for n in (3, 6)])
    last = [max(row.end_s for row in log.rows(phase="model_download")) for log in (three, six)]
    assert last == pytest.approx([3 * CLIENT_MODEL * 8 / 1e5, 6 * CLIENT_MODEL * 8 / 1e5], **EXACT)

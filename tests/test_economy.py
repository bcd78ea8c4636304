"""Economy in simulation: a deadline becomes clocks and powers, and these become seconds and joules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.test_prediction import simulated
from tests.worlds import BATCH, DEVICE, FORWARD, RADIO, dataset, run, tiny
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.split_learning import SplitLearning
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.api import simulate
from wirelessfsl.devices.compute import CmosProcessor, DvfsProcessor, OperatingPoint, VoltagePoint, VoltageProcessor
from wirelessfsl.devices.earth import EarthStation
from wirelessfsl.devices.economy import UntilDeadline
from wirelessfsl.devices.lte_phone import LtePhone
from wirelessfsl.devices.nr_ue import NrUe
from wirelessfsl.devices.radio_power import RadioModel, RadioPower
from wirelessfsl.devices.wifi_radio import WifiRadio
from wirelessfsl.economy import planned
from wirelessfsl.engine.access import ConstantLink, Fdma, Tdma
from wirelessfsl.network.layout import Fixed
from wirelessfsl.prediction import predict
from wirelessfsl.radio.fading import NoFading
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.phy import Shannon
from wirelessfsl.records import COMPUTE
from wirelessfsl.scenario import Scenario, load_scenario

CLOCK_HZ, KAPPA = 1e6, 1e-20
CMOS = CmosProcessor(frequency_hz=CLOCK_HZ, flops_per_cycle=1.0, efficiency=1.0, kappa=KAPPA, idle_w=2.0)
STEADY = Channel(fading=NoFading(), phy=Shannon())
NARROW = Fdma(bandwidth_hz=3e4, latency_s=0.0)


def scenario(economy: Any, clients: int = 3, scheme: Any = None, processor: Any = CMOS, **changes: Any) -> Scenario:
    device = replace(DEVICE, count=clients, processor=processor, economy=economy)
    scheme = scheme or FedAvg(rounds=2, local_steps=2, batch_size=BATCH)
    return tiny(devices=(device,), algorithm=scheme, **{"medium": ConstantLink(latency_s=0.01)} | changes)


def length_s(s: Scenario) -> float:
    return predict(s, dataset(s)).seconds


@pytest.mark.parametrize(
    "scheme",
    [
        FedAvg(rounds=2, local_steps=2, batch_size=BATCH),
        SplitFedV1(rounds=2, local_steps=1, batch_size=BATCH),
        SplitLearning(rounds=2, local_steps=2, batch_size=BATCH),
    ],
    ids=lambda scheme: scheme.kind,
)
def test_a_round_takes_the_time_it_may_and_the_energy_of_the_closed_form(scheme: Any) -> None:
    one = scenario(UntilDeadline(), 1, scheme)
    at_full_speed = length_s(one)
    round_s = 2.0 * at_full_speed
    thrifty, why = planned(scenario(UntilDeadline(round_s=round_s), 1, scheme))
    log, outcome = run(thrifty)
    assert log.end_s / outcome.rounds == pytest.approx(round_s, rel=1e-9)
    rows = [row for row in log.rows(activity=COMPUTE) if row.node != "server"]
    cycles, seconds = sum(row.flops for row in rows), sum(row.end_s - row.start_s for row in rows)
    joules = sum(row.energy_j for row in rows)
    # f = C / T: kappa C f^2 = kappa C^3 / T^2, in the time that computing has.
    assert joules == pytest.approx(KAPPA * cycles**3 / seconds**2, rel=1e-9)
    assert seconds == pytest.approx(cycles / CLOCK_HZ + 2 * (round_s - at_full_speed), rel=1e-9)
    assert why.startswith("devices.economy: ")
    assert f"a round takes {at_full_speed:.4g} s, {round_s:.4g} s are predicted" in why


SLOW_HZ, QUICK_HZ = 2.0 * FORWARD, 4.0 * FORWARD
TABLES = (
    DvfsProcessor(
        operating_points=(
            OperatingPoint(frequency_hz=SLOW_HZ, power_w=3.0),
            OperatingPoint(frequency_hz=QUICK_HZ, power_w=8.0),
        ),
        flops_per_cycle=0.25,
        efficiency=1.0,
        idle_w=2.0,
    ),
    VoltageProcessor(
        operating_points=(
            VoltagePoint(frequency_hz=SLOW_HZ, voltage_v=0.8),
            VoltagePoint(frequency_hz=QUICK_HZ, voltage_v=1.0),
        ),
        flops_per_cycle=0.25,
        efficiency=1.0,
    ),
)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.kind)
def test_a_table_of_clocks_is_used_too(table: Any) -> None:
    found = {}
    for round_s in 1.0, 1e4:
        thrifty, _ = planned(scenario(UntilDeadline(round_s=round_s), processor=table))
        (group,) = thrifty.devices
        assert isinstance(group.processor, DvfsProcessor | VoltageProcessor)
        found[round_s] = group.processor.operating_point
    assert found == {1.0: 1, 1e4: 0}


def test_who_cannot_make_the_deadline_stays_at_full_speed() -> None:
    for changes in {}, {"medium": NARROW, "channel": STEADY}:
        thrifty, _ = planned(scenario(UntilDeadline(round_s=0.01), **changes))
        (group,) = thrifty.devices
        assert (group.processor, group.radio) == (CMOS, RADIO)


DISTANCES = Fixed(distances_m=(50.0, 300.0, 1500.0))
RADIO_WORLD: dict[str, Any] = {"medium": NARROW, "channel": STEADY, "layout": DISTANCES}


@pytest.mark.parametrize("medium", [NARROW, Tdma(bandwidth_hz=3e4, latency_s=0.0)], ids=lambda each: each.kind)
def test_devices_of_a_group_get_clocks_and_powers_of_their_own(medium: Any) -> None:
    world = RADIO_WORLD | {"medium": medium}
    full_s, full_j = simulated(planned(scenario(UntilDeadline(round_s=1e-3), **world))[0])
    round_s = 1.5 * full_s
    thrifty, _ = planned(scenario(UntilDeadline(round_s=round_s), **world))
    near, middle, far = thrifty.devices
    powers = [each.radio.tx_power_dbm for each in (near, middle, far)]
    assert powers == sorted(powers)
    assert powers[0] < powers[2] <= RADIO.tx_power_dbm
    seconds, joules = simulated(thrifty)
    assert full_s < seconds <= 1.05 * round_s
    idle_w = CMOS.idle_w + RADIO.idle_w
    assert joules - seconds * idle_w < 0.8 * (full_j - full_s * idle_w)  # above what it costs to be on
    assert length_s(thrifty) <= round_s * 1.001


KINDS = RadioPower(), NrUe(tx_power_dbm=20.0), LtePhone(), WifiRadio(tx_power_dbm=23.0), EarthStation(tx_power_dbm=23.0)
HOT = replace(CMOS, frequency_hz=5 * CLOCK_HZ, flops_per_cycle=0.2)
"""As quick, for 125 times the energy: computing costs as much as sending."""


def test_every_kind_of_radio_is_tried() -> None:
    assert {type(radio) for radio in KINDS} == {*get_args(get_args(RadioModel)[0])}


@pytest.mark.parametrize("radio", KINDS, ids=lambda radio: radio.kind)
def test_radios_of_every_kind_save_and_only_who_draws_less_at_less_power_sends_softly(radio: Any) -> None:
    def thrifty(round_s: float) -> Scenario:
        given = scenario(UntilDeadline(round_s=round_s, power_range_db=100.0), processor=HOT, **RADIO_WORLD)
        return planned(replace(given, devices=(replace(given.devices[0], radio=radio),)))[0]

    full_s, full_j = simulated(thrifty(1e-3))
    saving = thrifty(1.5 * full_s)
    seconds, joules = simulated(saving)
    assert seconds <= 1.05 * 1.5 * full_s
    idle_w = CMOS.idle_w + radio.states.silent[0].power_w
    assert joules - seconds * idle_w < 0.9 * (full_j - full_s * idle_w)
    powers = {group.radio.tx_power_dbm for group in saving.devices}
    assert (powers == {radio.tx_power_dbm}) == isinstance(radio, LtePhone | WifiRadio)


def test_no_other_clock_and_power_cost_less() -> None:
    # One client alone: the clock follows from the power, so that powers can be tried, each by a run.
    alone: dict[str, Any] = {"medium": NARROW, "channel": STEADY, "layout": Fixed(distances_m=(800.0,))}
    round_s = 1.3 * simulated(planned(scenario(UntilDeadline(round_s=1e-3), 1, **alone))[0])[0]
    thrifty, _ = planned(scenario(UntilDeadline(round_s=round_s), 1, **alone))
    best_s, best_j = simulated(thrifty)
    assert best_s == pytest.approx(round_s, rel=1e-9)
    (device,) = thrifty.devices
    assert device.radio is not None
    tried: list[float] = []
    for more_db in -3.0, -1.0, 1.0, 3.0:
        dbm = device.radio.tx_power_dbm + more_db
        other = replace(device.radio, tx_power_dbm=dbm)
        fixed = replace(device, processor=CMOS, radio=other, economy=UntilDeadline(round_s=round_s, power_range_db=0.0))
        seconds, joules = simulated(planned(replace(thrifty, devices=(fixed,)))[0])
        if seconds <= round_s * (1.0 + 1e-9):  # not with too little power, even at full clock
            tried.append(more_db)
            assert joules >= best_j
    assert {1.0, 3.0} <= {*tried}


@pytest.mark.parametrize("knob", [{"round_s": 60.0}, {"lowest_clock": 0.9}, {"power_range_db": 1.0}], ids=str)
def test_every_knob_acts(knob: dict[str, float]) -> None:
    seconds = length_s(scenario(UntilDeadline(), **RADIO_WORLD))
    before, after = (
        planned(scenario(UntilDeadline(**{"round_s": 1.7 * seconds} | each), **RADIO_WORLD))[0] for each in ({}, knob)
    )
    assert simulated(before) != simulated(after)


def test_nothing_to_choose_is_nothing_chosen() -> None:
    plain = tiny(2)
    assert planned(plain) == (plain, "")


def test_a_world_wants_clocks_that_are_chosen() -> None:
    with pytest.raises(ValueError, match=r"devices.economy: clocks and powers are not chosen yet; see wirelessfsl"):
        run(scenario(UntilDeadline()))


def test_a_run_says_what_was_chosen_and_runs_again_as_it_was(tmp_path: Path) -> None:
    made = simulate(scenario(UntilDeadline(round_s=1e3), **RADIO_WORLD), out=tmp_path / "run")
    thrifty = load_scenario(tmp_path / "run" / "scenario.yaml")
    assert [group.count for group in thrifty.devices] == [1, 1, 1]
    assert planned(thrifty) == (thrifty, "")
    again = simulate(thrifty, out=tmp_path / "again")
    assert again.summary["simulated_s"] == made.summary["simulated_s"]
    assert again.summary["energy_j"] == made.summary["energy_j"]


def test_clocks_between_the_ends_are_written_as_they_are(tmp_path: Path) -> None:
    given = scenario(UntilDeadline(round_s=1.7 * length_s(scenario(UntilDeadline(), **RADIO_WORLD))), **RADIO_WORLD)
    thrifty, _ = planned(given)
    ends_hz = {CMOS.frequency_hz, UntilDeadline().lowest_clock * CMOS.frequency_hz}
    assert not {*clocks_hz(thrifty)} <= ends_hz
    simulate(given, out=tmp_path / "run")
    assert clocks_hz(load_scenario(tmp_path / "run" / "scenario.yaml")) == clocks_hz(thrifty)


def clocks_hz(s: Scenario) -> list[float]:
    return [group.processor.frequency_hz for group in s.groups if isinstance(group.processor, CmosProcessor)]


def test_a_deadline_with_a_client_that_has_no_rate_names_it() -> None:
    dead = {"medium": Fdma(), "channel": replace(STEADY, phy=Nr()), "layout": Fixed(distances_m=(90.0, 3e6))}
    with pytest.raises(ValueError, match=r"client-1 has no rate on the downlink .* bring it nearer"):
        planned(scenario(UntilDeadline(), 2, **dead))


def test_a_power_with_which_nothing_would_arrive_is_not_chosen() -> None:
    # Error curves are steep: some of the powers that are tried have no rate at all.
    edge = {"medium": Fdma(), "channel": replace(STEADY, phy=Nr()), "layout": Fixed(distances_m=(900.0,))}
    hasty = scenario(UntilDeadline(round_s=60.0, power_range_db=30.0), 1, **edge)
    thrifty, _ = planned(hasty)
    assert length_s(thrifty) <= 60.0 * 1.001

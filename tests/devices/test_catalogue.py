"""The catalogue: every figure has a source, and the figures give back the powers and speeds they were taken from."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from wirelessfsl.devices.catalogue import PROFILES, profile
from wirelessfsl.devices.earth import EarthStation
from wirelessfsl.devices.profiles import Profile

EVERY = pytest.mark.parametrize("device", PROFILES.values(), ids=PROFILES.keys())


def sustained(device: Profile) -> float:
    """FLOP/s of the whole device while training."""
    processor = device.processor
    return processor.slots * processor.flops_per_s * processor.efficiency


def busy_w(device: Profile) -> float:
    """Power with all slots busy and the radio idle, and without the radio for what stands behind a base station."""
    processor = device.processor
    radio_w = 0.0 if device.kind in ("gpu", "edge-server") else device.radio.states.silent[0].power_w
    return processor.idle_w + radio_w + sustained(device) * processor.energy_j(1e12) / 1e12


def test_there_are_at_least_fourteen_devices_of_every_class() -> None:
    assert len(PROFILES) >= 14
    kinds = {device.kind for device in PROFILES.values()}
    assert kinds == {"mcu", "phone", "sbc", "mini-pc", "embedded-gpu", "edge-server", "gpu"}
    assert {device.processor.kind for device in PROFILES.values()} == {"cmos", "dvfs", "measured"}


@EVERY
def test_every_figure_has_a_source_and_no_source_lacks_a_figure(device: Profile) -> None:
    def figures(part: str, thing: Any) -> set[str]:
        assert is_dataclass(thing)
        return {f"{part}.{f.name}" for f in fields(thing) if f.name != "kind"}

    assert set(device.sources) == figures("processor", device.processor) | figures("radio", device.radio)
    for source in device.sources.values():
        assert source.status in ("measured", "datasheet", "estimate")
        assert len(source.text) > 15


@EVERY
def test_training_efficiency_is_declared_an_estimate_and_usual(device: Profile) -> None:
    assert device.sources["processor.efficiency"].status == "estimate"
    assert 0.1 <= device.processor.efficiency <= 0.4


@EVERY
def test_figures_are_in_sane_ranges(device: Profile) -> None:
    assert 1e-13 < device.processor.energy_j(1.0) < 1e-7
    assert 1e7 < sustained(device) < 1e14
    assert 0.05 <= device.processor.idle_w < busy_w(device) < 800
    states = device.radio.states
    awake_w, deepest_w = states.silent[0].power_w, states.silent[-1].power_w
    assert deepest_w <= awake_w <= states.receive_w <= states.transmit_w < 300
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", device.name)


@pytest.mark.parametrize(
    ("name", "wall_w"),
    [
        ("raspberry-pi-zero-2w", 2.1),
        ("raspberry-pi-4", 7.2),
        ("raspberry-pi-5", 11.0),
        ("orange-pi-5", 11.5),
        ("intel-n100", 25.0),
        ("mac-mini-m4", 39.6),
        ("ryzen-5-5600x", 196.0),
        ("edge-altra", 140.0),
    ],
)
def test_busy_power_is_the_wall_power_of_linpack(name: str, wall_w: float) -> None:
    # Idle, Wi-Fi module and computation add up to the meter's reading, each counted once; joules per FLOP
    # are kept to three digits.
    assert busy_w(profile(name)) == pytest.approx(wall_w, rel=1e-3)


def test_slower_operating_point_of_the_pi_4_is_the_compute_module() -> None:
    pi = profile("raspberry-pi-4")
    slow = replace(pi, processor=replace(pi.processor, operating_point=0))
    assert busy_w(slow) == pytest.approx(5.2, rel=1e-3)
    assert slow.processor.flops_per_s == pytest.approx(pi.processor.flops_per_s * 1.5 / 1.8)


@pytest.mark.parametrize(
    ("name", "hpl_fp64_flops_per_s"),
    [
        ("raspberry-pi-4", 11.889e9),
        ("raspberry-pi-5", 30.249e9),
        ("orange-pi-5", 53.333e9),
        ("intel-n100", 62.851e9),
        ("mac-mini-m4", 299.93e9),
        ("ryzen-5-5600x", 229e9),
        ("edge-altra", 655.9e9),
    ],
)
def test_training_is_slower_than_linpack_would_be_in_fp32(name: str, hpl_fp64_flops_per_s: float) -> None:
    # These CPUs do two FP32 for one FP64. The Pi Zero is left out: HPL does not fit its memory.
    assert 0.3 * 2 * hpl_fp64_flops_per_s < sustained(profile(name)) < 2 * hpl_fp64_flops_per_s


@pytest.mark.parametrize(
    ("name", "peak_flops_per_s", "power_w"),
    [
        ("phone-low", 52.8e9, 3.6),
        ("phone-mid", 80.0e9, 5.6),
        ("phone-high", 153.6e9, 5.5),
    ],
)
def test_phone_at_its_clock_draws_its_peak_cpu_power(name: str, peak_flops_per_s: float, power_w: float) -> None:
    processor = profile(name).processor
    assert processor.flops_per_s == pytest.approx(peak_flops_per_s, rel=1e-3)
    # Kappa is kept to three digits.
    assert processor.energy_j(1e9) / processor.seconds(1e9) == pytest.approx(power_w, rel=5e-3)


@pytest.mark.parametrize(
    ("name", "peak_flops_per_s", "power_w"),
    [
        ("jetson-nano", 236e9, 10.0),
        ("jetson-tx2", 665e9, 15.0),
        ("jetson-xavier-nx", 0.84e12, 20.0),
        ("jetson-agx-orin", 5.3e12, 60.0),
        ("edge-gpu", 8.1e12, 70.0),
        ("rtx-3090", 35.6e12, 350.0),
        ("rtx-4090", 82.6e12, 450.0),
        ("a100", 19.5e12, 400.0),
        ("h100", 67e12, 700.0),
    ],
)
def test_gpu_peaks_and_board_powers_are_those_of_the_maker(name: str, peak_flops_per_s: float, power_w: float) -> None:
    processor = profile(name).processor
    assert processor.flops_per_s == pytest.approx(peak_flops_per_s, rel=1e-2)
    assert processor.idle_w + processor.energy_j(1e12) / processor.seconds(1e12) == pytest.approx(power_w, rel=5e-3)


def test_wifi_and_esp32_radios_draw_the_published_currents() -> None:
    assert profile("raspberry-pi-4").radio.states.transmit_w == pytest.approx(3.0 * 0.380, rel=1e-3)
    esp32 = profile("esp32")
    assert esp32.radio.states.transmit_w + esp32.processor.idle_w == pytest.approx(3.3 * 0.180, rel=5e-3)
    assert esp32.radio.states.receive_w + esp32.processor.idle_w == pytest.approx(3.3 * 0.0975, rel=5e-3)


def test_micro_cell_draws_what_earth_says() -> None:
    assert profile("edge-gpu").radio.states.transmit_w == pytest.approx(56.0 + 2.6 * 6.3, rel=1e-3)


@pytest.mark.parametrize(
    ("cell", "radiated_w", "fixed_w", "slope", "sleep_w"),
    [
        ("macro", 20.0, 130.0, 4.7, 75.0),
        ("rrh", 20.0, 84.0, 2.8, 56.0),
        ("micro", 6.3, 56.0, 2.6, 39.0),
        ("pico", 0.13, 6.8, 4.0, 4.3),
        ("femto", 0.05, 4.8, 8.0, 2.9),
    ],
)
def test_cells_of_earth_draw_its_rows(
    cell: str, radiated_w: float, fixed_w: float, slope: float, sleep_w: float
) -> None:
    station = profile(f"edge-gpu-{cell}").radio
    assert isinstance(station, EarthStation)
    assert station.states.transmit_w - fixed_w == pytest.approx(slope * radiated_w, rel=2e-3)  # dBm have two decimals
    assert station.states.receive_w == station.states.silent[0].power_w == fixed_w
    asleep = replace(station, sleep_after_s=1.0).states.silent[-1]
    assert asleep == (1.0, "sleep", sleep_w)


def test_profiles_of_one_telephone_differ_in_their_radio_alone() -> None:
    plain, nr, lte = (profile(name) for name in ("phone-mid", "phone-mid-nr", "phone-mid-lte"))
    assert plain.processor == nr.processor == lte.processor
    assert [each.radio.kind for each in (plain, nr, lte)] == ["linear", "nr_ue", "lte_phone"]


def test_unknown_name_is_refused_with_the_nearest_and_all_names() -> None:
    with pytest.raises(ValueError, match="did you mean raspberry-pi-4") as error:
        profile("raspberry-pi4")
    assert all(name in str(error.value) for name in PROFILES)

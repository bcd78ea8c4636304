"""Compute time and energy against hand calculations and the closed forms of the energy models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wirelessfsl.devices.compute import (
    CmosProcessor,
    DvfsProcessor,
    LogNormalJitter,
    MeasuredProcessor,
    NoJitter,
    OperatingPoint,
    Processor,
    VoltagePoint,
    VoltageProcessor,
)

CMOS = CmosProcessor(frequency_hz=1.5e9, flops_per_cycle=8.0, kappa=2e-28, efficiency=0.25, idle_w=0.5)
TABLE = (
    OperatingPoint(frequency_hz=0.6e9, power_w=3.0),
    OperatingPoint(frequency_hz=1.2e9, power_w=4.5),
    OperatingPoint(frequency_hz=1.8e9, power_w=7.2),
)
DVFS = DvfsProcessor(operating_points=TABLE, operating_point=2, flops_per_cycle=32.0, efficiency=0.25, idle_w=2.7)
MEASURED = MeasuredProcessor(flops_per_s=8e12, joules_per_flop=2.5e-11, efficiency=0.3, slots=4, idle_w=10.0)
VOLTAGE = VoltageProcessor(
    operating_points=(VoltagePoint(frequency_hz=0.5e9, voltage_v=0.75), VoltagePoint(frequency_hz=2e9, voltage_v=1.0)),
    operating_point=0,
    capacitance_f=2e-9,
    flops_per_cycle=8.0,
    efficiency=0.25,
)
KINDS = pytest.mark.parametrize("processor", [CMOS, DVFS, VOLTAGE, MEASURED], ids=lambda p: p.kind)


def busy_w(processor: Processor) -> float:
    """Power above idle of one busy slot."""
    return processor.energy_j(1e9) / processor.seconds(1e9)


def test_cmos_matches_hand_calculation() -> None:
    # 6e9 FLOPs / (8 x 0.25 per cycle) = 3e9 cycles: 2 s at 1.5 GHz; 2e-28 x 2.25e18 x 3e9 = 1.35 J
    assert CMOS.seconds(6e9) == pytest.approx(2.0, rel=1e-12)
    assert CMOS.energy_j(6e9) == pytest.approx(1.35, rel=1e-12)


def test_cmos_closed_form_of_the_papers() -> None:
    # kappa 1e-28, 6e6 cycles, 1 GHz: 0.6 mJ
    unit = CmosProcessor(frequency_hz=1e9, flops_per_cycle=1.0, kappa=1e-28, efficiency=1.0)
    assert unit.energy_j(6e6) == pytest.approx(6e-4, rel=1e-12)


def test_cmos_kappa_f_squared_per_cycle_is_kappa_f_cubed_per_second() -> None:
    assert CMOS.energy_j(7e9) == pytest.approx(CMOS.kappa * CMOS.frequency_hz**3 * CMOS.seconds(7e9), rel=1e-12)


def test_cmos_doubling_the_clock_halves_time_and_quadruples_energy() -> None:
    fast = replace(CMOS, frequency_hz=2 * CMOS.frequency_hz)
    assert fast.seconds(1e9) == pytest.approx(CMOS.seconds(1e9) / 2, rel=1e-12)
    assert fast.energy_j(1e9) == pytest.approx(4 * CMOS.energy_j(1e9), rel=1e-12)


def test_dvfs_matches_hand_calculation() -> None:
    # 1.8 GHz x 32 x 0.25 = 14.4 GFLOP/s: 28.8 GFLOP take 2 s and (7.2 - 2.7) x 2 = 9 J above idle
    assert DVFS.seconds(28.8e9) == pytest.approx(2.0, rel=1e-12)
    assert DVFS.energy_j(28.8e9) == pytest.approx(9.0, rel=1e-12)


def test_dvfs_each_operating_point_draws_its_total_power() -> None:
    for index, point in enumerate(TABLE):
        processor = replace(DVFS, operating_point=index)
        assert processor.idle_w + busy_w(processor) == pytest.approx(point.power_w, rel=1e-12)
        assert processor.flops_per_s == point.frequency_hz * 32.0


def test_dvfs_power_does_not_depend_on_efficiency_but_energy_does() -> None:
    poor = replace(DVFS, efficiency=DVFS.efficiency / 2)
    assert busy_w(poor) == pytest.approx(busy_w(DVFS), rel=1e-12)
    assert poor.energy_j(1e9) == pytest.approx(2 * DVFS.energy_j(1e9), rel=1e-12)


def test_voltage_matches_hand_calculation() -> None:
    # 0.5 GHz x 8 x 0.25 = 1 GFLOP/s; 2 nF x 0.5625 V^2 x 0.5 GHz = 0.5625 W
    assert VOLTAGE.seconds(4e9) == pytest.approx(4.0, rel=1e-12)
    assert VOLTAGE.energy_j(4e9) == pytest.approx(4 * 0.5625, rel=1e-12)


def test_voltage_in_proportion_to_the_clock_is_the_cmos_model() -> None:
    volt_per_hz = 0.5e-9
    for frequency_hz in (0.8e9, 1.6e9):
        point = VoltagePoint(frequency_hz=frequency_hz, voltage_v=volt_per_hz * frequency_hz)
        processor = replace(VOLTAGE, operating_points=(point,))
        cmos = replace(CMOS, frequency_hz=frequency_hz, kappa=VOLTAGE.capacitance_f * volt_per_hz**2)
        assert processor.energy_j(1e9) == pytest.approx(cmos.energy_j(1e9), rel=1e-12)


def test_voltage_that_hardly_falls_makes_one_kappa_wrong_at_low_clocks() -> None:
    fast = replace(VOLTAGE, operating_point=1)
    kappa = busy_w(fast) / 2e9**3
    slow = replace(CMOS, frequency_hz=0.5e9, kappa=kappa)
    assert busy_w(VOLTAGE) / busy_w(slow) == pytest.approx((0.75 / 0.25) ** 2)  # 0.75 V where kappa says 0.25 V


def test_dvfs_table_of_a_cubic_law_is_the_cmos_model() -> None:
    frequency_hz = 1.1e9
    cmos = replace(CMOS, frequency_hz=frequency_hz)
    table = (OperatingPoint(frequency_hz=frequency_hz, power_w=CMOS.idle_w + CMOS.kappa * frequency_hz**3),)
    dvfs = DvfsProcessor(
        operating_points=table, operating_point=0, flops_per_cycle=8.0, efficiency=0.25, idle_w=CMOS.idle_w
    )
    assert dvfs.seconds(3e9) == pytest.approx(cmos.seconds(3e9), rel=1e-12)
    assert dvfs.energy_j(3e9) == pytest.approx(cmos.energy_j(3e9), rel=1e-12)


def test_dvfs_refuses_a_power_below_idle() -> None:
    with pytest.raises(ValueError, match=r"power_w 2\.0 at 1e\+09 Hz, must be >= idle_w 2\.5"):
        DvfsProcessor(operating_points=(OperatingPoint(frequency_hz=1e9, power_w=2.0),), operating_point=0, idle_w=2.5)


@pytest.mark.parametrize(("table", "index"), [(TABLE, 3), ((), 0)])
def test_dvfs_refuses_an_index_outside_the_table(table: tuple[OperatingPoint, ...], index: int) -> None:
    with pytest.raises(ValueError, match="operating_point: got"):
        DvfsProcessor(operating_points=table, operating_point=index)


def test_measured_matches_hand_calculation() -> None:
    # 4.8e12 FLOPs at 0.3 x 8 TFLOP/s take 2 s; 4.8e12 x 2.5e-11 = 120 J
    assert MEASURED.seconds(4.8e12) == pytest.approx(2.0, rel=1e-12)
    assert MEASURED.energy_j(4.8e12) == pytest.approx(120.0, rel=1e-12)


def test_measured_doubling_speed_halves_time_and_leaves_energy() -> None:
    fast = replace(MEASURED, flops_per_s=2 * MEASURED.flops_per_s)
    assert fast.seconds(1e12) == pytest.approx(MEASURED.seconds(1e12) / 2, rel=1e-12)
    assert fast.energy_j(1e12) == MEASURED.energy_j(1e12)


@KINDS
def test_doubling_efficiency_halves_time(processor: Processor) -> None:
    better = replace(processor, efficiency=2 * processor.efficiency)
    assert better.seconds(1e9) == pytest.approx(processor.seconds(1e9) / 2, rel=1e-12)


@KINDS
def test_time_and_energy_are_proportional_to_flops_and_nothing_costs_nothing(processor: Processor) -> None:
    assert processor.seconds(3e9) == pytest.approx(3 * processor.seconds(1e9), rel=1e-12)
    assert processor.energy_j(3e9) == pytest.approx(3 * processor.energy_j(1e9), rel=1e-12)
    assert processor.seconds(0.0) == processor.energy_j(0.0) == 0.0


@KINDS
def test_slots_do_not_change_what_one_job_costs(processor: Processor) -> None:
    wide = replace(processor, slots=8)
    assert (wide.seconds(1e9), wide.energy_j(1e9)) == (processor.seconds(1e9), processor.energy_j(1e9))


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (CmosProcessor, "frequency_hz", 1.5),  # gigahertz by mistake
        (CmosProcessor, "kappa", 0.0),
        (CmosProcessor, "flops_per_cycle", 0.0),
        (DvfsProcessor, "efficiency", 1.5),
        (DvfsProcessor, "operating_point", -1),
        (MeasuredProcessor, "flops_per_s", -1.0),
        (MeasuredProcessor, "joules_per_flop", 1.0),
        (MeasuredProcessor, "efficiency", 0.0),
        (MeasuredProcessor, "slots", 0),
        (MeasuredProcessor, "idle_w", -0.1),
        (OperatingPoint, "power_w", 0.0),
        (VoltagePoint, "voltage_v", 0.0),
        (VoltageProcessor, "operating_point", 2),
        (VoltageProcessor, "capacitance_f", 0.0),
        (LogNormalJitter, "sigma", 0.0),
    ],
)
def test_values_out_of_range_are_refused(kind: type, field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{kind.__name__}\.{field}: got"):
        kind(**{field: value})


def test_no_jitter_is_exactly_one() -> None:
    assert {NoJitter().factor(seed, "client-0", round) for seed in (1, 2) for round in range(5)} == {1.0}


def test_log_normal_jitter_has_mean_one_and_the_given_sigma() -> None:
    sigma = 0.3
    factors = np.array([LogNormalJitter(sigma=sigma).factor(1, "client-0", round) for round in range(20_000)])
    # Four standard errors: of the mean, sqrt(exp(sigma^2) - 1) / sqrt(n) each; of the deviation, sigma / sqrt(2 n).
    assert factors.mean() == pytest.approx(1.0, abs=4 * np.sqrt(np.expm1(sigma**2) / factors.size))
    assert np.log(factors).std() == pytest.approx(sigma, abs=4 * sigma / np.sqrt(2 * factors.size))


def test_log_normal_jitter_is_a_pure_function_of_seed_node_and_round() -> None:
    jitter = LogNormalJitter(sigma=0.1)
    first = [jitter.factor(1, "client-0", round) for round in range(4)]
    again = [LogNormalJitter(sigma=0.1).factor(1, "client-0", round) for round in reversed(range(4))]
    assert first == again[::-1]
    others = [jitter.factor(2, "client-0", 0), jitter.factor(1, "client-1", 0), jitter.factor(1, "client-0", 1)]
    assert len({first[0], *others}) == 4


def test_jitter_of_another_sigma_stretches_the_same_draw() -> None:
    small, large = (LogNormalJitter(sigma=s).factor(1, "client-0", 0) for s in (0.1, 0.2))
    z = (np.log(small) + 0.1**2 / 2) / 0.1
    assert np.log(large) == pytest.approx(0.2 * z - 0.2**2 / 2, rel=1e-9)

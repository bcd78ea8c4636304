"""What a computation costs: FLOPs to seconds and joules.

A processor is one of four kinds, one per way of knowing its energy: ``cmos`` (the kappa f^2 of most papers), ``dvfs``
(a table of clocks and measured powers), ``voltage`` (C V^2 f with a table of clocks and voltages) and ``measured``
(joules per FLOP). Each kind derives its speed from the same
figures as its energy, so the two cannot contradict. One FLOP is an FP32 multiplication or addition, so that a
multiply-accumulate is 2. The peak is what the maker promises; ``efficiency`` is the share of it that training sustains.

All energies are *above idle*: a processor draws ``idle_w`` at every instant, and each busy slot adds its own power on
top. Left out: memory limits, thermal throttling and wake-up times. Follows Tran et al. (INFOCOM 2019) for ``cmos``;
a single kappa can misjudge a phone severalfold (arXiv 2605.27601), which is why the other kinds exist.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import stream
from wirelessfsl.units import Count, Fraction, Ge, Gt, Le, NonNegative, Positive, PositiveFraction

ClockHz = Annotated[float, Ge(1e5), Le(1e11)]
Kappa = Annotated[float, Ge(1e-32), Le(1e-20)]
FlopsPerS = Annotated[float, Ge(1e3), Le(1e18)]
JoulesPerFlop = Annotated[float, Ge(1e-16), Le(1e-4)]
Index = Annotated[int, Ge(0)]
Sigma = Annotated[float, Gt(0), Le(2)]


@settings
class CmosProcessor:
    """Processor whose dynamic energy is E = kappa f^2 C for C = flops / (flops_per_cycle * efficiency) clock cycles.

    Its speed is f * flops_per_cycle * efficiency, so that a busy slot draws kappa f^3 above idle (Mao et al., JSAC
    2016; Tran et al., INFOCOM 2019). A paper's "cycles per FLOP" is 1 / flops_per_cycle at efficiency 1.

    frequency_hz: clock f in Hz, 1e5 to 1e11.
    flops_per_cycle: peak FLOPs per clock cycle of one slot, all its cores together, > 0.
    kappa: effective switched capacitance in J/(cycle Hz^2), 1e-32 to 1e-20; papers take 1e-28, which is 0.1 W at 1 GHz;
        a four-core board is nearer to 1e-27.
    efficiency: share of the peak that training sustains, (0, 1].
    slots: jobs at once, each at full speed, >= 1.
    idle_w: power drawn at every instant in W, >= 0; papers with this model count none.

    >>> CmosProcessor(frequency_hz=1e9, flops_per_cycle=1.0, efficiency=1.0).energy_j(6e6)
    0.0006
    """

    kind: Literal["cmos"] = "cmos"
    frequency_hz: ClockHz = 1e9
    flops_per_cycle: Positive = 16.0
    kappa: Kappa = 1e-28
    efficiency: PositiveFraction = 0.25
    slots: Count = 1
    idle_w: NonNegative = 0.0

    @property
    def flops_per_s(self) -> float:
        """Peak FLOP/s of one slot."""
        return self.frequency_hz * self.flops_per_cycle

    def seconds(self, flops: float) -> float:
        """Seconds that ``flops`` take in one slot."""
        return flops / (self.flops_per_s * self.efficiency)

    def energy_j(self, flops: float) -> float:
        """Joules above idle that ``flops`` take."""
        return self.kappa * self.frequency_hz**2 * flops / (self.flops_per_cycle * self.efficiency)


class _AtPoint:
    """What is common to processors with a table of operating points, at one of which they run."""

    operating_points: tuple[Any, ...]
    operating_point: int
    flops_per_cycle: float
    efficiency: float

    def __post_init__(self) -> None:
        if self.operating_point >= len(self.operating_points):
            raise ValueError(
                f"{type(self).__name__}.operating_point: got {self.operating_point}, must be an index into the "
                f"{len(self.operating_points)} operating_points (the first is 0)"
            )

    @property
    def flops_per_s(self) -> float:
        """Peak FLOP/s of one slot at the chosen operating point."""
        frequency_hz: float = self.operating_points[self.operating_point].frequency_hz
        return frequency_hz * self.flops_per_cycle

    def seconds(self, flops: float) -> float:
        """Seconds that ``flops`` take in one slot."""
        return flops / (self.flops_per_s * self.efficiency)


@settings
class OperatingPoint:
    """A clock and the power drawn while one slot is busy at it.

    frequency_hz: clock in Hz, 1e5 to 1e11.
    power_w: total power of the processor, idle power included, in W, > 0.

    >>> OperatingPoint(frequency_hz=1.8e9, power_w=7.2).power_w
    7.2
    """

    frequency_hz: ClockHz = 1e9
    power_w: Positive = 5.0


@settings
class DvfsProcessor(_AtPoint):
    """Processor with a table of operating points: t = flops / (f * flops_per_cycle * efficiency), E = (P - idle_w) t.

    The table holds total powers, as a wall meter or a maker's power mode gives them; the idle power is subtracted here.
    P does not depend on ``efficiency``: a core that waits for memory draws about what one that multiplies draws.
    Defaults: the two power modes of a Jetson Nano's GPU (NVIDIA Jetson Linux Developer Guide, nvpmodel table).

    operating_points: clocks and total powers to choose from, at least one; no power may be below idle_w.
    operating_point: index of the chosen one, from 0.
    flops_per_cycle: peak FLOPs per clock cycle of one slot, all its cores together, > 0.
    efficiency: share of the peak that training sustains, (0, 1].
    slots: jobs at once, each at full speed and each adding P - idle_w, >= 1.
    idle_w: power drawn at every instant in W, >= 0.

    Raises ValueError where the index is outside the table or a power is below idle.

    >>> DvfsProcessor(operating_point=0).energy_j(1e9) < DvfsProcessor(operating_point=1).energy_j(1e9)
    True
    """

    kind: Literal["dvfs"] = "dvfs"
    operating_points: tuple[OperatingPoint, ...] = (
        OperatingPoint(frequency_hz=640e6, power_w=5.0),
        OperatingPoint(frequency_hz=921.6e6, power_w=10.0),
    )
    operating_point: Index = 1
    flops_per_cycle: Positive = 256.0
    efficiency: PositiveFraction = 0.25
    slots: Count = 1
    idle_w: NonNegative = 1.9

    def __post_init__(self) -> None:
        super().__post_init__()
        for point in self.operating_points:
            if point.power_w < self.idle_w:
                raise ValueError(
                    f"DvfsProcessor.operating_points: got power_w {point.power_w!r} at {point.frequency_hz:g} Hz, "
                    f"must be >= idle_w {self.idle_w!r} (power_w is the total while busy)"
                )

    def energy_j(self, flops: float) -> float:
        """Joules above idle that ``flops`` take."""
        return (self.operating_points[self.operating_point].power_w - self.idle_w) * self.seconds(flops)


@settings
class VoltagePoint:
    """A clock and the voltage that the processor needs at it.

    frequency_hz: clock f in Hz, 1e5 to 1e11.
    voltage_v: supply voltage V in V, > 0.

    >>> VoltagePoint(frequency_hz=1.8e9, voltage_v=0.9).voltage_v
    0.9
    """

    frequency_hz: ClockHz = 1e9
    voltage_v: Positive = 0.8


@settings
class VoltageProcessor(_AtPoint):
    """Processor whose busy slot draws C V^2 f above idle, with V and f of the chosen operating point.

    t = flops / (f * flops_per_cycle * efficiency) and E = C V^2 f t. With V in proportion to f this is the kind cmos;
    where voltages hardly fall at low clocks a single kappa is wrong (arXiv 2605.27601). Clusters of unlike cores are
    left out: the table is of the one that computes. Defaults: round figures of ours for a four-core board, 4.5 W above
    idle at 1.8 GHz.

    operating_points: clocks and voltages to choose from, at least one.
    operating_point: index of the chosen one, from 0.
    capacitance_f: effective switched capacitance C (activity times capacitance) in F, > 0.
    flops_per_cycle: peak FLOPs per clock cycle of one slot, all its cores together, > 0.
    efficiency: share of the peak that training sustains, (0, 1].
    slots: jobs at once, each at full speed and each adding C V^2 f, >= 1.
    idle_w: power drawn at every instant in W, >= 0.

    Raises ValueError where the index is outside the table.

    >>> busy = VoltageProcessor(operating_points=(VoltagePoint(frequency_hz=1e9, voltage_v=1.0),), operating_point=0)
    >>> round(busy.energy_j(1.0) / busy.seconds(1.0), 3)
    3.086
    """

    kind: Literal["voltage"] = "voltage"
    operating_points: tuple[VoltagePoint, ...] = (
        VoltagePoint(frequency_hz=0.6e9, voltage_v=0.8),
        VoltagePoint(frequency_hz=1.8e9, voltage_v=0.9),
    )
    operating_point: Index = 1
    capacitance_f: Positive = 3.086e-9
    flops_per_cycle: Positive = 32.0
    efficiency: PositiveFraction = 0.25
    slots: Count = 1
    idle_w: NonNegative = 2.5

    def energy_j(self, flops: float) -> float:
        """Joules above idle that ``flops`` take."""
        volt = self.operating_points[self.operating_point].voltage_v
        return self.capacitance_f * volt**2 * flops / (self.flops_per_cycle * self.efficiency)


@settings
class MeasuredProcessor:
    """Processor known by its speed and its joules per FLOP: t = flops / (flops_per_s * efficiency), E = e flops.

    Defaults: round figures of a single-board computer (100 GFLOP/s peak, 2.5 W above idle while training).

    flops_per_s: peak FP32 FLOP/s of one slot, 1e3 to 1e18.
    joules_per_flop: e in J/FLOP as training spends it, 1e-16 to 1e-4, *without* idle power: wall power over FLOP/s
        has idle in it, so take (busy - idle) / sustained FLOP/s.
    efficiency: share of the peak that training sustains, (0, 1].
    slots: jobs at once, each at full speed, >= 1.
    idle_w: power drawn at every instant in W, >= 0.

    >>> MeasuredProcessor(flops_per_s=1e11, joules_per_flop=1e-10, efficiency=0.25).seconds(1e12)
    40.0
    """

    kind: Literal["measured"] = "measured"
    flops_per_s: FlopsPerS = 1e11
    joules_per_flop: JoulesPerFlop = 1e-10
    efficiency: PositiveFraction = 0.25
    slots: Count = 1
    idle_w: NonNegative = 2.5

    def seconds(self, flops: float) -> float:
        """Seconds that ``flops`` take in one slot."""
        return flops / (self.flops_per_s * self.efficiency)

    def energy_j(self, flops: float) -> float:
        """Joules above idle that ``flops`` take."""
        return self.joules_per_flop * flops


Processor = Annotated[CmosProcessor | DvfsProcessor | VoltageProcessor | MeasuredProcessor, Kinds()]


@settings
class NoJitter:
    """Every computation takes exactly its nominal time.

    >>> NoJitter().factor(seed=1, node="client-0", round=3)
    1.0
    """

    kind: Literal["none"] = "none"

    def factor(self, seed: int, node: str, round: int) -> float:
        """Factor on the compute time of ``node`` in ``round``: 1."""
        return 1.0


@settings
class LogNormalJitter:
    """Compute time of a node varies from round to round by a log-normal factor exp(sigma Z - sigma^2 / 2) of mean 1.

    Z is standard normal from the stream ("compute-jitter", node, round): background load, throttling and the like, as
    one number a round, so that a scheme with more steps a round does not see another device.

    sigma: standard deviation of the factor's logarithm, (0, 2]; 0.1 is about 10 %.

    >>> jitter = LogNormalJitter(sigma=0.1)
    >>> jitter.factor(1, "client-0", 3) == jitter.factor(1, "client-0", 3)
    True
    """

    kind: Literal["log_normal"] = "log_normal"
    sigma: Sigma = 0.1

    def factor(self, seed: int, node: str, round: int) -> float:
        """Factor > 0 on the compute time of ``node`` in ``round``; a pure function of its arguments."""
        z = stream(seed, "compute-jitter", node, round).standard_normal()
        return float(np.exp(self.sigma * z - self.sigma**2 / 2))


@settings
class ExponentialJitter:
    """Compute time of a node varies from round to round by a shifted exponential factor m + (1 - m) E of mean 1.

    E is exponential with mean 1 from the stream ("compute-jitter", node, round): stragglers as theory has them. With
    m = 0 the last of n equal nodes is expected after H_n = 1 + 1/2 + ... + 1/n times the mean.

    Lee et al., "Speeding Up Distributed Machine Learning Using Codes", IEEE Trans. Inf. Theory 64(3), 2018, sec. II.

    minimum: m, the least factor there is, 0 to 1; 1 is no jitter.
    """

    kind: Literal["exponential"] = "exponential"
    minimum: Fraction = 0.5

    def factor(self, seed: int, node: str, round: int) -> float:
        """Factor > 0 on the compute time of ``node`` in ``round``; a pure function of its arguments."""
        e = stream(seed, "compute-jitter", node, round).standard_exponential()
        return float(self.minimum + (1.0 - self.minimum) * e)


Jitter = Annotated[NoJitter | LogNormalJitter | ExponentialJitter, Kinds()]

"""Economy: how slowly a device may compute and how softly it may send, if a round may take its time.

What is chosen here is a clock for a number of FLOPs; how much time there is for them is the scenario's business
(:mod:`wirelessfsl.economy`). Follows Tran et al. (INFOCOM 2019) and Yang et al. (IEEE TWC 20, 2021), where the dynamic
energy kappa f^2 C is least at the lowest clock f that makes the deadline. Left out: changing the clock within a run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from wirelessfsl.devices.compute import CmosProcessor, DvfsProcessor, Processor, VoltageProcessor
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import Ge, Le, Positive, PositiveFraction

RangeDb = Annotated[float, Ge(0), Le(100)]


@settings
class FullSpeed:
    """No economy: a device computes and sends as quickly as it can."""

    kind: Literal["none"] = "none"


@settings
class UntilDeadline:
    """Devices that are as slow and as soft as a round of a given length allows, at the least energy.

    Before the run, each device of the group gets a clock f and a transmit power p at which

        E = kappa f^2 C + t(p) (P(p) - P_idle) is least, subject to C / f + t(p) + (all else) <= round_s

    with the cycles C and the seconds t(p) on the air of a round, as wirelessfsl cuts predicts them, and the supply
    power P of the radio. What else fills a round (downloads, the server, waiting) is as at full speed.

    round_s: how long a round may take, s, > 0, as predicted; who cannot make it stays at full speed.
    lowest_clock: least clock as a share of the processor's, (0, 1]; 1 leaves the clock as it is. A processor of kind
        cmos takes any clock down to it, one of kind dvfs or voltage one of its operating points.
    power_range_db: how far the transmit power may be below the radio's in dB, 0 to 100, in steps of 0.25; 0 leaves it.

    >>> UntilDeadline(round_s=20.0).lowest_clock
    0.1
    """

    kind: Literal["deadline"] = "deadline"
    round_s: Positive = 10.0
    lowest_clock: PositiveFraction = 0.1
    power_range_db: RangeDb = 30.0


Economy = Annotated[FullSpeed | UntilDeadline, Kinds()]


def slowed(processor: Processor, flops: float, time_s: float, lowest_clock: float) -> Processor:
    """The processor at the clock at which it does a number of FLOPs in the time there is, with the least energy.

    f = C / T for kind cmos; the thriftiest operating point that is quick enough for the kinds dvfs and voltage.

    processor: at its greatest clock, which it keeps if it is too slow even so.
    flops: what it has to do in one slot.
    time_s: T, s.
    lowest_clock: least clock as a share of the greatest.

    >>> slowed(CmosProcessor(frequency_hz=2e9, flops_per_cycle=1.0, efficiency=1.0), 2e9, 1.6, 0.1).frequency_hz
    1250000000.0
    """
    match processor:
        case CmosProcessor(frequency_hz=clock_hz):
            wanted = processor.seconds(flops) / time_s if time_s > 0.0 else 1.0
            return replace(processor, frequency_hz=clock_hz * min(1.0, max(wanted, lowest_clock)))
        case DvfsProcessor() | VoltageProcessor():
            fastest = processor.flops_per_s
            slower = [replace(processor, operating_point=at) for at in range(len(processor.operating_points))]
            fitting = [
                each
                for each in slower
                if lowest_clock * fastest <= each.flops_per_s <= fastest and each.seconds(flops) <= time_s
            ]
            return min(fitting, key=lambda each: each.energy_j(flops), default=processor)
        case _:
            return processor

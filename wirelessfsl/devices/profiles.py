"""What a device profile is: a processor, a radio and, for every figure of both, where it is from.

Conventions, one for every profile of :mod:`wirelessfsl.devices.catalogue`. *Speed* is FP32 peak (a multiply-accumulate
is 2 FLOPs) times ``efficiency``, the share that training sustains: that share is our estimate (10-40 % is usual), so
time your own model before trusting seconds. *Power* is taken under full load, whatever the load was: a Linpack run
gives a board's watts but not its speed, for Linpack counts FP64 and sustains more of the peak than training does.
*Idle* power is never in the energy of a computation: tables of ``dvfs`` hold totals from which the model subtracts it,
and where ``joules_per_flop`` or ``kappa`` are given it is subtracted, or was not in the source, as the source says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from wirelessfsl.devices.compute import Processor
from wirelessfsl.devices.radio_power import RadioModel

Status = Literal["measured", "datasheet", "estimate"]
DeviceKind = Literal["mcu", "phone", "sbc", "mini-pc", "embedded-gpu", "edge-server", "gpu"]


class Source(NamedTuple):
    """Where a figure is from.

    status: ``measured`` on the device by whom the text names; ``datasheet``, stated by the maker, a standard or a
        paper's model; ``estimate``, our own.
    text: the source and the convention it uses.
    """

    status: Status
    text: str


Sources = Mapping[str, Source]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A real device: its processor, its radio, and a source for every figure.

    name: what a scenario calls it.
    kind: class of device, from ``mcu`` to ``gpu``.
    description: one line for a list.
    processor: FLOPs to seconds and joules.
    radio: power of each radio state.
    sources: one :class:`Source` for each of "processor.<field>" and "radio.<field>".
    """

    name: str
    kind: DeviceKind
    description: str
    processor: Processor
    radio: RadioModel
    sources: Sources


ONE_JOB = Source("estimate", "our choice: one job at a time has the whole device")
TRAINING = Source("estimate", "our estimate of the share of FP32 peak that training sustains (10-40 % is usual)")
HPL = "geerlingguy/top500-benchmark, HPL Linpack, wall power"

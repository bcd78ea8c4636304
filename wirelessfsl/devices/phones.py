"""Profiles of telephones: three classes of CPU with the kappa f^2 model and a 5G modem.

Kappa makes kappa f^3 the peak CPU power at the given clock. Other clocks may be set, but one kappa over a telephone's
whole range of voltages can be severalfold wrong (arXiv 2605.27601). GPUs and neural engines are left out.
"""

from __future__ import annotations

from wirelessfsl.devices.compute import CmosProcessor
from wirelessfsl.devices.profiles import ONE_JOB, TRAINING, Profile, Source
from wirelessfsl.devices.radios import HANDSET


def _phone(name: str, model: str, peak_flops_per_s: float, clock_hz: float, kappa: float, peak_w: float) -> Profile:
    """Profile of a telephone class of AutoFL, whose kappa makes kappa f^3 its peak CPU power."""
    paper = "Kim and Wu (AutoFL, MICRO 2021), device classes; quoted at second hand"
    return Profile(
        name=name,
        kind="phone",
        description=f"telephone, class of the {model} (CPU, {peak_flops_per_s / 1e9:g} GFLOP/s, {peak_w:g} W)",
        processor=CmosProcessor(
            frequency_hz=clock_hz,
            flops_per_cycle=round(peak_flops_per_s / clock_hz, 2),
            kappa=kappa,
            efficiency=0.25,
            idle_w=0.3,
        ),
        radio=HANDSET.power,
        sources={
            "processor.frequency_hz": Source("datasheet", f"{paper}: CPU clock of the {model}"),
            "processor.flops_per_cycle": Source("datasheet", f"{paper}: {peak_flops_per_s:g} FLOP/s over the clock"),
            "processor.kappa": Source(
                "estimate", f"ours: {peak_w:g} W over clock^3, from {paper}, peak CPU power, which has no idle in it"
            ),
            "processor.efficiency": TRAINING,
            "processor.slots": ONE_JOB,
            "processor.idle_w": Source("estimate", "ours: awake, screen off, modem not counted"),
        }
        | dict(HANDSET.sources),
    )


PHONES = (
    _phone("phone-low", "Moto X Force", 52.8e9, 1.9e9, 5.25e-28, 3.6),
    _phone("phone-mid", "Galaxy S10e", 80.0e9, 2.7e9, 2.85e-28, 5.6),
    _phone("phone-high", "Mi 8 Pro", 153.6e9, 2.8e9, 2.51e-28, 5.5),
)

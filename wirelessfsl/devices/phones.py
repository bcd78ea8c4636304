"""Profiles of telephones: three classes of CPU with the kappa f^2 model and a modem.

The plain names have a 5G modem of the linear model, without the energy of falling asleep and waking up; ``-nr`` has the
states and transitions of 3GPP TR 38.840, ``-lte`` the LTE model of Huang et al.

Kappa makes kappa f^3 the peak CPU power at the given clock. Other clocks may be set, but one kappa over a telephone's
whole range of voltages can be severalfold wrong (arXiv 2605.27601). GPUs and neural engines are left out.
"""

from __future__ import annotations

from wirelessfsl.devices.compute import CmosProcessor
from wirelessfsl.devices.profiles import ONE_JOB, TRAINING, Profile, Source
from wirelessfsl.devices.radios import HANDSET, LTE_MODEM, NR_MODEM, Radio


def _phone(
    name: str,
    model: str,
    peak_flops_per_s: float,
    clock_hz: float,
    kappa: float,
    peak_w: float,
    radio: Radio = HANDSET,
    modem: str = "",
) -> Profile:
    """Profile of a telephone class of AutoFL, whose kappa makes kappa f^3 its peak CPU power."""
    paper = "Kim and Wu (AutoFL, MICRO 2021), device classes; quoted at second hand"
    return Profile(
        name=name,
        kind="phone",
        description=f"telephone, class of the {model} (CPU, {peak_flops_per_s / 1e9:g} GFLOP/s, {peak_w:g} W{modem})",
        processor=CmosProcessor(
            frequency_hz=clock_hz,
            flops_per_cycle=round(peak_flops_per_s / clock_hz, 2),
            kappa=kappa,
            efficiency=0.25,
            idle_w=0.3,
        ),
        radio=radio.power,
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
        | dict(radio.sources),
    )


_LOW = "Moto X Force", 52.8e9, 1.9e9, 5.25e-28, 3.6
_MID = "Galaxy S10e", 80.0e9, 2.7e9, 2.85e-28, 5.6
_HIGH = "Mi 8 Pro", 153.6e9, 2.8e9, 2.51e-28, 5.5

PHONES = (
    _phone("phone-low", *_LOW),
    _phone("phone-mid", *_MID),
    _phone("phone-high", *_HIGH),
    _phone("phone-low-lte", *_LOW, LTE_MODEM, "; LTE modem with rate-dependent power and tail"),
    _phone("phone-mid-lte", *_MID, LTE_MODEM, "; LTE modem with rate-dependent power and tail"),
    _phone("phone-mid-nr", *_MID, NR_MODEM, "; 5G modem of TR 38.840 with sleep transitions"),
    _phone("phone-high-nr", *_HIGH, NR_MODEM, "; 5G modem of TR 38.840 with sleep transitions"),
)

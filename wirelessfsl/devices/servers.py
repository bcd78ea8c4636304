"""Profiles of edge and data-centre servers behind a base station: speed and joules per FLOP above idle.

All stand behind the same micro cell, so that swapping servers compares processors; an edge-gpu stands behind each of
EARTH's cells, too, so that swapping these compares cells.

Power of a GPU is the card's alone, without its host. A GPU serves one job at a time, since one training step of it can
fill the card; a server of many cores has several slots. Left out: tensor cores (TF32, FP16), batching gains.
"""

from __future__ import annotations

from wirelessfsl.devices.compute import MeasuredProcessor
from wirelessfsl.devices.profiles import HPL, ONE_JOB, TRAINING, DeviceKind, Profile, Source
from wirelessfsl.devices.radios import EARTH_CELLS, MICRO_CELL, Radio

_NVIDIA_POWER = Source("datasheet", "NVIDIA datasheet, board power")


def _joules_per_flop(busy_w: float, idle_w: float, sustained_flops_per_s: float) -> float:
    """Energy above idle of a FLOP, (busy - idle) / (FLOP/s), to the three digits that the figures bear."""
    return float(f"{(busy_w - idle_w) / sustained_flops_per_s:.3g}")


def _server(
    name: str,
    kind: DeviceKind,
    description: str,
    flops_per_s: float,
    busy_w: float,
    idle_w: float,
    *,
    peak: str,
    power: Source,
    idle: str,
    efficiency: float = 0.3,
    slots: int = 1,
    sharing: Source = ONE_JOB,
    radio: Radio = MICRO_CELL,
) -> Profile:
    """Profile of a server behind a base station; peak and powers are of the whole, each slot has an equal part."""
    return Profile(
        name=name,
        kind=kind,
        description=description,
        processor=MeasuredProcessor(
            flops_per_s=flops_per_s / slots,
            joules_per_flop=_joules_per_flop(busy_w, idle_w, flops_per_s * efficiency),
            efficiency=efficiency,
            slots=slots,
            idle_w=idle_w,
        ),
        radio=radio.power,
        sources={
            "processor.flops_per_s": Source("datasheet", peak),
            "processor.joules_per_flop": Source(
                "estimate",
                f"ours: ({busy_w:g} W - {idle_w:g} W idle) / ({efficiency:g} x peak); {power.status}: {power.text}",
            ),
            "processor.efficiency": TRAINING,
            "processor.slots": sharing,
            "processor.idle_w": Source("estimate", idle),
        }
        | dict(radio.sources),
    )


def _edge_gpu(name: str, radio: Radio, where: str) -> Profile:
    """Profile of the edge server with a T4, behind a base station."""
    return _server(
        name,
        "gpu",
        f"NVIDIA T4 edge server (2560 CUDA cores, 8.1 TFLOP/s, 70 W){where}",
        8.141e12,
        70.0,
        10.0,
        peak="NVIDIA T4 datasheet: 2560 cores x 2 x 1.59 GHz",
        power=_NVIDIA_POWER,
        idle="ours: 10 W, as nvidia-smi usually shows in state P8",
        radio=radio,
    )


SERVERS = (
    _server(
        "edge-altra",
        "edge-server",
        "Ampere Altra Q64-22 server (64 Neoverse N1 cores, 2.2 GHz), four slots of 16 cores",
        2252.8e9,
        140.0,
        60.0,
        peak="a quarter of 64 cores x 16 FP32 FLOPs a cycle x 2.2 GHz",
        power=Source("measured", f"{HPL}: 140 W"),
        idle="ours: 60 W; an Altra Q32-17 of the same benchmark idles at 50 W",
        efficiency=0.25,
        slots=4,
        sharing=Source("estimate", "our choice: four jobs at once, 16 cores each"),
    ),
    _edge_gpu("edge-gpu", MICRO_CELL, ""),
    *(_edge_gpu(f"edge-gpu-{cell}", radio, f", behind EARTH's {cell} cell") for cell, radio in EARTH_CELLS.items()),
    _server(
        "rtx-3090",
        "gpu",
        "NVIDIA GeForce RTX 3090 workstation (10496 CUDA cores, 35.6 TFLOP/s, 350 W)",
        35.58e12,
        350.0,
        20.0,
        peak="NVIDIA Ampere whitepaper: 10496 cores x 2 x 1.695 GHz; as commonly quoted",
        power=_NVIDIA_POWER,
        idle="ours: 20 W, card without display load; no measurement at hand",
    ),
    _server(
        "rtx-4090",
        "gpu",
        "NVIDIA GeForce RTX 4090 workstation (16384 CUDA cores, 82.6 TFLOP/s, 450 W)",
        82.6e12,
        450.0,
        20.0,
        peak="NVIDIA Ada whitepaper: 16384 cores x 2 x 2.52 GHz",
        power=_NVIDIA_POWER,
        idle="ours: 20 W, card without display load; no measurement at hand",
    ),
    _server(
        "a100",
        "gpu",
        "NVIDIA A100 SXM server (6912 CUDA cores, 19.5 TFLOP/s FP32 without TF32, 400 W)",
        19.5e12,
        400.0,
        50.0,
        peak="NVIDIA A100 datasheet: FP32 19.5 TFLOP/s (TF32 tensor cores: 156)",
        power=_NVIDIA_POWER,
        idle="ours: 50 W, card with no job; no measurement at hand",
    ),
    _server(
        "h100",
        "gpu",
        "NVIDIA H100 SXM server (16896 CUDA cores, 67 TFLOP/s FP32 without TF32, 700 W)",
        66.9e12,
        700.0,
        70.0,
        peak="NVIDIA H100 datasheet: FP32 67 TFLOP/s, 16896 cores x 2 x 1.98 GHz; as commonly quoted",
        power=_NVIDIA_POWER,
        idle="ours: 70 W, card with no job; no measurement at hand",
    ),
)

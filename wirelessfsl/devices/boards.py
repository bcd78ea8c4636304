"""Profiles of microcontrollers, single-board computers, a mini PC and embedded GPUs: clocks with their total power.

A board's wall meter also saw its idle Wi-Fi module, which has its own account, so that much is taken off.
Microcontrollers and NVIDIA modules were measured, or are specified, without a radio.
"""

from __future__ import annotations

from wirelessfsl.devices.compute import DvfsProcessor, OperatingPoint
from wirelessfsl.devices.profiles import HPL, ONE_JOB, TRAINING, DeviceKind, Profile, Source, Status
from wirelessfsl.devices.radios import ESP32_WIFI, WIFI, Radio


def _beside_wifi(wall_w: float) -> float:
    """Power of a board without its Wi-Fi module, which was idle when the wall meter was read."""
    return round(wall_w - WIFI.power.states.silent[0].power_w, 3)


def _clocked(
    name: str,
    kind: DeviceKind,
    description: str,
    processor: DvfsProcessor,
    radio: Radio,
    *,
    power: Source,
    idle: Source,
    cores: str,
    counted: Status = "datasheet",
) -> Profile:
    """Profile of a device whose total power at one or more clocks is known."""
    sources = {
        "processor.operating_points": power,
        "processor.operating_point": Source("estimate", "our choice: the fastest in the table"),
        "processor.flops_per_cycle": Source(counted, cores),
        "processor.efficiency": TRAINING,
        "processor.slots": ONE_JOB,
        "processor.idle_w": idle,
    }
    return Profile(
        name=name,
        kind=kind,
        description=description,
        processor=processor,
        radio=radio.power,
        sources=sources | dict(radio.sources),
    )


def _board(
    name: str,
    description: str,
    wall_w: dict[float, float],
    idle_wall_w: float,
    flops_per_cycle: float,
    *,
    cores: str,
    power: str,
    idle: Source,
    kind: DeviceKind = "sbc",
    efficiency: float = 0.25,
    counted: Status = "datasheet",
) -> Profile:
    """Profile of a board with Wi-Fi from wall powers under HPL, by clock in Hz, and at idle."""
    points = tuple(OperatingPoint(frequency_hz=f, power_w=_beside_wifi(w)) for f, w in wall_w.items())
    processor = DvfsProcessor(
        operating_points=points,
        operating_point=len(points) - 1,
        flops_per_cycle=flops_per_cycle,
        efficiency=efficiency,
        idle_w=_beside_wifi(idle_wall_w),
    )
    return _clocked(
        name,
        kind,
        description,
        processor,
        WIFI,
        cores=cores,
        counted=counted,
        power=Source("measured", f"{HPL}: {power}; less the Wi-Fi module's idle power"),
        idle=Source(idle.status, f"{idle.text}; less the Wi-Fi module's idle power"),
    )


MICROCONTROLLERS_AND_BOARDS = (
    _clocked(
        "stm32f746",
        "mcu",
        "STM32F746 microcontroller (Cortex-M7, 216 MHz) with an ESP32-class Wi-Fi companion",
        DvfsProcessor(
            operating_points=(OperatingPoint(frequency_hz=216e6, power_w=0.449),),
            operating_point=0,
            flops_per_cycle=1.0,
            efficiency=0.4,
            idle_w=0.199,
        ),
        ESP32_WIFI,
        power=Source("estimate", "ours: 0.35 W at 216 MHz with memories on, and 0.099 W of the companion's idle core"),
        idle=Source("estimate", "ours: 0.1 W with the core asleep, and 0.099 W of the companion's idle core"),
        cores="Cortex-M7 with a scalar FPU: about 1 FLOP a cycle",
    ),
    _clocked(
        "esp32",
        "mcu",
        "ESP32 microcontroller (two Xtensa LX6, 240 MHz) with Wi-Fi on the chip",
        DvfsProcessor(
            operating_points=(OperatingPoint(frequency_hz=240e6, power_w=0.224),),
            operating_point=0,
            flops_per_cycle=2.0,
            efficiency=0.4,
            idle_w=0.099,
        ),
        ESP32_WIFI,
        power=Source("datasheet", "ESP32 datasheet, modem-sleep at 240 MHz, upper figure: 68 mA at 3.3 V"),
        idle=Source("datasheet", "ESP32 datasheet, modem-sleep at 240 MHz, lower figure: 30 mA at 3.3 V"),
        cores="two cores with a scalar FPU each: about 1 FLOP a cycle and core",
    ),
    _board(
        "raspberry-pi-zero-2w",
        "Raspberry Pi Zero 2 W (four Cortex-A53, 1.0 GHz)",
        {1.0e9: 2.1},
        0.6,
        32.0,
        cores="4 cores x 8 FP32 FLOPs a cycle (Cortex-A53 NEON)",
        power="2.1 W",
        idle=Source("measured", "CNX Software, December 2021, Otii Arc at the 5 V input: 120 mA, 0.6 W"),
        efficiency=0.1,  # 512 MB and one narrow memory channel: HPL itself reaches 2 % of its FP64 peak
    ),
    _board(
        "raspberry-pi-4",
        "Raspberry Pi 4 (four Cortex-A72, 1.8 GHz; 1.5 GHz as operating point 0)",
        {1.5e9: 5.2, 1.8e9: 7.2},
        2.7,
        32.0,
        cores="4 cores x 8 FP32 FLOPs a cycle (Cortex-A72 NEON): 57.6 GFLOP/s at 1.8 GHz",
        power="7.2 W at 1.8 GHz; 5.2 W at 1.5 GHz on a Compute Module 4, which has the same chip",
        idle=Source("measured", "pidramble.com, power consumption benchmarks: 540 mA at 5 V, 2.7 W"),
    ),
    _board(
        "raspberry-pi-5",
        "Raspberry Pi 5 (four Cortex-A76, 2.4 GHz)",
        {2.4e9: 11.0},
        3.0,
        64.0,
        cores="4 cores x 16 FP32 FLOPs a cycle (Cortex-A76 NEON): 153.6 GFLOP/s (also Google LiteRT)",
        power="11 W",
        idle=Source("estimate", "ours: 3 W; published figures spread from 1.8 to 5 W with firmware and periphery"),
    ),
    _board(
        "orange-pi-5",
        "Orange Pi 5 (RK3588S: four Cortex-A76 at 2.4 GHz, four Cortex-A55 at 1.8 GHz)",
        {2.4e9: 11.5},
        2.0,
        88.0,
        cores="4 x 16 (Cortex-A76) + 4 x 8 x 1.8/2.4 (Cortex-A55) FP32 FLOPs a cycle of the faster cores",
        power="11.5 W",
        idle=Source("estimate", "ours: 2 W; published figures of RK3588 boards spread from 1.5 to 5 W"),
    ),
    _board(
        "intel-n100",
        "Intel N100 mini PC (four Gracemont cores, 3.4 GHz)",
        {3.4e9: 25.0},
        6.0,
        64.0,
        cores="4 cores x 16 FP32 FLOPs a cycle (AVX2) at the datasheet's maximum clock",
        power="25 W on a LattePanda Mu",
        idle=Source("estimate", "ours: 6 W, board without display; no measurement at hand"),
        kind="mini-pc",
    ),
    _board(
        "mac-mini-m4",
        "Apple Mac mini with M4 (four performance cores at 4.4 GHz, six efficiency cores at 2.9 GHz)",
        {4.4e9: 39.6},
        5.0,
        191.0,
        cores="ours: 4 x 32 + 6 x 16 x 2.9/4.4 FP32 FLOPs a cycle of the faster cores (NEON)",
        counted="estimate",
        power="39.6 W",
        idle=Source("estimate", "ours: 5 W, without display; no measurement at hand"),
        kind="mini-pc",
    ),
    _board(
        "ryzen-5-5600x",
        "AMD Ryzen 5 5600X desktop (six Zen 3 cores, 4.6 GHz)",
        {4.6e9: 196.0},
        60.0,
        192.0,
        cores="6 cores x 32 FP32 FLOPs a cycle (AVX2, two FMA units) at the datasheet's maximum clock",
        power="196 W",
        idle=Source("estimate", "ours: 60 W, desktop with a graphics card; no measurement at hand"),
        kind="mini-pc",
    ),
)

EMBEDDED_GPUS = (
    _clocked(
        "jetson-nano",
        "embedded-gpu",
        "NVIDIA Jetson Nano (128 CUDA cores, 10 W mode; 5 W mode as operating point 0)",
        DvfsProcessor(),
        WIFI,
        power=Source("datasheet", "Jetson Linux Developer Guide, nvpmodel: budgets 5 W at 640 and 10 W at 921.6 MHz"),
        idle=Source("estimate", "ours: module and memory, 1.9 W"),
        cores="128 CUDA cores x 2 FLOPs a cycle: 236 GFLOP/s at 921.6 MHz",
    ),
    _clocked(
        "jetson-tx2",
        "embedded-gpu",
        "NVIDIA Jetson TX2 (256 CUDA cores, 15 W mode; 7.5 W mode as operating point 0)",
        DvfsProcessor(
            operating_points=(
                OperatingPoint(frequency_hz=0.85e9, power_w=7.5),
                OperatingPoint(frequency_hz=1.3e9, power_w=15.0),
            ),
            operating_point=1,
            flops_per_cycle=512.0,
            idle_w=2.5,
        ),
        WIFI,
        power=Source("datasheet", "NVIDIA: budgets 7.5 W at 0.85 and 15 W at 1.3 GHz; as commonly quoted"),
        idle=Source("estimate", "ours: module and memory, 2.5 W"),
        cores="256 CUDA cores x 2 FLOPs a cycle: 665 GFLOP/s at 1.3 GHz; as commonly quoted",
    ),
    _clocked(
        "jetson-xavier-nx",
        "embedded-gpu",
        "NVIDIA Jetson Xavier NX (384 CUDA cores, 20 W mode; 10 W mode as operating point 0)",
        DvfsProcessor(
            operating_points=(
                OperatingPoint(frequency_hz=0.8e9, power_w=10.0),
                OperatingPoint(frequency_hz=1.1e9, power_w=20.0),
            ),
            operating_point=1,
            flops_per_cycle=768.0,
            idle_w=4.0,
        ),
        WIFI,
        power=Source("datasheet", "NVIDIA: budgets 10 W at 0.8 and 20 W at 1.1 GHz; as commonly quoted"),
        idle=Source("estimate", "ours: module and memory, 4 W"),
        cores="384 CUDA cores x 2 FLOPs a cycle: 0.84 TFLOP/s at 1.1 GHz; as commonly quoted",
    ),
    _clocked(
        "jetson-orin-nano",
        "embedded-gpu",
        "NVIDIA Jetson Orin Nano Super (1024 CUDA cores, 1.02 GHz)",
        DvfsProcessor(
            operating_points=(OperatingPoint(frequency_hz=1.02e9, power_w=16.0),),
            operating_point=0,
            flops_per_cycle=2048.0,
            idle_w=5.2,
        ),
        WIFI,
        power=Source("measured", "picocluster-claw.com: GPU load 10-16 W, of which the upper end"),
        idle=Source("measured", "picocluster-claw.com: idle 5.2-5.7 W, of which the lower end"),
        cores="1024 CUDA cores x 2 FLOPs a cycle: 2.09 TFLOP/s",
    ),
    _clocked(
        "jetson-agx-orin",
        "embedded-gpu",
        "NVIDIA Jetson AGX Orin 64 GB (2048 CUDA cores, 1.3 GHz)",
        DvfsProcessor(
            operating_points=(OperatingPoint(frequency_hz=1.3e9, power_w=60.0),),
            operating_point=0,
            flops_per_cycle=4096.0,
            idle_w=9.0,
        ),
        WIFI,
        power=Source("datasheet", "NVIDIA Jetson AGX Orin datasheet: module power up to 60 W"),
        idle=Source("estimate", "ours: 9 W, module with memory; no measurement at hand"),
        cores="2048 CUDA cores x 2 FLOPs a cycle: 5.3 TFLOP/s",
    ),
)

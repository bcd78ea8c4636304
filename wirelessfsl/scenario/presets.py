"""Settings of the literature by name, as the defaults that a scenario's own keys override.

A preset is of the radio, the devices and what belongs to them. Which data, model and scheme is the scenario's business.
What papers have and this simulator counts otherwise (cycles a sample or a bit, for FLOPs are counted of the real model;
sizes, for payloads are real; random draws of each device's figures, for groups of devices are equal) stands in the text
of each. Few of the figures were read in the paper itself: every one has a mark (:data:`MARKS`).
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Mark = Literal["read", "code", "quoted", "ours"]
PresetName = Literal["adaptsfl-2024", "chen-2021", "epsl-2024", "mao-2016", "tran-2019", "wei-2026", "yang-2021"]


MARKS: dict[Mark, str] = {
    "read": "read in the paper",
    "code": "verified in public programs that say they follow the paper",
    "quoted": "as commonly quoted; look into the paper before you call it the paper's",
    "ours": "our choice, or how the paper's is expressed here",
}


class Value(NamedTuple):
    """A value, its mark, and what there is to say of it. per_client: whether it is for one client, of all of them."""

    value: Any
    mark: Mark
    text: str = ""
    per_client: bool = False


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings of one study.

    headline: one line for a list.
    source: whose they are.
    left_out: what the study has and a scenario cannot say.
    values: by path; ``devices`` stands for every group of devices that names no profile of its own.
    """

    headline: str
    source: str
    left_out: str
    values: Mapping[str, Value]


_THERMAL = "10 lg of kT at 290 K"
_RADIATED = "papers count the radiated power alone"


def _cmos(where: str, frequency: Value, kappa: Value, flops_per_cycle: Value) -> dict[str, Value]:
    """A processor of E = kappa f^2 per cycle."""
    own = {"kind": Value("cmos", "ours"), "frequency_hz": frequency, "kappa": kappa, "flops_per_cycle": flops_per_cycle}
    own |= {"efficiency": Value(1.0, "ours", "figures are of what is sustained"), "idle_w": Value(0.0, "ours")}
    return {f"{where}.processor.{name}": value for name, value in own.items()}


def _radiating(where: str, power: Value) -> dict[str, Value]:
    """A radio that draws what it radiates."""
    own = {"kind": Value("linear", "ours"), "tx_power_dbm": power}
    own |= {"amplifier_efficiency": Value(1.0, "ours", _RADIATED)}
    own |= {name: Value(0.0, "ours", _RADIATED) for name in ("circuit_w", "receive_w", "idle_w")}
    return {f"{where}.radio.{name}": value for name, value in own.items()}


_ONE = Value(1.0, "ours", "one FLOP a cycle, for want of the paper's cycles a sample or a bit")
_MACRO = {
    "network.channel.path_loss.kind": Value("urban_macro", "code", "128.1 + 37.6 lg(d / km) dB"),
    "network.channel.shadowing.kind": Value("log_normal", "quoted"),
    "network.channel.shadowing.std_db": Value(8.0, "quoted"),
}
_NOISE = {"network.channel.noise_density_dbm_hz": Value(-174.0, "quoted")}

PRESETS: dict[str, Preset] = {
    "adaptsfl-2024": Preset(
        headline="AdaptSFL: 20 devices of 1.0 to 1.6 TFLOP/s and a server of 20, on links of constant rate",
        source="Lin et al., AdaptSFL, arXiv:2403.13101",
        left_out="speeds drawn for each device from 1.0 to 1.6 TFLOP/s and rates from 75 to 80 Mbit/s up and 370 to 400"
        " down (here their middles); VGG-16 and ResNet-18 on CIFAR; energy, of which the study has none.",
        values={
            "data.clients": Value(20, "quoted"),
            "algorithm.batch_size": Value(16, "quoted"),
            "algorithm.optimizer.kind": Value("sgd", "ours"),
            "algorithm.optimizer.lr": Value(5e-4, "quoted"),
            "devices.processor.kind": Value("measured", "ours"),
            "devices.processor.flops_per_s": Value(1.3e12, "quoted", "the middle of 1.0e12 to 1.6e12"),
            "devices.processor.efficiency": Value(1.0, "ours", "figures are of what is sustained"),
            "server.processor.kind": Value("measured", "ours"),
            "server.processor.flops_per_s": Value(20e12, "quoted"),
            "server.processor.efficiency": Value(1.0, "ours", "figures are of what is sustained"),
            "network.medium.kind": Value("constant", "ours"),
            "network.medium.uplink_bit_s": Value(77.5e6, "quoted", "the middle of 75e6 to 80e6"),
            "network.medium.downlink_bit_s": Value(385e6, "quoted", "the middle of 370e6 to 400e6"),
            "network.medium.latency_s": Value(0.0, "ours"),
        },
    ),
    "chen-2021": Preset(
        headline="Joint learning and communication: 150 kHz a user up, 20 MHz down, 10 dBm",
        source="Chen et al., IEEE Transactions on Wireless Communications 20(1), 2021 (arXiv:1909.07972)",
        left_out="packet errors 1 - exp(-m (I + B N0) / (P h)) with a waterfall threshold m of 0.023 dB; 40 cycles a"
        " bit; limits of 500 ms and 3 mJ a round; which user gets which resource block.",
        values={
            "network.medium.kind": Value("fdma", "quoted"),
            "network.medium.bandwidth_hz": Value(150e3, "quoted", "a resource block each", per_client=True),
            "network.medium.downlink_bandwidth_hz": Value(20e6, "quoted"),
            **_NOISE,
            **_cmos("devices", Value(1e9, "quoted"), Value(1e-27, "quoted"), _ONE),
            **_radiating("devices", Value(10.0, "quoted", "0.01 W")),
            "server.radio.tx_power_dbm": Value(30.0, "quoted", "1 W"),
        },
    ),
    "epsl-2024": Preset(
        headline="EPSL: 5 devices within 200 m on 20 subchannels of 10 MHz at 28 GHz",
        source="Lin et al., IEEE Transactions on Mobile Computing, 2024 (arXiv:2303.15991)",
        left_out="clocks drawn for each device from 1.0 to 1.6 GHz (here the middle); subchannels, their allocation and"
        " the limit of 36.99 dBm for all devices together; ResNet-18 on HAM10000 and MNIST; energy.",
        values={
            "data.clients": Value(5, "quoted"),
            "algorithm.batch_size": Value(64, "quoted"),
            "network.layout.kind": Value("disc", "quoted"),
            "network.layout.radius_m": Value(200.0, "quoted"),
            "network.channel.carrier_hz": Value(28e9, "quoted"),
            "network.medium.kind": Value("fdma", "ours", "shares of one band in place of subchannels"),
            "network.medium.bandwidth_hz": Value(200e6, "quoted", "20 subchannels of 10 MHz"),
            **_cmos(
                "devices",
                Value(1.3e9, "quoted", "the middle of 1.0e9 to 1.6e9"),
                Value(1e-28, "ours"),
                Value(16.0, "quoted", "1/16 cycle a FLOP"),
            ),
            **_cmos("server", Value(5e9, "quoted"), Value(1e-28, "ours"), Value(32.0, "quoted", "1/32 cycle a FLOP")),
            **_radiating("devices", Value(31.76, "quoted")),
            "server.radio.tx_power_dbm": Value(33.0, "quoted", "-50 dBm/Hz over 200 MHz"),
        },
    ),
    "mao-2016": Preset(
        headline="Mobile edge computing: 1 MHz, 1 W, noise of 1e-13 W, 1.5 GHz with kappa 1e-28",
        source="Mao, Zhang and Letaief, IEEE Journal on Selected Areas in Communications 34(12), 2016",
        left_out="737.5 cycles a bit; energy harvesting; clocks and powers below the largest.",
        values={
            "network.medium.kind": Value("fdma", "ours"),
            "network.medium.bandwidth_hz": Value(1e6, "code"),
            "network.channel.noise_density_dbm_hz": Value(-160.0, "code", "1e-13 W over 1 MHz"),
            "server.radio.noise_figure_db": Value(0.0, "ours", "it is in the noise power"),
            "server.radio.tx_power_dbm": Value(30.0, "ours", "as a device's"),
            **_cmos("devices", Value(1.5e9, "code"), Value(1e-28, "code"), _ONE),
            **_radiating("devices", Value(30.0, "code", "1 W")),
            "devices.radio.noise_figure_db": Value(0.0, "ours", "it is in the noise power"),
        },
    ),
    "tran-2019": Preset(
        headline="FEDL: clocks up to 2 GHz with kappa 1e-28, up to 1 W",
        source="Tran et al., IEEE INFOCOM 2019",
        left_out="10 to 30 cycles a bit; clocks from 0.3 GHz and powers from 0.2 W, of which these are the largest.",
        values={
            **_cmos("devices", Value(2e9, "quoted"), Value(1e-28, "quoted", "alpha / 2"), _ONE),
            **_radiating("devices", Value(30.0, "quoted", "1 W")),
        },
    ),
    "wei-2026": Preset(
        headline="Split federated learning on GPUs: 20 devices of up to 625 MHz, a server of 3.135 GHz, 100 MHz up",
        source="Wei and Chen, Efficient resource optimization for split federated learning, 2026",
        left_out="FLOPs a cycle drawn for each device from 0.2e4 to 3e4 and gains from 1e-7 to 1e-6 (here their"
        " middles); clocks from 50 MHz (server: 210 MHz) and powers from 20 dBm, of which these are the largest;"
        " ResNet-50 and VGG-16 on MNIST and CIFAR-10; 70 % of a client's samples of one class (partition prominent).",
        values={
            "data.clients": Value(20, "read"),
            "algorithm.batch_size": Value(32, "read"),
            "network.channel.path_loss.kind": Value("log_distance", "ours", "the same mean gain for all"),
            "network.channel.path_loss.exponent": Value(0.0, "ours"),
            "network.channel.path_loss.reference_loss_db": Value(62.6, "read", "the middle of the gains, 0.55e-6"),
            "network.channel.fading.kind": Value("rayleigh", "read"),
            "network.channel.noise_density_dbm_hz": Value(-174.0, "read", "3.98e-21 W/Hz"),
            "network.medium.kind": Value("fdma", "ours"),
            "network.medium.bandwidth_hz": Value(100e6, "read"),
            "network.medium.downlink_bandwidth_hz": Value(200e6, "read"),
            **_cmos(
                "devices",
                Value(625e6, "read"),
                Value(1e-26, "read"),
                Value(1.6e4, "read", "the middle of 0.2e4 to 3e4"),
            ),
            **_cmos("server", Value(3.135e9, "read"), Value(2e-26, "read"), Value(3e4, "read")),
            **_radiating("devices", Value(33.0, "read")),
        },
    ),
    "yang-2021": Preset(
        headline="Energy-efficient federated learning: 50 users, 20 MHz, 10 dBm, 2 GHz with kappa 1e-28",
        source="Yang et al., IEEE Transactions on Wireless Communications 20(3), 2021 (arXiv:1911.02417)",
        left_out="1e4 to 3e4 cycles a sample, 500 samples a user and models of 28.1 kbit; a square of 500 m (here a"
        " disc of its area); choice of clock, power and bandwidth, of which clock and power are the largest here.",
        values={
            "data.clients": Value(50, "code"),
            "network.layout.kind": Value("disc", "ours"),
            "network.layout.radius_m": Value(282.0, "ours", "as large as a square of 500 m"),
            **_MACRO,
            **_NOISE,
            "network.medium.kind": Value("fdma", "quoted"),
            "network.medium.bandwidth_hz": Value(20e6, "quoted"),
            **_cmos("devices", Value(2e9, "quoted"), Value(1e-28, "code"), _ONE),
            **_radiating("devices", Value(10.0, "code", "0.01 W")),
        },
    ),
}


def fill(data: dict[str, Any], preset: Preset) -> None:
    """Put a preset's values where a scenario as plain data has none.

    Where the scenario chooses another kind than the preset, all that the preset has of that slot is left out; so are
    its figures of a device, or of the server, that names a profile.
    """
    held = data.get("data")
    count = preset.values.get("data.clients", Value(10, "ours")).value
    count = held.get("clients", count) if isinstance(held, dict) else count
    more = _tree(preset, count if isinstance(count, int) else 1)
    device = more.pop("devices", {})
    for section in [name for name in ("algorithm", "server") if not _open(data.get(name, {}), name)]:
        more.pop(section, None)
    _merge(data, more)
    groups = data.setdefault("devices", [{"count": count}] if device else [])
    for group in groups if isinstance(groups, list) else ():
        if isinstance(group, dict) and "profile" not in group:
            _merge(group, device)


def _open(section: Any, name: str) -> bool:
    """Whether a section of a scenario takes a preset's values."""
    return isinstance(section, dict) and ("kind" in section if name == "algorithm" else "profile" not in section)


def _tree(preset: Preset, clients: int) -> dict[str, Any]:
    """A preset's values as plain data."""
    tree: dict[str, Any] = {}
    for path, value in preset.values.items():
        *above, last = path.split(".")
        holder = tree
        for name in above:
            holder = holder.setdefault(name, {})
        holder[last] = value.value * clients if value.per_client else value.value
    return tree


def _merge(own: dict[str, Any], more: dict[str, Any]) -> None:
    if "kind" in more and own.get("kind", more["kind"]) != more["kind"]:
        return
    for key, value in more.items():
        if isinstance(own.get(key), dict) and isinstance(value, dict):
            _merge(own[key], value)
        elif key not in own:
            own[key] = deepcopy(value)

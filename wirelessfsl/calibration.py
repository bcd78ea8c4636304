"""A device profile of the machine that this runs on, from the times of a model's real pieces.

The profile is a file of keys of a device group, with a record of what was measured and how. Its speed is the FLOPs of
the passes asked for over the seconds that they took: of the client's pieces at the given cuts or, without any, of the
whole model's training step. It stands for this machine, this model and this batch size: per cut the record has what
each pass sustains. Joules are not measured.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from wirelessfsl.learning.models import MODELS, OF_TEXT, ModelSpec
from wirelessfsl.learning.speed import WARM_UP, Timed, threads_of_torch, time_cuts
from wirelessfsl.learning.stage import check_fits, cut_points_of, outermost
from wirelessfsl.scenario import to_yaml
from wirelessfsl.scenario.problems import near

__all__ = ["calibrate", "cells", "document", "doubt", "spec", "threads_of_torch"]

FAR = 5.0
"""Ratio of two speeds from which on one does not stand for the other."""
_HEAD = """\
# What {machine} sustains when it trains {model}, measured by wirelessfsl calibrate.
# Use it in a scenario as  devices: [{{count: 10, profile: {file}}}]  or paste the keys up to `measured` into a group.
# Not measured: joules (joules_per_flop and idle_w are the defaults of the kind measured: put your meter's here), and
# the radio, which is that of the device of the catalogue that `profile` names.
"""


def spec(model: str, shape: tuple[int, ...] | None, classes: int | None) -> ModelSpec:
    """The model for inputs of a shape; by default images of 3 x 32 x 32 in 10 classes, or texts of 80 of 80 characters.

    Raises ValueError for a name that no model of the package has, and for a shape that it cannot take.
    """
    if model not in MODELS:
        raise ValueError(f"calibrate: got {model!r}, allowed: {', '.join(MODELS)}{near(model, MODELS)}")
    text = model in OF_TEXT
    if shape is not None and len(shape) != (1 if text else 3):
        wanted = "the length of a text" if text else "channels,height,width"
        raise ValueError(f"calibrate: --shape: got {','.join(map(str, shape))}, {model} takes {wanted}")
    made = ModelSpec(model, shape or ((80,) if text else (3, 32, 32)), classes or (80 if text else 10), (), text)
    check_fits(made)
    return made


def calibrate(
    model: ModelSpec, cuts: Sequence[str] | None, batch_size: int, repeats: int, threads: int
) -> tuple[dict[str, Any], list[Timed]]:
    """The profile of this machine as plain data, and the times behind it.

    model: what is timed. cuts: whose client pieces the profile's speed is of; by default the whole model is, and every
        possible cut is in the record.
    batch_size: samples of a batch. repeats: runs of each pass. threads: of one torch operation.

    Raises ValueError for a cut that does not exist.
    """
    points = cut_points_of(model)
    for cut in cuts or ():
        if cut not in points:
            known = outermost(points)
            raise ValueError(f"calibrate: got the cut {cut!r}, allowed: {', '.join(known)}{near(cut, points)}")
    times = time_cuts(model, tuple(outermost(points) if cuts is None else cuts), batch_size, repeats, threads)
    own = [each for each in times if each.side == "client" and bool(each.cut) == bool(cuts)]
    speed = sum(each.flops for each in own) / sum(each.seconds for each in own)
    if not speed:
        raise ValueError(f"calibrate: the client's part has no FLOPs to time at {', '.join(cuts or ())}; cut later")
    profile = {
        "profile": "raspberry-pi-4",
        "processor": {"kind": "measured", "flops_per_s": _figures(speed), "efficiency": 1.0},
        "measured": {
            "on": str(date.today()),
            "cpu": machine(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "torch": version("torch"),
            "torch_threads": threads,
            "model": model.name,
            "shape": list(model.shape),
            "classes": model.classes,
            "batch_size": batch_size,
            "how": f"median of {repeats} runs after {WARM_UP}; spread is between the quartiles",
            "speed_is_of": f"client pieces at {', '.join(cuts)}" if cuts else "the whole model's training step",
            "not_measured": ["joules", "radio"],
            "passes": [
                {
                    "cut": each.cut or None,
                    "side": each.side,
                    "pass": each.what,
                    "flops": each.flops,
                    "seconds": _figures(each.seconds),
                    "spread_s": _figures(each.spread_s),
                    "flops_per_s": _figures(each.flops_per_s),
                }
                for each in times
            ],
        },
    }
    return profile, times


def document(profile: dict[str, Any], file: str) -> str:
    """The profile as a file that a scenario can name."""
    told = profile["measured"]
    return _HEAD.format(machine=told["cpu"], model=told["model"], file=file) + to_yaml(profile)


def cells(times: Sequence[Timed]) -> list[tuple[str, ...]]:
    """The times as text, under a line of headings."""
    rows = [
        (each.cut or "whole model", each.side, each.what, f"{each.flops:.4g}", f"{each.seconds * 1e3:.4g}",
         f"{each.spread_s * 1e3:.2g}", f"{each.flops_per_s:.4g}")
        for each in times
    ]  # fmt: skip
    return [("cut", "side", "pass", "FLOPs", "ms", "spread ms", "FLOP/s"), *rows]


def doubt(times: Sequence[Timed]) -> str:
    """What is strange about the times, in words: the pass whose FLOP/s are the farthest from those of its like.

    A piece should be about as quick as the whole model's step, and backward as forward; empty if all are.
    """
    whole, *pieces = (each for each in times if each.flops)
    forward = {each.cut: each for each in pieces if each.what == "forward"}
    pairs = [(each, whole, "the whole model's step") for each in pieces]
    pairs += [
        (each, forward[each.cut], "forward") for each in pieces if each.what == "backward" and each.cut in forward
    ]
    ratios = [(each.flops_per_s / like.flops_per_s, each, word) for each, like, word in pairs]
    ratio, each, word = max(ratios, key=lambda found: max(found[0], 1 / found[0]), default=(1.0, whole, ""))
    if 1 / FAR < ratio < FAR:
        return ""
    much = f"{ratio:.2g} times" if ratio > 1 else f"1/{1 / ratio:.2g} of"
    return f"{each.cut}, {each.side} {each.what}: {each.flops_per_s:.4g} FLOP/s, {much} the speed of {word}"


def machine() -> str:
    """The processor's name, as far as the system tells it."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next((name for name in names if name), platform.processor() or platform.machine())


def _figures(number: float) -> float:
    """Four significant figures: more would be noise."""
    return float(f"{number:.4g}")

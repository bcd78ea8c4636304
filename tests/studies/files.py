"""Study files for the tests: a base that runs in a few hundredths of a second, and what goes around it."""

from __future__ import annotations

from pathlib import Path

BASE = """\
  data: {name: digits, clients: 2}
  model: {name: mlp, cuts: [fc1]}
  algorithm: {kind: splitfed_v1, rounds: 1, local_steps: 1}
  network: {medium: {kind: fdma}, layout: {kind: fixed, distances_m: [100.0, 100.0]}}
"""
FAR = "network.layout.distances_m: [[100.0, 100.0], [100.0, 3.0e+6]]"
"""An axis whose second value has a link without any rate, which ends the run; it needs this channel."""
NO_RATE = "network.channel: {phy: {kind: nr}, fading: {kind: none}}"


def study(folder: Path, rest: str = "", base: str = BASE, name: str = "study.yaml") -> Path:
    """A study file with a base in place and more lines."""
    (file := folder / name).write_text(f"name: tried\nbase:\n{base}{rest}\n")
    return file

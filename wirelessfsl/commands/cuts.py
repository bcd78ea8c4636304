"""Compare every possible cut of a model."""

from __future__ import annotations

import argparse
from pathlib import Path

from wirelessfsl.commands.parsing import Commands, load, scenario_options


def add(commands: Commands) -> None:
    cuts = commands.add("cuts", _cuts, "every possible cut: FLOPs of each side, bytes, predicted seconds and joules")
    cuts.add_argument("scenario", metavar="SCENARIO", type=Path)
    scenario_options(cuts)


def _cuts(args: argparse.Namespace) -> int:
    scenario = load(args.scenario, args)
    from wirelessfsl.cutting import cells
    from wirelessfsl.results.exports import aligned

    print(aligned(cells(scenario)), end="")
    print("FLOPs and bytes are of one batch of a client, bytes after the codecs; s and J are predicted, of a round and"
          " of a client in it")  # fmt: skip
    return 0

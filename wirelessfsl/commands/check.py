"""Tell every problem of scenarios, and run nothing."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wirelessfsl.commands.parsing import Commands, load, scenario_options


def add(commands: Commands) -> None:
    check = commands.add("check", _check, "tell every problem of scenarios, run nothing")
    check.add_argument("scenarios", metavar="SCENARIO", type=Path, nargs="+")
    scenario_options(check)


def _check(args: argparse.Namespace) -> int:
    from wirelessfsl.scenario import ScenarioError

    status = 0
    for path in args.scenarios:
        try:
            load(path, args)
            print(f"{path}: ok")
        except ScenarioError as error:
            print(error, file=sys.stderr)
            status = 2
    return status

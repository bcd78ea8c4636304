"""Tell every problem of scenarios, and run nothing."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wirelessfsl.commands.parsing import Commands, load, scenario_options

if TYPE_CHECKING:
    from wirelessfsl.scenario import Scenario


def add(commands: Commands) -> None:
    check = commands.add("check", _check, "tell every problem of scenarios, run nothing")
    check.add_argument("scenarios", metavar="SCENARIO", type=Path, nargs="+")
    scenario_options(check)


def _check(args: argparse.Namespace) -> int:
    from wirelessfsl.scenario import ScenarioError, check_machine

    status = 0
    for path in args.scenarios:
        try:
            scenario = load(path, args)
            check_machine(scenario)
            _fits(path, scenario)
            print(f"{path}: ok")
        except ScenarioError as error:
            print(error, file=sys.stderr)
            status = 2
        except ValueError as error:
            print(f"{path}: {error}", file=sys.stderr)
            status = 2
    return status


def _fits(path: Path, scenario: Scenario) -> None:
    """Raises ScenarioError if this host has not the memory that a run takes; where cuts are open nobody can tell."""
    from wirelessfsl.footprint import footprint
    from wirelessfsl.ram import available_bytes
    from wirelessfsl.scenario import ScenarioError, dataset_of

    if scenario.model.cuts == "auto":
        return
    try:
        footprint(scenario, dataset_of(scenario)).check(available_bytes(), str(path))
    except ValueError as error:
        raise ScenarioError([str(error)]) from error

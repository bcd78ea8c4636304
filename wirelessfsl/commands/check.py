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
    check.add_argument("--timing-only", action="store_true", help="of a run --timing-only: of any number of clients")


def _check(args: argparse.Namespace) -> int:
    from wirelessfsl.scenario import ScenarioError, check_machine

    status = 0
    for path in args.scenarios:
        try:
            scenario = load(path, args)
            if not args.timing_only:
                check_machine(scenario)
            told = _fits(path, scenario, args.timing_only)
            print("\n  ".join([f"{path}: ok", *told]))
        except ScenarioError as error:
            print(error, file=sys.stderr)
            status = 2
        except ValueError as error:
            print(f"{path}: {error}", file=sys.stderr)
            status = 2
    return status


def _fits(path: Path, scenario: Scenario, timing_only: bool) -> list[str]:
    """The memory and the executor of a run on this host, in lines; where cuts are open nobody can tell.

    Raises ScenarioError if this host has not the memory.
    """
    from wirelessfsl.executing import Wish, needs, settled
    from wirelessfsl.ram import available_bytes
    from wirelessfsl.scenario import ScenarioError

    if scenario.model.cuts == "auto":
        return []
    available = available_bytes()
    wish = settled(Wish(), scenario, available)
    needed = needs(wish, scenario, timing_only)
    try:
        needed.check(available, str(path))
    except ValueError as error:
        raise ScenarioError([str(error)]) from error
    if timing_only:
        return [needed.told(available)]
    told = [needed.told(available), f"executor: {wish.name} ({wish.because})"]
    if wish.name == "processes":
        told.append(f"with --executor sequential, {needs(Wish('sequential'), scenario).told(None)}")
    return told

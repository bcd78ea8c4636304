"""Run a scenario, with its convergence bound or without."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

from wirelessfsl.commands.parsing import Commands, load, scenario_options, tracker_options, trackers


def add(commands: Commands) -> None:
    run = commands.add("run", _run, "run a scenario and write a run folder")
    bound = commands.add(
        "bound", _bound, "run fedsl or splitfed_v1 with its convergence bound, from measured constants"
    )
    for sub in run, bound:
        sub.add_argument("scenario", metavar="SCENARIO", type=Path)
        scenario_options(sub)
        sub.add_argument("--out", metavar="DIR", type=Path, help="run folder (default runs/<name>/<time>-<digest>)")

    run.add_argument(
        "--timing-only",
        action="store_true",
        help="play it with shapes instead of values: times, bytes and energies, for up to 100,000 devices; no accuracy",
    )
    tracker_options(run)


def _run(args: argparse.Namespace) -> int:
    from wirelessfsl.api import simulate
    from wirelessfsl.results.closing import closing

    print(closing(_simulated(args, partial(simulate, timing_only=args.timing_only, trackers=trackers(args)))))
    return 0


def _bound(args: argparse.Namespace) -> int:
    from wirelessfsl.bounding import bounded

    print(_simulated(args, bounded))
    return 0


def _simulated(args: argparse.Namespace, simulate: Any) -> Any:
    from wirelessfsl.economy import planned
    from wirelessfsl.progress import ProgressLine

    scenario, why = planned(load(args.scenario, args))
    if why:
        print(why, file=sys.stderr)
    with ProgressLine(sys.stderr.isatty()) as progress:
        return simulate(scenario, args.out, report=progress, notice=lambda line: print(line, file=sys.stderr))

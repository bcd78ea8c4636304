"""Run a scenario, with its convergence bound or without."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wirelessfsl.commands.parsing import Commands, count, load, scenario_options, tracker_options, trackers
from wirelessfsl.learning.executors.names import EXECUTORS

if TYPE_CHECKING:
    from wirelessfsl.executing import Wish
    from wirelessfsl.results.store import Run


def add(commands: Commands) -> None:
    run = commands.add("run", _run, "run a scenario and write a run folder")
    bound = commands.add(
        "bound", _bound, "run fedsl or splitfed_v1 with its convergence bound, from measured constants"
    )
    run.add_argument("scenario", metavar="SCENARIO", type=Path, nargs="?")
    run.add_argument("--resume", metavar="DIR", type=Path, help="go on with an interrupted run, in its folder")
    bound.add_argument("scenario", metavar="SCENARIO", type=Path)
    for sub in run, bound:
        scenario_options(sub)
        sub.add_argument("--out", metavar="DIR", type=Path, help="run folder (default runs/<name>/<time>-<digest>)")

    run.add_argument(
        "--timing-only",
        action="store_true",
        help="play it with shapes instead of values: times, bytes and energies, for up to 100,000 devices; no accuracy",
    )
    run.add_argument(
        "--executor",
        metavar="NAME",
        help=f"where kernels run: {', '.join(EXECUTORS)} (default auto); the same results, of stacked but for rounding",
    )
    run.add_argument(
        "--workers",
        metavar="N",
        type=count,
        help="worker processes of auto, processes and ray (default as many as cores)",
    )
    run.add_argument("--address", metavar="HOST:PORT", help="with --executor ray: a cluster instead of this machine")
    run.add_argument("--profile", action="store_true", help="say where the host's time went, and in profile.json")
    tracker_options(run)


def _run(args: argparse.Namespace) -> int:
    from wirelessfsl.api import simulate
    from wirelessfsl.results.closing import closing

    if args.resume is None and args.scenario is None:
        raise ValueError("run: give a SCENARIO, or --resume DIR")
    how = {"timing_only": args.timing_only, "profile": args.profile, "trackers": trackers(args)}
    run = _simulated(args, partial(simulate, executor=_wish(args), **how)) if args.resume is None else _resumed(args)
    print(closing(run))
    if args.profile and (file := run.path / "profile.json").exists():
        from wirelessfsl.profiling import said

        print(said(loads(file.read_text(encoding="utf-8"))))
    return 0


def _resumed(args: argparse.Namespace) -> Run:
    from wirelessfsl.api import resume
    from wirelessfsl.progress import ProgressLine

    given = {"SCENARIO": args.scenario, "--set": args.set, "--seed": args.seed, "--out": args.out}
    given["--timing-only"] = args.timing_only
    if wrong := [name for name, value in given.items() if value not in (None, [], False)]:
        raise ValueError(f"run --resume: got {', '.join(wrong)}, but a run goes on as it began; leave that out")
    if args.allow_code:
        sys.path.insert(0, str(Path.cwd()))
    with ProgressLine(sys.stderr.isatty()) as progress:
        return resume(
            args.resume,
            _wish(args),
            report=progress,
            notice=_tell,
            allow_code=args.allow_code,
            trackers=trackers(args),
            profile=args.profile,
        )


def _wish(args: argparse.Namespace) -> Wish:
    from wirelessfsl.executing import Wish

    if args.timing_only and (args.executor or args.workers or args.address):
        raise ValueError("run: with --timing-only no kernel runs; leave --executor, --workers and --address out")
    return Wish(args.executor or "auto", args.workers, args.address)


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


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
        return simulate(scenario, args.out, report=progress, notice=_tell)

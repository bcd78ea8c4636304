"""What the commands share: types of arguments, the options of a scenario, and the opening of what is named."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wirelessfsl.results.store import Run
    from wirelessfsl.scenario import Scenario
    from wirelessfsl.trackers.following import Tracker


class Commands:
    """The commands of a parser: ``add`` declares one and the function behind it, which returns the exit status."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(self, name: str, function: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        """The parser of a new command, to which its arguments are added."""
        parser = self._parsers.add_parser(name, help=text, description=text)
        parser.set_defaults(command=function, command_name=name)
        parser.add_argument("--debug", action="store_true", help="show the traceback of a failure")
        return parser


def scenario_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that reads a scenario."""
    parser.add_argument("--set", metavar="PATH=VALUE", action="append", default=[], help="change a value (repeatable)")
    parser.add_argument("--seed", metavar="N", type=whole, help="another seed than the scenario's")
    parser.add_argument(
        "--allow-code", action="store_true", help="let the scenario import code (kind: my_pkg.mod:Name)"
    )


def tracker_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command whose runs can be followed."""
    parser.add_argument("--tensorboard", metavar="DIR", type=Path, help="show curves in TensorBoard's log directory")
    parser.add_argument("--mlflow", metavar="URI", help="show runs at an MLflow server, or in sqlite:///FILE")
    parser.add_argument("--track-clients", action="store_true", help="show curves of each client, too")


def trackers(args: argparse.Namespace) -> tuple[Tracker, ...]:
    """What :func:`tracker_options` ask for. Raises ValueError if there is nothing that clients could be shown in."""
    from wirelessfsl.trackers.mlflow import MLflow
    from wirelessfsl.trackers.tensorboard import TensorBoard

    board = args.tensorboard and args.tensorboard.absolute()  # workers of a cluster have folders of their own
    asked = ((TensorBoard, board), (MLflow, args.mlflow))
    found = tuple(tracker(where, args.track_clients) for tracker, where in asked if where is not None)
    if args.track_clients and not found:
        raise ValueError("--track-clients: nothing shows runs; give --tensorboard or --mlflow, too")
    return found


def shape(text: str) -> tuple[int, ...]:
    """Sizes with commas, each at least 1."""
    try:
        sizes = tuple(int(size) for size in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, must be numbers with commas, such as 20,9216") from None
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, every size must be at least 1")
    return sizes


def share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, must be a number from 0 to 1")
    return value


def count(text: str) -> int:
    """A whole number of at least 1."""
    if (value := whole(text)) < 1:
        raise argparse.ArgumentTypeError(f"got {text}, must be at least 1")
    return value


def whole(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, must be a whole number") from None


def seconds(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"got {text!r}, must be a number > 0")
    return value


def load(path: Path, args: argparse.Namespace) -> Scenario:
    """The scenario of a file, with the options of :func:`scenario_options`."""
    from wirelessfsl.scenario import load_scenario

    if args.allow_code:
        sys.path.insert(0, str(Path.cwd()))
    return load_scenario(path, args.set, args.seed, args.allow_code, getattr(args, "timing_only", False))


def open_runs(paths: Sequence[Path]) -> list[Run]:
    """The runs, without those that repeat another: it is said which, and that they count once.

    A folder of run folders, such as a study's, stands for all of them.
    """
    from wirelessfsl.results.folders import run_folders
    from wirelessfsl.results.groups import once
    from wirelessfsl.results.store import open_run

    runs, repeats = once([open_run(folder) for path in paths for folder in run_folders([path])])
    for run, counted in repeats:
        same = run.path.resolve() == counted.path.resolve()
        why = "given more than once" if same else f"same scenario and seed as {counted.path}"
        print(f"{run.path}: {why}; counted once", file=sys.stderr)
    return runs

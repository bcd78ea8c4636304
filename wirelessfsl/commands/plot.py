"""Draw figures of runs, or of the network of a scenario."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wirelessfsl.commands.parsing import Commands, load, open_runs, scenario_options, seconds, share, whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from wirelessfsl.results.store import Run

PLOTS = ("latency", "latency_cdf", "energy", "convergence", "fairness", "battery", "timeline")
"""Of the log of runs."""
STUDY_PLOTS = ("tradeoff", "pareto")
"""Of the log of runs that differ, drawn when asked for."""
NETWORK_PLOTS = ("channel", "topology")
"""Of the network of a scenario, run or not."""
FORMATS = ("pdf", "png", "svg")
WIDTHS = ("column", "page")


def add(commands: Commands) -> None:
    plot = commands.add("plot", _plot, "draw figures of runs, or of a scenario's network")
    plot.add_argument("runs", metavar="RUN|SCENARIO", type=Path, nargs="+")
    plot.add_argument(
        "--kind",
        choices=PLOTS + STUDY_PLOTS + NETWORK_PLOTS,
        action="append",
        help=f"which figure (repeatable; default of runs {', '.join(PLOTS)}, of scenarios {', '.join(NETWORK_PLOTS)})",
    )
    plot.add_argument("--format", choices=FORMATS, action="append", help="file format (repeatable; default all)")
    plot.add_argument("--width", choices=WIDTHS, help="width of figures of runs (default column; page is two)")
    plot.add_argument("--out", metavar="DIR", type=Path, help="folder (default <RUN>/plots, or ./plots for several)")
    plot.add_argument("--round", metavar="N", type=whole, help="round that timeline shows (default the first)")
    plot.add_argument(
        "--seconds", metavar="S", type=seconds, help="time that channel and topology show (default the run's, or 10)"
    )
    plot.add_argument(
        "--x", metavar="WHAT", help="of tradeoff: a setting's path with dots, or distance, snr or speed of the devices"
    )
    plot.add_argument(
        "--target-accuracy",
        metavar="A",
        type=share,
        help="in [0, 1], of tradeoff and pareto (default the scenario's first evaluation.target_accuracy)",
    )
    plot.add_argument("--log", choices=("x", "y", "xy"), help="logarithmic axes of tradeoff")
    scenario_options(plot)


def _plot(args: argparse.Namespace) -> int:
    scenarios = [path for path in args.runs if path.suffix in (".yaml", ".yml")]
    folders = [path for path in args.runs if path not in scenarios]
    kinds = args.kind or (PLOTS if folders else NETWORK_PLOTS)
    of_log = [kind for kind in kinds if kind not in NETWORK_PLOTS]
    if scenarios and of_log:
        raise ValueError(
            f"{scenarios[0]}: has not been run; {of_log[0]} is of a run folder, channel and topology are not"
        )
    if args.round is not None and "timeline" not in kinds:
        raise ValueError(f"plot: --round is a knob of timeline, not of {', '.join(kinds)}; leave it out")
    if args.width is not None and not of_log:
        raise ValueError(f"plot: --width is a knob of figures of runs, not of {', '.join(kinds)}; leave it out")
    if args.seconds is not None and len(of_log) == len(kinds):
        raise ValueError(f"plot: --seconds is a knob of channel and topology, not of {', '.join(kinds)}; leave it out")
    knobs = {"x": ["tradeoff"], "log": ["tradeoff"], "target_accuracy": [*STUDY_PLOTS]}
    for knob, kinds_of in knobs.items():
        if getattr(args, knob) is not None and not set(kinds_of) & set(kinds):
            option = knob.replace("_", "-")
            raise ValueError(
                f"plot: --{option} is a knob of {' and '.join(kinds_of)}, not of {', '.join(kinds)}; leave it out"
            )
    if "tradeoff" in kinds and args.x is None:
        raise ValueError("plot: tradeoff: against what? give --x, such as --x network.medium.bandwidth_hz")
    if (args.set or args.seed is not None) and not scenarios:
        raise ValueError("plot: --set and --seed are for scenarios, a run is as it was; leave them out")
    runs = open_runs(folders) if folders else []
    from wirelessfsl.results.groups import told_apart
    from wirelessfsl.results.looks import COLUMN_IN, WIDTH_IN
    from wirelessfsl.results.plots.kinds import KINDS, fit
    from wirelessfsl.results.plots.sheets import save
    from wirelessfsl.results.plots.timeline import shown_round, timeline
    from wirelessfsl.scenario.problems import ScenarioError
    from wirelessfsl.viewing import against

    given = [*(run.path for run in runs), *scenarios]
    folder = args.out or (runs[0].path / "plots" if len(runs) == len(given) == 1 else Path("plots"))
    names = told_apart([path.with_suffix("") if path in scenarios else path for path in given])
    named = dict(zip(given, names, strict=True))
    width_in = WIDTH_IN if args.width == "page" else COLUMN_IN
    files = 0
    empty: list[str] = []

    def drawn(kind: str) -> dict[str, Callable[[], Figure]]:
        """The figures of a kind, by name; ValueError if none of the runs has what it shows."""
        if kind in NETWORK_PLOTS:
            return {
                kind if len(given) == 1 else f"{kind}-{name}": partial(_network, kind, path, args)
                for path, name in named.items()
            }
        if kind == "timeline":
            return {
                kind if len(runs) == 1 else f"{kind}-{named[run.path]}": partial(timeline, [run], width_in, args.round)
                for run in _fitting(kind, runs, partial(shown_round, round=args.round))
            }
        fitting = _fitting(kind, runs, partial(fit, kind))
        if kind == "tradeoff":
            fitting = _fitting(kind, fitting, lambda run: against([run], args.x, args.allow_code))
        if kind in STUDY_PLOTS:
            return {kind: partial(_study, kind, fitting, width_in, args)}
        return {kind: partial(KINDS[kind], fitting, width_in)}

    figures: list[tuple[str, Callable[[], Figure]]] = []
    for kind in kinds:
        try:
            figures += drawn(kind).items()
        except ValueError as error:
            if args.kind or (kind == "timeline" and args.round is not None):
                raise ValueError(f"{kind}: {error}") from error
            empty.append(f"{kind}: {error}")
    for name, draw in figures:
        try:
            figure = draw()
        except ScenarioError:  # of all its figures: told once
            raise
        except ValueError as error:
            if args.kind:
                raise ValueError(f"{name}: {error}") from error
            empty.append(f"{name}: {error}")
            continue
        for file in save(figure, folder / name, args.format or FORMATS):
            print(file)
            files += 1
    if not files:
        raise ValueError("\n".join(empty))
    for line in empty:
        print(f"left out {line}", file=sys.stderr)
    return 0


def _fitting(kind: str, runs: Sequence[Run], check: Callable[[Run], object]) -> list[Run]:
    """The runs that pass a check; why others are left out is told, and raised if none passes."""
    fitting, unfit = [], []
    for run in runs:
        try:
            check(run)
        except ValueError as error:
            unfit.append(error)
        else:
            fitting.append(run)
    if not fitting:
        raise unfit[0]
    for why in unfit:
        print(f"{kind}: left out {why}", file=sys.stderr)
    return fitting


def _network(kind: str, path: Path, args: argparse.Namespace) -> Figure:
    """A figure of the network of a scenario, from its file or from the folder of its run."""
    from wirelessfsl.economy import planned
    from wirelessfsl.results.store import open_run
    from wirelessfsl.viewing import KINDS

    if not path.is_dir():
        return KINDS[kind](planned(load(path, args))[0], args.seconds or 10.0)
    seconds = args.seconds or open_run(path).summary["simulated_s"] or 10.0
    return KINDS[kind](load(path / "scenario.yaml", args), seconds)


def _study(kind: str, runs: Sequence[Run], width_in: float, args: argparse.Namespace) -> Figure:
    """A figure of what it takes to reach an accuracy."""
    from wirelessfsl.results.plots.pareto import pareto
    from wirelessfsl.results.plots.tradeoff import tradeoff
    from wirelessfsl.viewing import against

    targets = [args.target_accuracy] if args.target_accuracy is not None else []
    targets += runs[0].scenario.get("evaluation", {}).get("target_accuracy", [])
    if not targets:
        raise ValueError("which accuracy is to be reached? give --target-accuracy")
    if kind == "pareto":
        return pareto(runs, targets[0], width_in)
    return tradeoff(runs, against(runs, args.x, args.allow_code), targets[0], width_in, args.log or "")

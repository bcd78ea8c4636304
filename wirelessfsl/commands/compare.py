"""Put runs side by side in a table."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from wirelessfsl.commands.exporting import export, export_options, form_of, hand_out
from wirelessfsl.commands.parsing import Commands, open_runs, share
from wirelessfsl.results.exports import as_latex


def add(commands: Commands) -> None:
    compare = commands.add("compare", _compare, "table of runs: accuracy; time, energy and bytes to targets; speed-up")
    compare.add_argument("runs", metavar="RUN", type=Path, nargs="+")
    compare.add_argument(
        "--target-accuracy",
        metavar="A",
        type=share,
        action="append",
        default=[],
        help="in [0, 1] (repeatable; default: the whole run)",
    )
    compare.add_argument("--baseline", metavar="NAME", help="row to measure by: label, scheme, name or run folder")
    compare.add_argument(
        "--confidence", metavar="C", type=_confidence, default=0.95, help="of the intervals, in (0, 1) (default 0.95)"
    )
    export_options(compare, "text", "csv", "latex", "json")


def _confidence(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, must be a number between 0 and 1, such as 0.95")
    return value


def _compare(args: argparse.Namespace) -> int:
    from wirelessfsl.results.tables import compare
    from wirelessfsl.results.tabulated import as_rich, as_text, cells, records, statements

    form = form_of(args)
    rows = compare(open_runs(args.runs), args.target_accuracy, baseline=args.baseline, confidence=args.confidence)
    if form in ("csv", "json"):
        export(form, *records(rows), args.out)
    elif form == "latex":
        heads, *lines = cells(rows)
        notes = "".join(f"% {line}\n" for line in statements(rows, args.confidence))
        hand_out(as_latex(heads, lines, left=(0,)) + notes, args.out)
    elif args.out is None and sys.stdout.isatty():
        from rich.console import Console

        console = Console()
        console.print(as_rich(rows))
        for line in statements(rows, args.confidence):
            console.print(line, markup=False, highlight=False)
    else:
        hand_out(as_text(rows, args.confidence), args.out)
    return 0

"""Put runs side by side in a table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wirelessfsl.commands.parsing import Commands, open_runs, share


def add(commands: Commands) -> None:
    compare = commands.add("compare", _compare, "table of runs: accuracy, and time, energy and bytes to a target")
    compare.add_argument("runs", metavar="RUN", type=Path, nargs="+")
    compare.add_argument("--target-accuracy", metavar="A", type=share, help="in [0, 1]; default: the whole run")


def _compare(args: argparse.Namespace) -> int:
    from wirelessfsl.results.tables import as_rich, as_text, compare

    rows = compare(open_runs(args.runs), args.target_accuracy)
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(as_rich(rows))
    else:
        print(as_text(rows), end="")
    return 0

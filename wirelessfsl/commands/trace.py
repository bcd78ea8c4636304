"""Write a run as a trace that Perfetto opens."""

from __future__ import annotations

import argparse
from pathlib import Path

from wirelessfsl.commands.parsing import Commands, whole


def add(commands: Commands) -> None:
    trace = commands.add("trace", _trace, "write what every node of a run does when, for https://ui.perfetto.dev")
    trace.add_argument("run", metavar="RUN", type=Path)
    trace.add_argument(
        "-o", "--out", metavar="FILE", type=Path, help="packed if it ends in .gz (default RUN/trace.json.gz)"
    )
    trace.add_argument(
        "--rounds", metavar="A:B", type=_rounds, default=(None, None), help="rounds A to B only; either may be left out"
    )


def _rounds(text: str) -> tuple[int | None, int | None]:
    first, colon, last = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"got {text!r}, must be A:B, A: or :B; 2:2 is round 2")
    return whole(first) if first else None, whole(last) if last else None


def _trace(args: argparse.Namespace) -> int:
    from wirelessfsl.results.store import open_run
    from wirelessfsl.results.trace import write

    out = args.out or args.run / "trace.json.gz"
    facts = write(open_run(args.run), out, *args.rounds)
    print(f"{out}: {facts} facts; open it in https://ui.perfetto.dev")
    return 0

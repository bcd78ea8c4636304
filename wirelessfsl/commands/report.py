"""Runs as one page of HTML that opens from disk."""

from __future__ import annotations

import argparse
from pathlib import Path

from wirelessfsl.commands.exporting import write
from wirelessfsl.commands.parsing import Commands, open_runs, share


def add(commands: Commands) -> None:
    report = commands.add("report", _report, "one page of HTML: figures, tables, scenarios, provenance, references")
    report.add_argument("runs", metavar="RUN", type=Path, nargs="+")
    report.add_argument(
        "-o", "--out", metavar="FILE", type=Path, default=Path("report.html"), help="default %(default)s"
    )
    report.add_argument("--title", metavar="TEXT", help="default the names of the scenarios")
    report.add_argument(
        "--target-accuracy",
        metavar="A",
        type=share,
        action="append",
        help="in [0, 1], costs to it (repeatable; default those of the scenarios)",
    )


def _report(args: argparse.Namespace) -> int:
    from wirelessfsl.citing import cited
    from wirelessfsl.results.report import Reference, report
    from wirelessfsl.results.store import write_text

    if args.out.is_dir():
        raise ValueError(f"{args.out}: is a folder; give a file with --out, such as {args.out / 'report.html'}")
    if not args.out.parent.is_dir():
        raise ValueError(f"{args.out}: {args.out.parent} is not a folder; make it or give another file with --out")
    runs = open_runs(args.runs)
    references = [Reference(each.line, each.link, each.text) for each in cited(*(run.scenario for run in runs))]
    page = report(runs, args.target_accuracy, references, args.title)
    write(args.out, write_text, page)
    print(f"{args.out}: {len(page.encode()) / 1e6:.1f} MB")
    return 0

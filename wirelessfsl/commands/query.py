"""Ask the run folders in SQL, and export the answers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wirelessfsl.commands.exporting import export, export_options, form_of, write
from wirelessfsl.commands.parsing import Commands


def add(commands: Commands) -> None:
    query = commands.add("query", _query, "ask run folders in SQL; export the answer")
    query.add_argument("sql", metavar="SQL", nargs="?", help="one SELECT; --views lists what there is to select from")
    query.add_argument("folders", metavar="FOLDER", type=Path, nargs="*", help="of runs, at any depth (default runs)")
    query.add_argument("--views", action="store_true", help="list the views and their columns instead")
    export_options(query, "text", "csv", "parquet", "latex", "json")


def _query(args: argparse.Namespace) -> int:
    if (args.sql is None) != args.views:
        raise ValueError("query: give a SELECT or --views, such as 'select run, accuracy, energy_j from runs'")
    form = form_of(args)
    if args.views:
        from wirelessfsl.results.views import VIEWS

        heads = ["view", "column", "type", "meaning"]
        rows = [(view, name, *what) for view, columns in VIEWS.items() for name, what in columns.items()]
        export(form, heads, rows, args.out)
        return 0
    from wirelessfsl.results.query import plain, query
    from wirelessfsl.results.store import write_table

    table = query(args.sql, args.folders or [Path("runs")], lambda line: print(line, file=sys.stderr))
    if form in ("json", "parquet") and len({*table.column_names}) < table.num_columns:
        raise ValueError("query: two columns have one name; give one of them another by AS")
    if form == "parquet":
        write(args.out, write_table, table)
    else:
        export(form, table.column_names, plain(table), args.out)
    return 0

"""How commands hand out a table: its format, and the file it goes to."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from wirelessfsl.results.exports import FORMATS, Rows

T = TypeVar("T")
SUFFIXES = {".txt": "text", ".csv": "csv", ".json": "json", ".tex": "latex", ".parquet": "parquet"}


def export_options(parser: argparse.ArgumentParser, *formats: str) -> None:
    """The options of a command that hands out a table."""
    by_suffix = ", ".join(suffix for suffix, form in SUFFIXES.items() if form in formats)
    parser.add_argument("--format", choices=formats, help=f"default by the end of --out ({by_suffix}), else text")
    parser.add_argument("--out", metavar="FILE", type=Path, help="where to (default standard output)")
    parser.set_defaults(formats=formats)


def form_of(args: argparse.Namespace) -> str:
    """The format that is asked for; ValueError if it does not fit where the table is to go."""
    out: Path | None = args.out
    by_name = SUFFIXES.get(out.suffix, "text") if out else "text"
    form: str = args.format or (by_name if by_name in args.formats else "text")
    if form == "parquet" and out is None:
        raise ValueError(f"{args.command_name}: Parquet is not text; give the file with --out")
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise ValueError(f"{out}: {'is a folder' if out.is_dir() else 'its folder is not there'}; give another --out")
    return form


def export(form: str, heads: Sequence[str], rows: Rows, out: Path | None) -> None:
    """Hand out a table in a format of text."""
    hand_out(FORMATS[form](heads, rows), out)


def hand_out(text: str, out: Path | None) -> None:
    """Print a text, or write it to a file that appears complete or not at all."""
    if out is None:
        print(text, end="")
        return
    from wirelessfsl.results.store import write_text

    write(out, write_text, text)


def write(out: Path, writer: Callable[[Path, T], None], what: T) -> None:
    """Write a file; ValueError where that cannot be."""
    try:
        writer(out, what)
    except OSError as error:
        why = error.strerror or str(error)
        raise ValueError(f"{out}: cannot be written: {why}; give another file with --out") from error

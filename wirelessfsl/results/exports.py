"""A table of values as text, CSV, JSON or LaTeX: what leaves the program to be read elsewhere.

Headings and rows of plain values come in: numbers, texts, None for what is missing, and lists or mappings, which become
JSON in a cell. CSV and JSON have every digit; text and LaTeX are for people.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Collection, Sequence
from decimal import Decimal
from io import StringIO
from typing import Any

from wirelessfsl.results.prefixes import decimals

Rows = Sequence[Sequence[Any]]

_UNITS = {"s": "s", "j": "J", "hz": "Hz", "m": "m", "w": "W", "db": "dB", "dbm": "dBm", "bytes": "B"}
"""What the end of a name says about its unit."""

_LATEX = {
    **{each: f"\\{each}" for each in "{}$&#_%"},
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "µ": r"$\mu$",
    "\n": " ",
    "\r": " ",
}


def as_text(heads: Sequence[str], rows: Rows) -> str:
    """Aligned plain text, numbers to the right, six significant digits; ``-`` for what is missing."""
    cells = [[_shown(value) for value in row] for row in rows]
    return aligned([heads, *cells], left=_texts(len(heads), rows))


def aligned(table: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """A table of texts as lines: the columns of the given numbers to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in table
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def as_csv(heads: Sequence[str], rows: Rows) -> str:
    """Comma-separated values (RFC 4180): a line of headings, CRLF, quotes where needed, nothing for what is missing."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(heads)
    writer.writerows([[_plain(value) for value in row] for row in rows])
    return text.getvalue()


def as_json(heads: Sequence[str], rows: Rows) -> str:
    """A list with an object a row; null for what is missing or not finite."""
    records = [{head: _finite(value) for head, value in zip(heads, row, strict=True)} for row in rows]
    return json.dumps(records, indent=2, ensure_ascii=False, allow_nan=False, default=_foreign) + "\n"


def as_latex(heads: Sequence[str], rows: Rows, left: Collection[int] | None = None) -> str:
    r"""A ``tabular`` in the style of the package booktabs: texts to the left, numbers with their points in a line.

    Numbers of a column have equally many decimals: for four significant digits of the largest, two of the smallest. A
    name that ends in a unit becomes words with the unit behind: ``energy_j`` is "energy (J)".

    left: numbers of the columns of text that stand to the left; by default all that hold anything but numbers.

    >>> print(as_latex(["scheme", "energy_j"], [["A&B", 12.5], ["C", 2.0]]))
    \begin{tabular}{lr}
      \toprule
      scheme & energy (J) \\
      \midrule
      A\&B & 12.5 \\
      C & 2.0 \\
      \bottomrule
    \end{tabular}
    <BLANKLINE>
    """
    texts = _texts(len(heads), rows)
    left = texts if left is None else left
    columns = [
        [_escaped(_shown(value)) for value in column] if i in texts else _numbers(column)
        for i, column in enumerate(zip(*rows, strict=True))
    ]
    lines = [
        f"\\begin{{tabular}}{{{''.join('l' if i in left else 'r' for i in range(len(heads)))}}}",
        "  \\toprule",
        f"  {' & '.join(_escaped(_heading(head)) for head in heads)} \\\\",
        "  \\midrule",
        *(f"  {' & '.join(line)} \\\\" for line in zip(*columns, strict=True)),
        "  \\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


FORMATS = {"text": as_text, "csv": as_csv, "json": as_json, "latex": as_latex}


def _texts(columns: int, rows: Rows) -> set[int]:
    """The columns that hold anything but numbers."""
    return {i for i in range(columns) if not all(row[i] is None or _is_number(row[i]) for row in rows)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else _plain(value)


def _plain(value: Any) -> str:
    """A value as text without loss; JSON of lists, mappings and truth values."""
    if value is None:
        return ""
    return json.dumps(value, default=_foreign) if isinstance(value, bool | list | dict) else str(value)


def _foreign(value: Any) -> float | str:
    """What JSON has no word for: a decimal inside of a list, a date."""
    return float(value) if isinstance(value, Decimal) else str(value)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(column: Sequence[Any]) -> list[str]:
    """Numbers with equally many decimals, no more than they need; as powers of ten where that is more than eight."""
    sizes = [abs(value) for value in column if isinstance(value, float) and value and math.isfinite(value)]
    places = max(decimals(max(sizes)), decimals(min(sizes)) - 2) if sizes else 0
    places = max((len(f"{size:.{places}f}".rstrip("0").partition(".")[2]) for size in sizes), default=0)
    return [_number(value, places) for value in column]


def _number(value: Any, places: int) -> str:
    if value is None or not math.isfinite(value):
        return "--"
    if places <= 8:
        text = f"{value:.{places}f}"
        return f"$-${text[1:]}" if text.startswith("-") else text
    digits, power = f"{value:.3e}".split("e")
    return f"${digits} \\cdot 10^{{{int(power)}}}$"


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(each, each) for each in text)


def _heading(name: str) -> str:
    words = name.split("_")
    unit = _UNITS.get(words[-1]) if len(words) > 1 else None
    return " ".join(words) if unit is None else f"{' '.join(words[:-1])} ({unit})"

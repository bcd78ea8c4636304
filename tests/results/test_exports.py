"""Tables that leave the program: every digit for programs, aligned and escaped for people."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from wirelessfsl.results.exports import as_csv, as_json, as_latex, as_text

HEADS = ["scheme", "time_s", "seed", "costs"]
ROWS: list[list[Any]] = [
    ['a, "b"', 0.1 + 0.2, 1, {"0.8": 1.5}],
    ["line\nbreak", math.nan, None, None],
    [None, -1234.5, 12, [True]],
]


def test_text_is_aligned_with_numbers_to_the_right() -> None:
    assert as_text(["scheme", "time_s"], [["a", 1.0], ["long name", 1234567.0], [None, None]]) == (
        "scheme          time_s\n"  #
        "a                    1\n"
        "long name  1.23457e+06\n"
        "-                    -\n"
    )


def test_csv_follows_rfc_4180_and_keeps_every_digit() -> None:
    text = as_csv(HEADS, ROWS)
    assert text.startswith('scheme,time_s,seed,costs\r\n"a, ""b""",0.30000000000000004,1,"{""0.8"": 1.5}"\r\n')
    assert text.count("\r\n") == 4
    heads, *rows = csv.reader(io.StringIO(text, newline=""))
    assert heads == HEADS
    assert rows[0] == ['a, "b"', repr(0.1 + 0.2), "1", '{"0.8": 1.5}']
    assert rows[1] == ["line\nbreak", "nan", "", ""]
    assert rows[2] == ["", "-1234.5", "12", "[true]"]


def test_json_is_standard_and_keeps_what_is_nested() -> None:
    found = json.loads(as_json(HEADS, ROWS), parse_constant=pytest.fail)
    assert found[0] == {"scheme": 'a, "b"', "time_s": 0.1 + 0.2, "seed": 1, "costs": {"0.8": 1.5}}
    assert json.loads(as_json(["x"], [[[Decimal("1.5"), date(2026, 1, 2)]]])) == [{"x": [1.5, "2026-01-02"]}]
    assert found[1] == {"scheme": "line\nbreak", "time_s": None, "seed": None, "costs": None}


def test_latex_escapes_what_latex_would_read() -> None:
    table = as_latex(["a_b"], [[r"50 % & #1 \x{y} ~^ $z$ ± 2 × <µ>"]])
    line = r"50 \% \& \#1 \textbackslash{}x\{y\} \textasciitilde{}\textasciicircum{} \$z\$ $\pm$ 2 $\times$ "
    assert table.splitlines()[4] == f"  {line}\\textless{{}}$\\mu$\\textgreater{{}} \\\\"
    assert table.splitlines()[2] == r"  a b \\"


def test_latex_puts_decimal_points_in_a_line_and_units_behind_names() -> None:
    table = as_latex(["bandwidth_hz", "energy_j", "runs"], [[2e6, 12.345, 3], [1e6, -0.5, 12], [None, math.nan, None]])
    assert table.splitlines() == [
        r"\begin{tabular}{rrr}",
        r"  \toprule",
        r"  bandwidth (Hz) & energy (J) & runs \\",
        r"  \midrule",
        r"  2000000 & 12.35 & 3 \\",
        r"  1000000 & $-$0.50 & 12 \\",
        r"  -- & -- & -- \\",
        r"  \bottomrule",
        r"\end{tabular}",
    ]


def test_latex_writes_very_small_numbers_as_powers_of_ten() -> None:
    assert r"$1.500 \cdot 10^{-9}$" in as_latex(["x"], [[1.5e-9], [1.0]])


@pytest.mark.parametrize("write", [as_text, as_csv, as_json, as_latex])
def test_an_empty_table_is_written_too(write: Any) -> None:
    assert write(["a", "b"], [])

"""MCS and CQI tables against every row of the reference."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.radio.nr.reference import rows
from wirelessfsl.radio.nr.tables import CQI, MCS, Scheme


@pytest.mark.parametrize(
    ("tables", "name", "index", "rate", "first"),
    [(MCS, "mcs_tables", "mcs_index", "target_code_rate_x1024", 0), (CQI, "cqi_tables", "cqi", "R_x1024", 1)],
)
def test_tables_are_those_of_the_standard(
    tables: Mapping[int, tuple[Scheme, ...]], name: str, index: str, rate: str, first: int
) -> None:
    reference = rows(name)
    for row in reference:
        scheme = tables[int(row["table"])][int(row[index]) - first]
        assert scheme == (int(row["Qm"]), float(row[rate]))
        # The standard prints four digits, 682.5 * 8 / 1024 as 5.332.
        assert scheme.efficiency == pytest.approx(float(row["spectral_efficiency"]), abs=5.1e-5)
    assert len(reference) == sum(map(len, tables.values()))


@pytest.mark.parametrize("table", MCS)
def test_every_cqi_is_an_mcs_of_the_same_table_or_below_all_of_them(table: int) -> None:
    for scheme in CQI[table]:
        assert scheme in MCS[table] or scheme.efficiency < MCS[table][0].efficiency

"""NR modulation and coding schemes (MCS) and channel quality indicators (CQI), all four tables of each.

3GPP TS 38.214, Tables 5.1.3.1-1 to -4 (MCS) and 5.2.2.1-2 to -5 (CQI): 1 is up to 64QAM, 2 up to 256QAM, 3 of low
efficiency, 4 up to 1024QAM. CQI table 4 is as commonly quoted. The reserved indices, which only repeat a
modulation, are left out.
"""

from __future__ import annotations

from typing import NamedTuple


class Scheme(NamedTuple):
    """A modulation of ``bits`` Q_m a symbol and a code of the target rate R, given as 1024 R.

    >>> Scheme(8, 948.0).efficiency
    7.40625
    """

    bits: int
    rate_x1024: float

    @property
    def rate(self) -> float:
        """Target code rate R."""
        return self.rate_x1024 / 1024

    @property
    def efficiency(self) -> float:
        """Bits a modulation symbol, Q_m R."""
        return self.bits * self.rate


def _schemes(*rows: tuple[int, str]) -> tuple[Scheme, ...]:
    return tuple(Scheme(bits, float(rate)) for bits, rates in rows for rate in rates.split())


MCS = {
    1: _schemes(
        (2, "120 157 193 251 308 379 449 526 602 679"),
        (4, "340 378 434 490 553 616 658"),
        (6, "438 466 517 567 616 666 719 772 822 873 910 948"),
    ),
    2: _schemes(
        (2, "120 193 308 449 602"),
        (4, "378 434 490 553 616 658"),
        (6, "466 517 567 616 666 719 772 822 873"),
        (8, "682.5 711 754 797 841 885 916.5 948"),
    ),
    3: _schemes(
        (2, "30 40 50 64 78 99 120 157 193 251 308 379 449 526 602"),
        (4, "340 378 434 490 553 616"),
        (6, "438 466 517 567 616 666 719 772"),
    ),
    4: _schemes(
        (2, "120 193 449"),
        (4, "378 490 616"),
        (6, "466 517 567 616 666 719 772 822 873"),
        (8, "682.5 711 754 797 841 885 916.5 948"),
        (10, "805.5 853 900.5 948"),
    ),
}
"""MCS of every table, by index."""

CQI = {
    1: _schemes((2, "78 120 193 308 449 602"), (4, "378 490 616"), (6, "466 567 666 772 873 948")),
    2: _schemes((2, "78 193 449"), (4, "378 490 616"), (6, "466 567 666 772 873"), (8, "711 797 885 948")),
    3: _schemes((2, "30 50 78 120 193 308 449 602"), (4, "378 490 616"), (6, "466 567 666 772")),
    4: _schemes((2, "78 193 449"), (4, "378 616"), (6, "567 666 772 873"), (8, "711 797 885 948"), (10, "853 948")),
}
"""Scheme of every CQI from 1 on; CQI 0 is out of range."""

"""Effective SINR: the one number of a flat channel on which a code does as well as on a band of unequal parts.

Which function of the parts is averaged depends on the code: the capacity for codes that reach it, an exponential with a
fitted parameter for those of a given modulation and rate. Both are the SINR itself where all parts have the same.
"""

from __future__ import annotations

import numpy as np

from wirelessfsl.streams import Floats


def mean_capacity(sinr: Floats) -> Floats:
    """SINR S of the flat channel of the same capacity: log2(1 + S) is the mean of log2(1 + S_k).

    sinr: of each of K parts, linear, shape (n, K); the result has shape (n,).

    >>> mean_capacity(np.array([[0.0, 15.0]])).round(9)
    array([3.])
    """
    effective: Floats = np.expm1(np.log1p(sinr).mean(axis=-1))
    return effective


def exponential(sinr: Floats, beta: Floats) -> Floats:
    """Exponential effective SINR, S = -beta ln(mean of exp(-S_k / beta)); a low beta weighs the worst part most.

    Ericsson, "System-level evaluation of OFDM - further considerations", 3GPP R1-031303 (2003).

    sinr: of each of K parts, linear, shape (n, K); the result has shape (n,).
    beta: fitted parameter of the code of every link, linear, > 0, shape (n,).

    >>> exponential(np.array([[2.0, 2.0]]), np.array([1.6]))
    array([2.])
    """
    lowest = sinr.min(axis=-1)  # taken out, so that no exponential underflows
    mean = np.exp((lowest[:, None] - sinr) / beta[:, None]).mean(axis=-1)
    effective: Floats = lowest - beta * np.log(mean)
    return effective

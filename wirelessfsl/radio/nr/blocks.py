"""Errors of NR transport blocks: every MCS of a table on one allocation of resource blocks.

A transport block is lost when one of its C code blocks is, 1 - (1 - BLER)^C, and a code block is lost with
BLER = Q((SNR_dB - mu) / sigma). Location mu and width sigma are fitted to simulations for four sizes of code block
(:mod:`wirelessfsl.radio.nr.curves`) and interpolated between them, linearly in 1 / sqrt(size), as the width of finite
codes goes (Polyanskiy, Poor and Verdú, IEEE Trans. Inf. Theory 56, 2010); smaller and larger ones count as the nearest.
Rounding and check sums give a block a code rate R' beside the target rate R of the curve: mu then moves as capacity
does, by 10 lg((2^(Q_m R') - 1) / (2^(Q_m R) - 1)). Code blocks err independently. Check sums always see an error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.radio.nr.curves import CURVES, SIZES_BITS
from wirelessfsl.radio.nr.tables import Scheme
from wirelessfsl.radio.nr.transport import code_blocks, elements, transport_block_bits
from wirelessfsl.streams import Floats
from wirelessfsl.units import linear_to_db

Index = NDArray[np.intp]


def error_curve(scheme: Scheme, size_bits: float) -> tuple[float, float]:
    """Location mu and width sigma, dB, of a code block's error curve.

    scheme: one of the MCS tables.
    size_bits: size of the code block in bits, check sums included.

    >>> error_curve(Scheme(2, 120.0), 1032)
    (-5.858, 0.263)
    """
    curve = CURVES[scheme]
    at = -(np.array(SIZES_BITS[: len(curve.mu_db)]) ** -0.5)
    mu_db, sigma_db = (float(np.interp(-(size_bits**-0.5), at, fit)) for fit in (curve.mu_db, curve.sigma_db))
    return mu_db, sigma_db


class TransportBlocks:
    """The transport blocks that each MCS of a table makes of an allocation.

    ``bits``, number C of ``code_blocks`` and their ``mu_db`` and ``sigma_db`` are arrays over the MCS.

    schemes: the table.
    resource_blocks: size of the allocation, >= 1.
    loss_db: by how much a receiver is worse than the simulated one, dB.
    symbols, dmrs, overhead, layers: as :func:`wirelessfsl.radio.nr.transport.transport_block_bits` has them.
    """

    def __init__(
        self,
        schemes: tuple[Scheme, ...],
        resource_blocks: int,
        loss_db: float,
        symbols: int,
        dmrs: int,
        overhead: int,
        layers: int,
    ) -> None:
        sizes = [transport_block_bits(resource_blocks, each, symbols, dmrs, overhead, layers) for each in schemes]
        blocks = [code_blocks(size, each.rate) for size, each in zip(sizes, schemes, strict=True)]
        curves = [error_curve(each, block.size_bits) for each, block in zip(schemes, blocks, strict=True)]
        self.bits = np.array(sizes)
        self.code_blocks = np.array([block.number for block in blocks])
        information = self.code_blocks * [block.size_bits for block in blocks]
        carried = elements(symbols, dmrs, overhead) * resource_blocks * layers
        ideal = np.array([each.efficiency for each in schemes])
        rated_db = linear_to_db((np.exp2(information / carried) - 1.0) / (np.exp2(ideal) - 1.0))
        self.mu_db = np.array([mu_db for mu_db, _ in curves]) + rated_db + loss_db
        self.sigma_db = np.array([sigma_db for _, sigma_db in curves])

    def error(self, mcs: Index, sinr_db: Floats) -> Floats:
        """Probability that one transmission of a block fails, shape of the arguments.

        mcs: index of the scheme.
        sinr_db: SINR in dB; -inf is none.
        """
        from scipy.special import log_ndtr

        intact = log_ndtr((sinr_db - self.mu_db[mcs]) / self.sigma_db[mcs])
        error: Floats = -np.expm1(self.code_blocks[mcs] * intact)
        return error

    def required_db(self, error: Floats) -> Floats:
        """SINR in dB at which a transmission of each MCS fails with a probability in [0, 1): inverse of ``error``."""
        from scipy.special import ndtri_exp

        required: Floats = self.mu_db + self.sigma_db * ndtri_exp(np.log1p(-error) / self.code_blocks)
        return required

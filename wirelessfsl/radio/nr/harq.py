"""HARQ: a block that fails is sent again, up to a limit, while other processes keep the link busy.

A block's retransmissions have its MCS and resource blocks. With chase combining the receiver adds them up, so that
k transmissions are one at the sum of their SINRs; without, each is a trial of its own. Retransmission takes airtime,
which the goodput has, and a round trip each, which is delay and no airtime as long as there are enough processes.
Left out: incremental redundancy, errors of the feedback itself. 3GPP TS 38.214, sec. 5.1 and 6.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

import numpy as np

from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats
from wirelessfsl.units import Ge, Le, linear_to_db


class Outcome(NamedTuple):
    """What becomes of blocks: their mean number of ``transmissions``, and the ``residual`` probability of a loss."""

    transmissions: Floats
    residual: Floats

    @property
    def goodput(self) -> Floats:
        """Blocks that arrive per transmission, (1 - residual) / transmissions."""
        return (1.0 - self.residual) / self.transmissions


@settings
class Harq:
    """Retransmission of failed blocks (hybrid automatic repeat request).

    With F_k the probability that the first k transmissions fail, a block takes 1 + F_1 + ... + F_(M-1) transmissions
    and is lost with F_M. Without combining F_k = p^k, hence (1 - p^M) / (1 - p) transmissions. With chase combining
    F_k = p(k SINR), as k copies in white noise are one of k times the SINR.

    Chase, "Code Combining", IEEE Trans. Commun. 33 (1985).

    transmissions: limit M of transmissions of a block, 1 (no retransmission) to 16.
    combining: chase adds the SINRs of a block's transmissions, none decodes each by itself.
    processes: blocks that may be under way at once, 1 to 32; fewer than rtt_slots leave the link idle in between.
    rtt_slots: slots from a transmission to the next of the same process, 1 to 64; 8 is common.

    >>> Harq(combining="none").outcome(lambda sinr_db: np.array([0.1]), np.array([0.0])).transmissions.round(3)
    array([1.111])
    """

    transmissions: Annotated[int, Ge(1), Le(16)] = 4
    combining: Literal["chase", "none"] = "chase"
    processes: Annotated[int, Ge(1), Le(32)] = 16
    rtt_slots: Annotated[int, Ge(1), Le(64)] = 8

    @property
    def busy(self) -> float:
        """Share of the slots for which a process is free, min(1, processes / rtt_slots); 1 without retransmission."""
        return 1.0 if self.transmissions == 1 else min(1.0, self.processes / self.rtt_slots)

    def outcome(self, error: Callable[[Floats], Floats], sinr_db: Floats) -> Outcome:
        """What becomes of blocks while the SINR stays.

        error: probability that one transmission fails, of an SINR in dB.
        sinr_db: SINR of every link, dB, shape (n,).
        """
        first = error(sinr_db)
        mean, failed = np.ones(sinr_db.shape), first
        for k in range(2, self.transmissions + 1):
            mean += failed
            failed = failed * first if self.combining == "none" else error(sinr_db + linear_to_db(float(k)))
        return Outcome(mean, failed)

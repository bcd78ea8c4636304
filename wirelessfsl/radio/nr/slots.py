"""One NR link slot by slot: transport blocks, acknowledgements, HARQ processes and the outer loop of link adaptation.

The slot-level twin of :class:`wirelessfsl.radio.nr.phy.NrLink`, for a scheduler above it that says in which slots the
link has how many resource blocks. It draws nothing: whoever plays it brings the SINR and a uniform number. HARQ is
stop-and-wait in every process: a block occupies its process until its acknowledgement has come, a round trip later.
Retransmissions come first, with the MCS and the resource blocks of the first. Feedback is never wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from wirelessfsl.radio.nr.harq import Harq
from wirelessfsl.radio.nr.phy import Adaptation, Nr


class OuterLoop:
    """Outer loop of link adaptation: an offset on the reported SINR that makes first transmissions fail at the target.

    An acknowledgement raises the offset by step_up, its absence lowers it by step_up (1 - p) / p, so that it rests only
    where the share of failures is the target p.

    Sampath et al., "On Setting Reverse Link Target SIR in a CDMA System", IEEE VTC 1997.

    target_bler: p, > 0 to 0.5.
    step_up_db: step after an acknowledgement in dB, >= 0; 0 leaves the SINR as reported.
    limit_db: the offset stays within +-limit_db, so that it does not run away where no MCS meets the target.

    >>> loop = OuterLoop(target_bler=0.1, step_up_db=0.1)
    >>> loop.hear(acknowledged=False)
    >>> round(loop.offset_db, 9)
    -0.9
    """

    KEPT: ClassVar = ("offset_db",)

    def __init__(self, target_bler: float, step_up_db: float, limit_db: float = 10.0) -> None:
        self.offset_db, self.limit_db = 0.0, limit_db
        self.step_up_db, self.step_down_db = step_up_db, step_up_db * (1.0 - target_bler) / target_bler

    def hear(self, acknowledged: bool) -> None:
        """Take the feedback of a first transmission."""
        moved = self.offset_db + (self.step_up_db if acknowledged else -self.step_down_db)
        self.offset_db = min(max(moved, -self.limit_db), self.limit_db)


@dataclass(eq=False)
class Block:
    """A transport block under way.

    ``bits`` of information at ``mcs`` on ``prb`` resource blocks, after so many ``transmissions``; ``delivered`` or
    ``lost`` when it is over. ``failed`` is the probability that the receiver still lacks it, with the SINRs ``heard``.
    """

    mcs: int
    prb: int
    bits: int
    transmissions: int = 0
    heard: float = field(default=0.0, repr=False)
    failed: float = field(default=1.0, repr=False)
    delivered: bool = False
    lost: bool = False


class SlotLink:
    """One link, slot by slot: ``block`` says what is to be sent in a slot, ``send`` sends it.

    phy: the settings.
    step_up_db: step of the outer loop in dB, >= 0; 0 is the inner loop alone.

    >>> link = SlotLink(Nr())
    >>> block = link.block(slot=0, prb=10, reported_sinr=100.0)
    >>> link.send(block, slot=0, sinr=100.0, uniform=0.5), block.delivered
    (6784, True)
    """

    def __init__(self, phy: Nr, step_up_db: float = 0.0) -> None:
        self.phy, self.outer_loop = phy, OuterLoop(phy.target_bler, step_up_db)
        self._failed: list[tuple[int, Block]] = []
        self._acknowledged: list[int] = []

    def due(self, slot: int) -> Block | None:
        """The block that failed and is to be sent again in a slot, which is never lower than before; None for none."""
        self._acknowledged = [due for due in self._acknowledged if due > slot]
        return self._failed[0][1] if self._failed and self._failed[0][0] <= slot else None

    @property
    def free(self) -> bool:
        """Whether a process is free for a new block."""
        return len(self._failed) + len(self._acknowledged) < self.phy.harq.processes

    def block(self, slot: int, prb: int, reported_sinr: float) -> Block | None:
        """The block that is to be sent in a slot: one that failed, else a new one; None while all processes wait.

        slot: number of the slot, never lower than before.
        prb: resource blocks of a new block; one that failed has those that it had (its ``prb``).
        reported_sinr: SINR that the inner loop adapts to, linear, > 0.
        """
        if (failed := self.due(slot)) is not None:
            return failed
        if not self.free:
            return None
        adaptation = Adaptation.of(self.phy, prb)
        sinr_db = 10.0 * math.log10(reported_sinr) + self.outer_loop.offset_db
        mcs = int(adaptation.mcs(np.array([sinr_db]))[0])
        return Block(mcs, prb, int(adaptation.blocks.bits[mcs]))

    def send(self, block: Block, slot: int, sinr: float, uniform: float) -> int:
        """Send a block in a slot; returns the bits that arrive, 0 if it fails.

        block: what :meth:`block` gave for this slot.
        sinr: SINR in this slot, linear, > 0.
        uniform: random number in (0, 1) of this transmission.
        """
        harq = self.phy.harq
        if block.transmissions:
            self._failed.pop(0)
        block.delivered = self._arrives(block, sinr, uniform, harq)
        block.lost = not block.delivered and block.transmissions == harq.transmissions
        if block.transmissions == 1:
            self.outer_loop.hear(block.delivered)
        due = slot + harq.rtt_slots
        if not (block.delivered or block.lost):
            self._failed.append((due, block))
        elif harq.transmissions > 1:
            self._acknowledged.append(due)
        return block.bits * block.delivered

    def _arrives(self, block: Block, sinr: float, uniform: float, harq: Harq) -> bool:
        chase = harq.combining == "chase"
        block.transmissions += 1
        block.heard = sinr + (block.heard if chase else 0.0)
        blocks = Adaptation.of(self.phy, block.prb).blocks
        heard_db = 10.0 * math.log10(block.heard)
        error = float(blocks.error(np.array([block.mcs]), np.array([heard_db]))[0])
        # The noise of earlier transmissions is in the sum: given that those failed, this one does with F_k / F_(k-1).
        still = error / block.failed if chase else error
        block.failed = error
        return uniform >= still

"""How messages are carried, what becomes of those that lose packets, and of training when a whole one is lost.

Transport runs from sender to receiver, over all there is between them. Where it retransmits, nothing is lost but what
a limit or a timeout gives up, and what finds the queue of a wire full; where it is lossy, smashed data and their
gradients arrive with holes and are used as they are. Below it the radio makes good what HARQ leaves (acknowledged
mode), or does not, where transport is lossy.
"""

from __future__ import annotations

from typing import Annotated, Literal

from wirelessfsl.records import GRADIENTS_OF
from wirelessfsl.settings import settings
from wirelessfsl.units import Ge, LatencyS, Le, Lt, Positive

_SMASHED = {*GRADIENTS_OF, *GRADIENTS_OF.values()}
"""Kinds of message that training can do with holes in: smashed data and their gradients."""


class Lost(Exception):
    """A message did not arrive; its client leaves the round."""


class Skipped(Lost):
    """A message did not arrive, and its batch is skipped; its client goes on."""


@settings
class Outage:
    """What a scheme does without a message that was lost (``network.transport.outage``).

    With drop the client leaves the round. With skip the batch ends here, and the client goes on with its next. With
    reuse the receiver takes what it received last of this kind; if that is nothing, a batch is skipped and a client
    dropped. A lost upload of weights always drops its client, from the average.

    A gradient that is taken again was led back through the codec of its own batch's activations, and is taken as it is.
    Where gradients return in a broadcast (sfl_ga, epsl) it is that of what the server decoded, and the client leads it
    back through the codec of its new batch.

    activations: of a client's smashed data (and the labels with them).
    gradients: of the gradient of smashed data; the server has stepped by then, and the client does not.
    activations_down: of the smashed data that the server returns to a client with the model's end.
    gradients_up: of the gradient of these; the client has stepped by then, and the server does not.
    model_download: of weights to a client; with reuse it trains from those that it was sent before.

    >>> Outage(gradients="reuse").of("gradients")
    'reuse'
    """

    activations: Literal["drop", "skip"] = "drop"
    gradients: Literal["drop", "skip", "reuse"] = "drop"
    activations_down: Literal["drop", "skip"] = "drop"
    gradients_up: Literal["drop", "skip", "reuse"] = "drop"
    model_download: Literal["drop", "reuse"] = "drop"

    def of(self, kind: str) -> str:
        """What is done without a message of this kind."""
        case: str = getattr(self, kind, "drop")
        return case


@settings
class Transport:
    """How messages are carried (``network.transport``): in packets, in order, one frame each.

    A message of b bytes is ceil(b / packet_bytes) packets, the last one shorter. Where lost packets are sent again, a
    message takes 1 / (1 - p) times its bytes in the mean, at a loss of p. Where they are not, the receiver takes zeros
    for the values that had a byte in one, and the gradient of these is zero, as with dropout. Headers, what codecs
    write ahead of the values, and labels count as guarded: they arrive. Models are always sent again. Where one
    gradient is broadcast to all (sfl_ga, epsl), clients are taken to know what of theirs was lost.

    overhead_bytes: bytes that every message costs beside its payload, >= 0; 40 is one TCP/IPv4 header.
    reliability: retransmit sends lost packets again; lossy leaves holes in smashed data and their gradients, and adds
        the block errors that HARQ leaves (phy nr on a band of fdma or tdma) to what is lost.
    packet_bytes: bytes of a packet, 64 to 65535.
    packet_loss: probability that a packet is lost, [0, 1), on any medium, beside what the radio loses.
    retransmissions: how often the lost packets of a message are sent again at most, 0 to 1000; a message of which one
        is then missing is lost.
    feedback_s: time after which the sender knows what has not arrived and begins to send it again, in s, 0 to 3600.
    timeout_s: a message that has not arrived after this many seconds is lost; by default messages wait for ever.
    outage: what a scheme does without a message that was lost.

    >>> Transport().overhead_bytes
    40
    """

    overhead_bytes: Annotated[int, Ge(0)] = 40
    reliability: Literal["retransmit", "lossy"] = "retransmit"
    packet_bytes: Annotated[int, Ge(64), Le(65535)] = 1500
    packet_loss: Annotated[float, Ge(0), Lt(1)] = 0.0
    retransmissions: Annotated[int, Ge(0), Le(1000)] = 16
    feedback_s: LatencyS = 0.005
    timeout_s: Positive | None = None
    outage: Outage = Outage()

    @property
    def loses(self) -> bool:
        """Whether a packet can be lost."""
        return self.packet_loss > 0 or self.reliability == "lossy"

    def leaves_holes(self, kind: str) -> bool:
        """Whether messages of this kind arrive with holes, instead of being sent again."""
        return self.reliability == "lossy" and kind in _SMASHED

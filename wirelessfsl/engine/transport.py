"""How messages are carried, and what becomes of training when one is lost."""

from __future__ import annotations

from typing import Annotated, Literal

from wirelessfsl.settings import settings
from wirelessfsl.units import Ge, Positive


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
    """How messages are carried (``network.transport``): whole, in order, one frame each.

    overhead_bytes: bytes that every message costs beside its payload, >= 0; 40 is one TCP/IPv4 header.
    timeout_s: a message that has not arrived after this many seconds is lost; by default messages wait for ever.
    outage: what a scheme does without a message that was lost.

    >>> Transport().overhead_bytes
    40
    """

    overhead_bytes: Annotated[int, Ge(0)] = 40
    timeout_s: Positive | None = None
    outage: Outage = Outage()

"""The log's vocabulary: flat facts that the simulator appends and the reader folds.

This module and, for the network, :mod:`wirelessfsl.charts` are all that the two wings of the package share. An
:class:`Event` says what one node did in one interval of simulated time; a :class:`Metric` is one evaluation of a model.
Nothing here is derived from anything else in the log: times are seconds, sizes are bytes that flew, energies are joules
drawn by ``node``.

Which rows there are:

========== ======================= ======================================================================
activity   phase                   meaning
========== ======================= ======================================================================
compute    kernel's phase          ``node`` ran a kernel (for the session of ``peer``, if a server);
                                   energy is what the computation drew above the idle power
transfer   message kind            ``node`` sent ``bytes`` to ``peer``, from first bit on the air to
                                   delivery; energy is the sender's. A message of several kinds has one
                                   row a kind, time and energy shared out by bytes; a broadcast has one row
                                   a receiver, bytes and energy shared out equally among those that stayed
                                   to the end. Bytes in packets that were lost, to be sent again or left out,
                                   have a row of their own, not delivered and with 0 attempts
receive    message kind            the receiver's energy for the same message; ``bytes`` is 0 so that a
                                   sum over rows counts a byte once
wait       what is waited for      nothing happened for ``node``: queue of a processor or of the medium, or
                                   (phase ``idle``) the others: a turn or the end of the round
idle       idle                    one row a node and round: energy of idle processor and idle radio
drop       reason                  ``node`` left the round: battery, failure, deadline, lost, or down (it was
                                   away when its turn came)
========== ======================= ======================================================================

For every client the compute, transfer and wait rows that name it as node or peer tile each round without gap or
overlap, and for every node the energies of all rows add up to the exact integral of its power. Where clients do not
wait for the end of a round (``async_sl``), rows carry the round in which they end, tile the run as a whole, and add up
at its end, when what is under way is cut off.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

SERVER = "server"
"""Name of the server node; edge servers below it are server-0, server-1, ..., and every other node is a client."""

COMPUTE, TRANSFER, RECEIVE, WAIT, IDLE, DROP = "compute", "transfer", "receive", "wait", "idle", "drop"
DOWN = "down"

ACTIVATIONS, LABELS, GRADIENTS = "activations", "labels", "gradients"
ACTIVATIONS_DOWN, GRADIENTS_UP = "activations_down", "gradients_up"
MODEL_UPLOAD, MODEL_DOWNLOAD = "model_upload", "model_download"
MESSAGE_KINDS = (ACTIVATIONS, LABELS, GRADIENTS, ACTIVATIONS_DOWN, GRADIENTS_UP, MODEL_UPLOAD, MODEL_DOWNLOAD)
GRADIENTS_OF = {ACTIVATIONS: GRADIENTS, ACTIVATIONS_DOWN: GRADIENTS_UP}
"""What returns of smashed data: at the first cut, and at the second where the client has the model's end, too."""


def is_server(name: str) -> bool:
    """Whether a node of this name is the server, or an edge server below it."""
    return name == SERVER or name.startswith(f"{SERVER}-")


class Event(NamedTuple):
    """What ``node`` did between two instants of simulated time (columns of ``events/part-*.parquet``)."""

    start_s: float
    end_s: float
    node: str
    peer: str
    activity: str
    phase: str
    round: int
    step: int
    bytes: int
    flops: float
    energy_j: float
    attempts: int
    delivered: bool


class Metric(NamedTuple):
    """One evaluation (columns of ``metrics.parquet``); ``client`` is None for the figure over all clients.

    ``split`` is ``test`` (held-out data; a client's own part of it, and no row where that is empty) or ``train`` (mean
    loss of the round's batches; no accuracy). Energy and bytes are cumulative, of the client or of the whole network.
    """

    round: int
    time_s: float
    client: str | None
    split: str
    loss: float
    accuracy: float | None
    energy_j: float
    uplink_bytes: int
    downlink_bytes: int


class Log(Protocol):
    """Where facts go. ``flush`` marks a quiet instant: all facts so far may be written down."""

    def event(self, event: Event) -> None: ...
    def metric(self, metric: Metric) -> None: ...
    def flush(self) -> None: ...

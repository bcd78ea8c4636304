"""PFSL: U-shaped split learning in which labels never leave the client, with averaging first and own ends later.

Wadhwa, Gupta, Sahu, Saini, Mittal, "PFSL: Personalized & Fair Split Learning with Data & Label Privacy for thin
clients", arXiv:2303.10624 (2023), and the authors' public code. The model has three pieces: a front and a back at the
client, which has the labels, and a centre at the server, one replica a client. The front is pretrained and frozen.

Each round (an epoch there), for all clients k at once and the same number of batches for each:

    client k <- server: b, if there is a new average
    client k:  a1 = f(x)                                 -> server: a1
    server:    a2 = c_k(a1)                              -> client k: a2
    client k:  loss of b_k(a2) with y, b_k <- step       -> server: dL/da2
    server:    c_k <- step                               (dL/da1 is not sent, nor computed: the front is frozen)
    client k -> server: b_k
    server: c <- mean_k c_k;  b <- mean_k b_k            (unweighted)

From the round after ``checkpoint`` on the centre is frozen, too, and no dL/da2 is sent; from the second on backs are
not averaged any more, but each client's own. What differs from the released code, on purpose: clients begin with the
same back (there heads differ until the first average); frozen pieces work in evaluation mode and never move (there
batch statistics and Adam's momentum move them); with the whole centre frozen no gradient is sent that nobody uses; who
drops out is drawn without replacement and from all clients.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import floor
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from wirelessfsl.algorithms.state import State
from wirelessfsl.engine.world import Node, Skipped, Steps, World
from wirelessfsl.learning.kernels import average, finish, infer, infer_there, relay, retrace, train
from wirelessfsl.learning.optim import Adam, Optimizer
from wirelessfsl.learning.stage import Part, Weights
from wirelessfsl.records import ACTIVATIONS, ACTIVATIONS_DOWN, GRADIENTS_UP, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.settings import settings
from wirelessfsl.streams import stream
from wirelessfsl.units import Count, Ge, Lt

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Backs(State):
    """A state whose model is the centre, of which replicas are, and whose parts are the clients' backs.

    merged: average of the backs. holders: clients that have fetched it, and those who began with it.
    """

    merged: Weights = ()
    holders: set[Node] = field(default_factory=set)


@settings
class PFSL:
    """PFSL: front and back at the client, centre at the server; labels never leave (Wadhwa et al., arXiv:2303.10624).

    Per step a client sends activations at the first cut, receives those at the second and sends their gradient. The
    model needs two cuts. Per round backs and centres are averaged, unweighted; every client does the same number of
    batches, however many samples it has, and goes on through them from round to round (work fairness). The front is
    never trained, so give the model pretrained weights. Each client is evaluated with its own back on its own test
    samples; the figure of the run is their mean. Choices that are this project's own stand at the top of
    algorithms/pfsl.py.

    rounds: global rounds.
    local_steps: batches per client and round.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of backs and centres; each back and each replica has a state of its own.
    frozen: name of the module of the centre up to which it is not trained, either; by default all of it is.
    checkpoint: rounds before personalisation: after them the centre is frozen, and after one more average clients keep
        their backs; by default never.
    drop_rate: share of the clients, in [0, 1), drawn anew every round and rounded down, that vanish after their local
        work; their backs and centres are not in the averages, which they get like everybody.
    """

    cuts: ClassVar[int] = 2
    messages: ClassVar[tuple[str, ...]] = (ACTIVATIONS, ACTIVATIONS_DOWN, GRADIENTS_UP, MODEL_UPLOAD, MODEL_DOWNLOAD)

    kind: Literal["pfsl"] = "pfsl"
    rounds: Count = 30
    local_steps: Count = 5
    batch_size: Count = 16
    optimizer: Optimizer = Adam()
    frozen: str | None = None
    checkpoint: Count | None = None
    drop_rate: Annotated[float, Ge(0), Lt(1)] = 0.0

    def begin(self, world: World) -> Backs:
        *_, centre, back = world.initial
        backs = {k: back.copy().begin(self.optimizer, world.key(k)) for k in world.clients}
        centres = {k: centre.begin(self.optimizer, world.key(k)) for k in world.clients}
        return Backs((centre,), backs, centres, back.weights, set(world.clients))

    def train(self, world: World, state: Backs) -> Steps:
        *fixed, _, back = world.initial
        for t in world.rounds(self.rounds, state):
            losses = yield from self.round(world, state, t)
            (centre,), merged = state.model, back.load(state.merged)
            models = {k: (*fixed, centre, own if k in state.holders else merged) for k, own in state.parts.items()}
            world.close_round(models, losses)

    def round(self, world: World, state: Backs, t: int) -> Steps:
        """Round t: the losses of the clients that finished."""
        fixed, (centre,) = world.initial[:-2], state.model
        rule = self.optimizer.at(t, self.rounds)
        tuned = self.checkpoint is not None and t > self.checkpoint
        merging = self.checkpoint is None or t <= self.checkpoint + 1
        clients = yield from world.participants()
        order = [world.clients[i] for i in stream(world.seed, "vanishing", t).permutation(len(world.clients))]
        vanishing = {*[k for k in order if k in clients][: self.vanishing(len(clients))]}
        sessions = {
            k: self.session(
                world,
                k,
                rule,
                None if k in state.holders else state.merged,
                fixed,
                state.replicas[k].load(centre.weights),
                state.parts[k],
                tuned,
                merging and k not in vanishing,
            )
            for k in clients
        }
        done = yield from world.together(sessions)
        state.replicas |= {k: own.bare() for k, (own, _, _, _) in done.items()}
        state.parts |= {k: own for k, (_, own, _, _) in done.items()}
        state.holders |= done.keys()
        stayed = {k: each for k, each in done.items() if k not in vanishing}
        if stayed and not tuned:
            own = [centre.weights for centre, _, _, _ in stayed.values()]
            centre = centre.load((yield from world.server.compute(average, own, [1] * len(own))))
        if stayed and merging:
            uploads = [upload for _, _, upload, _ in stayed.values()]
            state.merged = yield from world.server.compute(average, uploads, [1] * len(uploads))
            state.holders = set()
            state.parts = {k: part.bare() for k, part in state.parts.items()}
        state.model = (centre,)
        return {k: losses for k, (_, _, _, losses) in done.items()}

    def vanishing(self, clients: int) -> int:
        """How many of so many clients vanish after their local work."""
        return floor(self.drop_rate * clients + 1e-9)

    def session(
        self,
        world: World,
        client: Node,
        rule: Optimizer,
        merged: Weights | None,
        fixed: tuple[Part, ...],
        centre: Part,
        back: Part,
        tuned: bool,
        merging: bool,
    ) -> Steps:
        """One client's round: the server's replica of the centre, its back, the uploaded back, the loss of every batch.

        merged: average of the backs, if the client has to fetch it. fixed: front, and what is frozen of the centre.
        tuned: whether the whole centre is frozen. merging: whether the client uploads its back.
        """
        server, (front_stage, *between, centre_stage, back_stage) = world.server, world.stages
        centre_stage, last_stage = replace(centre_stage, detached=True), replace(back_stage, detached=True)
        losses: list[Tensor] = []
        upload: Weights = ()
        if merged is not None:
            back = back.load((yield from world.transfer(server, client, model_download=merged)))
        for x, y in world.batches(client, self.local_steps, self.batch_size):
            with suppress(Skipped):
                smashed = yield from client.compute(infer, front_stage, fixed[0], x)
                smashed = yield from world.transfer(client, server, activations=smashed)
                for stage, part in zip(between, fixed[1:], strict=True):
                    smashed = yield from server.compute(infer_there, stage, part, smashed)
                if tuned:
                    output = yield from server.compute(infer_there, centre_stage, centre, smashed)
                    output = yield from world.transfer(server, client, activations_down=output)
                    back, loss = yield from client.compute(train, last_stage, rule, back, output, y)
                    losses.append(loss)
                else:
                    centre, output, tape = yield from server.compute(relay, centre_stage, centre, smashed)
                    output = yield from world.transfer(server, client, activations_down=output)
                    back, gradient, loss = yield from client.compute(finish, back_stage, rule, back, output, y)
                    losses.append(loss)
                    gradient = yield from world.transfer(client, server, gradients_up=gradient)
                    centre = yield from server.compute(retrace, centre_stage, rule, centre, tape, smashed, gradient)
        if merging:
            upload = yield from world.transfer(client, server, model_upload=back.weights)
        return centre, back, upload, losses

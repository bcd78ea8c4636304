"""What a radio draws, state by state: all that the engine asks of a radio's power model.

A radio sends, receives, does both, or is silent. What a silent radio draws depends on nothing but how long it has been
silent: it idles, falls asleep step by step, or stays awake for a while after its last transfer (a tail). So timers,
tails and the transitions between states of sleep are one list of states with the time at which each begins.

A power model is a settings class with the property ``states`` and, for the links, ``tx_power_dbm`` and
``noise_figure_db``.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from wirelessfsl.units import Ge, Le

NoiseFigureDb = Annotated[float, Ge(0), Le(40)]
SilentState = Literal["idle", "tail", "transition", "micro sleep", "light sleep", "sleep"]


class Silence(NamedTuple):
    """A state of a silent radio.

    after_s: seconds of silence after which it begins; it lasts until the next one, or for as long as the silence.
    state: its name.
    power_w: supply power in W.
    """

    after_s: float
    state: SilentState
    power_w: float


class PowerStates(NamedTuple):
    """The power states of a radio.

    silent: what it draws in silence, in order of time, the first from 0 s on.
    transmit_w, receive_w: supply power in W while it sends, and while it receives.
    shared_w: the part of both in W that is drawn once while it does both.
    transmit_j_per_bit, receive_j_per_bit: energy in J that every bit takes besides.
    """

    silent: tuple[Silence, ...]
    transmit_w: float
    receive_w: float
    shared_w: float = 0.0
    transmit_j_per_bit: float = 0.0
    receive_j_per_bit: float = 0.0


def resting(idle_w: float, sleep_w: float, sleep_after_s: float | None) -> tuple[Silence, ...]:
    """The states of a silent radio that idles and, unless ``sleep_after_s`` is None, sleeps after that time.

    >>> [silence.state for silence in resting(0.5, 0.1, None)]
    ['idle']
    """
    idle = Silence(0.0, "idle", idle_w)
    return (idle,) if sleep_after_s is None else (idle, Silence(sleep_after_s, "sleep", sleep_w))

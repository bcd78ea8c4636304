"""What a radio draws, state by state: all that the engine asks of a radio's power model.

A radio sends, receives, does both, or is silent. What a silent radio draws depends on nothing but how long it has been
silent: it idles, falls asleep step by step, or stays awake for a while after its last transfer (a tail). So timers,
tails and the transitions between states of sleep are one list of states with the time at which each begins.

A power model is a settings class with the property ``states`` and, for the links, ``tx_power_dbm`` and
``noise_figure_db``.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, Protocol

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


class Powered(Protocol):
    """What is asked of a power model."""

    @property
    def states(self) -> PowerStates: ...
    @property
    def tx_power_dbm(self) -> float: ...
    @property
    def noise_figure_db(self) -> float: ...


class InTurns(NamedTuple):
    """A radio that sends and receives in shares of the time only, and idles in between (time-division duplex).

    P = P_idle + share (P - P_idle) in the mean; doing both, it idles once.

    radio: its power model. send, receive: the shares, (0, 1].

    >>> from wirelessfsl.devices.radio_power import RadioPower
    >>> radio = RadioPower(tx_power_dbm=30.0, amplifier_efficiency=0.5, circuit_w=1.0, idle_w=1.0)
    >>> radio.states.transmit_w, InTurns(radio, send=0.25, receive=0.75).states.transmit_w
    (3.0, 1.5)
    """

    radio: Powered
    send: float
    receive: float

    @property
    def states(self) -> PowerStates:
        """Means over the slots of both directions."""
        states = self.radio.states
        idle_w = states.silent[0].power_w
        return states._replace(
            transmit_w=idle_w + self.send * (states.transmit_w - idle_w),
            receive_w=idle_w + self.receive * (states.receive_w - idle_w),
            shared_w=idle_w,
        )

    @property
    def tx_power_dbm(self) -> float:
        """Radiated power while it sends, dBm."""
        return self.radio.tx_power_dbm

    @property
    def noise_figure_db(self) -> float:
        """Noise figure, dB."""
        return self.radio.noise_figure_db

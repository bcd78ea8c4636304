"""How figures look: journal width, 8 pt type, and one colour and hatch a phase, the same in every figure.

The colours are Okabe and Ito's (Color Universal Design, 2008), which colour-blind readers tell apart. Hatches separate
phases that share a hue, also on a grey print: the forward pass is plain and the backward pass hatched, a wait is the
outline of what is waited for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from wirelessfsl.results.metrics import WAITING

OTHER = "other"
"""What phases too small to be seen are shown as, together."""
WIDTH_IN = 7.16
"""Text width of a two-column IEEE page."""
STYLE: Any = {
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.borderpad": 0.25,
    "legend.columnspacing": 1.4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "grid.linewidth": 0.4,
    "grid.color": "#DDDDDD",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.0,
    "hatch.linewidth": 0.6,
    # Type 42 keeps text as text (publishers refuse Matplotlib's default); the salt makes SVG ids repeatable.
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.hashsalt": "wirelessfsl",
}

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, DARK, WHITE = "#BBBBBB", "#666666", "#FFFFFF"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1, 1.5, 1)))
"""Colours and dashes of the curves of a figure, in the order they come; their counts share no factor."""


class Look(NamedTuple):
    """Fill, hatch, and the colour of hatch and outline."""

    face: str
    hatch: str = ""
    edge: str = WHITE


_KNOWN = {
    "client_forward": Look(BLUE),
    "client_backward": Look(BLUE, "/////"),
    "client_step": Look(BLUE, "....."),
    "encode": Look(SKY),
    "decode": Look(SKY, "/////"),
    "activations": Look(ORANGE),
    "labels": Look(YELLOW),
    "server_step": Look(PURPLE),
    "aggregation": Look(PURPLE, "/////"),
    "gradients": Look(VERMILLION),
    "activations_down": Look(ORANGE, "/////"),
    "gradients_up": Look(VERMILLION, "/////"),
    "model_upload": Look(GREEN),
    "model_download": Look(GREEN, "/////"),
}
_IDLE = {"idle": Look(GREY)}
_OTHER = {OTHER: Look(DARK)}
_FURTHER = [Look(colour, hatch) for hatch in ("xxxxx", ".....") for colour in (SKY, ORANGE, GREEN, PURPLE, VERMILLION)]


def looks(phases: Iterable[str]) -> dict[str, Look]:
    """A look for each phase, in drawing order: as a client's step goes, phases unknown here, waits, the small ones.

    >>> list(looks({"wait: server_step", "gradients", "beamforming", "client_forward"}))
    ['client_forward', 'gradients', 'beamforming', 'wait: server_step']
    """
    waits: set[str] = set()
    doings: set[str] = set()
    for phase in phases:
        (waits if phase.startswith(WAITING) else doings).add(phase)
    others = sorted((doings | {wait.removeprefix(WAITING) for wait in waits}) - (_KNOWN | _IDLE | _OTHER).keys())
    every = _KNOWN | {phase: _FURTHER[i % len(_FURTHER)] for i, phase in enumerate(others)} | _IDLE
    done = {phase: look for phase, look in every.items() if phase in doings}
    waited = {
        WAITING + phase: Look(WHITE, look.hatch or "\\\\\\\\\\", look.face)
        for phase, look in every.items()
        if WAITING + phase in waits
    }
    return done | waited | {phase: look for phase, look in _OTHER.items() if phase in doings}


def words(phase: str) -> str:
    """A phase as a legend says it.

    >>> words("client_forward"), words("wait: idle")
    ('client forward', 'wait: others')
    """
    return "wait: others" if phase == WAITING + "idle" else phase.replace("_", " ")

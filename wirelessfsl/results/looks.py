"""How figures look: journal widths, 8 pt type, and the same look of a phase and of a scheme in every figure.

The colours are Okabe and Ito's (Color Universal Design, 2008), which colour-blind readers tell apart. Hatches separate
phases that share a hue, also on a grey print: the forward pass is plain and the backward pass hatched, a wait is the
outline of what is waited for. A scheme has a hue and a marker, which a grey print keeps; its variants in one figure
(another channel, another codec) go from dark to light and change the dash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from zlib import crc32

from wirelessfsl.results.metrics import WAITING

OTHER = "other"
"""What phases too small to be seen are shown as, together."""
COLUMN_IN, WIDTH_IN = 3.5, 7.16
"""Width of a column and of the text of a two-column IEEE page."""
STYLE: Any = {
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
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

INTERVAL: Any = {"color": BLACK, "marker": "|", "markersize": 5.0, "linewidth": 0.8}
"""How an interval is drawn at the end of a bar."""


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


class SchemeLook(NamedTuple):
    """Colour, dash and marker of a scheme's curve; ``dash`` is as Matplotlib takes it."""

    colour: str
    dash: Any
    marker: str


MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_SCHEMES = (
    ("pfsl", "fedlite", "fedsl", "mtsl", "fedavg", "split_learning", "splitfed_v1"),
    ("splitfed_v2", "parallel_sl", "sfl_ga", "epsl", "cpsl", "async_sl", "splitfed_v3"),
    ("fedem", "local_only", "fedprox", "", "", "", "centralised"),
)
"""Schemes by dash and, within a row, by colour: no two of a row share one, nor do those a figure shows together."""
_PLACES = {kind: (row, column) for row, kinds in enumerate(_SCHEMES) for column, kind in enumerate(kinds)}


def scheme_look(kind: str) -> SchemeLook:
    """The look of a scheme, whatever else is in the figure.

    kind: of its algorithm; one that is not ours (an import path) has the fourth dash and a look made from its name.

    >>> scheme_look("pfsl"), scheme_look("splitfed_v2").colour == BLUE
    (SchemeLook(colour='#0072B2', dash='-', marker='o'), True)
    """
    row, column = _PLACES.get(kind, (len(_SCHEMES), crc32(kind.encode())))
    marker = column // len(COLOURS) if kind not in _PLACES else column + row
    return SchemeLook(COLOURS[column % len(COLOURS)], DASHES[row], MARKERS[marker % len(MARKERS)])


def scheme_looks(kinds: Sequence[str]) -> list[SchemeLook]:
    """The looks of the curves of one figure: variants of a scheme share its hue and marker, from dark to light.

    kinds: of the curves' algorithms, in the order drawn.

    >>> [look.colour for look in scheme_looks(["pfsl", "mtsl", "pfsl"])]
    ['#003f62', '#CC79A7', '#73b1d5']
    """
    total, seen = Counter(kinds), Counter[str]()
    found = []
    for kind in kinds:
        look, i, n = scheme_look(kind), seen[kind], total[kind]
        seen[kind] += 1
        if n > 1:
            start = 0.0 if look.colour == BLACK else -0.45
            shade = start + (0.45 - start) * i / (n - 1)
            dash = DASHES[(DASHES.index(look.dash) + i) % len(DASHES)]
            look = look._replace(colour=_shaded(look.colour, shade), dash=dash)
        found.append(look)
    return found


def _shaded(colour: str, amount: float) -> str:
    """A colour mixed with white, or for a negative amount with black."""
    towards = 255 if amount > 0 else 0
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + abs(amount) * (towards - part)):02x}" for part in parts)

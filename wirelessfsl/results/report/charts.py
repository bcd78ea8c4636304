"""Figures as plain data for Plotly: what they share.

Plotly reads a small part of HTML in every text it draws, so names go through :func:`text`; what they stand for in a
hover text comes by reference (``%{fullData.name}``), never as part of the template. Arrays are packed as base64.
"""

from __future__ import annotations

import base64
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from wirelessfsl.results.looks import Look, SchemeLook

Trace = dict[str, Any]
_MARKERS = {
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "D": "diamond",
    "v": "triangle-down",
    "P": "cross",
    "X": "x",
}


class Chart(NamedTuple):
    """A figure of a report.

    title: heading. caption: what it shows and what it leaves out, a sentence or two. traces, layout: Plotly's.
    """

    title: str
    caption: str
    traces: list[Trace]
    layout: dict[str, Any]


def chart(title: str, caption: str, traces: list[Trace], x: str, y: str, height: int = 340, **layout: Any) -> Chart:
    """A figure with one pair of axes.

    x, y: titles of the axes, with units. height: in CSS pixels. layout: more of it; ``xaxis`` and ``yaxis`` add to
        what is set here.
    """
    axes = {
        f"{name}axis": {"title": {"text": label}, "automargin": True, "zeroline": False, "gridcolor": "#ddd"}
        | layout.pop(f"{name}axis", {})
        for name, label in (("x", x), ("y", y))
    }
    plain = {
        "height": height,
        "margin": {"l": 50, "r": 12, "t": 30, "b": 44},
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": "#111"},
        "paper_bgcolor": "#fff",
        "plot_bgcolor": "#fff",
        "hovermode": "closest",
        "showlegend": False,
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "traceorder": "normal"},
    }
    return Chart(title, caption, traces, plain | axes | layout)


def around(entries: int, columns: int) -> int:
    """CSS pixels that a figure of bars needs around them: buttons, axis, a legend of so many entries and columns."""
    return 100 + 19 * -(-entries // columns)


def text(name: str, width: int = 34) -> str:
    """A name as Plotly draws it: in lines of ``width`` characters at most, nothing in it markup.

    >>> text("<b>&")
    '&lt;b&gt;&amp;'
    """
    lines = wrap(name, width, break_on_hyphens=False)
    return "<br>".join(line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for line in lines)


def packed(values: ArrayLike) -> dict[str, str]:
    """Numbers to seven digits as Plotly's typed array, of shape (n,) or (n, m); NaN leaves a gap."""
    array = np.asarray(values, dtype="<f4")
    found = {"dtype": "f4", "bdata": base64.b64encode(array.tobytes()).decode()}
    return found if array.ndim == 1 else found | {"shape": ",".join(map(str, array.shape))}


def fill(look: Look) -> dict[str, Any]:
    """A bar's paint: colour and hatch as on paper."""
    line = {"width": 0.5, "color": look.edge if look.hatch else "#fff"}
    if not look.hatch:
        return {"color": look.face, "line": line}
    return {
        "color": look.face,
        "line": line,
        "pattern": {"shape": look.hatch[0], "fgcolor": look.edge, "bgcolor": look.face, "size": 6, "solidity": 0.3},
    }


def stroke(look: SchemeLook) -> dict[str, Any]:
    """A scheme's line and markers, as on paper."""
    return {
        "line": {"color": look.colour, "dash": dashes(look) or "solid", "width": 2},
        "marker": {"color": look.colour, "symbol": _MARKERS[look.marker], "size": 6},
    }


def dashes(look: SchemeLook) -> str:
    """Lengths of dashes and gaps of a line of 2 px; empty for a solid one."""
    return "" if look.dash == "-" else ",".join(f"{2 * length:g}px" for length in look.dash[1])

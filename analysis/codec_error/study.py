"""Question: how much does each lossy codec lose of real activations, for how many bits a number?

LeNet, cut after block1, is trained on real MNIST as in ``scenarios/mnist.yaml`` (IDX files under
$WIRELESSFSL_DATA/mnist; the t10k half is enough), but for a few rounds only. The activations of 32 test images at the
cut then go through every codec over its knob. Drawn is the relative error |x - x'|_2 / |x|_2 against the bits of the
payload, without the frame's headers, per number; raw ones have 32. Random codecs are drawn once, with a fixed key; what
comes back without any error is left out. Writes figure.png and .pdf, and prints the numbers.

    WIRELESSFSL_DATA=... python -m analysis.codec_error.study [--out analysis/codec_error] [--rounds 20]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from wirelessfsl import load_scenario
from wirelessfsl.codecs.c3_sl import C3SL
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Link, chain
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.measure import measure
from wirelessfsl.codecs.power_sgd import PowerSGD
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import RandomK, RandTopK, Threshold, TopK
from wirelessfsl.codecs.stochastic import QSGD, Sign, Ternary
from wirelessfsl.learning.evaluate import apply
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.stage import split
from wirelessfsl.results.looks import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, STYLE, VERMILLION, WIDTH_IN
from wirelessfsl.results.plots.sheets import save
from wirelessfsl.results.store import RunWriter
from wirelessfsl.scenario import dataset_of
from wirelessfsl.simulation import Progress, play

SCENARIO = Path(__file__).parents[2] / "scenarios" / "mnist.yaml"
BATCH = 32
FRACTIONS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
THRESHOLDS = (1.5, 1.0, 0.7, 0.4, 0.2, 0.1, 0.02)
L = (2, 4, 8, 16, 32, 64, 128, 256)


class Line(NamedTuple):
    """One codec over its knob: what the legend says, how it looks, and the codecs from few bits to many.

    hollow: large open markers, for a codec whose points fall on another's. joined: whether a knob leads from point to
    point.
    """

    label: str
    colour: str
    marker: str
    links: Sequence[Link]
    hollow: bool = False
    joined: bool = True


Point = tuple[Link, float, float]
"""A codec, its bits a number and its relative error."""

BITS = (1, 2, 3, 4, 5, 6, 8, 10, 12)
QUANTIZE = Line("quantize, 1–12 bits", BLUE, "o", [Quantize(bits=b) for b in BITS])
PANELS: dict[str, list[Line]] = {
    "(a) fewer bits per number": [
        QUANTIZE,
        Line("quantize per channel, 1–12 bits", ORANGE, "s", [Quantize(bits=b, per="channel") for b in BITS]),
        Line("qsgd, 1–2047 levels", GREEN, "^", [QSGD(levels=2**b - 1) for b in (1, 2, 3, 4, 5, 7, 9, 11)]),
        Line("ternary", PURPLE, "D", [Ternary()], joined=False),
        Line("sign", BLACK, "D", [Sign()], hollow=True, joined=False),
        Line("cast, bfloat16 above float16", VERMILLION, "P", [Cast(dtype="bfloat16"), Cast()], joined=False),
    ],
    "(b) fewer numbers": [
        Line("top_k, 1–60 %", BLUE, "s", [TopK(fraction=f) for f in FRACTIONS[:-1]]),
        Line("threshold, 1.5–0.02", ORANGE, "o", [Threshold(at_least=t) for t in THRESHOLDS], hollow=True),
        Line("rand_top_k, 1–80 %", GREEN, "^", [RandTopK(fraction=f) for f in FRACTIONS]),
        Line("random_k, 1–80 %", PURPLE, "D", [RandomK(fraction=f) for f in FRACTIONS]),
        Line("dropout, p = 0.9–0.1", VERMILLION, "v", [Dropout(p=p) for p in (0.9, 0.7, 0.5, 0.3, 0.1)], hollow=True),
    ],
    "(c) shared structure": [
        *(
            Line(f"clustering, q = {q}, L = 2–256", colour, marker, [Clustering(subvectors=q, centroids=c) for c in L])
            for q, colour, marker in ((108, BLUE, "s"), (432, GREEN, "^"), (864, PURPLE, "D"))
        ),
        Line("power_sgd, rank 1–16", ORANGE, "o", [PowerSGD(rank=r) for r in (1, 2, 4, 8, 16)]),
        Line("c3_sl, R = 16–2", VERMILLION, "v", [C3SL(ratio=r) for r in (16, 8, 4, 2)]),
    ],
}


def activations(rounds: int) -> torch.Tensor:
    """What the trained client half makes of the first test images."""
    scenario = load_scenario(SCENARIO, [f"algorithm.rounds={rounds}"])
    data = dataset_of(scenario)
    reports: list[Progress] = []
    with tempfile.TemporaryDirectory() as folder:
        log = RunWriter(Path(folder))
        outcome = play(scenario, log, report=reports.append, dataset=data)
        log.close()
    print(f"test accuracy after {rounds} rounds: {reports[-1].accuracy:.3f}")
    stage = split(ModelSpec(scenario.model.name, data.shape, data.classes), tuple(scenario.model.cuts))[0]
    return apply(stage, outcome.parts[0], data.test_inputs[:BATCH])


def points(links: Sequence[Link], x: torch.Tensor) -> list[Point]:
    """Bits a number and relative error of every codec, but of those that lose nothing."""
    found = []
    for link in links:
        measured = measure(chain([link]), (x,), key=1)
        bits = 8 * (measured.size_bytes - measured.header_bytes) / x.numel()
        if measured.relative_error:
            found.append((link, bits, measured.relative_error))
    return found


def draw(panels: Mapping[str, Sequence[tuple[Line, list[Point]]]]) -> Figure:
    """A panel a family on shared axes; plain quantisation is in all of them, grey."""
    reference = next(found for lines in panels.values() for line, found in lines if line is QUANTIZE)
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 3.5), layout="constrained")
        axes: Sequence[Axes] = figure.subplots(1, len(panels), sharex=True, sharey=True)
        for axis, (title, lines) in zip(axes, panels.items(), strict=True):
            axis.axhline(1.0, color=BLACK, linewidth=0.6, linestyle=":")
            for line, found in lines:
                axis.plot(
                    *_columns(found),
                    color=line.colour,
                    linestyle="-" if line.joined else "",
                    marker=line.marker,
                    markersize=5.5 if line.hollow else 3.5,
                    markerfacecolor="none" if line.hollow else line.colour,
                    label=line.label,
                )
            if all(line is not QUANTIZE for line, _ in lines):
                axis.plot(*_columns(reference), color=GREY, linewidth=2.5, zorder=1.5, label="quantize, as in (a)")
            axis.grid(True)
            axis.set_title(title, loc="left")
            axis.set_xlabel("payload (bits per number)")
            axis.legend(loc="upper left", bbox_to_anchor=(-0.05, -0.26), borderaxespad=0.0)
        axes[0].set(xscale="log", yscale="log", xlim=(0.1, 40), ylim=(1e-4, 20))
        axes[0].xaxis.set_major_locator(FixedLocator([0.1, 0.3, 1, 3, 10, 32]))
        axes[0].xaxis.set_major_formatter(FuncFormatter(lambda bits, _: f"{bits:g}"))
        axes[0].xaxis.set_minor_locator(NullLocator())
        axes[0].set_ylabel("relative error $|x - x'|_2\\,/\\,|x|_2$")
        axes[0].text(0.11, 0.93, "all zeros", va="top")
    return figure


def _columns(found: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [bits for _, bits, _ in found], [error for _, _, error in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    x = activations(args.rounds)
    print(f"activations {tuple(x.shape)}, {float((x == 0).float().mean()):.0%} zeros, greatest {float(x.max()):.3g}")
    panels = {title: [(line, points(line.links, x)) for line in lines] for title, lines in PANELS.items()}
    for lines in panels.values():
        for _, found in lines:
            for link, bits, error in found:
                print(f"{bits:8.4f} bits  error {error:9.3g}  {link}")
    figure = draw(panels)
    (pdf,) = save(figure, args.out / "figure", ("pdf",))
    figure.savefig(pdf.with_suffix(".png"), dpi=200)


if __name__ == "__main__":
    main()

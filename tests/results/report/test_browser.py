"""The page in headless Chromium: figures are drawn, what a scenario says is text, nothing asks the network."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser

import pytest

from tests.results.report.conftest import ATTACKS, Opened
from wirelessfsl.results.report import html, page, report
from wirelessfsl.results.store import Run

CLICKS = """
document.querySelectorAll("details").forEach((fold) => fold.open = true);
setTimeout(() => document.querySelector("input[data-scenario='1']").click(), 1000);
"""
"""What a reader does: open everything, hide a scenario."""


class Texts(HTMLParser):
    """Tags of a document, and its texts one by one."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def body(document: str) -> str:
    """A document without its scripts."""
    return re.sub("<script.*?</script>", "", document, flags=re.DOTALL)


@pytest.fixture
def _read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "SCRIPT", page.SCRIPT + CLICKS)


@pytest.mark.usefixtures("_read")
@pytest.mark.slow
def test_every_figure_is_drawn_and_a_scenario_can_be_hidden(runs: list[Run], browse: Callable[[str], Opened]) -> None:
    opened = browse(report(runs))
    assert opened.console == []
    figures = len(re.findall("<figure>", opened.document))
    assert figures == 4 + 1 + 4 + 3 + 3  # growth, fairness, phases, bandwidth, a round of each scenario
    charts = re.findall(r'<div class="chart js-plotly-plot".*?</figure>', opened.document, re.DOTALL)
    assert len(charts) == figures
    assert all('class="main-svg"' in chart for chart in charts)
    lines = [len(re.findall('class="trace scatter', chart)) for chart in charts]
    assert lines[:5] == [3, 3, 3, 3, 4]  # of 4 and 5, the one that was hidden is not there
    buttons = set(re.findall('class="modebar-btn[^"]*".*?data-title="(.*?)"', opened.document))
    assert buttons == {"Download plot as a PNG", "Zoom", "Pan", "Reset axes"}  # none that sends a figure away


@pytest.mark.usefixtures("_read")
def test_whatever_a_scenario_says_is_text(hostile: list[Run], browse: Callable[[str], Opened]) -> None:
    opened = browse(report(hostile, title=ATTACKS[0]))
    assert opened.console == []
    document = body(opened.document)
    assert not re.search("data-owned=", document)
    found = Texts(document)
    assert not {"img", "b", "i", "iframe"} & set(found.tags)
    drawn = " ".join(re.findall("<text.*?</text>", document, re.DOTALL))
    shown = unescape(re.sub("<.*?>", "", drawn))
    for attack in ATTACKS:
        assert any(attack in text for text in found.texts)
        assert "".join(attack.split())[:30] in "".join(shown.split())  # in axes and legends, in lines


def test_no_other_script_and_no_request_get_past_the_policy(browse: Callable[[str], Opened]) -> None:
    tags = [
        html.tag("script", "document.documentElement.dataset.owned = 1"),
        html.tag("img", src="https://example.org/x.png"),
    ]
    opened = browse(html.page("t", "", ["document.documentElement.dataset.ours = 1"], tags))
    assert 'data-ours="1"' in opened.document
    assert "data-owned" not in opened.document.split(">")[1]
    assert len(opened.console) == 2
    assert all("Content Security Policy" in line for line in opened.console)

"""Pages: text is text wherever it stands, and the policy names what may run."""

from __future__ import annotations

import base64
import json
import re
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from tests.results.report.conftest import ATTACKS
from wirelessfsl.results.report.html import data, page, table, tag, written


class Read(HTMLParser):
    """One element's attributes and text as a browser reads them, and the tags in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: dict[str, str | None] = {}
        self.text = ""
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("attack", ATTACKS, ids=["script", "image", "end"])
def test_text_and_attributes_come_back_as_they_were(attack: str) -> None:
    read = Read(written(tag("p", attack, title=attack)))
    assert (read.tags, read.text, read.attributes) == (["p"], attack, {"title": attack})


@pytest.mark.parametrize("attack", ATTACKS, ids=["script", "image", "end"])
def test_data_cannot_leave_its_element_and_come_back_as_they_were(attack: str) -> None:
    text = written(data({attack: [attack, 1.5, None]}))
    inside = text.removeprefix('<script type="application/json">').removesuffix("</script>")
    assert not re.search("[<>&\u2028]", inside)
    assert json.loads(inside) == {attack: [attack, 1.5, None]}


def test_what_is_not_a_number_is_no_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        data(float("nan"))


def test_elements_and_texts_stay_in_order() -> None:
    assert written(tag("p", "a", tag("b", "c"), "d", tag("br"), "e", "f")) == "<p>a<b>c</b>d<br>ef</p>"


def test_a_table_has_a_caption_and_headings_of_columns_and_rows() -> None:
    text = written(table("in s", ["who", "time"], [["a", "1"], ["b", "2"]]))
    assert "<caption>in s</caption>" in text
    assert re.findall('<th scope="col">(.*?)</th>', text) == ["who", "time"]
    assert re.findall('<th scope="row">(.*?)</th><td>(.*?)</td>', text) == [("a", "1"), ("b", "2")]


def test_the_policy_allows_the_scripts_that_are_given_and_nothing_from_elsewhere() -> None:
    text = page("t", "p { color: red }", ["a()", "b()"], [tag("p")])
    (policy,) = re.findall('Content-Security-Policy" content="(.*?)"', text)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    digests = [base64.b64encode(sha256(script).digest()).decode() for script in (b"a()", b"b()")]
    assert rules["default-src"] == "'none'"
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    assert not re.search(r"https?:|\*|unsafe-eval", policy)
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_a_name_that_is_no_unicode_is_written_all_the_same() -> None:
    assert "caf?" in page("caf\udce9", "", [], [])

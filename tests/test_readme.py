"""What the README and the pages of docs/ show can be run, and what they list is all there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from wirelessfsl.cli import _parser, main
from wirelessfsl.scenario import load_scenario

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str = "") -> list[str]:
    return [block for of, block in FENCE.findall(text) if of == language]


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of every command line in a page's blocks."""
    for block in blocks(text):
        for line in block.replace("\\\n", " ").splitlines():
            for command in line.removeprefix("$ ").split(" && "):
                if command.startswith("wirelessfsl "):
                    words = shlex.split(command, comments=True)
                    yield words[1 : words.index(">") if ">" in words else None]


PIECES = [
    pytest.param(block, id=f"{page}-{n}")
    for page, text in PAGES.items()
    for n, block in enumerate(blocks(text, "yaml"))
    if not re.search("my_pkg|my-images|my-plays", block)  # what only a user has
]
SHOWN = [
    pytest.param(*block.removeprefix("$ wirelessfsl ").split("\n", 1), id=f"{page}-{n}")
    for page, text in PAGES.items()
    for n, block in enumerate(blocks(text))
    if block.startswith("$ wirelessfsl ")
]
"""Commands with what they print."""

CODECS = [
    pytest.param(words, id=" ".join(words[1:]))
    for text in PAGES.values()
    for words in commands(text)
    if words[0] == "codec" and "--file" not in words
]


def test_there_is_something_to_run() -> None:
    assert len(PIECES) >= 12
    assert len(CODECS) >= 3
    assert len(SHOWN) >= 1


@pytest.mark.parametrize("block", PIECES)
def test_a_piece_of_a_scenario_is_right_in_the_quickstart(block: str, tmp_path: Path) -> None:
    yaml = YAML(typ="safe", pure=True)
    whole = yaml.load((ROOT / "scenarios" / "quickstart.yaml").read_text()) | yaml.load(block)
    with (tmp_path / "s.yaml").open("w") as file:
        yaml.dump(whole, file)
    assert load_scenario(tmp_path / "s.yaml").name == "quickstart"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_line_is_one(page: str) -> None:
    for words in commands(PAGES[page]):
        _parser().parse_args(words)
        assert all((ROOT / word).is_file() for word in words if re.match(r"(scenarios|studies)/", word))


@pytest.mark.parametrize("command", CODECS)
def test_codecs_are_measured_as_it_says(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(command) == 0


@pytest.mark.parametrize(("command", "output"), SHOWN)
def test_a_command_prints_what_is_shown(
    command: str, output: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(command)) == 0
    assert capsys.readouterr().out == output


def headings(text: str) -> set[str]:
    """The names by which GitHub links to the headings of a page."""
    found = re.findall(r"^#+ (.*)", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", PAGES[page]):
        path, _, heading = link.partition("#")
        if not link.startswith("https://"):
            target = (ROOT / page).parent / path if path else ROOT / page
            assert target.exists(), link
            assert not heading or heading in headings(target.read_text()), link


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page: str) -> None:
    for path in re.findall(r"`(\w+/[\w./]*(?:/|\.(?:py|yaml|bib|md))|(?:analysis|tests)/\w+)`", PAGES[page]):
        assert (ROOT / path).exists() or (ROOT / "wirelessfsl" / path).exists(), path


def test_every_page_can_be_found_from_the_readme() -> None:
    assert [page for page in PAGES if page != "README.md" and f"]({page})" not in PAGES["README.md"]] == []


def test_every_command_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    names = re.findall(r"^    ([a-z]+)\b", capsys.readouterr().out, re.MULTILINE)
    assert len(names) >= 18
    assert [name for name in names if f"| `{name}` |" not in PAGES["README.md"]] == []


@pytest.mark.parametrize(
    ("group", "page"),
    [
        ("algorithms", "README.md"),
        ("algorithms", "docs/schemes.md"),
        ("allocations", "docs/network.md"),
        ("channels", "docs/equations.md"),
        ("codecs", "docs/codecs.md"),
        ("media", "docs/network.md"),
        ("mobilities", "docs/network.md"),
        ("partitions", "docs/data_and_models.md"),
        ("processors", "docs/equations.md"),
        ("radios", "docs/equations.md"),
        ("schedulers", "docs/network.md"),
    ],
)
def test_every_choice_is_named(group: str, page: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", group]) == 0
    names = re.findall(r"^ +(\w+)  ", capsys.readouterr().out, re.MULTILINE)
    assert len(names) >= 3
    text = FENCE.sub("", PAGES[page])
    if group == "algorithms":
        assert [name for name in names if f"| `{name}` |" not in text] == []
    else:
        assert set(names) - {"none"} <= set(re.findall(r"\w+", " ".join(re.findall(r"`(.*?)`", text))))


def test_every_kind_of_figure_has_its_line() -> None:
    from wirelessfsl.results.plots.kinds import KINDS

    assert [kind for kind in (*KINDS, "tradeoff", "pareto") if f"| `{kind}` |" not in PAGES["docs/results.md"]] == []


def test_the_study_of_the_readme_comes_along() -> None:
    file = ROOT / "studies" / "bits_and_bands.yaml"
    shown = "".join(line for line in file.read_text().splitlines(keepends=True) if not line.startswith("#"))
    assert f"```\n{shown}```" in PAGES["README.md"]


def _commands() -> list[tuple[str, str]]:
    found = []
    for file in sorted((ROOT / "scenarios").glob("*.yaml")):
        if file.stem == "mnist":  # its files are the user's
            continue
        text = " ".join(line[2:] for line in file.read_text().splitlines() if line.startswith("# "))
        found += [(file.name, quoted or plain) for quoted, plain in re.findall(r"--set (?:\"(.*?)\"|([^\s,)]+))", text)]
    return found


@pytest.mark.parametrize(("name", "change"), _commands(), ids=str)
def test_what_the_head_of_a_scenario_proposes_is_accepted(name: str, change: str) -> None:
    load_scenario(ROOT / "scenarios" / name, [change.rstrip(".")])

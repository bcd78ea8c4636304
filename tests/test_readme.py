"""What the README shows can be run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from wirelessfsl.cli import main
from wirelessfsl.scenario import load_scenario

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = [
    block
    for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    if not re.search("my_pkg|my-images|my-plays", block)  # what only a user has
]
COMMANDS = [line.partition("   #")[0].strip() for line in README.splitlines() if line.startswith("wirelessfsl codec ")]
SHOWN = re.findall(r"```\n\$ wirelessfsl (.*)\n([^`]*)```", README)
"""Commands with what they print."""


def test_there_is_something_to_run() -> None:
    assert len(BLOCKS) >= 2
    assert len(COMMANDS) >= 3
    assert len(SHOWN) >= 1


@pytest.mark.parametrize("block", BLOCKS)
def test_a_piece_of_a_scenario_is_right_in_the_quickstart(block: str, tmp_path: Path) -> None:
    yaml = YAML(typ="safe", pure=True)
    whole = yaml.load((ROOT / "scenarios" / "quickstart.yaml").read_text()) | yaml.load(block)
    with (tmp_path / "s.yaml").open("w") as file:
        yaml.dump(whole, file)
    assert load_scenario(tmp_path / "s.yaml").name == "quickstart"


@pytest.mark.parametrize("command", [command for command in COMMANDS if "--file" not in command])
def test_codecs_are_measured_as_it_says(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(command)[1:]) == 0


@pytest.mark.parametrize(("command", "output"), SHOWN)
def test_a_command_prints_what_is_shown(
    command: str, output: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(command)) == 0
    assert capsys.readouterr().out == output


@pytest.mark.parametrize("name", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_scheme_of_a_scenario_has_its_line(name: Path) -> None:
    kind = YAML(typ="safe", pure=True).load(name.read_text())["algorithm"]["kind"]
    assert f"| `{kind}` |" in README


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

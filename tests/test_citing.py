"""Every scheme and codec that follows somebody has a reference, and every reference is of something."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from wirelessfsl.catalogue import CATALOGUE
from wirelessfsl.citing import EVERYWHERE, cite, references
from wirelessfsl.cli import main

ROOT = Path(__file__).parents[1]
OURS = {"identity"}
"""Codecs and schemes that follow nobody."""
FIELDS = {
    "article": {"author", "title", "journal", "year"},
    "book": {"author", "title", "publisher", "year"},
    "incollection": {"author", "title", "booktitle", "publisher", "year"},
    "inproceedings": {"author", "title", "booktitle", "year"},
    "misc": {"author", "title", "year"},
    "software": {"author", "title", "url"},
    "techreport": {"author", "title", "institution"},
}


def keys(bibtex: str) -> set[str]:
    return set(re.findall(r"^@\w+{(.+),$", bibtex, re.MULTILINE))


@pytest.mark.parametrize("group", ["algorithms", "codecs"])
def test_every_scheme_and_codec_has_a_reference(group: str) -> None:
    known = set().union(*(entry.keywords for entry in references()))
    assert not CATALOGUE[group].keys() - known - OURS


def test_every_reference_is_of_something_that_there_is_once() -> None:
    names = Counter(name for members in CATALOGUE.values() for name in members)
    for entry in references():
        for keyword in entry.keywords - {EVERYWHERE}:
            assert names[keyword] == 1, f"{entry.key}: {keyword}"  # a name of two things would cite for the wrong one


def test_no_key_is_given_twice_and_keys_are_in_order() -> None:
    found = [entry.key for entry in references()]
    assert found == sorted(set(found))


def test_entries_are_bibtex_with_the_fields_of_their_type() -> None:
    for entry in references():
        first, *fields, last = entry.text.splitlines()
        kind = first[1 : first.index("{")]
        assert last == "}"
        assert entry.text.count("{") == entry.text.count("}")
        named = re.findall(r"^  (\w+) = {", "\n".join(fields), re.MULTILINE)
        assert len(named) == len(set(named))
        assert FIELDS[kind] <= set(named), entry.key
        assert (
            re.fullmatch(r"\d{4}\.\d{4,5}", found[1]) if (found := re.search(r"eprint = {(.*)}", entry.text)) else True
        )


def test_a_reference_reads_as_a_line_without_tex() -> None:
    lines = {entry.key: entry.line for entry in references()}
    assert not [line for line in lines.values() if re.search(r"[\\\\{}]|--", line)]
    assert lines["thapa2022splitfed"] == (
        "Chandra Thapa, Pathum Chamikara Mahawaga Arachchige, Seyit Camtepe, Lichao Sun. SplitFed: When Federated"
        " Learning Meets Split Learning. Proceedings of the AAAI Conference on Artificial Intelligence, vol. 36, no. 8,"
        " pp. 8485–8493, arXiv:2004.12088, 2022."
    )
    assert lines["3gpp38214"] == (
        "3GPP. NR; Physical layer procedures for data. 3rd Generation Partnership Project, TS 38.214."
    )
    assert lines["konecny2016federated"].startswith("Jakub Konečný, H. Brendan McMahan,")
    assert lines["vaswani2017attention"].startswith("Ashish Vaswani, et al. Attention")


def test_a_reference_leads_to_its_page() -> None:
    links = {entry.key: entry.link for entry in references()}
    assert links["thapa2022splitfed"] == "https://doi.org/10.1609/aaai.v36i8.20825"
    assert links["wadhwa2023pfsl"] == "https://arxiv.org/abs/2303.10624"
    assert links["simpy"] == "https://simpy.readthedocs.io"
    assert links["tse2005fundamentals"] is None


def test_several_scenarios_cite_what_one_of_them_uses_once() -> None:
    one, other = (
        {"data": {"name": "blobs"}, "model": {"name": "x:y"}, "codec": {"kind": kind}} for kind in ("qsgd", "nr")
    )
    assert keys(cite(one, other)) == keys(cite(one)) | keys(cite(other))
    assert len(re.findall("simpy,", cite(one, other))) == 1


def test_a_scenario_cites_what_it_uses_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cite", str(ROOT / "scenarios" / "quickstart.yaml")]) == 0
    expected = {
        "alpaydin1998optical", "forney1998modulation", "jacob2018quantization", "li2022federated", "paszke2019pytorch",
        "rappaport2002wireless", "robbins1951stochastic", "simpy", "thapa2022splitfed", "tse2005fundamentals",
        "yurochkin2019bayesian",
    }  # fmt: skip
    assert keys(capsys.readouterr().out) == expected


def test_what_has_no_effect_is_not_cited(capsys: pytest.CaptureFixture[str]) -> None:
    change = ["--set", "network={medium: {kind: constant}}"]
    assert main(["cite", str(ROOT / "scenarios" / "quickstart.yaml"), *change]) == 0
    assert not keys(capsys.readouterr().out) & {"tse2005fundamentals", "rappaport2002wireless", "forney1998modulation"}


def test_a_run_cites_what_its_scenario_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick = str(ROOT / "scenarios" / "quickstart.yaml")
    assert main(["run", quick, "--set", "algorithm.rounds=1", "--out", str(tmp_path / "x")]) == 0
    cited = []
    for what in quick, str(tmp_path / "x"):
        capsys.readouterr()
        assert main(["cite", what]) == 0
        cited.append(capsys.readouterr().out)
    assert cited[0] == cited[1]


def test_only_what_every_run_stands_on_is_left_of_a_scenario_of_ones_own() -> None:
    assert keys(cite({"data": {"name": "blobs"}, "model": {"name": "my:net"}})) == {"paszke2019pytorch", "simpy"}


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("nowhere.yaml", ".yaml: cannot be read: No such file or directory\n"),
        (".", ".: not a run folder (no manifest.json); give a folder that `wirelessfsl run` made\n"),
    ],
)
def test_what_is_no_scenario_and_no_run_is_one_message_and_exit_status_2(
    path: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["cite", path]) == 2
    assert capsys.readouterr().err.endswith(told)

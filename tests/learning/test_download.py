"""Downloading, from a server on this machine that keeps small files."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.learning.test_data import unique_images, write
from tests.learning.test_images import cifar
from wirelessfsl.cli import main
from wirelessfsl.learning import download as module
from wirelessfsl.learning.data import load
from wirelessfsl.learning.download import SOURCES, DownloadError, Source, download


class Quiet(SimpleHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012 (one server at a time)

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is served, with the sources pointing there and the checksums of what it holds."""
    kept = tmp_path / "kept"
    kept.mkdir()
    write(kept, "train", *unique_images(50), zipped=True)
    write(kept, "t10k", *unique_images(10, first=50), zipped=True)
    cifar(tmp_path / "tar" / "cifar-10-batches-bin")
    with tarfile.open(kept / "cifar-10-binary.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "tar" / "cifar-10-batches-bin", "cifar-10-batches-bin")
        extra = tarfile.TarInfo("cifar-10-batches-bin/readme.html")
        archive.addfile(extra, io.BytesIO())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(kept)))
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    Quiet.asked.clear()
    monkeypatch.setattr(
        module,
        "SOURCES",
        {
            name: Source(
                f"http://127.0.0.1:{server.server_port}/",
                {file: hashlib.md5((kept / file).read_bytes()).hexdigest() for file in source.md5},
                source.unpack,
            )
            for name, source in SOURCES.items()
        },
    )
    monkeypatch.setenv("WIRELESSFSL_DATA", str(tmp_path / "data"))
    yield kept
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_what_was_downloaded_is_found_without_a_word_about_where(
    name: str, keeper: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["download", name]) == 0
    assert f"{name} is in " in capsys.readouterr().out
    data = load(name, None, None, seed=1)
    assert len(data.test_labels) == (4 if name == "cifar10" else 10)


def test_files_that_are_there_are_not_fetched_again(keeper: Path, tmp_path: Path) -> None:
    download("mnist", tmp_path / "here")
    Quiet.asked.clear()
    download("mnist", tmp_path / "here")
    assert Quiet.asked == []


def test_a_wrong_checksum_leaves_nothing_behind(
    keeper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (keeper / "train-images-idx3-ubyte.gz").write_bytes(b"something else")
    assert main(["download", "mnist", "--to", str(tmp_path / "here")]) == 1
    assert "train-images-idx3-ubyte.gz: " in capsys.readouterr().err
    assert [*(tmp_path / "here").iterdir()] == []


def test_no_network_is_told_with_what_to_do(keeper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = module.SOURCES["cifar10"]
    monkeypatch.setitem(module.SOURCES, "cifar10", source._replace(url="http://127.0.0.1:9/"))
    with pytest.raises(DownloadError, match=r"Fetch it in another way and put it into .*here, unpacked"):
        download("cifar10", tmp_path / "here")


def test_a_folder_that_cannot_be_made_is_refused_before_the_network_is_asked(
    keeper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["download", "mnist", "--to", str(tmp_path / "file" / "foo")]) == 2
    out, err = capsys.readouterr()
    assert err == f"cannot make {tmp_path / 'file' / 'foo'}: Not a directory; give another folder with --to\n"
    assert out == ""
    assert Quiet.asked == []


def test_another_name_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["download", "digits"]) == 2
    assert capsys.readouterr().err == "download: got 'digits', allowed: mnist, fashion_mnist, cifar10\n"


def test_the_checksums_are_md5s_of_files_of_which_no_two_are_equal() -> None:
    sums = [md5 for source in SOURCES.values() for md5 in source.md5.values()]
    assert all(len(md5) == 32 and int(md5, 16) for md5 in sums)
    assert len(set(sums)) == len(sums) == 9

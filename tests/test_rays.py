"""Connecting to Ray. What goes through it is tested where it is used."""

from __future__ import annotations

import sys

import pytest

from wirelessfsl.rays import connect, library


def test_without_ray_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"^--executor ray needs Ray: pip install 'wirelessfsl\[ray\]'$"):
        library("--executor ray")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nowhere"])
def test_an_address_where_nobody_answers_is_the_users_mistake(address: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(ValueError, match=f"^--address: no Ray answers at {address}: "):
        connect(library("a test"), address, None)

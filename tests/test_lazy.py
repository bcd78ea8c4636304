import os
from runpy import run_path

import pytest

from wirelessfsl import lazy


@pytest.mark.parametrize(("set_before", "then"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_of_torch_sleep_while_they_wait_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, set_before: str | None, then: str
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", set_before or "")
    if set_before is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    run_path(lazy.__file__)
    assert os.environ["OMP_WAIT_POLICY"] == then

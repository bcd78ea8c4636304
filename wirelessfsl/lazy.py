"""Torch, imported when it is first used, so that ``list``, ``check`` and ``--help`` answer at once.

``from wirelessfsl.lazy import torch`` is ``import torch`` for a type checker and a stand-in at run time: the first
attribute taken from it imports the module. Only ``learning`` and ``codecs`` may import it (rule 2 of the house).

Its threads sleep while they wait for each other, unless OMP_WAIT_POLICY says otherwise. As they come, they turn in
circles for a millisecond first, and where another process holds a core that is what they do most of the time.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    import torch as torch
else:

    class _Torch:
        def __getattr__(self, name: str) -> object:
            import torch

            value = getattr(torch, name)
            setattr(self, name, value)
            return value

    torch = _Torch()

"""Tests compute on one thread, as runs do: threads of several test processes would get in each other's way."""

from __future__ import annotations

import torch

torch.set_num_threads(1)

"""Tests compute on one thread, as runs do: threads of several test processes would get in each other's way.

Where the tests run in the background of a shell, Ctrl-C is ignored by them and would be by the programs that they start
and interrupt: it is not.
"""

from __future__ import annotations

import signal

import torch

torch.set_num_threads(1)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

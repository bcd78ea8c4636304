"""Names of the executors, for who asks for one, and what they are."""

from __future__ import annotations

EXECUTORS = {
    "auto": """What suits scenario and host; `wirelessfsl check` and the manifest say which, and why.

On a GPU stacked; sequential where nothing is trained side by side, with one core or one client, below 3e11 FLOPs of
training (some ten seconds of a core) or where memory is short; else processes, with as many workers as there is memory
for.""",
    "sequential": """One kernel after another in this process: the reference.

One client's after another's, as far as they do not need each other: its weights stay in the processor's cache, and an
average takes each client's weights as they come. On a GPU the same.""",
    "processes": """Worker processes of this machine, each client's kernels in one of them: the same bit for bit.

What a kernel returns stays with its worker; what another one wants lies in shared memory. --workers says how many, by
default one a core; each takes some 150 MB and what one client has in flight. A worker that dies ends the run, which can
be resumed.""",
    "stacked": """Equal kernels of many clients as one, for GPUs: the same events with codecs of fixed size.

By torch.func.vmap. On a GPU it is what auto takes: weights, data and codecs up to the bytes that fly stay there. Sums
round otherwise, so that weights differ in the last digits, through a quantiser by some of its levels. On a processor
convolutions with weights of their own for every client are slower than one after the other.""",
    "ray": """A Ray cluster, or a Ray of this machine: on equal machines the same bit for bit.

It takes pip install 'wirelessfsl[ray]'. Whole stretches of a client's kernels are tasks of Ray. --address HOST:PORT
says where the cluster is, --workers how many processes a Ray of this machine has. What a lost worker or machine had
made is computed again, in up to four tries. It pays where a kernel takes more than a few milliseconds.""",
}
"""By name: a line, and more about it."""

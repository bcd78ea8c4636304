"""The reference: one kernel after another in this thread."""

from __future__ import annotations

from time import perf_counter

from wirelessfsl.learning.executors.graph import Graph, Task, in_this_process


class Sequential(Graph):
    """Runs kernels in this thread, one by one, when something that they return is read."""

    def run(self, task: Task) -> None:
        begin = perf_counter()
        try:
            value = in_this_process(task)
            self.account(task.kernel, begin)
            task.end(value)
        except Exception as error:
            task.fail(error)

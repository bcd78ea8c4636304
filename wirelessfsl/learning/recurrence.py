"""The recurrent half of an LSTM layer as one operation of torch, forward and backward.

Step by step it would be thousands of operations in every traced pass, and torch's fused LSTM cannot be trained from a
trace. What is given up is a gradient of the gradient.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from wirelessfsl.learning.chain import Shape


@torch.library.custom_op("wirelessfsl::lstm", mutates_args=())
def lstm(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """States of an LSTM layer from what its inputs give to the gates, beginning with zeros.

        i, f, o = sigmoid(z), g = tanh(z),  z_t = x_t + h_{t-1} W
        c_t = f c_{t-1} + i g,  h_t = o tanh(c_t)

    Source: Hochreiter and Schmidhuber, Neural Computation 9, 1997, with the forget gate of Gers et al. (2000).

    x: inputs of the gates i, f, o, g in this order, shape (batch, length, 4 units).
    weight: W, shape (units, 4 units).

    Returns states h, shape (batch, length, units); gates after their function; cells c.
    """
    units = len(weight)
    state = cell = x.new_zeros(len(x), units)
    states, gates, cells = [], [], []
    for drive in x.unbind(1):
        gate = torch.addmm(drive, state, weight)
        gate[:, : 3 * units].sigmoid_()
        gate[:, 3 * units :].tanh_()
        i, f, o, g = gate.chunk(4, 1)
        cell = f * cell + i * g
        state = o * cell.tanh()
        states.append(state)
        gates.append(gate)
        cells.append(cell)
    return torch.stack(states, 1), torch.stack(gates, 1), torch.stack(cells, 1)


@torch.library.custom_op("wirelessfsl::lstm_backward", mutates_args=())
def lstm_backward(
    gradient: Tensor, weight: Tensor, states: Tensor, gates: Tensor, cells: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of x and of the weight from that of the states, through time."""
    before = torch.cat([torch.zeros_like(cells[:, :1]), cells[:, :-1]], 1)
    of_state = of_cell = torch.zeros_like(gradient[:, 0])
    of_gates = torch.empty_like(gates)
    for t in reversed(range(gates.shape[1])):
        i, f, o, g = gates[:, t].chunk(4, 1)
        tanh = cells[:, t].tanh()
        of_state = gradient[:, t] + of_state
        of_cell = of_cell + of_state * o * (1 - tanh * tanh)
        at = (of_cell * g * i * (1 - i), of_cell * before[:, t] * f * (1 - f), of_state * tanh * o * (1 - o))
        of_gates[:, t] = torch.cat([*at, of_cell * i * (1 - g * g)], 1)
        of_state = of_gates[:, t] @ weight.t()
        of_cell = of_cell * f
    return of_gates, torch.einsum("bth,btg->hg", states[:, :-1], of_gates[:, 1:])


@lstm.register_fake
def _(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    states = x.new_empty(*x.shape[:2], len(weight))
    return states, torch.empty_like(x), torch.empty_like(states)


@lstm_backward.register_fake
def _(gradient: Tensor, weight: Tensor, states: Tensor, gates: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(gates), torch.empty_like(weight)


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor, Tensor]) -> None:
    ctx.save_for_backward(inputs[1], *output)


def _back(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
    gradients: tuple[Tensor, Tensor] = lstm_backward(gradient, *ctx.saved_tensors)
    return gradients


lstm.register_autograd(_back, setup_context=_keep)


@register_flop_formula(torch.ops.wirelessfsl.lstm)
def _forward_flops(x: Shape, weight: Shape, **_: Any) -> int:
    """A product with the weight at every position."""
    return 2 * x[0] * x[1] * weight[0] * weight[1]


@register_flop_formula(torch.ops.wirelessfsl.lstm_backward)
def _backward_flops(gradient: Shape, weight: Shape, *rest: Shape, **_: Any) -> int:
    """Gradients of the states and of the weight: each as the forward pass."""
    return 2 * _forward_flops(gradient, weight)

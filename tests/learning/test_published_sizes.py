"""Sizes and costs of the deep models and of those for text, against the published figures and hand arithmetic."""

from __future__ import annotations

import pytest
import torch

from tests.learning.plain import CLASSES, same
from wirelessfsl.learning.models import ModelSpec, make
from wirelessfsl.learning.stage import Flops, Stage, cut_points_of, outermost, split

RESNET = ModelSpec("resnet18", (3, 224, 224), CLASSES)
LAYERS = ("maxpool", "layer1", "layer2", "layer3", "layer4")


def parameters(stage: Stage) -> int:
    return sum(p.numel() for p in stage.module().parameters())


def test_resnet18_by_stage_has_the_published_parameters_and_multiply_accumulates() -> None:
    stages = split(RESNET, LAYERS)
    assert [parameters(stage) for stage in stages] == [9_536, 147_968, 525_568, 2_099_712, 8_393_728, 5_130]
    macs = [118_013_952, 462_422_016, 411_041_792, 411_041_792, 411_041_792, 5_120]
    assert [stage.flops(1).forward for stage in stages] == [2 * each for each in macs]


def test_resnet18_cut_for_personalised_split_learning_has_the_sizes_of_its_code() -> None:
    front, centre, back = split(RESNET, ("maxpool", "layer3"))
    assert front.output_shape() == (64, 56, 56)
    assert centre.output_shape() == (256, 14, 14)
    assert parameters(back) == 8_398_858
    (whole,) = split(RESNET, ())
    gigaflops = [stage.flops(64).forward / 1e9 for stage in (whole, front, back)]
    assert gigaflops == pytest.approx([232.14, 15.11, 52.61], abs=0.005)


def test_resnet18_has_the_modules_of_torchvision_by_name() -> None:
    names = set(make(RESNET).state_dict())
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = {"conv1.weight", "fc.weight", "fc.bias", *(f"bn1.{each}" for each in norm)}
    for layer in range(1, 5):
        for block in range(2):
            at = f"layer{layer}.{block}"
            expected |= {f"{at}.conv{i}.weight" for i in (1, 2)} | {f"{at}.bn{i}.{n}" for i in (1, 2) for n in norm}
            if layer > 1 and block == 0:
                expected |= {f"{at}.downsample.0.weight"} | {f"{at}.downsample.1.{each}" for each in norm}
    assert names == expected


def test_resnet18_can_be_cut_after_every_layer_and_every_block() -> None:
    blocks = {f"layer{i}.0" for i in range(1, 5)}
    assert blocks | {*LAYERS} <= set(cut_points_of(RESNET))
    assert {"layer1", "layer2", "layer3", "layer4"} <= set(outermost(cut_points_of(RESNET)))


@pytest.mark.parametrize(
    ("block", "elements", "weights", "macs"),
    [
        ("conv1", 65_536, 1_792, 1.77e6),
        ("conv2", 65_536, 38_720, 39.5e6),
        ("pool1", 16_384, 38_720, 39.5e6),
        ("conv4", 32_768, 260_160, 96.1e6),
        ("pool2", 8_192, 260_160, 96.1e6),
        ("conv8", 16_384, 2_325_568, 228.3e6),
        ("pool3", 4_096, 2_325_568, 228.3e6),
        ("conv12", 8_192, 10_585_152, 360.4e6),
        ("pool4", 2_048, 10_585_152, 360.4e6),
        ("conv16", 2_048, 20_024_384, 398.1e6),
        ("pool5", 512, 20_024_384, 398.1e6),
    ],
)
def test_vgg19_cut_after_a_block_has_the_calculated_sizes(block: str, elements: int, weights: int, macs: float) -> None:
    client, server = split(ModelSpec("vgg19", (3, 32, 32), CLASSES), (block,))
    channels, height, width = client.output_shape()
    assert channels * height * width == elements
    assert parameters(client) == weights
    assert parameters(client) + parameters(server) == 20_029_514
    assert client.flops(1).forward / 2 == pytest.approx(macs, rel=2e-3)


def test_vgg_can_be_cut_after_every_convolution_and_pool() -> None:
    blocks = [*(f"conv{i}" for i in range(1, 14)), *(f"pool{i}" for i in range(1, 6))]
    assert sorted(outermost(cut_points_of(ModelSpec("vgg16", (3, 32, 32), CLASSES)))) == sorted(blocks)


@pytest.mark.parametrize("model", ["vgg19", "resnet18_cifar"])
def test_a_signal_reaches_the_end_of_a_deep_model(model: str) -> None:
    # By torch's own rule the outputs of VGG-19 for two images differ by less than 1e-6.
    torch.manual_seed(0)
    net = make(ModelSpec(model, (3, 32, 32), CLASSES))
    first, second = net(torch.randn(2, 3, 32, 32))
    assert 1e-3 < float((first - second).detach().norm()) < 30


def test_an_lstm_layer_costs_4_h_times_e_plus_h_multiply_accumulates_a_character() -> None:
    stages = split(ModelSpec("char_lstm", (80,), 65, tokens=True), ("embedding", "lstm1", "lstm2"))
    macs = [0, 80 * 4 * 256 * (8 + 256), 80 * 4 * 256 * (256 + 256), 256 * 65]
    assert [stage.flops(1).forward for stage in stages] == [2 * each for each in macs]
    assert [stage.flops(1).backward for stage in stages] == [4 * each for each in macs]
    assert [stage.output_shape() for stage in stages] == [(80, 8), (80, 256), (80, 256), (65,)]


def test_a_block_of_the_transformer_costs_its_linear_layers_and_two_products_of_attention() -> None:
    stages = split(ModelSpec("char_transformer", (80,), 65, tokens=True), ("embedding", "block1", "block2"))
    block = 80 * 12 * 64 * 64 + 2 * 80 * 80 * 64
    macs = [0, block, block, 64 * 65]
    assert [stage.flops(1) for stage in stages] == [Flops(2.0 * each, 4.0 * each) for each in macs]


def test_the_recurrence_and_its_gradients_are_those_of_torchs_lstm() -> None:
    from wirelessfsl.learning.blocks import Lstm

    rng = torch.Generator().manual_seed(0)
    ours, theirs = Lstm(3, 5).double(), torch.nn.LSTM(3, 5, batch_first=True).double()
    order = torch.cat([torch.arange(5) + 5 * gate for gate in (0, 1, 3, 2)])  # torch has i, f, g, o
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.gates.weight[order])
        theirs.weight_hh_l0.copy_(ours.weight.t()[order])
        theirs.bias_ih_l0.copy_(ours.gates.bias[order])
        theirs.bias_hh_l0.zero_()
    x = torch.randn(4, 7, 3, generator=rng, dtype=torch.float64)
    weight = torch.randn(4, 7, 5, generator=rng, dtype=torch.float64)
    pairs = []
    for net, forward in ((ours, lambda x: ours(x)), (theirs, lambda x: theirs(x)[0])):
        inputs = x.clone().requires_grad_()
        out = forward(inputs)
        gradients = torch.autograd.grad((out * weight).sum(), [inputs, *net.parameters()])
        pairs.append((out.detach(), *gradients))
    (out, of_x, of_weight, of_gates, of_bias), (out_, of_x_, of_gates_, of_weight_, of_bias_, _) = pairs
    for got, expected in (
        (out, out_),
        (of_x, of_x_),
        (of_gates[order], of_gates_),
        (of_weight.t()[order], of_weight_),
        (of_bias[order], of_bias_),
    ):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def test_every_position_of_the_window_counts_and_none_outside_of_it() -> None:
    net = make(ModelSpec("char_transformer", (6,), 5, tokens=True))
    text = torch.zeros(1, 6, dtype=torch.int64)
    before = net(text).detach()
    for at in range(6):
        changed = text.clone()
        changed[0, at] = 1
        assert not same(net(changed).detach(), before)

"""Networks for images, from a few thousand parameters to VGG-19, as named blocks one after the other.

Inputs are float32 of shape (channels, height, width). The deep ones begin with the weights of He et al. (ICCV 2015),
normal with variance 2 / fan-out, as torchvision does; the others as torch initialises each layer. Local response
normalisation, dropout inside of convolutions and the 4096-unit heads of ImageNet's VGG are left out.
"""

from __future__ import annotations

from itertools import count
from math import prod
from typing import TYPE_CHECKING

from wirelessfsl.lazy import torch
from wirelessfsl.learning.chain import Shape, chain

if TYPE_CHECKING:
    from torch import nn


def mlp(shape: Shape, classes: int) -> nn.Module:
    """Two hidden layers of 64 units: fc1, fc2, head."""
    nn = torch.nn
    return chain(
        fc1=nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), 64), nn.ReLU()),
        fc2=nn.Sequential(nn.Linear(64, 64), nn.ReLU()),
        head=nn.Linear(64, classes),
    )


def small_cnn(shape: Shape, classes: int) -> nn.Module:
    """Two 3x3 convolutions with ReLU and 2x2 max-pooling (16 and 32 channels), then one linear layer."""
    nn = torch.nn
    channels, height, width = shape
    return chain(
        block1=nn.Sequential(nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        block2=nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        head=nn.Sequential(nn.Flatten(), nn.Linear(32 * (height // 4) * (width // 4), classes)),
    )


def small_cnn_bn(shape: Shape, classes: int) -> nn.Module:
    """As small_cnn, with batch normalisation after each convolution (its running statistics travel with the model)."""
    nn = torch.nn
    channels, height, width = shape
    return chain(
        block1=nn.Sequential(nn.Conv2d(channels, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        block2=nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        head=nn.Sequential(nn.Flatten(), nn.Linear(32 * (height // 4) * (width // 4), classes)),
    )


def lenet(shape: Shape, classes: int) -> nn.Module:
    """LeNet-5 with ReLU and max-pooling (after LeCun et al. 1998): 6 and 16 channels of 5x5, then 120-84-classes."""
    nn = torch.nn
    channels, height, width = shape
    side_h, side_w = ((height - 4) // 2 - 4) // 2, ((width - 4) // 2 - 4) // 2
    return chain(
        block1=nn.Sequential(nn.Conv2d(channels, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        block2=nn.Sequential(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        fc1=nn.Sequential(nn.Linear(16 * side_h * side_w, 120), nn.ReLU()),
        fc2=nn.Sequential(nn.Linear(120, 84), nn.ReLU()),
        head=nn.Linear(84, classes),
    )


def femnist_cnn(shape: Shape, classes: int) -> nn.Module:
    """The FEMNIST network of adaptive federated optimisation (Reddi et al., ICLR 2021): 3x3 convolutions of 32 and 64.

    Max-pooling and dropout of 0.25, 128 units and dropout of 0.5, classes. For 28x28 images and 62 classes 1,206,590
    parameters, of which 18,816 are before the cut at conv2; there a sample has 12 x 12 x 64 = 9,216 numbers.
    """
    nn = torch.nn
    channels, height, width = shape
    numbers = 64 * ((height - 4) // 2) * ((width - 4) // 2)
    return chain(
        conv1=nn.Sequential(nn.Conv2d(channels, 32, 3), nn.ReLU()),
        conv2=nn.Sequential(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        dense=nn.Sequential(nn.Dropout(0.25), nn.Flatten(), nn.Linear(numbers, 128), nn.ReLU()),
        head=nn.Sequential(nn.Dropout(0.5), nn.Linear(128, classes)),
    )


def resnet8(shape: Shape, classes: int) -> nn.Module:
    """Residual network of 8 layers for small images (He et al. 2016, sec. 4.2 with n = 1): 16, 32, 64 channels."""
    from wirelessfsl.learning.blocks import Residual

    nn = torch.nn
    return chain(
        stem=nn.Sequential(nn.Conv2d(shape[0], 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        layer1=Residual(16, 16, stride=1),
        layer2=Residual(16, 32, stride=2),
        layer3=Residual(32, 64, stride=2),
        head=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes)),
    )


def resnet18(shape: Shape, classes: int) -> nn.Module:
    """Residual network of 18 layers for large images (He et al., CVPR 2016, table 1): 64, 128, 256, 512 channels.

    11,181,642 parameters for 3 channels and 10 classes. Modules and parameters have the names of torchvision's
    resnet18, so that its weights can be loaded; cuts follow maxpool, layer1 to layer4, or a block such as layer2.0.
    """
    nn = torch.nn
    conv1 = nn.Conv2d(shape[0], 64, 7, stride=2, padding=3, bias=False)
    return _resnet18(classes, conv1, maxpool=nn.MaxPool2d(3, stride=2, padding=1))


def resnet18_cifar(shape: Shape, classes: int) -> nn.Module:
    """Residual network of 18 layers for small images: resnet18 that begins with a 3x3 convolution and no pooling.

    11,173,962 parameters for 3 channels and 10 classes. All modules but conv1 are those of resnet18, with its names.
    """
    return _resnet18(classes, torch.nn.Conv2d(shape[0], 64, 3, padding=1, bias=False))


def _resnet18(classes: int, conv1: nn.Module, **pool: nn.Module) -> nn.Module:
    from wirelessfsl.learning.blocks import Residual

    nn = torch.nn
    layers = {
        f"layer{i}": nn.Sequential(Residual(before, width, stride), Residual(width, width, 1))
        for i, (before, width, stride) in enumerate([(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)], 1)
    }
    top = {"avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(512, classes)}
    return _he(chain(conv1=conv1, bn1=nn.BatchNorm2d(64), relu=nn.ReLU(), **pool, **layers, **top))


def vgg16(shape: Shape, classes: int) -> nn.Module:
    """VGG of 13 convolutions and one linear layer for small images (Simonyan and Zisserman, ICLR 2015, column D).

    Blocks conv1 to conv13 (3x3, with ReLU) and pool1 to pool5; 14,719,818 parameters for 3 channels and 10 classes.
    """
    return _vgg(shape, classes, (2, 2, 3, 3, 3))


def vgg19(shape: Shape, classes: int) -> nn.Module:
    """VGG of 16 convolutions and one linear layer for small images (Simonyan and Zisserman, ICLR 2015, column E).

    Blocks conv1 to conv16 (3x3, with ReLU) and pool1 to pool5; 20,029,514 parameters for 3 channels and 10 classes.
    """
    return _vgg(shape, classes, (2, 2, 4, 4, 4))


def _vgg(shape: Shape, classes: int, convolutions: tuple[int, ...]) -> nn.Module:
    nn = torch.nn
    blocks: dict[str, nn.Module] = {}
    channels, numbers = shape[0], count(1)
    for pool, (depth, width) in enumerate(zip(convolutions, (64, 128, 256, 512, 512), strict=True), 1):
        for _ in range(depth):
            blocks[f"conv{next(numbers)}"] = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.ReLU())
            channels = width
        # Rounded up, a side of one pixel stays one: images below 32 pixels pass, too.
        blocks[f"pool{pool}"] = nn.MaxPool2d(2, ceil_mode=True)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))
    return _he(chain(**blocks, head=head))


def _he(network: nn.Module) -> nn.Module:
    """A network with its convolutions initialised for ReLU: without it, 16 of them in a row let no signal through."""
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                torch.nn.init.zeros_(layer.bias)
    return network

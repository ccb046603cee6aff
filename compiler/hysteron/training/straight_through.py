"""Binary layers that train with straight-through gradients [BinaryNet].

A layer keeps real-valued latent weights in [-1, 1]; the forward pass uses their
sign, the backward pass treats the sign as the identity where its argument lies
in [-1, 1] and as a constant elsewhere. sign(0) is +1 everywhere.

[BinaryNet] Hubara et al., Binarized Neural Networks, NeurIPS 2016.
"""

# torch is optional: where it is missing its classes are Any, and where it is
# present some of its methods have no types.
# mypy: allow-subclassing-any, allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from hysteron.errors import ModelError
from hysteron.training import export


class _SignFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x >= 0).to(x.dtype) * 2 - 1

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        x: Tensor = ctx.saved_tensors[0]
        return gradients[0] * (x.abs() <= 1)


def sign(x: Tensor) -> Tensor:
    """Return +1 where x >= 0 else -1; the gradient passes where abs(x) <= 1."""
    result: Tensor = _SignFunction.apply(x)
    return result


class Sign(nn.Module):
    """The function ``sign`` as a layer, any shape."""

    def forward(self, x: Tensor) -> Tensor:
        """Return sign(x), same shape."""
        return sign(x)


class _BinaryWeights(nn.Module):
    """Base of the layers with weights: ``latent`` is what the optimizer moves."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.empty(*shape).uniform_(-1.0, 1.0))
        #: What a faulty memory makes of the weights while training; see ``bit_errors``.
        self.disturb: Callable[[Tensor], Tensor] | None = None

    def weights(self) -> Tensor:
        """Return the +1 / -1 weights that the forward pass uses."""
        weights = sign(self.latent)
        return self.disturb(weights) if self.training and self.disturb else weights

    def clip(self) -> None:
        """Bring the latent weights back into [-1, 1]; call after each update."""
        with torch.no_grad():
            self.latent.clamp_(-1.0, 1.0)


class BinaryLinear(_BinaryWeights):
    """Dense layer without bias: [n, inputs] to [n, outputs], weights +1 / -1."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(outputs, inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return x @ weights.T."""
        return functional.linear(x, self.weights())


class BinaryConv2d(_BinaryWeights):
    """Stride-1 convolution without bias: [n, inputs, h, w] to [n, outputs, h', w'].

    ``pad`` rows and columns of zeros (not of +1 or -1) are added on each side.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, pad: int = 0) -> None:
        super().__init__(outputs, inputs, kernel, kernel)
        self.pad = pad

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of x with the +1 / -1 weights."""
        return functional.conv2d(x, self.weights(), padding=self.pad)


class TensorNorm(nn.Module):
    """Batch normalization with one mean and one scale for all elements.

    As the last layer it gives the loss well-scaled scores and leaves the order
    of the classes that of the integer sums, as long as its scale is positive.
    """

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized tensor, same shape."""
        result: Tensor = self.norm(x.reshape(-1, 1)).reshape(x.shape)
        return result


def binary_layers(net: nn.Module) -> list[_BinaryWeights]:
    """Return the layers of ``net`` with +1 / -1 weights, first to last."""
    return [module for module in net.modules() if isinstance(module, _BinaryWeights)]


def clip_latent_weights(net: nn.Module) -> None:
    """Clip the latent weights of every binary layer in ``net`` to [-1, 1]."""
    for layer in binary_layers(net):
        layer.clip()


def describe(net: nn.Sequential) -> list[export.Layer]:
    """Return the trained network as layers that ``export.build_model`` writes.

    Batch normalizations are settled (see ``export.settle_norm``), which needs
    integers before them: true here, as all inputs are integers and all weights
    +1 or -1. Raises ModelError naming a module that has no description.
    """
    return [_describe_one(module) for module in net]


def _describe_one(module: nn.Module) -> export.Layer:
    match module:
        case BinaryLinear():
            return export.Dense(_integers(module).T)
        case BinaryConv2d():
            return export.Conv(_integers(module), module.pad)
        case nn.MaxPool2d():
            return export.MaxPool(_one_size(module.kernel_size))
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return export.settle_norm(_norm(module))
        case Sign():
            return export.Sign()
        case nn.Flatten():
            return export.Flatten()
        case TensorNorm():
            return _affine(_norm(module.norm))
    raise ModelError(
        f"module {type(module).__name__} cannot be exported",
        wanted="BinaryLinear, BinaryConv2d, MaxPool2d, BatchNorm, Sign, Flatten or TensorNorm",
    )


def _one_size(kernel: int | tuple[int, ...]) -> int:
    if isinstance(kernel, int):
        return kernel
    raise ModelError("a pooling window is not square", got=str(kernel), wanted="one number")


def _integers(module: _BinaryWeights) -> np.ndarray[Any, np.dtype[np.int8]]:
    with torch.no_grad():
        return np.asarray(sign(module.latent).numpy(), np.int8)


def _norm(module: nn.BatchNorm1d | nn.BatchNorm2d) -> export.Norm:
    state = module.state_dict()
    scale, bias, mean, var = (
        state[name].numpy().copy() for name in ("weight", "bias", "running_mean", "running_var")
    )
    return export.Norm(scale, bias, mean, var, module.eps)


def _affine(norm: export.Norm) -> export.Affine:
    scale = float(norm.scale[0] / np.sqrt(norm.var[0] + norm.eps))
    return export.Affine(float(norm.mean[0] - norm.bias[0] / scale), scale)

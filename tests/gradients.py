"""Gradients held against another trainer's."""

from collections.abc import Mapping

import torch
from torch import nn


def assert_gradients(network: nn.Module, theirs: Mapping[str, torch.Tensor], within: float) -> None:
    """That every weight's gradient is `theirs`["gradient/NAME"], up to `within` of the largest of all."""
    gradients = {
        key.removeprefix("gradient/"): value for key, value in theirs.items() if key.startswith("gradient/")
    }
    ours = dict(network.named_parameters())
    assert ours.keys() == gradients.keys()
    largest = max(float(gradient.abs().max()) for gradient in gradients.values())
    assert largest > 1e-3
    for key, gradient in gradients.items():
        torch.testing.assert_close(ours[key].grad, gradient, rtol=0, atol=within * largest, msg=key)

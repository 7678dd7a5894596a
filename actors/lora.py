"""Low-rank adapters in a network (LoRA, Hu et al., arXiv 2106.09685), by peft, in place.

The base stands still; only adapters train. Engines and exports get merged weights, under the names that the
network had without adapters, and the base alone is the reference model.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from records.config import LoraConfig
from records.errors import UserError


def add_adapters(network: Any, config: LoraConfig) -> None:
    """Freeze `network` and put adapters beside the linear layers that `config` names.

    They change nothing yet.

    Raises:
        UserError: the network has no layer of such a name.
    """
    from peft import LoraConfig as PeftConfig
    from peft import inject_adapter_in_model

    names = {name.rpartition(".")[2] for name, layer in network.named_modules() if _is_linear(layer)}
    unknown = [target for target in config.targets if target not in names]
    if unknown:
        there = ", ".join(sorted(names))
        raise UserError(f"learner.lora.targets: the model has no layer {', '.join(unknown)}; it has {there}")
    peft = PeftConfig(
        r=config.rank, lora_alpha=config.alpha, target_modules=list(config.targets), bias="none"
    )
    inject_adapter_in_model(peft, network)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_("lora_" in name)


@contextmanager
def without_adapters(network: Any) -> Iterator[None]:
    """The network as it was before any adapter, inside the block."""
    layers = [layer for layer in network.modules() if _is_adapted(layer)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def merged_parameters(network: Any) -> Iterator[tuple[str, list[torch.nn.Parameter], Any]]:
    """Every weight by its name without adapters: (name, the parameters it is made of, how).

    The last is called once these are there, whole (ZeRO-3 parts them), and returns the tensor.
    """
    layers = {f"{name}.": layer for name, layer in network.named_modules() if _is_adapted(layer)}
    for name, parameter in network.named_parameters():
        prefix = next((one for one in layers if name.startswith(one)), "")
        if not prefix:
            yield name, [parameter], parameter.detach
        elif name == f"{prefix}base_layer.weight":
            layer = layers[prefix]
            pair = [layer.lora_A["default"].weight, layer.lora_B["default"].weight]
            yield f"{prefix}weight", [parameter, *pair], _Merged(layer)
        elif "base_layer" in name:
            yield name.replace("base_layer.", ""), [parameter], parameter.detach


class _Merged:
    """The weight of a layer with its adapter added, in the precision of the base."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def __call__(self) -> torch.Tensor:
        base: torch.Tensor = self.layer.base_layer.weight.detach()
        down = self.layer.lora_A["default"].weight.detach().float()
        up = self.layer.lora_B["default"].weight.detach().float()
        merged: torch.Tensor = base.float() + self.layer.scaling["default"] * (up @ down)
        return merged.to(base.dtype)


def _is_adapted(layer: Any) -> bool:
    return hasattr(layer, "lora_A") and hasattr(layer, "base_layer")


def _is_linear(layer: Any) -> bool:
    return isinstance(layer, torch.nn.Linear)

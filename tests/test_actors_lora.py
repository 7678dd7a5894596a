"""Adapters: nothing changes at first, they train alone, and merged weights are the trained network."""

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from actors.lora import add_adapters, merged_parameters, without_adapters
from records.config import LoraConfig
from records.errors import UserError

torch.set_num_threads(1)
IDS = torch.tensor([[1, 2, 3, 4, 5]])


def _network() -> Qwen3ForCausalLM:
    torch.manual_seed(0)
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=20,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            tie_word_embeddings=False,
        )
    )


def _trained(config: LoraConfig) -> Qwen3ForCausalLM:
    """A network whose adapters have moved."""
    network = _network()
    add_adapters(network, config)
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=5.0)
    for _ in range(3):
        network(IDS, labels=IDS).loss.backward()
        optimizer.step()
    return network


def test_adapters_change_nothing_at_first_and_train_alone() -> None:
    network, plain = _network(), _network()
    add_adapters(network, LoraConfig(rank=2))
    assert torch.equal(network(IDS).logits, plain(IDS).logits)
    trainable = {name for name, p in network.named_parameters() if p.requires_grad}
    assert trainable
    assert all("lora_" in name for name in trainable)
    # Two layers of seven each, a pair each.
    assert len(trainable) == 2 * 7 * 2


@pytest.mark.parametrize(
    "config", [LoraConfig(rank=2), LoraConfig(rank=4, alpha=1.0, targets=["q_proj", "down_proj"])]
)
def test_merged_weights_are_the_trained_network_under_the_old_names(config: LoraConfig) -> None:
    network, plain = _trained(config), _network()
    merged = {name: whole().clone() for name, _, whole in merged_parameters(network)}
    assert merged.keys() == dict(plain.named_parameters()).keys()
    with torch.no_grad():
        trained, before = network(IDS).logits, plain(IDS).logits
        assert (trained - before).abs().max() > 0.01
        plain.load_state_dict(merged)
        torch.testing.assert_close(plain(IDS).logits, trained, atol=1e-5, rtol=1e-5)


def test_without_adapters_it_is_the_network_of_before() -> None:
    network, plain = _trained(LoraConfig(rank=2)), _network()
    with torch.no_grad():
        with without_adapters(network):
            assert torch.equal(network(IDS).logits, plain(IDS).logits)
        assert not torch.equal(network(IDS).logits, plain(IDS).logits)


def test_what_a_weight_is_made_of_is_named() -> None:
    network = _network()
    add_adapters(network, LoraConfig(rank=2, targets=["q_proj"]))
    made = {name: parameters for name, parameters, _ in merged_parameters(network)}
    assert len(made["model.layers.0.self_attn.q_proj.weight"]) == 3
    assert len(made["model.layers.0.self_attn.k_proj.weight"]) == 1


def test_a_network_without_adapters_is_told_as_it_is() -> None:
    network = _network()
    told = {name: whole() for name, _, whole in merged_parameters(network)}
    assert told.keys() == dict(network.named_parameters()).keys()
    assert all(torch.equal(told[name], p) for name, p in network.named_parameters())


def test_unknown_layers_are_refused() -> None:
    with pytest.raises(
        UserError, match=r"learner\.lora\.targets: the model has no layer c_attn; it has .*q_proj"
    ):
        add_adapters(_network(), LoraConfig(rank=2, targets=["q_proj", "c_attn"]))

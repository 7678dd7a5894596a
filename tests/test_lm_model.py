"""A new network: the architecture, and that it copies from the start."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from lm.model import create_model
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.config import ModelConfig


@pytest.fixture(scope="module")
def tokenizer() -> ChatTokenizer:
    texts = (f"word{number} and some{number % 7} more words" for number in range(300))
    return ChatTokenizer(train_tokenizer(texts, 512))


def test_it_is_an_untied_qwen3_with_the_tokenizer_beside_it(tokenizer: ChatTokenizer, tmp_path: Path) -> None:
    parameters = create_model(ModelConfig(layers=2, max_length=64), tokenizer, 1, tmp_path)
    network = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert parameters == sum(weight.numel() for weight in network.parameters())
    assert network.config.model_type == "qwen3"
    assert not network.config.tie_word_embeddings
    assert network.config.rope_parameters["rope_theta"] == 1e6
    assert network.config.max_position_embeddings == 64
    assert ChatTokenizer.load(tmp_path).encode("word1") == tokenizer.encode("word1")


def test_the_seed_decides_the_weights(tokenizer: ChatTokenizer, tmp_path: Path) -> None:
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        create_model(ModelConfig(layers=1), tokenizer, seed, tmp_path / name)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 2), (4, 4), (2, 1)])
def test_untrained_it_expects_what_it_has_seen(
    tokenizer: ChatTokenizer, tmp_path: Path, heads: int, kv_heads: int
) -> None:
    config = ModelConfig(layers=2, heads=heads, kv_heads=kv_heads, hidden_size=128)
    create_model(config, tokenizer, 1, tmp_path)
    network = AutoModelForCausalLM.from_pretrained(tmp_path)
    seen_T = torch.arange(300, 320)
    with torch.no_grad():
        logits_V = network(input_ids=seen_T[None]).logits[0, -1]
    unseen = torch.ones(len(logits_V), dtype=torch.bool)
    unseen[seen_T] = False
    # Every earlier token, not only the last one, stands out from those that do not occur.
    gap_T = (logits_V[seen_T[:-1]] - logits_V[unseen].mean()) / logits_V[unseen].std()
    assert gap_T.mean() > 0.5

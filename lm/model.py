"""A small new network of the Qwen3 architecture, initialised so that it copies.

Naming evidence means finding an entity of the history and repeating it. From the customary random
weights that takes a small network hours to discover; here attention passes on what it looks at, and the
output layer reads tokens as the embeddings wrote them, so only where to look is left to learn. (The
product of value and output matrices near the identity is one half of "Mimetic initialization of
self-attention layers", arXiv 2305.09828; its other half, queries like keys, did not help here.)
"""

from pathlib import Path
from typing import Any

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM
from transformers.utils import logging

from lm.tokenizer import ChatTokenizer
from records.config import ModelConfig

EMBEDDING_STD = 1.0
"""Tokens that differ by much from the start are told apart much sooner than at the customary 0.02."""

OUTPUT_SCALE = 0.15
"""The output layer starts as the embeddings times this, free to go its own way."""

COPY_SCALE = 2.0
"""What a head looks at passes through it times this, divided by the heads that share a value projection."""

ROPE_THETA = 1e6
"""As in Qwen3's own models. At 10,000 most pairs of a small head turn too fast to match over a history."""


def create_model(config: ModelConfig, tokenizer: ChatTokenizer, seed: int, directory: Path) -> int:
    """Save a randomly initialised network with its tokenizer; returns the number of parameters.

    The output layer is not tied to the embeddings: it starts as their multiple, and goes its own way.
    """
    logging.disable_progress_bar()  # the run has its own
    torch.manual_seed(seed)
    network = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer.tokenizer),
            hidden_size=config.hidden_size,
            intermediate_size=3 * config.hidden_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            head_dim=config.hidden_size // config.heads,
            max_position_embeddings=config.max_length,
            rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=tokenizer.end_id,
            pad_token_id=tokenizer.pad_id,
        )
    )
    embeddings = network.get_input_embeddings().weight.data
    torch.nn.init.normal_(embeddings, std=EMBEDDING_STD)
    network.lm_head.weight.data.copy_(OUTPUT_SCALE * embeddings)
    for layer in network.model.layers:
        _copy_what_is_seen(layer.self_attn, config)
    network.save_pretrained(directory)
    tokenizer.tokenizer.save_pretrained(directory)
    return sum(parameter.numel() for parameter in network.parameters())


def _copy_what_is_seen(attention: Any, config: ModelConfig) -> None:
    """Value projections with orthonormal rows, and for each head the transpose as its output projection."""
    values_KD, outputs_DQ = attention.v_proj.weight.data, attention.o_proj.weight.data
    torch.nn.init.orthogonal_(values_KD, gain=COPY_SCALE**0.5)
    values_GHD = values_KD.unflatten(0, (config.kv_heads, -1))
    shared = config.heads // config.kv_heads
    outputs_DQ.copy_(values_GHD.repeat_interleave(shared, dim=0).flatten(0, 1).T / shared)

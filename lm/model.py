"""A small new network of the Qwen3 architecture."""

from pathlib import Path

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from lm.tokenizer import ChatTokenizer
from records.config import ModelConfig

EMBEDDING_STD = 1.0
"""Tokens that differ by much from the start are told apart much sooner than at the customary 0.02."""


def create_model(config: ModelConfig, tokenizer: ChatTokenizer, seed: int, directory: Path) -> int:
    """Save a randomly initialised network with its tokenizer; returns the number of parameters.

    The output layer is not tied to the embeddings: vLLM's CPU engine keeps a packed copy of a tied
    one, which a weight update would leave stale.
    """
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
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=tokenizer.end_id,
            pad_token_id=tokenizer.pad_id,
        )
    )
    torch.nn.init.normal_(network.get_input_embeddings().weight, std=EMBEDDING_STD)
    network.save_pretrained(directory)
    tokenizer.tokenizer.save_pretrained(directory)
    return sum(parameter.numel() for parameter in network.parameters())

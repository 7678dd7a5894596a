"""The shape of a recipe's network: what engines must be able to serve, and how much memory it takes."""

from dataclasses import dataclass
from pathlib import Path

from records.config import ModelConfig
from records.errors import UserError
from records.files import read_json

WIDTHS = 3
"""Width of the MLP of a new network, over its own (as `lm.model` makes it)."""

NO_CONFIG = "no config.json; name a Hugging Face model directory"
"""What is said of a `model.init_dir` that holds no model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a Llama-like network.

    `where` names what it was read from; `longest` is how many tokens it reads, 0 where that is any number.
    """

    where: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    longest: int

    @property
    def parameters(self) -> int:
        """Weights of all matrices; norms and biases are lost in rounding."""
        attention = 2 * self.hidden * self.head_dim * (self.heads + self.kv_heads)
        layer = attention + 3 * self.hidden * self.intermediate
        return self.layers * layer + self.embeddings * (1 if self.tied else 2)

    @property
    def embeddings(self) -> int:
        """Weights of the embeddings, as many as the output layer has."""
        return self.vocabulary * self.hidden


def model_shape(model: ModelConfig) -> Shape:
    """The shape of the network made anew or read from `model.init_dir`.

    Raises:
        UserError: it cannot be, or cannot be read.
    """
    return _read(Path(model.init_dir)) if model.init_dir else _new(model)


def _new(model: ModelConfig) -> Shape:
    if model.hidden_size % model.heads or model.heads % model.kv_heads:
        raise UserError(
            f"model: hidden_size {model.hidden_size} must be a multiple of heads {model.heads}, "
            f"and heads of kv_heads {model.kv_heads}"
        )
    return Shape(
        where="model (head_dim = hidden_size / heads)",
        layers=model.layers,
        hidden=model.hidden_size,
        intermediate=WIDTHS * model.hidden_size,
        heads=model.heads,
        kv_heads=model.kv_heads,
        head_dim=model.hidden_size // model.heads,
        vocabulary=model.vocab_size,
        tied=False,
        longest=0,
    )


def _read(directory: Path) -> Shape:
    path = directory / "config.json"
    if not path.is_file():
        raise UserError(f"model.init_dir {str(directory)!r}: {NO_CONFIG}")
    try:
        config = read_json(path)
        heads, hidden = config["num_attention_heads"], config["hidden_size"]
        return Shape(
            where=str(path),
            layers=config["num_hidden_layers"],
            hidden=hidden,
            intermediate=config.get("intermediate_size") or 4 * hidden,
            heads=heads,
            kv_heads=config.get("num_key_value_heads") or heads,
            head_dim=config.get("head_dim") or hidden // heads,
            vocabulary=config.get("vocab_size", 0),
            tied=bool(config.get("tie_word_embeddings")),
            longest=config.get("max_position_embeddings") or 0,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no readable model config ({error!r})") from None

"""A tokenizer to which the names of control tokens are text like any other."""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from records.errors import UserError


class PlainTokenizer:
    """Counts and encodes log text as data; it needs a `tokenizer.json` and nothing else."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._plain = plain_copy(tokenizer)

    @classmethod
    def load(cls, file: Path) -> "PlainTokenizer":
        """Load a `tokenizer.json`.

        Raises:
            UserError: there is none, or it cannot be read.
        """
        if not file.is_file():
            raise UserError(f"{file.parent}: no {file.name}; name a Hugging Face model directory")
        try:
            return cls(Tokenizer.from_file(str(file)))
        except Exception as error:  # the library raises bare Exceptions
            raise UserError(f"{file}: not a tokenizer ({str(error).splitlines()[0]})") from error

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text as plain data."""
        return [one.ids for one in self._plain.encode_batch_fast(list(texts), add_special_tokens=False)]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text."""
        return [len(one) for one in self._plain.encode_batch_fast(list(texts), add_special_tokens=False)]


def plain_copy(tokenizer: Tokenizer) -> Tokenizer:
    """A copy of `tokenizer` that gives no control token for any text, and never pads or truncates.

    Control tokens are those added to the vocabulary, marked special (<|im_end|>) or not (Qwen's <tool_call>),
    but for single characters and runs of blanks, which are how some tokenizers write text. In the copy they
    have names that nobody can know, so that no text, however overlapping, normalized or merged from parts,
    spells one. All other ids are the same.
    """
    state = json.loads(tokenizer.to_str())
    state["padding"] = state["truncation"] = None
    names = {token["content"] for token in state["added_tokens"] if _is_control(token["content"])}
    secret = secrets.token_hex()

    def renamed(name: str) -> str:
        return secret + name if name in names else name

    for token in state["added_tokens"]:
        token["content"] = renamed(token["content"])
    # Not only added tokens match whole: where a model's own vocabulary holds the name, merges may lead to it.
    model = state["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {renamed(piece): index for piece, index in model["vocab"].items()}
    else:
        model["vocab"] = [[renamed(piece), score] for piece, score in model["vocab"]]
    if "merges" in model:
        model["merges"] = [pair for pair in model["merges"] if names.isdisjoint([*pair, "".join(pair)])]
    if model.get("unk_token"):
        model["unk_token"] = renamed(model["unk_token"])
    plain = Tokenizer.from_str(json.dumps(state))
    plain.encode_special_tokens = True
    return plain


def _is_control(name: str) -> bool:
    return len(name) > 1 and not name.replace("▁", " ").isspace()  # ▁ is SentencePiece's blank

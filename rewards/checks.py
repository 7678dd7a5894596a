"""What the types of a recipe's `scorer` section cannot say."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from lm.sentences import SHIPPED, encoder_directory
from records.config import ScorerConfig
from records.errors import UserError
from records.tags import TAG_NAMES, TAGS
from rewards.build import JUDGES, judge_client
from rewards.summary import QUALITIES


def check_scorer(config: ScorerConfig) -> None:
    """Refuse settings that can mean nothing.

    Raises:
        UserError: naming the key and the mend.
    """
    weights = list(config.summary_weights.values())
    if set(config.summary_weights) != set(QUALITIES) or not 0 < sum(weights) < math.inf or min(weights) < 0:
        raise UserError(
            f"scorer.summary_weights: give {', '.join(QUALITIES)} weights of at least 0, one of them above"
        )
    _check_numbers("scorer.tag_weights", config.tag_weights, TAG_NAMES, math.inf)
    open_tags = [tag.name for tag in TAGS if tag.is_open]
    _check_numbers("scorer.similarity_floors", config.similarity_floors, open_tags, 1.0)
    if config.judge not in JUDGES:
        raise UserError(f"scorer.judge is {config.judge!r}; it must be {' or '.join(JUDGES)}")
    if config.judge == "llm" and not config.llm.model.strip():
        raise UserError("scorer.llm.model is empty; name the model as the server knows it")


def check_scorer_here(config: ScorerConfig) -> None:
    """Refuse what is not on this machine: the embedding model, or the key of the judging language model.

    Raises:
        UserError: naming the key and the mend.
    """
    if config.embeddings not in ("", SHIPPED):
        encoder_directory(config.embeddings, "scorer.embeddings")
    if config.judge == "llm":
        judge_client(config, Path())  # nothing is sent or written


def _check_numbers(key: str, given: Mapping[str, float], known: Iterable[str], most: float) -> None:
    known = list(known)
    for name, number in given.items():
        if name not in known:
            raise UserError(f"{key}.{name}: no such tag; there are {', '.join(known)}")
        if not 0 <= number <= most or number == math.inf:
            upwards = "from 0 to 1" if most == 1 else "of at least 0"
            raise UserError(f"{key}.{name} is {number}; it must be a number {upwards}")

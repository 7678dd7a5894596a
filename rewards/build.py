"""The reward model that a recipe's `scorer` section describes."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from records.config import ScorerConfig
from rewards.answer_format import FormatScorer
from rewards.atomic import AtomicScorer, TagScorer
from rewards.llm_judge import LLMJudge, LLMTally
from rewards.rule_judge import RuleJudge
from rewards.similarity import Embeddings, SameName
from rewards.summary import Judge, SummaryScorer, Tally
from rewards.total import RewardModel

if TYPE_CHECKING:
    from lm.client import ChatClient

JUDGES = ("rules", "llm")


def reward_model(config: ScorerConfig, replies: Path, spent: Path | None = None) -> tuple[RewardModel, Judge]:
    """The reward model, and the judge in it for its `tally`.

    Replies of a judging language model are kept below `replies`. It has one scorer's share of the token
    budget; what is used of it stands in the file `spent`, if one is named, for whoever takes its place.

    Raises:
        UserError: there is no such embedding model, or the language model's settings are at fault.
    """
    similarity = (
        Embeddings(config.embeddings, config.similarity_floors, device=config.embeddings_device)
        if config.embeddings
        else SameName()
    )
    tags = TagScorer(similarity)
    judge: Judge
    if config.judge == "llm":
        judge = LLMJudge(judge_client(config, replies, spent), config.judge_repeats, tags)
    else:
        judge = RuleJudge(tags)
    model = RewardModel(
        format=FormatScorer(),
        atomic=AtomicScorer(tags, config.tag_weights),
        summary=SummaryScorer(judge, config.summary_weights),
    )
    return model, judge


def empty_tally(config: ScorerConfig) -> Tally:
    """What a judge has done that has done nothing."""
    return LLMTally() if config.judge == "llm" else Tally()


def judge_client(config: ScorerConfig, replies: Path, spent: Path | None = None) -> "ChatClient":
    """The client of the judging language model for one of `config.actors` scorers (see `reward_model`).

    Raises:
        UserError: the config names no model, no URL or no key.
    """
    from lm.client import ChatClient

    most = config.llm.max_total_tokens
    llm = replace(
        config.llm,
        max_total_tokens=max(1, most // config.actors) if most else 0,
        # A judge that does not answer must be told before its scorer is taken for one that hangs.
        deadline_s=min(config.llm.deadline_s, 0.8 * config.timeout_s),
    )
    return ChatClient(llm, replies, section="scorer.llm", spent=spent)

"""Summaries beside the summary that gold tags give: BLEU, similarity of embeddings, a judge's score."""

from collections.abc import Callable, Mapping, Sequence

from hprbench.intervals import Tally, pooled
from hprbench.metrics import Gold
from hprbench.overlap import sentence_bleu
from lm.answers import Answer
from lm.phrases import sentences
from records.prompt import COMPOSITE_TASK, Prompt
from records.tags import TAG_NAMES
from rewards.case import Case
from rewards.similarity import Embeddings
from rewards.summary import SummaryScorer

Composites = Mapping[str, Sequence[Answer | None]]
"""User → answers with a summary; None for a badly formatted one."""

SUMMARY = "summary"
"""Name under which `Embeddings` compares summaries; its floor there is 0."""


def gold_summary(gold: Gold, user: str) -> str:
    """The summary of everything known of `user`, in the words that models are taught; "" where nothing is."""
    said = sentences({tag: gold[user][tag].values for tag in TAG_NAMES if tag in gold[user]})
    return " ".join(text for text, _ in said.values())


def bleu(composites: Composites, gold: Gold) -> Tally:
    """Mean over summaries of smoothed BLEU-4 against the gold summary; a badly formatted answer has 0.

    Users of whom nothing is known have no case.
    """
    return _mean(composites, gold, sentence_bleu)


def similarity(composites: Composites, gold: Gold, embeddings: Embeddings) -> Tally:
    """Mean over summaries of the cosine to the gold summary's embedding (below 0: 0); cases as in `bleu`."""
    texts = [answer.summary_text for answers in composites.values() for answer in answers if answer]
    embeddings.prepare([*texts, *(gold_summary(gold, user) for user in composites)])
    return _mean(composites, gold, lambda text, wanted: embeddings(SUMMARY, text, wanted))


def _mean(composites: Composites, gold: Gold, score: Callable[[str, str], float]) -> Tally:
    users = tuple(composites)
    hits, cases = [0.0] * len(users), [0] * len(users)
    for place, user in enumerate(users):
        wanted = gold_summary(gold, user)
        if wanted:
            cases[place] = len(composites[user])
            hits[place] = sum(score(answer.summary_text, wanted) for answer in composites[user] if answer)
    return pooled(users, hits, cases)


def judged(composites: Composites, gold: Gold, judge: SummaryScorer) -> Tally:
    """Mean over summaries of what `judge` says, in [0, 1]; a badly formatted answer has 0.

    A summary that the judge could not tell about is no case: a failure is never a zero.
    """
    users = tuple(composites)
    asked = [
        (place, Case(prompt=_prompt(user, gold), answer=answer, gold=_reference(user, gold)))
        for place, user in enumerate(users)
        for answer in composites[user]
        if answer
    ]
    opinions = judge.score([case for _, case in asked])
    hits, cases = [0.0] * len(users), [len(composites[user]) for user in users]
    for (place, _), opinion in zip(asked, opinions, strict=True):
        if opinion.error:
            cases[place] -= 1
        else:
            hits[place] += opinion.value
    return pooled(users, hits, cases)


def _prompt(user: str, gold: Gold) -> Prompt:
    tags = tuple(tag for tag in TAG_NAMES if tag in gold[user])
    return Prompt(prompt_id=user, user_id=user, task=COMPOSITE_TASK, tags=tags, history_lines=0, token_ids=())


def _reference(user: str, gold: Gold) -> dict[str, tuple[str, ...]]:
    return {tag: label.values for tag, label in gold[user].items()}

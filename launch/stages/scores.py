"""What is measured of a model's responses: every metric of the benchmark as a tally.

generations ─→ parsed answers ─┬→ tag track: values, citations
                               └→ summary track: the extractor, length, the gold summary, judges
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hprbench.build import Benchmark
from hprbench.extractor import extract
from hprbench.metrics import Gold, Tallies, compression, score_evidence, score_summaries, score_tags
from hprbench.report import Row, score_row
from hprbench.texts import SUMMARY, bleu, judged, similarity
from launch.pipeline import Run
from launch.stages.bench import parse_generations, runs_of
from launch.stages.data import load_gold
from lm.client import ChatClient
from lm.tokenizer import ChatTokenizer
from records.prompt import COMPOSITE_TASK, TAGS_TASK
from rewards.atomic import TagScorer
from rewards.llm_judge import LLMJudge
from rewards.rule_judge import RuleJudge
from rewards.similarity import Embeddings, SameName
from rewards.summary import SummaryScorer


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """Who reads summaries beside the extractor; None where the recipe names none. One for all models."""

    rules: SummaryScorer
    llm: SummaryScorer | None
    embeddings: Embeddings | None


def readers(run: Run) -> Readers:
    """The readers that the run's section `scorer` names; replies of a language model stay on disk.

    Raises:
        UserError: there is no such embedding model, or the language model's settings are at fault.
    """
    config, weights = run.recipe.scorer, run.recipe.scorer.summary_weights
    embeddings = None
    if config.embeddings:
        floors = {**config.similarity_floors, SUMMARY: 0.0}
        embeddings = Embeddings(config.embeddings, floors, device=config.embeddings_device)
    tags, llm = TagScorer(embeddings or SameName()), None
    if config.judge == "llm":
        # With the recipe's own deadline: unlike a scorer it is sent the summaries of all users in one call.
        client = ChatClient(config.llm, run.directory / "bench" / "judgments", section="scorer.llm")
        llm = SummaryScorer(LLMJudge(client, config.judge_repeats, tags), weights)
    return Readers(
        rules=SummaryScorer(RuleJudge(tags), weights),
        llm=llm,
        embeddings=embeddings,
    )


def model_tallies(run: Run, model: str, benchmark: Benchmark, read: Readers) -> Tallies:
    """Everything measured of one model's responses."""
    return {
        **tag_tallies(run, model, benchmark),
        **summary_tallies(run, model, benchmark),
        **text_tallies(run, model, benchmark, read),
    }


def model_row(run: Run, model: str, benchmark: Benchmark, read: Readers) -> Row:
    """The row of one model."""
    tallies = model_tallies(run, model, benchmark, read)
    seed, k = run.recipe.seed, runs_of(run, model)
    extra = {"unjudged": unjudged(tallies)} if read.llm else {}
    return score_row(model, tallies, benchmark.gold, benchmark.strata, seed=seed, k=k, extra=extra)


def unjudged(tallies: Tallies) -> int:
    """Of how many summaries the language model gave no judgment; they are no cases of its score."""
    # The judge of rules judges every one.
    return int(tallies["rule_judge"].cases_UG.sum() - tallies["llm_judge"].cases_UG.sum())


def judging(run: Run, rows: Sequence[Row], read: Readers) -> dict[str, Any] | None:
    """What the judging language model did in all, for report.json; what it failed at is told."""
    if read.llm is None:
        return None
    stats = read.llm.judge.tally.stats()
    failed = sum(row.extra.get("unjudged", 0) for row in rows)
    if failed:
        causes = ", ".join(f"{count:,} {cause}" for cause, count in stats["failed"].items())
        run.reporter.say(
            f"report: {failed:,} summaries could not be judged and are left out of Judge (LLM) "
            f"(replies that failed: {causes}); run it again with --force report, it asks these alone"
        )
    return {**stats, "unjudged": failed}


def tag_tallies(run: Run, model: str, benchmark: Benchmark) -> Tallies:
    """The tag track: what is right, and what the citations are worth."""
    answered = parse_generations(run, model, TAGS_TASK, benchmark)
    predictions = {
        user: [None if a is None else {name: tag.values for name, tag in a.tags.items()} for a in answers]
        for user, answers in answered.items()
    }
    citations = {
        user: [None if a is None else {name: tag.lines for name, tag in a.tags.items()} for a in answers]
        for user, answers in answered.items()
    }
    return {
        **score_tags(predictions, benchmark.gold),
        **score_evidence(citations, benchmark.gold, benchmark.histories),
    }


def summary_tallies(run: Run, model: str, benchmark: Benchmark) -> Tallies:
    """The summary track as the fixed extractor reads it, and how much shorter than the log summaries are."""
    composites = parse_generations(run, model, COMPOSITE_TASK, benchmark)
    cities = cities_of(load_gold(run.directory), benchmark.gold)
    extracted = {
        user: [None if a is None else extract(a.summary_text, cities) for a in answers]
        for user, answers in composites.items()
    }
    tokenizer = ChatTokenizer.load(run.directory / "model")
    tokens = {
        user: tokenizer.count([a.summary_text for a in answers if a]) for user, answers in composites.items()
    }
    log_tokens = {user: benchmark.strata[user].log_tokens for user in benchmark.users}
    return {
        **score_summaries(extracted, benchmark.gold),
        "compression": compression(tokens, log_tokens),
    }


def cities_of(*golds: Gold) -> list[str]:
    """Home cities by which the extractor knows one: those of all users, and those that reviews corrected."""
    known = [tags["home_city"] for gold in golds for tags in gold.values() if "home_city" in tags]
    return sorted({city for one in known for city in one.values})


def text_tallies(run: Run, model: str, benchmark: Benchmark, read: Readers) -> Tallies:
    """Summaries beside those that the gold tags give, and what judges say of them."""
    composites, gold = parse_generations(run, model, COMPOSITE_TASK, benchmark), benchmark.gold
    found = {"rule_judge": judged(composites, gold, read.rules), "bleu": bleu(composites, gold)}
    if read.llm:
        found["llm_judge"] = judged(composites, gold, read.llm)
    if read.embeddings:
        found["similarity"] = similarity(composites, gold, read.embeddings)
    return found

"""The inducer that asks our trained model, with its engines replaced."""

from collections.abc import Sequence

import pytest

from induce.answers import render_personas
from induce.checking import upheld
from induce.trained import ATTEMPTS, BY_CHANCE, GREEDY, TRUNCATED, ModelInducer
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.induction import QualityConfig
from records.persona import Persona, PersonaSet, Statement
from records.prompt import Request, Rollout, Sampling
from tests.induction import by_letter, shown
from tests.personas import memory

LOG = [memory(1, ["Milk"]), memory(2, ["Milk"]), memory(3, ["Saw"])]
BABY = Persona(label="Baby", description=(Statement(text="Buys Milk.", memories=(1, 2)),), memories=(1, 2))
TOOLS = Persona(label="Tools", description=(Statement(text="Buys Saw.", memories=(3,)),), memories=(3,))
GOOD = render_personas(PersonaSet(user_id="u", personas=(BABY, TOOLS)), shown(LOG))
TOKENIZER = ChatTokenizer(train_tokenizer([shown(LOG).text, GOOD], 300))


class Engines:
    """Say the next of `texts` to each request; one that ends in … hits the length limit."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.asked: list[tuple[Request, Sampling]] = []

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]:
        self.asked += [(request, sampling) for request in requests]
        return [[self._rollout(request, self.texts.pop(0))] for request in requests]

    def _rollout(self, request: Request, text: str) -> Rollout:
        return Rollout(
            prompt_id=request.prompt.prompt_id, sample_idx=0, seed=request.seed, token_ids=(5, 6),
            logprobs=(0.0, 0.0), text=text.removesuffix("…"),
            finish_reason="length" if text.endswith("…") else "stop", policy_version=0, gen_seconds=0.0,
        )  # fmt: skip


def inducer(engines: Engines) -> ModelInducer:
    """One true claim a persona is enough."""
    quality = QualityConfig(telling_claims=1)
    return ModelInducer(engines, TOKENIZER, by_letter, budget=200, most_tokens=50, quality=quality, seed=4)


def test_answers_become_sets_and_malformed_ones_are_asked_again() -> None:
    twice = GOOD.replace('"lines":[1],"description"', '"lines":[1,9],"description"')
    assert twice != GOOD
    engines = Engines(GOOD, "no", f"{GOOD}…", "no", twice, "no", "no")
    users = {"good": LOG, "broken": LOG, "mended": LOG, "nobody": [], "gifts": [memory(1, noise="gift")]}
    asked = inducer(engines)
    sets = asked(users)
    assert [one.user_id for one in sets] == list(users)
    assert [one.error for one in sets] == ["", "no_answer", "", "no_memories", "all_noise"]
    assert sets[0].personas == sets[2].personas == (BABY, TOOLS)
    # First all three, greedily; then the two that were malformed; then one until its attempts are used up.
    temperatures = [sampling.temperature for _, sampling in engines.asked]
    assert temperatures == [GREEDY] * 3 + [BY_CHANCE] * 4
    assert len({request.seed for request, _ in engines.asked}) == 7
    stats = asked.stats()
    assert stats["malformed"] == {"no_answer": ATTEMPTS, TRUNCATED: 1}
    assert (stats["asked"], stats["again"], stats["dropped_citations"]) == (7, 4, 1)
    assert stats["tokens"] == sum(len(request.prompt.token_ids) + 2 for request, _ in engines.asked)


def test_of_several_answers_the_one_that_the_log_upholds_most_is_taken() -> None:
    """Milk are two of the three memories: what is true of them alone is worth two thirds."""
    baby, saw = ("Baby", ("Buys Milk.", (1, 2))), ("Tools", ("Buys Saw.", (3,)))
    false = ("Tools", ("Buys Milk.", (3,)))
    all_true, same = said(baby, saw), said(("Child", baby[1]), saw)
    one, few = QualityConfig(telling_claims=1), QualityConfig(telling_claims=2)
    worth = [upheld(found, LOG, (1, 2, 3), one) for found in (said(false), said(baby, false), said(baby))]
    assert worth == [0, pytest.approx(2 / 3), pytest.approx(2 / 3)]
    assert upheld(said(baby), LOG, (1, 2), one) == 1
    assert (upheld(all_true, LOG, (1, 2, 3), one), upheld(all_true, LOG, (1, 2, 3), few)) == (1, 0.5)
    # Whole at once: not asked again.
    engines = Engines(text(all_true))
    assert inducer(engines)({"u": LOG})[0].personas == all_true.personas
    # Never whole, as two claims are wanted: the first of the best.
    engines = Engines(text(said(baby)), "no", text(all_true), text(same))
    asked = inducer(engines)
    asked.quality = few
    assert asked({"u": LOG})[0].personas == all_true.personas
    assert (asked.asked, asked.again, asked.malformed) == (4, 3, {"no_answer": 1})


def said(*personas: tuple[str, tuple[str, tuple[int, ...]]]) -> PersonaSet:
    """A persona for each label, with what is said of it and the memories that are cited."""
    made = (
        Persona(label=label, description=(Statement(text=says, memories=cited),), memories=cited)
        for label, (says, cited) in personas
    )
    return PersonaSet(user_id="u", personas=tuple(made))


def text(personas: PersonaSet) -> str:
    """The set as a model would write it."""
    return render_personas(personas, shown(LOG))


def test_a_user_is_asked_the_same_whoever_else_is() -> None:
    alone, together = Engines(GOOD), Engines(GOOD, GOOD)
    inducer(alone)({"u": LOG})
    inducer(together)({"v": LOG, "u": LOG})
    assert alone.asked[0] == together.asked[1]


def test_progress_is_told_and_no_user_is_no_request() -> None:
    told: list[tuple[int, int]] = []
    engines = Engines()
    asked = inducer(engines)
    asked.progress = lambda done, of: told.append((done, of))
    assert asked({}) == []
    assert asked({"u": []})[0].error == "no_memories"
    assert (engines.asked, told) == ([], [(1, 1)])

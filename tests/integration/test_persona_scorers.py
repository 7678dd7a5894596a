"""Scorers of persona sets on a real Ray, with the real embedding model: killed ones lose nothing."""

import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from actors.cluster import ray_cluster
from actors.persona_scorer import PersonaScorerPool, persona_scorer
from induce.answers import render_personas
from induce.population import population_of
from induce.scoring import PersonaCase
from records.config import ClusterConfig, ScorerConfig
from records.induction import InduceConfig
from records.persona import Persona, PersonaSet, Statement
from records.prompt import PERSONAS_TASK, Prompt, RolloutGroup
from tests.induction import shown
from tests.integration.conftest import actor_processes
from tests.personas import memory
from tests.rl_groups import rollout_of

MEMORIES = (memory(1, ["Milk"]), memory(2, ["Bib"], 9), memory(3, ["Saw"], 20, category="Tools"))
CASE = PersonaCase(memories=MEMORIES, lines=shown(list(MEMORIES)))
POPULATION = population_of([MEMORIES])
BABY = Persona(label="Baby", description=(Statement(text="Buys Milk.", memories=(1,)),), memories=(1, 2))
TEXTS = [render_personas(PersonaSet(user_id="u", personas=(BABY,)), CASE.lines), "no answer"]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    with ray_cluster(ClusterConfig(cpus=2)):
        yield


def group(name: str, texts: Sequence[str] = TEXTS, user: str = "u") -> RolloutGroup:
    prompt = Prompt(
        prompt_id=name, user_id=user, task=PERSONAS_TASK, tags=(), history_lines=3, token_ids=(1,)
    )
    rollouts = [rollout_of(name, index, [1], text=text) for index, text in enumerate(texts)]
    return RolloutGroup(group_id=name, round=0, attempt=0, prompt=prompt, rollouts=tuple(rollouts))


def pool_of(cases: Any, folder: Path, **config: Any) -> PersonaScorerPool:
    return PersonaScorerPool(cases, InduceConfig(), POPULATION, folder, ScorerConfig(**config), 120)


def test_killed_scorers_lose_nothing_and_one_that_raises_marks_its_group_alone(tmp_path: Path) -> None:
    expected = tuple(persona_scorer(InduceConfig(), POPULATION, tmp_path / "vectors").score(TEXTS, CASE))
    assert expected[0].quality is not None
    assert expected[1].invalid == "no_answer"
    unreadable = {"u": CASE, "nobody": 5}
    pool = pool_of(unreadable, tmp_path / "vectors", actors=2)
    try:
        assert [*pool.score([group("g0"), group("g1")])] == [expected] * 2  # both are up
        before = actor_processes("PersonaScorerActor")
        assert len(before) == 2
        killer = threading.Timer(0.1, lambda: [process.kill() for process in before])
        killer.start()
        scored = pool.score([group(f"g{number}") for number in range(2000)])
        killer.join()
        assert set(scored) == {expected}
        assert len(scored) == 2000
        assert sorted(name.partition(" with ")[0] for name in pool.lost) == ["scorer 0", "scorer 1"]
        fine, hurt = pool.score([group("g"), group("h", user="nobody")])
        assert fine == expected
        assert [re.sub(r"scorer \d", "scorer", score.error)[:29] for score in hurt] == [
            "scorer failed: AttributeError"
        ] * 2
    finally:
        pool.close()


def test_a_scorer_that_hangs_is_replaced(tmp_path: Path) -> None:
    pool = pool_of({"u": CASE}, tmp_path / "vectors", actors=1, timeout_s=10.0)
    try:
        expected = pool.score([group("g")])
        for process in actor_processes("PersonaScorerActor"):
            process.suspend()
        assert pool.score([group("g")]) == expected
        assert pool.lost == ["scorer 0 with group g: no answer within 10 s (scorer.timeout_s)"]
    finally:
        pool.close()

"""Scorer actors on a real Ray: one that dies, hangs or raises costs no score, and makes no zero."""

import json
import math
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray

from actors.cluster import ray_cluster
from actors.scorer import ScorerPool
from actors.tasks import LIVES
from lm.answers import Answer, Sentence, TagAnswer, render_answer
from records.client import ClientConfig
from records.config import ClusterConfig, ScorerConfig
from records.prompt import COMPOSITE_TASK, TAGS_TASK, Prompt, Rollout, RolloutGroup
from rewards.build import reward_model
from tests.integration.conftest import actor_processes
from tests.test_lm_client import Server, completion

REFERENCES = {"u": {"gender": ("female",), "interests": ("cycling",)}}
RULES = ScorerConfig(actors=2, embeddings="")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    with ray_cluster(ClusterConfig(cpus=2)):
        yield


def answer(*summary: str, interests: str = "cycling") -> str:
    return render_answer(
        Answer(
            think="",
            tags={
                "gender": TagAnswer(values=("female",), lines=()),
                "interests": TagAnswer(values=(interests,), lines=()),
            },
            summary=tuple(Sentence(text=text, lines=()) for text in summary),
            dropped_citations=0,
        )
    )


def group(name: str, texts: Sequence[str], task: str = TAGS_TASK, user: str = "u") -> RolloutGroup:
    prompt = Prompt(
        prompt_id=name,
        user_id=user,
        task=task,
        tags=("gender", "interests"),
        history_lines=1,
        token_ids=(1,),
    )
    rollouts = tuple(
        Rollout(
            prompt_id=name,
            sample_idx=index,
            seed=0,
            token_ids=(1,),
            logprobs=(0.0,),
            text=text,
            finish_reason="stop",
            policy_version=0,
            gen_seconds=0.0,
        )
        for index, text in enumerate(texts)
    )
    return RolloutGroup(group_id=name, round=0, attempt=0, prompt=prompt, rollouts=rollouts)


def test_killed_scorers_lose_nothing(tmp_path: Path) -> None:
    texts = [answer(interests=name) for name in ("cycling", "bicycling", "golf")] + ["no answer"]
    groups = [group(f"g{n}", texts) for n in range(2000)]
    model, _ = reward_model(RULES, tmp_path)
    (expected,) = {
        tuple(model.score([one.prompt] * 4, [r.text for r in one.rollouts], [REFERENCES["u"]] * 4))
        for one in groups[:1]
    }
    assert [score.atomic for score in expected] == [1.0, 1.0, 0.5, 0.0]
    pool = ScorerPool(REFERENCES, RULES, 120, tmp_path)
    try:
        assert pool.score(groups[:2])[0].scores == expected  # both are up
        before = actor_processes("Scorer")
        assert len(before) == 2
        killer = threading.Timer(0.1, lambda: [process.kill() for process in before])
        killer.start()
        scored = pool.score(groups)
        killer.join()
        assert [one.group for one in scored] == groups
        assert {one.scores for one in scored} == {expected}
        assert len(pool.lost) == 2
        assert all(" with group g" in name and name.endswith(": it died") for name in pool.lost)
    finally:
        pool.close()


def test_a_scorer_that_raises_marks_its_group_alone(tmp_path: Path) -> None:
    unreadable: Any = {**REFERENCES, "nobody": 5}
    pool = ScorerPool(unreadable, RULES, 120, tmp_path)
    try:
        groups = [
            group("g0", [answer()]),
            group("g1", [answer()] * 2, user="nobody"),
            group("g2", [answer()]),
        ]
        first, hurt, last = pool.score(groups)
    finally:
        pool.close()
    assert [score.reward for one in (first, last) for score in one.scores] == [1.0, 1.0]
    assert [score.error[:11] for score in hurt.scores] == ["TypeError: "] * 2
    assert all(math.isnan(score.reward) for score in hurt.scores)
    assert pool.lost == []


@pytest.fixture
def silence() -> Iterator[str]:
    """The URL of a server that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


def test_a_judge_that_does_not_answer_is_an_error_and_no_zero(silence: str, tmp_path: Path) -> None:
    llm = ClientConfig(base_url=silence, model="m", timeout_s=0.5, max_retries=0)
    pool = ScorerPool(REFERENCES, ScorerConfig(judge="llm", llm=llm, embeddings=""), 120, tmp_path)
    try:
        texts = [answer("The user is a woman."), "no answer"]
        (scored,) = pool.score([group("g", texts, COMPOSITE_TASK)])
        stats = pool.stats()
    finally:
        pool.close()
    unjudged, malformed = scored.scores
    assert unjudged.error == "judge: timeout"
    assert math.isnan(unjudged.reward)
    assert (malformed.error, malformed.reward) == ("", 0.0)
    assert stats[0]["failed"] == {"timeout": 2}
    assert pool.lost == []


def test_who_takes_a_seat_goes_on_with_its_budget(tmp_path: Path) -> None:
    used, cap = 2200, 9000
    server = Server()
    grades = json.dumps({"completeness": 5, "consistency": 5, "aesthetics": 5})
    server.behave = lambda body: completion(grades, prompt=used - 100, written=100)
    llm = ClientConfig(base_url=server.url, model="m", max_total_tokens=cap, concurrency=1)
    config = ScorerConfig(judge="llm", judge_repeats=1, llm=llm, embeddings="", actors=1)
    groups = [group(f"g{n}", [answer(f"The user is a woman number {n}.")], COMPOSITE_TASK) for n in range(8)]
    pool = ScorerPool(REFERENCES, config, 120, tmp_path)
    try:
        errors = []
        for first in range(0, 8, 2):
            errors += [one.scores[0].error for one in pool.score(groups[first : first + 2])]
            for process in actor_processes("Scorer"):
                process.kill()
        (told,) = pool.stats()
    finally:
        pool.close()
        server.stop()
    assert len(pool.lost) == 3  # nobody had time to take the seat of the last
    asked = len(server.bodies)
    assert 3 <= asked <= cap // used  # as the most that a request can use is set aside, the last may not fit
    assert errors == [""] * asked + ["judge: budget"] * (8 - asked)
    # What scorers that are dead did counts all the same, and once.
    assert (told["judged"], told["asked"], told["tokens"]) == (asked, asked, asked * used)
    assert told["failed"] == {"budget": 8 - asked}


def test_a_scorer_that_hangs_is_replaced(tmp_path: Path) -> None:
    pool = ScorerPool(REFERENCES, replace(RULES, actors=1, timeout_s=5.0), 60, tmp_path)
    try:
        groups = [group(f"g{n}", [answer()]) for n in range(3)]
        expected = pool.score(groups)
        for process in actor_processes("Scorer"):
            process.suspend()
        assert pool.score(groups) == expected
        assert len(pool.lost) == 1
        assert pool.lost[0].endswith("no answer within 5 s (scorer.timeout_s)")
    finally:
        pool.close()


def test_a_group_that_every_scorer_hangs_on_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @ray.remote(num_cpus=0)
    def never() -> None:
        time.sleep(60)

    pool = ScorerPool(REFERENCES, replace(RULES, actors=1, timeout_s=1.0), 1, tmp_path)
    monkeypatch.setattr(pool, "_send", lambda seat, group: never.remote())
    try:
        (hung,) = pool.score([group("g", [answer()])])
    finally:
        pool.close()
    assert len(pool.lost) == LIVES
    assert hung.scores[0].error == f"no answer within 2 s (scorer.timeout_s), {LIVES} times"
    assert math.isnan(hung.scores[0].reward)


def test_a_scorer_that_cannot_start_ends_it(tmp_path: Path) -> None:
    from actors.supervision import ActorError

    pool = ScorerPool(REFERENCES, ScorerConfig(embeddings=str(tmp_path / "none")), 120, tmp_path)
    try:
        with pytest.raises(ActorError, match=r"scorer 0 could not start: .*no such model directory"):
            pool.score([group("g", [answer()])])
    finally:
        pool.close()

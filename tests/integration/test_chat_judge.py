"""A language model judges summaries: scorer actors against a real server, vLLM with a small random model.

What such a model writes is grades of the schema and otherwise noise.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.cluster import ray_cluster
from actors.scorer import ScorerPool
from records.client import ClientConfig
from records.config import ClusterConfig, ScorerConfig
from records.errors import UserError
from records.prompt import COMPOSITE_TASK
from tests.integration.conftest import CHAT_MODEL
from tests.integration.test_scorers import REFERENCES, answer, group


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    with ray_cluster(ClusterConfig(cpus=2)):
        yield


def test_summaries_are_judged_and_nothing_is_asked_twice(chat_server: str, tmp_path: Path) -> None:
    llm = ClientConfig(base_url=chat_server, model=CHAT_MODEL)
    config = ScorerConfig(judge="llm", llm=llm, embeddings="", actors=2)
    texts = [answer(f"The user is a woman number {n}.") for n in range(3)] + ["no answer"]
    groups = [group(f"g{n}", texts, COMPOSITE_TASK) for n in range(2)]
    seen = []
    for asked in (6, 0):
        pool = ScorerPool(REFERENCES, config, 120, tmp_path / "judge")
        try:
            scored = pool.score(groups)
            stats = pool.stats()
        finally:
            pool.close()
        # Two groups of equal texts: whoever comes second finds replies on disk, or asks at the same time.
        assert asked <= sum(one["asked"] for one in stats) <= 2 * asked
        assert sum(one["judged"] for one in stats) == 6
        assert all(set(one["agreement"]) == {"completeness", "consistency", "aesthetics"} for one in stats)
        seen.append([score.reward for one in scored for score in one.scores])
        for one in scored:
            *judged, malformed = one.scores
            assert [score.error for score in one.scores] == [""] * 4
            assert all(0 <= (score.summary or 0.0) <= 1 and score.atomic == 1.0 for score in judged)
            assert (malformed.format_reason, malformed.reward) == ("no_answer", 0.0)
    assert seen[0] == seen[1]


def test_a_model_that_is_not_there_ends_the_run(chat_server: str, tmp_path: Path) -> None:
    llm = ClientConfig(base_url=chat_server, model="large")
    pool = ScorerPool(REFERENCES, ScorerConfig(judge="llm", llm=llm, embeddings=""), 120, tmp_path)
    try:
        with pytest.raises(UserError, match=r"^scorer\.llm\.model 'large': .* no such model"):
            pool.score([group("g", [answer("The user is a woman.")], COMPOSITE_TASK)])
    finally:
        pool.close()
    with pytest.raises(UserError, match=r"^scorer\.llm\.model is empty"):
        ScorerPool(REFERENCES, ScorerConfig(judge="llm"), 120, tmp_path)

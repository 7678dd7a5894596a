"""A language model as judge and as teacher, against a real server: vLLM with a small random model.

What such a model writes follows the schema and is otherwise noise.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.cluster import ray_cluster
from actors.scorer import ScorerPool
from lm.client import ChatClient
from records.client import ClientConfig
from records.config import ClusterConfig, ScorerConfig
from records.errors import UserError
from records.history import HistoryLine, SemanticHistory
from records.prompt import COMPOSITE_TASK
from records.tags import TAG, TAG_NAMES
from sft.endpoint_teacher import EndpointTeacher
from tests.integration.conftest import CHAT_MODEL
from tests.integration.test_scorers import REFERENCES, answer, group


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    with ray_cluster(ClusterConfig(cpus=2)):
        yield


def test_summaries_are_judged_and_nothing_is_asked_twice(chat_server: str, tmp_path: Path) -> None:
    llm = ClientConfig(base_url=chat_server, model=CHAT_MODEL)
    config = ScorerConfig(judge="llm", llm=llm, embeddings="", actors=2)
    texts = [answer(f"The user is a woman number {n}.") for n in range(3)]
    texts += [answer("The user is a man."), "no answer"]
    groups = [group(f"g{n}", texts, COMPOSITE_TASK) for n in range(2)]
    seen = []
    for asked in (8, 0):
        pool = ScorerPool(REFERENCES, config, 120, tmp_path / "judge")
        try:
            scored = pool.score(groups)
            stats = pool.stats()
        finally:
            pool.close()
        # Two groups of equal texts: whoever comes second finds replies on disk, or asks at the same time.
        assert asked <= sum(one["asked"] for one in stats) <= 2 * asked
        assert sum(one["judged"] for one in stats) == 8
        assert all(set(one["agreement"]) == {"completeness", "consistency", "aesthetics"} for one in stats)
        seen.append([score.reward for one in scored for score in one.scores])
        for one in scored:
            *judged, malformed = one.scores
            assert [score.error for score in one.scores] == [""] * 5
            # Against the own tag: whatever was graded, half of completeness and of consistency at most.
            assert (judged[3].summary or 0.0) <= 0.4 / 2 + 0.3 / 2 + 0.15 + 0.15
            assert "claim:gender" in judged[3].reasons
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


def test_a_teacher_answers_by_the_schema_and_nothing_is_asked_twice(chat_server: str, tmp_path: Path) -> None:
    histories = {
        user: SemanticHistory(
            user_id=user, lines=(HistoryLine(number=1, text=f"#1 [Source: Shop] | {user}", event_ids=()),)
        )
        for user in ("ann", "bob")
    }
    told = []
    llm = ClientConfig(base_url=chat_server, model=CHAT_MODEL)
    for asked in (4, 0):
        teacher = EndpointTeacher("first", ChatClient(llm, tmp_path, section="sft.first_teacher"), histories)
        told.append(teacher.ask(["ann", "bob"], 2))
        stats = teacher.stats()
        assert (stats["asked"], stats["cached"]) == (asked, 4 - asked)
        # A random model may write blanks for an open value, or letters of many tokens until it is cut off.
        unread = sum(given is None for answers in told[-1] for given in answers)
        assert sum(stats["failed"].values()) == unread < 4
        assert stats["failed"].keys() <= {"schema", "bad_json"}
    assert told[0] == told[1]
    for given in (given for answers in told[0] for given in answers if given is not None):
        assert set(given) == set(TAG_NAMES)
        assert all(value in TAG["gender"].values for value in given["gender"])

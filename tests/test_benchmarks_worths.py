"""What `benchmarks.worths` counts."""

import numpy as np
import pytest

from benchmarks.worths import TOPIC_TAGS, WORTHS, Measures, made_up_user, told_by_total
from records.simulation import SimulateConfig
from simulate.world_reader import load_world


def test_what_the_total_tells_is_the_mean_within_users() -> None:
    by_worth: dict[float, Measures] = {
        worth: {
            # One whose total rises with recovery, one whose total falls, one whose total stays, one unknown.
            "total": {"up": place, "down": -place, "still": 1.0, "unknown": place, "up too": place},
            "rand": {"up": place, "down": place, "still": place, "up too": place**3},
        }
        for place, worth in enumerate(WORTHS)
    }
    value, users = told_by_total(by_worth, "rand")
    assert (value, users) == (pytest.approx(1 / 3), 3)


@pytest.mark.parametrize("topics", [1, 5])
def test_a_made_up_user_has_so_many_topics(topics: int) -> None:
    world = load_world(SimulateConfig())
    tag_of = {item.name: world.desire[item.desire].tag for item in world.items}
    memories, topic = made_up_user(world, topics, np.random.default_rng(1))
    assert sorted(set(topic)) == list(range(topics))
    assert all(6 <= topic.count(one) <= 39 for one in range(topics))
    assert [memory.number for memory in memories] == list(range(1, len(topic) + 1))
    for memory in memories:
        assert 1 <= len(memory.wants) <= 3
        assert {tag_of[name] for name in memory.wants} <= set(TOPIC_TAGS)
    assert len({bool(memory.category) for memory in memories}) == 1

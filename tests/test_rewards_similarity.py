"""Likeness by sentence embeddings, with the model that is installed."""

from itertools import combinations
from pathlib import Path

import pytest

from lm.sentences import SHIPPED
from records.config import ScorerConfig
from records.errors import UserError
from records.simulation import SimulateConfig
from rewards.aliases import plain_name
from rewards.atomic import TagScorer
from rewards.similarity import Embeddings
from simulate.world_reader import load_world

FLOORS = ScorerConfig().similarity_floors


@pytest.fixture(scope="module")
def embeddings() -> Embeddings:
    return Embeddings(SHIPPED, FLOORS)


def test_no_two_values_of_the_world_are_alike(embeddings: Embeddings) -> None:
    world = load_world(SimulateConfig())
    for tag in ("interests", "home_city"):
        names = list(world.values_of(tag))
        assert len(names) >= 20
        names = [plain_name(tag, name) for name in names]
        embeddings.prepare(names)
        assert [pair for pair in combinations(names, 2) if embeddings(tag, *pair)] == []


def test_other_words_for_a_thing_earn_most_of_it(embeddings: Embeddings) -> None:
    score = TagScorer(embeddings).score
    assert 0.8 < score("interests", ("road cycling",), ("cycling",)) < 0.9
    assert 0.7 < score("interests", ("plants and gardening", "golf"), ("golf", "gardening")) < 1.0
    assert score("interests", ("sports",), ("running",)) == 0.0
    assert score("interests", ("hobbies",), ("chess",)) == 0.0
    assert score("home_city", ("Munich",), ("Berlin",)) == 0.0


def test_a_tag_without_a_floor_goes_by_name() -> None:
    embeddings = Embeddings(SHIPPED, {})
    assert embeddings("interests", "road cycling", "cycling") == 0.0
    assert embeddings("interests", "cycling", "cycling") == 1.0


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such model directory; name one, or all-MiniLM-L6-v2"):
        Embeddings(str(tmp_path / "none"), {})
    with pytest.raises(UserError, match=r"it holds no model \(no config.json\); name one, or all-MiniLM"):
        Embeddings(str(tmp_path), {})

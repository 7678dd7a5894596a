"""Clauses and sentences of summaries."""

import itertools

from lm.phrases import CLAUSES, clause, sentences
from records.tags import TAG_NAMES, TAGS


def test_every_closed_value_has_a_clause_of_its_own() -> None:
    assert tuple(CLAUSES) == TAG_NAMES
    for tag in TAGS:
        assert tuple(CLAUSES[tag.name]) == tag.values
    clauses = list(itertools.chain.from_iterable(values.values() for values in CLAUSES.values()))
    assert len(set(clauses)) == len(clauses)


def test_open_tags_have_their_own_wording() -> None:
    assert clause("interests", ("chess", "hiking")) == "a liking for chess and hiking"
    assert clause("home_city", ("Lyon",)) == "Lyon as home"


def test_one_sentence_a_dimension_and_silence_about_na() -> None:
    tags = {"home_city": ("Lyon",), "age_group": ("25-34",), "gender": ("female",), "pet": (), "fitness": ()}
    assert sentences(tags) == {
        "LS": ("The user is a woman, aged 25-34.", ("gender", "age_group")),
        "GC": ("The place is Lyon as home.", ("home_city",)),
    }
    assert sentences({"pet": ()}) == {}

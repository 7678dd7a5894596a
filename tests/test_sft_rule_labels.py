"""Labels by rules: values as they were read, evidence where true; agreement takes the wrong ones out."""

import pytest

from records.tags import GoldTag
from sft.bands import ask_teachers, band_tags
from sft.rule_labels import rule_labels, true_shares
from tests.test_sft_bands import GOLD, USERS, staff


def label(tag: str, *values: str, events: tuple[str, ...] = ("e1",)) -> GoldTag:
    return GoldTag(user_id="ann", tag=tag, values=values, event_ids=events, difficulty="implicit")


TRUTH = {
    "ann": {
        "pet": label("pet", "cat"),
        "interests": label("interests", "Chess", "hiking"),
        "gender": label("gender", "female"),
        "fitness": label("fitness", events=()),
    }
}
READ = {"ann": {"pet": ("dog",), "interests": ("hiking", "chess"), "gender": (), "fitness": ("high",)}}


def test_a_true_label_has_its_evidence_and_a_wrong_one_none() -> None:
    labels = rule_labels(TRUTH, READ, ["ann"])["ann"]
    assert labels["interests"] == TRUTH["ann"]["interests"]  # neither order nor case makes another value
    assert {tag: (one.values, one.event_ids) for tag, one in labels.items() if tag != "interests"} == {
        "pet": (("dog",), ()),
        "gender": ((), ()),
        "fitness": (("high",), ()),
    }


@pytest.mark.parametrize("seed", range(3))
def test_teachers_agree_with_few_labels_that_are_wrong(seed: int) -> None:
    """Every label of one tag is read wrongly: as another user's value, or NA."""
    read = {user: {tag: one.values for tag, one in tags.items()} for user, tags in GOLD.items()}
    for user in USERS:
        read[user] |= {"pet": ("dog",) if GOLD[user]["pet"].values != ("dog",) else ("cat",)}
    labels = rule_labels(GOLD, read, USERS)
    people = staff(0.25, seed)
    bands = band_tags(ask_teachers(labels, USERS, people), labels, USERS, people.stronger.name)
    shares = true_shares(labels, GOLD, bands)
    assert shares["all"] == pytest.approx(17 / 18, abs=1e-4)
    assert shares["standard"] > 0.99 > shares["all"] > shares["dropped"]

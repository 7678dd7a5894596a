"""What a summary can earn of any judge: by hand, and nothing taken from honest ones in other words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.phrases import CLAUSES, sentences
from records.tags import TAG_NAMES, TAGS
from rewards.atomic import TagScorer
from rewards.ceilings import COMMON, Ceilings, ceilings
from rewards.rule_judge import RuleJudge
from tests.summaries import GAMES, USER, Values, judged, written

TAG_SCORES = TagScorer()
GOLD: dict[str, tuple[str, ...]] = {
    "gender": ("female",),
    "pet": ("cat",),
    "home_city": ("Lyon",),
    "fitness": (),
}


def most(*summary: str, tags: Values = GOLD, gold: Values = GOLD) -> Ceilings:
    return ceilings(judged(written(summary, tags), gold), TAG_SCORES)


@pytest.mark.parametrize(
    ("text", "completeness", "consistency"),
    [
        # Other words may be true.
        ("She lives in Lyon with two kittens.", 1.0, 1.0),
        # Of three known facts one is misstated, of four tags asked for one is false.
        ("A lady of Lyon. The household has a dog.", 2 / 3, 3 / 4),
        # Said twice, and once of it falsely.
        ("She lives in Lyon with a cat or with a dog.", 2 / 3, 3 / 4),
        # Fitness is NA.
        ("She lives in Lyon with two kittens, hard training.", 1.0, 3 / 4),
        # Two telling words (good, person) for three facts.
        ("The user is a good, good person.", 2 / 3, 1.0),
        ("The user is it.", 0.0, 1.0),
        # What is turned is left to the model.
        ("She lives in Lyon and was never a man.", 1.0, 1.0),
        ("She lives in Lyon, no longer with a dog.", 1.0, 1.0),
        # What stands beside it is not: the second of two values is read.
        ("Once she lived in Lyon with a kitten, a dog.", 2 / 3, 3 / 4),
        ("She was a woman or a man, lives in Lyon and has a kitten.", 2 / 3, 3 / 4),
        ("[Source: Shop] [TIME: 2026-01-28] | Cat Food, Nappies, Wipes.", 0.0, 1.0),
    ],
)
def test_by_hand(text: str, completeness: float, consistency: float) -> None:
    found = most(text)
    assert found.completeness == pytest.approx(completeness)
    assert found.consistency == pytest.approx(consistency)


def test_a_text_that_names_two_values_of_many_tags_is_a_dump() -> None:
    gold = {"gender": ("female",), "pet": ("cat",), "relationship": ("single",)}
    two = "Once a woman, once a man. Once single, once married."
    assert most(two, tags=gold, gold=gold).false == ()  # an honest past may read so
    dump = most(f"{two} Once with a cat, once with a dog.", tags=gold, gold=gold)
    assert (dump.completeness, dump.consistency) == (0.0, 0.0)


@pytest.mark.parametrize("game", ["the dump as a past", "alternatives as a past"])
def test_a_dump_earns_nothing_as_a_past(game: str) -> None:
    found = most(*GAMES[game], tags=USER, gold=USER)
    # Of 15 known tags it leaves the two open ones to the model.
    assert found.completeness == pytest.approx(2 / 15)
    assert found.consistency == 0.0


def test_an_entry_without_an_end_is_read() -> None:
    assert most("The user is a man", "The household has a dog", "It is so").false == ("gender", "pet")


def test_what_was_not_asked_costs_nothing() -> None:
    gold = {"age_group": ("25-34",), "pet": ()}
    summary = "The user is aged 25-34, married. The household has an owned home"
    assert most(f"{summary}.", tags=gold, gold=gold) == Ceilings(
        completeness=1.0, consistency=1.0, aesthetics=1.0, false=()
    )
    # NA is known: a dog is an invention.
    assert most(f"{summary}, a dog.", tags=gold, gold=gold).false == ("pet",)


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        ("She is married to a man from Lyon and walks her labrador.", {"gender": ("female",)}),
        ("She often shops for a cat sitter, a cat tree and food.", {"pet": ("dog",)}),
        ("She spends evenings in a single room.", {"relationship": ("partnered",)}),
        ("She cooks for one person, then for four.", {"household_size": ("3-4",)}),
        (
            "A woman married to a man who was single for long.",
            {"gender": ("female",), "relationship": ("married",)},
        ),
        ("She works in Paris, regards Lyon as home.", {"home_city": ("Lyon",)}),
        (
            "Daily life means a liking for chess. There is also a liking for hiking.",
            {"interests": ("hiking", "chess")},
        ),
        (
            "Daily life means a liking for chess. She loves the hills, a liking for hiking.",
            {"interests": ("hiking", "chess")},
        ),
    ],
)
def test_clauses_within_other_phrases_are_not_held_against_it(text: str, gold: Values) -> None:
    assert most(text, tags=gold, gold=gold) == Ceilings(
        completeness=1.0, consistency=1.0, aesthetics=1.0, false=()
    )


def test_what_a_list_adds_is_false() -> None:
    gold = {"interests": ("chess", "hiking")}
    found = most("Daily life means a liking for chess and golf.", tags=gold, gold=gold)
    # Hiking may stand in other words: of chess, golf and hiking two are true, 2·2 / (3 + 2).
    assert (found.completeness, found.consistency) == (pytest.approx(0.8), pytest.approx(0.8))


@pytest.mark.parametrize(
    ("texts", "score"),
    [
        (["35-year-old woman with a dog in Lyon."], 1.0),
        (["Élodie is married, with a cat."], 1.0),
        (["She loves to hike!", "Does she cook at home?"], 1.0),
        ([" ".join(f"She has a cat and a dog of {n} years." for n in range(9))], 1.0),
        (["She loves to hike. she has a cat"], 1 / 2),
        (["She loves to hike", "She has a cat."], 1 / 2),
        (["She loves to hike. She loves to hike."], 1 / 2),
        (["élodie is married."], 0.0),
        (["She hikes..."], 0.0),
        (["She hikes."], 0.0),
        ([" ".join(["Word"] * 41) + "."], 0.0),
        (["- She loves to hike."], 0.0),
    ],
)
def test_aesthetics_counts_sentences(texts: list[str], score: float) -> None:
    assert most(*texts).aesthetics == pytest.approx(score)


def test_what_the_own_tags_contradict_is_false() -> None:
    found = most("The user is a woman from Lyon, a cat.", tags=GOLD | {"pet": ("dog",)})
    assert found.completeness == pytest.approx(2 / 3)
    assert found.consistency == pytest.approx(3 / 4)
    assert found.false == ("pet",)


def test_nothing_is_known() -> None:
    unknown = {"pet": ()}
    assert most("A quiet person.", tags=unknown, gold=unknown).completeness == 1.0
    assert most("The household has a dog.", tags=unknown, gold=unknown).completeness == 0.0


def test_every_clause_has_a_word_of_its_own_and_turns_nothing() -> None:
    for tag, clauses in CLAUSES.items():
        for value, text in clauses.items():
            assert set(re.findall(r"[\w+-]+", text)) - COMMON, (tag, value)
            found = most(f"The user is {text}.", tags={tag: ()}, gold={tag: ()})
            assert found.false == (tag,)  # so it was read


@given(
    st.fixed_dictionaries(
        {
            tag.name: st.sampled_from([(), *((value,) for value in tag.values or ("chess", "Lyon"))])
            for tag in TAGS
        }
    )
)
def test_the_rule_judge_never_finds_more(values: dict[str, tuple[str, ...]]) -> None:
    """And of canonical sentences that say all that is known it is all that can be earned."""
    known = values | {"home_city": ("Oslo",)}
    summary = [text for text, _ in sentences(known).values()]
    answer = written(summary, known)
    for gold in (known, USER):
        (found,) = RuleJudge(TAG_SCORES).judge([judged(answer, gold)])
        limit = ceilings(judged(answer, gold), TAG_SCORES)
        assert found.completeness <= limit.completeness + 1e-9
        assert found.consistency <= limit.consistency + 1e-9
        assert found.aesthetics == limit.aesthetics
    assert most(*summary, tags=known, gold=known) == Ceilings(
        completeness=1.0, consistency=1.0, aesthetics=1.0, false=()
    )


FREE = {
    "gender": ("female",), "age_group": ("25-34",), "relationship": ("married",), "pet": ("cat",),
    "child_stage": ("infant",), "housing_tenure": ("renter",), "interests": ("hiking", "chess"),
    "chronotype": ("night",), "occupation": ("healthcare",), "home_city": ("Lyon",),
}  # fmt: skip


@pytest.mark.parametrize(
    "summary",
    [
        (
            "She is about thirty, works nights as a nurse in Lyon and shares a rented flat with her husband.",
            "They had a baby this spring and keep a cat.",
            "In her free time she hikes and plays chess.",
        ),
        (
            "A married nurse in her early thirties, formerly single, who moved from Paris to Lyon.",
            "She rents, has a newborn and feeds her tabby well.",
            "Late in the evening she orders chess books and hiking boots.",
        ),
    ],
)
def test_honest_summaries_in_other_words_keep_their_grades(summary: tuple[str, ...]) -> None:
    gold = dict.fromkeys(TAG_NAMES, ()) | FREE
    assert most(*summary, tags=gold, gold=gold) == Ceilings(
        completeness=1.0, consistency=1.0, aesthetics=1.0, false=()
    )

"""The fixed extractor reads taught sentences exactly, and other people's words with sense."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hprbench.extractor import extract
from lm.phrases import sentences
from records.tags import TAG_NAMES, TAGS

# Names chosen to tempt the rules of other tags.
INTERESTS = ("hiking", "cooking at home", "cat videos", "marathons", "bargain hunting", "retired racing dogs")
CITIES = ("Lyon", "New York", "York", "Saint-Étienne", "Reading", "Single Oak", "St. Louis", "Night Harbour")


def stated(text: str, cities: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    return {tag: values for tag, values in extract(text, cities).items() if values}


def assignments(cities: tuple[str, ...]) -> st.SearchStrategy[dict[str, tuple[str, ...]]]:
    """Random values of all 18 tags, each NA at times."""
    single = {
        tag.name: st.sampled_from(((), *((value,) for value in tag.values or cities)))
        for tag in TAGS
        if tag.max_values == 1
    }
    several = st.lists(st.sampled_from(INTERESTS), max_size=3, unique=True).map(tuple)
    return st.fixed_dictionaries({**single, "interests": several})


@settings(max_examples=150, deadline=None)
@given(assignments(CITIES))
def test_canonical_summaries_are_read_exactly(tags):
    text = " ".join(sentence for sentence, _ in sentences(tags).values())
    assert extract(text, CITIES) == tags


@settings(max_examples=80, deadline=None)
@given(assignments(tuple(city for city in CITIES if city != "St. Louis")))
def test_canonical_summaries_are_read_exactly_without_a_gazetteer(tags):
    text = " ".join(sentence for sentence, _ in sentences(tags).values())
    assert extract(text) == tags


@pytest.mark.parametrize(
    ("tag", "value"), [(tag.name, value) for tag in TAGS for value in tag.values], ids=lambda part: part
)
def test_one_canonical_clause_states_one_tag(tag, value):
    text = sentences({tag: (value,)})[next(t.dimension for t in TAGS if t.name == tag)][0]
    assert stated(text) == {tag: (value,)}


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        (
            "A mother-to-be who lives in Lyon and has no pets.",
            {"gender": ("female",), "child_stage": ("expecting",), "pet": ("none",), "home_city": ("Lyon",)},
        ),
        (
            "She is 29 years old, newly married and expecting a baby; they rent out nothing and own a flat.",
            {"gender": ("female",), "age_group": ("25-34",), "relationship": ("married",)}
            | {"child_stage": ("expecting",), "housing_tenure": ("owner",)},
        ),
        (
            "A software engineer in his late thirties, frugal, a night owl and a homebody.",
            {"gender": ("male",), "age_group": ("35-44",), "occupation": ("technical",)}
            | {"price_sensitivity": ("bargain",), "chronotype": ("night",), "mobility": ("local",)},
        ),
        (
            "Enjoys hiking, chess and board games, and lives alone with two cats.",
            {"interests": ("hiking", "chess", "board games"), "household_size": ("1",), "pet": ("cat",)},
        ),
        (
            "Holds a master’s degree, is self-employed and earns well.",
            {"education": ("postgraduate",), "occupation": ("self_employed",), "income_band": ("high",)},
        ),
        (
            "She works nights in a hospital and lives with her parents.",
            {"gender": ("female",), "occupation": ("healthcare",), "housing_tenure": ("with_family",)},
        ),
        (
            "A primary-school teacher aged 55–60 with a toddler.",
            {"occupation": ("education",), "child_stage": ("preschool",)},
        ),
    ],
)
def test_paraphrases(text, tags):
    assert stated(text) == tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("The user is not married.", {}),
        ("Doesn't own a dog.", {}),
        ("There is no dog and no cat.", {"pet": ("none",)}),
        ("Has neither a cat nor a dog.", {"pet": ("none",)}),
        ("Has no children, but a puppy.", {"child_stage": ("none",), "pet": ("dog",)}),
        ("Without a university degree.", {"education": ("school",)}),
        ("No children or pets.", {"child_stage": ("none",), "pet": ("none",)}),
        ("It is unclear whether the user is married.", {}),
        ("Never flies often, rarely eats out.", {}),
        ("No longer a renter.", {}),
        ("Not only retired but wealthy.", {"life_stage": ("retired",), "income_band": ("high",)}),
    ],
)
def test_negation(text, tags):
    assert stated(text) == tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Used to live in Paris.", {}),
        ("Formerly a student, now retired.", {"life_stage": ("retired",)}),
        ("Was single and is now married.", {"relationship": ("married",)}),
        ("A renter until last year.", {}),
        ("Moved from Paris to New York.", {"home_city": ("New York",)}),
        ("Previously in Paris, but York is home.", {"home_city": ("York",)}),
        ("Her mother is retired.", {"gender": ("female",)}),
        ("Buys gifts for a student.", {}),
        ("Takes trips to Paris from Lyon.", {}),
    ],
)
def test_past_states_other_people_and_journeys(text, tags):
    assert stated(text, ("Paris", "New York", "York", "Lyon")) == tags


def test_contradiction_is_an_assertion_that_equals_no_value():
    assert stated("A man or a woman.") == {"gender": ("male", "female")}


def test_nothing_said_is_nothing_read():
    assert extract("") == dict.fromkeys(TAG_NAMES, ())


def test_the_gazetteer_spells_the_city():
    assert stated("Lives in SAINT-ÉTIENNE.", CITIES) == {"home_city": ("Saint-Étienne",)}

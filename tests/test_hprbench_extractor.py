"""The fixed extractor reads taught sentences exactly, and other people's words with sense."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hprbench.extractor import _CLOSED, extract
from hprbench.extractor_needles import needles
from hprbench.validation.grammar import LEVELS, load_grammar, write_summaries
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
        ("Left Paris for Lyon.", {"home_city": ("Lyon",)}),
        ("Has a sister who is married.", {}),
        ("Buys toys for a friend's toddler.", {}),
        ("Buys food for their own dog.", {"pet": ("dog",)}),
        ("His brother flies often, but he rarely travels.", {"gender": ("male",), "mobility": ("local",)}),
        ("Her husband is a teacher.", {"gender": ("female",), "relationship": ("married",)}),
        ("Wants to become a nurse.", {}),
        ("Whether the user has a dog is unknown.", {}),
        ("Quit the office job and is now a teacher.", {"occupation": ("education",)}),
        ("A tenant rather than a homeowner.", {"housing_tenure": ("renter",)}),
    ],
)
def test_past_states_other_people_and_journeys(text, tags):
    assert stated(text, ("Paris", "New York", "York", "Lyon")) == tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        (
            "Profile:\n- **Pet:** none\n- **Age:** 41\n- **Income level:** high",
            {"pet": ("none",), "age_group": ("35-44",), "income_band": ("high",)},
        ),
        ("Household size: 3-4; Housing: rented", {"household_size": ("3-4",), "housing_tenure": ("renter",)}),
        ("Interests: chess, sailing\nHome city: Lyon", {"interests": ("chess", "sailing")}),
        ("• Pet – unknown\n• Gender – F", {"gender": ("female",)}),
        ("The fitness level is low and price sensitivity appears to be high.", {"fitness": ("low",)}),
    ],
)
def test_labels(text, tags):
    found = stated(text)
    assert {tag: found.get(tag) for tag in tags} == tags
    assert "pet" not in found or "pet" in tags


def test_the_label_says_what_high_is():
    text = "Fitness: high. Price sensitivity: high. Income: low."
    assert stated(text) == {
        "fitness": ("high",),
        "price_sensitivity": ("bargain",),
        "income_band": ("low",),
    }


@settings(max_examples=200, deadline=None)
@given(st.text(), st.lists(st.text(min_size=1), max_size=3))
def test_any_text_is_read(text, cities):
    assert list(extract(text, cities)) == list(TAG_NAMES)


WORDS = [
    "A-",
    "home ",
    "dog ",
    "mix of cooking ",
    "lives in ",
    "likes a, ",
    "not ",
    "her sister ",
    "\n",
    ". ",
    "é",
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=200).map("".join))
def test_any_words_of_the_rules_are_read(text):
    assert list(extract(text, CITIES)) == list(TAG_NAMES)


@pytest.mark.parametrize("word", ["A-", "home ", "mix of cooking home ", "likes x and "])
def test_a_long_line_is_read_in_proportion_to_its_length(word):
    line = (word * 50_000)[:50_000]
    start = time.process_time()
    extract(line, CITIES)
    # Quadratic time would be minutes, backtracking over all ways to part the words for ever.
    assert time.process_time() - start < 20


def test_no_rule_matches_without_one_of_its_needles():
    texts = [
        summary.text
        for level in LEVELS
        for summary in write_summaries(load_grammar(level, "development"), 30, seed=5)
    ]
    rules = [rule for rules in _CLOSED.values() for rule in rules]
    assert all(words for _, words, _ in rules)
    for text in texts:
        lower = text.lower()
        for _, words, rule in rules:
            assert any(word in lower for word in words) or not rule.search(text)


def test_needles():
    assert needles(r"(?:no|without a) (?:\w+ )?partner|unmarried") == ("partner", "unmarried")
    assert needles(r"tak(?:es?|ing) flights?(?! home)") == (" flight",)
    assert needles(r"[a-z]+|dog") == ()


def test_contradiction_is_an_assertion_that_equals_no_value():
    assert stated("A man or a woman.") == {"gender": ("male", "female")}


def test_nothing_said_is_nothing_read():
    assert extract("") == dict.fromkeys(TAG_NAMES, ())


def test_the_gazetteer_spells_the_city():
    assert stated("Lives in SAINT-ÉTIENNE.", CITIES) == {"home_city": ("Saint-Étienne",)}

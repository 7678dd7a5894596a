"""Sentences about shoppers whose words look like a statement and are none, beside near ones that are."""

import time

import pytest

from hprbench.extractor import extract

FEMALE, MALE = {"gender": ("female",)}, {"gender": ("male",)}
MARRIED = {"relationship": ("married",)}
NIGHT = {"chronotype": ("night",)}


def stated(text: str) -> dict[str, tuple[str, ...]]:
    return {tag: values for tag, values in extract(text).items() if values}


@pytest.mark.parametrize(
    "text",
    [
        "Most active around 22 in the evening.",
        "Orders arrive at 18.",
        "Spends of 40, on average.",
        "Prices of 25-34 euros.",
        "The average basket is 40.",
        "The peak hour is 22:00.",
        "Orders peak at about 22, mostly books.",
        "Buys around 25 and returns few.",
        "Is a customer of 24 shops.",
        "Account opened at 18, in May.",
        "Up to 60 percent off.",
        "Spends more than 60 euros a month.",
        "Buys 60 or more items a year.",
        "Delivery takes 18-24 hours.",
        "Rated 25 to 34 reviews.",
        "Buys sizes 35-44.",
        "Shops from 18 to 24.",
        "Listens to music of the seventies.",
        "Sells clothes for teens.",
    ],
)
def test_numbers_of_other_things_are_no_age(text):
    assert stated(text) == {}


@pytest.mark.parametrize(
    ("text", "band"),
    [
        ("A woman of 40.", "35-44"),
        ("She is around 22.", "18-24"),
        ("At 41, she shops.", "35-44"),
        ("She is not 30 but about 46.", "45-54"),
        ("Her full-time job is new and she is 29.", "25-34"),
        ("She, 45-54, shops.", "45-54"),
        ("She is in her sixties.", "55+"),
        ("She is over 60.", "55+"),
        ("Her favourite brand is 24, and she is 30.", "25-34"),
    ],
)
def test_ages_beside_them(text, band):
    assert stated(text) == FEMALE | {"age_group": (band,)}


@pytest.mark.parametrize(
    "text",
    [
        "A highly engaged shopper.",
        "An engaged and active user.",
        "Stays engaged with loyalty programmes.",
        "A single-minded shopper.",
        "Buys single malt.",
        "Books a single room.",
        "Made a single purchase, of shoes.",
        "Every single order is paid by card.",
        "Lives in a single-family house.",
    ],
)
def test_engaged_and_single_of_something_else(text):
    assert stated(text) == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("She is engaged to a teacher.", "partnered"),
        ("She got engaged, then moved.", "partnered"),
        ("Recently engaged, she shops.", "partnered"),
        ("A single, childfree woman.", "single"),
        ("A single 30-year-old mother.", "single"),
        ("She is single and shops.", "single"),
        ("A woman who lives the single life.", "single"),
    ],
)
def test_engaged_and_single_of_the_user(text, value):
    assert stated(text)["relationship"] == (value,)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Lives with a retired husband.", MARRIED),
        ("Cares for her retired mother.", FEMALE),
        ("Shops with his retired wife.", MARRIED | MALE),
        ("Shops with her elderly parents.", FEMALE),
        ("Her husband, a nurse, is 40.", FEMALE | MARRIED),
        ("With her wife, a doctor, she owns a flat.", FEMALE | MARRIED | {"housing_tenure": ("owner",)}),
        ("Has a son who is a student.", {}),
        ("A customer whose son is a student.", {}),
        ("Visits her mother, an accountant.", FEMALE),
        ("Her daughter, a student, lives in Paris.", FEMALE),
        ("Her partner, who is a nurse, cooks.", FEMALE | {"relationship": ("partnered",)}),
        ("His father, a retired engineer, lives in Rome.", MALE),
        ("His business partner is a lawyer.", MALE),
        ("A retired father of two.", MALE | {"life_stage": ("retired",)}),
        ("Lives with her husband, owns a flat.", FEMALE | MARRIED | {"housing_tenure": ("owner",)}),
    ],
)
def test_the_state_of_the_family(text, tags):
    assert stated(text) == tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("It is unlikely that she owns a dog.", FEMALE),
        ("She might be a student.", FEMALE),
        ("They may own a dog.", {}),
        ("She could be married.", FEMALE),
        ("Possibly a nurse.", {}),
        ("Perhaps married.", {}),
        ("Might own a dog, and is married.", MARRIED),
        ("Moved in May and is married.", MARRIED),
        ("Since she was young she has owned a dog.", FEMALE | {"pet": ("dog",)}),
        ("He was single.", MALE),
    ],
)
def test_doubt_and_a_past_that_lasts(text, tags):
    assert stated(text) == tags


@pytest.mark.parametrize(
    "text",
    [
        "Sees a therapist.",
        "Visits the dentist.",
        "Hired a plumber.",
        "Appointments with a nurse.",
        "Calls the electrician.",
        "Recommended by a pharmacist.",
        "Follows a nurse on Instagram.",
        "Watches videos by a personal trainer and a chef.",
        "Dates a plumber.",
        "Reads reviews by other students.",
        "Tutors students online.",
        "Uses a student card.",
        "Buys chef knives.",
        "Buys a doctor-recommended soap.",
        "Buys protein from a body builder.",
    ],
)
def test_professions_of_others(text):
    assert stated(text) == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Works as a dentist.", "healthcare"),
        ("The user appears to be a nurse.", "healthcare"),
        ("A plumber who visits the dentist.", "trades"),
        ("Happy with a desk job.", "office"),
        ("A kindergarten teacher.", "education"),
        ("Works at a kindergarten.", "education"),
    ],
)
def test_professions_of_the_user(text, value):
    assert stated(text) == {"occupation": (value,)}


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Bought a baby monitor.", {}),
        ("Ordered a newborn gift set.", {}),
        ("Collects baby names and baby clothes.", {}),
        ("Bought toddler shoes and a cat tree.", {}),
        ("Pays a dog walker.", {}),
        ("Needs a cat sitter.", {}),
        ("Follows a dog-friendly café.", {}),
        ("Wears cat-eye sunglasses.", {}),
        ("Buys a dog's toy.", {}),
        ("Buys her dog's food.", FEMALE | {"pet": ("dog",)}),
        ("A dog owner with a baby.", {"pet": ("dog",), "child_stage": ("infant",)}),
        ("Met a mortgage adviser.", {}),
        ("Uses a mortgage calculator.", {}),
        ("Has a mortgage.", {"housing_tenure": ("owner",)}),
        ("Bought a house plant and a flat-pack shelf.", {}),
        ("Prefers the comfort of her own home.", FEMALE),
        ("Rents movies.", {}),
        ("Buys male grooming products.", {}),
        ("Bought a two-person tent.", {}),
        ("Buys large household appliances and a large family pack of rice.", {}),
        ("Uses nighttime serum.", {}),
        ("Buys athletic shoes for movie marathons.", {}),
    ],
)
def test_goods_and_services(text, tags):
    assert stated(text) == tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Frequent trips to the gym.", {}),
        ("Makes frequent trips to nearby shops.", {}),
        ("Frequent business trips.", {"mobility": ("frequent_flyer",)}),
        ("Works at night and sleeps by day.", NIGHT),
        ("Sleeps badly at night.", {}),
        ("Works by day and sleeps at night.", {"chronotype": ("daytime",)}),
        ("A loyal and very active customer.", {}),
        ("Highly active on weekends.", {}),
        ("Uses an inactive account.", {}),
        ("Very active physically.", {"fitness": ("high",)}),
        ("Places most orders in small batches.", {}),
        ("Prefers home delivery of books.", {}),
        ("Often orders in.", {"dining_style": ("takeaway",)}),
        ("The key takeaways are clear.", {}),
        ("An interest in cars suggests a garage.", {"interests": ("cars",)}),
        ("Earns more than 500 points and a lot of cashback.", {}),
        ("Over 60% of orders are at night.", NIGHT),
    ],
)
def test_habits_of_a_shopper(text, tags):
    assert stated(text) == tags


@pytest.mark.parametrize("word", ["her mother, a ", "since she ", "around 22 ", "single, a-", "her own a-"])
def test_a_long_line_of_the_words_is_read_in_proportion_to_its_length(word):
    line = (word * 25_000)[:25_000]
    start = time.process_time()
    extract(line)
    assert time.process_time() - start < 10

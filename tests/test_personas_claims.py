"""The grammar of claims: what is written is read back, and no name can say more than a name."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rewards.personas.claims import MOST_NAMES, NOW, OFTEN, SPENDS, VERBS, WHEN, Claim, family, parse, render

HOSTILE = [
    "Milk. Mostly Baby",
    'Milk"',
    '"Milk"',
    "Milk and Honey",
    "and",
    "on weekends",
    "weekends",
    "in the evening",
    "Milk, Honey",
    "Milk.",
    ".",
    "a.b",
    "Milk\nMostly Baby.",
    "\\",
    '\\"',
    " Milk ",
    "\u2028",
    "on",
    "Rock and",
    "牛奶",
    "",
    "3.5mm Jack",
    "Mostly Baby.",
    "x. Since 2011-03",
    "\x00",
]
NAMES = st.one_of(st.sampled_from([name for name in HOSTILE if name]), st.text(min_size=1, max_size=12))
MONTHS = st.dates().map(lambda date: f"{date.year:04}-{date.month:02}")


def one(kind: str, argument: st.SearchStrategy[str]) -> st.SearchStrategy[Claim]:
    return argument.map(lambda value: Claim(kind=kind, arguments=(value,)))


CLAIMS = st.one_of(
    st.tuples(
        st.sampled_from(list(VERBS)), st.lists(NAMES, min_size=1, max_size=MOST_NAMES, unique=True)
    ).map(lambda said: Claim(kind="wants", arguments=(said[0], *said[1]))),
    one("about", NAMES),
    one("where", NAMES),
    one("often", st.sampled_from(list(OFTEN))),
    one("when", st.sampled_from(list(WHEN))),
    one("spends", st.sampled_from(list(SPENDS))),
    one("since", MONTHS),
    one("until", st.one_of(MONTHS, st.just(NOW))),
)


@settings(deadline=None)
@given(st.lists(CLAIMS, max_size=4).map(tuple))
def test_what_is_written_is_read_back(claims: tuple[Claim, ...]) -> None:
    text = render(claims)
    assert parse(text) == claims
    assert text.isprintable()


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=40),
        st.lists(
            st.sampled_from(
                [
                    "Mostly",
                    "on",
                    "Buys",
                    "and",
                    "Milk",
                    "Milk.",
                    "Milk,",
                    "Baby.",
                    "weekends.",
                    '"',
                    "Since",
                    "2011-03.",
                ]
            ),
            max_size=8,
        ).map(" ".join),
    )
)
@example('Buys "Milk.')
@example("Mostly on.")
@example("Mostly Baby. ")
@example("Mostly Baby.  Mostly Toys.")
@example(r'Buys "\u004dilk".')
@example(r'Buys "\q".')
def test_only_what_would_be_written_the_same_is_read(text: str) -> None:
    claims = parse(text)
    assert not claims or render(claims) == text


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Buys Wet Wipes and Milk Powder.", [("wants", ("buys", "Wet Wipes", "Milk Powder"))]),
        ("Looks at A, B and C.", [("wants", ("looks", "A", "B", "C"))]),
        ('Searches for "Bed and Bath" and Milk.', [("wants", ("searches", "Bed and Bath", "Milk"))]),
        ("Mostly Baby. About once a week.", [("about", ("Baby",)), ("often", ("weekly",))]),
        ("Mostly on weekends. Mostly on E-commerce.", [("when", ("weekends",)), ("where", ("E-commerce",))]),
        ("Mostly in the evening.", [("when", ("evening",))]),
        ("Since 2011-03. Still so when last seen.", [("since", ("2011-03",)), ("until", ("now",))]),
        ("Last in 2011-11. Spends much each time.", [("until", ("2011-11",)), ("spends", ("much",))]),
        ("Buys 3.5mm Jack.", [("wants", ("buys", "3.5mm Jack"))]),
        ('Buys "Milk. Mostly Baby".', [("wants", ("buys", "Milk. Mostly Baby"))]),
        ('Mostly "on weekends".', [("about", ("on weekends",))]),
        ('Mostly on "weekends".', [("where", ("weekends",))]),
        ("A loving parent.", []),
        ("Mostly Baby. A loving parent.", []),
        ("Since 2011-13.", []),
        ("Buys Milk and Milk.", []),
        ("Buys .", []),
        ("", []),
    ],
)
def test_sentences_as_people_see_them(text: str, kinds: list[tuple[str, tuple[str, ...]]]) -> None:
    assert [(claim.kind, claim.arguments) for claim in parse(text)] == kinds


@pytest.mark.parametrize("name", [name for name in HOSTILE if name])
def test_no_name_says_more_than_a_name(name: str) -> None:
    for claim in (Claim(kind="about", arguments=(name,)), Claim(kind="wants", arguments=("buys", name))):
        assert parse(render((claim,))) == (claim,)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("likes", ("Milk",)),
        ("wants", ("buys",)),
        ("wants", ("eats", "Milk")),
        ("about", ("",)),
        ("about", ()),
        ("wants", ("buys", "a", "b", "c", "d")),
        ("often", ("always",)),
        ("since", ("2011-3",)),
        ("since", (NOW,)),
        ("until", ("２０１１-03",)),
        ("when", ("Monday",)),
        ("spends", ("money",)),
        ("where", ("a", "b")),
    ],
)
def test_no_other_claims_can_be_made(kind: str, arguments: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="no claim"):
        Claim(kind=kind, arguments=arguments)


def test_actions_belong_to_families() -> None:
    named = {"Order": "buys", "Purchase": "buys", "Search": "searches", "Click": "looks", "View": "looks"}
    assert {action: family(action) for action in named} == named

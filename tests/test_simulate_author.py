"""Authors: what they are asked, what of their answers is used, and that a world made larger always loads."""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import launch.simulation
import launch.write_world
from launch.cli import main
from launch.recipe import write_recipe
from launch.stages.all import STAGES
from lm.chat import ChatReply, ChatRequest
from lm.client import ChatStats
from records.client import ClientConfig
from records.config import Recipe, SimulateConfig
from records.errors import UserError
from records.tags import TAGS
from simulate.author.acceptance import DesireReview, TextReview, described, owners_of_texts
from simulate.author.additions import (
    MARK,
    Addition,
    NewDesire,
    NewTexts,
    check_folder,
    loadable,
    render,
    write_additions,
)
from simulate.author.asks import QUERY, desire_asks, text_asks
from simulate.author.expansion import WORKS, expand
from simulate.author.llm import LLMAuthor
from simulate.author.protocol import DesireProposal, Desires, ItemProposal, TextAsk, Texts
from simulate.author.template import PHRASES, TemplateAuthor
from simulate.author.text_checks import LONGEST, fault_of
from simulate.engine import simulate
from simulate.titles import Titles, kinds_by_platform, write_titles
from simulate.world import Item, World
from simulate.world_reader import load_world

CONFIG = SimulateConfig()
SHIPPED = Path(__file__).resolve().parent.parent / "simulate" / "shipped"

Answer = Callable[[ChatRequest], str | ChatReply]


class FakeClient:
    """In the place of a ChatClient: `answer` is the model, and the questions of each call are kept."""

    def __init__(self, answer: Answer, config: ClientConfig | None = None) -> None:
        self.config = config or ClientConfig(model="fake")
        self.stats = ChatStats()
        self.calls: list[list[ChatRequest]] = []
        self._answer = answer

    def complete(
        self, requests: Sequence[ChatRequest], progress: Callable[[int, int], None] | None = None
    ) -> list[ChatReply]:
        self.calls.append(list(requests))
        self.stats.asked += len(requests)
        answers = [self._answer(request) for request in requests]
        return [answer if isinstance(answer, ChatReply) else ChatReply(text=answer) for answer in answers]


@pytest.fixture(scope="module")
def world() -> World:
    return load_world(CONFIG)


@pytest.fixture(scope="module")
def composed(world: World) -> Titles:
    return write_titles(world, CONFIG)


def item_of(world: World, name: str) -> Item:
    return next(item for item in world.items if item.name == name)


def asks_of(world: World, composed: Titles, name: str) -> dict[str, TextAsk]:
    titles, queries = text_asks(world, CONFIG, composed, [item_of(world, name)])
    return {ask.kind: ask for ask in (*titles, *queries)}


def reviewed(
    world: World, composed: Titles, name: str, kind: str, *texts: str
) -> tuple[tuple[str, ...], Counter[str]]:
    """What is used of texts of an item, and what is rejected."""
    review = TextReview(world, owners_of_texts(world, composed))
    found, outcome = review.review([asks_of(world, composed, name)[kind]], [Texts(texts=texts)])
    used = found[0].texts[kind] if found else ()
    assert outcome.accepted == len(used)
    assert outcome.proposed == len(texts)
    return used, outcome.rejected


# The author without a model


def test_the_template_author_describes_and_proposes_nothing(world: World, composed: Titles) -> None:
    author = TemplateAuthor()
    asks = desire_asks(world, CONFIG, 3, 40)
    personas = [ask.persona for ask in asks]
    texts = author.complete_personas(personas)
    assert texts == author.complete_personas(personas)
    assert len({text.texts for text in texts}) == 40
    titles, queries = text_asks(world, CONFIG, composed, world.items[:3])
    assert author.mine_desires(asks) == [Desires()] * 40
    assert author.write_titles(titles) == [Texts()] * len(titles)
    assert author.word_intents(queries) == [Texts()] * len(queries)
    # What it writes would be accepted of any author.
    used, outcome = described(author, personas)
    assert [(text,) for text in used] == [text.texts for text in texts]
    assert (outcome.accepted, outcome.rejected) == (40, Counter())
    expansion = expand(CONFIG, 0, author, items=None, desires=5)
    assert expansion.additions == ()


def test_a_description_says_what_is_so(world: World) -> None:
    (persona,) = [ask.persona for ask in desire_asks(world, CONFIG, 3, 1)]
    (texts,) = TemplateAuthor().complete_personas([persona])
    assert str(persona.age) in texts.texts[0]
    for tag, values in persona.tags.items():
        for value in values:
            assert PHRASES.get(tag, {}).get(value, "").lower() in texts.texts[0].lower()
    assert persona.tags["home_city"][0] in texts.texts[0]
    assert ", ".join(persona.tags["interests"]) in texts.texts[0]


def test_every_closed_value_has_a_phrase() -> None:
    for tag in TAGS:
        if tag.values and tag.name != "age_group":
            assert set(PHRASES[tag.name]) == set(tag.values)


# What is asked


def test_asks_are_of_the_kinds_that_a_platform_shows(world: World, composed: Titles) -> None:
    titles, queries = text_asks(world, CONFIG, composed, world.items)
    kinds_of = kinds_by_platform(CONFIG)
    assert {ask.kind for ask in queries} == {QUERY}
    for ask in (*titles, *queries):
        assert ask.kind in kinds_of[ask.platform]
        assert ask.count == world.kinds[ask.kind].titles
        assert 1 <= len(ask.examples) <= 3
        assert all(ask.item.lower() in example.lower() for example in ask.examples)
    assert len({(ask.item, ask.kind) for ask in (*titles, *queries)}) == len(titles) + len(queries)


def test_asks_for_desires_do_not_depend_on_how_many_there_are(world: World) -> None:
    asks = desire_asks(world, CONFIG, 5, 30)
    assert desire_asks(world, CONFIG, 5, 8) == asks[:8]
    assert desire_asks(world, CONFIG, 6, 8) != asks[:8]
    assert {bool(ask.tag) for ask in asks} == {True, False}
    anchored = {one.name for one in world.preferences if one.anchors}
    for ask in asks:
        assert ask.value in ask.persona.tags[ask.tag] if ask.tag else not anchored & set(ask.leans)


def test_one_call_asks_for_many_items_and_the_item_alone_decides_the_question(
    world: World, composed: Titles
) -> None:
    client = FakeClient(lambda request: "{}")
    titles, queries = text_asks(world, CONFIG, composed, world.items[:20])
    author = LLMAuthor(client)
    author.write_titles(titles)
    author.word_intents(queries)
    author.write_titles(titles[::-1])
    first, second, third = client.calls
    assert len(first) == len(titles)
    assert third == first[::-1]
    assert len({request.seed for request in first}) == len(first)
    assert not {request.seed for request in first} & {request.seed for request in second}
    assert all(0 <= request.seed < 2**31 for request in (*first, *second))


def test_questions_about_texts_do_not_tell_the_label(world: World, composed: Titles) -> None:
    client = FakeClient(lambda request: "{}")
    asks = asks_of(world, composed, "Beard Oil")
    LLMAuthor(client).write_titles([asks["product"]])
    LLMAuthor(client).word_intents([asks["query"]])
    for (request,) in client.calls:
        assert "Beard Oil" in request.user
        assert not re.search(r"\bmale\b|gender|beard_care", request.user)


# What is read


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("Sure! Here are some titles", "not_json"),
        ('{"texts": ["Beard Oil"', "not_json"),
        ("", "not_json"),
        ("[]", "wrong_form"),
        ('"Beard Oil"', "wrong_form"),
        ('{"titles": ["Beard Oil"]}', "wrong_form"),
        ('{"texts": [1]}', "wrong_form"),
        ('{"texts": "Beard Oil"}', "wrong_form"),
        ('{"texts": []}', "empty"),
        ('{"texts": {"a": "b"}}', "wrong_form"),
        (ChatReply(error="http_400: too long"), "http_400"),
        (ChatReply(error="budget"), "budget"),
    ],
)
def test_an_answer_that_cannot_be_read_says_why(
    world: World, composed: Titles, reply: str | ChatReply, reason: str
) -> None:
    author = LLMAuthor(FakeClient(lambda request: reply))
    asks = [asks_of(world, composed, "Beard Oil")["product"]]
    answers = author.write_titles(asks)
    assert answers == [Texts(unread=reason)]
    found, outcome = TextReview(world, owners_of_texts(world, composed)).review(asks, answers)
    assert (found, outcome.accepted, outcome.rejected) == ([], 0, Counter({reason: 1}))


@pytest.mark.parametrize(
    "reply",
    [
        {"leans": [], "things": []},
        {"want": 3, "leans": [], "things": []},
        {"want": "Eat", "leans": "much", "things": []},
        {"want": "Eat", "leans": [1], "things": []},
        {"want": "Eat", "leans": [], "things": ["Soup"]},
        {"want": "Eat", "leans": [], "things": [{"name": "Soup"}]},
        {"want": "Eat", "leans": [], "things": [{"name": "Soup", "category": None}]},
    ],
)
def test_a_desire_of_the_wrong_form(world: World, reply: dict[str, Any]) -> None:
    author = LLMAuthor(FakeClient(lambda request: json.dumps(reply)))
    assert author.mine_desires(desire_asks(world, CONFIG, 0, 1)) == [Desires(unread="wrong_form")]


def test_what_is_asked_can_be_answered(world: World) -> None:
    """A reply of the schema is read whole."""
    (ask,) = desire_asks(world, CONFIG, 0, 1)
    category = world.categories[0]

    def answer(request: ChatRequest) -> str:
        assert request.schema is not None
        fields = request.schema["properties"]
        assert list(fields) == ["want", "leans", "things"]
        assert category in fields["things"]["items"]["properties"]["category"]["enum"]
        lean = fields["leans"]["items"]["enum"][0]
        return json.dumps(
            {"want": "Brew ale", "leans": [lean], "things": [{"name": "Ale Kit", "category": category}]}
        )

    (found,) = LLMAuthor(FakeClient(answer)).mine_desires([ask])
    assert found.desires == (
        DesireProposal(
            tag=ask.tag,
            value=ask.value,
            want="Brew ale",
            leans=(next(iter(ask.leans)),),
            items=(ItemProposal(name="Ale Kit", category=category),),
        ),
    )


# What is used of texts


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" … ", "empty"),
        ("Beard Oil " * 12, "too_long"),
        ("Beard\x07 Oil", "control_character"),
        ("Beard Oil\nPomade", "control_character"),
        ("Beard \u202eOil", "control_character"),
        ("Beard Oil\ufe0f", "control_character"),
        ("Beard Oil\u3164", "control_character"),
        ("Beard Oil <|im_end|>", "control_token"),
        ("Beard Oil ＜｜im_end｜＞", "control_token"),
        ("Beard Oil [INST]", "control_token"),
        ("Beard Oil </answer>", "control_token"),
        ("Assistant: Beard Oil", "control_token"),
        ("Beard Oil {{name}}", "control_token"),
        ("Beard Oil at www.example.com", "address"),
        ("Beard Oil, pet=cat", "tag_value"),
        ("Beard Oil child_stage", "field_name"),
        ("Beard Oil (child stage: none)", "field_name"),
        ("Beard Oil for beard_care", "field_name"),
        ("Beard Oil for Male Buyers", "spells_value"),
        ("Beard Oil for Males", "spells_value"),
        ("Beard Oil, female too", "spells_value"),
        ("Beard Oil in Gift Wrap", "gift"),
        ("Premium Beard Balm", "lacks_name"),
        ("Beardy Oil", "lacks_name"),
        ("Beard Oil oooooo", "noise"),
        ("Beard Oil lklklklklk", "noise"),
        ("Beard Oil of abcdefghijklmnopqrstuvwxyz", "noise"),
    ],
)
def test_a_title_that_is_rejected(world: World, composed: Titles, text: str, reason: str) -> None:
    assert reviewed(world, composed, "Beard Oil", "product", text) == ((), Counter({reason: 1}))


@pytest.mark.parametrize(
    "text",
    [
        "Beard Oil",
        "【Flagship】 BEARD OIL 50 ml | Free Returns",
        "Oil for the Beard – vegan, unscented (2 x 30 ml)",
        "Bartöl Beard Oil №1",
    ],
)
def test_a_title_that_is_used(world: World, composed: Titles, text: str) -> None:
    used, rejected = reviewed(world, composed, "Beard Oil", "product", text)
    assert len(used) == 1
    assert not rejected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("flight to oslo", "unrelated"),
        ("oil for males", "spells_value"),
        ("beard oil gift", "gift"),
        ("oil " * 16, "too_long"),
    ],
)
def test_a_query_that_is_rejected(world: World, composed: Titles, text: str, reason: str) -> None:
    assert reviewed(world, composed, "Beard Oil", "query", text) == ((), Counter({reason: 1}))


def test_queries_are_in_lower_case_and_may_word_the_want(world: World, composed: Titles) -> None:
    used, rejected = reviewed(world, composed, "Beard Oil", "query", "Moustache Care", "trim a beard")
    assert used == ("moustache care", "trim a beard")
    assert not rejected


def test_a_text_stands_once_and_belongs_to_one_item(world: World, composed: Titles) -> None:
    texts = ("Fine Beard Oil", "fine beard oil", *(f"Beard Oil {number} ml" for number in range(3, 10)))
    used, rejected = reviewed(world, composed, "Beard Oil", "product", *texts)
    assert used == ("Fine Beard Oil", *texts[2:7])
    assert rejected == Counter(duplicate=1, too_many=2)
    # What another item is called already, composed or just accepted.
    owners = owners_of_texts(world, composed)
    owners["beard oil and lip balm"] = "Lip Balm"
    ask = asks_of(world, composed, "Beard Oil")["product"]
    found, outcome = TextReview(world, owners).review([ask], [Texts(texts=("Beard Oil and Lip Balm",))])
    assert (found, outcome.rejected) == ([], Counter(duplicate=1))
    assert owners[composed.texts[0].casefold()] == world.items[int(composed.item_T[0])].name


def test_what_the_world_composes_itself_would_be_used(world: World, composed: Titles) -> None:
    """So that reviews ask of an author no more than of the world."""
    review = TextReview(world, owners_of_texts(world, composed))
    places = {item.name: place for place, item in enumerate(world.items)}
    for asks in text_asks(world, CONFIG, composed, world.items):
        answers = []
        for ask in asks:
            cell = (places[ask.item], list(world.kinds).index(ask.kind))
            start = composed.start_NK[cell]
            answers.append(Texts(texts=composed.texts[start : start + composed.count_NK[cell]]))
        _, outcome = review.review(asks, answers)
        # The few others hold a size that is spelled like a household's.
        assert outcome.accepted > 0.99 * outcome.proposed


def test_a_description_that_is_rejected_is_composed_instead(world: World) -> None:
    personas = [ask.persona for ask in desire_asks(world, CONFIG, 0, 3)]
    said = iter(
        ['{"sentences": ["She\\n lives  alone.", "So."]}', "no", '{"sentences": ["home_city is Rome."]}']
    )
    texts, outcome = described(LLMAuthor(FakeClient(lambda request: next(said))), personas)
    plain = [answer.texts[0] for answer in TemplateAuthor().complete_personas(personas)]
    assert texts == ["She lives alone. So.", *plain[1:]]
    assert (outcome.accepted, outcome.rejected) == (1, Counter(not_json=1, field_name=1))


# What is used of desires

PROPOSAL = DesireProposal(
    tag="pet",
    value="cat",
    want="Brush out loose fur",
    leans=("tidy",),
    items=(ItemProposal(name="Fur Roller", category="Home & Kitchen"),),
)


def mined(world: World, composed: Titles, *proposals: DesireProposal) -> tuple[list[NewDesire], Any, Any]:
    review = DesireReview(world, owners_of_texts(world, composed))
    return review.review([Desires(desires=(proposal,)) for proposal in proposals])


@pytest.fixture(scope="module")
def proposal(world: World) -> DesireProposal:
    """One that is accepted."""
    item = ItemProposal(name="Fur Roller", category=world.categories[0])
    return replace(PROPOSAL, items=(item,))


def test_a_desire_that_is_used(world: World, composed: Titles, proposal: DesireProposal) -> None:
    found, desires, items = mined(world, composed, proposal)
    assert found == [
        NewDesire(
            name="brush_out_loose_fur",
            want="Brush out loose fur",
            tag="pet",
            value="cat",
            leans=("tidy",),
            items=proposal.items,
        )
    ]
    assert (desires.accepted, items.accepted) == (1, 1)
    assert not desires.rejected + items.rejected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tag": "zodiac"}, "unknown_tag"),
        ({"tag": "home_city"}, "unknown_tag"),
        ({"value": "hamster"}, "unknown_value"),
        ({"tag": "interests", "value": "falconry"}, "unknown_value"),
        ({"tag": ""}, "unknown_value"),
        ({"leans": ("cares_for_nothing",)}, "unknown_preference"),
        ({"tag": "", "value": "", "leans": ("wakes_early",)}, "anchored_preference"),
        ({"want": "x" * 61}, "too_long"),
        ({"want": "\u200b"}, "control_character"),
        ({"want": "<think>"}, "control_token"),
        ({"want": "Satisfy cat_litter"}, "field_name"),
        ({"want": "pet=cat"}, "tag_value"),
        ({"want": "???"}, "empty"),
        ({"want": "Brush"}, "bad_name"),
        ({"want": "Щи да каша"}, "bad_name"),
        ({"want": "keep the litter box clean"}, "duplicate"),
        ({"want": "Cat litter"}, "duplicate"),
        ({"items": ()}, "no_item"),
    ],
)
def test_a_desire_that_is_rejected(
    world: World, composed: Titles, proposal: DesireProposal, changes: dict[str, Any], reason: str
) -> None:
    found, desires, items = mined(world, composed, replace(proposal, **changes))
    assert (found, desires.accepted, desires.rejected) == ([], 0, Counter({reason: 1}))
    assert items.rejected == (Counter() if reason == "no_item" else Counter(of_rejected_desire=1))


@pytest.mark.parametrize(
    ("name", "category", "reason"),
    [
        ("", "", "empty"),
        ("Fur " * 12, "", "too_long"),
        ("Fur\u2066 Roller", "", "control_character"),
        ("Fur Roller [INST]", "", "control_token"),
        ("Fur Roller", "Nowhere", "unknown_category"),
        ("Fur Roller 3000", "", "bad_name"),
        ("A Very Long Name Of Things", "", "bad_name"),
        ("- Fur", "", "bad_name"),
        ("Cat Roller", "", "spells_value"),
        ("Cats Roller", "", "spells_value"),
        ("Cats' Roller", "", "bad_name"),
        ("Home Cook Roller", "", "spells_value"),
        ("Cycling Roller", "", "spells_value"),
        ("Gift Roller", "", "gift"),
        ("beard oil", "", "duplicate"),
    ],
)
def test_a_new_item_that_is_rejected(
    world: World, composed: Titles, proposal: DesireProposal, name: str, category: str, reason: str
) -> None:
    item = ItemProposal(name=name, category=category or world.categories[0])
    found, desires, items = mined(world, composed, replace(proposal, items=(item, *proposal.items)))
    assert [one.items for one in found] == [proposal.items]
    assert (items.accepted, items.rejected) == (1, Counter({reason: 1}))
    found, desires, items = mined(world, composed, replace(proposal, items=(item,)))
    assert (found, desires.rejected, items.rejected) == ([], Counter(no_item=1), Counter({reason: 1}))


def test_desires_and_items_stand_once(world: World, composed: Titles, proposal: DesireProposal) -> None:
    same_item = replace(proposal, want="Brush the sofa")
    found, desires, items = mined(world, composed, proposal, proposal, same_item)
    assert len(found) == 1
    assert desires.rejected == Counter(duplicate=1, no_item=1)
    assert items.rejected == Counter(of_rejected_desire=1, duplicate=1)


# Worlds made larger


def test_a_stacked_world_has_the_texts_and_the_desires(
    world: World, composed: Titles, proposal: DesireProposal, tmp_path: Path
) -> None:
    oil = item_of(world, "Beard Oil")  # says nothing but its desire in the file below
    cream = item_of(world, "Tired Eye Cream")  # has a price of its own there
    additions: list[Addition] = [
        NewTexts(
            item=oil, texts={"product": ("Oil, Beard: \"No. 1\" # 'new'",), "query": ("beard oil now",)}
        ),
        NewTexts(item=cream, texts={"product": ("Tired Eye Cream, vegan",)}),
        *mined(world, composed, proposal)[0],
    ]
    write_additions(tmp_path, additions, "by hand\nfor a test")
    stacked = load_world(replace(CONFIG, world=["shipped", str(tmp_path)]))
    assert {path.name for path in tmp_path.iterdir()} == {"catalogue.yaml", "desires.yaml"}
    assert (tmp_path / "desires.yaml").read_text().startswith(f"{MARK}")
    assert "# by hand\n# for a test\n" in (tmp_path / "catalogue.yaml").read_text()

    new = stacked.desire["brush_out_loose_fur"]
    assert (new.tag, new.values, new.leans) == ("pet", ("cat",), {"tidy": 0.5})
    assert item_of(stacked, "Fur Roller").desire == new.name
    # All else is as before.
    assert [d for d in stacked.desires if d != new] == list(world.desires)
    untitled = [replace(one, titles={}) for one in stacked.items if one.name != "Fur Roller"]
    assert untitled == list(world.items)

    titles = write_titles(stacked, CONFIG)
    kinds = list(stacked.kinds)

    def shown(name: str, kind: str) -> tuple[str, ...]:
        place = stacked.items.index(item_of(stacked, name))
        start = titles.start_NK[place, kinds.index(kind)]
        return titles.texts[start : start + titles.count_NK[place, kinds.index(kind)]]

    assert shown("Beard Oil", "product") == ("Oil, Beard: \"No. 1\" # 'new'",)
    assert shown("Beard Oil", "query") == ("beard oil now",)
    assert shown("Tired Eye Cream", "product") == ("Tired Eye Cream, vegan",)
    # Kinds without texts of their own, and items without any, keep the composed ones.
    place = world.items.index(cream)
    start = composed.start_NK[place, kinds.index("query")]
    assert (
        shown("Tired Eye Cream", "query")
        == composed.texts[start : start + len(shown("Tired Eye Cream", "query"))]
    )
    assert set(composed.texts) - set(titles.texts)
    assert len(shown("Fur Roller", "product")) > 1


def test_rejections_at_loading_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_all(
        config: SimulateConfig, additions: Sequence[Addition]
    ) -> tuple[list[Addition], list[tuple[Addition, str]]]:
        return [], [(one, "no") for one in additions]

    monkeypatch.setattr("simulate.author.expansion.loadable", refuse_all)
    client = FakeClient(obliging)
    expansion = expand(CONFIG, 0, LLMAuthor(client), items=4, desires=3)
    assert expansion.additions == ()
    assert set(expansion.errors) == {"no"}
    for name in WORKS:
        outcome = expansion.outcomes[name]
        assert outcome.accepted == 0
        assert outcome.rejected["does_not_load"] > 0


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    write_additions(tmp_path, [], "nothing")
    check_folder(tmp_path, ["shipped"])
    check_folder(tmp_path / "new", ["shipped"])
    with pytest.raises(UserError, match=r"part of simulate\.world itself"):
        check_folder(tmp_path, ["shipped", f"{tmp_path}/."])
    (tmp_path / "titles.yaml").write_text(f"{MARK}\n")
    with pytest.raises(UserError, match=r"titles\.yaml: was not written by simulate write"):
        check_folder(tmp_path, ["shipped"])
    (tmp_path / "titles.yaml").unlink()
    (tmp_path / "desires.yaml").write_text("mine: {}\n")
    with pytest.raises(UserError, match=r"desires\.yaml: was not written"):
        check_folder(tmp_path, ["shipped"])


def test_an_empty_addition_loads_and_a_file_that_says_the_same_is_left_alone(tmp_path: Path) -> None:
    write_additions(tmp_path, [], "nothing")
    before = (tmp_path / "catalogue.yaml").stat().st_mtime_ns
    write_additions(tmp_path, [], "nothing")
    assert (tmp_path / "catalogue.yaml").stat().st_mtime_ns == before
    assert load_world(replace(CONFIG, world=["shipped", str(tmp_path)])) == load_world(CONFIG)


# Anything a model may say


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SimulateConfig:
    """The smallest world there can be: a desire and an item for every value."""
    folder = tmp_path_factory.mktemp("world")
    for name in ("titles.yaml", "cities.yaml"):
        copyfile(SHIPPED / name, folder / name)
    preferences = {
        "all": {
            "buys_on_impulse": {},
            "searches_first": {},
            "tidy": {},
            "early": {"anchors": {"pet": {"cat": 1}}},
        }
    }
    values = [(tag.name, value) for tag in TAGS for value in tag.values]
    values += [("interests", hobby) for hobby in ("chess", "golf", "yoga", "judo")]
    desires: dict[str, Any] = {
        f"d{number}": {"want": f"Want {number}", "shows": {tag: value}}
        for number, (tag, value) in enumerate(values)
    }
    desires |= {f"e{number}": {"want": f"Everyday {number}"} for number in range(4)}
    names = (f"{a}{b} {c}o" for a, b, c in product("Bcdfgk", "aeiu", "BDFGKLMN"))
    items = dict(zip(names, desires, strict=False))
    catalogue = {
        platform: {"platform": platform, "price": 5, "items": dict(list(items.items())[place::4])}
        for place, platform in enumerate(("E-commerce", "Delivery", "Travel", "Places"))
    }
    for name, content in (("preferences", preferences), ("desires", desires), ("catalogue", catalogue)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    config = replace(CONFIG, world=[str(folder)])
    assert len(load_world(config).items) == len(desires)
    return config


def test_what_would_not_load_is_found_and_left_out(small: SimulateConfig) -> None:
    world = load_world(small)
    thing = ItemProposal(name="Fur Roller", category=world.categories[0])
    good = NewDesire(name="brush", want="Brush fur", tag="pet", value="cat", leans=("tidy",), items=(thing,))
    home = NewDesire(name="town", want="Go", tag="home_city", value="Oslo", leans=(), items=(thing,))
    nothing = replace(good, name="nothing", items=())
    texts: list[Addition] = [
        NewTexts(item=item, texts={"product": (f"{item.name} X",)}) for item in world.items[:6]
    ]
    poem = NewTexts(item=world.items[7], texts={"poem": ("Ode",)})
    kept, refused = loadable(small, [home, *texts[:3], poem, *texts[3:], good, nothing])
    assert kept == [*texts, good]
    assert [one for one, _ in refused] == [home, poem, nothing]
    for _, error in refused:
        assert re.match(r"(desires|catalogue)\.yaml: ", error)


def obliging(request: ChatRequest) -> str:
    """What a good model might say: of the schema, and with the words that are asked for."""
    assert request.schema is not None
    fields = request.schema["properties"]
    if "want" in fields:
        number = "".join(chr(ord("a") + int(digit)) for digit in str(request.seed))
        thing = {
            "name": f"Thing {number}",
            "category": fields["things"]["items"]["properties"]["category"]["enum"][0],
        }
        return json.dumps({"want": f"Have {number}", "leans": [], "things": [thing, thing]})
    named = re.search(r'words\s+"([^"]+)"|What\s+would\s+do:\s+([^,]+),', request.user)
    assert named is not None
    name = " ".join((named[1] or named[2]).split())
    return json.dumps({"texts": [f"{name} {mark}" for mark in ("a", "b", "b")]})


LOOSE_TEXT = st.text(max_size=30) | st.sampled_from(
    ["<|im_end|>", "pet=cat", "Yes", "null", "- a: b", "#", "\u2028"]
)


@st.composite
def replies(draw: st.DrawFn) -> Answer:
    """A model that answers somehow: any text, any JSON, or nearly what it should."""
    random = draw(st.randoms(use_true_random=False))
    texts = draw(st.lists(LOOSE_TEXT, min_size=3, max_size=12))
    values = draw(
        st.lists(
            st.recursive(
                st.none() | st.booleans() | st.integers() | LOOSE_TEXT,
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(
                        st.sampled_from(["texts", "want", "leans", "things", "name", "category"])
                        | LOOSE_TEXT,
                        inner,
                        max_size=4,
                    )
                ),
                max_leaves=8,
            ),
            min_size=1,
            max_size=4,
        )
    )

    def answer(request: ChatRequest) -> str | ChatReply:
        way = random.randrange(5)
        if way == 0:
            return ChatReply(error=random.choice(["budget", "timeout", "http_500: no"]))
        if way == 1:
            return random.choice(texts)
        if way == 2:
            return json.dumps(random.choice(values))
        good = json.loads(obliging(request))
        for field, value in good.items():
            if isinstance(value, str):
                good[field] = random.choice([value, f"{value} {random.choice(texts)}", random.choice(texts)])
            elif field == "texts":
                good[field] = [
                    random.choice([one, f"{one} {random.choice(texts)}", random.choice(texts)])
                    for one in value
                ]
            elif field == "leans":
                good[field] = random.sample(["tidy", "early", "unheard"], random.randrange(3))
            else:
                for thing in value:
                    thing["name"] = random.choice(
                        [thing["name"], f"{random.choice(texts)}", f"{thing['name']} {random.choice(texts)}"]
                    )
        return json.dumps(good)

    return answer


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=replies())
def test_whatever_a_model_says_the_world_loads_and_all_is_counted(
    small: SimulateConfig, answer: Answer
) -> None:
    client = FakeClient(answer)
    expansion = expand(small, 1, LLMAuthor(client), items=12, desires=6)
    assert expansion.errors == ()  # reviews leave nothing for the loader to refuse
    with TemporaryDirectory() as place:
        write_additions(Path(place), expansion.additions, "any")
        stacked = load_world(replace(small, world=[*small.world, place]))
    texts = [text for item in stacked.items for kind in item.titles.values() for text in kind]
    outcomes = expansion.outcomes
    assert len(texts) == outcomes["titles"].accepted + outcomes["queries"].accepted
    assert len(stacked.desires) == len(load_world(small).desires) + outcomes["desires"].accepted
    assert len(stacked.items) == len(load_world(small).items) + outcomes["new items"].accepted
    for text in texts:
        assert fault_of(text, "title") == ""
    for outcome in outcomes.values():
        assert outcome.proposed == outcome.accepted + sum(outcome.rejected.values())
        assert min([outcome.accepted, *outcome.rejected.values()]) >= 0
    for name, asks in expansion.asks.items():
        assert outcomes[name].proposed >= (asks if name == "desires" else 0)


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=120), form=st.sampled_from(list(LONGEST)))
def test_a_text_without_fault_is_harmless(text: str, form: str) -> None:
    if not fault_of(text, form):
        assert text.isprintable()
        assert not set(text) & set("<>{}`\\=@\n")
        assert 0 < len(text) <= LONGEST[form]


# The commands


def run(*arguments: str) -> int:
    return main(["simulate", *arguments])


def test_without_a_model_the_command_says_what_to_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("write", "--out", str(tmp_path / "made")) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "set llm.base_url" in said
    assert "llm.model" in said
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--desires=-1"], "--desires: -1 desires"),
        (["--items=-1"], "--items: -1 items"),
        (["llm.concurrency=0"], "llm.concurrency is 0"),
        (["llm.base_url=http://me:secret@host/v1"], "llm.base_url: take out user"),
        (["llm.api_key_env=sk-secret-0123"], "llm.api_key_env: this is no name of an environment variable"),
        (["llm.key=secret"], "unknown key 'llm.key'"),
    ],
)
def test_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run("write", "--out", str(tmp_path), "llm.model=fake", *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "secret-" not in error
    assert ":secret" not in error


def fake_client(monkeypatch: pytest.MonkeyPatch, module: Any, answer: Answer) -> list[FakeClient]:
    made: list[FakeClient] = []

    def make(config: ClientConfig, cache: Path) -> FakeClient:
        made.append(FakeClient(answer, config))
        return made[-1]

    monkeypatch.setattr(module, "ChatClient", make)
    return made


def test_a_world_is_written_and_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = fake_client(
        monkeypatch, launch.write_world, lambda request: obliging(request) if request.schema else "ready"
    )
    out = tmp_path / "made"
    arguments = ["write", "--out", str(out), "--items", "5", "--desires", "4", 'llm.model="fake\\n# model"']
    assert run(*arguments) == 0
    said = capsys.readouterr().out
    assert "duplicate" in said
    assert f"simulate.world=[shipped,{out}]" in said
    (client,) = made
    assert [len(call) for call in client.calls] == [
        1,
        5,
        3,
        4,
    ]  # two of the items are places, which nobody searches for

    config = replace(CONFIG, users=3, world=["shipped", str(out)])
    stacked = load_world(config)
    own = [item for item in stacked.items if item.titles]
    assert len(own) == 5
    for item in own:
        assert set(item.titles.values()) <= {
            tuple(f"{name} {mark}" for mark in "ab") for name in (item.name, item.name.lower())
        }
    assert len(stacked.desires) == len(load_world(CONFIG).desires) + 4
    header = (out / "catalogue.yaml").read_text().splitlines()[:4]
    assert header[1].startswith("# by the model fake?# model at temperature")
    assert header[2].startswith("# accepted: 10 titles, 6 queries, 4 desires, 4 new items")
    # The same again, since the model says the same.
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(out.glob("*.yaml"))]
    assert run(*arguments) == 0
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(out.glob("*.yaml"))] == before
    assert simulate(config, 0, tmp_path / "users").users == 3


def test_a_server_that_is_not_there_is_found_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = fake_client(
        monkeypatch, launch.write_world, lambda request: ChatReply(error="connection: ConnectError")
    )
    assert run("write", "--out", str(tmp_path), "llm.model=fake") == 2
    assert "no answer there (connection: ConnectError)" in capsys.readouterr().err
    assert len(made[0].calls) == 1


def test_the_sample_page_describes_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    simulate(replace(CONFIG, users=6, min_days=60, max_days=90), 0, tmp_path)
    page = tmp_path / "report" / "sample.html"
    assert run("sample", str(tmp_path), "--users", "3") == 0
    plain = re.findall(r"<p>(An? (?:wo)?man of \d+ in .*)</p>", page.read_text())
    assert len(plain) == 3

    said = iter(['{"sentences": ["Quiet & kind."]}', "no", '{"sentences": ["<b>Loud</b>"]}'])
    made = fake_client(monkeypatch, launch.simulation, lambda request: next(said))
    assert run("sample", str(tmp_path), "--users", "3", "llm.model=fake") == 0
    text = page.read_text()
    assert "<p>Quiet &amp; kind.</p>" in text
    assert re.findall(r"<p>(An? (?:wo)?man of \d+ in .*)</p>", text) == plain[1:]
    assert "rejected, and composed from facts instead: not_json 1, control_token 1" in capsys.readouterr().out
    assert len(made[0].calls) == 1
    assert run("sample", str(tmp_path), "simulate.users=3") == 2
    assert "only keys of llm" in capsys.readouterr().err


def test_no_stage_reads_the_model_and_no_file_of_a_run_holds_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    plain, with_model = Recipe(), Recipe(llm=ClientConfig(model="large", api_key_env="MY_KEY"))
    for stage in STAGES:
        assert stage.reads(plain) == stage.reads(with_model)
    write_recipe(tmp_path / "config.yaml", with_model)
    text = (tmp_path / "config.yaml").read_text()
    assert "api_key_env: MY_KEY" in text
    assert "secret" not in text


def test_rendered_files_are_plain_yaml() -> None:
    for text in render([]).values():
        assert yaml.safe_load(text) == {}

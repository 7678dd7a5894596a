"""World files: the shipped world, stacking folders, and one clear line for everything that is wrong."""

import re
from pathlib import Path

import pytest

from records.errors import UserError
from records.simulation import SimulateConfig
from records.tags import TAG, TAG_NAMES
from simulate.titles import kinds_by_platform, write_titles
from simulate.world import World
from simulate.world_files import FILES, read_world_files
from simulate.world_reader import load_world

SHIPPED = Path(__file__).parent.parent / "simulate" / "shipped"


@pytest.fixture(scope="module")
def world() -> World:
    return load_world(SimulateConfig())


def stacked(tmp_path: Path, **files: str) -> World:
    """The shipped world with a folder of `files` (stem → text) on top."""
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_world(SimulateConfig(world=["shipped", str(tmp_path)]))


def test_the_shipped_world_is_large_enough(world: World) -> None:
    assert 85 <= len(world.preferences) <= 100
    assert len(world.desires) >= 250
    assert len(world.items) >= 800
    assert len(world.hobbies) >= 20
    clear = {(d.tag, d.values[0]) for d in world.desires if len(d.values) == 1}
    assert {(tag, value) for tag in TAG_NAMES for value in TAG[tag].values} <= clear
    assert {item.platform for item in world.items} == set(SimulateConfig().platforms)


def test_everyday_desires_lean_on_nothing_that_tells_a_tag(world: World) -> None:
    anchored = {preference.name for preference in world.preferences if preference.anchors}
    assert anchored
    for desire in world.desires:
        if not desire.tag:
            assert not anchored & desire.leans.keys()


def test_every_preference_moves_something(world: World) -> None:
    platforms = SimulateConfig().platforms.values()
    leaned_on = [desire.leans for desire in world.desires]
    leaned_on += [leans for platform in platforms for leans in platform.leans.values()]
    assert {preference.name for preference in world.preferences} == {
        name for one in leaned_on for name in one
    }


def test_names_and_categories_give_no_value_away(world: World) -> None:
    for item in world.items:
        for value in world.desire[item.desire].values:
            assert f" {value.replace('_', ' ')} " not in f" {item.name.lower()} "


def test_an_item_keeps_its_titles_whatever_else_is_on_offer(world: World, tmp_path: Path) -> None:
    more = stacked(tmp_path, catalogue="Pantry: {items: {Rolled Oats Tin: coffee}}\n")
    before, after = write_titles(world, SimulateConfig()), write_titles(more, SimulateConfig())
    assert len(more.items) == len(world.items) + 1
    assert set(before.texts) < set(after.texts)
    added = set(after.texts) - set(before.texts)
    assert all("rolled oats tin" in text.lower() for text in added)


def test_titles_name_their_item_and_its_attributes(world: World) -> None:
    titles = write_titles(world, SimulateConfig())
    plain = titles.gift_offset
    assert len(titles.texts) == 2 * plain
    needed = kinds_by_platform(SimulateConfig())
    for item, count_K in zip(world.items, titles.count_NK.tolist(), strict=True):
        kinds = {kind for kind, count in zip(world.kinds, count_K, strict=True) if count}
        assert kinds == needed[item.platform]
    assert 0.05 < sum(bool(named) for named in titles.attributes) / plain < 0.5
    for place in range(0, plain, 97):
        item = world.items[titles.item_T[place]]
        text, gift = titles.texts[place], titles.texts[plain + place]
        assert item.name.lower() in text.lower()
        assert all(attribute.lower() in text.lower() for attribute in titles.attributes[place])
        assert "gift wrap" in gift.lower()
        assert "gift wrap" not in text.lower()


def test_own_titles_are_taken_as_they_are(tmp_path: Path) -> None:
    world = stacked(
        tmp_path,
        catalogue="Pantry: {items: {Ground Coffee: "
        "{desire: coffee, titles: {product: [Kaffee gemahlen 500g]}}}}\n",
    )
    titles = write_titles(world, SimulateConfig())
    assert "Kaffee gemahlen 500g" in titles.texts
    assert "Kaffee gemahlen 500g Gift Wrap" in titles.texts


def test_a_world_may_be_in_any_script(tmp_path: Path) -> None:
    world = stacked(
        tmp_path,
        desires="tea: {want: 喝茶}\n",
        catalogue="茶: {platform: E-commerce, price: 5, attributes: [有机], items: {龙井茶: tea}}\n",
    )
    assert [item.category for item in world.items if item.name == "龙井茶"] == ["茶"]


def test_later_folders_add_replace_and_remove(tmp_path: Path) -> None:
    world = stacked(
        tmp_path,
        catalogue="Pantry: {price: 3, items: {Ground Coffee: null, Malt Coffee: coffee}}\n",
        cities="Iberia: [Braga, Faro]\n",
    )
    names = {item.name for item in world.items}
    assert "Malt Coffee" in names
    assert "Ground Coffee" not in names
    assert world.cities["Iberia"] == ("Braga", "Faro")
    assert {item.price for item in world.items if item.name == "Malt Coffee"} == {3.0}


def test_a_world_of_its_own_needs_every_file(tmp_path: Path) -> None:
    for name in FILES[:-1]:
        (tmp_path / name).write_text((SHIPPED / name).read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(UserError, match=r"simulate.world: no cities.yaml in "):
        load_world(SimulateConfig(world=[str(tmp_path)]))
    (tmp_path / "cities.yaml").write_text("Iberia: [Braga, Faro]\n", encoding="utf-8")
    assert load_world(SimulateConfig(world=[str(tmp_path)])).city_names == ("Braga", "Faro")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"desires": "x: {want: y, shows: {pets: cat}}\n"},
            "unknown key 'x.shows.pets'; the nearest known one is x.shows.pet",
        ),
        (
            {"desires": "x: {want: y, shows: {pet: kat}}\n"},
            "'x.shows.pet: kat'; the nearest known one is x.shows.pet: cat",
        ),
        (
            {"desires": "x: {want: y, shows: {pet: [cat, dog, none]}}\n"},
            "must be one value, or a list of two",
        ),
        ({"desires": "x: {want: y, shows: {pet: cat, gender: male}}\n"}, "x.shows must name one tag"),
        (
            {"desires": "x: {want: y, lean: {}}\n"},
            "desires.yaml: unknown key 'x.lean'; the nearest known one is x.leans",
        ),
        (
            {"desires": "x: {want: y, leans: {tydy: 1}}\n"},
            "unknown key 'x.leans.tydy'; the nearest known one is x.leans.tidy",
        ),
        ({"desires": "x: {want: y, months: {13: 2}}\n"}, "unknown key 'x.months.13'"),
        ({"desires": "x: {want: y, weight: -1}\n"}, "x: weight must be above 0"),
        ({"desires": "x: {want: y}\n"}, "x: no item of the catalogue satisfies it; add one"),
        ({"desires": "x: {want: y}\nx: {want: z}\n"}, "line 2: key 'x' stands twice; keep one"),
        ({"desires": "x: [want\n"}, "not valid YAML at line"),
        ({"desires": "- x\n"}, "must be a mapping"),
        (
            {"catalogue": "Pantry: {items: {Oat Flakes: coffe}}\n"},
            "desire coffe'; the nearest known one is Pantry.items.Oat Flakes: desire coffee",
        ),
        ({"catalogue": "Pantry: {platform: Shop}\n"}, "'Pantry.platform: Shop'; the nearest known one is"),
        (
            {"catalogue": "Pantry: {items: {Lipstick: coffee}}\n"},
            "stands twice; an item satisfies one desire only",
        ),
        (
            {"catalogue": "Pantry: {items: {'gender=female': coffee}}\n"},
            "must be words, beginning with a letter",
        ),
        ({"catalogue": "Pantry: {items: {Cat Food: cat_litter}}\n"}, "'Cat Food' spells the value 'cat'"),
        ({"catalogue": "Pantry: {items: {Oats: {desire: coffee, price: x}}}\n"}, "price 'x' is no number"),
        (
            {"catalogue": "Pantry: {items: {Oats: {desire: coffee, titles: {web: [x]}}}}\n"},
            "titles.web'; the nearest known one is",
        ),
        (
            {"catalogue": 'Pantry: {items: {Oats: {desire: coffee, titles: {query: ["a\\u0007"]}}}}\n'},
            "control char",
        ),
        (
            {"titles": "kinds: {product: {parts: [praise, gift]}}\n"},
            "kinds.product.parts must hold item and gift",
        ),
        (
            {"titles": "kinds: {product: {second: 2}}\n"},
            "titles.yaml: kinds.product.second is 2; give a share, 0 to 1",
        ),
        (
            {"titles": "kinds: {product: {parts: [item, gift, prase: 0.1]}}\n"},
            "parts: prase'; the nearest known one is kinds.product.parts: praise",
        ),
        ({"titles": "kinds: {product: {parts: 5}}\n"}, "titles.yaml: kinds.product.parts must be a list"),
        ({"titles": "kinds: {product: {parts: [item, gift, [a]]}}\n"}, "['a'] is no part, nor {part: share}"),
        ({"titles": "words: {praise: ['pet=cat']}\n"}, "titles.yaml: words.praise: 'pet=cat' names a field"),
        (
            {"catalogue": "Pantry: {items: {Oats: {desire: coffee, attributes: ['pet: cat']}}}\n"},
            "catalogue.yaml: Pantry.items.Oats: 'pet: cat' names a field, which would be read off the log",
        ),
        (
            {
                "catalogue": "Zoo: {platform: E-commerce, items: "
                "{Zed: {desire: cat_litter, attributes: [For A Cat]}}}\n"
            },
            "Zoo.items.Zed: 'For A Cat' spells the value 'cat' it should show",
        ),
        (
            {"catalogue": "Cat Owners: {platform: E-commerce, items: {Zed: cat_litter}}\n"},
            "Cat Owners.items.Zed: 'Cat Owners' spells the value 'cat' it should show",
        ),
        (
            {"catalogue": "Pantry: {items: {Oats: {desire: coffee, titles: {product: [Oats Gift Wrap]}}}}\n"},
            "Oats.titles.product: 'Oats Gift Wrap' holds the mark of a gift; leave it out",
        ),
        (
            {"desires": f"x: {{want: y, months: {dict.fromkeys(range(1, 13), 0)}}}\n"},
            "x.months: all twelve are 0",
        ),
        ({"cities": "Iberia: [null, Faro]\n"}, "Iberia must be a list of names of cities"),
        ({"cities": "Iberia: ['', Faro]\n"}, "Iberia must be a list of names of cities"),
        ({"preferences": "shopping: {x: {doc: x, traits: {1: 1}}}\n"}, "unknown key 'shopping.x.traits.1'"),
        (
            {"preferences": "shopping: {x: {doc: x, traits: {CEA: 1}}}\n"},
            "unknown key 'shopping.x.traits.CEA'",
        ),
        ({"cities": "Iberia: [Madrid]\n"}, "a region has at least two"),
        ({"preferences": "shopping: {gender: {doc: x}}\n"}, "shopping.gender: the name is taken"),
        (
            {"preferences": "shopping: {x: {doc: x, traits: {Q: 1}}}\n"},
            "'shopping.x.traits.Q'; the nearest known one is",
        ),
    ],
)
def test_what_is_wrong_with_a_world_is_said_in_one_line(
    files: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        stacked(tmp_path, **files)
    assert "\n" not in str(caught.value)


def test_an_everyday_desire_may_not_lean_on_an_anchored_preference(world: World, tmp_path: Path) -> None:
    anchored = next(preference.name for preference in world.preferences if preference.anchors)
    with pytest.raises(UserError, match=f"{anchored} is anchored to .*, so that the desire would give"):
        stacked(tmp_path, desires=f"x: {{want: y, leans: {{{anchored}: 0.5}}}}\n")


def test_folders_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"simulate.world: .*nowhere: no such folder"):
        read_world_files(["shipped", str(tmp_path / "nowhere")])
    with pytest.raises(UserError, match=r"simulate.world is empty"):
        read_world_files([])
    (tmp_path / "desire.yaml").write_text("{}")
    with pytest.raises(UserError, match=r"no world file has this name; the nearest is desires.yaml"):
        read_world_files(["shipped", str(tmp_path)])

"""From world files to the world: every entry checked, and that each value can be shown."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from records.errors import UserError
from records.options import unknown_key
from records.simulation import SimulateConfig
from records.tags import TAG, TAG_NAMES
from simulate.author.text_checks import names_fields
from simulate.world import TRAITS, Desire, Item, Preference, TitleKind, World
from simulate.world_files import read_world_files

_NAME = re.compile(r"[^\W\d_][\w'’&.,-]*(?: [\w'’&.,-]+)*")


def load_world(config: SimulateConfig) -> World:
    """The world of `config.world`, checked against `config.platforms`.

    Raises:
        UserError: in one line that names the file, the key and the mend.
    """
    raw = read_world_files(config.world)
    preferences = _preferences(raw["preferences.yaml"])
    desires = _desires(raw["desires.yaml"], preferences)
    items = _items(raw["catalogue.yaml"], {desire.name for desire in desires}, config.platforms)
    words, kinds = _titles(raw["titles.yaml"])
    world = World(
        preferences=preferences,
        desires=desires,
        items=_by_desire(items, desires),
        words=words,
        kinds=kinds,
        cities=_cities(raw["cities.yaml"]),
    )
    _check_coverage(world, config)
    _check_texts(world)
    return world


def _preferences(raw: Mapping[str, Any]) -> tuple[Preference, ...]:
    found: dict[str, Preference] = {}
    for group, members in raw.items():
        for name, entry in _mapping("preferences.yaml", group, members).items():
            key = f"{group}.{name}"
            entry = _fields("preferences.yaml", key, entry, {"doc", "traits", "anchors"})
            if name in found or name in TAG:
                raise UserError(f"preferences.yaml: {key}: the name is taken by another preference or a tag")
            traits = _numbers("preferences.yaml", f"{key}.traits", entry.get("traits", {}), tuple(TRAITS))
            anchors = {}
            for tag, shifts in _mapping(
                "preferences.yaml", f"{key}.anchors", entry.get("anchors", {})
            ).items():
                if tag not in TAG or not TAG[tag].values:
                    raise UserError(unknown_key("preferences.yaml", f"{key}.anchors.", tag, _closed_tags()))
                values = _numbers("preferences.yaml", f"{key}.anchors.{tag}", shifts, TAG[tag].values)
                anchors.update({(tag, value): shift for value, shift in values.items()})
            found[name] = Preference(
                name=name, group=group, doc=str(entry.get("doc", "")), traits=traits, anchors=anchors
            )
    return tuple(found.values())


def _desires(raw: Mapping[str, Any], preferences: tuple[Preference, ...]) -> tuple[Desire, ...]:
    tells = {preference.name: preference.tells for preference in preferences}
    found = []
    for name, entry in raw.items():
        if not isinstance(name, str):
            raise UserError(f"desires.yaml: {name!r} is no name; put it in quotes")
        entry = _fields("desires.yaml", name, entry, {"want", "shows", "leans", "weight", "months"})
        tag, values = _shown(name, entry.get("shows", {}))
        leans = _numbers("desires.yaml", f"{name}.leans", entry.get("leans", {}), tells)
        for lean in leans:
            if others := sorted(tells[lean] - {tag}):
                raise UserError(
                    f"desires.yaml: {name}.leans: {lean} is anchored to {others[0]}, so that the desire "
                    "would give that tag away; take a preference without anchors"
                )
        months = _numbers("desires.yaml", f"{name}.months", entry.get("months", {}), range(1, 13))
        if len(months) == 12 and not any(months.values()):
            raise UserError(f"desires.yaml: {name}.months: all twelve are 0; leave one above")
        weight = entry.get("weight", 1.0)
        if (
            not isinstance(weight, (int, float))
            or not 0 < weight < 1e6
            or any(m < 0 for m in months.values())
        ):
            raise UserError(f"desires.yaml: {name}: weight must be above 0 and factors of months at least 0")
        found.append(
            Desire(
                name=str(name),
                want=str(entry.get("want", "")),
                tag=tag,
                values=values,
                weight=float(weight),
                leans=leans,
                months=months,
            )
        )
    return tuple(found)


def _shown(name: str, shows: Any) -> tuple[str, tuple[str, ...]]:
    if not shows:
        return "", ()
    if not isinstance(shows, dict) or len(shows) != 1:
        raise UserError(f"desires.yaml: {name}.shows must name one tag, as in {{pet: cat}}")
    ((tag, given),) = shows.items()
    closed = [known for known in TAG_NAMES if known != "home_city"]
    if tag not in closed:
        raise UserError(unknown_key("desires.yaml", f"{name}.shows.", str(tag), closed))
    values = tuple(str(value) for value in (given if isinstance(given, list) else [given]))
    if len(values) not in (1, 2) or len(set(values)) != len(values):
        raise UserError(f"desires.yaml: {name}.shows.{tag} must be one value, or a list of two")
    for value in values:
        if TAG[tag].values and value not in TAG[tag].values:
            raise UserError(unknown_key("desires.yaml", f"{name}.shows.{tag}: ", value, TAG[tag].values))
    return tag, values


def _items(raw: Mapping[str, Any], desires: set[str], platforms: Collection[str]) -> list[Item]:
    found: dict[str, Item] = {}
    for category, entry in raw.items():
        entry = _fields("catalogue.yaml", category, entry, {"platform", "price", "attributes", "items"})
        platform, price = str(entry.get("platform", "")), entry.get("price", 0)
        if platform not in platforms:
            raise UserError(unknown_key("catalogue.yaml", f"{category}.platform: ", platform, platforms))
        for name, item in _mapping("catalogue.yaml", f"{category}.items", entry.get("items", {})).items():
            key = f"{category}.items.{name}"
            item = {"desire": item} if isinstance(item, str) else item
            item = _fields("catalogue.yaml", key, item, {"desire", "price", "attributes", "titles"})
            if not isinstance(name, str):
                raise UserError(f"catalogue.yaml: {category}.items: {name!r} is no name; put it in quotes")
            if name.lower() in found:
                raise UserError(f"catalogue.yaml: {key} stands twice; an item satisfies one desire only")
            if not _NAME.fullmatch(name):
                raise UserError(f"catalogue.yaml: {key} must be words, beginning with a letter")
            if item.get("desire") not in desires:
                raise UserError(
                    unknown_key("catalogue.yaml", f"{key}: desire ", str(item.get("desire")), desires)
                )
            cost = item.get("price", price)
            if not isinstance(cost, (int, float)) or isinstance(cost, bool) or not 0 <= cost < 1e9:
                raise UserError(f"catalogue.yaml: {key}: price {cost!r} is no number of at least 0")
            attributes = item.get("attributes", entry.get("attributes", []))
            if not isinstance(attributes, list) or not all(isinstance(one, str) for one in attributes):
                raise UserError(f"catalogue.yaml: {key}: attributes must be a list of words")
            found[name.lower()] = Item(
                name=name,
                category=str(category),
                platform=platform,
                price=float(cost),
                attributes=tuple(attributes),
                desire=item["desire"],
                titles=_own_titles(key, item.get("titles", {})),
            )
    return list(found.values())


def _own_titles(key: str, raw: Any) -> dict[str, tuple[str, ...]]:
    found = {}
    for kind, texts in _mapping("catalogue.yaml", f"{key}.titles", raw).items():
        if (
            not isinstance(texts, list)
            or not texts
            or not all(isinstance(t, str) and t.strip() for t in texts)
        ):
            raise UserError(f"catalogue.yaml: {key}.titles.{kind} must be a list of texts")
        if any(not text.isprintable() for text in texts):
            raise UserError(f"catalogue.yaml: {key}.titles.{kind}: a text holds control characters")
        found[str(kind)] = tuple(dict.fromkeys(texts))
    return found


def _by_desire(items: list[Item], desires: tuple[Desire, ...]) -> tuple[Item, ...]:
    order = {desire.name: place for place, desire in enumerate(desires)}
    return tuple(sorted(items, key=lambda item: order[item.desire]))


def _titles(raw: Mapping[str, Any]) -> tuple[dict[str, tuple[str, ...]], dict[str, TitleKind]]:
    raw = _fields("titles.yaml", "", raw, {"words", "kinds"})
    words = {}
    for group, texts in _mapping("titles.yaml", "words", raw.get("words")).items():
        if not isinstance(texts, list) or not texts:
            raise UserError(f"titles.yaml: words.{group} must be a list of texts")
        words[str(group)] = tuple(str(text) for text in texts)
    known = {*words, "item", "attribute", "gift"}
    kinds = {}
    for kind, entry in _mapping("titles.yaml", "kinds", raw.get("kinds")).items():
        entry = _fields("titles.yaml", f"kinds.{kind}", entry, {"titles", "second", "gift", "lower", "parts"})
        parts = []
        given = entry.get("parts", [])
        if not isinstance(given, list):
            raise UserError(f"titles.yaml: kinds.{kind}.parts must be a list")
        for part in given:
            pairs = list(part.items()) if isinstance(part, dict) else [(part, 1.0)]
            name, share = pairs[0] if len(pairs) == 1 else ("", None)
            if not isinstance(name, str) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
                raise UserError(f"titles.yaml: kinds.{kind}.parts: {part!r} is no part, nor {{part: share}}")
            if name in ("item", "gift") and share != 1:
                raise UserError(
                    f"titles.yaml: kinds.{kind}.parts: {name} is always there; write its name alone"
                )
            if name not in known:
                raise UserError(unknown_key("titles.yaml", f"kinds.{kind}.parts: ", str(name), known))
            parts.append((str(name), float(share)))
        if "item" not in dict(parts) or "gift" not in dict(parts):
            raise UserError(f"titles.yaml: kinds.{kind}.parts must hold item and gift")
        count = entry.get("titles", 1)
        if not isinstance(count, int) or not 1 <= count <= 100:
            raise UserError(f"titles.yaml: kinds.{kind}.titles is {count!r}; give 1 to 100")
        second = entry.get("second", 0.0)
        if not isinstance(second, (int, float)) or not 0 <= second <= 1:
            raise UserError(f"titles.yaml: kinds.{kind}.second is {second!r}; give a share, 0 to 1")
        kinds[str(kind)] = TitleKind(
            titles=count,
            second=float(second),
            gift=_gift_mark(kind, entry.get("gift")),
            lower=bool(entry.get("lower", False)),
            parts=tuple(parts),
        )
    return words, kinds


def _gift_mark(kind: str, mark: Any) -> str:
    if not isinstance(mark, str) or not mark.strip():
        raise UserError(f"titles.yaml: kinds.{kind}.gift must be the text that marks a gift")
    return mark


def _cities(raw: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    for region, names in raw.items():
        if not isinstance(names, list) or not all(isinstance(city, str) and city.strip() for city in names):
            raise UserError(f"cities.yaml: {region} must be a list of names of cities")
    cities = {str(region): tuple(str(city) for city in names) for region, names in raw.items()}
    names = [city for found in cities.values() for city in found]
    if len(names) != len(set(names)) or any(len(found) < 2 for found in cities.values()):
        raise UserError("cities.yaml: a city stands once, and a region has at least two of them")
    return cities


def _check_coverage(world: World, config: SimulateConfig) -> None:
    """What must be there for every value to be shown, and for titles and leanings to be known."""
    satisfied = {item.desire for item in world.items}
    for desire in world.desires:
        if desire.name not in satisfied:
            raise UserError(f"desires.yaml: {desire.name}: no item of the catalogue satisfies it; add one")
    for tag in TAG_NAMES:
        clear = {d.values[0] for d in world.desires if d.tag == tag and len(d.values) == 1}
        wanted = () if tag == "home_city" else world.values_of(tag)
        missing = [value for value in wanted if value not in clear]
        if missing:
            raise UserError(f"desires.yaml: no desire shows {tag}: {missing[0]} and nothing else; add one")
    if len(world.hobbies) < 4:
        raise UserError("desires.yaml: fewer than 4 values of interests are shown; add hobbies")
    if not any(not desire.tag for desire in world.desires):
        raise UserError("desires.yaml: every desire shows a tag; add everyday ones")
    for item in world.items:
        for kind in item.titles:
            if kind not in world.kinds:
                raise UserError(
                    unknown_key(
                        "catalogue.yaml", f"{item.category}.items.{item.name}.titles.", kind, world.kinds
                    )
                )
    names = [preference.name for preference in world.preferences]
    for name, platform in config.platforms.items():
        if not any(item.platform == name for item in world.items):
            raise UserError(
                f"catalogue.yaml: nothing is on offer on simulate.platforms.{name}; add a category"
            )
        for action, entry in platform.actions.items():
            if entry.title not in world.kinds:
                key = f"simulate.platforms.{name}.actions.{action}.title: "
                raise UserError(unknown_key("recipe", key, entry.title, world.kinds))
        for action, leans in platform.leans.items():
            key = f"simulate.platforms.{name}.leans.{action}."
            for preference in leans:
                if preference not in names:
                    raise UserError(unknown_key("recipe", key, preference, names))
                if world.preferences[names.index(preference)].anchors:
                    raise UserError(
                        f"{key}{preference} is anchored to a tag, so that the action would give the tag away"
                    )


def _check_texts(world: World) -> None:
    """Refuse texts that would bring hidden state into the log, or mark as a gift what is none."""
    for group, texts in world.words.items():
        for text in texts:
            if names_fields(text):
                raise UserError(f"titles.yaml: words.{group}: {text!r} names a field; take another word")
    for item in world.items:
        key = f"catalogue.yaml: {item.category}.items.{item.name}"
        own = [text for texts in item.titles.values() for text in texts]
        for text in (item.name, item.category, *item.attributes, *own):
            if names_fields(text):
                raise UserError(f"{key}: {text!r} names a field, which would be read off the log")
            for value in world.desire[item.desire].values:
                if f" {value.replace('_', ' ')} " in f" {text.lower()} ":
                    raise UserError(f"{key}: {text!r} spells the value {value!r} it should show")
        for kind, texts in item.titles.items():
            for text in texts:
                if world.kinds[kind].gift.lower() in text.lower():
                    raise UserError(f"{key}.titles.{kind}: {text!r} holds the mark of a gift; leave it out")


def _closed_tags() -> list[str]:
    return [tag for tag in TAG_NAMES if TAG[tag].values]


def _mapping(file: str, key: str, value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise UserError(f"{file}: {key} must be a mapping; see the shipped file for its form")
    return value


def _fields(file: str, key: str, value: Any, known: Collection[str]) -> dict[str, Any]:
    for field in _mapping(file, key, value):
        if field not in known:
            raise UserError(unknown_key(file, f"{key}." if key else "", str(field), known))
    return dict(value)


def _numbers(file: str, key: str, value: Any, known: Collection[Any]) -> dict[Any, float]:
    numbers = {}
    for name, number in _mapping(file, key, value).items():
        name = name if name in known else str(name)
        if name not in known:
            raise UserError(unknown_key(file, f"{key}.", name, [str(one) for one in known]))
        if not isinstance(number, (int, float)) or isinstance(number, bool) or not abs(number) < 1e6:
            raise UserError(f"{file}: {key}.{name} is {number!r}; give a number")
        numbers[name] = float(number)
    return numbers

"""Other names of open values: what a person would not call wrong, and no embedding need judge."""

import unicodedata

_CITIES = {
    "lisbon": "lisboa",
    "porto": "oporto",
    "vienna": "wien",
    "munich": "münchen",
    "cologne": "köln",
    "milan": "milano",
    "rome": "roma",
    "turin": "torino",
    "naples": "napoli",
    "florence": "firenze",
    "venice": "venezia",
    "seville": "sevilla",
    "prague": "praha",
    "warsaw": "warszawa",
    "copenhagen": "københavn",
    "gothenburg": "göteborg",
    "brussels": "bruxelles",
    "the hague": "den haag",
    "geneva": "genève",
    "zurich": "zürich",
    "athens": "athina",
    "new york": "new york city, nyc",
    "los angeles": "la",
    "beijing": "peking, 北京",
    "shanghai": "上海",
    "guangzhou": "canton, 广州",
    "shenzhen": "深圳",
    "hangzhou": "杭州",
    "chengdu": "成都",
}
_INTERESTS = {
    "cycling": "bicycling, biking, bike riding",
    "motorcycling": "motorbikes, motorbiking",
    "running": "jogging",
    "hiking": "trekking, hill walking",
    "fishing": "angling",
    "football": "soccer",
    "gaming": "video games, computer games",
    "photography": "taking photos",
    "painting": "watercolours",
    "gardening": "horticulture",
    "diving": "scuba diving",
}


def _by_alias(table: dict[str, str]) -> dict[str, str]:
    return {_folded(alias): name for name, aliases in table.items() for alias in aliases.split(", ")}


def _folded(text: str) -> str:
    """`text` without case, accents and doubled blanks."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(char for char in plain if not unicodedata.combining(char)).split())


ALIASES = {"home_city": _by_alias(_CITIES), "interests": _by_alias(_INTERESTS)}
"""Open tag → other name, folded → name."""


def plain_name(tag: str, value: str) -> str:
    """`value` of an open tag, folded, under its usual name.

    Example:
        plain_name("home_city", "München") == "munich"
    """
    folded = _folded(value)
    return ALIASES[tag].get(folded, folded)

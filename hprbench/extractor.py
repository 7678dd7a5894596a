"""The fixed extractor: which tags does a summary state?

    text → plain punctuation → interests → home city → closed tags → {tag: values}
              (each step blanks what it has read, so a liking for "cats" is no cat)

Rules, not a model, so that every system is read by the same eyes and tomorrow's numbers compare
with today's. A match counts unless its clause negates or doubts it ("not married", "unclear
whether"), puts it in the past ("used to rent", "formerly a student") or gives it to somebody
else ("her mother is retired").
A statement that contradicts itself ("a cat and a dog") is returned with both values, which is
an assertion that no gold value equals: hedging with every value earns nothing.
"""

import re
from collections.abc import Sequence

from hprbench.extractor_rules import RULES, WEAK_GENDER
from hprbench.metrics import Values
from records.tags import TAG, TAG_NAMES

EXTRACTOR_VERSION = "2"
"""Scores of summaries compare only within one version."""

_PLAIN = str.maketrans({"‘": "'", "’": "'", "–": "-", "—": ";", "‑": "-", "…": "."})
_BLANK = "·"

_NEGATION = re.compile(
    r"(?<!\w)(?:no(?! doubt)|not(?! only)|\w+n't|never|without|neither|nor|lacks?|rarely|seldom"
    r"|hardly|whether|unclear|unknown)(?!\w)"
    r"(?: [\w'-]+){0,4} ?$|(?<!\w)non-$",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"(?<!\w)(?:used to|formerly|former|previously|once|earlier|was|were|had|ex|until recently|in the past"
    r"|no longer|moved (?:away )?from|left|leaving)(?!\w)",
    re.IGNORECASE,
)
_PAST_AFTER = re.compile(r"^(?: [\w'-]+){0,3} (?:until|in the past|years ago|back then)(?!\w)", re.IGNORECASE)
_SOMEBODY_ELSE = re.compile(
    r"(?<!\w)(?:(?:her|his|their) (?:[\w-]+ )?(?:mother|father|mum|mom|dad|sister|brother|friend|neighbou?r"
    r"|colleague|boss|cousin|aunt|uncle|niece|nephew|grand\w+)(?:'s)?(?!\w)"
    r"|(?:gifts?|presents?|purchases|buys|bought|shops) (?:[\w-]+ )?for)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.;:!?()]")
_CLAUSE_END = re.compile(
    r"[,.;:!?()]|(?<!\w)(?:but|while|whereas|who|which|now|today|currently|yet|though|although"
    r"|and(?= (?:is|are|has|have|lives?|works?|rents?|owns?|now)(?!\w)))(?!\w)",
    re.IGNORECASE,
)
_AND = re.compile(r"(?<!\w)and(?!\w)", re.IGNORECASE)

_LIKING = re.compile(r"(?<!\w)an? (?:liking|love|passion) for ([^,.;:!?()]+)", re.IGNORECASE)
_ENJOYS = re.compile(
    r"(?<!\w)(?:likes|loves|enjoys|(?:interested|interests lie) in|interests? (?:are|include)"
    r"|interests:|fond of|passionate about|hobbies (?:are|include)|hobbies:|keen on|an? fan of)"
    r"(?!\w) ?([^.;:!?()]+)",
    re.IGNORECASE,
)
_LIST_BREAK = re.compile(r"(?:,| and(?!\w)|,? as well as)+ ")
_NO_INTEREST = re.compile(
    r"^(?:is|are|was|has|have|had|lives?|works?|rents?|owns?|a|an|the|she|he|they|it|with|aged|in|to|but|who"
    r"|while|cooks?|flies|travels|stays|earns|shops|buys|orders|eats|studies)(?!\w)",
    re.IGNORECASE,
)

_LIVES = (
    r"(?<!\w)(?:(?:living|lives?|resid(?:es|ing)|resident|based|settled|at home) (?:in|of)"
    r"|(?:moved|relocated) (?:from [^,.;]+? )?to|home city(?: is|:)?|city:|city of) (?:the city of )?"
)
_UPPER = "[A-ZÀ-ÖØ-ÞĀŁŚŠŽÇ]"
_NAMED = rf"(?-i:{_UPPER}[\w'-]*(?:[ -](?:(?:de|la|le|sur|am|of|upon|del|do|da|den)[ -])*{_UPPER}[\w'-]*)*)"
_CITY_OF = re.compile(
    r"(?<!\w)city of ([^,.;:!?()]+?)(?= (?:and|with|in|where|who|but|while|as)(?!\w)|[,.;:!?()]|$)",
    re.IGNORECASE,
)

_TRAVELS = re.compile(
    r"(?<!\w)(?:trips?|visits?|visiting|visited|travels?|travell?ing|flies|flights?|flying|holidays?|tours?"
    r"|near|outside)(?!\w)[^,.;]*$",
    re.IGNORECASE,
)

_CLOSED = {
    tag: [
        (value, re.compile(rf"(?<!\w)(?:{expression})(?!\w)", re.IGNORECASE))
        for value, expressions in values.items()
        for expression in expressions
    ]
    for tag, values in RULES.items()
}
_PRONOUNS = [
    (value, re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.IGNORECASE))
    for value, words in WEAK_GENDER.items()
]


def extract(text: str, cities: Sequence[str] = ()) -> dict[str, Values]:
    """All 18 tags of `text`: tag → values, empty where the text states none.

    `cities` are names to look for (a gazetteer); the city is given as spelt there. Without them
    a city is known by its setting ("the city of X", "lives in X", "X as home"). Interests are read in the
    order of the text, three at most; one whose own name holds "and" is read as two.

    Example:
        extract("A mother-to-be who lives in Lyon and has no pets.")
        # gender female, child_stage expecting, home_city Lyon, pet none, all others ()
    """
    text = " ".join(text.translate(_PLAIN).split())
    interests, text = _read_interests(text)
    city, text = _read_city(text, cities)
    found = {tag: _read_closed(tag, text) for tag in RULES}
    if not found["gender"]:
        found["gender"] = _first_pronoun(text)
    found |= {"interests": interests, "home_city": city}
    return {tag: found[tag] for tag in TAG_NAMES}


def _read_closed(tag: str, text: str) -> Values:
    matches = [(match, value) for value, rule in _CLOSED[tag] for match in rule.finditer(text)]
    # The longest of overlapping matches says what is meant: "not a pet owner", "baby on the way".
    matches.sort(key=lambda found: (found[0].start() - found[0].end(), found[0].start()))
    taken: list[re.Match[str]] = []
    stated: dict[int, str] = {}
    for match, value in matches:
        if any(match.start() < other.end() and other.start() < match.end() for other in taken):
            continue
        taken.append(match)
        if _holds(text, match.start(), match.end()):
            stated[match.start()] = value
    return tuple(dict.fromkeys(stated[start] for start in sorted(stated)))


def _first_pronoun(text: str) -> Values:
    starts = {match.start(): value for value, rule in _PRONOUNS for match in rule.finditer(text)}
    return (starts[min(starts)],) if starts else ()


def _holds(text: str, start: int, end: int) -> bool:
    """Whether the statement at `start:end` is neither negated, past, nor about somebody else."""
    clause = _since_last(_CLAUSE_END, text[:start])
    if _NEGATION.search(_since_last(_AND, clause)) or _SOMEBODY_ELSE.search(clause):
        return False
    return not (_PAST.search(clause) or _PAST_AFTER.search(text[end:]))


def _since_last(boundary: re.Pattern[str], text: str) -> str:
    ends = [match.end() for match in boundary.finditer(text)]
    return text[ends[-1] :] if ends else text


def _blank(text: str, start: int, end: int) -> str:
    """`text` with `start:end` made unreadable and every position kept."""
    return text[:start] + _BLANK * (end - start) + text[end:]


def _read_interests(text: str) -> tuple[Values, str]:
    found: dict[str, str] = {}
    for rule in (_LIKING, _ENJOYS):
        for match in rule.finditer(text):
            if not _holds(text, match.start(), match.end()):
                continue
            for start, end in _list_items(text, match.start(1), match.end(1)):
                item = text[start:end]
                if rule is _ENJOYS and (_NO_INTEREST.match(item) or item.count(" ") > 2 or not item):
                    break
                found.setdefault(item.casefold(), item)
                text = _blank(text, start, end)
    return tuple(found.values())[: TAG["interests"].max_values], text


def _list_items(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Places of the items of `a, b and c` within `start:end`."""
    breaks = list(_LIST_BREAK.finditer(text, start, end))
    starts = [start, *(match.end() for match in breaks)]
    ends = [*(match.start() for match in breaks), end]
    return [(a, a + len(text[a:b].rstrip())) for a, b in zip(starts, ends, strict=True)]


def _named_home(names: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)({names}) as (?:(?:a|the|their|her|his) )?home(?!\w)", re.IGNORECASE)


def _read_city(text: str, cities: Sequence[str]) -> tuple[Values, str]:
    """The first city the user lives in; by setting first, then any known city outside a journey."""
    spelling = {city.translate(_PLAIN).casefold(): city for city in cities}
    # Longest first, so that York does not hide New York.
    known = "|".join(re.escape(name) for name in sorted(spelling, key=len, reverse=True))
    settings = [re.compile(rf"{_LIVES}({_NAMED})", re.IGNORECASE), _CITY_OF, _named_home(_NAMED)]
    if cities:
        settings = [re.compile(rf"{_LIVES}({known})(?!\w)", re.IGNORECASE), _named_home(known), *settings]
    for rule in settings:
        for match in rule.finditer(text):
            if _holds(text, match.start(), match.end()):
                name = match[1].strip()
                return (spelling.get(name.casefold(), name),), _blank(text, match.start(1), match.end(1))
    if cities:
        for match in re.finditer(rf"(?<!\w)(?:{known})(?!\w)", text, re.IGNORECASE):
            before = _since_last(_SENTENCE_END, text[: match.start()])
            if _holds(text, match.start(), match.end()) and not _TRAVELS.search(before):
                city = spelling[match[0].casefold()]
                return (city,), _blank(text, match.start(), match.end())
    return (), text

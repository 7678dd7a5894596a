"""How the fixed extractor reads the open tags: interests out of lists, and the home city.

Both take a plain text (`plain_text`) and give it back with what they read made unreadable, so that a liking
for "cats" is no cat.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from hprbench.extractor_context import SENTENCE_END, holds, since_last
from hprbench.metrics import Values
from records.tags import TAG

_BLANK = "·"

_LIST = r"([^.;:!?()]{1,160})"
_SPARE = r"(?:spare|free|leisure)[- ](?:time|hours)"
_LIKING = re.compile(r"(?<!\w)an? liking for ([^,.;:!?()]{1,160})", re.IGNORECASE)
_ENJOYS = [
    re.compile(rf"(?<!\w)(?:{expression})", re.IGNORECASE)
    for expression in (
        r"(?:likes|loves|enjoys|adores|(?:they|I|and) (?:also )?(?:like|love|enjoy)|is into|are into"
        rf"|interested in|fond of|passionate about|keen on) {_LIST}",
        r"(?:interests?|hobby|hobbies|passions?|pastimes?)(?: lies? in| (?:is|are|include|includes)"
        rf"|:| -) ?{_LIST}",
        rf"an? (?:\w+ )?(?:fan|lover|enthusiast|devotee) of {_LIST}",
        rf"(?:interests?|passion|love|liking|enthusiasm|fondness) (?:in|for|of) {_LIST}",
        rf"pursues? {_LIST}",
        r"prefers? ([^.;:!?()]{1,160}?) (?:to|over) (?!\w+(?:ing|ed) (?:at|in|out))",
        rf"{_SPARE},? (?:is (?:spent|devoted|given) )?(?:on|to|with|doing|for|in|goes (?:to|into)) {_LIST}",
        rf"turns to {_LIST}",
        rf"spends? (?:her|his|their) (?:evenings|weekends|leisure)(?: time)? (?:on|with|doing) {_LIST}",
        r"(?<=but )([^.;:!?()]{1,80}?) (?:fills?|takes? up|occup(?:y|ies)|dominates?) (?:her|his"
        rf"|their) {_SPARE}",
    )
] + [
    re.compile(
        r"(?<![^.;:!?()] )([^.,;:!?()][^.;:!?()]{1,80}?) (?:fills?|takes? up|occup(?:y|ies)"
        rf"|dominates?) (?:her|his|their) {_SPARE}",
        re.IGNORECASE,
    )
]
_LIST_BREAK = re.compile(r"(?:,| and(?!\w)| &|,? as well as|,? plus)+ ")
_LIST_END = re.compile(
    r",? (?:but|though|although|while|whereas|not|instead|when|because|since|whenever|during"
    r"|as (?:an? )?(?:main )?(?:hobb\w+"
    rf"|pastimes?|interests?)|in (?:her|his|their) {_SPARE}|(?:at|on|every) weekends?|the most|most"
    "|above all|to relax"
    r"|still|living|with|who|aged|based|from|in (?:her|his|their)"
    r"|(?:and )?(?:has|have|is|are|lives|works|rents|owns|suggests?|indicates?|shows?|implies))(?!\w)",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"(?:(?:to|both|play|playing|practi[cs]e|practi[cs]ing|doing|going|do|go|enjoy"
    r"|the (?:idea|art|game|joy|sport) of) )+",
    re.IGNORECASE,
)
"""What stands before an interest and is no part of it."""
_ENTHUSIAST = re.compile(
    r"(?<!\w)an? (?:(?:avid|keen|passionate|dedicated|big|real|true|great) )?"
    r"(?!fitness|gym|sports? |dog|cat|pet|animal|bargain|takeaway)((?:[\w-]+ )?[\w-]+)"
    r" (?:enthusiast|lover|fan|buff|aficionado|hobbyist|player)(?! of)(?!\w)",
    re.IGNORECASE,
)
_DOERS = {
    "hiker": "hiking",
    "cyclist": "cycling",
    "knitter": "knitting",
    "gardener": "gardening",
    "gamer": "gaming",
    "surfer": "surfing",
    "skier": "skiing",
    "climber": "climbing",
    "swimmer": "swimming",
    "birdwatcher": "birdwatching",
    "runner": "running",
    "beekeeper": "beekeeping",
    "angler": "fishing",
}
_DOER = re.compile(rf"(?<!\w)an? (?:[\w-]+,? ){{0,4}}?({'|'.join(_DOERS)})(?!\w)", re.IGNORECASE)
_NO_INTEREST = re.compile(
    r"^(?:is|are|was|has|have|had|lives|works?|rents?|owns?|a|an|the|she|he|they|it|with|aged|in|to|but|who"
    r"|while|cooks?|flies|travels|stays|earns|shops|buys|orders|eats|studies|her|his|their|unclear"
    "|unknown|not|none"
    r"|n/?a|no|never|also|mostly|premium|luxury|discounts?|bargains?|(?:good |best )?deals?"
    "|retirement|expensive"
    r"|(?:eating|dining) (?:out|in)|(?:restaurant|takeaway|takeout|take-away|home[- ]cook"
    r"|food deliver|home-?made)\w*"
    r"|cooking (?:at home|her|his|their)|fitness|exercise|working out|ordering in|high-end"
    "|low prices?|quality over|finished|left|holds|keeps"
    r"|visit|explore|travel|be|see|live(?! music)|have|try|find|create|make|take|spend|meet|learn|shop"
    r"|\w+ing (?:an?|the|new|his|her|their|bespoke)"
    r"|\w+[^s\W]s (?:an?|the|her|his|their|in|at|to|on|for|with|up|out|no|of))(?!\w)",
    re.IGNORECASE,
)

_LIVES = (
    r"(?<!\w)(?:(?:living|lives?|dwells?|resid(?:es|ing)|resident|citizen|based|settled|at home) (?:in|of)"
    r"|(?:moved|relocated) (?:from [^,.;]{1,40}? )?to|left [^,.;]{1,40}? for|home (?:city "
    "|town )?(?:is |in |: ?|- )(?:now |in )*"
    r"|(?:city|location|residence|lives in|based in|hometown)(?: is(?: now)?| ?:| -) ?|city of "
    "|calls ) ?(?:the city of )?"
)
_UPPER = "[A-ZÀ-ÖØ-ÞĀŁŚŠŽÇ]"
_NO_CITY = r"(?!(?:A|An|The|This|That|She|He|They|It|Her|His|Their|There|No|Not|User|NA|Unknown)(?!\w))"
_NAMED = (
    rf"(?-i:{_NO_CITY}{_UPPER}[\w']*(?:[ -](?:(?:de|la|le|sur|am|of|on|en|upon|del|do|da"
    rf"|den)[ -]){{0,2}}{_UPPER}[\w']*){{0,5}})"
)
_CITY_OF = re.compile(
    r"(?<!\w)city of ([^,.;:!?()]{1,60}?)(?= (?:and|with|in|where|who|but|while|as)(?!\w)|[,.;:!?()]|$)",
    re.IGNORECASE,
)
_IS_HOME = (
    r"(?: as (?:(?:a|the|their|her|his) )?home(?! from)(?!\w)| is (?:now )?(?:(?:her|his|their"
    r"|the user's) )?home(?: city| town|town)?(?!\w)"
    r"| is where (?:she|he|they|the user) (?:now )?(?:lives?|resides?)|[- ](?:resident|local|based"
    r"|native|dweller)(?!\w))"
)
_JOURNEY = re.compile(
    r"(?<!\w)(?:trips?|visits?|visiting|visited|travels?|travel(?:l)?ing|travel(?:l)?ed|flies|flew"
    "|flights?|flying|holidays?|tours?|near"
    r"|outside|hotels?|booked|books|bookings?|vacations?|weekends?|summers?|winters?|spent|stayed"
    "|tickets?|conferences?|born|grew up"
    r"|originally|deliver\w+|shipped|ships?|years in|goes to|went to|drove|tourist|commut\w+)(?!\w)[^.;]*$",
    re.IGNORECASE,
)
_JOURNEY_AFTER = re.compile(
    r"^ (?:trips?|holidays?|hotels?|visits?|vacations?|weekends?|flights?)(?!\w)", re.IGNORECASE
)


def read_interests(text: str) -> tuple[Values, str]:
    """Interests in the order of the text, three at most, and `text` without them."""
    found: dict[str, tuple[int, str]] = {}
    for rule in (_LIKING, *_ENJOYS):
        place = 0
        # A list may hold the next statement: "a passion for chess, and a love of jazz".
        while match := rule.search(text, place):
            start = match.start(1)
            place = start if start > match.start() else match.end()
            if text[start] == _BLANK or not holds(text, match.start(), start, "interests"):
                continue
            for start, end in _items(text, *match.span(1), strict=rule is not _LIKING):
                found.setdefault(text[start:end].casefold(), (start, text[start:end]))
                text = text[:start] + _BLANK * (end - start) + text[end:]
    for rule in (_ENTHUSIAST, _DOER):
        for match in rule.finditer(text):
            if _BLANK not in match[0] and holds(text, match.start(), match.end(), "interests"):
                name = _DOERS.get(match[1].casefold(), match[1])
                found.setdefault(name.casefold(), (match.start(1), name))
    inorder = [item for _, item in sorted(found.values())]
    return tuple(inorder)[: TAG["interests"].max_values], text


def _items(text: str, start: int, end: int, *, strict: bool) -> list[tuple[int, int]]:
    """Places of the items of `a, b and c` within `start:end`; `strict` stops where no interest can stand."""
    if strict and (stop := _LIST_END.search(text, start, end)):
        end = stop.start()
    breaks = list(_LIST_BREAK.finditer(text, start, end))
    starts = [start, *(match.end() for match in breaks)]
    ends = [*(match.start() for match in breaks), end]
    items = []
    for first, last in zip(starts, ends, strict=True):
        if strict and (filler := _FILLER.match(text, first, last)):
            first = filler.end()
        item = text[first:last].rstrip()
        strange = (
            _NO_INTEREST.match(item) or item.count(" ") > 2 or _BLANK in item or text[last : last + 1] == ":"
        )
        if not item or (strict and strange):
            break
        items.append((first, first + len(item)))
    return items


def read_city(text: str, cities: Sequence[str]) -> tuple[Values, str]:
    """The first city the user lives in; by its setting first, then any of `cities` outside a journey."""
    spelling, settings, known = _city_rules(tuple(cities))
    for rule in settings:
        for match in rule.finditer(text):
            if holds(text, match.start(), match.end(), "home_city"):
                name = match[1].strip()
                return (spelling.get(name.casefold(), name),), _without(text, match)
    for match in known.finditer(text) if known else ():
        before = since_last(SENTENCE_END, text, match.start())
        journey = _JOURNEY.search(before) or _JOURNEY_AFTER.match(text, match.end())
        if not journey and holds(text, match.start(), match.end(), "home_city"):
            return (spelling[match[1].casefold()],), _without(text, match)
    return (), text


def _without(text: str, match: re.Match[str]) -> str:
    return text[: match.start(1)] + _BLANK * (match.end(1) - match.start(1)) + text[match.end(1) :]


@lru_cache(maxsize=8)
def _city_rules(
    cities: tuple[str, ...],
) -> tuple[dict[str, str], list[re.Pattern[str]], re.Pattern[str] | None]:
    """Spelling of the names by their case-folded form, rules of settings, and the rule of a bare name."""
    spelling = {" ".join(city.replace("’", "'").split()).casefold(): city for city in cities}
    # Longest first, so that York does not hide New York.
    known = "|".join(re.escape(name) for name in sorted(spelling, key=len, reverse=True))
    settings = [
        re.compile(expression, re.IGNORECASE)
        for name in ([rf"{known}(?!\w)"] if cities else []) + [_NAMED]
        for expression in (rf"{_LIVES}({name})", rf"(?<!\w)({name}){_IS_HOME}")
    ]
    bare = re.compile(rf"(?<!\w)({known})(?!\w)", re.IGNORECASE) if cities else None
    return spelling, [*settings[:-2], settings[-2], _CITY_OF, settings[-1]], bare

"""What a summary's words mean where they stand: plain text, and whether a statement holds for the user today.

    text ─plain_text─► one plain line ─holds(start, end)─► not negated, doubted, wished, past, another's

A statement is judged by what stands before it in its clause and right behind it. A clause looks back
WINDOW characters at most, so that reading takes time in proportion to the text.
"""

import re

from hprbench.extractor_things import about_things

WINDOW = 240

_PUNCTUATION = str.maketrans({"‘": "'", "’": "'", "–": "-", "—": ";", "‑": "-", "…": ".", "\u00a0": " "})
_BULLET = re.compile(r"^(?:[-*•·+]|#+|\d{1,2}[.)])\s+")
_MARKUP = re.compile(r"\*\*|__|`")
_REWORDINGS = [
    (re.compile(rf"(?<!\w)(?:{phrases})(?!\w)", re.IGNORECASE), plain)
    for phrases, plain in (
        ("no doubt|without (?:any |a )?doubt|not (?:only|just|merely)", ""),
        ("(?:rather than|instead of|as opposed to|anything but|in place of)(?: just| only)?", "not"),
        ("just", ""),
        ("but also", "and"),
    )
]

_PARENTS = r"(?:(?:step|god|grand)?(?:mother|father)|mum|mom|dad)"
_PEOPLE = (
    r"(?:(?:step|half-)?(?:sister|brother)s?|siblings?|twin|friends?|neighbou?rs?"
    r"|colleagues?|co-?workers?|boss|cousins?|aunts?|uncles?|nieces?|nephews?|grand\w+|flat-?mates?"
    "|room-?mates?"
    r"|house-?mates?|relatives?|business partners?|acquaintances?|in-laws?|manager|landlord|family next door)"
)
_HOUSEHOLD = (
    r"(?:husband|wife|spouse|partner|boyfriend|girlfriend|fianc\w+|sons?|daughters?"
    r"|child(?:ren)?|kids?)"
)
_WHOSE = r"(?:an?|one|some|another|her|his|their|the user's|user's)"
_DOES = (
    r"(?: ?$|(?:'s|s'| (?:who|whose|that|with|is|are|was|were|has|have|had|can|got|just|recently"
    "|still|often|rarely|never"
    r"|always|hardly|sometimes|usually|now|also|\w+[^s\W]s|moved|left|bought|works? as))(?!\w))"
)
_OTHERS = re.compile(
    rf"(?<!\w)(?:{_WHOSE} (?:[\w-]+ ){{0,2}}?{_PEOPLE}{_DOES}"
    rf"|(?:her|his|their|the user's) (?:[\w-]+ )?{_PARENTS}(?:{_DOES}|,)"
    rf"|(?<!with ){_WHOSE} (?:[\w-]+ ){{0,2}}?{_PEOPLE} in(?!\w)|{_WHOSE} parents (?:are|were|have"
    r"|had|own|live|still)(?!\w)"
    r"|(?:gifts?|presents?|purchases?|buy(?:s|ing)?|bought|shop(?:s|ping)?|order(?:s|ed|ing)?"
    r"|made)(?: [\w'-]+){0,4} for"
    r" (?:an?|her|his|their|some(?:body|one)|friends|relatives|others|other people)(?! own(?!\w))(?!\w))",
    re.IGNORECASE,
)
_HOUSEHOLDS = re.compile(
    rf"(?<!\w)(?:(?:her|his|their|whose) {_HOUSEHOLD}{_DOES}"
    r"|(?:husband|wife|spouse|partner|boyfriend|girlfriend|son|daughter|child|kid) who(?:se|'s)?(?!\w)"
    r"|(?:sons|daughters|children|kids) who (?:are|have|both|all)(?!\w))",
    re.IGNORECASE,
)
_APPOSITION = re.compile(
    rf"(?<!\w)(?:{_WHOSE} (?:[\w-]+ ){{0,2}}?(?:{_PEOPLE}|{_HOUSEHOLD})|(?:her|his"
    rf"|their) (?:[\w-]+ )?{_PARENTS}),"
    r" (?:who(?:'s| is| was| has| works)(?: [\w-]+){0,3}|(?:also |now )?(?:an?|the)(?: [\w-]+){0,2}"
    r"(?:,? (?:is|has|lives|works|was|had|owns|rents|studies)(?: [\w-]+){0,3}|,)?) ?$",
    re.IGNORECASE,
)
"""Somebody with what directly follows the comma: "her mother, an accountant"."""
_ARTICLE = re.compile(r"(?:an?|the) ", re.IGNORECASE)
_SHARED = frozenset(("relationship", "child_stage", "household_size", "housing_tenure", "pet"))
"""Tags of a household: what the husband has or the child does says something about the user."""
_OTHERS_AFTER = re.compile(rf"^(?: [\w-]+)? (?:{_PEOPLE}|son|daughter)(?!\w)", re.IGNORECASE)
_FAMILY_AFTER = re.compile(
    rf"^(?: [\w-]+)? (?:{_HOUSEHOLD}|{_PARENTS}|parents|couples?)(?!\w)", re.IGNORECASE
)
_HAS = re.compile(
    r"(?<!\w)(?:(?:her|his|their|user's)|(?:with|has|having|for)(?: an?)?)(?: [\w-]+){0,2} ?$", re.IGNORECASE
)
"""Before a state of the family: "with a retired husband"; "a retired mother of two" is the user."""

_NEGATION = re.compile(
    r"(?<!\w)(?:no|not|\w+n't|never|without|neither|nor|lacks?|rarely|seldom|hardly|cannot|nobody)(?!\w)"
    r"(?: [\w'-]+){0,4} ?$|(?<!\w)non-$",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"(?<!\w)(?:whether|(?:un|not )likely|doubtful|uncertain|not sure|unclear|unknown|undetermined"
    r"|not (?:known|clear|stated|evident)"
    "|may or may not|impossible to"
    r"|hard to (?:say|tell)|no (?:\w+ )?(?:evidence|indications?|signs?|information|hints?|data|proof)"
    r"|nothing (?:\w+ )?(?:shows|suggests|indicates|points)|cannot be|if (?:she|he|they|the user))(?!\w)",
    re.IGNORECASE,
)
_MAYBE = re.compile(
    r"(?<!\w)(?:might|(?<!in )(?<!of )(?<!since )may(?! \d)|could|(?:possibly|perhaps"
    r"|maybe)(?! because))(?!\w)",
    re.IGNORECASE,
)
"""Doubt that goes no further than its clause: "might own a dog, and lives in Lyon"."""
_DOUBT_AFTER = re.compile(
    r"^[^.;:!?]{0,60}? (?:is|are|remains?) (?:unclear|unknown|uncertain|not (?:known|clear|stated"
    r"|certain))(?!\w)"
    r"|^[^.;:!?]{0,60}? can(?:not|'t) be (?:said|told|determined|inferred|known)(?!\w)",
    re.IGNORECASE,
)
_WISHED = re.compile(
    r"(?<!\w)(?:wants?|hopes?|plans?|wish(?:es)?|aspires?|intends?|would like|dreams?|dreaming|considers?"
    r"|considering|thinks? (?:of|about)|thinking (?:of|about)|on the way to)(?! (?:ahead|well))(?!\w)",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"(?<!\w)(?:used to|formerly|former|previously|once|earlier|was|were|had|ex|until recently"
    "|until now|in the past"
    r"|no longer|not any more|moved (?:away |out )?(?:from|of)|left|leaving|gave up|quit|sold|lost"
    "|after years|ceased"
    r"|stopped|ended|grew up|raised in|born)(?!\w)",
    re.IGNORECASE,
)
_PAST_AFTER = re.compile(
    r"^(?: [\w'-]+){0,3} (?:until|in the past|years ago|back then|as a (?:child|teenager|boy|girl)"
    "|any ?more|any longer"
    r"|at the time|(?:are|is) over)(?!\w)|^(?: [\w'-]+){0,3} once(?=[.,;]|$)",
    re.IGNORECASE,
)

_SINCE = re.compile(
    r"(?<!\w)since [^.;,]{1,60}? (?=(?:she|he|they|the user) (?:has|have)(?!\w))", re.IGNORECASE
)
"""A past that still lasts: "since she was young she has owned a dog"."""

SENTENCE_END = re.compile(r"[.;:!?()]")
_DOING = (
    r"(?:is|are|has|have|lives?|works?|rents?|owns?|now|she|he|they|the user|does|goes|runs|holds"
    "|keeps|enjoys"
    r"|drives|prefers|likes|buys|earns|cooks|exercises|orders|mostly|usually|often|also|currently"
    "|finished|then"
    r"|\w+[^s\W]s (?:an?|the|her|his|their|in|at|to|on|for|with|up|out|often|mostly|well|no|little))"
)
_CLAUSE_END = re.compile(
    r"[,.;:!?()]|(?<!\w)(?:but|while|whereas|who|which|now|today|currently|yet(?= [^.,;])|though|although"
    rf"|and(?= {_DOING}(?!\w)))(?!\w)",
    re.IGNORECASE,
)
_SUBJECT_END = re.compile(
    rf"[,.;:!?()]|(?<!\w)(?:but|while|whereas|though|although|and(?= {_DOING}(?!\w)))(?!\w)", re.IGNORECASE
)
_AND = re.compile(r"(?<!\w)and(?!\w)", re.IGNORECASE)


def plain_text(text: str) -> str:
    """`text` on one line: plain quotes and dashes, lines and bullets as sentences, contrasts as "not"."""
    lines = []
    for line in _MARKUP.sub("", text.translate(_PUNCTUATION)).splitlines():
        line = _BULLET.sub("", line.strip())
        if line:
            lines.append(line if line[-1] in ".,;:!?" else f"{line}.")
    text = " ".join(lines)
    for rule, plain in _REWORDINGS:
        text = rule.sub(plain, text)
    return " ".join(text.split())


def holds(text: str, start: int, end: int, tag: str) -> bool:
    """Whether the statement of `tag` at `start:end` of a plain text is the user's, of today, and asserted."""
    after = text[end : end + WINDOW]
    clause = _SINCE.sub("", since_last(_CLAUSE_END, text, start))
    if (
        _NEGATION.search(since_last(_AND, clause, len(clause)))
        or _PAST.search(clause)
        or _PAST_AFTER.search(after)
    ):
        return False
    sentence = since_last(SENTENCE_END, text, start)
    if _WISHED.search(clause) or _MAYBE.search(clause):
        return False
    if _DOUBT.search(sentence) or _DOUBT_AFTER.search(after):
        return False
    if _OTHERS_AFTER.search(after) or (
        tag not in _SHARED and _FAMILY_AFTER.search(after) and _HAS.search(clause)
    ):
        return False
    return is_users(text, start, tag) and not about_things(
        text[start:end], tag=tag, clause=clause, after=after
    )


def is_users(text: str, start: int, tag: str) -> bool:
    """Whether what is said of `tag` from `start` on is said of the user: of no sister, friend or receiver."""
    subject = since_last(_SUBJECT_END, text, start)
    if _OTHERS.search(subject):
        return False
    if tag in _SHARED:
        return True
    # The article is part of some statements: "her wife, a doctor".
    article = _ARTICLE.match(text, start)
    told = since_last(SENTENCE_END, text, article.end() if article else start)
    return not (_HOUSEHOLDS.search(subject) or _APPOSITION.search(told))


def since_last(boundary: re.Pattern[str], text: str, start: int) -> str:
    """What stands before `start` in `text`, from the last `boundary` on; WINDOW characters at most."""
    first = max(0, start - WINDOW)
    # A boundary may look ahead at the statement itself ("and is"), but ends before it.
    ends = [match.end() for match in boundary.finditer(text, first, start + 40) if match.end() <= start]
    return text[max([first, *ends]) : start]

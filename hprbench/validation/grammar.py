"""Paraphrase grammars: summaries in other people's words, each with the tags that it states.

    YAML (frames, lists, phrases of every value) ──seed──► statements drawn ──► Summary(text, stated, ...)

There are two levels. *plain* states facts. *hard* negates, tells of the past and of somebody else, names
other cities, compares and doubts; some of its phrases state a value all the same ("used to rent and now owns
a house"), some mention a tag and state nothing (value `unsaid`). Each level has two parts that share no
phrase, frame, hobby or city: rules may be improved on `development`; `held_out` is for measuring.

A phrase stands under its form: `vp` (verb phrase, verbs marked `*` in the third person singular), `np` (what
somebody is), `pp` (an adjunct), `s` (a sentence), `kv` (behind a key in a list; `value@Key` goes with that
key alone). `{they}`, `{their}`, `{mother}`, ... follow the person. A phrase ending in `~tag,tag` says too
much about those tags to count them.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from hprbench.metrics import Values
from records.strict_yaml import read_yaml
from records.tags import TAG_NAMES

LEVELS = ("plain", "hard")
PARTS = ("development", "held_out")
UNSAID = "unsaid"

_PLACES = ("they", "their", "them", "themself", "mother", "wife", "girlfriend")
_WORDS = {
    person: dict(zip(_PLACES, words.split(), strict=True))
    for person, words in {
        "female": "she her her herself mother husband boyfriend",
        "male": "he his him himself father wife girlfriend",
        UNSAID: "they their them themselves parent spouse companion",
    }.items()
}
_SHOWS_GENDER = re.compile(r"\{(?:they|their|them|themself|mother)\}", re.IGNORECASE)
_IMPLIED = {
    ("life_stage", "student"): {"occupation": ("student",)},
    ("occupation", "student"): {"life_stage": ("student",)},
    ("life_stage", "retired"): {"occupation": ("not_working",)},
}
_UNSAID_SHARE = 0.3
"""How often a tag of a hard summary is mentioned without being stated."""
_IRREGULAR = {"is": "are", "has": "have", "does": "do", "goes": "go", "was": "were"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A text and what it states; of any other tag it says nothing.

    `implied` are values that follow from the stated ones: reading them is neither right nor wrong.
    `mentioned` are tags that the text speaks of without stating a value. `uncounted` tags are left out of the
    score. `source` names who wrote it, where that is not the grammar.
    """

    text: str
    stated: Mapping[str, Values]
    implied: Mapping[str, Values]
    mentioned: frozenset[str] = frozenset()
    uncounted: frozenset[str] = frozenset()
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    form: str
    text: str
    key: str
    uncounted: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """One part of one level: phrases by tag and value (`unsaid` for none), frames, keys and names"""

    frames: Sequence[str]
    lists: Sequence[tuple[str, str]]
    names: Sequence[str]
    hobbies: Sequence[str]
    cities: Sequence[str]
    keys: Mapping[str, Sequence[str]]
    phrases: Mapping[str, Mapping[str, Sequence[Phrase]]]


@cache
def load_grammar(level: str, part: str) -> Grammar:
    """The shipped grammar of `level` (plain, hard) and `part` (development, held_out)."""
    name = f"{level}_{part}.yaml"
    raw = read_yaml(files("hprbench.validation").joinpath(name).read_text(encoding="utf-8"), name)
    statements: dict[str, dict[str, Any]] = raw["statements"]
    return Grammar(
        frames=raw["frames"],
        lists=[(head, item) for head, item in raw["lists"]],
        names=raw["names"].split(" / "),
        hobbies=raw["hobbies"].split(", "),
        cities=raw["cities"].split(", "),
        keys={tag: values.pop("keys").split(" / ") for tag, values in statements.items()},
        phrases={
            tag: {
                value: [_phrase(form, text) for form, texts in forms.items() for text in texts.split(" / ")]
                for value, forms in values.items()
            }
            for tag, values in statements.items()
        },
    )


def _phrase(form: str, text: str) -> Phrase:
    text, _, uncounted = text.partition(" ~")
    text, _, key = text.partition("@")
    return Phrase(form=form, text=text, key=key, uncounted=frozenset(uncounted.split(",")) - {""})


def write_summaries(grammar: Grammar, count: int, *, seed: int) -> list[Summary]:
    """`count` summaries of four to nine tags, the same for the same seed."""
    return [_write(grammar, random.Random(f"{seed}-{number}")) for number in range(count)]


def _write(grammar: Grammar, rng: random.Random) -> Summary:
    voice = _Voice(grammar, rng, person=rng.choice(tuple(_WORDS)))
    values = _draw(grammar, rng, voice.person)
    phrases = {
        tag: rng.choice(pool)
        for tag, value in values.items()
        if (pool := _fitting(grammar, tag, value, values))
    }
    text = "\n".join(
        part for part in (_listed(voice, phrases, values), _told(voice, phrases, values)) if part
    )
    stated = {tag: values[tag] for tag in phrases if values[tag] != (UNSAID,)}
    if voice.showed_gender:
        stated["gender"] = (voice.person,)
    return Summary(
        text=text,
        stated=stated,
        implied=implied_by(stated),
        mentioned=frozenset(phrases) - stated.keys(),
        uncounted=frozenset().union(*(phrase.uncounted for phrase in phrases.values())),
    )


def implied_by(stated: Mapping[str, Values]) -> dict[str, Values]:
    """What follows from the values stated: who is a student by life stage is one by occupation."""
    return {
        tag: value
        for cause, implied in _IMPLIED.items()
        if stated.get(cause[0]) == (cause[1],)
        for tag, value in implied.items()
        if tag not in stated
    }


def _draw(grammar: Grammar, rng: random.Random, person: str) -> dict[str, Values]:
    """The tags of one summary with their values, each as likely; what would contradict another is dropped."""
    drawn: dict[str, Values] = {}
    for tag in rng.sample(TAG_NAMES, rng.randint(4, 9)):
        known = [value for value in grammar.phrases[tag] if value != UNSAID]
        if UNSAID in grammar.phrases[tag] and rng.random() < _UNSAID_SHARE:
            drawn[tag] = (UNSAID,)
        elif tag == "interests":
            drawn[tag] = tuple(rng.sample(grammar.hobbies, rng.randint(1, 3)))
        elif tag == "home_city":
            drawn[tag] = (rng.choice(grammar.cities),)
        else:
            drawn[tag] = (person if tag == "gender" else rng.choice(known),)
    if (drawn.get("gender") == (UNSAID,)) != (person == UNSAID):
        drawn.pop("gender", None)
    if "life_stage" in drawn:
        drawn.pop("occupation", None)
    if drawn.get("household_size") == ("1",):
        for tag in ("relationship", "child_stage", "housing_tenure"):
            drawn.pop(tag, None)
    return drawn


def _fitting(grammar: Grammar, tag: str, value: Values, stated: Mapping[str, Values]) -> list[Phrase]:
    open_value = {"interests": "list", "home_city": "city"}.get(tag)
    pool = grammar.phrases[tag].get(value[0] if value == (UNSAID,) or not open_value else open_value, ())
    return [phrase for phrase in pool if not phrase.uncounted & stated.keys()]


class _Voice:
    """Words templates for one person, and remembers whether the gender showed."""

    def __init__(self, grammar: Grammar, rng: random.Random, *, person: str) -> None:
        self.grammar, self.rng, self.person = grammar, rng, person
        self.showed_gender = False

    def subject(self) -> str:
        """A name of the user, or "he" or "she"; the plural of "they" is for sentences that expect it."""
        named = self.person == UNSAID or self.rng.random() < 0.4
        return self.rng.choice(self.grammar.names) if named else "{They}"

    def words(self, phrase: Phrase, value: Values) -> str:
        """`phrase` with its placeholders filled, and its verbs in the number of their subject."""
        text = phrase.text
        if self.person == UNSAID:
            plural = r"(\w+)\*" if phrase.form == "s" else r"(?<=\{they\} )(\w+)\*"
            text = re.sub(plural, lambda verb: _plural(verb[1]), text, flags=re.IGNORECASE)
        others = [city for city in self.grammar.cities if city not in value]
        hobbies = [hobby for hobby in self.grammar.hobbies if hobby not in value]
        listed = {"list": self._list(value), "city": value[0], "City": value[0]}
        text = re.sub(r"\{(list|[cC]ity)\}", lambda name: listed[name[1]], text.replace("*", ""))
        text = text.replace("{other}", self.rng.choice(others)).replace("{hobby}", self.rng.choice(hobbies))
        return self.gendered(text)

    def gendered(self, text: str) -> str:
        words = _WORDS[self.person]
        self.showed_gender |= self.person != UNSAID and bool(_SHOWS_GENDER.search(text))
        return re.sub(
            r"\{(\w)(\w+)\}",
            lambda name: (
                _capital(words[name[0][1:-1].lower()]) if name[1].isupper() else words[name[1] + name[2]]
            ),
            text,
        )

    def _list(self, value: Values) -> str:
        *most, last = value
        return (
            ", ".join(most) + self.rng.choice((" and ", ", and ") if len(most) > 1 else (" and ",)) + last
            if most
            else last
        )


def _listed(voice: _Voice, phrases: Mapping[str, Phrase], values: Mapping[str, Values]) -> str:
    """The key-value phrases as a list."""
    head, item = voice.rng.choice(voice.grammar.lists)
    items = [
        item.format(
            key=phrase.key or voice.rng.choice(voice.grammar.keys[tag]),
            value=voice.words(phrase, values[tag]),
        )
        for tag, phrase in phrases.items()
        if phrase.form == "kv"
    ]
    return head + "".join(items) if items else ""


def _told(voice: _Voice, phrases: Mapping[str, Phrase], values: Mapping[str, Values]) -> str:
    """The other phrases in frames, as a paragraph or as bullets."""
    left = {tag: phrase for tag, phrase in phrases.items() if phrase.form != "kv"}
    sentences = []
    while left:
        frame = voice.rng.choice(voice.grammar.frames)
        chosen: list[str] = []
        for form in re.findall(r"<(\w+)>", frame):
            chosen += [tag for tag in left if left[tag].form == form.lower() and tag not in chosen][:1]
        if len(chosen) == frame.count("<"):
            sentences.append(_sentence(voice, frame, {tag: left.pop(tag) for tag in chosen}, values))
    if voice.rng.random() < 0.2:
        return "\n".join(f"- {sentence}" for sentence in sentences)
    return " ".join(sentences)


def _sentence(voice: _Voice, frame: str, chosen: Mapping[str, Phrase], values: Mapping[str, Values]) -> str:
    worded = iter([(tag, phrase) for tag, phrase in chosen.items()])

    def slot(found: re.Match[str]) -> str:
        if found[0] == "{N}":
            return voice.subject()
        if found[0] == "{n}":
            return _small(voice.subject())
        tag, phrase = next(worded)
        text = voice.words(phrase, values[tag])
        return _capital(text) if found[1] == "Np" else text

    return voice.gendered(re.sub(r"\{[Nn]\}|<(\w+)>", slot, frame))


def _plural(verb: str) -> str:
    """The plural of a verb in the third person singular."""
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    if verb.endswith(("shes", "ches", "sses", "xes")):
        return verb[:-2]
    return verb[:-3] + "y" if verb.endswith("ies") and verb != "lies" else verb[:-1]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _small(text: str) -> str:
    return text[:2].lower() + text[2:]

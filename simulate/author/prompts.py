"""What a language model is asked in words, and the JSON that it is to answer with: all of it stands here.

Questions about titles and queries hold no label: a text that spells one is of no use. Lengths and numbers
are told in words and in the schema; where a server follows schemas, they cannot be overstepped.
"""

from collections.abc import Iterable
from typing import Any

from lm.chat import object_schema
from simulate.author.protocol import DesireAsk, PersonaFacts, TextAsk
from simulate.author.text_checks import LONGEST

SYSTEM = "You write texts for a simulator of what people do online. Answer with JSON and nothing else."

SENTENCES = (3, 6)
"""Fewest and most sentences of a description."""


def persona_question(persona: PersonaFacts) -> str:
    """Asks for a description of `persona`."""
    facts = "\n".join(
        f"- {_plain(tag)}: {_listed(map(_plain, values))}" for tag, values in persona.tags.items()
    )
    return f"""Facts of an invented person, aged {persona.age}:
{facts}
- very much so: {_listed(persona.likes.values(), "; ")}
- not at all so: {_listed(persona.dislikes.values(), "; ")}

Describe this person in {SENTENCES[0]} to {SENTENCES[1]} plain sentences that agree with every fact and add
none. No names of fields; at most {LONGEST["sentence"]} characters a sentence."""


def persona_schema() -> dict[str, Any]:
    """{"sentences": [text, …]}"""
    return object_schema({"sentences": _list(_text("sentence"), *SENTENCES)})


def desire_question(ask: DesireAsk) -> str:
    """Asks for one new desire."""
    facts = "; ".join(f"{_plain(tag)} {_listed(map(_plain, v))}" for tag, v in ask.persona.tags.items())
    if ask.tag:
        meant = (
            f"The want must come of one fact: {_plain(ask.tag)} {_plain(ask.value)}. People of whom that is "
            "not so have no use for the things, and the names of these do not say the fact in words."
        )
    else:
        meant = (
            "The want must be an everyday one: anybody may have it, whatever their age, home, work or money."
        )
    return f"""Facts of an invented person: {facts}.
{meant}
Known wants: {_listed(ask.known, "; ") or "none"}.
Categories: {_listed(f"{name} ({platform})" for name, platform in ask.categories.items())}.
Leanings: {_listed(f"{name} ({doc})" for name, doc in ask.leans.items()) or "none"}.

Invent one more want, and {ask.items} things that satisfy it:
- want: an imperative of three to eight words, unlike the known ones
- leans: up to two of the leanings, those that make the want stronger
- things: a name of two to four words in Title Case, letters only, no brand; and the category of the thing"""


def desire_schema(ask: DesireAsk) -> dict[str, Any]:
    """{"want": text, "leans": [name, …], "things": [{"name": text, "category": name}, …]}"""
    thing = object_schema({"name": _text("item"), "category": _one_of(ask.categories)})
    leans = {"leans": _list(_one_of(ask.leans), 0, 2)} if ask.leans else {}
    return object_schema({"want": _text("want"), **leans, "things": _list(thing, 1, ask.items)})


def query_question(ask: TextAsk) -> str:
    """Asks for search queries that lead to the item."""
    return f"""Somebody on {ask.platform} wants this: {ask.want or ask.item}.
What would do: {ask.item}, of the category {ask.category}.{_details(ask)}

Write {ask.count} different search queries that such a person may type, of two to six words in lower case
without punctuation. Each has a word of the thing's name or of the want. Say nothing of gifts, nor for whom
it is."""


def title_question(ask: TextAsk) -> str:
    """Asks for titles of the item."""
    return f"""On offer on {ask.platform}, category {ask.category}: {ask.item}.{_details(ask)}

Write {ask.count} different titles under which several sellers may offer it, some plain and some noisy. Each
has all the words "{ask.item}" and at most {LONGEST["title"]} characters. Say nothing of gifts, nor for whom
it is."""


def texts_schema(form: str, count: int) -> dict[str, Any]:
    """{"texts": [text, …]}; `form` is one of LONGEST."""
    return object_schema({"texts": _list(_text(form), count, count)})


def _details(ask: TextAsk) -> str:
    named = f"\nDetails that may be named: {_listed(ask.attributes)}." if ask.attributes else ""
    styled = f"\nIn the style of: {_listed(ask.examples, ' / ')}" if ask.examples else ""
    return named + styled


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _listed(texts: Iterable[str], between: str = ", ") -> str:
    return between.join(texts)


def _list(entry: dict[str, Any], fewest: int, most: int) -> dict[str, Any]:
    return {"type": "array", "items": entry, "minItems": fewest, "maxItems": most}


def _one_of(names: Iterable[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(names)}


def _text(form: str) -> dict[str, Any]:
    # A pattern, since not every server that follows schemas knows maxLength. Some compile no more than 128
    # repetitions.
    return {"type": "string", "pattern": rf'^[^"\\\x00-\x1f]{{1,{LONGEST[form]}}}$'}

"""Titles in English, and in other languages that part words by blanks: head noun and attributes.

title ── noise ──> clauses of words ── head ──> core;  words around it ──> attributes
"""

from collections.abc import Sequence

from semantize.refining.english_attributes import Attribute, attributes_of, salient
from semantize.refining.english_case import cased
from semantize.refining.english_clauses import clauses_of, quantity_of
from semantize.refining.english_head import Head, find_head
from semantize.refining.english_lexicon import PEOPLE, PLACE, Kind
from semantize.refining.english_words import Words
from semantize.refining.entity import Entity
from semantize.refining.noise import without_advertising, without_gift, without_packing


def refine_english(text: str, max_attributes: int) -> Entity:
    """The entity of one title as `noise.shown` gives it, which must hold a letter or digit."""
    text, marked = without_gift(text)
    text = without_advertising(text)
    # A title in capitals is a catalogue's entry: what describes a thing may stand behind it.
    catalogue = text.isupper() or _is_mostly_capitals(text)
    quantity, text = quantity_of(text, catalogue)
    clauses, wrapped = clauses_of(without_packing(text), catalogue)
    gift = marked or wrapped
    if not clauses:
        return Entity(core="Gift Wrap" if gift else cased([text.strip()], catalogue))  # nothing else was said
    each = [Words(one.words, [word.lower() for word in one.words]) for one in clauses]
    heads = [find_head(words, catalogue) for words in each]
    main = _main([one.part for one in clauses], heads)
    words, head = each[main], heads[main]
    found = [Attribute(Kind.QUANTITY, tuple(quantity))] if quantity else []
    found += attributes_of(words, 0, head.start, before=True)
    end = len(words) if _in_company(words, head) else head.end
    found += attributes_of(words, end, len(words))
    for other in each:
        if other is not words:
            found += attributes_of(other, 0, len(other))
    core = words.shown[head.start : end]
    chosen = salient(found, {word.casefold() for word in core}, max_attributes)
    return Entity(
        core=cased(core, catalogue),
        attributes=tuple(cased(one.words, catalogue) for one in chosen),
        gift=gift,
    )


def _is_mostly_capitals(text: str) -> bool:
    capitals = sum(map(str.isupper, text))
    return capitals > 4 and capitals > 4 * sum(map(str.islower, text))


def _main(parts: Sequence[int], heads: Sequence[Head]) -> int:
    """The clause that names the thing: in the first part with a known head the first that surely does."""
    known = [number for number, head in enumerate(heads) if head.strength]
    within = [number for number in known if parts[number] == parts[known[0]]]
    return next((number for number in within if heads[number].strength >= PLACE), within[0] if within else 0)


def _in_company(words: Words, head: Head) -> bool:
    """Whether the complement says in whose company (a roast with parents), which is part of the thing."""
    after = words.lower[head.stop :]
    return head.end == head.stop and 1 < len(after) <= 3 and after[0] == "with" and after[-1] in PEOPLE

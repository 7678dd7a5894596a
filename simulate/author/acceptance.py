"""What of an author's proposals is used. Each is used or rejected for a reason, and all are counted."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from records.tags import TAG_NAMES
from simulate.author.additions import NewDesire, NewTexts
from simulate.author.asks import QUERY
from simulate.author.protocol import (
    Author,
    DesireProposal,
    Desires,
    ItemProposal,
    PersonaFacts,
    TextAsk,
    Texts,
)
from simulate.author.template import TemplateAuthor
from simulate.author.text_checks import fault_of, is_related, spells, tidied, words_of
from simulate.titles import Titles
from simulate.world import World

_NAME = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*(?: [^\W\d_]+(?:['’-][^\W\d_]+)*){0,4}")
"""One to five words of letters: stricter than the catalogue, so that titles and histories can hold them."""

_GIFT = re.compile(r"\bgift", re.IGNORECASE)
"""What marks a thing as bought for somebody else; only an event may say so."""


@dataclass(slots=True)
class Outcome:
    """How many proposals were used, and how many were rejected by reason; an unread answer counts as one."""

    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def proposed(self) -> int:
        return self.accepted + self.rejected.total()

    def note(self, reason: str) -> bool:
        """Count one proposal, rejected if there is a reason; returns whether it was accepted."""
        if reason:
            self.rejected[reason] += 1
        else:
            self.accepted += 1
        return not reason

    def withdraw(self, count: int, reason: str) -> None:
        """Reject `count` of those accepted before."""
        self.accepted -= count
        self.rejected[reason] += count


def described(author: Author, personas: Sequence[PersonaFacts]) -> tuple[list[str], Outcome]:
    """A paragraph on each persona: the author's, or where that is rejected one composed from the facts."""
    outcome = Outcome()
    plain = TemplateAuthor().complete_personas(personas)
    found = []
    for fallback, answer in zip(plain, author.complete_personas(personas), strict=True):
        # A paragraph may come in lines.
        texts = [tidied(" ".join(text.split())) for text in answer.texts[:1]]
        reason = fault_of(texts[0], "description") if texts else answer.unread or "empty"
        found.append(texts[0] if outcome.note(reason) else fallback.texts[0])
    return found, outcome


def owners_of_texts(world: World, composed: Titles) -> dict[str, str]:
    """Every text of the world as it is, `composed` being its titles, and the item that it belongs to.

    A text belongs to one item alone, and reviews see to it: a log tells things apart by their texts.
    """
    owners = [world.items[number].name for number in composed.item_T.tolist()]
    pairs = zip(composed.texts, [*owners, *owners], strict=True)
    return {text.casefold(): owner for text, owner in pairs} | {
        item.name.casefold(): item.name for item in world.items
    }


class TextReview:
    """Reviews texts of a world's items; `owners`, of `owners_of_texts`, gets those that are accepted."""

    def __init__(self, world: World, owners: dict[str, str]) -> None:
        self._world = world
        self._items = {item.name: item for item in world.items}
        self._owner = owners

    def review(self, asks: Sequence[TextAsk], answers: Sequence[Texts]) -> tuple[list[NewTexts], Outcome]:
        """The texts to be used, by item, in the order of the asks."""
        outcome = Outcome()
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for ask, answer in zip(asks, answers, strict=True):
            if answer.unread:
                outcome.note(answer.unread)
            texts: list[str] = []
            for raw in answer.texts:
                text = tidied(raw)
                if self._world.kinds[ask.kind].lower:
                    text = text.lower()
                if outcome.note("too_many" if len(texts) == ask.count else self._fault(ask, text, texts)):
                    texts.append(text)
                    self._owner[text.casefold()] = ask.item
            if texts:
                found.setdefault(ask.item, {})[ask.kind] = tuple(texts)
        return [NewTexts(item=self._items[name], texts=texts) for name, texts in found.items()], outcome

    def _fault(self, ask: TextAsk, text: str, before: Iterable[str]) -> str:
        fault = fault_of(text, "query" if ask.kind == QUERY else "title")
        if fault:
            return fault
        desire = self._world.desire[self._items[ask.item].desire]
        # Every value of the tag: another one would contradict what the item shows.
        if desire.tag and spells(text, self._world.values_of(desire.tag)):
            return "spells_value"
        if _GIFT.search(text) and not _GIFT.search(ask.item):
            return "gift"
        if ask.kind == QUERY:
            if not is_related(text, (ask.item, desire.want)):
                return "unrelated"
        elif not set(words_of(ask.item)) <= set(words_of(text)):
            return "lacks_name"
        folded = text.casefold()
        if self._owner.get(folded, ask.item) != ask.item or folded in [one.casefold() for one in before]:
            return "duplicate"
        return ""


class DesireReview:
    """Reviews new desires of a world and their items; `owners` as in `TextReview`."""

    def __init__(self, world: World, owners: dict[str, str]) -> None:
        self._world = world
        self._tells = {one.name: one.tells for one in world.preferences}
        self._values = {value for tag in TAG_NAMES for value in world.values_of(tag)}
        self._wants = {desire.want.casefold() for desire in world.desires}
        self._names = set(world.desire)
        self._owner = owners

    def review(self, answers: Iterable[Desires]) -> tuple[list[NewDesire], Outcome, Outcome]:
        """The desires to be used, and what became of all desires and of all items."""
        desires, items = Outcome(), Outcome()
        found = []
        for answer in answers:
            if answer.unread:
                desires.note(answer.unread)
            for proposal in answer.desires:
                fault = self._fault(proposal)
                if fault:
                    desires.note(fault)
                    items.rejected["of_rejected_desire"] += len(proposal.items)
                    continue
                kept: list[ItemProposal] = []
                for item in proposal.items:
                    name = " ".join(word[:1].upper() + word[1:] for word in tidied(item.name).split(" "))
                    if items.note(self._item_fault(name, item.category)):
                        kept.append(ItemProposal(name=name, category=item.category))
                        self._owner[name.casefold()] = name
                if not desires.note("" if kept else "no_item"):
                    continue
                want = tidied(proposal.want)
                self._wants.add(want.casefold())
                self._names.add(_slug(want))
                found.append(
                    NewDesire(
                        name=_slug(want),
                        want=want,
                        tag=proposal.tag,
                        value=proposal.value,
                        leans=tuple(dict.fromkeys(proposal.leans)),
                        items=tuple(kept),
                    )
                )
        return found, desires, items

    def _fault(self, proposal: DesireProposal) -> str:
        if proposal.tag not in ("", *TAG_NAMES) or proposal.tag == "home_city":  # which places show
            return "unknown_tag"
        if proposal.value not in (self._world.values_of(proposal.tag) if proposal.tag else ("",)):
            return "unknown_value"
        if any(name not in self._tells for name in proposal.leans):
            return "unknown_preference"
        if any(not self._tells[name] <= {proposal.tag} for name in proposal.leans):
            return "anchored_preference"  # the desire would give another tag away
        want = tidied(proposal.want)
        fault = fault_of(want, "want")
        if fault:
            return fault
        if len(words_of(want)) < 2 or not _slug(want):
            return "bad_name"
        return "duplicate" if want.casefold() in self._wants or _slug(want) in self._names else ""

    def _item_fault(self, name: str, category: str) -> str:
        fault = fault_of(name, "item")
        if fault:
            return fault
        if category not in self._world.categories:
            return "unknown_category"
        if not _NAME.fullmatch(name):
            return "bad_name"
        if spells(name, self._values):
            return "spells_value"
        if _GIFT.search(name):
            return "gift"
        return "duplicate" if name.casefold() in self._owner else ""


def _slug(want: str) -> str:
    """The name of a desire with this want: nobody reads it in a log."""
    return "_".join(re.findall(r"[a-z0-9]+", want.lower()))

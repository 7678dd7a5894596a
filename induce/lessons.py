"""Lessons: persona sets of any inducer, as a model could have found them in the lines that it is shown.

persona set ── whole lines ──> sentences that hold of what they cite ──> first lines first ──> lesson
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace

from induce.answers import (
    PersonaAnswer,
    lines_of,
    owner_of_lines,
    parse_personas,
    render_personas,
)
from induce.lines import MemoryLines
from induce.prompting import persona_prompt
from lm.answers import Malformed
from lm.tokenizer import ChatTokenizer
from records.persona import IntentMemory, Persona, PersonaSet, Statement
from rewards.personas.claims import Claim, gist_of, parse, render
from rewards.personas.facts import Facts, Setting, holds, setting_of
from sft.objective import SFTExample

MOST_CITED = 4
"""Lines that a sentence cites, at most; a small model can tell so many apart."""


def persona_lessons(
    sets: Sequence[PersonaSet],
    memories: Mapping[str, Sequence[IntentMemory]],
    lines: Mapping[str, MemoryLines],
    tokenizer: ChatTokenizer,
    *,
    most_tokens: int,
) -> tuple[list[SFTExample], Counter[str]]:
    """A lesson a set, in their order, and what was left out, by reason.

    Args:
        sets: what teachers found; one user may have several sets.
        memories: user → all memories, noise too.
        lines: user → what the model is shown of them.
        most_tokens: tokens that prompt and answer may have together.

    Where `lines` leave memories out, a teacher had better see the others alone: the less is untrue of what is
    shown. Sentences and personas are left out as `as_shown` says. Whole sets: `no_persona` (the teacher found
    none, or none is left), `too_long`, or the parser's reason where the answer, as it would be taught, cannot
    be read.
    """
    examples, faults = [], Counter[str]()
    for one in sets:
        mine = lines[one.user_id]
        shown, left_out = as_shown(one, mine, memories[one.user_id])
        faults += left_out
        answer = render_personas(shown, mine)
        parsed = parse_personas(answer, mine)
        if isinstance(parsed, Malformed):
            faults[parsed.reason] += 1
            continue
        assert parsed == PersonaAnswer(personas=shown, dropped_citations=0)
        prompt = persona_prompt(tokenizer, mine)
        response = tokenizer.response_ids(answer)
        if len(prompt.token_ids) + len(response) > most_tokens:
            faults["too_long"] += 1
            continue
        examples.append(
            SFTExample(prompt_ids=prompt.token_ids, response_ids=tuple(response), shared_id=prompt.prompt_id)
        )
    return examples, faults


def as_shown(
    personas: PersonaSet, lines: MemoryLines, memories: Sequence[IntentMemory]
) -> tuple[PersonaSet, Counter[str]]:
    """`personas` in whole lines, in order of their first lines, and what was left out: what lines do not
    show, a model can but make up.

    A persona has all memories of its lines (`answers.owner_of_lines`). A sentence of the grammar stays if it
    is true of these, and cites at most MOST_CITED lines of the persona of which alone it is true: those of
    the teacher, if it is true of them, else neighbouring ones with most memories. Any other sentence cites
    what the teacher does. A list of wanted names loses those that the lines do not show. Left out are
    sentences that are `repeated`, `untrue`, or `unsupported` by so few lines, and personas that are `unseen`
    (on no line) or `unsaid` (no sentence is left).
    """
    evidence = _Evidence(lines, memories) if memories else None
    owners = owner_of_lines(personas.personas, lines)
    faults = Counter[str]()
    kept: dict[int, Persona] = {}
    for place, persona in enumerate(personas.personas):
        mine = [line for line, owner in owners.items() if owner == place]
        if not mine or evidence is None:
            faults["unseen"] += 1
            continue
        said: dict[Hashable, Statement] = {}
        for statement in persona.description:
            found = evidence.supported(statement, mine)
            if isinstance(found, str):
                faults[found] += 1
            elif gist_of(found.text) in said:
                faults["repeated"] += 1
            else:
                said[gist_of(found.text)] = found
        if said:
            kept[mine[0]] = replace(
                persona, description=tuple(said.values()), memories=lines.memories_of(mine)
            )
        else:
            faults["unsaid"] += 1
    return replace(personas, personas=tuple(kept[line] for line in sorted(kept))), faults


class _Evidence:
    def __init__(self, lines: MemoryLines, memories: Sequence[IntentMemory]) -> None:
        self._lines = lines
        self._memories = {memory.number: memory for memory in memories}
        self._setting: Setting = setting_of(memories)

    def supported(self, statement: Statement, mine: Sequence[int]) -> Statement | str:
        """`statement` with the memories of the lines it may cite out of `mine`, or what is wrong with it."""
        claims = tuple(self._shown(claim, mine) for claim in parse(statement.text))
        text = render(claims) or statement.text
        if not self._hold(claims, mine):
            return "untrue"
        owned = set(mine)
        told = [line for line in lines_of(statement.memories, self._lines) if line in owned]
        for cited in self._candidates(told, mine, is_free=not claims):
            if self._hold(claims, cited):
                return replace(statement, text=text, memories=self._lines.memories_of(cited))
        return "unsupported"

    def _shown(self, claim: Claim, mine: Sequence[int]) -> Claim:
        """A claim about wants with those names alone of which it is true; any other as it is."""
        if claim.kind != "wants":
            return claim
        verb, *names = claim.arguments
        each = [replace(claim, arguments=(verb, name)) for name in names]
        true = [one.arguments[1] for one in each if self._hold([one], mine)]
        return replace(claim, arguments=(verb, *true)) if true else claim

    def _candidates(
        self, told: Sequence[int], mine: Sequence[int], *, is_free: bool
    ) -> Iterator[Sequence[int]]:
        if told:
            yield self._best(told)
        if not is_free:
            runs = [
                mine[first : first + length]
                for length in range(1, MOST_CITED + 1)
                for first in range(len(mine) - length + 1)
            ]
            yield from sorted(runs, key=lambda run: -self._behind(run))

    def _best(self, told: Sequence[int]) -> list[int]:
        return sorted(sorted(told, key=lambda line: (-self._behind([line]), line))[:MOST_CITED])

    def _behind(self, lines: Sequence[int]) -> int:
        return sum(len(self._lines.lines[line - 1].memories) for line in lines)

    def _hold(self, claims: Sequence[Claim], lines: Sequence[int]) -> bool:
        facts = Facts([self._memories[number] for number in self._lines.memories_of(lines)], self._setting)
        return all(holds(claim, facts) is True for claim in claims)

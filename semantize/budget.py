"""Which slices fit a token budget, for all users at once so that token counting is batched."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from records.errors import UserError
from records.history import HistoryLine, SemanticHistory

CountTokens = Callable[[Sequence[str]], list[int]]

SLACK = 4
"""Tokens by which a line counted alone may seem larger than it is within a history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSlices:
    """One user's slices in time order: bracketed parts, entities, ids behind each entity, salience."""

    user_id: str
    heads: list[str]
    entities: list[list[str]]
    event_ids: list[list[list[str]]]
    salience: list[float]


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A history being fitted. Slices are indices in time order; `waiting` are dropped ones, best first.

    `sizes` and `joints` are, for every slice, the tokens of its line's pieces and the number of pieces.
    """

    user: UserSlices
    bodies: list[str]
    sizes: list[int]
    joints: list[int]
    kept: list[int]
    waiting: list[int]
    tokens: int = 0
    shown: dict[int, int] = field(default_factory=dict)

    def text(self, extra: Sequence[int] = ()) -> str:
        chosen = sorted([*self.kept, *extra])
        return "\n".join(f"#{number} {self.bodies[index]}" for number, index in enumerate(chosen, start=1))

    def next_candidate(self, budget: int) -> int | None:
        """The best waiting slice that may fit; those that surely do not are passed over for good."""
        while self.waiting:
            index = self.waiting.pop(0)
            if self.tokens + self.sizes[index] <= budget + SLACK:
                return index
        return None


def fit_users(users: Sequence[UserSlices], budget: int, count_tokens: CountTokens) -> list[SemanticHistory]:
    """Histories of `users`, in order, each at most `budget` tokens as `count_tokens` counts its whole text.

    Never over: every history is counted as it finally reads, numbers and newlines included. Full: slices
    come in by salience, every one that the room left may hold is tried. A slice is not tried only where its
    pieces (fields, entities) exceed the room by more than a token a piece, or its line counted alone by more
    than SLACK; a tokenizer that merged more than that across pieces or lines could leave room unused. A
    slice stays whole, except where the one line of a user is over the budget: then it shows fewer entities,
    at last a shortened one.

    Raises UserError where the budget is too small for a line's bracketed part.
    """
    drafts = _drafts(users, budget, count_tokens)
    pending = drafts
    while pending:
        for draft, tokens in zip(pending, count_tokens([draft.text() for draft in pending]), strict=True):
            draft.tokens = tokens
        pending = [draft for draft in pending if draft.tokens > budget]
        for draft in pending:
            if len(draft.kept) == 1:
                _shorten(draft, budget, count_tokens)
            else:
                draft.kept.pop()  # the least salient; with everything better kept it can never fit
    _fill(drafts, budget, count_tokens)
    return [_history(draft) for draft in drafts]


def _drafts(users: Sequence[UserSlices], budget: int, count_tokens: CountTokens) -> list[_Draft]:
    """Every user's most salient slices whose sizes, counted line by line, add up to about the budget."""
    bodies = [
        [f"{head} | {', '.join(shown)}" for head, shown in zip(user.heads, user.entities, strict=True)]
        for user in users
    ]
    # Most slices are far from fitting, so lines are not counted here: they share few distinct pieces.
    pieces = [
        [_pieces(head, shown) for head, shown in zip(user.heads, user.entities, strict=True)]
        for user in users
    ]
    distinct = list({piece for of_user in pieces for of_line in of_user for piece in of_line})
    tokens = dict(zip(distinct, count_tokens(distinct), strict=True))
    drafts = []
    for user, of_user, parts in zip(users, bodies, pieces, strict=True):
        sizes = [sum(tokens[piece] for piece in of_line) for of_line in parts]
        ranked = sorted(range(len(of_user)), key=lambda index: (-user.salience[index], -index))
        room, fitting = budget + SLACK, 0
        while fitting < len(ranked) and sizes[ranked[fitting]] <= room:
            room -= sizes[ranked[fitting]]
            fitting += 1
        fitting = max(1, fitting)
        drafts.append(
            _Draft(
                user=user,
                bodies=of_user,
                sizes=sizes,
                joints=[len(of_line) for of_line in parts],
                kept=ranked[:fitting],
                waiting=ranked[fitting:],
            )
        )
    return drafts


def _pieces(head: str, entities: Sequence[str]) -> list[str]:
    """A line cut where tokens seldom reach across; a comma too many stands for the line end."""
    return [
        "#10",
        *[f" {part}]" for part in head[:-1].split("] ")],
        " |",
        *[f" {name}," for name in entities],
    ]


def _fill(drafts: Sequence[_Draft], budget: int, count_tokens: CountTokens) -> None:
    """Bring waiting slices back, one try a user and round, until none fits."""
    near = []
    for draft in drafts:
        room = budget - draft.tokens
        draft.waiting = [i for i in draft.waiting if draft.sizes[i] <= room + draft.joints[i] + SLACK]
        near += [(draft, index) for index in draft.waiting]
    lines = count_tokens([f"#10 {draft.bodies[index]}\n" for draft, index in near])
    for (draft, index), tokens in zip(near, lines, strict=True):
        draft.sizes[index] = tokens
    open_drafts = list(drafts)
    while open_drafts:
        candidates = [(draft, draft.next_candidate(budget)) for draft in open_drafts]
        tries = [(draft, index) for draft, index in candidates if index is not None]
        totals = count_tokens([draft.text([index]) for draft, index in tries])
        for (draft, index), tokens in zip(tries, totals, strict=True):
            if tokens <= budget:
                draft.kept.append(index)
                draft.tokens = tokens
        open_drafts = [draft for draft, _ in tries]


def _shorten(draft: _Draft, budget: int, count_tokens: CountTokens) -> None:
    """Make the only line of a history fit: with fewer entities, else with half, a quarter … of the first."""
    index = draft.kept[0]
    head, entities = draft.user.heads[index], draft.user.entities[index]
    choices = [(count, entities[:count]) for count in range(len(entities) - 1, 0, -1)]
    length = len(entities[0]) // 2
    while length:
        choices.append((1, [entities[0][:length].strip()]))
        length //= 2
    bodies = [f"{head} | {', '.join(shown)}" for _, shown in choices]
    for (count, _), body, tokens in zip(
        choices, bodies, count_tokens([f"#1 {body}" for body in bodies]), strict=True
    ):
        if tokens <= budget:
            draft.bodies[index] = body
            draft.shown[index] = count
            return
    raise UserError(
        f"semantize.token_budget={budget} is too small: one line of user {draft.user.user_id!r} alone takes "
        f"{draft.tokens} tokens; raise it"
    )


def _history(draft: _Draft) -> SemanticHistory:
    lines = []
    for number, index in enumerate(sorted(draft.kept), start=1):
        behind = draft.user.event_ids[index][: draft.shown.get(index)]
        lines.append(
            HistoryLine(
                number=number,
                text=f"#{number} {draft.bodies[index]}",
                event_ids=tuple(event_id for of_entity in behind for event_id in of_entity),
                entities=tuple(
                    (entity, len(ids))
                    for entity, ids in zip(draft.user.entities[index], behind, strict=False)
                ),
            )
        )
    return SemanticHistory(user_id=draft.user.user_id, lines=tuple(lines))

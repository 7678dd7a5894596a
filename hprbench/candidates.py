"""Steps 2 to 4 of the benchmark's build: what is known of every candidate before anybody is chosen.

candidates ─→ annotate   a row a user and tag: gold, what rules say, the lines that show it
           ─→ stratify   a row a user: gender × age, kinds of evidence, length of the log
           ─→ inspect    a row a finding: what is wrong, and whether it keeps the user out
           ─→ choose     users, those left out by reason, and who took whose place
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hprbench.metrics import Gold, Values, is_correct
from records.errors import UserError
from records.history import SemanticHistory
from records.strata import STRATA, stratum_of
from records.tags import NA, TAG, TAG_NAMES

KINDS = ("explicit", "implicit", "temporal", "trap")
"""Kinds of evidence."""

LEVELS = ("easy", "middle", "hard")
"""Thirds of the candidates, by the share of their known tags whose evidence is not explicit; "" is the level
of those of whom no kind of evidence is known."""

LENGTHS = 4
"""Classes of length, of about as many candidates each."""

SHORT_LINES = 3
"""Lines from which a history is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One tag of one candidate before review: `gold`, what rules read off the raw log (None: no rules), how
    many events are evidence, and the history `lines` that show them."""

    user_id: str
    tag: str
    gold: Values
    rule: Values | None
    difficulty: str
    events: int
    lines: tuple[int, ...]

    @property
    def disagrees(self) -> bool:
        return self.rule is not None and not is_correct(self.tag, self.rule, self.gold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Where one candidate stands: `kinds` counts known tags by kind of evidence, `log_tokens` is the length
    of the raw log, `length` its class."""

    user_id: str
    gender: str
    age_group: str
    kinds: dict[str, int]
    unknown: int
    level: str
    lines: int
    log_tokens: int
    length: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found. A `hard` one keeps the user out, a soft one is for the reviewer."""

    user_id: str
    check: str
    tag: str = ""
    detail: str = ""
    hard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Who is in: `users` sorted; failed candidate → checks; failed candidate → who took the place."""

    users: tuple[str, ...]
    left_out: dict[str, tuple[str, ...]]
    replaced: dict[str, str]


def annotate(
    candidates: Sequence[str],
    gold: Gold,
    rules: Mapping[str, Mapping[str, Values]] | None,
    histories: Mapping[str, SemanticHistory],
) -> list[Annotation]:
    """Step 2: gold and rule labels side by side, in the order of `candidates` and of the tag table."""
    return [
        Annotation(
            user_id=user,
            tag=tag,
            gold=gold[user][tag].values,
            rule=None if rules is None else tuple(rules[user][tag]),
            difficulty=gold[user][tag].difficulty,
            events=len(gold[user][tag].event_ids),
            lines=histories[user].lines_citing(gold[user][tag].event_ids),
        )
        for user in candidates
        for tag in TAG_NAMES
        if tag in gold[user]
    ]


def stratify(
    candidates: Sequence[str],
    gold: Gold,
    histories: Mapping[str, SemanticHistory],
    log_tokens: Mapping[str, int],
) -> dict[str, Stratum]:
    """Step 3: the strata of every candidate; levels and lengths are relative to all candidates."""
    kinds = {
        user: [one.difficulty for one in gold[user].values() if not one.is_na and one.difficulty in KINDS]
        for user in candidates
    }
    levels = _levels({user: found for user, found in kinds.items() if found})
    places = {user: stratum_of(gold[user]) for user in candidates}
    lengths = length_classes([log_tokens[user] for user in candidates])
    return {
        user: Stratum(
            user_id=user,
            **dict(zip(STRATA, places[user], strict=True)),
            kinds={kind: kinds[user].count(kind) for kind in KINDS},
            unknown=sum(one.is_na for one in gold[user].values()),
            level=levels.get(user, ""),
            lines=len(histories[user].lines),
            log_tokens=log_tokens[user],
            length=length,
        )
        for user, length in zip(candidates, lengths, strict=True)
    }


def _levels(kinds: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The level of every user by the kinds of evidence of what is known of him, at least one."""
    if not kinds:
        return {}
    shares = [1 - found.count("explicit") / len(found) for found in kinds.values()]
    thirds = np.quantile(shares, [1 / 3, 2 / 3])
    return dict(zip(kinds, (LEVELS[place] for place in np.searchsorted(thirds, shares)), strict=True))


def length_classes(tokens: Sequence[int]) -> list[str]:
    """The class of every length: LENGTHS of them of about equal size, with bounds of two digits.

    Example:
        length_classes([900, 2100, 4300, 9900]) == ["≤ 1,800", "1,800–3,200", "3,200–5,700", "> 5,700"]
    """
    inner = np.quantile(tokens, np.arange(1, LENGTHS) / LENGTHS)
    bounds = sorted({_two_digits(bound) for bound in inner})
    names = [f"≤ {bounds[0]:,}"]
    names += [f"{low:,}–{high:,}" for low, high in zip(bounds, bounds[1:], strict=False)]
    names.append(f"> {bounds[-1]:,}")
    return [names[int(np.searchsorted(bounds, length))] for length in tokens]


def _two_digits(number: float) -> int:
    unit = int(10 ** max(0, len(str(int(number))) - 2))
    return round(number / unit) * unit


def inspect(
    annotations: Sequence[Annotation],
    candidates: Sequence[str],
    histories: Mapping[str, SemanticHistory],
    duplicates: Mapping[str, str],
) -> list[Finding]:
    """Step 4: the automatic checks.

    Hard: `short_history` (fewer than SHORT_LINES lines), `duplicate` (the history says what that of a
    training user says; `duplicates`: user → that user), `unknown_value` (a label that the tag table does not
    have).
    Soft: `unseen` (the evidence of a value is in no line of the history), `rules_disagree`, `unlabelled` (no
    label of a tag that other candidates have), `nothing_known` (no label but NA).
    """
    labels: dict[str, dict[str, Annotation]] = {user: {} for user in candidates}
    for one in annotations:
        labels[one.user_id][one.tag] = one
    labelled = {one.tag for one in annotations}
    found: list[Finding] = []
    for user in candidates:
        mine, lines = labels[user], len(histories[user].lines)
        if lines < SHORT_LINES:
            found.append(Finding(user_id=user, check="short_history", detail=f"{lines} lines", hard=True))
        if user in duplicates:
            found.append(Finding(user_id=user, check="duplicate", detail=duplicates[user], hard=True))
        if not any(one.gold for one in mine.values()):
            found.append(Finding(user_id=user, check="nothing_known"))
        for tag in TAG_NAMES:
            if tag in mine:
                found += _of_label(mine[tag])
            elif tag in labelled:
                found.append(Finding(user_id=user, check="unlabelled", tag=tag))
    return found


def _of_label(one: Annotation) -> list[Finding]:
    found = []
    strange = [value for value in one.gold if not TAG[one.tag].is_open and value not in TAG[one.tag].values]
    if strange:
        found.append(
            Finding(user_id=one.user_id, check="unknown_value", tag=one.tag, detail=strange[0], hard=True)
        )
    if one.gold and one.events and not one.lines:
        found.append(
            Finding(user_id=one.user_id, check="unseen", tag=one.tag, detail=f"{one.events} event(s)")
        )
    if one.disagrees:
        said = ", ".join(one.rule or ()) or NA
        found.append(Finding(user_id=one.user_id, check="rules_disagree", tag=one.tag, detail=said))
    return found


def choose(
    candidates: Sequence[str], strata: Mapping[str, Stratum], findings: Sequence[Finding], count: int | None
) -> Choice:
    """The first `count` candidates; the place of one that failed a hard check goes to the next spare one of
    the same gender and age, or else to the next. Without a count all that passed.

    Raises:
        UserError: fewer than `count` candidates passed, or none.
    """
    failed: dict[str, list[str]] = {}
    for one in findings:
        if one.hard and one.check not in failed.setdefault(one.user_id, []):
            failed[one.user_id].append(one.check)
    left_out = {user: tuple(checks) for user, checks in failed.items()}
    passed = [user for user in candidates if user not in failed]
    if count is None:
        if not passed:
            raise UserError(
                f"none of the {len(candidates)} candidates passes the checks (bench/build/quality.csv says "
                "why); label other users, or mend their logs or labels"
            )
        return Choice(users=tuple(sorted(passed)), left_out=left_out, replaced={})
    if len(passed) < count:
        raise UserError(
            f"bench.users={count}: {len(passed)} of {len(candidates)} candidates pass the checks "
            "(bench/build/quality.csv says why others do not); ask for fewer, or simulate more users"
        )
    spare = [user for user in candidates[count:] if user not in failed]
    users, replaced = [], {}
    for user in candidates[:count]:
        if user not in failed:
            users.append(user)
            continue
        alike = [other for other in spare if _place(strata[other]) == _place(strata[user])]
        replaced[user] = (alike or spare)[0]
        spare.remove(replaced[user])
        users.append(replaced[user])
    return Choice(users=tuple(sorted(users)), left_out=left_out, replaced=replaced)


def _place(stratum: Stratum) -> tuple[str, str]:
    return stratum.gender, stratum.age_group

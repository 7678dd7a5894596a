"""Step 5 of the benchmark's build: labels that people look at, and what they say of them.

benchmark ─→ export_review ─→ review.csv, review.html ─→ a person ─→ read_review ─→ corrected gold

A row a label. The reviewer writes `ok` or `wrong` into `verdict`; where it is wrong, the true value into
`correction` (several parted by ;, or NA) and the lines that show it into `corrected_lines`. A row without a
verdict was not looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hprbench.candidates import Annotation, Finding, Stratum
from hprbench.metrics import Gold, Values
from hprbench.spreadsheet import read_csv, write_csv
from records.errors import UserError
from records.files import write_text
from records.history import SemanticHistory
from records.tags import NA, TAG, GoldTag
from records.templates import rendered

OK, WRONG = VERDICTS = ("ok", "wrong")

_FILLED_IN = ("verdict", "correction", "corrected_lines", "note")
_COLUMNS = ("user_id", "tag", "gold", "rule", "difficulty", "lines", "checks", *_FILLED_IN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a reviewer says of one label; `values` and `lines` stand in place of the old ones if `wrong`."""

    user_id: str
    tag: str
    wrong: bool
    values: Values = ()
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One review as the frozen benchmark remembers it.

    `looked_at` counts the `labels` (user, tag) that no review before had looked at, `corrected` those that it
    changed; so a file applied again with more rows adds these alone.
    """

    sha256: str
    looked_at: int
    corrected: int
    corrected_by_tag: dict[str, int]
    labels: tuple[tuple[str, str], ...] = ()


def export_review(
    folder: Path,
    users: Sequence[str],
    annotations: Sequence[Annotation],
    strata: Mapping[str, Stratum],
    findings: Sequence[Finding],
    histories: Mapping[str, SemanticHistory],
) -> None:
    """Write `review.csv` to fill in, and `review.html` to read beside it, for the `users` of a benchmark."""
    checks: dict[tuple[str, str], list[str]] = {}
    for one in findings:
        checks.setdefault((one.user_id, one.tag), []).append(one.check)
    labels: dict[str, list[dict[str, Any]]] = {user: [] for user in users}
    for note in annotations:
        if note.user_id in labels:
            labels[note.user_id].append(_row(note, checks.get((note.user_id, note.tag), [])))
    write_csv(folder / "review.csv", _COLUMNS, [row for user in users for row in labels[user]])
    views = [
        {
            "stratum": asdict(strata[user]),
            "labels": labels[user],
            "lines": [
                {
                    "number": line.number,
                    "text": line.text,
                    "shows": [row["tag"] for row in labels[user] if line.number in row["numbers"]],
                }
                for line in histories[user].lines
            ],
        }
        for user in users
    ]
    write_text(folder / "review.html", rendered("hprbench", "review.html.j2", users=views))


def _row(note: Annotation, checks: Sequence[str]) -> dict[str, Any]:
    return {
        "user_id": note.user_id,
        "tag": note.tag,
        "gold": words(note.gold),
        "rule": None if note.rule is None else words(note.rule),
        "difficulty": note.difficulty,
        "lines": " ".join(f"#{line}" for line in note.lines),
        "numbers": note.lines,
        "checks": " ".join(checks),
        **dict.fromkeys(_FILLED_IN),
    }


def words(values: Values) -> str:
    """`values` as a cell."""
    return "; ".join(values) or NA


def read_review(path: Path, gold: Gold, histories: Mapping[str, SemanticHistory]) -> list[Verdict]:
    """The verdicts of a filled-in `review.csv` on the labels of `gold`.

    Raises:
        UserError: naming the row that cannot be read, or that no label of the benchmark has.
    """
    found: dict[tuple[str, str], Verdict] = {}
    for number, row in enumerate(read_csv(path, ("user_id", "tag", "verdict", "correction")), start=2):
        place, said = f"{path}, row {number}", row["verdict"].casefold()
        if not said and not row["correction"]:
            continue
        user, tag = row["user_id"], row["tag"]
        if tag not in gold.get(user, {}):
            raise UserError(
                f"{place}: the benchmark has no label {tag!r} of user {user!r}; keep both columns"
            )
        if said not in VERDICTS or (said == WRONG) != bool(row["correction"]):
            raise UserError(
                f"{place}: write ok, or wrong and the true value in `correction` (NA where there is none)"
            )
        if (user, tag) in found:
            raise UserError(f"{place}: {tag} of {user} has a verdict already; keep one row a label")
        values = _values(row["correction"], tag, place)
        lines = _lines(row.get("corrected_lines", ""), histories[user], place) if values else ()
        found[user, tag] = Verdict(user_id=user, tag=tag, wrong=said == WRONG, values=values, lines=lines)
    if not found:
        raise UserError(f"{path}: no verdict in it; write ok or wrong into the column `verdict`")
    return list(found.values())


def _values(text: str, tag: str, place: str) -> Values:
    values = tuple(dict.fromkeys(part.strip() for part in text.split(";") if part.strip()))
    if values in ((), (NA,)):
        return ()
    known = TAG[tag]
    if len(values) > known.max_values:
        raise UserError(f"{place}: {tag} has at most {known.max_values} value(s), not {text!r}")
    strange = [value for value in values if value == NA or not (known.is_open or value in known.values)]
    if strange:
        allowed = "any text" if known.is_open else ", ".join(known.values)
        raise UserError(f"{place}: {strange[0]!r} is no value of {tag}; there are {allowed}, or NA alone")
    return values


def _lines(text: str, history: SemanticHistory, place: str) -> tuple[int, ...]:
    numbers = {line.number for line in history.lines}
    found = []
    for word in text.replace(",", " ").replace(";", " ").split():
        digits = word.removeprefix("#")
        if not digits.isdecimal() or int(digits) not in numbers:
            raise UserError(f"{place}: no line {word!r} in the history of {history.user_id}")
        found.append(int(digits))
    return tuple(sorted(set(found)))


def corrected(
    gold: Gold, histories: Mapping[str, SemanticHistory], verdicts: Sequence[Verdict]
) -> dict[str, dict[str, GoldTag]]:
    """`gold` with the corrections of `verdicts`; evidence of a corrected label is what its lines hold."""
    changed = {user: dict(tags) for user, tags in gold.items()}
    for one in verdicts:
        if one.wrong:
            behind = [line for line in histories[one.user_id].lines if line.number in one.lines]
            changed[one.user_id][one.tag] = replace(
                gold[one.user_id][one.tag],
                values=one.values,
                event_ids=tuple(event for line in behind for event in line.event_ids),
                event_values=(),
            )
    return changed

"""A guessed mapping as YAML with reasons. Log text is hostile: values are quoted, comments are one line."""

from collections.abc import Iterator

import yaml

from semantize.guessing.guess import Choice, Guess
from semantize.text import clean, visible

_SURE, _LIKELY = 0.7, 0.45
_MAX_UNUSED = 60


def sureness(choice: Choice) -> str:
    """How sure a choice is: sure, likely or guess."""
    return "sure" if choice.sureness >= _SURE else "likely" if choice.sureness >= _LIKELY else "guess"


def warnings(guess: Guess) -> list[str]:
    """What only the log's owner can settle, a line each."""
    return list(_warnings(guess))


def mapping_text(guess: Guess) -> str:
    """The mapping, as `load_mapping` reads it, with a comment on every choice."""
    return "\n".join([*_head(guess), *_body(guess), *_foot(guess)]) + "\n"


def _head(guess: Guess) -> Iterator[str]:
    yield _comment(
        f"How columns of {clean(guess.file)} become events, guessed from its first {guess.rows:,} rows."
    )
    yield _comment("Look it over: sure, likely and guess say how far names and values bear a choice out.")
    for warning in warnings(guess):
        yield _comment(f"To settle: {warning}")


def _body(guess: Guess) -> Iterator[str]:
    yield "columns:"
    for choice in guess.choices:
        if choice.column:
            yield from _chosen(choice, choice.column)
    constants = [choice for choice in guess.choices if not choice.column]
    if constants:
        yield "constants:"
        for choice in constants:
            yield from _chosen(choice, choice.constant)
    yield from _times(guess)
    yield from _join(guess)
    yield from _actions(guess)
    yield from _cancelled(guess)
    if guess.anonymous > 0:
        yield _comment(f"{guess.anonymous:.1%} of the rows have no user: they are left out and are no damage")
        yield "anonymous_ok: true"
    if guess.nobody:
        yield _comment("Leave out the rows of users that stand for nobody:")
        column = _quoted(_column(guess, "user_id"))
        listed = ", ".join(_quoted(value) for value in guess.nobody)
        yield f"# where: [{{column: {column}, one_of: [{listed}], negate: true}}]"


def _chosen(choice: Choice, value: str) -> Iterator[str]:
    shown = f"; such as {', '.join(choice.examples)}" if choice.examples else ""
    others = f"; or: {', '.join(choice.alternatives)}" if choice.alternatives else ""
    yield "  " + _comment(f"{sureness(choice)}: {choice.why}{shown}{others}")
    yield f"  {choice.field}: {_quoted(value)}"


def _times(guess: Guess) -> Iterator[str]:
    times = guess.times
    if guess.clock:
        yield f"time_of_day: {_quoted(guess.clock)}"
    if times.formats:
        yield _comment(f"reads {times.share:.1%} of the times" + (f"; {times.note}" if times.note else ""))
        formats = [_quoted(one) for one in times.formats]
        yield f"time_format: {formats[0] if len(formats) == 1 else '[' + ', '.join(formats) + ']'}"
    if not times.zoned:
        yield _comment(
            "the times carry no zone: UTC is taken; put the one they were written in, such as Europe/Berlin"
        )
        yield 'timezone: "UTC"'


def _join(guess: Guess) -> Iterator[str]:
    side = guess.join
    if side is not None:
        used = [choice.column for choice in guess.choices]
        columns = [_quoted(column.name) for column in side.columns if column.name in used]
        yield _comment(f"{clean(side.path)}, beside the log, explains {side.known:.1%} of {clean(side.on)}")
        yield "join:"
        yield f"  path: {_quoted(side.path)}"
        yield f'  "on": {_quoted(side.on)}'
        if side.key != side.on:
            yield f"  key: {_quoted(side.key)}"
        yield f"  columns: [{', '.join(columns)}]"
    elif guess.unexplained:
        yield _comment("Say which file explains the ids, and add `content: TITLE` and the like to columns:")
        yield f'# join: {{path: FILE, "on": {_quoted(guess.unexplained)}, columns: [TITLE, CATEGORY]}}'


def _actions(guess: Guess) -> Iterator[str]:
    if not guess.actions:
        return
    unknown = [one for one in guess.actions if not one.meaning]
    known = {one.raw: one.meaning for one in guess.actions if one.meaning and one.meaning != one.raw}
    if known:
        yield _comment("codes of behaviour whose meaning is well known")
        yield "actions:"
        yield from (f"  {_quoted(raw)}: {_quoted(meaning)}" for raw, meaning in known.items())
    if unknown:
        listed = ", ".join(f"{clean(one.raw, 30)} ({one.rows:,} rows)" for one in unknown)
        yield _comment(f"Actions that stay as they are: {listed}" + ("" if known else "; to rename them:"))
        if not known:
            yield "# actions: {" + ", ".join(f"{_quoted(one.raw)}: NAME" for one in unknown) + "}"


def _cancelled(guess: Guess) -> Iterator[str]:
    found = guess.cancelled
    if found is None:
        return
    rule = (
        f"  - {{field: action, column: {_quoted(found.column)}, matches: {_quoted(found.matches)}, "
        "value: Cancel}"
    )
    if found.sure:
        yield _comment(f"{found.rows:,} rows of the sample take an order back: their number begins with C")
        yield from ("overrides:", rule)
    else:
        yield _comment(f"{found.rows:,} rows of the sample are negative; if they take an order back:")
        yield from ("# overrides:", "# " + rule)


def _foot(guess: Guess) -> Iterator[str]:
    if guess.unused:
        yield _comment("Columns not used:")
    for name, contents in guess.unused[:_MAX_UNUSED]:
        yield "#   " + visible(f"{clean(name, 60) or '(no name)'}: {contents}")
    if len(guess.unused) > _MAX_UNUSED:
        yield f"#   and {len(guess.unused) - _MAX_UNUSED:,} more"


def _warnings(guess: Guess) -> Iterator[str]:
    times = guess.times
    name = clean(_column(guess, "timestamp"), 40)
    for choice in guess.choices:
        if choice.field in ("user_id", "timestamp") and sureness(choice) == "guess":
            yield f"{choice.field}: {clean(choice.column, 40)} is only a guess ({choice.why})"
    if times.unsure:
        yield f"{name}: day and month are {times.note}"
    if times.whole_days:
        yield f"{name} has days without a time of day: all events of a day fall on midnight"
    if guess.unexplained:
        so_far = "their category alone" if guess.choice("category") else "the action alone"
        yield (
            f"{clean(guess.unexplained, 40)} holds ids, and no text says what they mean; histories will show "
            f"{so_far}: put a file that explains them beside the log, or fill in join"
        )
    elif not guess.choice("content") and not guess.choice("category"):
        yield "no column says what an event is about: histories will show its action alone"
    if guess.actions and not any(one.meaning for one in guess.actions) and _are_numbers(guess):
        yield "the actions are numbers: say under actions what they mean"
    if guess.nobody:
        listed = ", ".join(clean(value, 20) for value in guess.nobody)
        yield f"{listed} in the user's column may stand for nobody: see where"


def _column(guess: Guess, field: str) -> str:
    choice = guess.choice(field)
    return choice.column if choice else ""


def _are_numbers(guess: Guess) -> bool:
    return all(one.raw.lstrip("-").isdecimal() for one in guess.actions)


def _comment(text: str) -> str:
    return "# " + visible(text)


def _quoted(value: str) -> str:
    quoted: str = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=float("inf"))
    return quoted.strip()

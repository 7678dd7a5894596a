"""What can be told of a column without knowing what it means."""

from dataclasses import dataclass

import polars as pl

from semantize.privacy.masking import mask
from semantize.text import clean

_EXAMPLES = 3
_EXAMPLE_LENGTH = 40
_HIDDEN_TYPES = (pl.Binary, pl.Object, pl.Duration)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a sample.

    `raw` is the column as read (under another name), `values` its trimmed text (null where empty), both in
    row order. Shares are of the filled rows: `filled` itself of all rows, `words` those with a word in them
    (not a code, a hash or an address). `repeats` is filled rows a distinct value, `length` mean characters.
    `examples` are some values without personal data, `flaw` says why a mapping cannot name the column, ""
    where it can.
    """

    name: str
    raw: pl.Series
    values: pl.Series
    filled: float
    distinct: int
    repeats: float
    numbers: float
    whole_numbers: float
    words: float
    length: float
    examples: tuple[str, ...]
    flaw: str


def describe(column: pl.Series) -> Column:
    """Measure one column of a sample."""
    flaw = flaw_of(column)
    raw = column.rename("v")  # polars takes names such as "^a.*$" for patterns, even of a single Series
    values = pl.Series("v", [None] * len(raw), dtype=pl.String) if flaw else _text(raw)
    if values.drop_nulls().str.contains(r"^\{.*\}$").sum() > 0.5 * len(raw):
        flaw = "holds JSON objects; write their parts as columns of their own"
    facts = values.drop_nulls().to_frame().select(
        rows=pl.len(),
        distinct=pl.col("v").n_unique(),
        numbers=_number().is_finite().fill_null(False).mean(),
        whole_numbers=(_number().is_finite() & (_number() == _number().round())).fill_null(False).mean(),
        words=_is_wordy().mean(),
        length=pl.col("v").str.len_chars().mean(),
    ).row(0, named=True)  # fmt: skip
    shown = _first(values)
    return Column(
        name=column.name,
        raw=raw,
        values=values,
        filled=facts["rows"] / max(1, len(raw)),
        distinct=facts["distinct"],
        repeats=facts["rows"] / max(1, facts["distinct"]),
        numbers=facts["numbers"] or 0.0,
        whole_numbers=facts["whole_numbers"] or 0.0,
        words=facts["words"] or 0.0,
        length=facts["length"] or 0.0,
        examples=_shown(mask(shown)["text"]),
        flaw=flaw,
    )


def shown_examples(column: Column, *, is_time: bool) -> tuple[str, ...]:
    """Examples as they may be shown: those of times as they are, which have as many digits as telephones."""
    return _shown(_first(column.values)) if is_time else column.examples


def contents(column: Column, *, is_time: bool) -> str:
    """What a column holds, in a few words."""
    shown = ", ".join(shown_examples(column, is_time=is_time))
    if column.flaw:
        return column.flaw
    if not column.distinct:
        return "empty"
    if column.distinct == 1:
        return f"always {shown}"
    if is_time:
        return f"times: {shown}"
    if column.values.str.contains(r"^-?[\d.]*\d,\d{1,2}$").mean() == 1.0:
        return f"numbers with a decimal comma, which no mapping reads; write points: {shown}"
    kind = "numbers" if column.numbers > 0.95 else "texts" if column.words >= 0.5 else "codes"
    return f"{column.distinct:,} {kind}: {shown}"


def flaw_of(column: pl.Series) -> str:
    """Why a mapping cannot name a column, "" where it can."""
    name = column.name
    if column.dtype.is_nested() or column.dtype in _HIDDEN_TYPES:
        return f"holds {str(column.dtype).partition('(')[0]}, which is no plain value"
    # What YAML settings and polars would read as something else than a name.
    if name in ("", "*", "???") or "${" in name or name.startswith(("^", "__")):
        return "has a name that no mapping can say; rename it"
    return ""


def _first(values: pl.Series) -> pl.Series:
    return values.drop_nulls().unique(maintain_order=True).head(_EXAMPLES)


def _shown(values: pl.Series) -> tuple[str, ...]:
    return tuple(filter(None, (clean(value, _EXAMPLE_LENGTH) for value in values)))


def _text(raw: pl.Series) -> pl.Series:
    series = raw.fill_nan(None) if raw.dtype.is_float() else raw
    trimmed = series.cast(pl.String).str.strip_chars()
    if raw.dtype.is_temporal():
        trimmed = trimmed.str.replace(r"\.0+$", "")
    return trimmed.set(trimmed == "", None)


def _number() -> pl.Expr:
    return pl.col("v").cast(pl.Float64, strict=False)


def _is_wordy() -> pl.Expr:
    value = pl.col("v")
    has_word = value.str.contains(r"\p{L}{2}|[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
    is_code = value.str.contains(r"^[\x21-\x7e]*[0-9][\x21-\x7e]*$|^[0-9a-fA-F-]{12,}$")
    is_address = value.str.contains(r"^(?i:https?://|www\.)\S*$|^/\S*$|^\S+@\S+\.\S+$")
    return has_word & ~is_code & ~is_address & ~value.str.contains(r"^[\[{]")

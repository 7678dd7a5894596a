"""Rows set aside: what is kept of them, and how many a log may have."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from records.errors import UserError

QUARANTINE_SCHEMA: dict[str, pl.DataType] = {
    "file": pl.String(),
    "row": pl.Int64(),
    "reason": pl.String(),
    "raw": pl.String(),
}
"""Columns of the quarantine file: the file, the 1-based row in it (header not counted), a reason code and the
text of the row. Reasons that begin with JOIN are rows of a side table."""

JOIN = "join:"


def check_share(
    log: str | Path,
    rows: int,
    counts: Mapping[str, int],
    quarantine: Path,
    *,
    limit: float,
    anonymous_ok: bool,
    filtered: int = 0,
) -> None:
    """Raise UserError if no row of a log is usable, or more than the share `limit` is not.

    Of its `rows`, `filtered` were left out by conditions and do not count; `counts` are the rows set aside
    by reason. With `anonymous_ok` rows without a user are no damage.
    """
    rows -= filtered
    if not rows:
        raise UserError(f"{log}: where: leaves out all {filtered:,} rows; mend the conditions in the mapping")
    of_log = {reason: count for reason, count in counts.items() if not reason.startswith(JOIN)}
    told = ", ".join(f"{count:,} {reason}" for reason, count in of_log.items())
    if sum(of_log.values()) == rows:
        raise UserError(
            f"{log}: none of {rows:,} rows is usable ({told}); see {quarantine}, mend the mapping"
        )
    damage = sum(of_log.values()) - (of_log.get("missing_user", 0) if anonymous_ok else 0)
    if damage > limit * rows:
        raise UserError(
            f"{log}: {damage / rows:.1%} of {rows:,} rows are unusable ({told}), more than {limit:.1%}; "
            f"see {quarantine}, then mend the log or raise semantize.max_quarantine_share"
        )

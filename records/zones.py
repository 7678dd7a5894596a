"""Names of time zones."""

import difflib
import zoneinfo

import polars as pl

from records.errors import UserError


def check_zone(name: str, where: str) -> None:
    """Refuse a name that is no IANA time zone.

    Raises:
        UserError: naming `where` and the nearest zone.
    """
    zones = sorted(zoneinfo.available_timezones())
    if name not in zones or not _is_known_to_polars(name):
        others = [zone for zone in zones if zone != name]
        near = difflib.get_close_matches(name, others, n=1, cutoff=0.0)[0]
        raise UserError(f"{where} {name!r} is unknown; did you mean {near!r}?")


def _is_known_to_polars(name: str) -> bool:
    """It has no names that stand for this machine's own zone, such as localtime."""
    try:
        pl.Series([0]).cast(pl.Datetime("ms", "UTC")).dt.convert_time_zone(name)
    except pl.exceptions.PolarsError:
        return False
    return True

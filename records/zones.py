"""Names of time zones."""

import difflib
import zoneinfo

from records.errors import UserError


def check_zone(name: str, where: str) -> None:
    """Refuse a name that is no IANA time zone.

    Raises:
        UserError: naming `where` and the nearest zone.
    """
    zones = sorted(zoneinfo.available_timezones())
    if name not in zones:
        near = difflib.get_close_matches(name, zones, n=1, cutoff=0.0)[0]
        raise UserError(f"{where} {name!r} is unknown; did you mean {near!r}?")

"""What a semantize config must satisfy beyond its types and bounds."""

import polars as pl

from records.config import SemantizeConfig
from records.errors import UserError
from records.zones import check_zone


def check_semantize(config: SemantizeConfig) -> None:
    """Refuse what makes no sense.

    Raises:
        UserError: naming the key and the mend.
    """
    if config.timezone:
        check_zone(config.timezone, "semantize.timezone")
    if not config.morning_hour < config.day_hour < config.night_hour:
        raise UserError(
            f"semantize.morning_hour {config.morning_hour}, day_hour {config.day_hour} and night_hour "
            f"{config.night_hour} must rise"
        )
    try:
        pl.Series([""]).str.contains(config.low_impact)
    except pl.exceptions.ComputeError:
        raise UserError(f"semantize.low_impact: {config.low_impact!r} is no regular expression") from None

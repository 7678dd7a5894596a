"""What is recorded, for terminals and programs: text is data, and may be hostile; JSON knows no infinity."""

import json
import math
from typing import Any


def plain_json(value: Any) -> str:
    """`value` as JSON, in which a number that is not finite (a threshold that drops nothing) is null."""
    return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def escaped(text: str) -> str:
    """`text` on one line, in which every control, bidi and other character that does not print is written
    as its escape, such as \\x1b.

    Example:
        escaped("a\\n\\x1b[2J") == r"a\\n\\x1b[2J"
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )

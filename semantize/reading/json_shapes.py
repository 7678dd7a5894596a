"""Which JSON objects the column-wise parser reads as the careful one does.

The two differ on keys that come twice, on halves of surrogate pairs, and on the text of values that are no
text: lists, objects, and numbers such as 1.0 or 1e5. So a line is told by a regular expression whose time is
linear: tokens of JSON in any order, among them every wanted key at most once, with a value that both parsers
write alike. That the tokens make an object is left to the parser.
"""

import json
import re
from collections.abc import Collection, Iterable

import polars as pl

_MAX_BRACKETS = 400  # Python's parser gives up on deeply nested values

_BLANKS = r"[ \t]*"
_HEX = "[0-9a-fA-F]"
_ESCAPE = (
    rf'\\["\\/bfnrt]|\\u(?:[0-9a-cA-CeEfF]{_HEX}{{3}}|[dD][0-7]{_HEX}{{2}})'
    rf"|\\u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}"
)
_STRING = rf'"(?:[^"\\\x00-\x1f]|{_ESCAPE})*"'
_NUMBER = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?"
_VALUE = rf"(?:{_STRING}|{_NUMBER}|true|false|null){_BLANKS}[,}}\]]"
# Numbers whose shortest text is the one they are written in.
_INTEGER = "(?:-?[1-9][0-9]{0,17}|0)"
_DECIMAL = r"-?(?:0\.(?:0{0,3}[1-9]|0{0,3}[1-9][0-9]{0,11}[1-9])|[1-9][0-9]{0,8}\.[0-9]{0,5}[1-9])"
_WANTED_VALUE = rf"(?:{_STRING}|{_INTEGER}|{_DECIMAL}|true|false|null){_BLANKS}[,}}]"


def has_shape(lines: pl.Series, keys: Iterable[str], wanted: Collection[str]) -> pl.Series:
    """Whether every line is such an object, with no other `wanted` keys than `keys`, in this order."""
    spelt = {name: json.dumps(name, ensure_ascii=False)[1:-1] for name in wanted}
    others = rf'(?:"{_none_of(set(spelt.values()))}"{_BLANKS}:|{_VALUE}|[\[\]{{}}, \t])*'
    pairs = [rf'(?:"{re.escape(spelt[key])}"{_BLANKS}:{_BLANKS}{_WANTED_VALUE}{others})?' for key in keys]
    pattern = rf"^{_BLANKS}\{{{others}{''.join(pairs)}$"
    found = lines.str.contains(pattern, strict=False).fill_null(False)  # null: the pattern is too large
    if (lines.str.len_bytes() >= _MAX_BRACKETS).any():
        found &= lines.str.count_matches(r"[\[{]") < _MAX_BRACKETS
    return found


def _none_of(words: Collection[str]) -> str:
    """A regular expression for the inside of a string without escapes that is none of `words`."""
    firsts = sorted({word[0] for word in words if word})
    ways = [rf'[^{"".join(map(re.escape, firsts))}"\\\x00-\x1f][^"\\\x00-\x1f]*']
    for first in firsts:
        if first != "\\":
            ways.append(re.escape(first) + _none_of({word[1:] for word in words if word[:1] == first}))
    return f"(?:{'|'.join(ways if '' in words else [*ways, ''])})"

"""Capitals of a title."""

import re
from collections.abc import Sequence

_PART = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*")
_SMALL_WORDS = {"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"}
_ACRONYMS = {"bbq", "cd", "diy", "dvd", "gps", "hd", "hdmi", "lcd", "led", "pc", "tv", "uk", "usa", "usb"}


def cased(words: Sequence[str], shouted: bool) -> str:
    """`words` with capitals where they begin. Those with capitals of their own keep them unless `shouted`."""
    last = len(words) - 1
    return " ".join(
        word.lower()
        if 0 < place < last and word.lower() in _SMALL_WORDS and (shouted or word.islower())
        else _capital(word, shouted)
        if word.isalpha()
        else _PART.sub(lambda match: _capital(match.group(), shouted), word)
        for place, word in enumerate(words)
    )


def _capital(word: str, shouted: bool) -> str:
    if not shouted and not word.islower():
        return word
    lower = word.lower()
    return lower.upper() if lower in _ACRONYMS else lower[:1].upper() + lower[1:]

"""Personal data that titles and queries hold by accident: e-mail addresses, telephone and card numbers."""

import re
import unicodedata
from collections.abc import Callable, Iterator

import polars as pl

from semantize.privacy.cards import is_card
from semantize.privacy.phones import is_phone
from semantize.text import visible

KINDS = ("email", "phone", "card")
"""What is masked, each by its name in brackets: (email), (phone), (card)."""

# The first takes an address out of Chinese text that runs on around it, the second what the first leaves.
# A run of letters is tried from its start alone and given up whole, which keeps the time linear.
_EMAILS = [
    re.compile(rf"(?<![{w}.!#$%&'*+^~-])[{w}.!#$%&'*+^~-]++@(?:[{w}-]+\.)+(?![\d_-])[{w}-]{{2,}}")
    for w in (r"A-Za-z0-9_\u00c0-\u058f", r"\w")
]

# Digits with up to three separators in between, and the words of such a run, parted by blanks or brackets.
_RUN = re.compile(r"(?<!\d)[+(]{0,2}\d(?:[ ()./+-]{0,3}\d)*+\)?")
_WORD = re.compile(r"\(?[^ ()]+\)?")
_MAX_WORDS = 10

_MIN_DIGITS, _MAX_DIGITS = 8, 19


def mask(texts: pl.Series) -> pl.DataFrame:
    """`texts` with personal data masked, and how many of each kind every one held.

    Columns `text` (String), `email`, `phone`, `card` (Int64), a row a text, in order; null stays null.
    Meant for distinct texts, as every one is read: join the result to events to have counts over them.
    Full-width digits, zero-width characters and the like hide nothing. A text without personal data stays
    as it is; else it is `visible`, with digits and dashes in ASCII.

    Example:
        mask(pl.Series(["Tea", "mail ann@example.com"]))["text"].to_list() == ["Tea", "mail (email)"]
    """
    shown = texts.to_list()
    counts = {kind: [0] * len(shown) for kind in KINDS}
    # To NFKC, an Nd character is one digit, and a No character at most two (⑳).
    digits = texts.str.count_matches(r"\p{Nd}") + 2 * texts.str.count_matches(r"\p{No}")
    suspect = texts.str.contains("[@＠﹫]") | (digits >= _MIN_DIGITS)
    for row in suspect.fill_null(False).arg_true():
        shown[row], found = _masked(shown[row])
        for kind, count in found.items():
            counts[kind][row] = count
    return pl.DataFrame(
        {"text": shown, **counts}, schema={"text": pl.String, **dict.fromkeys(KINDS, pl.Int64)}
    )


def _masked(text: str) -> tuple[str, dict[str, int]]:
    shown, found = _in_ascii(visible(text)), dict.fromkeys(KINDS, 0)
    # Addresses first, as they may hold numbers; telephones last, as theirs are the vaguest.
    if "@" in shown:
        for address in _EMAILS:
            shown, count = address.subn("(email)", shown)
            found["email"] += count
    for kind, test in (("card", _holds_card), ("phone", _holds_phone)):
        pieces, end = [], 0
        for start, stop in _numbers(shown, test):
            pieces += [shown[end:start], f"({kind})"]
            end = stop
            found[kind] += 1
        shown = "".join([*pieces, shown[end:]])
    return (shown if any(found.values()) else text), found


def _in_ascii(text: str) -> str:
    """Digits of any script and dashes in ASCII, and no marks on digits (keycaps)."""
    if text.isascii():
        return text
    chars: list[str] = []
    for char in text:
        category = unicodedata.category(char)
        if category == "Nd":
            chars.append(str(unicodedata.decimal(char)))
        elif category == "Pd" or char == "−":
            chars.append("-")
        elif category[0] != "M" or not chars[-1].isdecimal():
            chars.append(char)
    return "".join(chars)


def _numbers(text: str, test: Callable[[str, int, int], bool]) -> Iterator[tuple[int, int]]:
    """Start and end of the numbers that pass `test`, the first and longest ones. Words are never cut, as
    what hangs together by hyphens or points (978-0-306-40615-7) is one number."""
    for run in _RUN.finditer(text):
        if run.end() - run.start() < _MIN_DIGITS:
            continue
        words = [word.span() for word in _WORD.finditer(text, *run.span())]
        sizes = [sum(map(str.isdecimal, text[start:end])) for start, end in words]
        first = 0
        while first < len(words):
            for last in _last_words(sizes, first):
                start, end = _trimmed(text, words[first][0], words[last][1])
                if test(text, start, end):
                    yield start, end
                    first = last
                    break
            first += 1


def _last_words(sizes: list[int], first: int) -> list[int]:
    """Words with which a number that begins at the word `first` may end, the farthest first."""
    lasts, digits = [], 0
    for last in range(first, min(first + _MAX_WORDS, len(sizes))):
        digits += sizes[last]
        if digits > _MAX_DIGITS:
            break
        if digits >= _MIN_DIGITS and sizes[last]:
            lasts.append(last)
    return lasts[::-1]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the punctuation around it: points, hyphens, brackets that are not the number's own."""
    opened, closed = text.count("(", start, end), text.count(")", start, end)
    while text[start] in "./-" or (text[start] == "(" and opened > closed):
        opened -= text[start] == "("
        start += 1
    while text[end - 1] in "./-+(" or (text[end - 1] == ")" and closed > opened):
        closed -= text[end - 1] == ")"
        end -= 1
    return (start + 1, end - 1) if text[start] == "(" and text[end - 1] == ")" else (start, end)


def _holds_card(text: str, start: int, end: int) -> bool:
    return is_card(text[start:end])


def _holds_phone(text: str, start: int, end: int) -> bool:
    return is_phone(text[start:end], text[max(0, start - 4) : start], text[end : end + 10])

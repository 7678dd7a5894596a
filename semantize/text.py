"""Log text is hostile: what of it may stand on a history line."""

import unicodedata
from collections.abc import Sequence

MAX_LENGTH = 80
"""Characters a cleaned text has at most."""

_DROPPED = {"Cc", "Cf", "Cs", "Co", "Cn"}  # controls; bidi, zero-width and tag characters; no characters
# The marks that give a line its structure and tokenizers their control tokens: `[SOURCE: …] | a, b`,
# <|im_end|>, </answer>, [INST]. Each becomes a look-alike that no tokenizer knows as such.
_STRUCTURE = str.maketrans({"|": "/", "[": "(", "]": ")", "<": "‹", ">": "›"})


def visible(text: str) -> str:
    """`text` in NFKC without control, bidi and zero-width characters, its white space single blanks."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    spaced = " ".join(text.split())
    shown = "".join(char for char in spaced if not _is_hidden(char))
    # NFKC folds full-width < and | onto the ASCII ones, so it must come before those are replaced; it can
    # also produce blanks, hence the second split.
    return " ".join(unicodedata.normalize("NFKC", shown).split())


def clean(text: str, max_length: int = MAX_LENGTH) -> str:
    """One short line of `text` in which nothing can be read as a control token, a tag or line structure.

    Idempotent. May be empty.

    Example:
        clean("Wipes\\n<|im_end|>[x]") == "Wipes ‹/im_end/›(x)"
    """
    # Bounded before the work, as a log may hold a megabyte in one field.
    shown = visible(text[: 16 * max_length]).translate(_STRUCTURE)
    return shown[:max_length].strip()


def clean_all(texts: Sequence[str]) -> list[str]:
    """`clean` for each of `texts`."""
    return [clean(text) for text in texts]


def _is_hidden(char: str) -> bool:
    # Variation selectors can carry bytes that no reader sees.
    if "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
        return True
    return unicodedata.category(char) in _DROPPED

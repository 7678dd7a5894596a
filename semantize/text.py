"""Log text is hostile: what of it may stand on a history line."""

import re
import unicodedata

MAX_LENGTH = 80
"""Characters a cleaned text has at most."""

MAX_MARKS = 4
"""Combining marks kept on one letter, which every living script makes do with."""

# The marks that give a line its structure and tokenizers their control tokens: `[SOURCE: …] | a, b`,
# <|im_end|>, </answer>, [INST]. Each becomes a look-alike that no tokenizer knows as such; the last two
# would fall apart into < and > where a tokenizer strips accents.
_STRUCTURE = str.maketrans({"|": "/", "[": "(", "]": ")", "<": "‹", ">": "›", "≮": "‹", "≯": "›"})
_LISTING = str.maketrans({",": ";", "×": "x", "~": "-"})
_PLAIN = re.compile(r"(?! )[ -;=?-Z\\^-{}~]*+(?<! )")  # printable ASCII without those, trimmed

# Printable to Python, yet nothing to see, so that they could carry bytes: grapheme joiner, Hangul fillers,
# Khmer inherent vowels, blank Braille, variation selectors.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Every combining mark, and little else: no letter or digit, nor from the blocks of punctuation and emoji.
_MAYBE_MARK = re.compile(
    r"[^\w\x00-\u02ff\u2000-\u20cf\u2100-\u2bff\u3000-\u3029\u3030-\u3098\ufe30-\uffff\U0001f000-\U0001faff]"
)


def visible(text: str) -> str:
    """`text` in NFKC without control, bidi and zero-width characters, its white space single blanks.

    Marks that stand on no letter go, and so do those beyond MAX_MARKS on one. Idempotent.
    """
    text = " ".join(text.split())
    if text.isascii() and text.isprintable():
        return text
    if not text.isprintable():  # controls, bidi, zero-width and tag characters, surrogates, private use
        text = "".join(char for char in text if char.isprintable())
    # What is hidden goes first, as it would keep NFKC from composing, and floods of marks, as NFKC takes
    # time quadratic in their length. NFKC in turn makes blanks and marks: ¨ becomes both.
    text = _unstacked(_UNSEEN.sub("", text))
    return " ".join(_unstacked(unicodedata.normalize("NFKC", text)).split())


def clean(text: str, max_length: int = MAX_LENGTH) -> str:
    """One short line of `text` in which nothing can be read as a control token, a tag or line structure.

    Idempotent. May be empty.

    Example:
        clean("Wipes\\n<|im_end|>[x]") == "Wipes ‹/im_end/›(x)"
    """
    if len(text) <= max_length and _PLAIN.fullmatch(text) and "  " not in text:
        return text
    # Bounded before the work, as a log may hold a megabyte in one field. NFKC folds full-width < and | onto
    # the ASCII ones, so `visible` comes before those are replaced.
    shown = visible(text[: 16 * max_length]).translate(_STRUCTURE)
    return shown[:max_length].strip()


def entity_text(text: str) -> str:
    """`clean` text for one entity of a line, where ", " parts entities and " ×3 ~night" says how often and
    when one was: it holds neither comma nor × nor ~.

    Full-width and small commas are folded onto the ASCII one and go with it; "、" and "،" part nothing and
    stay. Idempotent. May be empty.

    Example:
        entity_text("Baby Bottle, Blue") == "Baby Bottle; Blue"
    """
    return clean(text).translate(_LISTING)


def _unstacked(text: str) -> str:
    if not _MAYBE_MARK.search(text):
        return text
    kept, room = [], 0
    for char in text:
        if unicodedata.category(char)[0] == "M":
            room -= 1
            if room < 0:
                continue
        else:
            room = 0 if char == " " else MAX_MARKS
        kept.append(char)
    return "".join(kept)

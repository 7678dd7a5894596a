"""Whether a text by an untrusted author may stand in the world at all, whatever it is about."""

import re
import unicodedata
from collections.abc import Iterable

from records.tags import TAG_NAMES

LONGEST = {"title": 110, "query": 60, "want": 60, "item": 40, "sentence": 120, "description": 900}
"""Characters of a text, at most, by its form. A description is put together from sentences."""

_HIDDEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Characters that nobody sees although they count as printable; some can carry bytes."""

_CONTROL_TOKEN = re.compile(
    r"[<>{}`\\]|\[/?(?:inst|sys|system|user|assistant|tool_calls|available_tools|tool_results)\]"
    r"|^(?:system|user|assistant)\s*:",
    re.IGNORECASE,
)
"""What chat templates, markup and template languages are made of: <|im_end|>, </answer>, [INST], {{…}}."""

_FIELD = re.compile(
    r"[^\W_]_[^\W_]|\b(?:" + "|".join(name.replace("_", "[ -]") for name in TAG_NAMES) + r")\s*:",
    re.IGNORECASE,
)
"""Names of fields, tags and desires, which are written with underscores, and `tag: value`."""

_ADDRESS = re.compile(r"://|\bwww\.|@", re.IGNORECASE)

_NOISE = re.compile(r"([^\W\d_]{1,4}?)\1{3}|[a-z]{25}", re.IGNORECASE)
"""What models write that have lost the thread: ooooo, lklklklk, and words without an end."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_STOP = {
    *("and", "for", "from", "get", "have", "not", "one", "out", "own", "the", "too", "with", "you"),
    *("an", "as", "at", "be", "by", "do", "go", "in", "is", "it", "no", "of", "on", "or", "so", "to", "up"),
}
"""Words that relate nothing to anything."""

_STEM = 5
"""Letters by which words are compared: cleaner, cleaning and cleans are of one kind."""


def tidied(text: str) -> str:
    """`text` in NFKC, so that look-alikes of control tokens are seen as such, without blanks around it."""
    return unicodedata.normalize("NFKC", text).strip(" ")


def fault_of(text: str, form: str) -> str:
    """Why a tidied text of `form` (one of LONGEST) is rejected; empty where it is not."""
    if len(text) > LONGEST[form]:
        return "too_long"
    if not text.isprintable() or _HIDDEN.search(text):
        return "control_character"
    if _CONTROL_TOKEN.search(text):
        return "control_token"
    if _ADDRESS.search(text):
        return "address"
    if "=" in text:
        return "tag_value"
    if _FIELD.search(text):
        return "field_name"
    if not any(char.isalnum() for char in text):
        return "empty"
    if _NOISE.search(text):
        return "noise"
    return ""


def names_fields(text: str) -> bool:
    """Whether `text` holds a field's name or `tag=value`: hidden state would be read off the log."""
    return "=" in text or bool(_FIELD.search(text))


def spells(text: str, values: Iterable[str]) -> bool:
    """Whether one of `values` stands in `text` as words, in the singular or with an s."""
    for value in values:
        spelled = "[ _-]?".join(map(re.escape, value.split("_")))
        if re.search(rf"(?<!\w){spelled}s?(?!\w)", text, re.IGNORECASE):
            return True
    return False


def words_of(text: str) -> list[str]:
    """The words of `text`, in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def is_related(text: str, others: Iterable[str]) -> bool:
    """Whether `text` shares a telling word, or the beginning of one, with one of the others."""
    return bool(_stems(text) & {stem for other in others for stem in _stems(other)})


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in words_of(text) if len(word) > 1 and word not in _STOP}

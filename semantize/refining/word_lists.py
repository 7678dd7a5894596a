"""The refiner's word lists: files of one word or phrase a line, in small letters; `#` begins a comment."""

from pathlib import Path

LEXICON = Path(__file__).parent / "lexicon"


def load(name: str) -> list[str]:
    """The phrases of the list `name`, in the order of its file."""
    lines = (LEXICON / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    phrases = (line.partition("#")[0].strip() for line in lines)
    return [phrase for phrase in phrases if phrase]

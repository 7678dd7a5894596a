"""Recorded text on a terminal: ids, reasons and responses are data, and may be hostile."""


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

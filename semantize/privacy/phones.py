"""Which numbers are those of telephones."""

import re

_SHAPES = (
    # International: +49 (0)171 1234567, +86-138-0013-8000, and 0049 … where a separator follows the country.
    r"\+\(?[1-9](?:(?: - |[ .()/-]{0,2}(?<! -))\d){7,14}",
    r"(?=(?:\D*\d){12,16}\D*$)00[1-9]\d{0,2}[ .()/-]{1,2}\d(?:[ .()/-]{0,2}\d)+",
    # North America: (212) 555-0123, 1-212-555-0123, 212.555.0123.
    r"(?:1[ .-]?)?(?:\([2-9]\d\d\)[ -]?\d{3}[ -]|[2-9]\d\d(?:\.\d{3}\.|-\d{3}-| \d{3}[ -]))\d{4}",
    # China: mobiles (138 0013 8000); lines have an area code with 0.
    r"(?:86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}",
    # Europe: an area code with 0 and separators (030/123456-78, 01 23 45 67 89); Russian mobiles with 8.
    r"(?=(?:\D*\d){9,12}\D*$)"
    r"(?:\(0[1-9]\d{0,4}\)|0[1-9]\d{0,4}(?=[ /-]))(?:(?: [/-] |[ /-]?)\d{2,8}){1,5}",
    r"0[1-9](?:\.\d\d){4}",
    r"8[ -]?(?:\(9\d\d\)|9\d\d)[ -]?\d{3}[ -]\d\d[ -]\d\d",
)
_PHONE = re.compile("|".join(f"(?:{shape})" for shape in _SHAPES))

_POSTCODE = re.compile(r"\d{5}-\d{4}")  # of the United States
_DECIMALS = re.compile(r"\+\d{1,3}\.\d{1,6}(?:[+-]\d{1,3}\.\d+)?")  # a coordinate or two
_DATE = re.compile(
    r"(?<![\d./-])(?:\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d\d)|(?:19|20)\d\d([./-])\d\d\2\d\d)(?![./-]?\d)"
)
_PART_OF_CODE = re.compile(r"#$|[A-Za-z_]$|[A-Za-z0-9_][-_/]$")
_LIST_LIKE = re.compile(r"\d{1,4}(?: \d{1,4})+")
_NUMBER_BEFORE, _NUMBER_AFTER = re.compile(r"\d[ ()./+-]{1,3}$"), re.compile(r"[ ()./+-]{1,3}\d")
_UNIT = re.compile(
    r" ?(?:[x×%€$£]|(?:[kcm]?[glm]|mm|oz|lbs?|[gmt]b|mah|[vw]|pcs|pieces?|packs?|months?|days?|eur|usd)\b)",
    re.IGNORECASE,
)


def is_phone(number: str, before: str, after: str) -> bool:
    """Whether `number` (ASCII digits) is that of a telephone; `before` and `after` is the text around it.

    Codes hang together with letters or a # (SKU-0123-456789), except that a Chinese mobile or an
    international number may follow letters. Short groups parted by blanks alone may be a list of sizes: they
    are a telephone's only where no number stands beside them and no unit behind.
    """
    if not _PHONE.fullmatch(number) or _DECIMALS.fullmatch(number):
        return False
    if number.startswith("+"):
        return True
    if _DATE.search(number) or _POSTCODE.fullmatch(number):
        return False
    part_of_code = _PART_OF_CODE.search(before) and number[0] != "("
    if part_of_code and not (number.isdecimal() and before[-1].isalpha()):
        return False
    if not _LIST_LIKE.fullmatch(number):
        return True
    return not (_NUMBER_BEFORE.search(before) or _NUMBER_AFTER.match(after) or _UNIT.match(after))

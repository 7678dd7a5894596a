"""Which numbers are those of payment cards."""

import re

# Groups as cards are printed and typed: four digits or more each, the last may be shorter (4-4-4-4-3).
# Lists of sizes (36 37 38 …) have shorter ones.
_GROUPS = re.compile(r"(?:\d{4,}[ -]{1,3})*+\d+")

_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-59]|[689]\d)\d{11}"  # Diners Club
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}"  # Discover
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|62\d{14,17}"  # UnionPay
    r"|220[0-4]\d{12,15}"  # Mir
    r"|(?:60|81|82)\d{14}|508\d{13}"  # RuPay
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{9,15}"  # Maestro
)


def is_card(number: str) -> bool:
    """Whether `number` (ASCII digits, groups parted by blanks or hyphens) is that of a payment card.

    It has the first digits and the length of a known issuer and a right check digit (Luhn). 13 or 14 digits
    in one piece that check out as a trade item's number (EAN, GTIN) are taken for that.
    """
    if not _GROUPS.fullmatch(number):
        return False
    digits = re.sub(r"\D", "", number)
    if not _ISSUERS.fullmatch(digits) or not _luhn(digits):
        return False
    return not (len(number) in (13, 14) and _gtin(digits))


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * 2 for digit in digits[-2::-2]]
    return (sum(map(int, digits[::-2])) + sum(n - 9 if n > 9 else n for n in doubled)) % 10 == 0


def _gtin(digits: str) -> bool:
    return (sum(map(int, digits[::-2])) + 3 * sum(map(int, digits[-2::-2]))) % 10 == 0

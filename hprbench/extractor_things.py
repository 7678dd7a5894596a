"""Words that look like a statement and are none: "a baby monitor" is no baby, "sees a nurse" no nurse.

    statement + goods or service ("dog walker")    ─┐
    dealing with a profession ("hired a plumber")  ─┼─► about_things(…): nothing is said of the user
    a number of something else ("prices of 40")    ─┘

A list of goods and services goes for all tags alike, since a summary of a shopper names them at every turn.
"""

import re

_GOODS = (
    r"accessor\w+|appliances?|apps?|bags?|bands?|bedding|beds?|blankets?|blue|books?|bottles?|bowls?"
    r"|boxes|bras?|brushes|caf\w+|carriers?|carrots|chairs?|cinema|clippers|clothes|clothing|collars?"
    r"|costumes?|cots?|creams?|deals?|decor\w*|deliver\w+|diapers?|equipment|essentials|fashion"
    r"|figurines?|flaps?|foods?|footwear|formula|furniture|games?|gates?|gear|gifts?|goods|grooming"
    r"|gyms?|houses?|hygiene|items?|kits?|knives|leads?|leash\w*|lights?|litter|magazines?|mats?|memes?"
    r"|merchandise|milk|moisturi[sz]ers?|monitors?|mugs?|names|nappies|oil|packs?|pictures?|pillows?"
    r"|plants?|posters?|powder|prams?|prints?|products?|purchases?|remed\w+|screens?|scrubs|seats?"
    r"|sections?|serums?|sets?|shampoos?|shirts?|shoes|shows?|sizes?|skincare|snacks?|sofas?|songs?"
    r"|spinach|stickers?|strollers?|stuff|suppl\w+|tables?|tents?|tests?|theat\w+|themed?|tomatoes"
    r"|tools?|toys?|treats?|trees?|t-shirts?|tv|uniforms?|vests?|videos?|vitamins?|wear|wheels?|wipes"
)
_SERVICES = (
    r"advice|advis[eo]rs?|agents?|appointments?|bills?|brokers?|calculators?|care|class(?:es)?"
    r"|comparisons?|consultations?|counsell?ing|courses?|days|discounts?|fairs?|fees?|forums?|grooming"
    r"|housing|insurance|leave|lenders?|lessons?|loans?|lovers?|minders?|nights?|offers?|parks?"
    r"|planners?|prices?|rates|sessions?|shelters?|showers?|sitters?|sitting|subscriptions?|trainers?"
    r"|training|visits?|vouchers?|walkers?|walking"
)
_THING_AFTER = re.compile(
    rf"^(?:'s)?[ -](?:(?:safety|bath|gift|care|health|hair|winter|summer|car|play|food|door) )?"
    rf"(?:{_GOODS}|{_SERVICES})(?!\w)|^-(?!own|lov|goer|stage|age|year|to-|in(?!\w)|and-)\w+",
    re.IGNORECASE,
)
_HER = re.compile(r"(?<!\w)(?:her|his|their) (?:[\w-]+ )?\w+$", re.IGNORECASE)
"""Before a possessive: "her dog's food" does tell of a dog."""
_QUALIFIES = frozenset(
    ("gender", "relationship", "child_stage", "household_size")
    + ("housing_tenure", "pet", "fitness", "chronotype")
)
"""Tags whose statements may stand before goods; a dining style or a price attitude is known by them."""

_CARERS = re.compile(r"^(?: school)?[ -](?:teach\w+|staff|workers?|assistants?|nurses?)(?!\w)", re.IGNORECASE)
_SCHOOL = re.compile("school|kindergart|nursery", re.IGNORECASE)
_WORKS_IN = re.compile(
    r"(?<!\w)(?:work\w*|job|employed|teach\w*)(?: (?:in|at|for|with)(?: an?| the)?)?(?: \w+)? ?$",
    re.IGNORECASE,
)
"""Before a stage of children: who works in a kindergarten has no child there by that."""

_DEALS_WITH = re.compile(
    r"(?<!\w)(?:(?:see(?:s|ing|n)?|saw|visit(?:s|ing|ed)?|hir(?:es?|ing|ed)|book(?:s|ing|ed)?|call(?:s|ing|ed)?"
    r"|consult(?:s|ing|ed)?|needs?|pay(?:s|ing)?|paid|find(?:s|ing)?|asks?|trusts?|follow(?:s|ing)|dat(?:es|ing)"
    r"|teach(?:es|ing)?|tutors|mentors|helps?|looks? (?:after|for)|looking for)"
    r"(?: (?:an?|the|her|his|their|some))?"
    r"|(?:by|with|from|to|for|like|of|between|at|via|than) (?:an?|the|her|his|their|some|one|other|fellow))"
    r"(?: (?!(?:as|is|be)(?!\w))[\w-]+){0,2}(?: and an?)? ?$",
    re.IGNORECASE,
)
"""Before a profession: others practise it."""
_A_JOB = re.compile(
    r"job|work|employ|career|role|position|sector|business|compan|firm|shop|studio|practice|sel[fv]|freelan"
    r"|industry|staff|stud(?:ies|ying)|paid",
    re.IGNORECASE,
)
"""A statement that names a job is no bare profession: "happy with a desk job"."""
_PROFESSION_AFTER = re.compile(
    r"^(?:'s|s')? (?:appointments?|visits?|bills?|fees?|sessions?|knives|shoes|scrubs|uniforms?|costumes?"
    r"|suppl\w+|gifts?|toys?|jokes?|set|sets|services?|lessons?)(?!\w)"
    r"|^-(?:recommended|approved|inspired|curated|designed|made|tested|led|prepared)(?!\w)",
    re.IGNORECASE,
)

_BARE_NUMBER = re.compile(r"^(?!.*(?:year|age|old|person|m[ae]n|lady)).*\d", re.IGNORECASE)
_AMOUNT = re.compile(
    r"(?<![\w-])(?:active|activity|orders?|purchases?|spen(?:ds?|ding|t)|prices?|priced|costs?"
    r"|budgets?|baskets?"
    r"|carts?|average|total|amounts?|sums?|sessions?|visits?|sizes?|scores?|ratings?|temperatures?"
    r"|speed|peaks?"
    r"|hours?|times?|arriv\w+|deliver\w+|ships?|shipping|items?|pays?|paid|pages?|views?|clicks?|discounts?"
    r"|numbers?|counts?|values?|bills?|(?:shops?|online) (?:at|around|about|from|between)|weighs?|length"
    r"|events?|brands?|stores?|games?|favou?rites?|collection|percent\w*|reviews?|points?)(?!\w)",
    re.IGNORECASE,
)
_SLEEPS = re.compile(r"(?<!\w)(?:sle(?:ep\w*|pt)|naps?|rests?|dreams?)(?!\w)", re.IGNORECASE)


def about_things(words: str, *, tag: str, clause: str, after: str) -> bool:
    """Whether `words`, read for `tag`, only name goods, a service, a number or another's trade.

    `clause` is what stands before them in their clause, `after` what stands behind.
    """
    if tag in _QUALIFIES and _THING_AFTER.search(after):
        return not (after.startswith("'s") and _HER.search(clause + words))
    if tag == "child_stage":
        return bool(_CARERS.search(after) or (_SCHOOL.search(words) and _WORKS_IN.search(clause)))
    if tag in ("occupation", "life_stage"):
        if tag == "life_stage" and "student" not in words.lower():
            return False
        return bool(
            not _A_JOB.search(words) and (_DEALS_WITH.search(clause) or _PROFESSION_AFTER.search(after))
        )
    if tag == "age_group":
        return bool(_BARE_NUMBER.search(words) and _AMOUNT.search(clause))
    return tag == "chronotype" and bool(_SLEEPS.search(clause))

"""What the fixed extractor takes for a statement of each value of the tags of a person: who, what, where to.

Written by hand against English prose, not derived from the clauses models are taught: a summary
may say the same in its own words. Every entry is a list of regular expressions, matched as whole
words without regard to case on text whose typographic dashes and quotes are plain. Where matches
of one tag overlap the longest wins ("expecting a baby" is no "baby"), so a rule that states an
absence ("no pets") holds its negation itself. Changing an entry means a new EXTRACTOR_VERSION.
"""

from collections.abc import Iterable

_UNITS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TENS = {20: "twenty", 30: "thirty", 40: "forty", 50: "fifty", 60: "sixty", 70: "seventy", 80: "eighty"}
_TEENS = {18: "eighteen", 19: "nineteen"}
_SOMEBODY = (
    r"(?:m[ae]n|wom[ae]n|lady|gentleman|guy|person|adult|individual|someone|somebody|users?|customer"
    r"|shopper|buyer"
    r"|consumer|mother|father|mum|mom|dad|parent|student|professional|(?:her|him)self|retiree"
    r"|pensioner|female|male|nurse|clerk|resident|\w+(?:er|or|ist|ian|ant))"
)
_SUBJECT = (
    r"she|he|they|this \w+|the (?:user|customer|shopper|person|consumer|client|buyer)"
    "|is|has|lives|works|rents|owns"
)
_UNIT = (
    r"(?:[€$£%]|(?:euros?|eur|usd|dollars?|pounds?|percent|per cent|cents?|minutes?|hours?|days?"
    r"|weeks?|months?"
    r"|o'clock|[ap]m|items?|products?|orders?|purchases?|pieces|visits?|sessions?|clicks?|km|kg|cm|inch\w*"
    r"|times|points|events|reviews|ratings|films|movies|episodes|games|people|stars|messages|litres"
    r"|books|shops|stores|brands|pages)(?!\w))"
)
"""What a number of something other than years stands before."""


def _spelt(age: int) -> str:
    """The age in words, as an expression: forty, forty-one."""
    tens, unit = age - age % 10, age % 10
    word = _TEENS.get(age) or _TENS.get(tens, "ninety")
    return word if age in _TEENS or not unit else f"{word}[- ]{_UNITS[unit - 1]}"


def _ages(first: int, last: int) -> list[str]:
    """Expressions of a stated age in years: aged 29, 29-year-old, 29 years of age, is about 29."""
    years = "|".join(str(age) for age in range(first, last + 1))
    both = "|".join((years, *(_spelt(age) for age in range(first, last + 1))))
    about = (
        r"(?:about|around|approximately|roughly|circa|some|nearly|almost|only|now|already|currently|probably"
        r"|likely)"
    )
    end = (
        r"(?= ?(?:[.,;:!?()]|$)(?!\d)| (?:and|but|or so|this|last|with|who|in|from|living|years)(?!\w))"
        r"(?! years? (?!old|of age))"
    )
    return [
        rf"aged?:?(?: of)? (?:{about} )?(?:{both})(?! ?(?:-|to|\+) ?\d)(?! ?\+)",
        rf"(?:{both})[- ]years?(?:[- ]olds?| of age)",
        r"(?:is|are|turn(?:s|ed)|turning|(?:looks|seems|appears)(?: to be)?)"
        rf"(?: {about})? (?:{both}){end}(?:(?: this| last)? (?:year|month|week|summer|birthday))?",
        rf"{_SOMEBODY},? (?:of|{about})(?: {about})? (?:{both}){end}",
        rf"(?:(?<![\w,] )|(?<=who )|(?<=who, ))at (?:{about} )?(?:{both})(?=,? (?:{_SUBJECT})(?!\w))",
        rf"(?:(?<=but )|(?<=\d, )|(?<=[.;:] )|(?<![\w,.;:·] )){about} (?:{both}){end}",
    ]


def _band(first: int, last: int, decades: Iterable[str]) -> list[str]:
    """Expressions of an age band: its ages, the band itself, and decades ("late thirties")."""
    band = (
        rf"(?<![€$£])(?:aged?:? |between )?{first} ?(?:-|to|and) ?{last}(?:[- ]years?(?:[- ]olds?)?)?"
        rf"(?! ?{_UNIT})"
    )
    return [*_ages(first, last), band, *decades]


_OWN = r"(?:an?|the|her|his|their)"
STUDENT = (
    r"(?:(?:university|college|full-time|part-time|graduate|doctoral|medical|law) )*students?"
    r"(?! (?:discounts?|loans?|cards?|offers?|prices?|deals?|budgets?|days|years|life|housing|flat))"
)

_MATES = r"(?:business|dance|dancing|training|gym|running|tennis|travel|hiking|study|trading|sparring) "

PERSON: dict[str, dict[str, list[str]]] = {
    "gender": {
        "female": [
            r"(?:business|young |older |middle-aged )?wom[ae]n(?!'s|s)",
            "female",
            "lady",
            "mother-to-be",
            r"(?:an?|new|young|single|working|expectant|expecting|proud|devoted|busy"
            "|stay-at-home) (?:mother|mum|mom)",
            "(?:mother|mum|mom) (?:of|to)",
            r"is (?:\w+ ){0,2}girl",
            "as (?:a )?(?:mother|wife|woman)",
        ],
        "male": [
            r"(?:business|young |older |middle-aged )?m[ae]n(?!'s|s)",
            "male",
            "gentleman",
            "guy",
            "father-to-be",
            r"(?:an?|new|young|single|working|expectant|expecting|proud|devoted|busy"
            "|stay-at-home) (?:father|dad)",
            "(?:father|dad) (?:of|to)",
            r"is (?:\w+ ){0,2}boy",
            "as (?:a )?(?:father|husband|man)",
        ],
    },
    "age_group": {
        "18-24": _band(
            18,
            24,
            [
                "(?:early|mid)[- ](?:twenties|20s)",
                "(?:late|(?:her|his|their)) teens",
                "under (?:the age of )?25",
                "younger than 25",
            ],
        ),
        "25-34": _band(25, 34, ["late[- ](?:twenties|20s)", "early[- ](?:thirties|30s)"]),
        "35-44": _band(35, 44, ["late[- ](?:thirties|30s)", "early[- ](?:forties|40s)"]),
        "45-54": _band(45, 54, ["late[- ](?:forties|40s)", "early[- ](?:fifties|50s)"]),
        "55+": [
            *_ages(55, 99),
            r"(?:aged?:? )?(?:55|fifty-five) ?(?:\+|plus)",
            r"(?:over|older than|above|past|beyond|at least|more than)(?: the age of)? (?:5[5-9]"
            rf"|[6-9]\d|sixty|seventy|fifty-five)(?![.:,]?\d|s| ?{_UNIT}| (?:of|different)(?!\w))",
            r"(?:aged? )?(?:5[5-9]|[6-9]\d) (?:or|and|years or) (?:older|over|above|more|up)"
            r"(?! (?!years|and|with|who|but)\w)",
            r"late[- ](?:fifties|50s)",
            r"(?:early|mid|late|her|his|their)[- ](?:early |mid |late )?(?:sixties|seventies|eighties"
            r"|60s|70s|80s)",
            "elderly",
            "senior citizen",
        ],
    },
    "life_stage": {
        "student": [
            r"(?:still|currently|is|are) (?:a )?stud(?:ying|ent)(?! full)",
            STUDENT,
            "(?:at|in) (?:university|college)(?! (?:hospital|administration))",
            "(?:attend(?:s|ing)?|goes to|go to|going to|enrolled (?:at|in)) (?:an? "
            "|the )?(?:university|college)(?: courses?)?",
            "undergraduate(?! degree)",
            r"(?:working|studying|studies) (?:towards?|for) (?:an? |her |his "
            r"|their )(?:\w+ )?(?:degree|bachelor'?s?|diploma)",
            "(?:lectures|seminars) and (?:exams|lectures)",
            "student life",
            "still studies",
        ],
        "early_career": [
            rf"early in (?:{_OWN} )?(?:\w+ )?career",
            "early[- ]career(?: stage| professional)?",
            "young professional",
            "career starter",
            r"(?:start(?:s|ing)?|beginning|launching|began"
            rf"|started) (?:out in )?{_OWN} (?:\w+ )?(?:career|working life)",
            rf"(?:start|beginning|outset|dawn) of {_OWN} (?:\w+ )?(?:career|working life|professional life)",
            r"(?:first|early|initial) (?:years?|stages?|steps?|phase) (?:of|in"
            rf"|into) (?:{_OWN} )?(?:\w+ )?(?:career|working life|work|job market)",
            "first (?:proper |real |full-time )?job",
            "junior (?:employee|professional|position|role)",
            "recent(?:ly)? graduate[sd]?",
            r"(?:newcomer|new|recent entrant) to (?:the )?(?:job market|working life|workforce"
            "|world of work)",
            r"(?:just |recently |newly )?(?:started|entered|entering|joined|begun"
            "|starting) (?:working|(?:the )?(?:workforce|job market|working life)|work)",
            r"(?:just )?starting out(?: \w+){0,2} professionally",
            "starting out in (?:work|life|working life|the job)",
            "at the start of (?:working|professional) life",
        ],
        "established": [
            rf"(?:well |firmly |already )?established in {_OWN} (?:\w+ )?(?:career|profession|job|field)",
            r"(?:well[- ]|firmly )?established (?:\w+ )?(?:professional(?:ly)?|career|worker|adult"
            "|stage|point|phase)",
            "(?:well|firmly|fully) established(?! in)",
            "mid-?career",
            "middle (?:of|stage of) (?:her|his|their) (?:career|working life)",
            "senior (?:professional|position|role)",
            "(?:experienced|seasoned|settled)(?:, mid-career)? (?:professional|adult)",
            rf"(?:settled|well|far|advanced) (?:in|into|on in) {_OWN} (?:career|working life|job)",
            r"(?:well |firmly )?settled(?: \w+)? (?:in|into) (?:\w+ )?(?:working life|career|job)",
            "years of (?:professional|work|working) experience",
            "settled career",
        ],
        "retired": [
            "retired(?! racing)",
            "retirees?",
            "pensioner",
            r"(?:in|enjoy(?:s|ing)?|into|entered|reached) (?:her |his |their )?retirement",
            "(?:on|draws|receives|from) (?:a|her|his|their) pension",
        ],
    },
    "relationship": {
        "single": [
            r"(?<!every )(?<!each )(?<!in a )(?<!with a )(?<!of a )(?<!on a )single(?= ?(?:[.,;:!?()]|$)"
            r"| (?:and|but|yet|with|without|who|at (?:the moment|present)|now|today|nowadays"
            r"|these days|life|status|for|since|again|by choice|living|lives|in (?:her|his|their))(?!\w))",
            r"(?:still |is |an? )?(?:a )?single,? (?:(?:\d\d-year-old|[\w-]+) )?(?:person|adult|man"
            r"|woman|mother|father|mum|mom|dad"
            "|parent|lady|guy|male|female|professional|student|life)(?!'s)(?![- ]household)",
            "singleton",
            "unmarried",
            "unattached",
            r"(?:no|without an?|neither an?) (?:\w+ )?(?:partner|spouse|husband"
            "|wife)(?: (?:n?or) (?:an? )?(?:partner|spouse|husband|wife))?",
            r"(?:not|\w+n't) have (?:an? |any )?(?:partner|spouse|husband|wife|girlfriend|boyfriend)",
            r"(?:not|\w+n't)(?: currently| presently)? in (?:a|any) (?:\w+ )?relationship",
            r"(?:nobody|no one|no-one) (?:shares|in)(?: \w+){1,4} (?:as (?:a )?)?partner",
            "divorced",
            "widowed",
            "lives without (?:a )?partner",
        ],
        "partnered": [
            r"(?:with|has|have|having|is|there is|lives with"
            rf"|had found) an? (?!no |{_MATES})(?:[\w-]+ ){{0,2}}?(?:partner|boyfriend|girlfriend"
            "|companion)(?! program)",
            r"(?<!not )in an? (?:[\w-]+,? ){0,3}(?:relationship|partnership)",
            rf"(?:her|his|their) (?!{_MATES})(?:[\w-]+ )?(?:partner|boyfriend|girlfriend|fianc\w+|companion)",
            r"cohabit\w*(?: with (?:an? )?partner)?",
            r"(?:live|lives|living) (?:together )?as an? (?:\w+ )?couple(?! household)",
            r"(?:unmarried|not married)(?:[ ,]+(?:but|and|yet))?(?: [\w']+){0,4} (?:partner|couple)",
            "unmarried couple",
            "partnered",
            r"dating (?:someone|somebody|a \w+)",
            r"(?:is|are|got|recently|newly|now|been) engaged(?= ?(?:[.,;!?)]|$)| to (?:be married|an?"
            r"|her|his|their|someone)(?!\w))",
            "(?:has|is) (?:a )?steady (?:partner|girlfriend|boyfriend)",
        ],
        "married": [
            r"(?:happily |newly |recently )?married",
            r"(?:her|his|their|an?) (?:(?!ex |late |former |future |business )[\w-]+ )?(?:husband"
            r"|wife|spouse)",
            "with (?:husband|wife|spouse)",
            "newlyweds?",
            "(?:as|is) (?:an? )?(?:husband|wife|spouse)",
            r"(?:somebody|someone)'s (?:husband|wife|spouse)",
            r"(?:marriage is|(?:has|in) an? (?:[\w-]+ )?marriage)",
            "wedding anniversary",
        ],
    },
}
"""Tag → value → expressions of a statement of it."""

WEAK_GENDER: dict[str, list[str]] = {
    "female": ["she", "hers?", "herself"],
    "male": ["he", "his", "him", "himself"],
}
"""Pronouns: read for the gender only when nothing above states one, and then the first counts."""

"""What the fixed extractor takes for a statement of each value of the tags of a household.

Expressions as in `extractor_person.py`.
"""

_OWN = r"(?:an?|the|her|his|their)"
_HOME = r"(?:home|house|flat|apartment|place|condo|property|accommodation)"
_HIRED = (
    r"(?:(?:an?|the|some) )?(?:\w+ )?(?:cars?|vans?|bikes?|scooters?|boats?|skis?|tools?|equipment"
    r"|movies?|films?"
    r"|games?|books?|dress(?:es)?|suits?|holiday|villas?|cottages?|campervans?)(?!\w)"
)
_ONE = r"(?:an?|one|1|a single)"
_TWO_OR_THREE = r"(?:two|2|three|3)"
_MANY = r"(?:five|5|six|6|seven|7|eight|8|nine|9|ten|10)"
_THREE_FOUR = r"(?:(?:three|3) ?(?:or|to|-|-to-) ?(?:four|4)|three|3|four|4)"
_MORE = r"(?: ?\+| (?:or|and) more| plus)"
_PEOPLE = r"(?:people|persons?|members?|residents?|individuals?|adults?)"
_CHILDREN = r"(?:child(?:ren)?|kids?|sons?|daughters?|toddlers?|bab(?:y|ies)|schoolchild(?:ren)?|teenagers?)"
_PARTNER = r"(?:partner|husband|wife|spouse|boyfriend|girlfriend|companion)"
_MATES = (
    r"(?:flat-?mates?|room-?mates?|house-?mates?|others?|other (?:people|persons?|adults?)"
    r"|people|persons?)"
)
_HOUSEHOLD = r"(?:[- ]?(?:strong )?(?:household|family|home))"


def _at_school(years: str) -> str:
    child = "(?: (?:child|son|daughter|kid|girl|boy)s?)?(?! (?:male|female|m[ae]n|wom[ae]n))"
    return rf"(?<!aged )(?<!-)(?:{years})[- ]years?[- ]olds?{child}"


HOME: dict[str, dict[str, list[str]]] = {
    "child_stage": {
        "none": [
            r"no (?:young |small |own )?(?:children|child|kids?)(?: (?:yet|so far"
            "|either))?(?: (?:of (?:her|his|their) own|(?:living )?at home|in the (?:household"
            "|home|house|family)))?(?! (?:at|in|of))",
            "(?:there are |has |have )no (?:children|kids?|child)(?: (?:live|living|are"
            "|is))?(?: (?:part of|at|in))?(?: the| this)?(?: (?:home|household|family))?",
            "childless",
            "child-?free",
            r"without (?:any )?(?:children|kids|child)(?: (?:at home|in the (?:home|household)))?",
            r"(?:not|\w+n't) (?:yet )?have (?:any )?(?:children|kids)",
            r"(?:not|non)[- ](?:yet )?(?:an? )?parents?(?: yet)?",
            r"neither (?:bab\w+|toddlers?|children|kids"
            r"|infants?)(?: \w+){0,3} nor (?:\w+ )?(?:children|kids|bab\w+|any on the way)",
            "neither children nor",
            r"(?:children|kids) (?:do|are) not (?:\w+ ){0,3}(?:household|home|life|family)",
        ],
        "expecting": [
            "(?:a |with a )?(?:baby|child) (?:is )?on the way",
            r"(?:baby|child|newborn)(?: \w+){0,2} (?:is )?due(?: (?:soon|in \w+|shortly))?",
            "(?:mother|father|parents?|mum|mom|dad)-to-be",
            r"(?:soon-to-be|future) (?:mother|father|parent|mum|mom|dad)s?",
            r"(?:expectant|expecting) (?:mother|father|parents?|mum|mom|dad)",
            r"expectant \w+",
            r"(?:(?:no (?:children|kids)|not an? parent)(?: \w+){0,2} (?:but|and) (?:is "
            r"|are )?)?pregnant(?: with \w+ (?:first |second |third )?(?:baby|child))?(?!-)",
            r"(?:in|during|a|her|the) pregnancy(?! (?:test|is over|book))",
            r"(?:no (?:children|kids)(?: \w+){0,2} (?:but|and) (?:is |are )?)?expect(?:s|ing"
            r"|ed)?(?: \w+){0,2} (?:baby|babies|child|twins)(?! to (?!arrive|be))",
            r"(?:is|are|currently) expecting(?! \w)",
            r"await(?:s|ing)?(?: \w+){0,5} (?:baby|birth|child|newborn)",
            r"(?:about|going) to (?:become|be) (?:a |an )?(?:\w+ )?(?:parent|mother|father|mum|mom|dad)",
            r"(?:having|have) (?:a|her|his|their)(?: \w+)? (?:baby|child) (?:soon|shortly|in \w+)",
            r"(?:prepar\w+|getting ready|ready) for(?: \w+){0,3} (?:baby|birth|newborn|child"
            r"|arrival)(?: of (?:a|her|his|their) (?:\w+ )?(?:baby|child))?(?: that is due)?",
        ],
        "infant": [
            r"(?:an?|one|her|his|their|the|young|small|newborn|new) (?:[\w-]+ )?(?:baby"
            r"|infant)",
            r"(?:baby|babies) (?:at|in) (?:home|the (?:home|house|household|family))",
            "infants?(?! (?:formula|clothes|care|products?|school))",
            "newborns?(?! that is due)",
            "baby (?:son|daughter|boy|girl|at home)",
            r"baby (?:has arrived|was born|is here|needs|sleeps|lives)",
            r"(?:month|week)s?-old(?: \w+)?",
        ],
        "preschool": [
            r"(?:no longer a (?:baby|newborn|infant) (?:and|but) )?(?:attends |attending |in "
            "|goes to )?pre-?school(?:ers?|[- ]aged?)?(?: child(?:ren)?| son| daughter| kids?)?",
            r"(?:attends |attending |in |goes to |at )?(?:kindergart(?:en|ner)s?"
            "|nursery school)(?:[- ]age[d]?)?(?: child(?:ren)?)?",
            "toddlers?",
            r"child(?:ren)? (?:in|at|attend\w*|goes to|who attends?"
            "|who goes to) (?:a )?(?:pre-?school|kindergarten|nursery)",
            r"nursery-age[d]?(?: child(?:ren)?)?",
            _at_school("two|three|four|five|2|3|4|5"),
        ],
        "school_age": [
            r"(?:child(?:ren)?|sons?|daughters?|kids?) (?:at|in|of|attend(?:s|ing)?|go(?:es"
            r"|ing)? to) (?:an? )?(?:[\w-]+ )?school(?:[- ]age)?",
            r"(?:child(?:ren)?|sons?|daughters?|kids?) who (?:now |already )?(?:go(?:es)? to"
            r"|attends?|is (?:at|in)|are (?:at|in)) (?:\w+ )?school",
            r"(?:goes|go|going) to (?:(?:primary|elementary|secondary|grade"
            "|middle) )?school(?! (?:of|for|run))",
            r"attends? (?:(?:primary|elementary|secondary|grade|middle|high) )school",
            r"school-?(?:child(?:ren)?|kids?|girl|boy)s?",
            r"school (?:child(?:ren)?|kids?)",
            r"(?<!pre-)(?<!pre )school[- ]aged?(?: child(?:ren)?| kids?)?",
            "teenage (?:son|daughter|child(?:ren)?)",
            _at_school(
                "six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|6|7|8|9|10|11|12|13|14|15|16"
            ),
            "no longer (?:attends|in) (?:kindergarten|preschool|nursery)(?: school)?(?:,)? (?:but"
            "|and) (?:attends |goes to |now )*school",
        ],
    },
    "household_size": {
        "1": [
            r"(?:one|1)[- ]person(?:[- ]household)?",
            r"single[- ](?:person|occupant)[- ]household",
            r"(?:lives?|living|dwell\w*) (?:all |completely |entirely )?(?:alone|by (?:her|him"
            "|them)sel(?:f|ves))",
            "(?:lives?|living) on (?:her|his|their) own",
            "household of (?:one|1)(?! ?(?:-|to|or))",
            r"(?:sole|only) (?:occupant|resident|inhabitant|person|member)(?: (?:of|in)(?: \w+){1,2})?",
            r"(?:no one|nobody|no-one) else (?:lives|at home|in the|shares)",
            r"(?:nobody|no one) but (?:her|him|them)(?:sel\w+)? (?:lives|in|is)",
            r"shares? (?:the|her|his|their) (?:home|flat|house|place) with (?:no one|nobody)",
            r"(?:not|\w+n't) share (?:the|her|his|their) (?:home|flat|house|place)(?: with (?:anyone"
            "|anybody))?",
            r"(?:no longer|not) (?:lives? |living )?(?:with (?:flatmates|roommates|others|family)"
            r"|in (?:an? )?[\w-]+(?: of \w+)?) but (?:lives )?(?:alone|on (?:her|his|their) own)",
        ],
        "2": [
            rf"(?:two|2)[- ]{_PEOPLE}(?:{_HOUSEHOLD})?",
            "(?:household|family|home) (?:of|for) (?:two|2)(?! ?(?:-|to|or))",
            "(?:lives|living) as a couple",
            rf"(?:with|shared? with) (?:only |just )?{_ONE} (?:other )?(?:person|adult|flat-?mate"
            "|room-?mate|house-?mate)",
            r"one of two(?: people)?",
            r"(?:there are|they are|the)? ?(?:now )?two of them(?! (?:are|have))",
            rf"with (?:just |only )?(?:her|his|their|an?) {_PARTNER} (?:and (?:nobody|no one) else"
            "|alone|only)",
        ],
        "3-4": [
            rf"(?:about |now )?{_THREE_FOUR}[- ]{_PEOPLE}(?:{_HOUSEHOLD})?",
            rf"(?:household|family|home) (?:of|for) (?:about )?{_THREE_FOUR}(?! ?\+| or more)",
            rf"(?:with|shared? with) {_TWO_OR_THREE} {_MATES}",
            rf"{_PARTNER},? (?:and|with|plus) (?:{_ONE}|two|2) (?:\w+ )?{_CHILDREN}",
            rf"(?:two|2) (?:adults|parents) and (?:{_ONE}|two|2) {_CHILDREN}",
            r"(?:three|four) of them",
        ],
        "5+": [
            rf"(?:at least |over |more than |now )?{_MANY}{_MORE}?[- ]{_PEOPLE}(?:{_MORE}|{_HOUSEHOLD})?",
            rf"(?:household|family|home) (?:of|for) (?:at least |over |more than )?{_MANY}{_MORE}?",
            r"(?:large|big)(?:, [\w-]+)? (?:household|family)(?: of \w+)?",
            rf"(?:with|shared? with) (?:at least )?(?:four|4|five|5|six|6) {_MATES}",
            rf"{_PARTNER},? (?:and|with|plus) (?:three|3|four|4|five|5|six|6) (?:\w+ )?{_CHILDREN}",
            rf"(?:two|2) (?:adults|parents) and (?:three|3|four|4|five|5) {_CHILDREN}",
            r"(?:five|six|seven) of them",
        ],
    },
    "housing_tenure": {
        "owner": [
            rf"(?<!comfort of her )(?<!comfort of his )(?<!comfort of their )(?:(?:self-)?owned|own) {_HOME}",
            "(?:home|house|flat|property)[- ]?owners?",
            rf"own(?:s|ed|ing)? {_OWN} (?:own )?(?:\w+ )?{_HOME}",
            rf"(?:bought|purchased|buying) {_OWN} (?:own )?{_HOME}",
            rf"owner of {_OWN} (?:\w+ )?{_HOME}",
            rf"{_HOME} of (?:her|his|their) own",
            r"(?:is|as) (?:her|his|their) own property",
            "owner-occupi\\w+",
            "mortgage",
            "on the property ladder",
        ],
        "renter": [
            rf"rented (?:\w+ )?(?:{_HOME}|room|studio|home)",
            rf"rents(?! out| {_HIRED})(?: one| (?:her|his|their|an?) \w+)?",
            r"rent(?= [.,;]|[.,;])",
            r"pays? rent",
            rf"renting(?! out| {_HIRED})",
            "renters?",
            "tenants?",
            rf"(?:in|lives in) (?:an? |private )?rentals?(?: {_HOME})?(?! car)",
            r"(?:home|house|flat|apartment|place) is (?:an? )?(?:rented|rental|let)",
            r"(?:own|owns) (?:an? )?\w+ but rents(?: one)?",
        ],
        "with_family": [
            "room in the family home",
            "(?:in )?(?:the |her |his |their )?family home",
            r"(?:at |in )?(?:her|his|their|the) parents'? (?:home|house|place|flat|roof)",
            rf"(?:liv|stay)(?:es?|ing|s|e)? (?:at home )?with (?:{_OWN} )?(?:parents|family|mother"
            "|father|mum|mom|dad|relatives)(?! of (?:three|four|five|six))",
            r"(?:liv|stay)(?:es?|ing|s|e)? at (?:home with )?(?:her|his|their|the) parents'?",
            r"(?:not|never|\w+n't)(?: yet)? (?:left|leave|moved out of) (?:the |her |his "
            "|their )?(?:parental|parents'|family) home",
            r"(?:not|\w+n't) (?:yet )?moved out(?: yet)?",
            "parental home",
            "under (?:her|his|their) parents' roof",
        ],
    },
    "pet": {
        "none": [
            r"no (?:other |own )?(?:pets?|animals?)(?: (?:of (?:her|his|their) own|at home"
            r"|in the (?:home|household|house)|at all|now|live\w*|either))?(?!\w|-)",
            r"(?:no|without) (?:children|kids) (?:n?or|and) (?:no )?pets?",
            r"without (?:a |any )?(?:pets?|animals?)",
            "pet-?less",
            "pet-?free",
            "non-pet[- ]owner",
            r"(?:not|\w+n't) (?:own|have|keep) (?:a |an |any )?(?:pets?|animals?)",
            "not a pet owner",
            r"no longer (?:has|have|owns?|keeps?) (?:a |any )?pets?",
            "(?:neither )?(?:no |a )?cats? n?or (?:a |no )?dogs?",
            "(?:neither )?(?:no |a )?dogs? n?or (?:a |no )?cats?",
            "no (?:dogs?|cats?)(?: (?:or|and)|,) (?:no )?(?:cats?|dogs?)",
        ],
        "cat": [r"(?<!\w)cats?(?! person)", "kittens?", "tabby"],
        "dog": [r"(?<!hot )dogs?(?! person)", "pupp(?:y|ies)", "labrador"],
    },
}
"""Tag → value → expressions of a statement of it."""

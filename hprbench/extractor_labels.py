"""Statements that name their tag: "Pet: none", "income level - high", "her mobility is local".

Each tag has names under which a list or a sentence gives its value, and each value words that state it there,
though they would say nothing alone: `high` is a fitness, an income or a price sensitivity by its name only.
"""

_IS = r"(?: ?: ?| - | (?:is|are|seems?|appears?|looks?|remains?|stays?|falls?|lies|was)(?: to be)? )"
_ADVERB = (
    r"(?:(?:an?|the|that of an?|probably|likely|mostly|mainly|clearly|rather|quite|fairly|very"
    "|generally|typically"
    r"|relatively|currently|now|still|at|in|on|around|about|approximately|only|best described as"
    "|within) ){0,3}"
)
_END = (
    r"(?= ?(?:[.,;:!?()/]|$)| (?:and|but|while|with|though|who|bands?|levels?|side|range|bracket"
    r"|group)(?!\w))"
)
_LEVEL = r"(?:[- ](?:level|band|bracket|stage|status|group|range|style|type|size|tier|profile))?"

_TENS = {"18-24": (18, 24), "25-34": (25, 34), "35-44": (35, 44), "45-54": (45, 54), "55+": (55, 99)}


def _years(first: int, last: int) -> str:
    return "|".join(str(age) for age in range(first, last + 1))


LABELS: list[tuple[str, str, dict[str, str]]] = [
    (
        "gender",
        "gender(?: identity)?|sex",
        {
            "female": "f|female|wom[ae]n|she/her|lady|girl",
            "male": "m|male|m[ae]n|he/him|gentleman|boy",
        },
    ),
    (
        "age_group",
        "(?:estimated |likely |approximate )?ages?(?: group| range| band| bracket)?",
        {
            band: rf"(?:{_years(*ages)})(?: years?(?: old| of age)?)?(?! ?(?:-|to) ?\d)"
            for band, ages in _TENS.items()
        },
    ),
    (
        "life_stage",
        r"(?:current )?(?:life ?stage|stage of life|stage in life|career stage|phase of life"
        "|life phase|career)",
        {
            "student": "student|studying|studies|in (?:full-time )?(?:study|education)|at university",
            "early_career": r"early(?:[- ]career)?|starting out|start"
            r"|beginning(?: of (?:\w+ )?career)?|entry[- ]level|junior",
            "established": r"established(?: \w+)?|settled(?: career)?|mid-?career|senior|advanced",
            "retired": "retired|retirement|pension|pensioner",
        },
    ),
    (
        "relationship",
        r"(?:relationship|marital|civil|partnership|family|partner)(?: status| situation)?|partnership",
        {
            "single": "single|none|alone|unattached|unmarried|divorced|widowed|no partner",
            "partnered": r"partnered|partner|cohabiting|in a (?:\w+ )?relationship|taken|dating"
            r"|unmarried partner|couple",
            "married": r"married|spouse|marriage|husband|wife",
        },
    ),
    (
        "child_stage",
        r"(?:children|child|kids?|parenthood|parental|parenting)(?: stage| status"
        "| situation)?(?: at home| in household)?",
        {
            "none": "none|no|no children|no kids|0|zero|childless|not a parent",
            "expecting": "expecting|pregnant|on the way|pregnancy|unborn",
            "infant": r"infants?|bab(?:y|ies)|newborns?|(?:one |a )?baby at home",
            "preschool": r"pre-?school(?:er|ers)?|toddlers?|kindergarten|nursery",
            "school_age": r"school[- ]?aged?|at school|school|schoolchild(?:ren)?|in school|school-?kids?",
        },
    ),
    (
        "household_size",
        r"(?:household|family size|home size)(?: size| members| count)?|size of (?:the )?household"
        "|(?:people|persons|number of people)"
        r" in (?:the )?(?:household|home)|occupants",
        {
            "1": r"(?:1|one|single)(?: person| member| occupant)?|alone|just (?:me|one)|lives alone"
            r"|single-person(?: household)?",
            "2": r"(?:2|two)(?: people| persons?| members| adults)?|a couple|couple",
            "3-4": r"(?:(?:3|three)(?: ?(?:-|to|or) ?(?:4|four))?|4|four)(?: people| persons?| members)?",
            "5+": r"(?:at least |over )?(?:5|five|6|six|7|seven|8|eight)(?: ?\+| (?:or|and) more)?"
            r"(?: people| persons?| members)?"
            r"(?: (?:or|and) more)?|large",
        },
    ),
    (
        "housing_tenure",
        r"housing(?: tenure| status| situation| type)?|tenure|home|living (?:situation"
        "|arrangements?)|residence|accommodation"
        r"|ownership|(?:her|his|their|the) (?:home|house|flat|apartment|place)",
        {
            "owner": r"own|owns|owned|owner|owner-occupied|homeowner|home owner|(?:her|his"
            r"|their) own(?: property)?",
            "renter": r"rent|rents|rented|rental|renter|tenant|renting|let",
            "with_family": r"with (?:the |her |his |their )?(?:family|parents|relatives)|parental"
            r"|family|parents'?(?: home)?|family home",
        },
    ),
    (
        "pet",
        r"pets?(?: ownership| status)?|animals?|pet owner(?:ship)?",
        {
            "none": "none|no|0|zero|no pets?|petless|not a pet owner",
            "cat": r"(?:an?|one|two|three|\d)? ?(?:cats?|kittens?)",
            "dog": r"(?:an?|one|two|three|\d)? ?(?:dogs?|pupp(?:y|ies))",
        },
    ),
    (
        "dining_style",
        r"(?:dining|eating|food|meals?|dinners?|cuisine|diet|cooking)(?: style| habits?"
        "| preferences?| pattern)*",
        {
            "home_cook": r"home|home[- ]?(?:cook(?:ed|ing)?|made)(?: meals?| food)?|cook(?:ed|s"
            r"|ing)?(?: at home)?|self-cooked",
            "takeaway": r"take-?aways?|take-?outs?|deliver(?:y|ed)|food delivery|order(?:s|ing|ed) in"
            r"|delivered meals",
            "restaurant": r"restaurants?(?: dining| meals)?|(?:dines?|dining|eats?|eating) out|out",
            "mixed": r"mixed(?: style)?|mix|mixture|varied|variety|both|combination"
            r"|mix of [\w-]+(?: [\w-]+){0,5}|flexible",
        },
    ),
    (
        "fitness",
        r"(?:fitness|physical activity|exercise|activity|sports?|physical fitness|engagement (?:with"
        "|in) (?:fitness|sports?|exercise)"
        r"|commitment to (?:fitness|sports?|exercise)|interest in (?:fitness|sports?|exercise)"
        "|workouts?|training)"
        r"(?: level| habits?| routine)?",
        {
            "low": r"low|minimal|little|none|rare|poor|sedentary|inactive|low activity|limited|weak"
            r"|infrequent|not very active",
            "moderate": r"moderate|medium|average|occasional|moderate activity|moderately active"
            r"|reasonable|intermediate|mid",
            "high": r"high|intense|intensive|excellent|strong|very active|highly active|high activity"
            r"|very high|vigorous|daily"
            r"|active|frequent",
        },
    ),
    (
        "price_sensitivity",
        r"(?:price|cost)(?:[- ](?:sensitivity|attitude|consciousness|awareness|orientation))"
        r"|(?:spending|shopping|buying|purchas\w+"
        r"|budget|consumption|consumer|price)(?: style| habits?| attitude| behaviou?r| type| level"
        "| profile| pattern)*",
        {
            "bargain": r"bargains?(?:[- ](?:hunt|seek|driven)\w*)?|frugal|thrifty|deal[- ]seek\w+"
            r"|budget|cheap|price-conscious|price-sensitive"
            r"|low[- ]cost|economical",
            "balanced": r"balanced(?: spender| shopper)?|value[- ](?:for[- ]money|oriented|conscious)"
            r"|moderate|medium|average|mid-range|mid"
            r"|moderately price-sensitive",
            "premium": r"premium(?:[- ](?:oriented|brands?|buyer|shopper|products?|quality))?"
            r"|luxur(?:y|ious)(?:-oriented)?|high-end|upscale"
            r"|expensive",
        },
    ),
    (
        "price_sensitivity",
        r"(?:price|cost)[- ]sensitivity|sensitivity to prices?|price consciousness",
        {
            "bargain": "high|strong|pronounced",
            "balanced": "moderate|medium|average",
            "premium": "low|weak|minimal|little|none",
        },
    ),
    (
        "chronotype",
        r"(?:chronotype|daily rhythm|rhythm|(?:active|activity|most active) (?:hours?|time|times"
        "|period)|most active(?: time)?"
        r"|peak (?:activity|hours|time)|activity (?:peak|pattern)|active|day rhythm|time of day)",
        {
            "morning": r"mornings?|early(?: mornings?| bird| riser)?|early in the day"
            r"|morning (?:person|type|hours)",
            "daytime": r"day-?time|day|days|during the day(?:time)?|midday|by day|day-active"
            r"|daytime (?:one|hours|person|type)|afternoons?",
            "night": r"nights?|late(?: at night| nights?| evening)?|at night|evenings?|nocturnal"
            r"|night[- ]?(?:owl|time|person)|midnight",
        },
    ),
    (
        "education",
        r"(?:highest |educational )?(?:level of )?(?:education|schooling|degree|qualification"
        "|(?:educational|academic) (?:background|level))"
        r"(?: level| background| attainment)?",
        {
            "school": r"school|school[- ]level|(?:high|secondary"
            r"|upper secondary)[- ]school(?: level)?|secondary|no degree|high-school|basic"
            r"|school-leaving certificate",
            "bachelor": r"bachelor(?:'?s)?(?: level| degree)?|undergraduate(?: degree| level)?"
            r"|b\.?a\.?|b\.?sc\.?|university|college"
            r"|first degree",
            "postgraduate": r"post-?graduate(?: level| degree| one)?|master(?:'?s)?(?: level"
            r"| degree)?|m\.?a\.?|m\.?sc\.?|ph\.?d\.?"
            r"|doctorate|doctoral|mba|advanced(?: degree)?",
        },
    ),
    (
        "occupation",
        r"(?:occupation|job|profession|work|employment|career|line of work|field|sector|industry"
        "|employment status|works as)"
        r"(?: title| sector| field| status| type)?",
        {
            "student": "student|studying|studies|studies full[- ]time",
            "office": r"office(?: based| work\w*| jobs?| clerk)?|clerical|administration"
            r"|administrative|white[- ]collar|desk job|finance|accounting",
            "service": r"services?(?: sector| industry| job)?|retail|hospitality|catering"
            r"|customer service|sales",
            "healthcare": r"health ?-?care|health|medical|medicine|nursing|health sector",
            "education": r"education(?: sector)?|teaching|academia|school",
            "technical": r"technical|tech|technology|it|engineering|software|technical (?:profession|field)",
            "trades": r"(?:skilled )?trades?|construction|craft|manual|manual work|craftsman",
            "self_employed": r"self-? ?employed|freelanc\w+|entrepreneur|own business|independent"
            r"|business owner",
            "not_working": r"none|no job|not working|unemployed|not employed|without work|jobless"
            r"|home-?maker|no paid work|out of work",
        },
    ),
    (
        "income_band",
        r"(?:household |monthly |annual |personal )?(?:incomes?|earnings|salary|pay|wages?)",
        {
            "low": r"low(?:er)?|modest|small|limited|below average|lower than average|low income|poor"
            r"|low end",
            "middle": r"middle|medium|average|moderate|mid|mid-?range|middle income|mid-level"
            r"|neither low nor high but in the middle",
            "high": r"high(?:er)?|above average|upper|good|considerable|substantial"
            r"|well above average|high income|high end",
        },
    ),
    (
        "mobility",
        r"(?:mobility|travels?|travelling|travel(?:l)?ing|movement|trips)(?: habits?| pattern| style"
        "| behaviou?r| radius)?"
        r"|(?:her|his|their) (?:daily )?life",
        {
            "local": r"local(?: only| mobility)?|(?:very )?(?:rare|limited|little|infrequent|minimal)"
            r"|none|confined to [\w ]{1,30}|stays local",
            "regional": r"regional(?: travel\w*| trips)?|within the (?:wider )?region"
            r"|around the region|regionally",
            "frequent_flyer": r"(?:frequent|regular)[- ](?:fl[yi]er|flights|flying|air travel\w*)"
            r"|by (?:air|plane)|international|global|flights?"
            r"|long-haul|worldwide|jet-?set\w*",
        },
    ),
]
"""(tag, names it goes by, value → words that state it behind such a name)."""


def label_rules(tag: str) -> list[tuple[str, str]]:
    """(value, expression of a statement of it that names `tag`)."""
    return [
        (value, rf"(?:{names}){_LEVEL}{_IS}{_ADVERB}(?:{words}){_END}")
        for named, names, values in LABELS
        if named == tag
        for value, words in values.items()
    ]

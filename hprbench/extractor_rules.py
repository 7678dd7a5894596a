"""What the fixed extractor takes for a statement of each value of each closed tag.

Written by hand against English prose, not derived from the clauses models are taught: a summary
may say the same in its own words. Every entry is a list of regular expressions, matched as whole
words without regard to case on text whose typographic dashes and quotes are plain. Where matches
of one tag overlap the longest wins ("expecting a baby" is no "baby"), so a rule that states an
absence ("no pets") holds its negation itself. Changing an entry means a new EXTRACTOR_VERSION.

One long table of data, kept whole: a version of the extractor is one file.
"""

from collections.abc import Iterable


def _ages(first: int, last: int) -> str:
    """Expression of a stated age in years: aged 29, 29-year-old, 29 years of age."""
    years = "|".join(str(age) for age in range(first, last + 1))
    return rf"aged?:? (?:{years})(?! ?(?:-|to|\+))|(?:{years})[- ]years?(?:[- ]old| of age)"


def _band(first: int, last: int, decades: Iterable[str]) -> list[str]:
    """Expressions of an age band: its ages, the band itself, and decades ("late thirties")."""
    band = rf"(?:aged?:? |between )?{first} ?(?:-|to|and) ?{last}(?:[- ]years?[- ]old)?"
    return [_ages(first, last), band, *decades]


_OWN = r"(?:an?|the|her|his|their)"
_HOME = r"(?:home|house|flat|apartment|place|condo)"
_WORK = r"(?:jobs?|works?|working|worker|employed|career)(?: shifts| nights| part-time| full-time)?"
_WORK_IN = _WORK + " (?:in|at) (?:the |an? )?"
_MANY = r"(?:five|5|six|6|seven|7|eight|8)"
_BABY_GOODS = r"(?! (?:clothes|food|products?|goods|items|shower|gear|care|supplies))"
_PET_GOODS = r"(?!['-]?s? ?(?:foods?|litter|caf\w+|toys?|treats?|supplies|shows?|videos?|person))"

RULES: dict[str, dict[str, list[str]]] = {
    "gender": {
        "female": [
            r"(?:business)?woman(?!'s)",
            "female",
            "lady",
            "mother-to-be",
            r"(?:an?|new|young|single|working|expectant) (?:mother|mum|mom)",
            "mother of",
        ],
        "male": [
            r"(?:business)?man(?!'s)",
            "male",
            "gentleman",
            "guy",
            "father-to-be",
            r"(?:an?|new|young|single|working|expectant) (?:father|dad)",
            "father of",
        ],
    },
    "age_group": {
        "18-24": _band(18, 24, [r"(?:in )?(?:her|his|their) early (?:twenties|20s)", "late teens"]),
        "25-34": _band(25, 34, [r"(?:her|his|their) (?:late (?:twenties|20s)|early (?:thirties|30s))"]),
        "35-44": _band(35, 44, [r"(?:her|his|their) (?:late (?:thirties|30s)|early (?:forties|40s))"]),
        "45-54": _band(45, 54, [r"(?:her|his|their) (?:late (?:forties|40s)|early (?:fifties|50s))"]),
        "55+": [
            _ages(55, 99),
            r"(?:aged?:? )?55 ?\+",
            "(?:over|older than|above) 55",
            "(?:aged? )?55 (?:or|and) (?:older|over|above|more)",
            r"(?:her|his|their) late (?:fifties|50s)",
            r"(?:her|his|their) (?:(?:early|mid|late)[- ])?(?:sixties|seventies|60s|70s)",
        ],
    },
    "life_stage": {
        "student": [
            r"(?:still|currently|is) studying",
            r"(?:university |college |full-time )?students?(?! (?:discounts?|loans?|days))",
            "(?:at|in) (?:university|college)",
            "attend(?:s|ing) (?:university|college)",
            "undergraduate(?! degree)",
        ],
        "early_career": [
            rf"early in {_OWN} (?:\w+ )?career",
            "early[- ]career",
            "young professional",
            "career starter",
            rf"(?:start(?:s|ing)?|beginning|launching) (?:out in )?{_OWN} (?:\w+ )?career",
            "first job",
            "junior (?:employee|professional|position|role)",
            "recent graduate",
        ],
        "established": [
            rf"(?:well )?established in {_OWN} (?:\w+ )?career",
            "established (?:professional|career|worker)",
            "mid-?career",
            "senior (?:professional|position|role)",
            "(?:experienced|seasoned) professional",
            rf"(?:settled|well) (?:in|into) {_OWN} career",
        ],
        "retired": ["retired", "retirees?", "pensioner", "(?:in|enjoying) (?:her |his |their )?retirement"],
    },
    "relationship": {
        "single": [
            r"single(?![- ](?:persons?|family|room|child|household|occup\w+|parent household))",
            "unmarried",
            "unattached",
            "(?:no|without an?) (?:partner|spouse|husband|wife)",
            "not in a relationship",
            "divorced",
            "widowed",
            "(?:lives without|has no) partner",
        ],
        "partnered": [
            "(?:with|has|have|having) a (?:partner|boyfriend|girlfriend)",
            r"in a (?:\w+ )?relationship",
            r"(?:her|his|their) (?:partner|boyfriend|girlfriend|fianc\w+)",
            "cohabit(?:s|ing)",
            "partnered",
            "engaged(?! (?:in|with|by))",
        ],
        "married": [
            "married",
            "(?:her|his|their|a) (?:husband|wife|spouse)",
            "newlyweds?",
            "(?:as|is) (?:husband|wife)",
        ],
    },
    "child_stage": {
        "none": [
            r"no (?:children|child|kids?)(?: (?:yet|so far))?(?! (?:at|in|of))",
            "childless",
            "child-?free",
            r"without (?:any )?(?:children|kids)(?! (?:at|in|of))",
            "(?:children|kids): none",
            r"(?:not|\w+n't) have (?:any )?(?:children|kids)",
        ],
        "expecting": [
            "(?:baby|child) on the way",
            "(?:mother|father|parents?|mum|dad)-to-be",
            r"expectant \w+",
            r"pregnant(?: with \w+ (?:first |second |third )?(?:baby|child))?(?!-)",
            "(?:in|during) (?:her )?pregnancy",
            r"expect(?:s|ing|ed)?(?: \w+){0,2} (?:baby|babies|child|twins)",
            r"is expecting(?! \w)",
            "expecting parents?",
            r"awaiting(?: \w+){0,4} (?:baby|birth|child)",
        ],
        "infant": [
            rf"(?:an?|one|her|his|their|young|small|newborn) (?:\w+ )?(?:baby|infant){_BABY_GOODS}",
            "infants?(?! (?:formula|clothes|care|products?|school))",
            "newborns?",
            "baby (?:son|daughter|boy|girl)",
        ],
        "preschool": [
            r"pre-?school(?:ers?|[- ]aged?)?(?: child(?:ren)?| son| daughter| kids?)?",
            "kindergart(?:en|ner)s?",
            "toddlers?",
            r"child(?:ren)? (?:in|at) (?:pre-?school|kindergarten|nursery)",
        ],
        "school_age": [
            r"(?:child(?:ren)?|sons?|daughters?|kids?) (?:at|in|of|attending) (?:\w+ )?school(?:[- ]age)?",
            r"(?:child(?:ren)?|sons?|daughters?|kids?) who go(?:es)? to school",
            r"school[- ]?(?:child(?:ren)?|kids?|girl|boy)",
            r"(?<!pre-)(?<!pre )school[- ]aged?(?: child(?:ren)?| kids?)?",
            "teenage (?:son|daughter|child(?:ren)?)",
        ],
    },
    "household_size": {
        "1": [
            "(?:one|1|single)[- ]person(?: household)?",
            "(?:lives?|living) (?:alone|by (?:her|him)self)",
            "(?:lives?|living) on (?:her|his|their) own",
            "household of (?:one|1)(?! ?(?:-|to|or))",
        ],
        "2": [
            "(?:two|2)[- ](?:people|persons?)(?: household)?",
            "(?:household|family) of (?:two|2)(?! ?(?:-|to|or))",
            "(?:lives|living) as a couple",
        ],
        "3-4": [
            "(?:(?:three|3) ?(?:or|to|-) ?(?:four|4)|three|3|four|4)[- ](?:people|persons?)(?: household)?",
            "(?:household|family) of (?:(?:three|3) ?(?:or|to|-) ?(?:four|4)|three|3|four|4)",
        ],
        "5+": [
            rf"{_MANY}(?: ?\+| or more)?[- ](?:people|persons?)(?: or more| household)?",
            rf"(?:household|family) of (?:at least )?{_MANY}(?: ?\+| or more)?",
            "(?:large|big) (?:household|family)",
        ],
    },
    "housing_tenure": {
        "owner": [
            rf"(?:owned|own) {_HOME}",
            "home-?owners?",
            rf"own(?:s|ing)? {_OWN} (?:own )?(?:\w+ )?{_HOME}",
            rf"(?:bought|purchased) {_OWN} (?:own )?{_HOME}",
            "owner-occupi\\w+",
            "mortgage",
        ],
        "renter": [
            rf"rented (?:\w+ )?(?:{_HOME}|room)",
            "rents(?! out)",
            "renting(?! out)",
            "renters?",
            "tenants?",
        ],
        "with_family": [
            "room in the family home",
            "family home",
            "(?:her|his|their) parents' (?:home|house|place|flat)",
            rf"(?:liv|stay)(?:es?|ing|s)? with {_OWN} (?:parents|family|mother|father|mum|mom|dad)",
            "parental home",
        ],
    },
    "pet": {
        "none": [
            "no pets?",
            r"(?:no|without) (?:children|kids) (?:n?or|and) (?:no )?pets?",
            "without (?:a |any )?pets?",
            "pet-?less",
            "pet-?free",
            "pets?: none",
            r"(?:not|\w+n't) (?:own|have|keep) (?:a |any )?pets?",
            "not a pet owner",
            "(?:neither )?(?:no |a )?cats? n?or (?:a |no )?dogs?",
            "no (?:dogs?|cats?) (?:or|and) (?:no )?(?:cats?|dogs?)",
        ],
        "cat": [rf"cats?{_PET_GOODS}", "kittens?"],
        "dog": [rf"(?<!hot )dogs?{_PET_GOODS}", "pupp(?:y|ies)"],
    },
    "dining_style": {
        "home_cook": [
            r"cook(?:s|ing)?(?: \w+){0,3} at home",
            r"home[- ]cook(?:s|ing|ed)?(?: meals?| food)?",
            "home-?made meals",
            "cooks (?:most|daily|often|regularly|mostly|her|his|their)",
            "(?:prefers|likes) to cook",
        ],
        "takeaway": [
            "take-?aways?",
            "take-?out",
            "(?:food|meal) deliver(?:y|ies)",
            "(?:delivered|delivery) (?:food|meals)",
            "order(?:s|ing) (?:food )?in",
        ],
        "restaurant": [
            r"(?:eat|din)(?:s|es|ing) (?:\w+ )?(?:in|at) restaurants",
            "(?:eat|din)(?:s|es|ing) out",
            "restaurants",
            "restaurant[- ]goer",
        ],
        "mixed": [
            "eat(?:s|ing) both in and out",
            "both at home and (?:out|in restaurants)",
            r"(?:eating|dining|cooking)(?: \w+){0,2} (?:at home|in) and (?:eating |dining )?out",
            "cook(?:s|ing) and (?:eat|din|order)(?:s|es|ing) (?:out|in)",
            "mixed (?:dining|eating)(?: style| habits)?",
            r"mix of (?:home )?cooking(?:,? (?:and )?\w+)*",
        ],
    },
    "fitness": {
        "low": [
            "little (?:or no )?(?:exercise|sport)",
            "no (?:exercise|sport)",
            "sedentary",
            "inactive",
            r"(?:rarely|seldom|hardly(?: ever)?|never) (?:exercis\w+|works? out|trains?)",
            "exercises? (?:rarely|little|seldom)",
            r"(?:not|\w+n't) (?:exercise|work out)",
            "low (?:fitness|physical activity)",
        ],
        "moderate": [
            r"regular(?:ly)? (?:exercis\w+|train\w*|work\w* ?outs?|sport)",
            "exercis(?:es|ing) regularly",
            "work(?:s|ing) out regularly",
            "moderate(?:ly)? (?:exercise|active|fit|fitness|physical activity)",
        ],
        "high": [
            "hard training",
            "train(?:s|ing) (?:very )?hard",
            r"intens(?:e|ive)(?:ly)? (?:train\w*|work\w*outs?|exercis\w+)",
            "very (?:physically active|fit)",
            "athlet(?:e|ic)",
            "marathons?",
            "daily (?:workouts|training)",
            "(?:works out|trains|exercises) (?:daily|every day)",
            "high (?:fitness|physical activity)",
        ],
    },
    "price_sensitivity": {
        "bargain": [
            r"bargains?(?:[- ](?:hunt|seek)\w+)?",
            r"deal[- ](?:hunt|seek)\w+",
            "discounts?",
            "coupons?",
            "price[- ](?:sensitive|conscious)",
            "budget[- ]conscious",
            "thrifty",
            "frugal",
            "cheapest",
        ],
        "balanced": [
            "weigh(?:s|ing) (?:up )?(?:price|quality) (?:and|against) (?:price|quality)",
            "balanc(?:es|ing) (?:price|quality) (?:and|with|against) (?:price|quality)",
            "value for money",
            r"balanced (?:spend\w+|shopp\w+|buyer|buying|price\w*)",
            "mid-range",
        ],
        "premium": [
            "premium(?: (?:goods|products|brands|items))?",
            r"luxur(?:y|ious)(?: \w+)?",
            "high-end",
            "upmarket",
            "top brands",
            "pays for quality",
        ],
    },
    "chronotype": {
        "morning": [
            r"(?:active|shops?|shopping|online|busy|awake) (?:\w+ )?in the (?:early )?mornings?",
            "morning (?:person|type|lark|hours)",
            "early (?:riser|birds?)",
            "gets up early",
            "up early",
        ],
        "daytime": [
            "(?:during|in) the day(?:time)?",
            "daytime",
            "by day",
            "daylight hours",
        ],
        "night": [
            "at nights?",
            "night[- ]?(?:owl|time|hours)",
            "late[- ]night",
            "nocturnal",
            "stays up late",
        ],
    },
    "education": {
        "school": [
            "schooling without a degree",
            "(?:no|without an?|lacks an?|without any|not have a) (?:university |college |academic )?degree",
            "(?:high|secondary)[- ]school (?:education|diploma|graduate|level|leaver)",
            "school[- ]leaver",
            "(?:finished|left|completed) (?:high |secondary )?school",
            r"(?:not|\w+n't|never) (?:go to|went to|attend|attended) (?:university|college)",
        ],
        "bachelor": [
            r"bachelor(?:'?s)?[- ](?:degree|of|level|graduate|education)",
            "bachelor's",
            "undergraduate degree",
            "first degree",
            "(?:university|college)[- ](?:degree|graduate|educated|education)",
        ],
        "postgraduate": [
            r"post-?graduate(?: (?:degree|studies|education|level))?",
            r"master(?:'?s)? (?:degree|of \w+)",
            "master's",
            r"ph\.?d\.?",
            "doctora(?:te|l)(?: degree)?",
            "mba",
            "graduate (?:school|degree)",
        ],
    },
    "occupation": {
        "student": [
            "studies as (?:an )?occupation",
            r"(?:university |college |full-time )?students?(?! (?:discounts?|loans?|days))",
            "(?:studies|studying) full[- ]time",
        ],
        "office": [
            "office (?:jobs?|work|workers?|employee|position|clerk)",
            _WORK_IN + "(?:office|administration|finance|marketing|accounting)",
            "desk job",
            r"white-collar(?: \w+)?",
            "clerical (?:job|work|worker)",
            "clerk",
            "accountant",
        ],
        "service": [
            "service (?:jobs?|workers?|work|industry|sector|staff)",
            "customer service",
            _WORK_IN + r"(?:service\w*|retail|hospitality|shop|store|restaurant|customer service|catering)",
            "waiter",
            "waitress",
            "cashier",
            "shop assistant",
            "barista",
            "receptionist",
        ],
        "healthcare": [
            _WORK_IN + "(?:health ?care|medicine|hospital|clinic|health sector|nursing)",
            "nurse",
            "physician",
            "surgeon",
            "health ?care (?:workers?|professional|jobs?|staff)",
            "medical (?:workers?|professional|jobs?|staff)",
            r"(?:works as|is|as) an? (?:\w+ )?doctor",
            "hospital (?:worker|staff|job)",
            "pharmacist",
        ],
        "education": [
            _WORK_IN + "(?:education|teaching|school|schools|university)",
            "(?:school)?teachers?",
            "lecturer",
            "professor",
            "educator",
            "teaching (?:job|position)",
            "teaches",
            "tutor",
        ],
        "technical": [
            r"technical (?:jobs?|work|role|position|profession\w*|field)",
            "technicians?",
            "engineer",
            "programmer",
            "(?:software |web )?developer",
            _WORK_IN + "(?:(?-i:IT)|tech|technology|engineering|software)",
            "data scientist",
        ],
        "trades": [
            _WORK_IN + "(?:trades?|skilled trades?|construction)",
            "trades(?:man|woman|person|people)",
            "electrician",
            "plumber",
            "carpenter",
            "mechanic",
            "welder",
            "builder",
            "construction (?:worker|job)",
            "skilled trades?",
            "manual (?:work|job|labou?r)",
        ],
        "self_employed": [
            "self-? ?employed",
            "freelanc(?:e|er|es|ing)",
            "(?:business|company|firm|shop) of (?:their|her|his) own",
            "(?:owns?|runs?|running) (?:an?|her|his|their) (?:small |own )*(?:business|company|firm|shop)",
            "own business",
            "entrepreneur",
            "business owner",
            "sole trader",
        ],
        "not_working": [
            "no (?:paid work|paid job|job)",
            "not (?:in (?:paid )?work|employed|currently working|working)(?! out)",
            "without (?:a job|paid work|work)",
            "unemployed",
            "jobless",
            "out of work",
            "between jobs",
            r"(?:not|\w+n't) work(?! (?:out|at|in|as|for|on))",
            "home-?maker",
            "housewife",
            "househusband",
            r"stay-at-home(?: \w+)?",
        ],
    },
    "income_band": {
        "low": [
            r"low(?:er)?[- ](?:income|earn\w+|pay|paid)",
            "(?:income|earnings) (?:is |are )?(?:low|modest|below average)",
            "modest (?:income|earnings|means)",
            "small income",
            "earns little",
            "tight budget",
        ],
        "middle": [
            "(?:lower |upper |lower-|upper-)?(?:middle|average|medium|mid|moderate)[- ](?:level )?incomes?",
            "income (?:is )?(?:average|in the middle|medium|moderate)",
            "middle-class",
        ],
        "high": [
            r"high(?:er)?[- ](?:income|earner|salary|earning\w*)",
            "income (?:is )?high",
            "well[- ]paid",
            "affluent",
            "wealthy",
            "well[- ]off",
            "earns (?:well|a lot)",
        ],
    },
    "mobility": {
        "local": [
            "stay(?:s|ing)? (?:mostly |very )?local(?:ly)?",
            r"(?:rarely|seldom|hardly(?: ever)?|never) (?:travels?|leaves?(?: \w+){0,3} (?:city|town))",
            "(?:stays? |staying )?(?:close to|near) home",
            "travels? (?:rarely|little|seldom)",
            r"(?:not|\w+n't) travel(?: much)?",
            "local (?:mobility|life)",
            "homebody",
        ],
        "regional": [
            r"travel(?:s|ling|ing)?(?: \w+)? (?:in|around|within|across) (?:the|her|his|their) region",
            "travels regionally",
            r"regional (?:travel\w*|trips?|mobility)",
            "(?:day|weekend) trips",
            "nearby (?:cities|towns)",
        ],
        "frequent_flyer": [
            "flying (?:often|frequently|regularly|a lot)",
            "flies (?:often|frequently|regularly|a lot)",
            "(?:often|frequently|regularly) fl(?:ies|ying)",
            r"frequent(?:ly)?[- ](?:fl(?:y|i)ers?|flights?|air travel\w*)",
            r"frequent (?:business |long-haul )?(?:travel\w*|trips)",
            r"jet-?set\w*",
            "flights? (?:every|each) (?:week|month)",
        ],
    },
}
"""Tag → value → expressions of a statement of it."""

WEAK_GENDER: dict[str, list[str]] = {
    "female": ["she", "hers?", "herself"],
    "male": ["he", "his", "him", "himself"],
}
"""Pronouns: read for the gender only when nothing above states one, and then the first counts."""

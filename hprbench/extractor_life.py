"""What the fixed extractor takes for a statement of each value of the tags of a way of life.

Expressions as in `extractor_person.py`.
"""

_LITTLE = r"(?:rarely|seldom|hardly(?: ever)?|never|barely|scarcely)"
_EXERCISE = (
    r"(?:exercis\w+|work(?:s|ing)? ?-?outs?|train\w*|sports?|gym(?: visits?)?"
    r"|physical(?:ly)? activ\w+|physical activity)"
)
_DAILY = (
    r"(?:daily|every day|(?:several|many|three|four|five) times (?:a|per) week|each day"
    r"|almost daily|most days)"
)
_NOW_AND_THEN = (
    r"(?:occasional(?:ly)?|now and then|from time to time|sometimes|once in a while"
    r"|moderate(?:ly)?|once a week)"
)
_COOK = r"(?:cook(?:s|ing|ed)?|prepare[sd]?|preparing|makes?|making)"
_USUALLY = (
    r"(?:often|mostly|usually|mainly|generally|regularly|frequently|typically|almost always"
    r"|always|largely)"
)
_GOODS = (
    r"(?:goods|products?|brands?|items?|buyers?|shoppers?|customers?|consumers?|quality|segment"
    r"|oriented|fashion|purchases"
    r"|labels?|lifestyle|options|price range)"
)
_MEALS = (
    r"(?:(?:cook\w+|eating|dining|ordering|meals)(?: at home| out| in)?|(?:food )?deliver\w+"
    "|takeaways?|takeout|restaurants?|out)"
)
_JOIN = r"(?:,? and|,|,? with|,? or) (?:home |restaurant )?"
_PRICE = r"(?:prices?|costs?|affordability|cheapness)"

_NOT_ONLINE = (
    r"(?! ?(?:(?:online|buy|shop|social|web|site|app|loyal)\w*|users?|customers?|browsers?|consumers?"
    r"|accounts?|in|at|on|during"
    r"|between|around|from|late|early|after|before|across|when|until|through\w*|towards?|and (?:loyal"
    r"|engaged)|seasons?)(?!\w))"
)
"""Behind "active": a very active shopper is not thereby fit."""

LIFE: dict[str, dict[str, list[str]]] = {
    "dining_style": {
        "home_cook": [
            rf"{_COOK}(?: [\w']+){{0,4}} (?:at home|from scratch|in (?:her|his|their) (?:own )?kitchen)",
            r"home[- ]?cook(?:s|ing|ed)?(?: meals?| food| dishes)?",
            "home-?made (?:meals?|food)",
            r"cooks (?:most|daily|often|regularly|mostly|her|his|their|almost|every|for (?:her|him"
            r"|them)sel\w+|a lot|frequently)(?: \w+)?",
            "(?:prefers|likes|loves) to cook",
            r"(?:eats|dines|meals|dinner)(?: (?!in|out|not|and)\w+){0,3} at home(?! and)",
            rf"{_USUALLY} cooks?(?! for)",
        ],
        "takeaway": [
            r"(?<!key )(?<!main )take-?aways?(?: (?:food|meals|customer|habit|dishes))?",
            r"take-?outs?(?: (?:food|meals))?",
            r"(?:food|meal|restaurant) deliver(?:y|ies)",
            r"home deliver(?:y|ies) of (?:\w+ )?(?:food|meals?|dinners?)",
            r"(?:delivered|delivery) (?:food|meals|services|apps?)",
            r"order(?:s|ing|ed)? (?:food |meals |dinner |often |mostly "
            r"|usually )?in(?= ?(?:[.,;:!?()]|$)| (?:and|or|but|rather|more"
            r"|most|often|several|every|regularly|frequently|a lot|almost|food|meals|on \w+days"
            r"|instead|not)(?!\w))",
            r"orders? (?:\w+ )?delivery",
            r"(?:meals?|dinners?|food)(?: [\w']+){0,4} (?:delivered|by delivery|ordered in)",
            r"(?:gets?|has|have) (?:\w+ )?(?:meals?|food|dinner) delivered",
        ],
        "restaurant": [
            r"(?:eat|din)(?:s|es|ing|en)? (?:\w+ )?(?:in|at) restaurants?",
            r"(?:eats?|dines?|eating|dining|eaten|eat)(?: \w+)? out(?! of(?!\w))",
            "restaurants(?! (?:and|or) (?:home|cooking))",
            "restaurant[- ](?:goer|regular|dining|visits?|meals?|diner|food)",
            r"goes? (?:out )?to restaurants?",
        ],
        "mixed": [
            "eat(?:s|ing) both in and out",
            "both at home and (?:out|in restaurants)",
            r"(?:eating|dining|cooking)(?: \w+){0,2} (?:at home|in) and (?:eating |dining )?out",
            r"cook(?:s|ing)?(?: at home)? and (?:eat|din|order)(?:s|es|ing)? (?:out|in|takeaways?|takeout)",
            r"mixed (?:dining|eating|diner|diet)(?: style| habits)?",
            rf"(?:mix|mixture|combination|blend|variety) of (?:home[- ])?{_MEALS}(?:{_JOIN}{_MEALS}){{0,4}}",
            rf"(?:mix(?:es|ing)?|combin(?:es|ing)|alternat(?:es|ing)|var(?:ies|ying)|switch(?:es"
            "|ing)|balances|shifts)"
            rf"(?: between| of)? (?:home[- ])?{_MEALS}(?:{_JOIN}{_MEALS}){{0,4}}",
            r"sometimes (?:\w+ )?(?:cooks?|eats?|orders?"
            r"|dines?)[^.;]{0,30}? sometimes (?:\w+ )?(?:cooks?|eats?|orders?|dines?)(?: \w+){0,2}",
            "no single dining style but a mixed one",
        ],
    },
    "fitness": {
        "low": [
            rf"(?:little|minimal|hardly any|barely any|very little|no) (?:or no )?(?:{_EXERCISE}"
            "|interest in (?:fitness|sports?|exercise))",
            "sedentary",
            rf"(?:physically )?inactive{_NOT_ONLINE}",
            "unfit",
            rf"{_LITTLE} (?:does )?(?:{_EXERCISE}|goes to the gym|plays? sports?|moves?)",
            r"exercises? (?:rarely|little|seldom|hardly)",
            r"(?:not|\w+n't) (?:exercise|work out|train|do sports?)(?: much| often| a lot| at all)?",
            r"(?:not|\w+n't) (?:very |particularly |that |especially )?(?:physically )?(?:active|fit"
            "|sporty|athletic)(?: physically)?" + _NOT_ONLINE,
            r"low (?:level of |levels of )?(?:fitness|physical activity|exercise|activity)(?: level)?",
            r"exercise plays? (?:little|no|hardly any|a small|a minor)(?: \w+)? (?:role|part)",
            "couch potato",
        ],
        "moderate": [
            rf"regular(?:ly)? {_EXERCISE}",
            rf"exercis(?:es|ing) (?:regularly|in moderation|{_NOW_AND_THEN})",
            rf"work(?:s|ing) out (?:regularly|{_NOW_AND_THEN})",
            rf"trains? {_NOW_AND_THEN}",
            rf"{_NOW_AND_THEN} (?:{_EXERCISE}|gym-?goer|goes to the gym|plays sports?|exerciser|athlete)",
            rf"{_EXERCISE}(?: \w+){{0,2}} {_NOW_AND_THEN}",
            r"(?:moderate(?:ly)?|reasonabl[ye]|fairly|somewhat|average|medium)(?: (?:level|amount"
            rf"|degree))?(?: of)? (?:exercis\w+|active(?: person)?{_NOT_ONLINE}|fit|fitness"
            r"|physical(?:ly)? activ\w+|workouts?|sport\w*|activity level)(?: level)?",
            r"(?:keep|stay)s? (?:moderately|reasonably|fairly) (?:fit|active)",
            r"neither (?:\w+ )?(?:sedentary|inactive|unfit) nor (?:\w+ )?(?:sporty|active|fit"
            "|athletic)(?: but (?:moderate(?:ly)?(?: active)?))?",
        ],
        "high": [
            "hard training",
            r"(?:train|exercis|work)(?:s|es|ing)?(?: out)? (?:very )?(?:hard|a lot|intens\w+"
            "|vigorously|rigorously)",
            r"intens(?:e|ive)(?:ly)? (?:train\w*|work\w*outs?|exercis\w+)",
            r"(?:exercises?|trains?|works? out) regularly and intensely",
            r"(?:very|highly|extremely|physically very) (?:physically )?(?:active|fit|sporty"
            rf"|athletic)(?: physically| lifestyle| person)?{_NOT_ONLINE}",
            "athlet(?:e|ic)",
            "(?<!movie )(?<!film )(?<!tv )(?<!series )(?<!gaming )marathons?",
            r"(?:daily|frequent|rigorous|intense|hard|regular daily) (?:workouts?|training|exercise"
            r"|gym)(?: \w+)?",
            rf"(?:works? out|trains?|training|exercises?|exercising|goes to the gym|gym) {_DAILY}",
            r"exercise is a (?:daily|big|major|firm)(?: \w+)?",
            r"high (?:level of |levels of |degree of )?(?:fitness|physical activity|exercise)(?: level)?",
            r"(?:fitness|gym|sports?) (?:enthusiast|fanatic|fan|lover|buff|addict)(?<!not a fitness fanatic)",
            r"(?:regular|daily|frequent|keen|avid) gym-?goer",
        ],
    },
    "price_sensitivity": {
        "bargain": [
            r"bargains?(?:[- ](?:hunt|seek|driven)\w*)?",
            r"(?:best |good |great |special )?deals?(?:[- ](?:hunt|seek)\w+)?(?! with)",
            r"discounts?",
            r"coupons?",
            r"(?:very |highly |quite )?(?:price|cost|budget)[- ](?:sensitive|conscious|aware|driven)",
            r"(?:buys?|shops?|shopping|buying)(?: \w+){0,3} on sale",
            "thrifty",
            "frugal(?:ly)?",
            "cheapest",
            "low(?:est)? prices?",
            r"budget[- ](?:shopper|buyer|oriented|minded|friendly \w+)",
            r"(?:tight|close|watchful) (?:grip|eye|hold) on (?:spending|prices?|money|costs?)",
            "(?:watches|counts) (?:every|her|his|their|the) (?:penny|spending|pennies|prices?)",
            "saves? money",
        ],
        "balanced": [
            r"(?:weigh(?:s|ing)?|balanc(?:es|ing)) (?:up )?(?:price|cost|quality)s? (?:and|against"
            "|with) (?:price|quality|cost)",
            r"balance (?:of|between) (?:price|cost|quality) and (?:price|cost|quality)",
            r"(?:price|quality|cost) and (?:price|quality|cost) (?:weigh|count|matter) (?:equally"
            "|the same|alike|both)",
            r"(?:good )?value[- ]for[- ]money(?: \w+)?",
            r"balanced (?:\w+ )?(?:spend\w*|shopp\w+|buyer|buying|price\w*|attitude|approach|view"
            r"|way|consumer|purchas\w+|stance)(?: (?:to|of|on|towards?) (?:spending|prices?|money"
            "|shopping|costs?))?",
            r"moderate(?:ly)? (?:price|cost)[- ]sensitiv(?:e|ity)",
            r"mid-range (?:products?|goods|brands?|prices?|items|shopper|buyer)",
        ],
        "premium": [
            rf"(?:premium|luxury|high-end|up-?(?:market|scale))[- ]{_GOODS}",
            r"(?:buy\w*|prefer\w*|favou?rs?|chooses?|spends?(?: freely)? on"
            r"|(?:lifestyle|life|love|taste|preference) (?:of|for))"
            r" (?:\w+ )?(?:premium|luxury|high-end|up-?market|upscale)(?: \w+)?",
            r"(?:mostly|mainly|usually|often) premium",
            "(?:top|designer|expensive) brands",
            r"pay(?:s|ing)? (?:extra |more |a premium )?for (?:quality|brands|better)",
            r"quality[- ](?:over|before|above)[- ]price(?: \w+)?",
            rf"quality (?:comes|goes|stands|ranks|matters) (?:before|above|over|more than) (?:the )?{_PRICE}",
            rf"{_PRICE} (?:hardly|barely|scarcely) matters?",
            rf"{_PRICE} (?:does not|doesn't|do not) matter",
            r"expensive tastes?",
            "spends? freely",
        ],
    },
    "chronotype": {
        "morning": [
            r"(?:active|shops?|shopping|online|busy|awake|peaks?|activity|buys"
            r"|browses)(?: \w+){0,3} (?:in|during) the (?:early )?(?:hours of the )?mornings?",
            "early hours of the (?:morning|day)",
            r"morning[- ](?:person|type|lark|hours|rhythm|routine|active|chronotype)",
            "early[- ](?:risers?|birds?)",
            r"(?:gets?|getting|is|wakes?|always|rises|rising) up (?:very )?early",
            "up early",
            r"starts? (?:the|her|his|their) days? early",
            r"mornings are",
            "early mornings?(?! flights?)",
        ],
        "daytime": [
            "(?:during|in) the (?:day(?:time)?|course of the day)(?! before)",
            "daytime",
            "by day(?! and night)",
            "daylight hours",
            "middle of the day",
            "middays?",
        ],
        "night": [
            r"at nights?(?! school)",
            r"nights? (?:are|is)",
            r"night[- ]?(?:owl|time|hours|person|type|rhythm|shopper|active)",
            "late[- ]night",
            r"late (?:at|into the|in the) (?:night|evening)(?: and (?:at )?night)?",
            "nocturnal",
            r"stay(?:s|ing)? up (?:very )?late",
            r"up (?:until )?late",
            r"(?:goes|going|go|gets) to bed (?:very )?late",
        ],
    },
}
"""Tag → value → expressions of a statement of it."""

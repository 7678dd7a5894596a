"""What the fixed extractor takes for a statement of each value of the tags of work and travel.

Expressions as in `extractor_person.py`.
"""

from hprbench.extractor_person import STUDENT

_WORK = (
    r"(?:jobs?|works?|working|worker|employed|employment|career)(?: shifts| nights| part-time"
    r"| full-time)?"
)
_WORK_IN = _WORK + " (?:in|at|for) (?:the |an? )?(?:local |public |large |small |private )?"
_INCOME = r"(?:incomes?|earnings|salary|salaries|pay|wages?)"
_TRAVEL = (
    r"(?:travel(?:s|ling|ing|led)?|trips?|journeys?|moves?|moving|mov\w+ (?:about|around)"
    r"|movements?|commut\w+|excursions?)"
)
_OFTEN = (
    r"(?:often|frequently|regularly|a lot|all the time|constantly|every (?:week|month)"
    r"|several times a (?:year|month)|abroad)"
)
_RARELY = r"(?:rarely|seldom|hardly(?: ever)?|never|scarcely(?: ever)?|barely)"

WORK: dict[str, dict[str, list[str]]] = {
    "education": {
        "school": [
            "schooling without a degree",
            r"(?:no|without an?|lacks an?|without any|not (?:have|hold) (?:an?|any)"
            "|no formal) (?:university |college |academic |higher )?degree",
            r"(?:high|secondary)[- ]school(?:[- ](?:education|diploma|graduate|level|leaver"
            "|certificate|qualification))",
            r"school[- ]lea(?:ver|ving)(?: \w+)?",
            r"school[- ]level(?: education)?",
            r"(?:finish(?:ed)?|left|complet\w+|graduated from) (?:only "
            r"|just )?(?:\w+ after )?(?:high |secondary )?school(?: only)?",
            r"(?:not|\w+n't|never) (?:go|went|gone|attend|attended|been) (?:to )?(?:university|college)",
            r"secondary(?:[- ]level)? education",
            r"(?:not|\w+n't|never) (?:go|went|continue\w*|study|studied) (?:beyond|past"
            "|after) (?:high |secondary )?school",
            r"education (?:\w+ ){0,2}(?:ended|finished|stopped|ends) (?:with|after|at) (?:high "
            "|secondary )?school",
            r"school is (?:her|his|their|the) highest(?: \w+){0,4}",
            "(?:only|just) (?:an? )?(?:high |secondary )?school(?: education| diploma| certificate)?",
        ],
        "bachelor": [
            r"bachelor(?:'?s)?[- ](?:degree|of|level|graduate|education|qualification)",
            "bachelor's(?! (?:flat|party|life))",
            r"(?:has|holds|have|hold|earned|completed|with) an? (?:(?-i:B\.?A\.?)|(?-i:B\.?[Ss]c\.?)"
            "|bachelor|first degree)",
            "undergraduate (?:degree|education|qualification)",
            "first degree",
            r"(?:university|college)[- ](?:degree|graduate|educated|education)",
        ],
        "postgraduate": [
            r"post-?graduate(?: (?:degree|studies|education|level|qualification|one))?",
            r"master(?:'?s)? (?:degree|of (?:science|arts|business|education|laws?|engineering)|level"
            "|graduate)",
            "master's",
            r"ph\.?d\.?(?: holder)?",
            "doctora(?:te|l)(?: degree)?",
            "mba",
            "graduate (?:school|degree)",
            "advanced (?:university |academic )?degree",
            r"(?:not|\w+n't) stop(?:ped)? at an? bachelor's",
            r"beyond an? bachelor's",
        ],
    },
    "occupation": {
        "student": [
            "studies as (?:an )?occupation",
            STUDENT,
            "(?:studies|studying) full[- ]time",
        ],
        "office": [
            "office[- ](?:jobs?|work|workers?|employee|position|clerk|manager|assistant|role|based)",
            _WORK_IN
            + "(?:office|administration|finance|marketing|accounting|bank|insurance)(?! (?:building|block))",
            "desk job",
            r"white-collar(?: \w+)?",
            "clerical (?:job|work|worker)",
            "clerk",
            "accountant",
            "administrati(?:ve|on) (?:assistant|worker|employee|job|role)",
            "secretary",
            "bookkeeper",
            "(?:project|marketing|account|finance) manager",
            "(?:financial|business|data) analyst",
            "lawyer",
            "banker",
        ],
        "service": [
            "service (?:jobs?|workers?|work|industry|sector|staff|role|employee)",
            "customer service",
            _WORK_IN
            + r"(?:services?|service (?:sector|industry)|retail|hospitality|shop|store|supermarket|restaurant"
            r"|caf\w|bar|hotel"
            r"|customer service|catering|sales|call cent\w+)(?!\w)",
            "(?:retail|hospitality|restaurant|hotel|sales|catering) (?:workers?|employee|jobs?"
            "|assistant|staff|professional)",
            "waiter",
            "waitress",
            "cashier",
            "shop assistant",
            "sales(?:person|man|woman| assistant| clerk)",
            "barista",
            "bartender",
            "receptionist",
            "hairdresser",
            "chef",
            "travel agent",
            "concierge",
            "(?:wedding|event) planner",
            "flight attendant",
            "shopkeeper",
        ],
        "healthcare": [
            _WORK_IN
            + r"(?:health ?-?care(?: sector)?|medicine|hospital|clinic|health(?: sector| service)?|nursing"
            r"|medical \w+|pharmacy|care home)",
            "(?<!wet )nurse(?!ry)",
            "physician",
            "surgeon",
            "paramedic",
            "dentist",
            "midwife",
            "carer",
            "therapist",
            "physiotherapist",
            r"health(?: ?-?care)? (?:workers?|professional|jobs?|staff|sector|employee)",
            "medical (?:workers?|professional|jobs?|staff|doctor|profession)",
            "an? (?:\\w+ )?doctor(?!'s| who)",
            "hospital (?:worker|staff|job|employee)",
            "pharmacist",
        ],
        "education": [
            _WORK_IN + "(?:education(?: sector)?|teaching|school|schools|university|kindergarten)",
            "(?:school|kindergarten )?teach(?:ers?|ing professional)",
            "lecturer",
            "professor",
            "educator",
            "teaching (?:job|position|post|career|profession)",
            "teaches",
            "tutor",
            "education (?:sector|worker|professional|job)",
        ],
        "technical": [
            r"technical (?:jobs?|work(?:er)?|role|position|profession\w*|field|occupation|specialist|expert)",
            "technicians?",
            "engineer",
            "programmer",
            "(?:software |web |app )?developer",
            _WORK_IN
            + r"(?:(?-i:IT)|tech(?:nical \w+)?|technology|engineering|software|information technology)",
            "data scientist",
            "(?:tech|(?-i:IT)|technology) (?:workers?|specialist|professional|expert|jobs?|employee"
            "|consultant|sector)",
        ],
        "trades": [
            _WORK_IN + "(?:(?:building |skilled )?trades?|construction|building sites?|garage|workshop)",
            "trades(?:man|woman|person|people)",
            "electrician",
            "plumber",
            "carpenter",
            "joiner",
            "mechanic",
            "welder",
            "(?<!body )(?<!muscle )(?<!set )builder",
            "bricklayer",
            "roofer",
            "craftsman",
            "construction (?:worker|job|work)",
            "skilled trades?(?:person|sman)?",
            "(?:manual|blue-collar) (?:work(?:er)?|job|labou?r(?:er)?)",
        ],
        "self_employed": [
            "self-? ?employed",
            "freelanc(?:e|er|es|ing)",
            "(?:business|company|firm|shop|practice|studio) of (?:their|her|his) own",
            r"(?:owns?|runs?|running|founded|has|with|owner of|manages) (?:an?|her|his"
            "|their) (?:small |own |little )+(?:business|company|firm|shop|practice|studio)",
            "(?:owns?|runs?|running) (?:a|the|her|his|their) (?:business|company|firm|shop)",
            "own (?:business|company|firm|boss)",
            "entrepreneur",
            "business owner",
            "sole trader",
            "works? (?:for (?:her|him|them)sel(?:f|ves)|independently)",
            "independent contractor",
        ],
        "not_working": [
            "no (?:paid work|paid job|jobs?|employment)(?! yet)",
            r"(?<!when )(?<!while )not(?: currently| presently)? (?:in (?:paid )?work|employed"
            "|currently working|working|holding a job)(?! (?:out|yet|as|at(?! present| the moment)|in))",
            r"without (?:a job|paid work|work|employment)",
            "unemployed",
            "jobless",
            "out of work",
            "between jobs",
            r"(?:not|\w+n't)(?: currently)? (?:work|have (?:a|any) (?:paid )?job)(?! (?:out|at|in|as"
            "|for|on|yet|towards?))",
            "home-?maker",
            "housewife",
            "househusband",
            r"stay-at-home(?: \w+)?",
            r"non-working(?: \w+)?",
            "stays? at home and has no job",
        ],
    },
    "income_band": {
        "low": [
            r"low(?:er)?[- ](?:income|earn\w+|pay|paid|wage\w*|salary)(?:[- ](?:earner|consumer"
            "|household|band|bracket))?",
            r"(?:low|small|modest|limited|meagre|tight"
            rf"|below[- ]average)(?: \w+)? {_INCOME}(?! (?:range|is))",
            "(?:modest|limited|small|scarce|few) means",
            "earns? (?:little|below|less than|poorly|not much)(?: average)?",
            "poorly paid",
            "badly paid",
            "tight budget",
            "low one",
        ],
        "middle": [
            r"(?:lower |upper |lower-|upper-)?(?:middle|average|medium|mid|moderate|mid-?range"
            rf"|mid-?level|middling)[- ](?:level |range |class |band )?{_INCOME}"
            r"(?:[- ](?:earner|consumer|household|band|bracket))?",
            "middle(?: income)? (?:earner|band|bracket)",
            "middle-class",
            "average means",
            "earns? (?:an? )?average(?! (?:amount|sum))",
            r"middle one",
            r"neither (?:an? )?low nor (?:an? )?high(?: \w+){0,2} but (?:(?:in the|an?) )?(?:middle"
            r"|average)(?: \w+)?",
        ],
        "high": [
            rf"high(?:er)?[- ](?:{_INCOME}|earners?|paid|earning\w*)(?:[- ](?:earner|consumer"
            "|household|band|bracket))?",
            rf"(?:good|large|substantial|above[- ]average|comfortable|generous)(?: \w+)? {_INCOME}",
            "(?:well|highly)[- ]paid",
            "affluent",
            "wealthy",
            "well[- ]off",
            "prosperous",
            "earns? (?:well|a lot(?! of)|much(?! \\w)|handsomely|above"
            "|more than(?= (?:the )?(?:average|most|many)))"
            "(?: (?:above )?average)?",
            "high one",
        ],
    },
    "mobility": {
        "local": [
            r"(?:stay|keep|remain)(?:s|ing)? (?:mostly |very |mainly |close )?(?:to (?:the|her|his"
            "|their) )?local(?:ly| area| neighbou?rhood)?",
            rf"{_RARELY} (?:travels?|leaves?(?: [\w']+){{0,3}} (?:city|town|home|area"
            "|neighbou?rhood)|goes away|flies and stays local)",
            rf"{_RARELY} (?:fl\w+|travel\w*) (?:and|but) (?:mostly )?stays? local",
            r"(?:stay(?:s|ing)?|staying) (?:close to|near|around) home",
            r"(?:stay|remain|keep)(?:s|ing)? (?:mostly |mainly )?(?:in|to|within|around) (?:her|his"
            "|their) (?:own |home )?(?:city|town|neighbou?rhood|area)",
            "travels? (?:rarely|little|seldom|hardly)",
            r"(?:not|\w+n't) (?:often )?travel(?: much| far| often| a lot)?",
            "not (?:much of )?a (?:\\w+ )?travell?er",
            "local (?:mobility|life|radius|person|movement)",
            "homebody",
            "(?:with )?(?:little|hardly any|limited|no) travel(?:ling|ing)?",
            r"(?:mov\w+|gets?|travels?|lives?)(?: \w+)? locally",
        ],
        "regional": [
            rf"{_TRAVEL}(?: \w+){{0,2}} (?:in|around|within|across|inside|throughout) (?:the|her|his"
            r"|their) (?:\w+ )?region",
            r"(?:short |frequent |many |occasional |weekend |day )+(?:trips?"
            r"|travels?)(?: \w+){0,2} (?:in|around|within|across) (?:the|her|his"
            r"|their) (?:\w+ )?region",
            r"(?:travel|mov|commut)\w*(?: \w+){0,2} regionally",
            r"regional(?:ly)?[- ](?:travel\w*|trips?|mobility|mobile|journeys?|excursions?)(?: habits?)?"
            r"(?! (?:agen\w+|concierge|guide))",
            "(?:day|weekend) trips(?! abroad)",
            "nearby (?:cities|towns|places)",
            "neighbou?ring (?:cities|towns)",
            "within the region",
        ],
        "frequent_flyer": [
            rf"fl(?:ying|ies|y) (?:\w+ )?{_OFTEN}",
            r"(?:often|frequently|regularly|constantly) (?:fl(?:ies|ying|y)|travels? by (?:air"
            "|plane)|books? flights|takes? (?:flights|planes))",
            r"travels? (?:often|frequently|a lot|regularly|mostly|mainly) by (?:air|plane)",
            r"(?:takes?|books?|taking|booking) (?:many|frequent|lots of|numerous|a lot of"
            "|regular) (?:flights|planes)",
            r"books? flights (?:all the time|often|frequently|regularly)",
            r"(?:frequent|regular)(?:ly)?[- ](?:fl(?:y|i)ers?|flights?|flying|air travel\w*)(?:[- ]\w+)?",
            r"frequent (?:business |long-haul |international )?(?:travel\w*|trips)(?!-| (?:in|within"
            "|around|across|to (?:an?|the|her|his|their|local|nearby|town)|for (?:groceries|food"
            "|errands|shopping)))",
            r"jet-?set\w*",
            r"flights? (?:every|each) (?:week|month)",
            r"flights? (?:is|are) (?:very )?(?:frequent|common|regular)",
            "air travel is (?:frequent|common|regular)",
        ],
    },
}
"""Tag → value → expressions of a statement of it."""

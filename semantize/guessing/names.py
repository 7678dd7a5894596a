"""What names of columns, files and actions say: English, German, Chinese, and the habits of known logs.

Patterns are searched in names spelled as words: "venueCategoryId" and "venue_category_id" are both
"venue category id".
"""

import re
from collections.abc import Sequence

_WHO = (
    r"user|usr|customer|cust|client|consumer|household|member|account|visitor|shopper|buyer|reviewer|rater"
    r"|subscriber|player|listener|viewer|reader|passenger|guest|patient|student|person|profile|anon"
    r"|kunden?|benutzer|nutzer|mitglieds?|haushalts?|besucher|konto|usuario|cliente|utilisateur"
)
_ID = r" ?(id|ids|key|no|nr|num|number|nummer|code|hash|uuid|guid)"
_THING = (
    r"item|product|prod|article|artikel|produkt|movie|film|book|song|track|video|venue|poi|news|course|hotel"
    r"|restaurant|business|listing|game|app|recipe|stock|sku|goods|ad|page"
)

NAMES: dict[str, tuple[tuple[float, str], ...]] = {
    "user_id": (
        (1.0, rf"^({_WHO}|uid)({_ID})?$|^(用户|会员|客户|顾客|买家|账号|账户) ?(id|编号|号|标识)?$"),
        (0.8, rf"^({_WHO}) (name|pseudo id|unique id|uid|handle|login)$|^(username|用户名|昵称)$"),
        (0.5, r"^(author|e ?mail|phone|msisdn|card|loyalty card)( id| number| no)?$|^手机号?$"),
        (0.4, r"^(device|cookie|fingerprint|client ip|ip)( id| address)?$"),
        (0.3, r"^((user|customer|visitor|web) )?session( id| key)?$|^会话(id)?$"),
    ),
    "timestamp": (
        (1.0, r"^(ts|time ?stamp|date ?time|time|when|zeitstempel|zeitpunkt|时间戳?|日期时间)$"),
        (1.0, r"\b(timestamp|datetime|event ?time)$"),
        (0.9, r"(time|date)$|^date\b|\b(time|at|utc|epoch)$|datum|zeit$|时间|日期"),
    ),
    "source": (
        (1.0, r"^(source|platform|channel|site|app|app name|service|portal|shop|marketplace)$"),
        (1.0, r"^(quelle|plattform|kanal|来源|平台|渠道)$"),
        (0.5, r"^(domain|host|website|medium|traffic source|store name|market)$"),
    ),
    "action": (
        (1.0, r"^(action|event|behaviou?r|activity|interaction|operation|verb)( ?(type|name|kind))?$"),
        (1.0, r"^(aktion|ereignis|ereignistyp|行为|行为类型|动作|操作|操作类型|事件|事件类型)$"),
        (0.6, r"^(type|kind|typ|feedback type|click type|类型)$"),
    ),
    "content": (
        (
            1.0,
            r"^(content|title|titel|description|desc|query|keywords?|search ?(terms?|query|string))$",
        ),
        (1.0, rf"^({_THING}) ?(title|titel|name|description|desc|bezeichnung|text)$"),
        (1.0, r"^(beschreibung|bezeichnung|suchbegriff|suchanfrage|标题|名称|搜索词|关键词|内容)$"),
        (1.0, r"^(商品|产品|电影|书|歌曲)(名|名称|标题)?$"),
        (0.9, rf"^(name|text|{_THING})$"),
        (0.75, r"^(product|item) type$|(title|name|description|headline|subject)$|(名称|标题)$"),
        (0.6, r"^(comments?|review( text)?|body|message|artist|brand)$"),
        (0.4, r"\b(url|uri|page|path|link|screen|asin)$|^网址$"),
    ),
    "category": (
        (1.0, r"\b(categor(y|ies)|cat|genres?|kategorien?|warengruppe|rubrik)\b|类目|类别|品类|分类"),
        (0.9, r"^(department|abteilung|section|class|subject area|频道)$"),
        (0.85, rf"^({_THING}) ?(type|group|class|kind)$"),
        (0.4, r"^(brand|marke|品牌|tags?|topic|theme|type|typ|类型)$"),
    ),
    "location": (
        (1.0, r"^(city|town|location|stadt|standort|城市|地点|位置)( name)?$"),
        (0.9, r"^(place|venue|venue (name|city)|ort|poi|门店)$|\b(city|stadt)$"),
        (0.8, r"^(country|land|国家)( name| code)?$|\bcountry$"),
        (0.7, r"\b(region|province|state|bundesland|store name|location)$|省份?$|地区"),
    ),
    "count": (
        (1.0, r"^(quantity|qty|count|cnt|units?|pieces|menge|anzahl|stückzahl|数量|件数|个数)$"),
        (0.7, r"\b(quantity|qty|menge|anzahl)\b|数量|^num(ber)?( of)? (items|units|products)$"),
    ),
    "value": (
        (1.0, r"^(value|price|amount|rating|score|stars|revenue|total|spend|sales( (value|amount))?)$"),
        (1.0, r"^(preis|betrag|umsatz|wert|bewertung|价格|金额|评分|单价|总价)$"),
        (0.8, r"\b(price|amount|rating|score|revenue|total|cost|paid|spent|preis|betrag|umsatz)\b"),
        (0.8, r"价格|金额|评分|preis$|betrag$"),
        (0.4, r"^(dwell|watch|play|listen)( ?time)?( s| sec| ms)?$|\bduration\b|时长"),
    ),
    "event_id": (
        (1.0, rf"^(event|log|record|row|interaction|hit|ereignis){_ID}$|^(id|uuid|guid|事件id)$"),
        (
            0.7,
            rf"^(transaction|order|review|rating|request|message|check ?in|purchase|play|bestell){_ID}$",
        ),
    ),
}
"""Event field → (strength up to 1, pattern), strongest first."""

NOT_NAMES: dict[str, str] = {
    "timestamp": r"\b(birth|expir|updat|modif|delet|ship|deliver|deadline|due|estimat|load|ingest|process"
    r"|export|releas|publish|regist|join|sign ?up|end\b|geburt)|过期|生日",
    "content": rf"^({_WHO}|brand|category|city|country|state|store|event|action|file|host|domain|campaign|app"
    r"|device|first|last|sur|nick) ?(name|title|description|subject)$|^categor",
    "location": r"\b(categor|type|status|lat|lon)|id$",
    "value": r"\b(disc|tax|rabatt|shipping|freight|vat|steuer|count|number of)",
    "category": r" ?(id|ids|key|no|nr)$",
}
"""Event field → pattern of names that only look like it, or are the wrong one of several."""

SIDE_KEYS = rf"^({_THING}|asin|isbn|artist|商品|产品)( ?id| ?key| ?no| ?nr| ?code| ?编号)?$|^stock code$"
"""Names of ids whose meaning stands in another file."""

ORDER_NUMBERS = (
    r"\b(invoice|order|bill|receipt|transaction|basket|rechnungs?|bestell(ung)?|订单)"
    r"( ?(no|nr|num|number|id|nummer|编?号))?$"
)
"""Names of columns that group rows bought at once."""

CONSTANT_ACTIONS: tuple[tuple[str, str], ...] = (
    (r"\b(ratings?|rate|stars|reviews?|bewertung(en)?)\b|评分", "Rate"),
    (r"\b(check ?ins?|venue|poi|visits?)\b|签到", "Visit"),
    (
        r"\b(invoices?|orders?|transactions?|basket|purchases?|sales|quantity|qty|retail|rechnung|bestell\w*"
        r"|menge)\b|订单|购买",
        "Order",
    ),
    (r"\b(query|queries|search(es)?|keywords?|suchbegriff|suchanfrage)\b|搜索", "Search"),
    (r"\b(listens?|track|song|artist|scrobbles?)\b", "Listen"),
    (r"\b(price|preis|cost|customer|kunden\w*)\b|价格|顾客|客户", "Order"),
)
"""What names of columns or of the file say that every row of it is, first match first."""

ACTION_CODES: dict[str, str] = {
    "pv": "View",
    "view": "View",
    "page_view": "View",
    "pageview": "View",
    "view_item": "View",
    "product_view": "View",
    "clk": "Click",
    "click": "Click",
    "buy": "Order",
    "purchase": "Order",
    "transaction": "Order",
    "order": "Order",
    "cart": "Cart",
    "addtocart": "Cart",
    "add_to_cart": "Cart",
    "fav": "Favourite",
    "favorite": "Favourite",
    "favourite": "Favourite",
    "collect": "Favourite",
    "remove_from_cart": "Remove from cart",
    "search": "Search",
    "浏览": "View",
    "点击": "Click",
    "购买": "Order",
    "下单": "Order",
    "加购": "Cart",
    "收藏": "Favourite",
}
"""Codes of behaviour whose meaning does not depend on the log, in lower case."""

NOBODY = ("null", "none", "nan", "n/a", "na", "\\n", "unknown", "anonymous", "guest", "-1", "-")
"""What stands in the user column of rows without a user, in lower case."""


def spelled(name: str) -> str:
    """`name` as words in lower case: "venueCategoryID" → "venue category id".

    Example:
        spelled("InvoiceNo") == "invoice no"
    """
    split = re.sub(r"([a-z0-9])([A-Z])|([A-Z])(?=[A-Z][a-z])", r"\1\3 \2", name[:200])
    return " ".join(re.findall(r"[^\W_]+", split.casefold()))


def named(field: str, name: str) -> float:
    """How strongly a column's name says that it is an event field, 0 to 1."""
    words = spelled(name)
    strength = max((weight for weight, pattern in NAMES[field] if re.search(pattern, words)), default=0.0)
    unfit = NOT_NAMES.get(field)
    return strength * (0.4 if unfit and re.search(unfit, words) else 1.0)


def is_side_key(name: str) -> bool:
    """Whether the name is that of an id of something a log is about."""
    return bool(re.search(SIDE_KEYS, spelled(name)))


def is_order_number(name: str) -> bool:
    """Whether the name is that of the number of an order or an invoice."""
    return bool(re.search(ORDER_NUMBERS, spelled(name)))


def says_anything(name: str) -> bool:
    """Whether the name tells what a column means."""
    return is_side_key(name) or is_order_number(name) or any(named(field, name) for field in NAMES)


def constant_action(names: Sequence[str]) -> tuple[str, str]:
    """What names of a log's columns say that every row of it is, and the word that says it, else View."""
    words = " | ".join(spelled(name) for name in names)
    for pattern, action in CONSTANT_ACTIONS:
        match = re.search(pattern, words)
        if match:
            return action, match[0]
    return "View", ""

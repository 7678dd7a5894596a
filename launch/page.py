"""A page of profiles that a person can read: every claim unfolds to its lines and events."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment

from records.files import write_text

MAX_USERS = 200
"""Users on the page; all are in profiles.jsonl."""

_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
article { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .5rem;
  padding: 0 1rem 1rem; margin: 1rem 0; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: .25rem 1rem; }
dt { font-weight: 600; } dd { margin: 0 0 .5rem; } code, li { font-size: .85rem; }
summary { cursor: pointer; } .none { opacity: .6; }
</style></head><body>
<h1>{{ title }}</h1>
<p>{{ total }} users{% if total > shown|length %}, the first {{ shown|length }} of them here{% endif %}.
Values are a model's claims; unfold one to see the history lines it cited and the events behind them.</p>
{% macro evidence(lines) %}{% if lines %}<details><summary>{{ lines|length }} line(s) cited</summary>
{% for line in lines %}<p><code>{{ line.text }}</code></p><ul>
{% for event in line.events[:20] %}<li>{{ event.time }} {{ event.source }} {{ event.action }}
{{ event.content or event.category or "" }} {{ event.location or "" }}
<code>{{ event.event_id }}</code></li>{% endfor %}
{% if line.events|length > 20 %}<li>and {{ line.events|length - 20 }} more</li>{% endif %}</ul>
{% endfor %}</details>{% else %}<span class="none">no line cited</span>{% endif %}{% endmacro %}
{% for profile in shown %}<article><h2>{{ profile.user_id }}</h2>
{% if profile.error %}<p>No well-formed answer: {{ profile.error }}.</p>{% else %}
{% if profile.updated %}<p class="none">Changed by new events: {{ profile.updated|join(", ") }}.</p>
{% endif %}
{% for sentence in profile.summary %}<p>{{ sentence.text }} {{ evidence(sentence.evidence) }}</p>{% endfor %}
<dl>{% for name, tag in profile.tags.items() %}<div><dt>{{ name }}</dt>
<dd>{{ tag.value if tag.value is string else tag.value|join(", ") }} {{ evidence(tag.evidence) }}</dd></div>
{% endfor %}</dl>{% endif %}</article>{% endfor %}
</body></html>
"""


def write_page(path: Path, shown: Sequence[dict[str, Any]], total: int, title: str) -> None:
    """Write the page of the profiles `shown`, of `total`, whole. All text is escaped: logs are hostile."""
    template = Environment(autoescape=True).from_string(_TEMPLATE)
    write_text(path, template.render(title=title, total=total, shown=shown))

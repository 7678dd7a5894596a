"""Tag values as English clauses, and clauses as summary sentences."""

from collections.abc import Mapping, Sequence

from records.tags import TAG, TAGS

CLAUSES: dict[str, dict[str, str]] = {
    "gender": {"female": "a woman", "male": "a man"},
    "age_group": {value: f"aged {value}" for value in TAG["age_group"].values},
    "life_stage": {
        "student": "still studying",
        "early_career": "early in a career",
        "established": "established in a career",
        "retired": "retired",
    },
    "relationship": {"single": "single", "partnered": "with a partner", "married": "married"},
    "child_stage": {
        "none": "no children",
        "expecting": "a baby on the way",
        "infant": "an infant",
        "preschool": "a preschool child",
        "school_age": "a child at school",
    },
    "household_size": {
        "1": "one person",
        "2": "two people",
        "3-4": "three or four people",
        "5+": "five people or more",
    },
    "housing_tenure": {
        "owner": "an owned home",
        "renter": "a rented home",
        "with_family": "a room in the family home",
    },
    "pet": {"none": "no pet", "cat": "a cat", "dog": "a dog"},
    "interests": {},
    "dining_style": {
        "home_cook": "cooking at home",
        "takeaway": "ordering takeaway",
        "restaurant": "eating in restaurants",
        "mixed": "eating both in and out",
    },
    "fitness": {"low": "little exercise", "moderate": "regular exercise", "high": "hard training"},
    "price_sensitivity": {
        "bargain": "hunting bargains",
        "balanced": "weighing price and quality",
        "premium": "buying premium goods",
    },
    "chronotype": {
        "morning": "active in the morning",
        "daytime": "active during the day",
        "night": "active at night",
    },
    "education": {
        "school": "schooling without a degree",
        "bachelor": "a bachelor degree",
        "postgraduate": "a postgraduate degree",
    },
    "occupation": {
        "student": "studies as occupation",
        "office": "an office job",
        "service": "a service job",
        "healthcare": "a job in healthcare",
        "education": "a job in education",
        "technical": "a technical job",
        "trades": "a job in the trades",
        "self_employed": "a business of their own",
        "not_working": "no paid work",
    },
    "income_band": {"low": "a low income", "middle": "a middle income", "high": "a high income"},
    "home_city": {},
    "mobility": {
        "local": "staying local",
        "regional": "travelling in the region",
        "frequent_flyer": "flying often",
    },
}
"""Clause of every closed value, by tag; open tags have their own wording in `clause`."""

OPENINGS = {
    "LS": "The user is",
    "HC": "The household has",
    "LI": "Daily life means",
    "EP": "Behind it stand",
    "GC": "The place is",
}
"""How the sentence about a dimension begins; clauses follow."""


def clause(tag: str, values: Sequence[str]) -> str:
    """The clause that states `values` of `tag`, e.g. `aged 25-34`.

    A city comes first in its clause: whether there is one to name is then decided by looking at its value,
    not by a phrase that fits nearly every user and leaves nothing to say where the city is NA.
    """
    if tag == "interests":
        return "a liking for " + " and ".join(values)
    if tag == "home_city":
        return f"{values[0]} as home"
    return CLAUSES[tag][values[0]]


def sentences(tags: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """One sentence a dimension that has any value: dimension → (text, tags it states).

    Tags without a value (NA) are passed over in silence: a summary asserts only what is known.
    """
    stated: dict[str, list[str]] = {}
    for tag in TAGS:
        if tags.get(tag.name):
            stated.setdefault(tag.dimension, []).append(tag.name)
    return {
        dimension: (
            f"{OPENINGS[dimension]} {', '.join(clause(name, tags[name]) for name in names)}.",
            tuple(names),
        )
        for dimension, names in stated.items()
    }

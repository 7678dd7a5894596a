"""The author that needs no model: plain, offline, and the same every time."""

from collections.abc import Iterable, Sequence

from simulate.author.protocol import DesireAsk, Desires, PersonaFacts, TextAsk, Texts

PHRASES: dict[str, dict[str, str]] = {
    "gender": {"female": "woman", "male": "man"},
    "age_group": {},  # the age itself is given
    "life_stage": {
        "student": "still a student",
        "early_career": "at the start of a working life",
        "established": "settled in working life",
        "retired": "retired",
    },
    "relationship": {"single": "single", "partnered": "in a relationship", "married": "married"},
    "child_stage": {
        "none": "no children at home",
        "expecting": "a child on the way",
        "infant": "a baby",
        "preschool": "a child not yet at school",
        "school_age": "a child at school",
    },
    "household_size": {
        "1": "a household of one",
        "2": "a household of two",
        "3-4": "a household of three or four",
        "5+": "a household of five or more",
    },
    "housing_tenure": {
        "owner": "a home of their own",
        "renter": "a rented home",
        "with_family": "the family's home",
    },
    "pet": {"none": "no pet", "cat": "a cat", "dog": "a dog"},
    "dining_style": {
        "home_cook": "cooks at home",
        "takeaway": "has food brought",
        "restaurant": "eats out",
        "mixed": "cooks or eats out as it comes",
    },
    "fitness": {
        "low": "hardly exercises",
        "moderate": "exercises now and then",
        "high": "exercises a lot",
    },
    "price_sensitivity": {
        "bargain": "looks for bargains",
        "balanced": "weighs price against quality",
        "premium": "pays for the best",
    },
    "chronotype": {
        "morning": "is up early",
        "daytime": "is about during the day",
        "night": "is up late",
    },
    "education": {
        "school": "finished school",
        "bachelor": "has a bachelor's degree",
        "postgraduate": "has a postgraduate degree",
    },
    "occupation": {
        "student": "studies",
        "office": "works in an office",
        "service": "works in service",
        "healthcare": "works in healthcare",
        "education": "works in education",
        "technical": "has a technical job",
        "trades": "works in a trade",
        "self_employed": "is self-employed",
        "not_working": "does not work",
    },
    "income_band": {"low": "earns little", "middle": "earns a middling income", "high": "earns well"},
    "mobility": {
        "local": "seldom leaves town",
        "regional": "travels within the region",
        "frequent_flyer": "flies often",
    },
}
"""What is said of a closed tag's values."""


class TemplateAuthor:
    """Describes personas by their facts; for the rest the world's own desires and composed titles stay."""

    def complete_personas(self, personas: Sequence[PersonaFacts]) -> list[Texts]:
        """One paragraph each, composed from the facts."""
        return [Texts(texts=(_description(persona),)) for persona in personas]

    def mine_desires(self, asks: Sequence[DesireAsk]) -> list[Desires]:
        """None."""
        return [Desires() for _ in asks]

    def word_intents(self, asks: Sequence[TextAsk]) -> list[Texts]:
        """None."""
        return [Texts() for _ in asks]

    def write_titles(self, asks: Sequence[TextAsk]) -> list[Texts]:
        """None."""
        return [Texts() for _ in asks]


def _description(persona: PersonaFacts) -> str:
    def said(*tags: str) -> str:
        values = [(tag, value) for tag in tags for value in persona.tags.get(tag, ())]
        return ", ".join(PHRASES[tag].get(value, value.replace("_", " ")) for tag, value in values)

    city = "".join(f" in {name}" for name in persona.tags.get("home_city", ()))
    sentences = (
        ("", f"a {said('gender') or 'person'} of {persona.age}{city}"),
        ("", said("relationship", "life_stage")),
        ("Home: ", said("household_size", "housing_tenure", "child_stage", "pet")),
        ("", said("occupation", "education", "income_band")),
        ("", said("dining_style", "fitness", "price_sensitivity", "chronotype", "mobility")),
        ("Hobbies: ", ", ".join(persona.tags.get("interests", ()))),
        ("Very much so: ", _lowered(persona.likes.values())),
        ("Not at all so: ", _lowered(persona.dislikes.values())),
    )
    written = [start + text for start, text in sentences if text]
    return " ".join(f"{text[:1].upper()}{text[1:]}." for text in written)


def _lowered(docs: Iterable[str]) -> str:
    return "; ".join(doc[:1].lower() + doc[1:] for doc in docs)

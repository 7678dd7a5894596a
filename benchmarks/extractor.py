"""How well the fixed extractor reads summaries: `python -m benchmarks.extractor [--json] [--development]`.

Held-out paraphrase grammars, plain and hard, and model summaries read by hand (`hprbench/validation/`).
Prints the figures of every level and tag and the commonest mistakes as values, without the texts: what fails
in the held-out part is not to be looked at. `--development` measures the development part instead and shows
a text of each mistake.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence

from hprbench.extractor import EXTRACTOR_VERSION
from hprbench.validation.accuracy import SEED, SUMMARIES, Figures, Pair, compare, held_out, measure
from hprbench.validation.grammar import LEVELS, load_grammar, write_summaries
from hprbench.validation.readings import read_by_hand
from records.tags import TAG_NAMES

MISTAKES = 10


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--development", action="store_true", help="the part that rules may be written by")
    options = parser.parse_args(arguments)
    pairs = development() if options.development else measured()
    if options.json:
        report = {level: figures(found) for level, found in pairs.items()}
        print(json.dumps({"version": EXTRACTOR_VERSION, "levels": report}))
    else:
        show(pairs, texts=options.development)


def measured() -> dict[str, list[Pair]]:
    """The pairs of each level that are for measuring."""
    return {
        **{level: compare(*held_out(level)) for level in LEVELS},
        "read by hand": compare(*read_by_hand()),
    }


def development() -> dict[str, list[Pair]]:
    """The pairs of each level that are for mending rules."""
    grammars = {level: load_grammar(level, "development") for level in LEVELS}
    return {
        level: compare(write_summaries(grammar, SUMMARIES, seed=SEED), grammar.cities)
        for level, grammar in grammars.items()
    }


def figures(pairs: Sequence[Pair]) -> dict[str, object]:
    """Figures over all tags, by tag, and the commonest mistakes."""
    return {
        **shares(measure(pairs)),
        "by_tag": {tag: shares(measure(pair for pair in pairs if pair.tag == tag)) for tag in TAG_NAMES},
        "mistakes": [
            {"tag": tag, "stated": stated, "read": read, "count": count}
            for (tag, stated, read), count in mistakes(pairs).most_common(MISTAKES)
        ],
    }


def shares(found: Figures) -> dict[str, float | int | None]:
    return {
        "accuracy": found.accuracy,
        "recall": found.recall,
        "precision": found.precision,
        "silence": found.silence,
        "stated": found.stated,
        "mentioned": found.mentioned,
    }


def mistakes(pairs: Sequence[Pair]) -> Counter[tuple[str, str, str]]:
    """(tag, stated, read) → how often; names of open values are not told apart."""
    return Counter(
        (pair.tag, told(pair.tag, pair.stated), told(pair.tag, pair.read))
        for pair in pairs
        if not pair.is_right
    )


def told(tag: str, values: Sequence[str]) -> str:
    if tag in ("interests", "home_city"):
        return f"{len(values)} named" if values else "nothing"
    return " + ".join(values) or "nothing"


def show(pairs: dict[str, list[Pair]], *, texts: bool) -> None:
    """Print a table a level, and its mistakes; with one text of each where those may be seen."""
    for level, found in pairs.items():
        print(f"\n{level:<18} accuracy  recall  precision  silence   stated  mentioned")
        for name, figures in [
            ("all tags", measure(found)),
            *((tag, measure(pair for pair in found if pair.tag == tag)) for tag in TAG_NAMES),
        ]:
            columns = (figures.accuracy, figures.recall, figures.precision, figures.silence)
            row = "  ".join(f"{'–' if share is None else f'{share:.3f}':>8}" for share in columns)
            print(f"{name:<17} {row}  {figures.stated:>7}  {figures.mentioned:>9}")
        for (tag, stated, read), count in mistakes(found).most_common(MISTAKES):
            print(f"  {count:>3} × {tag}: {stated} read as {read}")
            if texts:
                texts_of = (
                    p.text for p in found if mistakes([p]) and p.tag == tag and told(tag, p.read) == read
                )
                print(f"        {next(texts_of)!r}")


if __name__ == "__main__":
    main()

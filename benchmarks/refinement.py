"""How good refined titles are, on titles whose entity is known.

    python -m benchmarks.refinement online_retail.parquet --simulation runs/users --json

Online Retail (Parquet with StockCode, Description, CustomerID) is the user's own copy: its 200 labels name
products by stock code. A label is the core entity, with at most three attributes in the order of the title:
colour, material, motif, size or number. Words of style and marketing are left out. The Chinese titles and
labels are the project's own, in characters instead of words; a simulation knows its entities.

Tokens are those of the model given, else of a byte-level BPE trained on all the titles and labels.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from benchmarks.titles import Labelled, chinese, online_retail, simulated
from hprbench.overlap import bleu, rouge_1, rouge_l, words
from lm.tokenizer import ChatTokenizer
from records.errors import UserError
from semantize.refining.entity import Entity
from semantize.refining.refine import Refiner, RuleRefiner

CountTokens = Callable[[Sequence[str]], list[int]]
VOCABULARY = 16384
RARE = 10
"""What occurs less often is no token: a title must not become one by being in the texts trained on."""


def score(entities: Sequence[Entity], wanted: Sequence[Entity], count: CountTokens) -> dict[str, float]:
    """BLEU-1 and -2 of the corpus, mean ROUGE-1 and -L, words and tokens a text; the share of cores that are
    exactly those wanted, but for case."""
    texts, references = [one.text for one in entities], [one.text for one in wanted]
    pairs = list(zip(texts, references, strict=True))
    exact = [a.core.casefold() == b.core.casefold() for a, b in zip(entities, wanted, strict=True)]
    return {
        "bleu_1": bleu(texts, references, 1),
        "bleu_2": bleu(texts, references, 2),
        "rouge_1": sum(rouge_1(*pair) for pair in pairs) / len(pairs),
        "rouge_l": sum(rouge_l(*pair) for pair in pairs) / len(pairs),
        "words": sum(len(words(text)) for text in texts) / len(texts),
        "tokens": sum(count([f" {text}" for text in texts])) / len(texts),  # as within a line
        "core": _share(exact),
    }


def distinguishes(entities: Sequence[Entity], wanted: Sequence[Entity]) -> float:
    """The share of texts that stand for one entity only."""
    behind: dict[str, set[str]] = defaultdict(set)
    for entity, known in zip(entities, wanted, strict=True):
        behind[entity.text.casefold()].add(known.core)
    return _share([len(behind[entity.text.casefold()]) == 1 for entity in entities])


def compare(
    titles: Sequence[Labelled], refiner: Refiner, count: CountTokens, *, known: bool
) -> dict[str, dict[str, float]]:
    """Scores of the titles as they are and of `refiner`; where entities are `known`, if texts part them."""
    wanted = [one.entity for one in titles]
    results = {}
    for name, entities in {
        "titles as they are": [Entity(core=one.title) for one in titles],
        "rule refiner": refiner.refine([one.title for one in titles]),
        "labels": wanted,
    }.items():
        results[name] = score(entities, wanted, count)
        if known:
            results[name]["distinguishes"] = distinguishes(entities, wanted)
    return results


def count_tokens(model: Path | None, texts: Sequence[str]) -> CountTokens:
    """How many tokens the tokenizer in `model` takes; without one, a byte-level BPE trained on `texts`."""
    if model is not None:
        return ChatTokenizer.load(model).count
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, min_frequency=RARE, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(texts, trainer)
    return lambda wanted: [len(one.ids) for one in bpe.encode_batch(list(wanted))]


def read_sets(log: Path | None, simulation: Path | None) -> dict[str, list[Labelled]]:
    """The sets of titles to measure on, by name; those of the simulator begin with "simulated"."""
    sets = {"Online Retail": online_retail(log)} if log else {}
    halves = {"development": False, "held out": True}
    sets |= {f"Chinese, {name}": chinese(held_out=half) for name, half in halves.items()}
    if simulation:
        for name, half in halves.items():
            titles = simulated(simulation, held_out=half)
            sets[f"simulated, {name}"] = titles
            sets[f"simulated, {name}, products"] = [one for one in titles if one.kind == "product"]
    return sets


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the scores of the titles as they are and of the rule refiner; with `--json` JSON alone."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("log", type=Path, nargs="?", help="a Parquet copy of UCI Online Retail")
    parser.add_argument("--simulation", type=Path, help="the directory of a simulation")
    parser.add_argument("--model", type=Path, help="a Hugging Face model directory whose tokens to count")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    given = parser.parse_args(arguments)
    try:
        sets = read_sets(given.log, given.simulation)
        every = [
            f" {text}" for titles in sets.values() for one in titles for text in (one.title, one.entity.text)
        ]
        count = count_tokens(given.model, every)
    except UserError as error:
        parser.exit(2, f"{error}\n")
    results = {
        name: compare(titles, RuleRefiner(), count, known=name.startswith("simulated"))
        for name, titles in sets.items()
    }
    print(json.dumps(results) if given.json else _table(results))


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags)


def _table(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    lines = []
    for name, rows in results.items():
        lines.append(name)
        for row, scores in rows.items():
            lines.append(f"  {row:20} " + "  ".join(f"{key} {value:.3f}" for key, value in scores.items()))
    return "\n".join(lines)


if __name__ == "__main__":
    main()

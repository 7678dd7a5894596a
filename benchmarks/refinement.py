"""How good refined titles are, on 200 titles of UCI Online Retail labelled by hand.

    python -m benchmarks.refinement online_retail.parquet --json

The log (Parquet with StockCode, Description, CustomerID) is the user's own copy: the labels name products by
stock code. A label is the core entity, with at most three attributes in the order of the title: colour,
material, motif, size or number. Words of style and marketing are left out.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from benchmarks.overlap import bleu, rouge_1, rouge_l, words
from records.errors import UserError
from semantize.refine import RuleRefiner

LABELS = Path(__file__).parent / "labels" / "online_retail_titles.tsv"


def read_labels() -> dict[str, str]:
    """Stock code → what its title should become: attributes, then the core entity."""
    with LABELS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {
        row["stock_code"]: " ".join([*filter(None, row["attributes"].split("; ")), row["entity"]])
        for row in rows
    }


def read_titles(log: Path, codes: Sequence[str]) -> dict[str, str]:
    """Stock code → its most frequent title among rows that name a customer (ties: the first by alphabet)."""
    try:
        rows = pl.read_parquet(log, columns=["StockCode", "Description", "CustomerID"])
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{log}: no readable copy of Online Retail ({reason}); give the Parquet file"
        ) from None
    counts = (
        rows.drop_nulls()
        .filter(pl.col("StockCode").is_in(list(codes)))
        .group_by("StockCode", "Description")
        .len()
        .sort("len", "Description", descending=[True, False])
        .unique("StockCode", keep="first", maintain_order=True)
    )
    titles = dict(counts.select("StockCode", "Description").iter_rows())
    if missing := [code for code in codes if code not in titles]:
        raise UserError(f"{log}: holds no product {missing[0]}; give a full copy of Online Retail")
    return titles


def score(texts: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """BLEU-1 and -2 of the corpus, mean ROUGE-1 and -L, and words a text."""
    pairs = list(zip(texts, references, strict=True))
    return {
        "bleu_1": bleu(texts, references, 1),
        "bleu_2": bleu(texts, references, 2),
        "rouge_1": sum(rouge_1(*pair) for pair in pairs) / len(pairs),
        "rouge_l": sum(rouge_l(*pair) for pair in pairs) / len(pairs),
        "words": sum(len(words(text)) for text in texts) / len(texts),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the scores of the titles as they are and of the rule refiner; with `--json` JSON alone."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("log", type=Path, help="a Parquet copy of UCI Online Retail")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    given = parser.parse_args(arguments)
    labels = read_labels()
    try:
        titles = read_titles(given.log, list(labels))
    except UserError as error:
        parser.exit(2, f"{error}\n")
    raw = [titles[code] for code in labels]
    results = {
        "titles as they are": score(raw, list(labels.values())),
        "rule refiner": score(RuleRefiner().refine(raw), list(labels.values())),
    }
    if given.json:
        print(json.dumps(results))
        return
    for name, scores in results.items():
        print(f"{name:20} " + "  ".join(f"{key} {value:.3f}" for key, value in scores.items()))


if __name__ == "__main__":
    main()

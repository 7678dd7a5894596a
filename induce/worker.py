"""The tasks of induction, as any worker does them.

    partition of the log ─ pauses ─ memories ──► chunks of users ─ personas, quality, what people read

What a task writes depends on the log, the settings and its number alone, so that any number of workers, in
any order, killed and started again, write the same.
"""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from induce import store
from induce.checking import checked
from induce.coded_events import with_entities
from induce.embedding import SentenceEmbedder
from induce.endpoint import is_unanswered
from induce.inducers import ClusterInducer, Inducer
from induce.memories import in_wall_time, memories_frame
from induce.plain import PlainInducer
from induce.population import population_of, text_of
from induce.scoring import PersonaScorer
from induce.sessions import gap_of, pause_histogram
from induce.telling import told
from induce.texts import embedded
from induce.updating import Update, Updater
from records.errors import UserError
from records.files import read_json, write_json, written_whole
from records.induction import InduceConfig
from records.options import exactly
from records.persona import MEMORY_SCHEMA, IntentMemory, PersonaSet, memories_of, persona_sets, personas_frame
from rewards.personas.total import Quality
from semantize.folder import settled_job
from semantize.refining.refiners import refiner_of
from semantize.store import live_partition, table_path

LEAST_CHUNK, MOST_CHUNK = 64, 256
"""Users induced together, a sixteenth of all within these bounds: what is lost with a worker, and how often
progress is told."""


class Induction:
    """Does the tasks of one generation of the folder `out`; a process makes one and keeps it.

    `inducer` finds the personas of users who have none yet; without it clusters do, plain ones where the
    folder's settings say so. Updates are those of `induce.updating`, whoever the inducer was.
    """

    def __init__(self, out: Path, generation: int, inducer: Inducer | None = None) -> None:
        settings = store.settings_of(out)
        self.out, self.number = out, generation
        self.path = store.generation_path(out, generation)
        self.config: InduceConfig = exactly(InduceConfig, settings["induce"])
        self.log = store.log_of(out)
        self.job = settled_job(self.log)
        note = read_json(self.path / store.LOG)
        self.first, self.last = int(note["first"]), int(note["last"])
        self._inducer = inducer
        self.refuted = Counter[str]()
        """Sentences of a language model that were left out since a chunk was written, by reason."""
        self._is_plain = settings["inducer"]["name"] == "plain"

    @cached_property
    def embedder(self) -> SentenceEmbedder:
        """Meanings of texts, kept in the folder."""
        clusters = self.config.clusters
        cache = self.out / store.VECTORS
        return SentenceEmbedder(clusters.embeddings, cache=cache, most=clusters.cached_texts)

    @cached_property
    def clusters(self) -> ClusterInducer:
        """Induces without a language model, and updates."""
        population = store.population_of_folder(self.out)
        return ClusterInducer(self.config.clusters, self.embedder, population)

    @property
    def inducer(self) -> Inducer:
        """Finds the personas of users who have none yet."""
        if self._inducer is None and self._is_plain:
            return PlainInducer(self.config.clusters, self.embedder)
        return self._inducer or self.clusters

    def pauses(self, part: int) -> None:
        """Count the pauses of a partition's users."""
        counts = pause_histogram(self._events(part)).tolist()
        write_json(self.path / f"pauses-{part:05d}.json", {"counts": counts})

    def memories(self, part: int) -> None:
        """Write the memories of a partition's users: of those with new events, in a later generation."""
        spent = time.process_time()
        events = self._events(part)
        minutes = read_json(store.generation_path(self.out, 0) / store.GAP)["minutes"]
        config = replace(self.config.memories, gap_minutes=minutes)
        frame = pl.DataFrame(schema=MEMORY_SCHEMA)
        if len(events):
            frame = memories_frame(with_entities(events, refiner_of(self.log, self.job.config)), config)
            frame = in_wall_time(frame, self.job.config.timezone or "UTC")
            with written_whole(table_path(self.out, self.number, "memories", part)) as aside:
                frame.write_parquet(aside)
        if not self.number:
            users = memories_of(frame)
            store.write_population(self.path / f"population-{part:05d}.json", population_of(users.values()))
        noise = frame.filter(pl.col("noise") != "")["noise"].value_counts().sort("noise")
        note = {
            "users": frame["user_id"].n_unique(),
            "not_latin": _not_latin(frame),
            "events": len(events),
            "memories": len(frame),
            "noise": dict(noise.iter_rows()),
            "cpu_seconds": time.process_time() - spent,
        }
        write_json(self.path / f"counts-{part:05d}.json", note)

    def personas(self, chunk: int) -> None:
        """Write the persona sets of a chunk of users, how good they are, and both for people."""
        began, spent = time.monotonic(), time.process_time()
        users = self.users_of(chunk)
        memories = {user: users[user] for user in sorted(users)}
        most = self.config.clusters.most_embedded
        # Texts are embedded together, of all users, and here, where they are counted, whoever induces.
        self.embedder([text_of(one) for mine in memories.values() for one in embedded(mine, most)[0]])
        updates = self._induced(memories)
        scores, lines = [], []
        for user, mine in memories.items():
            one = updates[user].personas
            subject, score = self.scorer.subject(mine), self.scorer.quality(one, mine)
            scores.append((user, mine, score))
            lines.append(json.dumps(told(one, subject, score), ensure_ascii=False))
        self._write(chunk, [updates[user].personas for user in memories], scores, lines)
        note = _note(list(updates.values()), scores)
        note |= {"seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - spent}
        note |= {"embedded": self._embedded(), "refuted": dict(sorted(self.refuted.items()))}
        self.refuted.clear()
        write_json(self.path / f"chunk-{chunk:05d}.json", note)

    @cached_property
    def scorer(self) -> PersonaScorer:
        """Tells how good a set is."""
        return PersonaScorer(self.config, self.embedder, self.clusters.population)

    def users_of(self, chunk: int) -> dict[str, tuple[IntentMemory, ...]]:
        """Memories of a chunk's users."""
        part, first, end = read_json(self.path / store.CHUNKS)["chunks"][chunk]
        frame = pl.scan_parquet(table_path(self.out, self.number, "memories", part), glob=False)
        names = frame.select(pl.col("user_id").unique()).collect()["user_id"].sort()
        mine = names[first:end].to_list()
        return memories_of(frame.filter(pl.col("user_id").is_in(mine)).collect())

    def _induced(self, memories: Mapping[str, Sequence[IntentMemory]]) -> dict[str, Update]:
        before: dict[str, PersonaSet] = {}
        old: Mapping[str, Sequence[IntentMemory]] = {}
        if self.number:
            earlier = store.live(self.out, "personas", list(memories), self.number).collect()
            # Who has none is a user like a new one.
            before = {one.user_id: one for one in persona_sets(earlier) if one.personas}
            old = store.read_memories(self.out, list(before), self.number)
        found = {}
        if before:
            updater = Updater(self.clusters)
            found = {user: updater(one, old[user], memories[user]) for user, one in before.items()}
        new = {user: mine for user, mine in memories.items() if user not in before}
        for one in self.inducer(new) if new else ():
            if self._inducer is not None:  # a language model, which may say what is not so
                one, faults = checked(one, new[one.user_id])
                self.refuted += faults
            found[one.user_id] = Update(personas=one, new=len(one.personas))
        return found

    def _write(
        self,
        chunk: int,
        sets: list[PersonaSet],
        scores: Sequence[tuple[str, Sequence[IntentMemory], Quality]],
        lines: Sequence[str],
    ) -> None:
        rows = [
            (
                user,
                len(mine),
                sum(not memory.noise for memory in mine),
                score.count,
                *(getattr(score, name) for name in list(store.QUALITY_SCHEMA)[4:-1]),
                score.error,
            )
            for user, mine, score in scores
        ]
        tables = {
            "personas": personas_frame(sets),
            "quality": pl.DataFrame(rows, schema=store.QUALITY_SCHEMA, orient="row"),
        }
        for name, table in tables.items():
            with written_whole(table_path(self.out, self.number, name, chunk)) as aside:
                table.write_parquet(aside)
        with written_whole(self.path / f"told-{chunk:05d}.jsonl") as aside:
            aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def _events(self, part: int) -> pl.DataFrame:
        """Timelines of a partition's users who have events in what this generation folds in."""
        new = range(self.first, self.last)
        frame = live_partition(self.log, "events", part, range(self.last))
        if self.first:
            with_news = live_partition(self.log, "events", part, new).select(pl.col("user_id").unique())
            frame = frame.filter(pl.col("user_id").is_in(with_news.collect()["user_id"].to_list()))
        return frame.collect()

    def _embedded(self) -> int:
        """Texts that went through the model since it was last asked."""
        count, self.embedder.computed = self.embedder.computed, 0
        return count


def settle_gap(path: Path, config: InduceConfig) -> dict[str, Any]:
    """Where sessions of the log end, from all partitions' pauses; written to `path` once."""
    if (path / store.GAP).exists():
        return read_json(path / store.GAP)  # type: ignore[no-any-return]
    if config.memories.gap_minutes:
        found = {"minutes": config.memories.gap_minutes, "found": False, "why": "set by gap_minutes"}
    else:
        counted = [np.asarray(note["counts"], dtype=np.float64) for note in store.notes(path, "pauses")]
        gap = gap_of(np.sum(counted, axis=0))
        found = {"minutes": gap.minutes, "found": gap.found, "why": gap.why}
    write_json(path / store.GAP, found)
    return found


def settle_chunks(out: Path, number: int, partitions: int) -> list[tuple[int, int, int]]:
    """Add up what all partitions' users want, and part users into chunks: (partition, first, end)."""
    path = store.generation_path(out, number)
    counts = list(store.notes(path, "counts"))
    if len(counts) != partitions:
        raise UserError(f"{path}: {len(counts)} of {partitions} partitions have memories; run it again")
    if not number and not (path / store.POPULATION).exists():
        parts = [store.read_population(one) for one in sorted(path.glob("population-[0-9]*.json"))]
        store.write_population(path / store.POPULATION, sum(parts[1:], parts[0]))
    users = [note["users"] for note in counts]
    size = min(max(LEAST_CHUNK, sum(users) // 16), MOST_CHUNK)
    chunks = [
        (part, first, min(first + size, many))
        for part, many in enumerate(users)
        for first in range(0, many, size)
    ]
    write_json(path / store.CHUNKS, {"chunks": chunks})
    return chunks


def _not_latin(memories: pl.DataFrame) -> int:
    """How many intents are written in other letters than Latin ones, more than half of them."""
    text = pl.concat_str(pl.col("wants").list.join(" "), pl.col("category"), separator=" ")
    others = text.str.count_matches(r"\p{L}") > 2 * text.str.count_matches(r"\p{Latin}")
    return memories.filter((pl.col("noise") == "") & others).height


def _note(
    done: Sequence[Update], scores: Sequence[tuple[str, Sequence[IntentMemory], Quality]]
) -> dict[str, Any]:
    reasons = Counter(score.error.partition(":")[0] for *_, score in scores if score.error)
    errors = Counter(one.personas.error for one in done if one.personas.error)
    return {
        "users": len(done),
        "personas": sum(len(one.personas.personas) for one in done),
        "errors": dict(sorted(errors.items())),
        "unanswered": sum(is_unanswered(one.personas.error) for one in done),
        "invalid": dict(sorted((name, n) for name, n in reasons.items() if name != "none")),
        **{name: sum(getattr(one, name) for one in done) for name in ("kept", "changed", "new", "gone")},
    }

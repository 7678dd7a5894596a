"""Opening a folder for the personas of a semantized log, and finishing it."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from induce import store
from records.errors import UserError
from records.files import read_json, sweep, write_json, written_whole
from records.induction import InduceConfig
from records.options import first_difference
from semantize.store import finished_generations, generation_path
from semantize.store import settings_of as settings_of_log

VERSION = 7
"""To be raised whenever the same settings come to give other personas: two versions do not mix."""

_OWN = {store.OWN_LOG, store.VECTORS}
"""What may lie in a folder that has no settings yet."""

_AVERAGED = ("total", "cohesion", "alignment", "truthfulness", "coverage", "overlap", "count")


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """The personas of a log's users, as of one of its generations; `partitions` are the log's."""

    out: Path
    number: int
    partitions: int

    @property
    def path(self) -> Path:
        return generation_path(self.out, self.number)

    @property
    def is_finished(self) -> bool:
        """Nothing is left to do, nor a user to be asked about again."""
        return _is_finished(self.path)


def open_personas(out: Path, log: Path, config: InduceConfig, inducer: Mapping[str, Any]) -> Generation:
    """Settle what the personas in `out` are made with; what was begun there goes on.

    `log` is a finished folder of a semantized log, `inducer` says who induces, as plain values. Where the log
    has grown since the personas were made, they are brought up to date, by a further generation.

    Raises:
        UserError: the log is not finished, or `out` holds personas of another log or made otherwise.
    """
    check_folder(out, config, inducer)
    partitions = settings_of_log(log)["partitions"]
    grown = len(finished_generations(log))
    if not grown:
        raise UserError(f"{log}: is not finished; run `usergpt semantize run` again, it goes on")
    is_own = log.resolve() == (out / store.OWN_LOG).resolve()
    place = {"log": "" if is_own else str(log.resolve()), "log_digest": _digest(log)}
    path, settings = out / store.SETTINGS, {**_made_with(config, inducer), **place}
    if path.exists() and _saved(out)["log_digest"] != place["log_digest"]:
        raise UserError(f"{out}: holds personas of another log; choose another --out, or delete this one")
    if not path.exists() or _saved(out) != settings:  # the log was moved, or nobody has personas yet
        write_json(path, settings)
    return Generation(out=out, number=_number(out, grown), partitions=partitions)


def check_folder(out: Path, config: InduceConfig, inducer: Mapping[str, Any]) -> None:
    """Refuse a folder that holds something else, or personas made otherwise.

    Raises:
        UserError: naming what differs.
    """
    if (out / store.SETTINGS).exists():
        saved, settings = (_settled(out, one) for one in (_saved(out), _made_with(config, inducer)))
        key = first_difference({name: saved.get(name) for name in settings}, settings)
        if key is not None:
            raise UserError(
                f"{out}: holds personas made with other settings ({key} differs, see {store.SETTINGS} "
                "there); choose another --out, or delete this one"
            )
    elif out.exists() and any(not one.name.startswith(".") and one.name not in _OWN for one in out.iterdir()):
        raise UserError(f"{out}: is not empty and holds no personas; choose another --out")


def check_version(out: Path) -> None:
    """Refuse a folder that another version made: its settings may not be read as today's.

    Raises:
        UserError: it did, or `out` holds something else.
    """
    if _saved(out).get("version") != VERSION:
        raise UserError(
            f"{out}: holds personas of another version of usergpt; make them anew, with another --out"
        )


def _saved(out: Path) -> dict[str, Any]:
    try:
        saved = read_json(out / store.SETTINGS)
    except ValueError as error:
        raise UserError(f"{out / store.SETTINGS}: is no JSON ({error}); choose another --out") from None
    if not isinstance(saved, dict) or "induce" not in saved:
        raise UserError(f"{out}: holds something else than personas; choose another --out")
    return saved


def _settled(out: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """What of the settings may change no more: while nobody has personas, what memories are made with."""
    if any(out.glob("generation-*/chunk-[0-9]*.json")):
        return settings
    memories = settings["induce"].get("memories")
    return {"version": settings.get("version"), "induce": {"memories": memories}}


def is_current(out: Path, log: Path) -> bool:
    """Whether the personas in `out` are finished, and of all that is folded into the log."""
    number = len(finished_generations(out)) - 1
    if number < 0 or (generation_path(out, number + 1) / store.LOG).exists():
        return False
    path = generation_path(out, number)
    done = int(read_json(path / store.LOG)["last"])
    return _is_finished(path) and done == len(finished_generations(log))


def _made_with(config: InduceConfig, inducer: Mapping[str, Any]) -> dict[str, Any]:
    """What personas are made with, as it is kept."""
    plain = {"version": VERSION, "inducer": dict(inducer), "induce": asdict(config)}
    return json.loads(json.dumps(plain))  # type: ignore[no-any-return]


def _number(out: Path, grown: int) -> int:
    """The generation that is to be made, or finished, of a log with so many generations."""
    done = 0
    number = 0
    while (note := generation_path(out, number) / store.LOG).exists():
        done = int(read_json(note)["last"])
        if done == grown or not _is_finished(note.parent):
            return number
        number += 1
    write_json(generation_path(out, number) / store.LOG, {"first": done, "last": grown})
    return number


def _is_finished(path: Path) -> bool:
    summary = path / store.SUMMARY
    return summary.exists() and not read_json(summary)["unanswered"]


def _digest(log: Path) -> str:
    """What tells a log and how it was semantized from another."""
    note = read_json(generation_path(log, 0) / store.LOG)
    whole = json.dumps([settings_of_log(log), note["files"]], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def finish(generation: Generation) -> dict[str, Any]:
    """Gather what all chunks wrote, and sum up: the last file of a generation is its summary."""
    out, path = generation.out, generation.path
    tables = (store.PERSONAS, store.QUALITY, store.TOLD)
    if generation.is_finished and all((out / name).exists() for name in tables):
        return read_json(path / store.SUMMARY)  # type: ignore[no-any-return]
    (out / store.JUDGED).unlink(missing_ok=True)  # it is of the sets before
    for name, file in (("personas", store.PERSONAS), ("quality", store.QUALITY)):
        with written_whole(out / file) as aside:
            store.live(out, name).sink_parquet(aside)
    with written_whole(out / store.TOLD) as aside, aside.open("w", encoding="utf-8") as lines:
        for line in _told_lines(out):
            lines.write(line)
    summary = summary_of(generation)
    for name in ("pauses", "population"):
        for note in path.glob(f"{name}-[0-9]*.json"):
            note.unlink()
    sweep(path)
    write_json(path / store.SUMMARY, summary)
    return summary


def summary_of(generation: Generation) -> dict[str, Any]:
    """What this generation came to: counts, why users have no personas, mean qualities over those of its
    users who have some, and what it took."""
    path = generation.path
    counts = _summed(store.notes(path, "counts"))
    chunks = _summed(store.notes(path, "chunk"))
    files = sorted(path.glob("quality-*.parquet"))
    quality = pl.concat([pl.scan_parquet(file, glob=False) for file in files]) if files else None
    means: dict[str, float] = {}
    if quality is not None:
        told = quality.filter(pl.col("count") > 0)
        row = told.select(pl.col(name).cast(pl.Float64).mean() for name in _AVERAGED).collect()
        means = {name: value for name, value in row.row(0, named=True).items() if value is not None}
    return {
        **{name: counts.get(name, 0) for name in ("users", "events", "memories", "not_latin")},
        "noise": counts.get("noise", {}),
        "gap": read_json(generation_path(generation.out, 0) / store.GAP),
        **dict.fromkeys(("personas", "embedded", "unanswered", "kept", "changed", "new", "gone"), 0),
        **{name: {} for name in ("errors", "invalid", "refuted")},
        **{key: value for key, value in chunks.items() if key != "users"},
        "cpu_seconds": counts.get("cpu_seconds", 0) + chunks.get("cpu_seconds", 0),
        "quality": means,
    }


def _told_lines(out: Path) -> Iterator[str]:
    """Lines for people, of each user the last."""
    numbers = sorted(int(path.name.rpartition("-")[2]) for path in out.glob("generation-*"))
    newest: dict[str, int] = {}
    for number in numbers[1:]:
        files = sorted(generation_path(out, number).glob("personas-*.parquet"))
        for file in files:
            users = pl.scan_parquet(file, glob=False).select(pl.col("user_id").unique()).collect()
            newest.update(dict.fromkeys(users["user_id"], number))
    for number in numbers:
        for file in sorted(generation_path(out, number).glob("told-*.jsonl")):
            with file.open(encoding="utf-8") as lines:
                for line in lines:
                    if not newest or newest.get(json.loads(line)["user_id"], 0) == number:
                        yield line


def _summed(notes: Iterator[dict[str, Any]]) -> dict[str, Any]:
    total: dict[str, Any] = {}
    for note in notes:
        for key, value in note.items():
            if isinstance(value, dict):
                total[key] = dict(sorted((Counter(total.get(key, {})) + Counter(value)).items()))
            else:
                total[key] = total.get(key, 0) + value
    return total

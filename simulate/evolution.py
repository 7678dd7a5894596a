"""Personas over the months of their histories: clocks, life events, and habits that behaviour shifts.

Suffixes: `_M` months of a history (30 days), `_B` users, `_T` tags, `_S` sessions, `_D` drifting tags, `_V`
values.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from records.errors import UserError
from records.options import unknown_key
from records.population import EvolutionConfig
from records.tags import TAG, TAG_NAMES
from simulate.population import AGE_FROM, CLOSED, COLUMN, Personas, Population

MONTH_DAYS = 30
CHILD_STAGES = TAG["child_stage"].values[1:]

OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """`state_MBT[m, b]` are the values of user b in month m; past the end of a history they stay.

    `happened` counts events by name, `refused` those that would have made somebody implausible.
    """

    state_MBT: NDArray[np.int16]
    happened: dict[str, int]
    refused: int

    def final(self) -> NDArray[np.int16]:
        """Values at the end, shape (B, T)."""
        final: NDArray[np.int16] = self.state_MBT[-1]
        return final

    def since(self) -> NDArray[np.int64]:
        """First month of the last uninterrupted run of the final value, shape (B, T)."""
        changed_MBT = self.state_MBT[1:] != self.state_MBT[:-1]
        months = np.arange(1, len(self.state_MBT))[:, None, None]
        since: NDArray[np.int64] = np.where(changed_MBT, months, 0).max(axis=0, initial=0)
        return since


def live(
    rng: np.random.Generator,
    config: EvolutionConfig,
    population: Population,
    personas: Personas,
    days_B: NDArray[np.int64],
) -> Life:
    """Event-driven change: every month each life event may befall those it can befall.

    One that would make a plausible persona implausible is refused.
    """
    months = -(-int(days_B.max()) // MONTH_DAYS)  # the last one may be short
    # A change falls at the start of a month, and nothing changes in the last days of a history.
    last_B = (days_B - config.settled_days) // MONTH_DAYS
    state_BT = personas.state_BT.copy()
    child_B = _months_into_childhood(rng, config.child_months, state_BT[:, COLUMN["child_stage"]])
    state_MBT = np.empty((months, *state_BT.shape), dtype=np.int16)
    happened, refused = dict.fromkeys(config.events, 0), 0
    rules = [
        (
            name,
            1.0 - np.exp(-event.per_year * MONTH_DAYS / 365.25),
            [(COLUMN[tag], np.isin(TAG[tag].values, values)) for tag, values in event.when.items()],
            event,
        )
        for name, event in config.events.items()
        if event.per_year > 0
    ]
    state_MBT[0] = state_BT
    for month in range(1, len(state_MBT)):
        open_B = month <= last_B
        child_B[open_B & (child_B >= 0)] += 1
        age_B = personas.age_B + month * MONTH_DAYS / 365.25
        _run_clocks(config.child_months, state_BT, age_B, child_B, open_B)
        born = np.flatnonzero(open_B & (child_B == config.child_months["expecting"]))
        state_BT[born, COLUMN["household_size"]] = population.redraw(rng, "household_size", state_BT[born])
        u_RB = rng.random((len(rules), len(days_B)))
        for (name, chance, when, event), u_B in zip(rules, u_RB, strict=True):
            hit = np.flatnonzero((u_B < chance) & open_B)
            for column, allowed_V in when:
                hit = hit[allowed_V[state_BT[hit, column]]]
            if not len(hit):
                continue
            before, child_before = state_BT[hit], child_B[hit]
            for tag, value in event.sets.items():
                state_BT[hit, COLUMN[tag]] = _set_value(rng, population, tag, value, state_BT[hit])
                if tag == "child_stage":
                    child_B[hit] = _months_before(config.child_months, value)
            for tag in event.redraw:
                state_BT[hit, COLUMN[tag]] = population.redraw(rng, tag, state_BT[hit])
            undo = population.is_implausible(state_BT[hit]) & ~population.is_implausible(before)
            state_BT[hit[undo]], child_B[hit[undo]] = before[undo], child_before[undo]
            happened[name] += int((~undo).sum())
            refused += int(undo.sum())
        state_MBT[month] = state_BT
    return Life(state_MBT=state_MBT, happened=happened, refused=refused)


def drift(
    rng: np.random.Generator,
    config: EvolutionConfig,
    life: Life,
    days_B: NDArray[np.int64],
    user_S: NDArray[np.int32],
    month_S: NDArray[np.int64],
    tag_S: NDArray[np.int16],
    value_S: NDArray[np.int16],
) -> int:
    """Behaviour-driven change of the drifting tags, written into `life` and, for their sessions, `value_S`.

    A habit is a share of a user's behaviour in each value of the tag. A month's sessions draw their values
    from the habits, and the habits move towards what was done (a Pólya urn with forgetting); now and then
    something new is tried. The tag has the value of the strongest habit. A session that a weekday or a storm
    then prevents was meant all the same, and counts. Returns how many values changed.
    """
    columns = [COLUMN[tag] for tag in config.drifting]
    if not columns:
        return 0
    place = np.full(len(TAG_NAMES) + 1, -1)
    place[columns] = np.arange(len(columns))
    users = len(days_B)
    size_D = np.array([len(TAG[tag].values) for tag in config.drifting])
    held_DV = np.arange(size_D.max()) < size_D[:, None]
    flat_DV = held_DV * (1.0 - config.habit_share) / (size_D[:, None] - 1)
    habit_BDV = np.tile(flat_DV, (users, 1, 1))
    np.put_along_axis(habit_BDV, life.state_MBT[0][:, columns, None].astype(np.int64), config.habit_share, 2)
    mine = np.flatnonzero(place[tag_S] >= 0)
    mine = mine[np.argsort(month_S[mine], kind="stable")]
    bounds = np.searchsorted(month_S[mine], np.arange(len(life.state_MBT) + 1))
    chance = 1.0 - np.exp(-config.impulse_per_year * MONTH_DAYS / 365.25)
    last_B = (days_B - config.settled_days) // MONTH_DAYS
    planned_MBD = life.state_MBT[:, :, columns]
    changes = 0
    for month in range(len(life.state_MBT)):
        if month:
            open_B = month <= last_B
            # A life event changed the tag: its old habits are gone.
            user, which = np.nonzero(planned_MBD[month] != planned_MBD[month - 1])
            habit_BDV[user, which] = flat_DV[which]
            habit_BDV[user, which, planned_MBD[month, user, which]] = config.habit_share
            tried_BD = (rng.random((users, len(columns))) < chance) & open_B[:, None]
            user, which = np.nonzero(tried_BD)
            value = (rng.random(len(user)) * size_D[which]).astype(np.int64)
            habit_BDV[user, which] *= 1.0 - config.impulse_size
            habit_BDV[user, which, value] += config.impulse_size
            strongest_BD = habit_BDV.argmax(axis=2)
            now_BD = life.state_MBT[month - 1][:, columns]
            next_BD = np.where(open_B[:, None], strongest_BD, now_BD)
            changes += int((next_BD != now_BD).sum())
            life.state_MBT[month][:, columns] = next_BD
        here = mine[bounds[month] : bounds[month + 1]]
        owner, habit = user_S[here], place[tag_S[here]]
        edge_NV = np.cumsum(habit_BDV[owner, habit], axis=1)
        value_N = (rng.random((len(here), 1)) * edge_NV[:, -1:] >= edge_NV[:, :-1]).sum(axis=1)
        value_S[here] = value_N
        shape = habit_BDV.shape
        done_BDV = np.bincount(
            (owner * shape[1] + habit) * shape[2] + value_N, minlength=habit_BDV.size
        ).reshape(shape)
        habit_BDV = (habit_BDV * config.habit_memory + done_BDV) / (
            config.habit_memory + done_BDV.sum(axis=2, keepdims=True)
        )
    return changes


def _months_into_childhood(
    rng: np.random.Generator, child_months: dict[str, int], stage_B: NDArray[np.int16]
) -> NDArray[np.float64]:
    """Months since the start of `expecting`, -1 without a child."""
    before = np.array(
        [_months_before(child_months, stage) for stage in TAG["child_stage"].values], dtype=np.float64
    )
    length = np.array([0, *(child_months[stage] for stage in CHILD_STAGES)])
    months: NDArray[np.float64] = before[stage_B] + np.floor(rng.random(len(stage_B)) * length[stage_B])
    return months


def _months_before(child_months: dict[str, int], stage: str) -> int:
    if stage == "none":
        return -1
    return sum(child_months[earlier] for earlier in CHILD_STAGES[: CHILD_STAGES.index(stage)])


def _run_clocks(
    child_months: dict[str, int],
    state_BT: NDArray[np.int16],
    age_B: NDArray[np.float64],
    child_B: NDArray[np.float64],
    open_B: NDArray[np.bool_],
) -> None:
    """Users and their children grow older."""
    group_B = np.searchsorted(np.array(AGE_FROM[1:]), age_B, side="right")
    state_BT[open_B, COLUMN["age_group"]] = group_B[open_B]
    ends = np.cumsum([child_months[stage] for stage in CHILD_STAGES])
    stage_B = 1 + np.searchsorted(ends, child_B, side="right")
    stage_B[(child_B < 0) | (stage_B > len(ends))] = 0
    child_B[(stage_B == 0) & open_B] = -1
    state_BT[open_B, COLUMN["child_stage"]] = stage_B[open_B]


def _set_value(
    rng: np.random.Generator, population: Population, tag: str, value: str, state_NT: NDArray[np.int16]
) -> NDArray[np.int16]:
    size = population.cities if tag == "home_city" else len(TAG[tag].values)
    if value != OTHER:
        return np.full(len(state_NT), TAG[tag].values.index(value), dtype=np.int16)
    step_N = rng.integers(1, size, len(state_NT))
    other: NDArray[np.int16] = ((state_NT[:, COLUMN[tag]] + step_N) % size).astype(np.int16)
    return other


def check_evolution(config: EvolutionConfig) -> None:
    """Refuse events about tags or values that there are not; raises UserError that names the key."""
    months = config.child_months
    if set(months) != set(CHILD_STAGES) or min(months.values()) < 1:
        stages = ", ".join(CHILD_STAGES)
        raise UserError(f"simulate.evolution.child_months: give a number of at least 1 for each of {stages}")
    if len(set(config.drifting)) != len(config.drifting):
        raise UserError("simulate.evolution.drifting: a tag stands twice; keep one")
    for tag in config.drifting:
        if tag not in CLOSED or tag in ("age_group", "child_stage"):
            raise UserError(unknown_key("recipe", "simulate.evolution.drifting: ", tag, CLOSED))
    for name, event in config.events.items():
        key = f"simulate.evolution.events.{name}"
        for part, tags in (("when", event.when), ("sets", event.sets), ("redraw", event.redraw)):
            known = (*CLOSED, "home_city") if part == "sets" else CLOSED
            for tag in tags:
                if tag not in known:
                    raise UserError(unknown_key("recipe", f"{key}.{part}.", tag, known))
                if part != "when" and (tag == "age_group" or (part == "redraw" and tag == "child_stage")):
                    raise UserError(f"{key}.{part}: {tag} follows age; it cannot be changed by an event")
        for tag, values in event.when.items():
            for value in values:
                if value not in TAG[tag].values:
                    raise UserError(unknown_key("recipe", f"{key}.when.{tag}: ", value, TAG[tag].values))
        for tag, value in event.sets.items():
            if tag == "child_stage" and value == OTHER:
                raise UserError(f"{key}.sets.child_stage: name a stage; other would be any")
            if value not in (*TAG[tag].values, OTHER):
                raise UserError(
                    unknown_key("recipe", f"{key}.sets.{tag}: ", value, (*TAG[tag].values, OTHER))
                )

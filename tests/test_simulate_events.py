"""Inside a block: decision processes, the clock, hours, calendar, places, noise and gold."""

from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from records.platforms import ActionConfig, PlatformConfig
from records.simulation import NoiseConfig, PeriodConfig, SimulateConfig
from records.tags import TAG_NAMES
from simulate.block import BLOCK, Block, Simulator
from simulate.chains import Actions, Walk, walk
from simulate.environment import DAY_MS, make_calendar, session_hours
from simulate.events import run_clock, with_loops
from simulate.evolution import Life, live
from simulate.gold import DIFFICULTIES, gold_of
from simulate.population import COLUMN
from simulate.sessions import Role, Sessions, Users
from simulate.world_reader import load_world

END = date(2026, 6, 30)
DAYS = 400
BASE = SimulateConfig(min_days=DAYS, max_days=DAYS)


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Simulator(BASE, load_world(BASE), 3, END)


@pytest.fixture(scope="module")
def block(simulator: Simulator) -> Block:
    return simulator.draw(0)


def platform(**changes: object) -> PlatformConfig:
    return replace(BASE.platforms["E-commerce"], **changes)  # type: ignore[arg-type]


def actions_of(entry: PlatformConfig) -> Actions:
    return Actions(replace(BASE, platforms={"E-commerce": entry}), load_world(BASE))


def walked(actions: Actions, sessions: int, level: int = 0, lean: float = 0.5) -> Walk:
    preference = np.full((1, actions.lean_AP.shape[1]), lean)
    zeros = np.zeros(sessions, dtype=np.int64)
    rng, users_S, orders = np.random.default_rng(0), zeros.astype(np.int32), np.array([1.0, 3.0])
    return walk(rng, actions, preference, orders, 50, users_S, zeros, np.full(sessions, level))


def test_sessions_follow_the_transition_table() -> None:
    """Search always, then Click with 0.5 (else the end), then the end: lengths 1 and 2, half and half."""
    actions = actions_of(platform(start={"Search": 1.0}, next={"Search": {"Click": 0.5}}, leans={}))
    steps = walked(actions, 4000)
    assert set(steps.length_S.tolist()) == {1, 2}
    assert (steps.length_S == 2).mean() == pytest.approx(0.5, abs=0.03)
    assert (steps.action_E[steps.first_S] == 0).all()
    assert (steps.action_E[steps.first_S[steps.length_S == 2] + 1] == 1).all()
    assert actions.mean_length(np.array([1.0])) == pytest.approx(1.5)


def test_mean_length_is_that_of_the_walks() -> None:
    entry = platform(leans={})
    actions = actions_of(entry)
    assert walked(actions, 20_000).length_S.mean() == pytest.approx(
        actions.mean_length(np.array([1.0])), rel=0.03
    )


def test_festivals_and_leanings_raise_the_odds_of_ordering() -> None:
    """Click → Order 0.2, end 0.8. Odds 3-fold in a sale: 0.6 / (0.6 + 0.8); a lean of 1: e-fold."""
    entry = platform(
        start={"Click": 1.0}, next={"Click": {"Order": 0.2}}, leans={"Order": {"buys_on_impulse": 1.0}}
    )
    actions = actions_of(entry)
    for level, lean, expected in (
        (0, 0.5, 0.2),
        (1, 0.5, 0.6 / 1.4),
        (0, 1.0, 0.2 * np.e / (0.2 * np.e + 0.8)),
        (0, 0.0, 0.2 / np.e / (0.2 / np.e + 0.8)),
    ):
        length = walked(actions, 20_000, level, lean).length_S
        assert (length == 2).mean() == pytest.approx(expected, abs=0.02)


def test_a_walk_in_another_order_holds_the_same_steps() -> None:
    steps = Walk(length_S=np.array([1, 3, 2]), action_E=np.array([7, 1, 2, 3, 8, 9]))
    turned = steps.take(np.array([2, 0, 1]))
    assert turned.length_S.tolist() == [2, 1, 3]
    assert turned.action_E.tolist() == [8, 9, 7, 1, 2, 3]
    assert turned.session_E.tolist() == [0, 0, 1, 2, 2, 2]


def test_a_dead_loop_repeats_the_last_step() -> None:
    config = replace(BASE, noise=NoiseConfig(loop_rate=1.0, loop_length=[2, 2]))
    counts: Counter[str] = Counter()
    steps = Walk(length_S=np.array([1, 2]), action_E=np.array([5, 6, 7]))
    layout = with_loops(np.random.default_rng(0), config, steps, counts)
    assert layout.action_E.tolist() == [5, 5, 5, 6, 7, 7, 7]
    assert layout.again_E.tolist() == [False, True, True, False, False, True, True]
    assert counts["loops"] == 2


def users(days: int, count: int = 2) -> Users:
    nothing = np.full((count, len(TAG_NAMES)), -1, dtype=np.int16)
    return Users(
        days_B=np.full(count, days),
        rate_B=np.ones(count),
        shown_BT=np.ones((count, len(TAG_NAMES)), dtype=np.bool_),
        hobby_BH=np.zeros((count, 3), dtype=np.int16),
        gift_BT=nothing,
        shared_BT=nothing,
        shared_share_B=np.zeros(count),
        shared_hour_B=np.zeros(count, dtype=np.int64),
        key_B=np.zeros(count, dtype=np.uint64),
    )


def sessions_of(user: list[int]) -> Sessions:
    size = len(user)
    return Sessions(
        user_S=np.array(user, dtype=np.int32),
        day_S=np.zeros(size, dtype=np.int32),
        tag_S=np.full(size, -1, dtype=np.int16),
        value_S=np.full(size, -1, dtype=np.int16),
        role_S=np.zeros(size, dtype=np.int8),
        desire_S=np.zeros(size, dtype=np.int64),
        item_S=np.zeros(size, dtype=np.int64),
    )


def test_a_session_waits_for_the_one_before_and_nothing_outlasts_the_history() -> None:
    """Gaps of 100 s. User 0: two sessions of two events at 1000 s; user 1: one near the end of the day."""
    actions = actions_of(platform(gap_s=[100, 100]))
    steps = Walk(length_S=np.array([2, 2, 2]), action_E=np.zeros(6, dtype=np.int64))
    counts: Counter[str] = Counter()
    layout = with_loops(
        np.random.default_rng(0), replace(BASE, noise=NoiseConfig(loop_rate=0)), steps, counts
    )
    start = np.array([1_000_000, 1_000_000, DAY_MS - 50_000])
    rng, platform_S = np.random.default_rng(0), np.zeros(3, dtype=np.int64)
    mine = sessions_of([0, 0, 1])
    time, in_time = run_clock(rng, BASE, actions, users(1), mine, platform_S, start, layout, counts)
    again = 1_000_000 + 100_000 + 30_000
    expected = [1_000_000, 1_100_000, again, again + 100_000, DAY_MS - 50_000, DAY_MS + 50_000]
    assert np.abs(time - expected).max() <= 2  # whole milliseconds
    assert in_time.tolist() == [True] * 5 + [False]
    assert (counts["overlap_moved"], counts["past_end_rejected"]) == (1, 1)


def test_hours_follow_platform_and_chronotype_and_closed_is_closed() -> None:
    open_at_noon = platform(hours=[0.0] * 12 + [3.0, 1.0] + [0.0] * 10)
    always = platform(hours=[1.0] * 24)
    size = 8000
    rng = np.random.default_rng(0)

    def hours(platform_number: int, window: int, *, own: float = 1.0, bound: bool = False) -> np.ndarray:
        behaviour = replace(BASE.behaviour, own_hours=own)
        platform_S, window_S = np.full(size, platform_number), np.full(size, window)
        platforms = [open_at_noon, always]
        return session_hours(rng, platforms, behaviour, platform_S, window_S, np.full(size, bound))[0]

    assert (hours(0, -1) == 12).mean() == pytest.approx(0.75, abs=0.02)
    assert set(hours(1, 0).tolist()) == set(range(5, 11))
    assert set(hours(1, 2).tolist()) == {18, 19, 20, 21, 22, 23, 0, 1, 2, 3, 4}
    assert set(hours(0, 2).tolist()) == {12, 13}  # closed at night: moved to when it is open
    assert set(hours(0, 2, bound=True).tolist()) >= {18, 23, 4}  # a late show is late
    inside = np.isin(hours(1, 0, own=0.5), np.arange(5, 11)).mean()
    assert inside == pytest.approx(0.5 + 0.5 * 6 / 24, abs=0.02)


def test_the_calendar_knows_weekdays_periods_and_shocks() -> None:
    fair = PeriodConfig(start="06-20", days=2, activity=2.0, orders=1.5, platforms={"Travel": 3.0})
    storm = PeriodConfig(kind="shock", days=3, per_year=2.0, activity=0.5)
    config = replace(BASE, periods={"Fair": fair, "Storm": storm})
    calendar = make_calendar(config, 3, END)
    assert [p[0] for p in calendar.periods if p[0] == "Fair"] == ["Fair", "Fair"]
    assert (
        calendar.periods[-1][2:] == (date(2026, 6, 20), date(2026, 6, 21))
        or "Storm" in calendar.periods[-1][0]
    )
    day = DAYS - 11  # 2026-06-20, a Saturday
    assert calendar.orders_C[day] == 1.5
    assert calendar.orders_C[day - 1] == 1.0
    assert calendar.festival_C[day]
    rate = calendar.activity_C[:, None] * calendar.kept_CF
    names = list(config.platforms)
    storms = [p for p in calendar.periods if p[0] == "Storm"]
    assert storms
    if not any(first <= date(2026, 6, 20) <= last for _, _, first, last in storms):
        weekday = {name: config.platforms[name].weekdays[5] for name in names}
        assert rate[day, names.index("Places")] == pytest.approx(2.0 * weekday["Places"])
        assert rate[day, names.index("Travel")] == pytest.approx(6.0 * weekday["Travel"])
    # The world's shocks are those of its seed, whatever the length of the longest history.
    longer = make_calendar(replace(config, max_days=DAYS + 300), 3, END)
    first = date(2025, 5, 27)
    assert [p for p in longer.periods if p[2] > first] == [p for p in calendar.periods if p[2] > first]
    assert make_calendar(config, 4, END).periods != calendar.periods


def test_a_block_is_in_order_and_its_hidden_part_adds_up(block: Block) -> None:
    events = block.events
    assert (np.diff(events.user_E) >= 0).all()
    assert (np.diff(events.time_E)[np.diff(events.user_E) == 0] >= 0).all()
    assert set(np.unique(events.user_E).tolist()) == set(range(BLOCK))
    shows = events.role_E == Role.SHOWS
    closed = shows & (events.tag_E != COLUMN["interests"])
    final = block.life.final()
    assert (final[events.user_E[closed], events.tag_E[closed]] == events.value_E[closed]).all()
    assert block.users.shown_BT[events.user_E[shows], events.tag_E[shows]].all()
    former = events.role_E == Role.FORMER
    assert (final[events.user_E[former], events.tag_E[former]] != events.value_E[former]).all()
    others = events.role_E >= Role.GIFT
    others &= (events.tag_E >= 0) & block.users.shown_BT[events.user_E, events.tag_E]
    others &= ~np.isin(events.tag_E, [COLUMN[tag] for tag in BASE.evolution.drifting])
    had = block.life.state_MBT[:, events.user_E[others], events.tag_E[others]]
    assert (had != events.value_E[others]).all()


def test_items_satisfy_the_desire_of_their_session(block: Block) -> None:
    """What an event shows of a tag is what its item's desire shows."""
    events, world = block.events, block.simulator.world
    for event in np.flatnonzero(events.role_E == Role.SHOWS)[::61].tolist():
        desire = world.desire[world.items[events.item_E[event]].desire]
        tag = TAG_NAMES[events.tag_E[event]]
        assert desire.tag == tag
        assert world.values_of(tag)[events.value_E[event]] in desire.values


def test_hidden_locations_and_trips(block: Block) -> None:
    events = block.events
    off = ~block.users.shown_BT[events.user_E, COLUMN["home_city"]]
    assert (events.city_E[off] == -1).all()
    at_home = events.home_role_E == Role.SHOWS
    assert (events.city_E[at_home] == block.life.final()[events.user_E[at_home], COLUMN["home_city"]]).all()
    located = events.city_E >= 0
    assert 0.5 < at_home[located].mean() < 0.98


def test_a_housemate_keeps_to_the_hours(block: Block) -> None:
    events = block.events
    shared = np.flatnonzero(events.role_E == Role.SHARED)
    assert len(shared)
    first = np.flatnonzero(np.diff(shared, prepend=-9) != 1)
    hour = events.time_E[shared[first]] // 3_600_000 % 24
    since = (hour - block.users.shared_hour_B[events.user_E[shared[first]]]) % 24
    assert (since < 4).mean() > 0.97  # later only where it waited for another session


def test_gold_counts_and_difficulty(block: Block) -> None:
    gold = gold_of(block)
    rows = np.arange(BLOCK * len(TAG_NAMES))
    assert gold.pieces_R.sum() == len(gold.event_P) == len(gold.place_P)
    owner = np.repeat(rows, gold.pieces_R) // len(TAG_NAMES)
    assert (block.events.user_E[gold.event_P] == owner).all()
    row = 3 * len(TAG_NAMES) + COLUMN["pet"]
    events = block.events
    mine = (events.user_E == 3) & (events.tag_E == COLUMN["pet"])
    shows = int((mine & (events.role_E == Role.SHOWS)).sum())
    unlike = events.value_E != block.life.final()[3, COLUMN["pet"]]
    others = int((mine & unlike & (events.role_E >= Role.GIFT)).sum())
    former = int((mine & (events.role_E == Role.FORMER)).sum())
    assert gold.pieces_R[row] == shows
    if others and others >= shows:
        expected = "trap"
    elif former and former >= shows:
        expected = "temporal"
    else:
        clear = block.simulator.intents.clear_Q[block.simulator.intents.desire_N[events.item_E]]
        plain = int((mine & (events.role_E == Role.SHOWS) & clear).sum())
        expected = "explicit" if plain >= 6 or shows == 0 else "implicit"
    assert DIFFICULTIES[gold.difficulty_R[row]] == expected
    # Signs that decide nothing make NA, and not a plain one.
    own = np.flatnonzero(events.role_E == Role.SHOWS)
    row_of = events.user_E[own].astype(np.int64) * len(TAG_NAMES) + events.tag_E[own]
    signs = np.bincount(row_of, minlength=len(rows))
    undecided = (gold.pieces_R == 0) & (signs > 0)
    assert undecided.any()
    assert (gold.difficulty_R[undecided] != DIFFICULTIES.index("explicit")).all()
    interests = np.arange(BLOCK) * len(TAG_NAMES) + COLUMN["interests"]
    values = gold.value_RV[interests]
    assert ((values >= 0).sum(axis=1) <= (block.personas.hobby_BH >= 0).sum(axis=1)).all()


def test_follow_ups_lead_to_the_same_desire_elsewhere() -> None:
    never = Simulator(replace(BASE, follow_ups={}), load_world(BASE), 3, END).draw(0)
    always = BASE.follow_ups["visit what was booked"]
    often = {"visit": replace(always, probability=1.0, days=[1, 5])}
    some = Simulator(replace(BASE, follow_ups=often), load_world(BASE), 3, END).draw(0)
    places = list(BASE.platforms).index("Places")
    counts = [int((b.simulator.intents.platform_N[b.events.item_E] == places).sum()) for b in (never, some)]
    assert counts[1] > counts[0]
    assert some.counts["follow_up_rejected"] > 0


def test_an_action_of_ones_own_may_be_priced_and_located() -> None:
    entry = platform(
        actions={"Pick": ActionConfig(title="product", priced=True, located=True)},
        start={"Pick": 1.0}, next={}, leans={},
    )  # fmt: skip
    config = replace(BASE, platforms={**BASE.platforms, "E-commerce": entry}, follow_ups={})
    block = Simulator(config, load_world(config), 3, END).draw(1)
    shop = block.simulator.intents.platform_N[block.events.item_E] == 0
    assert np.isfinite(block.events.price_E[shop]).all()
    assert (block.events.city_E[shop] >= 0).any()


# ------------------------------------------------------- what is hidden moves nothing that is seen


def test_a_hidden_value_changes_nothing_in_the_log(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same block with all tags hidden, once as it is and once with every hidden value another one."""
    blind = Simulator(replace(BASE, noise=NoiseConfig(na_rate=1.0)), load_world(BASE), 3, END)
    first = blind.draw(0).events
    real = live

    def flipped(*arguments: Any) -> Life:
        life = real(*arguments)
        for tag in TAG_NAMES:
            if tag != "interests":
                size = len(blind.world.values_of(tag))
                life.state_MBT[:, :, COLUMN[tag]] = (life.state_MBT[:, :, COLUMN[tag]] + 1) % size
        return life

    monkeypatch.setattr("simulate.block.live", flipped)
    second = blind.draw(0).events
    for name in ("user_E", "time_E", "action_E", "item_E", "title_E", "city_E", "pieces_E", "price_E"):
        assert np.array_equal(getattr(first, name), getattr(second, name), equal_nan=name == "price_E"), name


def test_regional_trips_stay_in_the_region(block: Block) -> None:
    events, region = block.events, block.simulator.region_of_city
    mobility = COLUMN["mobility"]
    always = (block.life.state_MBT[:, :, mobility] == 1).all(axis=0) & block.users.shown_BT[:, mobility]
    homes = block.life.state_MBT[:, :, COLUMN["home_city"]]
    settled = (homes == homes[0]).all(axis=0) & always
    mine = settled[events.user_E] & (events.city_E >= 0)
    assert mine.any()
    assert (region[events.city_E[mine]] == region[homes[0][events.user_E[mine]]]).all()


def test_a_housemate_stays_at_home(block: Block) -> None:
    events = block.events
    shared = (events.role_E == Role.SHARED) & (events.city_E >= 0)
    month = np.minimum(events.time_E // DAY_MS // 30, len(block.life.state_MBT) - 1)
    home = block.life.state_MBT[month, events.user_E, COLUMN["home_city"]]
    assert shared.any()
    assert (events.city_E[shared] == home[shared]).mean() > 0.97  # a session may wait into the next month


def test_gifts_are_for_festivals(simulator: Simulator) -> None:
    block = simulator.draw(2)
    events, calendar = block.events, simulator.calendar
    day = len(calendar.festival_C) - DAYS + events.time_E // DAY_MS
    festival = calendar.festival_C[np.minimum(day, len(calendar.festival_C) - 1)]
    gift = events.role_E == Role.GIFT
    assert gift[festival].mean() > 1.8 * gift[~festival].mean()


def test_a_period_may_lie_across_new_year() -> None:
    config = replace(BASE, periods={"Turn": PeriodConfig(start="12-28", days=8, activity=2.0)})
    calendar = make_calendar(config, 3, date(2026, 1, 31))
    place = -1 - (date(2026, 1, 31) - date(2026, 1, 2)).days
    plain = make_calendar(replace(BASE, periods={}), 3, date(2026, 1, 31))
    assert calendar.activity_C[place] == pytest.approx(2.0 * plain.activity_C[place])


def test_favourites_differ_between_blocks(simulator: Simulator) -> None:
    """The usual title of an item is a user's own, not that of a place in the block."""
    keys = [simulator.draw(number).users.key_B for number in (0, 1)]
    assert len(set(np.concatenate(keys).tolist())) == 2 * BLOCK


def test_one_ambiguous_sign_decides_nothing(block: Block) -> None:
    gold = gold_of(block)
    events, intents = block.events, block.simulator.intents
    desire = intents.desire_N[events.item_E]
    shows = np.flatnonzero((events.role_E == Role.SHOWS) & (events.tag_E != COLUMN["interests"]))
    row = events.user_E[shows].astype(np.int64) * len(TAG_NAMES) + events.tag_E[shows]
    undecided = 0
    for number in np.unique(row).tolist():
        signs = set(desire[shows[row == number]].tolist())
        pairs = {tuple(sorted(intents.pair_Q2[sign].tolist())) for sign in signs}
        clear = any(intents.clear_Q[sign] for sign in signs)
        assert (gold.pieces_R[number] > 0) == (clear or len(pairs) > 1)
        undecided += not clear and len(pairs) == 1
    assert undecided > 0


def test_evidence_is_of_the_value_since_it_holds(block: Block) -> None:
    events = block.events
    shows = np.flatnonzero((events.role_E == Role.SHOWS) & (events.tag_E != COLUMN["interests"]))
    since = block.life.since()[events.user_E[shows], events.tag_E[shows]]
    assert (events.time_E[shows] // DAY_MS // 30 >= since).all()
    assert (since > 0).any()


def test_hobbies_stand_in_order_of_their_evidence(block: Block) -> None:
    gold = gold_of(block)
    for user in range(BLOCK):
        row = user * len(TAG_NAMES) + COLUMN["interests"]
        first = int(gold.pieces_R[:row].sum())
        counts = np.bincount(gold.place_P[first : first + gold.pieces_R[row]])
        assert (np.diff(counts) <= 0).all()

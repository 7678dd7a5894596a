"""Wished ranges pass and miss; platforms differ when most aspects of them do."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from launch.realism import read_festivals
from records.simulation import SimulateConfig
from simulate.engine import simulate
from simulate.measure.festivals import FestivalWindows
from simulate.measure.statistics import measure
from simulate.measure.targets import PUBLISHED, check, platform_distance, platform_distances
from tests.test_simulate_statistics import DAY, START, at, event, log


def plausible(seed: int = 0, users: int = 120) -> pl.DataFrame:
    """Users of two platforms that differ in hours, session length, repeats and actions."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        name, taste = f"u{user:03}", rng.dirichlet(np.full(8, 0.7))
        for _ in range(int(rng.lognormal(3.0, 0.9)) + 2):
            start = float(int(rng.integers(0, 120)) * DAY)
            if rng.random() < 0.6:
                second = start + rng.normal(20, 2.5) * 3600
                for place in range(int(rng.geometric(0.25))):
                    second += rng.exponential(120)
                    about = int(rng.choice(8, p=taste))
                    action = ("Search", "Click", "Click", "Order")[min(place, 3)]
                    rows.append(event(name, second, "Shop", action, f"i{about}-{rng.zipf(1.6)}", f"c{about}"))
            else:
                second = start + rng.normal(12, 3) * 3600
                rows.append(event(name, second, "Map", "Check-in", f"p{min(rng.zipf(1.6), 6)}", "place"))
    return log(*rows).sort("user_id", "timestamp")


def test_the_default_population_is_as_wished(tmp_path: Path) -> None:
    simulate(SimulateConfig(users=400), 1, tmp_path)
    logs = [pl.read_parquet(path) for path in sorted(tmp_path.glob("events-*.parquet"))]
    checks = check(measure(logs, read_festivals(tmp_path / "settings.json")))
    assert len(checks) == 9
    assert [(one.name, one.value) for one in checks if not one.ok] == []


def test_checks_pass_and_miss_with_their_bounds():
    stats = measure([plausible()])
    by_name = {one.name: one for one in check(stats)}
    assert "festival days, events a day" not in by_name
    assert by_name["distance between platforms"].ok
    assert "Map" in by_name["distance between platforms"].note
    # Clocks, all alike: neither bursty nor different.
    clocks = measure([log(*[e for u in "abc" for e in at(u, *[3600 * i for i in range(24 * 30)])])])
    missed = {one.name: one for one in check(clocks) if not one.ok}
    assert missed["burstiness"].value == pytest.approx(-1, abs=1e-6)
    assert missed["hour entropy"].value == pytest.approx(1)
    assert missed["p95 / median of events a user"].value == 1
    assert missed["variation of users' events a day"].value == 0
    assert missed["Zipf exponent, top 200 items"].note.startswith("too little in the log to say")
    assert "distance between platforms" not in missed  # there is one platform


@pytest.mark.parametrize(("extra", "ok"), [((10, 10, 0), True), ((10, 0, 0), False), ((10, 0), False)])
def test_most_festivals_must_be_seen(extra, ok):
    # One event a day, `extra` more in each of the festivals a month apart.
    day = START.date()
    events = [event("a", d * DAY) for d in range(120)]
    windows = []
    for place, more in enumerate(extra):
        festival = 20 + 35 * place
        events += at("b", *[festival * DAY + i for i in range(more)])
        windows.append(FestivalWindows(name=str(place), days=((day + timedelta(festival),) * 2,)))
    checks = {one.name: one for one in check(measure([log(*events)], windows))}
    assert checks["festival days, events a day"].ok is ok


def test_distance_is_the_median_of_five_differences():
    def statistics(source, **fields):
        return measure([log(*at("a", *[60 * i for i in range(24)], source=source, **fields))]).platforms[0]

    shop, twin = statistics("Shop"), statistics("Twin")
    assert platform_distance(shop, twin) == pytest.approx(0, abs=1e-6)
    # Other actions alone, however different, make no other platform.
    assert platform_distance(shop, statistics("Map", action="Check-in")) == pytest.approx(0, abs=1e-6)
    # One event each: no burstiness, four aspects are left, and all agree.
    one, other = (measure([log(event("a", 0, source=s))]).platforms[0] for s in ("Shop", "Map"))
    assert platform_distance(one, other) == pytest.approx(0, abs=1e-6)


def test_halves_of_one_platform_are_close_and_platforms_are_apart():
    frame = plausible(users=200)
    stats = measure([frame])
    ((left, right, apart),) = platform_distances(stats.platforms)
    assert {left, right} == {"Shop", "Map"}
    assert apart is not None
    assert apart > 1
    even = pl.col("user_id").str.slice(-1).is_in(["0", "2", "4", "6", "8"])
    halves = [measure([frame.filter(keep)]).platforms[0] for keep in (even, ~even)]
    close = platform_distance(*halves)
    assert close is not None
    assert close < 0.5


def test_published_logs_are_in_order():
    for one in PUBLISHED:
        assert one.events_median < one.events_p95
        assert one.gap_p10 < one.gap_p50 < one.gap_p90
        assert -1 < one.burstiness < 1

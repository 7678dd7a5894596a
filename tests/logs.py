"""Small logs in the shape of well-known ones."""

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

START = datetime(2019, 10, 1, 8, 0, tzinfo=UTC)
TITLES = (
    "White hanging heart holder", "Knitted union flag bottle", "Red woolly hottie", "Set of paper doilies",
    "Vintage snap cards", "Jam making set", "Alarm clock bakelike green", "Hand warmer owl design",
    "Lunch bag red retrospot", "Popcorn holder",
)  # fmt: skip
ROWS = 240


def rows(make: Callable[[random.Random, int, datetime], Sequence[object]]) -> list[Sequence[object]]:
    """ROWS records of `make(dice, number, time)`, an hour and some apart."""
    dice = random.Random(7)
    return [make(dice, number, START + timedelta(minutes=67 * number)) for number in range(ROWS)]


def user(dice: random.Random) -> int:
    return 10_000 + dice.randrange(30)


def write_separated(path: Path, header: str, records: Sequence[Sequence[object]], mark: str = ",") -> Path:
    lines = [mark.join(map(str, record)) for record in records]
    path.write_text("\n".join([*([header] if header else []), *lines, ""]), encoding="utf-8")
    return path


def seconds(time: datetime) -> int:
    return int(time.timestamp())


def online_retail(folder: Path, time_format: str = "%Y-%m-%d %H:%M:%S") -> Path:
    def line(dice: random.Random, number: int, time: datetime) -> Sequence[object]:
        cancelled = number % 40 == 39
        return (
            f"{'C' if cancelled else ''}{536365 + number // 3}",
            f"{84000 + number % 60}{dice.choice('ABC')}",
            dice.choice(TITLES).upper(),
            -1 if cancelled else dice.randrange(1, 12),
            time.strftime(time_format),
            dice.randrange(100, 900) / 100,
            None if number % 4 == 1 else f"{user(dice)}.0",
            dice.choice(["United Kingdom", "France", "Germany"]),
        )

    names = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    path = folder / "online_retail.parquet"
    pl.DataFrame(rows(line), schema=names.split(","), orient="row", infer_schema_length=None).write_parquet(
        path
    )
    return path


def movielens(folder: Path) -> Path:
    def rating(dice: random.Random, number: int, time: datetime) -> Sequence[object]:
        return user(dice), dice.randrange(1, 11), dice.randrange(1, 11) / 2, seconds(time)

    movies = [(n, f"{title} (19{80 + n})", "Comedy|Drama") for n, title in enumerate(TITLES, start=1)]
    write_separated(folder / "movies.csv", "movieId,title,genres", movies)
    return write_separated(folder / "ratings.csv", "userId,movieId,rating,timestamp", rows(rating))


def foursquare(folder: Path) -> Path:
    def visit(dice: random.Random, number: int, time: datetime) -> Sequence[object]:
        return (
            user(dice) - 9_900,
            f"49bbd6c0f964a520f4531f{dice.randrange(16, 90):02x}",
            f"4bf58dd8d48988d12795{dice.randrange(16, 40):02x}",
            dice.choice(["Arts & Crafts Store", "Bridge", "Home (private)", "Medical Center"]),
            f"40.{dice.randrange(10**6):06d}",
            f"-74.{dice.randrange(10**6):06d}",
            -240,
            time.strftime("%a %b %d %H:%M:%S +0000 %Y"),
        )

    header = "userId venueId venueCategoryId venueCategory latitude longitude timezoneOffset utcTimestamp"
    return write_separated(folder / "checkins_NYC.tsv", header.replace(" ", "\t"), rows(visit), "\t")


def aol(folder: Path) -> Path:
    def query(dice: random.Random, number: int, time: datetime) -> Sequence[object]:
        clicked = number % 2
        words = " ".join(dice.choice(TITLES).lower().split()[:3])
        url = f"http://www.{words.split()[0]}.com"
        return user(dice), words, f"{time:%Y-%m-%d %H:%M:%S}", clicked or "", url if clicked else ""

    header = "AnonID\tQuery\tQueryTime\tItemRank\tClickURL"
    return write_separated(folder / "user-ct-test-collection-01.tsv", header, rows(query), "\t")


def taobao(folder: Path, header: str) -> Path:
    def behaviour(dice: random.Random, number: int, time: datetime) -> Sequence[object]:
        action = "pv" if number == 0 else dice.choice(["pv", "pv", "pv", "cart", "fav", "buy"])
        category = 4_756_000 + dice.randrange(20)
        return number // 8 + 1, 2_268_318 + dice.randrange(999), category, action, seconds(time)

    return write_separated(folder / "UserBehavior.csv", header, rows(behaviour))


def retailrocket(folder: Path) -> Path:
    def event(dice: random.Random, number: int, time: datetime) -> Sequence[object]:
        bought = number % 9 == 4
        action = "transaction" if bought else dice.choice(["view", "view", "addtocart"])
        return seconds(time) * 1000 + 417, user(dice), action, 355_900 + number % 70, number if bought else ""

    header = "timestamp,visitorid,event,itemid,transactionid"
    return write_separated(folder / "events.csv", header, rows(event))


def clickstream(folder: Path) -> Path:
    def click(dice: random.Random, number: int, time: datetime) -> Sequence[object]:
        title = dice.choice(TITLES)
        return (
            {
                "id": f"{number:08x}-9d1c-4c1a-8f6e-{number:012x}",
                "ts": f"{time:%Y-%m-%dT%H:%M:%S}.250Z",
                "user": {"id": user(dice)},
                "visitor": f"v{user(dice)}",
                "event_type": dice.choice(["page_view", "click", "purchase"]),
                "page": f"/shop/{title.lower().replace(' ', '-')}",
                "title": title,
                "platform": dice.choice(["web", "app"]),
                "city": dice.choice(["Berlin", "Wien"]),
            },
        )

    path = folder / "clicks.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for (record,) in rows(click)), encoding="utf-8")
    return path

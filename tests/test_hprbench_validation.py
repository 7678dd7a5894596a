"""The fixed extractor against texts whose statements are known: the measure, the grammars, the figures."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import extractor as benchmark
from hprbench.extractor import EXTRACTOR_VERSION
from hprbench.validation.accuracy import SEED, SUMMARIES, Figures, Pair, accuracy, compare, held_out, measure
from hprbench.validation.grammar import LEVELS, PARTS, UNSAID, Summary, load_grammar, write_summaries
from hprbench.validation.readings import read_by_hand
from records.tags import TAG, TAGS

DOCS = Path(__file__).parents[1] / "docs" / "extractor.md"


def pair(tag, stated=(), read=(), mentioned=False):
    return Pair(text="", tag=tag, stated=stated, read=read, mentioned=mentioned)


def test_figures_by_hand():
    found = measure(
        [
            pair("pet", ("cat",), ("cat",)),  # right
            pair("interests", ("chess", "golf"), ("Golf", "chess")),  # right: a set, without case
            pair("interests", ("chess", "golf"), ("chess",)),  # half a list is wrong
            pair("pet", ("cat",), ()),  # missed
            pair("gender", (), ("male",)),  # invented
            pair("pet", (), ("dog",), mentioned=True),  # somebody else's dog
            pair("pet", (), (), mentioned=True),  # rightly silent, and no credit for it
            pair("mobility"),  # nothing said, nothing read: nothing counted
        ]
    )
    assert asdict(found) == dict(stated=4, read=5, either=6, right=2, mentioned=2, silent=1)
    assert (found.accuracy, found.recall, found.precision, found.silence) == (2 / 6, 2 / 4, 2 / 5, 1 / 2)


def test_nothing_to_count_has_no_figure():
    none = measure([pair("pet")])
    assert (none.accuracy, none.recall, none.precision, none.silence) == (None, None, None, None)


def test_what_only_follows_and_what_is_left_out_are_not_counted():
    summary = Summary(
        text="A student with two cats.",
        stated={"life_stage": ("student",)},
        implied={"occupation": ("student",)},
        uncounted=frozenset(("pet",)),
    )
    pairs = compare([summary], ())
    assert "pet" not in {found.tag for found in pairs}
    assert measure(pairs) == Figures(stated=1, read=1, either=1, right=1, mentioned=0, silent=0)


@pytest.mark.parametrize("level", LEVELS)
def test_the_parts_share_no_words(level):
    development, held_out = (load_grammar(level, part) for part in PARTS)
    for name in ("hobbies", "cities", "names"):
        assert not set(getattr(development, name)) & set(getattr(held_out, name))
    # A bare sentence is no frame of either.
    assert set(development.frames) & set(held_out.frames) == {"<s>"}
    for tag, values in development.phrases.items():
        for value, phrases in values.items():
            others = {phrase.text.lower() for phrase in held_out.phrases[tag][value]}
            assert {p.text.lower() for p in phrases} & others <= {"{list}", "{city}"}, (tag, value)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("part", PARTS)
def test_every_value_has_phrases(level, part):
    phrases = load_grammar(level, part).phrases
    assert list(phrases) == list(TAG)
    for tag in TAGS:
        silent = {UNSAID} if level == "hard" else set()
        assert set(phrases[tag.name]) - {"list", "city"} == set(tag.values) | silent


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("part", PARTS)
def test_summaries_are_whole_and_repeat(level, part):
    grammar = load_grammar(level, part)
    summaries = write_summaries(grammar, 150, seed=3)
    assert summaries == write_summaries(grammar, 150, seed=3)
    assert summaries != write_summaries(grammar, 150, seed=4)
    for summary in summaries:
        assert not re.search(r"[{}<>@~]|(?<!\*)\*(?!\*| )", summary.text), summary.text
        assert summary.stated.keys().isdisjoint(summary.mentioned)
    stated = {(tag, value) for s in summaries for tag, values in s.stated.items() for value in values}
    assert len(stated) > 70


def test_a_summary_of_each_level():
    plain, hard = (write_summaries(load_grammar(level, "development"), 2, seed=1)[1] for level in LEVELS)
    assert "This person is raising school-aged kids. Her pet is a cat." in plain.text
    assert (plain.stated["child_stage"], plain.stated["pet"]) == (("school_age",), ("cat",))
    assert "Dining: unclear." in hard.text
    assert "she no longer lives in Berlin but in London" in hard.text
    assert hard.stated["home_city"] == ("London",)
    assert {"dining_style", "chronotype"} <= hard.mentioned


def test_the_extractor_is_as_good_as_it_must_be():
    found = accuracy()
    assert found.version == EXTRACTOR_VERSION
    assert found.plain.accuracy >= 0.97
    assert found.hard.accuracy >= 0.90
    assert found.read.accuracy >= 0.90


def test_a_hundred_summaries_were_read():
    summaries, cities = read_by_hand()
    assert len(summaries) == len({summary.text for summary in summaries}) >= 100
    for summary in summaries:
        for tag, values in summary.stated.items():
            assert values
            assert TAG[tag].is_open or set(values) <= set(TAG[tag].values)
    assert cities


def test_the_docs_give_the_figures():
    text, found = DOCS.read_text(encoding="utf-8"), accuracy()
    assert set(found.read_by_source) == {one.source for one in read_by_hand()[0]}
    for name, figures in {
        "plain": found.plain,
        "hard": found.hard,
        "read by hand": found.read,
        **found.read_by_source,
    }.items():
        shares = (figures.accuracy, figures.recall, figures.precision, figures.silence)
        row = " | ".join("–" if share is None else f"{share:.3f}" for share in shares)
        assert f"| {name} | {row} |" in text
    pairs = benchmark.measured()
    for tag in TAG:
        by_level = [measure(one for one in found if one.tag == tag).accuracy for found in pairs.values()]
        assert f"| {tag} | {' | '.join(f'{share:.3f}' for share in by_level)} |" in text


def test_the_benchmark_prints_levels_tags_and_mistakes(capsys):
    benchmark.main(["--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["version"] == EXTRACTOR_VERSION
    assert set(report["levels"]) == {"plain", "hard", "read by hand"}
    hard = report["levels"]["hard"]
    assert list(hard["by_tag"]) == list(TAG)
    assert sum(row["stated"] for row in hard["by_tag"].values()) == hard["stated"]
    assert {"tag", "stated", "read", "count"} == set(hard["mistakes"][0])


def test_the_benchmark_shows_texts_of_the_development_part_alone(capsys):
    benchmark.main(["--development"])
    shown = capsys.readouterr().out
    benchmark.main([])
    figures_alone = capsys.readouterr().out
    assert "all tags" in shown
    assert "all tags" in figures_alone
    development = {
        summary.text
        for level in LEVELS
        for summary in write_summaries(load_grammar(level, "development"), SUMMARIES, seed=SEED)
    }
    assert any(repr(text) in shown for text in development)
    others = [*(summary.text for level in LEVELS for summary in held_out(level)[0])]
    others += [summary.text for summary in read_by_hand()[0]]
    # Whole or in part: a line is long enough to tell the text it is of, unless the parts share it.
    lines = {line for text in others for line in text.splitlines() if len(line) > 30}
    assert len(lines) > 1000
    assert not [line for line in lines if line in figures_alone]
    assert not [line for line in lines if line in shown and not any(line in text for text in development)]

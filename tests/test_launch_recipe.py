"""Recipes: every mistake is answered with its key and its mend."""

import os
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from launch.recipe import (
    differences,
    directory_state,
    fingerprint,
    load_recipe,
    run_directory,
    write_recipe,
)
from launch.stages.all import STAGES
from records.config import Recipe, ThresholdConfig
from records.errors import UserError

SHIPPED = sorted((Path(__file__).resolve().parent.parent / "recipes").glob("**/*.yaml"))


def _recipe(directory: Path, text: str = "name: mine\n") -> Path:
    path = directory / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _refusal(directory: Path, text: str = "name: mine\n", *overrides: str) -> str:
    with pytest.raises(UserError) as caught:
        load_recipe(_recipe(directory, text), overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_recipe_parses(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name
    # By its bare name as well.
    assert load_recipe(Path(path.stem)) == recipe


@pytest.mark.parametrize("name", ["quickstart", "ablation-sft", "ablation-rl", "qwen3-8b"])
def test_stage_3_has_the_longer_context(name: str) -> None:
    sft = load_recipe(Path(name)).sft
    assert 0 < sft.stage1.window_lines <= sft.stage2.window_lines
    assert not sft.stage3.window_lines  # whole histories


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_benchmarks_sample_as_those_of_the_paper(path: Path) -> None:
    bench = load_recipe(path).bench
    assert (bench.temperature, bench.top_p) == (0.7, 0.9)


def test_there_are_shipped_recipes() -> None:
    assert "quickstart.yaml" in [path.name for path in SHIPPED]


def test_values_of_file_and_command_line(tmp_path: Path) -> None:
    path = _recipe(
        tmp_path, "name: mine\nrl:\n  steps: 7\n  filters:\n    thresholds:\n      tags: {eps_low: 0.1}\n"
    )
    recipe = load_recipe(path, ["rl.lr=3e-4", "rl.filters.sample=false", "sft.stage1.examples=12", "seed=5"])
    assert (recipe.name, recipe.rl.steps, recipe.rl.lr, recipe.seed) == ("mine", 7, 3e-4, 5)
    assert recipe.rl.filters.sample is False
    assert recipe.sft.stage1.examples == 12
    assert recipe.rl.filters.thresholds == {"tags": ThresholdConfig(eps_low=0.1, eps_high=2.0)}
    # What nobody touches stays at its default.
    assert recipe.rl.group_size == Recipe().rl.group_size


def test_the_command_line_wins_and_its_last_word_counts(tmp_path: Path) -> None:
    path = _recipe(tmp_path, "name: mine\nrl: {steps: 7}\n")
    assert load_recipe(path, ["rl.steps=8", "rl.steps=9"]).rl.steps == 9


def test_thresholds_from_the_command_line(tmp_path: Path) -> None:
    recipe = load_recipe(
        _recipe(tmp_path),
        ["rl.filters.thresholds.composite.eps_high=1.5", "rl.filters.thresholds.tags.eps_low=0.5"],
    )
    assert recipe.rl.filters.thresholds["composite"].eps_high == 1.5
    assert recipe.rl.filters.thresholds["tags"].eps_low == 0.5


def test_an_empty_recipe_is_all_defaults(tmp_path: Path) -> None:
    assert load_recipe(_recipe(tmp_path, "")) == Recipe()


@pytest.mark.parametrize(
    ("text", "unknown", "nearest"),
    [
        ("sede: 1\n", "'sede'", "seed"),
        ("rl: {step: 1}\n", "'rl.step'", "rl.steps"),
        ("rl: {filters: {min_lives: 3}}\n", "'rl.filters.min_lives'", "rl.filters.min_live"),
        ("sft: {stage1: {example: 3}}\n", "'sft.stage1.example'", "sft.stage1.examples"),
        (
            "rl: {filters: {thresholds: {tags: {eps_lo: 0.1}}}}\n",
            "'rl.filters.thresholds.tags.eps_lo'",
            "rl.filters.thresholds.tags.eps_low",
        ),
    ],
)
def test_an_unknown_key_names_the_nearest(tmp_path: Path, text: str, unknown: str, nearest: str) -> None:
    message = _refusal(tmp_path, text)
    assert f"mine.yaml: unknown key {unknown}" in message
    assert message.endswith(f"is {nearest}")


def test_an_unknown_key_on_the_command_line(tmp_path: Path) -> None:
    message = _refusal(tmp_path, "", "rl.loss.clip_hihg=0.3")
    assert "command line: unknown key 'rl.loss.clip_hihg'" in message
    assert "rl.loss.clip_high" in message


def test_a_key_in_no_or_a_wrong_section_names_those_that_have_it(tmp_path: Path) -> None:
    assert _refusal(tmp_path, "", "worth=0.7").endswith(
        "unknown key 'worth'; the nearest known: induce.clusters.worth"
    )
    assert "the nearest known: seed" in _refusal(tmp_path, "rl: {seed: 3}\n")


def test_who_gave_a_wrong_value_is_named(tmp_path: Path) -> None:
    assert "command line: rl.steps: Value 'abc'" in _refusal(tmp_path, "rl: {steps: 3}\n", "rl.steps=abc")
    assert "mine.yaml: rl.steps: Value 'abc'" in _refusal(tmp_path, "rl: {steps: abc}\n", "rl.steps=3")
    # What an interpolation leads to is known once all is merged.
    models = "bench: {models: ['${gone}']}\n"
    assert "mine.yaml: bench.models[0]: Interpolation key" in _refusal(tmp_path, models)
    assert "command line: bench.models[0]: Inter" in _refusal(tmp_path, models, "bench.models=['${off}']")


@pytest.mark.parametrize("override", ["rl.steps", "=3", "rl.steps:3"])
def test_an_override_is_key_equals_value(tmp_path: Path, override: str) -> None:
    assert "key=value, such as rl.steps=20" in _refusal(tmp_path, "", override)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("rl: {steps: many}\n", "rl.steps"),
        ("rl: {steps: 1.5}\n", "rl.steps"),
        ("rl: {steps: [1]}\n", "rl.steps"),
        ("rl: {filters: {sample: perhaps}}\n", "rl.filters.sample"),
        ("sft: {stage1: {lr: quick}}\n", "sft.stage1.lr"),
        ("rl: {filters: {thresholds: {tags: {eps_low: low}}}}\n", "eps_low"),
    ],
)
def test_a_value_of_the_wrong_type_names_its_key(tmp_path: Path, text: str, key: str) -> None:
    message = _refusal(tmp_path, text)
    assert "mine.yaml" in message
    assert key in message


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("rl: 3\n", "rl is a section"),
        ("rl:\n", "rl is a section"),
        ("rl: {filters: {thresholds: {tags: 0.5}}}\n", "rl.filters.thresholds.tags is a section"),
        ("- 1\n", "a recipe is a mapping"),
        ("rl: {steps: 1\n", "not valid YAML"),
    ],
)
def test_the_shape_of_a_recipe(tmp_path: Path, text: str, named: str) -> None:
    assert named in _refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("rl.filters.thresholds.tags={eps_low: 0.9, eps_high: 0.1}", "eps_low 0.9 is above eps_high 0.1"),
        ("rl.filters.thresholds.tag={eps_low: 0.1}", "tasks are tags, composite"),
        ("rl.filters.mean_over=some", "rl.filters.mean_over"),
        ("rl.filters.min_live=1", "rl.filters.min_live"),
        ("rl.filters.reward=judge", "rl.filters.reward is 'judge'; it must be one of total, atomic, summary"),
        ("rl.filters.thresholds.tags.eps_low_end=1", "thresholds.tags: has an end; say in rl.filters.ramp"),
        ("rl.refill.on_starved=wait", "rl.refill.on_starved"),
        ("rl.loss.mean_over=groups", "rl.loss.mean_over"),
        ("rl.refill.max_rounds=0", "rl.refill.max_rounds"),
        ("learner.ranks=0", "learner.ranks is 0"),
        ("learner.lora.rank=4", "learner.lora.rank: adapters are for a pretrained network"),
        ("rl.groups_per_step=0", "rl.groups_per_step is 0"),
        ("sft.batch_size=0", "sft.batch_size is 0"),
        ("rl.minibatches=3", "rl.minibatches 3"),
        ("rl.group_size=1", "rl.group_size is 1"),
        ("rl.temperature=0", "rl.temperature is 0"),
        ("bench.temperature=-1", "bench.temperature"),
        ("rl.top_p=0", "rl.top_p is 0"),
        ("bench.top_p=1.1", "bench.top_p is 1.1"),
        ("rl.init_from=stage4", "rl.init_from is 'stage4'"),
        ("rl.mode=play", "rl.mode is 'play'; it must be one of train, rollout, replay"),
        ("rl.ledger=all", "rl.ledger is 'all'; it must be one of verdicts, text, tokens"),
        ("rl.replay_from=runs/other", "rl.replay_from is for rl.mode=replay, and rl.mode is train"),
        ("rl.prompts=new", "rl.prompts is 'new'; it must be one of recorded, live"),
        ("rl.live.queue=0", "rl.live.queue is 0"),
        ("rl.init_from=pilot", "rl.init_from: names the pilot, and sft.pilot.examples is 0"),
        ("bench.models=[sft,pilot]", "bench.models: names the pilot, and sft.pilot.examples is 0"),
        ("bench.models=[best]", "bench.models: no 'best'; there are untrained, pilot"),
        ("sft.order=random", "sft.order is 'random'; it must be curriculum or shuffled"),
        ("sft.stage2_tags=easy", "sft.stage2_tags is 'easy'; it must be one of mixed, random"),
        (
            "sft.base_samples=2",
            "sft.base_samples asks a base model: set sft.pilot.examples or model.init_dir",
        ),
        (
            "scorer.llm.api_key_env=sk-12345",
            "scorer.llm.api_key_env: this is no name of an environment variable",
        ),
        ("sft.second_teacher.base_url=http://a:b@c/v1", "sft.second_teacher.base_url: take out user"),
        ("scorer.judge=nobody", "scorer.judge is 'nobody'; it must be rules or llm"),
        ("scorer.judge=llm", "scorer.llm.model is empty"),
        ("bench.models=[]", "bench.models is empty; name some of untrained, pilot"),
        ("scorer.tag_weights.shoe=1", "scorer.tag_weights.shoe: no such tag"),
        ("scorer.tag_weights.pet=-1", "scorer.tag_weights.pet is -1.0; it must be a number of at least 0"),
        ("scorer.similarity_floors.pet=.5", "scorer.similarity_floors.pet: no such tag; there are interests"),
        ("scorer.similarity_floors.interests=2", "must be a number from 0 to 1"),
        ("learner.zero_stage=4", "learner.zero_stage is 4"),
        ("model.max_length=700", "model.max_length 700 leaves no room"),
        ("simulate.users=500", "leave none of simulate.users 500"),
        ("rl.steps=0", "rl.steps is 0"),
        ("semantize.short_term_days=0", "semantize.short_term_days is 0"),
        ("cluster.timeout_s=.inf", "cluster.timeout_s is inf"),
        ("rl.lr=.nan", "rl.lr is nan"),
        ("scorer.summary_weights.completeness=.nan", "scorer.summary_weights"),
        ("sft={answer_weight: 0, stage2: {history_weight: 0}}", "nothing is learned"),
        ("name=a/b", "it must be one folder name"),
        ("name=''", "it must be one folder name"),
    ],
)
def test_what_the_types_cannot_say(tmp_path: Path, override: str, named: str) -> None:
    assert named in _refusal(tmp_path, "name: mine\n", override)


LOG = "log: {input: shop.csv, labels: who.csv, tags: {pet: {column: pets}}}\n"


@pytest.mark.parametrize(
    ("text", "override", "named"),
    [
        ("", "log.labels=who.csv", "log.input is empty; name the log that mapping, labels and tags are of"),
        ("", "sft.stage1.unlabelled=9", "sft.stage1.unlabelled: all users of a simulation have labels"),
        (LOG, "sft.pilot.unlabelled=9", "sft.pilot.unlabelled: a pilot learns the format alone"),
        ("", "log.input=shop.csv", "log.labels is empty; name a table of what is true of the log's users"),
        (LOG, "log.tags.pets.column=x", "unknown key 'log.tags.pets'; the nearest known one is log.tags.pet"),
        (LOG, "log.tags.pet.values.yes=rat", "log.tags.pet.values: 'rat' is none of pet's none, cat, dog"),
        (LOG, "log.fold=-1", "log.fold is -1; it must be at least 0"),
        (LOG, "rl.steps=0", "bench.models: names rl, and rl.steps is 0"),
        (LOG, "sft.rl_users=0", "sft.rl_users and sft.probe_users: DF-GRPO needs some of both"),
    ],
)
def test_a_log_in_the_place_of_a_simulation(tmp_path: Path, text: str, override: str, named: str) -> None:
    if text:
        load_recipe(_recipe(tmp_path, text))
    assert named in _refusal(tmp_path, f"name: mine\n{text}", override)


def test_a_log_has_as_many_users_as_it_has(tmp_path: Path) -> None:
    words = ["bench.users=5000", 'log.tags.pet.values.rat=""', "log.tags.pet.values.x=NA"]
    recipe = load_recipe(_recipe(tmp_path, LOG), words)
    assert recipe.log.tags["pet"].values == {"rat": "", "x": "NA"}


def test_batches_are_split_over_ranks_evenly(tmp_path: Path) -> None:
    recipe = load_recipe(_recipe(tmp_path), ["learner.ranks=4", "rl.groups_per_step=8", "sft.batch_size=4"])
    assert recipe.learner.ranks == 4


def test_a_missing_recipe_file_names_the_shipped_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml: no such recipe file; .*quickstart\.yaml"):
        load_recipe(tmp_path / "nowhere.yaml")


def _sections(schema: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    kinds = get_type_hints(schema)
    for field in fields(schema):
        yield prefix + field.name, field
        for kind in (kinds[field.name], *get_args(kinds[field.name])):
            if isinstance(kind, type) and is_dataclass(kind):
                yield from _sections(kind, f"{prefix}{field.name}.")


FIELDS = dict(_sections(Recipe))


def test_all_sections_are_seen() -> None:
    assert {
        "seed",
        "rl.loss.tis_cap",
        "sft.stage3.replay_share",
        "rl.filters.thresholds.eps_low",
    } <= FIELDS.keys()
    assert len(FIELDS) > 80


def test_every_field_says_what_it_is() -> None:
    docs = {name: field.metadata.get("doc", "") for name, field in FIELDS.items()}
    assert [name for name, doc in docs.items() if len(doc) < 6 or not doc.endswith((".", ")"))] == []


def test_sections_are_not_shared_between_recipes() -> None:
    first, second = Recipe(), Recipe()
    first.rl.filters.thresholds["tags"] = ThresholdConfig()
    first.scorer.summary_weights["completeness"] = 9.0
    first.rl.steps = 999
    assert second == Recipe()


def test_fingerprints_follow_values_and_order() -> None:
    assert fingerprint("a", Recipe().rl) == fingerprint("a", Recipe().rl)
    changed = Recipe().rl
    changed.filters.thresholds["tags"] = ThresholdConfig(eps_low=0.1)
    prints = {
        fingerprint("a", Recipe().rl),
        fingerprint("b", Recipe().rl),
        fingerprint("a", changed),
        fingerprint(Recipe().rl, "a"),
    }
    assert len(prints) == 4


def test_the_run_directory() -> None:
    assert run_directory(Recipe(runs_dir="elsewhere", name="mine")) == Path("elsewhere/mine")


def test_a_replaced_model_is_told_from_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    before = directory_state(str(tmp_path))
    assert before == directory_state(str(tmp_path))
    aside = tmp_path.with_name("aside")
    aside.write_bytes(b"others!")
    os.utime(aside, ns=(1, 1))
    aside.rename(tmp_path / "model.safetensors")
    assert directory_state(str(tmp_path)) != before
    assert directory_state("") == []


def test_a_date_is_written_with_or_without_quotes(tmp_path: Path) -> None:
    assert load_recipe(Path("quickstart"), ["simulate.end_date=2025-03-31"]).simulate.end_date == "2025-03-31"
    file = tmp_path / "mine.yaml"
    file.write_text("simulate: {end_date: 2025-03-31}\n")
    assert load_recipe(file).simulate.end_date == "2025-03-31"
    with pytest.raises(UserError, match="simulate.end_date: 'soon' is no date"):
        load_recipe(file, ["simulate.end_date=soon"])


def test_null_removes_an_entry_and_a_written_recipe_remembers(tmp_path: Path) -> None:
    recipe = load_recipe(Path("quickstart"), ["simulate.periods.Storm=null", "simulate.follow_ups={}"])
    assert "Storm" not in recipe.simulate.periods
    assert len(recipe.simulate.periods) > 5
    write_recipe(tmp_path / "again.yaml", recipe)
    assert load_recipe(tmp_path / "again.yaml") == recipe
    with pytest.raises(
        UserError, match="'simulate.periods.Strom'; the nearest known one is simulate.periods.Storm"
    ):
        load_recipe(Path("quickstart"), ["simulate.periods.Strom=null"])
    with pytest.raises(UserError, match=r"simulate.users is null; give it a value"):
        load_recipe(Path("quickstart"), ["simulate.users=null"])


def test_null_takes_the_value_of_a_field_that_needs_none(tmp_path: Path) -> None:
    bounds = "rl.filters.thresholds.composite"
    moving = load_recipe(Path("quickstart"), [f"{bounds}.eps_low_end=1.1", "rl.filters.ramp_steps=5"])
    assert moving.rl.filters.thresholds["composite"].eps_low_end == 1.1
    write_recipe(tmp_path / "moving.yaml", moving)
    assert load_recipe(tmp_path / "moving.yaml") == moving
    still = load_recipe(tmp_path / "moving.yaml", [f"{bounds}.eps_low_end=null"])
    assert still.rl.filters.thresholds["composite"] == ThresholdConfig(eps_low=0.9, eps_high=1.6)
    # And back: what the file has as null, the command line may set.
    write_recipe(tmp_path / "still.yaml", still)
    assert load_recipe(tmp_path / "still.yaml", [f"{bounds}.eps_low_end=1.1"]) == moving
    with pytest.raises(UserError, match=r"composite\.eps_low is null; give it a value"):
        load_recipe(Path("quickstart"), [f"{bounds}.eps_low=null"])


def test_the_command_line_sets_what_a_file_removes(tmp_path: Path) -> None:
    recipe = load_recipe(Path("quickstart"), ["simulate.periods.Storm=null"])
    write_recipe(tmp_path / "calm.yaml", recipe)
    storm = load_recipe(tmp_path / "calm.yaml", ["simulate.periods.Storm.kind=shock"]).simulate.periods[
        "Storm"
    ]
    assert storm.kind == "shock"


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("rl:\n  steps: 5\n  steps: 7\n")
    with pytest.raises(UserError, match=r"r.yaml: line 3: key 'steps' stands twice; keep one"):
        load_recipe(file)
    file.write_text("rl: [steps\n")
    with pytest.raises(UserError, match=r"r.yaml: not valid YAML at line 2"):
        load_recipe(file)


def test_the_environment_stays_out_of_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    file = tmp_path / "mine.yaml"
    file.write_text("rollout: {}\nllm: {model: '${oc.env:TOKEN}'}\n")
    with pytest.raises(UserError, match=r"mine.yaml: llm.model asks for \$\{oc") as caught:
        load_recipe(file)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(UserError, match=r"command line: name asks for \$\{oc"):
        load_recipe(Path("quickstart"), ["name=a${oc.env:TOKEN}"])
    assert load_recipe(Path("quickstart"), ["name=s${seed}", "seed=3"]).name == "s3"


def _differences(path: Path, stage: str, *overrides: str) -> list[str]:
    (reads,) = [one.reads for one in STAGES if one.name == stage]
    return differences(path, load_recipe(Path("quickstart"), overrides), reads)


def test_differences_are_those_that_a_stage_reads(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_recipe(path, load_recipe(Path("quickstart")))
    changes = [
        "rl.lr=1e-3",
        "rl.save_every=7",
        "sft.warmup=0.5",
        "name=other",
        "cluster.cpus=1",
        "llm.model=m",
    ]
    assert _differences(path, "simulate", *changes) == []
    assert _differences(path, "semantize", *changes) == []  # no model writes titles
    assert _differences(path, "sft", *changes) == ["sft.warmup was 0.05, is 0.5"]
    assert _differences(path, "rl", *changes) == ["rl.lr was 0.0002, is 0.001"]
    assert _differences(path, "report", *changes) == ["name was 'quickstart', is 'other'"]


def test_entries_that_came_or_went_are_told_with_their_mapping(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_recipe(path, load_recipe(Path("quickstart"), ["scorer.tag_weights.pet=2"]))
    changes = ["rl.filters.thresholds.composite.eps_low=0.5", "scorer.tag_weights.gender=3"]
    assert _differences(path, "rl", *changes) == [
        "rl.filters.thresholds.composite.eps_low was 0.9, is 0.5",
        "scorer.tag_weights was {'pet': 2.0}, is {'gender': 3.0}",
    ]
    (told,) = _differences(path, "rl", "rl.filters.thresholds.composite=null", "scorer.tag_weights.pet=2")
    assert told.startswith("rl.filters.thresholds was {'composite': {'eps_low': 0.9, 'eps_high': 1.6,")
    assert told.endswith("}}, is {}")


def test_a_file_that_is_gone_was_read(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_recipe(path, load_recipe(Path("quickstart"), ["model.init_dir=/gone"]))
    assert _differences(path, "semantize") == ["model.init_dir was '/gone', is ''"]


def test_a_recipe_of_another_version_differs_in_what_both_know(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("gone: 1\nseed: 5\nsimulate: 3\n")
    assert _differences(path, "simulate") == ["seed was 5, is 0"]
    path.write_text("seed: [")
    assert _differences(path, "simulate") == []
    assert _differences(tmp_path / "nowhere.yaml", "simulate") == []

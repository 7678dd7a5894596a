"""What each stage of a run reads: a change is noticed by the first stage whose result it changes."""

from pathlib import Path

import pytest

from hprbench.extractor import EXTRACTOR_VERSION
from launch.recipe import fingerprint, load_recipe
from launch.stages.all import STAGES
from records.config import Recipe
from tests.test_launch_own_log import write_log


def changed(before: Recipe, after: Recipe) -> str:
    """The first stage that `after` makes anew, and with it all later ones; empty where there is none."""
    both = ((stage.name, stage.reads(before), stage.reads(after)) for stage in STAGES)
    return next((name for name, old, new in both if fingerprint(*old) != fingerprint(*new)), "")


@pytest.mark.parametrize(
    ("override", "stage"),
    [
        ("log.fold=1", "simulate"),
        ("log.tags.pet.values.cat=dog", "simulate"),
        ("seed=1", "simulate"),
        ("semantize.top_k=4", "semantize"),
        ("bench.users=8", "semantize"),
        ("sft.rl_users=4", "semantize"),
        ("sft.probe_users=4", "semantize"),
        ("answer.cite=true", "semantize"),
        ("model.layers=1", "semantize"),
        ("sft.teacher_error=0.1", "teachers"),
        ("sft.second_teacher.model=one", "teachers"),
        ("sft.pilot.examples=9", "pilot"),
        ("sft.answer_weight=3", "pilot"),
        ("learner.weight_decay=0.1", "pilot"),
        ("learner.ranks=3", ""),  # groups and lessons need not divide by it
        ("sft.stage1.unlabelled=9", "curriculum"),
        ("sft.stage3.window_lines=3", "curriculum"),
        ("sft.stage2_tags=random", "curriculum"),
        ("sft.order=shuffled", "curriculum"),
        ("sft.teacher_silence=0.2", "curriculum"),
        ("rollout.actors=2", ""),
        ("rl.lr=0.1", "rl"),
        ("rl.live.workers=2", ""),
        ("rl.live.queue=9", ""),
        ("rl.save_every=9", ""),
        ("rl.keep_checkpoints=9", ""),
        ("scorer.judge_repeats=5", "rl"),
        ("bench.k=3", "bench"),
        ("bench.top_p=0.8", "bench"),
        ("name=other", "report"),
        ("cluster.timeout_s=9", ""),
        ("sft.save_every=9", ""),
        ("scorer.actors=2", ""),
    ],
)
def test_the_first_stage_that_a_field_changes(tmp_path: Path, override: str, stage: str) -> None:
    file = write_log(tmp_path)
    assert changed(load_recipe(file), load_recipe(file, [override])) == stage


def test_the_report_rests_on_the_extractor() -> None:
    report = next(stage for stage in STAGES if stage.name == "report")
    assert EXTRACTOR_VERSION in report.reads(Recipe())

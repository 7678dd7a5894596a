"""What stage sft goes on from."""

from pathlib import Path

from launch.stages.sft import last_learnt, within
from sft.objective import SFTExample


def test_a_stage_without_lessons_leaves_what_was_learnt_before(tmp_path: Path) -> None:
    for name, step in (("stage1", 20), ("stage1", 40), ("stage3", 9)):
        folder = tmp_path / name / f"step_{step:06d}"
        folder.mkdir(parents=True)
        (folder / "state.json").write_text("{}")
    assert last_learnt(tmp_path, []) is None
    assert last_learnt(tmp_path, ["stage1"]) == tmp_path / "stage1" / "step_000040"
    assert last_learnt(tmp_path, ["stage1", "stage2"]) == tmp_path / "stage1" / "step_000040"
    assert last_learnt(tmp_path, ["stage1", "stage2", "stage3"]) == tmp_path / "stage3" / "step_000009"


def test_a_token_budget_takes_the_first_examples() -> None:
    examples = [SFTExample(prompt_ids=(1,) * 3, response_ids=(2,) * size) for size in (1, 2, 3)]
    # 4, then 9, then 15 tokens.
    assert [len(within(examples, most)) for most in (0, 3, 4, 8, 9, 14, 15, 99)] == [3, 0, 1, 1, 2, 2, 3, 3]

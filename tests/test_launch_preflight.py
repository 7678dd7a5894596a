"""What is refused before anything starts."""

import json
from pathlib import Path
from typing import Any

import pytest

from actors.placement import rl_needs
from launch.preflight import preflight
from launch.recipe import load_recipe
from launch.stages.data import check_room
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.config import Recipe
from records.errors import UserError
from records.history import HistoryLine, SemanticHistory

CONFIG = {"num_attention_heads": 4, "num_hidden_layers": 2, "hidden_size": 256}


def _started_from(directory: Path, config: Any) -> Recipe:
    (directory / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    recipe = Recipe()
    recipe.model.init_dir = str(directory)
    return recipe


def test_a_readable_model_passes(tmp_path: Path) -> None:
    preflight(_started_from(tmp_path, CONFIG))
    preflight(_started_from(tmp_path, {**CONFIG, "tie_word_embeddings": True}))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "no readable model config"),
        ([1], "no readable model config"),
        ({"num_hidden_layers": 2}, "no readable model config .*num_attention_heads"),
        ({**CONFIG, "head_dim": 16}, "head_dim is 16; vLLM on CPU takes"),
        ({**CONFIG, "max_position_embeddings": 128}, "reads 128 tokens; lower model.max_length"),
    ],
)
def test_a_model_that_cannot_be_served_is_refused(tmp_path: Path, config: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        preflight(_started_from(tmp_path, config))


def test_a_missing_model_is_refused() -> None:
    recipe = Recipe()
    recipe.model.init_dir = "nowhere"
    with pytest.raises(UserError, match="nowhere"):
        preflight(recipe)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("hidden_size", 130, "multiple of heads"),
        ("hidden_size", 64, "vLLM on CPU takes 32"),
    ],
)
def test_a_shape_that_no_kernel_serves_is_refused(key: str, value: int, message: str) -> None:
    recipe = Recipe()
    setattr(recipe.model, key, value)
    with pytest.raises(UserError, match=message):
        preflight(recipe)


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_processes_of_an_engine_that_divide_the_network_pass(processes: int, tmp_path: Path) -> None:
    recipe = _started_from(tmp_path, {**CONFIG, "num_key_value_heads": 2})
    recipe.rollout.tensor_parallel = processes
    preflight(recipe)


@pytest.mark.parametrize(
    ("change", "processes"),
    [({}, 3), ({"num_attention_heads": 8, "head_dim": 32, "num_key_value_heads": 3}, 2), ({}, 8)],
)
def test_processes_of_an_engine_that_do_not_are_refused(
    change: dict[str, int], processes: int, tmp_path: Path
) -> None:
    recipe = _started_from(tmp_path, {**CONFIG, **change})
    recipe.rollout.tensor_parallel = processes
    with pytest.raises(UserError, match=rf"rollout\.tensor_parallel is {processes}: .* attention heads"):
        preflight(recipe)


def test_an_engine_has_as_many_gpus_as_processes() -> None:
    with pytest.raises(
        UserError, match=r"gpus_per_actor is 1 and rollout\.tensor_parallel 2: an engine uses"
    ):
        load_recipe(Path("quickstart"), ["rollout.gpus_per_actor=1", "rollout.tensor_parallel=2"])
    for gpus in (0, 2):
        load_recipe(Path("quickstart"), [f"rollout.gpus_per_actor={gpus}", "rollout.tensor_parallel=2"])


def test_the_question_counts_towards_the_room_of_a_prompt() -> None:
    tokenizer = ChatTokenizer(train_tokenizer(["#1 [Source: Shop] | Milk"], 300))
    line = HistoryLine(number=1, text="#1 [Source: Shop] | Milk", event_ids=("e1",))
    history = SemanticHistory(user_id="u", lines=(line,))
    recipe = Recipe()
    recipe.model.max_length = 9000
    check_room([history], tokenizer, recipe)
    recipe.model.max_length = recipe.semantize.token_budget + recipe.rl.max_response_tokens + 10
    with pytest.raises(UserError, match=r"model\.max_length is \d+: .* tokens, \d+ around it"):
        check_room([history], tokenizer, recipe)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ("scorer.embeddings=/nowhere", "scorer.embeddings '/nowhere': no such model directory"),
        (
            "scorer.llm.api_key_env=NO_SUCH_KEY_HERE",
            "scorer.llm.api_key_env: no environment variable of that",
        ),
    ],
)
def test_what_scorers_need_here_is_checked_before_a_run_and_not_to_read_one(
    changed: str, message: str
) -> None:
    recipe = load_recipe(Path("quickstart"), ["scorer.judge=llm", "scorer.llm.model=m", changed])
    with pytest.raises(UserError, match=message):
        preflight(recipe)


def test_a_replay_needs_a_learner_alone_and_live_prompts_may_reserve_a_share() -> None:
    recipe = load_recipe(Path("quickstart"), ["rl.mode=replay", "scorer.embeddings=/nowhere"])
    preflight(recipe)
    assert [str(need) for need in rl_needs(recipe)] == ["learner 1 × (0.5 CPUs)"]
    live = load_recipe(Path("quickstart"), ["rl.prompts=live", "rl.live.workers=3", "sft.rl_users=0"])
    assert sum(need.count * need.cpus for need in rl_needs(live)) == 2
    live.rl.live.cpus_per_worker = 0.5
    assert [str(need) for need in rl_needs(live)][-1] == "producer 3 × (0.5 CPUs)"
    pilot = load_recipe(Path("quickstart"), ["rl.mode=rollout"])
    assert [need.kind for need in rl_needs(pilot)] == ["rollout", "scorer"]

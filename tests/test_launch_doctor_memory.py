"""Memory estimates, worked by hand for Qwen3-8B, and the doctor on a cluster that is only described."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from actors.nodes import Facts
from launch.doctor.memory import check_gpu_memory, disk_gib, engine_gib, learner_gib, store_gib
from launch.doctor.nodes import node_checks
from launch.doctor.sizes import size_checks
from launch.recipe import load_recipe
from launch.shape import Shape, model_shape
from records.config import LearnerConfig, LoraConfig, Recipe
from records.errors import UserError

QWEN3_8B = {
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "tie_word_embeddings": False,
    "max_position_embeddings": 40960,
}
NODE = Facts(
    name="10.0.0.1",
    cpus=96,
    gpus=8,
    gpu_gib=(79.6,) * 8,
    versions={},
    shared="",
    has_model=True,
    disk_gib=2000,
    shm_gib=500,
    object_store_gib=200,
)
TWO_NODES = [NODE, replace(NODE, name="10.0.0.2")]


def qwen(folder: Path, *overrides: str) -> Recipe:
    (folder / "config.json").write_text(json.dumps(QWEN3_8B))
    return load_recipe(Path("qwen3-8b"), [f"model.init_dir={folder}", f"runs_dir={folder}", *overrides])


def qwen_shape(folder: Path) -> Shape:
    return model_shape(qwen(folder).model)


def told(recipe: Recipe, nodes: list[Facts]) -> list[str]:
    directory = Path(recipe.runs_dir)
    return [check.says() for check in (*size_checks(recipe), *node_checks(recipe, directory, nodes))]


def test_the_recipe_of_the_report_fits_on_two_nodes_of_eight_gpus(tmp_path: Path) -> None:
    recipe = qwen(tmp_path)
    batch, room, shared, models, disk, store, gpu = told(recipe, TWO_NODES)
    assert batch == (
        "batch: 16 groups × 8 samples, 1 update(s) each, over 8 rank(s); sequences up to 18096 of 40960 "
        "tokens; beside the longest prompt a micro-batch (learner.micro_batch_tokens) holds 6 of the longest "
        "responses, the others of a group need the prompt again"
    )
    assert room.startswith("actors ask for 68 of 192 CPUs and 16 of 16 GPUs")
    assert "seen by 2 nodes" in shared
    assert "2 node(s)" in models
    assert "takes up to 1008.9" in disk
    assert "take 2.32" in store
    assert gpu == (
        "GPU memory: a learner rank takes about 42 of 80 GiB; an engine takes 18 of 72, the rest caches 9 "
        "sequences of 40960 tokens"
    )


def test_on_smaller_gpus_engines_have_two(tmp_path: Path) -> None:
    smaller = ["rollout.actors=4", "rollout.tensor_parallel=2", "rollout.gpus_per_actor=2"]
    nodes = [replace(NODE, name=name, gpu_gib=(39.6,) * 8) for name in "abc"]
    assert told(qwen(tmp_path, *smaller, "learner.ranks=16"), nodes)[-1] == (
        "GPU memory: a learner rank takes about 34 of 40 GiB; an engine takes 11 of 36, the rest caches 8 "
        "sequences of 40960 tokens"
    )
    with pytest.raises(UserError, match="a learner rank takes about 42 GiB, its GPU has 40"):
        told(qwen(tmp_path, *smaller), nodes)


def test_the_report_s_values(tmp_path: Path) -> None:
    rl = qwen(tmp_path).rl
    assert rl.groups_per_step * rl.group_size == 128
    assert (rl.minibatches, rl.lr, rl.temperature, rl.top_p) == (1, 1e-6, 0.7, 0.9)
    assert qwen(tmp_path).model.max_length == 40 * 1024


@pytest.mark.parametrize(
    ("overrides", "change", "message"),
    [
        (
            ["learner.zero_stage=1", "rl.loss.kl_beta=0.1"],
            {},
            "a learner rank takes about 95 GiB, its GPU has 80 for it",
        ),
        ([], {"gpu_gib": (24.0,)}, "a learner rank takes about 42 GiB, its GPU has 24"),
        ([], {"gpus": 7}, "no room for rollout, of which each must fit on one node"),
        (
            ["rollout.tensor_parallel=8", "rollout.gpus_per_actor=8", "rollout.actors=2"],
            {},
            "no room for learner",
        ),
        ([], {"disk_gib": 100.0}, "100.0 GiB free, checkpoints and models of a run take up to 1008.9"),
        ([], {"object_store_gib": 1.0}, "10.0.0.1: Ray's object store has 1.00 GiB, weights .* take 2.32"),
        ([], {"has_model": False}, "no config.json on 10.0.0.1, 10.0.0.2; put it on shared storage"),
        ([], {"shared": "no such directory there"}, r"node 10\.0\.0\.1 \(no such directory there\)"),
        ([], {"gpu_gib": ()}, "nvidia-smi tells of none"),
        (["learner.micro_batch_tokens=16384"], {}, "micro_batch_tokens is 16384, and the longest prompt"),
        (["rollout.max_sequences=4"], {}, r"rollout\.max_sequences is 4, less than rl\.group_size 8"),
    ],
)
def test_what_will_not_work_there_is_named(
    overrides: list[str], change: dict[str, object], message: str, tmp_path: Path
) -> None:
    nodes = [replace(node, **change) for node in TWO_NODES]  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        told(qwen(tmp_path, *overrides), nodes)


def test_parameters_are_those_of_the_model_card(tmp_path: Path) -> None:
    # 36 × (2 · 4096 · 128 · 40 + 3 · 4096 · 12288) + 2 · 151936 · 4096
    assert qwen_shape(tmp_path).parameters == 8_190_427_136


def test_learner_memory_by_zero_stage(tmp_path: Path) -> None:
    """P = 8.1904e9 weights are 7.628 GiB a byte. Activations: 40,960 tokens × (36 · 2 · 4,096 + 184,320)
    bytes, 18.28 GiB; logits 1.5, overhead 3; ZeRO-3 gathers embeddings of 622e6 weights, twice, 2.32 GiB."""
    shape = qwen_shape(tmp_path)

    def gib(stage: int, *, reference: bool = False) -> float:
        config = LearnerConfig(
            ranks=8, zero_stage=stage, gradient_checkpointing=True, micro_batch_tokens=40960
        )
        return learner_gib(shape, config, reference=reference)

    rest = 18.281 + 1.5 + 3
    assert gib(0) == gib(1)
    assert gib(1) == pytest.approx(7.628 * (2 + 4 + 12 / 8) + rest, abs=0.01)
    assert gib(2) == pytest.approx(7.628 * (2 + 16 / 8) + rest, abs=0.01)
    assert gib(3) == pytest.approx(7.628 * 18 / 8 + 2.318 + rest, abs=0.01)
    assert gib(3, reference=True) - gib(3) == pytest.approx(2 * 7.628, abs=0.01)


def test_adapters_need_no_optimizer_of_the_whole_network(tmp_path: Path) -> None:
    shape = qwen_shape(tmp_path)
    config = LearnerConfig(ranks=1, micro_batch_tokens=1, lora=LoraConfig(rank=8))
    # 36 layers × 8 × (7 · 4096 + 3 · 12288 + 2 · 40 · 128) weights: 21.8e6
    assert learner_gib(shape, config, reference=True) == pytest.approx(
        (2 * 8_190_427_136 + 16 * 21_823_488) / 2**30 + 1.5 + 3, abs=0.02
    )


def test_engine_memory_is_shared_by_its_processes(tmp_path: Path) -> None:
    shape = qwen_shape(tmp_path)
    assert engine_gib(shape, 1, 40960) == pytest.approx((15.256 + 3, 5.625), abs=0.001)
    assert engine_gib(shape, 4, 40960) == pytest.approx((3.814 + 3, 5.625 / 4), abs=0.001)
    # Heads of keys and values are copied where there are more processes than heads.
    assert engine_gib(shape, 16, 40960)[1] == pytest.approx(5.625 / 8)


def test_an_engine_without_room_for_one_sequence_is_refused(tmp_path: Path) -> None:
    recipe = qwen(tmp_path, "learner.gpus_per_rank=0")
    with pytest.raises(UserError, match="an engine takes about 18 GiB and 5.6 for the cache of one sequence"):
        check_gpu_memory(recipe, model_shape(recipe.model), 24)


def test_a_small_network_takes_little(tmp_path: Path) -> None:
    recipe = load_recipe(Path("quickstart"), [])
    shape = model_shape(recipe.model)
    # 4 × (2 · 128 · 64 · 4 + 3 · 128 · 384) + 2 · 3072 · 128
    assert shape.parameters == 1_638_400
    assert disk_gib(recipe, shape) < 2.5
    # Embeddings of 3072 × 128 floats are smaller than a bucket of 64 MiB; a snapshot holds all weights.
    assert store_gib(shape, on_gpu=False, snapshot=False) == pytest.approx(0.125)
    whole = 4 * shape.parameters / 2**30
    assert store_gib(shape, on_gpu=False, snapshot=True) == pytest.approx(0.125 + whole)


@pytest.mark.parametrize(
    "name", ["quickstart", "complete-journey", "smollm2-135m", "ablation-sft", "ablation-rl"]
)
def test_sizes_of_shipped_recipes_fit_together(name: str) -> None:
    for check in size_checks(load_recipe(Path(name), [])):
        assert check.says().startswith("batch: ")

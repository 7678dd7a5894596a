"""TRL's side of `test_rl_peer_trl`: advantages, loss and gradient by its own GRPOTrainer and environment.

    build/trl/bin/python tests/peer_trl.py WORK.json RESULTS.safetensors

Knows nothing of this project. A real trainer on a small model is given rollouts where it would have sampled
some, so that everything from rewards to the loss is TRL's code. Three policies take part: `old` holds the
weights that the update begins with, `current` those of an optimiser step later, `reference` those of the KL.
"""

import json
import os
import sys
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TRL_EXPERIMENTAL_SILENCE="1", TOKENIZERS_PARALLELISM="false")

import torch
from datasets import Dataset
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer


def load(directory):
    """A model in float32."""
    return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, local_files_only=True)


def run(work, case, place):
    """One case: its advantages, loss, metrics and gradient by name."""
    groups = work["batches"][case["batch"]]
    samples = [sample for group in groups for sample in group["samples"]]
    prompts = [group["prompt_ids"] for group in groups for _ in group["samples"]]

    def rollouts(prompts_, trainer):
        """What would have been sampled; tokens of dropped samples are masked, as if a tool wrote them."""
        return {
            "prompt_ids": prompts,
            "completion_ids": [sample["ids"] for sample in samples],
            "logprobs": [sample["logprobs"] for sample in samples],
            "env_mask": [[int(sample["live"])] * len(sample["ids"]) for sample in samples],
        }

    def reward(completions, **columns):
        """What they earned; None where scoring failed."""
        return [sample["reward"] if sample["live"] else None for sample in samples]

    config = GRPOConfig(
        output_dir=str(place),
        use_cpu=True,
        bf16=False,
        per_device_train_batch_size=len(samples),
        num_generations=len(groups[0]["samples"]),
        gradient_accumulation_steps=1,
        # More than one, so that log-probs of the old policy are kept apart from the current one's.
        num_iterations=2 if case["off_policy"] else 1,
        gradient_checkpointing=False,
        report_to="none",
        disable_tqdm=True,
        temperature=work["temperature"],
        max_completion_length=work["max_response_tokens"],
        **case["options"],
    )
    trainer = GRPOTrainer(
        model=load(work["policies"]["old"]),
        reward_funcs=reward,
        args=config,
        train_dataset=Dataset.from_dict({"prompt": ["a prompt"]}),
        processing_class=AutoTokenizer.from_pretrained(work["policies"]["old"]),
        rollout_func=rollouts,
    )
    # With vLLM, TRL weighs tokens by min(old / rollout, C). There is none here and none is needed: rollouts
    # are given, and their log-probs with them.
    trainer.use_vllm = case["importance_weights"]
    trainer._last_loaded_step = trainer.state.global_step
    trainer.current_gradient_accumulation_steps = 1
    if trainer.ref_model is not None:
        trainer.ref_model.load_state_dict(load(work["policies"]["reference"]).state_dict())
    trainer.model.train()
    inputs = trainer._generate_and_score_completions([{"prompt": "a prompt"} for _ in samples])
    if case["off_policy"]:
        trainer.model.load_state_dict(load(work["policies"]["current"]).state_dict())
    loss = trainer.compute_loss(trainer.model, inputs)
    loss.backward()
    told = trainer._metrics["train"]
    return {
        "advantages": inputs["advantages"],
        "loss": loss.detach(),
        "clip_frac": torch.tensor(told["clip_ratio/region_mean"][-1]),
        "kl": torch.tensor(told["kl"][-1] if "kl" in told else 0.0),
        "entropy": torch.tensor(told["entropy"][-1]),
        **{f"gradient/{name}": parameter.grad for name, parameter in trainer.model.named_parameters()},
    }


def main():
    """All cases of a file."""
    torch.set_num_threads(1)
    file, results = Path(sys.argv[1]), Path(sys.argv[2])
    work = json.loads(file.read_text())
    found = {}
    for name, case in work["cases"].items():
        for key, value in run(work, case, file.parent / "trainer").items():
            found[f"{name}/{key}"] = value.contiguous()
    save_file(found, results)


if __name__ == "__main__":
    main()

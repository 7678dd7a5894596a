"""From a history and a question to the prompt a model reads."""

from collections.abc import Sequence

from lm.answers import SUMMARY_KEY
from lm.tokenizer import ChatTokenizer
from records.history import SemanticHistory
from records.prompt import COMPOSITE_TASK, Prompt


def message(history: str, tags: Sequence[str], task: str) -> str:
    """The user's message: the history, then the keys that the answer shall have."""
    keys = [*tags, SUMMARY_KEY] if task == COMPOSITE_TASK else tags
    listed = ",".join(f'"{key}"' for key in keys)
    return f"History:\n{history}\n\nAnswer [{listed}]."


def render_prompt(
    tokenizer: ChatTokenizer, history: SemanticHistory, *, tags: Sequence[str], task: str
) -> Prompt:
    """Ask about `tags` (in this order) of the user behind `history`."""
    return Prompt(
        prompt_id=f"{history.user_id}/{task}",
        user_id=history.user_id,
        task=task,
        tags=tuple(tags),
        history_lines=len(history.lines),
        token_ids=tuple(tokenizer.prompt_ids(message(history.text, tags, task))),
    )

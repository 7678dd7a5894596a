"""What the loop may work on: all of it or a part alone, and prompts from where."""

from records.config import RLConfig
from records.errors import UserError
from rl.ledger import KEPT

TRAIN, ROLLOUT, REPLAY = MODES = ("train", "rollout", "replay")
RECORDED, LIVE = SOURCES = ("recorded", "live")
"""Where prompts come from."""


def check_modes(config: RLConfig) -> None:
    """Refuse an unknown mode, source or content of the ledger, and a ledger named that nothing would read.

    Raises:
        UserError: naming the key.
    """
    for key, value, known in (
        ("mode", config.mode, MODES),
        ("ledger", config.ledger, KEPT),
        ("prompts", config.prompts, SOURCES),
    ):
        if value not in known:
            raise UserError(f"rl.{key} is {value!r}; it must be one of {', '.join(known)}")
    if config.replay_from and config.mode != REPLAY:
        raise UserError(f"rl.replay_from is for rl.mode={REPLAY}, and rl.mode is {config.mode}")

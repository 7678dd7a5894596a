"""Group-relative advantages (GRPO, DeepSeekMath, arXiv 2402.03300, eq. 3) over live samples only."""

import numpy as np
import numpy.typing as npt

from rl.filters import FilterVerdict

STD_FLOOR = 1e-4
"""Added to the deviation, as TRL does, so that nearly equal rewards do not explode."""


def group_advantages(verdict: FilterVerdict, *, scale_by_std: bool) -> npt.NDArray[np.float64]:
    """advantages_G: `(r − mean) / (std + 1e-4)` over live samples, std with ddof 1; NaN for dropped ones.

    Without `scale_by_std` it is `r − mean` (Dr.GRPO, arXiv 2503.20783). The mean here is always over
    live samples, whatever mean the group filter looked at.
    """
    advantages_G = np.full(len(verdict.rewards), np.nan)
    live_G = np.array(verdict.live)
    rewards = np.array(verdict.rewards)[live_G]
    if len(rewards) < 2:
        return advantages_G
    centred = rewards - rewards.mean()
    advantages_G[live_G] = centred / (rewards.std(ddof=1) + STD_FLOOR) if scale_by_std else centred
    return advantages_G

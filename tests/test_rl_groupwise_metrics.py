"""What an iteration of groupwise DPO shows, by hand."""

import pytest

from lm.objective import UpdateReport
from rl.groupwise_metrics import sample_metrics, update_metrics
from tests.groupwise_groups import ranked_group


def test_samples_by_hand() -> None:
    groups = [
        ranked_group("a", (1,), [((2, 2), 0.5), ((2,), "schema"), ((2,) * 3, None)]),
        ranked_group("b", (1,), [((2,), 0.25), ((2,), 0.25)]),
        ranked_group("c", (1,), [((2,), "schema"), ((2,), "bad_json")]),
        ranked_group("d", (1,), [((2,), 1.0), ((2,), None)]),
        ranked_group("e", (1,), [((2,), 0.9)] * 2, finish_reason="length"),
    ]
    assert sample_metrics(groups) == pytest.approx(
        {
            # .5, .25, .25 and 1; of eleven responses two were not scored, and four of the nine are valid.
            "quality/mean": 0.5,
            "quality/valid_share": 4 / 9,
            "groups/live": 2.0,
            "groups/tied": 1.0,
            "groups/no_valid": 2.0,
            "groups/too_few": 1.0,
            "rollout/tokens": 14.0,
            "rollout/response_tokens_mean": 14 / 11,
            "rollout/truncated_share": 2 / 11,
            "invalid/schema": 2.0,
            "invalid/bad_json": 1.0,
            "invalid/truncated": 2.0,
            "invalid/score_error": 2.0,
        }
    )


def test_updates_by_hand() -> None:
    metrics = {"loss": 1.0, "kl": 0.5, "win_rate": 0.25, "margin": 0.125, "paired": 0.5}
    later = {"loss": 0.5, "kl": 1.5, "win_rate": 0.5, "margin": 0.375, "paired": 0.5}
    reports = [
        UpdateReport(optimizer_steps=2, grad_norm=norm, metrics=told)
        for norm, told in ((3.0, metrics), (2.0, later))
    ]
    # Means over both; wins and margins are of the half of the groups that have pairs.
    assert update_metrics(reports, 0.1) == pytest.approx(
        {
            "learner/loss": 0.75,
            "learner/kl": 1.0,
            "learner/win_rate": 0.75,
            "learner/margin": 0.5,
            "learner/grad_norm": 3.0,
            "learner/lr": 0.1,
        }
    )
    assert update_metrics([], 0.1) == {}
    # Where all groups are tied there is no pair to tell of.
    tied = UpdateReport(
        optimizer_steps=1, grad_norm=1.0, metrics={**dict.fromkeys(metrics, 0.0), "loss": 1.0}
    )
    assert not {"learner/win_rate", "learner/margin"} & update_metrics([tied], 0.1).keys()

"""The numbers fall where they must, on many made-up users whose truth is known; the arithmetic by hand."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from records.induction import QualityConfig
from rewards.agreement import same_order, spearman
from rewards.personas.judge import Case, RuleJudge, Verdict
from rewards.personas.perturbations import LOWERS
from rewards.personas.subject import fault_of
from rewards.personas.total import quality
from rewards.personas.validation import effect_of, validation_effects, version_effects
from tests.personas import made_up_user

USERS = [made_up_user(seed, personas=2 + seed % 3, memories=6 + seed % 7) for seed in range(120)]


def test_every_perturbation_lowers_what_it_must() -> None:
    effects = validation_effects(USERS, QualityConfig())
    assert effects.keys() == LOWERS.keys()
    for name, effect in effects.items():
        assert effect.users == len(USERS), name
        assert effect.high < 0, name
        assert effect.lowered >= 0.95, name
        assert effect.cohens_d is None or effect.cohens_d < -1, name


def test_they_hold_for_users_of_one_persona_too() -> None:
    alone = [made_up_user(seed, personas=1) for seed in range(40)]
    effects = validation_effects(alone, QualityConfig())
    assert effects.keys() == LOWERS.keys() - {"shuffled_memories", "swapped_evidence", "all_in_one"}
    assert all(effect.high < 0 and effect.lowered >= 0.95 for effect in effects.values())


def test_spoilt_sets_are_well_formed_and_spoil_nothing_else() -> None:
    true, subject = USERS[2]
    good = quality(true, subject, QualityConfig())
    for number, (name, (measure, spoil)) in enumerate(LOWERS.items()):
        spoilt = spoil(true, subject, USERS[3][0], np.random.default_rng(number))
        assert spoilt is not None
        assert fault_of(spoilt, subject) == "", name
        bad = quality(spoilt, subject, QualityConfig())
        if measure == "alignment":
            assert (bad.cohesion, bad.truthfulness) == (good.cohesion, good.truthfulness)
        if measure == "truthfulness":
            assert (bad.cohesion, bad.coverage) == (good.cohesion, good.coverage)
        assert bad.total < good.total, name


def test_other_versions_fall_too_and_are_told_by_name() -> None:
    some, config = USERS[:20], QualityConfig()
    rng = np.random.default_rng(0)
    effects = version_effects(
        some, lambda texts: rng.normal(size=(len(texts), 48)), config, RuleJudge(config)
    )
    by_rules = validation_effects(some, config)
    assert list(effects) == ["shuffled_memories", "swapped_evidence", "false_claims", "strangers_words"]
    assert list(effects["shuffled_memories"]) == ["category", "llm"]
    assert list(effects["swapped_evidence"]) == ["embedding", "llm"]
    # Here the judge is the rules, so that places and pairs are checked by numbers known from elsewhere.
    for name in ("swapped_evidence", "false_claims", "strangers_words"):
        assert effects[name]["llm"].change == pytest.approx(by_rules[name].change)
        assert effects[name]["llm"].measure == f"{by_rules[name].measure}, llm"
    assert effects["shuffled_memories"]["category"] == replace(
        effects["shuffled_memories"]["llm"], measure="cohesion, category"
    )
    assert effects["shuffled_memories"]["category"].high < 0


def test_users_of_whom_a_version_says_nothing_do_not_count() -> None:
    class Mute(RuleJudge):
        def judge(self, cases: Sequence[Case]) -> list[Verdict]:
            return [Verdict(error="judge: bad_json") for _ in cases]

    config = QualityConfig()
    effects = version_effects(USERS[:4], lambda texts: np.ones((len(texts), 48)), config, Mute(config))
    assert all("llm" not in of_versions for of_versions in effects.values())


def test_effects_by_hand() -> None:
    # Changes -1 and -.5: mean -.75, std (ddof 1) .35355, half an interval 1.96 x .35355 / sqrt(2) = .49.
    effect = effect_of("total", [(1, 0), (1, 0.5)])
    assert (effect.before, effect.after, effect.change, effect.lowered) == (1, 0.25, -0.75, 1)
    assert effect.cohens_d == pytest.approx(-2.12132, abs=1e-5)
    assert (effect.low, effect.high) == pytest.approx((-1.24, -0.26))
    assert effect_of("total", [(1, 0), (1, 0)]).cohens_d is None


def test_agreement_by_hand() -> None:
    assert spearman([1, 2, 3, 4], [10, 20, 40, 30]) == pytest.approx(1 - 6 * 2 / (4 * 15))
    # Ranks 1.5, 1.5, 3 and 1, 2, 3: covariance 1.5, variances 1.5 and 2.
    assert spearman([0, 0, 5], [1, 2, 3]) == pytest.approx(1.5 / (1.5 * 2) ** 0.5)
    assert spearman([1, 1, 1], [1, 2, 3]) is None
    assert same_order([1, 2, 3], [1, 3, 2]) == pytest.approx(2 / 3)
    assert same_order([1, 1, 2], [1, 2, 3]) == 1  # the first two are one to the first
    assert same_order([1, 1], [1, 2]) is None

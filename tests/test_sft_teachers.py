"""Program teachers: wrong more often where it is harder, and together rather than each on its own."""

import numpy as np
import numpy.typing as npt
import pytest

from records.tags import TAG, TAG_NAMES, GoldTag
from sft.teachers import ProgramTeacher, stated_tags

USERS = 250
OPEN = {"interests": ("chess", "hiking", "jazz"), "home_city": ("Lyon", "Oslo", "Turin")}


def _gold(user: str, difficulty: str, *, known: bool = True) -> dict[str, GoldTag]:
    return {
        name: GoldTag(
            user_id=user,
            tag=name,
            values=((TAG[name].values or OPEN[name])[0],) if known else (),
            event_ids=("e",),
            difficulty=difficulty,
        )
        for name in TAG_NAMES
    }


def _errors(teacher: ProgramTeacher, difficulty: str, samples: int) -> npt.NDArray[np.float64]:
    """errors_CS over all cases (users × tags) and samples."""
    rows = []
    for user in range(USERS):
        gold = _gold(f"user-{user}", difficulty)
        given = teacher.answers(gold, OPEN, samples)
        rows += [[float(values != gold[tag].values) for values in given[tag]] for tag in TAG_NAMES]
    return np.array(rows)


def _teacher(name: str = "first", rate: float = 0.25) -> ProgramTeacher:
    return ProgramTeacher(name=name, error_rate=rate, seed=3)


@pytest.mark.parametrize(
    ("difficulty", "rate"), [("explicit", 0.0375), ("temporal", 0.2), ("trap", 0.225), ("implicit", 0.25)]
)
def test_the_error_rate_follows_the_difficulty(difficulty: str, rate: float) -> None:
    # .25 times .15, .8, .9 and 1; 4,500 correlated cases leave about ±.02.
    assert _errors(_teacher(), difficulty, 1).mean() == pytest.approx(rate, abs=0.02)


def test_the_error_rate_follows_the_teacher() -> None:
    weak, strong = (_errors(_teacher(rate=rate), "implicit", 1).mean() for rate in (0.4, 0.1))
    assert weak == pytest.approx(0.4, abs=0.03)
    assert strong == pytest.approx(0.1, abs=0.02)


def test_errors_correlate_within_a_teacher_more_than_between_more_than_not_at_all() -> None:
    first, second = (_errors(_teacher(name), "implicit", 2) for name in ("first", "second"))
    within = np.corrcoef(first[:, 0], first[:, 1])[0, 1]
    between = np.corrcoef(first[:, 0], second[:, 0])[0, 1]
    # Latent correlations are .69 and .49; of independent errors, 4,500 cases show less than .05.
    assert within > between + 0.05
    assert between > 0.2
    other_seed = ProgramTeacher(name="first", error_rate=0.25, seed=4)
    independent = np.corrcoef(first[:, 0], _errors(other_seed, "implicit", 1)[:, 0])[0, 1]
    assert abs(independent) < 0.06


def test_samples_of_a_teacher_differ() -> None:
    errors_CS = _errors(_teacher(), "implicit", 5)
    mixed = (errors_CS.min(axis=1) != errors_CS.max(axis=1)).mean()
    assert 0.05 < mixed < 0.6


def test_answers_are_deterministic() -> None:
    gold = _gold("u1", "implicit")
    first = _teacher(rate=0.5).answers(gold, OPEN, 5)
    assert _teacher(rate=0.5).answers(gold, OPEN, 5) == first
    assert _teacher("other", rate=0.5).answers(gold, OPEN, 5) != first
    assert _teacher(rate=0.5).answers(_gold("u2", "implicit"), OPEN, 5) != first


def test_wrong_answers_are_plausible() -> None:
    sometimes_na = False
    for user in range(40):
        gold = _gold(f"u{user}", "implicit")
        for tag, samples in _teacher(rate=0.9).answers(gold, OPEN, 3).items():
            for values in samples:
                assert set(values) <= set(TAG[tag].values or OPEN[tag])
                assert len(values) <= 1
                sometimes_na |= values == ()
    assert sometimes_na


def test_a_wrong_answer_about_na_invents_a_value() -> None:
    gold = _gold("u", "implicit", known=False)
    given = [values for samples in _teacher(rate=0.9).answers(gold, OPEN, 4).values() for values in samples]
    assert {len(values) for values in given} == {0, 1}


def test_a_perfect_teacher_errs_never() -> None:
    assert _errors(_teacher(rate=0.0), "implicit", 2).sum() == 0


def test_what_a_summary_states() -> None:
    choice = np.random.default_rng(0)
    known = TAG_NAMES[2:]  # all five dimensions
    assert stated_tags(known, 0.0, choice) == known
    spoken = []
    for _ in range(2000):
        stated = stated_tags(known, 0.25, choice)
        spoken.append({TAG[tag].dimension for tag in stated})
        # A dimension is spoken of whole or not at all.
        assert stated == tuple(tag for tag in known if TAG[tag].dimension in spoken[-1])
    counts = [len(dimensions) for dimensions in spoken]
    # Of five dimensions a quarter is passed over on average.
    assert np.mean(counts) == pytest.approx(3.75, abs=0.1)
    # Summaries differ by more than chance for each dimension alone (5 · .25 · .75 = .94): some are brief.
    assert np.var(counts) > 1.15
    assert stated_tags(known[:1], 0.5, choice) == known[:1]

"""What keeps the three qualities honest: how much of the user stands in personas, and how far they repeat."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from records.induction import QualityConfig
from records.persona import Persona
from rewards.personas.subject import Subject, unit_rows


def coverage(personas: Sequence[Persona], subject: Subject) -> float:
    """Share of the user's own memories (those that are no noise) that stand in a persona; 0 without any."""
    held = {number for persona in personas for number in persona.memories}
    return sum(number in held for number in subject.own) / len(subject.own) if subject.own else 0.0


def overlap(personas: Sequence[Persona], subject: Subject, config: QualityConfig) -> float:
    """Mean over personas of how far each is the one most like it over again, in [0, 1]; 0 for one persona."""
    if len(personas) < 2:
        return 0.0
    alike_PP = likeness(personas, subject, config)
    np.fill_diagonal(alike_PP, 0)
    return float(alike_PP.max(axis=1).mean())


def likeness(personas: Sequence[Persona], subject: Subject, config: QualityConfig) -> npt.NDArray[np.float64]:
    """How far each two of P personas are one, in [0, 1]: the largest of

    - Jaccard index of their memories,
    - Jaccard index of the texts of their statements about things (two sides may well be of one rhythm),
    - 1 where their labels are the same but for case and spaces,
    - cosine of the means of their memories' vectors, put linearly from [`overlap_floor`, 1] on [0, 1].
    """
    members_PN = subject.members(personas).astype(np.float32)
    means_PD = unit_rows(members_PN @ subject.vectors_ND)
    cosines_PP = np.asarray(means_PD @ means_PD.T, dtype=np.float64)
    by_meaning_PP = np.clip((cosines_PP - config.overlap_floor) / (1 - config.overlap_floor), 0, 1)
    told = [{one.text for one in mine.description if subject.is_about_things(one.text)} for mine in personas]
    column = {text: place for place, text in enumerate(set[str]().union(*told))}
    said_PT = np.zeros((len(personas), len(column)), dtype=np.float32)
    for place, texts in enumerate(told):
        said_PT[place, [column[text] for text in texts]] = 1
    labels = [" ".join(persona.label.casefold().split()) for persona in personas]
    same_PP = np.array([[one == other for other in labels] for one in labels], dtype=np.float64)
    by_set_PP = np.maximum(_jaccard(members_PN), _jaccard(said_PT))
    return np.asarray(np.maximum(by_set_PP, np.maximum(same_PP, by_meaning_PP)))


def _jaccard(sets_PX: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    both_PP = (sets_PX @ sets_PX.T).astype(np.float64)
    sizes_P = sets_PX.sum(axis=1)
    either_PP = sizes_P[:, None] + sizes_P[None, :] - both_PP
    return np.asarray(both_PP / np.maximum(either_PP, 1))

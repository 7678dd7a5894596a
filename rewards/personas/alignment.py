"""Alignment: do the memories that a statement cites support what it says?"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from records.induction import QualityConfig
from records.persona import Persona, Statement
from rewards.personas.claims import gist_of
from rewards.personas.curve import logistic
from rewards.personas.facts import holds
from rewards.personas.subject import Subject, unit_rows


def alignment(personas: Sequence[Persona], subject: Subject) -> float:
    """Mean over personas of the mean support of their statements, in [0, 1].

    The support of a statement is the share of its claims (`Subject.claims`) that hold of the memories it
    cites alone; a claim that these cannot tell is not supported. A statement without a checkable claim has
    support 0, and so has one that says what another did before it in the same persona.
    """
    shares = [_mean(supports(persona, subject)) for persona in personas]
    return _mean(shares)


def supports(persona: Persona, subject: Subject) -> list[float]:
    """The support of each statement."""
    seen: set[Hashable] = set()
    found = []
    for said in persona.description:
        gist = gist_of(said.text)
        found.append(0.0 if gist in seen else support(said, subject))
        seen.add(gist)
    return found


def support(statement: Statement, subject: Subject) -> float:
    """Share of the statement's claims that hold of the memories that it cites."""
    facts = subject.facts(statement.memories)
    return _mean([float(holds(claim, facts) is True) for claim in subject.claims(statement.text)])


def alignment_by_embedding(
    personas: Sequence[Persona],
    subject: Subject,
    texts: Mapping[str, npt.ArrayLike],
    config: QualityConfig,
) -> float | None:
    """The same by cosine: mean over personas of the mean, over statements, of logistic(cosine).

    The cosine is that of the statement's embedding (`texts`: text → vector) and the mean vector of the
    memories that it cites. Embeddings of memories hold what was wanted and nothing of time, place or money,
    so statements of the grammar that name nothing are left out; None where no statement is left.
    """
    shares = []
    for persona in personas:
        told = [said for said in persona.description if subject.is_about_things(said.text)]
        if told:
            written_SD = unit_rows([np.asarray(texts[said.text], dtype=np.float32) for said in told])
            cited_SD = [subject.vectors_ND[subject.rows(said.memories)].sum(axis=0) for said in told]
            cosines_S = (written_SD * unit_rows(cited_SD)).sum(axis=1)
            shares.append(float(logistic(cosines_S, config.alignment_middle, config.alignment_spread).mean()))
    return _mean(shares) if shares else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0

"""Which of a user's memories are another person's, where two people use one account.

    sessions ── hours ─┐
    texts ── likeness ─┴─► two rhythms, and whose each text is ─┐
    hours dealt out anew ─► the same, many times ───────────────┴─ clearer than by chance? ─► people

What tells people behind one account apart are their hours: a person wants things at all of theirs, and does
not keep some things for the hours between six and nine. So each text is one of two people's, and their
rhythms are those under which the hours of all texts are most likely (a mixture, fitted by EM). Alike texts
count for each other, as most occur once or twice. Everything in one session is one person's.

Nearly anybody's hours are a little likelier under two rhythms. So the hours of sessions are dealt out anew
among those of one source and season, which undoes what people do and keeps what shops and seasons do; the
gain has to stand out from the gains of that.

Suffixes: N memories, S sessions, U texts, V those of them that count for others, E pairs of a session and a
text in it, B places where EM begins, H hours of the day.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from induce.population import text_of
from induce.sessions import DEFAULT_MINUTES
from induce.vector_cache import Vectors
from induce.ward import Floats, Ints
from records.persona import IntentMemory

LEAST_SESSIONS = 20
"""With fewer, no two rhythms can be told."""

CLEAR_SD = 4.0
"""Deviations by which the gain stands above the gains of hours dealt out anew."""

_DEALS = 32
"""How often hours are dealt out anew; after the first `_FIRST_DEALS` only where it may still become clear."""
_FIRST_DEALS = 8
_LEAST_SD = 0.5
"""Deviation of these gains, at least: a few of them may be alike by chance."""

_SURE = 0.7
"""Probability from which a session is the second person's; what is unsure is left to the first."""

_ALIKE = 0.3
"""Cosine from which on a text counts for another: by the square of the way from here to 1."""

_SEASON_DAYS = 91
_SMOOTH_HOURS = 1.2
"""Deviation of the smoothing of a rhythm, which has no holes of an hour."""
_PRIOR_SESSIONS = 2.0
"""Sessions, evenly spread over the day, that a rhythm has beforehand."""
_STRAY = 0.05
"""Share of a text's sessions that may be the other person's."""
_BAND = 4
"""EM begins from what is wanted within so many hours alone, wherever in the day they begin."""
_STEPS = 20

_AWAY = np.minimum(np.arange(24), 24 - np.arange(24))
_KERNEL = np.exp(-0.5 * (_AWAY / _SMOOTH_HOURS) ** 2)
_KERNEL_HH = np.stack([np.roll(_KERNEL / _KERNEL.sum(), hour) for hour in range(24)])
_STARTS_BH = ((np.arange(24) - np.arange(0, 24, 2)[:, None]) % 24 < _BAND).astype(float)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sessions:
    """`hour_S`; `stratum_S` numbers sources and seasons; pair e says that the share `share_E` of session
    `session_E` is about text `text_E`. `session_N` is the session of each memory."""

    hour_S: Ints
    stratum_S: Ints
    session_E: Ints
    text_E: Ints
    share_E: Floats
    session_N: Ints

    def counts(self, hour_S: Ints, texts: int) -> Floats:
        """U×H sessions by text and hour."""
        places_E = self.text_E * 24 + hour_S[self.session_E]
        count_H = np.bincount(places_E, self.share_E, texts * 24).astype(np.float64)
        count_UH: Floats = count_H.reshape(texts, 24)
        return count_UH


def second_person(
    memories: Sequence[IntentMemory], distinct: Sequence[str], vectors_UD: Vectors, *, most: int
) -> Ints:
    """N: 1 for memories of a second person, whose hours are the narrower ones; 0 for all others.

    Args:
        memories: N, with a text, in the order of their time.
        distinct: their different texts, U.
        vectors_UD: of these.
        most: texts that count for others; of more, those in most sessions.
    """
    sessions = _sessions_of(memories, distinct)
    hour_S, texts = sessions.hour_S, len(distinct)
    nobody: Ints = np.zeros(len(memories), dtype=np.int64)
    if len(hour_S) < LEAST_SESSIONS or len(set(hour_S.tolist())) < 2:
        return nobody
    often_V = np.argsort(-np.bincount(sessions.text_E, sessions.share_E, texts), kind="stable")[:most]
    cosine_UV = vectors_UD.astype(np.float64) @ vectors_UD[often_V].T.astype(np.float64)
    alike_UV = np.maximum((cosine_UV - _ALIKE) / (1 - _ALIKE), 0.0) ** 2
    gain, second_U = _fitted(sessions.counts(hour_S, texts), alike_UV, often_V)
    # The same draws for everybody: what is found depends on nothing but the memories.
    rng, gains = np.random.default_rng(0), list[float]()
    for deal in range(_DEALS):
        dealt_S = _dealt(hour_S, sessions.stratum_S, rng)
        gains.append(_fitted(sessions.counts(dealt_S, texts), alike_UV, often_V)[0])
        if deal + 1 in (_FIRST_DEALS, _DEALS):
            clear = (gain - np.mean(gains)) / max(float(np.std(gains)), _LEAST_SD)
            if clear < (CLEAR_SD / 2 if deal + 1 < _DEALS else CLEAR_SD):
                return nobody
    second_S = np.bincount(sessions.session_E, sessions.share_E * second_U[sessions.text_E], len(hour_S))
    found: Ints = (second_S > _SURE)[sessions.session_N].astype(np.int64)
    return found


def _fitted(count_UH: Floats, alike_UV: Floats, often_V: Ints) -> tuple[float, Floats]:
    """How much likelier hours are under two rhythms than under one, in logarithms, and the probability of
    each text to be the person's with the narrower one."""
    count_U = count_UH.sum(1)
    seen_UH = alike_UV @ count_UH[often_V]
    seen_U = np.maximum(seen_UH.sum(1), 1e-9)
    # What alike texts lend each other is not counted twice; of what is like nothing else nothing is known.
    own_U = np.where(seen_U > 1e-9, count_U / seen_U, 0.0)
    alone_H = _rhythms(count_UH.sum(0)[None])[0]
    within_UB = seen_UH @ _STARTS_BH.T / seen_U[:, None]
    second_UB = np.where(within_UB > 0.8, 0.8, 0.05)
    for _ in range(_STEPS):
        share_B = (own_U @ second_UB + 1) / (own_U.sum() + 2)
        second_BH, first_BH = _rhythms(second_UB.T @ count_UH), _rhythms((1 - second_UB).T @ count_UH)
        of_second_UB = np.log(share_B) + seen_UH @ np.log(_strayed(second_BH, first_BH)).T
        of_first_UB = np.log(1 - share_B) + seen_UH @ np.log(_strayed(first_BH, second_BH)).T
        both_UB = np.logaddexp(of_second_UB, of_first_UB)
        second_UB = np.exp(of_second_UB - both_UB)
    gain_B = own_U @ (both_UB - (seen_UH @ np.log(alone_H))[:, None])
    best = int(gain_B.argmax())
    spread = [float(-(rhythm @ np.log(rhythm))) for rhythm in (second_BH[best], first_BH[best])]
    second_U = second_UB[:, best]
    return float(gain_B[best]), second_U if spread[0] <= spread[1] else 1 - second_U


def _rhythms(count_BH: Floats) -> Floats:
    """B×H probabilities of hours."""
    smooth_BH = count_BH @ _KERNEL_HH + _PRIOR_SESSIONS / 24
    rhythm_BH: Floats = smooth_BH / smooth_BH.sum(1, keepdims=True)
    return rhythm_BH


def _strayed(own_BH: Floats, other_BH: Floats) -> Floats:
    return (1 - _STRAY) * own_BH + _STRAY * other_BH


def _dealt(hour_S: Ints, stratum_S: Ints, rng: np.random.Generator) -> Ints:
    """The hours dealt out anew within each stratum."""
    dealt = np.empty_like(hour_S)
    dealt[np.argsort(stratum_S, kind="stable")] = hour_S[np.lexsort((rng.random(len(hour_S)), stratum_S))]
    return dealt


def _sessions_of(memories: Sequence[IntentMemory], distinct: Sequence[str]) -> _Sessions:
    """Memories less than the usual gap apart are one session: it begins with the first and has its source."""
    place = {text: number for number, text in enumerate(distinct)}
    session_N, firsts, end = list[int](), list[IntentMemory](), None
    for memory in memories:
        if end is None or (memory.start - end).total_seconds() > 60 * DEFAULT_MINUTES:
            firsts.append(memory)
            end = memory.end
        end = max(end, memory.end)
        session_N.append(len(firsts) - 1)
    strata = [(memory.source, (memory.start - firsts[0].start).days // _SEASON_DAYS) for memory in firsts]
    number = {stratum: place for place, stratum in enumerate(dict.fromkeys(strata))}
    pairs = sorted(
        {(session, place[text_of(memory)]) for session, memory in zip(session_N, memories, strict=True)}
    )
    session_E, text_E = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return _Sessions(
        hour_S=np.array([memory.start.hour for memory in firsts], dtype=np.int64),
        stratum_S=np.array([number[stratum] for stratum in strata], dtype=np.int64),
        session_E=session_E,
        text_E=text_E,
        share_E=(1 / np.bincount(session_E))[session_E],
        session_N=np.array(session_N, dtype=np.int64),
    )

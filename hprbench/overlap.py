"""How close texts are to references, in words: BLEU (Papineni et al. 2002), ROUGE-1 and -L (Lin 2004)."""

import math
import re
from collections import Counter
from collections.abc import Sequence

_CJK = r"\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+(?:['’-][^\W{_CJK}]+)*")


def words(text: str) -> list[str]:
    """The words of `text`, without regard to case; of Chinese and Japanese the characters."""
    return [word.casefold() for word in _WORD.findall(text)]


def bleu(texts: Sequence[str], references: Sequence[str], order: int) -> float:
    """Corpus BLEU up to n-grams of `order`, one reference a text, in [0, 1]; 0 where none of some n meets."""
    logs, ours, theirs = 0.0, 0, 0
    pairs = [(words(text), words(reference)) for text, reference in zip(texts, references, strict=True)]
    for text, reference in pairs:
        ours, theirs = ours + len(text), theirs + len(reference)
    for n in range(1, order + 1):
        met = total = 0
        for text, reference in pairs:
            given, wanted = _ngrams(text, n), _ngrams(reference, n)
            met += sum((given & wanted).values())
            total += sum(given.values())
        if not met:
            return 0.0
        logs += math.log(met / total) / order
    return math.exp(min(0.0, 1.0 - theirs / ours) + logs)


def sentence_bleu(text: str, reference: str, order: int = 4) -> float:
    """BLEU of one text, in [0, 1]: as `bleu`, with 1 added to what is met and to what there is from bigrams
    on (Lin and Och 2004), as in a text of few words no 4-gram need meet."""
    given, wanted = words(text), words(reference)
    met_1 = sum((_ngrams(given, 1) & _ngrams(wanted, 1)).values())
    if not met_1:
        return 0.0
    logs = math.log(met_1 / len(given))
    for n in range(2, order + 1):
        ours, theirs = _ngrams(given, n), _ngrams(wanted, n)
        logs += math.log((sum((ours & theirs).values()) + 1) / (sum(ours.values()) + 1))
    return math.exp(min(0.0, 1.0 - len(wanted) / len(given)) + logs / order)


def rouge_1(text: str, reference: str) -> float:
    """F1 of words, in [0, 1]."""
    given, wanted = Counter(words(text)), Counter(words(reference))
    return _f1(sum((given & wanted).values()), sum(given.values()), sum(wanted.values()))


def rouge_l(text: str, reference: str) -> float:
    """F1 of the longest common subsequence of words, in [0, 1]."""
    given, wanted = words(text), words(reference)
    longest = [0] * (len(wanted) + 1)
    for one in given:
        diagonal = 0
        for place, other in enumerate(wanted, start=1):
            above = longest[place]
            longest[place] = diagonal + 1 if one == other else max(above, longest[place - 1])
            diagonal = above
    return _f1(longest[-1], len(given), len(wanted))


def _ngrams(text: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))


def _f1(met: int, given: int, wanted: int) -> float:
    return 2 * met / (given + wanted) if given + wanted else 1.0

"""Atomic accuracy: are the tags right?"""

from collections.abc import Mapping, Sequence

from records.tags import TAG


def tag_score(tag: str, predicted: Sequence[str], gold: Sequence[str]) -> float:
    """How right `predicted` is for `tag`, in [0, 1]; an empty sequence is NA, a value like any other.

    Single-valued tags compare exactly (open ones without regard to case); lists by F1, where a value that is
    given twice counts as a wrong one: else repeating would be free, and a policy drifts where it is.
    """
    if not predicted or not gold:
        return float(not predicted and not gold)
    if TAG[tag].max_values == 1:
        if TAG[tag].is_open:
            return float(predicted[0].casefold() == gold[0].casefold())
        return float(predicted[0] == gold[0])
    ours, theirs = ([value.casefold() for value in values] for values in (predicted, gold))
    return 2 * len(set(ours) & set(theirs)) / (len(ours) + len(theirs))


def atomic_accuracy(
    predicted: Mapping[str, Sequence[str]], gold: Mapping[str, Sequence[str]], tags: Sequence[str]
) -> float:
    """Mean `tag_score` over the `tags` asked for, in [0, 1]."""
    return sum(tag_score(tag, predicted[tag], gold[tag]) for tag in tags) / len(tags)

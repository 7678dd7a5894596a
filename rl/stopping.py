"""How a loop leaves and comes back: its last whole step is saved, and what no checkpoint holds is redone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def saved_at_the_end(save: Callable[[], None], ends: tuple[type[Exception], ...]) -> Iterator[None]:
    """Have `save` called where the block ends by one of `ends`, or by an interrupt (SIGTERM too).

    Where the learner died with the interrupt there is nothing to save: the interrupt stands.
    """
    try:
        yield
    except ends:
        save()
        raise
    except KeyboardInterrupt as interrupt:
        try:
            save()
        except RuntimeError as error:  # such as a learner that died: that step is done again
            raise interrupt from error
        raise


def forget_after(directory: Path, step: int, *, resumed: bool) -> None:
    """Remove what steps after a checkpoint of `step` updates left in `directory`/ledger and /probe.

    The probe of a checkpoint's own step stands, on disk and in the curves; without one, all begins anew.
    """
    forget_from(directory / "ledger", step)
    forget_from(directory / "probe", step + 1 if resumed else 0)


def forget_from(folder: Path, first: int) -> None:
    """Remove the files of step `first` and later ones: of a ledger, or of probes."""
    for stale in folder.glob("step_*.parquet"):
        if int(stale.stem.removeprefix("step_")) >= first:
            stale.unlink()

"""One check of the doctor."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`says` returns a line about what works, or raises UserError with one about what does not.

    Where one of the checks that it `needs` failed it cannot tell, and is left out.
    """

    name: str
    says: Callable[[], str]
    needs: tuple[str, ...] = ()

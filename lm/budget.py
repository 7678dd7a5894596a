"""A budget of tokens, which can outlive the process that spends it."""

import asyncio
from pathlib import Path

from records.errors import UserError
from records.files import write_text


class Budget:
    """Tokens spent, and tokens set aside for what is in flight; a cap of 0 is none.

    With a `record`, every change is a line there before anything is sent: whoever opens it next goes on from
    the sum, in which what a killed process had in flight counts in full. One process at a time writes it.

    Raises:
        UserError: the record cannot be kept; from every method that writes.
    """

    def __init__(self, cap: int, record: Path | None = None) -> None:
        self._cap = cap
        self._record = record
        self._spent = 0
        self._reserved = 0
        self._settled = asyncio.Event()
        if record is not None:
            self._spent = _read(record)

    def start_round(self) -> None:
        """An event stays with the event loop it was first waited for in, and every call has its own."""
        self._settled = asyncio.Event()

    async def reserve(self, tokens: int) -> bool:
        """Set `tokens` aside, once those in flight leave room for them; False where they never will."""
        while self._cap and self._spent + self._reserved + tokens > self._cap:
            if not self._reserved:
                return False
            self._settled.clear()
            await self._settled.wait()
        self._note(tokens)
        self._reserved += tokens
        return True

    def settle(self, reserved: int, spent: int) -> None:
        """What was set aside turned out to be `spent`."""
        self._reserved -= reserved
        self._spent += spent
        self._settled.set()
        self._note(spent - reserved)

    def _note(self, tokens: int) -> None:
        if self._record is not None and tokens:
            try:
                with self._record.open("a", encoding="ascii") as record:
                    record.write(f"{tokens}\n")
            except OSError as error:
                raise _refusal(self._record, error) from None


def _read(record: Path) -> int:
    """The sum of a record, which is then its only line. A last line that was cut off is none: what it was to
    set aside was not sent, or what it was to give back stays spent."""
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        lines = record.read_text(encoding="ascii").split("\n")[:-1] if record.exists() else []
        spent = sum(map(int, lines))
        write_text(record, f"{spent}\n")
    except OSError as error:
        raise _refusal(record, error) from None
    except ValueError:
        raise UserError(f"{record}: no record of tokens spent; delete it") from None
    return spent


def _refusal(record: Path, error: OSError) -> UserError:
    return UserError(f"{record}: what is spent cannot be recorded there ({error.strerror})")

"""`usergpt semantize`: somebody's log, looked at."""

import shlex
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from records.errors import UserError
from records.files import write_text
from semantize.guessing.guess import Guess, guess_mapping
from semantize.guessing.joins import neighbours
from semantize.guessing.mapping_text import mapping_text, sureness, warnings
from semantize.guessing.sample import sample
from semantize.text import clean, visible


def inspect_log(log: Path, out: Path | None, *, force: bool = False) -> int:
    """Guess how the columns of `log` map onto events, show it, and write it as commented YAML.

    `out` is by default the log's name with .mapping.yaml added, in the current directory. Nothing is written
    for a log that needs no mapping.

    Raises:
        UserError: the log cannot be read or guessed, or `out` exists and `force` is not given.
    """
    frame = sample(log)
    guess = guess_mapping(frame, log.name, neighbours(log, frame.columns))
    target = out or Path(f"{log.name}.mapping.yaml")
    if target.exists() and not force and not guess.native:
        raise UserError(f"{target}: exists; name another file with --out, or add --force to overwrite it")
    console = Console()
    console.print(_table(guess))
    for warning in warnings(guess):
        _say(console, f"To settle: {warning}")
    command = ["usergpt", "semantize", "run", str(log)]
    if guess.native:
        _say(console, "The log has the columns of events already: no mapping is needed. Next:")
    else:
        write_text(target, mapping_text(guess))
        _say(console, f"Written to {target}: look it over. Next:")
        command += ["--mapping", str(target)]
    name = log.name.lstrip(".").partition(".")[0] or "log"
    _say(console, shlex.join([*command, "--out", f"runs/{name}"]))
    return 0


def _table(guess: Guess) -> Table:
    table = Table(title=Text(f"{clean(guess.file)}: first {guess.rows:,} rows"))
    for heading in ("field", "column or “constant”", "", "such as", "why"):
        table.add_column(heading)
    for choice in guess.choices:
        others = f"; or: {', '.join(choice.alternatives)}" if choice.alternatives else ""
        table.add_row(
            choice.field,
            Text(clean(choice.column) if choice.column else f"“{choice.constant}”"),
            sureness(choice),
            Text(", ".join(choice.examples)),
            Text(choice.why + others),
        )
    return table


def _say(console: Console, text: str) -> None:
    console.print(Text(text if text.isprintable() else visible(text)), soft_wrap=True)

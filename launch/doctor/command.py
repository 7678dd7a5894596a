"""`usergpt doctor`: what will not work, before anything is spent."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil
from rich.console import Console

from launch.doctor.check import Check
from launch.recipe import load_recipe, run_directory
from records.config import Recipe
from records.errors import UserError


def doctor(recipe_path: Path, overrides: Sequence[str]) -> int:
    """Print each check, and which could not be made; returns 2 if one fails.

    Where the recipe or RAY_ADDRESS names a cluster, that is joined and its nodes are asked, else this
    machine.
    """
    console = Console()
    recipe = load_recipe(recipe_path, overrides)

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    say(f"ok    recipe {recipe_path}")
    failed: set[str] = set()
    told: set[str] = set()
    left_out = []
    with ExitStack() as stack:
        for check in checks(recipe, stack):
            if failed & {*check.needs}:
                left_out.append(check.name)
                continue
            try:
                say(f"ok    {check.says()}")
            except (UserError, ImportError) as error:
                failed.add(check.name)
                if str(error) in told:  # it got no further than another check
                    left_out.append(check.name)
                    continue
                told.add(str(error))
                say(f"FAIL  {error}")
    if left_out:
        say(f"not checked: {', '.join(left_out)} (mend the above first)")
    return 2 if failed else 0


def checks(recipe: Recipe, stack: ExitStack) -> Iterator[Check]:
    """All checks, in order. The cluster is joined between them and left with `stack`."""
    from launch.doctor.here import packages

    yield Check(name="packages", says=packages)
    try:
        # They need the packages, which may be what is missing.
        from launch.doctor.nodes import node_check_names, node_checks, nodes_of
        from launch.doctor.sizes import size_checks
    except ImportError as error:
        yield Check(name="imports", says=_failing(error))
        yield Check(name="everything else", says=_failing(error))
        return
    yield from size_checks(recipe)
    try:
        nodes = nodes_of(recipe, stack)
    except UserError as error:
        yield Check(name="nodes", says=_failing(error))
        for name in node_check_names(recipe):
            yield Check(name=name, says=_failing(error))
    else:
        yield from node_checks(recipe, run_directory(recipe), nodes)
    yield Check(name="memory", says=lambda: _preflight(recipe), needs=("model",))


def _failing(error: Exception) -> Callable[[], str]:
    def fail() -> str:
        raise error

    return fail


def _preflight(recipe: Recipe) -> str:
    from launch.preflight import preflight

    preflight(recipe)
    return f"memory: {psutil.virtual_memory().available / 2**30:.1f} GiB free here"

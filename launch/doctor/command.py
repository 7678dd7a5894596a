"""`usergpt doctor`: what will not work, before anything is spent."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil
from rich.console import Console

from launch.recipe import load_recipe, run_directory
from records.config import Recipe
from records.errors import UserError

Check = Callable[[], str]
"""Returns a line about what works; raises UserError with one about what does not."""


def doctor(recipe_path: Path, overrides: Sequence[str]) -> int:
    """Print each check; returns 2 if one fails.

    Where the recipe or RAY_ADDRESS names a cluster, that is joined and its nodes are asked, else this
    machine.
    """
    console = Console()
    recipe = load_recipe(recipe_path, overrides)
    console.print(f"ok    recipe {recipe_path}", markup=False, soft_wrap=True)
    failed: set[str] = set()
    with ExitStack() as stack:
        for check in checks(recipe, stack):
            try:
                console.print(f"ok    {check()}", markup=False, highlight=False, soft_wrap=True)
            except (UserError, ImportError) as error:
                if str(error) not in failed:
                    console.print(f"FAIL  {error}", markup=False, highlight=False, soft_wrap=True)
                failed.add(str(error))
    return 2 if failed else 0


def checks(recipe: Recipe, stack: ExitStack) -> Iterator[Check]:
    """All checks, in order. The cluster is joined between them and left with `stack`."""
    from launch.doctor.here import packages

    yield packages
    try:
        # They need the packages, which may be what is missing.
        from launch.doctor.nodes import node_checks, nodes_of
        from launch.doctor.sizes import size_checks
    except ImportError as error:
        yield _failing(error)
        return
    yield from size_checks(recipe)
    try:
        nodes = nodes_of(recipe, stack)
    except UserError as error:
        yield _failing(error)
    else:
        yield from node_checks(recipe, run_directory(recipe), nodes)
    yield lambda: _preflight(recipe)


def _failing(error: Exception) -> Check:
    def fail() -> str:
        raise error

    return fail


def _preflight(recipe: Recipe) -> str:
    from launch.preflight import preflight

    preflight(recipe)
    return f"memory: {psutil.virtual_memory().available / 2**30:.1f} GiB free here"

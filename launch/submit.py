"""`usergpt submit`: the same run through the job server of a Ray cluster."""

from collections.abc import Sequence
from pathlib import Path

from launch.recipe import load_recipe
from records.errors import UserError


def submit(recipe_path: Path, overrides: Sequence[str], address: str, until: str = "") -> int:
    """Submit, stream the log, and return the job's exit status.

    With `until` the job stops after that stage. The run directory is `runs_dir` as seen from here, made
    absolute: on a cluster it lies on shared storage.

    Raises:
        UserError: the recipe is at fault, this is no checkout, or nobody answers at `address`.
    """
    recipe = load_recipe(recipe_path, overrides)
    working_dir = Path(__file__).resolve().parent.parent
    if not (working_dir / "pyproject.toml").is_file():
        # Of an installed package there is no directory that holds the project and nothing else.
        raise UserError("submit uploads the project: run it from a checkout, or use `ray job submit` by hand")
    from actors.cluster import check_address
    from actors.jobs import run_job

    check_address(address)
    runs = Path(recipe.runs_dir).absolute()
    made = runs / recipe.name if runs == working_dir else runs
    inside = [f"{made.relative_to(working_dir)}/"] if made.is_relative_to(working_dir) else []
    command = [*_run_command(recipe_path, working_dir), *overrides, f"runs_dir={runs}"]
    if recipe.model.init_dir:  # the job works in a directory of its own
        command.append(f"model.init_dir={Path(recipe.model.init_dir).absolute()}")
    command += ["--until", until] if until else []
    return run_job(address, command, working_dir, excludes=inside)


def _run_command(recipe_path: Path, working_dir: Path) -> list[str]:
    """The entry point; a recipe outside the uploaded directory must be a shipped one."""
    path = recipe_path
    if path.is_file():
        if not path.resolve().is_relative_to(working_dir):
            raise UserError(f"{path}: only files below {working_dir} are uploaded; move the recipe there")
        path = path.resolve().relative_to(working_dir)
    return ["python", "-m", "launch.cli", "run", str(path)]

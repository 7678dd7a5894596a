"""The command line: `usergpt` or `python -m launch.cli`."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from actors.threads import PATIENT
from launch.filters import command as filters
from records.errors import UserError

_EXAMPLES = """examples:
  usergpt run recipes/quickstart.yaml                     the whole pipeline; a rerun skips what is done
  usergpt run quickstart rl.steps=40 --force rl           another RL run on the same SFT model
  usergpt rl quickstart rl.mode=rollout rl.steps=4        no learner: a pilot for `filters suggest`
  usergpt rl quickstart rl.mode=replay rl.replay_from=RUN   no engine: the learner on recorded groups
  usergpt simulate run simulate.users=10000 --out runs/users   simulated users; then report, leaks, sample
  usergpt semantize inspect logs.csv                      guess a mapping; then semantize run, report, explain
  usergpt profile logs.csv --mapping my_mapping.yaml      tags and a summary for every user of a log
  usergpt induce logs.csv --mapping my_mapping.yaml --out runs/personas    several personas for every user
  usergpt bench compare runs/quickstart runs/other        paired differences of two runs
  usergpt bench review runs/quickstart reviewed.csv       labels that people corrected; then the report anew
  usergpt bench model runs/quickstart llm.base_url=http://127.0.0.1:8000/v1 llm.model=NAME
  usergpt filters sweep runs/quickstart --eps-low 0:0.6:0.1 --eps-high 1.2:2:0.2    then suggest, show
  usergpt submit recipes/quickstart.yaml --address http://127.0.0.1:8265
  usergpt doctor recipes/quickstart.yaml                  what will not work here, before anything starts
"""


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(
        prog="usergpt",
        description="Behaviour logs in, trustworthy persona out.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    debug = argparse.ArgumentParser(add_help=False)
    debug.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", parents=[debug], help="run a recipe, stage by stage")
    _recipe_arguments(run)
    run.add_argument(
        "--force", action="append", default=[], metavar="STAGE", help="redo this stage and all after"
    )
    run.add_argument("--until", default="", metavar="STAGE", help="stop after this stage")

    rl = commands.add_parser(
        "rl", parents=[debug], help="stage rl alone: training, or rl.mode=rollout or replay, a part of it"
    )
    _recipe_arguments(rl)
    rl.add_argument(
        "--force", action="append", default=[], metavar="STAGE", help="redo this stage and all after it"
    )

    simulate = commands.add_parser("simulate", help="simulated users: make, measure and look at them")
    simulations = simulate.add_subparsers(dest="action", required=True, metavar="ACTION")
    make = simulations.add_parser(
        "run", parents=[debug], help="simulate users into a folder; a rerun goes on"
    )
    make.add_argument("--out", type=Path, required=True, help="folder to write to")
    make.add_argument("--recipe", type=Path, default=None, help="recipe whose simulate section is used")
    make.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="fields of the recipe to change, if any"
    )
    write = simulations.add_parser(
        "write", parents=[debug], help="let a language model write texts and desires of the world"
    )
    write.add_argument("--out", type=Path, required=True, help="folder to write to, for simulate.world")
    write.add_argument("--recipe", type=Path, default=None, help="recipe whose world and llm are used")
    write.add_argument("--desires", type=int, default=0, help="new desires to ask for (0: none)")
    write.add_argument("--items", type=int, default=None, help="only texts of the first so many items")
    write.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="fields of the recipe to change, if any"
    )
    for name, text in (
        ("report", "how realistic the log is, beside real ones"),
        ("leaks", "whether labels leak, or cannot be had: majority, TF-IDF and an oracle"),
        ("sample", "a page of users that a human can check"),
    ):
        action = simulations.add_parser(name, parents=[debug], help=text)
        action.add_argument("directory", type=Path, help="folder of a simulation")
        if name == "sample":
            action.add_argument("--users", type=int, default=10, help="users on the page")
            action.add_argument(
                "overrides",
                nargs="*",
                default=[],
                metavar="key=value",
                help="fields of llm: a model that describes users",
            )
        else:
            action.add_argument("--json", action="store_true", help="print JSON instead of tables")
        if name == "leaks":
            action.add_argument("--users", type=int, default=4000, help="only the first so many users (4000)")

    _semantize_arguments(commands, debug)

    profile = commands.add_parser(
        "profile", parents=[debug], help="tags and a summary for every user of a log"
    )
    _log_arguments(profile)
    profile.add_argument("--run", type=Path, default=Path("runs/quickstart"), help="run whose model is used")
    profile.add_argument("--out", type=Path, default=Path("runs/profiles"), help="folder to write to")
    profile.add_argument("--users", type=int, default=0, help="only the first so many users (0: all)")
    profile.add_argument(
        "--previous",
        type=Path,
        default=None,
        help="--out of a profile before: the log holds new events alone",
    )
    profile.add_argument(
        "--against", type=Path, default=None, help="--out of another profile: tell how far both agree"
    )
    profile.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="fields of the run's recipe to change"
    )

    _induce_arguments(commands, debug)

    bench = commands.add_parser("bench", help="the benchmark of a run: build, review, models, comparisons")
    actions = bench.add_subparsers(dest="action", required=True, metavar="ACTION")
    compare = actions.add_parser(
        "compare", parents=[debug], help="two runs on the same users: paired differences"
    )
    compare.add_argument("a", type=Path, metavar="RUN_A", help="directory of a finished run")
    compare.add_argument("b", type=Path, metavar="RUN_B", help="directory of another (or the same)")
    compare.add_argument(
        "--models", nargs=2, default=None, metavar=("A", "B"), help="a row of each table; else all both have"
    )
    compare.add_argument("--json", action="store_true", help="print JSON instead of a table")

    model = actions.add_parser(
        "model", parents=[debug], help="ask a language model behind a server (llm.base_url=… llm.model=…)"
    )
    model.add_argument("run", type=Path, metavar="RUN", help="directory of a finished run")
    model.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="fields of llm")

    build = actions.add_parser(
        "build", parents=[debug], help="make a run's benchmark anew from the same candidates, step by step"
    )
    build.add_argument("run", type=Path, metavar="RUN", help="directory of a run")
    review = actions.add_parser(
        "review", parents=[debug], help="correct a run's benchmark by a filled-in bench/build/review.csv"
    )
    review.add_argument("run", type=Path, metavar="RUN", help="directory of a run")
    review.add_argument("file", type=Path, metavar="REVIEWED.csv", help="the file with verdicts")

    filters.add_arguments(commands, debug)

    submit = commands.add_parser(
        "submit", parents=[debug], help="run a recipe on a Ray cluster through its job server"
    )
    _recipe_arguments(submit)
    submit.add_argument("--until", default="", metavar="STAGE", help="stop after this stage")
    submit.add_argument("--address", required=True, help="job server, such as http://127.0.0.1:8265")

    doctor = commands.add_parser(
        "doctor", parents=[debug], help="say what will not work here, before anything starts"
    )
    _recipe_arguments(doctor)
    return top


def _semantize_arguments(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", debug: argparse.ArgumentParser
) -> None:
    semantize = commands.add_parser("semantize", help="any log into dense histories: make and look at them")
    actions = semantize.add_subparsers(dest="action", required=True, metavar="ACTION")
    inspect = actions.add_parser(
        "inspect", parents=[debug], help="guess how a log's columns map, and write it down"
    )
    inspect.add_argument("file", type=Path, help="log file")
    inspect.add_argument("--out", type=Path, default=None, help="mapping to write (NAME.mapping.yaml)")
    inspect.add_argument("--force", action="store_true", help="overwrite it")
    run = actions.add_parser("run", parents=[debug], help="a log into a folder of histories; a rerun goes on")
    _log_arguments(run)
    run.add_argument("--out", type=Path, required=True, help="folder to write to")
    run.add_argument(
        "--model",
        type=Path,
        default=None,
        help="model directory whose tokens are counted (else: one trained on the log)",
    )
    run.add_argument("--recipe", type=Path, default=None, help="recipe whose semantize section is used")
    _key_argument(run)
    run.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="fields of the recipe to change, if any"
    )
    update = actions.add_parser("update", parents=[debug], help="fold new events into a folder of histories")
    update.add_argument("directory", type=Path, help="folder of a semantized log")
    update.add_argument("input", help="log with the new events, read as the first one was")
    _key_argument(update)
    update.add_argument(
        "overrides", nargs="*", default=[], metavar="cluster.key=value", help="fields of cluster to change"
    )
    explain = actions.add_parser(
        "explain", parents=[debug], help="the events behind the lines of a user's history"
    )
    explain.add_argument("directory", type=Path, help="folder of a semantized log")
    explain.add_argument("user", help="user id (with --pseudonymize: the real one)")
    explain.add_argument("--line", type=int, default=0, help="only the line of this number")
    _key_argument(explain)
    report = actions.add_parser("report", parents=[debug], help="what was lost, and what it cost: with plots")
    report.add_argument("directory", type=Path, help="folder of a semantized log")
    report.add_argument(
        "--users", type=int, default=1000, help="users whose raw log is counted, at most (1000)"
    )
    report.add_argument(
        "--labels", type=Path, default=None, help="table of labels by user, to measure retention"
    )
    report.add_argument("--json", action="store_true", help="print JSON instead of tables")
    _key_argument(report)


def _induce_arguments(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", debug: argparse.ArgumentParser
) -> None:
    induce = commands.add_parser(
        "induce", parents=[debug], help="several personas for every user of a log; a rerun goes on"
    )
    _log_arguments(induce)
    induce.add_argument("--out", type=Path, required=True, help="folder to write to")
    induce.add_argument(
        "--recipe", type=Path, default=None, help="recipe whose semantize and induce are used"
    )
    induce.add_argument(
        "--run", type=Path, default=None, help="run of a recipe for personas whose trained model induces"
    )
    induce.add_argument(
        "--update", action="store_true", help="the log holds new events alone, for the personas in --out"
    )
    induce.add_argument(
        "--show", action="append", default=[], metavar="USER", help="a user of the page (else the first 50)"
    )
    induce.add_argument(
        "--judge",
        type=int,
        metavar="USERS",
        help="of so many users, hold other versions of the qualities against these",
    )
    _key_argument(induce)
    induce.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="fields of the recipe to change, if any"
    )


def _log_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "input", help="log: Parquet, CSV, TSV, JSON lines (.gz, .zst); a file, a folder or a quoted glob"
    )
    command.add_argument("--mapping", default="", help="mapping YAML, or complete_journey or online_retail")


def _key_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--pseudonymize",
        type=Path,
        default=None,
        metavar="KEYFILE",
        help="key by which user ids are replaced",
    )


def _recipe_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("recipe", type=Path, help="recipe file, or the name of a shipped one")
    command.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="fields of the recipe to change, if any"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 2 for the user's mistake, 1 for ours, 0 otherwise."""
    arguments = _parsed(argv)
    received = _treat_as_interrupt(signal.SIGTERM, signal.SIGHUP)
    for name, value in {"HF_HUB_OFFLINE": "1", **PATIENT}.items():
        os.environ.setdefault(name, value)
    try:
        return _dispatch(arguments)
    except UserError as error:
        if arguments.debug:
            raise
        print(f"usergpt: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        again = "run it again without --force" if getattr(arguments, "force", ()) else "run it again"
        print(f"usergpt: interrupted; {again} to go on", file=sys.stderr)
        return 128 + (received[0] if received else signal.SIGINT)
    except Exception as error:  # every other failure is ours: one line, the traceback on request
        if arguments.debug:
            raise
        if isinstance(error, FileExistsError | NotADirectoryError | PermissionError) and error.filename:
            print(f"usergpt: {error.filename}: {error.strerror}; choose another path", file=sys.stderr)
            return 2
        print(f"usergpt: {type(error).__name__}: {error} (--debug shows the traceback)", file=sys.stderr)
        return 1


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse; `key=value` may stand before or after options."""
    top = parser()
    arguments, unknown = top.parse_known_args(argv)
    stray = [word for word in unknown if word.startswith("-") or "=" not in word]
    if stray or (unknown and not hasattr(arguments, "overrides")):
        top.error(f"unrecognized arguments: {' '.join(stray or unknown)}")
    if unknown:
        arguments.overrides = [*arguments.overrides, *unknown]
    return arguments


def _treat_as_interrupt(*signals: int) -> list[int]:
    """From now on `signals` unwind the stack, so that actors and files are cleaned up; they are noted here.

    Ray hands on a KeyboardInterrupt raised while it waits for an actor, but aborts on a SystemExit.
    """
    received: list[int] = []

    def interrupt(signum: int, frame: FrameType | None) -> None:
        received.append(signum)
        raise KeyboardInterrupt

    for number in signals:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, interrupt)
    return received


def _dispatch(arguments: argparse.Namespace) -> int:
    # Imports wait until a command needs them: `--help` and bad input answer at once.
    if arguments.command == "run":
        from launch.commands import run_recipe

        return run_recipe(arguments.recipe, arguments.overrides, arguments.force, arguments.until)
    if arguments.command == "rl":
        from launch.commands import run_rl

        return run_rl(arguments.recipe, arguments.overrides, arguments.force)
    if arguments.command == "simulate":
        return _simulate(arguments)
    if arguments.command == "semantize":
        return _semantize(arguments)
    if arguments.command == "profile":
        from launch.profile import profile

        return profile(
            arguments.input,
            arguments.mapping,
            arguments.run,
            arguments.out,
            limit=arguments.users,
            previous=arguments.previous,
            against=arguments.against,
            overrides=arguments.overrides,
        )
    if arguments.command == "induce":
        from launch.induce import induce

        return induce(
            arguments.input,
            arguments.mapping,
            arguments.out,
            key_file=arguments.pseudonymize,
            recipe_path=arguments.recipe,
            run=arguments.run,
            update=arguments.update,
            page_users=arguments.show,
            judged=arguments.judge,
            overrides=arguments.overrides,
        )
    if arguments.command == "bench":
        return _bench(arguments)
    if arguments.command == "filters":
        return filters.run(arguments)
    if arguments.command == "submit":
        from launch.submit import submit

        return submit(arguments.recipe, arguments.overrides, arguments.address, arguments.until)
    from launch.doctor.command import doctor

    return doctor(arguments.recipe, arguments.overrides)


def _bench(arguments: argparse.Namespace) -> int:
    if arguments.action == "model":
        from launch.bench_endpoint import bench_model

        return bench_model(arguments.run, arguments.overrides)
    if arguments.action == "build":
        from launch.bench_build import bench_build

        return bench_build(arguments.run)
    if arguments.action == "review":
        from launch.bench_build import bench_review

        return bench_review(arguments.run, arguments.file)
    from launch.bench import compare

    models = None if arguments.models is None else (arguments.models[0], arguments.models[1])
    return compare(arguments.a, arguments.b, models, as_json=arguments.json)


def _semantize(arguments: argparse.Namespace) -> int:
    if arguments.action == "inspect":
        from launch.inspection import inspect_log

        return inspect_log(arguments.file, arguments.out, force=arguments.force)
    if arguments.action == "report":
        from launch.semantics import report

        return report(
            arguments.directory,
            arguments.users,
            arguments.labels,
            arguments.pseudonymize,
            as_json=arguments.json,
        )
    from launch.semantization import explain, run_log, update_log

    if arguments.action == "update":
        return update_log(arguments.input, arguments.directory, arguments.pseudonymize, arguments.overrides)
    if arguments.action == "explain":
        return explain(arguments.directory, arguments.user, arguments.line, arguments.pseudonymize)
    return run_log(
        arguments.input,
        arguments.mapping,
        arguments.model,
        arguments.out,
        arguments.pseudonymize,
        arguments.recipe,
        arguments.overrides,
    )


def _simulate(arguments: argparse.Namespace) -> int:
    if arguments.action == "report":
        from launch.realism import report

        return report(arguments.directory, as_json=arguments.json)
    if arguments.action == "write":
        from launch.write_world import write_world

        return write_world(
            arguments.recipe,
            arguments.overrides,
            arguments.out,
            desires=arguments.desires,
            items=arguments.items,
        )
    from launch.simulation import run_simulation, show_leaks, show_sample

    if arguments.action == "run":
        return run_simulation(arguments.recipe, arguments.overrides, arguments.out)
    if arguments.action == "leaks":
        return show_leaks(arguments.directory, arguments.users, as_json=arguments.json)
    return show_sample(arguments.directory, arguments.users, arguments.overrides)


if __name__ == "__main__":
    sys.exit(main())

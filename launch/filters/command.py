"""`usergpt filters`: its commands and their options. Imports of the work wait until it is to be done."""

import argparse
from pathlib import Path

_SWEEP_EXAMPLES = """examples:
  usergpt filters sweep runs/quickstart                                   what the run's own filters kept
  usergpt filters sweep runs/quickstart --eps-low 0.8:1.2:0.05 --eps-high 1.4:1.8:0.05 --plot sweep.png
  usergpt filters sweep runs/pilot --task tags --eps-low 0:0.5:0.1        the run's eps_high stays
  usergpt filters sweep runs/quickstart --length-cap 300                  as if 300 tokens were the limit
  usergpt filters sweep runs/quickstart --strictness all                  as if more were asked of the format
  usergpt filters sweep runs/quickstart rl.filters.min_live=4 rl.filters.mean_over=all
  usergpt filters sweep runs/quickstart rl.filters.sample=false           failures live, with reward 0
  usergpt filters sweep runs/quickstart rl.filters.reward=summary --eps-low 0:1:0.1 --json
"""

_SUGGEST_EXAMPLES = """examples:
  usergpt filters suggest runs/pilot                        quantiles .1 and .9 of group means, as YAML
  usergpt filters suggest runs/pilot --quantiles 0.2 0.8    narrower
  usergpt filters suggest runs/pilot --task composite rl.filters.reward=summary --json
"""

_SHOW_EXAMPLES = """examples:
  usergpt filters show runs/quickstart 000003-000055        asked for at step 3, place 55 of the prompts
"""

_EXAMPLES = """examples:
  usergpt filters sweep runs/quickstart --task composite --eps-low 0.8:1.2:0.1 --eps-high 1.4:1.8:0.1
  usergpt filters suggest runs/pilot
  usergpt filters show runs/quickstart 000003-000055
"""


def add_arguments(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", debug: argparse.ArgumentParser
) -> None:
    """Add `filters` to the commands of the command line; its actions share the options of `debug`."""
    as_written = argparse.RawDescriptionHelpFormatter
    text = "what a run's filters kept, and what others would have"
    filters = commands.add_parser(
        "filters", help=text, description=text, epilog=_EXAMPLES, formatter_class=as_written
    )
    actions = filters.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, text: str, examples: str) -> argparse.ArgumentParser:
        return actions.add_parser(
            name, parents=[debug], help=text, description=text, epilog=examples, formatter_class=as_written
        )

    sweep = add("sweep", "replay recorded groups under other filters", _SWEEP_EXAMPLES)
    _recording_arguments(sweep)
    sweep.add_argument("--eps-low", default=None, metavar="A:B:S", help="lower thresholds (the run's own)")
    sweep.add_argument("--eps-high", default=None, metavar="A:B:S", help="upper thresholds (the run's own)")
    sweep.add_argument(
        "--length-cap",
        type=int,
        default=None,
        metavar="TOKENS",
        help="longer responses count as truncated; at most the length that the run had",
    )
    sweep.add_argument(
        "--strictness",
        default=None,
        metavar="LEVELS",
        help="stricter formats: schema (the run's), thinking, citations, evidence; some, or all",
    )
    sweep.add_argument("--plot", type=Path, default=None, metavar="FILE.png", help="draw the table, too")

    suggest = add("suggest", "thresholds from quantiles of a pilot's group means", _SUGGEST_EXAMPLES)
    _recording_arguments(suggest)
    suggest.add_argument(
        "--quantiles", nargs=2, type=float, default=(0.1, 0.9), metavar=("LOW", "HIGH"), help="(0.1 0.9)"
    )

    show = add("show", "one group: rewards, verdicts and texts", _SHOW_EXAMPLES)
    _path_argument(show)
    show.add_argument("group", metavar="GROUP", help="id of the group (column group_id of the ledger)")


def _path_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument("path", type=Path, metavar="RUN_OR_LEDGER", help="a run, or its rl/ledger directory")


def _recording_arguments(command: argparse.ArgumentParser) -> None:
    _path_argument(command)
    command.add_argument("--task", default="", help="only groups of this task: tags or composite")
    command.add_argument("--json", action="store_true", help="print JSON instead")
    command.add_argument(
        "overrides", nargs="*", metavar="rl.filters.key=value", help="fields of the run's filters to change"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what the parsed `arguments` ask for; returns the exit status."""
    if arguments.action == "show":
        from launch.filters.show import show_group

        return show_group(arguments.path, arguments.group)
    if arguments.action == "suggest":
        from launch.filters.suggest import show_suggestion

        low, high = arguments.quantiles
        return show_suggestion(
            arguments.path, arguments.task, (low, high), arguments.overrides, as_json=arguments.json
        )
    from launch.filters.sweep import show_sweep

    return show_sweep(
        arguments.path,
        arguments.eps_low,
        arguments.eps_high,
        arguments.length_cap,
        arguments.strictness,
        arguments.task,
        arguments.overrides,
        arguments.plot,
        as_json=arguments.json,
    )

"""The report of a run that trained a model for personas: report.json, report.md and one page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from hprbench.intervals import Difference, Share
from hprbench.persona_table import MEANINGS, METRICS, PersonaRow, row_json
from hprbench.plots import COLOURS, WIDTH, integer_steps, svg
from records.files import write_json, write_text
from records.templates import rendered

Steps = Sequence[Mapping[str, float | None]]
"""Rows of a curve, each with `step`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaExample:
    """A user: the lines that the model reads, and what it writes about them, as text and number of lines."""

    user_id: str
    lines: tuple[str, ...]
    personas: tuple[dict[str, Any], ...]
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaReport:
    """What a run came to. `compared`: heading → metric → difference, over the same users. `curves` are
    scalars of groupwise DPO by step, `loss` the answer loss of each SFT step."""

    title: str
    seed: int
    users: int
    k: int
    seconds: float
    stages: Mapping[str, float]
    rows: Sequence[PersonaRow]
    compared: Mapping[str, Mapping[str, Difference | None]]
    teachers: Mapping[str, Any]
    curves: Steps = ()
    loss: Sequence[float] = ()
    examples: Sequence[PersonaExample] = ()


def write_persona_report(report: PersonaReport, directory: Path) -> None:
    """Write `report.json`, `report.md` and `report.html` into `directory`, each whole."""
    write_json(directory / "report.json", report_json(report))
    write_text(directory / "report.md", markdown(report))
    write_text(directory / "report.html", page(report))


def report_json(report: PersonaReport) -> dict[str, Any]:
    """Everything but the curves' texts, as plain values."""
    return {
        "title": report.title,
        "task": "personas",
        "seed": report.seed,
        "users": report.users,
        "k": report.k,
        "seconds": report.seconds,
        "stages": dict(report.stages),
        "rows": [row_json(row) for row in report.rows],
        "differences": {
            name: {metric: None if found is None else asdict(found) for metric, found in metrics.items()}
            for name, metrics in report.compared.items()
        },
        "teachers": dict(report.teachers),
        "curves": [dict(row) for row in report.curves],
    }


def markdown(report: PersonaReport) -> str:
    """The tables as Markdown."""
    head = ["Inducer", *METRICS, "tokens"]
    lines = [
        f"# {report.title}",
        "",
        f"{report.users} users held out, {report.k} sets a user of each model; 95 % intervals over users.",
        "",
        _line(head),
        _line(["---"] * len(head)),
    ]
    for row in report.rows:
        cells = [_cell(row.metrics[metric]) for metric in METRICS]
        lines.append(_line([_safe(row.name), *cells, "–" if row.tokens is None else f"{row.tokens:.0f}"]))
    lines += ["", _line(["Difference", *METRICS]), _line(["---"] * (len(METRICS) + 1))]
    for name, found in report.compared.items():
        lines.append(_line([_safe(name), *(_difference(found[metric]) for metric in METRICS)]))
    lines += ["", *(f"- {metric}: {meaning}" for metric, meaning in MEANINGS.items()), ""]
    return "\n".join(lines)


def page(report: PersonaReport) -> str:
    """The report as one HTML page, without scripts and without a network."""
    return rendered(
        "hprbench",
        "personas.html.j2",
        report=report,
        metrics=METRICS,
        meanings=MEANINGS,
        share=_cell,
        difference=_difference,
        charts=[(title, Markup(drawn)) for title, draw in _CHARTS if (drawn := draw(report))],
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _cell(share: Share | None) -> str:
    if share is None:
        return "–"
    low, high = share.interval
    return f"{share.value:.3f} [{low:.3f}, {high:.3f}]"


def _difference(found: Difference | None) -> str:
    if found is None:
        return "–"
    low, high = found.interval
    return f"{found.mean:+.3f} [{low:+.3f}, {high:+.3f}]"


def _curve(name: str, keys: Mapping[str, str], label: str) -> Callable[[PersonaReport], str]:
    """A chart of some scalars over steps; what is told now and then has its points marked."""

    def drawn(report: PersonaReport) -> str:
        points = {
            told: [(row["step"], row[key]) for row in report.curves if row.get(key) is not None]
            for key, told in keys.items()
        }
        points = {told: values for told, values in points.items() if values}
        if not points:
            return ""

        def draw(axes: Axes) -> None:
            for number, (told, values) in enumerate(points.items()):
                steps, heights = zip(*values, strict=True)
                axes.plot(steps, heights, color=COLOURS[number], label=told, marker="o", markersize=3)
            axes.set(xlabel="step", ylabel=label)
            integer_steps(axes)
            if len(points) > 1:
                axes.legend(loc="best")

        return svg(name, draw, height=3.0, width=WIDTH)

    return drawn


def _sft_loss(report: PersonaReport) -> str:
    if not report.loss:
        return ""

    def draw(axes: Axes) -> None:
        axes.plot(range(1, len(report.loss) + 1), report.loss, color=COLOURS[0], linewidth=0.8)
        axes.set(xlabel="optimiser step", ylabel="loss, nats a token")
        axes.set_ylim(bottom=0)
        integer_steps(axes)

    return svg("sft-loss", draw, height=3.0, width=WIDTH)


_CHARTS = (
    ("SFT loss", _sft_loss),
    (
        "Quality during groupwise DPO",
        _curve("quality", {"quality/mean": "sampled, valid", "probe/quality": "probe, valid"}, "total"),
    ),
    (
        "Valid sets",
        _curve("valid", {"quality/valid_share": "sampled", "probe/valid_share": "probe"}, "share"),
    ),
    ("KL to the SFT model", _curve("kl", {"learner/kl": "sampled"}, "nats a response")),
    (
        "Win rate",
        _curve("wins", {"learner/win_rate": "pairs, f", "probe/win_rate": "probe, against SFT"}, "share"),
    ),
    (
        "Length and quality",
        _curve("length", {"quality/length_correlation": "correlation"}, "correlation in groups"),
    ),
    (
        "Length",
        _curve("tokens", {"rollout/response_tokens_mean": "sampled"}, "tokens a response"),
    ),
)

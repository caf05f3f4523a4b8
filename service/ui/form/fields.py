"""Fields: what a new study is asked beside its objective and its schedules, in sections.

The one idea: a table. What is told here is for people; what holds if a field is left alone is read
from the schema of the request, and a test finds a field that has no control.
Not here: settings of objectives (`controls`), families and their coordinates (`families`).
"""

import json
from dataclasses import dataclass

from service.schemas.base import Schema
from service.schemas.studies import BudgetRequest, StudyRequest
from service.ui.form.controls import Control, Kind, Option, pointer
from tuning.records import (
    MAX_BATCH,
    MAX_CANDIDATES,
    MAX_FAILURES,
    MAX_HORIZON,
    MAX_LABEL_LENGTH,
    MAX_LEADERS,
    MAX_SEEDS,
    MAX_TRIALS,
)
from tuning.search.samplers import SAMPLER_HELP

FLAG = (Option("true", "yes"), Option("false", "no"))
RULES = (
    Option('"none"', "none"),
    Option('"asha"', "asha: the best share goes on"),
    Option('"median"', "median: whoever beats the median goes on"),
)


@dataclass(frozen=True, slots=True)
class Section:
    """Controls that belong together; `id` of their element, in which an error is looked for."""

    id: str
    title: str
    controls: tuple[Control, ...]
    help: str = ""


def _field(
    place: str,
    label: str,
    kind: Kind,
    told: str,
    limits: str = "",
    *,
    default: str = "",
    options: tuple[Option, ...] = (),
) -> Control:
    """A control; `default` are words for what holds if the schema only says None."""
    steps = place.split(".")
    return Control(
        pointer=pointer(*steps),
        id="-".join(steps).replace("_", "-"),
        label=label,
        kind=kind,
        help=told,
        limits=limits,
        placeholder=default or _default(steps),
        options=options,
    )


def _default(steps: list[str]) -> str:
    model: type[Schema] = BudgetRequest if steps[0] == "budget" else StudyRequest
    match model.model_fields[steps[-1]].default:
        case bool(value):
            return "yes" if value else "no"
        case None:
            return "none"
        case int() | float() | str() as value:
            return f"{value}"
    return ""


def _sampler(name: str) -> str:
    return f"{name}: {SAMPLER_HELP[name]}"


SPENDING = (
    _field(
        "budget.trials",
        "Trials",
        "integer",
        "schedules to try, baselines too",
        f"1 to {MAX_TRIALS:,}",
    ),
    _field(
        "horizon",
        "Horizon",
        "integer",
        "updates of a full training",
        f"1 to {MAX_HORIZON:,}",
        default="the objective's",
    ),
    _field("seeds", "Seeds", "integer", "each schedule is trained on", f"1 to {MAX_SEEDS:,}"),
)

LIMITS = Section(
    "limits",
    "More limits",
    (
        _field("budget.steps", "Updates", "integer", "in all, but for the confirmation"),
        _field("budget.seconds", "Seconds", "number", "after which no run of the search starts"),
        _field("goal", "Goal", "number", "a value of the metric that ends the search"),
        _field(
            "deadline",
            "Deadline",
            "moment",
            "when the search ends at the latest, in your time zone",
        ),
        _field(
            "early_stop",
            "Early stop",
            "choice",
            "end when what may still be won is below the noise",
            options=FLAG,
        ),
        _field(
            "max_failures",
            "Failures",
            "integer",
            "runs that may fail before the study does",
            f"0 to {MAX_FAILURES:,}",
            default="a fifth of the trials, at least 10",
        ),
    ),
    "What ends the search, whichever comes first.",
)

METHOD = Section(
    "method",
    "How it searches",
    (
        _field(
            "sampler",
            "Sampler",
            "choice",
            "how schedules are proposed",
            default=_sampler(StudyRequest.model_fields["sampler"].default),
            options=tuple(Option(json.dumps(name), _sampler(name)) for name in SAMPLER_HELP),
        ),
        _field("seed", "Seed", "integer", "everything random derives from it", "0 to 2⁵³"),
        _field("batch", "Batch", "integer", "trials per generation", f"1 to {MAX_BATCH}"),
        _field(
            "leaders",
            "Leaders",
            "integer",
            "trials that get more seeds before one is chosen",
            f"0 to {MAX_LEADERS}",
            default="an eighth of the trials, 2 to 8",
        ),
        _field(
            "leader_seeds",
            "Leader seeds",
            "integer",
            "the last of them have in the end",
            f"1 to {MAX_SEEDS:,}",
            default="four times the seeds, at most 8",
        ),
        _field(
            "rungs",
            "Rungs",
            "numbers",
            "shorter horizons to begin with, as rising fractions with commas; `none` for none",
            default="the objective's",
        ),
        _field(
            "climb",
            "Climb",
            "choice",
            "whether schedules begin over the first rung, not the full horizon",
            default="as the sampler needs",
            options=FLAG,
        ),
        _field("promote", "Promote", "number", "share of a rung that goes on", "0.01 to 1"),
        _field(
            "pruning",
            "Pruning",
            "choice",
            "on prefixes of the full training: it favours schedules that decay early",
            options=RULES,
        ),
    ),
    "The defaults are what was measured to find most for the updates spent.",
)

EVIDENCE = Section(
    "evidence",
    "How it is proved",
    (
        _field(
            "confirm_seeds",
            "Confirm seeds",
            "integer",
            "fresh seeds for winner and baselines",
            f"2 to {MAX_SEEDS:,}",
        ),
        _field(
            "evidence_budget",
            "Evidence budget",
            "integer",
            "updates of confirmation and test",
            default="4 times these seeds",
        ),
        _field(
            "worthwhile",
            "Worthwhile",
            "number",
            "relative difference that counts; below it is a tie",
            "0 to 0.5",
        ),
        _field(
            "baseline_peaks",
            "Peaks per baseline",
            "integer",
            "each baseline is tuned over so many",
            "1 to 50",
            default="up to 5",
        ),
    ),
    "Winner and baselines are trained again on seeds nobody has seen.",
)

WORDS = (_field("label", "Label", "text", "your own words", f"at most {MAX_LABEL_LENGTH} letters"),)
NOTES = _field("notes", "Notes", "prose", "a text for whoever reads it later", "10,000 letters")
PRIORITY = _field(
    "priority", "Priority", "number", "weight beside other studies of the project", "0.01 to 100"
)

CANDIDATES = _field(
    "candidates",
    "Candidates",
    "schedules",
    "schedules to try, each a document, as a JSON list",
    f"at most {MAX_CANDIDATES}",
)

EXTERNAL = (
    _field("external", "Declaration", "json", "what is to be known of it, as JSON"),
    _field("config", "Settings", "json", "what your trainer is told, as a JSON object"),
)

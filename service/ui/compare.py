"""Studies side by side: their figures, where their specs differ, and whether figures compare.

The one idea: what makes two figures incomparable (another metric, objective, other data) is said
before any figure, and then no figure is called the better one.
Not here: the charts of them (`charts.compare`), each study by itself (`digest`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.schemas.studies import StudyView
from service.ui.digest import Digest
from service.ui.facts import Head, head, rows
from service.ui.looks import Look, looks_of
from service.ui.typeset import duration, percent, significant
from tuning.evidence.score import sign_of
from tuning.records import Direction, StudySpec

WORDS = ("label", "metric.help", "metric.unit")  # of a spec: for people
DATA = ("dataset", "file", "data_seed")  # settings that say what data are
DASH = "\N{EN DASH}"
LONGEST = 160  # characters of a value that differs
OTHER_DATA = (
    "They were trained on different data: a lower value may be easier data, not a better schedule."
)
UNLIKE_STAGES = (
    "Some figures are confirmed on fresh seeds, others are the search's own, which flatter."
)
GRAVE = frozenset({"other_objective", "other_metric", "other_data"})


@dataclass(frozen=True, slots=True)
class Side:
    """A study of a comparison; `data_hash` is of what its best was trained on, if that was told."""

    view: StudyView
    digest: Digest
    data_hash: str | None
    look: Look

    @property
    def name(self) -> str:
        """What it is called."""
        return self.view.label or self.view.id

    @property
    def spec(self) -> StudySpec:
        """What was asked."""
        return self.digest.spec

    @property
    def head(self) -> Head:
        """Its answer in words."""
        digest = self.digest
        return head(digest.state, digest.spec, digest.arms, digest.lost, digest.verdict)


@dataclass(frozen=True, slots=True)
class Caution:
    """What to beware of when figures are compared."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table: a figure of every side with a note; `best` is the place of the best."""

    name: str
    cells: tuple[tuple[str, str], ...]
    best: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of the specs that is not the same; None where a spec does not have it."""

    name: str
    values: tuple[str | None, ...]


def side_looks(count: int) -> list[Look]:
    """How the sides are drawn: the first look is the grey of baselines."""
    return list(looks_of(map(str, range(count + 1))).values())[1:]


def cautions(sides: Sequence[Side]) -> list[Caution]:
    """What keeps figures from being compared, the gravest first."""
    specs = [side.spec for side in sides]
    found = []
    objectives = _distinct(spec.objective for spec in specs)
    if len(objectives) > 1:
        told = ", ".join(objectives)
        found.append(Caution("other_objective", f"They train different objectives ({told})."))
    metrics = _distinct(f"{spec.metric.name}, {spec.metric.direction}d" for spec in specs)
    if len(metrics) > 1:
        found.append(
            Caution("other_metric", f"They are scored differently ({'; '.join(metrics)}).")
        )
    if len(objectives) == 1 and _has_other_data(sides):
        found.append(Caution("other_data", OTHER_DATA))
    return [*found, *_milder(sides, has_one_objective=len(objectives) == 1)]


def _milder(sides: Sequence[Side], *, has_one_objective: bool) -> Iterator[Caution]:
    specs = [side.spec for side in sides]
    settings = {
        name
        for spec in specs
        for name in spec.config
        if name not in DATA and len(_distinct(_json(one.config.get(name)) for one in specs)) > 1
    }
    if has_one_objective and settings:
        told = ", ".join(sorted(settings))
        yield Caution("other_settings", f"Settings of the objective differ ({told}): see below.")
    horizons = _distinct(f"{spec.horizon:,}" for spec in specs)
    if len(horizons) > 1:
        told = f"They train over different horizons ({', '.join(horizons)} updates)"
        yield Caution("other_horizon", f"{told}: a longer training may end lower by any schedule.")
    if len({side.digest.verdict is None for side in sides}) > 1:
        yield Caution("unlike_stages", UNLIKE_STAGES)


def _has_other_data(sides: Sequence[Side]) -> bool:
    """Whether hashes that were told differ; where none was, whether the settings say so."""
    told = {side.data_hash for side in sides if side.data_hash is not None}
    if len(told) > 1:
        return True
    if all(side.data_hash is not None for side in sides):
        return False
    return (
        len(_distinct(_json([side.spec.config.get(name) for name in DATA]) for side in sides)) > 1
    )


def figures(sides: Sequence[Side]) -> list[Figure]:
    """The table of figures."""
    is_fair = not GRAVE & {one.code for one in cautions(sides)}
    gaps = _gaps(sides) if is_fair else None
    told = [(side, rows(side.spec, side.digest.arms[:1])) for side in sides]
    arms = [found[0] if found else None for _, found in told]
    return [
        Figure("objective", tuple((side.spec.objective, "") for side in sides)),
        Figure("scored by", tuple(_metric(side.spec) for side in sides)),
        Figure(
            "best",
            tuple(
                (DASH, "no trial has completed")
                if arm is None
                else (arm.validation, _note(side, arm.error, arm.seeds))
                for side, arm in zip(sides, arms, strict=True)
            ),
            None if gaps is None else _best(sides, gaps),
        ),
        *([Figure("beside the first", _beside(sides, gaps))] if gaps else []),
        Figure("on the test split", tuple((arm.test if arm else DASH, "") for arm in arms)),
        Figure(
            "by",
            tuple((arm.arm.label, f"peak {arm.peak}") if arm else (DASH, "") for arm in arms),
        ),
        Figure("ties with", tuple(_ties(side) for side in sides)),
        Figure("trials", tuple(_trials(side) for side in sides)),
        Figure("spent on the search", tuple(_spent(side) for side in sides)),
        Figure("took", tuple(_took(side.view) for side in sides)),
    ]


def _gaps(sides: Sequence[Side]) -> list[float] | None:
    """How far each best is from the first, relative to it, positive if worse.

    None unless all have one of the same stage, and the first gives a scale.
    """
    values = [side.view.best.value for side in sides if side.view.best is not None]
    is_mixed = len({side.digest.verdict is None for side in sides}) > 1
    if len(values) < len(sides) or is_mixed or not values[0]:
        return None
    sign = sign_of(sides[0].spec.metric.direction)
    return [sign * (value - values[0]) / abs(values[0]) for value in values]


def _best(sides: Sequence[Side], gaps: Sequence[float]) -> int | None:
    """The place of the side that is better than all others by more than is worthwhile."""
    place = min(range(len(gaps)), key=gaps.__getitem__)
    least = max(side.spec.worthwhile for side in sides)
    is_clear = all(gap - gaps[place] > least for other, gap in enumerate(gaps) if other != place)
    return place if is_clear else None


def _beside(sides: Sequence[Side], gaps: Sequence[float]) -> tuple[tuple[str, str], ...]:
    least = max(side.spec.worthwhile for side in sides)
    return tuple(
        (DASH, "")
        if place == 0
        else (_gap(gap), f"too little to be worthwhile ({percent(least)})" * (abs(gap) <= least))
        for place, gap in enumerate(gaps)
    )


def _gap(gap: float) -> str:
    if not gap:
        return "the same"
    return f"{percent(abs(gap))} {'worse' if gap > 0 else 'better'}"


def _metric(spec: StudySpec) -> tuple[str, str]:
    better = "lower" if spec.metric.direction is Direction.MINIMIZE else "higher"
    return spec.metric.name, f"{better} is better"


def _note(side: Side, error: str, seeds: str) -> str:
    stage = "confirmed" if side.digest.verdict else "of the search"
    return ", ".join(filter(None, (f"± {error}" if error else "", stage, seeds)))


def _ties(side: Side) -> tuple[str, str]:
    verdict = side.digest.verdict
    if verdict is None:
        return DASH, "no verdict yet"
    return ", ".join(verdict["tie_with"]) or "none", f"within {percent(side.spec.worthwhile)}"


def _trials(side: Side) -> tuple[str, str]:
    counts = side.digest.counts
    tried = counts.baselines + counts.searched
    return f"{tried:,}", f"of {side.spec.budget.trials:,}, {counts.baselines:,} for baselines"


def _spent(side: Side) -> tuple[str, str]:
    progress = side.view.progress
    return f"{significant(progress.fte, 3)} full trainings", f"{progress.search_steps:,} updates"


def _took(view: StudyView) -> tuple[str, str]:
    if view.started_at is None:
        return DASH, "no worker has begun"
    if view.finished_at is None:
        return DASH, view.state
    took = datetime.fromisoformat(view.finished_at) - datetime.fromisoformat(view.started_at)
    return duration(took.total_seconds()), view.state


def differences(sides: Sequence[Side]) -> list[Difference]:
    """Where the specs differ, part by part; the rest is the same."""
    flat = [dict(_flatten(side.view.spec)) for side in sides]
    found = []
    names = list(dict.fromkeys(name for one in flat for name in one))
    parts = list(dict.fromkeys(name.partition(".")[0] for name in names))
    for name in sorted(names, key=lambda name: parts.index(name.partition(".")[0])):
        values = [_told(one[name]) if name in one else None for one in flat]
        if len(set(values)) > 1:
            found.append(Difference(name, tuple(values)))
    return found


def _flatten(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 # any JSON
    if isinstance(value, Mapping) and value:
        for name, one in value.items():
            inner = f"{place}.{name}" if place else name
            if inner not in WORDS:
                yield from _flatten(one, inner)
    else:
        yield place, value


def _told(value: Any) -> str:  # noqa: ANN401 # any JSON
    """A value in few words.

    >>> _told(["a", "b"]), _told(None), _told(0.1)
    ('a, b', 'none', '0.1')
    """
    match value:
        case None:
            text = "none"
        case bool():
            text = "yes" if value else "no"
        case str():
            text = value
        case list() | tuple() if value and all(isinstance(one, str | int | float) for one in value):
            text = ", ".join(map(str, value))
        case list() | tuple() | dict() if not value:
            text = "none"
        case _:
            text = _json(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _distinct(values: Any) -> list[str]:  # noqa: ANN401 # any iterable of text
    return list(dict.fromkeys(values))

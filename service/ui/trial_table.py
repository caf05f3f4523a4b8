"""The table of a study's trials: what a row says, and the addresses that sort, filter and turn it.

The one idea: all of the table's state is in the page's address, so it works without a script, can
be bookmarked, and stays while the page is live.
Not here: which trials match (`service.store.trials`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from service.ui.facts import Fact
from service.ui.looks import Look
from service.ui.spark import spark
from service.ui.typeset import significant
from tuning.records import Direction, ParameterValue, Phase, StudySpec, Trial, TrialState
from tuning.schedules import PARAMETERS
from tuning.schedules.parameters import KNOTS

NUMBER, VALUE, PEAK = "number", "value", "peak"
OWN = (NUMBER, VALUE, PEAK)
MOST_OTHERS = 3  # metrics beside the compared one that have a column
ANCHOR = "#trials"


@dataclass(frozen=True, slots=True)
class Asked:
    """How the table is sorted and filtered; `-` before a figure: falling.

    What is empty takes the usual: the best first, and all of them.
    """

    sort: str = ""
    family: str = ""
    phase: str = ""
    state: str = ""
    cursor: str = ""

    def address(self, **changes: str) -> str:
        """The address of the table with changes; whatever changes, it begins anew."""
        asked = replace(self, **{"cursor": "", **changes})
        names = ("family", "phase", "state", "sort", "cursor")
        told = [(name, getattr(asked, name)) for name in names if getattr(asked, name)]
        return f"?{urlencode(told)}{ANCHOR}"

    def order(self, spec: StudySpec) -> str:
        """What it is sorted by."""
        is_lower = spec.metric.direction is Direction.MINIMIZE
        return self.sort or (VALUE if is_lower else f"-{VALUE}")


@dataclass(frozen=True, slots=True)
class Column:
    """A column with figures; `order` is how it is sorted, as ARIA calls it."""

    name: str
    figure: str
    address: str
    order: str


@dataclass(frozen=True, slots=True)
class Line:
    """A trial in the table."""

    number: int
    family: str
    look: Look | None
    spark: str
    phase: str
    state: str
    figures: tuple[str, ...]
    shape: str


@dataclass(frozen=True, slots=True)
class Table:
    """The table as it stands; `further` is the address of the next page, `first` of the first."""

    asked: Asked
    order: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    figures: tuple[str, ...]
    families: tuple[str, ...]
    phases: tuple[str, ...]
    states: tuple[str, ...]
    first: str | None
    further: str | None

    @property
    def is_narrowed(self) -> bool:
        """Whether some trials are left out."""
        return bool(self.asked.family or self.asked.phase or self.asked.state)


@dataclass(frozen=True, slots=True)
class Row:
    """A trial as it was found, with the means of its metrics by split."""

    trial: Trial
    state: TrialState
    value: float | None
    metrics: Mapping[str, Mapping[str, float | None]]


def lay_out_trials(
    spec: StudySpec,
    rows: Sequence[Row],
    asked: Asked,
    looked: Mapping[str, Look],
    cursor: str | None,
) -> Table:
    """The table of these trials; `cursor` is that of the next page."""
    figures = _figures(spec, rows)
    shown = [NUMBER, VALUE, PEAK, *_others(spec, rows)]
    order = asked.order(spec)
    by = order.removeprefix("-")
    if by not in shown:
        shown.append(by)
    columns = tuple(_column(spec, name, asked, order) for name in shown)
    return Table(
        asked=asked,
        order=order,
        columns=columns,
        lines=tuple(_line(one, columns, looked) for one in rows),
        figures=figures if by in figures else (*figures, by),
        families=tuple(looked),
        phases=tuple(phase.value for phase in Phase),
        states=tuple(state.value for state in TrialState),
        first=asked.address() if asked.cursor else None,
        further=None if cursor is None else asked.address(cursor=cursor),
    )


def _figures(spec: StudySpec, rows: Iterable[Row]) -> tuple[str, ...]:
    """What trials may be sorted by."""
    parameters = [
        name
        for name, one in spec.space.parameters.items()
        if name != PEAK and one.kind != "choice" and name in PARAMETERS
    ]
    return (*OWN, *parameters, *dict.fromkeys(_measured(rows)))


def _measured(rows: Iterable[Row]) -> list[str]:
    return [
        f"{split}.{name}" for row in rows for split, told in row.metrics.items() for name in told
    ]


def _others(spec: StudySpec, rows: Sequence[Row]) -> list[str]:
    """Metrics that have a column of their own: on held-out data first."""
    known = dict.fromkeys(_measured(rows))
    compared = f"validation.{spec.metric.name}"
    others = sorted(
        (one for one in known if one != compared), key=lambda one: not one.startswith("test.")
    )
    return others[:MOST_OTHERS]


def _column(spec: StudySpec, figure: str, asked: Asked, by: str) -> Column:
    order = {figure: "ascending", f"-{figure}": "descending"}.get(by, "none")
    after = f"-{figure}" if order == "ascending" else figure
    name = {VALUE: spec.metric.name, NUMBER: "trial"}.get(figure, figure)
    return Column(name, figure, asked.address(sort=after), order)


def _line(row: Row, columns: Iterable[Column], looked: Mapping[str, Look]) -> Line:
    family = str(row.trial.params["family"])
    return Line(
        number=row.trial.number,
        family=family,
        look=looked.get(family),
        spark=spark(row.trial.schedule),
        phase=row.trial.phase.value,
        state=row.state.value,
        figures=tuple(
            significant(_figure(row, one.figure)) for one in columns if one.figure != NUMBER
        ),
        shape=_shape(row.trial.params),
    )


def _figure(row: Row, name: str) -> float | None:
    if name == VALUE:
        return row.value
    split, point, metric = name.partition(".")
    found = row.metrics.get(split, {}).get(metric) if point else row.trial.params.get(name)
    return found if isinstance(found, int | float) else None


def tell_parameters(params: Mapping[str, ParameterValue]) -> list[Fact]:
    """The coordinates of a trial one by one; knots are a row of numbers."""
    told = [
        Fact(name, significant(value, 4) if isinstance(value, int | float) else value)
        for name, value in params.items()
        if name not in {"family", *KNOTS}
    ]
    knots = [significant(float(params[name]), 3) for name in KNOTS if name in params]
    return [*told, *([Fact("knots", " ".join(knots), "shares of the peak")] if knots else [])]


def _shape(params: Mapping[str, ParameterValue]) -> str:
    """Its other coordinates in few words; knots are a row of numbers."""
    told = [
        f"{name} {significant(value, 3) if isinstance(value, int | float) else value}"
        for name, value in params.items()
        if name not in {"family", PEAK, *KNOTS}
    ]
    knots = [significant(float(params[name]), 2) for name in KNOTS if name in params]
    return ", ".join((*told, *([f"knots {' '.join(knots)}"] if knots else ())))

"""Chart: who trained what, and when: a row per worker, a bar per run.

The one idea: runs that a worker trains side by side lie under each other in its row, so idle time
and blocks are seen. Only the last runs are drawn, and the caption says how many there were.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from service.ui.charts.chart import Chart, Json, Key, axis, layout
from service.ui.looks import GRID, Look, phase_looks, state_look
from service.ui.typeset import duration
from tuning.records import Phase, RunState

LANE_PIXELS, MOST_PIXELS, LEAST_PIXELS = 13, 620, 200
GAP = 0.7  # lanes between the rows of two workers
RUNNING = "in training"
MILLISECONDS = 1e3


@dataclass(frozen=True, slots=True)
class Stint:
    """One training of a run by a worker; `end` is None while it goes on."""

    run: str
    trial: int
    family: str
    phase: Phase
    seed: int
    state: RunState
    worker: str
    begin: datetime
    end: datetime | None


def timeline_chart(stints: Sequence[Stint], total: int, now: datetime) -> Chart | None:
    """Draw the last runs of a study, of `total` that were handed out; None if there were none."""
    if not stints:
        return None
    lanes, rows = _lay_out(stints, now)
    groups = _grouped(stints)
    height = max(LEAST_PIXELS, min(MOST_PIXELS, 70 + int(LANE_PIXELS * rows[-1][2])))
    return Chart(
        name="timeline",
        title="Timeline",
        caption=_caption(len(stints), total),
        data=[_bars(name, look, group, lanes, now) for name, (look, group) in groups.items()],
        layout=layout(
            height,
            hovermode="closest",
            barmode="overlay",
            bargap=0.12,
            xaxis=axis("", type="date", tickformat=""),
            yaxis=axis(
                "",
                range=[rows[-1][2], -GAP],
                tickmode="array",
                tickvals=[(begin + end - 1) / 2 for _, begin, end in rows],
                ticktext=[escape(worker) for worker, *_ in rows],
                showgrid=False,
            ),
            shapes=[_rule(begin) for _, begin, _ in rows[1:]],
        ),
        keys=tuple(Key(name, name, look, is_winner=True) for name, (look, _) in groups.items()),
    )


def _lay_out(
    stints: Sequence[Stint], now: datetime
) -> tuple[dict[str, float], list[tuple[str, float, float]]]:
    """By run its lane; by worker, in order, the first lane of its row and the one after its last.

    A run takes the first lane of its worker that is free when it begins.
    """
    by_worker: dict[str, list[Stint]] = {}
    for one in sorted(stints, key=lambda one: (one.begin, one.run)):
        by_worker.setdefault(one.worker, []).append(one)
    lanes: dict[str, float] = {}
    rows = []
    first = 0.0
    for worker, own in sorted(by_worker.items()):
        free: list[datetime] = []
        for one in own:
            lane = next((n for n, until in enumerate(free) if until <= one.begin), len(free))
            free[lane : lane + 1] = [one.end or now]
            lanes[one.run] = first + lane
        rows.append((worker, first, first + len(free)))
        first += len(free) + GAP
    return lanes, rows


def _grouped(stints: Iterable[Stint]) -> Mapping[str, tuple[Look, list[Stint]]]:
    """By what they are for, or how they were lost, with its look."""
    groups: dict[str, tuple[Look, list[Stint]]] = {}
    looked = phase_looks()
    for phase, look in looked.items():
        groups[phase.value] = (look, [])
    for one in stints:
        lost = state_look(one.state)
        name = one.phase.value if lost is None else one.state.value
        groups.setdefault(name, (lost or looked[one.phase], []))[1].append(one)
    return {name: group for name, group in groups.items() if group[1]}


def _bars(
    name: str, look: Look, stints: Sequence[Stint], lanes: Mapping[str, float], now: datetime
) -> Json:
    lengths = [((one.end or now) - one.begin).total_seconds() for one in stints]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "legendgroup": name,
        "y": [lanes[one.run] for one in stints],
        "base": [_written(one.begin) for one in stints],
        "x": [round(MILLISECONDS * length) for length in lengths],
        "width": 0.86,
        "marker": {
            "color": look.light,
            "pattern": {"shape": ["/" if one.end is None else "" for one in stints], "size": 5},
        },
        "text": [_words(one, length) for one, length in zip(stints, lengths, strict=True)],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
    }


def _written(at: datetime) -> str:
    """A moment as plotly reads it: without an offset it is told as it stands, in UTC."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")


def _words(one: Stint, seconds: float) -> str:
    state = RUNNING if one.end is None else one.state.value
    title = f"<b>{escape(one.family)}</b>, trial {one.trial} ({one.phase}), seed {one.seed}"
    return f"{title}<br>{state}, {duration(seconds)}<br>{escape(one.run)}"


def _rule(lane: float) -> Json:
    """A line between two workers."""
    at = lane - (1 + GAP) / 2
    line = {"color": GRID[0], "width": 1}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": at, "y1": at, "line": line}


def _caption(shown: int, total: int) -> str:
    told = (
        "A bar is one training, in UTC; hatched ones go on. Runs that a worker trains side by side "
        "lie under each other. Colour is what a run is for, or how it was lost."
    )
    return f"{told} The last {shown:,} of {total:,} runs." if shown < total else told

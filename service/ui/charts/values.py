"""Charts of what is in a dataset: prices and volatility over time, the smile and its level.

The one idea: they draw a sample that was taken when the dataset was read, a thousand points of
however many; no extreme of a price is lost, and the volatility is one of ranges, not of closes.
Not here: how samples are taken (`tuning.objectives.samples`).
"""

from collections.abc import Mapping, Sequence

from service.ui.charts.chart import Chart, Json, Key, View, axis, layout, log_axis
from service.ui.looks import COLORS, INKED, Look, band, looks_of
from service.ui.typeset import compact

Sample = Mapping[str, Sequence[float]]
Names = Sequence[str]

MOST_EXPIRIES = 10  # lines of a smile
DAYS_A_YEAR = 365.25
MILLISECONDS = 1_000
BLUE, AMBER = COLORS[1][0], COLORS[2][0]


def prices_chart(sample: Sample) -> Chart:
    """Close, lowest and highest price over time, and the volatility below."""
    at = [int(second) * MILLISECONDS for second in sample["seconds"]]
    low, high = list(sample["low"]), list(sample["high"])
    days = sample["days"][0]
    return Chart(
        name="prices",
        title="Prices and volatility",
        caption="Closes, with the lowest and the highest price of each stretch as a band. Below, "
        f"the volatility of a day over the {days:.3g} days before, from the ranges of the bars "
        "(Parkinson).",
        data=[
            _edge(at, low),
            {**_edge(at, high), "fill": "tonexty", "fillcolor": band(BLUE)},
            _line(at, sample["close"], BLUE, "close", "%{y:.6g}"),
            {
                **_line(at, sample["volatility"], AMBER, "volatility a day", "%{y:.3%}"),
                "yaxis": "y2",
            },
        ],
        layout=layout(
            480,
            hovermode="x unified",
            xaxis={**axis("", type="date", showgrid=False, anchor="y2"), "tickformat": ""},
            yaxis=axis("price", domain=[0.34, 1.0]) | {"tickformat": ",.6~g"},
            yaxis2=axis("volatility a day", domain=[0.0, 0.26], rangemode="tozero", nticks=4)
            | {"tickformat": ".1%"},
        ),
        views=(
            View("linear", {"yaxis": {"type": "linear", "autorange": True}}),
            View("log", {"yaxis": log_axis(min(low) / 1.03, max(high) * 1.03)}),
        ),
    )


def smile_chart(sample: Sample, moment: str) -> Chart:
    """Implied volatility over moneyness, a line per expiry, at one moment."""
    maturities = sorted(set(sample["maturity"]))
    shown = _spread(maturities, MOST_EXPIRIES)
    quotes = list(zip(sample["maturity"], sample["moneyness"], sample["vol"], strict=True))
    lines = [
        sorted((x, vol) for maturity, x, vol in quotes if maturity == wanted) for wanted in shown
    ]
    labels = [_lasting(maturity) for maturity in shown]
    looks = list(looks_of(("", *labels)).values())[1:]  # the first look is grey
    drawn = [
        _smile(line, label, look) for line, label, look in zip(lines, labels, looks, strict=True)
    ]
    scaled = [
        {"x": compact(x / maturity**0.5 for x, _ in line)}
        for maturity, line in zip(shown, lines, strict=True)
    ]
    left = len(maturities) - len(shown)
    rest = f" {left} of {len(maturities)} expiries are left out." if left else ""
    return Chart(
        name="smile",
        title="Smile",
        caption=f"Implied volatility of the quotes of {moment.replace('T', ' ')} UTC, by time to "
        f"expiry; {len(quotes):,} quotes.{rest}",
        data=drawn,
        layout=layout(
            420,
            hovermode="closest",
            xaxis=axis("log of strike over forward"),
            yaxis=axis("implied volatility") | {"tickformat": ".0%"},
        ),
        views=(
            View("moneyness", {"xaxis": {"title": {"text": "log of strike over forward"}}}),
            View(
                "standardised",
                {"xaxis": {"title": {"text": "log of strike over forward / √ years"}}},
                scaled,
            ),
        ),
        keys=tuple(
            Key(label, label, look, is_mark=True) for label, look in zip(labels, looks, strict=True)
        ),
    )


def level_chart(sample: Sample, moments: Names) -> Chart:
    """The level of the surface over time, and how many quotes each snapshot has."""
    counts = {
        **_line(moments, sample["quotes"], INKED.light, "quotes", "%{y:,d}"),
        "yaxis": "y2",
    }
    return Chart(
        name="level",
        title="Level",
        caption="Mean implied volatility of each snapshot, tight quotes counting more; below, how "
        "many quotes it has.",
        data=[_line(moments, sample["level"], BLUE, "mean volatility", "%{y:.2%}"), counts],
        layout=layout(
            360,
            hovermode="x unified",
            xaxis={**axis("", type="date", showgrid=False, anchor="y2"), "tickformat": ""},
            yaxis=axis("mean volatility", domain=[0.34, 1.0]) | {"tickformat": ".0%"},
            yaxis2=axis("quotes", domain=[0.0, 0.24], rangemode="tozero", nticks=3),
        ),
    )


def _line(x: Sequence[object], y: Sequence[float], color: str, name: str, told: str) -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": compact(y),
        "line": {"color": color, "width": 1.5},
        "hovertemplate": told,
    }


def _edge(x: Sequence[object], y: Sequence[float]) -> Json:
    return {**_line(x, y, BLUE, "", ""), "line": {"width": 0, "color": BLUE}, "hoverinfo": "skip"}


def _smile(line: Sequence[tuple[float, float]], label: str, look: Look) -> Json:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": label,
        "legendgroup": label,
        "x": compact(x for x, _ in line),
        "y": compact(vol for _, vol in line),
        "line": {"color": look.light, "width": 1.2},
        "marker": {"color": look.light, "size": 6, "symbol": look.symbol},
        "hovertemplate": f"{label}<br>%{{x:.3g}}: %{{y:.2%}}<extra></extra>",
    }


def _spread(values: Sequence[float], most: int) -> list[float]:
    """At most so many of the values, evenly by rank, the first and the last among them."""
    if len(values) <= most:
        return list(values)
    return [values[round(place * (len(values) - 1) / (most - 1))] for place in range(most)]


def _lasting(years: float) -> str:
    """A time to expiry.

    >>> _lasting(0.0192), _lasting(0.25), _lasting(2.0)
    ('7 d', '91 d', '2 y')
    """
    days = years * DAYS_A_YEAR
    if days >= 2 * DAYS_A_YEAR - 1:
        return f"{days / DAYS_A_YEAR:.3g} y"
    return f"{round(days) if days >= 1 else round(days, 2):g} d"

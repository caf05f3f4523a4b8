"""Datasets: what a survey tells of a table, and that objectives train on what was surveyed."""

import hashlib
import itertools
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tuning.errors import BadTable, InvalidValue, UnknownName
from tuning.objectives import OBJECTIVES, Folders, bars, configure, find, quotes
from tuning.objectives.dataset_files import dataset_id, hash_file
from tuning.objectives.datasets import KINDS, survey

START = datetime(2020, 1, 1, tzinfo=UTC)
ID = dataset_id("0" * 64)


def hourly(folder: Path, hours: Sequence[int], prices: Sequence[float]) -> Path:
    """A file of bars, newest first, with columns as an exchange spells them."""
    rows = [
        f"{int((START + timedelta(hours=hour)).timestamp())},X/USD,{price},{price + 1},{price},7"
        for hour, price in zip(hours, prices, strict=True)
    ]
    path = folder / "bars"
    path.write_text("\n".join(["unix,symbol,High,high price,Low,Close", *reversed(rows)]) + "\n")
    path.write_text(path.read_text().replace("High,high price", "Open,High"))
    return path


def test_a_survey_tells_what_is_in_a_table(tmp_path: Path) -> None:
    """Rows, span and step whatever the order, columns and first rows as they stand."""
    path = hourly(tmp_path, range(48), [100.0 + hour for hour in range(48)])
    found = survey(path, "ohlcv", ID)

    assert (found.rows, found.moments, found.step_seconds, found.format) == (48, 48, 3600, "csv")
    assert found.begin == int(START.timestamp())
    assert found.end == found.begin + 47 * 3600
    assert found.columns == ("unix", "symbol", "Open", "High", "Low", "Close")
    assert found.preview[0][0] == str(found.end)
    assert len(found.preview) == 5
    assert found.cautions == ()
    assert found.data_hash == bars.read(path).sha256


def test_gaps_and_repeated_rows_are_told(tmp_path: Path) -> None:
    """Where they are and why they matter; the data stay as they are."""
    hours = [hour for hour in range(50) if hour not in {20, 21}]
    prices = [100.0 + hour - (hour == 31) for hour in hours]
    found = survey(hourly(tmp_path, hours, prices), "ohlcv", ID)

    gaps, repeated = found.cautions
    assert gaps.code == "gaps"
    assert gaps.message.startswith("1 gaps: the step is 1 h, the longest gap, after 2020-01-01T19")
    assert "3 h" in gaps.message
    assert repeated.code == "repeated"
    assert repeated.message.startswith("1 moments repeat the values of the one before")
    assert found.rows == 48


def test_the_nights_of_a_market_are_no_gaps(tmp_path: Path) -> None:
    """What is longer as a rule is the calendar."""
    hours = [24 * day + hour for day, hour in itertools.product(range(9), range(9, 16))]
    prices = [100.0 + place for place, _ in enumerate(hours)]

    assert survey(hourly(tmp_path, hours, prices), "ohlcv", ID).cautions == ()


def chain(folder: Path, days: int, vols: Sequence[float]) -> Path:
    """A file of quotes: two instruments a day."""
    header = "ts,expiry,strike,cp,forward,ttm,iv_bid,iv_mid,iv_ask"
    rows = [
        f"{(START + timedelta(days=day)).isoformat()},2021-01-01,{strike},C,100,0.5,"
        f"{vols[day] - 0.01:g},{vols[day]:g},{vols[day] + 0.01:g}"
        for day in range(days)
        for strike in (90, 110)
    ]
    path = folder / "quotes"
    path.write_text("\n".join([header, *reversed(rows)]))
    return path


def test_a_survey_counts_snapshots(tmp_path: Path) -> None:
    """A day whose quotes are those of the day before is told."""
    path = chain(tmp_path, 30, [0.5 + 0.01 * (day - (day == 7)) for day in range(30)])
    found = survey(path, "quotes", ID)

    assert (found.rows, found.moments, found.step_seconds) == (60, 30, 86_400)
    assert [one.code for one in found.cautions] == ["repeated"]
    assert "2020-01-08" in found.cautions[0].message
    assert found.data_hash == quotes.read(path).sha256


def test_the_first_twenty_errors_are_told(tmp_path: Path) -> None:
    """A column that is wrong throughout is not told row by row."""
    path = hourly(tmp_path, range(48), [-1.0] * 48)

    with pytest.raises(BadTable, match="at least 20 rows cannot be used; mine, line 2") as refusal:
        survey(path, "ohlcv", ID, name="mine")
    assert len(refusal.value.cells) == 20


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    """With those that there are."""
    with pytest.raises(UnknownName, match="kind: 'bars' is not allowed; allowed: one of ohlcv"):
        survey(tmp_path, "bars", ID)


def test_objectives_name_kinds_that_there_are() -> None:
    """And have the setting that names a dataset."""
    kinds = {name: one.dataset for name, one in OBJECTIVES.items() if one.dataset}

    assert kinds == {"realized_volatility": "ohlcv", "online_surface": "quotes"}
    assert set(kinds.values()) == set(KINDS)
    assert all(OBJECTIVES[name].config_type().dataset is None for name in kinds)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"dataset": "bars.csv"}, "config.dataset: 'bars.csv' is not allowed; allowed: the id"),
        ({"dataset": 7}, "config.dataset: 7 is not allowed"),
        ({"dataset": ID, "file": "x.csv"}, "allowed: null, for config.file is given"),
    ],
)
def test_a_config_names_one_source(config: dict[str, object], message: str) -> None:
    """A dataset by its id, or a file, not both."""
    for name in ("realized_volatility", "online_surface"):
        with pytest.raises(InvalidValue, match=message):
            configure(find(name), config)


def test_a_dataset_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """By name; so is any where there are none."""
    objective = find("realized_volatility")
    config = configure(objective, {"dataset": ID})
    for folders in (Folders(), Folders(datasets=tmp_path)):
        with pytest.raises(InvalidValue) as refusal:
            objective.check(config, folders)
        assert refusal.value.field == "config.dataset"


@pytest.mark.parametrize("is_cached", [True, False])
def test_objectives_open_what_was_surveyed(tmp_path: Path, *, is_cached: bool) -> None:
    """The same data by either way: from what the survey kept, or from the file."""
    cache = tmp_path / "cache" if is_cached else None
    hours = range(24 * 300)
    bar_file = hourly(tmp_path, hours, [100.0 + hour % 37 + hour % 11 / 7 for hour in hours])
    quote_file = chain(tmp_path, 40, [0.5 + 0.01 * (day % 9) for day in range(40)])
    for name, path in (("realized_volatility", bar_file), ("online_surface", quote_file)):
        objective = find(name)
        dataset = dataset_id(hash_file(path))
        found = survey(path, str(objective.dataset), dataset, cache=cache)
        os.rename(path, tmp_path / dataset)  # noqa: PTH104 - shorter
        problem = objective.open(
            configure(objective, {"dataset": dataset}), Folders(cache=cache, datasets=tmp_path)
        )
        assert problem.data_hash == found.data_hash
        assert (
            hash_file(tmp_path / dataset)
            == hashlib.sha256((tmp_path / dataset).read_bytes()).hexdigest()
        )

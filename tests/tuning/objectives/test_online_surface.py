"""`online_surface`: what is known when, how it is scored, and who wins."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tuning.errors import DataError, InvalidValue
from tuning.execution import Block, Ended, Lane
from tuning.execution.training import train
from tuning.objectives import NO_FOLDERS, Folders, configure
from tuning.objectives.online_surface import ONLINE_SURFACE, OnlineSurfaceProblem
from tuning.objectives.prequential import Passing, Prequential, Surprise
from tuning.objectives.snapshots import Snapshots
from tuning.records import Result
from tuning.schedules import Schedule, build


def open_problem(folders: Folders = NO_FOLDERS, **config: object) -> OnlineSurfaceProblem:
    """The problem with that config."""
    problem = ONLINE_SURFACE.open(configure(ONLINE_SURFACE, config), folders)
    assert isinstance(problem, OnlineSurfaceProblem)
    return problem


def results(
    config: Mapping[str, object], family: str, peak: float, seeds: int, splits: tuple[str, ...]
) -> list[Result]:
    """How runs of one schedule end, one per seed."""
    settings = configure(ONLINE_SURFACE, config)
    horizon = ONLINE_SURFACE.horizon(settings, NO_FOLDERS)
    schedule = Schedule(build(family, peak, {}), horizon)
    lanes = tuple(Lane(str(seed), seed, schedule) for seed in range(seeds))
    block = Block("online_surface", config, horizon, lanes, splits)
    events = train(block, ONLINE_SURFACE, ONLINE_SURFACE.open(settings, NO_FOLDERS))
    return [event.result for event in events if isinstance(event, Ended)]


def trainer(problem: OnlineSurfaceProblem, segment: Snapshots) -> Prequential:
    """A trainer of two lanes over a segment that may have been altered."""
    made = replace(problem, segments={"validation": segment}).trainer((1, 2), 0, ("validation",))
    assert isinstance(made, Prequential)
    return made


def test_what_comes_later_changes_nothing_before() -> None:
    """With other quotes from snapshot 7 on, everything measured up to there has the same bits."""
    problem = open_problem(snapshots=12, updates=3)
    segment = problem.segments["validation"]
    vols = segment.vols.copy()
    vols[7:] += 0.3
    altered = replace(segment, vols=vols)
    lrs = np.full((2, 36), 0.01)
    one, other = trainer(problem, segment), trainer(problem, altered)
    one.train(lrs)
    other.train(lrs)

    known, changed = one.block_losses("validation"), other.block_losses("validation")
    scored = 12 - known.shape[1]
    assert (known[:, : 7 - scored] == changed[:, : 7 - scored]).all()
    assert (known[:, 7 - scored :] != changed[:, 7 - scored :]).all()


def test_a_snapshot_is_scored_by_what_was_learnt_before() -> None:
    """The first score is that of the initial weights, whatever the learning rate."""
    problem = open_problem(snapshots=10, updates=2)
    segment = problem.segments["validation"]
    slow, fast = trainer(problem, segment), trainer(problem, segment)
    before = slow.evaluate("validation")["rmse_bp"]
    slow.train(np.full((2, 2), 1e-6))
    fast.train(np.full((2, 2), 0.05))

    assert (slow.evaluate("validation")["rmse_bp"] == fast.evaluate("validation")["rmse_bp"]).all()
    assert before == pytest.approx(slow.evaluate("validation")["rmse_bp"], rel=1e-5)


def test_the_error_is_that_of_plain_arithmetic() -> None:
    """Weighted RMSE and mean absolute error of a snapshot, by NumPy in double precision."""
    from tuning.objectives.networks import Mlp

    network = Mlp((2, 3, 1), "tanh")
    weights = network.init(0)
    generator = np.random.default_rng(0)
    rows = {
        "inputs": generator.normal(size=(8, 2)).astype("f4"),
        "vols": generator.random(8).astype("f4"),
        "weights": np.array([1, 2, 3, 0, 5, 6, 7, 0], "f4"),
        "known": np.array([1, 1, 1, 1, 1, 0, 1, 1], "f4"),
    }
    measured = np.asarray(Surprise(network, unit=5, width=4)(weights, rows, 9))

    (first, bias), (last, offset) = weights
    output = np.tanh(rows["inputs"][4:].astype(float) @ first + bias) @ last + offset
    error, weight = output[:, 0] - rows["vols"][4:], rows["weights"][4:]
    known = weight * rows["known"][4:]
    assert measured == pytest.approx(
        [
            np.sqrt((weight * error**2).sum() / weight.sum()),
            (weight * np.abs(error)).sum() / weight.sum(),
            np.sqrt((known * error**2).sum() / known.sum()),
        ],
        rel=1e-5,
    )


def test_an_update_sees_its_own_snapshot_alone() -> None:
    """Rows lie within the snapshot's quotes, none twice before all were seen once."""
    order = Passing(counts=(3, 5), width=6, unit=4, batch=2)
    rows = order(7, 0, 8)

    assert set(rows[:4].ravel()) == {0, 1, 2}
    assert set(rows[4:].ravel()) == {6, 7, 8, 9, 10}
    assert len(set(rows[4:].ravel()[:5])) == 5
    assert (order(7, 3, 6) == rows[3:6]).all()
    assert (order(8, 0, 8) != rows).any()


@pytest.mark.parametrize(("snapshots", "scored"), [(20, 18), (116, 104)])
def test_the_score_is_the_mean_over_scored_snapshots(snapshots: int, scored: int) -> None:
    """The first tenth is left out; what remains counts alike, snapshot by snapshot."""
    config = {"snapshots": snapshots, "updates": 2}
    (result,) = results(config, "constant", 0.01, 1, ("validation",))

    assert len(result.blocks["validation"]) == scored
    mean = np.mean(result.blocks["validation"])
    assert result.metrics["validation"]["rmse_bp"] == pytest.approx(mean, rel=1e-12)


def test_each_split_has_its_own_training() -> None:
    """The test segment is later, embargoed, and scored by a training that began afresh."""
    problem = open_problem(snapshots=20, updates=2)
    names = {split: problem.segments[split].names for split in ("validation", "test")}
    (both,) = results({"snapshots": 20, "updates": 2}, "linear", 0.01, 1, ("validation", "test"))
    (alone,) = results({"snapshots": 20, "updates": 2}, "linear", 0.01, 1, ("validation",))

    assert names["test"][0] == "day 24"
    assert not set(names["validation"]) & set(names["test"])
    assert both.metrics["validation"] == alone.metrics["validation"]
    assert both.metrics["test"]["rmse_bp"] != both.metrics["validation"]["rmse_bp"]


def test_skill_is_against_no_change() -> None:
    """A forecast as bad as the quote before has skill 0: here no noise and no drift would."""
    problem = open_problem(snapshots=10, updates=1)
    segment = problem.segments["validation"]
    made = trainer(problem, segment)
    made.train(np.full((2, 3), 0.01))
    losses = made._scan.history[:, 1:3, 0].mean(axis=1)

    skill = made.evaluate("validation")["skill"]
    expected = 1 - made._scan.history[:, 1:3, 2] / segment.persistence()[1:3]
    # The first of the three snapshots has no quote before, and counts as no skill.
    assert skill == pytest.approx(expected.sum(axis=1) / 3)
    assert losses.shape == skill.shape


def test_other_horizons_are_refused() -> None:
    """The data last for one horizon only."""
    config = configure(ONLINE_SURFACE, {"snapshots": 20, "updates": 2})

    assert ONLINE_SURFACE.horizon(config, NO_FOLDERS) == 40
    with pytest.raises(InvalidValue, match=r"horizon: 50 .* 40, which these data last"):
        ONLINE_SURFACE.horizon(config, NO_FOLDERS, 50)


@pytest.mark.parametrize(("field", "value"), [("noise_bp", 0.0), ("data_seed", 1)])
def test_settings_of_generated_quotes_are_refused_beside_a_file(field: str, value: object) -> None:
    """They would have no effect; without a file they have."""
    with pytest.raises(InvalidValue, match="unless quotes are generated") as refusal:
        configure(ONLINE_SURFACE, {"file": "q.csv", field: value})
    assert refusal.value.field == f"config.{field}"
    configure(ONLINE_SURFACE, {field: value})


def test_a_file_too_short_is_refused(tmp_path: Path) -> None:
    """Two segments and an embargo must fit."""
    header = "ts,expiry,strike,cp,forward,ttm,iv_bid,iv_mid,iv_ask"
    lines = [f"{10**9 + 86_400 * day},x,100,C,100,0.5,0.5,0.5,0.5" for day in range(23)]
    (tmp_path / "q.csv").write_text("\n".join([header, *lines]))
    with pytest.raises(DataError, match="23 snapshots; at least 24 are needed"):
        open_problem(Folders(data=tmp_path), file="q.csv")


def test_real_quotes_make_two_segments(real_file: Callable[[str], Path]) -> None:
    """236 daily snapshots of Bitcoin options: 116 each, with four between."""
    path = real_file("deribit_btc_quotes_daily.csv.gz")
    problem = open_problem(Folders(data=path.parent), file=path.name)

    assert {split: len(one) for split, one in problem.segments.items()} == {
        "validation": 116,
        "test": 116,
    }
    assert 0.005 < np.nanmean(problem.segments["validation"].persistence()) < 0.05


@pytest.mark.full
def test_annealing_over_the_life_loses() -> None:
    """A cosine at its best peak is at least 3 % worse than a constant at its own."""
    best = {
        family: min(
            np.mean(
                [
                    result.metrics["validation"]["rmse_bp"]
                    for result in results({}, family, peak, 3, ("validation",))
                ]
            )
            for peak in (4e-3, 8e-3, 1.4e-2, 2.4e-2, 4e-2)
        )
        for family in ("constant", "cosine")
    }

    assert best["cosine"] > 1.03 * best["constant"]

"""Databases for real servers: empty ones, which the server itself migrates."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.api.caller import DEFAULT_PROJECT
from service.store import events, history, models, studies, trials
from service.store.engine import Store
from tests.chaos.checker import Seen, Stored
from tests.chaos.recording import loss_of
from tuning.evidence.score import RANKED
from tuning.records import Phase, RunState, StudyState
from tuning.search.policy.ladder import paired_seed

HERE = Path(__file__).parent
Spy = Callable[..., Seen]


@pytest.fixture
def observe(empty_database_url: str) -> Spy:
    """Read everything of a study from the stopped server's database."""

    def read(study: str, **beside: object) -> Seen:
        store = Store(empty_database_url)
        with store.read() as session:
            found = studies.get(session, DEFAULT_PROJECT, study)
            paired = {paired_seed(found.spec, number) for number in range(found.spec.seeds)}
            rows = list(all_trials(session, study))
            changes = all_changes(session, study)
            taken_back = Counter(
                run["run"]
                for change in changes
                if change.kind == "progress"
                for run in change.data["runs"]
                if run["state"] == RunState.QUEUED
            )
            tokens = dict(session.execute(select(models.Run.id, models.Run.told_token)).all())
            stored = [
                Stored(
                    run=run.id,
                    trial=run.run.trial,
                    state=run.state,
                    attempt=run.attempt,
                    told_token=tokens[run.id],
                    value=loss_of(run.result.metrics) if run.result else None,
                    # Further seeds of the leaders do not count for a trial's score.
                    is_ranked=run.run.phase is not Phase.CONFIRM and run.run.seed in paired,
                    taken_back=taken_back[run.id],
                )
                for row in rows
                for run in history.runs(session, DEFAULT_PROJECT, study, row.trial.number)
            ]
        store.close()
        states = [StudyState(one.data["state"]) for one in changes if "state" in one.data]
        return Seen(
            state=found.state,
            expected_runs=found.expected_runs,
            finished_runs=found.finished_runs,
            stored=stored,
            trials=[(row.trial.number, row.state, row.value) for row in rows],
            revisions=[one.revision for one in changes],
            moves={study: states},
            best_value=found.best_value,
            most_trials=found.spec.budget.trials,
            spent_trials=sum(row.trial.phase in RANKED for row in rows),
            **beside,  # type: ignore[arg-type] # fields of Seen
        )

    return read


def all_trials(session: Session, study: str) -> Iterator[history.TrialRow]:
    """Every trial of a study, in order."""
    after: str | None = None
    while True:
        page = trials.page(session, DEFAULT_PROJECT, study, cursor=after, limit=200)
        yield from page.items
        after = page.next
        if after is None:
            return


def all_changes(session: Session, study: str) -> list[events.Event]:
    """Every event of a study, in order."""
    found: list[events.Event] = []
    while batch := events.after(session, DEFAULT_PROJECT, study, len(found), limit=200):
        found += batch
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where processes under test complain."""
    return tmp_path / "processes.log"


# The share of the default suite, on SQLite.
SHARE = (
    "test_killed_workers_lose_nothing",
    "test_many_claimers",
    "test_calls_through",
    "test_a_store_does_what_its_model_does",
)
# What the five minutes of `make test-full` leave out: of pairs that differ by their database alone
# the one, and all kinds of bad training where some are there.
WHOLE = (
    "test_each_study_loses_its_own_bad_runs_and_no_others[all",
    "test_every_boundary_is_all_or_nothing[postgresql",
    "test_a_killed_server_keeps_what_it_acknowledged[postgresql",
    "test_a_killed_server_goes_on_where_it_was[postgresql",
    "test_best_never_gets_worse_and_an_etag_is_a_body[sqlite",
    "test_workers_behind_a_bad_network_count_every_run_once[postgresql",
    "test_a_reader_whose_frames_are_cut_sees_every_event_once[postgresql",
    "test_a_reader_of_a_study_that_was_deleted_is_told[postgresql",
    "test_no_lease_runs_out_because_a_clock_is_set[sqlite",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The default suite injects some faults, mostly on SQLite; `full` all of them on both."""
    for item in items:
        if not item.path.is_relative_to(HERE):  # this is called with the tests of all folders
            continue
        on_sqlite = "[sqlite" in item.name and not item.name.startswith(SHARE)
        if on_sqlite or "[postgresql" in item.name:
            item.add_marker(pytest.mark.full)
        if item.get_closest_marker("full"):  # CI has no time for these
            item.add_marker(pytest.mark.long)
        if item.name.startswith(WHOLE):
            item.add_marker(pytest.mark.whole)

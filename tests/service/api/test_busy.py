"""A database that is slow or cut off: whoever asks is told when to ask again, and never a 500."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from service.api.caller import DEFAULT_PROJECT
from service.store import exports, lifecycle
from service.store.engine import Store
from service.store.locks import lock_study
from service.store.timeouts import Limits
from tests.conftest import cut_connections

STUDIES = "/v1/studies"
LIMITS = {
    "statement": Limits(statement_seconds=0.3, lock_seconds=60),
    "lock": Limits(statement_seconds=60, lock_seconds=0.3),
}


@pytest.fixture(params=LIMITS)
def store(request: pytest.FixtureRequest, emptied_postgres_url: str) -> Iterator[Store]:
    """A store of little patience on PostgreSQL, for `api`."""
    store = Store(emptied_postgres_url, limits=LIMITS[request.param])
    yield store
    store.close()


def test_what_takes_too_long_is_answered_with_when_to_ask_again(
    api: TestClient, store: Store, submit: Callable[..., dict[str, Any]]
) -> None:
    """Whoever holds the study lets go, and the same call is answered."""
    study = submit()["id"]
    with store.write() as session:
        lock_study(session, DEFAULT_PROJECT, study)
        refused = api.post(f"{STUDIES}/{study}:pause")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert refused.json()["type"] == "urn:glideslope:problem:store-busy"
    assert "timeout" in refused.json()["detail"]
    assert api.post(f"{STUDIES}/{study}:pause").status_code == 200


def test_exports_and_deletions_take_their_time(
    api: TestClient, store: Store, submit: Callable[..., dict[str, Any]]
) -> None:
    """Their statements are not cut short, whatever is set."""
    study = submit()["id"]
    api.post(f"{STUDIES}/{study}:cancel")
    shown = text("SHOW statement_timeout")
    for begin, act in (
        (store.read, exports.write_study),
        (store.read, exports.columns),
        (store.write, lifecycle.delete),
    ):
        with begin() as session:
            assert session.scalar(shown) in {"300ms", "1min"}
            act(session, DEFAULT_PROJECT, study)
            assert session.scalar(shown) == "0"


@pytest.mark.parametrize("store", ["lock"], indirect=True)
def test_connections_that_are_cut_cost_no_more_than_another_try(
    api: TestClient,
    store: Store,
    submit: Callable[..., dict[str, Any]],
    emptied_postgres_url: str,
) -> None:
    """While they are cut again and again, each call is answered, or told when to ask again."""
    study, over = submit()["id"], threading.Event()
    answers: Counter[int] = Counter()

    def ask(verb: str) -> None:
        while not over.is_set():
            moved = api.post(f"{STUDIES}/{study}:{verb}")
            read = api.get(f"{STUDIES}/{study}")
            for answer in (moved, read):
                assert answer.status_code != 503 or answer.headers["Retry-After"] == "1"
                answers[answer.status_code] += 1

    asking = [threading.Thread(target=ask, args=(verb,)) for verb in ("pause", "resume")]
    for thread in asking:
        thread.start()
    cuts = 0
    while cuts < 30:
        cuts += cut_connections(emptied_postgres_url, "glideslope")
    over.set()
    for thread in asking:
        thread.join()
    assert answers[200] > 0
    assert set(answers) <= {200, 503}
    assert api.post(f"{STUDIES}/{study}:cancel").status_code == 200

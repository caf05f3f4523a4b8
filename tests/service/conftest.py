"""The application over a real database, without a server, a planner or a worker of its own.

A planner and a trainer are made here, in this process, so that a test decides when they act.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from service.api.caller import DEFAULT_PROJECT
from service.app import create_app, ledger
from service.planner.messages import answer, read_answer
from service.schemas.keys import Scope
from service.settings import Settings
from service.store import projects
from service.store.engine import Store
from service.store.models import Base
from tuning.documents import BEGINNING, read_history, read_spec
from tuning.objectives.datasets import survey
from tuning.search.policy import Wait

SMALL = {
    "objective": "realized_volatility",
    "horizon": 20,
    "space": {"families": ["cosine", "linear"]},
    "baselines": ["constant"],
    "budget": {"trials": 6},
    "seeds": 2,
    "confirm_seeds": 2,
    "seed": 7,
}
GOOD_BARS = "date,open,high,low,close\n2020-01-01,1,2,1,1.5\n"
BAD_BARS = "date,high,low,close\n2020-01-01,1,2,oops\n"


ROUTES = tuple(Path(__file__).parent / name for name in ("api", "pages"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """By default routes are tested over SQLite; the suites of the store are, over both."""
    for item in items:
        if "[postgresql" in item.name and any(map(item.path.is_relative_to, ROUTES)):
            item.add_marker(pytest.mark.full)


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of too few bars and of malformed ones, and a link to itself."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "short.csv").write_text(GOOD_BARS)
    (folder / "malformed.csv").write_text(BAD_BARS)
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder.parent / "outside.csv").write_text(GOOD_BARS)
    return folder


@pytest.fixture
def api(store: Store, data_folder: Path, tmp_path: Path) -> Iterator[TestClient]:
    """A client of the application; what the server did not foresee is answered, not raised."""
    with store.write() as session:
        projects.ensure(session, DEFAULT_PROJECT)
    settings = Settings(
        data_folder=data_folder, cache_folder=tmp_path / "cache", dataset_folder=tmp_path / "sets"
    )
    # Not as a context manager: the loops of the server stay still. Uploads are read right here.
    app = create_app(
        store, settings, survey=lambda *args, **named: survey(*args, **named).document()
    )
    client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
    yield client
    app.state.context.keyring.close()
    client.close()


@pytest.fixture
def holder(api: TestClient) -> Callable[..., TestClient]:
    """A client that shows a key: `holder("other", "work")`; with every scope if none is named.

    From the first one on, `api` shows one of all projects itself.
    """

    def hold(project: str, *scopes: str) -> TestClient:
        wish = {"label": "test", "scopes": list(scopes or Scope), "project": project}
        if "Authorization" not in api.headers:
            mine = {**wish, "scopes": list(Scope), "project": None, "all_projects": True}
            api.headers["Authorization"] = bearer(api.post("/v1/keys", json=mine))
        made = api.post("/v1/keys", json=wish)
        headers = {"Authorization": bearer(made)}
        return TestClient(
            api.app,
            base_url="http://localhost",
            headers=headers,
            raise_server_exceptions=False,
        )

    return hold


def bearer(made: Any) -> str:  # noqa: ANN401 # a response
    """The header that shows a key that was just made."""
    return f"Bearer {made.json()['token']}"


@pytest.fixture
def count_rows(store: Store) -> Callable[[], dict[str, int]]:
    """How many rows every table holds."""

    def count() -> dict[str, int]:
        with store.read() as session:
            return {
                name: session.scalar(select(func.count()).select_from(table)) or 0
                for name, table in Base.metadata.tables.items()
            }

    return count


def plan_all(store: Store) -> int:
    """Let every active study go one decision further, as the planner does; returns how many did."""
    books, moved = ledger(store), 0
    for place in books.places():
        spec, history = books.load(place, BEGINNING)
        told = read_answer(answer(read_spec(spec), read_history(history)))
        if not isinstance(told, Wait):
            books.commit(place, told)
            moved += 1
    return moved


@pytest.fixture
def plan(store: Store) -> Callable[[], int]:
    """`plan_all`, of this test's store."""
    return partial(plan_all, store)


@pytest.fixture
def submit(api: TestClient) -> Callable[..., dict[str, Any]]:
    """Create a small study and return it as the API shows it: `submit(label="x")`."""

    def create(**changes: object) -> dict[str, Any]:
        response = api.post("/v1/studies", json={**SMALL, **changes})
        assert response.status_code == 202, response.text
        view: dict[str, Any] = response.json()
        return view

    return create


@pytest.fixture
def claim(api: TestClient) -> Callable[..., dict[str, Any] | None]:
    """Claim runs under a new claim id and return their block: `claim(lanes=2)`."""
    ids = itertools.count()

    def ask(**options: object) -> dict[str, Any] | None:
        body = {"worker": "w", "claim": f"c{next(ids)}", **options}
        block: dict[str, Any] | None = api.post("/v1/work:claim", json=body).json()["block"]
        return block

    return ask


@pytest.fixture
def tell(api: TestClient) -> Callable[..., Any]:
    """Tell the end of a claimed run and return the response: `tell(run, value=0.5)`."""

    def say(run: dict[str, Any], value: float = 0.5, **changes: object) -> Any:  # noqa: ANN401
        end = {
            "run": run["run"],
            "token": run["token"],
            "outcome": "completed",
            "metrics": {"validation": {"mse": value}},
        }
        return api.post("/v1/runs:tell", json={"worker": "w", "results": [{**end, **changes}]})

    return say


@pytest.fixture
def play(
    plan: Callable[[], int],
    claim: Callable[..., dict[str, Any] | None],
    tell: Callable[..., Any],
) -> Callable[[], None]:
    """Plan, claim and tell made-up results until nothing is left to do."""

    def until_done() -> None:
        while True:
            moved = plan()
            block = claim(lanes=8)
            if block is None and not moved:
                return
            for run in [] if block is None else block["runs"]:
                value = score(run)
                metrics = {split: {"mse": value} for split in block["splits"]}
                assert tell(run, metrics=metrics).status_code == 200

    return until_done


def score(run: dict[str, Any]) -> float:
    """A made-up result: the better, the nearer the peak is to 0.01; seeds add a little noise."""
    peak = run["schedule"]["peak"]
    return 1.0 + abs(math.log10(peak / 0.01)) + run["seed"] % 7 * 1e-4

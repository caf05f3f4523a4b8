"""The contract of the outbox, on SQLite and PostgreSQL: nothing told that did not happen."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from service.errors import Conflict, NotFound
from service.store import events, lifecycle, outbox, projects, webhooks
from service.store.engine import Store
from service.store.outbox import Attempt, Parcel, State
from service.store.webhook_models import Delivery

Make = Callable[..., str]
URL = "https://hooks.example/x"
FAILED = Attempt(500, None, 3)


@pytest.fixture
def store(store: Store) -> Store:
    """A store whose server sends webhooks."""
    store.enable(outbox.ENABLED)
    return store


def hook(
    store: Store,
    *kinds: str,
    study: str | None = None,
    project: str = "a",
) -> str:
    """Make a webhook."""
    with store.write() as session:
        projects.ensure(session, project)
        made, secret = webhooks.create(session, project, url=URL, study=study, kinds=kinds)
    assert secret.startswith("whsec_")
    return made.id


def happen(store: Store, study: str, kind: str = "noted", project: str = "a") -> int:
    """Let something happen to a study."""
    with store.write() as session:
        return events.append(session, project, study, kind, {"x": 1})


def take(store: Store, limit: int = 10) -> list[Parcel]:
    """Take what is due for 30 seconds."""
    with store.write() as session:
        return outbox.take(session, limit, 30.0)


def settle(store: Store, parcel: Parcel, attempt: Attempt, pause: float | None = 5.0) -> None:
    """End an attempt."""
    with store.write() as session:
        outbox.settle(session, parcel, attempt, pause)


def sent(store: Store, webhook: str, project: str = "a") -> list[outbox.Sent]:
    """The log of a webhook."""
    with store.read() as session:
        return list(outbox.page(session, project, webhook).items)


def test_an_event_is_told_to_whoever_wants_it(store: Store, new_study: Make) -> None:
    """Of the project or of the study, of its kind, once each, with the event's own id."""
    study, other, foreign = new_study(), new_study(), new_study(project="b")
    everything, mine = hook(store, "noted"), hook(store, "noted", study=study)
    hook(store, "completed")
    hook(store, "noted", project="b")
    revision = happen(store, study)
    happen(store, other)
    happen(store, foreign, "seen", project="b")
    parcels = take(store)
    assert sorted((one.webhook, one.event) for one in parcels) == sorted(
        [
            (everything, f"{study}.{revision}"),
            (mine, f"{study}.{revision}"),
            (everything, f"{other}.2"),
        ]
    )
    (one,) = [one for one in parcels if one.webhook == mine]
    assert (one.url, one.attempt, one.body["type"]) == (URL, 1, "study.noted")
    data = one.body["data"]
    assert (data["study"], data["revision"], data["details"]) == (study, revision, {"x": 1})


def test_what_did_not_happen_is_not_told(store: Store, new_study: Make) -> None:
    """A transaction that is rolled back takes its deliveries along."""
    study = new_study()
    hook(store, "noted")

    def fail() -> None:
        with store.write() as session:
            events.append(session, "a", study, "noted", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert take(store) == []


def test_a_delivery_is_taken_by_one_and_due_again_if_nobody_ends_it(
    store: Store, new_study: Make, advance: Callable[[float], None]
) -> None:
    """Whoever took it may have died: it is told again, under the same id."""
    study = new_study()
    webhook = hook(store, "noted")
    happen(store, study)
    (first,) = take(store)
    assert take(store) == []
    advance(29)
    assert take(store) == []
    advance(2)
    (second,) = take(store)
    assert (second.event, second.attempt) == (first.event, 2)
    settle(store, first, Attempt(200, None, 5))  # the first was not dead after all
    settle(store, second, FAILED)
    (told,) = sent(store, webhook)
    assert (told.state, told.attempts) == (State.DELIVERED, 2)
    advance(1000)
    assert take(store) == []


def test_a_failed_attempt_is_followed_by_another_until_there_is_none(
    store: Store, new_study: Make, advance: Callable[[float], None]
) -> None:
    """After its pause; every one is in the log."""
    study = new_study()
    webhook = hook(store, "noted")
    happen(store, study)
    settle(store, take(store)[0], FAILED, 5.0)
    assert take(store) == []
    advance(5)
    settle(store, take(store)[0], Attempt(None, "nobody there", 1), None)
    advance(1000)
    assert take(store) == []
    (told,) = sent(store, webhook)
    assert told.state is State.FAILED
    assert [(one["status"], one["error"]) for one in told.log] == [
        (500, None),
        (None, "nobody there"),
    ]


def test_whoever_is_gone_is_told_nothing_more(store: Store, new_study: Make) -> None:
    """An answer of 410 ends what was on its way, too."""
    study = new_study()
    webhook = hook(store, "noted")
    happen(store, study)
    happen(store, study)
    first, _second = take(store)
    settle(store, first, Attempt(410, None, 1))
    happen(store, study)
    with store.read() as session:
        assert webhooks.everyone(session, "a")[0].gone is not None
        assert len(outbox.page(session, "a", webhook).items) == 2


def test_what_was_settled_is_forgotten_after_a_week(
    store: Store, new_study: Make, advance: Callable[[float], None]
) -> None:
    """What is pending is not."""
    study = new_study()
    webhook = hook(store, "noted")
    happen(store, study)
    settle(store, take(store)[0], Attempt(200, None, 1))
    happen(store, study)
    advance(8 * 86_400)
    with store.write() as session:
        outbox.forget(session)
    assert [one.state for one in sent(store, webhook)] == [State.PENDING]


def test_a_webhook_goes_with_what_was_on_its_way(store: Store, new_study: Make) -> None:
    """Removed by its user, or with its study."""
    study = new_study()
    mine, everything = hook(store, "noted", study=study), hook(store, "noted", "cancelled")
    happen(store, study)
    with store.write() as session:
        lifecycle.cancel(session, "a", study)
        lifecycle.delete(session, "a", study)
    with store.read() as session:
        assert [one.id for one in webhooks.everyone(session, "a")] == [everything]
        with pytest.raises(NotFound):
            outbox.page(session, "a", mine)
    assert {one.kind for one in sent(store, everything)} == {"noted", "cancelled"}
    for wrong in ("b", "a"):
        with pytest.raises(NotFound), store.write() as session:
            webhooks.remove(session, wrong, mine)
    with store.write() as session:
        webhooks.remove(session, "a", everything)
    with store.read() as session:
        assert session.scalars(select(Delivery)).all() == []


def test_the_log_comes_in_pages(store: Store, new_study: Make) -> None:
    """Newest first."""
    study = new_study()
    webhook = hook(store, "noted")
    for _ in range(5):
        happen(store, study)
    with store.read() as session:
        first = outbox.page(session, "a", webhook, limit=3)
        second = outbox.page(session, "a", webhook, limit=3, cursor=first.next)
        whole = outbox.page(session, "a", webhook)
        with pytest.raises(NotFound):
            outbox.page(session, "b", webhook)
    assert first.items + second.items == whole.items
    assert second.next is None
    assert len(whole.items) == 5


def test_there_is_an_end_to_webhooks(store: Store, new_study: Make) -> None:
    """And one of a study needs the study."""
    new_study()
    with pytest.raises(NotFound):
        hook(store, "noted", study="st_x")
    for _ in range(webhooks.MOST):
        hook(store, "noted")
    with pytest.raises(Conflict):
        hook(store, "noted")


def test_a_server_without_webhooks_writes_none(
    database_url: str, new_study: Make, store: Store
) -> None:
    """They are off by default."""
    study = new_study()
    hook(store, "noted")
    store._info.pop(outbox.ENABLED)
    happen(store, study)
    assert take(store) == []

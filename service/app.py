"""The server process: store, routes, planner and sweeper put together.

The one idea: everything is made here from one `Settings` and handed down; nothing below reads the
environment or keeps a global. Not here: the command line (`service.cli`).
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from service.addresses import Allowed
from service.api import (
    catalogue,
    changes,
    datasets,
    health,
    keys,
    lifecycle,
    live,
    results,
    schedules,
    sessions,
    shares,
    studies,
    transfer,
    trials,
    webhooks,
    work,
    workers,
)
from service.api.archives import Policy, Purger
from service.api.bell import Bell
from service.api.bodies import BodyLimit
from service.api.caller import DEFAULT_PROJECT, SIGN_IN
from service.api.context import Context
from service.api.documentation import describe
from service.api.gate import Gate
from service.api.keyring import Keyring, Keys
from service.api.meter import Meter
from service.api.metrics import Metrics
from service.api.problems import install, responses
from service.api.readiness import Readiness, examine
from service.api.requests import Requests
from service.api.uploads import Uploads
from service.api.waits import Waits
from service.errors import Forbidden, HeadersTooLarge, QuotaExceeded, Unidentified
from service.housekeeping import Sweeper, count, forget
from service.loopback import is_loopback
from service.pages import ROUTERS
from service.pages.report import render_report
from service.pages.visitors import Visitors
from service.planner.delivery import Books, Postman, Told
from service.planner.loops import Loop
from service.planner.messages import Answer, Judged, Proposed, versions
from service.planner.planner import Ledger, Planner
from service.settings import Settings
from service.store import (
    deadlines,
    generations,
    history,
    outbox,
    projects,
    quotas,
    reads,
)
from service.store import keys as stored_keys
from service.store import lifecycle as stored_lifecycle
from service.store import shares as stored_shares
from service.store import studies as stored_studies
from service.store.engine import Store
from service.store.generations import Frontier
from service.store.reach import EVERYTHING, reaching
from service.store.timeouts import Limits
from service.tracing import OFF, Tracing
from tuning.evidence import note_test_reads
from tuning.execution.surveying import survey_apart
from tuning.objectives import load
from tuning.records import Mark
from tuning.search.policy import GiveUp

POST_SECONDS = 1.0  # between two looks of the postman when nothing rings
PLAN_SECONDS = 0.5  # between two looks of the planner when nothing rings
COUNT_SECONDS = 1.0  # between two times that what was used is written down
FORGET_SECONDS = 3600.0  # between two times that what is old is let go
TELL_SECONDS = 60.0  # between two notices to other servers when nothing rings
LISTEN_SECONDS = 0.1  # before they are listened to again, beside the pauses of `Notices`


def create_app(
    store: Store,
    settings: Settings,
    *,
    survey: Callable[..., Mapping[str, Any]] = survey_apart,
    tracing: Tracing = OFF,
) -> FastAPI:
    """Make the application over an open store; its planner starts and stops with it.

    `survey` reads uploads, by default in a process of its own.
    """
    bell, metrics, uploads = Bell(), Metrics(store), Uploads(settings.dataset_folder)
    keyring = _keyring(store, settings)
    meter, allowed = Meter(keyring.quotas), Allowed.parse(settings.webhooks)

    def on_progress() -> None:
        planning.ring()  # after a generation, too: the next one needs none of its results
        posting.ring()
        bell.ring()
        tell_others()

    planner = Planner(ledger(store, on_progress), metrics.observe_planning, tracing)
    planning = Loop("planner", planner.round, PLAN_SECONDS)
    sweeper = Sweeper(store, settings, on_progress)
    sweeping = Loop(
        "sweeper",
        lambda: metrics.expired_leases.inc(sweeper.round()),
        settings.sweep_seconds,
        # After an outage of the server its workers get time to extend their leases first.
        delay_seconds=2 * settings.heartbeat_seconds,
    )
    postman, posting = _post_office(store, settings, allowed)
    counting = Loop("counter", lambda: count(store, keyring, meter), COUNT_SECONDS)
    tell_others, exchanging = _exchange(store, bell)
    purger, forgetting = _forgetter(store, settings)

    others = (sweeping, counting, posting, forgetting, *exchanging)
    app = _titled(_life(store, bell, uploads, keyring, planner, planning, postman, purger, others))
    app.state.context = Context(
        store=store,
        settings=settings,
        on_progress=on_progress,
        keyring=keyring,
        meter=meter,
        readiness=_readiness(store, settings, lambda: planning.is_well and sweeping.is_well),
        bell=bell,
        waits=Waits(bell),
        objectives=load(settings.modules),
        render_report=render_report,
        versions=versions(),
        survey=survey,
        uploads=uploads,
        metrics=metrics,
        webhooks=allowed,
        tracing=tracing,
    )
    _furnish(app, app.state.context)
    return app


def _titled(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    """An application without any route."""
    return FastAPI(
        title="Glideslope",
        version=version("glideslope"),
        summary="Finds the best learning-rate schedule, and proves it.",
        lifespan=lifespan,
        # Its own spans tell addresses as they were typed.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        # A page of ours is there: FastAPI's own ask other hosts for their scripts.
        docs_url=None,
        redoc_url=None,
    )


def _life(
    store: Store,
    bell: Bell,
    uploads: Uploads,
    keyring: Keyring,
    planner: Planner,
    planning: Loop,
    postman: Postman,
    purger: Purger,
    others: Sequence[Loop],
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What starts before the first request and ends after the last one."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        bell.hang()
        uploads.sweep()
        for loop in (planning, *others):
            loop.start()
        try:
            yield
        finally:
            postman.interrupt()
            purger.interrupt()
            if store.notices is not None:
                store.notices.end()
            for loop in others:
                loop.stop()
            postman.close()
            planning.stop(planner.interrupt)
            planner.close()
            keyring.close()

    return lifespan


def _furnish(app: FastAPI, here: Context) -> None:
    """Add what every request passes, and the routes; all but health ask who asks."""
    limits = {
        datasets.PATH: here.settings.dataset_mib * 2**20,
        transfer.IMPORT: transfer.MAX_IMPORT_BYTES,
        SIGN_IN[1]: sessions.MAX_BODY_BYTES,
    }
    app.add_middleware(BodyLimit, limits=limits)
    opened = ("/metrics",) if here.settings.metrics_open else ()
    host = here.settings.host
    app.add_middleware(Gate, keyring=here.keyring, meter=here.meter, host=host, open_paths=opened)
    app.add_middleware(Visitors)
    app.add_middleware(Requests, observe=here.metrics.observe_request, tracing=here.tracing)
    install(app)
    refusals = responses(Unidentified, Forbidden, QuotaExceeded, HeadersTooLarge)
    for routes in (  # what is asked most comes first: they are tried in this order
        studies,
        work,
        workers,
        lifecycle,
        trials,
        results,
        transfer,
        live,
        changes,
        catalogue,
        schedules,
        datasets,
        webhooks,
        keys,
        sessions,
        shares,
    ):
        app.include_router(routes.router, responses=refusals)
    app.include_router(health.router)
    for pages in ROUTERS:
        app.include_router(pages)
    describe(app)


def open_store(settings: Settings, tracing: Tracing = OFF) -> Store:
    """Open the store, bring its schema up to date and make sure of the default project."""
    limits = Limits(
        connections=settings.database_connections,
        statement_seconds=settings.database_statement_seconds,
        lock_seconds=settings.database_lock_seconds,
    )
    store = Store(settings.database_url, tracing=tracing, limits=limits)
    try:
        store.upgrade()
        with store.write() as session:
            projects.ensure(session, DEFAULT_PROJECT)
    except BaseException:
        store.close()
        raise
    return store


def ledger(store: Store, on_change: Callable[[], None] = lambda: None) -> Ledger:
    """What the planner may do to the store; `on_change` is called when it changed a study."""

    def recall(place: Frontier, since: Mark) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        with store.read() as session:
            return (
                stored_studies.spec_of(session, place.project, place.study),
                history.written(session, place.project, place.study, since),
            )

    def commit(place: Frontier, answer: Answer) -> None:
        store.attempt(lambda session: _commit(session, place, answer))
        on_change()  # an end, too: whoever waits for it should not find out by looking again

    def give_up(place: Frontier, reason: str) -> None:
        commit(place, GiveUp(reason))

    return Ledger(partial(_places, store), partial(_hold, store), recall, commit, give_up)


@contextmanager
def _hold(store: Store, place: Frontier) -> Iterator[Frontier | None]:
    """Where a study stands, while no other server plans it; see `Ledger`."""
    with store.turn("plan", place.project, place.study) as is_ours:
        if store.is_local or not is_ours:
            yield place if is_ours else None
            return
        with store.read() as session:  # what another server has just planned is not planned again
            found = generations.frontiers(session, (place.project, place.study))
        yield found[0] if found else None


def _commit(session: Any, place: Frontier, answer: Answer) -> None:  # noqa: ANN401 # the store's own
    """Store what the planner answered, unless another server's planner did."""
    match answer:
        case Proposed() as new:
            generations.insert(
                session,
                place.project,
                place.study,
                new.number,
                new.trials,
                new.runs,
                confirming=new.is_confirmation,
                pruned=new.pruned,
                reason=new.reason,
            )
        case Judged(verdict):
            known = reads.count(session, place.project, place.study)
            told = note_test_reads(verdict, known)
            generations.complete(session, place.project, place.study, told)
        case GiveUp(reason):
            stored_lifecycle.fail(session, place.project, place.study, reason)


def _places(store: Store) -> list[Frontier]:
    """Where the studies stand that may go on, once those are closed whose time is up."""
    with store.read() as session:
        overdue = deadlines.overdue(session)
        if not overdue:
            return generations.frontiers(session)
    for project, study in overdue:
        with store.write() as session:
            deadlines.enforce(session, project, study)
    with store.read() as session:
        return generations.frontiers(session)


def _forgetter(store: Store, settings: Settings) -> tuple[Purger, Loop]:
    """Who lets old curves go, if that is asked for, and when."""
    keep_best, archive = settings.curve_keep_best, settings.curve_archive
    purger = Purger(store, Policy(settings.curve_days, keep_best, archive))
    return purger, Loop("forgetter", lambda: forget(store, purger), FORGET_SECONDS)


def _readiness(store: Store, settings: Settings, is_well: Callable[[], bool]) -> Readiness:
    """Who finds out whether this server can do its work, its disks among it."""
    folders = [settings.dataset_folder, settings.cache_folder]
    folders += [] if settings.curve_archive is None else [settings.curve_archive]
    least = settings.disk_free_percent / 100
    return Readiness(lambda: examine(store, folders, least, is_well))


def _keyring(store: Store, settings: Settings) -> Keyring:
    return Keyring(
        lambda: _look_up_keys(store),
        is_needed=settings.require_keys or not is_loopback(settings.host),
        usual=settings.quotas,
    )


def _look_up_keys(store: Store) -> Keys:
    with reaching(EVERYTHING), store.read() as session:
        return Keys(
            stored_keys.usable(session),
            stored_keys.exist(session),
            quotas.all_own(session),
            stored_shares.everyone(session),
        )


def _exchange(store: Store, bell: Bell) -> tuple[Callable[[], None], Sequence[Loop]]:
    """What tells the other servers on the database of a change, and what hears them.

    They wake their streams and waiting requests, but neither planner nor postman: those of the
    server that tells are at it, and would do the same things.
    """
    notices = store.notices
    if notices is None:
        return lambda: None, ()
    telling = Loop("teller", notices.tell, TELL_SECONDS)
    listening = Loop("listener", partial(notices.listen, bell.ring), LISTEN_SECONDS)
    return telling.ring, (telling, listening)


def _post_office(store: Store, settings: Settings, allowed: Allowed) -> tuple[Postman, Loop]:
    """Who tells webhooks, and when; where there may be none, nothing is written down."""
    postman = Postman(books(store), allowed, settings.webhook_retry_seconds)
    if allowed:
        store.enable(outbox.ENABLED)
    return postman, Loop("postman", postman.round if allowed else lambda: None, POST_SECONDS)


def books(store: Store) -> Books:
    """What delivery may do to the store's outbox."""

    def take(limit: int, seconds: float) -> Sequence[outbox.Parcel]:
        return store.attempt(lambda session: outbox.take(session, limit, seconds))

    def settle(parcel: outbox.Parcel, told: Told, retry_seconds: float | None) -> None:
        attempt = outbox.Attempt(told.status, told.error, told.milliseconds)
        store.attempt(lambda session: outbox.settle(session, parcel, attempt, retry_seconds))

    def forget() -> None:
        with store.write() as session:
            outbox.forget(session)

    return Books(take, settle, forget)

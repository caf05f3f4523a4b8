"""Studies: create, read, move and follow them.

Not here: what came of a study (`service.client.results`), its trials (`service.client.trials`).
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Generic, TypeVar, final

from service.client.calls import Call, get, match, nothing, parsed, post, study_path, whole
from service.client.drivers import Driver
from service.client.errors import GaveUp
from service.client.flows import Flow, Pause, Telling, pages, perform
from service.client.methods import call, listing, steps
from service.client.stream import follow, follow_changes
from service.schemas.live import StudyChange, StudyEvent
from service.schemas.studies import SortName, StudyCheck, StudyPage, StudyView

D = TypeVar("D", bound=Driver)

LONG_POLL_SECONDS = 20  # how long the service may hold an answer
FINAL_STATES = frozenset({"completed", "failed", "cancelled"})


@final
@dataclass(frozen=True, slots=True)
class Studies(Generic[D]):
    """`client.studies`.

    Whatever moves or changes a study takes `if_match`, the `revision` that the caller has seen: it
    raises `Outdated` if the study is at another by now, be it by a try whose answer was lost.
    """

    driver: D

    @call
    def create(
        self, body: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> Call[StudyView]:
        """Create a study; however often it is tried, there will be one.

        Args:
            body: a `StudyRequest` as a dictionary; the service checks it.
            idempotency_key: repeats an earlier creation if it is the same; one is made up if None.
        """
        return post("/v1/studies", parsed(StudyView), body, headers=_key(idempotency_key))

    @call
    def validate(self, body: Mapping[str, Any]) -> Call[StudyCheck]:
        """Check a study without starting it: its complete spec, its cost, what to beware of.

        Args:
            body: a `StudyRequest` as a dictionary.
        """
        return post("/v1/studies:validate", parsed(StudyCheck), body)

    @listing
    def list(
        self,
        *,
        state: str | None = None,
        objective: str | None = None,
        label: str | None = None,
        labels: Mapping[str, str] | None = None,
        q: str | None = None,
        sort: SortName | None = None,
        limit: int | None = None,
    ) -> Telling[StudyView]:
        """All studies that match, newest first.

        Args:
            state: of this state.
            objective: of this objective.
            label: with this label.
            labels: with all of these labels.
            q: whose id, label, labels or notes contain this, in any case of letters.
            sort: another order; studies without the figure come last.
            limit: the size of the pages they come in.
        """
        filters = {
            "state": state,
            "objective": objective,
            "label": label,
            "labels": [f"{name}={words}" for name, words in (labels or {}).items()],
            "q": q,
            "sort": sort,
            "limit": limit,
        }
        return pages(get("/v1/studies", parsed(StudyPage), filters), self.driver.patience)

    @call
    def get(self, study: str) -> Call[StudyView]:
        """A study as it stands."""
        return get(study_path(study), parsed(StudyView))

    @call
    def pause(self, study: str, *, if_match: int | None = None) -> Call[StudyView]:
        """Pause a study: nothing more is handed out; what is being trained finishes and counts."""
        return _move(study, "pause", if_match)

    @call
    def resume(self, study: str, *, if_match: int | None = None) -> Call[StudyView]:
        """Let a paused study go on."""
        return _move(study, "resume", if_match)

    @call
    def stop(self, study: str, *, if_match: int | None = None) -> Call[StudyView]:
        """End the search of a study: what is being trained finishes, then comes the verdict."""
        return _move(study, "stop", if_match)

    @call
    def cancel(self, study: str, *, if_match: int | None = None) -> Call[StudyView]:
        """Cancel a study: its runs stop, there will be no verdict."""
        return _move(study, "cancel", if_match)

    @call
    def extend(
        self,
        study: str,
        *,
        trials: int | None = None,
        steps: int | None = None,
        seconds: float | None = None,
        evidence_budget: int | None = None,
        if_match: int | None = None,
    ) -> Call[StudyView]:
        """Let a completed study search on with a larger budget, told in all; a verdict follows."""
        budget = {"trials": trials, "steps": steps, "seconds": seconds}
        body = {"budget": budget, "evidence_budget": evidence_budget}
        path = study_path(study) + ":extend"
        return post(path, parsed(StudyView), body, headers=match(if_match))

    @call
    def suggest(
        self, study: str, schedule: Mapping[str, Any], *, if_match: int | None = None
    ) -> Call[StudyView]:
        """Hand a schedule to a study that searches; it is tried unless the search ends before.

        Args:
            study: its id.
            schedule: a document (`glideslope/schedule@1`), over any horizon.
            if_match: the revision that the study must have.
        """
        body = {"schedule": dict(schedule)}
        path = study_path(study) + ":suggest"
        return post(path, parsed(StudyView), body, headers=match(if_match))

    @call
    def clone(
        self,
        study: str,
        changes: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Call[StudyView]:
        """Create a study like another, with changes: a JSON merge patch of its request."""
        path, headers = study_path(study) + ":clone", _key(idempotency_key)
        return post(path, parsed(StudyView), changes or {}, headers=headers)

    @call
    def describe(
        self,
        study: str,
        *,
        label: str | None = None,
        labels: Mapping[str, str] | None = None,
        notes: str | None = None,
        priority: float | None = None,
        if_match: int | None = None,
    ) -> Call[StudyView]:
        """Change your own words about a study, or its priority; what is None stays.

        `labels` change as a whole.
        """
        told = {"label": label, "labels": labels and dict(labels), "notes": notes}
        wishes = {**told, "priority": priority}
        given = {name: value for name, value in wishes.items() if value is not None}
        headers = match(if_match)
        return post(study_path(study), parsed(StudyView), given, method="PATCH", headers=headers)

    @call
    def delete(self, study: str, *, if_match: int | None = None) -> Call[None]:
        """Remove a study that ended, with all that belongs to it."""
        return post(study_path(study), nothing, method="DELETE", headers=match(if_match))

    @listing
    def events(
        self, study: str, *, after: int = 0, measurements: bool = False
    ) -> Telling[StudyEvent]:
        """Everything that happens to a study after a revision, live, until it has ended.

        No event is missed and none comes twice, however often the connection breaks. With
        `measurements` also what the runs in training measured last, without a revision.
        """
        path = study_path(study) + "/events"
        return follow(path, after, self.driver.patience, measurements=measurements)

    @listing
    def changes(self) -> Telling[StudyChange]:
        """The studies of the project, each whenever something happened to it, live and for ever.

        It begins with those that changed some seconds ago; one that changes often is told once a
        second. However often the connection breaks, the last change of a study is not missed, but
        may come twice. A deleted study is told with the state `deleted`, without a revision.
        """
        return follow_changes("/v1/events", self.driver.patience)

    @steps
    def wait(
        self,
        study: str,
        on_progress: Callable[[StudyView], object] | None = None,
        *,
        poll_seconds: float = 0.5,
    ) -> Flow[StudyView]:
        """Wait until a study is final; `on_progress` sees it first and when it has changed.

        The service answers when the study changes, or only when it has ended if nobody wants to
        see more, and is asked at most every `poll_seconds`.
        Raises `GaveUp` if the patience of the client is told to end.
        """
        seen: int | None = None
        known: dict[str, str] = {}
        patience = self.driver.patience
        patient = replace(patience, answer_seconds=patience.answer_seconds + LONG_POLL_SECONDS)
        until = "changed" if on_progress else "final"
        while True:
            is_waiting = known or not on_progress
            waiting = {"wait": LONG_POLL_SECONDS, "until": until} if is_waiting else {}
            asking = replace(get(study_path(study), whole, waiting), headers=known)
            response = yield from perform(asking, patient)
            if response.status_code != HTTPStatus.NOT_MODIFIED:
                view = parsed(StudyView)(response)
                known = {"If-None-Match": response.headers.get("ETag", "")}
                if on_progress and view.revision != seen:
                    on_progress(view)
                seen = view.revision
                if view.state in FINAL_STATES:
                    return view
            if (yield Pause(poll_seconds, patience)):
                raise GaveUp(f"gave up waiting for study {study}")


def _move(study: str, verb: str, if_match: int | None) -> Call[StudyView]:
    return post(f"{study_path(study)}:{verb}", parsed(StudyView), headers=match(if_match))


def _key(given: str | None) -> dict[str, str]:
    return {"Idempotency-Key": given or new_key()}


def new_key() -> str:
    """An idempotency key that nobody used."""
    return secrets.token_hex(16)

"""Client: the HTTP contract as typed methods.

The one idea: one method per call of the API, speaking the schemas of `service.schemas`; whatever
the service refuses is a `ProblemError` that carries its problem document.
Not here: retries (`service.client.exchange`), what a worker does with its runs (`service.worker`).
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx2

from service.client.addresses import open_http, query, study_path
from service.client.errors import ClientError
from service.client.exchange import Exchange, parse
from service.client.patience import Patience
from service.client.stream import Stream
from service.schemas.base import Schema
from service.schemas.catalogue import FamilyList, FamilyView, ObjectiveList, ObjectiveView
from service.schemas.live import StudyEvent
from service.schemas.schedules import ConvertView, LintView, PreviewView
from service.schemas.studies import (
    BestView,
    PickName,
    RunList,
    RunView,
    StudyCheck,
    StudyPage,
    StudyView,
    TrialPage,
    TrialView,
)
from service.schemas.work import (
    ClaimReply,
    ClaimRequest,
    HeartbeatRequest,
    Replies,
    ReportRequest,
    TellRequest,
)

LONG_POLL_SECONDS = 20  # how long the service may hold an answer
FINAL_STATES = frozenset({"completed", "failed", "cancelled"})


class Client:
    """The service at `base_url`; safe to share between threads, closes itself as a context manager.

    Args:
        base_url: for instance `http://127.0.0.1:8000`.
        http: an HTTP client to use instead of an own one, for instance Starlette's `TestClient`;
            it is not closed here.
        transport: how an own HTTP client sends its requests.
        patience: how long calls are tried, where a method is not told otherwise.
    """

    def __init__(
        self,
        base_url: str,
        *,
        http: httpx2.Client | None = None,
        transport: httpx2.BaseTransport | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._http = http or open_http(base_url, transport)
        self._is_owner = http is None
        self._exchange = Exchange(self._http)
        self._patience = patience or Patience()

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connections, unless they belong to someone else."""
        if self._is_owner:
            self._http.close()

    # Studies

    def create_study(
        self, body: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> StudyView:
        """Create a study; however often it is tried, there will be one.

        Args:
            body: a `StudyRequest` as a dictionary; the service checks it.
            idempotency_key: repeats an earlier creation if it is the same; one is made up if None.
        """
        response = self._exchange.send(
            "POST",
            "/v1/studies",
            content=json.dumps(dict(body)),
            headers={"Idempotency-Key": idempotency_key or secrets.token_hex(16)},
            patience=self._patience,
        )
        return parse(StudyView, response)

    def validate_study(self, body: Mapping[str, Any]) -> StudyCheck:
        """Check a study without starting it: its complete spec, its cost, what to beware of.

        Args:
            body: a `StudyRequest` as a dictionary.
        """
        response = self._exchange.send(
            "POST", "/v1/studies:validate", content=json.dumps(dict(body)), patience=self._patience
        )
        return parse(StudyCheck, response)

    def studies(
        self,
        *,
        state: str | None = None,
        objective: str | None = None,
        label: str | None = None,
        limit: int | None = None,
    ) -> Iterator[StudyView]:
        """All studies that match, newest first; `limit` is the size of the pages they come in."""
        filters = {"state": state, "objective": objective, "label": label, "limit": limit}
        for response in self._pages("/v1/studies", filters):
            yield from parse(StudyPage, response).items

    def study(self, study: str) -> StudyView:
        """A study as it stands."""
        return parse(StudyView, self._get(study_path(study)))

    def pause(self, study: str) -> StudyView:
        """Pause a study: nothing more is handed out; what is being trained finishes and counts."""
        return self._move(study, "pause")

    def resume(self, study: str) -> StudyView:
        """Let a paused study go on."""
        return self._move(study, "resume")

    def stop(self, study: str) -> StudyView:
        """End the search of a study: what is being trained finishes, then comes the verdict."""
        return self._move(study, "stop")

    def cancel(self, study: str) -> StudyView:
        """Cancel a study: its runs stop, there will be no verdict."""
        return self._move(study, "cancel")

    def clone(
        self,
        study: str,
        changes: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> StudyView:
        """Create a study like another, with changes: a JSON merge patch of its request."""
        response = self._exchange.send(
            "POST",
            study_path(study) + ":clone",
            content=json.dumps(dict(changes or {})),
            headers={"Idempotency-Key": idempotency_key or secrets.token_hex(16)},
            patience=self._patience,
        )
        return parse(StudyView, response)

    def describe(
        self,
        study: str,
        *,
        label: str | None = None,
        labels: Mapping[str, str] | None = None,
        notes: str | None = None,
    ) -> StudyView:
        """Change your own words about a study; what is None stays, `labels` change as a whole."""
        words = {"label": label, "labels": labels and dict(labels), "notes": notes}
        given = {name: value for name, value in words.items() if value is not None}
        response = self._exchange.send(
            "PATCH", study_path(study), content=json.dumps(given), patience=self._patience
        )
        return parse(StudyView, response)

    def cancel_trial(self, study: str, trial: int) -> TrialView:
        """Cancel one trial: its runs stop, and the search goes on without it."""
        path = f"{study_path(study)}/trials/{trial}:cancel"
        return parse(TrialView, self._exchange.send("POST", path, patience=self._patience))

    def delete(self, study: str) -> None:
        """Remove a study that ended, with all that belongs to it."""
        self._exchange.send("DELETE", study_path(study), patience=self._patience)

    def extend(
        self,
        study: str,
        *,
        trials: int | None = None,
        steps: int | None = None,
        seconds: float | None = None,
        evidence_budget: int | None = None,
    ) -> StudyView:
        """Let a completed study search on with a larger budget, told in all; a verdict follows."""
        budget = {"trials": trials, "steps": steps, "seconds": seconds}
        body = {"budget": budget, "evidence_budget": evidence_budget}
        return parse(StudyView, self._ask(f"{study_path(study)}:extend", body))

    def best(self, study: str, *, table: bool = False, pick: PickName = "winner") -> BestView:
        """The best schedule until now, with its table of values if asked for.

        `pick="recommended"` asks for what the verdict recommends, the simplest schedule of a tie.
        """
        query = {"table": table or None, "pick": pick}
        return parse(BestView, self._get(study_path(study) + "/best", query))

    def best_code(self, study: str, framework: str, *, pick: PickName = "winner") -> str:
        """The best schedule until now as code of a framework, or as CSV."""
        return self._get(study_path(study) + "/best", {"format": framework, "pick": pick}).text

    def verdict(self, study: str, number: int | None = None) -> dict[str, Any]:
        """What was proved, in figures and in words; `ProblemError` 409 while there is none.

        An extended study has several, from 1 on; without a number the last one answers.
        """
        verdict: dict[str, Any] = self._get(
            study_path(study) + "/verdict", {"number": number}
        ).json()
        return verdict

    def trials(self, study: str, *, limit: int | None = None) -> Iterator[TrialView]:
        """All trials in order of their numbers; `limit` is the size of the pages they come in."""
        for response in self._pages(study_path(study) + "/trials", {"limit": limit}):
            yield from parse(TrialPage, response).items

    def runs(self, study: str, trial: int) -> list[RunView]:
        """The runs of a trial: how each ended, why it failed or where it diverged."""
        return parse(RunList, self._get(f"{study_path(study)}/trials/{trial}/runs")).items

    def report(self, study: str) -> str:
        """The standalone HTML report of a study."""
        return self._get(study_path(study) + "/report").text

    def events(
        self, study: str, *, after: int = 0, measurements: bool = False
    ) -> Iterator[StudyEvent]:
        """Everything that happens to a study after a revision, live, until it has ended.

        No event is missed and none comes twice, however often the connection breaks. With
        `measurements` also what the runs in training measured last, without a revision.
        """
        stream = Stream(self._http, self._patience)
        return stream.events(study_path(study) + "/events", after, measurements=measurements)

    def wait(
        self,
        study: str,
        on_progress: Callable[[StudyView], object] | None = None,
        *,
        poll_seconds: float = 0.5,
    ) -> StudyView:
        """Wait until a study is final; `on_progress` sees it first and when it has changed.

        The service answers when the study changes, and is asked at most every `poll_seconds`.
        """
        seen, etag = None, ""
        patient = replace(
            self._patience, answer_seconds=self._patience.answer_seconds + LONG_POLL_SECONDS
        )
        while True:
            response = self._exchange.send(
                "GET",
                study_path(study),
                params={"wait": str(LONG_POLL_SECONDS)} if etag else {},
                headers={"If-None-Match": etag} if etag else None,
                patience=patient,
            )
            if response.status_code != HTTPStatus.NOT_MODIFIED:
                view = parse(StudyView, response)
                etag = response.headers.get("ETag", "")
                if on_progress and view.revision != seen:
                    on_progress(view)
                seen = view.revision
                if view.state in FINAL_STATES:
                    return view
            if self._patience.pause(poll_seconds):
                raise ClientError(f"gave up waiting for study {study}")

    # Schedules

    def preview_schedule(self, body: Mapping[str, Any]) -> PreviewView:
        """Points of a schedule; `body` is a `PreviewRequest` as a dictionary."""
        return parse(PreviewView, self._ask("/v1/schedules:preview", body))

    def lint_schedule(self, body: Mapping[str, Any]) -> LintView:
        """What is suspicious about a schedule; `body` is a `LintRequest` as a dictionary."""
        return parse(LintView, self._ask("/v1/schedules:lint", body))

    def convert_schedule(self, body: Mapping[str, Any]) -> ConvertView:
        """A schedule from a call, or as code; `body` is a `ConvertRequest` as a dictionary."""
        return parse(ConvertView, self._ask("/v1/schedules:convert", body))

    def schedule_schema(self) -> dict[str, Any]:
        """The JSON Schema of a schedule's portable document."""
        schema: dict[str, Any] = self._get("/v1/schemas/schedule").json()
        return schema

    # Catalogue and health

    def objectives(self) -> list[ObjectiveView]:
        """All registered objectives."""
        return parse(ObjectiveList, self._get("/v1/objectives")).items

    def families(self) -> list[FamilyView]:
        """All families of schedules."""
        return parse(FamilyList, self._get("/v1/families")).items

    def livez(self) -> bool:
        """Whether the server answers; asks once."""
        return self._is_well("/livez")

    def readyz(self) -> bool:
        """Whether the server can do its work; asks once."""
        return self._is_well("/readyz")

    # The worker protocol

    def claim(self, request: ClaimRequest, *, patience: Patience | None = None) -> ClaimReply:
        """Ask for runs; the same claim id brings the same runs."""
        return parse(ClaimReply, self._post("/v1/work:claim", request, patience))

    def heartbeat(self, request: HeartbeatRequest, *, patience: Patience | None = None) -> Replies:
        """Extend leases."""
        return parse(Replies, self._post("/v1/runs:heartbeat", request, patience))

    def report_runs(self, request: ReportRequest, *, patience: Patience | None = None) -> Replies:
        """Deliver measurements."""
        return parse(Replies, self._post("/v1/runs:report", request, patience))

    def tell(self, request: TellRequest, *, patience: Patience | None = None) -> Replies:
        """Deliver ends of runs."""
        return parse(Replies, self._post("/v1/runs:tell", request, patience))

    # How

    def _move(self, study: str, call: str) -> StudyView:
        path = f"{study_path(study)}:{call}"
        return parse(StudyView, self._exchange.send("POST", path, patience=self._patience))

    def _get(
        self,
        path: str,
        params: Mapping[str, object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        return self._exchange.send(
            "GET", path, params=query(params or {}), headers=headers, patience=self._patience
        )

    def _post(self, path: str, body: Schema, patience: Patience | None) -> httpx2.Response:
        return self._exchange.send(
            "POST", path, content=body.model_dump_json(), patience=patience or self._patience
        )

    def _ask(self, path: str, body: Mapping[str, Any]) -> httpx2.Response:
        return self._exchange.send(
            "POST", path, content=json.dumps(dict(body)), patience=self._patience
        )

    def _pages(self, path: str, filters: Mapping[str, object]) -> Iterator[httpx2.Response]:
        cursor = None
        while True:
            response = self._get(path, {**filters, "cursor": cursor})
            yield response
            cursor = response.json().get("next")
            if not cursor:
                return

    def _is_well(self, path: str) -> bool:
        once = replace(self._patience, seconds=0.0)
        try:
            self._exchange.send("GET", path, patience=once)
        except ClientError:
            return False
        return True

"""Trials of a study and their runs."""

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar, final

import httpx2

from service.client.calls import Call, get, parsed, post, study_path
from service.client.drivers import Driver
from service.client.flows import Telling, pages
from service.client.methods import call, listing
from service.schemas.studies import RunList, RunView, TrialPage, TrialView

D = TypeVar("D", bound=Driver)

Runs: TypeAlias = list[RunView]


@final
@dataclass(frozen=True, slots=True)
class Trials(Generic[D]):
    """`client.trials`."""

    driver: D

    @listing
    def list(self, study: str, *, limit: int | None = None) -> Telling[TrialView]:
        """All trials in order of their numbers; `limit` is the size of the pages they come in."""
        path = study_path(study) + "/trials"
        return pages(get(path, parsed(TrialPage), {"limit": limit}), self.driver.patience)

    @call
    def runs(self, study: str, trial: int) -> Call[Runs]:
        """The runs of a trial: how each ended, why it failed or where it diverged."""
        return get(f"{study_path(study)}/trials/{trial}/runs", _runs)

    @call
    def cancel(self, study: str, trial: int) -> Call[TrialView]:
        """Cancel one trial: its runs stop, and the search goes on without it."""
        return post(f"{study_path(study)}/trials/{trial}:cancel", parsed(TrialView))


def _runs(response: httpx2.Response) -> Runs:
    return parsed(RunList)(response).items

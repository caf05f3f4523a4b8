"""Trials of a study, their runs and the curves these measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar, final

import httpx2

from service.client.calls import Call, get, match, parsed, post, study_path
from service.client.drivers import Driver
from service.client.flows import Telling, pages
from service.client.methods import call, listing
from service.schemas.results import CurvePage, CurveView
from service.schemas.studies import RunList, RunView, TrialPage, TrialView

D = TypeVar("D", bound=Driver)

Runs: TypeAlias = list[RunView]


@final
@dataclass(frozen=True, slots=True)
class Trials(Generic[D]):
    """`client.trials`."""

    driver: D

    @listing
    def list(
        self,
        study: str,
        *,
        state: Sequence[str] | None = None,
        family: Sequence[str] | None = None,
        phase: Sequence[str] | None = None,
        where: Sequence[str] | None = None,
        sort: str | None = None,
        limit: int | None = None,
    ) -> Telling[TrialView]:
        """All trials that match, by number or in the order of any figure.

        Args:
            study: its id.
            state: any of these; None: all.
            family: likewise.
            phase: likewise.
            where: bounds as `validation.mse <= 0.3`, all of which hold.
            sort: a figure, as `value`, `peak` or `test.mse`; `-` before it: falling.
            limit: the size of the pages they come in.
        """
        wishes = {"state": state, "family": family, "phase": phase, "where": where, "sort": sort}
        path = study_path(study) + "/trials"
        found = get(path, parsed(TrialPage), {**wishes, "limit": limit})
        return pages(found, self.driver.patience)

    @call
    def get(self, study: str, trial: int) -> Call[TrialView]:
        """One trial."""
        return get(f"{study_path(study)}/trials/{trial}", parsed(TrialView))

    @call
    def runs(self, study: str, trial: int) -> Call[Runs]:
        """The runs of a trial: how each ended, why it failed or where it diverged."""
        return get(f"{study_path(study)}/trials/{trial}/runs", _runs)

    @listing
    def curves(
        self,
        study: str,
        *,
        max_points: int | None = None,
        trial: Sequence[int] | None = None,
        run: Sequence[str] | None = None,
        metric: Sequence[str] | None = None,
        phase: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Telling[CurveView]:
        """What runs measured, each metric thinned to `max_points` that keep its shape."""
        wishes = {"trial": trial, "run": run, "metric": metric, "phase": phase}
        path = study_path(study) + "/curves"
        found = get(path, parsed(CurvePage), {**wishes, "max_points": max_points, "limit": limit})
        return pages(found, self.driver.patience)

    @call
    def cancel(self, study: str, trial: int, *, if_match: int | None = None) -> Call[TrialView]:
        """Cancel one trial: its runs stop, and the search goes on without it.

        Args:
            study: its id.
            trial: its number.
            if_match: the revision that the study must have.
        """
        path = f"{study_path(study)}/trials/{trial}:cancel"
        return post(path, parsed(TrialView), headers=match(if_match))


def _runs(response: httpx2.Response) -> Runs:
    return parsed(RunList)(response).items

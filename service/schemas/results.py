"""What came of a study, on the wire: evidence per family, importances, curves."""

from service.schemas.base import Schema


class FamilyBest(Schema):
    """The trial of a family that leads in the search, with its score."""

    trial: int
    peak: float
    value: float


class FamilyConfirmed(Schema):
    """The family's arm of the verdict, on fresh seeds; `test` is null unless it was read."""

    trial: int
    peak: float
    is_baseline: bool
    validation: float | None
    test: float | None
    stderr: float
    ci95: list[float] | None
    seeds: int


class FamilyEvidence(Schema):
    """What is known of a family.

    `trials` counts by state its trials of baselines and search; `chance` is the probability that
    its member is within `worthwhile` of the best, `is_tie` whether the winner could be told from
    it; both are null while there is no verdict, or where the family has no arm in it.
    """

    family: str
    trials: dict[str, int]
    best: FamilyBest | None
    search_steps: int
    evidence_steps: int
    chance: float | None
    is_winner: bool
    is_tie: bool | None
    confirmed: FamilyConfirmed | None


class FamilyEvidenceList(Schema):
    """Families of a study, the most probable and then the best first; `verdict` is its number."""

    metric: str
    direction: str
    verdict: int | None
    items: list[FamilyEvidence]


class ImportanceView(Schema):
    """How much a coordinate decided whether a schedule was among the best; all sum up to 1.

    `trials` counts those that have it: `hold` says nothing of a cosine.
    """

    name: str
    importance: float
    trials: int


class Importances(Schema):
    """Importances of family, peak and shape parameters, by PED-ANOVA over the scored trials.

    Of more than 2,000 scored trials 2,000 are looked at, by lot; `trials` counts those.
    `quantile` is the share of trials that counts as the best. While there are fewer than `needed`
    trials, or all scored the same, there are no items, and `note` says so; else it is empty.
    """

    metric: str
    method: str
    trials: int
    needed: int
    quantile: float
    note: str
    items: list[ImportanceView]


class Series(Schema):
    """One metric of a run: `values[i]` after `steps[i]` updates, null where it was not finite.

    `measured` counts the values before thinning.
    """

    measured: int
    steps: list[int]
    values: list[float | None]


class CurveView(Schema):
    """What a run measured, by metric."""

    run: str
    trial: int
    phase: str
    seed: int
    series: dict[str, Series]


class CurvePage(Schema):
    """A page of curves in order of proposal; `next` is the cursor of the next page.

    Since `purged_at` some or all curves of the study are gone.
    """

    items: list[CurveView]
    next: str | None
    purged_at: str | None = None

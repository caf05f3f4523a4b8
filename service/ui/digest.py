"""The digest of a study: what its page and its report say in words and tables.

The one idea: one value that both are made from, so they cannot disagree; it holds the few trials
that are compared and counts of all others, never the whole history.
Not here: charts, each of which reads what it draws (`service.ui.charts`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from service.ui.arms import ArmView, Outcome
from service.ui.facts import Counts, facts, head, rows
from service.ui.forest import WIDTH, lay_out
from service.ui.reach import reach
from tuning.documents import write_spec
from tuning.evidence.cautions import doubt_pruning
from tuning.records import Direction, StudySpec


@dataclass(frozen=True, slots=True)
class Digest:
    """A study, in whatever state it is.

    Args:
        title: its label or id.
        state: its state by name.
        spec: what was asked.
        arms: the winner, or the best so far, and the baselines at their best peaks.
        counts: how much there is.
        verdict: `Verdict.document()` and its `words`; None while there is none.
        earlier: the verdicts before this one, or until now, in order, if the study was extended.
        conditions: what it is doing, or why it does not, in words.
        lost: the trials that ended, as long as none has a score.
    """

    title: str
    state: str
    spec: StudySpec
    arms: Sequence[ArmView]
    counts: Counts
    verdict: Mapping[str, Any] | None
    earlier: Sequence[Mapping[str, Any]] = ()
    conditions: Sequence[str] = ()
    lost: Sequence[Outcome] = ()


def words_and_tables(digest: Digest) -> dict[str, Any]:
    """What the templates of page and report share, by the names they use."""
    spec, verdict = digest.spec, digest.verdict
    return {
        "title": digest.title,
        "state": digest.state,
        "conditions": digest.conditions,
        "spec": spec,
        "head": head(digest.state, spec, digest.arms, digest.lost, verdict),
        "facts": facts(spec, digest.counts, verdict),
        "rows": rows(spec, digest.arms),
        "reach": reach(verdict),
        "forest": lay_out(verdict["versus"] if verdict else (), spec.worthwhile),
        "forest_width": WIDTH,
        "is_lower_better": spec.metric.direction is Direction.MINIMIZE,
        "verdict": verdict,
        "earlier": digest.earlier,
        "warnings": _warnings(digest),
        "schedule_json": _portable(digest.arms),
        "request_json": json.dumps(write_spec(spec), indent=2, ensure_ascii=False),
    }


def _warnings(digest: Digest) -> list[Mapping[str, Any]]:
    """Those of the verdict; while there is none, what is known without it."""
    if digest.verdict is not None:
        return list(digest.verdict["warnings"])
    return [asdict(one) for one in doubt_pruning(digest.spec, digest.counts.pruned)]


def _portable(arms: Sequence[ArmView]) -> str:
    """The winning schedule in its portable form, without the table; empty if there is none."""
    if not arms:
        return ""
    return json.dumps(arms[0].trial.schedule.document(), indent=2, ensure_ascii=False)

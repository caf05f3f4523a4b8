"""Origins: on which data, and with which versions, the runs of a study were trained.

The one idea: a paired difference is one of schedules only if both runs saw the same data. Who
trained tells; what nobody told is held against no run.
Not here: how it gets into a run's result (`tuning.execution`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tuning.evidence.cautions import Caveat
from tuning.evidence.figures import Versus
from tuning.provenance import PYTHON, Provenance
from tuning.records import History, Result

SHOWN = 12  # digits of a hash that tell data apart in a sentence


def common_origin(history: History, measured: Iterable[Result]) -> Provenance:
    """What most of these runs were trained on and with; of all runs, if none of these tells."""
    told = _told(measured) or _told(history.results.values())
    counts = Counter((one.data_hash, tuple(sorted(one.versions.items()))) for one in told)
    for (data_hash, versions), _ in counts.most_common(1):
        return Provenance(data_hash, dict(versions))
    return Provenance()


def are_paired(ours: Mapping[int, Result], theirs: Mapping[int, Result]) -> bool:
    """Whether no seed was trained on other data for one arm than for the other."""
    pairs = [(_data(ours[seed]), _data(theirs[seed])) for seed in ours.keys() & theirs.keys()]
    return all(one == other for one, other in pairs if one is not None and other is not None)


def doubt_origins(history: History, versus: Sequence[Versus]) -> list[Caveat]:
    """Warn if the runs of a study were not all trained on the same data, or with the same code."""
    told = _told(history.results.values())
    data = Counter(one.data_hash for one in told if one.data_hash is not None)
    found = []
    if len(data) > 1:
        shares = [f"{count:,} on {name[:SHOWN]}" for name, count in data.most_common()]
        unpaired = [one.baseline for one in versus if not one.same_data]
        message = (
            f"runs were trained on different data ({', '.join(shares)}): the search compared "
            "across them"
        )
        if unpaired:
            message += f", and the comparison with {', '.join(unpaired)} cannot be trusted"
        found.append(Caveat("mixed_data", message))
    mixed = [f"{name} {shares}" for name, shares in _mixed_versions(told)]
    if mixed:
        message = (
            f"runs were trained with different versions ({'; '.join(mixed)}): equal schedules and "
            "seeds may have ended differently"
        )
        found.append(Caveat("mixed_versions", message))
    return found


def _mixed_versions(told: Iterable[Provenance]) -> Iterable[tuple[str, str]]:
    """Packages of which there was more than one version, and how many runs had which."""
    counts: dict[str, Counter[str]] = {}
    for one in told:
        for name, version in one.versions.items():
            counts.setdefault(name, Counter())[version] += 1
    for name, found in sorted(counts.items()):
        if len(found) > 1 and name != PYTHON:  # whose version changes no figure by itself
            yield name, ", ".join(f"{v}: {count:,}" for v, count in found.most_common())


def _told(ends: Iterable[Result]) -> list[Provenance]:
    return [end.provenance for end in ends if end.provenance is not None]


def _data(end: Result) -> str | None:
    return None if end.provenance is None else end.provenance.data_hash

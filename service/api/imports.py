"""Imports: whether the document of a study makes sense as a whole.

The one idea: every record is checked as it comes, against the few figures that are kept of those
before it; whatever a trainer could not have told is refused here as well, naming the record.
Not here: the shape of records (`service.schemas.transfer`), how they are stored
(`service.store.imports`).
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError

from service.api.records import read_members
from service.schemas.base import Schema
from service.schemas.transfer import (
    FORMAT,
    SECTIONS,
    Exported,
    FailureRecord,
    MeasurementRecord,
    ProvenanceRecord,
    RunRecord,
    StudyRecord,
    TrialRecord,
    VerdictRecord,
)
from tuning.documents import read_extension, read_number, read_schedule, read_spec
from tuning.errors import InvalidValue, UnknownName
from tuning.evidence import Verdict
from tuning.evidence.score import SEARCHED
from tuning.objectives.plain_files import open_plain
from tuning.provenance import Provenance
from tuning.records import (
    MAX_SCORE,
    MAX_TRIALS,
    Extension,
    Phase,
    RunState,
    StudySpec,
    StudyState,
)
from tuning.schedules import PARAMETERS
from tuning.search.handed import check_candidates
from tuning.search.samplers import SAMPLERS
from tuning.search.space import check_families

SINGLE: Mapping[str, type[Schema]] = {"exported": Exported, "study": StudyRecord}
LONGEST_NAME = 128
# What the core writes, read as strictly as what comes over the wire.
_SPEC, _EXTENSION = TypeAdapter(StudySpec), TypeAdapter(Extension)
_VERDICT = TypeAdapter(Verdict)


def read_study(path: Path) -> Iterator[tuple[str, int, Schema]]:
    """Member, place and record of every element of a study's document.

    Raises RequestValidationError or InvalidValue naming the record, or a refusal if it is no JSON.
    """
    kinds = {**SINGLE, **SECTIONS}
    with open_plain(path) as stream:
        for name, place, text in read_members(stream, ("format", *SINGLE), SECTIONS):
            if name == "format":
                if text != f'"{FORMAT}"':
                    raise InvalidValue("format", text, FORMAT)
                continue
            try:
                yield name, place, kinds[name].model_validate_json(text)
            except ValidationError as error:
                where = ("body", name) if name in SINGLE else ("body", name, place)
                raise RequestValidationError(
                    [{**one, "loc": (*where, *one["loc"])} for one in error.errors()]
                ) from error


class Checker:
    """Checks the records of one document in their order, each against those before."""

    def __init__(self) -> None:
        self._study: StudyRecord | None = None
        self._spec: StudySpec | None = None
        self._rounds: list[int] = []
        self._provenances: set[str] = set()
        self._verdicts = 0
        self._judged: list[Mapping[str, Any]] = []  # what the last verdict speaks of
        self.identities: list[str] = []  # of the trials' schedules, by number
        self._runs: dict[tuple[int, int], int] = {}  # lease by place
        self._last: dict[str, tuple[int, ...]] = {}  # place of a record by section
        self._checks: Mapping[type[Schema], Callable[[Any, str], None]] = {
            Exported: lambda *_: None,
            StudyRecord: self._check_study,
            ProvenanceRecord: self._check_provenance,
            VerdictRecord: self._check_verdict,
            TrialRecord: self._check_trial,
            RunRecord: self._check_run,
            MeasurementRecord: self._check_measurement,
            FailureRecord: self._check_failure,
        }

    def check(self, name: str, place: int, record: Schema) -> None:
        """Raise InvalidValue naming the field unless the record fits those before it."""
        where = name if name in SINGLE else f"{name}[{place}]"
        self._checks[type(record)](record, where)

    def end(self) -> None:
        """Raise InvalidValue unless all came that must."""
        study = self._known_study
        wanted = len(study.extensions) + (self.state is StudyState.COMPLETED)
        if self._verdicts != wanted:
            raise InvalidValue("verdicts", self._verdicts, f"{wanted}, as the study had")
        for one in self._judged:
            if one["trial"] >= len(self.identities):
                raise InvalidValue("verdicts", one["trial"], "the numbers of trials")

    @property
    def spec(self) -> StudySpec:
        """Of the study."""
        if self._spec is None:
            raise InvalidValue("study", None, "a study")
        return self._spec

    @property
    def state(self) -> StudyState:
        """Of the study when it was exported."""
        return StudyState(self._known_study.state)

    @property
    def _known_study(self) -> StudyRecord:
        if self._study is None:
            raise InvalidValue("study", None, "a study")
        return self._study

    def _check_study(self, record: StudyRecord, where: str) -> None:
        # Parameters check themselves; as dataclasses their integers would be read as floats.
        space = {**_object(record.spec, "space", where), "parameters": {}}
        # Schedules do, too.
        spec = {**record.spec, "space": space, "candidates": []}
        _check_types(_SPEC, spec, f"{where}.spec")
        with _telling(f"{where}.spec", record.spec):
            self._spec = read_spec(record.spec)
            _check_spec(self._spec)
        for place, document in enumerate(record.extensions):
            _check_types(_EXTENSION, document, f"{where}.extensions[{place}]")
            with _telling(f"{where}.extensions[{place}]", document):
                self._rounds.append(read_extension(document).generation)
        if self._rounds != sorted(set(self._rounds)):
            raise InvalidValue(f"{where}.extensions", self._rounds, "rising generations")
        if StudyState(record.state).is_final and record.finished_at is None:
            raise InvalidValue(f"{where}.finished_at", None, "when the study ended")
        self._study = record

    def _check_provenance(self, record: ProvenanceRecord, where: str) -> None:
        with _telling(where, record.data_hash):
            identity = Provenance(record.data_hash, record.versions).identity
        if record.id != identity:
            raise InvalidValue(f"{where}.id", record.id, f"{identity}, the hash of the rest")
        self._provenances.add(record.id)

    def _check_verdict(self, record: VerdictRecord, where: str) -> None:
        self._verdicts += 1
        if record.number != self._verdicts:
            raise InvalidValue(f"{where}.number", record.number, str(self._verdicts))
        _check_types(_VERDICT, record.document, f"{where}.document")
        if not isinstance(record.document.get("words"), str) or not record.document["arms"]:
            raise InvalidValue(f"{where}.document", None, "a verdict with arms and words")
        self._judged = [record.document["recommended"], *record.document["arms"]]

    def _check_trial(self, record: TrialRecord, where: str) -> None:
        if record.number != len(self.identities) or record.number > 2 * MAX_TRIALS:
            raise InvalidValue(
                f"{where}.number", record.number, f"{len(self.identities)}, in order"
            )
        with _telling(f"{where}.schedule", None):
            schedule = read_schedule(record.schedule)
        if schedule.horizon != self.spec.horizon:
            allowed = f"{self.spec.horizon}, the study's"
            raise InvalidValue(f"{where}.schedule.horizon", schedule.horizon, allowed)
        told = record.params.get("peak"), record.params.get("family")
        if told[0] != schedule.peak or not isinstance(told[1], str):
            allowed = "family and peak, as the schedule has them"
            raise InvalidValue(f"{where}.params", list(told), allowed)
        if record.value is not None and abs(record.value) > MAX_SCORE:
            raise InvalidValue(f"{where}.value", record.value, f"up to {MAX_SCORE:g} in size")
        self._check_generation(record.generation, where)
        self.identities.append(schedule.identity)

    def _check_run(self, record: RunRecord, where: str) -> None:
        if record.trial >= len(self.identities):
            raise InvalidValue(f"{where}.trial", record.trial, "the number of a trial")
        self._check_generation(record.generation, where)
        self._check_order((record.generation, record.index), where)
        if record.updates > record.horizon:
            raise InvalidValue(f"{where}.updates", record.updates, f"at most {record.horizon}")
        if record.provenance is not None and record.provenance not in self._provenances:
            raise InvalidValue(f"{where}.provenance", record.provenance, "the id of one")
        if record.splits != [SEARCHED] and Phase(record.phase) is not Phase.CONFIRM:
            allowed = f"{SEARCHED} alone, but of confirmation runs"
            raise InvalidValue(f"{where}.splits", record.splits, allowed)
        self._check_result(record, where)
        if self.state.is_final and not RunState(record.state).is_final:
            raise InvalidValue(f"{where}.state", record.state, "an end, for the study has ended")
        self._runs[record.generation, record.index] = record.lease

    def _check_result(self, record: RunRecord, where: str) -> None:
        result = record.result
        told = record.state in {RunState.COMPLETED, RunState.DIVERGED, RunState.FAILED}
        if told != (result is not None) or (result is not None and result.state != record.state):
            raise InvalidValue(f"{where}.result", None, "what the state says")
        if result is None:
            return
        for part, splits in (("metrics", result.metrics), ("blocks", result.blocks)):
            for split in splits:
                if split not in record.splits:
                    allowed = "one of " + ", ".join(record.splits)
                    raise InvalidValue(f"{where}.result.{part}", split, allowed)
        if RunState(record.state) is RunState.COMPLETED:
            name = self.spec.metric.name
            for split in record.splits:
                value = result.metrics.get(split, {}).get(name)
                score = read_number(value)
                is_missing = not math.isfinite(score) and split == SEARCHED
                if is_missing or abs(score) > MAX_SCORE:
                    allowed = f"a finite number up to {MAX_SCORE:g} in size"
                    raise InvalidValue(f"{where}.result.metrics.{split}.{name}", value, allowed)

    def _check_measurement(self, record: MeasurementRecord, where: str) -> None:
        lease = self._runs.get((record.generation, record.index))
        if lease is None or record.lease > lease:
            raise InvalidValue(where, [record.generation, record.index], "a run and a lease of it")
        self._check_order((record.generation, record.index, record.lease, record.seq), where)
        for name, column in record.values.items():
            if len(column) != len(record.steps):
                allowed = f"{len(record.steps)} values, one per step"
                raise InvalidValue(f"{where}.values.{name}", len(column), allowed)

    def _check_failure(self, record: FailureRecord, where: str) -> None:
        key = (record.generation, record.index)
        if key not in self._runs:
            raise InvalidValue(where, list(key), "a run")
        self._check_order(key, where)

    def _check_generation(self, generation: int, where: str) -> None:
        if generation >= self._known_study.next_generation:
            allowed = f"below {self._known_study.next_generation}, which comes next"
            raise InvalidValue(f"{where}.generation", generation, allowed)

    def _check_order(self, key: tuple[int, ...], where: str) -> None:
        """Records of a section come in order, each once."""
        section = where.partition("[")[0]
        last = self._last.get(section)
        if last is not None and key <= last:
            raise InvalidValue(where, list(key), f"a place after {list(last)}")
        self._last[section] = key


def _check_types(kind: TypeAdapter[Any], document: Mapping[str, Any], where: str) -> None:
    """Raise InvalidValue naming the field of a document that is not as the core writes it."""
    try:
        kind.validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, (where, *first["loc"])))
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, InvalidValue):  # of the core's own checks
            raise cause.under(place) from error
        raise InvalidValue(
            place, first["input"], f"what this version writes: {first['msg']}"
        ) from error


def _object(document: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    found = document.get(name)
    if not isinstance(found, dict):
        raise InvalidValue(f"{where}.spec.{name}", found, "a JSON object")
    return found


def _check_spec(spec: StudySpec) -> None:
    """Raise InvalidValue for names that nobody knows here, whoever could train the objective."""
    for name, one in spec.space.parameters.items():
        known = replace(PARAMETERS[name], low=one.low, high=one.high, choices=one.choices)
        if one != known:
            raise InvalidValue(f"space.parameters.{name}", asdict(one), "another range at most")
    check_families("space.families", spec.space.families)
    check_families("baselines", spec.baselines)
    candidates = [one.schedule for one in spec.candidates]
    check_candidates(replace(spec, candidates=()), candidates)
    if spec.sampler not in SAMPLERS:
        raise UnknownName("sampler", spec.sampler, SAMPLERS)
    for field, name in (("objective", spec.objective), ("metric.name", spec.metric.name)):
        if not 0 < len(name) <= LONGEST_NAME:
            raise InvalidValue(field, name, f"1 to {LONGEST_NAME} characters")


@contextmanager
def _telling(where: str, value: object) -> Iterator[None]:
    """Name the record whose document the core cannot read."""
    try:
        yield
    except InvalidValue as error:
        raise error.under(where) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        allowed = f"what this version writes ({type(error).__name__}: {error})"
        raise InvalidValue(where, value, allowed) from error

"""Results of a study: its best schedule, its verdict, its evidence, its report."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, final

from service.client.calls import Call, document, get, parsed, study_path, text
from service.client.drivers import Driver
from service.client.methods import call
from service.schemas.results import FamilyEvidenceList, Importances
from service.schemas.studies import BestView, PickName

D = TypeVar("D", bound=Driver)


@final
@dataclass(frozen=True, slots=True)
class Results(Generic[D]):
    """`client.results`."""

    driver: D

    @call
    def best(self, study: str, *, table: bool = False, pick: PickName = "winner") -> Call[BestView]:
        """The best schedule until now, with its table of values if asked for.

        `pick="recommended"` asks for what the verdict recommends, the simplest schedule of a tie.
        """
        wishes = {"table": table or None, "pick": pick}
        return get(study_path(study) + "/best", parsed(BestView), wishes)

    @call
    def best_code(self, study: str, framework: str, *, pick: PickName = "winner") -> Call[str]:
        """The best schedule until now as code of a framework, or as CSV."""
        return get(study_path(study) + "/best", text, {"format": framework, "pick": pick})

    @call
    def verdict(self, study: str, number: int | None = None) -> Call[dict[str, Any]]:
        """What was proved, in figures and in words; raises `Conflict` while there is none.

        An extended study has several, from 1 on; without a number the last one answers.
        """
        return get(study_path(study) + "/verdict", document, {"number": number})

    @call
    def families(self, study: str, number: int | None = None) -> Call[FamilyEvidenceList]:
        """What is known of every family; `number` asks for an earlier verdict."""
        path = study_path(study) + "/families"
        return get(path, parsed(FamilyEvidenceList), {"number": number})

    @call
    def importances(self, study: str) -> Call[Importances]:
        """How much every coordinate decided whether a schedule was of the best."""
        return get(study_path(study) + "/importances", parsed(Importances))

    @call
    def report(self, study: str) -> Call[str]:
        """The standalone HTML report."""
        return get(study_path(study) + "/report", text)

"""Campaigns: one that proved nothing fails, and the report of a session holds what each did."""

import json
from pathlib import Path

import pytest

from tests import campaign as campaigns
from tests.campaign import Campaign, leave


def made(*, is_whole: bool = False) -> Campaign:
    """The campaign of a test."""
    return Campaign("test_one", "chaos", 7, is_whole)


def test_a_campaign_without_a_fault_fails() -> None:
    """Whatever else was asserted, nothing was put to the test."""
    with pytest.raises(AssertionError, match="nothing was injected"):
        made().close()


def test_a_violation_fails_and_names_the_seed() -> None:
    """So that it can be seen again."""
    one = made()
    one.fault(3)
    one.find(["I2: counted twice"])
    with pytest.raises(AssertionError, match=r"seed 7: I2: counted twice"):
        one.close()


def test_faults_without_violation_pass() -> None:
    """As they should."""
    one = made()
    one.case()
    one.find([])
    one.close()


def test_a_share_is_smaller_than_the_whole_and_chance_is_the_same_again() -> None:
    """The suites inject a share of what the programmes do."""
    assert (made().dose(2, 50), made(is_whole=True).dose(2, 50)) == (2, 50)
    assert made().random().random() == made().random().random()


def test_a_report_has_totals_and_every_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faults, cases and violations are summed; a test that failed is counted."""
    monkeypatch.setattr(campaigns, "ROOT", tmp_path)
    note = {"programme": "fuzz", "is_whole": True, "faults": 0, "violations": []}
    leave(
        "fuzz",
        [
            {**note, "test": "b", "cases": 5, "outcome": "passed"},
            {**note, "test": "a", "cases": 2, "outcome": "failed", "violations": ["500"]},
        ],
    )
    found = json.loads((tmp_path / "var" / "fuzz" / "report.json").read_text())
    totals = {name: found[name] for name in ("tests", "failed", "faults", "cases", "violations")}
    assert totals == {"tests": 2, "failed": 1, "faults": 0, "cases": 7, "violations": 1}
    assert [one["test"] for one in found["parts"]] == ["a", "b"]

"""Decisions keep to one thread of BLAS, and leave the process as they found it."""

import sys
from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from tests.tuning.search.worlds import make_spec
from tuning.records import History
from tuning.rounds import last_round
from tuning.search.policy import decide
from tuning.search.policy.threads import in_one_thread


def threads() -> set[int]:
    """How many threads the BLAS libraries of this process have."""
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def _two_before() -> Iterator[None]:
    """Two threads of BLAS, however many cores there are."""
    with threadpool_limits(2, user_api="blas"):
        yield


def test_a_decision_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """And whatever comes after it as many as before."""
    seen: list[set[int]] = []

    def watched(history: History) -> History:
        seen.append(threads())
        return last_round(history)

    module = sys.modules["tuning.search.policy.decide"]  # the package has a function of its name
    monkeypatch.setattr(module, "last_round", watched)
    decide(make_spec(), History())
    assert seen == [{1}]
    assert threads() == {2}


def test_an_error_leaves_no_limit() -> None:
    """Whoever refuses is done as well."""

    @in_one_thread
    def refuse() -> None:
        assert threads() == {1}
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        refuse()
    assert threads() == {2}

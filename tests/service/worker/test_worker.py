"""A worker on a board: no result lost, none counted twice, everything put back at the end."""

import threading
from collections.abc import Iterator

import httpx2
import pytest

from service.schemas.work import ClaimRequest
from tests.service.worker.board import POISON, Board
from tests.service.worker.conftest import Hire
from tests.service.worker.gates import Narrow
from tests.service.worker.puppets import (
    Cut,
    HoldsBack,
    LosesAnswers,
    by_run,
    complete,
    completed,
    crash,
    first,
    hang,
    lose_place,
    measured,
)
from tuning.errors import NoCluster
from tuning.execution import Block, Ended, Event
from tuning.records import Cause, Result, RunState

CLAIM, HEARTBEAT = "/v1/work:claim", "/v1/runs:heartbeat"
REPORT, TELL = "/v1/runs:report", "/v1/runs:tell"


def test_every_run_is_trained_and_told_once(board: Board, hire: Hire) -> None:
    """Two slots empty the board; each run ends once, with its measurements."""
    board.offer(*"abcdefg")
    hand = hire(processes=2, lanes=3)
    board.until_ended()

    assert hand.dismiss() == 0
    assert sorted(hand.runs) == list("abcdefg")
    assert all(board.outcomes(run) == ["completed"] for run in "abcdefg")
    assert all(len(card.reports) == 1 for card in board.cards.values())


def test_a_claim_says_who_asks_and_for_what(board: Board, hire: Hire) -> None:
    """Name, lanes and objectives of the worker are in every claim."""
    board.offer("a")
    hire(lanes=3, objectives=("odd",))
    board.until_ended()

    assert board.claims[0] == ClaimRequest(
        worker="w",
        claim=board.claims[0].claim,
        lanes=3,
        objectives=["odd"],
        external=False,
        wait_seconds=0.1,
    )


def test_measurements_come_before_the_end(board: Board, hire: Hire) -> None:
    """A run that has ended has all its measurements: the report is never behind the tell."""
    board.offer("a")
    hire()
    board.until_ended()

    calls = [call for call in board.order if call in {"report", "tell"}]
    assert calls == ["report", "tell"]
    assert board.cards["a"].reports[0].values == {"loss": [1.0]}


def test_the_next_block_is_claimed_before_the_last_one_is_told(board: Board, hire: Hire) -> None:
    """Training does not wait for a delivery, nor a delivery for work that may not come."""
    board.offer("a", study="st_a")
    board.offer("b", study="st_b")
    hand = hire(wait_seconds=1.0)
    board.until_ended()
    hand.dismiss()

    calls = [call for call in board.order if call in {"claim", "tell"}]
    assert calls[:2] == ["claim", "claim"]
    assert [claim.wait_seconds for claim in board.claims[:3]] == [1.0, 0.0, 0.0]
    assert calls.count("tell") == 2


def test_a_lost_claim_answer_brings_the_same_runs(board: Board, hire: Hire) -> None:
    """The claim id is kept until it is answered, so no run is leased to nobody."""
    board.offer("a", "b", "c")
    hand = hire(transport=LosesAnswers({CLAIM: 2}), lanes=2)
    board.until_ended()
    hand.dismiss()

    assert len({claim.claim for claim in board.claims[:3]}) == 1
    assert hand.runs == ["a", "b", "c"]


@pytest.mark.parametrize("status", [0, 500, 503])
def test_a_lost_answer_counts_nothing_twice(board: Board, hire: Hire, status: int) -> None:
    """What was delivered is delivered again byte for byte, and counts once."""
    board.offer("a", "b")
    hand = hire(transport=LosesAnswers({REPORT: 1, TELL: 2}, status))
    board.until_ended()

    assert hand.dismiss() == 0
    assert hand.runs == ["a", "b"]
    assert [board.outcomes(run) for run in "ab"] == [["completed"]] * 2
    assert all(len(card.reports) == 1 for card in board.cards.values())


def test_a_service_that_is_away_for_a_while_is_survived(board: Board, hire: Hire) -> None:
    """Results wait for the service, they are not dropped and not trained again."""
    network = Cut()

    def cut_then_complete(block: Block, stopped: threading.Event) -> Iterator[Event]:
        network.is_down.set()
        yield from complete(block, stopped)

    board.offer("a", "b")
    hand = hire(cut_then_complete, transport=network)
    for _ in range(6):
        assert network.refusals.acquire(timeout=20)
    network.is_down.clear()
    board.until_ended()

    assert hand.runs == ["a", "b"]


def test_the_next_block_trains_while_the_last_one_is_told(board: Board, hire: Hire) -> None:
    """One delivery may be under way beside a training; the ends still arrive in order."""
    both_trained = threading.Event()

    def complete_twice(block: Block, stopped: threading.Event) -> Iterator[Event]:
        yield from complete(block, stopped)
        if block.lanes[0].run == "b":
            both_trained.set()

    board.offer("a", "b")
    hand = hire(complete_twice, lanes=1, transport=HoldsBack(TELL, both_trained))
    board.until_ended()

    assert hand.dismiss() == 0
    assert hand.runs == ["a", "b"]
    assert board.outcomes("a") == board.outcomes("b") == ["completed"]


def test_leases_are_extended_while_a_block_trains(board: Board, hire: Hire) -> None:
    """Heartbeats come at the pace the service asked for, for all runs that are held."""
    board.offer("a", "b")
    hand = hire(hang, drain_seconds=0.0)
    board.until(lambda board: board.order.count("heartbeat") >= 3)

    assert hand.dismiss() == 0


def test_a_failed_heartbeat_takes_nothing_away(board: Board, hire: Hire) -> None:
    """Only an answer of the service can take a run; silence cannot."""
    release = threading.Event()

    def train_until_released(block: Block, stopped: threading.Event) -> Iterator[Event]:
        release.wait(60)
        yield from complete(block, stopped)

    board.offer("a")
    hand = hire(train_until_released, transport=LosesAnswers({HEARTBEAT: 3}))
    board.until(lambda board: board.order.count("heartbeat") >= 5)
    release.set()
    board.until_ended()

    assert hand.runs == ["a"]
    assert board.outcomes("a") == ["completed"]


def test_a_run_that_was_taken_away_is_stopped_and_its_neighbours_are_put_back(
    board: Board, hire: Hire
) -> None:
    """Nothing is told under the dead token; all come again under new ones and end once."""
    board.offer("a", "b", "c")
    hand = hire(first(hang))
    hand.until_training()
    board.take_away("b")
    board.until_ended()

    assert hand.dismiss() == 0
    assert board.outcomes("a") == ["returned", "completed"]
    assert board.outcomes("b") == ["completed"]
    assert board.outcomes("c") == ["returned", "completed"]


def test_a_cancelled_study_frees_the_slot(board: Board, hire: Hire) -> None:
    """Its runs are stopped without a word, and the slot takes other work."""
    board.offer("a", "b", study="st_cancelled")
    hand = hire(by_run({"a": hang}))
    hand.until_training()
    board.cancel("a")
    board.cancel("b")
    board.offer("c")
    board.until_ended()

    assert hand.dismiss() == 0
    assert board.outcomes("a") == board.outcomes("b") == []
    assert board.outcomes("c") == ["completed"]


def test_a_late_result_is_refused_and_dropped(board: Board, hire: Hire) -> None:
    """A run that was taken away while its result was under way counts where it went."""

    def lose_then_complete(block: Block, stopped: threading.Event) -> Iterator[Event]:
        for lane in block.lanes:
            board.take_away(lane.run)
        yield from complete(block, stopped)

    board.heartbeat_seconds = 60.0
    board.offer("a")
    hand = hire(first(lose_then_complete))
    board.until_ended()

    assert hand.dismiss() == 0
    assert hand.runs == ["a", "a"]
    assert board.outcomes("a") == ["completed"]


def test_a_crash_is_told_of_every_run_with_the_size_of_its_block(board: Board, hire: Hire) -> None:
    """The service learns that any of them may be to blame; alone, they complete."""
    board.offer("a", "b", "c")
    hand = hire(first(crash))
    board.until_ended()

    assert hand.dismiss() == 0
    for run in "abc":
        assert board.outcomes(run) == ["crashed", "completed"]
        assert board.cards[run].tells[0].lanes == 3
        tell = board.cards[run].tells[0]
        assert tell.reason == "the child process was killed by SIGSEGV"
        assert (tell.cause, tell.step, tell.lr) == ("killed", 5, None)
    assert [len(block.lanes) for block in hand.puppets[0].blocks] == [3, 1, 1, 1]


def test_a_block_whose_place_is_gone_is_handed_back(board: Board, hire: Hire) -> None:
    """It is no crash, so its runs need not go on alone."""
    board.offer("a", "b")
    hand = hire(first(lose_place))
    board.until_ended()

    assert hand.dismiss() == 0
    for run in "ab":
        assert board.outcomes(run) == ["returned", "completed"]
        tell = board.cards[run].tells[0]
        assert (tell.reason, tell.cause, tell.step) == ("its machine was lost", None, 5)
    assert [len(block.lanes) for block in hand.puppets[0].blocks] == [2, 2]


def test_slots_claim_in_turn_and_only_what_there_is_room_for(board: Board, hire: Hire) -> None:
    """Nobody claims while another has the turn, nor anything that the gate does not offer."""
    gate = Narrow()
    board.offer("a", "b")
    hand = hire(hang, gate=gate, processes=3, lanes=1, drain_seconds=0.1)
    board.until(lambda board: board.cards["a"].token and gate.refused.is_set())

    assert len(board.claims) == 1
    assert board.claims[0].objectives == ["odd"]
    gate.open()
    board.until(lambda board: board.cards["b"].token)
    assert hand.dismiss() == 0
    assert gate.most == 1


def test_the_end_of_a_block_does_not_wait_for_a_turn(board: Board, hire: Hire) -> None:
    """While another slot has it, what was trained is told at once."""
    gate = Narrow()
    board.offer("a")
    hire(gate=gate, processes=2)
    board.until_ended()


def test_a_gate_that_closes_for_good_ends_the_worker(
    hire: Hire, caplog: pytest.LogCaptureFixture
) -> None:
    """With the reason, told once, and an exit code."""
    gate = Narrow()
    gate.error = NoCluster("nobody is there")
    assert hire(gate=gate, processes=3).outlast() == 1
    assert caplog.messages.count("the worker ends: nobody is there") >= 1
    assert all(record.exc_info is None for record in caplog.records)


def test_runs_that_ended_before_a_crash_keep_their_results(board: Board, hire: Hire) -> None:
    """A diverged lane is not trained again because its neighbour crashed."""

    def diverge_then_crash(block: Block, stopped: threading.Event) -> Iterator[Event]:
        end = Result(RunState.DIVERGED, reason="up", cause=Cause.BLEW_UP, step=5, lr=0.5)
        yield Ended(block.lanes[0].run, end)
        yield from crash(block, stopped)

    board.offer("a", "b")
    hire(first(diverge_then_crash))
    board.until_ended()

    assert board.outcomes("a") == ["diverged"]
    (end,) = board.cards["a"].tells
    assert (end.cause, end.reason, end.step, end.lr) == ("blew_up", "up", 5, 0.5)
    assert board.outcomes("b") == ["crashed", "completed"]


def test_a_training_that_ends_without_a_word_is_a_crash(board: Board, hire: Hire) -> None:
    """A run whose training says nothing of its end is not left under lease."""

    def forget_the_last(block: Block, stopped: threading.Event) -> Iterator[Event]:
        del stopped
        yield completed(block.lanes[0].run)

    board.offer("a", "b")
    hire(first(forget_the_last))
    board.until_ended()

    assert board.outcomes("a") == ["completed"]
    assert board.outcomes("b") == ["crashed", "completed"]
    assert board.cards["b"].tells[0].reason == "the training ended without a result"


def test_a_result_the_service_refuses_fails_its_run_alone(board: Board, hire: Hire) -> None:
    """One bad result in a batch costs neither the others nor the worker."""

    def poison_the_second(block: Block, stopped: threading.Event) -> Iterator[Event]:
        del stopped
        for lane in block.lanes:
            yield completed(lane.run, POISON if lane.run == "b" else "loss")

    board.offer("a", "b", "c")
    hand = hire(poison_the_second)
    board.until_ended()

    assert hand.dismiss() == 0
    assert [board.outcomes(run) for run in "abc"] == [["completed"], ["failed"], ["completed"]]
    assert "the service refused the result: 422" in board.cards["b"].tells[0].reason


def test_measurements_the_service_refuses_cost_no_result(board: Board, hire: Hire) -> None:
    """A run goes on without them, and so do its neighbours."""

    def poison_a_measurement(block: Block, stopped: threading.Event) -> Iterator[Event]:
        yield measured(block.lanes[0].run, **{POISON: 1.0})
        yield from complete(Block(block.objective, {}, block.horizon, block.lanes[1:]), stopped)
        yield completed(block.lanes[0].run)

    board.offer("a", "b")
    hire(poison_a_measurement)
    board.until_ended()

    assert board.outcomes("a") == board.outcomes("b") == ["completed"]
    assert [len(board.cards[run].reports) for run in "ab"] == [0, 1]


def test_a_result_the_wire_cannot_carry_fails_its_run(board: Board, hire: Hire) -> None:
    """An objective with odd names must not bring the worker down."""

    def tell_a_novel(block: Block, stopped: threading.Event) -> Iterator[Event]:
        del stopped
        for lane in block.lanes:
            yield measured(lane.run, **{"x" * 1000: 1.0})
            yield completed(lane.run, "x" * 1000)

    board.offer("a")
    hand = hire(tell_a_novel)
    board.until_ended()

    assert hand.dismiss() == 0
    assert board.outcomes("a") == ["failed"]
    assert "cannot be sent" in board.cards["a"].tells[0].reason


def test_a_stopping_worker_lets_its_block_finish(board: Board, hire: Hire) -> None:
    """Draining claims nothing more, and what was begun counts."""
    release = threading.Event()

    def train_until_released(block: Block, stopped: threading.Event) -> Iterator[Event]:
        release.wait(60)
        yield from complete(block, stopped)

    board.offer("a", "b")
    hand = hire(train_until_released, lanes=1)
    hand.until_training()
    hand.when_draining(release.set)

    assert hand.dismiss() == 0
    assert board.outcomes("a") == ["completed"]
    assert hand.runs == ["a"]
    assert hand.puppets[0].is_closed


def test_a_block_that_outlasts_the_drain_is_put_back(board: Board, hire: Hire) -> None:
    """Stopped, told as returned, at no cost to the runs."""
    board.offer("a", "b")
    hand = hire(hang, drain_seconds=0.1)
    hand.until_training()

    assert hand.dismiss() == 0
    assert board.outcomes("a") == board.outcomes("b") == ["returned"]
    assert hand.puppets[0].is_closed


def test_slots_that_wait_for_work_end_at_once(board: Board, hire: Hire) -> None:
    """Their claims are withdrawn, so nobody waits for work any more when the worker has ended."""
    hand = hire(processes=3, wait_seconds=30.0, drain_seconds=60.0)
    board.until(lambda board: board.waiting == 3)

    assert hand.dismiss() == 0
    board.until(lambda board: board.waiting == 0)
    assert board.withdrawals >= 3
    assert len(board.claims) == 3


def test_a_slot_that_waits_ends_while_another_trains(board: Board, hire: Hire) -> None:
    """What comes back from the one at the end is not handed to the other."""
    begun = threading.Event()

    def begin_and_hang(block: Block, stopped: threading.Event) -> Iterator[Event]:
        begun.set()
        yield from hang(block, stopped)

    board.offer("a")
    hand = hire(begin_and_hang, processes=2, wait_seconds=30.0, drain_seconds=0.5)
    assert begun.wait(30)
    board.until(lambda board: board.waiting == 1)

    assert hand.dismiss() == 0
    assert board.outcomes("a") == ["returned"]
    assert len(hand.runs) == 1


def test_runs_claimed_while_stopping_are_put_back_untrained(board: Board, hire: Hire) -> None:
    """An answer that comes after the signal is not left under lease."""
    board.ignores_withdrawals = True  # else none may come
    hand = hire(wait_seconds=20.0)
    board.until(lambda board: board.waiting)
    hand.when_draining(lambda: board.offer("a"))

    assert hand.dismiss() == 0
    assert board.outcomes("a") == ["returned"]
    assert hand.runs == []


def test_a_service_that_stays_away_cannot_keep_a_worker(board: Board, hire: Hire) -> None:
    """What cannot be put back is left to its lease; the worker ends in time, in order."""
    network = Cut()
    board.offer("a")
    hand = hire(hang, transport=network, drain_seconds=0.1, hand_back_seconds=0.3)
    hand.until_training()
    network.is_down.set()

    assert hand.dismiss() == 0
    assert board.outcomes("a") == []
    assert hand.puppets[0].is_closed


def test_a_worker_that_nobody_answers_ends_with_an_error(hire: Hire) -> None:
    """After its patience it is its supervisor's turn."""
    network = Cut()
    network.is_down.set()

    assert hire(transport=network, patience_seconds=0.2).outlast() == 1


def test_a_worker_that_is_refused_ends_with_an_error(board: Board, hire: Hire) -> None:
    """A wrong address or key does not heal by waiting."""
    refusing = httpx2.MockTransport(lambda _: httpx2.Response(403, text="no"))

    assert hire(transport=refusing).outlast() == 1
    assert board.claims == []


def test_an_error_in_one_slot_ends_the_worker_in_order(board: Board, hire: Hire) -> None:
    """A bug is loud: the other slots put back what they hold, and the exit code says it."""

    def stumble(block: Block, stopped: threading.Event) -> Iterator[Event]:
        hand.until_training()
        yield from ()
        raise RuntimeError("a bug")

    board.offer("a", study="st_a")
    board.offer("b", study="st_b")
    hand = hire(by_run({"a": stumble, "b": hang}), processes=2, lanes=1, drain_seconds=0.1)

    assert hand.outlast() == 1
    assert board.outcomes("b") == ["returned"]
    assert all(puppet.is_closed for puppet in hand.puppets)


def test_a_lease_that_was_long_under_way_is_extended_first(board: Board, hire: Hire) -> None:
    """After a lost claim answer the lease is older than it looks, and may be lost already."""
    board.heartbeat_seconds = 0.001
    board.offer("a")
    hire(transport=LosesAnswers({CLAIM: 2}), wait_seconds=0.0)
    board.until_ended()

    assert board.order.index("heartbeat") < board.order.index("tell")

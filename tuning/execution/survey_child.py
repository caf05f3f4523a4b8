"""The program of the child that reads an upload: `python -m tuning.execution.survey_child`."""

from pathlib import Path

from tuning.errors import DataError
from tuning.execution.limits import confine
from tuning.execution.link import Message, attach
from tuning.execution.memory import give_way
from tuning.execution.surveying import write_error
from tuning.objectives.datasets import survey

NICE = 10  # the server goes first


def main() -> None:
    """Answer one request."""
    channel = attach(nice=NICE)
    give_way()
    confine()
    channel.send(_answer(channel.receive()))


def _answer(request: Message) -> Message:
    cache = None if request["cache"] is None else Path(request["cache"])
    try:
        found = survey(
            Path(request["path"]),
            request["kind"],
            request["dataset"],
            name=request["name"],
            cache=cache,
        )
    except MemoryError:
        return {"error": {"message": f"{request['name']}: cannot be read: not enough memory"}}
    except DataError as error:
        return {"error": write_error(error)}
    return {"survey": found.document()}


if __name__ == "__main__":
    main()

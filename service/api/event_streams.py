"""How OpenAPI tells of a stream of events.

The one idea: an item of `text/event-stream` is an event, whose `data` is JSON of a schema of ours,
as FastAPI describes its own streams. Not here: the streams (`service.api.live`, `changes`).
"""

from typing import Any

from service.schemas.base import Schema


def event_content(model: type[Schema]) -> dict[str, Any]:
    """The content of a response that streams events, each with a model's JSON as its data."""
    data = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": _whole(model.model_json_schema()),
    }
    item = {
        "type": "object",
        "properties": {"id": {"type": "string"}, "event": {"type": "string"}, "data": data},
        "required": ["event", "data"],
    }
    return {"text/event-stream": {"itemSchema": item}}


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its definitions in their places: within OpenAPI `#` is another document."""
    definitions = schema.pop("$defs", {})

    def put(part: Any) -> Any:  # noqa: ANN401 # any JSON
        match part:
            case {"$ref": str(place)}:
                return put(definitions[place.rpartition("/")[2]])
            case dict():
                return {name: put(one) for name, one in part.items()}
            case list():
                return [put(one) for one in part]
        return part

    whole: dict[str, Any] = put(schema)
    return whole

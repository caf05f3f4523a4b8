"""Client: the SDK, and how workers and the command line reach the service.

The one idea: every call may be repeated without harm (creation carries an idempotency key, the
worker protocol its own ids), so every call is repeated until it is answered or patience ends.
Not here: anything that trains, plans or stores; importing this stays light.
"""

from service.client.client import Client
from service.client.errors import BadAnswer, ClientError, ProblemError, Unreachable
from service.client.patience import Patience

__all__ = ["BadAnswer", "Client", "ClientError", "Patience", "ProblemError", "Unreachable"]

"""How far a worker keeps its training processes apart, found out before it claims anything."""

from tuning.errors import InvalidValue
from tuning.execution import Allowance
from tuning.execution.isolating import isolate


def settle(allowance: Allowance) -> None:
    """Find out, and have it logged.

    Raises `InvalidValue`, by the name of the setting, if this machine cannot do what is asked for.
    """
    try:
        isolate(allowance.network, allowance.user)
    except InvalidValue as error:
        setting = f"GLIDESLOPE_RUN_{error.field.upper()}"
        raise InvalidValue(setting, error.value, error.allowed) from error

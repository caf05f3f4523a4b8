"""Schedules: pure data and function, update index `t` to learning rate."""

from tuning.schedules.parameters import PARAMETERS, Parameter
from tuning.schedules.schedule import Schedule

__all__ = ["PARAMETERS", "Parameter", "Schedule"]

"""What the benchmarked searches may propose: the zoo, and the zoo with free curves."""

from tuning.search.samplers.starts import KNOTS_FAMILY
from tuning.search.space import DEFAULT_FAMILIES

ZOO = tuple(family for family in DEFAULT_FAMILIES if family != KNOTS_FAMILY)
CURVES = (*ZOO, KNOTS_FAMILY)

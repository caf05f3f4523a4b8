"""Units: what the figures of objectives are told in.

The one idea: a volatility is a plain number per root year inside, and basis points outside, in
settings and metrics; one number converts.
"""

BASIS_POINTS = 1e4  # per unit of volatility

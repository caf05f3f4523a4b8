"""Parity: what the real libraries do, beside what Glideslope reads from the same calls.

The one idea: draw calls at random, let the library itself make the learning rates, and compare; a
part of them is written down, with versions, for the tests that run without the libraries.
Not here: the readers (`tuning.schedules.interop`), the tests over the stored numbers
(`tests/tuning/schedules/interop`).
"""

"""Runners: the learning rates each library itself makes; the only modules that import them."""

"""Calls: which calls of each library are tried, with which arguments."""

"""Decisions, and the tables that they start from."""

"""Compiled formulas in the papers' symbols: one paper's model per file, no validation."""

"""Interchangeable inference methods; they see a log density and parameters only."""

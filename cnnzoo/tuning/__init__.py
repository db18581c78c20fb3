"""Searches with KerasTuner over the toggles, and what came of them."""

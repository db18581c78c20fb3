"""Reading of searches: project directories of KerasTuner as tables and code."""

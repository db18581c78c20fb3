"""What came of a search: KerasTuner's project directory, read as it lies there, as tables."""

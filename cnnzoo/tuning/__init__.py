"""Search over the toggles with KerasTuner."""

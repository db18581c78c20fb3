"""Analysis of models: their layers, cost and receptive fields."""

"""Parts of a model: found from its graph, changed in a copy."""

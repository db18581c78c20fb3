"""Analysis of models without training: shapes and cost."""

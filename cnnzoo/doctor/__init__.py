"""Diagnoses of a loss that does not fall: findings with evidence and remedy."""

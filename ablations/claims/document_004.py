"""Claims of document 004, "Why is the PyTorch CNN loss not decreasing?"."""

from ablations.claims.claim import Claim

CLAIMS: tuple[Claim, ...] = ()
"""The claims of the document, in the order of their numbers."""

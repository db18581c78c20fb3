"""Claims of document 003, "Convolutional networks for images"."""

from ablations.claims.claim import Claim

CLAIMS: tuple[Claim, ...] = ()
"""The claims of the document, in the order of their numbers."""

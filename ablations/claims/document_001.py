"""Claims of document 001, "What are the key questions about convolution in CNNs?"."""

from ablations.claims.claim import Claim

CLAIMS: tuple[Claim, ...] = ()
"""The claims of the document, in the order of their numbers."""

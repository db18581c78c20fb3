"""Claims of document 002, "How does TensorFlow's loss function impact CNN performance?"."""

from ablations.claims.claim import Claim

CLAIMS: tuple[Claim, ...] = ()
"""The claims of the document, in the order of their numbers."""

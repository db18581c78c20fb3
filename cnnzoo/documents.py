"""The texts that the zoo's models and the built-in studies are from."""

from collections.abc import Iterable

DOCUMENTS = {
    "000": "What causes loss in convolutional layers?",
    "001": "What are the key questions about convolution in CNNs?",
    "002": "How does TensorFlow's loss function impact CNN performance?",
    "003": "Convolutional networks for images",
    "004": "Why is the PyTorch CNN loss not decreasing?",
}
"""Titles, by the number that models and studies call them by."""


def documents_of(places: Iterable[str]) -> dict[str, str]:
    """Return the documents that some places are in.

    Parameters
    ----------
    places
        What models say of themselves, such as "000 ex. 1", "003 step 7" or "003, 001".

    Examples
    --------
    >>> list(documents_of(["004", "003 step 7"]))
    ['003', '004']
    """
    named = {word for place in places for word in place.replace(",", " ").split()}
    return {number: title for number, title in DOCUMENTS.items() if number in named}

"""The documents' claims: declared as data, run in one command, with a verdict for each."""

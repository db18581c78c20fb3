"""The picture of a network with what each of its parts is worth."""

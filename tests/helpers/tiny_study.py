"""The file of a study that is run in no time."""

TINY = """
model = "mlp"
data = "digits"
seeds = 4
[factors]
units = [4, 8]
[baseline]
units = 8
train_size = 100
[recipe]
epochs = 1
"""

"""Data to train on: packaged, from TensorFlow Datasets, folders, archives or arrays."""

from cnnzoo.data.dataset import Data, DataError, DataInfo, Sizes, Split
from cnnzoo.data.load import load_data
from cnnzoo.data.scaling import ScaledArray
from cnnzoo.data.sources import list_data

__all__ = [
    "Data",
    "DataError",
    "DataInfo",
    "ScaledArray",
    "Sizes",
    "Split",
    "list_data",
    "load_data",
]

"""Data to train on: packaged, from TensorFlow Datasets, folders, archives or arrays."""

from cnnzoo.data.dataset import Data, DataError, DataInfo, OutputInfo, Sizes, Split
from cnnzoo.data.load import load_data
from cnnzoo.data.scaling import ScaledArray
from cnnzoo.data.sources import list_data
from cnnzoo.data.targets import Targets

__all__ = [
    "Data",
    "DataError",
    "DataInfo",
    "OutputInfo",
    "ScaledArray",
    "Sizes",
    "Split",
    "Targets",
    "list_data",
    "load_data",
]

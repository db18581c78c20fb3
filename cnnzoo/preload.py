"""What is loaded once, in the process that all workers are forked from."""

import os
from importlib import import_module

from cnnzoo.processes import ONEDNN

os.environ[ONEDNN] = "1"  # before TensorFlow is loaded, which reads it once

import_module("cnnzoo.training")

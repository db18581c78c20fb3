"""What is loaded once, in the process that all workers are forked from."""

import os

from cnnzoo.processes import ONEDNN

os.environ[ONEDNN] = "1"  # before TensorFlow is loaded, which reads it once

import ablations.trial  # noqa: E402
import cnnzoo.training  # noqa: E402, F401

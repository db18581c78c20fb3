"""The zoo: one module for each family; importing this package registers every model."""

from cnnzoo.models import mlp, plain, pretrained, residual, separable, sequence, vgg

__all__ = ["mlp", "plain", "pretrained", "residual", "separable", "sequence", "vgg"]

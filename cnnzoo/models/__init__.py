"""The models of the zoo, one module per family; importing the package registers all of them."""

from cnnzoo.models import mlp, plain, pretrained, residual, separable, sequence, vgg

__all__ = ["mlp", "plain", "pretrained", "residual", "separable", "sequence", "vgg"]

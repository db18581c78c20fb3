from cnnzoo.toggle import *  # noqa

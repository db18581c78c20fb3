"""What another process finds in files of saved models: that of the tests knows their layers."""


def names_of_models(paths):
    import cnnzoo

    return [cnnzoo.load_model(path).name for path in paths]

"""Weights of a backbone from a seed, a file or ImageNet."""

import keras
import numpy as np
import pytest
from helpers.transfer_models import backbone_of, build, images, same

import cnnzoo
from cnnzoo.models.initialization import restart
from cnnzoo.toggle import ToggleError

NO_NETWORK = "URL fetch failure on https://keras: None -- [Errno -2] Name or service not known"


@pytest.fixture
def download(monkeypatch, tmp_path):
    """Replacement of Keras's download; returns the list of requested names."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def answer(result):
        asked = []

        def get_file(name, *_, **__):
            asked.append(name)
            if isinstance(result, Exception):
                raise result
            return str(result)

        monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
        return asked

    return answer


class TestStart:
    def test_seed_sets_all_weights(self):
        first, second = build(seed=1), build(seed=1)
        assert same(first, second)
        assert [weight.path for weight in first.weights] == [
            weight.path for weight in second.weights
        ]
        other = build(seed=2).get_weights()
        assert (first.get_weights()[0] != other[0]).any()
        assert (first.get_weights()[-2] != other[-2]).any()

    def test_initial_weights_do_not_depend_on_earlier_models(self):
        models = [
            build(backbone="xception", input_shape=(71, 71, 3), seed=3, compile=False)
            for _ in range(2)
        ]
        names = [[layer.name for layer in backbone_of(model).layers] for model in models]
        assert names[0] == names[1]
        assert {"input_layer", "conv2d", "conv2d_3", "add", "add_11"} <= set(names[0])
        assert "conv2d_4" not in names[0]
        assert same(*models)

    def test_without_weights_nothing_is_downloaded(self, download):
        asked = download(Exception(NO_NETWORK))
        assert same(build(weights="none", seed=0), build(weights=None, seed=0))
        assert not asked

    def test_head_has_its_toggles(self):
        model = build(classes=2, loss="binary_crossentropy", dropout=0.5, name="pets")
        assert [layer.name for layer in model.layers] == [
            *("input", "pixels", "backbone", "dropout", "head")
        ]
        assert model.name == "pets"
        assert model.output_shape == (None, 1)
        assert model.get_layer("head").activation is keras.activations.sigmoid

    def test_toggles_of_hidden_layers_are_refused(self):
        assert list(cnnzoo.toggles("transfer")) == [
            *("backbone", "weights", "unfreeze"),
            *("dropout", "weight_decay", "kernel_initializer"),
            *("loss", "label_smoothing", "logits", "optimizer", "learning_rate"),
        ]
        with pytest.raises(ToggleError, match=r"^`transfer` has no toggle `normalization`"):
            build(normalization="batch")

    def test_help_describes_weights_and_unfreeze(self):
        lines = cnnzoo.transfer.__doc__.splitlines()
        assert lines[lines.index("weights") + 1].startswith("    Initial weights of the backbone")
        assert lines[lines.index("unfreeze") + 1].startswith("    Layers of the backbone that tr")


class TestFiles:
    def test_weights_of_a_file_do_not_depend_on_the_seed(self, file):
        plain = keras.applications.MobileNet(
            include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
        )
        plain.load_weights(file)
        for settings in ({}, {"seed": 1, "unfreeze": "all"}):
            assert same(backbone_of(build(weights=file, **settings)), plain)

    def test_seed_sets_the_head(self, file):
        head = build(weights=file, seed=1).get_layer("head")
        assert same(head, build(weights=None, seed=1).get_layer("head"))

    def test_reset_model_has_the_weights_of_the_file(self, file):
        used, fresh = build(weights=file, seed=0), build(weights=file, seed=1)
        for weight in used.weights:
            weight.assign(weight + 1)
        restart(used, 1)
        assert same(used, fresh)

    def test_features_equal_those_of_keras(self, file):
        plain = keras.applications.MobileNet(
            include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
        )
        plain.load_weights(file)
        pixels = images()
        expected = plain(keras.applications.mobilenet.preprocess_input(pixels * 255))
        model = build(weights=file)
        found = backbone_of(model)(model.get_layer("pixels")(pixels))
        assert np.abs(found - expected).max() < 1e-3 * np.std(expected)

    @pytest.mark.parametrize("suffix", [".keras", ".h5"])
    def test_saved_backbone_is_loaded(self, file, suffix, tmp_path):
        backbone = backbone_of(build(weights=file))
        path = tmp_path / f"saved{suffix}"
        backbone.save(path)
        assert same(backbone_of(build(weights=path)), backbone)

    def test_missing_file_is_refused(self, tmp_path):
        path = tmp_path / "lost.weights.h5"
        with pytest.raises(cnnzoo.WeightsError) as caught:
            build(weights=path)
        assert str(caught.value) == f"`weights` of `transfer`: file {path} does not exist."

    def test_file_of_another_network_is_refused(self, file):
        with pytest.raises(cnnzoo.WeightsError) as caught:
            build(weights=file, backbone="mobilenet_v2")
        assert str(caught.value).startswith(
            f"`weights` of `transfer`: {file} does not contain the weights of mobilenet_v2 without "
            "its top ("
        )
        assert "\n" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None

    def test_invalid_weights_file_is_refused(self, tmp_path):
        for suffix in (".weights.h5", ".h5", ".keras"):
            path = tmp_path / f"text{suffix}"
            path.write_text("no weights")
            with pytest.raises(cnnzoo.WeightsError, match="does not contain the weights of mob"):
                build(weights=path)

    @pytest.mark.parametrize(
        ("given", "end"),
        [
            ("imagnet", "'imagnet'; did you mean 'imagenet'?"),
            ("weights.npz", "'weights.npz'."),
        ],
    )
    def test_other_file_types_are_refused(self, given, end):
        with pytest.raises(ToggleError) as caught:
            build(weights=given)
        assert str(caught.value) == (
            "`weights` of `transfer`: expected None, 'imagenet' or the path of a file that ends in "
            f".weights.h5, .h5, .hdf5, .keras; got {end}"
        )

    def test_weights_of_a_wrong_type_are_refused(self):
        with pytest.raises(ToggleError) as caught:
            build(weights=True)
        assert str(caught.value) == (
            "`weights` of `transfer` must be one of 'imagenet', 'none' or the path of a file; got "
            "True (bool)."
        )


class TestImageNet:
    def test_weights_are_those_of_keras(self, download, file, tmp_path):
        network = backbone_of(build(weights=file))
        network.save(tmp_path / "download.h5")
        asked = download(tmp_path / "download.h5")
        model = build(weights="imagenet", seed=0)
        assert asked == ["mobilenet_1_0_224_tf_no_top.h5"]
        assert same(backbone_of(model), network)
        assert len(model.trainable_weights) == 2

    def test_failed_download_names_the_alternatives(self, download, tmp_path):
        download(Exception(NO_NETWORK))
        with pytest.raises(cnnzoo.WeightsError) as caught:
            cnnzoo.build("transfer", backbone="vgg16")
        assert str(caught.value) == (
            "`weights` of `transfer`: the ImageNet weights of vgg16 are not available "
            f"({NO_NETWORK}). Keras downloads them once to {tmp_path}/models; delete an incomplete "
            "file there. Without a network pass weights=None for random weights, or the path of a "
            "file with the backbone's weights."
        )
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None

    def test_download_times_out_and_the_timeout_is_restored(self, monkeypatch):
        import socket

        seen = []

        def get_file(*_, **__):
            seen.append(socket.getdefaulttimeout())
            raise TimeoutError("timed out")

        monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
        with pytest.raises(cnnzoo.WeightsError, match=r"are not available \(timed out\)"):
            cnnzoo.build("transfer")
        assert seen == [30]
        assert socket.getdefaulttimeout() is None

    def test_efficientnet_file_gives_the_weights_of_keras(self, download, tmp_path):
        # Keras repairs the file's variance by a further layer, but only of its own download
        # (tensorflow/tensorflow, issue 49930, tells what the file holds).
        options = {"include_top": False, "input_shape": (32, 32, 3), "pooling": "avg"}
        original = keras.applications.EfficientNetB0(weights=None, **options)
        for layer in original.layers:
            if isinstance(layer, keras.layers.Normalization):
                layer.adapt_mean.assign([0.485, 0.456, 0.406])
                layer.adapt_variance.assign([0.229, 0.224, 0.225])
        path = tmp_path / "efficientnetb0_notop.h5"
        original.save(path)
        download(path)
        pixels = images(4)
        expected = keras.applications.EfficientNetB0(weights="imagenet", **options)(pixels * 255)
        model = build(weights=path, backbone="efficientnet_b0", compile=False)
        found = backbone_of(model)(model.get_layer("pixels")(pixels))
        # random weights make tiny features, so closeness is measured by their spread
        assert np.abs(found - expected).max() < 1e-3 * np.std(expected)

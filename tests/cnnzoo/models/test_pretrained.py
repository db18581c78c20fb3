import os
import subprocess
import sys
from typing import get_args

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.models.backbones import BACKBONES, ImageNetPixels, InferenceModel
from cnnzoo.toggle import ToggleError
from cnnzoo.vocabulary import Backbone

# Parameters without the top and width of the features, as keras.io/api/applications and the
# summaries that Keras's users publish give them.
PUBLISHED = {
    "mobilenet": (3_228_864, 1024),
    "mobilenet_v2": (2_257_984, 1280),
    "mobilenet_v3_small": (939_120, 576),
    "mobilenet_v3_large": (2_996_352, 960),
    "nasnet_mobile": (4_269_716, 1056),
    "efficientnet_b0": (4_049_571, 1280),
    "efficientnet_v2_b0": (5_919_312, 1280),
    "densenet121": (7_037_504, 1024),
    "resnet50": (23_587_712, 2048),
    "resnet50_v2": (23_564_800, 2048),
    "vgg16": (14_714_688, 512),
    "xception": (20_861_480, 2048),
    "inception_v3": (21_802_784, 2048),
    "inception_resnet_v2": (54_336_736, 1536),
    "convnext_tiny": (27_820_128, 768),
}

# The module of keras.applications whose preprocess_input is meant for the network.
MODULES = {
    "mobilenet_v3_small": "mobilenet_v3",
    "mobilenet_v3_large": "mobilenet_v3",
    "nasnet_mobile": "nasnet",
    "efficientnet_b0": "efficientnet",
    "efficientnet_v2_b0": "efficientnet_v2",
    "densenet121": "densenet",
    "resnet50_v2": "resnet_v2",
    "convnext_tiny": "convnext",
}

NO_NETWORK = "URL fetch failure on https://keras: None -- [Errno -2] Name or service not known"


def build(**settings):
    # the network that Keras makes fastest
    return cnnzoo.build("transfer", **{"backbone": "mobilenet", "weights": None, **settings})


def backbone_of(model):
    return model.get_layer("backbone")


def images(count=16, shape=(32, 32, 3)):
    return np.random.default_rng(0).random((count, *shape), dtype="float32")


def labels(count=16):
    return np.arange(count) % 10


def step(model):
    """Train for one step, without the seconds that tracing a backbone takes."""
    model.run_eagerly = True
    model.fit(images(), labels(), verbose=0)


def weights_of(model):
    return {weight.path: np.array(weight.numpy()) for weight in model.weights}


def changed(before, after):
    return {path for path in before if (before[path] != after[path]).any()}


def same(first, second):
    return all(
        np.array_equal(one, other)
        for one, other in zip(first.get_weights(), second.get_weights(), strict=True)
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Weights of MobileNet as somebody trained them."""
    keras.utils.set_random_seed(5)
    network = keras.applications.MobileNet(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # the statistics of a batch, so that features vary and gradients arrive everywhere
            layer.moving_variance.assign(layer.moving_variance * 0.05)
    path = tmp_path_factory.mktemp("weights") / "trained.weights.h5"
    network.save_weights(path)
    return path


@pytest.fixture
def download(monkeypatch, tmp_path):
    """Keras's download, replaced by what a test gives; it lists the names asked for."""
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


class TestTable:
    def test_has_a_row_for_every_level_and_no_other(self):
        assert tuple(BACKBONES) == get_args(get_args(Backbone)[0])

    @pytest.mark.parametrize("level", BACKBONES)
    def test_scales_pixels_as_the_networks_own_module_does(self, level):
        pixels = images(2, (4, 5, 3))
        module = getattr(keras.applications, MODULES.get(level, level))
        expected = module.preprocess_input(pixels * 255)
        found = ImageNetPixels(BACKBONES[level].mode)(pixels)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)

    @pytest.mark.parametrize("level", BACKBONES)
    def test_networks_have_the_published_sizes_at_the_smallest_input_and_take_none_smaller(
        self, level
    ):
        side = BACKBONES[level].smallest
        model = build(backbone=level, input_shape=(side, side, 1), compile=False)
        parameters, width = PUBLISHED[level]
        assert backbone_of(model).count_params() == parameters
        assert backbone_of(model).output_shape == (None, width)
        assert sum(map(np.size, model.trainable_weights)) == (width + 1) * 10
        with pytest.raises(ValueError, match="nput size must be at least"):
            getattr(keras.applications, BACKBONES[level].function)(
                include_top=False, weights=None, input_shape=(side - 1, side, 3)
            )


class TestPixels:
    def test_one_channel_is_repeated_to_three(self):
        gray = images(2, (4, 4, 1))
        colored = np.repeat(gray, 3, axis=-1)
        layer = ImageNetPixels("caffe")
        np.testing.assert_array_equal(layer(gray), layer(colored))

    def test_channels_may_come_first(self):
        pixels = images(2, (4, 5, 3))
        last = np.asarray(ImageNetPixels("torch")(pixels))
        first = ImageNetPixels("torch", data_format="channels_first")
        np.testing.assert_allclose(first(pixels.transpose(0, 3, 1, 2)), last.transpose(0, 3, 1, 2))

    def test_survives_its_configuration(self):
        layer = ImageNetPixels("tf", data_format="channels_first", name="pixels")
        again = ImageNetPixels.from_config(layer.get_config())
        assert again.get_config() == layer.get_config()

    def test_the_input_is_left_as_it_was(self):
        pixels = images(2, (4, 5, 3))
        before = pixels.copy()
        ImageNetPixels("tf")(pixels)
        np.testing.assert_array_equal(pixels, before)


class TestStart:
    def test_a_seed_sets_all_weights(self):
        first, second = build(seed=1), build(seed=1)
        assert same(first, second)
        assert [weight.path for weight in first.weights] == [
            weight.path for weight in second.weights
        ]
        other = build(seed=2).get_weights()
        assert (first.get_weights()[0] != other[0]).any()
        assert (first.get_weights()[-2] != other[-2]).any()

    def test_layers_that_keras_names_start_alike_whatever_was_built_before(self):
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

    def test_the_head_has_its_toggles(self):
        model = build(classes=2, loss="binary_crossentropy", dropout=0.5, name="pets")
        assert [layer.name for layer in model.layers] == [
            *("input", "pixels", "backbone", "dropout", "head")
        ]
        assert model.name == "pets"
        assert model.output_shape == (None, 1)
        assert model.get_layer("head").activation is keras.activations.sigmoid

    def test_toggles_of_hidden_layers_are_not_taken(self):
        assert list(cnnzoo.toggles("transfer")) == [
            *("backbone", "dropout", "weight_decay", "kernel_initializer"),
            *("loss", "label_smoothing", "logits", "optimizer", "learning_rate"),
        ]
        with pytest.raises(ToggleError, match=r"^`transfer` has no toggle `normalization`"):
            build(normalization="batch")

    def test_help_tells_of_weights_and_unfreeze(self):
        lines = cnnzoo.transfer.__doc__.splitlines()
        assert lines[lines.index("weights") + 1].startswith("    Weights that the backbone starts")
        assert lines[lines.index("unfreeze") + 1].startswith("    Layers of the backbone that tr")


class TestFiles:
    def test_weights_come_from_a_file_whatever_the_seed(self, file):
        plain = keras.applications.MobileNet(
            include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
        )
        plain.load_weights(file)
        for settings in ({}, {"seed": 1, "unfreeze": "all"}):
            assert same(backbone_of(build(weights=file, **settings)), plain)

    def test_the_seed_still_sets_the_head(self, file):
        head = build(weights=file, seed=1).get_layer("head")
        assert same(head, build(weights=None, seed=1).get_layer("head"))

    def test_features_are_those_that_keras_computes(self, file):
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
    def test_a_backbone_that_was_saved_is_loaded(self, file, suffix, tmp_path):
        backbone = backbone_of(build(weights=file))
        path = tmp_path / f"saved{suffix}"
        backbone.save(path)
        assert same(backbone_of(build(weights=path)), backbone)

    def test_a_missing_file_is_named(self, tmp_path):
        path = tmp_path / "lost.weights.h5"
        with pytest.raises(cnnzoo.WeightsError) as caught:
            build(weights=path)
        assert str(caught.value) == f"`weights` of `transfer`: there is no file {path}."

    def test_a_file_of_another_network_is_named(self, file):
        with pytest.raises(cnnzoo.WeightsError) as caught:
            build(weights=file, backbone="mobilenet_v2")
        assert str(caught.value).startswith(
            f"`weights` of `transfer`: {file} does not hold the weights of mobilenet_v2 without "
            "its top ("
        )
        assert "\n" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None

    def test_a_file_that_is_no_weights_file_is_named(self, tmp_path):
        for suffix in (".weights.h5", ".h5", ".keras"):
            path = tmp_path / f"text{suffix}"
            path.write_text("no weights")
            with pytest.raises(cnnzoo.WeightsError, match="does not hold the weights of mob"):
                build(weights=path)

    @pytest.mark.parametrize(
        ("given", "end"),
        [
            ("imagnet", "'imagnet'; did you mean 'imagenet'?"),
            ("weights.npz", "'weights.npz'."),
        ],
    )
    def test_another_kind_of_file_is_refused(self, given, end):
        with pytest.raises(ToggleError) as caught:
            build(weights=given)
        assert str(caught.value) == (
            "`weights` of `transfer` must be None, 'imagenet' or the path of a file that ends in "
            f".weights.h5, .h5, .hdf5, .keras; got {end}"
        )

    def test_weights_that_are_no_path_are_refused(self):
        with pytest.raises(ToggleError) as caught:
            build(weights=True)
        assert str(caught.value) == (
            "`weights` of `transfer` must be None, 'imagenet' or a path; got True."
        )


class TestImageNet:
    def test_the_weights_are_kerass_own(self, download, file, tmp_path):
        network = backbone_of(build(weights=file))
        network.save(tmp_path / "download.h5")
        asked = download(tmp_path / "download.h5")
        model = build(weights="imagenet", seed=0)
        assert asked == ["mobilenet_1_0_224_tf_no_top.h5"]
        assert same(backbone_of(model), network)
        assert len(model.trainable_weights) == 2

    def test_a_failed_download_says_what_else_would_do(self, download, tmp_path):
        download(Exception(NO_NETWORK))
        with pytest.raises(cnnzoo.WeightsError) as caught:
            cnnzoo.build("transfer", backbone="vgg16")
        assert str(caught.value) == (
            "`weights` of `transfer`: the ImageNet weights of vgg16 are not to be had "
            f"({NO_NETWORK}). Keras downloads them once and keeps them in {tmp_path}/models; a "
            "file there that is cut short must be deleted. Without a network give weights=None "
            "for random weights, or the path of a file with the backbone's weights."
        )
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None

    def test_a_download_is_given_up_without_an_answer_and_the_patience_put_back(self, monkeypatch):
        import socket

        seen = []

        def get_file(*_, **__):
            seen.append(socket.getdefaulttimeout())
            raise TimeoutError("timed out")

        monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
        with pytest.raises(cnnzoo.WeightsError, match=r"are not to be had \(timed out\)"):
            cnnzoo.build("transfer")
        assert seen == [30]
        assert socket.getdefaulttimeout() is None

    def test_efficientnets_file_gives_what_keras_makes_of_it(self, download, tmp_path):
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


class TestFreezing:
    def test_a_frozen_backbone_keeps_all_its_weights_while_the_head_trains(self, file):
        model = build(weights=file, seed=0)
        before = weights_of(model)
        step(model)
        assert changed(before, weights_of(model)) == {"head/kernel", "head/bias"}

    def test_layers_train_from_the_one_named_on_and_keep_their_statistics(self, file):
        model = build(weights=file, unfreeze="conv_dw_13", seed=0)
        names = [layer.name for layer in backbone_of(model).layers if layer.weights]
        later = names[names.index("conv_dw_13") :]
        assert later == ["conv_dw_13", "conv_dw_13_bn", "conv_pw_13", "conv_pw_13_bn"]
        # two kernels, gamma and beta twice, the head's kernel and bias
        assert len(model.trainable_weights) == 8
        before = weights_of(model)
        step(model)
        assert changed(before, weights_of(model)) == {
            *("conv_dw_13/kernel", "conv_dw_13_bn/gamma", "conv_dw_13_bn/beta"),
            *("conv_pw_13/kernel", "conv_pw_13_bn/gamma", "conv_pw_13_bn/beta"),
            *("head/kernel", "head/bias"),
        }

    def test_a_pretrained_backbone_that_trains_as_a_whole_keeps_its_statistics(self, file):
        model = build(weights=file, unfreeze="all", seed=0)
        assert len(model.trainable_weights) == 81 + 2  # MobileNet's 27 kernels, gammas, betas
        before = weights_of(model)
        step(model)
        after = changed(before, weights_of(model))
        assert "conv1/kernel" in after
        assert not [path for path in after if "moving" in path]

    def test_statistics_are_learned_from_scratch(self):
        model = build(unfreeze="all", seed=0)
        assert not isinstance(backbone_of(model), InferenceModel)
        assert len(model.trainable_weights) == 81 + 2
        before = weights_of(model)
        step(model)
        moving = {path for path in before if "moving" in path}
        assert len(moving) == 54
        assert moving <= changed(before, weights_of(model))

    def test_features_do_not_depend_on_the_training_mode(self, file):
        model = build(weights=file, unfreeze="all", compile=False)
        pixels = model.get_layer("pixels")(images())
        backbone = backbone_of(model)
        np.testing.assert_array_equal(backbone(pixels, training=True), backbone(pixels))

    def test_weight_decay_reaches_the_layers_that_train_and_no_other(self, file):
        model = build(weights=file, unfreeze="conv_dw_13", weight_decay=0.5)
        backbone = backbone_of(model)
        kernels = [
            backbone.get_layer("conv_dw_13").kernel,
            backbone.get_layer("conv_pw_13").kernel,
            model.get_layer("head").kernel,
        ]
        expected = sum(0.5 * (np.asarray(kernel) ** 2).sum() for kernel in kernels)
        assert sum(map(float, model.losses)) == pytest.approx(expected, rel=1e-4)
        assert len(keras.models.clone_model(model).losses) == 3
        assert len(build(weight_decay=0.5).losses) == 1
        adamw = build(unfreeze="all", weight_decay=0.5, optimizer="adamw")
        assert adamw.losses == []

    def test_an_unknown_layer_is_refused_with_the_nearest_name(self):
        with pytest.raises(ToggleError) as caught:
            build(unfreeze="block_99_expand", backbone="mobilenet_v2")
        assert str(caught.value) == (
            "`unfreeze` of `transfer` must be 'none', 'all' or the name of a layer of "
            "mobilenet_v2; got 'block_99_expand'; did you mean 'block_9_expand'?"
        )


class TestShapes:
    @pytest.mark.parametrize("shape", [(32, 32, 2), (64, 3), (32, 32, 4)])
    def test_only_images_of_one_or_three_channels_are_taken(self, shape):
        with pytest.raises(ToggleError) as caught:
            build(input_shape=shape)
        assert str(caught.value) == (
            "`input_shape` of `transfer`: a backbone takes images, (height, width, channels) with "
            f"1 or 3 channels; got {shape}."
        )

    def test_a_size_below_the_smallest_is_refused(self):
        with pytest.raises(ToggleError) as caught:
            build(backbone="inception_v3", input_shape=(96, 74, 3))
        assert str(caught.value) == (
            "`input_shape` of `transfer`: inception_v3 takes images from 75x75 pixels; got 96x74."
        )

    def test_sides_may_differ(self):
        assert build(input_shape=(32, 50, 1), compile=False).input_shape == (None, 32, 50, 1)

    def test_channels_may_come_first(self, channels_first):
        model = build(input_shape=(32, 40, 1), compile=False)
        assert model.input_shape == (None, 1, 32, 40)
        assert backbone_of(model).input_shape == (None, 3, 32, 40)

    def test_networks_for_channels_last_say_so(self, channels_first):
        for level in ("convnext_tiny", "nasnet_mobile"):
            with pytest.raises(ToggleError) as caught:
                build(backbone=level)
            assert str(caught.value) == (
                f"`backbone` of `transfer`: {level} takes no images in the format channels_first."
            )


class TestSaving:
    def test_copies_of_a_model_are_as_frozen_as_it_is(self, file, tmp_path):
        model = build(weights=file, unfreeze="conv_dw_13")
        step(model)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
        np.testing.assert_allclose(loaded(images()), model(images()), rtol=1e-4, atol=1e-6)
        names = [weight.path for weight in model.trainable_weights]
        for copy in (
            loaded,
            keras.models.clone_model(model),
            keras.Model.from_config(model.get_config()),
        ):
            assert [weight.path for weight in copy.trainable_weights] == names
            assert isinstance(backbone_of(copy), InferenceModel)
        before = weights_of(loaded)
        step(loaded)
        after = changed(before, weights_of(loaded))
        assert "head/kernel" in after
        assert not [path for path in after if "moving" in path]

    def test_a_summary_shows_the_backbone_as_one_layer(self):
        lines = []
        cnnzoo.build("transfer", weights=None).summary(print_fn=lines.append)
        text = "\n".join(lines)
        assert "2,257,984" in text
        assert "Trainable params: 12,810" in text

    def test_mixed_precision_keeps_pixels_and_head_in_full_precision(self, mixed_precision, file):
        model = build(weights=file)
        kinds = {layer.name: layer.compute_dtype for layer in model.layers}
        assert kinds["pixels"] == kinds["head"] == "float32"
        assert backbone_of(model).get_layer("conv1").compute_dtype == "float16"
        assert np.isfinite(model(images())).all()


def test_importing_the_zoo_and_listing_it_loads_no_keras():
    code = (
        "import sys, cnnzoo; cnnzoo.toggles('transfer'); cnnzoo.WeightsError; "
        "sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0

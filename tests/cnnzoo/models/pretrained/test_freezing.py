"""Layers that train, and their state after saving."""

import keras
import numpy as np
import pytest
from helpers.transfer_models import backbone_of, build, changed, images, step, weights_of

import cnnzoo
from cnnzoo.models.backbones import InferenceModel
from cnnzoo.toggle import ToggleError


class TestFreezing:
    def test_frozen_backbone_keeps_its_weights(self, file):
        model = build(weights=file, seed=0)
        before = weights_of(model)
        step(model)
        assert changed(before, weights_of(model)) == {"head/kernel", "head/bias"}

    def test_layers_from_the_named_one_train(self, file):
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

    def test_unfrozen_pretrained_backbone_keeps_its_statistics(self, file):
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

    def test_weight_decay_applies_to_the_layers_that_train(self, file):
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

    def test_unknown_layer_is_refused_with_the_nearest_name(self):
        with pytest.raises(ToggleError) as caught:
            build(unfreeze="block_99_expand", backbone="mobilenet_v2")
        assert str(caught.value) == (
            "`unfreeze` of `transfer`: expected 'none', 'all' or the name of a layer of "
            "mobilenet_v2; got 'block_99_expand'; did you mean 'block_9_expand'?"
        )


class TestSaving:
    def test_copies_of_a_model_are_equally_frozen(self, file, tmp_path):
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

    def test_summary_shows_the_backbone_as_one_layer(self):
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

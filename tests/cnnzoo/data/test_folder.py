"""Image folders written by Pillow."""

import numpy as np
import pytest
from PIL import Image

from cnnzoo.data import DataError, load_data


def write(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path, **options)


def fill(folder, classes=("cat", "dog"), n=10, suffix="png"):
    """Grey 4x6 images; every pixel of image i of class c is 100 c + i."""
    for c, name in enumerate(classes):
        for i in range(n):
            write(folder / name / f"{i}.{suffix}", np.full((4, 6), 100 * c + i))
    return folder


def refusal(spec):
    with pytest.raises(DataError) as caught:
        load_data(spec)
    return str(caught.value)


def one_bad(name, reason, spec):
    return (
        f"1 image of {spec!r} cannot be used: {name!r} {reason}; replace it, or pass skip_bad=True "
        "to leave it out."
    )


def test_class_folders_give_names_labels_and_exact_png_pixels(tmp_path):
    data = load_data(f"folder:{fill(tmp_path)}", normalize="none")
    assert data.info.class_names == ("cat", "dog")
    assert data.info.input_shape == (4, 6, 1)
    assert data.info.sizes == (16, 2, 2)
    everything = np.concatenate([data.train.x, data.validation.x, data.test.x])
    labels = np.concatenate([data.train.y, data.validation.y, data.test.y])
    assert np.ptp(everything, axis=(1, 2, 3)).max() == 0
    values = everything[:, 0, 0, 0]
    assert sorted(values) == [*range(10), *range(100, 110)]
    np.testing.assert_array_equal(labels, values // 100)


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "JPG"])
def test_jpeg_pixels_are_those_that_were_written_but_for_compression(suffix, tmp_path):
    rng = np.random.default_rng(0)
    colours = {}
    for c, name in enumerate("ab"):
        for i in range(5):
            colours[c, i] = rng.integers(0, 256, 3)
            write(
                tmp_path / name / f"{i}.{suffix}",
                np.broadcast_to(colours[c, i], (8, 8, 3)),
                format="JPEG",
                quality=95,
            )
    data = load_data(f"folder:{tmp_path}", normalize="none", validation=0, test=0)
    assert data.info.input_shape == (8, 8, 3)
    for (c, _), colour in colours.items():
        distance = np.abs(data.train.x - colour).max(axis=(1, 2, 3))
        assert distance.min() <= 4
        assert data.train.y[distance.argmin()] == c


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("train", "validation", "test"),
        ("train", "valid", "Test"),
        ("Training", "dev", "testing"),
    ],
)
def test_folders_of_splits_are_kept(train, validation, test, tmp_path):
    fill(tmp_path / train, n=10)
    fill(tmp_path / test, n=3)
    fill(tmp_path / validation, n=2)
    data = load_data(f"folder:{tmp_path}", normalize="none")
    assert data.info.sizes == (20, 4, 6)
    np.testing.assert_array_equal(data.test.x[:, 0, 0, 0], [0, 1, 2, 100, 101, 102])
    np.testing.assert_array_equal(data.test.y, [0, 0, 0, 1, 1, 1])


def test_a_class_may_be_called_train(tmp_path):
    data = load_data(f"folder:{fill(tmp_path, classes=('plane', 'train'))}")
    assert data.info.class_names == ("plane", "train")


def test_grey_images_among_coloured_ones_get_three_equal_channels(tmp_path):
    fill(tmp_path, n=4)
    write(tmp_path / "cat" / "colour.png", np.full((4, 6, 3), (1, 2, 3)))
    data = load_data(f"folder:{tmp_path}", normalize="none", validation=0, test=0)
    assert data.info.input_shape == (4, 6, 3)
    pixels = data.train.x[:, 0, 0].astype(int).tolist()
    assert [1, 2, 3] in pixels
    assert [103, 103, 103] in pixels


def test_palettes_are_resolved_and_transparency_is_dropped(tmp_path):
    fill(tmp_path, n=4)
    image = Image.new("RGB", (6, 4), (10, 20, 30))
    image.convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "cat" / "p.png")
    write(tmp_path / "dog" / "a.png", np.full((4, 6, 4), (40, 50, 60, 0)))
    data = load_data(f"folder:{tmp_path}", normalize="none", validation=0, test=0)
    pixels = data.train.x[:, 0, 0].astype(int).tolist()
    assert [10, 20, 30] in pixels
    assert [40, 50, 60] in pixels


def test_hidden_and_other_files_are_left_out_and_counted(tmp_path):
    fill(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "README.txt").write_text("about")
    (tmp_path / "cat" / ".DS_Store").write_text("x")
    (tmp_path / "cat" / "._0.png").write_text("x")
    (tmp_path / "cat" / "notes.txt").write_text("x")
    write(tmp_path / "preview.png", np.zeros((2, 2)))
    data = load_data(f"folder:{tmp_path}")
    assert sum(data.info.sizes) == 20
    assert data.info.notes == (
        "hidden files left out: 4 ('.git', '__MACOSX', 'cat/.DS_Store', ...)",
        "files that are not images left out: 2 ('README.txt', 'cat/notes.txt')",
        "images outside the class folders left out: 1 ('preview.png')",
    )
    assert repr(data).endswith(f"2 test; {'; '.join(data.info.notes)}>")


def test_folders_that_are_not_splits_are_left_out_and_named(tmp_path):
    fill(tmp_path / "train")
    write(tmp_path / "unlabelled" / "0.png", np.zeros((4, 6)))
    data = load_data(f"folder:{tmp_path}")
    assert sum(data.info.sizes) == 20
    assert data.info.notes == ("folders that are not splits left out: 1 ('unlabelled')",)


def test_images_in_subfolders_of_a_class_are_read(tmp_path):
    fill(tmp_path, n=4)
    write(tmp_path / "cat" / "kittens" / "tabby" / "0.png", np.full((4, 6), 50))
    write(tmp_path / "dog" / "puppies" / "0.png", np.full((4, 6), 150))
    data = load_data(f"folder:{tmp_path}", normalize="none", validation=0, test=0)
    assert sorted(data.train.x[:, 0, 0, 0]) == [0, 1, 2, 3, 50, 100, 101, 102, 103, 150]
    np.testing.assert_array_equal(data.train.y, data.train.x[:, 0, 0, 0] // 100)
    assert data.info.notes == ()


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("bmp", {}),
        ("gif", {}),
        ("webp", {"lossless": True}),
        ("tiff", {}),
        ("pgm", {}),
        ("BMP", {}),
    ],
)
def test_formats_beside_png_are_read_exactly(suffix, options, tmp_path):
    fill(tmp_path, n=4)
    write(tmp_path / "cat" / f"extra.{suffix}", np.full((4, 6), 77), **options)
    data = load_data(f"folder:{tmp_path}", normalize="none", validation=0, test=0)
    pixels = data.train.x[data.train.y == 0]
    assert sorted(pixels[:, 0, 0, 0]) == [0, 1, 2, 3, 77]
    assert np.ptp(pixels, axis=(1, 2, 3)).max() == 0


@pytest.mark.parametrize("suffix", ["gif", "webp", "tif"])
def test_an_image_of_several_frames_is_refused(suffix, tmp_path):
    fill(tmp_path)
    file = tmp_path / "cat" / f"moving.{suffix}"
    first, *others = (Image.fromarray(np.full((4, 6), 100 * i, np.uint8)) for i in range(3))
    first.save(file, save_all=True, append_images=others)
    reason = "has 3 frames (save the one to use as PNG)"
    assert refusal(f"folder:{tmp_path}") == one_bad(
        f"cat/moving.{suffix}", reason, f"folder:{tmp_path}"
    )


def test_all_bad_images_are_named_at_once_and_can_be_left_out(tmp_path):
    fill(tmp_path, suffix="jpg")
    good = load_data(f"folder:{fill(tmp_path / 'good')}", image_size=8, normalize="none")
    fill(tmp_path / "some")
    write(tmp_path / "some" / "dog" / "cut.jpg", np.random.default_rng(0).integers(0, 256, (4, 6)))
    content = (tmp_path / "some" / "dog" / "cut.jpg").read_bytes()
    (tmp_path / "some" / "dog" / "cut.jpg").write_bytes(content[:-20])
    (tmp_path / "some" / "cat" / "empty.png").touch()
    for i in range(10):
        (tmp_path / "some" / "dog" / f"{i}.heic").write_bytes(b"x")
    spec = f"folder:{tmp_path}/some"
    message = refusal(spec)
    assert message.startswith(
        f"12 images of '{spec}' cannot be used: 'cat/empty.png' is not an image, 'dog/0.heic' is "
        "in a format that is not read (convert it to PNG), 'dog/1.heic' is"
    )
    assert message.endswith(", and 2 more; replace them, or pass skip_bad=True to leave them out.")
    data = load_data(spec, image_size=8, skip_bad=True, normalize="none")
    assert data.info.notes[0] == (
        "images that cannot be used left out: 12 ('cat/empty.png', 'dog/0.heic', 'dog/1.heic', ...)"
    )
    assert data.info.fingerprint == good.info.fingerprint
    np.testing.assert_array_equal(data.train.x, good.train.x)


def test_a_class_of_bad_images_only_is_refused(tmp_path):
    fill(tmp_path, classes=("cat",))
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "0.png").touch()
    with pytest.raises(DataError) as caught:
        load_data(tmp_path, skip_bad=True)
    assert str(caught.value) == (
        f"'folder:{tmp_path}' has no image of the class 'dog' that can be used; "
        "left out: 1 ('dog/0.png')."
    )


def test_links_are_followed_and_broken_ones_refused(tmp_path):
    fill(tmp_path / "store", classes=("mouse",))
    fill(tmp_path / "animals")
    (tmp_path / "animals" / "eel").symlink_to(tmp_path / "store" / "mouse")
    spec = f"folder:{tmp_path}/animals"
    assert load_data(spec).info.class_names == ("cat", "dog", "eel")
    link = tmp_path / "animals" / "cat" / "lost.png"
    link.symlink_to(tmp_path / "nothing.png")
    assert refusal(spec) == one_bad("cat/lost.png", "is a link to a file that does not exist", spec)
    link.unlink()
    link = tmp_path / "animals" / "cat" / "more"
    link.symlink_to(tmp_path / "animals" / "cat")
    assert refusal(spec) == (
        f"The folder '{link}' of '{spec}' is a link to a folder that it lies in; remove it."
    )


def test_a_missing_folder_names_its_nearest_neighbour(tmp_path):
    fill(tmp_path / "flowers")
    assert refusal(f"folder:{tmp_path}/flower") == (
        f"'folder:{tmp_path}/flower' does not exist; did you mean 'flowers'?"
    )


def test_a_file_is_no_folder(tmp_path):
    file = tmp_path / "a.png"
    write(file, np.zeros((2, 2)))
    assert refusal(f"folder:{file}") == (
        f"'folder:{file}': expected a folder of class folders; got a file."
    )


def test_images_without_class_folders_are_refused(tmp_path):
    write(tmp_path / "a.png", np.zeros((2, 2)))
    assert refusal(f"folder:{tmp_path}") == (
        f"'folder:{tmp_path}' has no class folders; put images into one folder per class, such as "
        f"'{tmp_path}/cat'."
    )


@pytest.mark.parametrize(
    ("others", "holds"), [((), "nothing"), (("a.txt", "b.csv"), "2 other files")]
)
def test_an_empty_class_folder_is_refused(others, holds, tmp_path):
    fill(tmp_path)
    (tmp_path / "eel" / "inner").mkdir(parents=True)
    for other in others:
        (tmp_path / "eel" / "inner" / other).write_text("x")
    assert refusal(f"folder:{tmp_path}") == (
        f"The class folder '{tmp_path}/eel' of 'folder:{tmp_path}' has no image (.bmp, .gif, "
        ".jfif, .jpeg, .jpg, .pbm, .pgm, .png, .ppm, .tif, .tiff, .webp); it holds "
        f"{holds}."
    )


def test_images_of_several_sizes_are_refused_with_the_commonest(tmp_path):
    fill(tmp_path)
    for i in range(3):
        write(tmp_path / "dog" / f"{i}.png", np.zeros((5 + i, 9)))
    assert refusal(f"folder:{tmp_path}") == (
        f"The images of 'folder:{tmp_path}' have 4 sizes (height x width), most often 4x6 (17), "
        "5x9 (1), 6x9 (1); give them one size with image_size=64, or (height, width), of "
        "`load_data`; a study sets it in `baseline` or `factors`."
    )


def test_a_16_bit_image_is_refused(tmp_path):
    fill(tmp_path)
    Image.fromarray(np.full((4, 6), 40000, np.uint16)).save(tmp_path / "dog" / "3.png")
    assert refusal(f"folder:{tmp_path}") == one_bad(
        "dog/3.png", "has pixels of more than 8 bits (mode I;16; convert it)", f"folder:{tmp_path}"
    )


def test_train_and_test_must_have_the_same_classes(tmp_path):
    fill(tmp_path / "train")
    fill(tmp_path / "test", classes=("cat", "dogs"))
    assert refusal(f"folder:{tmp_path}") == (
        f"'folder:{tmp_path}' (test) has the class 'dogs', which train lacks; did you mean 'dog'?"
    )
    fill(tmp_path / "b" / "train")
    fill(tmp_path / "b" / "test", classes=("cat",))
    assert refusal(f"folder:{tmp_path}/b") == (
        f"'folder:{tmp_path}/b' (test) lacks the class 'dog', which train has."
    )


def test_a_test_folder_without_train_is_refused(tmp_path):
    fill(tmp_path / "test")
    assert refusal(f"folder:{tmp_path}") == (
        f"'folder:{tmp_path}' has test/ but no class folders in train/."
    )


def test_two_validation_folders_are_refused(tmp_path):
    for split in ("train", "val", "validation"):
        fill(tmp_path / split)
    assert refusal(f"folder:{tmp_path}") == (
        f"'folder:{tmp_path}' has both val/ and validation/; keep one."
    )


NO_SPLIT = "The splits: 'train', 'validation', 'test'."


@pytest.mark.parametrize(
    ("folders", "sentence"),
    [
        (
            ["tarin"],
            f"has the folder 'tarin', which is not a split; did you mean 'train'? {NO_SPLIT}",
        ),
        (
            ["tarin", "test"],
            f"has the folder 'tarin', which is not a split; did you mean 'train'? {NO_SPLIT}",
        ),
        (
            ["train", "tset"],
            f"has the folder 'tset', which is not a split; did you mean 'test'? {NO_SPLIT}",
        ),
        (
            ["train", "test", "holdout"],
            f"has the folder 'holdout', which is not a split. {NO_SPLIT}",
        ),
        (["dev", "Test"], "has Test/, dev/ but no class folders in train/."),
        (["train", "dev", "Valid"], "has both Valid/ and dev/; keep one."),
        (["train", "Training"], "has both Training/ and train/; keep one."),
    ],
)
def test_folders_that_may_be_splits_are_refused(folders, sentence, tmp_path):
    for folder in folders:
        fill(tmp_path / folder, n=2)
    assert refusal(f"folder:{tmp_path}") == f"'folder:{tmp_path}' {sentence}"


def test_a_split_beside_class_folders_is_refused(tmp_path):
    fill(tmp_path)
    fill(tmp_path / "test")
    assert refusal(f"folder:{tmp_path}") == (
        f"'folder:{tmp_path}' has test/ but no class folders in train/."
    )


def test_classes_and_splits_that_look_alike_are_asked_for(tmp_path):
    for folder in ("main", "rest"):
        fill(tmp_path / folder)
    assert refusal(f"folder:{tmp_path}") == (
        f"The folders 'main', 'rest' of 'folder:{tmp_path}' hold the same folders, 'cat', 'dog', "
        "so they may be splits or classes. Name splits train/, validation/ and test/; move "
        "classes into a folder train/."
    )
    (tmp_path / "train").mkdir()
    for folder in ("main", "rest"):
        (tmp_path / folder).rename(tmp_path / "train" / folder)
    assert load_data(f"folder:{tmp_path}").info.class_names == ("main", "rest")


def test_a_split_without_class_folders_is_refused(tmp_path):
    fill(tmp_path / "train")
    write(tmp_path / "test" / "0.png", np.zeros((4, 6)))
    assert refusal(f"folder:{tmp_path}") == (
        f"'folder:{tmp_path}' has no class folders in test/; put its images into one folder "
        "per class, or move test/ out of it."
    )


@pytest.mark.parametrize("outer", ["archive", "train/images"])
def test_class_folders_a_level_too_deep_are_refused(outer, tmp_path):
    fill(tmp_path / outer)
    assert refusal(f"folder:{tmp_path}") == (
        f"'folder:{tmp_path}' has a single class, '{outer.rpartition('/')[2]}', which holds the "
        "folders 'cat', 'dog'; if these are the classes or the splits, move them a level up."
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Cat", "has the class 'Cat', which train lacks; did you mean 'cat'?"),
        ("eel", "has the class 'eel', which train lacks."),
    ],
)
def test_a_class_that_train_lacks_is_answered_by_the_nearest(name, sentence, tmp_path):
    fill(tmp_path / "train")
    fill(tmp_path / "test", classes=(name, "dog"))
    assert refusal(f"folder:{tmp_path}") == f"'folder:{tmp_path}' (test) {sentence}"


def test_the_fingerprint_of_class_folders_stays_as_it_was(tmp_path):
    for part, n in (("train", 12), ("test", 12), ("val", 12)):
        fill(tmp_path / part, n=n)
    assert load_data(f"folder:{tmp_path}").info.fingerprint[:16] == "b961521a0d1b08ec"
    resized = load_data(f"folder:{tmp_path}", image_size=2)
    assert resized.info.fingerprint[:16] == "b961521a0d1b08ec"

"""Planted importance: a branch that carries the signal, and one that sees noise only.

Draws data and trains a study of both branches many times. Retraining and `ablations.importance`
should rank the branch with the signal first. Without the other branch the verdict should be
"equivalent" as often as the power of the test says, and seldom "better" or "worse"::

    python tests/benchmarks/planted_parts.py --studies 14 \
        --markdown tests/benchmarks/results/planted_parts.md

Without `--markdown` it prints the result only.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
from keras import layers
from scipy import stats

import ablations
import cnnzoo
from ablations.stats.paired_t import equivalence_power
from cnnzoo.doctor import after_training

EXAMPLES = 600
SEEDS = 8
METRIC = "test_loss"

MARGIN = 0.02
"""Margin of equivalence of the loss, in nats."""

FLIPPED = 0.1
"""Share of labels that are wrong, so that no network is always right."""

HOWS = ("mean", "zero", "resample")

HEADER = """# Planted importance

Studies of a network with two branches, of which one sees the signal and the other one independent
noise, by `tests/benchmarks/planted_parts.py`. The class is the sign of the product of two channels,
which no linear substitute of a branch tells; {flipped:.0%} of the labels are flipped. Each study
draws its own {examples} examples and has {seeds} seeds. Keras {keras}, {minutes:.0f} minutes of
processor time.

"""


def planted(seed):
    """Return images and labels: two channels with the signal and two of noise."""
    random = np.random.default_rng(seed)
    values = random.choice([-1.0, 1.0], size=(EXAMPLES, 4))
    values *= random.uniform(0.5, 1.5, size=values.shape)
    images = np.broadcast_to(values[:, None, None, :], (EXAMPLES, 2, 2, 4)).astype("float32")
    labels = (values[:, 0] * values[:, 1] > 0).astype(int)
    flipped = random.random(EXAMPLES) < FLIPPED
    return images, np.where(flipped, 1 - labels, labels)


def two_branches():
    """Return a compiled network whose branch "signal" sees two channels, "noise" the others."""
    inputs = keras.Input((2, 2, 4), name="images")
    branches = [
        layers.GlobalAveragePooling2D(name=f"{name}_pooled")(
            layers.Conv2D(12, 1, activation="relu", name=name)(inputs[..., start : start + 2])
        )
        for name, start in (("signal", 0), ("noise", 2))
    ]
    joined = layers.Concatenate(name="joined")(branches)
    model = keras.Model(inputs, layers.Dense(2, activation="softmax", name="head")(joined))
    model.compile(keras.optimizers.Adam(0.03), "sparse_categorical_crossentropy")
    return model


def one_study(number, folder):
    """Return what one study and the importance in one trained network find."""
    arrays = planted(number)
    recipe = cnnzoo.Recipe(epochs=6, batch_size=16)
    study = ablations.Study(
        two_branches(),
        data=arrays,
        parts=["signal", "noise"],
        seeds=SEEDS,
        recipe=recipe,
        baseline={"normalize": "none"},
        margins={"loss": MARGIN},
        metrics=["loss"],
        name=f"planted{number}",
    )
    results = ablations.run(study, Path(folder) / str(number), engine="serial", progress=False)
    deltas = results.deltas().set_index(["factor", "metric"])
    signal, noise = (deltas.loc[(f"part:{name}", METRIC)] for name in ("signal", "noise"))
    by_seed = results.trials.pivot_table(METRIC, "seed", "variant")
    found = {
        "retraining": signal["delta"] > noise["delta"],
        "signal": str(signal["verdict"]),
        "noise": str(noise["verdict"]),
        "delta": float(noise["delta"]),
        "sd": float((by_seed["part:noise=remove"] - by_seed["baseline"]).std()),
    }
    keras.utils.set_random_seed(number)
    data, model = cnnzoo.load_data(arrays, normalize="none"), two_branches()
    cnnzoo.train(model, data, recipe, verbose=0)
    for how in HOWS:
        table = ablations.importance(model, data, level="layers", how=how)
        loss = table[table["metric"] == "loss"].set_index("part")["delta"]
        found[how] = loss["signal"] > loss["noise"]
    return found


def share(hits):
    """Return the share of hits with its exact interval (Clopper and Pearson)."""
    interval = stats.binomtest(int(sum(hits)), len(hits)).proportion_ci(method="exact")
    return (
        f"{sum(hits)} of {len(hits)} ({np.mean(hits):.0%}; 95% CI {interval.low:.1%} to "
        f"{interval.high:.1%})"
    )


def summary(rows):
    """Return the results in Markdown."""
    table = pd.DataFrame(rows)
    delta, spread = table["delta"].mean(), float(np.sqrt((table["sd"] ** 2).mean()))
    between = table["delta"].std() / len(table) ** 0.5
    stated = equivalence_power(delta / spread, MARGIN / spread, SEEDS, 0.05 / 2)
    lines = [
        "| signal branch ranked first by | studies |",
        "| --- | --- |",
        f"| retraining without each branch | {share(table['retraining'])} |",
        *(f"| importance, {how} | {share(table[how])} |" for how in HOWS),
        "",
        "| verdict on the loss | signal branch removed | noise branch removed |",
        "| --- | --- | --- |",
        *(
            f"| {verdict} | {share(table['signal'] == verdict)} | "
            f"{share(table['noise'] == verdict)} |"
            for verdict in ("worse", "better", "equivalent", "inconclusive")
        ),
        "",
        f"Without the noise branch the loss changes by {delta:+.4f} (standard error "
        f"{between:.4f}) on average over the studies, with a standard deviation of {spread:.3f} "
        f"between the seeds of a study. With the margin {MARGIN} and two comparisons the power of "
        f"Student's t for equivalence is {stated:.0%} for these numbers. Deltas that count as "
        "skewed have the wider interval of the modified t, so fewer studies can be decided.",
    ]
    return "\n".join(lines)


def main():
    """Run the studies."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=10)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    after_training.CAUSES = ()  # looking for causes of bad results takes longer than a training
    start, rows = time.process_time(), []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.studies):
            rows.append(one_study(number, folder))
            print(number, round(time.process_time() - start), rows[-1], flush=True)
    minutes = (time.process_time() - start) / 60
    text = summary(rows)
    print(text)
    if options.markdown:
        header = HEADER.format(
            flipped=FLIPPED,
            examples=EXAMPLES,
            seeds=SEEDS,
            keras=keras.__version__,
            minutes=minutes,
        )
        options.markdown.write_text(f"{header}{text}\n")


if __name__ == "__main__":
    main()

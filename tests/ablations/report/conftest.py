"""A study made by hand with every kind of trial, verdict and level, and hostile texts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ablations.report import ReportContents
from ablations.stats import pareto
from ablations.stats.caveats import ONE_SEED

HOSTILE = '<b>&"x"</b>'
SCRIPT = "</script><script>alert(1)</script>"

VERSIONS = {"python": "3.11.2", "keras": "3.15.1", "tensorflow": "2.21.0", "cnnzoo": "0.1.0"}
MACHINE = {"host": "workbench", "cores": 2, "memory": "16 GiB"}

T_95 = {10: 2.262, 4: 3.182, 9: 2.306}


def make_trials(variants, metrics, seeds, rng, baseline_values):
    """Make trials paired by seed: a variant adds its effect to the shift of the seed."""
    shifts = {metric: rng.normal(0, 0.02, len(seeds)) for metric in metrics}
    rows = []
    for place, (name, factor, level, baseline, params, effects) in enumerate(variants):
        for at, seed in enumerate(seeds):
            row = {"variant": name, "factor": factor, "level": level, "baseline": baseline}
            row |= {"seed": seed, "status": "done", "params": params, "macs": params * 640}
            row["fit_seconds"] = 4.0 + params / 40_000 + rng.normal(0, 0.1)
            for metric, effect in zip(metrics, effects, strict=True):
                noise = rng.normal(0, 0.006)
                row[metric] = baseline_values[metric] + shifts[metric][at] + effect + noise
            rows.append(row | {"reason": "", "key": f"{place:04d}{seed:04d}"})
    frame = pd.DataFrame(rows)
    for name in ("factor", "level", "baseline"):
        frame[name] = pd.Series([row[name] for row in rows], dtype=object)
    return frame


def make_deltas(trials, metrics, verdicts):
    rows = []
    names = trials["variant"].unique()
    wide = {
        metric: trials.pivot_table(index="seed", columns="variant", values=metric).reindex(
            columns=names
        )
        for metric in metrics
    }
    labels = trials.drop_duplicates("variant").set_index("variant")
    for name in labels.index[1:]:
        for metric in metrics:
            both = wide[metric][["baseline", name]].dropna()
            differences = both[name] - both["baseline"]
            n = len(differences)
            sd = differences.std() if n > 1 else np.nan
            half = T_95.get(n, 2.1) * sd / np.sqrt(n) if n > 1 else np.nan
            verdict = verdicts.get((name, metric), verdicts.get(name, ""))
            rows.append(
                {
                    **{key: labels.loc[name, key] for key in ("factor", "level", "baseline")},
                    "metric": metric,
                    "baseline_mean": both["baseline"].mean(),
                    "level_mean": both[name].mean(),
                    "delta": differences.mean(),
                    "ci_low": differences.mean() - half,
                    "ci_high": differences.mean() + half,
                    "p": 0.6 if verdict == "inconclusive" else 0.0002 * (n % 7),
                    "p_adjusted": 1.0 if verdict == "inconclusive" else 0.0013 * (n % 7),
                    "n_pairs": n,
                    "n_failed": int((trials["variant"] == name).sum()) - n,
                    "verdict": verdict if n > 1 else "",
                    "variant": name,
                    "sd": sd,
                    "ci_method": "t",
                    "bca_low": np.nan,
                    "bca_high": np.nan,
                    "p_sign_flip": 0.0020,
                    "p_wilcoxon": 0.0020,
                    "p_better": 0.9,
                    "detectable": 2.9 * sd / np.sqrt(n) if n > 1 else np.nan,
                    "seeds_needed": 24.0 if verdict == "inconclusive" else float(n),
                    "notes": "1 of 10 pairs are missing" if n == 9 else "",
                }
            )
    frame = pd.DataFrame(rows)
    for name in ("level", "baseline"):
        frame[name] = pd.Series([row[name] for row in rows], dtype=object)
    return frame


def make_history(trials, epochs, rng):
    done = trials[trials["status"] == "done"]
    rows = []
    for row in done.itertuples():
        for epoch in range(1, epochs + 1):
            fall = np.exp(-epoch / 3)
            rows.append(
                {
                    "variant": row.variant,
                    "seed": row.seed,
                    "epoch": epoch,
                    "loss": row.test_loss * 0.8 + 1.4 * fall + rng.normal(0, 0.01),
                    "accuracy": row.test_accuracy + 0.01 - 0.5 * fall + rng.normal(0, 0.004),
                    "val_loss": row.test_loss + 1.3 * fall + rng.normal(0, 0.02),
                    "val_accuracy": row.test_accuracy - 0.5 * fall + rng.normal(0, 0.006),
                    "learning_rate": 0.001,
                }
            )
    return pd.DataFrame(rows)


METRICS = ("test_loss", "test_accuracy")


@pytest.fixture(scope="session")
def contents():
    """Several factors, ten seeds; failed, infeasible and pending trials; hostile texts."""
    rng = np.random.default_rng(7)
    variants = [
        ("baseline", None, None, None, 56_330, (0, 0)),
        ("pool_size=1", "pool_size", 1, 2, 130_058, (-0.012, 0.004)),
        ("pool_size=3", "pool_size", 3, 2, 39_946, (0.033, -0.011)),
        ("pool_size=4", "pool_size", 4, 2, 33_802, (0.108, -0.034)),
        ("normalization=batch", "normalization", "batch", "none", 56_586, (-0.041, 0.013)),
        ("skip=True", "skip", True, False, 56_330, (0.0005, 0.0004)),
        (f"augment={HOSTILE}", "augment", HOSTILE, "none", 56_330, (-0.004, 0.002)),
        (
            *("pool_size=4, normalization=batch", "pool_size + normalization", "4 + batch"),
            *("2 + none", 34_058, (0.025, -0.008)),
        ),
        ("filters=4096", "filters", 4096, 32, 9_000_000, (0, 0)),
        ("filters=1", "filters", 1, 32, 900, (0, 0)),
    ]
    baseline = {"test_loss": 0.251, "test_accuracy": 0.932}
    trials = make_trials(variants, METRICS, range(10), rng, baseline)
    where = trials["variant"]
    unfinished = {
        "failed": [
            (
                (where == "pool_size=3") & (trials["seed"] == 4),
                f"ValueError: {SCRIPT} | not finite",
            ),
        ],
        "infeasible": [
            (where == "filters=1", "`filters` of `downsampling` must be at least 2; got 1.")
        ],
        "pending": [(where == "filters=4096", "")],
    }
    for status, cases in unfinished.items():
        for rows, reason in cases:
            trials.loc[rows, "status"] = status
            trials.loc[rows, "reason"] = reason
            trials.loc[rows, ["fit_seconds", "params", "macs", *METRICS]] = np.nan
    verdicts = {
        "pool_size=1": "better",
        ("pool_size=1", "test_accuracy"): "inconclusive",
        "pool_size=3": "worse",
        "pool_size=4": "worse",
        "normalization=batch": "better",
        "skip=True": "equivalent",
        f"augment={HOSTILE}": "inconclusive",
        "pool_size=4, normalization=batch": "worse",
    }
    deltas = make_deltas(trials, METRICS, verdicts)
    deltas.loc[deltas["n_pairs"] == 0, ["p", "p_adjusted", "p_sign_flip", "p_wilcoxon"]] = np.nan
    deltas.loc[deltas["variant"] == "filters=1", "notes"] = "infeasible: not trained"
    done = trials[trials["status"] == "done"]
    costs = pd.concat([pareto(trials, metric) for metric in METRICS])
    changes = {"baseline": {}}
    for name, factor, level, *_ in variants[1:]:
        changes[name] = {factor: level}
    changes["pool_size=4, normalization=batch"] = {"pool_size": 4, "normalization": "batch"}
    stability = done.groupby("variant", sort=False)["test_loss"].agg(["std", "min", "max"])
    return ReportContents(
        study={
            "name": "downsampling & friends",
            "model": "downsampling",
            "data": "mnist5k",
            "design": "one-at-a-time",
            "factors": {
                "pool_size": [2, 4],
                "normalization": ["none", "batch"],
                "skip": [False, True],
                "augment": ["none", HOSTILE],
            },
            "baseline": {},
            "seeds": list(range(10)),
            "recipe": {"epochs": 12, "batch_size": 32, "schedule": "constant", "augment": "none"},
            "metrics": ["loss", "accuracy"],
        },
        deltas=deltas,
        trials=trials,
        history=make_history(trials, 12, rng),
        directory="studies/downsampling",
        findings=["The data has 12 duplicates between training and test."],
        variant_findings={
            "normalization=batch": [
                "training loss in inference mode is 0.4 above the training loss: the moving "
                "averages have not converged"
            ]
        },
        changes=changes,
        costs=costs,
        tables={"Stability": stability.reset_index()},
        versions=VERSIONS,
        machine=MACHINE,
        rerun="ablations run downsampling --to studies/downsampling",
    )


@pytest.fixture(scope="session")
def one_seed(contents):
    """The same study with one seed and one epoch: no interval, no verdict, no curve."""
    trials = contents.trials[contents.trials["seed"] == 0].reset_index(drop=True)
    deltas = make_deltas(trials, METRICS, {}).assign(ci_low=np.nan, ci_high=np.nan)
    deltas[["p", "p_adjusted", "p_sign_flip", "p_wilcoxon", "sd"]] = np.nan
    deltas["notes"] = np.where(deltas["n_pairs"] == 1, ONE_SEED, "")
    history = contents.history[(contents.history["seed"] == 0) & (contents.history["epoch"] == 1)]
    study = contents.study | {"seeds": [0]}
    one = replace(contents, study=study, trials=trials, deltas=deltas, history=history)
    return replace(one, costs=pd.concat([pareto(trials, metric) for metric in METRICS]))


@pytest.fixture(scope="session")
def many():
    """A hundred variants with ten seeds: 1,010 trials of 20 epochs."""
    rng = np.random.default_rng(3)
    variants = [("baseline", None, None, None, 50_000, (0, 0))]
    for level in range(100):
        effects = (rng.normal(0, 0.05), rng.normal(0, 0.02))
        variants.append((f"filters={level}", "filters", level, 32, 50_000 + 900 * level, effects))
    baseline = {"test_loss": 0.251, "test_accuracy": 0.932}
    trials = make_trials(variants, METRICS, range(10), rng, baseline)
    verdicts = {
        f"filters={level}": ("better", "worse", "inconclusive", "equivalent")[level % 4]
        for level in range(100)
    }
    return ReportContents(
        study={
            "name": "many",
            "model": "downsampling",
            "data": "mnist5k",
            "design": "one-at-a-time",
            "factors": {"filters": [32, *range(100)]},
            "baseline": {},
            "seeds": list(range(10)),
            "recipe": {"epochs": 20},
            "metrics": ["loss", "accuracy"],
        },
        deltas=make_deltas(trials, METRICS, verdicts),
        trials=trials,
        history=make_history(trials, 20, rng),
    )


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Leave the user's shifts cache alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield

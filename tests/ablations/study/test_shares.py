"""The shares of the splits, `validation` and `test`, in studies and searches."""

import pytest
from helpers import stub_trials

import cnnzoo
from ablations import Study, StudyError
from ablations.designs.planner import Planner
from ablations.study.toml_file import read_study
from cnnzoo.data.given import is_given

SHARES = {"validation": 0.2, "test": 0.3}


def trials(study):
    planner = Planner.of(study)
    return [trial for _, trial in planner.rows(planner.layout.variants, {}, {})]


def test_shares_of_the_baseline_hold_for_every_trial():
    study = Study("mlp", "digits", factors={"units": [8, 128]}, baseline=SHARES, seeds=1)
    assert all(SHARES.items() <= dict(trial.settings).items() for trial in trials(study))
    default = Study("mlp", "digits", factors={"units": [8, 128]}, baseline={"test": 0.1}, seeds=1)
    assert "test" not in trials(default)[0].settings  # equal configurations are one trial


def test_trial_has_the_shares(unexplained):
    from ablations.running.trial import run_trial

    recipe = cnnzoo.Recipe(epochs=1)
    study = Study("mlp", "digits", {"units": [8, 128]}, SHARES, seeds=1, recipe=recipe)
    result = run_trial(trials(study)[0])
    # 1,797 digits: 0.3 of them are 539, halves rounded up, and 539 + 359 leave 899
    assert (result.held_out.size, result.held_out.train) == (539, 899)


@pytest.mark.parametrize(
    "asked",
    [
        {"factors": {"test": [0.1, 0.2]}},
        {"design": "list", "variants": [{"test": 0.2, "units": 8}]},
    ],
)
def test_shares_are_no_factors(asked):
    with pytest.raises(StudyError) as refused:
        Planner.of(Study("mlp", "digits", **asked))
    assert str(refused.value) == (
        "`test`: expected one level for the whole study, because variants are compared on the "
        "same examples; got a factor. Set it in `baseline`."
    )


def test_variants_are_compared_on_a_test_split():
    with pytest.raises(StudyError) as refused:
        Study("mlp", "digits", factors={"units": [8, 16]}, baseline={"test": 0})
    assert str(refused.value) == (
        "`test`: expected a share above 0, because variants are compared on the test split; got 0."
    )


def test_shares_are_not_searched():
    with pytest.raises(cnnzoo.ToggleError) as refused:
        cnnzoo.hypermodel("mlp", search=["units", "validation"])
    assert str(refused.value) == (
        "`validation` of `load_data`: expected one level for the whole search, because trials are "
        "compared on the same examples; got it in `search`. Write validation=0.1."
    )


def test_study_file_and_command_set_shares(tmp_path, stubbed, monkeypatch):
    from typer.testing import CliRunner

    from ablations.cli import app
    from ablations.running import run as runner
    from cnnzoo.engine.serial import Serial

    monkeypatch.setattr(runner, "start_engine", lambda _, *given: Serial(*given[:2]))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "shares.toml"
    file.write_text(
        'model = "mlp"\ndata = "digits"\nseeds = 1\n[factors]\nunits = [8, 128]\n'
        "[baseline]\ntest = 0.3\n"
    )
    assert dict(read_study(file).baseline) == {"test": 0.3}
    answer = CliRunner().invoke(app, ["run", "shares.toml", "validation=0.2", "batch_size=64"])
    assert answer.exit_code == 0, answer.output
    ran = stub_trials.CALLS
    assert len(ran) == 2
    assert all(SHARES.items() <= dict(trial.settings).items() for trial in ran)
    assert {trial.recipe.batch_size for trial in ran} == {64}
    refused = CliRunner().invoke(app, ["run", "shares.toml", "tset=0.2"])
    assert refused.exit_code == 2
    assert refused.stderr.startswith(
        "ToggleError: `mlp` has no toggle `tset`; did you mean `test`? Its toggles: units, "
    )
    refused = CliRunner().invoke(app, ["run", "C13", "test=0.2"])
    assert refused.stderr == (
        "StudyError: test=0.2: expected a study, because the levels of a claim are declared; got "
        "the claim C13.\n"
    )


def test_loaded_data_keep_their_name():
    study = Study("mlp", cnnzoo.load_data("digits", test=0.3), factors={"units": [8, 128]})
    assert study.data.startswith("arrays:digits-1797x8x8x1-")
    assert is_given(str(study.data))  # workers find them by this text
